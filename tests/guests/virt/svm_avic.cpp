// SPDX-License-Identifier: MIT
// Guest, 64-bit: AVIC (APM vol. 2, 15.29): a guest's accesses to its APIC, interrupts by the backing page, IPIs and the exits of those that
// are incomplete. Without AVIC its bit means nothing. Expected values are the manual's.
#include "frame.h"
#include "inner.h"
#include "interrupts.h"

using namespace svm;

static Machine m;
static u64 root, backing, other, logical, physical;
static constexpr u64 valid = 1ull << 63, running = 1ull << 62, bar = 0xfee00000;

// Processor 0 is the one that runs, 1 another that runs on no APIC of ours, 2 one that doesn't run.
static void clear() {
    for (u64 page : {backing, other, logical, physical}) memset(reinterpret_cast<void*>(word(page)), 0, 4096);
    slot(physical, 0) = valid | running | backing, slot(physical, 1) = valid | running | other | 0x77, slot(physical, 2) = valid | other;
    for (u32 n = 0; n < 3; n++) poke<u32>(word(logical + n * 4), 1u << 31 | n);
    poke<u32>(word(backing + 0xe0), ~0u);
}
static u32 reg(u32 at) { return peek<u32>(word(backing + at)); }
static void reg(u32 at, u32 value) { poke<u32>(word(backing + at), value); }
static u64 run(void (*code)(), u32 at, u32 value = 0) {
    make(m, code);
    m.vmcb->intercepts = cpuid_ | svm::shutdown, m.vmcb->exceptions = 1 << UD;
    use_nested(*m.vmcb, root);
    m.vmcb->interrupt_control = avic_enable, m.vmcb->avic_bar = bar, m.vmcb->avic_backing_page = backing;
    m.vmcb->avic_logical_table = logical, m.vmcb->avic_physical_table = physical | 3;
    m.registers.r[rbx] = bar + at, m.registers.r[rcx] = value;
    return enter(m);
}

CODE(reads, "", "mov (%rbx), %esi");
CODE(writes, "", "mov %ecx, (%rbx)");
static constexpr u64 done = u64(on_exception) + u64(UD);           // the UD2 behind
static void reads_give(const char* name, u32 at, u32 value) {
    reg(at, value);
    is(name, run(reads, at), done), is("  value", m.registers.r[rsi], value);
}
static void exits(const char* name, void (*code)(), u32 at, u64 code_at, u64 info_1, u64 info_2 = 0) {
    is(name, run(code, at, 0x40), on_noaccel), is("  RIP", m.vmcb->rip, code_at);
    is("  EXITINFO1", m.vmcb->exit_info_1, info_1), is("  EXITINFO2", m.vmcb->exit_info_2, info_2);
}

static void accesses() {
    clear();
    reads_give("the APIC's id", 0x20, 0x12000000), reads_give("its version", 0x30, 0x50014), reads_give("a vector in service", 0x170, 0x10);
    for (u32 at : {0x20u, 0xc0u, 0xd0u, 0xf0u, 0x280u, 0x320u, 0x330u, 0x340u, 0x350u, 0x360u, 0x370u, 0x380u, 0x3e0u}) {
        clear();
        exits("a write that traps", writes, at, word(writes_after), 1ull << 32 | at), is("  written", reg(at), 0x40);
    }
    for (u32 at : {0x30u, 0xa0u, 0x100u, 0x180u, 0x270u, 0x390u, 0x400u, 0xff0u}) {
        clear();
        exits("a write that faults", writes, at, word(writes_at), 1ull << 32 | at), is("  not written", reg(at), 0);
    }
    for (u32 at : {0x390u, 0x000u, 0x3f0u, 0x500u}) exits("a read that faults", reads, at, word(reads_at), at);
    clear();
    is("the upper command register", run(writes, 0x310, 0x7000000), done), is("  written", reg(0x310), 0x7000000);
    is("the task priority", run(writes, 0x80, 0x53), done), is("  written", reg(0x80), 0x53), is("  the processor's", reg(0xa0), 0x53);
    is("  V_TPR", m.vmcb->interrupt_control & 0xff, 5);
}

