// SPDX-License-Identifier: MIT
// Guest, 64-bit: what came to SVM by CPUID bits: TSC ratio (APM vol. 2, 15.30.5), last branches (13.1.6, 15.23), virtual NMIs (15.21.10),
// the guest-mode execute trap. Where the processor lacks one, its fields mean nothing. Expected values are the manual's.
#include "frame.h"
#include "inner.h"

using namespace svm;

static Machine m;
static bool has(u32 feature) { return features() & feature; }
static u64 run(void (*code)(), void (*prepare)(Vmcb&)) {
    make(m, code);
    m.vmcb->intercepts = cpuid_ | svm::shutdown | nmi, m.vmcb->exceptions = 1 << UD;
    prepare(*m.vmcb);
    return enter(m);
}

// ---- the TSC's ratio

CODE(by_rdtsc, "rdtsc; mov %eax, %esi; mov %edx, %edi", "cpuid");
CODE(by_rdtscp, "rdtscp; mov %eax, %esi; mov %edx, %edi", "cpuid");
CODE(by_rdmsr, "mov $0x10, %ecx; rdmsr; mov %eax, %esi; mov %edx, %edi", "cpuid");
static void scaled(const char* name, void (*code)(), u64 ratio, u64 times, u64 divided) {
    wrmsr(0xc0000104, ratio);
    u64 before = rdtsc();
    run(code, [](Vmcb& b) { b.tsc_offset = 1ull << 50; });
    u64 after = rdtsc(), got = (m.registers.r[rdi] << 32 | u32(m.registers.r[rsi])) - (1ull << 50);
    wrmsr(0xc0000104, 1ull << 32);
    holds(name, got >= before * times / divided && got <= after * times / divided);
}
static void tsc_ratio() {
    if (!has(feature_tsc_rate)) return;
    scaled("RDTSC at twice the rate", by_rdtsc, 2ull << 32, 2, 1), scaled("  at half of it", by_rdtsc, 1ull << 31, 1, 2);
    scaled("RDTSCP at twice the rate", by_rdtscp, 2ull << 32, 2, 1), scaled("RDMSR at one and a half", by_rdmsr, 3ull << 31, 3, 2);
    scaled("  at none", by_rdmsr, 0, 0, 1);
}

// ---- last branches, ours and a guest's

static u64 record(unsigned n) { return rdmsr(0x1db + n); }
static volatile word from, to, traps, trapped_at;
static void ours() {
    set_gate(0x50, stub(0x50));
    hook(0x50, [](Frame&) {});
    asm volatile("lea 1f(%%rip), %%rax; mov %%rax, %0; lea 2f(%%rip), %%rax; mov %%rax, %1; mov $0x1d9, %%ecx; mov $1, %%eax; xor %%edx, %%edx; wrmsr; "
                 "1: jmp 2f; nop; 2: xor %%eax, %%eax; wrmsr"
                 : "=m"(from), "=m"(to)::"rax", "rcx", "rdx", "memory", "cc");
    is("LastBranchFromIP", record(0), from), is("LastBranchToIP", record(1), to);
    asm volatile("lea 1f(%%rip), %%rax; mov %%rax, %0; lea 2f(%%rip), %%rax; mov %%rax, %1; mov $0x1d9, %%ecx; mov $1, %%eax; xor %%edx, %%edx; wrmsr; "
                 "1: jmp 2f; nop; 2: int $0x50; mov $0x1d9, %%ecx; xor %%eax, %%eax; xor %%edx, %%edx; wrmsr"
                 : "=m"(from), "=m"(to)::"rax", "rcx", "rdx", "memory", "cc");
    is("LastIntFromIP: the branch before the interrupt", record(2), from), is("LastIntToIP", record(3), to);
    hook(0x50, nullptr);
    faults("the records are read-only", trap([] { wrmsr(0x1db, 0); }), GP);
}
static void branch_steps() {
    hook(DB, [](Frame& f) { traps = traps + 1; trapped_at = f.ip; f.flags &= ~0x100ul; });
    traps = 0;
    asm volatile("lea 1f(%%rip), %%rax; mov %%rax, %0; mov $0x1d9, %%ecx; mov $2, %%eax; xor %%edx, %%edx; wrmsr; pushf; orl $0x100, (%%rsp); popf; "
                 "nop; nop; jmp 1f; nop; 1: nop; nop"
                 : "=m"(to)::"rax", "rcx", "rdx", "memory", "cc");
    hook(DB, nullptr);
    is("BTF: one trap", traps, 1), is("  behind the branch", trapped_at, to), is("  which clears BTF", rdmsr(0x1d9), 0);
}
CODE(jumps, "jmp 1f; nop; 1:", "cpuid");
static void a_guests() {
    u64 before[4];
    for (unsigned n = 0; n < 4; n++) before[n] = record(n);
    bool own = has(feature_lbr);
    is("a guest with last branches", run(jumps, [](Vmcb& b) {
        b.lbr_virtualization = 1, b.debugctl = 1, b.last_branch_from = 1, b.last_branch_to = 2, b.last_exception_from = 3, b.last_exception_to = 4;
    }), on_cpuid);
    is("  from", m.vmcb->last_branch_from, own ? word(jumps) : 1), is("  to", m.vmcb->last_branch_to, own ? word(jumps_at) : 2);
    is("  the last exception's", m.vmcb->last_exception_from, 3), is("  to", m.vmcb->last_exception_to, 4), is("  DBGCTL", m.vmcb->debugctl, 1);
    for (unsigned n = 0; n < 4; n++) is("  ours are as they were", record(n), before[n]);
    is("  and DBGCTL", rdmsr(0x1d9), 0);
}

