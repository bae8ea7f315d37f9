// SPDX-License-Identifier: MIT
// Guest, 64-bit: code that changes itself, its neighbours and its callers while it runs hot, and patching as kernels do it: INT3 first, jumps
// for NOPs and back, calls to other places (SDM vol. 3, 8.1.3: the next instruction sees a store of its own CPU).
#include "code.h"
#include "frame.h"

static constexpr word va = 0x8000000000;
static constexpr u32 rounds = 3000;

// ---- loops that store into themselves

static void ahead() {
    u32 sum, n = rounds;
    asm volatile("xor %0, %0; 1: mov %1, 2f+1(%%rip); 2: mov $0, %%eax; add %%eax, %0; dec %1; jnz 1b" : "=&r"(sum), "+r"(n) :: "rax", "memory", "cc");
    is("the next instruction's immediate, in a loop", sum, rounds * (rounds + 1) / 2);
    n = rounds;
    asm volatile("xor %0, %0; 1: mov %1, 2f+1(%%rip); .fill 24, 1, 0x90; 2: mov $0, %%eax; add %%eax, %0; dec %1; jnz 1b"
                 : "=&r"(sum), "+r"(n)::"rax", "memory", "cc");
    is("24 instructions ahead", sum, rounds * (rounds + 1) / 2);
    n = rounds;
    asm volatile("xor %0, %0; 1: mov %1, 2f+1(%%rip); .fill 200, 1, 0x90; 2: mov $0, %%eax; add %%eax, %0; dec %1; jnz 1b"
                 : "=&r"(sum), "+r"(n)::"rax", "memory", "cc");
    is("200 ahead", sum, rounds * (rounds + 1) / 2);
    n = rounds;
    asm volatile("xor %0, %0; jmp 3f; 2: mov $0, %%eax; add %%eax, %0; 3: mov %1, 2b+1(%%rip); dec %1; jnz 2b" : "=&r"(sum), "+r"(n) :: "rax", "memory", "cc");
    is("the instruction before, in the loop's head", sum, rounds * (rounds + 1) / 2 - 1);
}

// `times` rounds; each counts what the changed instruction did.
static void branches() {
    u32 taken, n = rounds;
    asm volatile("xor %0, %0; 1: xorb $1, 2f(%%rip); cmp %%eax, %%eax; 2: jz 3f; inc %0; 3: dec %1; jnz 1b" : "=&r"(taken), "+r"(n) :: "memory", "cc");
    is("a branch's condition turned round each time", taken, rounds / 2);
    n = rounds;
    asm volatile("xor %0, %0; 1: cmp %%eax, %%eax; xorb $1, 2f(%%rip); stc; cmp %%eax, %%eax; 2: jz 3f; inc %0; 3: dec %1; jnz 1b"
                 : "=&r"(taken), "+r"(n)::"memory", "cc");
    is("behind a compare", taken, rounds / 2);
    n = rounds;
    asm volatile("xor %0, %0; 1: xorb $2, 2f+1(%%rip); 2: jmp 3f; 3: inc %0; dec %1; jnz 1b" : "=&a"(taken), "+r"(n) :: "memory", "cc");
    is("a jump's distance, the next instruction", taken, rounds / 2);
    n = rounds;
    asm volatile("xor %0, %0; 1: xorb $2, 2f+1(%%rip); .byte 0xeb, 0; 2: jmp 3f; 3: inc %0; dec %1; jnz 1b" : "=&a"(taken), "+r"(n) :: "memory", "cc");
    is("a jump's distance, in the next block", taken, rounds / 2);
    n = rounds;
    asm volatile("xor %0, %0; xor %%ecx, %%ecx; 1: incb 2f+2(%%rip); 2: cmp $0, %%cl; jz 3f; inc %0; 3: inc %%ecx; movzbl %%cl, %%ecx; dec %1; jnz 1b"
                 : "=&r"(taken), "+r"(n)::"rcx", "memory", "cc");
    is("a compare's immediate", taken, rounds);            // it is one ahead of CL always
    n = rounds;
    asm volatile("xor %0, %0; 1: xorb $0xfa, 2f+1(%%rip); mov $5, %%eax; 2: add $1, %%al; cmp $4, %%al; jb 3f; inc %0; 3: dec %1; jnz 1b"
                 : "=&r"(taken), "+r"(n)::"rax", "memory", "cc");
    is("an addend of a compare's operand", taken, rounds / 2);
}

