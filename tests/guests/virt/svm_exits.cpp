// SPDX-License-Identifier: MIT
// Guest, 64-bit: each intercept of SVM with all that its #VMEXIT records: EXITCODE, EXITINFO1 and 2, EXITINTINFO, the next RIP, and what
// decode assists add (APM vol. 2, 15.7 to 15.13, 15.33, appendix C). Expected values are the manual's, put together by hand.
#include "frame.h"
#include "inner.h"
#include "interrupts.h"

using namespace svm;

static Machine m;
static bool decodes, next_rips;

static u64 run(void (*code)(), void (*prepare)(Vmcb&)) {
    make(m, code);
    m.vmcb->intercepts = svm::shutdown, m.vmcb->exceptions = 1 << UD;
    prepare(*m.vmcb);
    m.registers.r[rbx] = word(page(3)), m.registers.r[rcx] = 0x10;
    return enter(m);
}
// An intercepted instruction: nothing of it has been done.
static void expect(const char* name, Place p, u64 code, void (*prepare)(Vmcb&)) {
    u64 got = run(p.code, prepare);
    is(name, got, code);
    if (got != code) return;
    is("  RIP of the instruction", m.vmcb->rip, p.at), is("  no EXITINTINFO", m.vmcb->vectoring_event >> 31 & 1, 0);
    is("  next RIP", m.vmcb->next_rip, next_rips ? p.after : m.vmcb->next_rip);
}
static void info_1(u64 expected) { is("  EXITINFO1", m.vmcb->exit_info_1, expected); }
static void decoded(u64 expected) {
    if (decodes) info_1(expected);
}

// ---- instructions

CODE(do_cpuid, "", "cpuid"); CODE(do_invd, "", "invd"); CODE(do_vmmcall, "", "vmmcall"); CODE(do_vmrun, "", "vmrun"); CODE(do_vmload, "", "vmload");
CODE(do_vmsave, "", "vmsave"); CODE(do_stgi, "", "stgi"); CODE(do_clgi, "", "clgi"); CODE(do_skinit, "", "skinit %eax"); CODE(do_invlpga, "", "invlpga"); CODE(do_rdtsc, "", "rdtsc");
CODE(do_rdpmc, "xor %ecx, %ecx", "rdpmc"); CODE(do_rdtscp, "", "rdtscp"); CODE(do_pushf, "", "pushf"); CODE(do_popf, "pushf", "popf"); CODE(do_iret, "", "iretq");
CODE(do_int, "", "int $0x41"); CODE(do_hlt, "", "hlt"); CODE(do_pause, "", "pause"); CODE(do_wbinvd, "", "wbinvd"); CODE(do_icebp, "", ".byte 0xf1");
CODE(do_monitor, "mov %rbx, %rax; xor %ecx, %ecx; xor %edx, %edx", "monitor"); CODE(do_mwait, "xor %eax, %eax; xor %ecx, %ecx", "mwait");
CODE(do_xsetbv, "xor %ecx, %ecx; mov $1, %eax; xor %edx, %edx", "xsetbv"); CODE(do_invlpg, "", "invlpg 0x123(%rbx)");
CODE(do_sgdt, "", "sgdt (%rbx)"); CODE(do_sidt, "", "sidt (%rbx)"); CODE(do_lgdt, "", "lgdt (%rbx)"); CODE(do_lidt, "", "lidt (%rbx)");
CODE(do_sldt, "", "sldt %eax"); CODE(do_str, "", "str %eax"); CODE(do_lldt, "xor %eax, %eax", "lldt %ax"); CODE(do_ltr, "mov $0x50, %eax", "ltr %ax");

