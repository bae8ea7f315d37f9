// SPDX-License-Identifier: MIT
// Guest, 64-bit: invalidations that are forgotten, and beside each the same with its invalidation, a little late but in time. The
// values are what the architecture lets a quiet TLB give; whether `--check=tlb` tells bug from window is stale.py's to judge.
//   case=NAME-bug|NAME-legal on the command line; without it all of them, one after the other.
// Each prints where a report must point: "expect RIP ADDRESS ENTRY WRITER", in hexadecimal.
#include "inner.h"
#include "words.h"

extern "C" {
u64 stale_load(u64 address);
void stale_store(u64& entry, u64 value);
void svm_enter();
}
asm(".pushsection .text; .globl stale_load, stale_store; stale_load: mov (%rdi), %rax; ret; stale_store: mov %rsi, (%rdi); ret; .popsection");

static Inner one, two;                    // tags 1 and 2 under root A
static u64 root_a, root_b, frame[4];      // pages whose first word is 0x100 + their number
static constexpr u64 to_third = inner_va + 0x1000;       // the guest's entry for it leads to frame 2, at every time

// More than the detector's grace (1,000,000 instructions).
static void pass_time() {
    u64 n = 600000;
    asm volatile("1: dec %0; jnz 1b" : "+r"(n) :: "cc");
}
static void expects(void* rip, u64 address, const void* entry, void* writer) {
    print("expect "), print_hex(word(rip)), print(" "), print_hex(address), print(" "), print_hex(word(entry)), print(" "), print_hex(word(writer)), print("\n");
}

// ---- what is forgotten or late

static void of_ours(bool late) {
    map(outer_va, frame[0] | P | W);
    is("our page", stale_load(outer_va), 0x100);
    u64& e = entry(outer_va, 1);
    stale_store(e, frame[1] | P | W);
    expects(reinterpret_cast<void*>(stale_load), outer_va, &e, reinterpret_cast<void*>(stale_store));
    is("  its entry changed: stale", stale_load(outer_va), 0x100);
    if (late) invlpg(outer_va), is("  invalidated: fresh", stale_load(outer_va), 0x101);
}

static void flush_page_of_guest() {
    if (is_amd()) svm::invlpga(inner_va, 1);
    else vmx::invvpid(1, {1, 0});
}
static void of_the_guests_tables(bool late) {
    u64& e = entry(inner_va, 1);
    e = frame[0] | P | W | U;
    is("a guest's page", one.read(inner_va), 0x100);
    stale_store(e, frame[1] | P | W | U);
    expects(reinterpret_cast<void*>(inner_read), inner_va, &e, reinterpret_cast<void*>(stale_store));
    is("  its entry changed by the host: stale", one.read(inner_va), 0x100);
    if (late) flush_page_of_guest(), is("  invalidated: fresh", one.read(inner_va), 0x101);
}

// INVEPT, or VMRUN with TLB_CONTROL.
static void flush_second_stage() {
    if (!is_amd()) return void(vmx::invept(2, {0, 0}));
    one.amd.vmcb->tlb_control = svm::features() & svm::feature_flush_asid ? 3 : 1;
    one.run(inner_nothing);
    one.amd.vmcb->tlb_control = 0;
}
static u64& make_second_stage_stale() {
    u64& e = second_stage_entry(root_a, frame[2]);
    e = second_stage_leaf(is_amd(), frame[2]);
    flush_second_stage();
    is("a guest-physical page", one.read(to_third), 0x102);
    stale_store(e, second_stage_leaf(is_amd(), frame[3]));
    expects(reinterpret_cast<void*>(inner_read), to_third, &e, reinterpret_cast<void*>(stale_store));
    is("  its entry of the second stage changed: stale", one.read(to_third), 0x102);
    return e;
}
static void of_second_stage(bool late) {
    make_second_stage_stale();
    if (late) flush_second_stage(), is("  invalidated: fresh", one.read(to_third), 0x103);
}
// Another guest is entered before, or behind, what invalidates.
static void of_second_stage_at_entry(bool late) {
    make_second_stage_stale();
    if (late) flush_second_stage();
    is("another guest", two.run(inner_nothing), exits_by_cpuid);
    if (!late) flush_second_stage();
}
// What the guest-physical mapping gives anew is as stale: invalidating the linear address is not enough.
static void of_second_stage_by_address(bool late) {
    if (is_amd()) return of_second_stage(late);          // INVLPGA drops it by ASID, guest-physical mappings too
    make_second_stage_stale();
    vmx::invvpid(1, {1, 0});
    is("  INVVPID: still stale", one.read(to_third), 0x102);
    if (late) flush_second_stage(), is("  invalidated: fresh", one.read(to_third), 0x103);
}

// An ASID given to another virtual machine, whose nested tables lead elsewhere. VMX has EPTRTA in the tag: nothing is stale.
static void of_the_tag(bool late) {
    second_stage_entry(root_b, frame[2]) = second_stage_leaf(is_amd(), frame[3]);
    second_stage_entry(root_a, frame[2]) = second_stage_leaf(is_amd(), frame[2]);
    flush_second_stage();
    is("a guest", one.read(to_third), 0x102);
    one.set_root(root_b);
    if (is_amd()) expects(reinterpret_cast<void*>(inner_read), to_third, nullptr, reinterpret_cast<void*>(svm_enter));
    is("  with other nested tables: stale where only the ASID counts", one.read(to_third), is_amd() ? 0x102 : 0x103);
    if (late) flush_second_stage(), is("  flushed: fresh", one.read(to_third), 0x103);
    one.set_root(root_a);
    if (late) flush_second_stage();
}

// Nothing of this needs an invalidation, or shows one missing.
static void of_nothing(bool) {
    u64& e = second_stage_entry(root_a, frame[2]);
    e = second_stage_leaf(is_amd(), frame[2]) & ~2ull;
    flush_second_stage();
    is("a page that may be read", one.read(to_third), 0x102);
    stale_store(e, second_stage_leaf(is_amd(), frame[2]));
    is("  and written from now on, without an invalidation", one.run(inner_write, to_third, 0x102), exits_by_cpuid);
    map(outer_va, frame[0] | P | W | A | D);
    is("our page", stale_load(outer_va), 0x100);
    stale_store(entry(outer_va, 1), frame[1] | P | W), stale_store(entry(outer_va, 1), frame[0] | P);
    is("  changed and changed back, but for rights and flags", stale_load(outer_va), 0x100);
    invlpg(outer_va);
}

static constexpr struct { const char *bug, *legal; void (*run)(bool late); } cases[] = {
    {"page-bug", "page-legal", of_ours},
    {"tables-bug", "tables-legal", of_the_guests_tables},
    {"second-bug", "second-legal", of_second_stage},
    {"entry-bug", "entry-legal", of_second_stage_at_entry},
    {"address-bug", "address-legal", of_second_stage_by_address},
    {"tag-bug", "tag-legal", of_the_tag},
    {"none", "nothing", of_nothing},
};

extern "C" void guest() {
    start_virtualization();
    for (u64& f : frame) f = new_page(), poke<u64>(f, 0x100 + u64(&f - frame));
    root_a = second_stage_identity(), root_b = second_stage_identity();
    one.make(1, root_a), two.make(2, root_a);
    entry(to_third, 1) = frame[2] | P | W | U;
    const char* asked = word_after("case=");
    for (auto& c : cases)
        for (bool late : {false, true})
            if (!asked || says(asked, late ? c.legal : c.bug)) c.run(late), pass_time();
}
