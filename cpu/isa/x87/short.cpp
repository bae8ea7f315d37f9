// SPDX-License-Identifier: MIT
// The short ways of the common x87 instructions: what only moves a register needs no x87 at all.
// C1 tells of a stack fault or of rounding up (SDM vol. 1, 8.1.3.1): moves without a fault clear it, on Intel and on AMD.
#include "cpu/isa/x87/host.h"
#include <cstddef>
#include <cstring>
#include <utility>

namespace x87 {
namespace {

// A register is ten bytes as FLD and FSTP have them in memory.
static_assert(offsetof(F80, significand) == 0 && offsetof(F80, sign_exponent) == 8 && sizeof(F80) == 16);

constexpr u16 flags = 0x3f, c1 = 0x200, summary = 0x8080;

// Does its instruction, ST(i) and the memory operand given; false, and nothing done, where the stack would fault.
using Short = bool (*)(Fpu&, unsigned i, void* memory);

bool is_empty(const Fpu& f, unsigned st) { return f.empty >> f.physical(st) & 1; }
F80& reg(Fpu& f, unsigned st) { return f.r[f.physical(st)]; }
void set_c1(Fpu& f, bool value) { f.status = u16(value ? f.status | c1 : f.status & ~c1); }

void put(Fpu& f, unsigned st, F80 value) {
    reg(f, st) = value;
    f.empty &= u8(~(1 << f.physical(st)));
}
void push(Fpu& f, F80 value) {
    f.set_top(f.top() - 1);
    put(f, 0, value);
}
void pop(Fpu& f) {
    f.empty |= u8(1 << f.physical(0));
    f.set_top(f.top() + 1);
}

bool load_value(Fpu& f, F80 value) {
    if (!is_empty(f, 7)) return false;
    push(f, value);
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
    std::memcpy(memory, &reg(f, 0), 10);
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
    std::swap(reg(f, 0), reg(f, i));
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

constexpr Forms make() {
    Forms forms{};
    add_moves(forms);
    return forms;
}
constexpr Forms forms = make();

}

bool run_short(Fpu& fpu, u8 opcode, u8 modrm, void* memory) {
    bool pending = (fpu.status & summary) || (fpu.status & ~fpu.control & flags);
    Short way = forms[form_of(opcode, modrm)];
    return way && !pending && way(fpu, modrm & 7, memory);
}

}
