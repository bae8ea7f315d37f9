// SPDX-License-Identifier: MIT
// Guest, 64-bit: pages remapped, withdrawn and switched under hot code: INVLPG, MOV CR3 with and without PCID and bit 63, global pages,
// NX, U/S, SMEP, NXE; the running page itself, the page that is returned to, instructions and blocks across pages (SDM vol. 3, 4.10).
#include "code.h"
#include "frame.h"

static constexpr word va = 0x8000000000, far_off = va + (5ul << 30) + 0x7000;
static constexpr u64 all = P | W | U;
static word own;                          // the first address space's CR3, without a PCID
static u64* second_root() {               // shares all but the slot of va
    u64* root = new_table();
    memcpy(root, reinterpret_cast<void*>(own), 4096);
    root[va >> 39 & 511] = 0;
    return root;
}

// The same function in pages 0 to 3, with the page's number + 1 as its value; a direct call, and one through a register, from a page elsewhere.
static void same_function(word offset) {
    for (u32 n = 0; n < 4; n++) put(page(n) + offset, n + 1);
}

static void invlpg_under_links() {
    same_function(0x123);
    map(va, page(0) | all);
    map(va + 0x1000, page(8) | all);
    Caller direct(va + 0x1000, va + 0x123);                // relative: one linear address
    Code{page(9)}.call_far_away(va + 0x123).ret();
    Caller indirect(page(9) + 0x100, page(9));
    bool good = true;
    for (u32 i = 0; i < 400; i++) {
        map(va, page(i & 3) | all);
        good &= direct.gives((i & 3) + 1, 10) && indirect.gives((i & 3) + 1, 10) && call(va + 0x123) == (i & 3) + 1;
    }
    holds("INVLPG: the target of direct and indirect calls, 400 times", good);
    good = true;
    for (u32 i = 0; i < 100; i++) {
        entry(va, 1) = page(i & 3) | all;
        if (i) good &= direct.gives(((i - 1) & 3) + 1, 3);   // "stale" as in the guest tlb: nothing has invalidated it
        set_cr3(get_cr3());
        good &= direct.gives((i & 3) + 1, 10) && indirect.gives((i & 3) + 1, 10);
    }
    holds("MOV to CR3: stale before, fresh behind, 100 times", good);
    // Jumps, branches and running off the end of a page into what is remapped.
    static const char* names[] = {"a jump into it", "a branch into it", "running into it"};
    for (u32 kind = 0; kind < 3; kind++) {
        for (u32 n = 0; n < 4; n++) put(page(n), n + 1);
        word before = va + 0x20000, start = before + 0xff0;
        map(before, page(8) | all);
        Code c{start};
        if (kind == 0) c.fill(before + 0xff8).jump(before + 0x1000);
        if (kind == 1) c.bytes(0x39, 0xc0).jcc(4, before + 0x1000).bytes(0x0f, 0x0b);
        if (kind == 2) c.fill(before + 0xffe).bytes(0x39, 0xc0);
        Caller run(page(9), page(9) + 0x200);
        Code{page(9) + 0x200}.call_far_away(start).ret();
        good = true;
        for (u32 i = 0; i < 100; i++) {
            map(before + 0x1000, page(i & 3) | all);
            good &= run.gives((i & 3) + 1, 10);
        }
        holds(names[kind], good);
    }
}

