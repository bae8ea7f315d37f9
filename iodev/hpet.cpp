// SPDX-License-Identifier: MIT
// HPET: the counter from the clock, comparators as alarms.
#include "iodev/hpet.h"

// 13:9 route, 8 32-bit, 6 value set, 3 periodic, 2 enable, 1 level
static constexpr u64 timer_writable = 0x3f4e;
static constexpr u64 periodic_capable = bit(4), wide_capable = bit(5), value_set = bit(6);
static constexpr u64 femtoseconds = 1'000'000'000'000'000 / Hpet::hertz;
static constexpr u64 capabilities =
    femtoseconds << 32 | u64{0x8086} << 16 | bit(15) | bit(13) | (Hpet::timers - 1) << 8 | 1;
static constexpr u64 farthest = bit(56);            // counts beyond which no alarm is set: 22 years
static constexpr u64 unseen = Hpet::hertz / 2;      // counts in which a timer that nobody sees is looked at once

Hpet::Hpet(Clock& clock, std::function<void(unsigned, bool)> pin, Line irq0, Line irq8, Line legacy,
           u32 routes)
    : clock(clock),
      pin(std::move(pin)),
      irq0(std::move(irq0)),
      irq8(std::move(irq8)),
      legacy(std::move(legacy)),
      routes(routes),
      alarms{Timer(clock, [this] { fire(0); }), Timer(clock, [this] { fire(1); }),
             Timer(clock, [this] { fire(2); })} {
    reset(Reset::power);
}

void Hpet::reset(Reset) {
    for (unsigned n = 0; n < timers; n++) {
        drive(n, false);
        comparators[n] = Comparator{};
    }
    config = status = base = 0;
    legacy.set(false);
    arm_all();
}

void Hpet::Comparator::visit(Archive& a) {
    a("config", config), a("value", value), a("period", period), a("driven", driven);
    config &= timer_writable;
    if (driven > 33) driven = none;
}

void Hpet::visit(Archive& a) {
    a("irq0", irq0), a("irq8", irq8), a("legacy", legacy), a("config", config), a("status", status);
    a("base", base), a("comparators", comparators), a("alarms", alarms);
    config &= 3;
    status &= mask(timers - 1, 0);
}

u64 Hpet::counter() const { return running() ? base + clock.count(hertz) : base; }
void Hpet::set_counter(u64 value) { base = running() ? value - clock.count(hertz) : value; }

// Where timer n's interrupt goes: a pin of the I/O APIC, or 32 and 33 for the legacy lines.
u8 Hpet::pin_of(unsigned n) const {
    if (legacy_routing() && n < 2) return u8(32 + n);
    return u8(comparators[n].route());
}

void Hpet::drive_pin(unsigned n, u8 to, bool level) {
    if (to == 32) irq0.set(level);
    else if (to == 33) irq8.set(level);
    else if (routes >> to & 1) pin(to, level);
    comparators[n].driven = level ? to : Comparator::none;
}

void Hpet::drive(unsigned n, bool level) {
    auto held = comparators[n].driven;
    if (held != Comparator::none && (!level || held != pin_of(n))) drive_pin(n, held, false);
    if (level && held != pin_of(n)) drive_pin(n, pin_of(n), true);
}

// A match. An alarm that comes late (the clock has jumped) counts as one.
void Hpet::fire(unsigned n) {
    auto& c = comparators[n];
    if (c.periodic() && c.period) {
        u64 late = (counter() - c.value) & c.width();
        c.value = (c.value + (late / c.period + 1) * c.period) & c.width();
    }
    if (c.level()) status |= bit(n);
    if (c.enabled()) {
        drive(n, true);
        if (!c.level()) drive(n, false);
    }
    arm(n, false);
}

// Nobody sees a disabled timer's matches, but that its comparator goes on: many of them make one alarm, so that an idle machine sleeps.
bool Hpet::goes_unseen(unsigned n) const {
    auto& c = comparators[n];
    return c.periodic() && c.period && !c.enabled() && !c.level();
}

// The comparator after the matches that its alarm still owes it: there are some when the counter is not just ahead of it.
u64 Hpet::comparator(unsigned n) const {
    auto& c = comparators[n];
    u64 late = (counter() - c.value) & c.width();
    if (!goes_unseen(n) || !alarms[n].armed() || late > unseen + c.period) return c.value;
    return (c.value + (late / c.period + 1) * c.period) & c.width();
}

