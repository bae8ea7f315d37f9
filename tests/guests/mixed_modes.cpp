// SPDX-License-Identifier: MIT
// Guest, 64-bit: one page of code run in several modes, at several addresses, by both rings, in turns: 64-bit, compatibility with 32 and 16 bits,
// segments with bases and limits (SDM vol. 3, 3.2 and 5.2), units switched off under hot code. The same bytes mean something else each time.
#include "code.h"
#include "frame.h"

static constexpr word va = 0x8000000000, low = 0xc0000000;        // other addresses of pages: above 4 GiB, and below
static constexpr u64 all = P | W | U;
static constexpr u32 scratch = 0x7000;
enum : u16 { code16 = spare, based32 = spare + 8, ucode16 = (spare + 24) | 3, short32 = spare + 32, data1 = spare + 40, data2 = spare + 48,
             ubased32 = (spare + 56) | 3 };

// Calls `target` n times, by a loop that runs in the code segment's own mode: CALL EDI; DEC ECX; JNZ; far RET.
static constexpr u16 own_data = 0xffff;     // the flat data segment of the ring
struct Far { u32 ip; u16 cs; };
struct Segment { u16 cs; u32 base; bool wide; };
static u32 run(Segment s, word target, u32 n = 1, word rbx = scratch, u16 ds = own_data, u32 edx = 0) {
    if (ds == own_data) ds = s.cs & 3 ? udata : kdata;
    word loop = s.wide ? page(30) : (s.base & ~0xfffu) + 0xe00;
    Far to{u32(loop - s.base), s.cs};
    word eax;
    word edi = u32(target - s.base), ecx = n, rdx = edx, rsi = 0;
    asm volatile("mov %w6, %%ds; mov %w6, %%es; xor %%eax, %%eax; lcall *%5; mov %w7, %%ds; mov %w7, %%es"
                 : "=&a"(eax), "+D"(edi), "+c"(ecx), "+d"(rdx), "+S"(rsi)
                 : "m"(to), "r"(word(ds)), "r"(word(s.cs & 3 ? udata : kdata)), "b"(rbx)
                 : "memory", "cc");
    return u32(eax);
}
static const Segment flat32{kcode32, 0, true}, user32{ucode32, 0, true};
static Segment based(word base) {
    at(based32) = descriptor(u32(base), 0xfffff, 0xc09b), at(ubased32) = descriptor(u32(base), 0xfffff, 0xc0fb);
    return {based32, u32(base), true};
}
static Segment bits16(word base) {
    at(code16) = descriptor(u32(base), 0xffff, 0x009b), at(ucode16) = descriptor(u32(base), 0xffff, 0x00fb);
    return {code16, u32(base), false};
}
static void loops() {
    Code{page(30)}.bytes(0xff, 0xd7, 0x49, 0x75, 0xfb, 0xcb);
    for (unsigned n = 0; n < 4; n++) Code{page(n) + 0xe00}.bytes(0xff, 0xd7, 0x49, 0x75, 0xfb, 0x66, 0xcb);
    entry(low, 2) = word(new_table()) | all;
    for (unsigned n = 0; n < 4; n++) map(low + n * 0x1000, page(n) | all), map(va + n * 0x1000, page(n) | all);
    set_cr3(get_cr3());
}

// ---- the same bytes

