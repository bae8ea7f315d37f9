// SPDX-License-Identifier: MIT
// Guest, 64-bit: what VMRUN loads and injects, what #VMEXIT saves, virtual interrupts, the global interrupt flag (APM vol. 2, 15.5, 15.6,
// 15.17, 15.20, 15.21).
#include "frame.h"
#include "inner.h"
#include "interrupts.h"

using namespace svm;

static Machine m;
static u64 run(void (*code)(), void (*more)(Vmcb&) = nullptr) {
    make(m, code);
    m.vmcb->intercepts = cpuid_ | svm::shutdown;
    if (more) more(*m.vmcb);
    return enter(m);
}
inline void to_host() { asm volatile("cpuid" ::: "eax", "ebx", "ecx", "edx", "memory"); }

// ---- events injected (15.20), into handlers that the guest shares with us

CODE(exits, "nop; nop; nop; nop", "cpuid");
static struct { u64 vector, code, ip, times; } came;
static void note(Frame& f) { came = {f.vector, f.code, f.ip, came.times + 1}; }
static void injected(const char* name, u64 what, u64 flags = 0x202) {
    static u64 event, with_flags;
    unsigned vector = what & 0xff;
    event = what | event_valid, with_flags = flags, came = {};
    hook(vector, note);
    is(name, run(exits, [](Vmcb& b) { b.rflags = with_flags, b.event = event; }), on_cpuid);
    is("  its vector", came.vector, vector), is("  once", came.times, 1), is("  RIP on the stack", came.ip, word(exits));
    if (what >> 11 & 1) is("  error code", came.code, what >> 32);
    is("  EVENTINJ is no longer valid", m.vmcb->event >> 31 & 1, 0);
    hook(vector, nullptr);
}
static void injection() {
    injected("an interrupt", event_interrupt | 0x61), injected("  whatever IF", event_interrupt | 0x61, 2), injected("NMI", event_nmi | 2);
    injected("#UD", event_exception | u64(UD)), injected("#GP with its error code", 0x1234ull << 32 | event_error_code | event_exception | u64(GP));
}

// ---- what is loaded and saved

CODE(changes_all, "movabs $0x1122334455667788, %r15; mov %rsp, %rbx; sub $64, %rsp; mov $0x20, %eax; mov %ax, %ds; mov $0x77, %ecx; mov %rcx, %cr2; stc; mov $0x455, %edx; mov %rdx, %dr7", "cpuid");
static void saved() {
    u64 our_cr2 = 0x5555;
    set_cr2(our_cr2);
    is("a guest that changes all", run(changes_all, [](Vmcb& b) { b.cr2 = 0x99, b.rax = 0xaaaa; }), on_cpuid);
    is("  registers", m.registers.r[r15], 0x1122334455667788), is("  RAX", m.vmcb->rax, 0x20), is("  RSP", m.vmcb->rsp, m.registers.r[rbx] - 64), is("  RFLAGS", m.vmcb->rflags & 1, 1);
    is("  DS", m.vmcb->ds.selector, 0x20), is("  its rights", m.vmcb->ds.rights, 0xcf3), is("  CR2", m.vmcb->cr2, 0x77), is("  DR7", m.vmcb->dr7, 0x455), is("  CPL", m.vmcb->cpl, 0);
    u16 ds;
    asm("mov %%ds, %0" : "=r"(ds));
    is("ours: DS", ds, kdata), is("  DR7", get_dr7(), 0x400), is("  RFLAGS.IF", flags() & 0x200, 0);
    static u64 seen[3];
    auto looks = [] { seen[0] = get_cr2(), seen[1] = get_dr7(), seen[2] = get_dr6(); to_host(); };
    run(looks, [](Vmcb& b) { b.cr2 = 0x99, b.dr7 = 0x402, b.dr6 = 0xffff4ff0; });
    is("loaded: CR2", seen[0], 0x99), is("  DR7", seen[1], 0x402), is("  DR6", seen[2], 0xffff4ff0);
    is("an event in EVENTINJ's field comes back as no EXITINTINFO", m.vmcb->vectoring_event >> 31 & 1, 0);
    static u64 pat;
    auto reads_pat = [] { pat = rdmsr(0x277); to_host(); };
    if (features() & feature_nested_paging) {
        static u64 root;
        root = second_stage_identity();
        run(reads_pat, [](Vmcb& b) { use_nested(b, root), b.pat = 0x0606060606060606; });
        is("under nested paging PAT is the guest's", pat, 0x0606060606060606), is("  ours comes back", rdmsr(0x277) == 0x0606060606060606, false);
    }
    run(exits, [](Vmcb& b) { b.interrupt_shadow = 1; });
    is("an interrupt shadow passes with the next instruction", m.vmcb->interrupt_shadow & 1, 0);
}
CODE(in_shadow, "sti", "cpuid"); CODE(in_user_mode, "", "cpuid");
static void shadow_and_rings() {
    run(in_shadow);
    is("an exit in STI's shadow", m.vmcb->interrupt_shadow & 1, 1), is("  RFLAGS.IF", m.vmcb->rflags & 0x200, 0x200);
    run(in_user_mode, [](Vmcb& b) { b.cpl = 3, b.cs = {ucode64, 0xafb, ~0u, 0}, b.ss = {udata, 0xcf3, ~0u, 0}; });
    is("CPL 3", m.vmcb->exit_code, on_cpuid), is("  saved", m.vmcb->cpl, 3);
}

