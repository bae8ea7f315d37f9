// SPDX-License-Identifier: MIT
// Segment registers with their hidden parts, and descriptors as the tables in memory hold them (SDM vol. 3, 3.4.5).
#pragma once
#include "base/archive.h"
#include <array>

enum class Seg : u8 { es, cs, ss, ds, fs, gs, ldtr, tr };

// Access rights in the layout of the VMCS (SDM vol. 3, 25.4.1): descriptor bits 55:40 less the limit, and "unusable".
struct Rights {
    u32 value = 0;
    constexpr unsigned type() const { return value & 15; }
    constexpr bool s() const { return value & 0x10; }             // code or data, not system
    constexpr unsigned dpl() const { return value >> 5 & 3; }
    constexpr bool p() const { return value & 0x80; }
    constexpr bool l() const { return value & 0x2000; }
    constexpr bool db() const { return value & 0x4000; }
    constexpr bool g() const { return value & 0x8000; }
    constexpr bool unusable() const { return value & 0x10000; }
    constexpr bool code() const { return s() && (value & 8); }
    constexpr bool data() const { return s() && !(value & 8); }
    constexpr bool conforming() const { return value & 4; }       // of code
    constexpr bool expand_down() const { return value & 4; }      // of data
    constexpr bool readable() const { return !(value & 8) || (value & 2); }
    constexpr bool writable() const { return !(value & 8) && (value & 2); }
    static constexpr u32 unusable_bit = 0x10000, accessed = 1;
    // Data that reach from the base up to the limit, writable or not, or code that may be read: in one look at the type.
    constexpr bool reads_to_limit() const { return (0xcc0f >> type() & 1) && !unusable(); }
    constexpr bool writes_to_limit() const { return (value & (unusable_bit | 0xe)) == 2; }
};

struct Segment {
    u16 selector = 0;
    u64 base = 0;
    u32 limit = 0;                // in bytes, granularity applied
    Rights rights;

    void visit(Archive& a) {
        a("selector", selector);
        a("base", base);
        a("limit", limit);
        a("rights", rights.value);
    }
};

struct TableRegister {            // GDTR, IDTR
    u64 base = 0;
    u16 limit = 0;
    void visit(Archive& a) {
        a("base", base);
        a("limit", limit);
    }
};

// A descriptor of 8 bytes, or the low half of one of 16.
struct Descriptor {
    u64 raw = 0;
    constexpr u32 base() const { return u32(bits(raw, 39, 16) | bits(raw, 63, 56) << 24); }
    constexpr Rights rights() const { return {u32(bits(raw, 55, 40) & 0xf0ff)}; }
    constexpr u32 limit() const {
        u32 raw_limit = u32(bits(raw, 15, 0) | bits(raw, 51, 48) << 16);
        return rights().g() ? raw_limit << 12 | 0xfff : raw_limit;
    }
    // Gates: offset 31:0 and selector, parameter count, IST.
    constexpr u32 offset() const { return u32(bits(raw, 15, 0) | bits(raw, 63, 48) << 16); }
    constexpr u16 selector() const { return u16(bits(raw, 31, 16)); }
    constexpr unsigned parameters() const { return unsigned(bits(raw, 36, 32)); }
    constexpr unsigned ist() const { return unsigned(bits(raw, 34, 32)); }
};

struct Segments {
    std::array<Segment, 8> s;     // by Seg
    TableRegister gdtr, idtr;

    Segment& operator[](Seg n) { return s[unsigned(n)]; }
    const Segment& operator[](Seg n) const { return s[unsigned(n)]; }

    void visit(Archive& a) {
        a("segments", s);
        a("gdtr", gdtr);
        a("idtr", idtr);
    }
};
