// SPDX-License-Identifier: MIT
// A handler of SMIs, which notes what it finds and writes to memory what it is told to; how SMIs are raised.
#pragma once
#include "interrupts.h"

#ifdef __x86_64__
#define GUEST_CODE ".code64"
#else
#define GUEST_CODE ".code32"
#endif

// What the handler notes, and what it is to do, in low memory.
struct Notes {
    u32 count, cs, cr0, cr4, flags, dr7, efer, ip, ds, count_of_nmis;
    u32 routine;                          // an offset in the handler's segment, to be called; 0: none
    u32 patches;                          // how many; once
    struct { u32 at, value; } patch[6];
};
inline volatile Notes& notes = *reinterpret_cast<volatile Notes*>(0x500);
constexpr word reset_smbase = 0x30000, smi_entry = 0x8000, smi_routine = 0x8200;

extern "C" char smi_begin[], smi_end[];
asm(R"(
    .pushsection .text.aside, "ax"
    .code16
smi_begin:
    incl 0x500
    mov %cs, %ax
    mov %ax, 0x504
    mov %cr0, %eax
    mov %eax, 0x508
    mov %cr4, %eax
    mov %eax, 0x50c
    mov $0x7000, %esp
    pushfl
    popl 0x510
    mov %dr7, %eax
    mov %eax, 0x514
    mov $0xc0000080, %ecx
    rdmsr
    mov %eax, 0x518
    call 1f
1:  pop %ax
    sub $(1b - smi_begin), %ax
    mov %ax, 0x51c
    mov %ds, %ax
    mov %ax, 0x520
    mov 0x528, %ax
    test %ax, %ax
    jz 2f
    call *%ax
2:  mov $0x530, %si
    mov 0x52c, %cx
    movl $0, 0x52c
    jcxz 4f
3:  mov (%si), %ebx
    mov 4(%si), %eax
    mov %eax, (%ebx)
    add $8, %si
    loop 3b
4:  rsm
smi_end:
)" GUEST_CODE "\n.popsection\n");

inline void install_handler(word smbase) { memcpy(reinterpret_cast<void*>(smbase + smi_entry), smi_begin, word(smi_end - smi_begin)); }
inline void install_routine(word smbase, const char* from, const char* to) {
    memcpy(reinterpret_cast<void*>(smbase + smi_routine), from, word(to - from));
    notes.routine = smi_routine;
}
// What the next SMI's handler writes before its RSM.
inline void patch(word at, u32 value) {
    u32 n = notes.patches;
    notes.patch[n].at = u32(at);
    notes.patch[n].value = value;
    notes.patches = n + 1;
}

constexpr u16 global_control = 0x628, global_status = 0x618, smi_port = 0xb2;
inline void smi_on() { out32(global_control, 1); }
inline void raise_smi() { out8(smi_port, 0x77); }

// A field of the area, by its offsets on Intel and AMD (SDM vol. 3, SMRAM State Save Map; APM vol. 2, 10.2.2).
struct Saved { u16 intel, amd; };
inline word area = reset_smbase;          // SMBASE
inline word where(Saved p) { return area + (is_amd() ? p.amd : p.intel + 0x8000u); }
inline u64 saved(Saved p, unsigned bytes) {
    if (bytes == 1) return peek<u8>(where(p));
    if (bytes == 2) return peek<u16>(where(p));
    return bytes == 4 ? peek<u32>(where(p)) : peek<u64>(where(p));
}
constexpr Saved at_cr0{0x7ff8, 0xff58}, at_cr3{0x7ff0, 0xff50}, at_rflags{0x7fe8, 0xff70}, at_rip{0x7fd8, 0xff78}, at_rax{0x7f5c, 0xfff8}, at_efer{0x7fe0, 0xfed0},
                at_smbase{0x7ef8, 0xff00}, at_revision{0x7efc, 0xfefc}, at_halt{0x7f02, 0xfec9}, at_restart{0x7f00, 0xfec8}, at_io{0x7fa4, 0xfec0},
                at_io_rip{0x7de8, 0xfea0}, at_dr6{0x7fd0, 0xff68}, at_dr7{0x7fc8, 0xff60};

// Code that a handler calls, of 16 bits.
#define ROUTINE(name, text)                                                                                   \
    extern "C" char name##_begin[], name##_end[];                                                             \
    asm(".pushsection .text.aside, \"ax\"\n.code16\n" #name "_begin:\n" text "\nret\n" #name "_end:\n" GUEST_CODE "\n.popsection\n");

// 82441FX, SMRAM register (3.2.17).
inline void bridge(u8 offset, u8 value) {
    out32(0xcf8, 0x80000000 | (offset & 0xfc));
    out8(u16(0xcfc + (offset & 3)), value);
}
inline u8 bridge(u8 offset) {
    out32(0xcf8, 0x80000000 | (offset & 0xfc));
    return in8(u16(0xcfc + (offset & 3)));
}
constexpr word smram = 0xa0000;
constexpr u8 smram_register = 0x72;
