// SPDX-License-Identifier: MIT
// VEX-encoded moves and packed integers: how operands reach the functions of lanes.h, 16 bytes at a time (SDM vol. 1, 14.1). A
// register that is written is written whole: what lies behind the operand's length becomes zero. Rows are in avx*.cpp.
#pragma once
#include "cpu/exec/slow.h"
#include "cpu/isa/sse/halves.h"

namespace isa {

// ---- moves

template <Alignment A> struct WideMove {
    template <class X> static Outcome run(X& x) {
        using V = typename X::Long;
        auto v = x.template wide<V, A>(second);
        auto target = x.template place_wide<V, A>(first);
        if (x.stopped()) return x.why();
        target.set(v);
        return Outcome::next;
    }
};
// So many bytes.
template <unsigned Width> struct MoveLow {
    template <class X> static Outcome run(X& x) {
        auto v = x.template wide<Bytes<Width>>(second);
        auto target = x.template place_wide<Bytes<Width>>(first);
        if (x.stopped()) return x.why();
        target.set(v);
        return Outcome::next;
    }
};
// A general register, or memory (VMOVD, VMOVQ).
template <class T> struct MoveWidened {
    template <class X> static Outcome run(X& x) {
        T v = x.template read<T>(second);
        if (x.stopped()) return x.why();
        x.set_wide(first, x.apply(lanes::Widened{}, v));
        return Outcome::next;
    }
};
// The second operand, with Width bytes at To replaced by those at From of the third, which has `Source` bytes in memory.
template <unsigned To, unsigned From, unsigned Width, unsigned Source> struct Merge3 {
    template <class X> static Outcome run(X& x) {
        auto b = x.template low<Source>(third);
        if (x.stopped()) return x.why();
        x.set_wide(first, x.apply(lanes::Merge<To, From, Width>{}, x.template wide<Xmm>(second), b));
        return Outcome::next;
    }
};
template <class T> struct WideMask {
    template <class X> static Outcome run(X& x) {
        x.template place_to_write<u32>(first).set(x.apply(lanes::LongSigns<T>{}, x.template wide<typename X::Long>(second)));
        return Outcome::next;
    }
};
struct PutWord3 {                 // VPINSRW
    template <class X> static Outcome run(X& x) {
        auto b = x.apply(lanes::Widened{}, x.template read<u16>(third));
        if (x.stopped()) return x.why();
        x.set_wide(first, x.apply(lanes::InsertWord{}, x.template wide<Xmm>(second), b, x.template read<u8>(fourth)));
        return Outcome::next;
    }
};

// VZEROUPPER, VZEROALL: what lies behind so many bytes of every register that the mode has.
template <unsigned Kept> struct ZeroBehind {
    template <class X> static Outcome run(X& x) {
        x.template zero_behind<Kept>();
        return Outcome::next;
    }
};

// ---- whole vectors; Op is a function of vectors of either length

template <class Op> struct Whole3 {
    template <class X> [[gnu::always_inline]] static Outcome run(X& x) {
        using V = typename X::Long;
        auto b = x.template wide<V>(third);
        if (x.stopped()) return x.why();
        x.set_wide(first, x.apply(Op{}, x.template wide<V>(second), b));
        return Outcome::next;
    }
};
template <class Op> struct Whole3Immediate {
    template <class X> [[gnu::always_inline]] static Outcome run(X& x) {
        using V = typename X::Long;
        auto b = x.template wide<V>(third);
        if (x.stopped()) return x.why();
        x.set_wide(first, x.apply(Op{}, x.template wide<V>(second), b, x.template read<u8>(fourth)));
        return Outcome::next;
    }
};
// Of one vector and an immediate byte: Op takes it twice, as those of SSE that keep a part of the destination.
template <class Op> struct Whole2Immediate {
    template <class X> [[gnu::always_inline]] static Outcome run(X& x) {
        auto b = x.template wide<typename X::Long>(second);
        if (x.stopped()) return x.why();
        x.set_wide(first, x.apply(Op{}, b, b, x.template read<u8>(third)));
        return Outcome::next;
    }
};

// Of one vector.
template <class Op> struct Whole1 {
    template <class X> static Outcome run(X& x) {
        auto b = x.template wide<typename X::Long>(second);
        if (x.stopped()) return x.why();
        x.set_wide(first, x.apply(Op{}, b));
        return Outcome::next;
    }
};
// Of so many bytes, of 16.
template <class Op, unsigned Source> struct Low1 {
    template <class X> static Outcome run(X& x) {
        auto b = x.template low<Source>(second);
        if (x.stopped()) return x.why();
        x.set_wide(first, x.apply(Op{}, b));
        return Outcome::next;
    }
};
template <class Op> struct Low1Immediate {
    template <class X> static Outcome run(X& x) {
        auto b = x.template wide<Xmm>(second);
        if (x.stopped()) return x.why();
        x.set_wide(first, x.apply(Op{}, b, x.template read<u8>(third)));
        return Outcome::next;
    }
};
// Of two vectors and a part of memory (VINSERTPS), and of three.
template <class Op, unsigned Source> struct Low3Immediate {
    template <class X> static Outcome run(X& x) {
        auto b = x.template low<Source>(third);
        if (x.stopped()) return x.why();
        x.set_wide(first, x.apply(Op{}, x.template wide<Xmm>(second), b, x.template read<u8>(fourth)));
        return Outcome::next;
    }
};
template <class Op> struct Whole4 {
    template <class X> static Outcome run(X& x) {
        using V = typename X::Long;
        auto b = x.template wide<V>(third);
        if (x.stopped()) return x.why();
        x.set_wide(first, x.apply(Op{}, x.template wide<V>(second), b, x.template wide<V>(fourth)));
        return Outcome::next;
    }
};
// To flags alone.
template <class Op> struct WholeFlags {
    template <class X> static Outcome run(X& x) {
        using V = typename X::Long;
        auto b = x.template wide<V>(second);
        if (x.stopped()) return x.why();
        x.set_flags(x.apply(Op{}, x.template wide<V>(first), b));
        return Outcome::next;
    }
};
// VPMOVSX, VPMOVZX: as many low lanes of the second operand as the first one has; Op is a function of a vector of its length.
template <class Op, unsigned Ratio> struct WideExtend {
    template <class X> static Outcome run(X& x) {
        using V = typename X::Long;
        auto b = x.template wide<Bytes<sizeof(V) / Ratio>>(second);
        if (x.stopped()) return x.why();
        x.set_wide(first, x.apply(lanes::Extended<Op, V>{}, b));
        return Outcome::next;
    }
};
// A general register or memory into one lane of the second operand.
template <class T, class Op> struct PutLane3 {
    template <class X> static Outcome run(X& x) {
        T v = x.template read<T>(third);
        if (x.stopped()) return x.why();
        x.set_wide(first, x.apply(Op{}, x.template wide<Xmm>(second), v, x.template read<u8>(fourth)));
        return Outcome::next;
    }
};

// ---- the same with functions of 16 bytes
template <class Op> using Wide = Whole3<lanes::Halves<Op>>;
template <class Op, unsigned Bits = 0> using WideImmediate = Whole3Immediate<lanes::Halves<Op, Bits>>;
template <class Op, unsigned Bits = 0> using WideOrder = Whole2Immediate<lanes::Halves<Op, Bits>>;

// Shifts: the count is the low 64 bits of the third operand, always 16 bytes; or an immediate byte.
template <class Op> struct WideShift {
    template <class X> static Outcome run(X& x) {
        auto count = x.template wide<Xmm>(third);
        if (x.stopped()) return x.why();
        x.set_wide(first, x.apply(lanes::Halves<Op>{}, x.template wide<typename X::Long>(second), x.apply(lanes::Part<u64, 0>{}, count)));
        return Outcome::next;
    }
};
template <class Op> struct WideShiftImmediate {
    template <class X> static Outcome run(X& x) {
        x.set_wide(first, x.apply(lanes::Halves<Op>{}, x.template wide<typename X::Long>(second), u64{x.template read<u8>(third)}));
        return Outcome::next;
    }
};

// The second operand's T in every lane.
template <class T> struct BroadcastLane {
    template <class X> static Outcome run(X& x) {
        auto v = x.template wide<Bytes<sizeof(T)>>(second);
        if (x.stopped()) return x.why();
        x.set_wide(first, x.apply(lanes::Spread<T, typename X::Long>{}, v));
        return Outcome::next;
    }
};

}
