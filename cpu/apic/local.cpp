// SPDX-License-Identifier: MIT
// The local APIC's registers, priorities, messages and local vector table (SDM vol. 3, ch. 11).
#include "cpu/apic/local.h"
#include "cpu/cpu.h"
#include "cpu/cpuid/model.h"
#include <algorithm>
#include <utility>

namespace {

// Register numbers: the xAPIC's offset / 16, the x2APIC's MSR less 800h (table 11-6).
enum Number : unsigned {
    id_register = 0x02, version_register = 0x03, tpr_register = 0x08, apr_register = 0x09, ppr_register = 0x0a, eoi_register = 0x0b,
    ldr_register = 0x0d, dfr_register = 0x0e, svr_register = 0x0f, isr_first = 0x10, tmr_first = 0x18, irr_first = 0x20,
    esr_register = 0x28, icr_low = 0x30, icr_high = 0x31, lvt_timer = 0x32, lvt_error = 0x37, initial_count = 0x38,
    current_count_register = 0x39, divide_register = 0x3e, self_ipi = 0x3f
};
// Bits of a local vector table entry (figure 11-8).
constexpr u32 masked = 0x10000, level_triggered = 0x8000, remote_irr = 0x4000;
constexpr unsigned mode_bits(u32 entry) { return entry >> 8 & 7; }
// Bits of the error status register (11.5.3).
enum : u8 { send_illegal_vector = 0x20, receive_illegal_vector = 0x40, illegal_register = 0x80 };
constexpr u32 software_enable = 0x100, no_eoi_broadcast = 0x1000;
constexpr unsigned shorthand(u64 command) { return unsigned(bits(command, 19, 18)); }

}

int VectorSet::highest() const {
    for (int i = 7; i >= 0; i--)
        if (word[unsigned(i)]) return i * 32 + 31 - std::countl_zero(word[unsigned(i)]);
    return -1;
}

LocalApic::LocalApic(Cpu& cpu, Clock& clock) : cpu(cpu), clock(clock), alarm(clock, [this] { timer_expired(); }) {}

u32 LocalApic::initial_id() const { return cpu.number; }

// 11.4.7: registers after power-up, INIT and re-enabling.
void LocalApic::clear_registers() {
    alarm.off();
    tpr = ldr = 0, dfr = ~u32{0}, spurious = 0xff, icr = 0;
    errors = shown_errors = 0;
    lvt.fill(masked);
    irr = isr = tmr = {};
    divide = initial = remaining = 0;
    origin = deadline = 0;
    update();
    pass_intr();
}

void LocalApic::reset(bool init) {
    if (!init) {
        base_register = 0xfee00000 | bit(11) | (cpu.number == 0 ? bit(8) : 0);
        if (!cpu.features.has(Feature::apic)) base_register &= ~bit(11);
        id = initial_id() & 0xff;
    }
    clear_registers();
}

void LocalApic::visit(Archive& a) {
    u64 old_base = base_register;
    a("base", base_register), a("id", id), a("tpr", tpr), a("ldr", ldr), a("dfr", dfr), a("spurious", spurious);
    a("icr", icr), a("errors", errors), a("shown_errors", shown_errors), a("lvt", lvt), a("pin", pin);
    a("irr", irr), a("isr", isr), a("tmr", tmr);
    a("divide", divide), a("initial", initial), a("remaining", remaining), a("origin", origin), a("deadline", deadline);
    a("alarm", alarm);
    if (state() == State::invalid) base_register &= ~bit(10);
    base_register &= mask(cpu.model.physical_bits - 1u, 12) | bit(8) | bit(10) | bit(11);
    if (base_register != old_base) cpu.memory_map_changed();
    id &= 0xff, tpr &= 0xff, divide &= 0xb;
    for (unsigned e = 0; e < entries; e++) lvt[e] &= entry_writable(Entry(e)) | remote_irr;
    irr.word[0] &= 0xffff0000, isr.word[0] &= 0xffff0000, tmr.word[0] &= 0xffff0000;
}

// ---- IA32_APIC_BASE: 11.4.3, 11.4.4; the transitions of figure 11-26 (11.12.5)
bool LocalApic::write_base(u64 value) {
    u64 exist = mask(cpu.model.physical_bits - 1u, 12) | bit(8) | bit(11);
    if (cpu.features.has(Feature::x2apic)) exist |= bit(10);
    if (value & ~exist) return false;
    auto from = state(), to = State(value >> 10 & 3);
    if (to == State::invalid) return false;
    if (from == State::x2apic && to == State::xapic) return false;
    if (from == State::disabled && to == State::x2apic) return false;
    base_register = (value & ~bit(8)) | (base_register & bit(8));
    if (from != to && (from == State::disabled || to == State::disabled)) clear_registers(), id = initial_id() & 0xff;
    if (to == State::x2apic) icr &= mask(31, 0);
    pass_intr();
    cpu.memory_map_changed();
    return true;
}

