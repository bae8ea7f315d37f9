// SPDX-License-Identifier: MIT
// Why a guest exits: the exit codes by name, their bits in the VMCB, and the instructions that answer to them.
#pragma once
#include "cpu/isa/row.h"
#include "cpu/svm/vmcb.h"

namespace svm {

enum class Exit : u16 {
#define EXIT(name, code, count, text, event) name = code,
#include "cpu/svm/intercepts.def"
};
constexpr u64 exit_invalid = ~u64{0};                      // VMEXIT_INVALID
constexpr Exit numbered(Exit first, unsigned n) { return Exit(u16(first) + n); }

struct ExitRow {
    Exit exit;
    u8 count;
    std::string_view text;
    isa::Event event;
};

constexpr ExitRow exits[] = {
#define EXIT(name, code, count, text, event) {Exit::name, count, text, isa::Event::event},
#include "cpu/svm/intercepts.def"
};

// Whether a code has a bit among the VMCB's intercepts.
constexpr bool has_bit(Exit e) { return u16(e) < 6 * 32; }
constexpr Field intercept_field(Exit e) { return Field(unsigned(Field::intercept_cr) + u16(e) / 32); }
static_assert(unsigned(Field::intercept_5) == unsigned(Field::intercept_cr) + 5);
inline bool intercepts(const Vmcb& vmcb, Exit e) { return vmcb[intercept_field(e)] >> (u16(e) % 32) & 1; }

// The exit that every instruction with this event answers to, or null.
const ExitRow* exit_of(isa::Event);
// A code's row, or null; "CR0-15 read" for each of its sixteen.
const ExitRow* exit_row(u64 code);

}
