// SPDX-License-Identifier: MIT
// Waits that end after a time: UMONITOR, UMWAIT, TPAUSE (SDM vol. 2; in a guest, vol. 3, 26.3), MONITORX, MWAITX (APM vol. 3).
#include "cpu/isa/families.h"
#include "cpu/isa/monitor.h"
#include "cpu/msr/access.h"
#include "cpu/virt/layer.h"
#include <algorithm>

namespace isa {
namespace {

bool exists(Slow& x) { return !x.cpu.guest || x.cpu.guest->exists(x.insn); }
Outcome intercepted(Slow& x) { return x.cpu.guest ? x.cpu.guest->intercept(x.insn) : Outcome::next; }

Outcome umonitor(Slow& x) {
    if (!exists(x)) return x.raise(ud());
    return arm_monitor(x, x.insn.segment, x.cpu.gpr[x.insn.operand[0].number] & ones(x.insn.address_size), true);
}

// For `delay` ticks. Other CPUs have their turn even where there is nothing to wait for.
Outcome wait_for(Slow& x, bool line, u64 delay, bool limited) {
    auto& cpu = x.cpu;
    u64 now = cpu.clock.ticks;
    if (delay == 0) return cpu.pending |= pending::yield, Outcome::next;
    cpu.wait_for(line, delay < Clock::never - now ? now + delay : Clock::never, limited);
    return Outcome::changed;
}

// EDX:EAX is a time of the TSC that the guest sees, the operating system's limit one of the CPU's (SDM vol. 3, 26.3).
u64 delay_until(const Cpu& cpu, u64 time) {
    u64 now = read_guest_tsc(cpu);
    if (time <= now) return 0;
    u128 delay = time - now;
    if (cpu.guest_tsc_ratio != Cpu::tsc_unscaled) delay = (delay << 48) / std::max<u64>(cpu.guest_tsc_ratio, 1);
    return delay < Clock::never ? u64(delay) : Clock::never;
}

// Bit 0 of the register chooses between C0.1 and C0.2. CF says that IA32_UMWAIT_CONTROL's limit ended the wait; 0 is none.
Outcome timed_wait(Slow& x, bool line) {
    auto& cpu = x.cpu;
    if (!exists(x)) return x.raise(ud());
    if ((cpu.control.cr4 & cr4::tsd) && cpu.cpl > 0) return x.raise(gp(0));
    if (auto exits = intercepted(x); exits != Outcome::next) return exits;
    if (u32(cpu.gpr[x.insn.operand[0].number]) & ~1u) return x.raise(gp(0));
    x.set_flags({});
    if (line && !(cpu.monitor.armed && cpu.monitor.by_user)) return wait_for(x, line, 0, false);
    u64 delay = delay_until(cpu, cpu.gpr.edx_eax()), limit = cpu.msr.umwait_control & mask(31, 2);
    bool limited = limit && limit < delay;
    return wait_for(x, line, limited ? limit : delay, limited);
}
Outcome tpause(Slow& x) { return timed_wait(x, false); }
Outcome umwait(Slow& x) { return timed_wait(x, true); }

// For any ring, but a hypervisor may ask for them as for MONITOR and MWAIT.
Outcome monitorx(Slow& x) {
    if (auto exits = intercepted(x); exits != Outcome::next) return exits;
    if (u32(x.cpu.gpr[rcx])) return x.raise(gp(0));
    return arm_monitor(x, x.insn.segment, x.cpu.gpr[rax] & ones(x.insn.address_size));
}
// ECX bit 0: masked interrupts wake, as they do anyway; bit 1: EBX has the longest time, in the TSC's ticks.
Outcome mwaitx(Slow& x) {
    if (auto exits = intercepted(x); exits != Outcome::next) return exits;
    u32 extensions = u32(x.cpu.gpr[rcx]);
    if (extensions & ~3u) return x.raise(gp(0));
    return wait_for(x, true, extensions & 2 ? u32(x.cpu.gpr[rbx]) : Clock::never, false);
}

constexpr Gate waitpkg{.needs = Feature::waitpkg, .asks_itself = true}, timed{.needs = Feature::monitorx, .asks_itself = true};

constexpr Row rows[] = {
    // name        encoding           operands  gate      event            run
    {"umonitor",  "F3 0F AE /6",     "Ry, Xb", waitpkg,  Event::umonitor, plain<umonitor>},
    {"umwait",    "F2 0F AE /6",     "Rd",     waitpkg,  Event::umwait,   plain<umwait>},
    {"tpause",    "66 0F AE /6",     "Rd",     waitpkg,  Event::tpause,   plain<tpause>},
    {"monitorx",  "NP 0F 01 FA",     "Xb",     timed,    Event::monitor,  plain<monitorx>},
    {"mwaitx",    "NP 0F 01 FB",     "",       timed,    Event::mwait,    plain<mwaitx>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> wait() { return rows; }
}