// The page that runs or is returned to changes.
static void under_itself() {
    // Code at va: stores a new entry (RSI) to its own PTE (RDI), INVLPG, and goes on: in the other page, which gives another value.
    word pte = word(&entry(va, 1));
    for (u32 n = 0; n < 4; n++) {
        Code c{page(n) + 0x40};
        c.bytes(0x48, 0x89, 0x37, 0x48, 0xba).qword(va).bytes(0x0f, 0x01, 0x3a).eax(n + 1).ret();     // mov [rdi],rsi; mov rdx,va; invlpg [rdx]; mov eax,n; ret
    }
    bool good = true;
    map(va, page(0) | all);
    for (u32 i = 1; i < 300; i++) good &= call(va + 0x40, pte, page(i & 3) | all) == (i & 3) + 1;
    holds("INVLPG of the running page: the next instruction is the other page's", good);
    for (u32 n = 0; n < 4; n++) {
        Code c{page(n) + 0x80};
        c.bytes(0x48, 0x89, 0x37, 0x0f, 0x20, 0xda, 0x0f, 0x22, 0xda).eax(n + 1).ret();               // mov [rdi],rsi; mov rdx,cr3; mov cr3,rdx
    }
    good = true;
    map(va, page(0) | all);
    for (u32 i = 1; i < 300; i++) good &= call(va + 0x80, pte, page(i & 3) | all) == (i & 3) + 1;
    holds("MOV to CR3 likewise", good);
    // A callee elsewhere remaps the page of the call: it returns into the other page.
    word f = page(8) + 0x10;
    Code{f}.bytes(0x48, 0x89, 0x37, 0x48, 0xba).qword(va).bytes(0x0f, 0x01, 0x3a).ret();
    for (u32 n = 0; n < 4; n++) Code{page(n) + 0xc0}.bytes(0x48, 0xb8).qword(f).bytes(0xff, 0xd0).eax(n + 1).ret();
    good = true;
    map(va, page(0) | all);
    for (u32 i = 1; i < 300; i++) good &= call(va + 0xc0, pte, page(i & 3) | all) == (i & 3) + 1;
    holds("the page of the return address, by a callee", good);
    // And it withdraws it: the RET is done, the fetch behind it faults.
    static word where;
    static u64* its_entry;
    its_entry = &entry(va, 1);
    where = va + 0xc0 + 12;
    good = true;
    for (u32 i = 0; i < 50; i++) {
        map(va, page(0) | all);
        call(va + 0xc0, pte, page(0) | all);
        Trap t = trap([] { call(va + 0xc0, word(its_entry), 0); });
        good &= t.vector == PF && t.code == 0x10 && t.cr2 == where && t.ip == where;
        map(va, page(1) | all);
        t = trap([] { call(va + 0xc0, word(its_entry), page(1) | all | NX); });
        good &= t.vector == PF && t.code == 0x11 && t.cr2 == where && t.ip == where;
        map(va, page(2) | all);
        t = trap([] { call(va + 0x40, word(its_entry), page(2) | all | NX); });        // INVLPG of itself: 16 bytes on
        good &= t.vector == PF && t.code == 0x11 && t.cr2 == va + 0x50 && t.ip == va + 0x50;
    }
    holds("withdrawn meanwhile: the fetch behind RET, and behind INVLPG, faults", good);
}

// ---- address spaces

// Two spaces with different code at one address: callers in shared pages, callers at the same address too.
static void spaces() {
    word other = word(second_root());
    same_function(0x123);
    map(va, page(0) | all), map(va + 0x1000, page(8) | all), map(va + 0x2000, page(10) | all);
    entry(va, 1, other) = page(1) | all, entry(va + 0x1000, 1, other) = page(8) | all, entry(va + 0x2000, 1, other) = page(11) | all;
    Caller shared(va + 0x1000, va + 0x123);
    for (u32 n = 10; n < 12; n++) {
        Code c{page(n) + 0x40};           // va + 2040h: calls, through a register and directly, and adds
        c.call_far_away(va + 0x123).bytes(0x05).dword(n == 10 ? 0x100 : 0x200).ret();
    }
    Code{page(9)}.call_far_away(va + 0x2040).ret();
    Caller indirect(page(9) + 0x100, page(9));
    bool good = true;
    for (u32 i = 0; i < 300; i++) {
        set_cr3(own), good &= shared.gives(1, 5) && indirect.gives(0x101, 5) && call(va + 0x123) == 1;
        set_cr3(other), good &= shared.gives(2, 5) && indirect.gives(0x202, 5) && call(va + 0x123) == 2;
    }
    set_cr3(own);
    holds("the same addresses in two address spaces, 300 switches", good);
    // A callee at a shared address switches: its caller is the other space's code when it returns.
    // va + 0x3000: page 12 in one, 13 in the other; the callee (page 9) does MOV CR3, RDI.
    Code{page(9) + 0x800}.bytes(0x0f, 0x22, 0xdf).ret();
    map(va + 0x3000, page(12) | all), entry(va + 0x3000, 1, other) = page(13) | all;
    for (u32 n = 12; n < 14; n++) Code{page(n) + 0x30}.bytes(0x48, 0xb8).qword(page(9) + 0x800).bytes(0xff, 0xd0).eax(n).ret();
    for (u32 n = 12; n < 14; n++) Code{page(n) + 0x60}.bytes(0x0f, 0x22, 0xdf).eax(n + 100).ret();
    good = true;
    for (u32 i = 0; i < 300; i++) {
        good &= call(va + 0x3030, i & 1 ? own : other) == (i & 1 ? 12u : 13u);
        good &= call(va + 0x3060, i & 1 ? other : own) == (i & 1 ? 113u : 112u);
        good &= call(va + 0x3060, i & 1 ? own : other) == (i & 1 ? 112u : 113u);
    }
    set_cr3(own);
    holds("switched under the running code and its caller", good);
    // Global pages: not switched until CR4.PGE or INVLPG says so.
    set_cr4(get_cr4() | 0x80);
    map(va, page(2) | all | G);
    good = shared.gives(3);
    set_cr3(other);
    good &= shared.gives(3);
    set_cr3(own);
    entry(va, 1) = page(3) | all | G;
    set_cr3(own);
    good &= shared.gives(3);
    set_cr4(get_cr4() & ~word(0x80));
    good &= shared.gives(4);
    set_cr3(other);
    good &= shared.gives(2);
    set_cr3(own);
    map(va, page(0) | all);
    good &= shared.gives(1);
    holds("global pages", good);
}

