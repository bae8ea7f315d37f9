// SPDX-License-Identifier: MIT
// gdb as a face: one connection after the other, each with a conversation of its own.
#pragma once
#include "debugger/desk.h"
#include "debugger/gdb/server.h"
#include "debugger/sockets.h"

namespace debugger::gdb {

class RemoteFace final : public Face {
public:
    // `status` gives the exit status when the run is over.
    RemoteFace(const std::string& address, std::function<int()> status) : listener("--gdb", address), status(std::move(status)) {}

    bool poll(Desk&, bool standing) override;
    void wait_for(std::vector<int>&) const override;
    void stopped(const Stop&, const Result&) override;

private:
    void meet(Desk&);
    void take(Desk&);
    void part(Desk&);

    Listener listener;
    std::function<int()> status;
    std::shared_ptr<Connection> connection;
    std::shared_ptr<Server> server;            // of that connection
    bool first = true;                         // nothing has been received yet
};

}
