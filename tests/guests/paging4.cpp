// SPDX-License-Identifier: MIT
// Guest, 64-bit: 4-level and 5-level paging: rights of each level, reserved bits, error codes, A and D (SDM vol. 3, ch. 4).
#include "guest.h"
#include "tables.h"
#include "frame.h"

static word va = 0x8000000000;            // slot 1 of the PML4
static void read() { peek<u32>(va + 0x10); }
static void write() { poke<u32>(va + 0x10, 0); }
static void fetch() { asm volatile("call *%0" :: "r"(va)); }
static const word good = ~word(0);

// An access to the page, as the supervisor and as a user; `expected`: the error code, or `good`.
static void one(const char* name, Trap got, word expected, word offset) {
    if (expected == good) passes(name, got);
    else page_faults(name, got, expected, va + offset);
}
struct Row {
    const char* name;
    u64 pte;
    word read, write, fetch, user_read, user_write, user_fetch;
};

// The page's first byte is RET. Error code: P 1, W 2, U 4, RSVD 8, I/D 10h, PK 20h (SDM vol. 3, 4.7).
static void rows(const Row& r) {
    map(va, r.pte ? r.pte | page(0) : 0);
    one(r.name, trap(read), r.read, 0x10);
    one("  a write", trap(write), r.write, 0x10);
    one("  a fetch", trap(fetch), r.fetch, 0);
    one("  a user's read", trap_user(read), r.user_read, 0x10);
    one("  a user's write", trap_user(write), r.user_write, 0x10);
    one("  a user's fetch", trap_user(fetch), r.user_fetch, 0);
}

// Physical addresses of 52 bits leave none in an entry of 4 KiB.
static bool has_reserved_bits() { return u8(cpuid(0x80000008).eax) < 52; }

static void leaf() {
    poke<u8>(page(0), 0xc3);
    static const Row table[] = {
        //                                               read  write fetch user: read write fetch
        {"not present: a read",              0,          0,    2,    0x10, 4,    6,    0x14},
        {"present, W, U: a read",            P | W | U,  good, good, good, good, good, good},
        {"present, U: a read",               P | U,      good, 3,    good, good, 7,    good},
        {"present, W: a read",               P | W,      good, good, good, 5,    7,    0x15},
        {"present: a read",                  P,          good, 3,    good, 5,    7,    0x15},
        {"NX, W, U: a read",                 NX|P|W|U,   good, good, 0x11, good, good, 0x15},
        {"NX: a read",                       NX | P,     good, 3,    0x11, 5,    7,    0x15},
        {"AVL bits 52 to 58, PAT, PCD, PWT: a read", 0x7full << 52 | 0x98 | 0xe00 | P | W | U, good, good, good, good, good, good},
        {"not present, all else set: a read", ~1ull & ~0xffffffffff000, 0, 2, 0x10, 4, 6, 0x14},
    };
    for (auto& r : table) rows(r);
    if (has_reserved_bits()) {
        rows({"bit 51: a read",                   1ull << 51 | P | W | U, 9, 0xb, 0x19, 0xd, 0xf, 0x1d});
        rows({"reserved without U and W: a read", 1ull << 51 | P, 9, 0xb, 0x19, 0xd, 0xf, 0x1d});
    }
    set_cr0(get_cr0() & ~word(0x10000));
    rows({"CR0.WP clear, U: a read", P | U, good, good, good, good, 7, good});
    rows({"CR0.WP clear, none: a read", P, good, good, good, 5, 7, 0x15});
    set_cr0(get_cr0() | 0x10000);
    wrmsr(0xc0000080, rdmsr(0xc0000080) & ~0x800ull);
    rows({"EFER.NXE clear, NX: a read", NX | P | W | U, 9, 0xb, 9, 0xd, 0xf, 0xd});
    rows({"EFER.NXE clear: a read", P, good, 3, good, 5, 7, 5});
    wrmsr(0xc0000080, rdmsr(0xc0000080) | 0x800);
}

// Rights are the and of all levels; a reserved bit anywhere counts.
static void upper() {
    map(va, page(0) | P | W | U);
    for (int level = 2; level <= levels; level++) {
        u64& e = entry(va, level);
        u64 old = e;
        auto with = [&](u64 value) { e = value, invlpg(va); };
        print(level == 2 ? "PDE\n" : level == 3 ? "PDPTE\n" : level == 4 ? "PML4E\n" : "PML5E\n");
        with(old & ~W);
        one("without W: a write", trap(write), 3, 0x10);
        one("without W: a read", trap(read), good, 0);
        with(old & ~U);
        one("without U: a user's read", trap_user(read), 5, 0x10);
        with(old | NX);
        one("with NX: a fetch", trap(fetch), 0x11, 0);
        if (has_reserved_bits()) {
            with(old | 1ull << 51);
            one("with bit 51: a read", trap(read), 9, 0x10);
        }
        if (level >= 4) {
            with(old | PSE);
            one("with PS: a read", trap(read), 9, 0x10);
        }
        with(old & ~P);
        one("not present: a user's write", trap_user(write), 6, 0x10);
        with(old & ~A);
        peek<u8>(va);
        is("Accessed is set by a read", e & (A | D), A);
        with(old);
    }
}

