// SPDX-License-Identifier: MIT
// Guest, 64-bit: what an access may do changes over translations that are cached: CR0.WP, EFLAGS.AC, SMAP, PKRU, CPL, entries changed and
// invalidated, many aliases at once, accesses across pages (SDM vol. 3, 4.6 and 4.10). Each change in a loop, between hot accesses.
#include "code.h"
#include "frame.h"

static constexpr word va = 0x8000000000;
static constexpr u64 all = P | W | U;

// Accesses as machine code, so that the very same instructions run before and behind a change: RDI address, EAX result.
static word load, store, modify, push_to, copy;
static void make_accesses() {
    Code c{page(8)};
    auto next = [&] { c.at = (c.at + 63) & ~63ul; return c.at; };
    load = next(), c.bytes(0x8b, 0x07).ret();                                        // mov eax,[rdi]
    store = next(), c.bytes(0x89, 0x37).eax(1).ret();                                // mov [rdi],esi
    modify = next(), c.bytes(0x01, 0x37).eax(1).ret();                               // add [rdi],esi
    push_to = next(), c.bytes(0x48, 0x89, 0xe2, 0x48, 0x8d, 0x67, 0x08, 0x56, 0x48, 0x89, 0xd4).eax(1).ret();    // rsp to rdi+8; push rsi; rsp back
    copy = next(), c.bytes(0xb9).dword(4).bytes(0xf3, 0xa4).eax(1).ret();            // mov ecx,4; rep movsb
}

// One access, caught: the error code, or `good`.
static constexpr word good_access = ~word(0);
static word which, where, value;
static word outcome(const Trap& t) {
    if (t.vector == none) return good_access;
    return t.vector == PF && t.cr2 == where ? t.code : 0x1000 + t.vector;
}
static void go() { call(which, where, value); }
static word attempt(word access, word at) {
    which = access, where = at, value = access == copy ? word(gdt) : 0x5a5a5a5a;
    return outcome(trap(go));
}
static word attempt_user(word access, word at) {
    which = access, where = at, value = access == copy ? word(gdt) : 0x5a5a5a5a;
    return outcome(trap_user(go));
}
static void loops(word access, word at, unsigned n = 20) {
    while (n--) call(access, at, access == copy ? word(gdt) : 0x5a5a5a5a);
}

static void write_protect() {
    map(va, page(0) | P | U);
    word cr0 = get_cr0();
    bool good = true;
    for (u32 i = 0; i < 300; i++) {
        set_cr0(cr0 & ~word(0x10000));
        poke<u32>(va + 0x20, i), good &= peek<u32>(page(0) + 0x20) == i;
        loops(store, va + 0x20, 5), loops(modify, va + 0x24, 5), loops(copy, va + 0x30, 2);
        set_cr0(cr0);
        word access[] = {store, modify, copy};
        good &= attempt(access[i % 3], va + 0x20) == 3 && attempt(load, va + 0x20) == good_access;
    }
    holds("CR0.WP on and off over stores to a read-only page, 300 times", good);
    good = true;
    for (u32 i = 0; i < 100; i++) {       // a user may not, whatever WP says
        set_cr0(cr0 & ~word(0x10000));
        loops(store, va + 0x20, 5);
        good &= attempt_user(store, va + 0x20) == 7 && attempt_user(load, va + 0x20) == good_access;
        loops(store, va + 0x20, 5);
        set_cr0(cr0);
    }
    holds("with CR0.WP clear, a user's store in turns with the supervisor's", good);
    // The same in one piece of code: MOV to CR0 between two stores.
    map(va, page(0) | P | U);
    static word with, without;
    with = cr0, without = cr0 & ~word(0x10000);
    good = true;
    for (u32 i = 0; i < 100; i++) {
        where = va + 0x44;
        Trap t = trap([] {
            asm volatile("mov %1, %%cr0; movl $1, 0x40(%0); mov %2, %%cr0; 1: movl $1, 0x44(%0)" :: "r"(va), "r"(without), "r"(with) : "memory");
        });
        good &= outcome(t) == 3;
        set_cr0(cr0);
    }
    holds("and in one block", good);
}