static void contexts() {
    if (!(cpuid(1).ecx >> 17 & 1)) return;
    constexpr word keep = 1ull << 63;
    word other = word(second_root());
    same_function(0x123);
    set_cr4(get_cr4() | 1 << 17);
    map(va, page(0) | all), map(va + 0x1000, page(8) | all), map(va + 0x2000, page(12) | all);
    entry(va, 1, other) = page(1) | all, entry(va + 0x1000, 1, other) = page(8) | all, entry(va + 0x2000, 1, other) = page(13) | all;
    Caller shared(va + 0x1000, va + 0x123);
    Code{page(9)}.call_far_away(va + 0x123).ret();
    Caller indirect(page(9) + 0x100, page(9));
    set_cr3(own | 1), set_cr3(other | 2);
    bool good = true;
    for (u32 i = 0; i < 1000; i++) {
        set_cr3(own | 1 | keep), good &= shared.gives(1, 3) && indirect.gives(1, 3);
        set_cr3(other | 2 | keep), good &= shared.gives(2, 3) && indirect.gives(2, 3);
    }
    holds("PCIDs 1 and 2 with bit 63, 1000 switches", good);
    // The switch is in code that is different there.
    for (u32 n = 12; n < 14; n++) Code{page(n) + 0x60}.bytes(0x0f, 0x22, 0xdf).eax(n + 100).ret();
    for (u32 i = 0; i < 1000; i++) {
        good &= call(va + 0x2060, own | 1 | keep) == 112;
        good &= call(va + 0x2060, other | 2 | keep) == 113;
    }
    holds("switched by code that both have at one address", good);
    // One root under two PCIDs: what each has cached is its own.
    set_cr3(own | 1), good = shared.gives(1);
    set_cr3(own | 3), good &= shared.gives(1);
    entry(va, 1) = page(2) | all;
    set_cr3(own | 1 | keep), good &= shared.gives(1);
    set_cr3(own | 3 | keep), good &= shared.gives(1);
    invlpg(va), good &= shared.gives(3);
    set_cr3(own | 1 | keep), good &= shared.gives(1) && indirect.gives(1);
    set_cr3(own | 3 | keep), good &= shared.gives(3) && indirect.gives(3);
    set_cr3(own | 1), good &= shared.gives(3);
    holds("one root under two PCIDs, INVLPG under one", good);
    set_cr4(get_cr4() | 0x80);
    map(va, page(3) | all | G), good = shared.gives(4);
    set_cr3(other | 2 | keep), good &= shared.gives(4);
    set_cr3(other | 2), good &= shared.gives(4);
    invlpg(va), good &= shared.gives(2);
    set_cr3(own | 1 | keep), good &= shared.gives(4);
    holds("a global page under each PCID until INVLPG", good);
    if (cpuid(7).ebx >> 10 & 1) {
        auto invpcid = [](word type, word pcid, word address) {
            struct { u64 pcid, address; } d{pcid, address};
            asm volatile("invpcid %0, %1" :: "m"(d), "r"(type) : "memory");
        };
        good = true;
        for (u32 i = 0; i < 100; i++)
            for (word type = 0; type < 4; type++) {
                map(va, page(0) | all), good &= shared.gives(1, 3);
                entry(va, 1) = page(2) | all;
                good &= shared.gives(1, 3);
                invpcid(type, type < 2 ? 1 : 0, type ? 0 : va);
                good &= shared.gives(3, 3) && indirect.gives(3, 3);
            }
        holds("INVPCID of each type, 100 times", good);
    }
    map(va, page(0) | all);
    set_cr4(get_cr4() & ~word(0x80));
    set_cr3(own);
    set_cr4(get_cr4() & ~word(1 << 17));
}