static void instructions() {
#define FIRST(text, piece, bit, code) expect(text, {WHERE(piece)}, code, [](Vmcb& b) { b.intercepts |= bit; })
#define SECOND(text, piece, bit, code) expect(text, {WHERE(piece)}, code, [](Vmcb& b) { b.intercepts_2 |= bit; })
    FIRST("CPUID", do_cpuid, cpuid_, on_cpuid), FIRST("INVD", do_invd, invd, on_invd), FIRST("RDTSC", do_rdtsc, rdtsc_, on_rdtsc);
    FIRST("RDPMC", do_rdpmc, rdpmc, on_rdpmc), FIRST("PUSHF", do_pushf, pushf, on_pushf), FIRST("POPF", do_popf, popf, on_popf);
    FIRST("IRET", do_iret, iret, on_iret), FIRST("HLT", do_hlt, hlt, on_hlt), FIRST("PAUSE", do_pause, pause, on_pause);
    FIRST("INT n", do_int, int_n, on_int_n), decoded(0x41);
    FIRST("INVLPG", do_invlpg, invlpg_, on_invlpg), decoded(page(3) + 0x123);
    FIRST("INVLPGA", do_invlpga, invlpga_, on_invlpga);
    FIRST("SGDT", do_sgdt, gdtr_read, on_gdtr_read), FIRST("SIDT", do_sidt, idtr_read, on_idtr_read), FIRST("LGDT", do_lgdt, gdtr_write, on_gdtr_write);
    FIRST("LIDT", do_lidt, idtr_write, on_idtr_write), FIRST("SLDT", do_sldt, ldtr_read, on_ldtr_read), FIRST("STR", do_str, tr_read, on_tr_read);
    FIRST("LLDT", do_lldt, ldtr_write, on_ldtr_write), FIRST("LTR", do_ltr, tr_write, on_tr_write);
    SECOND("VMRUN", do_vmrun, vmrun_2, on_vmrun), SECOND("VMMCALL", do_vmmcall, vmmcall_2, on_vmmcall), SECOND("VMLOAD", do_vmload, vmload_2, on_vmload);
    SECOND("VMSAVE", do_vmsave, vmsave_2, on_vmsave), SECOND("STGI", do_stgi, stgi_2, on_stgi), SECOND("CLGI", do_clgi, clgi_2, on_clgi);
    if (cpuid(0x80000001).ecx >> 12 & 1) SECOND("SKINIT", do_skinit, skinit_2, on_skinit);
    if (cpuid(0x80000001).edx >> 27 & 1) SECOND("RDTSCP", do_rdtscp, rdtscp_2, on_rdtscp);
    SECOND("INT1", do_icebp, icebp_2, on_icebp), SECOND("WBINVD", do_wbinvd, wbinvd_2, on_wbinvd);
    if (cpuid(1).ecx >> 3 & 1) SECOND("MONITOR", do_monitor, monitor_2, on_monitor), SECOND("MWAIT", do_mwait, mwait_2, on_mwait);
    if (cpuid(1).ecx >> 26 & 1)
        expect("XSETBV", {WHERE(do_xsetbv)}, on_xsetbv, [](Vmcb& b) { b.intercepts_2 |= xsetbv_2, b.cr4 |= 1 << 18; });
    // Not intercepted, they are done; VMMCALL then is #UD.
    is("CPUID is done where it is not intercepted", run(do_cpuid, [](Vmcb&) {}), u64(on_exception) + u64(UD)), is("  the UD2 behind it", m.vmcb->rip, word(do_cpuid_after));
    is("VMMCALL is #UD where it is not intercepted", run(do_vmmcall, [](Vmcb&) {}), u64(on_exception) + u64(UD)), is("  RIP", m.vmcb->rip, word(do_vmmcall_at));
}

// ---- FERR_FREEZE: an x87 instruction would wait for the interrupt of FERR# (CR0.NE = 0)

CODE(do_freeze, "fninit; pushq $0x37e; fldcw (%rsp); pop %rax; fldz; fldz; fdivp", "fwait");
static void freezes() {
    auto external = [](Vmcb& b) { b.cr0 &= ~0x20ull, b.intercepts |= ferr_freeze; };
    expect("FERR_FREEZE", {WHERE(do_freeze)}, on_ferr_freeze, external);
    out8(0xf0, 0);                             // IGNNE#
    is("  with IGNNE# it is done", enter(m), u64(on_exception) + u64(UD)), is("  the UD2 behind it", m.vmcb->rip, word(do_freeze_after));
    asm volatile("fninit");
    expect("without IGNNE# again", {WHERE(do_freeze)}, on_ferr_freeze, external);
    asm volatile("fninit");
    out8(0xf0, 0);
    is("with CR0.NE it is #MF", run(do_freeze, [](Vmcb& b) { b.intercepts |= ferr_freeze, b.exceptions |= 1 << MF; }), u64(on_exception) + u64(MF));
    asm volatile("fninit");
}

// ---- control and debug registers