static void levels_of_privilege() {
    bool good = true;
    for (u32 i = 0; i < 200; i++) {
        map(va, page(0) | P | W);
        loops(load, va + 0x20, 5), loops(store, va + 0x20, 5);
        good &= attempt_user(load, va + 0x20) == 5 && attempt_user(store, va + 0x20) == 7 && attempt_user(copy, va + 0x20) == 7;
        good &= attempt(load, va + 0x20) == good_access;
        map(va, page(0) | all);
        good &= attempt_user(load, va + 0x20) == good_access && attempt_user(store, va + 0x20) == good_access;
    }
    holds("a supervisor's page, by the supervisor and a user in turns", good);
    // Without invalidation: the supervisor fills, the user still may not.
    map(va, page(0) | P | W), map(va + 0x1000, page(1) | P | U);
    good = true;
    for (u32 i = 0; i < 200; i++) {
        loops(load, va + 0x20, 3), loops(store, va + 0x20, 3);
        good &= attempt_user(load, va + 0x20) == 5;
        good &= attempt_user(load, va + 0x1020) == good_access && attempt_user(store, va + 0x1020) == 7;
        good &= attempt(store, va + 0x1020) == 3 && attempt(store, va + 0x20) == good_access;
    }
    holds("over cached entries", good);
    // Within one trip: ring 3 to ring 0 by INT and back by IRET, and by SYSCALL and SYSRET, over the same data.
    static word counter;
    counter = 0;
    hook(0x50, [](Frame& f) {
        poke<u32>(va + 0x40, peek<u32>(va + 0x40) + u32(f.di)), counter++;
    });
    set_gate(0x50, stub(0x50), kcode, 0xee);
    map(va, page(0) | P | W), map(va + 0x1000, page(0) | P | U);
    poke<u32>(va + 0x40, 0);
    Trap t = trap_user([] {
        for (word i = 0; i < 1000; i++) {
            word before = peek<u32>(va + 0x1040);
            asm volatile("int $0x50" :: "D"(i) : "memory");
            if (peek<u32>(va + 0x1040) != before + i) asm volatile("ud2");
        }
    });
    passes("INT and IRET, 1000 times, over data of both", t);
    is("  its sum", peek<u32>(page(0) + 0x40), 999 * 1000 / 2), is("  its count", counter, 1000);
    t = trap_user([] {
        for (word i = 0; i < 1000; i++) asm volatile("int $0x50" :: "D"(i) : "memory");
        poke<u32>(va + 0x40, 0);
    });
    page_faults("then a user's store to the supervisor's", t, 7, va + 0x40);
    hook(0x50, nullptr);
    asm volatile(".pushsection .text.aside, \"ax\"; rights_syscall: add %%edi, (%%rsi); sysretq; .popsection" :::);
    extern char rights_syscall[] asm("rights_syscall");
    wrmsr(0xc0000081, u64(kcode) << 32 | u64(0x18) << 48), wrmsr(0xc0000082, word(rights_syscall)), wrmsr(0xc0000084, 0x40701);
    poke<u32>(page(0) + 0x80, 0);
    t = trap_user([] {
        for (word i = 0; i < 1000; i++) {
            word before = peek<u32>(va + 0x1080);
            asm volatile("syscall" :: "D"(i), "S"(va + 0x80) : "rcx", "r11", "memory", "cc");
            if (peek<u32>(va + 0x1080) != before + i) asm volatile("ud2");
        }
        peek<u32>(va + 0x80);
    });
    page_faults("SYSCALL and SYSRET, 1000 times; then a user's load", t, 5, va + 0x80);
    is("  its sum", peek<u32>(page(0) + 0x80), 999 * 1000 / 2);
}

