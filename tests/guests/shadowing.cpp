// SPDX-License-Identifier: MIT
// Guest, 64-bit: memory that changes under hot code without any store: ROM and RAM behind C0000h to FFFFFh by the 82441FX's PAM registers (its
// data sheet, 3.2.18), and the A20 gate by port 92h and the keyboard controller.
#include "code.h"
#include "frame.h"

static constexpr word va = 0x8000000000;
static constexpr u64 all = P | W | U;

static u8 config(u8 at) { return out32(0xcf8, 0x80000000 | (at & 0xfc)), in8(0xcfc + (at & 3)); }
static void config(u8 at, u8 v) { out32(0xcf8, 0x80000000 | (at & 0xfc)), out8(0xcfc + (at & 3), v); }
enum Shadow : u8 { rom, read_ram, write_ram, ram };        // RE is bit 0, WE bit 1

// Segments of 16 KiB from C0000h: two to a register from 5Ah; F0000h is the upper half of 59h.
static void steer(word address, Shadow s) {
    unsigned n = unsigned(address - 0xc0000) >> 14, high = n & 1;
    u8 at = u8(0x5a + n / 2);
    if (address >= 0xf0000) at = 0x59, high = 1;
    config(at, u8((config(at) & ~(3 << 4 * high)) | s << 4 * high));
}

static u32 call_with(word f, u32 eax) {
    asm volatile("call *%1" : "+a"(eax) : "r"(f) : "memory", "cc", "rcx", "rdx");
    return eax;
}

// In `segment`: a place where the ROM (or nothing, FFh) has a RET, or is refused as #UD. RAM gets functions there.
static void segment(const char* name, word base, word size) {
    word f = 0;
    steer(base, rom);
    for (word at = base + 16; at < base + size - 16 && !f; at++) if (peek<u8>(at) == 0xc3 && at % 64 < 56) f = at;
    bool has_ret = f;
    if (!f) f = base + 0x123;
    steer(base, ram);
    static u8 kept[16];
    memcpy(kept, reinterpret_cast<void*>(f), 16);
    static word there;
    map(va, (f & ~0xfffull) | all);
    word alias = va + (f & 0xfff);
    there = f;
    auto of_rom = [&] {
        if (has_ret) return call_with(f, 0x77) == 0x77 && call_with(alias, 0x78) == 0x78;
        Trap t = trap([] { call_with(there, 0); });
        return t.vector == UD && t.ip == there;
    };
    bool good = true;
    Caller direct(page(8), f);
    for (u32 i = 0; i < 100; i++) {
        steer(base, ram);
        put(f, i);
        good &= direct.gives(i) && gives(alias, i, 5);
        steer(base, read_ram);            // stores are dropped
        poke<u32>(f + 1, 0x1234), poke<u8>(alias, 0xc3);
        good &= direct.gives(i) && gives(alias, i, 5);
        steer(base, rom);
        poke<u8>(f, 0xcc);
        good &= of_rom() && of_rom() && peek<u8>(f) == (has_ret ? 0xc3 : 0xff);
        if (has_ret) direct(40);
        steer(base, write_ram);           // reads are the ROM's, stores the RAM's
        put(f, i + 1000);
        good &= of_rom();
        steer(base, ram);
        good &= direct.gives(i + 1000) && gives(alias, i + 1000, 5);
        put(alias, i + 2000);
        good &= direct.gives(i + 2000);
        steer(base, read_ram);
        good &= direct.gives(i + 2000);
    }
    holds(name, good);
    steer(base, ram);
    memcpy(reinterpret_cast<void*>(f), kept, 16);
}

// Code that steers its own memory: the next instruction is the other memory's, of the same bytes. RAM and ROM (of FFh or what it holds) are made
// alike by a copy; then RAM's immediate changes.
static void copied() {
    word base = 0xf0000;
    steer(base, rom);
    word f = 0;
    for (word at = base; at < base + 0xfff0 && !f; at++) if (peek<u8>(at) == 0xc3) f = at;
    if (!f) return;
    bool good = true;
    for (u32 i = 0; i < 50; i++) {        // the ROM copied into RAM under itself, as a BIOS shadows it
        steer(base, write_ram);
        asm volatile("rep movsb" :: "S"(base), "D"(base), "c"(0x10000) : "memory");
        good &= call_with(f, 5) == 5;
        steer(base, read_ram);
        good &= call_with(f, 6) == 6;
        steer(base, ram);
        u8 old = peek<u8>(f);
        poke<u8>(f, 0x40), poke<u8>(f + 1, 0x90);          // no RET now: put one behind
        poke<u8>(f, 0xc3), good &= call_with(f, 7) == 7 && old == 0xc3;
    }
    holds("the ROM shadowed, 50 times", good);
}

// 00 00 in ROM is ADD [RAX], AL: #GP with an address that is not canonical, wherever it stands; RIP is exact. FFh is #UD.
static void in_rom() {
    steer(0xf0000, rom);
    bool good = true;
    u32 found = 0;
    static word there;
    for (word at = 0xf0000; at < 0xffff0 && found < 300; at += 61) {
        u16 here = peek<u16>(at);
        if (here != 0 && here != 0xffff) continue;
        there = at;
        for (u32 i = 0; i < 3; i++) {
            Trap t = trap([] { asm volatile("call *%1" :: "a"(1ul << 47), "r"(there) : "memory"); });
            good &= t.vector == (here ? word(UD) : word(GP)) && t.ip == there;
        }
        found++;
    }
    holds("ROM: an instruction that faults, in 300 places: RIP", good && found);
    steer(0xf0000, ram);
}