static void large() {
    word big = va + (1ull << 30);
    word before = va;
    u64 code = peek<u64>(0x200000);
    entry(big, 2) = 0x200000 | PSE | P | W | U, invlpg(big);
    is("2 MiB: it maps", peek<u64>(big), code);
    is("2 MiB: to its end", peek<u64>(big + 0x1ffff8), peek<u64>(0x3ffff8));
    entry(big, 2) |= 1 << 12, invlpg(big);
    is("2 MiB: bit 12 is PAT", peek<u64>(big), code);
    va = big;
    for (unsigned bit = 13; bit < 21; bit += 7) {
        entry(big, 2) = 0x200000 | PSE | P | W | U | 1ull << bit, invlpg(big);
        page_faults("2 MiB: bits 13 to 20 are reserved", trap(read), 9, big + 0x10);
    }
    entry(big, 2) = 0x200000 | PSE | P | U, invlpg(big);
    page_faults("2 MiB without W", trap(write), 3, big + 0x10);
    entry(big, 2) = 0x200000 | PSE | P | W, invlpg(big);
    page_faults("2 MiB without U", trap_user(read), 5, big + 0x10);
    entry(big, 2) = 0x600000 | PSE | P | W | U, invlpg(big);
    write();
    is("2 MiB: Dirty by a write", entry(big, 2) & (A | D), A | D);
    va = before + (2ull << 30);
    entry(va, 3) = PSE | P | W | U, invlpg(va);
    if (cpuid(0x80000001).edx >> 26 & 1) {
        is("1 GiB: it maps", peek<u64>(va + 0x200000), code);
        entry(va, 3) = PSE | P | W | U | 1 << 20, invlpg(va);
        page_faults("1 GiB: bits 13 to 29 are reserved", trap(read), 9, va + 0x10);
    } else {
        page_faults("1 GiB pages that CPUID lacks: PS is reserved", trap(read), 9, va + 0x10);
    }
    va = before;
}

// SDM vol. 3, 4.8.
static void accessed() {
    u64& e = entry(va, 1);
    map(va, page(0) | P | W | U);
    read();
    is("a read sets Accessed alone", e & (A | D), A);
    write();
    is("a write then sets Dirty, without INVLPG", e & (A | D), A | D);
    map(va, page(0) | P | W | U);
    fetch();
    is("a fetch sets Accessed", e & (A | D), A);
    map(va, page(0) | P | U);
    trap(write);
    is("a refused write does not set Dirty", e & D, 0);
    map(va, page(0) | P | W | U);
    asm volatile("lock cmpxchgl %1, (%0)" :: "r"(va + 0x20), "r"(1), "a"(0xffffffff) : "memory", "cc");
    is("a failing CMPXCHG sets Dirty", e & (A | D), A | D);
}

static void crossing() {
    map(va, page(0) | P | W | U);
    map(va + 0x1000, 0);
    poke<u32>(va + 0xffc, 0x11223344);
    page_faults("across pages: CR2 is where the second begins", trap([] { poke<u64>(va + 0xffc, ~0ull); }), 2, va + 0x1000);
    is("and nothing is written", peek<u32>(va + 0xffc), 0x11223344);
    map(va + 0x1000, page(1) | P | U);
    page_faults("the second is read-only", trap([] { poke<u64>(va + 0xffc, ~0ull); }), 3, va + 0x1000);
    is("and nothing is written there either", peek<u32>(va + 0xffc), 0x11223344);
    map(va, 0);
    page_faults("neither: the first counts", trap([] { poke<u64>(va + 0xffe, ~0ull); }), 2, va + 0xffe);
}

