// SPDX-License-Identifier: MIT
// Into system management mode and back (SDM vol. 3, "Entering SMM" and "Exiting From SMM", "Default Treatment of SMI Delivery" and
// "of RSM"; APM vol. 2, 10.3; in a guest, 15.22).
#include "cpu/smm/smm.h"
#include "base/log.h"
#include "cpu/event/debug.h"
#include "cpu/mmu.h"
#include "cpu/smm/image.h"
#include "cpu/svm/vmcb.h"
#include "cpu/virt/layer.h"

void Smm::Access::visit(Archive& a) {
    a("valid", valid), a("in", in), a("string", string), a("repeated", repeated), a("immediate", immediate), a("width", width), a("port", port);
    a("rip", rip), a("rcx", rcx), a("rsi", rsi), a("rdi", rdi), a("address", address);
}
void Smm::Kept::visit(Archive& a) {
    a("pdpte", pdpte), a("pending_dr6", pending_dr6), a("tsc_offset", tsc_offset), a("tsc_ratio", tsc_ratio), a("held", held);
    a("if_masks", if_masks), a("halted", halted), a("nmi_blocked", nmi_blocked), a("monitor_trap", monitor_trap);
    a("iret_unblocks_nmi", iret_unblocks_nmi), a("vmxe", vmxe), a("debugctl", debugctl), a("perf_global", perf_global), a("frozen", frozen);
}
void Smm::visit(Archive& a) { a("active", active), a("base", base), a("count", count), a("cause", cause), a("kept", kept); }

void Smm::reset(bool init) {
    *this = init ? Smm{false, base, count, {}, {}, {}} : Smm{};
}

// A device that raises one while an I/O instruction talks to it: the SMI is that instruction's.
void Cpu::request_smi() {
    if (pending & pending::smi) return;           // one is remembered
    pending |= pending::smi;
    smm.cause = smm.at_port;
}

