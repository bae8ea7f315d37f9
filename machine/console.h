// SPDX-License-Identifier: MIT
// Where a serial port or the debug console leads on the host: the terminal, a file, a pty, a socket.
#pragma once
#include "base/bits.h"
#include <chrono>
#include <memory>
#include <string>

class Console {
public:
    virtual ~Console() = default;
    virtual void send(u8 byte) = 0;
    virtual void flush() {}
    // The next byte from outside, or -1. Never waits.
    virtual int receive() { return -1; }
    // Waits for input for at most so long; false, at once, where there is nothing to wait for.
    virtual bool wait(std::chrono::nanoseconds most) { return (void)most, false; }
    // Whether somebody sits there: an idle machine then waits instead of racing through virtual time.
    virtual bool interactive() const { return false; }
};

// "stdio", "stdout" (nothing can be typed), "file:F", "pty", "unix:SOCKET", "tcp:PORT" (loopback), "null". Throws Error.
std::unique_ptr<Console> open_console(const std::string& description);
