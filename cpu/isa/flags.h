// SPDX-License-Identifier: MIT
// The six status flags as a value, in the layout of RFLAGS.
#pragma once
#include "cpu/state/control.h"

struct Flags {
    u32 value = 0;                // only CF, PF, AF, ZF, SF, OF

    constexpr Flags() = default;
    constexpr explicit Flags(u32 bits_of_rflags) : value(bits_of_rflags & u32(rflags::status)) {}
    constexpr Flags(bool cf, bool pf, bool af, bool zf, bool sf, bool of)
        : value(u32(cf) | u32(pf) << 2 | u32(af) << 4 | u32(zf) << 6 | u32(sf) << 7 | u32(of) << 11) {}

    constexpr bool cf() const { return value & 1; }
    constexpr bool pf() const { return value & 4; }
    constexpr bool af() const { return value & 0x10; }
    constexpr bool zf() const { return value & 0x40; }
    constexpr bool sf() const { return value & 0x80; }
    constexpr bool of() const { return value & 0x800; }
    constexpr Flags with(u64 which, bool on) const { return Flags(on ? value | u32(which) : value & ~u32(which)); }
    bool operator==(const Flags&) const = default;
};

// Condition codes (SDM vol. 1, appendix B): the low four bits of Jcc, SETcc and CMOVcc opcodes.
constexpr bool condition(unsigned code, Flags f) {
    bool holds = false;
    switch (code >> 1 & 7) {
    case 0: holds = f.of(); break;
    case 1: holds = f.cf(); break;
    case 2: holds = f.zf(); break;
    case 3: holds = f.cf() || f.zf(); break;
    case 4: holds = f.sf(); break;
    case 5: holds = f.pf(); break;
    case 6: holds = f.sf() != f.of(); break;
    case 7: holds = f.zf() || f.sf() != f.of(); break;
    }
    return holds != bool(code & 1);
}
