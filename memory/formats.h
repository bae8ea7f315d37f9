// SPDX-License-Identifier: MIT
// The formats of translation tables, each a few constants and questions about one entry.
#pragma once
#include "memory/regime.h"
#include <algorithm>
#include <string_view>

namespace paging {

// Bits top:from, or none where the physical address is as wide as the field.
constexpr u64 bits_from(unsigned from, unsigned top) { return from > top ? 0 : mask(top, from); }

// What is wrong with a present entry, and which of its bits say so.
struct Flaw {
    Reason reason = Reason::none;
    u64 bits = 0;
};
constexpr Flaw reserved_flaw(u64 bits) { return {bits ? Reason::reserved : Reason::none, bits}; }

// What the formats of the first stage share: present, write, user; accessed and dirty; PWT, PCD, PAT, global.
struct Classic {
    static constexpr bool present(u64 e) { return e & 1; }
    static constexpr u64 accessed(int) { return bit(5); }
    static constexpr u64 dirty() { return bit(6); }
    static constexpr bool global(u64 e) { return e & bit(8); }
    static constexpr u8 pat_index(u64 e, int level) {
        return u8(bits(e, 4, 3) | bits(e, level == 1 ? 7 : 12, level == 1 ? 7 : 12) << 2);
    }
    static constexpr u8 rights(u64 e) { return u8(bits(e, 2, 1) | (e >> 63 ? 0 : Rights::execute) | Rights::second); }
    static constexpr bool in_register(int) { return false; }
};

// 32-bit paging (SDM vol. 3, 4.3): two levels of 1024 entries; 4-MiB pages with PSE, above 4 GiB with PSE-36.
struct Bits32 : Classic {
    static constexpr std::string_view name = "32-bit";
    static constexpr unsigned entry_size = 4;
    static constexpr int levels = 2;
    u64 root = 0;
    bool pse = false;
    unsigned width = 32;                     // of the physical address in a 4-MiB entry

    Bits32() = default;
    constexpr Bits32(u64 cr3, bool pse, bool pse36, unsigned maxphyaddr)
        : root(cr3 & mask(31, 12)), pse(pse), width(pse36 ? std::clamp(maxphyaddr, 32u, 40u) : 32) {}

    static constexpr unsigned low(int level) { return level == 1 ? 12 : 22; }
    static constexpr u64 index(u64 input, int level) { return bits(input, low(level) + 9, low(level)); }
    static constexpr bool reaches(u64 input) { return input < bit(32); }
    constexpr bool leaf(u64 e, int level) const { return level == 1 || (pse && e & bit(7)); }
    constexpr Flaw flaw(u64 e, int level) const {
        return level == 2 && leaf(e, level) ? reserved_flaw(e & mask(21, 13) & ~high_field()) : Flaw{};
    }
    constexpr u64 frame(u64 e, int level) const {
        if (level == 1 || !leaf(e, level)) return e & mask(31, 12);
        return (e & mask(31, 22)) | (e & high_field()) >> 13 << 32;
    }
    static constexpr Rights rights_of(u64 e, int) { return {rights(e)}; }

private:
    constexpr u64 high_field() const { return width > 32 ? mask(width - 20, 13) : 0; }
};

// PAE paging (SDM vol. 3, 4.4): four entries that are registers or, with nested paging on AMD, memory;
// then two levels of 512.
struct Pae : Classic {
    static constexpr std::string_view name = "PAE";
    static constexpr unsigned entry_size = 8;
    static constexpr int levels = 3;
    u64 root = 0;
    unsigned width = 40;
    bool nxe = false;
    const u64* registers = nullptr;

    static constexpr unsigned low(int level) { return 12 + 9 * unsigned(level - 1); }
    static constexpr u64 index(u64 input, int level) { return bits(input, level == 3 ? 31 : low(level) + 8, low(level)); }
    static constexpr bool reaches(u64 input) { return input < bit(32); }
    constexpr bool in_register(int level) const { return level == 3 && registers; }
    static constexpr u64 accessed(int level) { return level == 3 ? 0 : bit(5); }
    static constexpr bool leaf(u64 e, int level) { return level == 1 || (level == 2 && e & bit(7)); }
    constexpr Flaw flaw(u64 e, int level) const {
        if (level == 3) return reserved_flaw(in_register(3) ? 0 : e & pdpte_reserved(width));
        u64 high = bits_from(width, 62) | (nxe ? 0 : bit(63));
        return reserved_flaw(e & (high | (level == 2 && leaf(e, 2) ? mask(20, 13) : 0)));
    }
    constexpr u64 frame(u64 e, int level) const { return e & mask(width - 1, leaf(e, level) ? low(level) : 12); }
    static constexpr Rights rights_of(u64 e, int level) { return {level == 3 ? u8(Rights::all) : rights(e)}; }
    // What must be 0 in a present PDPTE, for MOV CR3 and VM entry too (SDM vol. 3, 4.4.1).
    static constexpr u64 pdpte_reserved(unsigned maxphyaddr) { return mask(2, 1) | mask(8, 5) | bits_from(maxphyaddr, 63); }
};

// 4-level and 5-level paging (SDM vol. 3, 4.5).
struct Long : Classic {
    static constexpr std::string_view name = "long mode";
    static constexpr unsigned entry_size = 8;
    int levels = 4;
    u64 root = 0;
    unsigned width = 40;
    bool nxe = false, gib_pages = true, global_reserved = false;

