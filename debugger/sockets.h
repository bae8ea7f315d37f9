// SPDX-License-Identifier: MIT
// Where other programs connect: a TCP port of the loopback interface, or a unix socket that only the user may use.
#pragma once
#include "base/bits.h"
#include <memory>
#include <string>
#include <string_view>

namespace debugger {

class Connection {
public:
    explicit Connection(int fd) : fd(fd) {}
    ~Connection() { hang_up(); }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    bool open() const { return fd >= 0; }
    int descriptor() const { return fd; }
    // What has come; nothing, and not open any more, where the other end is gone. Never waits.
    std::string receive();
    // Waits for a bounded time; hangs up where the other end doesn't read.
    void send(std::string_view bytes);
    void hang_up();

private:
    int fd;
};

class Listener {
public:
    // "127.0.0.1:PORT", ":PORT", "unix:PATH" behind that option. Throws Error.
    Listener(const std::string& option, const std::string& address);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    int descriptor() const { return fd; }
    bool only_the_user() const { return !path.empty(); }
    std::unique_ptr<Connection> accept();              // null: nobody is there. Never waits.

private:
    int fd = -1;
    std::string path;                                  // of the unix socket, to be removed
};

}
