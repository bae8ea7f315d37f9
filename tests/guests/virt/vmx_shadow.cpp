// SPDX-License-Identifier: MIT
// Guest, 64-bit: VMCS shadowing (SDM vol. 3, 25.10, 26.1.3, 26.3; VMREAD, VMWRITE and VMPTRLD in chapter 31): shadow VMCSs in root
// operation, and what a guest's VMREAD and VMWRITE reach without an exit.
#include "inner.h"

using namespace vmx;

static Machine m;
static u64 shadow, read_bits, write_bits, unmapped = 0x180000000000;
static constexpr u64 carry = 1, zero = 0x40, arithmetic = 0x8d5;

// RDI an encoding, RSI a value; RAX gets what was read, RCX the flags.
CODE(do_read, "mov $-1, %rax; vmread %rdi, %rax; pushf; pop %rcx", "cpuid"); CODE(do_write, "vmwrite %rsi, %rdi; pushf; pop %rcx", "cpuid");
CODE(do_read_memory, "vmread %rdi, 8(%rsi); pushf; pop %rcx", "cpuid"); CODE(do_write_memory, "vmwrite 8(%rsi), %rdi; pushf; pop %rcx", "cpuid");
CODE(read_at_once, "", "vmread %rdi, %rax"); CODE(write_at_once, "", "vmwrite %rsi, %rdi");

static u64 run(void (*code)(), u64 encoding, u64 value = 0, bool user = false, u64 link = shadow) {
    make(m, code);
    Controls c;
    c.cpu2 = cpu2_vmcs_shadowing;
    set(c);
    write(vmread_bitmap, read_bits), write(vmwrite_bitmap, write_bits), write(vmcs_link, link), write(exception_bitmap, 1 << GP | 1 << PF | 1 << UD);
    if (user) {
        segment(guest_cs, ucode64, 0, ~0u, 0xa0fb), segment(guest_ss, udata, 0, ~0u, 0xc0f3);
        for (Field f : {guest_ds, guest_es, guest_fs, guest_gs}) segment(f, udata, 0, ~0u, 0xc0f3);
    }
    m.registers.r[rdi] = encoding, m.registers.r[rsi] = value;
    return enter(m);
}
static u64 flags_after() { return m.registers.r[rcx] & arithmetic; }
static void intercept(u64 bitmap, u64 encoding, bool on) {
    u8 bit = u8(1 << (encoding & 7)), old = peek<u8>(bitmap + encoding / 8);
    poke<u8>(bitmap + encoding / 8, on ? old | bit : old & ~bit);
}
// A field of the shadow VMCS, by way of root operation.
static u64 field(u64 encoding) {
    u64 value = 0, before = vmptrst();
    vmptrld(shadow), try_read(encoding, value), vmclear(shadow);
    if (before != ~0ull) vmptrld(before);
    return value;
}

static void in_root_operation() {
    is("VMCLEAR of a shadow VMCS", vmclear(shadow), 0), is("VMPTRLD", vmptrld(shadow), 0), is("  it is current", vmptrst(), shadow);
    is("VMWRITE", write(guest_rip, 0x123456789), 0), is("  VMREAD", read(guest_rip), 0x123456789);
    holds("IA32_VMX_MISC says that every field can be written", rdmsr(misc) >> 29 & 1);
    is("VMWRITE of exit information", write(qualification, 0x55), 0), is("  VMREAD", read(qualification), 0x55);
    m = {}, m.vmcs = shadow;
    is("VMLAUNCH", enter(m), failed | invalid);
    m.launched = true, is("VMRESUME", enter(m), failed | invalid);
    vmclear(shadow), is("VMCLEAR leaves none current", vmptrst(), ~0ull);
    u64 other = new_region();
    poke<u32>(other, (u32(rdmsr(basic)) ^ 1) | 1u << 31), is("VMPTRLD of a shadow of another revision", vmptrld(other), invalid);
}

