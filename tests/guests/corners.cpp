// SPDX-License-Identifier: MIT
// Guest, 64-bit: corners of running code: more code than any cache of it holds, ends of the address spaces, compares of memory that are fused with
// a branch, the clock within straight code, segments that differ in what code is found by, I/O permission, system calls switched off.
#include "code.h"
#include "frame.h"

static constexpr word va = 0x8000000000;
static constexpr u64 all = P | W | U;

// ---- 60,000 functions over 7 MiB, called in several orders, some of them changed

static void footprint() {
    constexpr word base = 0x1000000;
    constexpr u32 n = 60000, stride = 117;
    auto at = [](u32 i) { return base + i * stride; };
    for (u32 i = 0; i < n; i++) {         // xor eax, eax; jz over; ud2; over: mov eax, i; test al, 1; jz even; add eax, 1000000; even: ret
        Code{at(i)}.bytes(0x31, 0xc0, 0x74, 0x02, 0x0f, 0x0b).eax(i).bytes(0xa8, 0x01, 0x74, 0x05, 0x05).dword(1000000).ret();
    }
    auto value = [](u32 i) { return i & 1 ? i + 1000000 : i; };
    bool good = true;
    for (u32 i = 0; i < n; i++) good &= call(at(i)) == value(i);
    for (u32 i = 0, k = 0; i < n; i++, k = (k + 37081) % n) good &= call(at(k)) == value(k);
    holds("60,000 functions, in two orders", good);
    good = true;
    for (u32 i = 0; i < n; i += 7) {
        poke<u32>(at(i) + 7, i + 2);
        good &= call(at(i)) == value(i + 2) && call(at((i + 1) % n)) == value((i + 1) % n);
    }
    for (u32 i = 0, k = 0; i < n; i++, k = (k + 22927) % n) good &= call(at(k)) == (k % 7 ? value(k) : value(k + 2));
    holds("every seventh changed", good);
    // Through a second mapping of all of it, 1 GiB on.
    for (u32 i = 0; i < 8; i++) entry(va + (1ul << 30) + (u64(i) << 21), 2) = (base + (u64(i) << 21)) | PSE | all;
    set_cr3(get_cr3());
    good = true;
    for (u32 i = 0, k = 0; i < n; i += 3, k = (k + 37081) % n)
        good &= call(va + (1ul << 30) + k * stride) == (k % 7 ? value(k) : value(k + 2)) && call(at(k)) == (k % 7 ? value(k) : value(k + 2));
    holds("at two addresses", good);
    // One page with 64 lines, all rewritten again and again: generations of blocks.
    good = true;
    for (u32 round = 0; round < 500; round++) {
        for (u32 i = 0; i < 64; i++) put(page(0) + i * 64, round * 64 + i);
        for (u32 i = 0; i < 64; i++) good &= call(page(0) + (i * 37 & 63) * 64) == round * 64 + (i * 37 & 63);
    }
    holds("a page of functions rewritten 500 times", good);
}

// ---- ends of address spaces

