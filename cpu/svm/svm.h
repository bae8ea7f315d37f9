// SPDX-License-Identifier: MIT
// Secure Virtual Machine: the state that AMD's extension adds to a CPU, and what a running guest is asked (APM vol. 2, ch. 15).
#pragma once
#include "cpu/cpu.h"
#include "cpu/svm/avic.h"
#include "cpu/svm/checks.h"
#include "cpu/svm/intercepts.h"
#include "cpu/virt/layer.h"
#include "memory/regime.h"

namespace svm {

class Svm : public virt::Layer {
public:
    explicit Svm(Cpu& cpu);

    // ---- what a guest's VMCB holds; a field whose clean bit was set is as the last VMRUN or #VMEXIT left it
    Vmcb vmcb;
    static constexpr u64 none = ~u64{0};
    u64 vmcb_address = none;      // of the VMCB that is cached
    bool gif = true;              // the global interrupt flag
    bool host_if = false;         // the host's RFLAGS.IF at VMRUN: masks physical interrupts under V_INTR_MASKING
    bool host_nmi_blocked = false;                // what masks physical NMIs while a guest with virtual ones runs
    Surroundings around;          // of the last VMRUN; no state: for the debugger
    const Check* refused = nullptr;               // the check that the last VMRUN broke, if it did
    // The last VMRUN that broke one, and what was judged; no state: for people.
    struct Failed {
        const Check* check;
        Vmcb vmcb;
        Surroundings around;
        u64 address = 0, tick = 0;
    };
    std::unique_ptr<Failed> failed;

    // ---- the instructions, behind their own checks and intercepts
    Outcome vmrun(u64 address, u64 next_rip);
    void vmload(Physical at);
    void vmsave(Physical at);
    void set_gif(bool on);                        // STGI, CLGI: the virtual one where a guest has it
    Outcome skinit(u64 rax_value);
    bool intercepts(Exit e) const { return cpu.guest && svm::intercepts(vmcb, e); }
    Outcome exit(Exit e, u64 information1 = 0, u64 information2 = 0) { return exit_code(u16(e), information1, information2); }
    // The same with nRIP, as for every intercepted instruction.
    Outcome exit_instruction(Exit e, const Insn& insn, u64 information1 = 0, u64 information2 = 0);
    // VMLOAD and VMSAVE by a guest-physical address (APM vol. 2, 15.33.1).
    bool virtual_vmload_vmsave() const;
    // The guest has last branches of its own (APM vol. 2, 15.23).
    bool virtual_last_branches() const { return vmcb[Field::virtual_extensions] & extension_bits; }

    // ---- virt::Layer
    void reset(bool init) override;
    void visit(Archive&) override;
    void efer_changed(u64 old) override;
    bool redirects_init() override;
    void enter_smm() override;
    void leave_smm() override;
    Outcome intercept(const Insn&) override;
    Outcome freeze(const Insn& insn) override { return intercepts(Exit::ferr_freeze) ? exit_instruction(Exit::ferr_freeze, insn) : Outcome::next; }
    Outcome read_cr(const Insn&, unsigned n, u64& value) override;
    Outcome write_cr(const Insn&, unsigned n, u64& value) override;
    Outcome port(const Insn&, u16 port, unsigned width, bool in, u64 linear) override;
    Outcome task_switch(u16 selector, event::Why why, u64 next_rip) override;
    Outcome second_stage_fault(const paging::Fault&) override;
    bool exception(const Fault&) override;
    void triple_fault() override;
    bool service_pending() override;
    void leave() override;
    bool virtual_apic_access(unsigned offset, unsigned width, Kind kind) override;
    u64 read_virtual_apic(unsigned offset, unsigned width) override;
    void write_virtual_apic(unsigned offset, unsigned width, u64 value) override;
    void doorbell() override;
    std::string exit_text(u64 code) const override;