// ---- ids and destinations: 11.6.2, 11.12.9 and 11.12.10

u32 LocalApic::logical_id() const {
    if (state() != State::x2apic) return ldr;
    return initial_id() >> 4 << 16 | u32(1) << (initial_id() & 15);
}

bool LocalApic::matches(u32 destination, bool logical) const {
    if (!enabled() || excluded) return false;
    if (destination == ~u32{0}) return true;
    if (state() == State::x2apic) {
        if (!logical) return destination == initial_id();
        u32 mine = logical_id();
        return destination >> 16 == mine >> 16 && (destination & mine & 0xffff);
    }
    if (destination == 0xff) return true;
    if (!logical) return destination == id;
    u32 mine = ldr >> 24;
    if (destination > 0xff) return false;
    if (dfr >> 28 == 15) return destination & mine;                       // flat
    return (destination >> 4 == mine >> 4 || destination >> 4 == 15) && (destination & mine & 15);
}

u8 LocalApic::arbitration() const {               // 11.8.3.1's rule for the APR of the P6 family
    auto c = [](int v) { return v < 0 ? u8(0) : u8(v & 0xf0); };
    u8 requested = c(irr.highest()), serviced = c(isr.highest());
    if ((tpr & 0xf0) >= requested && (tpr & 0xf0) > serviced) return u8(tpr);
    return std::max({u8(tpr & 0xf0), requested, serviced});
}

void route(std::span<LocalApic* const> apics, const ApicMessage& message) {
    LocalApic* lowest = nullptr;
    for (auto* apic : apics) {
        if (!apic->matches(message.destination, message.logical)) continue;
        if (message.mode != DeliveryMode::lowest) apic->accept(message);
        else if (!lowest || apic->arbitration() < lowest->arbitration()) lowest = apic;
    }
    if (lowest) lowest->accept(message);
}

// ---- accepting: 11.8.4; NMI, INIT, SIPI and ExtINT reach a software-disabled APIC too (11.4.7.2)

void LocalApic::accept(const ApicMessage& m) {
    if (matches(m.destination, m.logical)) receive(m);
}

void LocalApic::receive(const ApicMessage& m) {
    switch (m.mode) {
    case DeliveryMode::fixed: case DeliveryMode::lowest:
        if (spurious & software_enable) take(m.vector, m.level);
        break;
    case DeliveryMode::nmi: cpu.request_nmi(); break;
    case DeliveryMode::init:
        if (m.asserted || !m.level) cpu.request_init();
        break;
    case DeliveryMode::startup: cpu.request_startup(m.vector); break;
    case DeliveryMode::extint: cpu.pending |= pending::intr; break;
    case DeliveryMode::smi: cpu.request_smi(); break;
    }
}

void LocalApic::take(u8 vector, bool level) {
    if (vector < 16) return complain(receive_illegal_vector);
    irr.add(vector);
    if (level) tmr.add(vector);
    else tmr.remove(vector);
    update();
}

void LocalApic::complain(u8 error_bit) {
    bool first = !(errors & error_bit);
    errors |= error_bit;
    u8 vector = u8(lvt[error]);
    if (first && !(lvt[error] & masked) && vector >= 16) take(vector, false);
}

// A local interrupt source's event, by its entry (11.5.1).
void LocalApic::fire(Entry entry) {
    u32 e = lvt[entry];
    if (e & masked) return;
    bool fixed_only = entry == timer || entry == error;
    switch (fixed_only ? DeliveryMode::fixed : DeliveryMode(mode_bits(e))) {
    case DeliveryMode::fixed: take(u8(e), (entry == lint0 || entry == lint1) && (e & level_triggered)); break;
    case DeliveryMode::nmi: cpu.request_nmi(); break;
    case DeliveryMode::init: cpu.request_init(); break;
    case DeliveryMode::smi: cpu.request_smi(); break;
    default: break;                                // ExtINT is a level, see pass_intr(); the others are reserved here
    }
}

// Intel's entry is masked by the interrupt it leads to (SDM vol. 3, "Performance Monitoring").
void LocalApic::performance_interrupt() {
    fire(performance);
    if (cpu.intel()) lvt[performance] |= masked;
}

// ---- the two pins

// INTR of the 8259s reaches the core: straight while the APIC is disabled, else as LINT0's ExtINT.
bool LocalApic::intr_passes() const {
    if (!enabled()) return pin[0];
    for (unsigned n = 0; n < 2; n++)
        if (u32 e = lvt[lint0 + n]; pin[n] && !(e & masked) && DeliveryMode(mode_bits(e)) == DeliveryMode::extint) return true;
    return false;
}