struct Far { u32 ip; u16 cs; };
static void ends() {
    // 4 GiB: 64-bit code runs on, 32-bit code wraps to 0.
    u64& pde = entry(0xffe00000, 2);
    u64 old = pde, first = entry(0, 2);
    u64* table = new_table();
    u64* zero = new_table();
    pde = word(table) | all;
    for (u64 i = 0; i < 512; i++) zero[i] = (i << 12) | all;
    zero[0] = page(1) | all;
    entry(0, 2) = word(zero) | all;
    table[511] = page(0) | all;
    map(0x100000000, page(2) | all);
    set_cr3(get_cr3());
    Code{page(0) + 0xfe0}.bytes(0x31, 0xc0).fill(page(0) + 0xffe).bytes(0x83, 0xc0);          // xor eax,eax; nops; add eax, (imm in the next page)
    Code{page(1)}.bytes(5, 0xc3), Code{page(2)}.bytes(9, 0xc3);
    static Far to;
    auto run32 = [](u32 f) {
        to = {u32(page(30)), kcode32};
        word v;
        asm volatile("lcall *%1" : "=a"(v) : "m"(to), "D"(word(f)) : "memory", "cc", "rcx", "rdx");
        return u32(v);
    };
    Code{page(30)}.bytes(0xff, 0xd7, 0xcb);
    bool good = true;
    for (u32 i = 0; i < 50; i++) good &= gives(0xffffffe0, 9, 5);      // 32 bits: specific to the implementation (SDM vol. 3, 5.3)
    holds("an instruction over 4 GiB in 64-bit mode", good);
    Code{page(0) + 0xfe0}.bytes(0x31, 0xc0).fill(page(0) + 0x1000);
    Code{page(1)}.bytes(0x83, 0xc0, 6, 0xc3), Code{page(2)}.bytes(0x83, 0xc0, 7, 0xc3);
    good = true;
    for (u32 i = 0; i < 50; i++) good &= gives(0xffffffe0, 7, 5) && run32(0xffffffe0) == 6 && run32(0xffffffe0) == 6;
    holds("running over it: on in 64-bit mode, round in 32 bits", good);
    Code{page(0) + 0xfe0}.bytes(0x31, 0xc0, 0xeb, 0x20);   // jmp +20h: to 4
    Code{page(1) + 4}.bytes(0x83, 0xc0, 8, 0xc3), Code{page(2) + 4}.bytes(0x83, 0xc0, 10, 0xc3);
    good = true;
    for (u32 i = 0; i < 50; i++) good &= gives(0xffffffe0, 10, 5) && run32(0xffffffe0) == 8 && run32(0xffffffe0) == 8;
    holds("jumping over it", good);
    // Data likewise: a 32-bit address wraps, a 64-bit one does not.
    poke<u32>(page(1) + 0x40, 111), poke<u32>(page(2) + 0x40, 222);
    good = true;
    for (u32 i = 0; i < 50; i++) {
        u32 a, b;
        asm volatile("mov $0xfffffff0, %%ecx; mov 0x50(%%rcx), %0; mov 0x50(%%ecx), %1" : "=&r"(a), "=&r"(b) :: "rcx");
        good &= a == 222 && b == 111;
    }
    holds("addresses of 64 and 32 bits", good);
    entry(0, 2) = first, pde = old;
    map(0x100000000, 0);
    set_cr3(get_cr3());
    // The end of the lower half.
    word top_page = 0x7ffffffff000;
    if (levels == 4) {
        map(top_page, page(3) | all);
        Code{page(3) + 0xf80}.bytes(0x31, 0xc0).fill(page(3) + 0x1000);
        Code{page(3) + 0xf40}.bytes(0x31, 0xc0, 0x75, 0x7d).eax(3).ret();              // jnz, not taken
        Code{page(3) + 0xf00}.bytes(0x31, 0xc0, 0xe9).dword(0x100);                     // jmp beyond
        good = true;
        for (u32 i = 0; i < 50; i++) {
            good &= gives(0x7ffffffff000 + 0xf40, 3, 3);
            Trap t = trap([] { call(0x7ffffffff000 + 0xf80); });
            good &= t.vector == GP && t.code == 0 && t.ip == 0x800000000000;
            t = trap([] { call(0x7ffffffff000 + 0xf00); });
            good &= t.vector == GP && t.code == 0 && t.ip == 0x7ffffffff000 + 0xf02;
        }
        holds("the end of the lower half: running over it, jumping over it", good);
        poke<u64>(page(3) + 0xff8, 77);
        good = true;
        for (u32 i = 0; i < 50; i++) {
            good &= peek<u64>(0x7ffffffffff8) == 77;
            Trap t = trap([] { peek<u64>(0x7ffffffffffc); });
            good &= t.vector == GP && t.code == 0;
            t = trap([] { poke<u8>(0x800000000000, 1); });
            good &= t.vector == GP && t.code == 0;
        }
        holds("and data", good);
        map(top_page, 0);
    }
}

