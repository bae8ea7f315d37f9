// SPDX-License-Identifier: MIT
// The PC's system control ports: B at 61h (speaker, counter 2, refresh), A at 92h (A20, fast
// reset), and the reset control register at CF9h, after the 82371SB (PIIX3) data sheet. Left out:
// IOCHK and SERR NMIs.
#pragma once
#include "base/clock.h"
#include "iodev/byte_device.h"

// Port 61h.
class SystemControlB final : public ByteDevice {
public:
    SystemControlB(Clock& clock, std::function<void(bool)> gate2, std::function<bool()> out2)
        : clock(clock), gate2(std::move(gate2)), out2(std::move(out2)) {}
    std::string_view name() const override { return "system-control-b"; }
    void reset(Reset) override { put(0, 0); }
    bool speaks() const { return (stored & 3) == 3; }    // counter 2 runs and drives the speaker
    u8 get(u16 offset) override;
    void put(u16 offset, u8 value) override;
    void visit(Archive& a) override {
        a("stored", stored);
        stored &= 0x0f;
    }

private:
    Clock& clock;
    std::function<void(bool)> gate2;
    std::function<bool()> out2;
    u8 stored = 0;
};

// Port 92h: bit 1 opens A20, bit 0 going to 1 resets the CPU.
class SystemControlA final : public ByteDevice {
public:
    SystemControlA(Line a20, std::function<void()> reset_cpu)
        : a20(std::move(a20)), reset_cpu(std::move(reset_cpu)) {}
    std::string_view name() const override { return "system-control-a"; }
    void reset(Reset) override;
    u8 get(u16 offset) override { return offset == 0 ? stored : 0xff; }
    void put(u16 offset, u8 value) override;
    void visit(Archive& a) override {
        a("a20", a20), a("stored", stored);
        stored &= 3;
    }

private:
    Line a20;
    std::function<void()> reset_cpu;
    u8 stored = 0;
};

// Port CF9h: bit 2 going to 1 resets, the CPU alone or (bit 1) the whole machine.
class ResetControl final : public ByteDevice {
public:
    explicit ResetControl(std::function<void(bool hard)> reset_machine)
        : reset_machine(std::move(reset_machine)) {}
    std::string_view name() const override { return "reset-control"; }
    void reset(Reset) override { stored = 0; }
    u8 get(u16 offset) override { return offset == 0 ? stored : 0xff; }
    void put(u16 offset, u8 value) override;
    void visit(Archive& a) override {
        a("stored", stored);
        stored &= 6;
    }

private:
    std::function<void(bool)> reset_machine;
    u8 stored = 0;
};
