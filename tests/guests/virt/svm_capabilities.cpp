// SPDX-License-Identifier: MIT
// Guest, 64-bit: what CPUID 8000_000Ah says is so, SVM's instructions and their ways to fail, and the states that VMRUN refuses with
// VMEXIT_INVALID (APM vol. 2, 15.5 and 15.30; vol. 3, VMRUN to INVLPGA). Expected results are the manual's.
#include "frame.h"
#include "inner.h"

using namespace svm;

static Machine m;
static u64 refused_or(void (*spoil)(Vmcb&)) {
    make(m, inner_nothing);
    m.vmcb->intercepts = cpuid_ | svm::shutdown, m.vmcb->exceptions = ~0u;
    spoil(*m.vmcb);
    return enter(m);
}
static void refused(const char* name, void (*spoil)(Vmcb&)) { is(name, refused_or(spoil), on_invalid); }
static void enters(const char* name, void (*change)(Vmcb&)) { is(name, refused_or(change), on_cpuid); }

// ---- instructions

static constexpr struct { const char* name; void (*go)(); } instructions[] = {
    {"VMRUN", [] { asm volatile("vmrun" :: "a"(m.vmcb) : "memory"); }},      {"VMLOAD", [] { asm volatile("vmload" :: "a"(m.vmcb) : "memory"); }},
    {"VMSAVE", [] { asm volatile("vmsave" :: "a"(m.vmcb) : "memory"); }},    {"STGI", [] { asm volatile("stgi" ::: "memory"); }},
    {"CLGI", [] { asm volatile("clgi" ::: "memory"); }},                     {"INVLPGA", [] { asm volatile("invlpga" :: "a"(0), "c"(1) : "memory"); }},
    {"SKINIT", [] { asm volatile("skinit %%eax" :: "a"(0) : "memory"); }}};
static void each(const char* title, Trap (*how)(void (*)()), word vector) {
    print(title), print("\n");
    for (auto& i : instructions) faults(i.name, how(i.go), vector);
}
static u64 address;
static void at(const char* name, u64 where, word vector) {
    address = where;
    faults(name, trap([] { asm volatile("vmload" :: "a"(address) : "memory"); }), vector);
    faults("  VMSAVE", trap([] { asm volatile("vmsave" :: "a"(address) : "memory"); }), vector);
    faults("  VMRUN", trap([] { asm volatile("vmrun" :: "a"(address) : "memory"); }), vector);
}
static void before() {
    faults("VMMCALL outside a guest: #UD", trap([] { asm volatile("vmmcall"); }), UD);
    for (auto& i : instructions)          // STGI and SKINIT would do with CPUID.SKINIT too
        if (i.name[0] != 'S') faults(i.name, trap(i.go), UD);
    wrmsr(0xc0010114, 1 << 4);            // VM_CR.SVMDIS
    faults("with VM_CR.SVMDIS, EFER.SVME cannot be set", trap([] { wrmsr(0xc0000080, rdmsr(0xc0000080) | 1 << 12); }), GP);
    wrmsr(0xc0010114, 0);
}
static void instructions_fail() {
    make(m);
    each("in ring 3: #GP(0)", trap_user, GP);
    at("VMLOAD of no page's beginning", word(m.vmcb) + 8, GP), at("VMLOAD beyond the physical addresses", 1ull << 52, GP);
    faults("VM_HSAVE_PA of no page's beginning", trap([] { wrmsr(0xc0010117, 0x1008); }), GP);
    faults("  beyond the physical addresses", trap([] { wrmsr(0xc0010117, 1ull << 52); }), GP);
}
// VMLOAD and VMSAVE carry what VMRUN does not.
static void loads_and_saves() {
    u64 a = new_page(), b = new_page();
    Vmcb &from = *reinterpret_cast<Vmcb*>(a), &to = *reinterpret_cast<Vmcb*>(b);
    vmsave(a);
    Vmcb* changed = reinterpret_cast<Vmcb*>(new_page());
    memcpy(changed, &from, 4096);
    changed->fs.base = 0x1111, changed->gs.base = 0x2222, changed->kernel_gs_base = 0x3333, changed->star = 0x4444, changed->lstar = 0x5555;
    changed->cstar = 0x6666, changed->sfmask = 0x7777, changed->sysenter_cs = 0x18, changed->sysenter_esp = 0x8888, changed->sysenter_eip = 0x9999;
    vmload(word(changed));
    is("VMLOAD: FS.base", rdmsr(0xc0000100), 0x1111), is("  GS.base", rdmsr(0xc0000101), 0x2222), is("  KernelGSbase", rdmsr(0xc0000102), 0x3333);
    is("  STAR", rdmsr(0xc0000081), 0x4444), is("  LSTAR", rdmsr(0xc0000082), 0x5555), is("  CSTAR", rdmsr(0xc0000083), 0x6666), is("  SFMASK", rdmsr(0xc0000084), 0x7777);
    is("  SYSENTER_CS", rdmsr(0x174), 0x18), is("  SYSENTER_ESP", rdmsr(0x175), 0x8888), is("  SYSENTER_EIP", rdmsr(0x176), 0x9999);
    vmsave(b);
    is("VMSAVE: FS.base", to.fs.base, 0x1111), is("  GS.base", to.gs.base, 0x2222), is("  KernelGSbase", to.kernel_gs_base, 0x3333), is("  STAR", to.star, 0x4444);
    is("  LSTAR", to.lstar, 0x5555), is("  CSTAR", to.cstar, 0x6666), is("  SFMASK", to.sfmask, 0x7777), is("  SYSENTER_CS", to.sysenter_cs, 0x18);
    is("  SYSENTER_ESP", to.sysenter_esp, 0x8888), is("  SYSENTER_EIP", to.sysenter_eip, 0x9999), is("  TR", to.tr.selector, tss_selector), is("  TR.base", to.tr.base, word(&tss));
    vmload(a);
}

