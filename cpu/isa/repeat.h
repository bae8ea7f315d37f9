// SPDX-License-Identifier: MIT
// REP: how string instructions repeat (SDM vol. 2, REP; vol. 1, 7.3.9.2).
//
// Rule of restart: each iteration is committed, registers included, before the next one starts. A fault, an event or a timer
// in the middle finds the instruction with the rest of its work before it.
#pragma once
#include "cpu/exec/slow.h"
#include "cpu/mmu.h"
#include <algorithm>

namespace isa {

// The offset in rSI or rDI, and its way to the next elements.
template <class X> u64 string_offset(X& x, unsigned reg) { return x.reg_any(reg, x.insn.address_size); }
template <class X> void advance(X& x, unsigned reg, u64 bytes) {
    u64 by = x.flag(rflags::df) ? 0 - bytes : bytes;
    x.set_reg_any(reg, x.template reg<u64>(reg) + by, x.insn.address_size);
}

// What a string instruction defines: once() does one element and moves rSI and rDI, false at a fault; many() up to `limit`
// elements of one page, 0 at a fault; satisfied() tells after an iteration whether the repetition ends before rCX does.
template <class Step> struct StringStep {
    static constexpr unsigned stores = 0;          // bytes at ES:rDI
    template <class X> static u64 many(X& x, u64) { return Step::once(x); }
    template <class X> static bool satisfied(X&) { return false; }
    static constexpr bool compares = false;        // sets the status flags
};

// Iterations within one call: others want to look at the machine too.
constexpr u64 most_iterations = 1 << 16;

// How many iterations may run before something must be looked at. The running one is in the tick count already. What is
// pending now has been looked at and can't be taken yet; behind a shadow it can after one iteration.
inline u64 next_look(const Cpu& cpu) { return std::min(cpu.clock.deadline(), cpu.run_limit); }
template <class X> u64 iterations_allowed(X& x) {
    auto& cpu = x.cpu;
    if ((cpu.pending && cpu.in_shadow()) || x.flag(rflags::tf) || cpu.debug_trap_armed() || cpu.monitor_trap) return 1;
    u64 stop = next_look(cpu);
    return stop > cpu.clock.ticks ? std::min(stop - cpu.clock.ticks, most_iterations) + 1 : 1;
}

// A store into a page that the instruction itself lies on: what comes next is fetched anew, so that a repetition over its own
// bytes does the same wherever it is interrupted.
template <class X> u64 linear_target(X& x) {
    u64 at = string_offset(x, rdi);
    return x.cpu.bits64() ? at : u32(at + x.cpu.seg[Seg::es].base);
}
template <class X> bool stored_into_own_page(X& x, u64 target, unsigned width) {
    auto& cpu = x.cpu;
    u64 code = cpu.bits64() ? cpu.rip() : u32(cpu.rip() + cpu.seg[Seg::cs].base), code_end = code + x.insn.length - 1, end = target + width - 1;
    auto own = [&](u64 stored) { return cpu.mmu->same_page(stored, code) || ((code ^ code_end) >> 12 && cpu.mmu->same_page(stored, code_end)); };
    return own(target) || ((target ^ end) >> 12 && own(end));
}

// Between iterations of CMPS and SCAS the status flags are as they were in front of the instruction on Intel (Emerald Rapids).
template <class Step> class FlagsBetween {
public:
    template <class X> explicit FlagsBetween(X& x) {
        if constexpr (Step::compares) before = x.flags();
    }
    template <class X> Outcome leave(X& x, Outcome outcome) const {
        if constexpr (Step::compares)
            if (x.cpu.intel()) x.set_flags(before);
        return outcome;
    }

private:
    Flags before{0};
};

// Runs iterations until rCX is 0, the step is satisfied, or something else is due. Each costs a tick; the run loop has
// counted the first.
template <class Step, class X> Outcome repeat(X& x) {
    if (!x.insn.rep) return Step::once(x) ? Outcome::next : x.why();
    unsigned width = x.insn.address_size;
    u64 count = x.reg_any(rcx, width);
    if (!count) return Outcome::next;
    u32 known = x.cpu.pending;            // and can't be taken yet
    FlagsBetween<Step> flags(x);
    u64 other_page = ~u64{0};              // is none of the instruction's own
    for (u64 done = 0;;) {
        u64 allowed = iterations_allowed(x), target = Step::stores ? linear_target(x) : 0;
        bool look = Step::stores && target >> 12 != other_page;
        u64 n = Step::many(x, look ? 1 : std::min(allowed, count));
        if (!n) return flags.leave(x, x.why());
        bool own = look && stored_into_own_page(x, target, Step::stores);
        if (look && !own && (target & 0xfff) + Step::stores <= 4096) other_page = target >> 12;
        count -= n, done += n;
        x.set_reg_any(rcx, count, width);
        x.cpu.clock.ticks += n - 1;
        if (!count || Step::satisfied(x)) return Outcome::next;
        bool late = x.cpu.clock.ticks >= next_look(x.cpu);        // a port takes more than a tick
        if (n == allowed || late || own || x.cpu.pending != known || done >= most_iterations) return flags.leave(x, Outcome::again);
        x.cpu.clock.ticks++;
    }
}

// The offset of the lowest of n elements, the first of which is at `offset`.
template <Word T, class X> u64 lowest(X& x, u64 offset, u64 n) { return x.flag(rflags::df) ? offset - (n - 1) * sizeof(T) : offset; }

// How many elements from an offset on, in the direction of DF, lie within one page and one segment, before the address wraps;
// 0 where it isn't worth asking. No effects but that Cpu::fault_ may be overwritten.
template <Word T, class X> u64 elements_together(X& x, Seg s, u64 offset, Kind kind, u64 limit) {
    u64 address;
    if (limit < 2 || !x.cpu.linear(s, offset, sizeof(T), kind, address)) return 0;
    u64 at = address & 0xfff, n;
    if (x.flag(rflags::df)) n = at + sizeof(T) > 4096 ? 0 : std::min(at, offset) / sizeof(T) + 1;
    else n = std::min((ones(x.insn.address_size) - offset) / sizeof(T), (4096 - at) / sizeof(T));
    n = std::min(limit, n);
    return n > 1 && x.cpu.linear(s, lowest<T>(x, offset, n), unsigned(n * sizeof(T)), kind, address) ? n : 0;
}
// Their bytes in the host's memory, from the lowest on, or null where they aren't plain memory.
template <Word T, class X> u8* host_elements(X& x, Seg s, u64 offset, Kind kind, u64 n) {
    u64 address;
    Span span;
    unsigned width = unsigned(n * sizeof(T));
    bool ok = x.cpu.linear(s, lowest<T>(x, offset, n), width, kind, address) && x.cpu.probe(address, width, kind, span, As::current, s);
    return ok ? span.host : nullptr;
}
// Elements can be done together where no access is checked for alignment.
template <class X> bool together(X& x, u64 limit) { return limit > 1 && !x.cpu.alignment_checked(); }

}
