// SPDX-License-Identifier: MIT
// What an access may reach, worked out straight down the manuals' pages: every format of both stages with reserved bits and
// misconfigurations, each entry read anew. It shares nothing with memory/ and cpu/ but the memory that it reads.
#pragma once
#include "base/bits.h"
#include <functional>

struct Shadow {
    enum class Format : u8 { none, bits32, pae, level4 };
    enum class Second : u8 { none, ept, npt };
    enum class Verdict : u8 { reached, page_fault, refused, misconfigured };        // refused: an EPT violation, a nested page fault
    static constexpr unsigned read = 1, write = 2, fetch = 4;

    std::function<u64(u64 at, unsigned bytes)> memory;
    unsigned width = 40;                         // of physical addresses
    bool amd = false;
    // first stage
    Format format = Format::none;
    u64 cr3 = 0;
    u64 pdpte[4] = {};                           // as loaded; with nested paging they are in memory
    bool wp = false, pse = false, smep = false, smap = false, nxe = false, user = false, ac = false;
    // second stage
    Second second = Second::none;
    Format nested_format = Format::level4;
    u64 nested_root = 0;
    bool flags = false, nested_pse = false, nested_nxe = false;                     // EPT with accessed and dirty flags; the host's CR4.PSE, EFER.NXE

    Verdict access(u64 linear, unsigned kind, u64& physical) const {
        if (format == Format::none) return through(linear, kind, physical);
        Path path;
        Verdict v = first(linear, kind, path);
        if (v != Verdict::reached) return v;
        for (unsigned n = 0; n < path.levels; n++) {
            bool leaf = n + 1 == path.levels, set = path.entry[n] & 0x20 && !(leaf && kind == write && !(path.entry[n] & 0x40));
            u64 ignored;
            if (!set && !path.unmarked[n])
                if (Verdict mark = through(path.at[n], read | write, ignored); mark != Verdict::reached) return mark;
        }
        return through(path.page, kind, physical);
    }

private:
    struct Path {
        unsigned levels = 0;
        u64 at[4], entry[4], page = 0;           // guest-physical
        bool unmarked[4] = {};                   // without an accessed flag
    };
    u64 above_width() const { return ~u64{0} << width & mask(51, 0); }

    // What of an entry must be 0 (SDM vol. 3, 4.3 to 4.5; APM vol. 2, 5.2 to 5.4). Level 1 is the page table's.
    u64 reserved(Format f, int level, bool leaf, bool nx) const {
        if (f == Format::bits32) return leaf && level == 2 ? (width >= 40 ? mask(21, 21) : mask(21, width - 19)) : 0;
        if (f == Format::pae && level == 3) return mask(2, 1) | mask(8, 5) | above_width() | mask(63, 52);
        u64 zero = above_width() | (nx ? 0 : bit(63)) | (f == Format::pae ? mask(62, 52) : 0);
        if (level == 4) zero |= bit(7) | (amd ? bit(8) : 0);
        if (leaf && level > 1) zero |= mask(unsigned(12 + 9 * (level - 1)) - 1, 13);
        return zero;
    }
    static bool is_leaf(Format f, int level, u64 e, bool large4m) {
        if (level == 1) return true;
        if (!(e & 0x80)) return false;
        return f == Format::bits32 ? large4m : f == Format::pae ? level == 2 : level < 4;
    }
    static int levels_of(Format f) { return f == Format::bits32 ? 2 : f == Format::pae ? 3 : 4; }
    static unsigned shift_of(Format f, int level) { return f == Format::bits32 ? (level == 1 ? 12 : 22) : unsigned(12 + 9 * (level - 1)); }
    static u64 index_of(Format f, int level, u64 address) {
        return address >> shift_of(f, level) & (f == Format::bits32 ? 0x3ff : f == Format::pae && level == 3 ? 3 : 0x1ff);
    }
    u64 root_of(Format f, u64 cr3) const { return f == Format::bits32 ? cr3 & 0xfffff000 : f == Format::pae ? cr3 & 0xffffffe0 : cr3 & mask(width - 1, 12); }
    u64 target(Format f, int level, u64 e, bool leaf, u64 address) const {
        if (!leaf) return e & (f == Format::bits32 ? 0xfffff000 : mask(width - 1, 12));
        u64 offset = address & (bit(shift_of(f, level)) - 1);
        if (f != Format::bits32) return (e & mask(width - 1, shift_of(f, level))) | offset;
        return level == 1 ? (e & 0xfffff000) | offset : (e & 0xffc00000) | (e >> 13 & mask(width >= 40 ? 7 : width - 33, 0)) << 32 | offset;
    }

