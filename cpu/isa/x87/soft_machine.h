// SPDX-License-Identifier: MIT
// The register stack as the soft-float's instructions see it: operands, stack faults, results, condition codes (SDM vol. 1, 8.1 and 8.5).
#pragma once
#include "cpu/fp/soft.h"
#include <cstring>

namespace x87 {

namespace soft = fp::soft;

class SoftMachine {
public:
    static constexpr u16 c0 = 0x100, c1 = 0x200, c2 = 0x400, c3 = 0x4000, stack_fault = 0x40;

    SoftMachine(Fpu& fpu, u8 opcode, u8 modrm, void* memory) : f(fpu), opcode(opcode), modrm(modrm), memory(static_cast<u8*>(memory)) {
        c.nans = soft::Nans::larger;
        c.rounding = soft::Rounding(f.control >> 10 & 3);
        constexpr u8 precisions[] = {24, 64, 53, 64};                         // 1 is reserved
        c.precision = precisions[f.control >> 8 & 3];
        // An exception that is pending already (CR0.NE = 0 let it pass) doesn't count as unmasked again.
        c.masked = f.error_pending() ? 0x3f : f.control & 0x3f;
    }

    bool empty(unsigned n) const { return f.empty >> f.physical(n) & 1; }
    F80& st(unsigned n) { return f.r[f.physical(n)]; }
    soft::Unpacked value(unsigned n) { return soft::Extended::unpack(st(n)); }
    void put(unsigned n, const F80& v) {
        st(n) = v;
        f.empty &= u8(~(1 << f.physical(n)));
    }
    void pop() {
        f.empty |= u8(1 << f.physical(0));
        f.set_top(f.top() + 1);
    }
    void push(const F80& v) {
        f.set_top(f.top() - 1);
        put(0, v);
    }

    // A stack fault; true where it is masked, and the instruction goes on with indefinite values.
    bool stack_fails(bool overflow) {
        c.raise(soft::ie);
        f.status |= stack_fault;
        c.rounded_up = overflow;
        return c.masked & soft::ie;
    }
    // FLD and the like: what comes onto the stack, unless an exception stops it.
    template <class Make> void load(Make&& make) {
        if (!empty(7)) {
            if (stack_fails(true)) push(soft::indefinite<soft::Extended>());
            return;
        }
        F80 v = make();
        if (!c.stopped()) push(v);
    }

    void code(u16 which, bool on) { f.status = u16(on ? f.status | which : f.status & ~which); }
    template <class T> T from_memory() const {
        T v;
        std::memcpy(&v, memory, sizeof v);
        return v;
    }
    template <class T> void to_memory(const T& v) {
        std::memcpy(memory, &v, sizeof v);
        stored = true;
    }
    F80 extended_from_memory() const {
        F80 v;
        std::memcpy(&v.significand, memory, 8);
        std::memcpy(&v.sign_exponent, memory + 8, 2);
        return v;
    }
    void extended_to_memory(const F80& v) {
        std::memcpy(memory, &v.significand, 8);
        std::memcpy(memory + 8, &v.sign_exponent, 2);
        stored = true;
    }

    // Flags and C1 into the status word.
    void finish() {
        code(c1, c.rounded_up);
        f.status |= c.raised;
        f.update_summary();
    }

    Fpu& f;
    u8 opcode, modrm;
    u8* memory;
    soft::Context c;
    bool stored = false;
    unsigned i() const { return modrm & 7; }
    unsigned reg() const { return modrm >> 3 & 7; }
};

// FCOM and the like: codes and pops; `fault` where an operand is empty.
void compare_with(SoftMachine& m, bool fault, const soft::Unpacked& a, const soft::Unpacked& b, bool signalling, unsigned pops);
void run_constant(SoftMachine& m);        // D9 E0 to EF
void run_function(SoftMachine& m);        // D9 F0 to FF

}
