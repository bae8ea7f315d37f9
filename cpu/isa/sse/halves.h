// SPDX-License-Identifier: MIT
// From functions of 16 bytes to those of 16 or 32: VEX-encoded instructions treat the halves of a YMM register alike (SDM vol. 1, 14.1).
#pragma once
#include "cpu/isa/sse/lanes.h"
#include <type_traits>

namespace isa::lanes {

// A function of 16 bytes on each half of the vectors. Numbers are the same for both, but for an order whose bits the halves share:
// `Bits` of them are each half's.
template <class Op, unsigned Bits = 0> struct Halves {
    template <class V, class... Values> constexpr V operator()(const V& first, const Values&... values) const {
        V r{};
        for (unsigned n = 0; n < sizeof(V) / 16; n++) set_half(r, n, Op{}(half(first, n), part<V>(values, n)...));
        return r;
    }

private:
    template <class V, class Value> static constexpr auto part(const Value& v, unsigned n) {
        if constexpr (std::is_same_v<V, Value>) return half(v, n);
        else if constexpr (Bits) return Value(v >> n * Bits);
        else return v;
    }
};
// The top bits of a vector's lanes, whatever its length.
template <class T> struct LongSigns {
    template <class V> constexpr u32 operator()(const V& v) const { return signs<T>(v); }
};
// A T in every lane of a V.
template <class T, class V> struct Spread {
    constexpr V operator()(const Bytes<sizeof(T)>& v) const {
        Of<Bytes<sizeof(T)>, V> r;
        r.fill(v);
        return as<V>(r);
    }
};
// An extension (VPMOVSX, VPMOVZX) of as many low lanes as a V has wide ones.
template <class Op, class V> struct Extended {
    template <class B> constexpr V operator()(const B& b) const { return Op{}(resized<sizeof(V)>(b)); }
};

static_assert(Halves<Unpack<u64, false>>{}(Ymm{1, 2}, Ymm{3, 4}) == Ymm{1, 2, 0, 0, 0, 0, 0, 0, 3, 4});

}