// ---- virtual interrupts (15.21.4)

CODE(opens, "nop; sti; nop", "cpuid"); CODE(sets_tpr, "mov $9, %eax; mov %rax, %cr8; mov %cr8, %rbx", "cpuid");
static constexpr u64 vector_61 = 0x61ull << 32, priority_6 = 6ull << 16;
static void virtual_interrupts() {
    came = {}, hook(0x61, note);
    run(opens, [](Vmcb& b) { b.interrupt_control = v_irq | vector_61 | priority_6; });
    is("V_IRQ is taken once IF is set", came.times, 1), is("  behind the shadow", came.ip, word(opens_at)), is("  and cleared", m.vmcb->interrupt_control & v_irq, 0);
    came = {};
    run(opens, [](Vmcb& b) { b.interrupt_control = v_irq | vector_61 | priority_6 | 6; });
    is("not while V_TPR is as high", came.times, 0), is("  V_IRQ stays", m.vmcb->interrupt_control & v_irq, v_irq);
    run(opens, [](Vmcb& b) { b.interrupt_control = v_irq | vector_61 | priority_6 | 6 | v_ign_tpr; });
    is("  but with V_IGN_TPR", came.times, 1);
    came = {};
    run(exits, [](Vmcb& b) { b.interrupt_control = v_irq | vector_61 | priority_6; });
    is("not with IF clear", came.times, 0);
    hook(0x61, nullptr);
    u8 ours = u8(apic(tpr));
    run(sets_tpr, [](Vmcb& b) { b.interrupt_control = v_intr_masking; });
    is("with V_INTR_MASKING CR8 is V_TPR", m.vmcb->interrupt_control & 0xff, 9), is("  reads give it", m.registers.r[rbx], 9), is("  the APIC's is what it was", apic(tpr), ours);
}

// ---- the global interrupt flag (15.17)

static void global_flag() {
    static u32 taken;
    taken = 0;
    hook(0x55, [](Frame&) { taken++, apic(eoi, 0); });
    asm volatile("clgi; sti" ::: "memory");
    apic(icr, 0x40055);
    asm volatile("nop; nop; nop" ::: "memory");
    is("CLGI holds interrupts", taken, 0);
    asm volatile("stgi; nop; nop; cli" ::: "memory");
    is("  until STGI", taken, 1);
    hook(2, [](Frame&) { taken += 100; });
    asm volatile("clgi" ::: "memory");
    apic(icr_high, 0), apic(icr, 0x4400);
    asm volatile("nop; nop; nop" ::: "memory");
    is("NMIs too", taken, 1);
    asm volatile("stgi; nop" ::: "memory");
    is("  until STGI", taken, 101);
    hook(0x55, nullptr), hook(2, nullptr);
}

