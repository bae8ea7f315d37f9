// SPDX-License-Identifier: MIT
// QMP as a face: several clients at once, each with a conversation of its own.
#pragma once
#include "debugger/qmp/server.h"
#include "debugger/sockets.h"

namespace debugger::qmp {

class ControlFace final : public Face {
public:
    ControlFace(const std::string& address, MemoryFile file) : listener("--control", address), file(std::move(file)) {}
    ~ControlFace() override;

    bool poll(Desk&, bool standing) override;
    void wait_for(std::vector<int>&) const override;
    void running() override;
    void stopped(const Stop&, const Result&) override;

private:
    static constexpr std::size_t most_clients = 16;
    struct Client {
        std::shared_ptr<Connection> connection;
        std::shared_ptr<Server> server;
    };

    Listener listener;
    MemoryFile file;
    std::vector<Client> clients;
};

}
