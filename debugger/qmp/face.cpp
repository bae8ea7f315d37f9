// SPDX-License-Identifier: MIT
// QMP's clients at the desk.
#include "debugger/qmp/face.h"

namespace debugger::qmp {

ControlFace::~ControlFace() {
    for (auto& client : clients) client.server->shut_down("host-qmp-quit");
}

bool ControlFace::poll(Desk& desk, bool) {
    while (clients.size() < most_clients) {
        std::shared_ptr<Connection> connection = listener.accept();
        if (!connection) break;
        auto server = std::make_shared<Server>(desk, file, [connection](std::string_view text) { connection->send(text); });
        server->files = listener.only_the_user();
        server->greet();
        clients.push_back({connection, server});
    }
    for (auto& client : clients) client.server->receive(client.connection->receive());
    std::erase_if(clients, [](auto& client) { return client.server->closed || !client.connection->open(); });
    return !desk.session.over || !clients.empty();
}

void ControlFace::wait_for(std::vector<int>& descriptors) const {
    if (clients.size() < most_clients) descriptors.push_back(listener.descriptor());
    for (auto& client : clients) descriptors.push_back(client.connection->descriptor());
}

void ControlFace::running() {
    for (auto& client : clients) client.server->running();
}

void ControlFace::stopped(const Stop& stop, const Result& report) {
    for (auto& client : clients) client.server->stopped(stop, report);
}

}