// Its virtual form: the guest's own, without intercepts.
CODE(clears_gif, "clgi; nop", "cpuid"); CODE(clears_and_sets_gif, "clgi; nop; stgi; nop", "cpuid");
static void virtual_global_flag() {
    if (!(features() & feature_vgif)) return;
    constexpr u64 flag = 1 << 9, enable = 1 << 25;
    run(clears_gif, [](Vmcb& b) { b.interrupt_control = enable | flag; });
    is("virtual GIF: the guest's CLGI", m.vmcb->exit_code, on_cpuid), is("  clears it", m.vmcb->interrupt_control & flag, 0);
    run(clears_and_sets_gif, [](Vmcb& b) { b.interrupt_control = enable | flag; });
    is("  STGI sets it", m.vmcb->interrupt_control & flag, flag);
    came = {}, hook(0x61, note);
    run(opens, [](Vmcb& b) { b.interrupt_control = enable | v_irq | vector_61 | priority_6; });
    is("while it is clear no virtual interrupt comes", came.times, 0), is("  V_IRQ stays", m.vmcb->interrupt_control & v_irq, v_irq);
    run(opens, [](Vmcb& b) { b.interrupt_control = enable | flag | v_irq | vector_61 | priority_6; });
    is("while it is set it does", came.times, 1);
    hook(0x61, nullptr);
}

// VMSAVE in a guest: to a physical address, and in its virtual form to a guest-physical one (15.33.1).
CODE(saves, "", "vmsave; cpuid");
static u64 root, from, to;
static void virtual_vmsave() {
    if (!(features() & feature_nested_paging)) return;
    root = second_stage_identity(), from = new_page(), to = new_page();
    second_stage_entry(root, from) = to | npt_all;
    constexpr u64 star_at = 0x600;
    auto guest_of = [](Vmcb& b) { use_nested(b, root), b.rax = from, b.star = 0x7654321, b.tlb_control = 1; };
    is("VMSAVE in a guest", run(saves, guest_of), on_cpuid), is("  goes to the physical address", peek<u64>(from + star_at), 0x7654321), is("  untranslated", peek<u64>(to + star_at), 0);
    poke<u64>(from + star_at, 0);
    if (features() >> 15 & 1) {
        is("virtual VMSAVE", run(saves, [](Vmcb& b) { use_nested(b, root), b.rax = from, b.star = 0x7654321, b.tlb_control = 1, b.lbr_virtualization = 2; }), on_cpuid);
        is("  goes to the guest-physical address", peek<u64>(to + star_at), 0x7654321), is("  not to the physical one", peek<u64>(from + star_at), 0);
    }
}

// Clean bits (15.15): what the VMCB's owner says has not changed need not be read again, and here is not.
static void clean_bits() {
    if (!(features() & feature_clean)) return;
    run(exits);
    auto again = [](u32 clean, u32 intercepts) {
        m.vmcb->rip = word(exits), m.vmcb->clean = clean, m.vmcb->intercepts = intercepts, m.vmcb->exceptions = 1 << UD;
        return enter(m);
    };
    is("a changed intercept, said to be unchanged", again(1, svm::shutdown), on_cpuid);
    is("  said to be changed", again(0, svm::shutdown), u64(on_exception) + u64(UD));
    run(exits);
    Machine other = m;
    make(other, exits, 2);
    other.vmcb->intercepts = svm::shutdown, other.vmcb->exceptions = 1 << UD, other.vmcb->clean = ~0u;
    is("bits of a VMCB that has not run mean nothing", enter(other), u64(on_exception) + u64(UD));
}

extern "C" void guest() {
    if (!available()) return holds("SVM", false);
    svm::start();
    apic(svr, 0x1ff);
    injection();
    saved();
    shadow_and_rings();
    virtual_interrupts();
    global_flag();
    virtual_global_flag();
    virtual_vmsave();
    clean_bits();
}
