// SPDX-License-Identifier: MIT
// Where gdb connects: a TCP port of the loopback interface, or a unix socket. One connection at a time.
#pragma once
#include "base/bits.h"
#include <string>
#include <string_view>
#include <vector>

namespace debugger::gdb {

class Listener {
public:
    // "127.0.0.1:PORT", ":PORT", "unix:PATH". Throws Error.
    explicit Listener(const std::string& address);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    bool accept(int milliseconds);                     // waits for at most so long; true: somebody is there
    bool connected() const { return peer >= 0; }
    // What has come within so many milliseconds; nothing, and not connected any more, where the other end is gone.
    std::vector<u8> receive(int milliseconds);
    void send(std::string_view bytes);
    void hang_up();

private:
    int listening = -1, peer = -1;
    bool first = true;                                 // nothing has been received yet
    std::string path;                                  // of the unix socket, to be removed
};

}