// ---- the checks of VMRUN (15.5.1), each broken alone

static void checks() {
    enters("a valid state", [](Vmcb&) {});
    refused("EFER.SVME clear", [](Vmcb& b) { b.efer &= ~0x1000ull; });
    refused("EFER's reserved bits", [](Vmcb& b) { b.efer |= 1ull << 63; });
    refused("CR0.NW set, CD clear", [](Vmcb& b) { b.cr0 = (b.cr0 | 1 << 29) & ~(1ull << 30); });
    enters("  both set", [](Vmcb& b) { b.cr0 |= 3ull << 29; });
    refused("CR0's upper half", [](Vmcb& b) { b.cr0 |= 1ull << 32; });
    refused("CR3's reserved bits", [](Vmcb& b) { b.cr3 |= 1ull << 62; });
    refused("CR4's reserved bits", [](Vmcb& b) { b.cr4 |= 1ull << 63; }), refused("  of the lower half", [](Vmcb& b) { b.cr4 |= 1 << 31; });
    refused("DR6's upper half", [](Vmcb& b) { b.dr6 |= 1ull << 32; }), refused("DR7's upper half", [](Vmcb& b) { b.dr7 |= 1ull << 32; });
    refused("long mode and paging without CR4.PAE", [](Vmcb& b) { b.cr4 &= ~0x20ull; });
    refused("long mode and paging without CR0.PE", [](Vmcb& b) { b.cr0 &= ~1ull; });
    refused("CS.L and CS.D in long mode", [](Vmcb& b) { b.cs.rights |= 0x400; });
    refused("VMRUN not intercepted", [](Vmcb& b) { b.intercepts_2 = 0; });
    refused("ASID 0", [](Vmcb& b) { b.asid = 0; });
    refused("the MSR permission map beyond the physical addresses", [](Vmcb& b) { b.intercepts |= msr_prot, b.msrpm = 1ull << 52; });
    refused("the port permission map likewise", [](Vmcb& b) { b.intercepts |= ioio, b.iopm = 1ull << 52; });
    refused("an event of type 1", [](Vmcb& b) { b.event = event_valid | 1 << 8 | 32; }), refused("  of type 5", [](Vmcb& b) { b.event = event_valid | 5 << 8 | 32; });
    refused("  of type 6", [](Vmcb& b) { b.event = event_valid | 6 << 8 | 32; }), refused("  of type 7", [](Vmcb& b) { b.event = event_valid | 7 << 8 | 32; });
    refused("  an exception with vector 2", [](Vmcb& b) { b.event = event_valid | event_exception | 2; });
    refused("  an exception with vector 32", [](Vmcb& b) { b.event = event_valid | event_exception | 32; });
    refused("  #OF in 64-bit mode", [](Vmcb& b) { b.event = event_valid | event_exception | 4; });
    if (features() & feature_nested_paging) {
        refused("nested CR3's reserved bits", [](Vmcb& b) { use_nested(b, 1ull << 62); });
        refused("G_PAT's reserved types", [](Vmcb& b) { use_nested(b, npt_identity()), b.pat = 0x0202020202020202; });
    }
    refused("what is refused leaves no trace", [](Vmcb& b) { b.asid = 0, b.rip = 0x1234, b.rax = 0x5678; });
    is("  RIP", m.vmcb->rip, 0x1234), is("  RAX", m.vmcb->rax, 0x5678);
}

