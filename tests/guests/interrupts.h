// SPDX-License-Identifier: MIT
// Interrupt controllers for 64-bit guests: the 8259s at vectors 20h to 2Fh, the local APIC in its page, the I/O APIC.
#pragma once
#include "guest.h"

inline void pics_on(u16 open) {           // open: IRQs that are not masked
    out8(0x20, 0x11), out8(0x21, 0x20), out8(0x21, 4), out8(0x21, 1);
    out8(0xa0, 0x11), out8(0xa1, 0x28), out8(0xa1, 2), out8(0xa1, 1);
    out8(0x21, u8(~open)), out8(0xa1, u8(~open >> 8));
}
inline void pic_eoi(unsigned irq) {
    if (irq >= 8) out8(0xa0, 0x20);
    out8(0x20, 0x20);
}

inline u32 apic(u32 at) { return peek<u32>(0xfee00000 + at); }
inline void apic(u32 at, u32 value) { poke<u32>(0xfee00000 + at, value); }
enum : u32 { apic_id = 0x20, tpr = 0x80, ppr = 0xa0, eoi = 0xb0, svr = 0xf0, isr = 0x100, irr = 0x200, esr = 0x280, icr = 0x300, icr_high = 0x310,
             lvt_timer = 0x320, lvt_lint0 = 0x350, lvt_lint1 = 0x360, lvt_error = 0x370, timer_initial = 0x380, timer_current = 0x390, timer_divide = 0x3e0 };

inline u32 ioapic(u32 index) { poke<u32>(0xfec00000, index); return peek<u32>(0xfec00010); }
inline void ioapic(u32 index, u32 value) { poke<u32>(0xfec00000, index), poke<u32>(0xfec00010, value); }
