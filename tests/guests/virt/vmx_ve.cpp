// SPDX-License-Identifier: MIT
// Guest, 64-bit: EPT violations that become virtualization exceptions (SDM vol. 3, 26.5.7): which do, what the information area holds,
// when it is busy; the EPTP index that VMFUNC leaves.
#include "inner.h"

using namespace vmx;

static Inner inner;
static u64 root, area, stack, frame[3], table;
static constexpr u64 suppress = 1ull << 63, busy = 0xffffffff;
static constexpr u32 VE = 20;
CODE(ve_handler, "", "cpuid");
CODE(breakpoint, "", "int3");
CODE(to_other_root, "xor %eax, %eax; mov %edi, %ecx; .byte 0x0f, 0x01, 0xd4", "cpuid");

static u64& leaf(u64 page) { return second_stage_entry(root, page); }
static void fresh() { invept(2, {0, 0}), invvpid(2, {0, 0}); }
static u64 run(void (*code)(), u64 address = inner_va + 8) {
    fresh();
    inner.select();
    write(guest_rsp, stack + 4096), write(interruptibility, 0);
    return inner.run(code, address, 0x77);
}
static void ready() { memset(reinterpret_cast<void*>(area), 0, 64); }

// It has come to the handler, with this in the area.
static void becomes(const char* name, void (*code)(), u64 expected, u64 linear, u64 physical) {
    ready();
    is(name, run(code), exits_by_cpuid), is("  in the handler", read(guest_rip), word(ve_handler_at));
    is("  exit reason", peek<u32>(area), on_ept_violation), is("  busy", peek<u32>(area + 4), busy), is("  qualification", peek<u64>(area + 8), expected | (expected & 0x100 ? of_user_page() : 0));
    is("  linear address", peek<u64>(area + 16), linear), is("  guest-physical address", peek<u64>(area + 24), physical);
    is("  EPTP index", peek<u16>(area + 32), read(eptp_index)), is("  nothing behind it", peek<u16>(area + 34), 0);
    is("  no error code is pushed: RIP", peek<u64>(read(guest_rsp)), word(code)), is("  RF is set", peek<u64>(read(guest_rsp) + 16) >> 16 & 1, 1);
}
static void exits(const char* name, void (*code)(), u64 reason = on_ept_violation, u64 written = 0) {
    is(name, run(code), other_exit), is("  reason", inner.raw, reason), is("  the area is as it was", peek<u32>(area), written);
}

static void convertible() {
    leaf(frame[0]) = 0;
    becomes("no entry for a load", inner_read, 0x181, inner_va + 8, frame[0] + 8);
    ready(), leaf(frame[0]) = suppress;
    exits("  with bit 63", inner_read);
    leaf(frame[0]) = frame[0] | 0x31;
    becomes("a store into what can be read", inner_write, 0x18a, inner_va + 8, frame[0] + 8);
    ready(), leaf(frame[0]) |= suppress;
    exits("  with bit 63", inner_write);
    is("  which a load does not mind", run(inner_read), exits_by_cpuid);
    leaf(frame[0]) = 0, ept_entry(root, frame[0], 2) |= suppress;
    becomes("bit 63 of a table's entry means nothing", inner_read, 0x181, inner_va + 8, frame[0] + 8);
    ept_entry(root, frame[0], 2) &= ~suppress, leaf(frame[0]) = frame[0] | 0x37;
    leaf(table) = 0;
    becomes("a table of the guest's", inner_read, 0x81, inner_va + 8, table);
    leaf(table) = table | 0x37;
    ready(), leaf(frame[0]) = frame[0] | 0x32;
    exits("a misconfiguration", inner_read, on_ept_misconfiguration);
    leaf(frame[0]) = 0;
}

