// SPDX-License-Identifier: MIT
// Guest, 64-bit: which comes first under VMX, an instruction's own exception or its VM exit (SDM vol. 3, 26.1.1): #UD and the checks of CPL
// and I/O permission before the exit, memory operands' faults behind it; VMX's own instructions and MOV DR exit before the check of CPL.
#include "frame.h"
#include "inner.h"

using namespace vmx;

CODE(do_cpuid, "", "cpuid"); CODE(do_hlt, "", "hlt"); CODE(do_invd, "", "invd"); CODE(do_wbinvd, "", "wbinvd"); CODE(do_rdmsr, "mov $0x277, %ecx", "rdmsr");
CODE(do_rdmsr_none, "mov $0x12345678, %ecx", "rdmsr"); CODE(do_wrmsr_bad, "mov $0x277, %ecx; mov $0x02020202, %eax; mov %eax, %edx", "wrmsr");
CODE(do_from_cr3, "", "mov %cr3, %rax"); CODE(do_to_cr3, "movabs $0x8000000000000000, %rax; shr $1, %rax", "mov %rax, %cr3"); CODE(do_clts, "", "clts");
CODE(do_cr1, "", ".byte 0x0f, 0x20, 0xc8"); CODE(do_from_dr6, "", "mov %dr6, %rax"); CODE(do_dr4, "", ".byte 0x0f, 0x21, 0xe0"); CODE(do_invlpg, "", "invlpg (%rbx)");
CODE(do_rdtsc, "", "rdtsc"); CODE(do_rdpmc, "xor %ecx, %ecx", "rdpmc"); CODE(do_in, "", "inb $0x80, %al"); CODE(do_outs, "mov $0x80, %edx; movabs $0x180000000000, %rsi", "outsb");
CODE(do_lgdt, "movabs $0x180000000000, %rbx", "lgdt (%rbx)"); CODE(do_sgdt, "movabs $0x180000000000, %rbx", "sgdt (%rbx)"); CODE(do_ltr, "mov $0x50, %eax", "ltr %ax");
CODE(do_vmcall, "", "vmcall"); CODE(do_vmread, "", "vmread %rax, %rbx"); CODE(do_vmclear, "movabs $0x180000000000, %rbx", "vmclear (%rbx)"); CODE(do_vmlaunch, "", "vmlaunch");
CODE(do_vmxon, "movabs $0x180000000000, %rbx", "vmxon (%rbx)"); CODE(do_vmclear_far, "movabs $0x1800000000000000, %rbx", "vmclear (%rbx)"); CODE(do_pause, "", "pause");
CODE(do_monitor, "mov %rsp, %rax; xor %ecx, %ecx; xor %edx, %edx", "monitor");
CODE(do_lock_hlt, "", ".byte 0xf0, 0xf4"); CODE(do_lock_cpuid, "", ".byte 0xf0, 0x0f, 0xa2"); CODE(do_rdtscp, "", "rdtscp"); CODE(do_invpcid, "mov $2, %eax", "invpcid (%rsp), %rax");
CODE(do_vmfunc, "xor %eax, %eax", ".byte 0x0f, 0x01, 0xd4"); CODE(do_getsec, "xor %eax, %eax", ".byte 0x0f, 0x37"); CODE(do_xsetbv, "xor %ecx, %ecx; mov $7, %eax; xor %edx, %edx", "xsetbv");

CODE(do_xsaves, "xor %eax, %eax; xor %edx, %edx", "xsaves (%rbx)"); CODE(do_xrstors, "movabs $0x180000000000, %rbx", "xrstors (%rbx)");

static Machine m;
static u32 cpu, cpu2;
static bool user;
static constexpr u32 exception = 0x10000;                 // | its vector: what the exit is about
static void row(const char* name, Place p, u32 expected, void (*more)() = nullptr) {
    make(m, p.code);
    Controls c;
    c.cpu = cpu, c.cpu2 = cpu2;
    set(c);
    write(exception_bitmap, ~0u);
    if (user) {
        segment(guest_cs, ucode64, 0, ~0u, 0xa0fb), segment(guest_ss, udata, 0, ~0u, 0xc0f3);
        for (Field f : {guest_ds, guest_es, guest_fs, guest_gs}) segment(f, udata, 0, ~0u, 0xc0f3);
    }
    if (more) more();
    u64 reason = enter(m);
    is(name, reason == on_exception ? exception | (read(exit_event) & 0xff) : u32(reason), expected);
    is("  RIP", read(guest_rip), p.at);
}
static bool has(u32 control, u32 control_2 = 0) { return control_2 ? has_secondary(control_2) : allows(control, cpu_msr); }