// ---- rights withdrawn

static bool refused(word code, word at) {
    static word where;
    where = at;
    Trap t = trap([] { call(where); });
    return t.vector == PF && t.code == code && t.cr2 == at && t.ip == at;
}
static void withdrawn() {
    same_function(0x123);
    word f = va + 0x123;
    map(va, page(0) | all), map(va + 0x1000, page(8) | all);
    Caller direct(va + 0x1000, f);
    static Caller* its;
    its = &direct;
    auto caught = [](u64 pte, word code) {
        map(va, page(0) | pte);
        Trap t = trap([] { (*its)(100); });
        bool good = t.vector == PF && t.code == code && t.cr2 == va + 0x123 && t.ip == va + 0x123 && refused(code, va + 0x123);
        map(va, page(0) | all);
        return good;
    };
    bool nx = true, p = true;
    for (u32 i = 0; i < 200; i++) {
        nx &= direct.gives(1, 10) && caught(all | NX, 0x11);
        p &= direct.gives(1, 10) && caught(P ^ P, 0x10);
    }
    holds("NX set and INVLPG, 200 times", nx), holds("P cleared and INVLPG, 200 times", p);
    // The upper levels.
    bool good = true;
    for (int level = 2; level <= 4; level++) {
        u64& e = entry(va, level);
        u64 old = e;
        for (u32 i = 0; i < 20; i++) {
            good &= call(f) == 1;
            e = old | NX, invlpg(va);
            good &= refused(0x11, f);
            e = old, invlpg(va);
        }
    }
    holds("NX of each upper level", good);
    // A user's loop, whose callee becomes the supervisor's.
    good = true;
    for (u32 i = 0; i < 100; i++) {
        map(va, page(0) | all);
        good &= trap_user([] { its->gives(1, 20); }).vector == none;
        map(va, page(0) | P | W);
        good &= direct.gives(1, 5);
        Trap t = trap_user([] { its->gives(1, 20); });
        good &= t.vector == PF && t.code == 0x15 && t.cr2 == f && t.ip == f && (t.cs & 3) == 3;
    }
    map(va, page(0) | all);
    holds("U/S withdrawn from a user's loop, while the supervisor may", good);
    // EFER.NXE: without it bit 63 is reserved, and an entry cached with NX is not believed.
    good = true;
    for (u32 i = 0; i < 50; i++) {
        map(va, page(0) | all | NX);
        good &= refused(0x11, f);
        wrmsr(0xc0000080, rdmsr(0xc0000080) & ~0x800ull), set_cr3(get_cr3());
        good &= refused(9, f);
        entry(va, 1) = page(0) | all;
        good &= direct.gives(1, 5);
        wrmsr(0xc0000080, rdmsr(0xc0000080) | 0x800), set_cr3(get_cr3());
        good &= direct.gives(1, 5);
    }
    holds("EFER.NXE, 50 times", good);
    if (cpuid(7).ebx >> 7 & 1) {
        // SMEP takes hold at once: what is cached of a user's page is not run by the supervisor.
        u64& first = entry(0, levels);
        first &= ~U, set_cr3(get_cr3());
        map(va + 0x1000, page(8) | P | W);
        good = true;
        for (u32 i = 0; i < 100; i++) {
            good &= direct.gives(1, 10);
            set_cr4(get_cr4() | 1 << 20);
            Trap t = trap([] { (*its)(100); });
            good &= t.vector == PF && t.code == 0x11 && t.ip == va + 0x123;
            set_cr4(get_cr4() & ~word(1 << 20));
            good &= direct.gives(1, 10);
        }
        first |= U, set_cr3(get_cr3());
        holds("SMEP over hot code of a user's page, 100 times", good);
    }
}

// ---- across pages

