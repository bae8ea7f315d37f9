// SPDX-License-Identifier: MIT
// The high precision event timer, after the IA-PC HPET specification 1.0a: a 64-bit counter of 10
// ns and three timers, with periodic mode and legacy replacement. Left out: FSB (MSI) delivery,
// which the capabilities deny.
#pragma once
#include "base/clock.h"
#include "iodev/device.h"

class Hpet final : public Device {
public:
    static constexpr unsigned timers = 3;
    static constexpr u64 hertz = 100'000'000;

    // Interrupts go to input `pin` of the I/O APIC, or while `legacy` is high to irq0 (timer 0) and
    // irq8 (timer 1), which the board then takes from here in place of the 8254 and the RTC.
    Hpet(Clock&, std::function<void(unsigned pin, bool level)> pin, Line irq0, Line irq8,
         Line legacy, u32 routes = 0x00ff0000 | 1u << 2);

    std::string_view name() const override { return "hpet"; }
    void reset(Reset) override;
    u64 read(u64 offset, unsigned width) override;
    void write(u64 offset, unsigned width, u64 value) override;
    void visit(Archive&) override;

private:
    struct Comparator {
        u64 config = 0, value = ~u64{0}, period = 0;
        u8 driven = none;                   // the pin that this timer holds high
        static constexpr u8 none = 0xff;
        bool level() const { return config & bit(1); }
        bool enabled() const { return config & bit(2); }
        bool periodic() const { return config & bit(3); }
        bool narrow() const { return config & bit(8); }
        unsigned route() const { return unsigned(bits(config, 13, 9)); }
        u64 width() const { return narrow() ? mask(31, 0) : ~u64{0}; }
        void visit(Archive&);
    };

    bool running() const { return config & 1; }
    bool legacy_routing() const { return config & 2; }
    u64 counter() const;
    void set_counter(u64 value);
    u64 read_register(u64 offset) const;
    void write_register(u64 offset, u64 value, u64 written);
    void write_config(u64 value);
    void write_timer_config(unsigned n, u64 value);
    void write_comparator(unsigned n, u64 value, u64 written);
    bool goes_unseen(unsigned n) const;
    u64 comparator(unsigned n) const;
    void settle(unsigned n) { comparators[n].value = comparator(n); }
    void settle_all();
    void fire(unsigned n);
    void arm(unsigned n, bool inclusive);
    void arm_all();
    void drive(unsigned n, bool level);
    void drive_pin(unsigned n, u8 pin, bool level);
    u8 pin_of(unsigned n) const;

    Clock& clock;
    std::function<void(unsigned, bool)> pin;
    Line irq0, irq8, legacy;
    const u32 routes;
    u64 config = 0, status = 0;
    u64 base = 0;             // the counter when halted; running: its value at count 0 of the clock
    std::array<Comparator, timers> comparators;
    std::array<Timer, timers> alarms;
};