namespace smm {

namespace {

constexpr u32 revision_intel64 = 0x30101, revision_intel32 = 0x30002, revision_amd64 = 0x30064;     // bits 16, 17: I/O restart, SMBASE

constexpr u64 aseg_valid = bit(0), tseg_valid = bit(1);

u32 revision(Layout l) { return l == Layout::amd64 ? revision_amd64 : l == Layout::intel64 ? revision_intel64 : revision_intel32; }

// IO_MISC (SDM vol. 3, table "I/O Instruction Information in the SMM State Save Map").
u32 io_of_intel(const Smm::Access& a) {
    if (!a.valid) return 0;
    u32 type = a.string ? (a.in ? 3 : 2) | (a.repeated ? 4 : 0) : (a.in ? 1 : 0) | (a.immediate ? 8 : 0);
    return 1 | u32{a.width} << 1 | type << 4 | u32{a.port} << 16;
}
// The I/O trap offset (APM vol. 2, 10.2.4).
u32 io_of_amd(const Smm::Access& a) {
    if (!a.valid) return 0;
    return u32(a.in) | 2 | u32(a.string) << 2 | u32(a.repeated) << 3 | u32{a.width} << 4 | u32{a.port} << 16;
}

Image capture(Cpu& cpu) {
    Image m;
    auto& c = cpu.control;
    m.cr0 = c.cr0, m.cr3 = c.cr3, m.cr4 = c.cr4 & ~cr4::vmxe, m.efer = c.efer, m.rflags = cpu.rflags, m.rip = cpu.rip(), m.dr6 = c.dr[6], m.dr7 = c.dr[7];
    for (unsigned n = 0; n < 16; n++) m.gpr[n] = cpu.gpr[n];
    for (unsigned n = 0; n < 8; n++) {
        auto& s = cpu.seg[Seg(n)];
        u64 attributes = s.rights.unusable() ? 0 : svm::attributes_of(s.rights.value);
        m.segment[n] = {s.selector, u16(attributes), s.limit, s.base};
    }
    m.of(Seg::ss).attributes = u16((m.of(Seg::ss).attributes & ~0x60) | cpu.cpl << 5);
    m.gdtr = cpu.seg.gdtr, m.idtr = cpu.seg.idtr;
    m.smbase = cpu.smm.base, m.revision = revision(layout(cpu));
    auto& a = cpu.smm.cause;
    m.io = cpu.intel() ? io_of_intel(a) : io_of_amd(a);
    m.io_address = a.address, m.io_rip = a.rip, m.io_rcx = a.rcx, m.io_rsi = a.rsi, m.io_rdi = a.rdi;
    m.auto_halt = cpu.activity == Activity::halted && !cpu.mwaiting;
    return m;
}

void keep(Cpu& cpu) {
    auto& k = cpu.smm.kept;
    k.pdpte = cpu.control.pdpte, k.pending_dr6 = cpu.pending_dr6, k.held = cpu.held, k.if_masks = cpu.if_masks;
    k.tsc_offset = cpu.guest_tsc_offset, k.tsc_ratio = cpu.guest_tsc_ratio;
    k.nmi_blocked = cpu.nmi_blocked, k.monitor_trap = cpu.monitor_trap, k.iret_unblocks_nmi = cpu.iret_unblocks_nmi;
    k.halted = cpu.activity == Activity::halted && !cpu.mwaiting;
    k.vmxe = cpu.control.cr4 & cr4::vmxe;
    k.debugctl = cpu.msr.debugctl, k.perf_global = cpu.counters.global_control();
    k.frozen = cpu.intel() && (cpu.msr.debugctl & debug::freeze_while_smm);
}
void bring_back(Cpu& cpu) {
    auto& k = cpu.smm.kept;
    cpu.control.pdpte = k.pdpte, cpu.pending_dr6 = k.pending_dr6, cpu.held = k.held, cpu.if_masks = k.if_masks;
    cpu.guest_tsc_offset = k.tsc_offset, cpu.guest_tsc_ratio = k.tsc_ratio;
    cpu.nmi_blocked = k.nmi_blocked, cpu.monitor_trap = k.monitor_trap, cpu.iret_unblocks_nmi = k.iret_unblocks_nmi;
    if (k.vmxe) cpu.control.cr4 |= cr4::vmxe;
    if (k.frozen) cpu.msr.debugctl = k.debugctl, cpu.counters.set_global_control(k.perf_global);
    if (cpu.pending_dr6) cpu.pending |= pending::debug;
}

// SDM vol. 3, table "Processor Register Initialization in SMM": real mode, with segments of 4 GiB.
void start_handler(Cpu& cpu) {
    u32 base = cpu.smm.base;
    auto& c = cpu.control;
    c.cr0 &= ~(cr0::pe | cr0::em | cr0::ts | cr0::pg);
    c.cr4 = c.efer = 0;
    c.dr[7] = 0x400;
    cpu.rflags = rflags::one, cpu.rip() = 0x8000, cpu.cpl = 0;
    for (auto s : {Seg::es, Seg::ss, Seg::ds, Seg::fs, Seg::gs}) cpu.seg[s] = {0, 0, 0xffffffff, {0x8093}};
    cpu.seg[Seg::cs] = {u16(base >> 4), base, 0xffffffff, {0x809b}};
    cpu.activity = Activity::active, cpu.mwaiting = false, cpu.monitor.armed = false;
    cpu.sti_shadow = cpu.mov_ss_shadow = cpu.stepping = false;
    cpu.pending_dr6 = 0, cpu.pending &= ~pending::debug;
    // Blocked: NMIs until an IRET or RSM, SMIs and INIT until RSM; and a guest is not there.
    cpu.nmi_blocked = true, cpu.iret_unblocks_nmi = true;
    cpu.held = pending::smi | pending::init | pending::guest | pending::window, cpu.if_masks = Cpu::maskable;
    // SDM vol. 3, table "IA32_DEBUGCTL Flag Encodings".
    if (cpu.smm.kept.frozen) cpu.msr.debugctl &= ~(debug::lbr | debug::btf), cpu.counters.stop();
    cpu.monitor_trap = false, cpu.guest_tsc_offset = 0, cpu.guest_tsc_ratio = Cpu::tsc_unscaled;
}

void translation_changed(Cpu& cpu, paging::Operation why) {
    cpu.translation_mode_changed();
    cpu.mode_changed();
    cpu.mmu->invalidate(why);
}

void put_segments(Cpu& cpu, Image& m) {
    for (unsigned n = 0; n < 8; n++) {
        auto& part = m.segment[n];
        Rights rights{svm::rights_of(part.attributes)};
        if (!rights.p()) rights.value |= Rights::unusable_bit;
        cpu.seg[Seg(n)] = {part.selector, part.base, part.limit, rights};
    }
    cpu.seg.gdtr = m.gdtr, cpu.seg.idtr = m.idtr;
    cpu.cpl = u8(cpu.seg[Seg::ss].rights.dpl());
}

void put(Cpu& cpu, Image& m) {
    auto& c = cpu.control;
    c.cr0 = m.cr0 | cr0::et, c.cr3 = m.cr3, c.cr4 = m.cr4, c.efer = m.efer;
    c.dr[6] = (m.dr6 & 0xe00f) | 0xffff0ff0, c.dr[7] = (m.dr7 & 0xffff23ff) | 0x400;
    for (unsigned n = 0; n < 16; n++) cpu.gpr[n] = m.gpr[n];
    cpu.rip() = m.rip;
    put_segments(cpu, m);
    cpu.set_rflags(m.rflags);
}

// The I/O instruction runs again if the handler says so and the SMI was its own.
void restart(Cpu& cpu, const Image& m) {
    auto& cause = cpu.smm.cause;
    if (!m.io_restart || !cause.valid) return;
    cpu.rip() = m.io_rip;
    if (cause.string) cpu.gpr[rcx] = m.io_rcx, cpu.gpr[rsi] = m.io_rsi, cpu.gpr[rdi] = m.io_rdi;
}

}

// AMD's SMM_ADDR and SMM_MASK (APM vol. 2, 10.2.5): of a mask with gaps only one of the areas.
void show(Cpu& cpu) {
    SmmMemory m{.active = cpu.smm.active};
    u64 mask = cpu.msr.smm_mask;
    m.legacy = mask & aseg_valid;
    u64 compared = mask & ::mask(39, 17);
    if (mask & tseg_valid) m.size = compared & (0 - compared), m.base = cpu.msr.smm_addr & compared;
    cpu.wires.smm(m);
}

void enter(Cpu& cpu) {
    cpu.pending &= ~pending::smi;
    cpu.smm.active = true, cpu.smm.count++;
    show(cpu);
    Image image = capture(cpu);
    store(cpu, image);
    keep(cpu);
    if (cpu.virt) cpu.virt->enter_smm();
    start_handler(cpu);
    translation_changed(cpu, paging::Operation::smm_enter);
}

bool resume(Cpu& cpu) {
    Image image;
    load(cpu, image);
    if (auto rule = broken(cpu, image); !rule.empty()) {
        log_line("RSM: " + std::string(rule) + ": the CPU shuts down");
        cpu.activity = Activity::shutdown;
        cpu.wires.shutdown();
        return false;
    }
    auto& s = cpu.smm;
    put(cpu, image);
    restart(cpu, image);
    bring_back(cpu);
    if (s.kept.halted && (image.auto_halt & 1)) cpu.activity = Activity::halted;
    s.base = image.smbase, s.active = false, s.cause = {};
    if (cpu.virt) cpu.virt->leave_smm();
    translation_changed(cpu, paging::Operation::rsm);
    show(cpu);
    return true;
}

}
