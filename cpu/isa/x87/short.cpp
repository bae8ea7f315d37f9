// SPDX-License-Identifier: MIT
// The short ways of the common x87 instructions: what only moves a register needs no x87 at all, what computes is run by the host's
// x87 under the guest's control word, with its operands alone.
// C1 tells of a stack fault or of rounding up (SDM vol. 1, 8.1.3.1): moves without a fault clear it, on Intel and on AMD.
#include "cpu/isa/x87/short.h"
#include <cstddef>
#include <cstring>
#include <utility>

namespace x87 {
namespace {

// A register is ten bytes as FLD and FSTP have them in memory.
static_assert(offsetof(F80, significand) == 0 && offsetof(F80, sign_exponent) == 8 && sizeof(F80) == 16);

constexpr u16 flags = 0x3f, stack_fault = 0x40, c1 = 0x200, codes = 0x4700, summary = 0x8080;

// Does its instruction, ST(i) and the memory operand given; false, and nothing done, where the stack would fault.
using Short = bool (*)(Fpu&, unsigned i, void* memory);

bool is_empty(const Fpu& f, unsigned st) { return f.empty >> f.physical(st) & 1; }
F80& reg(Fpu& f, unsigned st) { return f.r[f.physical(st)]; }
void set_c1(Fpu& f, bool value) { f.status = u16(value ? f.status | c1 : f.status & ~c1); }

// By its two parts: what FSTP has just written as 8 and 2 bytes would not be forwarded to a load of 16.
void put(Fpu& f, unsigned st, const F80& value) {
    auto& to = reg(f, st);
    to.significand = value.significand, to.sign_exponent = value.sign_exponent;
    f.empty &= u8(~(1 << f.physical(st)));
}
// ST(7), which is empty, is ST(0) then.
void push(Fpu& f) {
    f.set_top(f.top() - 1);
    f.empty &= u8(~(1 << f.physical(0)));
}
void pop(Fpu& f) {
    f.empty |= u8(1 << f.physical(0));
    f.set_top(f.top() + 1);
}

bool load_value(Fpu& f, const F80& value) {
    if (!is_empty(f, 7)) return false;
    put(f, 7, value);
    push(f);
    set_c1(f, false);
    return true;
}
bool load_one(Fpu& f, unsigned, void*) { return load_value(f, {1ull << 63, 0x3fff}); }
bool load_zero(Fpu& f, unsigned, void*) { return load_value(f, {}); }
bool load_register(Fpu& f, unsigned i, void*) { return !is_empty(f, i) && load_value(f, reg(f, i)); }
bool load_extended(Fpu& f, unsigned, void* memory) {
    F80 value;
    std::memcpy(&value.significand, memory, 8);
    std::memcpy(&value.sign_exponent, static_cast<u8*>(memory) + 8, 2);
    return load_value(f, value);
}
bool store_extended(Fpu& f, unsigned, void* memory) {
    if (is_empty(f, 0)) return false;
    std::memcpy(memory, &reg(f, 0).significand, 8);
    std::memcpy(static_cast<u8*>(memory) + 8, &reg(f, 0).sign_exponent, 2);
    pop(f);
    set_c1(f, false);
    return true;
}
template <bool Pops> bool store_register(Fpu& f, unsigned i, void*) {
    if (is_empty(f, 0)) return false;
    put(f, i, reg(f, 0));
    if (Pops) pop(f);
    set_c1(f, false);
    return true;
}
bool exchange(Fpu& f, unsigned i, void*) {
    if (is_empty(f, 0) || is_empty(f, i)) return false;
    auto &a = reg(f, 0), &b = reg(f, i);
    std::swap(a.significand, b.significand);
    std::swap(a.sign_exponent, b.sign_exponent);
    set_c1(f, false);
    return true;
}
// FCHS and FABS: the sign bit, whatever the rest holds.
template <u16 Keep, u16 Flip> bool change_sign(Fpu& f, unsigned, void*) {
    if (is_empty(f, 0)) return false;
    auto& sign_exponent = reg(f, 0).sign_exponent;
    sign_exponent = u16((sign_exponent & Keep) ^ Flip);
    set_c1(f, false);
    return true;
}

// ---- Run by the host ----------------------------------------------------------------------------------------------

constexpr u16 host_control = 0x37f;       // what the ABI has at every call, with an empty stack

// The host's x87 with the guest's rounding and precision. Its flags are sticky: those that the guest has too may be there before,
// as they are or-ed to the guest's; others are cleared.
class GuestControl {
public:
    explicit GuestControl(const Fpu& f) : control(f.control) {
        u16 status;
        asm volatile("fnstsw %0" : "=a"(status));
        if (status & ~f.status & (flags | stack_fault)) asm volatile("fnclex");
        if (control != host_control) asm volatile("fldcw %0" : : "m"(control));
    }
    ~GuestControl() {
        if (control != host_control) asm volatile("fldcw %0" : : "m"(host_control));
    }

private:
    u16 control;
};

// The instruction, with a memory operand at RAX, and the status word to AX (before what is stored then: AX is an early output).
#define RUN ".byte %c[opcode], %c[modrm]\n\tfnstsw %%ax\n\t"
#define FORM [opcode] "i"(Opcode), [modrm] "i"(Modrm)
#define CLOBBERED "cc", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)"

bool all_masked(const Fpu& f) { return (f.control & flags) == flags; }
void take_flags(Fpu& f, u64 host) { f.status = u16((f.status & ~c1) | (host & (flags | c1))); }
void take_codes(Fpu& f, u64 host) { f.status = u16((f.status & ~codes) | (host & (flags | codes))); }

template <u8 Opcode, u8 Modrm> bool load_memory(Fpu& f, unsigned, void* memory) {
    if (!all_masked(f) || !is_empty(f, 7)) return false;
    u64 ax = reinterpret_cast<u64>(memory);
    {
        GuestControl guest(f);
        asm volatile(RUN "fstpt %[value]" : "+&a"(ax), [value] "=m"(reg(f, 7)) : FORM : "memory", CLOBBERED);
    }
    push(f);
    take_flags(f, ax);
    return true;
}

template <u8 Opcode, u8 Modrm, bool Pops> bool store_memory(Fpu& f, unsigned, void* memory) {
    if (!all_masked(f) || is_empty(f, 0)) return false;
    u64 ax = reinterpret_cast<u64>(memory);
    {
        GuestControl guest(f);
        asm volatile("fldt %[a]\n\t" RUN : "+&a"(ax) : [a] "m"(reg(f, 0)), FORM : "memory", CLOBBERED);
        if (!Pops) asm volatile("fstp %%st(0)" : : : CLOBBERED);
    }
    take_flags(f, ax);
    if (Pops) pop(f);
    return true;
}

// ST(0) op memory, or ST(0) alone.
template <u8 Opcode, u8 Modrm> bool with_memory(Fpu& f, unsigned, void* memory) {
    if (!all_masked(f) || is_empty(f, 0)) return false;
    u64 ax = reinterpret_cast<u64>(memory);
    {
        GuestControl guest(f);
        asm volatile("fldt %[a]\n\t" RUN "fstpt %[a]" : "+&a"(ax), [a] "+m"(reg(f, 0)) : FORM : "memory", CLOBBERED);
    }
    take_flags(f, ax);
    return true;
}

// The operands are the host's ST(0) and ST(1) whatever i is; the result is in the register that the opcode says.
template <u8 Opcode, u8 Modrm> u64 operate(const F80& a, const F80& b, F80& result) {
    u64 ax;
    if constexpr (Opcode == 0xdc)         // to ST(1)
        asm volatile("fldt %[b]\n\tfldt %[a]\n\t" RUN "fstp %%st(0)\n\tfstpt %[result]"
                     : "=&a"(ax), [result] "=m"(result) : [a] "m"(a), [b] "m"(b), FORM : CLOBBERED);
    else if constexpr (Opcode == 0xde)    // to ST(1), and popped
        asm volatile("fldt %[b]\n\tfldt %[a]\n\t" RUN "fstpt %[result]"
                     : "=&a"(ax), [result] "=m"(result) : [a] "m"(a), [b] "m"(b), FORM : CLOBBERED);
    else                                  // to ST(0)
        asm volatile("fldt %[b]\n\tfldt %[a]\n\t" RUN "fstpt %[result]\n\tfstp %%st(0)"
                     : "=&a"(ax), [result] "=m"(result) : [a] "m"(a), [b] "m"(b), FORM : CLOBBERED);
    return ax;
}
template <u8 Opcode, u8 Modrm> bool with_register(Fpu& f, unsigned i, void*) {
    if (!all_masked(f) || is_empty(f, 0) || is_empty(f, i)) return false;
    u64 ax;
    {
        GuestControl guest(f);
        ax = operate<Opcode, Modrm>(reg(f, 0), reg(f, i), reg(f, Opcode & 4 ? i : 0));
    }
    take_flags(f, ax);
    if (Opcode == 0xde) pop(f);
    return true;
}

// FCOM and the like: every code is defined. What the instruction leaves on the host's stack is dropped.
template <unsigned Left> void drop() {
    if constexpr (Left > 0) asm volatile("fstp %%st(0)" : : : CLOBBERED);
    if constexpr (Left > 1) asm volatile("fstp %%st(0)" : : : CLOBBERED);
}
template <u8 Opcode, u8 Modrm, unsigned Pops> bool compare_memory(Fpu& f, unsigned, void* memory) {
    if (!all_masked(f) || is_empty(f, 0)) return false;
    u64 ax = reinterpret_cast<u64>(memory);
    {
        GuestControl guest(f);
        asm volatile("fldt %[a]\n\t" RUN : "+&a"(ax) : [a] "m"(reg(f, 0)), FORM : "memory", CLOBBERED);
        drop<1 - Pops>();
    }
    take_codes(f, ax);
    for (unsigned n = 0; n < Pops; n++) pop(f);
    return true;
}
template <u8 Opcode, u8 Modrm, unsigned Pops> bool compare_register(Fpu& f, unsigned i, void*) {
    if (!all_masked(f) || is_empty(f, 0) || is_empty(f, i)) return false;
    u64 ax;
    {
        GuestControl guest(f);
        asm volatile("fldt %[b]\n\tfldt %[a]\n\t" RUN : "=&a"(ax) : [a] "m"(reg(f, 0)), [b] "m"(reg(f, i)), FORM : CLOBBERED);
        drop<2 - Pops>();
    }
    take_codes(f, ax);
    for (unsigned n = 0; n < Pops; n++) pop(f);
    return true;
}

// ---- Which instruction goes which way -----------------------------------------------------------------------------

constexpr unsigned form_of(u8 opcode, u8 modrm) { return (opcode - 0xd8u) * 72 + (modrm >= 0xc0 ? modrm - 0xc0u + 8 : modrm >> 3 & 7); }

struct Forms : std::array<Short, 8 * 72> {
    // `count` ModRM bytes from this one on: ST(0), ST(1), ...
    constexpr void set(u8 opcode, u8 modrm, unsigned count, Short way) {
        for (unsigned n = 0; n < count; n++) (*this)[form_of(opcode, u8(modrm + n))] = way;
    }
};

constexpr void add_moves(Forms& forms) {
    forms.set(0xd9, 0xc0, 8, load_register);
    forms.set(0xd9, 0xc8, 8, exchange);
    forms.set(0xd9, 0xe0, 1, change_sign<0xffff, 0x8000>);
    forms.set(0xd9, 0xe1, 1, change_sign<0x7fff, 0>);
    forms.set(0xd9, 0xe8, 1, load_one);
    forms.set(0xd9, 0xee, 1, load_zero);
    forms.set(0xdb, 5 << 3, 1, load_extended);
    forms.set(0xdb, 7 << 3, 1, store_extended);
    forms.set(0xdd, 0xd0, 8, store_register<false>);
    forms.set(0xdd, 0xd8, 8, store_register<true>);
}

// FADD, FMUL, FSUB, FSUBR, FDIV, FDIVR by bits 5:3 of ModRM; between them are FCOM and FCOMP.
using Operations = std::integer_sequence<u8, 0, 1, 4, 5, 6, 7>;

template <u8 Opcode, u8... Reg> constexpr void add_memory_operand(Forms& forms, std::integer_sequence<u8, Reg...>) {
    (forms.set(Opcode, Reg << 3, 1, with_memory<Opcode, Reg << 3>), ...);
    forms.set(Opcode, 2 << 3, 1, compare_memory<Opcode, 2 << 3, 0>);
    forms.set(Opcode, 3 << 3, 1, compare_memory<Opcode, 3 << 3, 1>);
}
template <u8 Opcode, u8... Reg> constexpr void add_registers(Forms& forms, std::integer_sequence<u8, Reg...>) {
    (forms.set(Opcode, 0xc0 | Reg << 3, 8, with_register<Opcode, (0xc1 | Reg << 3)>), ...);
}
constexpr void add_arithmetic(Forms& forms) {
    add_memory_operand<0xd8>(forms, Operations{});
    add_memory_operand<0xda>(forms, Operations{});
    add_memory_operand<0xdc>(forms, Operations{});
    add_memory_operand<0xde>(forms, Operations{});
    add_registers<0xd8>(forms, Operations{});
    add_registers<0xdc>(forms, Operations{});
    add_registers<0xde>(forms, Operations{});
    forms.set(0xd9, 0xfa, 1, with_memory<0xd9, 0xfa>);                        // FSQRT
    forms.set(0xd9, 0xfc, 1, with_memory<0xd9, 0xfc>);                        // FRNDINT
}
constexpr void add_comparisons(Forms& forms) {
    forms.set(0xd8, 0xd0, 8, compare_register<0xd8, 0xd1, 0>);                // FCOM
    forms.set(0xd8, 0xd8, 8, compare_register<0xd8, 0xd9, 1>);                // FCOMP
    forms.set(0xde, 0xd9, 1, compare_register<0xde, 0xd9, 2>);                // FCOMPP
    forms.set(0xdd, 0xe0, 8, compare_register<0xdd, 0xe1, 0>);                // FUCOM
    forms.set(0xdd, 0xe8, 8, compare_register<0xdd, 0xe9, 1>);                // FUCOMP
    forms.set(0xda, 0xe9, 1, compare_register<0xda, 0xe9, 2>);                // FUCOMPP
    forms.set(0xd9, 0xe4, 1, compare_memory<0xd9, 0xe4, 0>);                  // FTST
    forms.set(0xd9, 0xe5, 1, compare_memory<0xd9, 0xe5, 0>);                  // FXAM
}
constexpr void add_conversions(Forms& forms) {
    forms.set(0xd9, 0 << 3, 1, load_memory<0xd9, 0 << 3>);                    // FLD m32, m64
    forms.set(0xdd, 0 << 3, 1, load_memory<0xdd, 0 << 3>);
    forms.set(0xdf, 0 << 3, 1, load_memory<0xdf, 0 << 3>);                    // FILD m16, m32, m64
    forms.set(0xdb, 0 << 3, 1, load_memory<0xdb, 0 << 3>);
    forms.set(0xdf, 5 << 3, 1, load_memory<0xdf, 5 << 3>);
    forms.set(0xd9, 2 << 3, 1, store_memory<0xd9, 2 << 3, false>);            // FST, FSTP m32, m64
    forms.set(0xd9, 3 << 3, 1, store_memory<0xd9, 3 << 3, true>);
    forms.set(0xdd, 2 << 3, 1, store_memory<0xdd, 2 << 3, false>);
    forms.set(0xdd, 3 << 3, 1, store_memory<0xdd, 3 << 3, true>);
    forms.set(0xdf, 2 << 3, 1, store_memory<0xdf, 2 << 3, false>);            // FIST m16, m32; FISTP m16, m32, m64
    forms.set(0xdf, 3 << 3, 1, store_memory<0xdf, 3 << 3, true>);
    forms.set(0xdb, 2 << 3, 1, store_memory<0xdb, 2 << 3, false>);
    forms.set(0xdb, 3 << 3, 1, store_memory<0xdb, 3 << 3, true>);
    forms.set(0xdf, 7 << 3, 1, store_memory<0xdf, 7 << 3, true>);
}

constexpr Forms make() {
    Forms forms{};
    add_moves(forms);
    add_arithmetic(forms);
    add_comparisons(forms);
    add_conversions(forms);
    return forms;
}
constexpr Forms forms = make();

}

bool run_short(Fpu& fpu, u8 opcode, u8 modrm, void* memory) {
    bool pending = (fpu.status & summary) || fpu.error_pending();
    Short way = forms[form_of(opcode, modrm)];
    return way && !pending && way(fpu, modrm & 7, memory);
}

}