static void supervisor_only() {
    auto f = cpuid(7);
    if (!(f.ebx >> 20 & 1)) return;
    u64& first = entry(0, levels);
    map(va, page(0) | all), map(va + 0x1000, page(1) | P | W);
    first &= ~U, set_cr3(get_cr3());
    bool good = true;
    for (u32 i = 0; i < 100; i++) {
        loops(load, va + 0x20), loops(store, va + 0x20, 5);
        set_cr4(get_cr4() | 1 << 21);
        good &= attempt(load, va + 0x20) == 1 && attempt(store, va + 0x20) == 3 && attempt(load, va + 0x1020) == good_access;
        set_cr4(get_cr4() & ~word(1 << 21));
        good &= attempt(load, va + 0x20) == good_access;
    }
    holds("CR4.SMAP over cached entries of a user's page", good);
    set_cr4(get_cr4() | 1 << 21);
    good = true;
    for (u32 i = 0; i < 300; i++) {
        asm volatile("stac; mov %%eax, 0x20(%0); add %%eax, 0x24(%0); mov 0x20(%0), %%eax; clac" :: "r"(va) : "rax", "memory", "cc");
        good &= attempt(load, va + 0x20) == 1 && attempt(modify, va + 0x20) == 3;
        asm volatile("mov %%eax, 0x20(%0)" :: "r"(va + 0x1000) : "memory");
        Trap t = trap([] { asm volatile("stac; mov 0x28(%0), %%eax; clac; mov %%eax, 0x1028(%0); mov 0x28(%0), %%eax" :: "r"(va) : "rax", "memory"); });
        where = va + 0x28, good &= outcome(t) == 1;
        t = trap([] { asm volatile("pushf; orl $0x40000, (%%rsp); popf; mov 0x28(%0), %%eax; pushf; andl $~0x40000, (%%rsp); popf; mov %%eax, 0x28(%0)" :: "r"(va) : "rax", "memory", "cc"); });
        good &= outcome(t) == 3;
    }
    holds("STAC and CLAC, and POPF, 300 times", good);
    // An interrupt clears nothing, IRET restores AC.
    hook(0x50, [](Frame& f) { f.flags ^= 0x40000; });
    good = true;
    for (u32 i = 0; i < 200; i++) {
        Trap t = trap([] { asm volatile("clac; int $0x50; mov 0x28(%0), %%eax; int $0x50; mov 0x28(%0), %%eax" :: "r"(va) : "rax", "memory"); });
        good &= outcome(t) == 1;
    }
    holds("IRET sets AC, and clears it", good);
    hook(0x50, nullptr);
    asm volatile("clac");
    set_cr4(get_cr4() & ~word(1 << 21));
    first |= U, set_cr3(get_cr3());
}

static void alignment() {
    word cr0 = get_cr0();
    map(va, page(0) | all), map(va + 0x1000, page(1) | all);
    bool good = true;
    for (u32 i = 0; i < 200; i++) {
        word at = va + 0x21 + i % 3;
        good &= attempt_user(load, at) == good_access;
        user_flags = 0x40002;
        good &= attempt_user(load, at) == good_access;     // AM is clear
        set_cr0(cr0 | 1 << 18);
        good &= attempt_user(load, at) == 0x1000 + AC && attempt_user(modify, at) == 0x1000 + AC && attempt_user(load, va + 0x24) == good_access;
        good &= attempt(load, at) == good_access;
        user_flags = 2;
        good &= attempt_user(load, at) == good_access;
        set_cr0(cr0);
    }
    holds("CR0.AM and EFLAGS.AC over hot misaligned accesses", good);
    set_cr0(cr0 | 1 << 18);
    static word at;
    good = true;
    for (u32 i = 0; i < 100; i++) {       // AC set in the middle of a user's code, and cleared
        at = va + 0x41;
        Trap t = trap_user([] {
            asm volatile("mov (%0), %%eax; pushf; orl $0x40000, (%%rsp); popf; mov -1(%0), %%eax; pushf; andl $~0x40000, (%%rsp); popf; mov (%0), %%eax;"
                         "pushf; orl $0x40000, (%%rsp); popf; lea 1f(%%rip), %%rax; mov %%rax, marked(%%rip); 1: mov (%0), %%eax" :: "r"(at) : "rax", "memory", "cc");
        });
        good &= t.vector == AC && t.code == 0 && t.ip == marked;
    }
    holds("AC set and cleared by POPF in ring 3: #AC at the instruction", good);
    set_cr0(cr0);
}

static void keys() {
    if (!(cpuid(7).ecx >> 3 & 1)) return;
    set_cr4(get_cr4() | 1 << 22);
    auto pkru = [](u32 v) { asm volatile("wrpkru" :: "a"(v), "c"(0), "d"(0) : "memory"); };
    map(va, page(0) | all | 1ull << 59), map(va + 0x1000, page(1) | all | 2ull << 59), map(va + 0x2000, page(2) | all);
    bool good = true;
    for (u32 i = 0; i < 300; i++) {
        pkru(0), loops(load, va + 0x20, 3), loops(store, va + 0x20, 3), loops(store, va + 0x1020, 3);
        pkru(8);                          // WD1
        good &= attempt(load, va + 0x20) == good_access && attempt(store, va + 0x20) == 0x23 && attempt(store, va + 0x1020) == good_access;
        pkru(4);                          // AD1
        good &= attempt(load, va + 0x20) == 0x21 && attempt(store, va + 0x20) == 0x23 && attempt(store, va + 0x1020) == good_access;
        pkru(0x10);                       // AD2
        good &= attempt(store, va + 0x20) == good_access && attempt(load, va + 0x1020) == 0x21 && attempt(store, va + 0x2020) == good_access;
        good &= attempt_user(load, va + 0x1020) == 0x25 && attempt_user(modify, va + 0x20) == good_access;
        pkru(0);
    }
    holds("WRPKRU over cached entries, 300 times", good);
    good = true;
    poke<u32>(page(0) + 0x48, 0);
    for (u32 i = 0; i < 200; i++) {
        Trap t = trap([] {
            asm volatile("xor %%ecx, %%ecx; xor %%edx, %%edx; xor %%eax, %%eax; wrpkru; incl 0x48(%0); mov $8, %%eax; wrpkru; mov 0x48(%0), %%ebx; xor %%eax, %%eax; "
                         "wrpkru; incl 0x48(%0); mov $8, %%eax; wrpkru; incl 0x48(%0)" :: "r"(va) : "rax", "rbx", "rcx", "rdx", "memory", "cc");
        });
        pkru(0);
        where = va + 0x48, good &= outcome(t) == 0x23;
    }
    holds("in one piece of code", good);
    is("  the stores that were allowed", peek<u32>(page(0) + 0x48), 400);
    pkru(4);
    set_cr4(get_cr4() & ~word(1 << 22));
    good = attempt(load, va + 0x20) == good_access;
    set_cr4(get_cr4() | 1 << 22);
    good &= attempt(load, va + 0x20) == 0x21;
    holds("CR4.PKE over PKRU", good);
    pkru(0);
    set_cr4(get_cr4() & ~word(1 << 22));
}