// ---- A20. All of this runs at addresses whose bit 20 is 0, tables and stack too, with interrupts closed.

asm(R"(
    .pushsection .text.aside, "ax"
a20_begin:                                # RDI: CR3, RSI: RSP, R8: rounds, R9: a function at an address with bit 20
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %cr3, %r10
    mov %rsp, %r11
    mov %rdi, %cr3
    mov %rsi, %rsp
    xor %r12d, %r12d
    xor %r13d, %r13d
    xor %r14d, %r14d
    xor %r15d, %r15d
1:  mov $3, %bl
    mov $0xdf, %bh
    call 5f
    mov $20, %ebp
2:  call *%r9
    add %eax, %r12d
    add 0x100(%r9), %r13d
    dec %ebp
    jnz 2b
    mov %r8d, 0x180(%r9)
    xor %bl, %bl
    mov $0xdd, %bh
    call 5f
    mov $20, %ebp
3:  call *%r9
    add %eax, %r14d
    add 0x100(%r9), %r15d
    dec %ebp
    jnz 3b
    mov %r8d, 0x184(%r9)
    dec %r8
    jnz 1b
    mov $3, %bl
    mov $0xdf, %bh
    call 5f
    mov %r11, %rsp
    mov %r10, %cr3
    mov %r12d, %eax
    mov %r13d, %edx
    mov %r14d, %ecx
    mov %r15d, %esi
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret
5:  mov %bl, %al                          # port 92h: bit 1; the keyboard controller's output port: bit 1 of DDh, DFh
    and $2, %al
    out %al, $0x92
6:  in $0x64, %al
    test $2, %al
    jnz 6b
    mov $0xd1, %al
    out %al, $0x64
7:  in $0x64, %al
    test $2, %al
    jnz 7b
    mov %bh, %al
    out %al, $0x60
8:  in $0x64, %al
    test $2, %al
    jnz 8b
    ret
a20_end:
    .popsection
)");
extern "C" char a20_begin[], a20_end[];

static void a20(const char* name, word linear, word physical) {
    constexpr word root = 0x200000, blob = 0x240000, stack = 0x250000, rounds = 100;
    // Identity by 2-MiB pages; one more page at `linear`.
    auto* t = reinterpret_cast<u64*>(root);
    memset(t, 0, 5 * 4096);
    t[0] = root + 0x1000 + all, t[512] = root + 0x2000 + all;
    for (u32 i = 0; i < 512; i++) t[1024 + i] = (u64(i) << 21) | PSE | all;
    if (linear != physical) {
        t[linear >> 39 & 511] = root + 0x3000 + all;
        t[3 * 512 + (linear >> 30 & 511)] = root + 0x4000 + all;
        t[4 * 512 + (linear >> 21 & 511)] = (physical & ~0x1fffffull) | PSE | all;
    }
    memcpy(reinterpret_cast<void*>(blob), a20_begin, word(a20_end - a20_begin));
    word below = physical & ~(1ul << 20), f = linear;
    put(physical, 1), put(below, 3);
    poke<u32>(physical + 0x100, 10), poke<u32>(below + 0x100, 30);
    poke<u64>(physical + 0x180, 0), poke<u64>(below + 0x180, 0);
    u32 open, open_data, closed, closed_data;
    register word r8 asm("r8") = rounds;
    register word r9 asm("r9") = f;
    word rsi = stack;
    asm volatile("call *%[blob]"
                 : "=a"(open), "=d"(open_data), "=c"(closed), "+S"(rsi), "+r"(r8)
                 : "D"(root), "r"(r9), [blob] "b"(blob)
                 : "r10", "r11", "memory", "cc");
    closed_data = u32(rsi);
    print(name), print("\n");
    is("open: code", open, 20 * rounds), is("open: data", open_data, 200 * rounds);
    is("closed: code of 1 MiB below", closed, 60 * rounds), is("closed: data of 1 MiB below", closed_data, 600 * rounds);
    is("a store, open", peek<u32>(physical + 0x180), 1), is("and closed", peek<u32>(below + 0x184), 1);
    is("no other", u64(peek<u32>(physical + 0x184)) << 32 | peek<u32>(below + 0x180), 0);
}

extern "C" void guest() {
    segment("C8000h: RAM, read-only, nothing, write-only, 100 times", 0xc8000, 0x4000);
    segment("DC000h", 0xdc000, 0x4000);
    segment("E0000h", 0xe0000, 0x4000);
    segment("F0000h", 0xf0000, 0x10000);
    in_rom();
    copied();
    a20("A20: 190123h and 90123h", 0x190123, 0x190123);
    a20("A20: 590123h and 490123h", 0x590123, 0x590123);
    a20("A20: through another linear address", 0x8000190123, 0x590123);
}