extern "C" void guest() {
    if (!available()) return holds("VMX", false);
    vmx::start();
    cpu = cpu_hlt | cpu_invlpg | cpu_rdpmc | cpu_rdtsc | cpu_cr3_load | cpu_cr3_store | cpu_dr | cpu_io | cpu_monitor | cpu_pause;
    cpu2 = (cpu2_wbinvd | cpu2_descriptor_tables) & u32(allows(cpu_secondary, cpu_msr) ? rdmsr(cpu2_msr) >> 32 : 0);
    bool tables = cpu2 & cpu2_descriptor_tables, monitors = cpuid(1).ecx >> 3 & 1;

    print("ring 3\n");
    user = true;
    row("CPUID", {WHERE(do_cpuid)}, on_cpuid), row("PAUSE", {WHERE(do_pause)}, on_pause), row("RDTSC", {WHERE(do_rdtsc)}, on_rdtsc);
    row("RDTSC with CR4.TSD: #GP first", {WHERE(do_rdtsc)}, exception | GP, [] { write(guest_cr4, read(guest_cr4) | 4); });
    row("RDPMC without CR4.PCE: #GP first", {WHERE(do_rdpmc)}, exception | GP), row("  with it", {WHERE(do_rdpmc)}, on_rdpmc, [] { write(guest_cr4, read(guest_cr4) | 0x100); });
    row("HLT: #GP first", {WHERE(do_hlt)}, exception | GP), row("INVD", {WHERE(do_invd)}, exception | GP), row("WBINVD", {WHERE(do_wbinvd)}, exception | GP);
    row("RDMSR", {WHERE(do_rdmsr)}, exception | GP), row("MOV from CR3", {WHERE(do_from_cr3)}, exception | GP), row("MOV to CR3", {WHERE(do_to_cr3)}, exception | GP);
    row("CLTS", {WHERE(do_clts)}, exception | GP, [] { write(cr0_mask, 8), write(cr0_shadow, 8); }), row("MOV from DR6 exits", {WHERE(do_from_dr6)}, on_dr);
    row("INVLPG", {WHERE(do_invlpg)}, exception | GP), row("LTR", {WHERE(do_ltr)}, exception | GP), row("LGDT", {WHERE(do_lgdt)}, exception | GP);
    row("IN without permission: #GP first", {WHERE(do_in)}, exception | GP, [] { write(guest_tr_limit, 0x67); }), row("  with IOPL 3", {WHERE(do_in)}, on_io, [] { write(guest_rflags, 0x3002); });
    if (monitors) row("MONITOR: #UD first", {WHERE(do_monitor)}, exception | UD);
    row("VMCALL exits", {WHERE(do_vmcall)}, on_vmcall), row("VMREAD", {WHERE(do_vmread)}, on_vmread), row("VMCLEAR", {WHERE(do_vmclear)}, on_vmclear);
    row("VMLAUNCH", {WHERE(do_vmlaunch)}, on_vmlaunch), row("VMXON", {WHERE(do_vmxon)}, on_vmxon);
    if (tables) row("SGDT of what is not mapped exits", {WHERE(do_sgdt)}, on_gdtr_idtr);

    print("ring 0\n");
    user = false;
    row("RDMSR of no MSR exits", {WHERE(do_rdmsr_none)}, on_rdmsr), row("WRMSR of a bad value exits", {WHERE(do_wrmsr_bad)}, on_wrmsr);
    row("MOV from CR1: #UD first", {WHERE(do_cr1)}, exception | UD), row("LOCK HLT: #UD first", {WHERE(do_lock_hlt)}, exception | UD);
    row("LOCK CPUID: #UD first", {WHERE(do_lock_cpuid)}, exception | UD);
    row("MOV from DR4 with CR4.DE exits", {WHERE(do_dr4)}, on_dr, [] { write(guest_cr4, read(guest_cr4) | 8); });
    row("MOV from DR6 with DR7.GD: the exit first", {WHERE(do_from_dr6)}, on_dr, [] { write(guest_dr7, 0x2400); });
    row("OUTS of what is not mapped exits", {WHERE(do_outs)}, on_io);
    if (tables) row("LGDT of what is not mapped exits", {WHERE(do_lgdt)}, on_gdtr_idtr);
    row("VMCLEAR of what is not mapped exits", {WHERE(do_vmclear)}, on_vmclear), row("VMCLEAR of a non-canonical operand exits", {WHERE(do_vmclear_far)}, on_vmclear);
    row("VMLAUNCH in MOV SS's shadow exits", {WHERE(do_vmlaunch)}, on_vmlaunch, [] { write(interruptibility, 2); });
    if (monitors) row("MONITOR", {WHERE(do_monitor)}, on_monitor);
    if (has(0, cpu2_rdtscp)) row("RDTSCP without its control: #UD first", {WHERE(do_rdtscp)}, exception | UD);
    if (has(0, cpu2_invpcid)) row("INVPCID without its control: #UD first", {WHERE(do_invpcid)}, exception | UD);
    row("VMFUNC without its control: #UD", {WHERE(do_vmfunc)}, exception | UD), row("GETSEC without CR4.SMXE: #UD first", {WHERE(do_getsec)}, exception | UD);
    row("XSETBV without CR4.OSXSAVE: #UD first", {WHERE(do_xsetbv)}, exception | UD);
    cpu = 0;
    row("without the control: LGDT's fault is the guest's", {WHERE(do_lgdt)}, tables ? u32(on_gdtr_idtr) : exception | PF);
    if (allows(cpu_dr, cpu_msr)) {
        user = true, row("MOV from DR6 in ring 3", {WHERE(do_from_dr6)}, exception | GP), user = false;
        row("MOV from DR4 with CR4.DE", {WHERE(do_dr4)}, exception | UD, [] { write(guest_cr4, read(guest_cr4) | 8); });
    }
    if (has_secondary(cpu2_xsaves)) {
        auto saves = [] { write(guest_cr4, read(guest_cr4) | 1 << 18); };
        row("XSAVES without its control: #UD", {WHERE(do_xsaves)}, exception | UD, saves);
        user = true, row("  in ring 3 too", {WHERE(do_xrstors)}, exception | UD, saves);
        cpu2 |= cpu2_xsaves;
        row("with its control in ring 3: #GP", {WHERE(do_xsaves)}, exception | GP, saves), user = false;
        row("without CR4.OSXSAVE: #UD", {WHERE(do_xsaves)}, exception | UD);
        row("XRSTORS of what is not mapped", {WHERE(do_xrstors)}, exception | PF, saves);
    }
    row("OUTS's too", {WHERE(do_outs)}, exception | PF), row("RDMSR of no MSR always exits without a bitmap", {WHERE(do_rdmsr_none)}, on_rdmsr);
}
