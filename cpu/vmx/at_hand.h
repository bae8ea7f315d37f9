// SPDX-License-Identifier: MIT
// What VMREAD and VMWRITE of whole fields need, in the reach of the fast engine (cpu/isa/vmx.h).
#pragma once
#include "cpu/vmx/fields.h"

namespace vmx {

// Of a CPU with a current VMCS (Cpu::vmcs).
struct AtHand {
    // A field's row by its encoding >> 1, or no_row: the fields that this CPU has, and those that VMWRITE may change without
    // a named bit's being among them.
    struct Rows {
        u8 read = no_row, write = no_row;
    };
    std::array<Rows, 1 << 14> rows;
    Vmcs* vmcs;

    // `all_writable`: exit information too.
    AtHand(Vmcs& vmcs, const FieldSet& exist, bool all_writable) : vmcs(&vmcs) {
        for (unsigned n = 0; n < field_count; n++) {
            Field f = fields[n].field;
            if (!exist.has(f)) continue;
            bool plain = (all_writable || !read_only(f)) && !bit_ranges[n].count;
            rows[u16(f) >> 1] = {u8(n), plain ? u8(n) : no_row};
        }
    }
};

}
