// SPDX-License-Identifier: MIT
// Memory types: what PAT, MTRRs and EPT say, and what comes of it.
#pragma once
#include "memory/walk.h"

namespace paging {

// The manual's encodings (SDM vol. 3, 12.11 and 12.12). UC- exists in the PAT only.
enum class MemoryType : u8 { uc = 0, wc = 1, wt = 4, wp = 5, wb = 6, uc_minus = 7 };

constexpr bool valid_mtrr_type(u64 type) { return type <= 6 && type != 2 && type != 3; }
constexpr bool valid_pat_type(u64 type) { return type <= 7 && type != 2 && type != 3; }
constexpr bool valid_pat(u64 pat) {
    for (unsigned i = 0; i < 8; i++)
        if (!valid_pat_type(bits(pat, i * 8 + 7, i * 8))) return false;
    return true;
}
// IA32_PAT after reset: WB, WT, UC-, UC, twice.
constexpr u64 reset_pat = 0x0007040600070406;

// Entry `index` of a PAT, or WB where there is no paging; a type that doesn't exist counts as UC.
MemoryType pat_type(u64 pat, u8 index);

// The memory type range registers, as the MSRs hold them.
struct Mtrrs {
    static constexpr unsigned variable_count = 10, fixed_count = 11;
    u64 default_type = 0;                    // IA32_MTRR_DEF_TYPE: bit 11 enables all, bit 10 the fixed ranges
    std::array<u64, fixed_count> fixed{};    // 64K_00000, 16K_80000, 16K_A0000, 4K_C0000 to 4K_F8000
    struct Variable {
        u64 base = 0, mask = 0;
    };
    std::array<Variable, variable_count> variable{};

    MemoryType type(Physical) const;
};

// PAT type upon the type by MTRR or, under EPT, upon the EPT leaf's (SDM vol. 3, table 12-7 and 29.3.7.2).
MemoryType combine(MemoryType range, MemoryType pat);

// NPT: the guest's PAT type upon the host's, and what comes of it upon the type by MTRR (APM vol. 2, 15.25.8).
MemoryType combine_pats(MemoryType guest, MemoryType host);
MemoryType combine_nested(MemoryType range, MemoryType pat);

struct Types {
    u64 pat = reset_pat;                     // the guest's, where there is one
    u64 host_pat = reset_pat;                // NPT
    bool cd = false;                         // CR0.CD: nothing is cached
    Mtrrs mtrrs;
};

// The type of a translated access.
MemoryType memory_type(const Types&, const Caching&, Physical);

}
