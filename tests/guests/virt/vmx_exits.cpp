// SPDX-License-Identifier: MIT
// Guest, 64-bit: VM exits of VMX with all that each records: qualification, instruction length and information, addresses, the
// interruption and IDT-vectoring information (SDM vol. 3, 26.1 and 28.2). Expected values are the manual's tables, put together by hand.
#include "inner.h"
#include "interrupts.h"

using namespace vmx;

static Machine m;
static Controls controls;

// A fresh machine, `more` done to it, entered: until the code exits.
static u64 run(void (*code)(), void (*more)() = nullptr) {
    make(m, code);
    set(controls);
    if (more) more();
    m.registers.r[rbx] = word(page(3)), m.registers.r[rcx] = 0x10;
    return enter(m);
}
static void expect(const char* name, Place p, u64 reason, u64 expected_qualification, void (*more)() = nullptr) {
    u64 got = run(p.code, more);
    is(name, got, reason);
    if (got != reason) return;
    is("  qualification", read(qualification), expected_qualification);
    is("  RIP of the instruction", read(guest_rip), p.at), is("  its length", read(instruction_length), p.after - p.at);
    is("  no interruption information", read(exit_event) >> 31, 0), is("  no IDT-vectoring information", read(vectoring_event) >> 31, 0);
}
static void information(u32 expected, u32 meaning) { is("  instruction information", read(instruction_information) & meaning, expected & meaning); }

// The operand in memory, as tables 28-9 to 28-14 put it. base or index 16: none.
static constexpr u32 memory(u32 scale, u32 segment, u32 index, u32 base, u32 address_size = 2) {
    return scale | address_size << 7 | segment << 15 | (index < 16 ? index << 18 : 1 << 22) | (base < 16 ? base << 23 : 1u << 27);
}
static constexpr u32 meaning(u32 index, u32 base) {       // which bits have one: registers that are not there have no number
    return 0x3f | 0x380 | 1 << 10 | 0x38000 | (index < 16 ? 0x3c0000 : 0) | 1 << 22 | (base < 16 ? 0x7800000 : 0) | 1u << 27;
}
static constexpr u32 memory_bits = meaning(0, 0) & ~0x3cu, second_register = 0xf0000000;
enum : u32 { es, cs_, ss_, ds, fs, gs };

// ---- instructions that exit always

CODE(do_cpuid, "", "cpuid"); CODE(do_invd, "", "invd"); CODE(do_vmcall, "", "vmcall"); CODE(do_vmlaunch, "", "vmlaunch");
CODE(do_vmresume, "", "vmresume"); CODE(do_vmxoff, "", "vmxoff"); CODE(do_xsetbv, "", "xsetbv");
CODE(do_vmclear, "", "vmclear 0x1234(%rbx,%rcx,4)"); CODE(do_vmptrld, "", "vmptrld %gs:-8(%r9)"); CODE(do_vmptrst, "", "vmptrst (%rsp)");
CODE(do_vmxon, "", "vmxon 0x100(,%r12,8)"); CODE(do_vmclear_rip, "", "vmclear 0x100(%rip)"); CODE(do_vmclear_32, "", "vmclear 8(%ebx)");
CODE(do_vmread, "", "vmread %r10, %rdx"); CODE(do_vmread_memory, "", "vmread %rsi, 0x20(%rbx)"); CODE(do_vmwrite, "", "vmwrite %r8, %rdi");
CODE(do_invept, "", "invept 0x40(%rbx), %r11"); CODE(do_invvpid, "", "invvpid (%rbx,%rcx,2), %rdx");

