// SPDX-License-Identifier: MIT
// Guest, 64-bit: round trips from a hypervisor to its guest and back, over 200 pages on each side. How many table entries the CPU
// reads for them, only the emulator can say; guests.py compares two runs that differ in the number of trips. The command line:
//   trips=N tags=on|off flush=none|page|tag|root       before each trip: INVVPID 0 or INVLPGA; INVVPID 1 or TLB_CONTROL 3; INVEPT 1
// Tags off: no VPID; TLB_CONTROL 1.
// Without it: CR0.WP, PKRU and EFLAGS.AC that differ between the two hold without a flush.
#include "inner.h"
#include "words.h"

static constexpr u64 pages = 200;
static u64 root;
static bool tags;

// The guest has tables of its own: one at each level for its 200 pages and its code, so that their number is known.
static u64 inner_tables() {
    u64 top = new_page();
    for (u64 i = 0; i < pages; i++) table_entry(top, inner_va + i * 4096, 1, 4, 7) = new_page() | 0x67;
    table_entry(top, inner_va + pages * 4096, 1, 4, 7) = (word(inner_pages) & ~0xfffull) | 0x67;
    return top;
}
static void visit_ours() {
    asm volatile("" ::: "memory");
    for (u64 i = 0; i < pages; i++) (void)peek<u64>(outer_va + i * 4096);
}

static void flush(Inner& inner, char how) {
    bool amd = is_amd();
    if (how == 'p' && amd) svm::invlpga(inner_va, 1);
    if (how == 'p' && !amd) vmx::invvpid(0, {1, inner_va});
    if (how == 't' && amd) inner.amd.vmcb->tlb_control = 3;
    if (how == 't' && !amd) vmx::invvpid(1, {1, 0});
    if (how == 'r' && amd) inner.amd.vmcb->tlb_control = 3;
    if (!tags && amd) inner.amd.vmcb->tlb_control = 1;
    if (how == 'r' && !amd) vmx::invept(1, {vmx::ept_pointer(root), 0});
}
static void trips(u64 n, char how) {
    u64 code = inner_va + pages * 4096 + (word(inner_pages) & 0xfff), cr3 = inner_tables();
    for (u64 i = 0; i < pages; i++) map(outer_va + i * 4096, new_page() | P | W | A | D);
    bool contexts = cpuid(1).ecx >> 17 & 1;
    if (contexts) set_cr4(get_cr4() | 1 << 17);
    Inner inner;
    inner.make(tags || is_amd() ? 1 : 0, root);         // ASID 0 is the host's: AMD is told to flush instead
    inner.set_cr3(cr3 | (contexts ? 5 : 0));
    bool good = true;
    for (u64 i = 0; i < n; i++) {
        flush(inner, how);
        inner.reg(rcx) = pages;
        good &= inner.run(reinterpret_cast<void (*)()>(code), inner_va) == exits_by_cpuid;
        if (is_amd()) inner.amd.vmcb->tlb_control = 0;
        visit_ours();
    }
    holds("every trip ended with CPUID", good);
}

// ---- what differs between the two

static void write_protect() {
    Inner inner;
    inner.make(1, root);
    map(outer_va, page(0) | P | U), entry(inner_va, 1) = page(0) | P | U;
    u64 with = get_cr0(), without = with & ~0x10000ull;
    bool good = true;
    for (u64 i = 0; i < 50; i++) {
        set_cr0(without);
        inner.select();
        if (!is_amd()) vmx::write(vmx::host_cr0, without);
        inner.set_cr0(with);
        poke<u64>(outer_va, i), good &= peek<u64>(page(0)) == i;
        good &= inner.run(inner_write, inner_va, i) == page_faults_to_us && inner.read(inner_va) == i;
        poke<u64>(outer_va, i + 1), good &= peek<u64>(page(0)) == i + 1;
    }
    holds("CR0.WP clear in the host, set in the guest", good);
    set_cr0(with);
    if (!is_amd()) vmx::write(vmx::host_cr0, with);
    good = true;
    for (u64 i = 0; i < 50; i++) {
        inner.set_cr0(without);
        good &= inner.run(inner_write, inner_va, i) == exits_by_cpuid && peek<u64>(page(0)) == i;
        Trap t = trap([] { poke<u64>(outer_va, 0); });
        good &= t.vector == PF && t.code == 3;
    }
    holds("and the other way round", good);
}

static void wrpkru(u32 v) { asm volatile("wrpkru" :: "a"(v), "c"(0), "d"(0) : "memory"); }
static void keys() {
    if (!(cpuid(7).ecx >> 3 & 1)) return;
    Inner inner;
    inner.make(2, root);
    map(outer_va, page(0) | P | W | U | 1ull << 59), entry(inner_va, 1) = page(0) | P | W | U | 1ull << 59;
    u64 off = get_cr4(), on = off | 1 << 22;
    bool good = true;
    for (u64 i = 0; i < 50; i++) {        // PKRU itself is the same on both sides
        set_cr4(on), wrpkru(4);
        inner.select();
        if (!is_amd()) vmx::write(vmx::host_cr4, on);
        inner.set_cr4(off);
        Trap t = trap([] { peek<u64>(outer_va); });
        good &= t.vector == PF && t.code == 0x21 && inner.run(inner_read, inner_va) == exits_by_cpuid;
        wrpkru(0), inner.set_cr4(on);
        good &= inner.run(inner_read, inner_va) == exits_by_cpuid;
        peek<u64>(outer_va);
        wrpkru(4);
        good &= inner.run(inner_read, inner_va) == page_faults_to_us;
        wrpkru(0);
    }
    holds("PKRU and CR4.PKE", good);
    set_cr4(off);
    if (!is_amd()) vmx::write(vmx::host_cr4, off);
}

static void access_check() {
    if (!(cpuid(7).ebx >> 20 & 1)) return;
    Inner inner;
    inner.make(3, root);
    entry(inner_va, 1) = page(0) | P | W | U, map(outer_va, page(0) | P | W | U);
    entry(0, 4) &= ~u64(U), set_cr3(get_cr3());
    u64 smap = 1 << 21;
    inner.set_cr4(get_cr4() | smap);
    bool good = true;
    for (u64 i = 0; i < 50; i++) {
        inner.set_flags(2);
        good &= inner.run(inner_read, inner_va) == page_faults_to_us;
        inner.set_flags(0x40002);
        good &= inner.run(inner_read, inner_va) == exits_by_cpuid;
        peek<u64>(outer_va);
    }
    holds("SMAP and EFLAGS.AC", good);
}

extern "C" void guest() {
    const char *count = word_after("trips="), *how = word_after("flush="), *tag = word_after("tags=");
    tags = !(tag && tag[1] == 'f');
    start_virtualization();
    root = second_stage_identity();
    if (count) return trips(number(count), how ? *how : 'n');
    write_protect();
    keys();
    access_check();
}
