// SPDX-License-Identifier: MIT
// Near branches (SDM vol. 2). The rows are in branch.cpp.
#pragma once
#include "cpu/isa/stack.h"

namespace isa {

struct Jmp {
    template <class X> static Outcome run(X& x) { return x.jump(x.relative()); }
};
struct JmpIndirect {
    template <class X> static Outcome run(X& x) {
        u64 target = x.read(first);
        if (x.stopped()) return x.why();
        return x.jump(target);
    }
};
template <unsigned code> struct Jcc {
    template <class X> static Outcome run(X& x) {
        return x.condition(code) ? x.jump(x.relative()) : Outcome::next;
    }
};

// Where the target is not canonical or beyond the limit Intel has written the return address all the same (Emerald Rapids).
template <class X> bool writes_return_first(const X& x) {
    if constexpr (requires { x.cpu.intel(); }) return x.cpu.intel();
    else return false;                        // leaves such targets to the reference engine
}
// The return address goes to what has been probed for it; the stack faults before the target does.
template <class X, class Slot, class Place> Outcome call(X& x, const Slot& slot, const Place& target) {
    if (x.stopped()) return x.why();
    bool reachable = x.reachable(target);
    if (reachable || writes_return_first(x)) x.write(slot, x.next_rip());
    if (!reachable) return x.raise(gp(0));
    x.move_rsp(-s64(x.operand_bytes()));
    return x.call_to(target);
}
struct Call {
    template <class X> static Outcome run(X& x) {
        auto slot = x.probe_push(x.operand_bytes(), x.operand_bytes());
        return call(x, slot, x.relative());
    }
};
struct CallIndirect {
    template <class X> static Outcome run(X& x) {
        u64 target = early_value(x);
        auto slot = x.probe_push(x.operand_bytes(), x.operand_bytes());
        if constexpr (!X::source_is_plain_memory) target = x.read(first);
        return call(x, slot, target);
    }
};

// RET, and RET n, which releases n bytes more.
struct Ret {
    template <class X> static Outcome run(X& x) {
        u64 target = x.peek_stack_any(0, x.operand_bytes());
        if (x.stopped()) return x.why();
        if (!x.reachable(target)) return x.raise(gp(0));
        x.move_rsp(s64(x.operand_bytes() + u16(x.immediate())));
        return x.return_to(target);
    }
};

// The counter is as wide as the address size. LOOP, LOOPE, LOOPNE: also what ZF must be.
enum class Until { any, zero, not_zero };
template <Until until> struct Loop {
    template <class X> static Outcome run(X& x) {
        unsigned width = x.insn.address_size;
        u64 count = x.reg_any(rcx, width) - 1;
        bool zf = x.flags().zf();
        bool taken = (count & ones(width)) && (until == Until::any || zf == (until == Until::zero));
        if (taken && !x.reachable(x.relative())) return x.raise(gp(0));
        x.set_reg_any(rcx, count, width);
        return taken ? x.jump(x.relative()) : Outcome::next;
    }
};
struct Jcxz {
    template <class X> static Outcome run(X& x) {
        return x.reg_any(rcx, x.insn.address_size) ? Outcome::next : x.jump(x.relative());
    }
};

}
