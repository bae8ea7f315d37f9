// SPDX-License-Identifier: MIT
// The machine's one source of chance, seeded by --seed: SplitMix64 (Steele, Lea, Flood 2014).
#pragma once
#include "base/archive.h"

class Random {
public:
    explicit Random(u64 seed) : state(seed) {}
    u64 next() {
        u64 z = state += 0x9e3779b97f4a7c15;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        return z ^ z >> 31;
    }
    void visit(Archive& a) { a("state", state); }

private:
    u64 state;
};