static void crossing() {
    // At each cut: MOV RAX, imm64; RET over the end of va, heads in pages 0 and 1, tails in 2 and 3.
    bool good = true;
    for (word cut = 1; cut < 11; cut++) {
        u8 bytes[11];
        for (u32 n = 0; n < 4; n++) {
            Code{word(bytes)}.rax(0x0101010101010101 * (n & 1 ? 0x55 : 0x22)).ret();
            if (n < 2) memcpy(reinterpret_cast<void*>(page(n) + 4096 - cut), bytes, cut);
            else memcpy(reinterpret_cast<void*>(page(n)), bytes + cut, 11 - cut);
        }
        static word at;
        at = va + 0x1000 - cut;
        map(va, page(0) | all), map(va + 0x1000, page(2) | all);
        auto expected = [&](u32 head, u32 tail) {
            u32 v = 0;
            for (word i = 0; i < 4; i++) v |= u32(i + 2 < cut ? (head ? 0x55 : 0x22) : (tail ? 0x55 : 0x22)) << 8 * i;
            return v;
        };
        for (u32 i = 0; i < 16; i++) {
            map(va + (i & 1 ? 0x1000 : 0), page(i & 1 ? 2 + (i >> 1 & 1) : i >> 1 & 1) | all);
            u32 head = (i & ~1u) >> 1 & 1, tail = i & 1 ? i >> 1 & 1 : (i ? (i - 1) >> 1 & 1 : 0);
            good &= gives(at, expected(head, tail), 5);
        }
        if (cut == 10) continue;          // then only RET is in the second page
        for (u32 i = 0; i < 5; i++) {
            map(va + 0x1000, page(2) | all | NX);
            Trap t = trap([] { call(at); });
            good &= t.vector == PF && t.code == 0x11 && t.cr2 == va + 0x1000 && t.ip == at;
            map(va + 0x1000, 0);
            t = trap([] { call(at); });
            good &= t.vector == PF && t.code == 0x10 && t.cr2 == va + 0x1000 && t.ip == at;
            map(va + 0x1000, page(2) | all);
            map(va, 0);
            t = trap([] { call(at); });
            good &= t.vector == PF && t.code == 0x10 && t.cr2 == at && t.ip == at;
            map(va, page(0) | all);
            good &= gives(at, expected(0, 0), 3);
        }
    }
    holds("an instruction across pages: each cut, halves remapped and withdrawn", good);
    // A loop whose body lies over the end of a page: its tail withdrawn while it runs, by itself.
    for (u32 n = 0; n < 2; n++) Code{page(2 + n)}.bytes(0x83, 0xc0, n + 1, 0xff, 0xc9).jcc(5, page(2 + n) - 3).bytes(0xc3);     // add eax,n; dec ecx; jnz va+ffd
    Code{page(0) + 0xfed}.bytes(0x31, 0xc0).fill(page(0) + 0xffd).bytes(0x83, 0xc0, 0x10);                                      // xor eax,eax; ...; add eax,10h
    map(va, page(0) | all);
    good = true;
    for (u32 i = 0; i < 100; i++) {
        map(va + 0x1000, page(2 + (i & 1)) | all);
        good &= call(va + 0xfed, 0, 0, 50) == 50 * (0x11 + (i & 1));
    }
    holds("a loop over the end of a page, its tail remapped", good);
}

// A 2-MiB page becomes small pages and back.
static void sizes() {
    word big = far_off & ~0x1ffffful, f = big + 0x7123;
    u64& pde = entry(big, 2);
    u64* small = new_table();
    u64 old = peek<u64>(0x2000000 + 0x7123);
    put(0x2000000 + 0x7123, 21), put(0x2200000 + 0x7123, 22);
    for (u32 n = 0; n < 512; n++) small[n] = page(0) | all;
    put(page(0) + 0x123, 23);
    Code{page(9)}.call_far_away(f).ret();
    Caller run(page(9) + 0x100, page(9));
    bool good = true;
    for (u32 i = 0; i < 200; i++) {
        pde = 0x2000000 | PSE | all, invlpg(big + 0x1ff000), good &= run.gives(21, 5);
        pde = word(small) | all, invlpg(f), invlpg(big), good &= run.gives(23, 5);
        small[7] = page(0) | all | NX, invlpg(f), good &= refused(0x11, f), small[7] = page(0) | all, invlpg(f);
        pde = 0x2200000 | PSE | all, invlpg(f), invlpg(big), good &= run.gives(22, 5);
        pde = 0x2200000 | PSE | all | NX, invlpg(big + 0x3000), good &= refused(0x11, f);
    }
    holds("2-MiB pages and small ones in turns, 200 times", good);
    pde = 0, invlpg(big), invlpg(f);
    poke<u64>(0x2000000 + 0x7123, old);
}

extern "C" void guest() {
    own = get_cr3();
    invlpg_under_links();
    under_itself();
    spaces();
    contexts();
    withdrawn();
    crossing();
    sizes();
}
