// SPDX-License-Identifier: MIT
// AMD's instructions for virtual machines: VMRUN, VMMCALL, VMLOAD, VMSAVE, STGI, CLGI, SKINIT, INVLPGA (APM vol. 3).
#include "cpu/svm/svm.h"
#include "cpu/cpuid/model.h"
#include "cpu/exec/slow.h"
#include "cpu/isa/families.h"
#include "cpu/mmu.h"

namespace isa {
namespace {

using svm::Exit;

// #UD, privilege, and the hypervisor's word. SKINIT and STGI are there before SVM is enabled.
enum class Without { svme, nothing };
template <Without Allowed = Without::nothing> Outcome ready(Slow& x, Exit e) {
    auto& cpu = x.cpu;
    bool enabled = (cpu.control.efer & efer::svme) || (Allowed == Without::svme && cpu.features.has(Feature::skinit));
    if (!enabled || cpu.real_or_v86()) return x.raise(ud());
    if (cpu.cpl > 0) return x.raise(gp(0));
    auto& layer = svm::of(cpu);
    return layer.intercepts(e) ? layer.exit_instruction(e, x.insn) : Outcome::next;
}

u64 address_in_rax(const Slow& x) { return x.cpu.gpr[rax] & ones(x.insn.address_size); }

// rAX holds a page's physical address.
bool page_in_rax(Slow& x) {
    u64 at = address_in_rax(x);
    if (!(at & 0xfff) && at >> x.cpu.model.physical_bits == 0) return true;
    return x.raise(gp(0)), false;
}

Outcome vmrun(Slow& x) {
    if (auto refused = ready(x, Exit::vmrun); refused != Outcome::next) return refused;
    if (!page_in_rax(x)) return x.why();
    u64 next = x.next_rip();
    return svm::of(x.cpu).vmrun(address_in_rax(x), x.cpu.bits64() ? next : u32(next));
}

// In a guest whose hypervisor wants it so, rAX is guest-physical; outside long mode that still exits.
template <Exit E, void (svm::Svm::*Run)(Physical), Kind K> Outcome move_state(Slow& x) {
    if (auto refused = ready(x, E); refused != Outcome::next) return refused;
    auto& layer = svm::of(x.cpu);
    bool virtualized = layer.virtual_vmload_vmsave();
    if (virtualized && !x.cpu.long_mode()) return layer.exit_instruction(E, x.insn);
    if (!page_in_rax(x)) return x.why();
    Physical at(address_in_rax(x));
    if (virtualized && !x.cpu.mmu->guest_physical(at.value, K, at)) return Outcome::fault;
    (layer.*Run)(at);
    x.cpu.mode_changed();
    return Outcome::changed;
}

template <Exit E, bool On, Without Allowed> Outcome set_gif(Slow& x) {
    if (auto refused = ready<Allowed>(x, E); refused != Outcome::next) return refused;
    svm::of(x.cpu).set_gif(On);
    return Outcome::changed;
}

Outcome skinit(Slow& x) {
    if (auto refused = ready<Without::svme>(x, Exit::skinit); refused != Outcome::next) return refused;
    return svm::of(x.cpu).skinit(x.cpu.gpr[rax]);
}

// The one of them for every ring and mode: without a hypervisor that wants it there is no such instruction.
Outcome vmmcall(Slow& x) {
    auto& layer = svm::of(x.cpu);
    return layer.intercepts(Exit::vmmcall) ? layer.exit_instruction(Exit::vmmcall, x.insn) : x.raise(ud());
}

// A page of the ASID in ECX. An ASID beyond the last, or an address that is not canonical, names nothing.
Outcome invlpga(Slow& x) {
    if (auto refused = ready(x, Exit::invlpga); refused != Outcome::next) return refused;
    auto& cpu = x.cpu;
    u64 address = address_in_rax(x);
    u32 asid = u32(cpu.gpr[rcx]);
    if (asid < cpu.model.asids && cpu.canonical_at_widest(address))
        cpu.mmu->invalidate(paging::Operation::invlpga, {{.vpid = u16(asid)}, address});
    return Outcome::changed;
}

using F = Feature;
constexpr Gate all = {.needs = F::svm, .asks_itself = true}, loader = {.needs = F::skinit, .asks_itself = true};

constexpr Row rows[] = {
    // name      encoding    operands gate  event        run
    {"vmrun",    "0F 01 D8", "",      all,  Event::svm,  plain<vmrun>},
    {"vmmcall",  "0F 01 D9", "",      all,  Event::svm,  plain<vmmcall>},
    {"vmload",   "0F 01 DA", "",      all,  Event::svm,  plain<move_state<Exit::vmload, &svm::Svm::vmload, Kind::read>>},
    {"vmsave",   "0F 01 DB", "",      all,  Event::svm,  plain<move_state<Exit::vmsave, &svm::Svm::vmsave, Kind::write>>},
    {"stgi",     "0F 01 DC", "",      all,  Event::svm,  plain<set_gif<Exit::stgi, true, Without::svme>>},
    {"clgi",     "0F 01 DD", "",      all,  Event::svm,  plain<set_gif<Exit::clgi, false, Without::nothing>>},
    {"skinit",   "0F 01 DE", "",      loader, Event::svm, plain<skinit>},
    {"invlpga",  "0F 01 DF", "",      all,  Event::svm,  plain<invlpga>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> svm() { return rows; }
}
