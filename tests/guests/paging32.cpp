// SPDX-License-Identifier: MIT
// Guest, 32-bit: 32-bit paging with PSE and PSE-36, PAE paging with its PDPTEs (SDM vol. 3, 4.3 and 4.4).
#include "guest.h"

enum : word { P = 1, W = 2, U = 4, A = 0x20, D = 0x40, PSE = 0x80, good = ~0u };
static word directory[1024] __attribute__((aligned(4096))), table[1024] __attribute__((aligned(4096)));
static u64 pdpt[4] __attribute__((aligned(32))), pd[2][512] __attribute__((aligned(4096))), pt[512] __attribute__((aligned(4096)));
static u8 pages[2][4096] __attribute__((aligned(4096)));
static constexpr word va = 0x40000000;
static void read() { peek<u32>(va + 0x10); }
static void write() { poke<u32>(va + 0x10, 0); }
static void fetch() { asm volatile("call *%0" :: "r"(va)); }

static void one(const char* name, Trap got, word expected, word address) {
    if (expected == good) passes(name, got);
    else page_faults(name, got, expected, address);
}
static void rows(const char* name, word r, word w, word x, word ur, word uw, word ux) {
    invlpg(va);
    one(name, trap(read), r, va + 0x10);
    one("  a write", trap(write), w, va + 0x10);
    one("  a fetch", trap(fetch), x, va);
    one("  a user's read", trap_user(read), ur, va + 0x10);
    one("  a user's write", trap_user(write), uw, va + 0x10);
    one("  a user's fetch", trap_user(fetch), ux, va);
}

static void paging_on(word root, word cr4_bits) {
    set_cr4((get_cr4() & ~word(0x30)) | cr4_bits);
    set_cr3(root);
    set_cr0(get_cr0() | 0x80010000);
}
static void paging_off() { set_cr0(get_cr0() & 0x7fffffff); }

static void bits32() {
    // 0 to 16 MiB by pages of 4 MiB, one for one; va by a table.
    for (word i = 0; i < 4; i++) directory[i] = i << 22 | PSE | P | W | U;
    directory[va >> 22] = word(table) | P | W | U;
    pages[0][0] = 0xc3;
    paging_on(word(directory), 0x10);
    word frame = word(pages[0]);
    word& pte = table[0];
    word& pde = directory[va >> 22];
    pte = 0;
    rows("not present: a read", 0, 2, 0, 4, 6, 4);       // no I/D: neither NX nor SMEP
    pte = frame | P | W | U;
    rows("W, U: a read", good, good, good, good, good, good);
    pte = frame | P | U;
    rows("U: a read", good, 3, good, good, 7, good);
    pte = frame | P | W;
    rows("W: a read", good, good, good, 5, 7, 5);
    pte = frame | P | W | U, pde &= ~W;
    rows("PDE without W: a read", good, 3, good, good, 7, good);
    pde = word(table) | P | W;
    rows("PDE without U: a read", good, good, good, 5, 7, 5);
    pde = word(table) | P | W | U;
    pte = frame | P | U;
    set_cr0(get_cr0() & ~word(0x10000));
    rows("CR0.WP clear: a read", good, good, good, good, 7, good);
    set_cr0(get_cr0() | 0x10000);
    pte = frame | P | W | U, pde = word(table) | P | W | U;
    invlpg(va), read();
    is("Accessed in both", (pte & pde & (A | D)), A);
    write();
    is("Dirty", pte & (A | D), A | D), is("not in the PDE", pde & D, 0);
    // 4-MiB pages.
    pde = 0x400000 | PSE | P | W | U, invlpg(va);
    is("4 MiB: it maps", peek<u32>(va + 0x3ffffc), peek<u32>(0x7ffffc));
    pde = 0x400000 | PSE | P | W | U | 1u << 21, invlpg(va);
    page_faults("4 MiB: bit 21 is reserved", trap(read), 9, va + 0x10);
    pde = 0x400000 | PSE | P | W | U | 1u << 12, invlpg(va);
    passes("bit 12 is PAT", trap(read));
    if (cpuid(1).edx >> 17 & 1) {
        pde = PSE | P | W | U | 1u << 13, invlpg(va);    // PSE-36: 4 GiB, where nothing is
        passes("bit 13 is address bit 32", trap(read));
        is("nothing answers there", peek<u32>(va + 0x100000), 0xffffffff);
    }
    pde = word(table) | PSE | P | W | U;
    paging_off();
    directory[0] = word(table) | P | W | U;
    for (word i = 0; i < 1024; i++) table[i] = i << 12 | P | W | U;
    paging_on(word(directory), 0);
    directory[va >> 22] = word(table) | PSE | P | W | U, invlpg(va);
    is("without CR4.PSE bit 7 means nothing", peek<u32>(va + word(pages[0])), peek<u32>(word(pages[0])));
    paging_off();
}

