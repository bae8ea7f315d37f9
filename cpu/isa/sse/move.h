// SPDX-License-Identifier: MIT
// Moves with MMX operands, and the masked ones (packed.h has those of XMM operands).
#pragma once
#include "cpu/isa/sse/lanes.h"
#include "cpu/isa/sse/operands.h"

namespace isa {

// Operand 0 becomes operand 1, zero-extended to the whole of a register.
inline Outcome move(Slow& x) {
    auto& target = x.insn.operand[0];
    auto v = source<16>(x, 1);
    Span span;
    bool stores = target.place == Place::memory;
    if (stores && x.cpu.intel()) x.cpu.fpu.set_top(0);       // though it may fault (Emerald Rapids)
    if (stores) span = x.probe_write(target.width);
    if (x.stopped()) return x.why();
    enter_mmx(x);
    if (target.place == Place::memory) x.cpu.write_span(span, v.data());
    else set_register(x, target, v);
    return Outcome::next;
}

// The top bits of the second operand's lanes to a general register.
template <class T> Outcome move_mask(Slow& x) { return finish(x, as<Bytes<4>>(lanes::signs<T>(source<8>(x, 1)))); }
inline Outcome extract_word(Slow& x) { return finish(x, as<Bytes<4>>(u32{lanes::word(source<8>(x, 1), imm8(x))})); }

// MASKMOVQ, MASKMOVDQU: the bytes whose mask byte has its top bit set, one by one. Its rule of
// restart: all are probed before the first is written, with those that the mask leaves out (Zen 5; Emerald Rapids, the upper half first; SDM vol. 2
// lets CPUs do so).
template <unsigned Size> Outcome masked_move(Slow& x) {
    auto v = source<Size>(x, 0), mask = source<Size>(x, 1);
    std::array<Span, Size> span;
    for (unsigned n = 0; n < Size; n += 8) x.probe_write(8, x.cpu.intel() ? Size - 8 - n : n);
    for (unsigned n = 0; n < Size; n++)
        if (mask[n] & 0x80) span[n] = x.probe_write(1, n);
    if (x.stopped()) return x.why();
    enter_mmx(x);
    for (unsigned n = 0; n < Size; n++)
        if (mask[n] & 0x80) x.cpu.write_span(span[n], &v[n]);
    return Outcome::next;
}

}
