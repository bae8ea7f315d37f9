// SPDX-License-Identifier: MIT
// Pure arithmetic of decimal adjustments on AX (SDM vol. 2, AAA ... DAS).
#pragma once
#include "cpu/isa/alu.h"

namespace alu {

constexpr bool above_nine(u16 ax) { return (ax & 15) > 9; }

// DAA, DAS: two packed digits in AL.
template <bool subtract> struct AdjustPacked {
    constexpr Result<u16> operator()(u16 ax, Flags f) const {
        u8 al = u8(ax), r = al;
        bool low = above_nine(ax) || f.af(), high = al > 0x99 || f.cf();
        bool borrow = subtract && low && al < 6;          // of the low digit's correction: DAS alone reports it
        if (low) r = u8(subtract ? r - 6 : r + 6);
        if (high) r = u8(subtract ? r - 0x60 : r + 0x60);
        return {u16((ax & 0xff00) | r), Flags(high || borrow, parity(r), low, r == 0, r & 0x80, false)};
    }
};
using Daa = AdjustPacked<false>;
using Das = AdjustPacked<true>;

// AAA, AAS: one digit in AL, carried into AH.
template <bool subtract> struct AdjustUnpacked {
    constexpr Result<u16> operator()(u16 ax, Flags f) const {
        bool adjust = above_nine(ax) || f.af();
        if (adjust) ax = u16(subtract ? ax - 0x106 : ax + 0x106);
        ax &= 0xff0f;
        u8 al = u8(ax);
        return {ax, Flags(adjust, parity(al), adjust, al == 0, false, false)};
    }
};
using Aaa = AdjustUnpacked<false>;
using Aas = AdjustUnpacked<true>;

// AAM splits AL by a base (not 0), AAD joins AH and AL again.
struct Aam {
    constexpr Result<u16> operator()(u16 ax, u8 base) const {
        u8 al = u8(u8(ax) % base), ah = u8(u8(ax) / base);
        return {u16(ah << 8 | al), logic(al).flags};
    }
};
struct Aad {
    constexpr Result<u16> operator()(u16 ax, u8 base) const {
        u8 al = u8(ax + (ax >> 8) * base);
        return {al, logic(al).flags};
    }
};

static_assert(Daa{}(0x79 + 0x35, {}).value == 0x14 && Daa{}(0x79 + 0x35, {}).flags.cf());
static_assert(Das{}(0x35 - 0x47 + 0x100, Flags(0x11)).value == 0x88 && Das{}(0xee, Flags(0x11)).flags.cf());
static_assert(Das{}(3, Flags(0x10)).flags.cf() && !Daa{}(0x9a - 1, {}).flags.cf());
static_assert(Aaa{}(0x000f, {}).value == 0x0105 && Aas{}(0x02ff, {}).value == 0x0109);
static_assert(Aam{}(79, 10).value == 0x0709 && Aad{}(0x0709, 10).value == 79);

}