CODE(from_cr0, "", "mov %cr0, %r11"); CODE(to_cr0, "mov %cr0, %rdx", "mov %rdx, %cr0"); CODE(from_cr3, "", "mov %cr3, %rdi"); CODE(to_cr3, "mov %cr3, %r9", "mov %r9, %cr3");
CODE(to_cr4, "mov %cr4, %rsi", "mov %rsi, %cr4"); CODE(from_cr2, "", "mov %cr2, %r15"); CODE(to_cr8, "mov $5, %edi", "mov %rdi, %cr8"); CODE(do_clts, "", "clts");
CODE(do_lmsw, "mov $0x3b, %ebp", "lmsw %bp"); CODE(do_smsw, "", "smsw %eax"); CODE(from_dr6, "", "mov %dr6, %rdx"); CODE(to_dr7, "mov $0x400, %r12d", "mov %r12, %dr7");
CODE(flip_ts, "mov %cr0, %rdx; xor $8, %rdx", "mov %rdx, %cr0"); CODE(flip_am, "mov %cr0, %rdx; xor $0x40000, %rdx", "mov %rdx, %cr0");
static void registers() {
    auto all = [](Vmcb& b) { b.cr_read = b.cr_write = b.dr_read = b.dr_write = 0xffff; };
    auto writes = [](Vmcb& b) { b.cr_write = 0xffff; };
    constexpr u64 mov = 1ull << 63;
    expect("MOV from CR0", {WHERE(from_cr0)}, on_cr_read + 0, all), decoded(mov | r11), expect("MOV to CR0", {WHERE(to_cr0)}, on_cr_write + 0, writes), decoded(mov | rdx);
    expect("MOV from CR3", {WHERE(from_cr3)}, on_cr_read + 3, all), decoded(mov | rdi), expect("MOV to CR3", {WHERE(to_cr3)}, on_cr_write + 3, writes), decoded(mov | r9);
    expect("MOV to CR4", {WHERE(to_cr4)}, on_cr_write + 4, writes), decoded(mov | rsi), expect("MOV from CR2", {WHERE(from_cr2)}, on_cr_read + 2, all), decoded(mov | r15);
    expect("MOV to CR8", {WHERE(to_cr8)}, on_cr_write + 8, all), decoded(mov | rdi);
    expect("CLTS", {WHERE(do_clts)}, on_cr_write + 0, all), decoded(0), expect("LMSW", {WHERE(do_lmsw)}, on_cr_write + 0, all), decoded(0);
    expect("SMSW", {WHERE(do_smsw)}, on_cr_read + 0, all), decoded(0);
    expect("MOV from DR6", {WHERE(from_dr6)}, on_dr_read + 6, all), decoded(rdx), expect("MOV to DR7", {WHERE(to_dr7)}, on_dr_write + 7, all), decoded(r12);
    expect("selective CR0 write: AM", {WHERE(flip_am)}, on_cr0_selective, [](Vmcb& b) { b.intercepts |= cr0_selective; });
    is("  not for TS", run(flip_ts, [](Vmcb& b) { b.intercepts |= cr0_selective; }), u64(on_exception) + u64(UD)), is("  which is written", m.vmcb->cr0 & 8, ~get_cr0() & 8);
}

// ---- ports and MSRs

