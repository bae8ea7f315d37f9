// SPDX-License-Identifier: MIT
// Memory types by PAT, MTRRs, EPT and NPT, from the manuals' tables.
#include "memory/memory_type.h"
#include <algorithm>

namespace paging {

MemoryType pat_type(u64 pat, u8 index) {
    if (index > 7) return MemoryType::wb;
    u64 type = bits(pat, index * 8u + 7, index * 8u);
    return valid_pat_type(type) ? MemoryType(type) : MemoryType::uc;
}

namespace {

MemoryType valid(u64 type) { return valid_mtrr_type(type) ? MemoryType(type) : MemoryType::uc; }

// SDM vol. 3, 12.11.2.2: which register and which byte of it an address below 1 MiB goes by.
MemoryType fixed_type(const Mtrrs& m, u64 at) {
    unsigned byte = at < 0x80000 ? unsigned(at >> 16)
                  : at < 0xc0000 ? 8 + unsigned((at - 0x80000) >> 14)
                                 : 24 + unsigned((at - 0xc0000) >> 12);
    return valid(bits(m.fixed[byte / 8], byte % 8 * 8 + 7, byte % 8 * 8));
}

// SDM vol. 3, 12.11.4.1: UC wins, WT wins over WB, equals agree; any other overlap is undefined and UC here.
MemoryType overlap(MemoryType a, MemoryType b) {
    auto both = [&](MemoryType x, MemoryType y) { return (a == x && b == y) || (a == y && b == x); };
    if (a == b) return a;
    return both(MemoryType::wt, MemoryType::wb) ? MemoryType::wt : MemoryType::uc;
}

}

MemoryType Mtrrs::type(Physical at) const {
    if (!(default_type & bit(11))) return MemoryType::uc;
    if (default_type & bit(10) && at.value < 0x100000) return fixed_type(*this, at.value);
    bool found = false;
    MemoryType result = valid(default_type & 0xff);
    for (const Variable& v : variable) {
        u64 significant = v.mask & mask(51, 12);
        if (!(v.mask & bit(11)) || (at.value & significant) != (v.base & significant)) continue;
        result = found ? overlap(result, valid(v.base & 0xff)) : valid(v.base & 0xff);
        found = true;
    }
    return result;
}

MemoryType combine(MemoryType range, MemoryType pat) {
    using enum MemoryType;
    constexpr MemoryType table[5][6] = {
        // PAT: UC  UC-  WC  WT  WP  WB
        {uc, uc, wc, uc, uc, uc},            // UC
        {uc, wc, wc, uc, uc, wc},            // WC
        {uc, uc, wc, wt, wp, wt},            // WT
        {uc, wc, wc, uc, wp, wp},            // WP
        {uc, uc, wc, wt, wp, wb},            // WB
    };
    auto place = [](MemoryType t) { return t == wb ? 4u : t == wp ? 3u : t == wt ? 2u : t == wc ? 1u : 0u; };
    unsigned row = place(range), column = pat == uc ? 0 : pat == uc_minus ? 1 : place(pat) + 1;
    return table[row][column];
}

namespace {

// Rows and columns of AMD's tables.
unsigned place(MemoryType t) {
    using enum MemoryType;
    constexpr MemoryType order[] = {uc, uc_minus, wc, wp, wt, wb};
    return unsigned(std::ranges::find(order, t) - order);
}

}

MemoryType combine_pats(MemoryType guest, MemoryType host) {
    using enum MemoryType;
    constexpr MemoryType table[6][6] = {
        // host: UC   UC-       WC  WP  WT  WB
        {uc, uc,       uc, uc, uc, uc},             // UC
        {uc, uc_minus, wc, uc, uc, uc},             // UC-
        {wc, wc,       wc, wc, wc, wc},             // WC
        {uc, uc,       uc, wp, uc, wp},             // WP
        {uc, uc,       uc, uc, wt, wt},             // WT
        {uc, uc_minus, wc, wp, wt, wb},             // WB
    };
    return table[place(guest)][place(host)];
}

MemoryType combine_nested(MemoryType range, MemoryType pat) {
    using enum MemoryType;
    constexpr MemoryType table[6][5] = {
        // MTRR: UC WC  WP  WT  WB
        {uc, uc, uc, uc, uc},                       // UC
        {uc, wc, uc, uc, uc},                       // UC-
        {wc, wc, wc, wc, wc},                       // WC
        {uc, uc, wp, uc, wp},                       // WP
        {uc, uc, uc, wt, wt},                       // WT
        {uc, wc, wp, wt, wb},                       // WB
    };
    unsigned column = place(range);
    return table[place(pat)][column ? column - 1 : 0];
}

MemoryType memory_type(const Types& t, const Caching& c, Physical at) {
    if (t.cd) return MemoryType::uc;
    MemoryType pat = pat_type(t.pat, c.pat);
    if (c.nesting == Nesting::npt) return combine_nested(t.mtrrs.type(at), combine_pats(pat, pat_type(t.host_pat, c.second)));
    if (c.nesting != Nesting::ept) return combine(t.mtrrs.type(at), pat);
    return c.ignore_pat ? valid(c.second) : combine(valid(c.second), pat);
}

}