// ---- compares of memory with their branches

static volatile u32 faults_seen;
static word heal_pte;
static void heal(Frame&) {
    faults_seen = faults_seen + 1;
    map(get_cr2() & ~0xffful, heal_pte);
}
static void fused_memory() {
    // A counter in the loop's own line, its end by DEC of memory and JNZ; then the branch's own neighbour.
    bool good = true;
    for (word offset : {0x30ul, 0x48ul, 0x800ul}) {
        word f = page(4);
        memset(reinterpret_cast<void*>(f), 0x90, 4096);
        Code c{f};
        c.bytes(0x31, 0xc0, 0x48, 0xbf).qword(f + offset).bytes(0x89, 0x0f);           // xor eax,eax; mov rdi,counter; mov [rdi],ecx
        word again = c.at;
        c.bytes(0xff, 0xc0, 0xff, 0x0f).jcc(5, again).ret();                            // inc eax; dec [rdi]; jnz
        for (u32 i = 1; i < 20; i++) good &= call(f, 0, 0, i * 50) == i * 50;
    }
    holds("DEC of memory and JNZ, the memory in the code's line and page", good);
    // SUB of memory that is the branch's distance: its branch runs changed at once. 30h, then 28h, ... to 0: falls through.
    good = true;
    for (u32 i = 0; i < 50; i++) {
        word f = page(5) + 0xfd0;         // over the end of a page
        Code c{f};
        c.bytes(0x31, 0xc0);
        word again = c.at, at = again + 3 + 7 + 1;
        c.bytes(0x83, 0xc0, 0x01).bytes(0x80, 0x2d).dword(at - (c.at + 5)).bytes(8).bytes(0x75, 0x38).ret();       // add eax,1; sub byte [branch],8; jnz +; ret
        for (u32 d = 1; d <= 6; d++) Code{again + 12 + 8 * d}.bytes(0x83, 0xc0, d).jump(again);
        // 38h - 8 = 30h: taken to +30h (d = 6): 6; then 28h (5) ... 8 (1): then 0: not taken.
        good &= call(f) == 7 + 6 + 5 + 4 + 3 + 2 + 1;
    }
    holds("SUB of the branch's own distance", good);
    // The page of the compare's memory is not there: the fault, then the compare and the branch.
    hook(PF, heal);
    heal_pte = page(6) | all;
    faults_seen = 0;
    good = true;
    word f = page(7) + 0x40, g = page(7) + 0x80, h = page(7) + 0xc0;
    Code{f}.bytes(0x39, 0x37, 0x74, 0x06).eax(1).ret().eax(2).ret();                    // cmp [rdi],esi; je +6
    Code{g}.bytes(0x01, 0x37, 0x78, 0x06).eax(1).ret().eax(2).ret();                    // add [rdi],esi; js +6
    Code{h}.bytes(0x3b, 0x37, 0x72, 0x06).eax(1).ret().eax(2).ret();                    // cmp esi,[rdi]; jb +6
    for (u32 i = 0; i < 200; i++) {
        poke<u32>(page(6) + 0x10, 5);
        map(va, 0);
        good &= call(f, va + 0x10, 5) == 2 && call(f, va + 0x10, 6) == 1;
        map(va, 0);
        good &= call(h, va + 0x10, 4) == 2 && call(h, va + 0x10, 5) == 1;
        map(va, page(6) | P | U);
        good &= call(g, va + 0x10, u32(-6)) == 2 && call(g, va + 0x10, 2) == 1 && peek<u32>(page(6) + 0x10) == 1;
        good &= faults_seen == 3 * (i + 1);
    }
    hook(PF, nullptr);
    holds("faults in compares that are fused with branches", good);
}

// ---- the clock: an instruction is a tick of the TSC, wherever RDTSC stands in straight code