static void always() {
    expect("CPUID", {WHERE(do_cpuid)}, on_cpuid, 0), expect("INVD", {WHERE(do_invd)}, on_invd, 0);
    expect("VMCALL", {WHERE(do_vmcall)}, on_vmcall, 0), expect("VMLAUNCH", {WHERE(do_vmlaunch)}, on_vmlaunch, 0);
    expect("VMRESUME", {WHERE(do_vmresume)}, on_vmresume, 0), expect("VMXOFF", {WHERE(do_vmxoff)}, on_vmxoff, 0);
    if (cpuid(1).ecx >> 26 & 1) {
        expect("XSETBV", {WHERE(do_xsetbv)}, on_xsetbv, 0, [] { write(guest_cr4, read(guest_cr4) | 1 << 18); });
    }
    expect("VMCLEAR", {WHERE(do_vmclear)}, on_vmclear, 0x1234), information(memory(2, ds, rcx, rbx), memory_bits);
    expect("VMPTRLD", {WHERE(do_vmptrld)}, on_vmptrld, ~7ull), information(memory(0, gs, 16, r9), meaning(16, r9) & ~0x3fu);
    expect("VMPTRST", {WHERE(do_vmptrst)}, on_vmptrst, 0), information(memory(0, ss_, 16, rsp), meaning(16, rsp) & ~0x3fu);
    expect("VMXON", {WHERE(do_vmxon)}, on_vmxon, 0x100), information(memory(3, ds, r12, 16), meaning(r12, 16) & ~0x3cu);
    expect("VMCLEAR, address relative to RIP", {WHERE(do_vmclear_rip)}, on_vmclear, word(do_vmclear_rip_after) + 0x100);
    information(memory(0, ds, 16, 16), meaning(16, 16) & ~0x3fu);
    expect("VMCLEAR, 32-bit address", {WHERE(do_vmclear_32)}, on_vmclear, 8), information(memory(0, ds, 16, rbx, 1), meaning(16, rbx) & ~0x3fu);
    expect("VMREAD to a register", {WHERE(do_vmread)}, on_vmread, 0), information(rdx << 3 | 1 << 10 | r10 << 28, 0x78 | 1 << 10 | second_register);
    expect("VMREAD to memory", {WHERE(do_vmread_memory)}, on_vmread, 0x20);
    information(memory(0, ds, 16, rbx) | rsi << 28, (meaning(16, rbx) & ~0x3fu) | second_register);
    expect("VMWRITE", {WHERE(do_vmwrite)}, on_vmwrite, 0), information(r8 << 3 | 1 << 10 | u32(rdi) << 28, 0x78 | 1 << 10 | second_register);
    if (!has_secondary(cpu2_ept)) return;
    expect("INVEPT", {WHERE(do_invept)}, on_invept, 0x40), information(memory(0, ds, 16, rbx) | r11 << 28, (meaning(16, rbx) & ~0x3fu) | second_register);
    if (!has_secondary(cpu2_vpid)) return;
    expect("INVVPID", {WHERE(do_invvpid)}, on_invvpid, 0), information(memory(1, ds, rcx, rbx) | rdx << 28, memory_bits | second_register);
}

// ---- instructions that exit by a control

CODE(do_hlt, "", "hlt"); CODE(do_invlpg, "", "invlpg 0x123(%rbx)"); CODE(do_rdpmc, "xor %ecx, %ecx", "rdpmc"); CODE(do_rdtsc, "", "rdtsc");
CODE(do_rdtscp, "", "rdtscp"); CODE(do_pause, "", "pause"); CODE(do_wbinvd, "", "wbinvd"); CODE(do_rdrand, "", "rdrand %r9d"); CODE(do_rdseed, "", "rdseed %rsi");
CODE(do_monitor, "mov %rbx, %rax; xor %ecx, %ecx; xor %edx, %edx", "monitor"); CODE(do_mwait, "xor %eax, %eax; xor %ecx, %ecx", "mwait");
CODE(do_invpcid, "mov $2, %r13d", "invpcid 0x10(%rbx), %r13");
CODE(do_umwait, "xor %ebp, %ebp", ".byte 0xf2, 0x0f, 0xae, 0xf5"); CODE(do_tpause, "xor %r10d, %r10d", ".byte 0x66, 0x41, 0x0f, 0xae, 0xf2");
CODE(bad_tpause, "mov $2, %ecx", ".byte 0x66, 0x0f, 0xae, 0xf1"); CODE(do_umonitor, "", ".byte 0xf3, 0x0f, 0xae, 0xf3");
CODE(do_sgdt, "", "sgdt 4(%rbx)"); CODE(do_sidt, "", "sidt (%rbx)"); CODE(do_lgdt, "", "lgdt 8(%rbx)"); CODE(do_lidt, "", "lidt (%rbx)");
CODE(do_sldt, "", "sldt %ebp"); CODE(do_str, "", "str 6(%rbx)"); CODE(do_lldt, "", "lldt %r14w"); CODE(do_ltr, "", "ltr (%rbx)");

