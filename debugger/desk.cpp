// SPDX-License-Identifier: MIT
// Polling, the inbox, and who is told when the guest runs and stands.
#include "debugger/desk.h"
#include "base/error.h"
#include "debugger/commands.h"
#include <poll.h>
#include <utility>
#include <sys/eventfd.h>
#include <unistd.h>

namespace debugger {

Desk::Desk(Session& session) : session(session), bell(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (bell < 0) throw Error("the debugger gets no eventfd from the host");
    session.interrupted = [this] { return between_slices(); };
    session.commands = [&session](const StopPoint& p) { return run_commands(session, p); };
}
Desk::~Desk() {
    session.interrupted = [] { return false; };
    ::close(bell);
}

// ---- any thread

void Desk::put(Posted posted) {
    {
        std::lock_guard lock(mutex);
        inbox.push_back(std::move(posted));
    }
    ::eventfd_write(bell, 1);
}
void Desk::post(std::string line, Done done, bool files) { put({std::move(line), std::move(done), {}, files}); }
void Desk::call(std::function<void()> work) { put({{}, {}, std::move(work)}); }

void Desk::request_stop() {
    stop_wanted = true;
    ::eventfd_write(bell, 1);
}

// ---- the emulation thread

// A wish to stop of which nothing is left that could run is forgotten.
bool Desk::take(Posted& posted) {
    std::lock_guard lock(mutex);
    if (inbox.empty()) {
        if (!runs && !wanted) stop_wanted = false;
        return false;
    }
    posted = std::move(inbox.front());
    inbox.pop_front();
    return true;
}

void Desk::go(Goal goal) {
    if (!runs) wanted = std::move(goal);
}

// What may let the guest run: all are told when it did. A run that ends within its first slice is told of behind it.
template <class Act> void Desk::running(Act&& act) {
    u64 before = session.runs;
    act();
    if (session.runs == before) return;
    if (!runs)
        for (auto& face : faces) face->running();
    runs = false, stop_wanted = false, wanted.reset();
    Result report = stop_report(session, session.last);
    for (auto& face : faces) face->stopped(session.last, report);
}

bool Desk::between_slices() {
    if (!runs) {
        runs = true;
        for (auto& face : faces) face->running();
    }
    turn();
    return stop_wanted || session.quits;
}

void Desk::perform(const Posted& posted) {
    Result result;
    if (posted.work) return posted.work();
    auto act = [&] {
        bool before = std::exchange(session.may_use_files, posted.files);
        result = execute(session, posted.line);
        session.may_use_files = before;
    };
    if (runs) act();
    else running(act);
    if (posted.done) posted.done(result);
}

bool Desk::turn() {
    bool performed = false;
    std::erase_if(faces, [&](auto& face) { return !face->poll(*this, stands()); });
    for (Posted posted; !session.quits && take(posted); performed = true) perform(posted);
    return performed;
}

void Desk::wait() {
    std::vector<int> descriptors{bell};
    for (auto& face : faces) face->wait_for(descriptors);
    std::vector<pollfd> polled;
    for (int fd : descriptors) polled.push_back({fd, POLLIN, 0});
    ::poll(polled.data(), polled.size(), longest_wait);
    eventfd_t rings;
    ::eventfd_read(bell, &rings);
}

void Desk::run() {
    for (;;) {
        bool performed = turn();
        if (session.quits || faces.empty()) break;
        if (wanted) {
            Goal goal = *std::exchange(wanted, std::nullopt);
            running([&] { session.resume(goal); });
        } else if (!performed) {
            if (attend) attend();
            wait();
        }
    }
    for (Posted posted; take(posted);)                 // whoever waits for a result gets one
        if (posted.done) posted.done(refused("the emulator ends"));
}

}
