// SPDX-License-Identifier: MIT
// The one loop of a machine that is debugged: owns the session's thread, polls the faces, runs the command lines that they post.
#pragma once
#include "debugger/face.h"
#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>

namespace debugger {

class Desk {
public:
    using Done = std::function<void(const Result&)>;

    explicit Desk(Session& session);
    ~Desk();
    Desk(const Desk&) = delete;
    Desk& operator=(const Desk&) = delete;

    // ---- any thread

    // A command line; done, where there is one, gets its result on the emulation thread. While the guest runs, what lets it
    // run is refused; all else is done between two slices. A command that lets it run is done when the guest stands again.
    // Without `files` it can't reach the host's files: who posts it may be somebody else than the user.
    void post(std::string line, Done done = {}, bool files = true);
    // Something else that is to be done on the emulation thread, in the same order.
    void call(std::function<void()> work);
    void request_stop();                       // of a guest that runs, or that what is posted already will let run

    // ---- the emulation thread

    void add(std::shared_ptr<Face> face) { faces.push_back(std::move(face)); }
    // Lets the guest run when this turn is over; nothing where it runs already.
    void go(Goal goal);
    void stay() { wanted.reset(); }            // not, after all
    bool stands() const { return !runs; }
    void run();                                // until quit, or until no face is left
    bool turn();                               // a piece of it: polls, and performs what is posted; true: there was something

    Session& session;
    std::function<void()> attend = {};         // called while the guest stands: a window wants to be drawn ...
    int longest_wait = 1000;                   // ... so often, in milliseconds

private:
    struct Posted {
        std::string line;
        Done done;
        std::function<void()> work;            // instead of a line
        bool files = true;
    };

    bool between_slices();
    void perform(const Posted&);
    void wait();
    void put(Posted);
    bool take(Posted&);
    template <class Act> void running(Act&& act);

    std::vector<std::shared_ptr<Face>> faces;
    std::optional<Goal> wanted;
    bool runs = false;

    std::mutex mutex;                          // of the inbox
    std::deque<Posted> inbox;
    std::atomic<bool> stop_wanted = false;
    int bell = -1;                             // an eventfd: ends the wait
};

}