// ---- interrupts

CODE(opens, "sti; nop; nop", "cpuid");
static volatile word taken;
static void interrupts() {
    set_gate(0x51, stub(0x51));
    hook(0x51, [](Frame&) { taken = taken + 1; poke<u32>(bar + 0xb0, 0); });
    clear(), reg(0x220, 1 << 17);
    taken = 0;
    is("a requested vector", run(opens, 0), on_cpuid), is("  taken", taken, 1), is("  no more requested", reg(0x220), 0), is("  ended", reg(0x120), 0);
    clear(), reg(0x220, 1 << 17), reg(0x80, 0x50);
    taken = 0;
    is("below the task priority", run(opens, 0), on_cpuid), is("  waits", taken, 0), is("  requested", reg(0x220), 1 << 17);
    hook(0x51, nullptr);
    clear(), reg(0x120, 1 << 17), reg(0x1a0, 1 << 17);
    exits("the end of one by level", writes, 0xb0, word(writes_after), 1ull << 32 | 0xb0, 0x51), is("  still in service", reg(0x120), 1 << 17);
}

// ---- IPIs

static void sent(const char* name, u32 low, u32 high) {
    clear(), reg(0x310, high);
    is(name, run(writes, 0x300, low), done), is("  requested there", peek<u32>(word(other + 0x220)), 1 << 17);
}
static void incomplete(const char* name, u32 low, u32 high, u64 info_2) {
    clear(), reg(0x310, high);
    is(name, run(writes, 0x300, low), on_incomplete_ipi), is("  RIP", m.vmcb->rip, word(writes_after));
    is("  EXITINFO1", m.vmcb->exit_info_1, u64(high) << 32 | low), is("  EXITINFO2", m.vmcb->exit_info_2, info_2);
}
static void ipis() {
    sent("an IPI", 0x4051, 1 << 24), sent("  by logical id", 0x4851, 2 << 24);
    incomplete("to one that does not run", 0x4051, 2 << 24, 1ull << 32 | 2), is("  requested there", peek<u32>(word(other + 0x220)), 1 << 17);
    incomplete("to none", 0x4051, 3 << 24, 2ull << 32 | 3), incomplete("beyond the last", 0x4051, 9 << 24, 2ull << 32 | 9);
    incomplete("an NMI", 0x4400, 1 << 24, 0), incomplete("vector 15", 0x400f, 1 << 24, 4ull << 32);
    clear(), is("to itself", run(writes, 0x300, 0x44051), done), is("  requested", reg(0x220), 1 << 17);
}

static void refusals() {
    auto refused = [](const char* name, void (*spoil)(Vmcb&)) {
        make(m, inner_nothing);
        use_nested(*m.vmcb, root);
        m.vmcb->interrupt_control = avic_enable, m.vmcb->avic_backing_page = backing, m.vmcb->avic_logical_table = logical;
        m.vmcb->avic_physical_table = physical;
        spoil(*m.vmcb);
        is(name, enter(m), on_invalid);
    };
    refused("a backing page beyond the physical addresses", [](Vmcb& b) { b.avic_backing_page = 1ull << 63; });
    refused("a table of logical ids", [](Vmcb& b) { b.avic_logical_table = 1ull << 63; });
    refused("a table of physical ids", [](Vmcb& b) { b.avic_physical_table = 1ull << 63; });
}

extern "C" void guest() {
    if (!available()) return holds("SVM", false);
    svm::start();
    Trap t = trap([] { wrmsr(0xc001011b, 0); });
    is("the doorbell is an MSR if CPUID says AVIC", t.vector == none, (features() & feature_avic) != 0);
    faults("  and can't be read", trap([] { rdmsr(0xc001011b); }), GP);
    root = npt_identity(), backing = new_page(), other = new_page(), logical = new_page(), physical = new_page();
    clear();
    if (!(features() & feature_avic)) return is("without AVIC the APIC is memory", run(reads, 0x390), done);
    accesses();
    interrupts();
    ipis();
    refusals();
}
