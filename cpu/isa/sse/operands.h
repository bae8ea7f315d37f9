// SPDX-License-Identifier: MIT
// How operands reach what runs in the reference engine alone: MMX, and what has both MMX and XMM operands.
#pragma once
#include "cpu/exec/slow.h"

namespace isa {

inline void require_alignment(Slow& x, unsigned width, Alignment a) {
    if (width == 16 && a == Alignment::natural) x.require_aligned(16);
}

inline Xmm load_bytes(Slow& x, unsigned width) {
    switch (width) {
    case 2: return resized<16>(as<Bytes<2>>(x.load<u16>()));
    case 4: return resized<16>(as<Bytes<4>>(x.load<u32>()));
    case 8: return resized<16>(as<Mm>(x.load<u64>()));
    default: return x.load<Xmm>();
    }
}

inline Xmm register_bytes(const Cpu& cpu, const DecodedOperand& o) {
    switch (o.place) {
    case Place::mmx: return resized<16>(as<Mm>(cpu.fpu.r[o.number].significand));
    case Place::xmm: return cpu.vector.v[o.number].get<Xmm>();
    default: return resized<16>(as<Mm>(cpu.gpr[o.number]));
    }
}

// Operand n, zero-extended from its own width.
template <std::size_t Size>
Bytes<Size> source(Slow& x, unsigned n, Alignment a = Alignment::natural) {
    auto& o = x.insn.operand[n];
    if (o.place != Place::memory) return resized<Size>(register_bytes(x.cpu, o), o.width);
    require_alignment(x, o.width, a);
    return resized<Size>(load_bytes(x, o.width));
}

// Rows with these units leave the x87 unit ready for MMX: TOP is 0, every register valid
// (SDM vol. 1, 9.5.1). To be called where the instruction can no longer meet a memory fault.
inline void enter_mmx(Slow& x) {
    Unit unit = x.insn.row->gate.unit;
    if (unit != Unit::mmx && unit != Unit::sse_mmx) return;
    x.cpu.fpu.set_top(0);
    x.cpu.fpu.empty = 0;
}

// EMMS: every x87 register is empty (SDM vol. 1, 9.6.3).
inline Outcome leave_mmx(Slow& x) {
    enter_mmx(x);
    x.cpu.fpu.empty = 0xff;
    return Outcome::next;
}

// Commits to a register operand: the whole MMX or XMM register, or a general register by its width.
inline void set_register(Slow& x, const DecodedOperand& o, const Xmm& v) {
    u64 low = as<u64>(resized<8>(v));
    switch (o.place) {
    case Place::mmx: x.cpu.fpu.r[o.number] = {low, 0xffff}; break;
    case Place::xmm: x.cpu.vector.v[o.number].set(0, v); break;
    default: x.cpu.gpr[o.number] = o.width == 4 ? u32(low) : low;
    }
}

// Commits to operand 0, a register, and ends the instruction.
template <std::size_t Size> Outcome finish(Slow& x, const Bytes<Size>& v) {
    enter_mmx(x);
    set_register(x, x.insn.operand[0], resized<16>(v));
    return Outcome::next;
}

inline u8 imm8(const Slow& x) { return u8(x.insn.immediate); }

// First and second operand to first operand, MMX registers: Op is a function of two vectors.
template <class Op> Outcome packed(Slow& x) {
    auto b = source<8>(x, 1);
    if (x.stopped()) return x.why();
    return finish(x, Op{}(source<8>(x, 0), b));
}
// The second operand alone.
template <class Op> Outcome packed_one(Slow& x) {
    auto b = source<8>(x, 1);
    if (x.stopped()) return x.why();
    return finish(x, Op{}(b));
}
// First and second operand with an immediate byte.
template <class Op> Outcome packed_immediate(Slow& x) {
    auto b = source<8>(x, 1);
    if (x.stopped()) return x.why();
    return finish(x, Op{}(source<8>(x, 0), b, imm8(x)));
}
// Shifts: the count is an immediate byte or the second operand.
template <class Op> Outcome shift(Slow& x) {
    bool immediate = x.insn.operand[1].place == Place::immediate;
    u64 count = immediate ? imm8(x) : as<u64>(source<8>(x, 1));
    if (x.stopped()) return x.why();
    return finish(x, Op{}(source<8>(x, 0), count));
}

}
