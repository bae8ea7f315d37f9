// SPDX-License-Identifier: MIT
// An instruction as the fast engine runs it: 32 bytes, a handler and what it needs.
//
// Handlers call each other in tail position; what lives across instructions is in their arguments, hence in host registers:
// the CPU, the Op, the bank of the inline probe, and the status flags in host format (host_flags.h). Clang is told to; g++ 12
// has no musttail: tests/cpu/handlers.py looks at every built handler. Where the compiler gives no sibling calls (no
// optimization, sanitizers), a handler returns the next Op to a loop instead, and the flags go through memory.
#pragma once
#include "cpu/cpu.h"

namespace fast {

struct Op;

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLATE_NO_TAIL_CALLS 1
#endif
#endif
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && !defined(SLATE_NO_TAIL_CALLS)
#define SLATE_TAIL_CALLS 1
#else
#define SLATE_TAIL_CALLS 0
#endif
// Asked for where it can be: caller and callee have the same parameters.
#if SLATE_TAIL_CALLS && defined(__clang__)
#define TAIL [[clang::musttail]]
#else
#define TAIL
#endif

#if SLATE_TAIL_CALLS
using Next = void;
#else
using Next = const Op*;
#endif
// `z` carries the linear address that missed, or an indirect target, to the functions behind the handlers. It and `spare` take
// the registers that compilers (and shifts) want first, so that what is pinned isn't moved out of their way and back.
using Handler = Next (*)(Cpu* cpu, const Op* op, u64 z, u64 spare, BankEntry* bank, u64 flags);

struct Op {
    Handler run = nullptr;
    u8 dst = 0, src = 0;          // byte offsets into Gpr: AH is AL's and 1
    u8 base = 0, index = 0;       // the same; "none" is a slot that holds 0, RIP-relative the slot that holds the page
    u8 before = 0;                // guest instructions of this block in front of it
    u8 shape = 0;                 // of an address: bits 1:0 its scale, 4:2 its segment, 5 set: offsets have 16 bits
    u16 offset = 0;               // of the instruction in its page
    s32 displacement = 0;
    s32 immediate = 0;            // of CALL: the return point's offset in the page
    union {
        Op* link = nullptr;       // of branches: the target's first Op, or the stub that finds it
        u64 value;                // a 64-bit immediate
        const ::Insn* decoded;    // for the reference engine's handler
    };
};
static_assert(sizeof(Op) == 32);

// What some address forms find in Op::shape.
constexpr unsigned scale_of(u8 shape) { return shape & 3; }
constexpr Seg segment_of(u8 shape) { return Seg(shape >> 2 & 7); }
constexpr u8 offsets16 = 0x20;

#define OP_ARGUMENTS                                                                                          \
    [[maybe_unused]] Cpu *cpu, [[maybe_unused]] const Op *op, [[maybe_unused]] u64 z, [[maybe_unused]] u64 spare,  \
        [[maybe_unused]] BankEntry *bank, [[maybe_unused]] u64 flags

// Where z and `spare` mean nothing they are whatever their registers hold.
#if defined(__x86_64__) && defined(__GNUC__)
[[gnu::always_inline]] inline u64 any_z() {
    u64 value;
    asm("" : "=d"(value));
    return value;
}
[[gnu::always_inline]] inline u64 any_spare() {
    u64 value;
    asm("" : "=c"(value));
    return value;
}
#else
inline u64 any_z() { return 0; }
inline u64 any_spare() { return 0; }
#endif

// Keeps memory accesses in front of it and behind it apart.
#if defined(__GNUC__)
[[gnu::always_inline]] inline void apart() { asm("" ::: "memory"); }
#else
inline void apart() {}
#endif

// On to an Op.
#if SLATE_TAIL_CALLS && defined(__clang__)
#define GO(next) TAIL return (next)->run(cpu, next, any_z(), any_spare(), bank, flags)
#define LEAVE return
#elif SLATE_TAIL_CALLS
#if defined(__x86_64__) && defined(__GNUC__)
[[gnu::always_inline]] inline void go(Cpu* cpu, const Op* op, BankEntry* bank, u64 flags) {
    asm("" : "+S"(op));                              // settled: one jump through memory, and no second register for it
    return op->run(cpu, op, any_z(), any_spare(), bank, flags);
}
#else
inline void go(Cpu* cpu, const Op* op, BankEntry* bank, u64 flags) { return op->run(cpu, op, 0, 0, bank, flags); }
#endif
#define GO(next) return go(cpu, next, bank, flags)
#define LEAVE return
#else
#define GO(next) return cpu->fast.flags = flags, (next)
#define LEAVE return nullptr
#endif
#define TO(function, address) TAIL return function(cpu, op, address, any_spare(), bank, flags)

// Behind the handlers (runner.cpp): all of them end the chain or go on with it.
Next miss_read(OP_ARGUMENTS);         // z: linear address; fills the bank and runs the Op again, or runs it in Slow
Next miss_write(OP_ARGUMENTS);
Next run_in_slow(OP_ARGUMENTS);       // the instruction at op, by the reference engine, decoded anew
Next call_slow(OP_ARGUMENTS);         // its reference handler, decoded when the block was made
Next one_in_slow(OP_ARGUMENTS);       // as run_in_slow, for what the block can't hold; then leaves
Next leave(OP_ARGUMENTS);             // op has not run yet
Next out_of_budget(OP_ARGUMENTS);     // op is a branch's target, its block not counted yet
Next leave_to(OP_ARGUMENTS);          // z: RIP; the block has been counted
Next return_elsewhere(OP_ARGUMENTS);  // z: RIP; a return that the return stack didn't expect, not counted yet
Next call_indirect(OP_ARGUMENTS);     // z: RIP; the block has not been counted, the return point not remembered
Next go_to(OP_ARGUMENTS);             // z: RIP, in a segment with any base; the block has not been counted
Next find_indirect(OP_ARGUMENTS);     // as leave_to, and what is found is remembered
Next resolve(OP_ARGUMENTS);           // op is a stub's
Next cross_page(OP_ARGUMENTS);        // op is a stub's, whose target is in another page
Next count_run(OP_ARGUMENTS);         // op is its block's first; its handlers may be copied now

}
