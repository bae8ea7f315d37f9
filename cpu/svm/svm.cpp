// SPDX-License-Identifier: MIT
// SVM's state between VMRUN and #VMEXIT: noting exits, the global interrupt flag, exceptions, nested page faults, shutdown.
#include "cpu/svm/svm.h"
#include "cpu/cpuid/model.h"
#include "cpu/event/debug.h"
#include "cpu/isa/control.h"
#include "cpu/mmu.h"
#include "cpu/svm/state.h"

namespace svm {

namespace {

// EXITINTINFO of an event on its way (APM vol. 2, 15.7.2): INT3, INTO and INT1 count as exceptions.
u64 interrupted(const std::optional<event::Delivery>& d) {
    if (!d) return 0;
    using enum event::Origin;
    using Type = EventInformation::Type;
    Type type = d->origin == external ? EventInformation::external : d->origin == nmi ? EventInformation::nmi
              : d->origin == int_n ? EventInformation::software : EventInformation::exception;
    return event_information(d->vector, type, d->has_code, d->code);
}

constexpr Field more_fields[] = {
    Field::fs_selector, Field::fs_attributes, Field::fs_limit, Field::fs_base, Field::gs_selector, Field::gs_attributes, Field::gs_limit,
    Field::gs_base, Field::ldtr_selector, Field::ldtr_attributes, Field::ldtr_limit, Field::ldtr_base, Field::tr_selector,
    Field::tr_attributes, Field::tr_limit, Field::tr_base, Field::star, Field::lstar, Field::cstar, Field::sfmask, Field::kernel_gs_base,
    Field::sysenter_cs, Field::sysenter_esp, Field::sysenter_eip,
};

}

Svm::Svm(Cpu& cpu)
    : Layer(cpu), cr4_bits(control::cr4_bits(cpu)), efer_of_model(control::efer_bits(cpu.features)),
      control_bits((has(Feature::vnmi) ? interrupt::nmi_enable : 0) | (has(Feature::avic) ? interrupt::avic_enable : 0)),
      extension_bits(has(Feature::lbrv) ? svm::virtual_last_branches : 0) {
    around.physical_bits = cpu.model.physical_bits;
    around.asids = cpu.model.asids;
    around.cr4 = cr4_bits;
    around.long_mode = has(Feature::lm);
    around.vnmi = has(Feature::vnmi), around.avic = has(Feature::avic);
}

u64 Svm::efer_bits() const { return control::without_disabled(cpu, efer_of_model); }

// The revert to power-on state leaves the guest and its translations; GIF is set (APM vol. 2, 15.17).
void Svm::reset(bool) {
    vmcb = {};
    vmcb_address = none;
    gif = true, host_if = host_nmi_blocked = false;
    noted = {}, trap = {}, hidden = false;
    pauses_left = 0, last_pause = 0;
    cpu.mmu->leave_guest();
}

void Svm::visit(Archive& a) {
    bool running = cpu.guest;
    a("running", running), a("vmcb", vmcb), a("vmcb_address", vmcb_address), a("gif", gif), a("host_if", host_if), a("host_nmi_blocked", host_nmi_blocked), a("trap", trap);
    a("pauses_left", pauses_left), a("last_pause", last_pause), a("hidden", hidden);
    cpu.guest = running ? this : nullptr;
}

// Without SVM there is no GIF; SKINIT clears it without EFER.SVME.
void Svm::efer_changed(u64 old) {
    if (old & ~cpu.control.efer & efer::svme) gif = true;
    update_events();
}

void Svm::enter_smm() {
    hidden = cpu.guest;
    if (!hidden) return;
    cpu.guest = nullptr;
    cpu.mmu->set_guest_aside();
}

void Svm::leave_smm() {
    if (hidden) cpu.guest = this, cpu.mmu->bring_guest_back();
    hidden = false;
}

// ---- exits

Outcome Svm::exit_code(u64 code, u64 information1, u64 information2) {
    noted = {code, information1, information2, interrupted(cpu.delivering), 0, cpu.sti_shadow || cpu.mov_ss_shadow, 0, {}};
    return raise();
}

Outcome Svm::exit_instruction(Exit e, const Insn& insn, u64 information1, u64 information2) {
    exit(e, information1, information2);
    u64 next = cpu.rip() + insn.length;
    noted.next_rip = cpu.bits64() ? next : u32(next);
    return Outcome::fault;
}

// The bytes at CS:rIP, as many as there are (APM vol. 2, 15.8.4). A look leaves no trace.
void Svm::note_instruction_bytes() {
    u64 from = cpu.bits64() ? cpu.rip() : u32(cpu.rip() + cpu.seg[Seg::cs].base);
    u64 page = 1, at = 0;
    for (unsigned n = 0; n < noted.bytes.size(); n++) {
        u64 address = cpu.bits64() ? from + n : u32(from + n);
        if ((address & ~u64{0xfff}) != page) {
            if (!cpu.peek(address, at)) return;
            page = address & ~u64{0xfff}, at &= ~u64{0xfff};
        }
        noted.bytes[n] = u8(cpu.memory.read(Physical(at | (address & 0xfff)), 1));
        noted.fetched = u8(n + 1);
    }
}

// ---- exceptions and faults (APM vol. 2, 15.12)

// DR6 and DR7 are as the handler of #DB would see them; CR2 is not written. The error code of a page fault has bit 4 set for
// a fetch, whose bytes there are none of. (What is met may be Cpu::fault_ itself, which raise() writes.)
bool Svm::exception(const Fault& met) {
    const Fault f = met;
    if (f.vector >= 32 || !intercepts(numbered(Exit::exception, f.vector))) return false;
    if (f.vector == db_vector) debug::entered(cpu, f.address);
    exit(numbered(Exit::exception, f.vector), f.has_code ? f.code : 0, f.vector == pf_vector ? f.address : 0);
    if (f.length) noted.next_rip = cpu.rip() + f.length;
    if (f.vector == pf_vector && has(Feature::decodeassists) && !(f.code & bit(4))) note_instruction_bytes();
    return true;
}

Outcome Svm::second_stage_fault(const paging::Fault& f) {
    exit(Exit::nested_page_fault, f.information, f.guest.value);
    if (has(Feature::decodeassists) && !(f.information & paging::code::fetch)) note_instruction_bytes();
    return Outcome::fault;
}

void Svm::triple_fault() {
    if (intercepts(Exit::shutdown)) {
        exit(Exit::shutdown);
        return leave();
    }
    cpu.activity = Activity::shutdown;
    cpu.wires.shutdown();
}

// ---- VMLOAD, VMSAVE, STGI, CLGI

void Svm::vmload(Physical at) {
    if (const u8* page = cpu.memory.page_for_read(at)) return load_more(cpu, VmcbPage<const u8>{page});
    Vmcb v;
    v.load(cpu.memory, at, of(Clean::loaded));
    load_more(cpu, v);
}

void Svm::vmsave(Physical at) {
    if (VmcbPage<u8> v{cpu.memory.page_for_write(at)}; v.page) return save_more(cpu, v);
    Vmcb v;
    save_more(cpu, VmcbHeld{v});
    v.store<more_fields>({cpu.memory, at});
}

bool Svm::virtual_vmload_vmsave() const {
    return cpu.guest && has(Feature::v_vmsave_vmload) && nested_paging() && (vmcb[Field::virtual_extensions] & svm::virtual_vmload_vmsave);
}

void Svm::set_gif(bool on) {
    u64& control = vmcb[Field::interrupt_control];
    if (cpu.guest && has(Feature::vgif) && (control & interrupt::gif_enable)) control = on ? control | interrupt::gif : control & ~interrupt::gif;
    else gif = on;
    update_events();
}

}