    Verdict first(u64 linear, unsigned kind, Path& path) const {
        u64 table = root_of(format, cr3), all = ~u64{0}, any = 0;
        unsigned look = second == Second::npt || (second == Second::ept && flags) ? read | write : read, bytes = format == Format::bits32 ? 4 : 8;
        for (int level = levels_of(format);; level--) {
            u64 e, index = index_of(format, level, linear), physical;
            bool root3 = format == Format::pae && level == 3, loaded = root3 && second != Second::npt;
            path.at[path.levels] = table + index * bytes;
            if (loaded) e = pdpte[index];
            else if (Verdict v = through(path.at[path.levels], look, physical); v != Verdict::reached) return v;
            else e = memory(physical, bytes);
            bool leaf = is_leaf(format, level, e, pse);
            if (!(e & 1) || (!loaded && e & reserved(format, level, leaf, nxe))) return Verdict::page_fault;
            path.entry[path.levels] = e, path.unmarked[path.levels++] = root3;
            if (!root3) all &= e, any |= e;
            table = target(format, level, e, leaf, linear);
            if (leaf) break;
        }
        path.page = table;
        bool users = all & 4;
        if (user && !users) return Verdict::page_fault;
        if (!user && users && (kind == fetch ? smep : smap && !ac)) return Verdict::page_fault;
        if (kind == fetch && format != Format::bits32 && any >> 63) return Verdict::page_fault;
        if (kind == write && !(all & 2) && (user || wp)) return Verdict::page_fault;
        return Verdict::reached;
    }

    // The second stage.
    Verdict through(u64 guest, unsigned kind, u64& physical) const {
        physical = guest;
        return second == Second::none ? Verdict::reached : second == Second::ept ? by_ept(guest, kind, physical) : by_npt(guest, kind, physical);
    }
    // SDM vol. 3, 29.3.2 and 29.3.3: a misconfiguration anywhere comes before a violation.
    Verdict by_ept(u64 guest, unsigned kind, u64& physical) const {
        if (guest >> 48) return Verdict::refused;
        u64 table = nested_root & mask(width - 1, 12), all = 7;
        for (int level = 4;; level--) {
            unsigned shift = unsigned(12 + 9 * (level - 1));
            u64 e = memory(table + (guest >> shift & 511) * 8, 8), type = e >> 3 & 7;
            if (!(e & 7)) return Verdict::refused;
            bool leaf = level == 1 || (level < 4 && e & 0x80);
            u64 zero = above_width() | (level == 4 ? mask(7, 3) : !leaf ? mask(6, 3) : level > 1 ? mask(shift - 1, 12) : 0);
            if ((e & 3) == 2 || e & zero || (leaf && (type == 2 || type == 3 || type == 7))) return Verdict::misconfigured;
            all &= e;
            table = leaf ? (e & mask(width - 1, shift)) | (guest & (bit(shift) - 1)) : e & mask(width - 1, 12);
            if (leaf) break;
        }
        physical = table;
        return (all & kind) == kind ? Verdict::reached : Verdict::refused;
    }
    // APM vol. 2, 15.25: the host's format, and every access is a user's.
    Verdict by_npt(u64 guest, unsigned kind, u64& physical) const {
        Format f = nested_format;
        if (f != Format::level4 ? guest >> 32 : guest >> 48) return Verdict::refused;
        u64 table = root_of(f, nested_root), all = 6, any = 0;
        for (int level = levels_of(f);; level--) {
            u64 e = memory(table + index_of(f, level, guest) * (f == Format::bits32 ? 4 : 8), f == Format::bits32 ? 4 : 8);
            bool leaf = is_leaf(f, level, e, nested_pse), root3 = f == Format::pae && level == 3;
            if (!(e & 1) || e & reserved(f, level, leaf, nested_nxe)) return Verdict::refused;
            if (!root3) all &= e, any |= e;
            table = target(f, level, e, leaf, guest);
            if (leaf) break;
        }
        physical = table;
        bool no = !(all & 4) || (kind & write && !(all & 2)) || (kind & fetch && f != Format::bits32 && any >> 63);
        return no ? Verdict::refused : Verdict::reached;
    }
};