void LocalApic::pass_intr() {
    if (intr_passes()) cpu.pending |= pending::intr;
    else cpu.pending &= ~pending::intr;
}

void LocalApic::set_lint(unsigned n, bool level) {
    bool before = std::exchange(pin[n & 1], level);
    lint_changed(n & 1, before);
    pass_intr();
}

void LocalApic::lint_changed(unsigned n, bool before) {
    if (!pin[n]) return;
    if (!enabled()) {
        if (n == 1 && !before) cpu.request_nmi();
        return;
    }
    u32& e = lvt[lint0 + n];
    bool by_level = (e & level_triggered) && DeliveryMode(mode_bits(e)) == DeliveryMode::fixed;
    if (e & masked || (by_level ? e & remote_irr : before)) return;
    if (by_level) e |= remote_irr;
    fire(Entry(lint0 + n));
}

// ---- priorities: 11.8.3

u8 LocalApic::processor_priority() const {
    int serviced = isr.highest();
    if (serviced < 0 || (tpr & 0xf0) >= u32(serviced & 0xf0)) return u8(tpr);
    return u8(serviced & 0xf0);
}

int LocalApic::highest() const {
    int requested = irr.highest();
    return requested >= 0 && (requested & 0xf0) > (processor_priority() & 0xf0) ? requested : -1;
}

void LocalApic::update() {
    if (highest() >= 0) cpu.pending |= pending::apic;
    else cpu.pending &= ~pending::apic;
}

u8 LocalApic::acknowledge() {
    int vector = highest();
    if (vector < 0) return update(), u8(spurious);
    irr.remove(u8(vector));
    isr.add(u8(vector));
    update();
    return u8(vector);
}

void LocalApic::end_of_interrupt() {
    int vector = isr.highest();
    if (vector < 0) return;
    isr.remove(u8(vector));
    for (unsigned n = 0; n < 2; n++)
        if (u32& e = lvt[lint0 + n]; (e & remote_irr) && u8(e) == vector) e &= ~remote_irr, lint_changed(n, true);
    if (tmr.has(u8(vector)) && !(spurious & no_eoi_broadcast)) cpu.wires.eoi(u8(vector));
    update();
}

void LocalApic::set_cr8(u8 value) {
    tpr = u32(value & 15) << 4;
    update();
}

// ---- registers

u32 LocalApic::version() const { return cpu.model.apic_version | (entries - 1u) << 16 | (cpu.intel() ? u32(bit(24)) : 0); }

u32 LocalApic::register_at(unsigned n) {
    if (n >= isr_first && n < isr_first + 8) return isr.word[n - isr_first];
    if (n >= tmr_first && n < tmr_first + 8) return tmr.word[n - tmr_first];
    if (n >= irr_first && n < irr_first + 8) return irr.word[n - irr_first];
    if (n >= lvt_timer && n <= lvt_error) return lvt[n - lvt_timer];
    switch (n) {
    case id_register: return state() == State::x2apic ? initial_id() : id << 24;
    case version_register: return version();
    case tpr_register: return tpr;
    case apr_register: return arbitration();
    case ppr_register: return processor_priority();
    case ldr_register: return logical_id();
    case dfr_register: return dfr;
    case svr_register: return spurious;
    case esr_register: return shown_errors;
    case icr_low: return u32(icr);
    case icr_high: return u32(icr >> 32);
    case initial_count: return initial;
    case current_count_register: return current_count();
    case divide_register: return divide;
    default: return 0;
    }
}

u32 LocalApic::entry_writable(Entry entry) const {
    constexpr u32 vector = 0xff, mode = 0x700;
    switch (entry) {
    case timer: return vector | masked | (cpu.features.has(Feature::tsc_deadline) ? 0x60000 : 0x20000);
    case thermal: case performance: return vector | mode | masked;
    case lint0: case lint1: return vector | mode | 0x2000 | level_triggered | masked;
    default: return vector | masked;
    }
}

void LocalApic::write_entry(Entry entry, u32 value) {
    u32 old = lvt[entry];
    lvt[entry] = (value & entry_writable(entry)) | (old & remote_irr);
    if (!(spurious & software_enable)) lvt[entry] |= masked;              // 11.4.7.2
    if (entry == timer && ((old ^ lvt[timer]) & 0x40000)) stop_timer();   // to or from TSC-deadline mode: 11.5.4.1
    if (entry == lint0 || entry == lint1) lint_changed(entry - lint0, true), pass_intr();
}

void LocalApic::write_spurious(u32 value) {
    spurious = value & (0x1ff | (cpu.intel() ? no_eoi_broadcast : 0u));
    if (!(spurious & software_enable))
        for (auto& e : lvt) e |= masked;
    pass_intr();
}

