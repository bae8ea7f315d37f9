// SPDX-License-Identifier: MIT
// MMX and XMM values as byte arrays of 8 and 16.
#pragma once
#include "base/bits.h"
#include <algorithm>
#include <array>

namespace isa {

template <std::size_t Size> using Bytes = std::array<u8, Size>;
using Mm = Bytes<8>;
using Xmm = Bytes<16>;

template <class To, class From> constexpr To as(const From& v) { return std::bit_cast<To>(v); }

// The first bytes of a vector in one of another size, the rest zero.
template <std::size_t To, std::size_t From>
constexpr Bytes<To> resized(const Bytes<From>& v, std::size_t width = From) {
    Bytes<To> r{};
    std::copy_n(v.begin(), std::min({To, From, width}), r.begin());
    return r;
}

enum class Alignment : u8 {
    natural,                      // memory operands of 16 bytes: else #GP(0) (SDM vol. 1, 10.4.1.1)
    intel,                        // SHA: AMD demands nothing (Zen 5)
    any,                          // MOVUPS, MOVUPD, MOVDQU
};

}
