// SPDX-License-Identifier: MIT
// gdb's connections at the desk.
#include "debugger/gdb/face.h"
#include <cstring>
#include <utility>

namespace debugger::gdb {

void RemoteFace::meet(Desk& desk) {
    connection = listener.accept();
    if (!connection) return;
    first = true;
    server = std::make_shared<Server>(desk.session, [peer = connection](std::string_view bytes) { peer->send(bytes); });
    server->run = [&desk, weak = std::weak_ptr(server), files = listener.only_the_user()](const std::string& line) {
        auto done = [weak](const Result& result) {
            if (auto alive = weak.lock()) alive->finished(result);
        };
        desk.post(line, done, files);
    };
}

// A guest that runs stops for gdb. A page in a browser can connect to loopback too: what doesn't begin as gdb does is hung up on.
void RemoteFace::take(Desk& desk) {
    std::string bytes = connection->receive();
    if (!bytes.empty() && first && !std::strchr("+-$\3", bytes[0])) connection->hang_up();
    if (!connection->open() || bytes.empty()) return;
    if (std::exchange(first, false)) desk.request_stop();
    server->receive({reinterpret_cast<const u8*>(bytes.data()), bytes.size()});
    if (std::exchange(server->wants_stop, false)) desk.request_stop();
}

// Its breakpoints go with it, and the guest goes on.
void RemoteFace::part(Desk& desk) {
    server->remove_own();
    bool dead = server->dead;
    server.reset(), connection.reset();
    if (dead) desk.session.quits = true;
    else if (!first) desk.go({});
}

bool RemoteFace::poll(Desk& desk, bool standing) {
    if (!connection) meet(desk);
    if (!connection) return !desk.session.over;
    take(desk);
    if (server->state == Server::State::killed) desk.session.quits = true;
    else if (server->state == Server::State::detached || !connection->open()) part(desk);
    else if (server->state == Server::State::running && standing) desk.go(server->goal);
    return true;
}

void RemoteFace::wait_for(std::vector<int>& descriptors) const {
    descriptors.push_back(connection ? connection->descriptor() : listener.descriptor());
}

void RemoteFace::stopped(const Stop& stop, const Result&) {
    if (server && server->state == Server::State::running) server->stopped(stop, status());
}

}