static void by_the_guest() {
    is("a guest's VMREAD", run(do_read, guest_rip), on_cpuid), is("  flags", flags_after(), 0), is("  the shadow's field", m.registers.r[rax], 0x123456789);
    is("of the high half", run(do_read, guest_pat | 1), on_cpuid), is("  flags", flags_after(), 0), is("  value", m.registers.r[rax], 0);
    is("a guest's VMWRITE", run(do_write, guest_rsp, 0xfeedface12345678), on_cpuid), is("  flags", flags_after(), 0);
    is("  the shadow's field", field(guest_rsp), 0xfeedface12345678), holds("  not the current VMCS's", read(guest_rsp) != 0xfeedface12345678);
    is("of a 16-bit field", run(do_write, guest_es, 0xabcd1234), on_cpuid), is("  it has 16 bits", field(guest_es), 0x1234);
    is("of a high half", run(do_write, tsc_offset | 1, 0x1122334455667788), on_cpuid), is("  it has 32 bits", field(tsc_offset), 0x5566778800000000);
    is("of exit information", run(do_write, exit_reason, 48), on_cpuid), is("  the shadow's field", field(exit_reason), 48);
    static u64 memory[2];
    memory[1] = 0;
    is("VMREAD to memory", run(do_read_memory, guest_rip, word(memory)), on_cpuid), is("  value", memory[1], 0x123456789);
    memory[1] = 0x77;
    is("VMWRITE from memory", run(do_write_memory, guest_cr3, word(memory)), on_cpuid), is("  the shadow's field", field(guest_cr3), 0x77);
    is("VMREAD to memory that is not there", run(do_read_memory, guest_rip, unmapped), on_exception), is("  #PF", read(exit_event) & 0xff, PF);
    is("of no field", run(do_read, 0x6ffe), on_cpuid), is("  fails with a number", flags_after(), zero), is("  nothing is read", m.registers.r[rax], ~0ull);
    is("VMWRITE of no field", run(do_write, 0x6ffe), on_cpuid), is("  fails with a number", flags_after(), zero);
    is("without a link: VMREAD", run(do_read, guest_rip, 0, false, ~0ull), on_cpuid), is("  VMfailInvalid", flags_after(), carry);
    is("  VMWRITE", run(do_write, guest_rip, 0, false, ~0ull), on_cpuid), is("  VMfailInvalid", flags_after(), carry);
}

static void exits() {
    intercept(read_bits, guest_rip, true), intercept(write_bits, guest_rsp, true);
    is("VMREAD with its bit", run(read_at_once, guest_rip), on_vmread), is("  RIP", read(guest_rip), word(read_at_once_at));
    is("  information: RAX and RDI", read(instruction_information) & 0xf0000478, u64(rdi) << 28 | 1 << 10 | rax << 3);
    is("  VMWRITE without", run(do_write, guest_rip, 5), on_cpuid);
    is("VMWRITE with its bit", run(write_at_once, guest_rsp), on_vmwrite), is("  VMREAD without", run(do_read, guest_rsp), on_cpuid);
    is("ring 3: the exit first", run(read_at_once, guest_rip, 0, true), on_vmread), is("  VMWRITE", run(write_at_once, guest_rsp, 0, true), on_vmwrite);
    is("ring 3 without the bit: #GP", run(read_at_once, guest_rsp, 0, true), on_exception), is("  vector", read(exit_event) & 0xff, GP);
    is("  VMWRITE", run(write_at_once, guest_rip, 0, true), on_exception), is("  vector", read(exit_event) & 0xff, GP);
    is("an encoding of more than 15 bits", run(read_at_once, 0x8000 | guest_rsp), on_vmread), is("  of more than 32", run(write_at_once, 1ull << 32 | guest_rip), on_vmwrite);
    intercept(read_bits, 0x7fff, true), is("the last bit", run(read_at_once, 0x7fff), on_vmread), intercept(read_bits, 0x7fff, false);
    is("  the bit before it", run(do_read, 0x7ffe), on_cpuid), is("  no such field", flags_after(), zero);
    intercept(read_bits, guest_rip, false), intercept(write_bits, guest_rsp, false);
}

static void entries() {
    auto with = [](u64 link, bool on) {
        make(m, inner_nothing);
        Controls c;
        c.cpu2 = on ? u32(cpu2_vmcs_shadowing) : 0;
        set(c);
        if (on) write(vmread_bitmap, read_bits), write(vmwrite_bitmap, write_bits);
        write(vmcs_link, link);
        return enter(m);
    };
    u64 plain = new_region();
    constexpr u64 refused = 1u << 31 | entry_failed_guest;
    is("the control and a shadow", with(shadow, true), on_cpuid), is("no control and a VMCS that is none", with(plain, false), on_cpuid);
    is("the control and a VMCS that is none", with(plain, true), refused), is("  qualification", read(qualification), 4);
    is("no control and a shadow", with(shadow, false), refused), is("  qualification", read(qualification), 4);
    for (Field f : {vmread_bitmap, vmwrite_bitmap}) {
        with(~0ull, true), write(f, read_bits + 0x800), is("a bitmap of no page's beginning", enter(m), failed | 7);
        write(f, 1ull << 52), is("  beyond the physical addresses", enter(m), failed | 7);
    }
}

extern "C" void guest() {
    if (!available()) return holds("VMX", false);
    vmx::start();
    if (!has_secondary(cpu2_vmcs_shadowing)) return holds("without VMCS shadowing", true);
    shadow = new_region(), read_bits = new_page(), write_bits = new_page();
    poke<u32>(shadow, u32(rdmsr(basic)) | 1u << 31);
    in_root_operation();
    by_the_guest();
    exits();
    entries();
}
