// SPDX-License-Identifier: MIT
// The hypervisor's Intel half: a VMCS for each vCPU, VM entries, exits put into the words of both vendors (SDM vol. 3, 25 to 28).
#include "hypervisor.h"
#include "vmx.h"

using namespace vmx;

extern "C" u32 vmx_enter(u64* registers, bool resume);

static bool tags;                         // VPIDs: the TLB tells our vCPUs from each other and from us
static bool slices;                       // the preemption timer ends a vCPU's turn
static u64 loaded;                        // the VMCS that is current

static void select(const Vcpu& v) {
    if (loaded != v.block) vmptrld(v.block);
    loaded = v.block;
}

// Under shadow paging every change of CR0 and CR4, CR3's reads and writes, INVLPG and page faults are ours.
static Controls controls_wanted() {
    Controls c;
    c.pin = pin_interrupts | (slices ? u32(pin_preemption_timer) : 0);
    c.cpu = cpu_hlt | cpu_io | (nested ? 0 : cpu_cr3_load | cpu_cr3_store | cpu_invlpg);
    c.cpu2 = (nested ? u32(cpu2_ept) : 0) | (tags ? u32(cpu2_vpid) : 0);
    return c;
}
// What VMX asks to be 1 in CR0 and CR4 is not the guest's to see.
static u64 real_cr0(u64 guest) { return guest | rdmsr(cr0_fixed0); }
static u64 real_cr4(u64 guest) { return guest | rdmsr(cr4_fixed0); }

static void start_vmx() {
    vmx::start();
    tags = has_secondary(cpu2_vpid);
    slices = allows(pin_preemption_timer, pin_msr);
}

static void create(Vcpu& v, u64 rip, u64 rsp_at, u64 cr3) {
    v.registers = {}, v.rip = rip, v.registers.r[rsp] = rsp_at, v.registers.r[rdi] = v.number;
    v.block = new_region();
    vmclear(v.block);
    select(v);
    write(exception_bitmap, 0), write(page_fault_mask, 0), write(page_fault_match, 0), write(cr3_target_count, 0);
    write(exit_msr_store_count, 0), write(exit_msr_load_count, 0), write(entry_msr_load_count, 0), write(entry_event, 0);
    vmx::host_state();
    vmx::set(controls_wanted());
    guest_state_64(rip, rsp_at);
    v.cr0 = 0x80010011, v.cr3 = cr3, v.cr4 = 0x620;
    write(guest_cr0, real_cr0(v.cr0)), write(guest_cr4, real_cr4(v.cr4));
    write(cr0_shadow, v.cr0), write(cr4_shadow, v.cr4);
    write(cr0_mask, nested ? rdmsr(cr0_fixed0) : ~0ull), write(cr4_mask, nested ? rdmsr(cr4_fixed0) : ~0ull);
    if (tags) write(vpid, v.number + 1), vendor->flush(v);
    if (nested) {
        write(eptp, ept_pointer(nested_root)), write(guest_cr3, cr3);
    } else {
        v.shadow_root = new_page();
        write(guest_cr3, v.shadow_root), write(exception_bitmap, 1 << PF);
    }
    loaded = v.block;
}

// ---- exits