static void by_control() {
    auto with = [](u32 cpu, u32 cpu2 = 0) { controls = {}, controls.cpu = cpu, controls.cpu2 = cpu2; };
    auto has = [](u32 cpu, u32 cpu2 = 0) { return cpu2 ? has_secondary(cpu2) : allows(cpu, cpu_msr); };
    if (has(cpu_hlt)) with(cpu_hlt), expect("HLT", {WHERE(do_hlt)}, on_hlt, 0);
    if (has(cpu_invlpg)) with(cpu_invlpg), expect("INVLPG", {WHERE(do_invlpg)}, on_invlpg, page(3) + 0x123);
    if (has(cpu_rdpmc)) with(cpu_rdpmc), expect("RDPMC", {WHERE(do_rdpmc)}, on_rdpmc, 0);
    if (has(cpu_rdtsc)) with(cpu_rdtsc), expect("RDTSC", {WHERE(do_rdtsc)}, on_rdtsc, 0);
    if (has(0, cpu2_rdtscp)) with(cpu_rdtsc, cpu2_rdtscp), expect("RDTSCP", {WHERE(do_rdtscp)}, on_rdtscp, 0);
    if (has(cpu_pause)) with(cpu_pause), expect("PAUSE", {WHERE(do_pause)}, on_pause, 0);
    if (has(0, cpu2_wbinvd)) with(0, cpu2_wbinvd), expect("WBINVD", {WHERE(do_wbinvd)}, on_wbinvd, 0);
    bool monitors = cpuid(1).ecx >> 3 & 1;
    if (monitors && has(cpu_monitor)) with(cpu_monitor), expect("MONITOR", {WHERE(do_monitor)}, on_monitor, 0);
    if (monitors && has(cpu_mwait)) with(cpu_mwait), expect("MWAIT, not armed", {WHERE(do_mwait)}, on_mwait, 0);
    if (has(0, cpu2_rdrand)) {
        with(0, cpu2_rdrand), expect("RDRAND", {WHERE(do_rdrand)}, on_rdrand, 0);
        information(r9 << 3 | 1 << 11, 0x78 | 3 << 11);
    }
    if (has(0, cpu2_rdseed)) {
        with(0, cpu2_rdseed), expect("RDSEED", {WHERE(do_rdseed)}, on_rdseed, 0);
        information(rsi << 3 | 2 << 11, 0x78 | 3 << 11);
    }
    if (has(0, cpu2_user_wait)) {             // 26.3, and table 28-13
        with(cpu_rdtsc, cpu2_user_wait), expect("UMWAIT", {WHERE(do_umwait)}, on_umwait, 0), information(rbp << 3 | 1 << 11, 0x78 | 3 << 11);
        expect("TPAUSE", {WHERE(do_tpause)}, on_tpause, 0), information(r10 << 3 | 1 << 11, 0x78 | 3 << 11);
        expect("TPAUSE with a reserved bit: the exit is first", {WHERE(bad_tpause)}, on_tpause, 0);
        auto ends = [](const char* name, void (*code)(), u64 at) {
            is(name, run(code, [] { write(exception_bitmap, 1 << UD); }), on_exception), is("  at", read(guest_rip), at);
        };
        ends("UMONITOR has no exit: the UD2 behind it", do_umonitor, word(do_umonitor_after));
        with(0, cpu2_user_wait), ends("without \"RDTSC exiting\" UMWAIT is done", do_umwait, word(do_umwait_after)), ends("  TPAUSE", do_tpause, word(do_tpause_after));
        with(cpu_rdtsc), ends("without \"enable user wait and pause\" UMWAIT is #UD", do_umwait, word(do_umwait_at));
        ends("  TPAUSE", do_tpause, word(do_tpause_at)), ends("  UMONITOR", do_umonitor, word(do_umonitor_at));
    }
    if (has(0, cpu2_invpcid)) {
        with(cpu_invlpg, cpu2_invpcid), expect("INVPCID", {WHERE(do_invpcid)}, on_invpcid, 0x10);
        information(memory(0, ds, 16, rbx) | r13 << 28, (meaning(16, rbx) & ~0x3fu) | second_register);
    }
    if (has(0, cpu2_descriptor_tables)) {
        with(0, cpu2_descriptor_tables);
        u32 bits = (meaning(16, rbx) & ~0x43fu) | 3 << 28;
        expect("SGDT", {WHERE(do_sgdt)}, on_gdtr_idtr, 4), information(memory(0, ds, 16, rbx), bits);
        expect("SIDT", {WHERE(do_sidt)}, on_gdtr_idtr, 0), information(memory(0, ds, 16, rbx) | 1 << 28, bits);
        expect("LGDT", {WHERE(do_lgdt)}, on_gdtr_idtr, 8), information(memory(0, ds, 16, rbx) | 2 << 28, bits);
        expect("LIDT", {WHERE(do_lidt)}, on_gdtr_idtr, 0), information(memory(0, ds, 16, rbx) | 3 << 28, bits);
        expect("SLDT", {WHERE(do_sldt)}, on_ldtr_tr, 0), information(rbp << 3 | 1 << 10, 0x78 | 1 << 10 | 3 << 28);
        bits = (meaning(16, rbx) & ~0x3fu) | 3 << 28;
        expect("STR", {WHERE(do_str)}, on_ldtr_tr, 6), information(memory(0, ds, 16, rbx) | 1 << 28, bits);
        expect("LLDT", {WHERE(do_lldt)}, on_ldtr_tr, 0), information(r14 << 3 | 1 << 10 | 2 << 28, 0x78 | 1 << 10 | 3 << 28);
        expect("LTR", {WHERE(do_ltr)}, on_ldtr_tr, 0), information(memory(0, ds, 16, rbx) | 3 << 28, bits);
    }
    controls = {};
}