static void clock() {
    bool good = true, steady = true;
    for (u32 before = 0; before < 40; before += 3)
        for (u32 between = 0; between < 70; between++) {
            Code c{page(10) + 0xf80};
            c.nops(before).bytes(0x0f, 0x31, 0x89, 0xc6);  // rdtsc; mov esi,eax
            for (u32 i = 0; i < between; i++) c.bytes(0xff, 0xc1);
            c.bytes(0x0f, 0x31, 0x29, 0xf0, 0xc3);         // rdtsc; sub eax,esi; ret
            u32 first = call(page(10) + 0xf80);
            good &= first == between + 2;
            for (u32 i = 0; i < 3; i++) steady &= call(page(10) + 0xf80) == first;
        }
    holds("RDTSC counts every instruction", good), holds("  each time", steady);
    good = true;
    Code c{page(10)};
    c.bytes(0x0f, 0x31, 0x89, 0xc6);
    c.bytes(0x85, 0xc9, 0x74, 0x04, 0xff, 0xc9, 0xeb, 0xf8).bytes(0x0f, 0x31, 0x29, 0xf0, 0xc3);      // test ecx,ecx; jz +4; dec ecx; jmp
    for (u32 n = 0; n < 200; n++) good &= call(page(10), 0, 0, n) == 4 * n + 4;
    holds("and over branches, linked and not", good);
    good = true;
    Code{page(10) + 0x100}.bytes(0x89, 0xca, 0x0f, 0x31, 0x89, 0xc6, 0xf3, 0xaa, 0x0f, 0x31, 0x29, 0xf0, 0xc3);
    for (u32 n = 0; n < 200; n++) {       // mov edx,ecx; rdtsc; mov esi,eax; rep stosb; rdtsc; sub eax,esi: each iteration is a tick, none is one
        word di = page(11);
        good &= call(page(10) + 0x100, di, 0, n) == (n ? n : 1) + 2;
    }
    holds("and every iteration of REP STOSB", good);
}

// ---- segments that are alike in kind but not in limit, base or stack width