// False: the register can't be written so (x2APIC: #GP(0); xAPIC: illegal register address).
bool LocalApic::set_register(unsigned n, u32 value, bool x2) {
    if (n >= lvt_timer && n <= lvt_error) {
        auto entry = Entry(n - lvt_timer);
        if (x2 && (value & ~(entry_writable(entry) | remote_irr | 0x1000))) return false;
        return write_entry(entry, value), true;
    }
    switch (n) {
    case id_register: if (x2) return false; id = value >> 24; return true;
    case tpr_register: if (x2 && value > 0xff) return false; tpr = value & 0xff; return update(), true;
    case eoi_register: if (x2 && value) return false; return end_of_interrupt(), true;
    case ldr_register: if (x2) return false; ldr = value & 0xff000000; return true;
    case dfr_register: if (x2) return false; dfr = value | 0x0fffffff; return true;
    case svr_register: if (x2 && (value & ~u32{0x13ff})) return false; return write_spurious(value), true;
    case esr_register: if (x2 && value) return false; shown_errors = std::exchange(errors, u8(0)); return true;
    case icr_low: icr = (icr & mask(63, 32)) | (value & 0xccfff); return send(icr), true;
    case icr_high: if (x2) return false; icr = (icr & mask(31, 0)) | u64(value & 0xff000000) << 32; return true;
    case initial_count: initial = value; if (timer_mode() != 2) start_count(value); return true;
    case divide_register: {
        if (x2 && (value & ~u32{0xb})) return false;
        u32 left = current_count();
        divide = value & 0xb;
        if (left) start_count(left);
        return true;
    }
    default: return false;
    }
}

// What can be read: all that exists but EOI and SELF IPI (write-only).
static bool readable(unsigned n, bool x2) {
    if (n >= isr_first && n <= esr_register) return true;
    if (n >= icr_low && n <= current_count_register) return !(x2 && n == icr_high);
    if (n == apr_register || n == dfr_register) return !x2;
    return n == id_register || n == version_register || n == tpr_register || n == ppr_register || n == ldr_register ||
           n == svr_register || n == divide_register || (!x2 && (n == eoi_register || n == 0x0c));
}

u64 LocalApic::read(unsigned offset, unsigned width) {
    if (offset & 12) return 0;                     // only the first four bytes of every sixteen are there
    unsigned n = offset >> 4;
    if (!readable(n, false)) return complain(illegal_register), 0;
    return register_at(n) >> (offset & 3) * 8 & ones(width);
}

void LocalApic::write(unsigned offset, unsigned width, u64 value) {
    if (offset & 15 || width < 4) return;          // 11.4.1: registers are written as 32 bits, aligned
    unsigned n = offset >> 4;
    if (n == version_register || (n >= apr_register && n <= ppr_register) || n == current_count_register) return;
    if (!set_register(n, u32(value), false)) complain(illegal_register);
}

bool LocalApic::read_msr(u32 index, u64& value) {
    unsigned n = index - 0x800;
    if (state() != State::x2apic || !readable(n, true)) return false;
    value = n == icr_low ? icr : register_at(n);
    return true;
}

// 11.12.1.2: reserved bits give #GP(0); the ICR is one register of 64 bits.
bool LocalApic::write_msr(u32 index, u64 value) {
    unsigned n = index - 0x800;
    if (state() != State::x2apic) return false;
    if (n == icr_low) {
        if (value & mask(31, 0) & ~u64{0xccfff}) return false;
        return icr = value, send(icr), true;
    }
    if (value >> 32) return false;
    if (n == self_ipi) {
        if (value > 0xff) return false;
        return send(u64{1} << 18 | value), true;
    }
    return set_register(n, u32(value), true);
}

// ---- the interrupt command register: 11.6.1 and 11.12.9

void LocalApic::send(u64 command) {
    ApicMessage m;
    m.vector = u8(command);
    m.mode = DeliveryMode(bits(command, 10, 8));
    m.logical = command & bit(11);
    m.asserted = command & bit(14);
    m.level = m.mode == DeliveryMode::init && (command & bit(15));        // trigger mode counts for INIT only
    m.destination = state() == State::x2apic ? u32(command >> 32) : u32(command >> 56);
    bool fixed = m.mode == DeliveryMode::fixed || m.mode == DeliveryMode::lowest;
    if (unsigned(m.mode) == 3 || m.mode == DeliveryMode::extint) return;  // reserved in the ICR
    if (fixed && m.vector < 16) return complain(send_illegal_vector);
    if (m.mode == DeliveryMode::init && m.level && !m.asserted) return;   // INIT level de-assert: no effect since the Pentium 4
    switch (shorthand(command)) {
    case 0: return cpu.wires.send(m);
    case 1:
        if (m.mode == DeliveryMode::fixed) receive(m);
        return;
    }
    m.logical = false, m.destination = ~u32{0};
    excluded = shorthand(command) == 3;
    cpu.wires.send(m);
    excluded = false;
}