// ---- control and debug registers

CODE(from_cr3, "", "mov %cr3, %r11"); CODE(to_cr3, "mov %cr3, %rsi", "mov %rsi, %cr3"); CODE(to_cr0, "mov %cr0, %rdx; xor $0x10000, %rdx", "mov %rdx, %cr0");
CODE(to_cr4, "mov %cr4, %r9; xor $4, %r9", "mov %r9, %cr4"); CODE(do_clts, "", "clts"); CODE(do_lmsw, "mov $0x3b, %ebp", "lmsw %bp");
CODE(do_lmsw_memory, "movw $0x3b, (%rbx)", "lmsw (%rbx)"); CODE(to_cr8, "mov $5, %edi", "mov %rdi, %cr8"); CODE(from_cr8, "", "mov %cr8, %r15");
CODE(from_dr6, "", "mov %dr6, %rdx"); CODE(to_dr7, "mov $0x400, %r12d", "mov %r12, %dr7");
CODE(read_masked, "mov %cr0, %rax; mov %cr4, %rdx", "vmcall");
static u64 cr(u32 n, u32 access, u32 reg = 0) { return n | access << 4 | reg << 8; }
static void registers() {
    if (allows(cpu_cr3_store, cpu_msr)) controls.cpu = cpu_cr3_store, expect("MOV from CR3", {WHERE(from_cr3)}, on_cr, cr(3, 1, r11));
    controls.cpu = cpu_cr3_load, expect("MOV to CR3", {WHERE(to_cr3)}, on_cr, cr(3, 0, rsi));
    expect("MOV to CR3 of no target", {WHERE(to_cr3)}, on_cr, cr(3, 0, rsi), [] { write(cr3_target0, get_cr3() + 0x1000), write(cr3_target_count, 1); });
    is("MOV to CR3 of a target does not exit", run(to_cr3, [] { write(cr3_target0, get_cr3()), write(cr3_target_count, 1), write(exception_bitmap, 1 << UD); }), on_exception);
    is("  but the UD2 behind it", read(guest_rip), word(to_cr3_after));
    controls = {};
    expect("MOV to CR0 of a bit that is ours", {WHERE(to_cr0)}, on_cr, cr(0, 0, rdx), [] { write(cr0_mask, 0x10000), write(cr0_shadow, get_cr0()); });
    expect("MOV to CR4 of a bit that is ours", {WHERE(to_cr4)}, on_cr, cr(4, 0, r9), [] { write(cr4_mask, 4), write(cr4_shadow, get_cr4()); });
    expect("CLTS", {WHERE(do_clts)}, on_cr, cr(0, 2), [] { write(cr0_mask, 8), write(cr0_shadow, 8); });
    expect("LMSW of a register", {WHERE(do_lmsw)}, on_cr, cr(0, 3) | 0x3bull << 16, [] { write(cr0_mask, 8), write(cr0_shadow, 0); });
    expect("LMSW of memory", {WHERE(do_lmsw_memory)}, on_cr, cr(0, 3) | 1 << 6 | 0x3bull << 16, [] { write(cr0_mask, 8), write(cr0_shadow, 0); });
    is("  linear address", read(guest_linear_address), page(3));
    is("reads of CR0 and CR4", run(read_masked, [] { write(cr0_mask, 8), write(cr0_shadow, 8), write(cr4_mask, 0x2000), write(cr4_shadow, 0); }), on_vmcall);
    is("  have the shadow's bits where the mask says so", m.registers.r[rax], get_cr0() | 8), is("  CR4", m.registers.r[rdx], get_cr4() & ~0x2000ull);
    if (allows(cpu_cr8_load, cpu_msr)) controls.cpu = cpu_cr8_load, expect("MOV to CR8", {WHERE(to_cr8)}, on_cr, cr(8, 0, rdi));
    if (allows(cpu_cr8_store, cpu_msr)) controls.cpu = cpu_cr8_store, expect("MOV from CR8", {WHERE(from_cr8)}, on_cr, cr(8, 1, r15));
    controls.cpu = cpu_dr;
    expect("MOV from DR6", {WHERE(from_dr6)}, on_dr, 6 | 1 << 4 | rdx << 8), expect("MOV to DR7", {WHERE(to_dr7)}, on_dr, 7 | r12 << 8);
    controls = {};
}

