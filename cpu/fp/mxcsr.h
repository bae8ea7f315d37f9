// SPDX-License-Identifier: MIT
// MXCSR and its bits by the manual's names (SDM vol. 1, 10.2.3).
#pragma once
#include "base/bits.h"

namespace mxcsr {
constexpr u32 ie = 1, de = 2, ze = 4, oe = 8, ue = 0x10, pe = 0x20;      // flags
constexpr u32 daz = 0x40;
constexpr u32 im = 0x80, dm = 0x100, zm = 0x200, om = 0x400, um = 0x800, pm = 0x1000;   // masks
constexpr u32 rc = 0x6000, ftz = 0x8000;

constexpr u32 flags = ie | de | ze | oe | ue | pe;
constexpr u32 masks = flags << 7;
constexpr u32 before_computing = ie | de | ze;   // found on the operands (SDM vol. 1, 11.5.1)
constexpr u32 writable = 0xffff;                 // MXCSR_MASK; left out: AMD's MM (bit 17)

constexpr u32 unmasked(u32 mxcsr, u32 raised) { return raised & ~(mxcsr >> 7) & flags; }
}
