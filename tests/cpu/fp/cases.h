// SPDX-License-Identifier: MIT
// Random operands for floating point: every class of number, values near a format's borders, pairs that cancel.
#pragma once
#include "cpu/fp/soft/format.h"
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

namespace fp_cases {

inline unsigned cases(const char* variable, unsigned otherwise) {
    auto* text = std::getenv(variable);
    return text ? unsigned(std::strtoul(text, nullptr, 0)) : otherwise;
}

inline std::string text(const F80& v) {
    char line[32];
    std::snprintf(line, sizeof line, "%04x:%016llx", v.sign_exponent, static_cast<unsigned long long>(v.significand));
    return line;
}

class Random {
public:
    explicit Random(u64 seed) : random(seed) {}
    u64 bits() { return random(); }
    unsigned below(unsigned n) { return unsigned(random() % n); }
    bool one_in(unsigned n) { return below(n) == 0; }

    // A significand with long runs of ones and zeros now and then: where rounding carries and ties are.
    u64 pattern() {
        u64 v = bits();
        switch (below(4)) {
        case 0: return v;
        case 1: return v & ~u64{0} << below(64);
        case 2: return ~u64{0} << below(64) ^ (v & 3);
        default: return (v & 1 ? ~u64{0} >> below(64) : bit(below(64)) | bit(below(64)));
        }
    }
    F80 extended_of_exponent(int exponent) { return {pattern() | bit(63), u16((0x3fff + exponent) | int(below(2) << 15))}; }

    // Of a format of 16, 32 or 64 bits: exponents near each other, near the borders, or any.
    template <class F> typename F::Raw number() {
        constexpr unsigned top = unsigned(F::all_ones);
        unsigned exponent = 0;
        switch (below(8)) {
        case 0: exponent = below(4); break;
        case 1: exponent = top - below(4); break;
        case 2: exponent = below(top + 1); break;
        case 3: exponent = top / 4 + below(8); break;
        case 4: exponent = top / 4 * 3 + below(8); break;
        default: exponent = unsigned(F::bias) - 8 + below(F::precision + 16 < top / 2 ? F::precision + 16 : top / 2); break;
        }
        return F::pack(below(2), std::min(exponent, top), pattern() & (bit(63) - 1));
    }

private:
    std::mt19937_64 random;
};

}
