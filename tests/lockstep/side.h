// SPDX-License-Identifier: MIT
// One of the two machines that run side by side: what stepping, comparing and disturbing need of it, be it a board or a bare CPU.
#pragma once
#include "cpu/cpu.h"
#include <functional>
#include <string>

namespace lockstep {

// SplitMix64: a run depends on its seed alone.
struct Random {
    u64 state;
    u64 next() {
        u64 z = state += 0x9e3779b97f4a7c15;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        return z ^ z >> 31;
    }
    u64 below(u64 n) { return (next() >> 11) % n; }
    bool chance(unsigned percent) { return below(100) < percent; }
    bool flip() { return next() >> 63; }
    // Any order of magnitude up to 2^bits.
    u64 magnitude(unsigned bits) {
        u64 n = below(bits + 1);
        return n ? next() >> (64 - n) : 0;
    }
    template <class T, std::size_t N> const T& pick(const T (&list)[N]) { return list[below(N)]; }
};

struct Side {
    Cpu& cpu;
    PhysicalMap& memory;
    Clock& clock;
    std::span<u8> ram;
    std::function<void(Archive&)> visit;                   // all state; RAM under the name "ram", or not at all
    std::function<void(Random&)> disturb;                  // something from outside: an interrupt, a key, a byte on a line
    std::function<bool()> ended = [] { return false; };
    std::string output;                                    // what the guest has written to its lines

    u8* host(u64 physical) { return ram.data() + physical; }
};

}