CODE(in_imm, "", "inb $0x71, %al"); CODE(in_dx, "mov $0x1234, %edx", "inl %dx, %eax"); CODE(out_dx, "mov $0x5678, %edx", "outw %ax, %dx");
CODE(rep_outs, "mov $0x80, %edx; mov %rbx, %rsi; mov $3, %ecx", "rep outsw"); CODE(ins, "mov $0x80, %edx; mov %rbx, %rdi", "insb"); CODE(out_80, "", "outb %al, $0x80");
CODE(outs_fs, "mov $0x80, %edx; mov %rbx, %rsi", "outsb %fs:(%rsi), (%dx)");
CODE(read_msr, "mov $0x277, %ecx", "rdmsr"); CODE(write_efer, "mov $0xc0000080, %ecx; rdmsr", "wrmsr"); CODE(read_far_msr, "mov $0x40001234, %ecx", "rdmsr");
CODE(read_amd_msr, "mov $0xc0010114, %ecx", "rdmsr");
static u64 all_ports, some_ports, all_msrs, some_msrs;
static void port(const char* name, Place p, u64 expected, u64 meaning) {
    is(name, run(p.code, [](Vmcb& b) { b.intercepts |= ioio, b.iopm = all_ports; }), on_ioio);
    is("  EXITINFO1", m.vmcb->exit_info_1 & meaning, expected), is("  EXITINFO2: the next RIP", m.vmcb->exit_info_2, p.after), is("  RIP", m.vmcb->rip, p.at);
}
static void ports_and_msrs() {
    all_ports = new_port_map(true), some_ports = new_port_map(), all_msrs = new_msr_map(true), some_msrs = new_msr_map();
    constexpr u64 plain = 0xffff007d, string = 0xffff03fd, in = 1, str = 4, rep = 8, byte = 16, word_ = 32, dword = 64, a64 = 512, segment = 7 << 10;
    port("IN from a port in the instruction", {WHERE(in_imm)}, in | byte | 0x71 << 16, plain), port("IN from DX", {WHERE(in_dx)}, in | dword | 0x1234 << 16, plain);
    port("OUT to DX", {WHERE(out_dx)}, word_ | 0x5678 << 16, plain), port("REP OUTSW", {WHERE(rep_outs)}, str | rep | word_ | a64 | 0x80 << 16, string);
    port("INSB", {WHERE(ins)}, in | str | byte | a64 | 0x80 << 16, string);
    port("OUTSB with FS", {WHERE(outs_fs)}, str | byte | a64 | 0x80 << 16 | (decodes ? 4 << 10 : 0), string | (decodes ? segment : 0));
    auto some = [](Vmcb& b) { b.intercepts |= ioio, b.iopm = some_ports; };
    is("a port whose bit is clear does not exit", run(out_80, some), u64(on_exception) + u64(UD));
    intercept_port(some_ports, 0x1237);
    is("a port whose access reaches one that does", run(in_dx, some), on_ioio);
    auto msrs = [](Vmcb& b) { b.intercepts |= msr_prot, b.msrpm = all_msrs; };
    auto some_of = [](Vmcb& b) { b.intercepts |= msr_prot, b.msrpm = some_msrs; };
    expect("RDMSR", {WHERE(read_msr)}, on_msr, msrs), info_1(0);
    is("an MSR whose bit is clear does not exit", run(read_msr, some_of), u64(on_exception) + u64(UD));
    intercept_msr(some_msrs, 0xc0000080, false, true), intercept_msr(some_msrs, 0xc0010114, true, false);
    expect("WRMSR of an MSR whose bit for writes is set", {WHERE(write_efer)}, on_msr, some_of), info_1(1);
    expect("RDMSR of the third range", {WHERE(read_amd_msr)}, on_msr, some_of), info_1(0);
    expect("an MSR outside the ranges", {WHERE(read_far_msr)}, on_msr, some_of), info_1(0);
}

// ---- exceptions

