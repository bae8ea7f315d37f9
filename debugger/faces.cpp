// SPDX-License-Identifier: MIT
// The terminal's prompt and gdb's connection as loops around a session.
#include "debugger/faces.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "debugger/commands.h"
#include "debugger/gdb/listen.h"
#include "debugger/gdb/server.h"
#include "debugger/line_input.h"
#include <csignal>
#include <cstdio>
#include <sstream>

namespace debugger {

namespace {

Session session_of(Machine& machine) {
    if (machine.board().cpus.size() > 1) throw Error("the debugger knows one CPU so far; leave out --smp, or --debug and --gdb");
    return {machine.board().cpu, [&machine](const Session::Drive& drive) { return machine.slice(drive); }};
}

// ---- the terminal

volatile std::sig_atomic_t control_c;

void show(const Result& result) {
    std::fputs(result.text().c_str(), stdout);
    std::fflush(stdout);
}

// A file's commands are shown before what they say.
void run_file(Session& session, const std::string& path) {
    auto bytes = read_file(path, 1 << 20);
    std::istringstream in(std::string(bytes.begin(), bytes.end()));
    for (std::string line; !session.quits && std::getline(in, line);) {
        std::printf("(slate) %s\n", Error::one_line(line).c_str());
        show(execute(session, line));
    }
}

// An empty line does the last one again, as debuggers do.
void ask(Session& session) {
    std::string last;
    while (!session.quits) {
        control_c = 0;
        auto line = read_line("(slate) ");
        if (!line) return;
        if (!line->empty()) last = *line;
        show(execute(session, last));
    }
}

int at_terminal(Machine& machine, const Options& options) {
    Session session = session_of(machine);
    session.interrupted = [] { return control_c != 0; };
    std::signal(SIGINT, [](int) { control_c = 1; });
    show(stop_report(session, {}));
    if (!options.commands.empty()) run_file(session, options.commands);
    ask(session);
    return machine.finish();
}

// ---- gdb

using gdb::Server;

// Without a connection the guest runs on, until somebody connects.
void run_alone(Session& session, gdb::Listener& listener) {
    session.interrupted = [&] { return listener.accept(0); };
    session.resume();
}

void serve(Machine& machine, Session& session, gdb::Listener& listener, Server& server) {
    auto take = [&](int milliseconds) { server.receive(listener.receive(milliseconds)); };
    session.interrupted = [&] {
        take(0);
        return server.wants_stop || server.state != Server::State::running || !listener.connected();
    };
    while (listener.connected() && (server.state == Server::State::standing || server.state == Server::State::running)) {
        if (server.state == Server::State::standing) {
            take(1000);
            continue;
        }
        Stop stop = session.resume(server.goal);
        if (server.state == Server::State::running && listener.connected()) server.stopped(stop, machine.status());
    }
}

int at_gdb(Machine& machine, const Options& options) {
    Session session = session_of(machine);
    gdb::Listener listener(options.gdb);
    log_line("waiting for gdb at " + options.gdb);
    while (!listener.accept(1000)) {}
    for (;;) {
        Server server(session, [&](std::string_view bytes) { listener.send(bytes); });
        serve(machine, session, listener, server);
        listener.hang_up();
        if (server.state == Server::State::killed || session.over) break;
        session.stops.clear();
        run_alone(session, listener);
        if (session.over) break;
    }
    return machine.finish();
}

}

int debug(Machine& machine, const Options& options) {
    machine.start();
    return options.gdb.empty() ? at_terminal(machine, options) : at_gdb(machine, options);
}

}