// ---- ports and MSRs

CODE(in_imm, "", "inb $0x71, %al"); CODE(in_dx, "mov $0x1234, %edx", "inl %dx, %eax"); CODE(out_dx, "mov $0x5678, %edx", "outw %ax, %dx");
CODE(rep_outs, "mov $0x80, %edx; mov %rbx, %rsi; mov $3, %ecx", "rep outsw"); CODE(ins, "mov $0x80, %edx; mov %rbx, %rdi", "insb");
CODE(outs_fs, "mov $0x80, %edx; mov %rbx, %rsi", "outsb %fs:(%rsi), (%dx)"); CODE(out_80, "", "outb %al, $0x80");
CODE(read_msr, "mov $0x277, %ecx", "rdmsr"); CODE(write_msr, "mov $0xc0000080, %ecx; rdmsr", "wrmsr"); CODE(read_far_msr, "mov $0x40001234, %ecx", "rdmsr");
static u64 bitmap_a, bitmap_b, msr_bits;
static void ports_and_msrs() {
    controls.cpu = cpu_io;
    expect("IN from a port in the instruction", {WHERE(in_imm)}, on_io, 0 | 1 << 3 | 1 << 6 | 0x71ull << 16);
    expect("IN from DX", {WHERE(in_dx)}, on_io, 3 | 1 << 3 | 0x1234ull << 16), expect("OUT to DX", {WHERE(out_dx)}, on_io, 1 | 0x5678ull << 16);
    bool says = rdmsr(basic) >> 54 & 1;
    expect("REP OUTSW", {WHERE(rep_outs)}, on_io, 1 | 1 << 4 | 1 << 5 | 0x80ull << 16), is("  linear address", read(guest_linear_address), page(3));
    if (says) information(2 << 7 | ds << 15, 7 << 7 | 7 << 15);
    expect("OUTSB with FS", {WHERE(outs_fs)}, on_io, 1 << 4 | 0x80ull << 16, [] { write(guest_fs_base, 0x100); });
    is("  linear address", read(guest_linear_address), page(3) + 0x100);
    if (says) information(2 << 7 | fs << 15, 7 << 7 | 7 << 15);
    expect("INSB", {WHERE(ins)}, on_io, 1 << 3 | 1 << 4 | 0x80ull << 16), is("  linear address", read(guest_linear_address), page(3));
    if (says) information(2 << 7, 7 << 7);
    bitmap_a = new_page(), bitmap_b = new_page(), msr_bits = new_page();
    auto maps = [] { write(io_bitmap_a, bitmap_a), write(io_bitmap_b, bitmap_b), write(exception_bitmap, 1 << UD); };
    controls.cpu = cpu_io_bitmaps;
    is("a port whose bit is clear does not exit", run(out_80, maps), on_exception);
    poke<u8>(bitmap_a + 0x80 / 8, 1);
    expect("a port whose bit is set", {WHERE(out_80)}, on_io, 1 << 6 | 0x80ull << 16, maps);
    poke<u8>(bitmap_a + 0x80 / 8, 0), poke<u8>(bitmap_a + 0x1235 / 8, 1 << 5);
    expect("a port whose access reaches one", {WHERE(in_dx)}, on_io, 3 | 1 << 3 | 0x1234ull << 16, maps);
    controls = {};
    expect("RDMSR", {WHERE(read_msr)}, on_rdmsr, 0), is("WRMSR's RDMSR", run(write_msr), on_rdmsr);
    if (!allows(cpu_msr_bitmaps, cpu_msr)) return;
    controls.cpu = cpu_msr_bitmaps;
    auto bits = [] { write(msr_bitmaps, msr_bits), write(exception_bitmap, 1 << UD); };
    is("an MSR whose bit is clear does not exit", run(read_msr, bits), on_exception);
    poke<u8>(msr_bits + 0x277 / 8, 1 << (0x277 % 8));
    expect("an MSR whose bit is set", {WHERE(read_msr)}, on_rdmsr, 0, bits);
    poke<u8>(msr_bits + 0xc00 + 0x80 / 8, 1);
    expect("WRMSR of an MSR of the upper range", {WHERE(write_msr)}, on_wrmsr, 0, bits);
    expect("an MSR outside both ranges", {WHERE(read_far_msr)}, on_rdmsr, 0, bits);
    controls = {};
}

