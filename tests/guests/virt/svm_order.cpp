// SPDX-License-Identifier: MIT
// Guest, 64-bit: which comes first under SVM, an instruction's own exception or its intercept (APM vol. 2, 15.9 with its table): CPL, I/O
// permission and illegal values mostly before, memory operands' faults behind.
#include "frame.h"
#include "inner.h"

using namespace svm;

CODE(do_cpuid, "", "cpuid"); CODE(do_hlt, "", "hlt"); CODE(do_invd, "", "invd"); CODE(do_wbinvd, "", "wbinvd"); CODE(do_rdmsr, "mov $0x277, %ecx", "rdmsr");
CODE(do_rdmsr_none, "mov $0x12345678, %ecx", "rdmsr"); CODE(do_wrmsr_bad, "mov $0x277, %ecx; mov $0x02020202, %eax; mov %eax, %edx", "wrmsr");
CODE(do_from_cr3, "", "mov %cr3, %rax"); CODE(do_cr0_bad, "mov $0x20000011, %eax; bts $31, %rax", "mov %rax, %cr0"); CODE(do_cr1, "", ".byte 0x0f, 0x20, 0xc8");
CODE(do_cr4_bad, "mov $0x80000020, %eax", "mov %rax, %cr4"); CODE(do_clts, "", "clts"); CODE(do_from_dr6, "", "mov %dr6, %rax"); CODE(do_dr4, "", ".byte 0x0f, 0x21, 0xe0");
CODE(do_invlpg, "", "invlpg (%rbx)"); CODE(do_invlpga, "", "invlpga"); CODE(do_rdtsc, "", "rdtsc"); CODE(do_rdpmc, "xor %ecx, %ecx", "rdpmc"); CODE(do_in, "", "inb $0x80, %al");
CODE(do_outs, "mov $0x80, %edx; movabs $0x180000000000, %rsi", "outsb"); CODE(do_lgdt, "movabs $0x180000000000, %rbx", "lgdt (%rbx)");
CODE(do_ltr, "mov $0x50, %eax", "ltr %ax"); CODE(do_vmmcall, "", "vmmcall"); CODE(do_vmrun, "", "vmrun"); CODE(do_vmload, "", "vmload"); CODE(do_stgi, "", "stgi");
CODE(do_clgi, "", "clgi"); CODE(do_pause, "", "pause"); CODE(do_pushf, "movabs $0x180000000000, %rsp", "pushf"); CODE(do_popf, "movabs $0x180000000000, %rsp", "popf");
CODE(do_int, "", "int $0x41"); CODE(do_iret, "movabs $0x180000000000, %rsp", "iretq"); CODE(do_icebp, "", ".byte 0xf1"); CODE(do_lock_hlt, "", ".byte 0xf0, 0xf4");
CODE(do_monitor, "mov %rsp, %rax; xor %ecx, %ecx; xor %edx, %edx", "monitor");

static Machine m;
static bool in_ring_3;
static u64 ports, msrs;
static constexpr u64 exception(word vector) { return u64(on_exception) + u64(vector); }
static void row(const char* name, Place p, u64 expected, void (*more)(Vmcb&) = nullptr) {
    make(m, p.code);
    Vmcb& b = *m.vmcb;
    b.intercepts = ~(intr | nmi | smi | init | vintr | cr0_selective), b.intercepts_2 = 0x3fff & ~mwait_armed_2, b.exceptions = ~0u;
    b.cr_read = b.cr_write = b.dr_read = b.dr_write = 0xffff, b.iopm = ports, b.msrpm = msrs;
    if (in_ring_3) b.cpl = 3, b.cs = {ucode64, 0xafb, ~0u, 0}, b.ss = b.ds = b.es = b.fs = b.gs = {udata, 0xcf3, ~0u, 0};
    if (more) more(b);
    is(name, enter(m), expected), is("  RIP", b.rip, p.at);
}

