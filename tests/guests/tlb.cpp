// SPDX-License-Identifier: MIT
// Guest, 64-bit: what the TLB may keep and must forget (SDM vol. 3, 4.10). "Stale" cases hold on silicon with a quiet TLB;
// they show that translations are cached as the manual allows, which software relies on to be found out.
#include "guest.h"
#include "tables.h"

static constexpr word va = 0x8000000000;
static u64* root2;

// Two pages that differ in their first word; a case changes the entry from one to the other behind the TLB's back.
static u64 first(u64 more = 0) { return page(0) | P | W | U | more; }
static u64 second(u64 more = 0) { return page(1) | P | W | U | more; }
static u32 seen() { return peek<u32>(va); }
static void prepare(u64 more = 0) {
    map(va, first(more));
    seen();
    entry(va, 1) = second(more);
}
static void stale(const char* name) { is(name, seen(), 1); }
static void fresh(const char* name) { is(name, seen(), 2); }
static void invpcid(word type, word pcid, word address) {
    struct { u64 pcid, address; } d{pcid, address};
    asm volatile("invpcid %0, %1" :: "m"(d), "r"(type) : "memory");
}

static void plain() {
    prepare();
    stale("a changed entry is not seen at once");
    invlpg(va + 0x123);
    fresh("INVLPG of any address of the page drops it");
    prepare();
    invlpg(va + 0x1000);
    stale("INVLPG of the next page does not");
    set_cr3(get_cr3());
    fresh("MOV to CR3 drops it");
    prepare();
    entry(va, 1) = 0;
    stale("an entry made not present is still used");
    invlpg(va);
    page_faults("and faults after INVLPG", trap([] { seen(); }), 0, va);
    entry(va, 1) = second();
    fresh("not-present is never cached");
    prepare();
    word c0 = get_cr0();
    set_cr4(get_cr4() ^ 0x80);
    set_cr4(get_cr4() ^ 0x80);
    fresh("changing CR4.PGE drops it");
    set_cr0(c0);
    map(va, first() & ~W);
    seen();
    entry(va, 1) = second();
    if (trap([] { poke<u32>(va + 4, 0); }).vector == PF)
        passes("a write behind a stale read-only entry faults at most once", trap([] { poke<u32>(va + 4, 0); }));
    fresh("and drops the entry");
    map(va, first());
    seen();
    entry(va, 1) = first() & ~W;
    invlpg(va);
    page_faults("a right taken away, after INVLPG", trap([] { poke<u32>(va + 4, 0); }), 3, va + 4);
}

static void upper() {
    map(va, first());
    seen();
    u64 old = entry(va, 2);
    u64* other = new_table();
    other[0] = second();
    entry(va, 2) = word(other) | P | W | U;
    stale("a changed PDE is not seen at once");
    invlpg(va);
    fresh("INVLPG drops what is cached of the tables too");
    entry(va, 2) = old;
    set_cr3(get_cr3());
    u64& pde = entry(va + (1 << 21), 2);
    pde = 0x200000 | PSE | P | W | U;
    word big = va + (1 << 21);
    u64 low = peek<u64>(0x2ff000);
    poke<u64>(0x2ff000, 0x1111), poke<u64>(0x4ff000, 0x2222);
    is("2 MiB: it maps", peek<u64>(big + 0xff000), 0x1111);
    pde = 0x400000 | PSE | P | W | U;
    invlpg(big + 0x1000);
    is("INVLPG drops all of a large page", peek<u64>(big + 0xff000), 0x2222);
    poke<u64>(0x2ff000, low);
    pde = 0;
}

static void globals() {
    prepare(G);
    set_cr3(get_cr3());
    fresh("the G bit means nothing without CR4.PGE");
    set_cr4(get_cr4() | 0x80);
    prepare(G);
    set_cr3(get_cr3());
    stale("a global page outlives MOV to CR3");
    invlpg(va);
    fresh("but not INVLPG");
    prepare(G);
    set_cr4(get_cr4() & ~word(0x80));
    fresh("nor clearing CR4.PGE");
    set_cr4(get_cr4() | 0x80);
    prepare(G);
    set_cr4(get_cr4() & ~word(0x80));
    set_cr4(get_cr4() | 0x80);
    fresh("nor setting it");
}

static void accessed_dirty() {
    u64& e = entry(va, 1);
    map(va, first());
    seen();
    e &= ~A;
    seen();
    is("Accessed is not set again while cached", e & A, 0);
    invlpg(va);
    seen();
    is("but after INVLPG", e & A, A);
    poke<u32>(va + 4, 0);
    e &= ~D;
    poke<u32>(va + 4, 0);
    is("Dirty likewise", e & D, 0);
    invlpg(va);
    poke<u32>(va + 4, 0);
    is("and after INVLPG it is", e & D, D);
}

