// SPDX-License-Identifier: MIT
// The I/O APIC: 24 inputs, after Intel's 82093AA data sheet, with the EOI register of version 20h.
// A Line says whether an input is asserted, so the polarity bit is kept but changes nothing. Left
// out: the APIC bus and its arbitration; delivery status always reads idle, since messages arrive
// at once.
#pragma once
#include "cpu/apic/message.h"
#include "iodev/device.h"

class IoApic final : public Device {
public:
    static constexpr unsigned pins = 24;
    explicit IoApic(std::function<void(const ApicMessage&)> send) : send(std::move(send)) {
        reset(Reset::power);
    }

    std::string_view name() const override { return "ioapic"; }
    void reset(Reset) override;
    u64 read(u64 offset, unsigned width) override;
    void write(u64 offset, unsigned width, u64 value) override;
    void visit(Archive&) override;

    void set(unsigned pin, bool level);
    Line pin(unsigned n) {
        return Line([this, n](bool level) { set(n, level); });
    }
    void eoi(u8 vector);                    // a local APIC has ended a level-triggered interrupt
    u64 entry(unsigned pin) const { return redirection[pin % pins]; }

private:
    u32 read_register(u8 index) const;
    void write_register(u8 index, u32 value);
    void deliver(unsigned pin);
    void evaluate(unsigned pin);            // a level-triggered input

    std::function<void(const ApicMessage&)> send;
    std::array<u64, pins> redirection{};
    u32 inputs = 0;
    u8 selected = 0, id = 0;
};
