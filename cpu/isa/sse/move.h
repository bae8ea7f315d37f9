// SPDX-License-Identifier: MIT
// Moves of MMX and XMM operands, whole and in part.
#pragma once
#include "cpu/isa/sse/lanes.h"

namespace isa {

// Operand 0 becomes operand 1, zero-extended to the whole of a register.
template <Alignment A = Alignment::natural> Outcome move(Slow& x) {
    auto& target = x.insn.operand[0];
    auto v = source<16>(x, 1, A);
    Span span;
    if (target.place == Place::memory) {
        require_alignment(x, target.width, A);
        span = x.probe_write(target.width);
    }
    if (x.stopped()) return x.why();
    enter_mmx(x);
    if (target.place == Place::memory) x.cpu.write_span(span, v.data());
    else set_register(x, target, v);
    return Outcome::next;
}

// Width bytes at To of the first operand, an XMM register, are replaced by those at From of the
// second (MOVLPS, MOVHPS, MOVLHPS, MOVHLPS; MOVSS and MOVSD between registers).
template <unsigned To, unsigned From, unsigned Width = 8> Outcome merge(Slow& x) {
    auto b = source<16>(x, 1);
    if (x.stopped()) return x.why();
    auto r = register_bytes(x.cpu, x.insn.operand[0]);
    std::copy_n(b.begin() + From, Width, r.begin() + To);
    return finish(x, r);
}

// The upper quadword of the second operand to memory (MOVHPS, MOVHPD).
inline Outcome store_high(Slow& x) {
    auto span = x.probe_write(8);
    if (x.stopped()) return x.why();
    x.cpu.write_span(span, source<16>(x, 1).data() + 8);
    return Outcome::next;
}

// The top bits of the second operand's lanes to a general register.
template <class T> Outcome move_mask(Slow& x) {
    bool mmx = x.insn.operand[1].place == Place::mmx;
    u32 mask = mmx ? lanes::signs<T>(source<8>(x, 1)) : lanes::signs<T>(source<16>(x, 1));
    return finish(x, as<Bytes<4>>(mask));
}

inline Outcome extract_word(Slow& x) {
    bool mmx = x.insn.operand[1].place == Place::mmx;
    u32 v = mmx ? lanes::word(source<8>(x, 1), imm8(x)) : lanes::word(source<16>(x, 1), imm8(x));
    return finish(x, as<Bytes<4>>(v));
}

// MASKMOVQ, MASKMOVDQU: the bytes whose mask byte has its top bit set, one by one. Its rule of
// restart: all are probed before the first is written, on Zen 5 with those that the mask leaves out (SDM vol. 2 lets CPUs do so).
template <unsigned Size> Outcome masked_move(Slow& x) {
    auto v = source<Size>(x, 0), mask = source<Size>(x, 1);
    std::array<Span, Size> span;
    for (unsigned n = 0; n < Size; n += 8) x.probe_write(8, n);
    for (unsigned n = 0; n < Size; n++)
        if (mask[n] & 0x80) span[n] = x.probe_write(1, n);
    if (x.stopped()) return x.why();
    enter_mmx(x);
    for (unsigned n = 0; n < Size; n++)
        if (mask[n] & 0x80) x.cpu.write_span(span[n], &v[n]);
    return Outcome::next;
}

}