extern "C" void guest() {
    if (!available()) return holds("SVM", false);
    svm::start();
    ports = new_port_map(true), msrs = new_msr_map(true);
    bool monitors = cpuid(1).ecx >> 3 & 1;

    print("ring 3\n");
    in_ring_3 = true;
    row("CPUID", {WHERE(do_cpuid)}, on_cpuid), row("PAUSE", {WHERE(do_pause)}, on_pause), row("RDTSC", {WHERE(do_rdtsc)}, on_rdtsc);
    row("RDTSC with CR4.TSD: #GP first", {WHERE(do_rdtsc)}, exception(GP), [](Vmcb& b) { b.cr4 |= 4; });
    row("RDPMC without CR4.PCE: #GP first", {WHERE(do_rdpmc)}, exception(GP)), row("  with it", {WHERE(do_rdpmc)}, on_rdpmc, [](Vmcb& b) { b.cr4 |= 0x100; });
    row("HLT: #GP first", {WHERE(do_hlt)}, exception(GP)), row("INVD", {WHERE(do_invd)}, exception(GP)), row("WBINVD", {WHERE(do_wbinvd)}, exception(GP));
    row("RDMSR", {WHERE(do_rdmsr)}, exception(GP)), row("MOV from CR3", {WHERE(do_from_cr3)}, exception(GP)), row("CLTS", {WHERE(do_clts)}, exception(GP));
    row("MOV from DR6", {WHERE(do_from_dr6)}, exception(GP)), row("INVLPG", {WHERE(do_invlpg)}, exception(GP)), row("INVLPGA", {WHERE(do_invlpga)}, exception(GP));
    row("LTR", {WHERE(do_ltr)}, exception(GP)), row("LGDT", {WHERE(do_lgdt)}, exception(GP)), row("VMRUN", {WHERE(do_vmrun)}, exception(GP));
    row("VMLOAD", {WHERE(do_vmload)}, exception(GP)), row("STGI", {WHERE(do_stgi)}, exception(GP)), row("CLGI", {WHERE(do_clgi)}, exception(GP));
    row("IN without permission: #GP first", {WHERE(do_in)}, exception(GP), [](Vmcb& b) { b.tr.limit = 0x67; }), row("  with IOPL 3", {WHERE(do_in)}, on_ioio, [](Vmcb& b) { b.rflags = 0x3002; });
    if (monitors) row("MONITOR: #UD first", {WHERE(do_monitor)}, exception(UD));
    row("VMMCALL exits", {WHERE(do_vmmcall)}, on_vmmcall), row("INT n exits whatever its gate", {WHERE(do_int)}, on_int_n), row("INT1", {WHERE(do_icebp)}, on_icebp);
    row("PUSHF without a stack exits", {WHERE(do_pushf)}, on_pushf), row("POPF", {WHERE(do_popf)}, on_popf), row("IRET", {WHERE(do_iret)}, on_iret);

    print("ring 0\n");
    in_ring_3 = false;
    row("RDMSR of no MSR exits", {WHERE(do_rdmsr_none)}, on_msr), row("WRMSR of a bad value exits", {WHERE(do_wrmsr_bad)}, on_msr);
    row("MOV from CR1: #UD first", {WHERE(do_cr1)}, exception(UD)), row("LOCK HLT: #UD first", {WHERE(do_lock_hlt)}, exception(UD));
    row("MOV to CR0 of NW without CD: #GP first", {WHERE(do_cr0_bad)}, exception(GP)), row("MOV to CR4 of a reserved bit: #GP first", {WHERE(do_cr4_bad)}, exception(GP));
    row("MOV from DR4 with CR4.DE: #UD first", {WHERE(do_dr4)}, exception(UD), [](Vmcb& b) { b.cr4 |= 8; });
    row("OUTS of what is not mapped exits", {WHERE(do_outs)}, on_ioio), row("LGDT of what is not mapped exits", {WHERE(do_lgdt)}, on_gdtr_write);
    if (monitors) row("MONITOR", {WHERE(do_monitor)}, on_monitor);
}
