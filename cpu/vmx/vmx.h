// SPDX-License-Identifier: MIT
// VMX: the state of VMX operation, the current VMCS, and what happens on entries and exits.
//
// SDM vol. 3: ch. 24 (VMXON region), 25 (VMCS), 26 (non-root operation), 27 (entries), 28 (exits), 30 (APIC), 31 (instructions).
// Left out: the dual-monitor treatment of SMM, and what came behind Ice Lake: none of it is advertised.
#pragma once
#include "base/clock.h"
#include "cpu/cpu.h"
#include "cpu/virt/layer.h"
#include "cpu/vmx/apic_registers.h"
#include "cpu/vmx/at_hand.h"
#include "cpu/vmx/check_memory.h"
#include "cpu/vmx/exits.h"

namespace vmx {

// What a VM exit tells besides its reason; each field is written only where `has` says so.
struct Noted {
    Reason reason{};
    u64 qualification = 0;
    u32 interruption = 0, error_code = 0;         // VM-exit interruption information; valid bit included
    u32 instruction_information = 0;
    u8 length = 0;                                // of the instruction
    u64 linear = 0, guest_physical = 0;
};

// What of CR0 entries and exits leave as it is (27.3.2.1, 28.5.1).
constexpr u64 untouched_cr0 = cr0::et | cr0::cd | cr0::nw | mask(28, 19) | bit(17) | mask(15, 6);

class Vmx final : public virt::Layer {
public:
    explicit Vmx(Cpu& cpu);

    void reset(bool init) override;
    void visit(Archive&) override;
    bool cr_allowed(unsigned n, u64 value) const override;

    void enter_smm() override;
    void leave_smm() override;

    bool exists(const Insn&) const override;
    ::Outcome intercept(const Insn&) override;
    ::Outcome read_cr(const Insn&, unsigned n, u64& value) override;
    ::Outcome write_cr(const Insn&, unsigned n, u64& value) override;
    ::Outcome port(const Insn&, u16 port, unsigned width, bool in, u64 linear) override;
    ::Outcome task_switch(u16 selector, event::Why why, u64 next_rip) override;
    ::Outcome second_stage_fault(const paging::Fault&) override;
    bool exception(const Fault&) override;
    void triple_fault() override;
    bool service_pending() override;
    void stepped() override;
    void leave() override;
    bool virtual_apic_access(unsigned offset, unsigned width, Kind kind) override;
    u64 read_virtual_apic(unsigned offset, unsigned width) override;
    void write_virtual_apic(unsigned offset, unsigned width, u64 value) override;
    std::string exit_text(u64 reason) const override { return std::string(vmx::exit_text(reason)); }

    // ---- for the instructions (cpu/isa/vmx.cpp)
    static constexpr u64 none = ~u64{0};
    static constexpr u64 region_size = 4096;
    static constexpr u64 longest_list = 512;      // IA32_VMX_MISC[27:25] is 0: what is beyond counts as an MSR that can't be had

    const Limits limits;
    bool on = false;                              // VMX operation
    u64 vmxon_pointer = none;
    u64 current = none;                           // address of the current VMCS
    bool launched = false;                        // its launch state
    bool is_shadow = false;                       // bit 31 of its revision identifier, when it was made current
    Vmcs vmcs;                                    // it itself: its region holds what it was when last written back

    bool valid_region(u64 address) const { return !(address & (region_size - 1)) && !(address >> limits.physical_bits); }
    void enter_operation(u64 region);
    void leave_operation();
    void write_back();                            // the current VMCS to its region
    void clear(u64 address);                      // VMCLEAR
    void make_current(u64 address);               // VMPTRLD, its operand checked
    static constexpr u32 shadow_indicator = u32(bit(31));

    // A guest's VMREAD or VMWRITE of what its bitmap names: of the VMCS that the link pointer names, else it exits.
    bool is_shadowed(Field bitmap, u64 encoding) const;
    u64 read_linked(u8 row) const;
    void write_linked(u8 row, u64 value);

    // VMLAUNCH and VMRESUME behind their first checks: `taken` into the guest, or out of a failed entry; `next`: VMfail n.
    struct Entered {
        ::Outcome outcome;
        u8 error = 0;                             // VM-instruction error
    };
    Entered enter();

    // An instruction of the guest's exits: `information` says whether it has VM-exit instruction information.
    ::Outcome exit(Reason, const Insn&, u64 qualification = 0, u32 information = 0);
    bool switch_ept(u64 index);                   // VMFUNC 0; false: it exits