static void code() {
    poke<u8>(page(0) + 16, 0xb8), poke<u32>(page(0) + 17, 1), poke<u8>(page(0) + 21, 0xc3);        // MOV EAX, 1; RET
    poke<u8>(page(1) + 16, 0xb8), poke<u32>(page(1) + 17, 2), poke<u8>(page(1) + 21, 0xc3);
    auto call = [] { u32 v; asm volatile("call *%1" : "=&a"(v) : "r"(va + 16) : "memory"); return v; };
    map(va, first());
    is("code of the first page", call(), 1);
    entry(va, 1) = second();
    is("a changed entry of code is not seen at once", call(), 1);
    invlpg(va);
    is("INVLPG drops it", call(), 2);
}

static void contexts() {
    if (!(cpuid(1).ecx >> 17 & 1)) return;
    print("PCID\n");
    root2 = new_table();
    memcpy(root2, reinterpret_cast<void*>(get_cr3()), 4096);
    word one = get_cr3(), two = word(root2);
    faults("#GP(0) of CR4.PCIDE while CR3's low bits are not 0", trap([] { set_cr3(get_cr3() | 8); set_cr4(get_cr4() | 1 << 17); }), GP);
    set_cr3(one);
    set_cr4((get_cr4() | 1 << 17) & ~word(0x80));
    constexpr word keep = 1ull << 63;
    set_cr3(one | 1);
    prepare();
    set_cr3(two | 2 | keep), set_cr3(one | 1 | keep);
    stale("bit 63 of CR3 keeps what is there");
    set_cr3(two | 2), set_cr3(one | 1 | keep);
    stale("without it, the new context alone is flushed");
    set_cr3(two | 2 | keep);
    fresh("another PCID has its own");
    set_cr3(one | 1);
    fresh("without bit 63 on the way back");
    prepare();
    set_cr3(two | 2 | keep), invlpg(va), set_cr3(one | 1 | keep);
    stale("INVLPG looks at the current PCID only");
    set_cr3(one | 1);
    is("bit 63 is not kept", get_cr3() >> 63, 0);
    set_cr4(get_cr4() | 0x80);
    prepare(G);
    set_cr3(two | 2), set_cr3(one | 1);
    stale("a global page is of all PCIDs");
    set_cr3(two | 2), invlpg(va), set_cr3(one | 1 | keep);
    fresh("INVLPG drops it under any PCID");
    if (cpuid(7).ebx >> 10 & 1) {
        print("INVPCID\n");
        prepare(), invpcid(0, 1, va);
        fresh("type 0: the address");
        prepare(), invpcid(0, 1, va + 0x1000);
        stale("type 0: no other");
        prepare(), invpcid(0, 2, va);
        stale("type 0: no other PCID");
        prepare(G), invpcid(0, 1, va);
        stale("type 0: no global page");
        prepare(), invpcid(1, 2, 0);
        stale("type 1: no other PCID");
        invpcid(1, 1, 0);
        fresh("type 1: the PCID");
        prepare(G), invpcid(1, 1, 0);
        stale("type 1: no global page");
        invpcid(3, 0, 0);
        stale("type 3: no global page");
        prepare(), invpcid(3, 0, 0);
        fresh("type 3: every PCID");
        prepare(G), invpcid(2, 0, 0);
        fresh("type 2: all");
        faults("#GP(0) of type 4", trap([] { invpcid(4, 0, 0); }), GP);
        faults("#GP(0) of reserved bits of the descriptor", trap([] { invpcid(0, 0x1000, va); }), GP);
        faults("#GP(0) of a non-canonical address, type 0", trap([] { invpcid(0, 1, 0x100000000000000); }), GP);
        passes("which type 1 does not look at", trap([] { invpcid(1, 1, 0x800000000000); }));
        faults("#GP(0) in ring 3", trap_user([] { invpcid(2, 0, 0); }), GP);
    }
    prepare();
    set_cr3(one | 0);
    set_cr4(get_cr4() & ~word(1 << 17));
    fresh("clearing CR4.PCIDE drops all");
    if (cpuid(7).ebx >> 10 & 1) faults("#GP(0) of INVPCID of a PCID while CR4.PCIDE is clear", trap([] { invpcid(1, 1, 0); }), GP);
}

extern "C" void guest() {
    poke<u32>(page(0), 1), poke<u32>(page(1), 2);
    plain();
    upper();
    globals();
    set_cr4(get_cr4() & ~word(0x80));
    accessed_dirty();
    code();
    contexts();
}
