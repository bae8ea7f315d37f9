// SPDX-License-Identifier: MIT
// The general-purpose registers with RIP, and the slots that address arithmetic reads instead of branching.
#pragma once
#include "base/archive.h"
#include <array>

enum Reg : u8 {
    rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15,
    no_reg,                   // always 0: "no base", "no index"
    rip_reg,                  // the address of the running instruction
    reg_slots
};

struct Gpr {
    std::array<u64, reg_slots> r{};
    u64 page = 0;                 // RIP of the running page's start: no state, kept by the fast engine (cpu/exec/fast)

    u64& operator[](unsigned n) { return r[n]; }
    const u64& operator[](unsigned n) const { return r[n]; }

    // Writes as the manuals say: 32 bits clear the upper half, 8 and 16 bits keep the rest.
    template <Word T> void set(unsigned n, T value) {
        if constexpr (sizeof(T) >= 4) r[n] = value;
        else r[n] = (r[n] & ~u64(T(~T{}))) | value;
    }
    // AH, CH, DH, BH are bits 15:8 of registers 0 to 3.
    u8 high(unsigned n) const { return u8(r[n] >> 8); }
    void set_high(unsigned n, u8 value) { r[n] = (r[n] & ~u64{0xff00}) | u64{value} << 8; }

    u64 edx_eax() const { return u64{u32(r[rdx])} << 32 | u32(r[rax]); }
    void set_edx_eax(u64 value) { r[rax] = u32(value), r[rdx] = value >> 32; }

    void visit(Archive& a) { a("r", r); }
};