static void widths() {
    // 64 bits: MOV EAX, 5; REX NOP; RET. 32: MOV EAX, 5; INC EAX; NOP; RET. 16: MOV AX, 5; ADD [BX+SI], AL; INC AX; NOP; RET.
    word f = page(0) + 0x10;
    Code{f}.bytes(0xb8, 5, 0, 0, 0, 0x40, 0x90, 0xc3);
    poke<u8>(scratch, 0);
    bool good = true;
    Caller direct(page(8), f);
    static u32 got[4];
    for (u32 i = 0; i < 200; i++) {
        good &= direct.gives(5, 20) && call(va + 0x10) == 5 && call(low + 0x10) == 5;
        good &= run(flat32, f, 20) == 6 && run(flat32, low + 0x10, 20) == 6;
        good &= run(based(page(0)), f, 20) == 6 && run(based(low), low + 0x10, 3) == 6;
        u8 before = peek<u8>(scratch);
        good &= run(bits16(page(0)), f, 20) == 6 && peek<u8>(scratch) == u8(before + 100);
        good &= direct.gives(5, 3);
        bits16(page(0));
        Trap t = trap_user([] {
            word f = page(0) + 0x10;
            got[0] = call(f), got[1] = run(user32, f, 10), got[2] = run({ucode16, u32(page(0)), false}, f, 10, scratch, udata), got[3] = call(va + 0x10);
        });
        good &= t.vector == none && got[0] == 5 && got[1] == 6 && got[2] == 6 && got[3] == 5;
        if (i % 10 == 9) {                // MOV's immediate changes in all of them
            poke<u8>(i & 1 ? f + 1 : va + 0x11, 5);
            poke<u8>(low + 0x12, 1), good &= direct.gives(0x105) && run(flat32, f, 3) == 0x106;
            poke<u8>(f + 2, 0);
        }
    }
    holds("64, 32 and 16 bits, three addresses, both rings, in turns", good);
    // 48 FF C0: INC RAX, or DEC EAX; INC EAX. 48 alone behind: the next instruction's prefix, or DEC.
    word g = page(0) + 0x80;
    Code{g}.bytes(0x31, 0xc0, 0x48, 0xff, 0xc0, 0x48, 0x83, 0xc0, 0x10, 0xc3);
    good = true;
    for (u32 i = 0; i < 200; i++) good &= gives(g, 0x11, 3) && run(flat32, g, 3) == 0x0f && (run(bits16(page(0)), g, 3) & 0xffff) == 0x0f;
    holds("REX prefixes, and INC and DEC", good);
    // 66 B8: MOV AX, imm16 in 64 and 32 bits, MOV EAX, imm32 in 16.
    word h = page(0) + 0xc0;
    Code{h}.bytes(0x66, 0xb8, 0x34, 0x12, 0x90, 0x90, 0xc3);
    for (u32 i = 0; i < 100; i++) good &= (call(h) & 0xffff) == 0x1234 && (run(flat32, h, 3) & 0xffff) == 0x1234 && run(bits16(page(0)), h, 3) == 0x90901234;
    holds("operand-size prefixes", good);
}

static void where_it_runs() {
    // CALL to the next instruction; POP EAX; RET: its own EIP. In 16 bits the displacement has two bytes, the others are ADD [BX+SI], AL.
    word f = page(1) + 0x10;
    Code{f}.bytes(0xe8, 0, 0, 0, 0, 0x58, 0xc3);
    bool good = true;
    for (u32 i = 0; i < 100; i++) {
        good &= call(f) == u32(f + 5) && call(va + 0x1010) == u32(va + 0x1015) && call(low + 0x1010) == low + 0x1015;
        good &= run(flat32, f, 5) == u32(f + 5) && run(flat32, low + 0x1010, 5) == low + 0x1015;
        good &= run(based(page(1)), f, 5) == 0x15 && run(based(page(0)), f, 5) == u32(f + 5 - page(0)) && run(based(low + 0x800), low + 0x1010, 5) == 0x815;
        good &= (run(bits16(page(1)), f, 5) & 0xffff) == 0x13;
    }
    holds("each sees its own instruction pointer", good);
    // MOV EAX, CS; RET, and CLI; RET.
    word c = page(1) + 0x40, p = page(1) + 0x80;
    Code{c}.bytes(0x8c, 0xc8, 0xc3), Code{p}.bytes(0xfa, 0xc3);
    static u32 got[4];
    static word privileged;
    privileged = p;
    good = true;
    for (u32 i = 0; i < 200; i++) {
        good &= call(c) == kcode && run(flat32, c, 5) == kcode32 && run(based(page(1)), c, 5) == based32;
        Trap t = trap_user([] {
            word c = page(1) + 0x40;
            got[0] = call(c), got[1] = run(user32, c, 5), got[2] = call(va + 0x1040), got[3] = call(low + 0x1040);
        });
        good &= t.vector == none && got[0] == ucode64 && got[1] == ucode32 && got[2] == ucode64 && got[3] == ucode64;
        call(p), run(flat32, p, 3);
        t = trap_user([] { call(privileged); });
        good &= t.vector == GP && t.code == 0 && t.ip == p && (t.cs & 0xffff) == ucode64;
        t = trap_user([] { run(user32, privileged, 3); });
        good &= t.vector == GP && t.code == 0 && t.ip == p && (t.cs & 0xffff) == ucode32;
    }
    holds("CS, and CLI in rings 0 and 3", good);
}

// ---- data segments