    static constexpr unsigned low(int level) { return 12 + 9 * unsigned(level - 1); }
    static constexpr u64 index(u64 input, int level) { return bits(input, low(level) + 8, low(level)); }
    constexpr bool reaches(u64 input) const { return input < bit(12 + 9 * unsigned(levels)); }
    constexpr bool leaf(u64 e, int level) const {
        return level == 1 || (e & bit(7) && (level == 2 || (level == 3 && gib_pages)));
    }
    constexpr Flaw flaw(u64 e, int level) const {
        u64 reserved = bits_from(width, 51) | (nxe ? 0 : bit(63));
        if (level >= 4 || (level == 3 && !gib_pages)) reserved |= bit(7);
        if (level >= 4 && global_reserved) reserved |= bit(8);
        if (level > 1 && leaf(e, level)) reserved |= mask(low(level) - 1, 13);
        return reserved_flaw(e & reserved);
    }
    constexpr u64 frame(u64 e, int level) const { return e & mask(width - 1, leaf(e, level) ? low(level) : 12); }
    constexpr Rights rights_of(u64 e, int level) const {
        return {rights(e), leaf(e, level) ? u8(bits(e, 62, 59)) : u8(0)};
    }
};

// Extended page tables, 4 or 5 levels (SDM vol. 3, 29.3).
struct Ept {
    static constexpr std::string_view name = "EPT";
    static constexpr unsigned entry_size = 8;
    int levels = 4;
    u64 root = 0;
    unsigned width = 40;
    bool gib_pages = true, large_pages = true, accessed_dirty = false, execute_only = true, mode_based_execute = false;

    static constexpr unsigned low(int level) { return 12 + 9 * unsigned(level - 1); }
    static constexpr u64 index(u64 input, int level) { return bits(input, low(level) + 8, low(level)); }
    constexpr bool reaches(u64 input) const { return input < bit(12 + 9 * unsigned(levels)); }
    constexpr u64 accessed(int) const { return accessed_dirty ? bit(8) : 0; }
    static constexpr u64 dirty_flag = bit(9);
    constexpr u64 dirty() const { return accessed_dirty ? dirty_flag : 0; }
    constexpr bool present(u64 e) const { return e & (mode_based_execute ? mask(2, 0) | bit(10) : mask(2, 0)); }
    constexpr bool leaf(u64 e, int level) const {
        return level == 1 || (e & bit(7) && ((level == 2 && large_pages) || (level == 3 && gib_pages)));
    }
    constexpr Flaw flaw(u64 e, int level) const {
        u64 executes = e & (mode_based_execute ? bit(2) | bit(10) : bit(2));
        if (!(e & 1) && e & 2) return {Reason::misconfigured, mask(1, 0)};
        if (!(e & 1) && executes && !execute_only) return {Reason::misconfigured, executes | 1};
        if (u64 wrong = e & reserved(e, level)) return {Reason::reserved, wrong};
        u64 type = bits(e, 5, 3);
        if (leaf(e, level) && (type == 2 || type == 3 || type == 7)) return {Reason::memory_type, mask(5, 3)};
        return {};
    }
    constexpr u64 frame(u64 e, int level) const { return e & mask(width - 1, leaf(e, level) ? low(level) : 12); }
    constexpr Rights rights_of(u64 e, int) const {
        u64 user = mode_based_execute ? bits(e, 10, 10) : bits(e, 2, 2);
        return {u8(Rights::first | bits(e, 2, 0) << 3 | user << 6 | Rights::by_page)};
    }
    static constexpr Rights settled(Rights all_levels) { return all_levels; }
    static constexpr bool in_register(int) { return false; }
    static constexpr u8 memory_type(u64 e) { return u8(bits(e, 5, 3)); }
    static constexpr bool ignores_pat(u64 e) { return e & bit(6); }

private:
    constexpr u64 reserved(u64 e, int level) const {
        u64 high = bits_from(width, 51);
        if (leaf(e, level)) return high | (level > 1 ? mask(low(level) - 1, 12) : 0);
        return high | mask(7, 3);            // bit 7 too: no leaf is possible here
    }
};

// Nested page tables (APM vol. 2, 15.25) are the host's own format, walked as a user: what that grants is
// the second stage's. With the guest-mode execute trap (GMET) every page is the guest's, but a page that is
// a user's at each level is no code for its supervisor.
template <class Format> struct Npt : Format {
    bool execute_trap = false;

    constexpr Rights rights_of(u64 e, int level) const {
        u8 r = Format::rights_of(e, level).allowed;
        bool user = r & Rights::user;
        u8 fetch = r & Rights::execute ? Rights::execute2 | Rights::user_execute2 : 0;
        u8 granted = Rights::read2 | (r & Rights::write ? Rights::write2 : 0) | fetch;
        if (execute_trap) return {u8((user ? Rights::first : Rights::first & ~Rights::user) | granted)};
        return {u8(Rights::first | Rights::by_page | (user ? granted : 0))};
    }
    // Until here `user` of all levels' rights says what they do of the page.
    constexpr Rights settled(Rights r) const {
        if (execute_trap && r.has(Rights::user)) r.allowed &= u8(~Rights::execute2);
        return {u8(r.allowed | Rights::first), r.key};
    }
};

}