static void pae() {
    print("PAE\n");
    for (u64 i = 0; i < 8; i++) pd[0][i] = i << 21 | PSE | P | W | U;
    pdpt[0] = word(pd[0]) | P, pdpt[1] = word(pd[1]) | P;
    u64& pde = pd[1][0];
    u64& pte = pt[0];
    pde = word(pt) | P | W | U;
    wrmsr(0xc0000080, rdmsr(0xc0000080) | 0x800);
    paging_on(word(pdpt), 0x20);
    u64 frame = word(pages[0]);
    constexpr u64 NX = 1ull << 63;
    pte = 0;
    rows("not present: a read", 0, 2, 0x10, 4, 6, 0x14);
    pte = frame | P | W | U;
    rows("W, U: a read", good, good, good, good, good, good);
    pte = frame | P;
    rows("neither: a read", good, 3, good, 5, 7, 0x15);
    pte = frame | P | W | U | NX;
    rows("NX: a read", good, good, 0x11, good, good, 0x15);
    pte = frame | P | W | U, pde |= NX;
    rows("NX in the PDE: a read", good, good, 0x11, good, good, 0x15);
    pde = word(pt) | P | W | U;
    pte = frame | P | W | U | 1ull << 62;
    rows("bit 62: a read", 9, 0xb, 0x19, 0xd, 0xf, 0x1d);
    pte = frame | P | W | U | 1ull << 52;
    rows("bit 52: a read", 9, 0xb, 0x19, 0xd, 0xf, 0x1d);
    wrmsr(0xc0000080, rdmsr(0xc0000080) & ~0x800ull);
    pte = frame | P | W | U | NX;
    rows("NX without EFER.NXE: a read", 9, 0xb, 9, 0xd, 0xf, 0xd);
    wrmsr(0xc0000080, rdmsr(0xc0000080) | 0x800);
    pde = 0x200000 | PSE | P | W | U, invlpg(va);
    is("2 MiB: it maps", peek<u32>(va + 0x1ffffc), peek<u32>(0x3ffffc));
    pde = 0x200000 | PSE | P | W | U | 1 << 13, invlpg(va);
    page_faults("2 MiB: bit 13 is reserved", trap(read), 9, va + 0x10);
    pde = word(pt) | P | W | U, pte = frame | P | W | U, invlpg(va);
    // PDPTEs are loaded by MOV to CR3 (4.4.1). AMD may read them at each walk, so only Intel is asked.
    if (!is_amd()) {
        pdpt[1] = 0;
        invlpg(va);
        passes("a changed PDPTE is not seen, even after INVLPG", trap(read));
        set_cr3(get_cr3());
        page_faults("but after MOV to CR3", trap(read), 0, va + 0x10);
        pdpt[2] = word(pd[1]) | P | W;
        faults("#GP(0) of MOV to CR3 with a reserved bit in a PDPTE", trap([] { set_cr3(get_cr3()); }), GP);
        pdpt[2] = 2;
        passes("which counts only when present", trap([] { set_cr3(get_cr3()); }));
        pdpt[2] = word(pd[1]) | P | 1ull << 63;
        faults("#GP(0): nor bit 63", trap([] { set_cr3(get_cr3()); }), GP);
        pdpt[1] = word(pd[1]) | P, pdpt[2] = 0;
        passes("MOV to CR4 that changes PGE loads them too", trap([] { set_cr4(get_cr4() | 0x80); }));
        passes("so it is mapped again", trap(read));
    }
    paging_off();
}

extern "C" void guest() {
    bits32();
    pae();
}