static void data_segments() {
    word f = page(2) + 0x10, st = page(2) + 0x40, sp = page(2) + 0x80, change = page(2) + 0xc0;
    Code{f}.bytes(0x8b, 0x03, 0xc3);      // mov eax,[ebx]; ret
    Code{st}.bytes(0x89, 0x0b, 0x8b, 0x03, 0xc3);          // mov [ebx],ecx; mov eax,[ebx]
    Code{sp}.bytes(0x36, 0x8b, 0x03, 0xc3);                // mov eax,ss:[ebx]
    Code{change}.bytes(0x8e, 0xda, 0x8b, 0x03, 0xc3);      // mov ds,edx; mov eax,[ebx]
    static word data;
    data = page(3);
    for (u32 i = 0; i < 3; i++) poke<u32>(page(3) + 0x100 * i, 0x1000 + i);
    at(data1) = descriptor(0x100, 0xfffff, 0xc093), at(data2) = descriptor(0x200, 0xfffff, 0xc093);
    bool good = true;
    for (u32 i = 0; i < 200; i++) {
        good &= run(flat32, f, 5, data) == 0x1000 && run(flat32, f, 5, data, data1) == 0x1001 && run(flat32, f, 5, data, data2) == 0x1002;
        word v;
        asm volatile("mov %w2, %%ds; call *%1; mov %w3, %%ds" : "=a"(v) : "r"(f), "r"(data1), "r"(kdata), "b"(data) : "memory");
        good &= v == 0x1000;              // 64-bit mode has no DS base
        good &= run(flat32, sp, 5, data, data1) == 0x1000;
        good &= run(flat32, change, 5, data, kdata, data1) == 0x1001 && run(flat32, change, 5, data, data1, data2) == 0x1002;
        good &= run(flat32, change, 5, data, data2, kdata) == 0x1000;
    }
    holds("DS with three bases, changed outside and within", good);
    good = true;
    for (u32 i = 0; i < 100; i++) {
        at(data1) = descriptor(u32(data), 0x103, 0x4093);                  // ends with the dword at 100h
        good &= run(flat32, f, 5, 0x100, data1) == 0x1001 && run(flat32, f, 5, data + 0x100) == 0x1001;
        Trap t = trap([] { run(flat32, page(2) + 0x10, 5, 0x101, data1); });
        good &= t.vector == GP && t.code == 0 && t.ip == f;
        at(data1) = descriptor(0, 0xfffff, 0xc091);                        // read-only
        good &= run(flat32, st, 5, data + 0x300) == 1 && run(flat32, f, 5, data, data1) == 0x1000;
        t = trap([] { run(flat32, page(2) + 0x40, 5, data + 0x300, data1); });
        good &= t.vector == GP && t.code == 0 && t.ip == st;
        at(data1) = descriptor(u32(data), 0xff, 0x4097);                   // expand-down: from 100h
        good &= run(flat32, f, 5, 0x100, data1) == 0x1001;
        t = trap([] { run(flat32, page(2) + 0x10, 5, 0xff, data1); });
        good &= t.vector == GP && t.code == 0 && t.ip == f;
        t = trap([] { run(flat32, page(2) + 0x10, 5, data, 0); });         // null
        good &= t.vector == GP && t.code == 0 && t.ip == f;
    }
    holds("limits, read-only, expand-down, null", good);
    // FS and GS of 64-bit mode: bases by WRMSR and SWAPGS, by a selector.
    word fs = page(2) + 0x100, gs = page(2) + 0x140;
    Code{fs}.bytes(0x64, 0x8b, 0x07, 0xc3), Code{gs}.bytes(0x65, 0x8b, 0x07, 0xc3);
    at(data1) = descriptor(0x100, 0xfffff, 0xc093);
    good = true;
    for (u32 i = 0; i < 200; i++) {
        wrmsr(0xc0000100, i % 3 * 0x100), wrmsr(0xc0000101, (i + 1) % 3 * 0x100), wrmsr(0xc0000102, (i + 2) % 3 * 0x100);
        for (u32 j = 0; j < 3; j++) good &= call(fs, data) == 0x1000 + i % 3 && call(gs, data) == 0x1000 + (i + 1) % 3;
        asm volatile("swapgs");
        good &= call(gs, data) == 0x1000 + (i + 2) % 3;
        asm volatile("mov %0, %%fs" :: "r"(data1));
        good &= call(fs, data) == 0x1001;
    }
    asm volatile("mov %0, %%fs; mov %0, %%gs" :: "r"(0));
    wrmsr(0xc0000100, 0), wrmsr(0xc0000101, 0);
    holds("FS and GS in 64-bit mode", good);
}

// ---- the code segment's limit

