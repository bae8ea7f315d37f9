// SPDX-License-Identifier: MIT
// MMX, XMM and YMM values as byte arrays of 8, 16 and 32.
#pragma once
#include "base/bits.h"
#include <algorithm>
#include <array>

namespace isa {

template <std::size_t Size> using Bytes = std::array<u8, Size>;
using Mm = Bytes<8>;
using Xmm = Bytes<16>;
using Ymm = Bytes<32>;

template <class To, class From> constexpr To as(const From& v) { return std::bit_cast<To>(v); }

// The first bytes of a vector in one of another size, the rest zero.
template <std::size_t To, std::size_t From>
constexpr Bytes<To> resized(const Bytes<From>& v, std::size_t width = From) {
    Bytes<To> r{};
    std::copy_n(v.begin(), std::min({To, From, width}), r.begin());
    return r;
}

// The lower or upper 16 bytes of a YMM value, or an XMM value.
template <std::size_t Size> constexpr Xmm half(const Bytes<Size>& v, unsigned n) {
    Xmm r;
    std::copy_n(v.begin() + n * 16, 16, r.begin());
    return r;
}
template <std::size_t Size> constexpr void set_half(Bytes<Size>& v, unsigned n, const Xmm& half) { std::copy_n(half.begin(), 16, v.begin() + n * 16); }

enum class Alignment : u8 {
    natural,                      // memory operands of 16 bytes: else #GP(0) (SDM vol. 1, 10.4.1.1)
    intel,                        // SHA: AMD demands nothing (Zen 5)
    any,                          // MOVUPS, MOVUPD, MOVDQU
};

}
