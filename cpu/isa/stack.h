// SPDX-License-Identifier: MIT
// PUSH, POP, LEAVE (SDM vol. 2). The rows are in stack.cpp.
#pragma once
#include "cpu/exec/slow.h"

namespace isa {

// Puts the low operand-size bytes of a value on the stack.
template <class X> Outcome push(X& x, u64 value) {
    auto slot = x.probe_push(x.operand_bytes(), x.operand_bytes());
    if (x.stopped()) return x.why();
    x.write(slot, value);
    x.move_rsp(-s64(x.operand_bytes()));
    return Outcome::next;
}

// The first operand is looked at before the stack. A device is read only once nothing can fault; what is certainly memory is read at once.
template <class X> [[gnu::always_inline]] inline u64 early_value(X& x) {
    if constexpr (X::source_is_plain_memory) return x.read(first);
    else return x.probe_read(first), 0;
}
struct Push {
    template <class X> static Outcome run(X& x) {
        u64 value = early_value(x);
        auto slot = x.probe_push(sizeof(typename X::word), sizeof(typename X::word));
        if constexpr (!X::source_is_plain_memory) value = x.read(first);
        if (x.stopped()) return x.why();
        x.write(slot, value);
        x.move_rsp(-s64(sizeof(typename X::word)));
        return Outcome::next;
    }
};
// PUSHF outside of virtual-8086 mode (stack.cpp).
struct PushFlags {
    template <class X> static Outcome run(X& x) { return push(x, x.image_of_rflags()); }
};
struct PushImmediate {
    template <class X> static Outcome run(X& x) { return push(x, x.immediate()); }
};

// A memory destination's address is computed with rSP already moved (SDM vol. 2, POP).
struct Pop {
    template <class X> static Outcome run(X& x) {
        using T = typename X::word;
        T value = x.template peek_stack<T>(0);
        if (x.stopped()) return x.why();
        u64 old_rsp = x.template reg<u64>(rsp);
        x.move_rsp(sizeof(T));
        auto target = x.place_to_write(first);
        if (x.stopped()) {
            x.template set_reg<u64>(rsp, old_rsp);
            return x.why();
        }
        target.set(value);
        return Outcome::next;
    }
};

struct Leave {
    template <class X> static Outcome run(X& x) {
        unsigned width = x.operand_bytes();
        u64 frame = x.template reg<u64>(rbp) & ones(x.stack_bytes());
        u64 value = x.read_at(Seg::ss, frame, width);
        if (x.stopped()) return x.why();
        x.move_rsp(s64(frame - x.stack_offset(0) + width));
        x.set_reg_any(rbp, value, width);
        return Outcome::next;
    }
};

}