static Exit port_exit(u64 q) {
    return {Why::port, q >> 16 & 0xffff, 0, 0, unsigned(q & 7) + 1, !(q & 8), 0};
}
static Exit cr_exit(u64 q) {
    bool from = (q >> 4 & 3) == 1;
    if ((q >> 4 & 3) > 1) stop("CLTS or LMSW, which the demo's guest has no use for");
    return {from ? Why::cr_read : Why::cr_write, q & 15, 0, unsigned(q >> 8 & 15), 8, !from, 0};
}
static Exit exit_of(u64 reason) {
    u64 q = read(qualification);
    switch (u32(reason)) {
    case on_exception:
        if ((read(exit_event) & 0xff) == PF) return {Why::page_fault, q, read(exit_error_code), 0, 0, false, 0};
        return {Why::other, reason, 0, 0, 0, false, 0};
    case on_interrupt: return {Why::interrupt, 0, 0, 0, 0, false, 0};
    case on_triple_fault: return {Why::shutdown, 0, 0, 0, 0, false, 0};
    case on_interrupt_window: return {Why::window, 0, 0, 0, 0, false, 0};
    case on_cpuid: return {Why::cpuid, 0, 0, 0, 0, false, 0};
    case on_hlt: return {Why::halt, 0, 0, 0, 0, false, 0};
    case on_invlpg: return {Why::invlpg, q, 0, 0, 0, false, 0};
    case on_vmcall: return {Why::hypercall, 0, 0, 0, 0, false, 0};
    case on_cr: return cr_exit(q);
    case on_io: return port_exit(q);
    case on_rdmsr: return {Why::msr_read, 0, 0, 0, 0, false, 0};
    case on_wrmsr: return {Why::msr_write, 0, 0, 0, 0, true, 0};
    case on_ept_violation: return {Why::second_stage, read(guest_physical_address), q, 0, 0, false, 0};
    case on_preemption_timer: return {Why::time_slice, 0, 0, 0, 0, false, 0};
    default: return {Why::other, reason, 0, 0, 0, false, 0};
    }
}
// An exit in the midst of an event's delivery: the next entry delivers it again; INT n (types 4 to 6) is simply run again.
static void keep_event() {
    u64 event = read(vectoring_event);
    bool again = event >> 31 & 1 && (event >> 8 & 7) < 4;
    write(entry_event, again ? event & ~0x1000ull : 0), write(entry_error_code, read(vectoring_error_code));
}
static void set_slice(const Vcpu& v) {
    u64 now = rdtsc();
    write(preemption_timer, now < v.turn_ends ? (v.turn_ends - now) >> (rdmsr(misc) & 31) : 0);
}
static Exit run(Vcpu& v) {
    select(v);
    write(guest_rip, v.rip), write(guest_rsp, v.registers.r[rsp]);
    if (slices) set_slice(v);
    set_cr2(v.cr2);
    if (u32 bad = vmx_enter(v.registers.r, v.launched)) stop("VMfail, error", bad == 1 ? invalid : read(instruction_error));
    v.launched = true, v.cr2 = get_cr2();
    v.rip = read(guest_rip), v.registers.r[rsp] = read(guest_rsp);
    u64 reason = read(exit_reason);
    if (reason >> 31) stop("the VM entry failed, reason", reason & 0xffff);
    keep_event();
    Exit e = exit_of(reason);
    e.length = read(instruction_length);
    if (e.why == Why::msr_read || e.why == Why::msr_write) e.detail = u32(v.registers.r[rcx]);
    return e;
}

// ---- what the answers need

static void skip_instruction(Vcpu& v, u64 length) {
    v.rip += length;
    write(interruptibility, read(interruptibility) & ~3ull);           // the shadow of STI or MOV SS has passed
}
static bool can_interrupt(Vcpu& v) {
    select(v);
    return read(guest_rflags) & 0x200 && !(read(interruptibility) & 3) && !(read(entry_event) >> 31);
}
static void inject(Vcpu& v, unsigned vector, EventType type, bool has_code, u32 code) {
    select(v);
    write(entry_event, 1u << 31 | (has_code ? 1 << 11 : 0) | type << 8 | vector), write(entry_error_code, code);
}
static void want_window(Vcpu& v, bool on) {
    select(v);
    u64 now = read(cpu_controls), then = on ? now | cpu_interrupt_window : now & ~u64(cpu_interrupt_window);
    if (now != then) write(cpu_controls, then);
}
static void set_control_registers(Vcpu& v) {
    write(guest_cr0, real_cr0(v.cr0)), write(guest_cr4, real_cr4(v.cr4));
    write(cr0_shadow, v.cr0), write(cr4_shadow, v.cr4);
}
// Without VPIDs each entry and exit flushes by itself.
static void flush(Vcpu& v) {
    if (tags) invvpid(1, {v.number + 1, 0});
}
static void flush_page(Vcpu& v, u64 address) {
    if (tags && ept_vpid_capabilities() >> 40 & 1) invvpid(0, {v.number + 1, address});
    else flush(v);
}
static void flush_nested() { invept(1, {ept_pointer(nested_root), 0}); }

const Vendor intel = {"VMX", "nested paging by EPT", vmx::available, [] { return has_secondary(cpu2_ept); }, start_vmx, create, run,
                      skip_instruction, can_interrupt, inject, want_window, set_control_registers, flush, flush_page, flush_nested};
