// SPDX-License-Identifier: MIT
// Ports for programs under test: debug output (E9h as Bochs has it, 402h as QEMU), exit (F4h, as
// QEMU's isa-debug-exit), shutdown (8900h, as Bochs), and the POST code latch (80h).
#pragma once
#include "iodev/byte_device.h"
#include <array>

// Writes are output; reading gives the byte by which a program knows that the port is there (E9h).
class DebugPort final : public ByteDevice {
public:
    explicit DebugPort(std::function<void(u8)> output, u8 signature = 0xe9)
        : output(std::move(output)), signature(signature) {}
    std::string_view name() const override { return "debug-port"; }
    void reset(Reset) override {}
    u8 get(u16) override { return signature; }
    void put(u16, u8 value) override { output(value); }
    void visit(Archive&) override {}

private:
    std::function<void(u8)> output;
    const u8 signature;
};

// A write ends the run with the value written, whatever its width. Reads give 0.
class DebugExit final : public Device {
public:
    explicit DebugExit(std::function<void(u32)> exit) : exit(std::move(exit)) {}
    std::string_view name() const override { return "debug-exit"; }
    void reset(Reset) override {}
    u32 in(u16, unsigned) override { return 0; }
    void out(u16 offset, unsigned width, u32 value) override {
        if (offset == 0) exit(value & u32(ones(width)));
    }
    void visit(Archive&) override {}

private:
    std::function<void(u32)> exit;
};

// The bytes "Shutdown", one after the other, power the machine off.
class ShutdownPort final : public ByteDevice {
public:
    explicit ShutdownPort(std::function<void()> power_off) : power_off(std::move(power_off)) {}
    std::string_view name() const override { return "shutdown-port"; }
    void reset(Reset) override { matched = 0; }
    u8 get(u16) override { return 0xff; }
    void put(u16 offset, u8 value) override {
        constexpr std::string_view word = "Shutdown";
        if (offset != 0) return;
        matched = value == u8(word[matched]) ? matched + 1 : value == u8(word[0]) ? 1 : 0;
        if (matched < word.size()) return;
        matched = 0;
        power_off();
    }
    void visit(Archive& a) override {
        a("matched", matched);
        matched &= 7;
    }

private:
    std::function<void()> power_off;
    u8 matched = 0;
};

// Port 80h: the last value written, which firmware uses to say how far it has come.
class PostPort final : public ByteDevice {
public:
    std::string_view name() const override { return "post-port"; }
    void reset(Reset) override { code = 0; }
    u8 get(u16 offset) override { return offset == 0 ? code : 0xff; }
    void put(u16 offset, u8 value) override {
        if (offset == 0) code = value;
    }
    void visit(Archive& a) override { a("code", code); }

private:
    u8 code = 0;
};
