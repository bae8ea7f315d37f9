// SPDX-License-Identifier: MIT
// Random values with their edges: integers, singles, doubles, extendeds, decimals. The sequence depends on the seed alone.
#pragma once
#include "base/bits.h"
#include <array>
#include <iterator>

namespace silicon {

class Random {
public:
    explicit Random(u64 seed) : state(seed) {}
    u64 next() {                          // splitmix64
        u64 z = state += 0x9e3779b97f4a7c15;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        return z ^ z >> 31;
    }
    u64 below(u64 n) { return (next() >> 11) % n; }
    bool chance(unsigned percent) { return below(100) < percent; }
    bool flip() { return next() >> 63; }
    template <class T, std::size_t N> T pick(const T (&list)[N]) { return list[below(N)]; }
    template <class T, std::size_t N> T pick(const std::array<T, N>& list) { return list[below(N)]; }

    u64 integer();                        // any width: its low bits are edges too
    u32 single();
    u64 two_fold();                       // a double
    void extended(u64& significand, u16& sign_exponent);
    void decimal(u64& low, u16& high);    // packed decimal, mostly valid

private:
    u64 state;
};

}
