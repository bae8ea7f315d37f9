// SPDX-License-Identifier: MIT
// Random values with their edges.
#include "tests/silicon/random.h"

namespace silicon {

u64 Random::integer() {
    static constexpr u64 edges[] = {0, 1, 2, ~0ull, ~1ull, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000,
                                    0xffffffff, 0x100000000, 0x7fffffffffffffff, 0x8000000000000000, 0x8080808080808080, 0x7f7f7f7f7f7f7f7f,
                                    0x8000800080008000, 0x7fff7fff7fff7fff, 0x8000000080000000, 0xffffffff80000000, 0x5555555555555555,
                                    0xaaaaaaaaaaaaaaaa, 0xffffffffffff8000, 0x0f0f0f0f0f0f0f0f};
    switch (below(8)) {
    case 0: case 1: case 2: return pick(edges);
    case 3: return bit(unsigned(below(64)));
    case 4: return below(256);
    case 5: return u64(0) - below(256);
    default: return next();
    }
}

u32 Random::single() {
    static constexpr u32 edges[] = {
        0, 0x00000001, 0x00000002, 0x007fffff, 0x00400000, 0x00800000, 0x00800001, 0x7f7fffff, 0x7f800000, 0x7f800001, 0x7fbfffff, 0x7fc00000,
        0x7fffffff, 0x3f800000, 0x3f800001, 0x3f7fffff, 0x3f000000, 0x3fc00000, 0x40200000, 0x40600000, 0x4effffff, 0x4f000000, 0x4f000001,
        0x5effffff, 0x5f000000, 0x4b800000, 0x4b7fffff, 0x33800000, 0x0c800000, 0x1f800000, 0x5f800000, 0x46fffe00, 0x47000000, 0x42fe0000};
    u32 sign = flip() ? 0x80000000 : 0;
    switch (below(8)) {
    case 0: case 1: case 2: return pick(edges) | sign;
    case 3: return u32(next());
    case 4: return sign | u32(next() & 0x7fffff);                                      // denormal
    default: return sign | u32(120 + below(16)) << 23 | (u32(next()) & (flip() ? 0x7fffff : 0x7f0000));
    }
}

u64 Random::two_fold() {
    static constexpr u64 edges[] = {
        0, 1, 2, 0x000fffffffffffff, 0x0008000000000000, 0x0010000000000000, 0x0010000000000001, 0x7fefffffffffffff, 0x7ff0000000000000,
        0x7ff0000000000001, 0x7ff7ffffffffffff, 0x7ff8000000000000, 0x7fffffffffffffff, 0x3ff0000000000000, 0x3ff0000000000001,
        0x3fefffffffffffff, 0x3fe0000000000000, 0x3ff8000000000000, 0x4004000000000000, 0x400c000000000000, 0x41dfffffffc00000,
        0x41e0000000000000, 0x41dfffffffe00000, 0x41dfffffffdfffff, 0x43e0000000000000, 0x43dfffffffffffff, 0x4340000000000000,
        0x3ca0000000000000, 0x3810000000000000, 0x380fffffffffffff, 0x36a0000000000000, 0x47efffffe0000000, 0x47efffffefffffff,
        0x47f0000000000000, 0x1ff0000000000000, 0x5ff0000000000000};
    u64 sign = flip() ? bit(63) : 0;
    switch (below(8)) {
    case 0: case 1: case 2: return pick(edges) | sign;
    case 3: return next();
    case 4: return sign | (next() & 0xfffffffffffff);
    default: return sign | (1016 + below(16)) << 52 | (next() & (flip() ? 0xfffffffffffff : 0xff00000000000));
    }
}

void Random::extended(u64& significand, u16& sign_exponent) {
    struct Value { u64 significand; u16 exponent; };
    static constexpr Value edges[] = {
        {0, 0}, {1, 0}, {0x7fffffffffffffff, 0}, {bit(63), 0}, {bit(63) | 1, 0}, {~0ull, 0}, {bit(63), 1}, {~0ull, 0x7ffe}, {bit(63), 0x7fff},
        {bit(63) | 1, 0x7fff}, {0xbfffffffffffffff, 0x7fff}, {0xc000000000000000, 0x7fff}, {~0ull, 0x7fff}, {0, 0x7fff}, {1, 0x7fff},
        {0x4000000000000000, 0x7fff}, {0, 0x3fff}, {1, 0x4000}, {0x7fffffffffffffff, 0x3fff}, {bit(63), 0x3fff}, {bit(63) | 1, 0x3fff},
        {~0ull, 0x3ffe}, {bit(63), 0x3ffe}, {0xc000000000000000, 0x3fff}, {0xa000000000000000, 0x4000}, {bit(63), 0x403e}, {~0ull, 0x403d},
        {bit(63), 0x401e}, {0xfffffffe00000000, 0x401d}, {0xffffffff00000000, 0x401d}, {bit(63), 0x400e}, {0xfffe000000000000, 0x400d},
        {0xffff000000000000, 0x400d}, {bit(63), 0x3c01}, {~0ull, 0x43fe}, {bit(63), 0x43ff}, {0xfffffffffffff800, 0x43fe},
        {0xfffffffffffffc00, 0x43fe}, {bit(63), 0x3f81}, {0xffffff0000000000, 0x407e}, {0xffffff8000000000, 0x407e}, {bit(63), 0x3fbe},
        {0xc90fdaa22168c235, 0x4000}, {0xb504f333f9de6484, 0x3fff}, {0xde0b6b3a76400000, 0x403a}, {0xde0b6b3a763ffff0, 0x403a}};
    u16 sign = flip() ? 0x8000 : 0;
    switch (below(8)) {
    case 0: case 1: case 2: {
        auto v = pick(edges);
        significand = v.significand, sign_exponent = u16(v.exponent | sign);
        return;
    }
    case 3: significand = next(), sign_exponent = u16(next()); return;
    case 4: significand = next() | bit(63), sign_exponent = u16((next() & 0x7fff) | sign); return;
    default:
        significand = bit(63) | (flip() ? next() : next() & ~u64{0xffffffffff});
        sign_exponent = u16(sign | (0x3fff - 8 + below(16)));
    }
}

void Random::decimal(u64& low, u16& high) {
    if (chance(10)) { low = next(), high = u16(next()); return; }
    low = 0;
    bool nines = chance(10);
    for (unsigned i = 0; i < 16; i++) low = low << 4 | (nines ? 9 : below(10));
    high = u16((nines ? 0x99 : below(10) << 4 | below(10)) | (flip() ? 0x8000 : 0));
    if (chance(20)) low &= 0xffff, high &= 0x8000;
}

}
