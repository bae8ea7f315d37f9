// SPDX-License-Identifier: MIT
// VMRUN's checks by offsets and bit numbers alone.
#include "tests/cpu/svm/straight_checker.h"

namespace straight {

static std::uint64_t get(const Page& page, unsigned offset, unsigned bytes) {
    std::uint64_t value = 0;
    for (unsigned i = bytes; i-- > 0;) value = value << 8 | page[offset + i];
    return value;
}

static bool on(std::uint64_t value, unsigned n) { return value >> n & 1; }

bool accepts(const Page& v, const Processor& p) {
    const std::uint64_t cr0 = get(v, 0x558, 8), cr3 = get(v, 0x550, 8), cr4 = get(v, 0x548, 8), efer = get(v, 0x4d0, 8);
    const std::uint64_t cs = get(v, 0x412, 2), event = get(v, 0xa8, 8), asid = get(v, 0x58, 4);
    const bool pg = on(cr0, 31), pe = on(cr0, 0), lme = on(efer, 8), np = on(get(v, 0x90, 8), 0);
    const std::uint64_t top = std::uint64_t{1} << p.physical_bits;

    if (!on(efer, 12)) return false;
    if (!on(cr0, 30) && on(cr0, 29)) return false;
    if (cr0 > 0xffffffff) return false;
    if (lme && pg && cr3 >= top) return false;
    if ((cr4 & p.cr4_exist) != cr4) return false;
    if (get(v, 0x568, 8) > 0xffffffff || get(v, 0x560, 8) > 0xffffffff) return false;
    if ((efer & p.efer_exist) != efer) return false;
    if (!p.long_mode && (on(efer, 8) || on(efer, 10))) return false;
    if (lme && pg && (!on(cr4, 5) || !pe)) return false;
    if (lme && pg && on(cr4, 5) && on(cs, 9) && on(cs, 10)) return false;
    if (!on(get(v, 0x10, 4), 0)) return false;
    if (p.vnmi && on(get(v, 0x60, 8), 26) && !on(get(v, 0x0c, 4), 1)) return false;
    if (asid == 0 || asid >= p.asids) return false;

    if (p.avic && on(get(v, 0x60, 8), 31)) {
        if (!np) return false;
        for (unsigned offset : {0xe0, 0xf0, 0xf8})
            if (get(v, offset, 8) >= top) return false;
    }

    const std::uint64_t iopm = get(v, 0x40, 8) >> 12, msrpm = get(v, 0x48, 8) >> 12, pages = top >> 12;
    if (iopm >= pages || iopm + 3 > pages) return false;
    if (msrpm >= pages || msrpm + 2 > pages) return false;

    if (on(event, 31)) {
        const unsigned vector = event & 0xff, type = event >> 8 & 7;
        if (type == 1 || type > 4) return false;
        if (type == 3 && (vector == 2 || vector > 31)) return false;
        if (type == 3 && (vector == 4 || vector == 5) && lme && pg && on(cs, 9)) return false;
    }
    if (np) {
        if (!p.host_pg) return false;
        if (p.host_lma && get(v, 0xb0, 8) >= top) return false;
        for (unsigned i = 0; i < 8; i++) {
            const unsigned type = v[0x668 + i];
            if (type != 0 && type != 1 && type != 4 && type != 5 && type != 6 && type != 7) return false;
        }
    } else if (pg && on(cr4, 5) && !lme) {
        for (std::uint64_t entry : p.pdptes) {
            if (!on(entry, 0)) continue;
            if (entry >= top || (entry & 6) || (entry & 0x1e0)) return false;
        }
    }
    return true;
}

}
