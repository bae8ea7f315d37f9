// SPDX-License-Identifier: MIT
// Waits that end after a time: UMONITOR, UMWAIT, TPAUSE (SDM vol. 2), MONITORX, MWAITX (APM vol. 3). A wait may end for reasons of the
// CPU's own, and so it does here: other CPUs have their turn, then the instruction is over.
#include "cpu/isa/families.h"
#include "cpu/isa/monitor.h"
#include "cpu/virt/layer.h"

namespace isa {
namespace {

// The VMX control "enable user wait and pause" is not offered, so guests have none of the three (SDM vol. 3, 26.3).
bool exists(Slow& x) { return !(x.cpu.guest && x.cpu.intel()); }

void yield(Slow& x) { x.cpu.pending |= pending::yield; }

Outcome umonitor(Slow& x) {
    if (!exists(x)) return x.raise(ud());
    return arm_monitor(x, x.insn.segment, x.cpu.gpr[x.insn.operand[0].number] & ones(x.insn.address_size));
}
// Bit 0 of the register chooses between C0.1 and C0.2; CF would say that the operating system's limit ended the wait.
Outcome timed_wait(Slow& x) {
    if (!exists(x)) return x.raise(ud());
    if ((x.cpu.control.cr4 & cr4::tsd) && x.cpu.cpl > 0) return x.raise(gp(0));
    if (u32(x.cpu.gpr[x.insn.operand[0].number]) & ~1u) return x.raise(gp(0));
    x.set_flags({});
    yield(x);
    return Outcome::next;
}
Outcome umwait(Slow& x) {
    auto outcome = timed_wait(x);
    if (outcome == Outcome::next) x.cpu.monitor.armed = false;
    return outcome;
}

// For any ring, but a hypervisor may ask for them as for MONITOR and MWAIT.
Outcome intercepted(Slow& x) { return x.cpu.guest ? x.cpu.guest->intercept(x.insn) : Outcome::next; }
Outcome monitorx(Slow& x) {
    if (auto exits = intercepted(x); exits != Outcome::next) return exits;
    if (u32(x.cpu.gpr[rcx])) return x.raise(gp(0));
    return arm_monitor(x, x.insn.segment, x.cpu.gpr[rax] & ones(x.insn.address_size));
}
// ECX bit 0: masked interrupts wake; bit 1: EBX has the longest time.
Outcome mwaitx(Slow& x) {
    if (auto exits = intercepted(x); exits != Outcome::next) return exits;
    if (u32(x.cpu.gpr[rcx]) & ~3u) return x.raise(gp(0));
    x.cpu.monitor.armed = false;
    yield(x);
    return Outcome::next;
}

constexpr Gate waitpkg{.needs = Feature::waitpkg}, timed{.needs = Feature::monitorx, .asks_itself = true};

constexpr Row rows[] = {
    // name        encoding           operands  gate      event            run
    {"umonitor",  "F3 0F AE /6",     "Ry, Xb", waitpkg,  Event::none,     plain<umonitor>},
    {"umwait",    "F2 0F AE /6",     "Rd",     waitpkg,  Event::none,     plain<umwait>},
    {"tpause",    "66 0F AE /6",     "Rd",     waitpkg,  Event::none,     plain<timed_wait>},
    {"monitorx",  "NP 0F 01 FA",     "Xb",     timed,    Event::monitor,  plain<monitorx>},
    {"mwaitx",    "NP 0F 01 FB",     "",       timed,    Event::mwait,    plain<mwaitx>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> wait() { return rows; }
}
