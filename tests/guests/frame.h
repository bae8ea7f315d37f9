// SPDX-License-Identifier: MIT
// Layouts shared with the entry stubs: the trap frame and the TSS, in a 32-bit and in a 64-bit guest.
#pragma once
#include "guest.h"

#ifdef __x86_64__
struct Frame {
    word r15, r14, r13, r12, r11, r10, r9, r8, di, si, bp, bx, dx, cx, ax;
    word vector, code, ip, cs, flags, sp, ss;
};
struct [[gnu::packed]] Tss {
    u32 unused;
    u64 sp[3], unused2, ist[7];
    u16 unused3[5], io_map;
    u8 io[128 + 1];                       // ports 0 to 3FFh
};
#else
struct Frame {
    word gs, fs, es, ds, di, si, bp, unused, bx, dx, cx, ax;
    word vector, code, ip, cs, flags;
    word sp, ss;                          // pushed only when the stack was switched
    word v86_es, v86_ds, v86_fs, v86_gs;
};
struct [[gnu::packed]] Tss {
    u32 link;
    struct { u32 sp, ss; } ring[3];
    u32 cr3, ip, flags, ax, cx, dx, bx, sp, bp, si, di, es, cs, ss, ds, fs, gs, ldt;
    u16 trap, io_map;
    u8 redirect[32];
    u8 io[128 + 1];
};
#endif
extern "C" Tss tss;
