// SPDX-License-Identifier: MIT
// What gates, far calls, far returns and event delivery have in common: the target's code segment,
// the stack of an inner ring, and the frame that is pushed on it.
#pragma once
#include "cpu/isa/descriptors.h"
#include <optional>

namespace transfer {

// Accesses are made with another ring's rights, and 64-bit addresses if `wide`, for a while.
class AccessAs {
public:
    AccessAs(Cpu& cpu, unsigned cpl, bool wide) : cpu(cpu), old(cpu.cpl), changed(cpl != old || (wide && !cpu.bits64())) {
        if (!changed) return;
        set(cpl);
        if (wide) cpu.code.size = decode::CodeSize::bits64;
    }
    ~AccessAs() {
        if (changed) set(old);
    }
    AccessAs(const AccessAs&) = delete;
    AccessAs& operator=(const AccessAs&) = delete;

private:
    void set(unsigned cpl) {
        cpu.cpl = u8(cpl);
        cpu.mode_changed();
    }
    Cpu& cpu;
    unsigned old;
    bool changed;
};

// A stack to push on, which need not be in SS:rSP yet.
struct Stack {
    Segment ss;
    u64 rsp = 0;
    unsigned width = 2;           // 2, 4, 8: how much of rSP counts
    unsigned cpl = 0;             // whose rights the pushes have
    u32 code = 0;                 // of #SS when it is too small
};
Stack current_stack(const Cpu& cpu);

// The stack for ring `cpl` that the TSS names, or that of an IST entry (SDM vol. 3, 5.8.5, 6.14.4
// and 7.7): #TS, #SS. In IA-32e mode SS becomes null where the ring changes and stays where it
// doesn't.
bool inner_stack(Cpu& cpu, unsigned cpl, unsigned ist, Stack& stack);

// Probes each push as it is added; commit() writes them, and can no longer fail.
class Frame {
public:
    Frame(Cpu& cpu, const Stack& stack) : rsp(stack.rsp), cpu(cpu), stack(stack),
        rights(std::in_place, cpu, stack.cpl, stack.width == 8) {}
    // Does nothing once one has failed.
    void push(u64 value, unsigned width);
    bool failed() const { return failure; }
    void commit();
    u64 rsp;                      // what it is behind the pushes

private:
    bool linear(u64 offset, unsigned width, u64& address) const;
    struct Piece { u64 address, value; unsigned width; };
    Cpu& cpu;
    const Stack& stack;
    std::optional<AccessAs> rights;
    bool failure = false;
    unsigned count = 0;
    Piece pieces[40];             // a call gate's 31 parameters and 4 more
};

// Stores or loads the low `width` bytes (1, 2, 4, 8).
bool store(Cpu& cpu, u64 address, u64 value, unsigned width, As as = As::current);
bool load(Cpu& cpu, u64 address, u64& value, unsigned width, As as = As::current);

// rSP with its low `width` bytes replaced; 32-bit writes clear the rest.
constexpr u64 merged_rsp(u64 old, u64 value, unsigned width) {
    return width == 2 ? (old & ~ones(2)) | (value & ones(2)) : value & ones(width);
}

// The code segment behind a call, interrupt or trap gate: #GP, #NP (SDM vol. 3, 5.8.4 and
// 6.12.1.1). In IA-32e mode it must be a 64-bit one.
bool gate_code(Cpu& cpu, u16 selector, descriptors::Entry& code);
// L and D both set say nothing in IA-32e mode: #GP(selector).
bool valid_code_size(const Cpu& cpu, Rights rights);
// RIP within the limit, or canonical: for a code segment that is about to be loaded.
bool reachable(const Cpu& cpu, const Segment& cs, u64 rip);

// Loads CS, CPL and RIP: the last step but for the stack and the flags.
void enter(Cpu& cpu, Segment cs, unsigned cpl, u64 rip);
void load_stack(Cpu& cpu, const Stack& stack, u64 rsp);

}
