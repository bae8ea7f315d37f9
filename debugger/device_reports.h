// SPDX-License-Identifier: MIT
// What the board's chips have to say, in words with facts: read from their state, or from a chip of one's own with the same state
// where the guest's way of reading would change it.
#pragma once
#include "base/clock.h"
#include "debugger/result.h"
#include <span>

class Pc;

namespace debugger::devices {

Result pic(Pc&);
Result ioapic(Pc&);
Result pit(Pc&);
Result hpet(Pc&);
Result rtc(Pc&);
Result power(Pc&);
Result pci(Pc&);
Result serial(Pc&);
Result ide(Pc&);

// The board's time, where nothing that waits on it is the board's.
struct TimeApart : Clock {
    explicit TimeApart(const Clock& of) : Clock(of.rate) { ticks = of.ticks; }
};

// The words whose bits are set, "none" where there are none.
struct BitWord {
    u64 bit;
    const char* word;
};
std::string words_of(std::span<const BitWord> table, u64 value);

}
