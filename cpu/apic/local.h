// SPDX-License-Identifier: MIT
// The local APIC: xAPIC and x2APIC (SDM vol. 3, ch. 11). Left out: the CMCI entry, AMD's extended entries.
#pragma once
#include "base/archive.h"
#include "base/clock.h"
#include "cpu/apic/message.h"
#include "memory/address.h"
#include <array>
#include <span>

struct Cpu;

// One bit per vector: IRR, ISR, TMR.
struct VectorSet {
    std::array<u32, 8> word{};
    bool has(u8 v) const { return word[v / 32] >> v % 32 & 1; }
    void add(u8 v) { word[v / 32] |= u32(1) << v % 32; }
    void remove(u8 v) { word[v / 32] &= ~(u32(1) << v % 32); }
    int highest() const;          // -1: empty
    void visit(Archive& a) { a("word", word); }
};

class LocalApic {
public:
    enum class State : u8 { disabled, invalid, xapic, x2apic };           // IA32_APIC_BASE bits 11:10
    enum Entry : u8 { timer, thermal, performance, lint0, lint1, error, entries };

    LocalApic(Cpu& cpu, Clock& clock);
    void reset(bool init);        // INIT keeps IA32_APIC_BASE and the id (11.4.7.3)
    void visit(Archive&);

    // ---- IA32_APIC_BASE
    State state() const { return State(base_register >> 10 & 3); }
    bool enabled() const { return base_register & bit(11); }
    u64 base() const { return base_register; }
    bool write_base(u64 value);   // false: #GP(0)
    u32 initial_id() const;

    // ---- the register page of xAPIC mode
    bool claims(Physical at) const { return state() == State::xapic && at.page() == (base_register & ~u64{0xfff}); }
    u64 read(unsigned offset, unsigned width);
    void write(unsigned offset, unsigned width, u64 value);

    // ---- x2APIC's MSRs, 800h to 8FFh: false is #GP(0)
    bool read_msr(u32 index, u64& value);
    bool write_msr(u32 index, u64 value);

    // ---- IA32_TSC_DEADLINE
    u64 tsc_deadline() const { return deadline; }
    void write_tsc_deadline(u64 value);
    void tsc_changed();           // after WRMSR to TSC or TSC_ADJUST

    // ---- messages from the bus
    bool matches(u32 destination, bool logical) const;
    u8 arbitration() const;       // for lowest priority: the lowest of these gets it
    void accept(const ApicMessage& message);       // does nothing where the message is for others
    void performance_interrupt();
    void set_lint(unsigned pin, bool level);       // 0: INTR of the 8259s; 1: NMI

    // ---- what the CPU asks between instructions: pending::apic says when
    int highest() const;          // vector to deliver now, or -1
    u8 acknowledge();             // takes it: IRR to ISR; the spurious vector when there is none
    void end_of_interrupt();      // of the highest one in service
    u8 cr8() const { return u8(tpr >> 4); }
    void set_cr8(u8 value);

private:
    u32 register_at(unsigned number);              // offset / 16
    bool set_register(unsigned number, u32 value, bool x2);
    u32 version() const;
    u32 logical_id() const;
    u8 processor_priority() const;
    void update();                                 // pending::apic from IRR, PPR
    void receive(const ApicMessage& message);
    void take(u8 vector, bool level);
    void complain(u8 error_bit);
    void fire(Entry entry);
    void write_entry(Entry entry, u32 value);
    u32 entry_writable(Entry entry) const;
    void write_spurious(u32 value);
    void send(u64 command);
    void lint_changed(unsigned pin, bool before);
    void clear_registers();
    bool intr_passes() const;
    void pass_intr();

    // ---- timer
    u64 bus_count() const;
    u64 divider() const;
    u32 current_count() const;
    unsigned timer_mode() const { return lvt[timer] >> 17 & 3; }
    void start_count(u32 from);
    void arm_count();
    void arm_deadline();
    void stop_timer();
    void timer_expired();

    Cpu& cpu;
    Clock& clock;
    u64 base_register = 0xfee00900;
    u32 id = 0;                   // xAPIC: 8 bits
    u32 tpr = 0, ldr = 0, dfr = ~u32{0}, spurious = 0xff;
    u64 icr = 0;
    u8 errors = 0, shown_errors = 0;
    std::array<u32, entries> lvt{};
    std::array<bool, 2> pin{};
    VectorSet irr, isr, tmr;
    bool excluded = false;        // while an "all excluding self" is on its way; never saved
    u32 divide = 0, initial = 0, remaining = 0;
    u64 origin = 0;               // bus count at which `remaining` were left
    u64 deadline = 0;
    Timer alarm;
};

// The bus: fixed and other modes to every APIC that matches, lowest priority to the one with the lowest arbitration value.
void route(std::span<LocalApic* const> apics, const ApicMessage& message);