static void otherwise() {
    ready(), poke<u32>(area + 4, 1);
    exits("while the area is busy, whatever with", inner_read);
    becomes("no longer busy", inner_read, 0x181, inner_va + 8, frame[0] + 8);
    exits("  and busy again", inner_read, on_ept_violation, on_ept_violation);
    // An event whose delivery meets one.
    ready(), leaf(stack) = 0;
    exits("in the delivery of an event", breakpoint), is("  IDT-vectoring information", read(vectoring_event), 0x80000600 | BP);
    leaf(stack) = stack | 0x37;
    ready(), write(exception_bitmap, 1 << VE);
    is("with its bit in the exception bitmap", (run(inner_read), inner.raw), on_exception);
    is("  its vector, a hardware exception", read(exit_event), 0x80000300 | VE), is("  the area has been written", peek<u32>(area + 4), busy);
    // With a gate that is not there: #NP while a #VE is delivered is a double fault.
    ready(), write(exception_bitmap, 1 << DF), set_gate(VE, reinterpret_cast<void*>(ve_handler), kcode, 0x0e);
    is("its delivery fails: #DF", (run(inner_read), inner.raw), on_exception), is("  vector", read(exit_event), 0x80000b00 | DF);
    set_gate(VE, reinterpret_cast<void*>(ve_handler)), write(exception_bitmap, 1 << PF);
    ready(), write(cpu_controls_2, read(cpu_controls_2) & ~u64(cpu2_ve));
    exits("without the control", inner_read);
    write(cpu_controls_2, read(cpu_controls_2) | cpu2_ve);
}

static void in_real_mode() {
    if (!has_secondary(cpu2_unrestricted)) return;
    static Machine m;
    constexpr u32 low = 0x7000, data = 0x9000;
    u8 code[] = {0xa0, 0x00, 0x90, 0x0f, 0xa2};            // MOV AL, [9000h]; CPUID
    memcpy(reinterpret_cast<void*>(word(low)), code, sizeof code);
    make(m);
    Controls c;
    c.cpu2 = cpu2_ept | cpu2_unrestricted | cpu2_ve;
    set(c);
    write(eptp, ept_pointer(root)), write(ve_information, area);
    guest_state_real(low >> 4, 0, 0x1000);
    ready(), leaf(data) = 0, fresh();
    is("with CR0.PE clear it exits", enter(m), on_ept_violation), is("  guest-physical address", read(guest_physical_address), data);
    leaf(data) = data | 0x37, fresh();
}

static void index_of_root() {
    if (!has_secondary(cpu2_vm_functions) || !(rdmsr(vmfunc_msr) & 1)) return;
    u64 other = second_stage_identity(), list = new_page();
    slot(list, 0) = ept_pointer(root), slot(list, 300) = ept_pointer(other);
    second_stage_entry(other, frame[0]) = 0;
    inner.select();
    write(cpu_controls_2, read(cpu_controls_2) | cpu2_vm_functions), write(vm_function_controls, 1), write(eptp_list, list), write(eptp_index, 7);
    is("VMFUNC", run(to_other_root, 300), exits_by_cpuid), is("  leaves its index", read(eptp_index), 300), is("  and the pointer", read(eptp), ept_pointer(other));
    becomes("which a #VE tells", inner_read, 0x181, inner_va + 8, frame[0] + 8), is("  300", peek<u16>(area + 32), 300);
    run(to_other_root, 0), is("  and back", read(eptp_index), 0);
    is("VMFUNC of no entry", run(to_other_root, 512), other_exit), is("  the index stays", read(eptp_index), 0);
}

extern "C" void guest() {
    if (!available() || !has_secondary(cpu2_ept | cpu2_vpid)) return holds("EPT and VPID", false);
    vmx::start();
    if (!has_secondary(cpu2_ve)) return holds("without #VE", true);
    root = second_stage_identity(), area = new_page(), stack = new_page();
    for (u64& f : frame) f = new_page();
    inner.make(1, root);
    write(cpu_controls_2, read(cpu_controls_2) | cpu2_ve), write(ve_information, area), write(eptp_index, 0x1234);
    entry(inner_va, 1) = frame[0] | 0x67;
    table = page_of(entry(inner_va, 2));
    set_gate(VE, reinterpret_cast<void*>(ve_handler));
    is("a first run", run(inner_read), exits_by_cpuid);
    convertible();
    otherwise();
    in_real_mode();
    index_of_root();
    inner.select();
    is("an area of no page's beginning", (write(ve_information, area + 8), inner.run(inner_nothing), inner.raw), failed | 7);
    is("an area beyond the physical addresses", (write(ve_information, 1ull << 52), inner.run(inner_nothing), inner.raw), failed | 7);
}