// ---- exceptions

CODE(do_ud2, "", "ud2"); CODE(do_int3, "", "int3"); CODE(do_icebp, "", ".byte 0xf1"); CODE(do_gp, "mov $0x68, %eax", "mov %eax, %ds");
CODE(do_pf, "movabs $0x180000000123, %rax", "movl $1, (%rax)"); CODE(do_trap, "pushf; orl $0x100, (%rsp); popf; nop", ""); CODE(do_de, "xor %ecx, %ecx", "div %ecx");
CODE(do_int, "", "int $0x41"); CODE(do_bp_hit, "", "nop");
static void exception(const char* name, void (*code)(), word at, u32 event, u64 expected_qualification, u64 error, void (*more)() = nullptr) {
    is(name, run(code, more), on_exception);
    is("  interruption information", read(exit_event) & ~0x1000ull, event), is("  qualification", read(qualification), expected_qualification);
    is("  RIP", read(guest_rip), at);
    if (event >> 11 & 1) is("  error code", read(exit_error_code), error);
}
static void (*also)();
static void vectoring(const char* name, void (*code)(), u32 event, u64 error, u64 length) {
    auto no_idt = [] { write(exception_bitmap, 1 << PF), write(guest_idtr_base, 0x180000000000), also(); };
    is(name, run(code, no_idt), on_exception);
    is("  #PF", read(exit_event) & ~0x1000ull, 0x80000b0e), is("  its address is the gate's", read(qualification), 0x180000000000 + (event & 0xff) * 16);
    is("  IDT-vectoring information", read(vectoring_event) & ~0x1000ull, event);
    if (event >> 11 & 1) is("  IDT-vectoring error code", read(vectoring_error_code), error);
    if (length) is("  instruction length", read(instruction_length), length);
}
static void exceptions() {
    auto all = [] { write(exception_bitmap, ~0u); };
    exception("#UD", do_ud2, word(do_ud2_at), 0x80000306, 0, 0, all), exception("#DE", do_de, word(do_de_at), 0x80000300, 0, 0, all);
    exception("INT3", do_int3, word(do_int3_at), 0x80000603, 0, 0, all), is("  instruction length", read(instruction_length), 1);
    exception("INT1", do_icebp, word(do_icebp_at), 0x80000501, 0, 0, all), is("  instruction length", read(instruction_length), 1);
    exception("#GP", do_gp, word(do_gp_at), 0x80000b0d, 0, 0x68, all);
    exception("#PF", do_pf, word(do_pf_at), 0x80000b0e, 0x180000000123, 2, all);
    exception("#DB of TF", do_trap, word(do_trap_at), 0x80000301, 1 << 14, 0, all);
    exception("#DB of an instruction breakpoint", do_bp_hit, word(do_bp_hit_at), 0x80000301, 4, 0, [] {
        write(exception_bitmap, ~0u), write(guest_dr7, 0x420), set_dr2(word(do_bp_hit_at));
        if (!(read(entry_controls) & entry_load_debug)) write(entry_controls, read(entry_controls) | entry_load_debug);
    });
    // The page-fault error code's mask and match (26.2): with bitmap bit 14 set, exit if they are equal.
    exception("#PF whose error code matches", do_pf, word(do_pf_at), 0x80000b0e, 0x180000000123, 2, [] {
        write(exception_bitmap, 1 << PF), write(page_fault_mask, 2), write(page_fault_match, 2);
    });
    // One that does not match goes to the guest, whose IDT ends before its gate: #GP, and so #DF, which exits.
    is("#PF whose error code does not match goes to the guest", run(do_pf, [] {
        write(exception_bitmap, 1 << PF | 1 << DF), write(page_fault_mask, 2), write(page_fault_match, 0), write(guest_idtr_limit, DF * 16 - 1);
    }), on_exception);
    is("  and then #DF exits", read(exit_event) & ~0x1000ull, 0x80000b08);
    also = [] {};
    vectoring("#UD on the way", do_ud2, 0x80000306, 0, 0);
    vectoring("#GP on the way", do_gp, 0x80000b0d, 0x68, 0);
    vectoring("INT n on the way", do_int, 0x80000441, 0, 2), vectoring("INT3 on the way", do_int3, 0x80000603, 0, 1);
    also = [] { write(entry_event, 0x80000041), write(guest_rflags, 0x202); };
    vectoring("an injected interrupt", do_ud2, 0x80000041, 0, 0);
    also = [] { write(entry_event, 0x80000b0c), write(entry_error_code, 0x1234); };
    vectoring("an injected #SS", do_ud2, 0x80000b0c, 0x1234, 0);
    also = [] { write(entry_event, 0x80000202); };
    vectoring("an injected NMI", do_ud2, 0x80000202, 0, 0);
    also = [] { write(entry_event, 0x80000455), write(entry_instruction_length, 2); };
    vectoring("an injected INT n", do_ud2, 0x80000455, 0, 2);
    is("a fault without an IDT: triple fault", run(do_ud2, [] { write(guest_idtr_limit, 0); }), on_triple_fault);
    is("  qualification", read(qualification), 0), is("  RIP", read(guest_rip), word(do_ud2_at));
}

