// SPDX-License-Identifier: MIT
// The hypervisor's AMD half: a VMCB for each vCPU, VMRUN, exits put into the words of both vendors (APM vol. 2, chapter 15).
#include "hypervisor.h"
#include "svm.h"

using namespace svm;

static Vmcb& block(const Vcpu& v) { return *reinterpret_cast<Vmcb*>(v.block); }
static u64 ports, msrs;                   // permission maps: all intercepted

static void start_svm() {
    svm::start();
    ports = new_port_map(true), msrs = new_msr_map(true);
    // Segment bases and the like are the guest's own: VMLOAD and VMSAVE carry them.
}
static void create(Vcpu& v, u64 rip, u64 rsp_at, u64 cr3) {
    v.registers = {}, v.rip = rip, v.registers.r[rsp] = rsp_at, v.registers.r[rdi] = v.number;
    Machine m;
    make(m, nullptr, v.number + 1);
    v.block = word(m.vmcb);
    Vmcb& b = *m.vmcb;
    b.iopm = ports, b.msrpm = msrs;
    b.intercepts = intr | vintr | cpuid_ | hlt | ioio | msr_prot | shutdown, b.intercepts_2 = vmrun_2 | vmmcall_2;
    b.interrupt_control = v_intr_masking;
    v.cr0 = b.cr0 = 0x80010011, v.cr3 = b.cr3 = cr3, v.cr4 = b.cr4 = 0x620;
    if (nested) {
        use_nested(b, nested_root);
    } else {
        v.shadow_root = b.cr3 = new_page();
        b.cr_read = b.cr_write = 1 << 0 | 1 << 3 | 1 << 4, b.exceptions = 1 << PF, b.intercepts |= invlpg_;
    }
    vendor->flush(v);
}

// ---- exits. Where the CPU gives neither the next RIP nor decoded operands, the instruction's bytes tell.

struct Decoded { u64 length; unsigned reg; };
static Decoded decode(Vcpu& v) {
    u8 b[6];
    for (u64 i = 0; i < sizeof b; i++) {
        u64 at = guest_walk(v, v.rip + i), frame = at == ~0ull ? 0 : host_page(at);
        b[i] = frame ? peek<u8>(frame + (at & 0xfff)) : 0;
    }
    unsigned prefix = (b[0] & 0xf0) == 0x40, rex = prefix ? b[0] : 0u, modrm = b[prefix + 2];
    return {prefix + 3, (modrm & 7) | (rex & 1) << 3};       // 0F 20, 0F 22 and 0F 01 /7 with (register)
}
static u64 length_of(Vcpu& v, u64 known) {
    return features() & feature_next_rip ? block(v).next_rip - v.rip : known;
}
static Exit cr_exit(Vcpu& v, u64 code) {
    bool write = code >= on_cr_write;
    Exit e{write ? Why::cr_write : Why::cr_read, code & 15, 0, unsigned(block(v).exit_info_1 & 15), 8, write, 0};
    Decoded d = decode(v);
    if (!(features() & feature_decode)) e.reg = d.reg;
    e.length = length_of(v, d.length);
    return e;
}
static Exit invlpg_exit(Vcpu& v) {
    Decoded d = decode(v);
    u64 address = features() & feature_decode ? block(v).exit_info_1 : v.registers.r[d.reg];
    return {Why::invlpg, address, 0, 0, 0, false, length_of(v, d.length)};
}
static Exit port_exit(Vcpu& v) {
    u64 information = block(v).exit_info_1;
    return {Why::port, information >> 16 & 0xffff, 0, 0, unsigned(information >> 4 & 7), !(information & 1), block(v).exit_info_2 - v.rip};
}
static Exit exit_of(Vcpu& v) {
    Vmcb& b = block(v);
    if (b.exit_code < 0x20) return cr_exit(v, b.exit_code);
    switch (b.exit_code) {
    case u64(on_exception) + u64(PF): return {Why::page_fault, b.exit_info_2, b.exit_info_1, 0, 0, false, 0};
    case on_intr: return {Why::interrupt, 0, 0, 0, 0, false, 0};
    case on_vintr: return {Why::window, 0, 0, 0, 0, false, 0};
    case on_cpuid: return {Why::cpuid, 0, 0, 0, 0, false, length_of(v, 2)};
    case on_hlt: return {Why::halt, 0, 0, 0, 0, false, length_of(v, 1)};
    case on_invlpg: return invlpg_exit(v);
    case on_ioio: return port_exit(v);
    case on_msr: {
        bool write = b.exit_info_1 & 1;
        return {write ? Why::msr_write : Why::msr_read, u32(v.registers.r[rcx]), 0, 0, 0, write, length_of(v, 2)};
    }
    case on_shutdown: return {Why::shutdown, 0, 0, 0, 0, false, 0};
    case on_vmmcall: return {Why::hypercall, 0, 0, 0, 0, false, length_of(v, 3)};
    case on_npf: return {Why::second_stage, b.exit_info_2, b.exit_info_1, 0, 0, false, 0};
    default: return {Why::other, b.exit_code, 0, 0, 0, false, 0};
    }
}
// An exit in the midst of an event's delivery: the next entry delivers it again; INT n is simply run again.
static void keep_event(Vmcb& b) {
    bool again = b.vectoring_event & event_valid && (b.vectoring_event & 0x700) != event_software;
    b.event = again ? b.vectoring_event : 0;
}
static Exit run(Vcpu& v) {
    Vmcb& b = block(v);
    Machine m{&b, v.registers};
    b.rip = v.rip, b.rax = v.registers.r[rax], b.rsp = v.registers.r[rsp], b.cr2 = v.cr2;
    svm::enter(m);
    v.registers = m.registers;
    v.registers.r[rax] = b.rax, v.registers.r[rsp] = b.rsp, v.rip = b.rip, v.cr2 = b.cr2;
    b.tlb_control = 0;
    keep_event(b);
    return exit_of(v);
}

// ---- what the answers need

static void skip_instruction(Vcpu& v, u64 length) {
    v.rip += length;
    block(v).interrupt_shadow = 0;
}
static bool can_interrupt(Vcpu& v) {
    Vmcb& b = block(v);
    return b.rflags & 0x200 && !(b.interrupt_shadow & 1) && !(b.event & event_valid);
}
static void inject(Vcpu& v, unsigned vector, EventType type, bool has_code, u32 code) {
    block(v).event = event_valid | (has_code ? u64(event_error_code) : 0) | u64(type) << 8 | vector | u64(code) << 32;
}
// A virtual interrupt that is intercepted: the exit comes before it is taken.
static void want_window(Vcpu& v, bool on) {
    block(v).interrupt_control = v_intr_masking | (on ? v_irq | v_ign_tpr : 0);
}
static void set_control_registers(Vcpu& v) {
    block(v).cr0 = v.cr0, block(v).cr4 = v.cr4;
}
static void flush(Vcpu& v) { block(v).tlb_control = features() & feature_flush_asid ? 3 : 1; }
static void flush_page(Vcpu& v, u64 address) { invlpga(address, v.number + 1); }
static void flush_nested() {
    for (Vcpu* v = all_vcpus; v < all_vcpus + most_vcpus; v++)
        if (v->block) flush(*v);
}

const Vendor amd = {"SVM", "nested paging by NPT", svm::available, [] { return (features() & feature_nested_paging) != 0; }, start_svm, create, run,
                    skip_instruction, can_interrupt, inject, want_window, set_control_registers, flush, flush_page, flush_nested};