// Sets the alarm for the next time that the counter equals the comparator; now counts if
// `inclusive`.
void Hpet::arm(unsigned n, bool inclusive) {
    auto& c = comparators[n];
    u64 distance = (c.value - counter()) & c.width();
    if (goes_unseen(n) && c.period < unseen && distance <= c.period) distance += unseen / c.period * c.period;
    if (distance == 0 && !inclusive) distance = c.narrow() ? bit(32) : farthest;
    if (!running() || distance >= farthest) return alarms[n].off();
    alarms[n].at(clock.tick_of(clock.count(hertz) + distance, hertz));
}

void Hpet::settle_all() {
    for (unsigned n = 0; n < timers; n++) settle(n);
}

void Hpet::arm_all() {
    for (unsigned n = 0; n < timers; n++) arm(n, false);
}

u64 Hpet::read_register(u64 offset) const {
    switch (offset) {
    case 0x000: return capabilities;
    case 0x010: return config;
    case 0x020: return status;
    case 0x0f0: return counter();
    default: break;
    }
    u64 n = (offset - 0x100) / 0x20;
    if (offset < 0x100 || n >= timers) return 0;
    auto& c = comparators[n];
    switch (offset & 0x18) {
    case 0x00: return u64(routes) << 32 | c.config | periodic_capable | wide_capable;
    case 0x08: return comparator(unsigned(n));
    default: return 0;
    }
}

// `written` says which bits of the value the guest wrote (a half or the whole).
void Hpet::write_register(u64 offset, u64 value, u64 written) {
    switch (offset) {
    case 0x010: return write_config(value);
    case 0x020:                                          // write 1 to clear
        value &= written & status;
        status &= ~value;
        for (unsigned n = 0; n < timers; n++)
            if (value >> n & 1) drive(n, false);
        return;
    case 0x0f0:
        settle_all();
        set_counter(value);
        return arm_all();
    default: break;
    }
    u64 n = (offset - 0x100) / 0x20;
    if (offset < 0x100 || n >= timers) return;
    if ((offset & 0x18) == 0x00) write_timer_config(unsigned(n), value);
    if ((offset & 0x18) == 0x08) write_comparator(unsigned(n), value, written);
}

void Hpet::write_config(u64 value) {
    settle_all();
    u64 now = counter();
    config = value & 3;
    set_counter(now);
    legacy.set(legacy_routing());
    for (unsigned n = 0; n < timers; n++) drive(n, comparators[n].driven != Comparator::none);
    arm_all();
}

void Hpet::write_timer_config(unsigned n, u64 value) {
    auto& c = comparators[n];
    settle(n);
    c.config = value & timer_writable;
    if (c.narrow()) c.value &= mask(31, 0), c.period &= mask(31, 0);
    bool asserted = c.level() && c.enabled() && (status >> n & 1);
    if (!c.level()) status &= ~bit(n);
    drive(n, asserted);
    arm(n, false);
}

// In periodic mode the period is written, and with "value set" also the first match (2.3.9.2.2).
void Hpet::write_comparator(unsigned n, u64 value, u64 written) {
    auto& c = comparators[n];
    auto merge = [&](u64 old) { return ((old & ~written) | (value & written)) & c.width(); };
    settle(n);
    if (!c.periodic() || c.config & value_set) c.value = merge(c.value);
    if (c.periodic()) c.period = merge(c.period);
    c.config &= ~value_set;
    arm(n, true);
}

u64 Hpet::read(u64 offset, unsigned width) {
    return read_register(offset & ~u64{7}) >> (offset & 7) * 8 & ones(width);
}

// Halves and wholes; narrower writes are undefined in the specification and are dropped.
void Hpet::write(u64 offset, unsigned width, u64 value) {
    if (width < 4 || offset % width) return;
    u64 at = offset & ~u64{7}, shift = (offset & 7) * 8, written = ones(width) << shift;
    u64 old = at == 0x020 ? 0 : read_register(at);
    write_register(at, (old & ~written) | (value << shift & written), written);
}