// ---- interrupts and what comes between instructions

CODE(send_interrupt, "mov $0xfee00300, %eax; movl $0x40055, (%rax); sti; nop", "nop; nop; nop"); CODE(send_nmi, "mov $0xfee00300, %eax; movl $0, 0x10(%rax); movl $0x4400, (%rax); nop; nop; nop; nop", "nop");

CODE(open_window, "nop; sti; nop", "nop"); CODE(two_nops, "nop", "nop");
static void between() {
    apic(svr, 0x1ff);
    controls.pin = pin_interrupts;
    is("an external interrupt", run(send_interrupt), on_interrupt), is("  not acknowledged", read(exit_event) >> 31, 0), is("  qualification", read(qualification), 0);
    static u32 came;
    came = 0;
    hook(0x55, [](Frame&) { came++, apic(eoi, 0); });
    asm volatile("sti; nop; cli" ::: "memory");
    is("  it is still there for us", came, 1);
    if (allows(exit_acknowledge, exit_msr)) {
        controls.exit |= exit_acknowledge;
        is("acknowledged on exit", run(send_interrupt), on_interrupt), is("  its vector", read(exit_event), 0x80000055);
        apic(eoi, 0);
        asm volatile("sti; nop; cli" ::: "memory");
        is("  and it is gone", came, 1);
    }
    hook(0x55, nullptr);
    controls = {}, controls.pin = pin_nmi;
    is("NMI", run(send_nmi), on_exception), is("  interruption information", read(exit_event), 0x80000202);
    controls = {}, controls.cpu = cpu_interrupt_window;
    is("interrupt window", run(open_window), on_interrupt_window), is("  behind STI's shadow", read(guest_rip), word(open_window_at));
    is("interrupt window that is open", run(two_nops, [] { write(guest_rflags, 0x202); }), on_interrupt_window), is("  before any instruction", read(guest_rip), word(two_nops));
    if (allows(cpu_nmi_window, cpu_msr) && allows(pin_virtual_nmi, pin_msr)) {
        controls = {}, controls.pin = pin_nmi | pin_virtual_nmi, controls.cpu = cpu_nmi_window;
        is("NMI window", run(two_nops), on_nmi_window), is("  before any instruction", read(guest_rip), word(two_nops));
    }
    if (allows(cpu_mtf, cpu_msr)) {
        controls = {}, controls.cpu = cpu_mtf;
        is("monitor trap flag", run(two_nops), on_mtf), is("  after one instruction", read(guest_rip), word(two_nops_at));
    }
    if (allows(pin_preemption_timer, pin_msr)) {
        controls = {}, controls.pin = pin_preemption_timer;
        is("preemption timer of 0", run(two_nops, [] { write(preemption_timer, 0); }), on_preemption_timer), is("  before any instruction", read(guest_rip), word(two_nops));
    }
    controls = {};
}

// ---- task switches (28.2.1)

CODE32(jump_task, "", "ljmp $0x60, $0"); CODE32(call_task, "", "lcall $0x60, $0"); CODE32(int_task, "", "int $0x42");
CODE32(iret_task, "pushfl; orl $0x4000, (%esp); popfl", "iret");
static TaskWorld world;
static void task_switch(const char* name, Place p, u64 source) {
    u64 got = run(p.code, [] {
        u64 eip = read(guest_rip), esp = read(guest_rsp);
        guest_state_32(u32(eip), u32(esp), true);
        write(guest_cr3, world.cr3), write(guest_cr4, read(guest_cr4) | 0x10);
        write(guest_idtr_base, world.idt), write(guest_tr_base, world.current), write(guest_tr_limit, 0x67);
    });
    is(name, got, on_task_switch);
    is("  qualification", read(qualification), source << 30 | spare), is("  RIP", read(guest_rip), p.at), is("  instruction length", read(instruction_length), p.after - p.at);
    is("  IDT-vectoring information", read(vectoring_event) & ~0x1000ull & (read(vectoring_event) >> 31 ? ~0ull : 0), source == 3 ? 0x80000442 : 0);
}
static void tasks() {
    world = make_task_world();
    task_switch("CALL of a task", {WHERE(call_task)}, 0), task_switch("JMP to a task", {WHERE(jump_task)}, 2), task_switch("INT n by a task gate", {WHERE(int_task)}, 3);
    at(spare) = descriptor(u32(world.other), 0x67, 0x8b);
    task_switch("IRET to a task", {WHERE(iret_task)}, 1);
}