CODE(do_ud2, "", "ud2"); CODE(do_int3, "", "int3"); CODE(do_gp, "mov $0x68, %eax", "mov %eax, %ds"); CODE(do_de, "xor %ecx, %ecx", "div %ecx");
CODE(do_pf, "movabs $0x180000000123, %rax", "movl $1, (%rax)"); CODE(do_trap, "pushf; orl $0x100, (%rsp); popf; nop", "");
static void exception(const char* name, void (*code)(), word at, word vector, u64 info1, u64 info2) {
    is(name, run(code, [](Vmcb& b) { b.exceptions = ~0u; }), u64(on_exception) + u64(vector));
    is("  RIP", m.vmcb->rip, at);
    if (vector == GP || vector == PF) info_1(info1);
    if (vector == PF) is("  EXITINFO2", m.vmcb->exit_info_2, info2);
}
static bool same_bytes(u64 n) {
    for (u64 i = 0; i < n; i++)
        if (m.vmcb->bytes[i] != peek<u8>(m.vmcb->rip + i)) return false;
    return true;
}
static void bytes(Place p) {              // 15.33: on #PF and #NPF of data, what had been fetched
    if (!decodes) return;
    holds("  bytes fetched: the instruction's at least", m.vmcb->fetched >= p.after - p.at && m.vmcb->fetched <= 15), holds("  which are those in memory", same_bytes(m.vmcb->fetched));
}
static void (*also)(Vmcb&);
static void vectoring(const char* name, void (*code)(), u64 event, u64 offset) {
    is(name, run(code, [](Vmcb& b) { b.exceptions = 1 << PF, b.idtr.base = 0x180000000000, also(b); }), u64(on_exception) + u64(PF));
    is("  its address is the gate's", m.vmcb->exit_info_2, 0x180000000000 + offset), is("  EXITINTINFO", m.vmcb->vectoring_event, event);
}
static void exceptions() {
    exception("#UD", do_ud2, word(do_ud2_at), UD, 0, 0), exception("#DE", do_de, word(do_de_at), DE, 0, 0), exception("#GP", do_gp, word(do_gp_at), GP, 0x68, 0);
    exception("#PF", do_pf, word(do_pf_at), PF, 2, 0x180000000123), bytes({WHERE(do_pf)});
    exception("#DB of TF", do_trap, word(do_trap_at), DB, 0, 0);
    is("INT3", run(do_int3, [](Vmcb& b) { b.exceptions = ~0u; }), u64(on_exception) + u64(BP));
    if (next_rips) is("  next RIP", m.vmcb->next_rip, word(do_int3_after));
    also = [](Vmcb&) {};
    vectoring("#UD on the way", do_ud2, event_valid | event_exception | UD, UD * 16);
    vectoring("#GP on the way", do_gp, 0x68ull << 32 | event_valid | event_error_code | event_exception | GP, GP * 16);
    vectoring("INT n on the way", do_int, event_valid | event_software | 0x41, 0x410);
    also = [](Vmcb& b) { b.event = event_valid | event_interrupt | 0x51; };
    vectoring("an injected interrupt", do_ud2, event_valid | event_interrupt | 0x51, 0x510);
    also = [](Vmcb& b) { b.event = event_valid | event_nmi | 2; };
    vectoring("an injected NMI", do_ud2, event_valid | event_nmi | 2, 0x20);
    also = [](Vmcb& b) { b.event = 0x1234ull << 32 | event_valid | event_error_code | event_exception | SS; };
    vectoring("an injected #SS", do_ud2, 0x1234ull << 32 | event_valid | event_error_code | event_exception | SS, SS * 16);
    is("a fault without an IDT: shutdown", run(do_ud2, [](Vmcb& b) { b.exceptions = 0, b.idtr.limit = 0; }), on_shutdown);
}

// ---- interrupts

CODE(send_interrupt, "mov $0xfee00300, %eax; movl $0x40055, (%rax); sti; nop", "nop; nop; nop");
CODE(send_nmi, "mov $0xfee00300, %eax; movl $0, 0x10(%rax); movl $0x4400, (%rax); nop; nop; nop; nop", "nop"); CODE(two_nops, "nop", "nop");
CODE(open_window, "nop; sti; nop", "nop");
static void interrupts() {
    apic(svr, 0x1ff);
    is("an external interrupt", run(send_interrupt, [](Vmcb& b) { b.intercepts |= intr; }), on_intr);
    static u32 came;
    came = 0;
    hook(0x55, [](Frame&) { came++, apic(eoi, 0); });
    asm volatile("sti; nop; cli" ::: "memory");
    is("  is still there for us", came, 1);
    is("with V_INTR_MASKING the guest's IF does not matter", run(two_nops, [](Vmcb& b) {
        b.intercepts |= intr, b.interrupt_control = v_intr_masking, apic(icr, 0x40055);
    }), on_intr), is("  before any instruction", m.vmcb->rip, word(two_nops));
    asm volatile("sti; nop; cli" ::: "memory");
    hook(0x55, nullptr);
    hook(2, [](Frame&) { came = 100; });
    is("NMI", run(send_nmi, [](Vmcb& b) { b.intercepts |= nmi; }), on_nmi);
    is("  comes to us once GIF is set", came, 100);
    hook(2, nullptr);
    auto virtual_interrupt = [](Vmcb& b) { b.intercepts |= vintr, b.interrupt_control = v_irq | v_ign_tpr | 0x61ull << 32; };
    is("virtual interrupt", run(open_window, virtual_interrupt), on_vintr), is("  behind STI's shadow", m.vmcb->rip, word(open_window_at));
    static u64 seen;
    seen = 0;
    hook(0x61, [](Frame& f) { seen = f.ip; });
    is("taken where it is not intercepted", run(open_window, [](Vmcb& b) { b.interrupt_control = v_irq | v_ign_tpr | 0x61ull << 32; }), u64(on_exception) + u64(UD));
    is("  at the same place", seen, word(open_window_at)), is("  V_IRQ is clear then", m.vmcb->interrupt_control & v_irq, 0);
    hook(0x61, nullptr);
}