enum : u16 { seg1 = spare, seg2 = spare + 8, data1 = spare + 16, stack16 = spare + 24 };
static u32 run(u16 cs, u32 base, word target, u16 ds, u16 ss, word rbx = 0) {
    Far to{u32(page(30) - base), cs};
    word v, edi = u32(target - base);
    asm volatile("mov %w4, %%ds; mov %w4, %%es; mov %w5, %%ss; lcall *%3; mov %w6, %%ds; mov %w6, %%es; mov %w6, %%ss"
                 : "=a"(v), "+D"(edi), "+b"(rbx)
                 : "m"(to), "r"(word(ds)), "r"(word(ss)), "r"(word(kdata))
                 : "rcx", "rdx", "rsi", "memory", "cc");
    return u32(v);
}
static void segments() {
    Code{page(30)}.bytes(0xff, 0xd7, 0xcb);
    // Both segments have a base; one has a limit that ends within what the other has made hot.
    word f = page(30) + 0x200;
    Code c{f};
    for (u32 i = 0; i < 20; i++) c.bytes(0x40);
    c.ret();
    bool good = true;
    at(seg1) = descriptor(u32(page(30)), 0xfffff, 0xc09b);
    for (u32 round = 0; round < 20; round++)
        for (u32 n = 1; n < 21; n += 3) {
            for (u32 i = 0; i < 5; i++) good &= run(seg1, u32(page(30)), f, kdata, kdata) >= 20;
            at(seg2) = descriptor(u32(page(30)), 0x200 + n - 1, 0x409b);
            Trap t = trap([] { run(seg2, u32(page(30)), page(30) + 0x200, kdata, kdata); });
            good &= t.vector == GP && t.code == 0 && t.ip == 0x200 + n && (t.cs & 0xffff) == seg2;
        }
    holds("two code segments with a base, one ends within the other's code", good);
    // Branches and calls out of the limit.
    word j = page(30) + 0x300, k = page(30) + 0x340, l = page(30) + 0x380;
    Code{j}.bytes(0x31, 0xc0, 0xeb, 0x7c), Code{k}.bytes(0x31, 0xc0, 0x74, 0x3c), Code{l}.eax(1).bytes(0xc3);
    good = true;
    for (u32 i = 0; i < 50; i++) {
        good &= run(seg1, u32(page(30)), j, kdata, kdata) == 1 && run(seg1, u32(page(30)), k, kdata, kdata) == 1;
        at(seg2) = descriptor(u32(page(30)), 0x37f, 0x409b);
        Trap t = trap([] { run(seg2, u32(page(30)), page(30) + 0x300, kdata, kdata); });
        good &= t.vector == GP && t.code == 0 && t.ip == 0x302;
        t = trap([] { run(seg2, u32(page(30)), page(30) + 0x340, kdata, kdata); });
        good &= t.vector == GP && t.code == 0 && t.ip == 0x342;
    }
    holds("a jump and a branch out of it", good);
    // ES with a base: STOSB and an override; DS stays flat.
    static u8 bytes[0x300];
    word s = page(30) + 0x500, o = page(30) + 0x540;
    Code{s}.bytes(0x89, 0xdf, 0xb0, 0x77, 0xaa, 0x8a, 0x03, 0xc3);       // mov edi,ebx; mov al,77h; stosb; mov al,[ebx]
    Code{o}.bytes(0x26, 0x8a, 0x03, 0x8a, 0x23, 0xc3);                   // mov al,es:[ebx]; mov ah,[ebx]
    static Far to;
    good = true;
    for (u32 i = 0; i < 100; i++) {
        memset(bytes, 1, sizeof bytes);
        u32 off = i % 3 * 0x100;
        at(data1) = descriptor(off, 0xfffff, 0xc093);
        to = {u32(page(30)), kcode32};
        word v;
        asm volatile("mov %w3, %%es; lcall *%1; mov %w4, %%es" : "=a"(v) : "m"(to), "D"(s), "r"(word(data1)), "r"(word(kdata)), "b"(bytes) : "memory", "cc");
        good &= bytes[off] == 0x77 && u8(v) == (off ? 1 : 0x77);
        bytes[0] = 0x10, bytes[0x100] = 0x11, bytes[0x200] = 0x12;
        asm volatile("mov %w3, %%es; lcall *%1; mov %w4, %%es" : "=a"(v) : "m"(to), "D"(o), "r"(word(data1)), "r"(word(kdata)), "b"(bytes) : "memory", "cc");
        good &= u16(v) == 0x1010 + i % 3;
    }
    holds("ES with three bases", good);
    // A stack of 16 bits under the same code: SP wraps, the upper half of ESP stays.
    word p = page(30) + 0x600;
    // mov edx,esp; push 1; push 2; mov ecx,esp; pop eax; pop eax; sub edx,ecx; mov eax,edx; ret
    Code{p}.bytes(0x89, 0xe2, 0x6a, 1, 0x6a, 2, 0x89, 0xe1, 0x58, 0x58, 0x29, 0xca, 0x89, 0xd0, 0xc3);
    good = true;
    for (u32 i = 0; i < 50; i++) {
        good &= run(kcode32, 0, p, kdata, kdata) == 8;
        // SS of 16 bits, base 900000h, SP = 14h: the far call takes 8 bytes, the near one 4, then 8 is left and the pushes take all of it.
        at(stack16) = descriptor(0x900000, 0xffff, 0x0093);
        static word saved;
        to = {u32(page(30)), kcode32};
        word v, base = 0x900000;
        // From compatibility mode, as 64-bit mode has no base: the trampoline loads SS.
        Code{page(30) + 0x680}.bytes(0x89, 0xe5, 0x8e, 0xd2, 0xbc).dword(0x12340008).bytes(0xff, 0xd7, 0x8e, 0xd6, 0x89, 0xec, 0xcb);      // mov ebp,esp; mov ss,edx; mov esp,12340008h; call edi; mov ss,esi; mov esp,ebp; lret
        to.ip = u32(page(30) + 0x680);
        asm volatile("mov %%rbp, %0; lcall *%2; mov %0, %%rbp" : "+m"(saved), "=&a"(v) : "m"(to), "d"(word(stack16)), "S"(word(kdata)), "D"(p) : "rcx", "memory", "cc");
        // ESP: 12340008h; CALL leaves 4; the pushes 0 and FFFCh: EDX - ECX = 12340004h - 1234FFFCh.
        good &= u32(v) == 0x12340004u - 0x1234fffcu && peek<u32>(base) == 1 && peek<u32>(base + 0xfffc) == 2;
        poke<u32>(base, 0), poke<u32>(base + 0xfffc, 0);
    }
    holds("the stack's width", good);
}

