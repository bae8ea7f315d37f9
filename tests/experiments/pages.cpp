// SPDX-License-Identifier: MIT
// Guest, 64-bit: pages of each size in each dimension, touched at random or each right behind a flush; natively, and in a guest of
// ours under EPT or NPT. What it costs, the emulator's counters say. On the command line:
//   native=1 guest=4k|2m|1g host=4k|2m|1g touches=N     N random words of 512 MiB
//   native=1 cold=N flush=all|linear                    N times: all is dropped (or linear mappings alone), then one page is asked for
#include "inner.h"
#include "words.h"

extern "C" {
void native_random(u64 base, u64 mask, u64 unused, u64 count);
void inner_random();
}
// RDI: base; RSI: pages less one; RCX: how often. Neither writes nor uses the stack.
asm(R"(
    .macro random name, code:vararg
    .balign 64
    .globl \name
\name:
    movabs $6364136223846793005, %r8
    xor %r9d, %r9d
1:  imul %r8, %r9
    add $1442695, %r9
    mov %r9, %rax
    shr $33, %rax
    and %rsi, %rax
    shl $12, %rax
    mov (%rdi, %rax), %rdx
    dec %rcx
    jnz 1b
    \code
    .endm
    .pushsection .text.random, "ax"
    .balign 4096
    random native_random, ret
    random inner_random, cpuid
    .popsection
)");

static constexpr u64 region = 1ull << 30, size = 512ull << 20, low = 64 << 20;      // physical; below `low` lie code and tables
static int level_of(const char* word) { return says(word, "1g") ? 3 : says(word, "2m") ? 2 : 1; }
static u64 large(int level) { return level > 1 ? 0x80 : 0; }
static void map_region(u64 root, u64 at, int level, u64 link, u64 bits) {
    for (u64 done = 0; done < size; done += 1ull << (12 + 9 * (level - 1))) table_entry(root, at + done, level, 4, link) = (region + done) | bits | large(level);
}
static u64 second_stage(int level) {
    u64 root = new_page(), bits = second_stage_leaf(is_amd(), 0);
    int level_below = level > 1 ? 2 : 1;
    identity(root, low, level_below, 4, 7, bits);
    map_region(root, region, level, 7, bits);
    return root;
}
// The guest's own tables: its code by pages of 4 KiB, and the region.
static u64 inner_tables(int level) {
    u64 root = new_page();
    for (word code : {word(inner_random), word(inner_nothing)}) table_entry(root, code, 1, 4, 7) = (code & ~0xfffull) | 0x67;
    map_region(root, inner_va, level, 7, 0x67);
    return root;
}

static void drop_all(Inner& inner, u64 root) {
    if (is_amd()) inner.amd.vmcb->tlb_control = 3;
    else vmx::invept(1, {vmx::ept_pointer(root), 0});
}
static void drop_linear(Inner&, u64) {
    if (is_amd()) svm::invlpga(word(inner_nothing), 1);
    else vmx::invvpid(1, {1, 0});
}

static void nested(const char* guest_size, const char* host_size, u64 touches, u64 cold, bool linear) {
    start_virtualization();
    u64 root = second_stage(level_of(host_size));
    Inner inner;
    inner.make(1, root);
    inner.set_cr3(inner_tables(level_of(guest_size)));
    bool good = inner.run(inner_nothing) == exits_by_cpuid;
    for (u64 n = 0; n < cold; n++) {
        (linear ? drop_linear : drop_all)(inner, root);
        good &= inner.run(inner_nothing) == exits_by_cpuid;
        if (is_amd()) inner.amd.vmcb->tlb_control = 0;
    }
    inner.reg(rcx) = touches;
    if (touches) good &= inner.run(inner_random, inner_va, size / 4096 - 1) == exits_by_cpuid;
    holds("the guest has done its work", good);
}
static void native(const char* size_word, u64 touches, u64 cold) {
    map_region(get_cr3(), inner_va, level_of(size_word), 7, 0x67);
    for (u64 n = 0; n < cold; n++) invlpg(inner_va), peek<u64>(inner_va);
    if (touches) native_random(inner_va, size / 4096 - 1, 0, touches);
    holds("done", true);
}

extern "C" void guest() {
    const char *guest_size = word_after("guest="), *host_size = word_after("host=");
    u64 touches = number(word_after("touches=")), cold = number(word_after("cold="));
    if (word_after("native=")) return native(guest_size, touches, cold);
    nested(guest_size, host_size, touches, cold, says(word_after("flush="), "linear"));
}