// ---- features

static void number_of_asids() {
    holds("ASIDs", asids() >= 2);
    refused_or([](Vmcb& b) { b.asid = asids() - 1; });
    is("the highest ASID", m.vmcb->exit_code, on_cpuid);
}
CODE(no_instruction, "", "cpuid");
static void what_cpuid_says() {
    make(m, no_instruction);
    m.vmcb->intercepts = cpuid_, m.vmcb->next_rip = 0;
    enter(m);
    is("the next RIP is saved if CPUID says so", m.vmcb->next_rip, features() & feature_next_rip ? word(no_instruction_after) : 0);
    bool rate = features() & feature_tsc_rate;
    Trap t = trap([] { rdmsr(0xc0000104); });
    is("the TSC's rate is an MSR if CPUID says so", t.vector == none, rate);
    t = trap([] { wrmsr(0xc0010118, 0); });
    is("SVM_KEY is an MSR if CPUID says lock", t.vector == none, (features() & feature_lock) != 0);
    if (rate) {
        is("  at first it is 1.0", rdmsr(0xc0000104), 1ull << 32);
        faults("  reserved bits", trap([] { wrmsr(0xc0000104, 1ull << 40); }), GP);
    }
}
// A filtered PAUSE exits once the count is used up.
CODE(pauses, "mov $50, %ecx; 1: pause; dec %ecx; jnz 1b", "cpuid");
static void pause_filter() {
    bool has = features() & feature_pause_filter;
    auto with = [](u16 count) {
        make(m, pauses);
        m.vmcb->intercepts = cpuid_ | pause, m.vmcb->pause_count = count;
        return enter(m);
    };
    is("PAUSE with a count of 100", with(100), has ? u64(on_cpuid) : u64(on_pause));
    is("PAUSE with a count of 10", with(10), on_pause);
    is("  after about ten", has ? 50 - m.registers.r[rcx] >= 9 && 50 - m.registers.r[rcx] <= 11 : m.registers.r[rcx] == 50, true);
    is("PAUSE with none", with(0), on_pause), is("  the first", m.registers.r[rcx], 50);
}
static void tsc_offset() {
    static u64 got;
    make(m, [] { got = rdtsc(); asm volatile("cpuid" ::: "eax", "ebx", "ecx", "edx"); });
    m.vmcb->intercepts = cpuid_, m.vmcb->tsc_offset = 1ull << 50;
    u64 before = rdtsc();
    enter(m);
    u64 after = rdtsc();
    holds("the TSC's offset", got >= before + (1ull << 50) && got <= after + (1ull << 50));
}
// A guest in each mode: entered, and at CPUID it is still in it.
static constexpr u32 low = 0x7000;
static void modes() {
    poke<u16>(low, 0xa20f);
    auto mode = [](const char* name, void (*state)(Vmcb&), u64 cr0) {
        make(m);
        state(*m.vmcb);
        m.vmcb->intercepts = cpuid_ | svm::shutdown, m.vmcb->exceptions = ~0u;
        is(name, enter(m), on_cpuid), is("  CR0", m.vmcb->cr0 & 0x80000001, cr0), is("  RIP", m.vmcb->cs.base + m.vmcb->rip, low);
    };
    mode("real mode", [](Vmcb& b) { guest_state_real(b, low >> 4, 0, 0x1000); }, 0);
    mode("protected mode", [](Vmcb& b) { guest_state_32(b, low, 0x1000); }, 1);
    mode("virtual-8086 mode", [](Vmcb& b) {
        guest_state_32(b, 0, 0x1000);
        b.rflags = 0x20002, b.cpl = 3, b.cs = {low >> 4, 0xfb, 0xffff, low}, b.ss = b.ds = b.es = b.fs = b.gs = {0, 0xf3, 0xffff, 0};
    }, 1);
    mode("compatibility mode", [](Vmcb& b) { b.cs.rights = 0xc9b, b.rip = low; }, 0x80000001);
}

extern "C" void guest() {
    if (!available()) return holds("SVM", false);
    before();
    svm::start();
    instructions_fail();
    loads_and_saves();
    checks();
    number_of_asids();
    what_cpuid_says();
    pause_filter();
    tsc_offset();
    modes();
}
