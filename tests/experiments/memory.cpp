// SPDX-License-Identifier: MIT
// Guest, 64-bit: a hypervisor that takes memory from a running guest and gives it back. The guest counts up a word in each of its
// pages, pass by pass; between passes, and in the midst of them, entries of the second stage are withdrawn and frames exchanged.
// On the command line: passes=N. It prints "figure NAME VALUE", in hexadecimal.
#include "inner.h"
#include "words.h"

extern "C" void inner_count();
// RCX pages from RDI on; each has a word counted up; then the exit.
asm(R"(
    .pushsection .text.count, "ax"
    .balign 64
    .globl inner_count
inner_count:
    incq (%rdi)
    add $0x1000, %rdi
    dec %rcx
    jnz inner_count
    cpuid
    .popsection
)");

static constexpr u64 there = 0x30000000;  // guest-physical: where the guest's pages are
static constexpr u64 most = 512, at_first = 256;
static Inner inner;
static u64 root, frame_of[most], unused[most], unused_count, pages = at_first;
static u64 withdrawn, given_back, missing, refused;
static u64 seed = 1;
static u64 below(u64 n) { return (seed = seed * 6364136223846793005 + 1442695040888963407, seed >> 33) % n; }
static u64& entry_of(u64 n) { return second_stage_entry(root, there + n * 4096); }
static void figure(const char* name, u64 value) { print("figure "), print(name), print(" "), print_hex(value), print("\n"); }

static void flush() {
    if (is_amd()) inner.amd.vmcb->tlb_control = svm::features() & svm::feature_flush_asid ? 3 : 1;
    else vmx::invept(1, {vmx::ept_pointer(root), 0});
}
// The frame goes; what was in it lies in another until it is asked for. The caller flushes.
static void withdraw(u64 n) {
    if (!entry_of(n)) return;
    entry_of(n) = 0;
    u64 other = unused[below(unused_count)], old = frame_of[n];
    for (u64& s : unused)
        if (s == other) { s = old; break; }
    memcpy(reinterpret_cast<void*>(other), reinterpret_cast<void*>(old), 4096);
    memset(reinterpret_cast<void*>(old), 0xee, 4096);     // what is stale would be seen
    frame_of[n] = other;
    withdrawn++;
}
static void give(u64 n) { entry_of(n) = second_stage_leaf(is_amd(), frame_of[n]), given_back++; }

static u64 enter() {
    inner.raw = is_amd() ? svm::enter(inner.amd) : vmx::enter(inner.intel);
    if (is_amd()) inner.amd.vmcb->tlb_control = 0;
    return inner.raw;
}
static bool is_missing() { return inner.raw == (is_amd() ? u64(svm::on_npf) : u64(vmx::on_ept_violation)); }
static u64 missing_page() { return ((is_amd() ? inner.amd.vmcb->exit_info_2 : vmx::read(vmx::guest_physical_address)) - there) >> 12; }

// One pass over `count` pages; whenever one is missing it is given, and another, that the guest has just used, is withdrawn.
static bool pass(u64 count) {
    inner.reg(rdi) = inner_va, inner.reg(rcx) = count;
    if (is_amd()) inner.amd.vmcb->rip = word(inner_count);
    else vmx::write(vmx::guest_rip, word(inner_count));
    for (enter(); is_missing(); enter()) {
        u64 n = missing_page();
        if (n >= pages) return refused++, false;
        missing++;
        give(n);
        if (n) withdraw(below(n)), flush();
    }
    return inner.raw == (is_amd() ? u64(svm::on_cpuid) : u64(vmx::on_cpuid));
}

extern "C" void guest() {
    u64 passes = number(word_after("passes="));
    start_virtualization();
    root = second_stage_identity();
    inner.make(1, root);
    for (u64 n = 0; n < most; n++) {
        frame_of[n] = new_page(), unused[unused_count++] = new_page();
        table_entry(get_cr3(), inner_va + n * 4096, 1, 4, 7) = (there + n * 4096) | 0x67;
    }
    bool good = true;
    for (u64 p = 0; p < passes; p++) {
        for (u64 i = 0; i < pages / 4; i++) withdraw(below(pages));
        flush();
        good &= pass(pages);
    }
    holds("every pass came to its end", good);
    u64 lost = 0;
    for (u64 n = 0; n < pages; n++) lost += peek<u64>(frame_of[n]) != passes;
    is("words that were lost", lost, 0);

    holds("memory that is not there yet is refused", !pass(most) && refused == 1);
    pages = most;
    holds("hot-added, it is used", pass(most));
    for (u64 n = at_first; n < most; n++) lost += peek<u64>(frame_of[n]) != 1;
    is("words of added memory that were lost", lost, 0);
    for (u64 n = at_first; n < most; n++) withdraw(n);
    flush(), pages = at_first;
    holds("hot-removed, it is refused", !pass(most) && refused == 2);
    for (u64 n = 0; n < at_first; n++) lost += peek<u64>(frame_of[n]) != passes + 3;
    is("words that were lost in all", lost, 0);
    figure("withdrawn", withdrawn), figure("given", given_back), figure("missing", missing), figure("lost", lost);
}