static void self() {
    u32 v, n = 7;
    asm volatile("1: addb $1, 1b+6(%%rip); dec %0; jnz 1b; mov 1b+6(%%rip), %%al; movzbl %%al, %1; movb $1, 1b+6(%%rip)" : "+r"(n), "=r"(v) :: "rax", "memory", "cc");
    is("an addend that doubles itself seven times", v, 128);
    asm volatile("mov %%rsp, %%rbx; mov $5, %%ecx; call 2f; jmp 3f;"
                 "2: mov %%rsp, %%rdx; lea 1f+8(%%rip), %%rsp; mov $0x9090909090902ab1, %%rax; push %%rax; 1: .fill 8, 1, 0xcc; mov %%rdx, %%rsp; ret;"
                 "3: mov %%rbx, %%rsp; movzbl %%cl, %0"
                 : "=r"(v)::"rax", "rbx", "rcx", "rdx", "memory");
    is("PUSH over the next instruction", v, 0x2a);
    asm volatile("lea 1f(%%rip), %%rdi; lea 2f(%%rip), %%rsi; mov $4, %%ecx; mov $1, %0; rep movsl; 1: .fill 16, 1, 0xcc; jmp 3f;"
                 "2: .fill 11, 1, 0x90; mov $0x77, %0; 3:"
                 : "=&b"(v)::"rcx", "rsi", "rdi", "memory");
    is("REP MOVSD over the next instructions", v, 0x77);
    u32 sum = 0;
    for (u32 i = 0; i < 500; i++) {
        asm volatile("movd %1, %%xmm0; movss %%xmm0, 1f+1(%%rip); 1: mov $0, %0" : "=&a"(v) : "r"(i) : "memory");
        sum += v;
    }
    is("MOVSS into the next instruction", sum, 499 * 500 / 2);
    sum = 0;
    for (u32 i = 0; i < 500; i++) {
        asm volatile("movl %1, %%ecx; xchg %%ecx, 1f+1(%%rip); 1: mov $0, %0" : "=&a"(v) : "r"(i) : "rcx", "memory");
        sum += v;
    }
    is("XCHG", sum, 499 * 500 / 2);
    sum = 0;
    for (u32 i = 0; i < 500; i++) {
        asm volatile("movl %1, 1f+1(%%rip); pushf; popf; 1: mov $0, %0" : "=&a"(v) : "r"(i) : "memory");
        sum += v;
    }
    is("with the end of a block between", sum, 499 * 500 / 2);
}

// ---- callees that change their callers

static void callers() {
    // f at page(1): stores EDI into the immediate behind the call that called it.
    word f = page(1), caller = page(0) + 0x10;
    Code{f}.bytes(0x48, 0x8b, 0x04, 0x24, 0x89, 0x78, 0x01).ret();        // mov rax,[rsp]; mov [rax+1],edi; ret
    Code c{caller};
    c.bytes(0x31, 0xd2);
    word again = c.at;
    c.call(f).eax(0).bytes(0x01, 0xc2, 0xff, 0xc7, 0xff, 0xc9).jcc(5, again).bytes(0x89, 0xd0).ret();        // mov eax,0; add edx,eax; inc edi; dec ecx; jnz
    is("a callee that changes what it returns to", call(caller, 1, 0, rounds), rounds * (rounds + 1) / 2);
    is("  again", call(caller, 1, 0, rounds), rounds * (rounds + 1) / 2);
    // g: turns its caller's call of itself into a call of h, and h back.
    word g = page(1) + 0x100, h = page(2) + 0x200;
    auto swap = [](word at, word other, u32 value) {       // mov r8,[rsp]; lea r9,[other - r8]: mov [r8-4],r9d
        Code{at}.bytes(0x4c, 0x8b, 0x04, 0x24, 0x49, 0xb9).qword(other).bytes(0x4d, 0x29, 0xc1, 0x45, 0x89, 0x48, 0xfc).eax(value).ret();
    };
    swap(g, h, 1), swap(h, g, 1000);
    Caller turns(page(0) + 0x100, g);
    is("a call that goes elsewhere each time, by its callees", turns(rounds), rounds / 2 * 1001);
    // A block in another page is changed, then jumped to.
    word target = page(3) + 0x40;
    put(target, 0);
    Code j{page(0) + 0x200};
    j.bytes(0x31, 0xd2, 0x49, 0xb8).qword(target + 1);
    again = j.at;
    j.bytes(0x41, 0x89, 0x08).call(target).bytes(0x01, 0xc2, 0xff, 0xc9).jcc(5, again).bytes(0x89, 0xd0).ret();     // mov [r8],ecx; call; add edx,eax
    is("a function in another page, changed before each call", call(page(0) + 0x200, 0, 0, rounds), rounds * (rounds + 1) / 2);
    // The function's second block: reached by a branch within it.
    Code two{page(3) + 0x100};
    two.bytes(0x39, 0xc0).jcc(4, two.at + 6 + 50).fill(two.at + 60).eax(0).ret();
    put(page(3) + 0x100 + 8 + 50, 0);
    Code k{page(0) + 0x300};
    k.bytes(0x31, 0xd2, 0x49, 0xb8).qword(page(3) + 0x100 + 8 + 50 + 1);
    again = k.at;
    k.bytes(0x41, 0x89, 0x08).call(page(3) + 0x100).bytes(0x01, 0xc2, 0xff, 0xc9).jcc(5, again).bytes(0x89, 0xd0).ret();
    is("its second block", call(page(0) + 0x300, 0, 0, rounds), rounds * (rounds + 1) / 2);
}