static void code_limit() {
    word f = page(2) + 0x200;
    Code c{f};
    for (u32 i = 0; i < 20; i++) c.bytes(0x40);            // INC EAX in 32 bits
    c.ret();
    bool good = true;
    for (u32 round = 0; round < 20; round++)
        for (u32 n = 0; n < 21; n++) {
            good &= run(flat32, f, 2) == 40;
            // Base at the page, the calling loop first in the segment, then the function whose end the limit cuts.
            Code{page(2)}.bytes(0xff, 0xd7, 0xcb);
            at(short32) = descriptor(u32(page(2)), u32(0x200 + n - 1), 0x409b);
            static Far to;                // with n = 0 it is the CALL that faults: its target is checked
            to = {0, short32};
            static word eax;
            static word step;
            step = f - page(2);
            Trap t = trap([] { asm volatile("xor %%eax, %%eax; lcall *%1" : "=a"(eax) : "m"(to), "D"(step) : "memory", "cc"); });
            good &= t.vector == GP && t.code == 0 && t.ip == (n ? 0x200 + n : 0) && (t.cs & 0xffff) == short32;
        }
    at(short32) = descriptor(u32(page(2)), 0x214, 0x409b);
    Trap t = trap([] {
        static Far to{0, short32};
        asm volatile("xor %%eax, %%eax; lcall *%0" :: "m"(to), "D"(0x200ul) : "rax", "memory", "cc");
    });
    holds("the limit ends within a hot block: at each instruction", good), passes("behind RET: none", t);
}

// ---- units

static void units() {
    word x87 = page(3) + 0x800, sse = page(3) + 0x840, mmx = page(3) + 0x880, tsc = page(3) + 0x8c0, base = page(3) + 0x900, table = page(3) + 0x940;
    Code{x87}.nops(5).bytes(0xd9, 0xe8, 0xdd, 0xd8, 0xc3);
    Code{sse}.nops(5).bytes(0x0f, 0x28, 0xc1, 0xc3);
    Code{mmx}.nops(5).bytes(0x0f, 0x6f, 0xc1, 0xc3);
    Code{tsc}.nops(5).bytes(0x0f, 0x31, 0xc3);
    Code{base}.nops(5).bytes(0xf3, 0x48, 0x0f, 0xae, 0xc0, 0xc3);          // rdfsbase rax
    Code{table}.nops(5).bytes(0x0f, 0x01, 0x07, 0xc3);                     // sgdt [rdi]
    static word which;
    static u8 sink[16];
    auto faulting = [](word f, word vector) {
        which = f;
        Trap t = trap([] { call(which); });
        return t.vector == vector && t.ip == f + 5;
    };
    auto user_faulting = [](word f, word vector) {
        which = f;
        Trap t = trap_user([] { call(which, word(sink)); });
        return t.vector == vector && (vector == none || t.ip == f + 5);
    };
    auto hot = [](word f) { for (u32 i = 0; i < 10; i++) call(f, word(sink)); };
    asm volatile("fninit");
    bool good = true;
    for (u32 i = 0; i < 50; i++) {
        hot(x87), hot(sse), hot(mmx);
        asm volatile("fninit");
        set_cr0(get_cr0() | 8);
        good &= faulting(x87, NM) && faulting(sse, NM) && faulting(mmx, NM);
        asm volatile("clts");
        hot(x87), hot(sse), hot(mmx);
        asm volatile("fninit");
        set_cr0(get_cr0() | 4);
        good &= faulting(x87, NM) && faulting(sse, UD) && faulting(mmx, UD);
        set_cr0(get_cr0() & ~word(4));
        hot(x87), hot(sse);
        set_cr4(get_cr4() & ~word(0x200));
        good &= faulting(sse, UD);
        hot(x87);
        set_cr4(get_cr4() | 0x200);
        hot(sse);
    }
    holds("CR0.TS and EM, CLTS, CR4.OSFXSR under hot code", good);
    good = true;
    for (u32 i = 0; i < 50; i++) {
        hot(tsc);
        good &= user_faulting(tsc, none);
        set_cr4(get_cr4() | 4);
        hot(tsc);
        good &= user_faulting(tsc, GP);
        set_cr4(get_cr4() & ~word(4));
    }
    holds("CR4.TSD", good);
    good = true;
    if (cpuid(7).ebx & 1) {
        for (u32 i = 0; i < 50; i++) {
            set_cr4(get_cr4() | 1 << 16), hot(base), good &= user_faulting(base, none);
            set_cr4(get_cr4() & ~word(1 << 16)), good &= faulting(base, UD) && user_faulting(base, UD);
        }
        holds("CR4.FSGSBASE", good);
    }
    good = true;
    if (cpuid(7).ecx & 4) {
        for (u32 i = 0; i < 50; i++) {
            hot(table), good &= user_faulting(table, none);
            set_cr4(get_cr4() | 1 << 11), hot(table), good &= user_faulting(table, GP);
            set_cr4(get_cr4() & ~word(1 << 11));
        }
        holds("CR4.UMIP", good);
    }
}

extern "C" void guest() {
    loops();
    widths();
    where_it_runs();
    data_segments();
    code_limit();
    units();
}