// ---- what takes hold at the next instruction, in one piece of code

static bool ends_in(word code, word vector, word error, word ip, word rdi = 0, word rsi = 0) {
    static word c, di, si;
    c = code, di = rdi, si = rsi;
    Trap t = trap([] { call(c, di, si); });
    return t.vector == vector && (vector == none || (t.code == error && t.ip == ip));
}
static void at_once() {
    word f = page(13) + 0x100;
    word cr0 = get_cr0(), cr4 = get_cr4();
    bool good = true;
    // MOV CR0, RDI; MOVAPS; FLD1; FSTP: with TS and without.
    Code{f}.bytes(0x0f, 0x22, 0xc7, 0x0f, 0x28, 0xc1, 0xd9, 0xe8, 0xdd, 0xd8, 0xc3);
    asm volatile("fninit");
    for (u32 i = 0; i < 100; i++) {
        good &= ends_in(f, none, 0, 0, cr0) && ends_in(f, NM, 0, f + 3, cr0 | 8) && ends_in(f, NM, 0, f + 3, cr0 | 8);
        good &= ends_in(f, none, 0, 0, cr0) && ends_in(f, UD, 0, f + 3, cr0 | 4) && ends_in(f, none, 0, 0, cr0);
    }
    set_cr0(cr0);
    // CLTS; MOVAPS. LMSW; MOVAPS.
    word g = page(13) + 0x140, h = page(13) + 0x180;
    Code{g}.bytes(0x0f, 0x06, 0x0f, 0x28, 0xc1, 0xc3), Code{h}.bytes(0x0f, 0x01, 0xf7, 0x0f, 0x28, 0xc1, 0xc3);
    for (u32 i = 0; i < 100; i++) {
        set_cr0(cr0 | 8), good &= ends_in(g, none, 0, 0), good &= get_cr0() == cr0;
        good &= ends_in(h, NM, 0, h + 3, 0xb | 0x30), good &= ends_in(g, none, 0, 0) && ends_in(h, none, 0, 0, 3 | 0x30);
    }
    holds("CR0.TS and EM by MOV, CLTS and LMSW, then SSE", good);
    // MOV CR4, RDI; MOVAPS: OSFXSR.
    word o = page(13) + 0x1c0;
    Code{o}.bytes(0x0f, 0x22, 0xe7, 0x0f, 0x28, 0xc1, 0xc3);
    good = true;
    for (u32 i = 0; i < 100; i++) good &= ends_in(o, none, 0, 0, cr4) && ends_in(o, UD, 0, o + 3, cr4 & ~word(0x200)) && ends_in(o, none, 0, 0, cr4);
    set_cr4(cr4);
    holds("CR4.OSFXSR, then SSE", good);
    // FS: WRMSR, MOV to FS; then a load.
    word m = page(13) + 0x200, l = page(13) + 0x240;
    Code{m}.bytes(0xb9).dword(0xc0000100).bytes(0x89, 0xf8, 0x31, 0xd2, 0x0f, 0x30, 0x64, 0x8b, 0x06, 0xc3);        // mov ecx,..; mov eax,edi; xor edx,edx; wrmsr; mov eax,fs:[rsi]
    Code{l}.bytes(0x8e, 0xe7, 0x64, 0x8b, 0x06, 0xc3);
    static u32 words[64];
    for (u32 i = 0; i < 64; i++) words[i] = 1000 + i;
    at(data1) = descriptor(8, 0xfffff, 0xc093), at(data1 + 8) = descriptor(20, 0xfffff, 0xc093);
    good = true;
    for (u32 i = 0; i < 200; i++) good &= call(m, i % 64 * 4, word(words)) == 1000 + i % 64 && call(l, i & 1 ? data1 : data1 + 8, word(words)) == (i & 1 ? 1002u : 1005u);
    asm volatile("mov %0, %%fs" :: "r"(0));
    wrmsr(0xc0000100, 0);
    holds("FS by WRMSR and MOV, then a load", good);
    // The entry changed, INVLPG, a load and a store; MOV to CR3 likewise.
    word v = page(13) + 0x280, w = page(13) + 0x2c0;
    map(va + 0x3000, page(14) | all);
    Code{v}.bytes(0x8b, 0x0a, 0x48, 0x89, 0x37, 0x0f, 0x01, 0x3a, 0x8b, 0x02, 0x89, 0x42, 0x04, 0xc3);              // mov ecx,[rdx]; mov [rdi],rsi; invlpg [rdx]; mov eax,[rdx]; mov [rdx+4],eax
    Code{w}.bytes(0x8b, 0x0a, 0x48, 0x89, 0x37, 0x0f, 0x20, 0xd8, 0x0f, 0x22, 0xd8, 0x8b, 0x02, 0x89, 0x42, 0x04, 0xc3);
    poke<u32>(page(14), 14), poke<u32>(page(15), 15);
    good = true;
    for (u32 i = 0; i < 200; i++)
        for (word f : {v, w}) {
            word pte = word(&entry(va + 0x3000, 1)), n = 14 + (i & 1), eax;
            poke<u32>(page(unsigned(n)) + 4, 0);
            asm volatile("call *%4" : "=a"(eax), "+D"(pte) : "S"(page(unsigned(n)) | all), "d"(va + 0x3000), "r"(f) : "rcx", "memory");
            good &= u32(eax) == n && peek<u32>(page(unsigned(n)) + 4) == n;
        }
    holds("an entry changed, INVLPG or MOV to CR3, then a load and a store", good);
    // SMEP set by code on a user's page: the next instruction is not fetched.
    if (cpuid(7).ebx >> 7 & 1) {
        u64& first = entry(0, levels);
        first &= ~U, set_cr3(get_cr3());
        map(va + 0x4000, page(16) | all);
        word s = va + 0x4000 + 0x40;
        Code{s}.bytes(0x0f, 0x22, 0xe7, 0xb8, 7, 0, 0, 0, 0xc3);
        good = true;
        for (u32 i = 0; i < 50; i++) {
            for (u32 k = 0; k < 3; k++) good &= call(s, cr4) == 7;
            good &= ends_in(s, PF, 0x11, s + 3, cr4 | 1 << 20);
            set_cr4(cr4);
        }
        first |= U, set_cr3(get_cr3());
        holds("SMEP set by a user's page on itself", good);
    }
    // LOOP and JRCXZ with 67h: ECX, which clears RCX's upper half when it is written.
    word p = page(13) + 0x300;
    Code{p}.bytes(0x31, 0xc0, 0xff, 0xc0, 0x67, 0xe2, 0xfb, 0x48, 0x89, 0xca, 0x67, 0xe3, 0x01, 0xcc, 0xc3);        // xor eax,eax; 1: inc eax; loop(ecx) 1b; mov rdx,rcx; jecxz +1; int3; ret
    good = true;
    for (u32 n = 1; n < 200; n++) {
        word eax, rdx, rcx = n | 5ul << 32;
        asm volatile("call *%3" : "=a"(eax), "=d"(rdx), "+c"(rcx) : "r"(p) : "cc");
        good &= eax == n && rdx == 0;
    }
    holds("LOOP by ECX", good);
}