    Surroundings surroundings() const;
    // The last VM entry that broke a rule, and what was judged; no state: for people.
    struct Failed {
        Broken broken;
        Vmcs vmcs;
        u64 current = 0, tick = 0;
        bool ia32e = false;
    };
    std::unique_ptr<Failed> failed;

    // ---- for the priorities (cpu/vmx/events.cpp)
    bool has(Control c) const { return vmcs[c]; }
    void exit_now(const Noted&);                  // between instructions
    bool trap_pending = false;                    // of the monitor trap flag
    bool timer_expired = false;
    bool tpr_below_threshold = false;
    bool virtual_interrupt = false;               // one is recognized (30.2.1)
    void take_virtual_interrupt();
    bool exits_behind() const { return behind.due; }
    void take_exit_behind();
    bool takes_posted(u8 vector);                 // the notification that comes with posted interrupts; its vector is acknowledged

private:
    // An exit behind the instruction that has written to its APIC.
    struct Behind {
        bool due = false;
        Reason reason{};
        u64 qualification = 0;
        void visit(Archive& a) { a("due", due), a("reason", reason), a("qualification", qualification); }
    };
    struct Bus final : Memory {
        explicit Bus(Cpu& cpu) : cpu(cpu) {}
        u64 read(u64 at, unsigned bytes) const override;
        Cpu& cpu;
    };
    // SDM vol. 3, 29.3.6: 512 guest-physical addresses, filled from the end.
    struct PageLog final : paging::PageLog {
        explicit PageLog(Vmx& of) : of(of) {}
        bool full() const override { return of.vmcs[Field::page_log_index] > 511; }
        void add(GuestPhysical) override;
        Vmx& of;
    };

    ::Outcome note(const Noted&);
    bool raises_ve(const paging::Fault&) const;
    void tell_violation();
    bool unblocked_by_iret() const { return cpu.nmi_unblocked_by_iret && !cpu.delivering && cpu.iret_unblocks_nmi; }
    bool msr_exits(u32 index, bool write) const;
    ::Outcome rdmsr(const Insn&, u32 index);
    ::Outcome wrmsr(const Insn&, u32 index);
    bool port_exits(u16 port, unsigned width) const;
    ::Outcome pause(const Insn&);
    bool saves_exit() const;

    // ---- the guest's local APIC (cpu/vmx/virtual_apic.cpp)
    u8 virtual_tpr() const;
    void set_virtual_tpr(u8 value);
    void virtual_tpr_written();
    void look_at_threshold();
    void update_virtual_interrupts();
    void evaluate_virtual_interrupt();
    void request_virtual_interrupt(u8 vector);
    void end_virtual_interrupt();
    void exit_behind(Reason, u64 qualification);
    bool is_virtualized(unsigned offset, unsigned width, Kind) const;
    void virtual_apic_written(apic::Write, unsigned offset);
    static bool is_self_ipi(u32 command);
    ::Outcome guest_physical_apic_access();
    bool reads_virtual_msr(u32 index) const;
    ::Outcome read_virtual_msr(u32 index);
    bool writes_virtual_msr(u32 index) const;
    ::Outcome write_virtual_msr(u32 index, u64 value);

    void load_guest();
    void load_guest_control();
    void load_guest_segments();
    void load_guest_pdptes();
    void load_guest_rest();
    void load_guest_tsc();
    void select_translation();
    void select_events();
    bool load_msrs(u64 at, u64 count, u64& failed);
    bool store_msrs(u64 at, u64 count);
    void inject();

    void save_guest();
    void save_guest_control();
    void save_guest_segments();
    void save_guest_rest();
    void fill_information();
    void fill_vectoring();
    void load_host();
    bool load_host_control();
    void load_host_segments();
    void fail_entry(Reason, u64 qualification);
    void end_guest();
    void to_host();
    void abort(u32 indicator);
    void start_timer();
    u64 timer_left() const;

    void set_current(u64 address);

    // What SMM hides.
    struct Hidden {
        bool on = false, inside = false;
        void visit(Archive& a) { a("on", on), a("inside", inside); }
    } hidden;

    AtHand at_hand;
    CheckMemory checks;                           // of the current VMCS
    Bus bus;
    PageLog page_log{*this};
    Noted noted;
    paging::Fault violation;                      // of the #VE that is under way
    Behind behind;
    Timer timer;
    u64 timer_started = 0;                        // TSC >> rate at entry
    u64 timer_value = 0;
    u64 pause_first = 0, pause_last = 0;          // PAUSE loops: ticks; 0: none yet
    bool pausing = false;
};

}