    // ---- virtual interrupts (APM vol. 2, 15.21)
    bool nested_paging() const { return vmcb[Field::nested_control] & np_enable; }
    bool masks_interrupts() const { return vmcb[Field::interrupt_control] & interrupt::masking; }
    bool virtual_gif() const;                     // set, or there is none
    bool virtual_interrupt_ready() const;
    void take_virtual_interrupt();
    bool virtual_nmis() const { return vmcb[Field::interrupt_control] & control_bits & interrupt::nmi_enable; }
    bool virtual_nmi_ready() const;
    void take_virtual_nmi();
    bool physical_nmi_blocked() const { return virtual_nmis() ? host_nmi_blocked : cpu.nmi_blocked; }
    // ---- AVIC (APM vol. 2, 15.29)
    bool avic_enabled() const { return vmcb[Field::interrupt_control] & control_bits & interrupt::avic_enable; }
    int requested_vector() const;                 // the backing page's, if it may be delivered; else -1
    bool trap_due() const { return trap.due; }
    void take_trap();
    // Whatever decides what may come between instructions has changed.
    void update_events();

private:
    const u64 cr4_bits, efer_of_model;            // bits that exist
    u64 efer_bits() const;
    // Enabling bits that the processor has: of virtual NMIs and AVIC, of last branches. A VMCB without them is what VMRUN and
    // #VMEXIT are fast for.
    const u64 control_bits, extension_bits;
    bool has_more() const { return (vmcb[Field::interrupt_control] & control_bits) | (vmcb[Field::virtual_extensions] & extension_bits); }
    CheckMemory checks;

    // A #VMEXIT that has been raised.
    struct Noted {
        u64 code = 0, information1 = 0, information2 = 0;
        u64 interrupted = 0;      // EXITINTINFO: the event on its way
        u64 next_rip = 0;
        bool shadow = false;      // of STI or MOV SS
        u8 fetched = 0;           // guest instruction bytes
        std::array<u8, 15> bytes{};
    } noted;
    // A #VMEXIT behind the instruction that is running.
    struct Trap {
        bool due = false;
        Exit exit{};
        u64 information1 = 0, information2 = 0;
        void visit(Archive& a) { a("due", due), a("exit", exit), a("information1", information1), a("information2", information2); }
    } trap;
    bool hidden = false;          // a guest that SMM has interrupted
    u32 pauses_left = 0;
    u64 last_pause = 0;

    Outcome exit_code(u64 code, u64 information1 = 0, u64 information2 = 0);
    bool has(Feature f) const { return cpu.features.has(f); }
    void note_instruction_bytes();
    Outcome descriptor_table(const Insn&);
    Outcome mov_dr(const Insn&);
    Outcome msr(const Insn&);
    Outcome pause(const Insn&);
    Outcome invlpg(const Insn&);

    // avic.cpp
    struct Sent {                                 // how far an IPI came
        std::optional<avic::Incomplete> failed;
        u32 index = 0;
    };
    u64 apic_page() const;
    void enter_avic();
    void update_virtual_priority();
    void note_task_priority(u32 priority);
    u8 virtual_task_priority() const;
    void set_virtual_task_priority(u8 priority);
    void accept_requested(u8 vector);
    void trap_behind(Exit e, u64 information1, u64 information2 = 0);
    void end_virtual_interrupt();
    void send_virtual_ipi(u32 low);
    void request_virtual(u64 backing, u8 vector);
    Sent send_to_destination(u8 vector, u8 destination, bool logical);
    Sent send_by_shorthand(u8 vector, unsigned shorthand);
    Sent send_to_physical(u8 vector, u32 index);
    Sent send_to_logical(u8 vector, u8 destination);
    Sent send_to_all(u8 vector, bool self_too);
    void ring(u32 host_apic);
    // vmrun.cpp
    void look_around();
    void save_host(u64 next_rip);
    void write_second_stage();
    void flush_by_tlb_control();
    void load_guest();
    void load_guest_paging();
    void enter_more();
    void enter_last_branches();
    void enter_virtual_nmis();
    void inject_event();
    // vmexit.cpp
    void save_guest(const VmcbTarget&);
    void write_exit(const VmcbTarget&);
    void leave_more(const VmcbTarget&);
    void leave_virtual_nmis();
    void leave_last_branches(const VmcbTarget&);
    void load_host();
};

// The layer of a CPU that has SVM.
inline Svm& of(Cpu& cpu) { return static_cast<Svm&>(*cpu.virt); }

}