// ---- a kernel's patching

static volatile u32 hits;
static word resume_at;
static void breakpoint(Frame& f) {
    hits = hits + 1;
    f.ip = resume_at;
}

// A 5-byte instruction changes in three steps: INT3 over its first byte, its tail, its first byte. `write` is how bytes get there.
template <class Write> static bool poke_text(word site, const u8 (&to)[5], word resume, Write write, void (*between)()) {
    resume_at = resume;
    write(site, 0xcc);
    between();
    for (unsigned i = 1; i < 5; i++) write(site + i, to[i]);
    between();
    write(site, to[0]);
    return true;
}

static word site, loop;
template <class Write> static void kernel_patching(const char* name, Write write) {
    static const u8 nop5[5] = {0x0f, 0x1f, 0x44, 0, 0};
    // site: NOP5 or JMP to +20; what follows the NOP adds 1, what the jump reaches adds 100.
    site = page(0) + 0x400 - 2;           // over two lines
    Code{site}.bytes(0x0f, 0x1f, 0x44, 0, 0).eax(1).ret().fill(site + 20).eax(100).ret();
    u8 jump[5] = {0xe9, 15, 0, 0, 0};
    Caller caller(page(4), site);
    loop = page(4);
    hook(BP, breakpoint);
    bool good = true;
    auto between = [] { call(loop, 0, 0, 10); };
    for (u32 i = 0; i < 100; i++) {
        hits = 0;
        good &= caller.gives(1) && hits == 0;
        good &= poke_text(site, jump, site + 20, write, between) && hits == 20;
        good &= caller.gives(100) && hits == 20;
        good &= poke_text(site, nop5, site + 5, write, between) && hits == 40;
        good &= caller.gives(1) && hits == 40;
    }
    holds(name, good);
    hook(BP, nullptr);
}

static void kernels() {
    kernel_patching("NOP and JMP by INT3, 100 times", [](word at, u8 v) { poke<u8>(at, v); });
    map(va + 0x3000, page(0) | P | W);
    kernel_patching("through another mapping", [](word at, u8 v) { poke<u8>(va + 0x3000 + (at & 0xfff), v); });
    // As Linux does: the mapping exists in an address space of its own.
    static word own, other;
    own = get_cr3();
    u64* root = new_table();
    other = word(root);
    memcpy(root, reinterpret_cast<void*>(own), 4096);
    entry(va + (1ull << 39), 1, other) = page(0) | P | W;
    auto away = [](word at, u8 v) {
        set_cr3(other);
        poke<u8>(va + (1ull << 39) + (at & 0xfff), v);
        set_cr3(own);
    };
    kernel_patching("through a mapping of another address space", away);
    // Static calls: CALL's target changes in one store, thousands of times.
    word s = page(0) + 0x803;             // its displacement is aligned
    word f[3] = {page(1) + 0x10, page(2) + 0x20, page(0) + 0x900};
    put(f[0], 3), put(f[1], 5), put(f[2], 7);
    Code c{s};
    c.call(f[0]).bytes(0x83, 0xc0, 0x01).ret();
    Caller caller(page(4), s);
    bool good = true;
    for (u32 i = 0; i < 600; i++) {
        poke<u32>(s + 1, u32(f[i % 3] - (s + 5)));
        good &= caller.gives(4 + 2 * (i % 3), 5);
    }
    holds("a call's target, 600 times", good);
    good = true;
    Code{s}.jump(f[0]);
    for (u32 i = 0; i < 600; i++) {
        poke<u32>(s + 1, u32(f[i % 3] - (s + 5)));
        good &= caller.gives(3 + 2 * (i % 3), 5);
    }
    holds("a jump's", good);
    good = true;
    for (u32 i = 0; i < 300; i++) {       // INT3 in the middle of a hot block; then the byte comes back
        word m = page(0) + 0xa00;
        if (i == 0) Code{m}.eax(1).nops(5).bytes(0x83, 0xc0, 2).ret();
        good &= gives(m, 3, 3);
        poke<u8>(m + 7, 0xcc);
        Trap t = trap([] { call(page(0) + 0xa00); });
        good &= t.vector == BP && t.ip == m + 8;
        poke<u8>(m + 7, 0x90);
    }
    holds("INT3 in the middle of a block, 300 times", good);
}

extern "C" void guest() {
    ahead();
    branches();
    self();
    callers();
    kernels();
}