// Entries changed and invalidated between hot accesses; the A and D bits that each access then sets.
static void invalidated() {
    bool good = true;
    u64& e = entry(va, 1);
    for (u32 i = 0; i < 300; i++) {
        map(va, page(0) | all);
        loops(load, va + 0x20, 3), good &= (e & (A | D)) == A;
        loops(store, va + 0x20, 3), good &= (e & (A | D)) == (A | D);
        map(va, page(0) | P | U), good &= attempt(store, va + 0x20) == 3 && attempt_user(load, va + 0x20) == good_access;
        map(va, 0), good &= attempt(load, va + 0x20) == 0 && attempt_user(store, va + 0x20) == 6;
        map(va, page(0) | P | U);
        loops(load, va + 0x20, 3);
        map(va, page(1) | all), poke<u32>(page(1) + 0x20, i), good &= call(load, va + 0x20) == i;
    }
    holds("W, P and the address changed with INVLPG, 300 times; A and D", good);
    // MMIO and RAM behind one address in turns: the APIC's version register. Writes to ROM are dropped.
    good = true;
    u32 version = peek<u32>(0xfee00030);
    poke<u32>(page(1) + 0x30, 0x12345678);
    for (u32 i = 0; i < 100; i++) {
        map(va, page(1) | all), good &= call(load, va + 0x30) == 0x12345678, loops(load, va + 0x30, 3);
        map(va, 0xfee00000 | all | 0x18), good &= call(load, va + 0x30) == version, loops(load, va + 0x30, 3);
    }
    holds("RAM and the APIC's page behind one address in turns", good);
    u32 rom = peek<u32>(0xfffffff0);
    map(va, 0xfffff000 | all);
    good = true;
    for (u32 i = 0; i < 50; i++) good &= call(load, va + 0xff0) == rom, loops(store, va + 0xff0, 3), good &= call(load, va + 0xff0) == rom;
    holds("stores to ROM are dropped", good);
    map(va, 0);
}

// Many pages whose numbers collide in a table of any power of two, loaded from and stored to in turns; the rights differ.
static void aliases() {
    static const word strides[] = {1ul << 20, 1ul << 21, 1ul << 22, 1ul << 23, 1ul << 24, 1ul << 27, 1ul << 30};
    bool good = true, refusals = true;
    word base = va + 0x5000;
    for (word stride : strides) {
        for (word n = 0; n < 5; n++) map(base + n * stride, page(unsigned(n)) | (n == 3 ? P | U : n == 4 ? P | W : all));
        for (word n = 0; n < 5; n++) poke<u32>(page(unsigned(n)) + 0x40, u32(n * 1000));
        for (u32 i = 0; i < 100; i++) {
            for (word n = 0; n < 3; n++) poke<u32>(base + n * stride + 0x40, u32(n * 1000 + i)), call(modify, base + n * stride + 0x40, 1);
            for (word n = 0; n < 3; n++) good &= peek<u32>(page(unsigned(n)) + 0x40) == n * 1000 + i + 1 && call(load, base + n * stride + 0x40) == n * 1000 + i + 1;
            good &= call(load, base + 3 * stride + 0x40) == 3000 && call(load, base + 4 * stride + 0x40) == 4000;
            if (i % 10) continue;
            refusals &= attempt(store, base + 3 * stride + 0x40) == 3 && attempt_user(load, base + 4 * stride + 0x40) == 5;
            refusals &= attempt_user(load, base + 3 * stride + 0x40) == good_access && attempt(store, base + 2 * stride + 0x50) == good_access;
        }
        for (word n = 0; n < 5; n++) entry(base + n * stride, 1) = 0, invlpg(base + n * stride);
    }
    holds("five pages at each of seven strides, in turns", good), holds("and what is refused there", refusals);
}

