// SPDX-License-Identifier: MIT
// CRC32: Castagnoli's polynomial 11EDC6F41h, bits reflected (SDM vol. 2, CRC32).
#pragma once
#include "cpu/exec/slow.h"

namespace isa {

constexpr auto crc32c_table = [] {
    std::array<u32, 256> table{};
    for (u32 n = 0; n < 256; n++) {
        u32 rest = n;
        for (unsigned i = 0; i < 8; i++) rest = rest >> 1 ^ (rest & 1 ? 0x82f63b78 : 0);
        table[n] = rest;
    }
    return table;
}();
struct Crc32c {
    template <Word T> constexpr u32 operator()(u32 sum, T data) const {
        for (unsigned n = 0; n < sizeof(T); n++) sum = sum >> 8 ^ crc32c_table[(sum ^ u8(u64{data} >> n * 8)) & 0xff];
        return sum;
    }
};

template <class T> struct ChecksumOf {
    template <class X> static Outcome run(X& x) {
        T data = x.template read<T>(second);
        if (x.stopped()) return x.why();
        auto sum = x.template place<u32>(first);
        sum.set(x.apply(Crc32c{}, sum.value(), data));
        return Outcome::next;
    }
};
struct Checksum {
    template <class X> static Outcome run(X& x) { return ChecksumOf<typename X::word>::run(x); }
};

static_assert(~Crc32c{}(Crc32c{}(~0u, u64{0x3837363534333231}), u8('9')) == 0xe3069283);     // of "123456789": RFC 3720's check value

}
