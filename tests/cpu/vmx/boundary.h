// SPDX-License-Identifier: MIT
// Values of VMCS fields at which a rule of VM entry may turn.
#pragma once
#include "cpu/vmx/fields.h"

// A value for the field, which is `now`. Chance offers next(), 64 bits, and below(n).
template <class Chance> u64 boundary_value(Chance& chance, vmx::Field f, u64 now) {
    static constexpr u64 edges[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0xb, 0xd, 0xf, 0x10, 0x7f, 0x80, 0xff, 0xfff, 0x1000, 0xffff, 0x10000, 0x7000,
                                    0x20000, 0xfffff, 0x100000, 0x7fffffff, 0x80000000, 0xffffffff, bit(32), bit(36) - 1, bit(36), bit(39) - 16,
                                    bit(39) - 4096, bit(39), bit(40), bit(46), bit(47) - 1, bit(47), bit(48), bit(56) - 1, bit(56), ~u64{0},
                                    ~mask(46, 0), ~mask(47, 0), ~mask(55, 0)};
    if (f == vmx::Field::entry_interruption && chance.below(4)) {
        u64 type = chance.below(8), vector = chance.below(2) ? chance.below(34) : 2;
        return bit(31) | type << 8 | vector | (chance.below(4) ? 0 : bit(11)) | (chance.below(16) ? 0 : bit(12));
    }
    switch (chance.below(4)) {
    case 0: return edges[chance.below(std::size(edges))];
    case 1: return now + (chance.below(2) ? 1 : ~u64{0});
    case 2: return chance.next();
    default: return now ^ bit(unsigned(chance.below(vmx::width_in_bits(f))));
    }
}
