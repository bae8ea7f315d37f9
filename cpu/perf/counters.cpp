// SPDX-License-Identifier: MIT
// Which event a counter counts, and how (SDM vol. 3, ch. "Performance Monitoring": architectural events; APM vol. 2, 13.2, and the
// processors' manuals, "Core Performance Monitor Counters"). All other events count nothing, as there are no caches and no wrong
// predictions.
#include "cpu/perf/counters.h"
#include "cpu/cpu.h"
#include "cpu/cpuid/model.h"
#include "cpu/event/debug.h"
#include <algorithm>

namespace perf {

namespace {

// Event-select registers of both vendors.
constexpr u64 user_bit = bit(16), os_bit = bit(17), edge_bit = bit(18), interrupt_bit = bit(20), enable_bit = bit(22), invert_bit = bit(23);
// AMD: only while a guest runs, only while none does.
constexpr u64 guest_only = bit(40), host_only = bit(41);
constexpr u64 counter_mask = mask(Counters::width - 1, 0);

enum class Who : u8 { intel, intel_from_icelake, intel_before_icelake, amd, zen };
struct EventRow {
    Who who;
    u16 event;
    u8 unit;                      // the unit mask
    What what;
};
constexpr EventRow events[] = {
    {Who::intel,                0x3c, 0x00, What::cycles},
    {Who::intel,                0x3c, 0x01, What::cycles},              // reference cycles: there is one rate
    {Who::intel,                0xc0, 0x00, What::instructions},
    {Who::intel,                0xc4, 0x00, What::branches},
    {Who::intel_before_icelake, 0xc4, 0x01, What::conditional},
    {Who::intel_from_icelake,   0xc4, 0x01, What::conditional_taken},
    {Who::intel_from_icelake,   0xc4, 0x10, What::not_taken},
    {Who::intel_from_icelake,   0xc4, 0x11, What::conditional},
    {Who::amd,                  0x76, 0x00, What::cycles},
    {Who::amd,                  0xc0, 0x00, What::instructions},
    {Who::amd,                  0xc2, 0x00, What::branches},
    {Who::amd,                  0xc4, 0x00, What::taken},
    {Who::zen,                  0xd1, 0x00, What::conditional},
};
constexpr What fixed_events[Counters::fixed_counters] = {What::instructions, What::cycles, What::cycles};

bool is_for(Who who, const CpuModel& model) {
    constexpr u8 icelake = 0x6a, zen = 0x17;       // model, family
    switch (who) {
    case Who::amd: return !model.intel();
    case Who::zen: return !model.intel() && model.family >= zen;
    case Who::intel: return model.intel();
    case Who::intel_from_icelake: return model.intel() && model.model >= icelake;
    default: return model.intel() && model.model < icelake;
    }
}

What event(const CpuModel& model, u16 number, u8 unit) {
    bool amd = !model.intel();                     // whose events here have no units
    for (auto& row : events)
        if (is_for(row.who, model) && row.event == number && (amd || row.unit == unit)) return row.what;
    return What::nothing;
}

// Branches by their encodings (SDM vol. 2, appendix A).
struct BranchRow {
    u8 map, first, last;
    bool conditional;
};
constexpr BranchRow branches[] = {
    {0, 0x70, 0x7f, true},  {1, 0x80, 0x8f, true},  {0, 0xe0, 0xe3, true},                               // Jcc, LOOP, JCXZ
    {0, 0xe8, 0xeb, false}, {0, 0x9a, 0x9a, false}, {0, 0xc2, 0xc3, false}, {0, 0xca, 0xcf, false},      // CALL, JMP, RET, INT, IRET
    {0, 0xff, 0xff, false}, {1, 0x05, 0x05, false}, {1, 0x07, 0x07, false}, {1, 0x34, 0x35, false},      // indirect; SYSCALL, SYSENTER
};
const BranchRow* branch(const isa::Encoding& e) {
    if (e.vex) return nullptr;
    for (auto& row : branches)
        if (e.map == row.map && e.opcode >= row.first && e.opcode <= row.last) return &row;
    return nullptr;
}

// What an instruction is, for the counters of events.
struct Retired {
    bool instruction = false, branch = false, conditional = false, taken = false;
    bool is(What what) const {
        switch (what) {
        case What::instructions: return instruction;
        case What::branches: return branch;
        case What::taken: return branch && taken;
        case What::conditional: return conditional;
        case What::conditional_taken: return conditional && taken;
        case What::not_taken: return conditional && !taken;
        default: return false;
        }
    }
};
Retired retired(const Insn* insn, Outcome outcome) {
    Retired r;
    r.taken = outcome == Outcome::taken;
    r.instruction = r.taken || outcome == Outcome::next || outcome == Outcome::changed;
    auto* row = r.instruction && insn ? branch(insn->row->encoding) : nullptr;
    r.conditional = row && row->conditional;
    r.branch = r.conditional || (row && r.taken);  // FF has other instructions, and INTO may do nothing
    return r;
}

}

Counters::Counters(Cpu& cpu, Clock& clock) : cpu(cpu), clock(clock), alarm(clock, [this] {
    settle(false);
    arm();
}) {}

// SDM vol. 3, table "IA-32 and Intel 64 Processor States Following Power-up": the general counters are enabled globally.
void Counters::reset() {
    selects = {}, values = {}, origins = {};
    fixed = status = 0;
    global = (bit(general()) - 1) & global_bits();
    take_uses(every);
    arm();
}

void Counters::visit(Archive& a) {
    a("selects", selects), a("fixed", fixed), a("global", global), a("status", status);
    a("values", values), a("origins", origins), a("last_cycle", last_cycle), a("last_waited", last_waited), a("asserted", asserted), a("alarm", alarm);
    global &= global_bits();
    take_uses(every);
}

unsigned Counters::general() const {
    if (cpu.intel()) return cpu.features.has(Feature::perfmon) ? std::min<unsigned>(cpu.model.perf_counters, most_general) : 0;
    return cpu.features.has(Feature::perfctr_core) ? 6 : 4;
}

u64 Counters::global_bits() const {
    if (!cpu.intel() || !general()) return 0;
    return (bit(general()) - 1) | (bit(fixed_counters) - 1) << 32;
}

bool Counters::exists(unsigned n) const { return n < general() || (n >= most_general && n < all && global_bits()); }

// ---- what each does

Counters::Use Counters::fixed_use(unsigned n) const {
    u64 control = fixed >> 4 * n & 15;
    Use u;
    u.os = control & 1, u.user = control & 2, u.interrupts = control & 8;
    if ((u.os || u.user) && (global >> 32 >> n & 1)) u.what = fixed_events[n];
    return u;
}

Counters::Use Counters::general_use(unsigned n) const {
    u64 s = selects[n];
    bool amd = !cpu.intel();
    u16 number = u16((s & 0xff) | (amd ? bits(s, 35, 32) << 8 : 0));
    Use u;
    u.os = s & os_bit, u.user = s & user_bit, u.interrupts = s & interrupt_bit, u.inverted = s & invert_bit, u.edge = s & edge_bit;
    u.at_least = u8(s >> 24);
    if (amd && (s & (guest_only | host_only)) != (guest_only | host_only)) u.guest_only = s & guest_only, u.host_only = s & host_only;
    bool on = (s & enable_bit) && (amd || (global >> n & 1)) && (u.os || u.user);
    if (on) u.what = event(cpu.model, number, u8(s >> 8));
    return u;
}

void Counters::take_uses(u64 which) {
    each = false;
    for (unsigned n = 0; n < all; n++) {
        if (which >> n & 1) uses[n] = !exists(n) ? Use{} : n < most_general ? general_use(n) : fixed_use(n - most_general);
        each |= uses[n].what != What::nothing && !uses[n].plain();
    }
}

// ---- counting without being told

// The running instruction has taken its tick and is not retired yet.
u64 Counters::now(What what, bool in_instruction) const {
    if (what == What::instructions) return cpu.retired;
    bool waits = cpu.waits_since != Cpu::not_waiting;
    return (waits ? cpu.waits_since : clock.ticks - in_instruction) - cpu.waited;
}

void Counters::settle(bool in_instruction) {
    for (unsigned n = 0; n < all; n++) {
        if (!uses[n].plain()) continue;
        u64 until = now(uses[n].what, in_instruction);
        s64 count = s64(until - origins[n]);
        if (count <= 0) continue;                  // it starts behind this instruction
        origins[n] = until;
        add(n, u64(count));
    }
    freeze_if_due();
}

void Counters::add(unsigned n, u64 count) {
    values[n] += count;
    if (values[n] <= counter_mask) return;
    values[n] &= counter_mask;
    overflowed(n);
}

// What is switched on counts from the next instruction on, and what is switched off counts up to the last one.
template <class Change> void Counters::change(u64 which, Change change) {
    settle(true);
    auto old = uses;
    bool watched = each;
    change();
    take_uses(which);
    for (unsigned n = 0; n < all; n++) {
        bool started = uses[n].what != old[n].what || uses[n].plain() != old[n].plain();
        if (uses[n].plain() && started) origins[n] = now(uses[n].what, true) + 1;
        if (started) fresh |= u16(bit(n));
    }
    changed_at = clock.ticks;
    if (each && !watched) last_cycle = clock.ticks - cpu.waited, last_waited = cpu.waited;
    for (unsigned n = 0; n < all; n++)
        if (uses[n].edge && uses[n].what != old[n].what) begin_edges(n);
    arm();
}

// A timer for the first overflow there may be: each instruction takes a tick at least. A CPU that waits counts nothing.
void Counters::arm() {
    u64 least = Clock::never;
    bool waits = cpu.waits_since != Cpu::not_waiting;
    for (unsigned n = 0; n < all; n++)
        if (uses[n].plain() && !waits) least = std::min(least, counter_mask + 1 - values[n]);
    if (least == Clock::never) return alarm.off();
    alarm.at(clock.ticks + least);
}

// SDM vol. 3, "Performance Monitoring", PMI: the overflow is noted, and the local vector table's entry is masked.
void Counters::overflowed(unsigned n) {
    if (cpu.intel()) status |= n < most_general ? bit(n) : bit(32 + n - most_general);
    if (!uses[n].interrupts) return;
    cpu.apic.performance_interrupt();
    freezing = true;
}

// SDM vol. 3, "Freezing LBR and Performance Counters on PMI", the way of versions 2 and 3: the enable bits are cleared.
void Counters::freeze_if_due() {
    if (!freezing) return;
    freezing = false;
    u64& control = cpu.msr.debugctl;
    if (!cpu.intel()) return;
    if (control & debug::freeze_lbrs_on_pmi) control &= ~debug::lbr;
    if (control & debug::freeze_perfmon_on_pmi) global = 0, take_uses(every);
}

void Counters::stop() {
    settle(false);
    global = 0;
    take_uses(every);
    arm();
}

// ---- counting by the instruction

void Counters::stepped(const Insn* insn, Outcome outcome, u8 ring) {
    auto r = retired(insn, outcome);
    bool waited = cpu.waited != last_waited;
    u64 cycle = clock.ticks - cpu.waited, cycles = cycle - last_cycle;
    if (waited) asserted = 0;
    last_cycle = cycle, last_waited = cpu.waited;
    u16 skipped = changed_at == clock.ticks ? fresh : u16(0);
    fresh = 0;
    for (unsigned n = 0; n < all; n++) {
        auto& u = uses[n];
        bool here = (ring == 0 ? u.os : u.user) && !(cpu.guest ? u.host_only : u.guest_only);
        if (u.what == What::nothing || u.plain() || !here || skipped >> n & 1) continue;
        u64 per_cycle = u.what == What::cycles || r.is(u.what), count = u.what == What::cycles ? cycles : per_cycle;
        if (u.edge) {
            count = edges(n, per_cycle, cycles);
        } else if (u.at_least) {
            count = per_cycle >= u.at_least ? count : 0;
            if (u.inverted) count = cycles - count;
        }
        add(n, count);
    }
    freeze_if_due();
}

// The condition as the instruction that starts the counter leaves it: neither a branch nor a wait.
void Counters::begin_edges(unsigned n) {
    bool counts = uses[n].what == What::cycles || uses[n].what == What::instructions;
    asserted = u16((asserted & ~bit(n)) | u64{uses[n].holds(counts)} << n);
}

// How often the condition has become true: in the cycles that went by before the instruction was complete, and in the one of its end.
u64 Counters::edges(unsigned n, u64 per_cycle, u64 cycles) {
    auto& u = uses[n];
    bool was = asserted >> n & 1;
    u64 count = 0;
    auto next = [&](bool is) { count += is && !was, was = is; };
    if (cycles > 1) next(u.holds(u.what == What::cycles));
    next(u.holds(per_cycle));
    asserted = u16((asserted & ~bit(n)) | u64{was} << n);
    return count;
}

// ---- registers

u64 Counters::read(unsigned n) {
    settle(true);
    return values[n];
}
void Counters::write(unsigned n, u64 value) {
    change(0, [&] {
        values[n] = value & counter_mask;
        origins[n] = now(uses[n].what, true) + 1;
    });
}
void Counters::set_select(unsigned n, u64 value) { change(bit(n), [&] { selects[n] = value; }); }
void Counters::set_fixed_control(u64 value) { change(every, [&] { fixed = value; }); }
// By VM entries and exits, too.
void Counters::set_global_control(u64 value) {
    u64 differs = global ^ value;
    if (differs) change((differs & ones(1)) | (differs >> 32) << most_general, [&] { global = value; });
}

void Counters::resumed() { arm(); }

bool Counters::rdpmc(u32 index, u64& value) {
    constexpr u32 fixed_type = u32(bit(30));
    bool is_fixed = cpu.intel() && (index & fixed_type);
    u32 n = is_fixed ? index & ~fixed_type : index;
    if (n >= (is_fixed ? fixed_counters : most_general)) return false;
    if (is_fixed) n += most_general;
    if (!exists(n)) return false;
    value = read(n);
    return true;
}

}