// ---- virtual NMIs

CODE(waits, "nop; nop", "cpuid");
static volatile word nmis;
static u64 with_nmi(u64 control, u32 more_intercepts = 0) {
    static u64 wanted;
    static u32 more;
    wanted = control | v_nmi_enable, more = more_intercepts;
    nmis = 0;
    return run(waits, [](Vmcb& b) { b.interrupt_control = wanted, b.intercepts |= more; });
}
static void states(u64 expected) { is("  V_NMI and V_NMI_MASK", m.vmcb->interrupt_control & (v_nmi | v_nmi_mask), expected); }
static void virtual_nmis() {
    bool there = has(feature_vnmi);
    hook(NMI, [](Frame&) { nmis = nmis + 1; });
    is("a virtual NMI", with_nmi(v_nmi), on_cpuid), is("  taken", nmis, there), states(there ? 0 : u64(v_nmi));
    is("a masked one", with_nmi(v_nmi | v_nmi_mask), on_cpuid), is("  waits", nmis, 0), states(v_nmi | v_nmi_mask);
    if (there) {
        is("masked until IRET", with_nmi(v_nmi, iret), on_iret), is("  taken", nmis, 1), states(v_nmi_mask);
        is("without the intercept of NMI", run(waits, [](Vmcb& b) { b.interrupt_control = v_nmi_enable, b.intercepts &= ~u32{nmi}; }), on_invalid);
        is("an injected one masks", run(waits, [](Vmcb& b) { b.interrupt_control = v_nmi_enable, b.intercepts |= iret, b.event = event_valid | event_nmi | 2; }),
           on_iret), states(v_nmi_mask);
    }
    hook(NMI, nullptr);
}

// ---- the guest-mode execute trap

static u64 root;
static u64 with_page(u64 page_bits, u64 control) {
    static u64 wanted;
    wanted = control;
    u64 at = word(waits) & ~0xfffull;
    npt_entry(root, at, 1) = at | page_bits, npt_entry(root, at + 4096, 1) = (at + 4096) | page_bits;
    return run(waits, [](Vmcb& b) { use_nested(b, root), b.nested_paging = wanted, b.tlb_control = 1; });
}
static void execute_trap() {
    if (!has(feature_nested_paging)) return;
    root = npt_identity(64 << 20, 1);
    bool there = has(feature_gmet);
    is("GMET: a supervisor's fetch from a user's page", with_page(npt_all, 9), there ? u64(on_npf) : u64(on_cpuid));
    if (there) is("  EXITINFO1", m.vmcb->exit_info_1, 1ull << 32 | 0x11), is("  EXITINFO2", m.vmcb->exit_info_2, word(waits));
    is("  from a supervisor's", with_page(present | writable, 9), there ? u64(on_cpuid) : u64(on_npf));
    is("without it: from a user's", with_page(npt_all, 1), on_cpuid), is("  from a supervisor's", with_page(present | writable, 1), on_npf);
}

extern "C" void guest() {
    if (!available()) return holds("SVM", false);
    svm::start();
    tsc_ratio();
    ours();
    branch_steps();
    a_guests();
    virtual_nmis();
    execute_trap();
}
