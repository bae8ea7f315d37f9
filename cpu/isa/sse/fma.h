// SPDX-License-Identifier: MIT
// Multiply-adds: how operands reach the soft-float. The rows are in fma.cpp.
#pragma once
#include "cpu/isa/sse/float_composed.h"
#include "cpu/isa/sse/wide_float.h"

namespace isa {

// Which operands are multiplied, and which is added; the first two of 132, 213 and 231 name the factors, the first one first.
struct Order {
    u8 x, y, z;
};
namespace order {
inline constexpr Order x132{0, 2, 1}, x213{1, 0, 2}, x231{1, 2, 0};
}
// Signs in even and odd lanes.
struct Kind {
    fp::Signs even, odd;
};
namespace kind {
inline constexpr Kind add{{}, {}}, sub{{false, true}, {false, true}}, negated_add{{true, false}, {true, false}},
                      negated_sub{{true, true}, {true, true}}, addsub{{false, true}, {}}, subadd{{}, {false, true}};
}

// So many lanes of three vectors, the rest the first one's; 0: all.
template <class T, const Order& By, const Kind& How, std::size_t Lanes> struct Fused {
    template <class V> fp::Ran<V> operator()(const V& a, const V& b, const V& c, u32 mxcsr) const {
        std::array operands{lanes::split<T>(a), lanes::split<T>(b), lanes::split<T>(c)};
        auto r = operands[0];
        u32 raised = 0;
        for (std::size_t n = 0; n < (Lanes ? Lanes : r.size()); n++) {
            auto one = fp::multiply_add<SoftFormat<T>>(operands[By.x][n], operands[By.y][n], operands[By.z][n], n & 1 ? How.odd : How.even, mxcsr);
            r[n] = one.value, raised |= one.raised;
        }
        return {as<V>(r), raised};
    }
};
template <class T, const Order& By, const Kind& How> struct WideFused {
    template <class X> static Outcome run(X& x) {
        using V = typename X::Long;
        auto c = x.template wide<V>(third);
        if (x.stopped()) return x.why();
        auto result = compute_float(x, Fused<T, By, How, 0>{}, x.template wide<V>(first), x.template wide<V>(second), c);
        if (x.stopped()) return x.why();
        x.set_wide(first, result);
        return Outcome::next;
    }
};
template <class T, const Order& By, const Kind& How> struct ScalarFused {
    template <class X> static Outcome run(X& x) {
        auto c = x.template low<sizeof(T)>(third);
        if (x.stopped()) return x.why();
        auto result = compute_float(x, Fused<T, By, How, 1>{}, x.template wide<Xmm>(first), x.template wide<Xmm>(second), c);
        if (x.stopped()) return x.why();
        x.set_wide(first, result);
        return Outcome::next;
    }
};

}