// ---- what the CPU's tables and MSRs allow

static void allowed() {
    // The I/O permission bitmap, for a hot IN of ring 3.
    word f = page(12) + 0x40;
    Code{f}.bytes(0xe4, 0x84, 0xc3);      // in al,84h
    static word target;
    target = f;
    u8 byte = tss.io[0x84 >> 3];
    bool good = true;
    for (u32 i = 0; i < 100; i++) {
        tss.io[0x84 >> 3] = u8(byte & ~(1 << (0x84 & 7)));
        at(tss_selector) = descriptor(u32(word(&tss)), sizeof tss - 1, 0x0089);
        ltr(tss_selector);
        good &= trap_user([] { for (u32 k = 0; k < 5; k++) call(target); }).vector == none;
        tss.io[0x84 >> 3] = byte;
        Trap t = trap_user([] { call(target); });
        good &= t.vector == GP && t.code == 0 && t.ip == f;
        call(f);
    }
    holds("the I/O permission bitmap", good);
    // EFER.SCE, and LSTAR moved.
    asm volatile(".pushsection .text.aside, \"ax\"; corners_1: mov $1, %%eax; sysretq; corners_2: mov $2, %%eax; sysretq; .popsection" :::);
    extern char one[] asm("corners_1"), two[] asm("corners_2");
    wrmsr(0xc0000081, u64(kcode) << 32 | u64(0x18) << 48), wrmsr(0xc0000084, 0x40701);
    Code{page(12) + 0x80}.bytes(0x0f, 0x05, 0xc3);
    target = page(12) + 0x80;
    static u32 got;
    good = true;
    for (u32 i = 0; i < 100; i++) {
        wrmsr(0xc0000082, word(i & 1 ? one : two));
        good &= trap_user([] { for (u32 k = 0; k < 5; k++) got = call(target); }).vector == none && got == (i & 1 ? 1u : 2u);
        wrmsr(0xc0000080, rdmsr(0xc0000080) & ~1ull);
        Trap t = trap_user([] { call(target); });
        good &= t.vector == UD && t.ip == target;
        wrmsr(0xc0000080, rdmsr(0xc0000080) | 1);
    }
    holds("LSTAR and EFER.SCE", good);
    // The IDT moved and changed under a hot INT.
    static u32 which;
    hook(0x50, [](Frame&) { which = 1; });
    hook(0x51, [](Frame&) { which = 2; });
    Code{page(12) + 0xc0}.bytes(0xcd, 0x50, 0xc3);
    good = true;
    for (u32 i = 0; i < 100; i++) {
        set_gate(0x50, stub(i & 1 ? 0x50 : 0x51));
        for (u32 k = 0; k < 5; k++) which = 0, call(page(12) + 0xc0), good &= which == (i & 1 ? 1u : 2u);
    }
    hook(0x50, nullptr), hook(0x51, nullptr);
    holds("a gate changed under a hot INT", good);
    // CR4.OSXSAVE for XGETBV.
    if (!(cpuid(1).ecx >> 26 & 1)) return;
    Code{page(12) + 0x100}.bytes(0x31, 0xc9, 0x0f, 0x01, 0xd0, 0xc3);
    target = page(12) + 0x100;
    good = true;
    for (u32 i = 0; i < 50; i++) {
        set_cr4(get_cr4() | 1 << 18);
        for (u32 k = 0; k < 5; k++) good &= call(target) & 1;
        set_cr4(get_cr4() & ~word(1 << 18));
        Trap t = trap([] { call(target); });
        good &= t.vector == UD && t.ip == target + 2;
    }
    holds("CR4.OSXSAVE", good);
}

extern "C" void guest() {
    ends();
    fused_memory();
    clock();
    segments();
    at_once();
    allowed();
    footprint();
}