// ---- task switches (15.14.1)

CODE32(jump_task, "", "ljmp $0x60, $0"); CODE32(call_task, "", "lcall $0x60, $0"); CODE32(int_task, "", "int $0x42");
CODE32(iret_task, "pushfl; orl $0x4000, (%esp); popfl", "iret");
static TaskWorld world;
static void task_switches(const char* name, Place p, u64 info2) {
    is(name, run(p.code, [](Vmcb& b) {
        guest_state_32(b, u32(b.rip), u32(b.rsp));
        b.cr0 = 0x80000011, b.cr3 = world.cr3, b.cr4 = 0x10, b.idtr = {0, 0, 0x7ff, world.idt}, b.tr = {tss_selector, 0x8b, 0x67, world.current};
        b.intercepts |= task_switch;
    }), on_task_switch);
    info_1(spare), is("  EXITINFO2", m.vmcb->exit_info_2 & ~(1ull << 48), info2), is("  RIP", m.vmcb->rip, p.at);
}
static void tasks() {
    world = make_task_world();
    task_switches("CALL of a task", {WHERE(call_task)}, 0), task_switches("JMP to a task", {WHERE(jump_task)}, 1ull << 38);
    task_switches("INT n by a task gate", {WHERE(int_task)}, 0), is("  EXITINTINFO", m.vmcb->vectoring_event, event_valid | event_software | 0x42);
    at(spare) = descriptor(u32(world.other), 0x67, 0x8b);
    task_switches("IRET to a task", {WHERE(iret_task)}, 1ull << 36);
}

// ---- nested page faults (15.25.6)

CODE(do_load, "movabs $0x10000000008, %rax", "mov (%rax), %rdx"); CODE(do_store, "movabs $0x10000000008, %rax", "mov %rdx, (%rax)");
CODE(do_execute, "", "movabs $0x10000000000, %rax; call *%rax");
static u64 root, target;
static void npf(const char* name, Place p, u64 entry, u64 expected, u64 offset = 8) {
    second_stage_entry(root, target) = entry;
    is(name, run(p.code, [](Vmcb& b) { use_nested(b, root), b.tlb_control = 1; }), on_npf);
    info_1(expected), is("  EXITINFO2", m.vmcb->exit_info_2, target + offset);
    if (offset) is("  RIP", m.vmcb->rip, p.at), bytes(p);
}
static void second_stage() {
    if (!(features() & feature_nested_paging)) return;
    root = second_stage_identity(), target = new_page();
    entry(inner_va, 1) = target | 0x67;
    constexpr u64 final = 1ull << 32, of_table = 1ull << 33, P = 1, W = 2, U = 4, RSV = 8, ID = 16;
    npf("a load of what is not mapped", {WHERE(do_load)}, 0, final | U), npf("a store to it", {WHERE(do_store)}, 0, final | W | U);
    npf("a store to what may be read", {WHERE(do_store)}, target | present | user, final | W | U | P);
    npf("a load of a supervisor's page", {WHERE(do_load)}, target | present | writable, final | U | P);
    npf("a fetch of a page with NX", {WHERE(do_execute)}, target | npt_all | no_execute, final | ID | U | P, 0);
    bool all_reach = u8(cpuid(0x80000008).eax) == 52;           // then no bit of a 4-KiB page is reserved
    if (!all_reach) npf("reserved bits", {WHERE(do_load)}, target | npt_all | 1ull << 51, final | RSV | U | P);
    second_stage_entry(root, target) = target | npt_all;
    u64 table = page_of(entry(inner_va, 2));
    second_stage_entry(root, table) = 0;
    is("a load whose page table is not mapped", run(do_load, [](Vmcb& b) { use_nested(b, root), b.tlb_control = 1; }), on_npf);
    info_1(of_table | W | U), is("  EXITINFO2: in the table", page_of(m.vmcb->exit_info_2), table);
    second_stage_entry(root, table) = table | npt_all;
}

extern "C" void guest() {
    if (!available()) return holds("SVM", false);
    svm::start();
    decodes = features() & feature_decode, next_rips = features() & feature_next_rip;
    instructions();
    freezes();
    registers();
    ports_and_msrs();
    exceptions();
    interrupts();
    tasks();
    second_stage();
}