// Every width over every cut of a page's end, the second page elsewhere in memory, or refusing.
static void crossing() {
    map(va, page(0) | all), map(va + 0x1000, page(5) | all);
    bool good = true;
    for (u32 round = 0; round < 20; round++)
        for (word size : {2ul, 4ul, 8ul})
            for (word cut = 1; cut < size; cut++) {
                word at = va + 0x1000 - cut;
                u64 v = 0x1122334455667788 * (round + 1);
                if (size == 2) poke<u16>(at, u16(v));
                if (size == 4) poke<u32>(at, u32(v));
                if (size == 8) poke<u64>(at, v);
                for (word i = 0; i < size; i++) good &= peek<u8>(i < cut ? page(0) + 0x1000 - cut + i : page(5) + i - cut) == u8(v >> 8 * i);
                u64 back = size == 2 ? peek<u16>(at) : size == 4 ? peek<u32>(at) : peek<u64>(at);
                good &= back == (size == 8 ? v : v & ((1ull << 8 * size) - 1));
                if (size == 4) call(modify, at, 1), good &= call(load, at) == u32(v) + 1;
            }
    holds("every width over every cut", good);
    good = true;
    for (u32 i = 0; i < 50; i++) {
        map(va + 0x1000, page(5) | P | U);
        poke<u32>(page(0) + 0xffc, 0x01020304), poke<u32>(page(5), 0x05060708);
        which = modify, where = va + 0x1000, value = 1;
        static word at;
        at = va + 0xffe;
        Trap t = trap([] { call(which, at, value); });
        good &= outcome(t) == 3 && peek<u32>(page(0) + 0xffc) == 0x01020304 && peek<u32>(va + 0x1000) == 0x05060708;
        good &= call(load, at) == 0x07080102;
        map(va + 0x1000, 0);
        t = trap([] { call(load, at); });
        good &= outcome(t) == 0;
        map(va + 0x1000, page(5) | all);
        call(modify, at, 1);
        good &= call(load, at) == 0x07080103;
        map(va, page(0) | P | U);
        where = at;
        t = trap([] { call(which, at, value); });
        good &= outcome(t) == 3;
        map(va, page(0) | all);
    }
    holds("either page refusing", good);
    // The stack over the border: pushes, calls and returns.
    good = true;
    for (word cut = 0; cut < 8; cut++)
        for (u32 i = 0; i < 20; i++) call(push_to, va + 0xff8 + cut, 0x77665544), good &= call(load, va + 0xff8 + cut) == 0x77665544;
    for (word cut = 1; cut < 8; cut++) {
        u32 n = 100, sum = 0;
        asm volatile("mov %%rsp, %%rbx; mov %2, %%rsp; 1: call 2f; add %%eax, %1; dec %0; jnz 1b; jmp 3f; 2: mov $3, %%eax; ret; 3: mov %%rbx, %%rsp"
                     : "+r"(n), "+r"(sum)
                     : "r"(va + 0x1000 + cut)
                     : "rax", "rbx", "memory", "cc");
        good &= sum == 300;
    }
    holds("the stack over the border", good);
    // 32-bit addresses wrap; the bank is indexed by what is left.
    u32 v;
    poke<u32>(page(0) + 0x60, 0x600d);
    asm volatile("mov %1, %%ebx; sub $0x70, %%ebx; or %2, %%rbx; mov 0x70(%%ebx), %0" : "=r"(v) : "r"(u32(page(0) + 0x60)), "r"(1ull << 40) : "rbx");
    is("a 32-bit address in 64-bit mode", v, 0x600d);
    asm volatile("mov $-0x10, %%ebx; mov %1, %%ecx; add $0x10, %%ecx; mov (%%ebx,%%ecx), %0" : "=r"(v) : "r"(u32(page(0) + 0x60)) : "rbx", "rcx");
    is("wraps at 4 GiB", v, 0x600d);
}

extern "C" void guest() {
    make_accesses();
    write_protect();
    levels_of_privilege();
    supervisor_only();
    alignment();
    keys();
    invalidated();
    aliases();
    crossing();
}