// SMEP and SMAP look at the guest's own pages too: those below 4 GiB become the supervisor's meanwhile.
static void supervisor_only() {
    auto f = cpuid(7);
    bool smep = f.ebx >> 7 & 1, smap = f.ebx >> 20 & 1;
    u64& first = entry(0, levels);
    map(va, page(0) | P | W | U);
    first &= ~U;
    set_cr3(get_cr3());
    if (smep) {
        set_cr4(get_cr4() | 1 << 20);
        page_faults("SMEP: a fetch from a user's page", trap(fetch), 0x11, va);
        passes("SMEP: a read of it", trap(read));
        set_cr4(get_cr4() & ~word(1 << 20));
        passes("without SMEP the fetch is fine", trap(fetch));
    }
    if (smap) {
        set_cr4(get_cr4() | 1 << 21);
        page_faults("SMAP: a read of a user's page", trap(read), 1, va + 0x10);
        page_faults("SMAP: a write", trap(write), 3, va + 0x10);
        passes("SMAP: a fetch", trap(fetch));
        passes("SMAP: with EFLAGS.AC", trap([] { asm volatile("stac"); read(); write(); asm volatile("clac"); }));
        page_faults("SMAP: after CLAC", trap([] { asm volatile("stac; clac"); read(); }), 1, va + 0x10);
        at(spare) = descriptor(u32(va), 0xfff, 0x82), at(spare + 8) = va >> 32;
        poke<u64>(page(0) + 8, at(kdata));
        lldt(spare);
        page_faults("SMAP: implicit accesses fault though AC is set", trap([] {
            asm volatile("stac; mov %0, %%fs" :: "r"(8 | 4));
        }), 1, va + 8);
        asm volatile("clac");
        lldt(0);
        set_cr4(get_cr4() & ~word(1 << 21));
        poke<u8>(page(0), 0xc3);
    }
    first |= U;
    set_cr3(get_cr3());
}

static void keys() {
    if (!(cpuid(7).ecx >> 3 & 1)) return;
    set_cr4(get_cr4() | 1 << 22);
    auto pkru = [](u32 v) { asm volatile("wrpkru" :: "a"(v), "c"(0), "d"(0)); };
    map(va, page(0) | P | W | U | 1ull << 59);           // key 1
    pkru(0);
    rows({"PKRU 0: a read", page(0) | P | W | U | 1ull << 59, good, good, good, good, good, good});
    pkru(8);
    rows({"PKRU.WD1: a read", page(0) | P | W | U | 1ull << 59, good, 0x23, good, good, 0x27, good});
    pkru(4);
    rows({"PKRU.AD1: a read", page(0) | P | W | U | 1ull << 59, 0x21, 0x23, good, 0x25, 0x27, good});
    rows({"a supervisor's page: a read", page(0) | P | W | 1ull << 59, good, good, good, 5, 7, 0x15});
    pkru(8);
    set_cr0(get_cr0() & ~word(0x10000));
    rows({"PKRU.WD1, WP clear: a read", page(0) | P | W | U | 1ull << 59, good, good, good, good, 0x27, good});
    set_cr0(get_cr0() | 0x10000);
    pkru(0);
    set_cr4(get_cr4() & ~word(1 << 22));
    faults("#UD of RDPKRU without CR4.PKE", trap([] { asm volatile("rdpkru" :: "c"(0) : "rax", "rdx"); }), UD);
}

// To 5 levels and back needs paging off, hence compatibility mode.
extern "C" void change_paging(u32 root, u32 cr4_value);
asm(R"(
change_paging:
    push %rbx
    pushq $0x38
    pushq $1f
    lretq
    .code32
1:  mov %cr0, %ebx
    and $0x7fffffff, %ebx
    mov %ebx, %cr0
    mov %edi, %cr3
    mov %esi, %cr4
    or $0x80000000, %ebx
    mov %ebx, %cr0
    ljmp $8, $2f
    .code64
2:  mov $0x10, %eax
    mov %eax, %ss
    pop %rbx
    ret
)");

static void five() {
    if (!(cpuid(7).ecx >> 16 & 1)) return;
    faults("#GP(0) of CR4.LA57 changed in IA-32e mode", trap([] { set_cr4(get_cr4() | 1 << 12); }), GP);
    u64* root = new_table();
    word old = get_cr3();
    root[0] = old | P | W | U;
    change_paging(u32(word(root)), u32(get_cr4() | 1 << 12));
    print("5 levels\n");
    is("CR4.LA57", get_cr4() >> 12 & 1, 1);
    levels = 5;
    va = 0x11000000000000;                // slot 17 of the PML5
    map(va, page(0) | P | W | U);
    is("it maps", peek<u8>(va), 0xc3);
    upper();
    accessed();
    faults("#GP(0) of a 57-bit non-canonical address", trap([] { peek<u8>(0x100000000000000); }), GP);
    page_faults("canonical for 57 bits", trap([] { peek<u8>(0x00ff000000000000); }), 0, 0x00ff000000000000);
    wrmsr(0xc0000100, 0x00ff000000000000);
    is("FS.base takes 57 bits", rdmsr(0xc0000100), 0x00ff000000000000);
    faults("and no more", trap([] { wrmsr(0xc0000100, 0x01ff000000000000); }), GP);
    wrmsr(0xc0000100, 0);
    change_paging(u32(old), u32(get_cr4() & ~word(1 << 12)));
    levels = 4;
    va = 0x8000000000;
    is("back in 4 levels", peek<u8>(0x100000), peek<u8>(0x100000));
}

extern "C" void guest() {
    leaf();
    upper();
    large();
    accessed();
    crossing();
    supervisor_only();
    keys();
    five();
}