// ---- EPT

CODE(do_load, "movabs $0x10000000008, %rax", "mov (%rax), %rdx"); CODE(do_store, "movabs $0x10000000008, %rax", "mov %rdx, (%rax)");
CODE(do_modify, "movabs $0x10000000008, %rax", "incl (%rax)"); CODE(do_execute, "", "movabs $0x10000000000, %rax; call *%rax");
static u64 root, target;
static void violation(const char* name, void (*code)(), u64 bits, u64 expected_qualification, u64 offset = 8) {
    second_stage_entry(root, target) = bits ? target | bits : 0;
    invept(2, {0, 0});
    is(name, run(code, [] { write(eptp, ept_pointer(root)); }), on_ept_violation);
    is("  qualification", read(qualification) & 0xfff, expected_qualification | (expected_qualification & 0x100 ? of_user_page() : 0)), is("  guest-physical address", read(guest_physical_address), target + offset);
    is("  linear address", read(guest_linear_address), inner_va + offset);
}
static void second_stage() {
    if (!has_secondary(cpu2_ept)) return;
    root = second_stage_identity(), target = new_page();
    entry(inner_va, 1) = target | 0x67;
    controls.cpu2 = cpu2_ept;
    constexpr u64 read = 1, write_ = 2, fetch = 4, may_read = 8, may_write = 16, may_execute = 32, linear = 0x80, translated = 0x100;
    violation("a load of what is not mapped", do_load, 0, read | linear | translated);
    violation("a store to it", do_store, 0, write_ | linear | translated);
    violation("a store to what may be read", do_store, 0x31, write_ | may_read | linear | translated);
    violation("a store to what may be read and executed", do_store, 0x35, write_ | may_read | may_execute | linear | translated);
    violation("a fetch of what may be read and written", do_execute, 0x33, fetch | may_read | may_write | linear | translated, 0);
    if (ept_vpid_capabilities() & 1) violation("a load of what may only be executed", do_load, 0x34, read | may_execute | linear | translated);
    second_stage_entry(root, target) = target | 0x37;
    // The guest's own table is not there: the access is to an entry, not to the translated address.
    u64 table = page_of(entry(inner_va, 2)), e = second_stage_entry(root, table);
    second_stage_entry(root, table) = 0;
    invept(2, {0, 0});
    is("a load whose page table is not mapped", run(do_load, [] { write(eptp, ept_pointer(root)); }), on_ept_violation);
    is("  qualification: of an entry of the guest's", vmx::read(qualification) & 0x1bc, linear), is("  a read", vmx::read(qualification) & 1, 1);
    is("  guest-physical address of the entry's page", page_of(vmx::read(guest_physical_address)), table), is("  linear address", vmx::read(guest_linear_address), inner_va + 8);
    second_stage_entry(root, table) = e;
    auto misconfigured = [](const char* name, u64 bits) {
        second_stage_entry(root, target) = target | bits;
        invept(2, {0, 0});
        is(name, run(do_load, [] { write(eptp, ept_pointer(root)); }), on_ept_misconfiguration), is("  guest-physical address", vmx::read(guest_physical_address), target + 8);
    };
    misconfigured("misconfiguration: writable, not readable", 0x32), misconfigured("  writable and executable, not readable", 0x36);
    misconfigured("  memory type 2", 0x17), misconfigured("  memory type 7", 0x3f);
    if (!(ept_vpid_capabilities() & 1)) misconfigured("  execute-only where that is not supported", 0x34);
    second_stage_entry(root, target) = target | 0x37;
    invept(2, {0, 0});
    controls = {};
}

extern "C" void guest() {
    if (!available()) return holds("VMX", false);
    vmx::start();
    always();
    by_control();
    registers();
    ports_and_msrs();
    exceptions();
    between();
    tasks();
    second_stage();
}
