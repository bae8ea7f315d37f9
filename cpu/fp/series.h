// SPDX-License-Identifier: MIT
// The functions on small arguments by their power series, in fixed point. Coefficients are computed, not typed in.
#pragma once
#include "cpu/fp/big.h"
#include <array>

namespace fp::big {

enum class Signs : u8 { same, alternate };

// c[0] +- x * (c[1] +- x * (c[2] ...)), of positive numbers below 2. Where an x other than 0 is too small to change the first
// coefficient it is taken for a unit, so that the result still lies on the right side of it.
template <std::size_t N> constexpr Limbs evaluate(const std::array<Limbs, N>& c, const Limbs& x, Signs signs) {
    Limbs sum = c[N - 1];
    for (std::size_t n = N - 1; n-- > 0;) {
        Limbs product = mul(x, sum);
        if (n == 0 && product.zero()) product.limb[0] = 1;
        sum = signs == Signs::same ? add(c[n], product) : sub(c[n], product);
    }
    return sum;
}

// 1 / first!, 1 / (first + step)!, ...
template <std::size_t N> constexpr std::array<Limbs, N> inverse_factorials(u64 first, u64 step) {
    std::array<Limbs, N> c{};
    Limbs term = one;
    for (u64 n = 0, at = 0; at < N; term = divide(term, ++n))
        if (n == first + at * step) c[at++] = term;
    return c;
}
// 1, 1/3, 1/5, ...
template <std::size_t N> constexpr std::array<Limbs, N> inverse_odds() {
    std::array<Limbs, N> c{};
    for (u64 n = 0; n < N; n++) c[n] = divide(one, 2 * n + 1);
    return c;
}

inline constexpr auto sine = inverse_factorials<22>(1, 2);         // of |x| < 0.79 with x^2: 45! is 2^186, and 0.62^22 2^-15
inline constexpr auto cosine = inverse_factorials<23>(0, 2);
inline constexpr auto exponential = inverse_factorials<40>(1, 1);  // of |x| < 0.7: 41! is 2^165, and 0.7^40 2^-20
inline constexpr auto logarithm = inverse_odds<38>();              // of x^2 < 0.0295: 5 bits a term
inline constexpr auto arctangent = inverse_odds<26>();             // of |x| <= 1/16: 8 bits a term

}
