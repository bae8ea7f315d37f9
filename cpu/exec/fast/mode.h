// SPDX-License-Identifier: MIT
// The mode word: what besides its bytes decides how a block runs.
#pragma once
#include "cpu/cpu.h"

namespace fast {

namespace mode {
constexpr u32 size = 3;               // decode::CodeSize
constexpr u32 protected_mode = 4;     // no VEX without it
constexpr u32 user = 8;               // CPL 3: which pages it may run on
constexpr u32 flat = 16;              // data and stack segments reach everything, and the stack is as wide as the code
constexpr u32 direct = 32;            // relative branches can't leave the segment or the canonical addresses
constexpr u32 anywhere = 64;          // RIP is the linear address: other pages may be linked to
constexpr u32 sse = 128;              // SSE instructions neither #UD nor #NM
constexpr u32 guest = 256;            // instructions with an event may exit
constexpr u32 avx = 512;              // AVX instructions neither #UD nor #NM
constexpr unsigned page_shift = 16;
constexpr u32 page = 0xffff0000;      // of a block alone, not of a stamp: Marks::page_of() of its page
}

inline bool flat_data(const Segment& s) {
    return s.base == 0 && s.limit == 0xffffffff && s.rights.writable() && !s.rights.code() && !s.rights.expand_down() && !s.rights.unusable();
}

// Whether no relative branch of this page leads out of the canonical addresses (in 64-bit mode).
inline bool far_from_edges(const Cpu& cpu, u64 rip) {
    constexpr u64 reach = 0x80002000;                  // of a 32-bit displacement, from anywhere in the page
    u64 canonical = bit(cpu.linear_width());           // so many addresses, half of them below 0
    return rip + canonical / 2 - reach < canonical - 2 * reach;
}

inline u32 mode_word(const Cpu& cpu) {
    using decode::CodeSize;
    auto code = cpu.code.size;
    u32 m = cpu.cpl == 3 ? mode::user : 0;
    if (cpu.guest) m |= mode::guest;
    if (!(cpu.control.cr0 & (cr0::em | cr0::ts)) && (cpu.control.cr4 & cr4::osfxsr)) m |= mode::sse;
    if (!(cpu.control.cr0 & cr0::ts) && avx_enabled(cpu.control)) m |= mode::avx;
    if (code == CodeSize::bits64) {
        constexpr u32 always = u32(CodeSize::bits64) | mode::protected_mode | mode::flat | mode::anywhere;
        return m | always | (far_from_edges(cpu, cpu.gpr[rip_reg]) ? mode::direct : 0);
    }
    m |= u32(code) | (cpu.code.protected_mode ? mode::protected_mode : 0);
    auto& cs = cpu.seg[Seg::cs];
    bool all = cs.base == 0 && cs.limit == 0xffffffff;
    if (code == CodeSize::bits16) return m | (cs.limit >= 0xffff ? mode::direct : 0);
    if (all) m |= mode::direct | mode::anywhere;
    bool flat = cpu.code.protected_mode && cpu.stack_bytes == 4 && flat_data(cpu.seg[Seg::ds]) && flat_data(cpu.seg[Seg::es]) && flat_data(cpu.seg[Seg::ss]);
    return m | (flat ? mode::flat : 0);
}

}
