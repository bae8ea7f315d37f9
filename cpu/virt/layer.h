// SPDX-License-Identifier: MIT
// What the CPU asks of its virtualization extension: Intel's VMX (cpu/vmx/) or AMD's SVM (cpu/svm/).
//
// Cpu::virt is the extension, Cpu::guest the same object while a guest runs (VMX non-root operation, guest mode of SVM).
// A VM exit is raised like a fault: the layer notes what it is about and returns raise(); nothing of the instruction has
// been committed, and Cpu::deliver() calls leave(), which saves the guest and loads the host.
#pragma once
#include "base/archive.h"
#include "cpu/event/delivery.h"
#include "cpu/outcome.h"
#include "cpu/virt/exit_log.h"
#include "memory/walk.h"
#include <memory>
#include <string>

struct Cpu;
struct Insn;
enum class Kind : u8;

namespace virt {

class Layer {
public:
    explicit Layer(Cpu& cpu) : cpu(cpu) {}
    virtual ~Layer() = default;
    Layer(const Layer&) = delete;
    Layer& operator=(const Layer&) = delete;

    virtual void reset(bool init) = 0;
    virtual void visit(Archive&) = 0;

    // Whether a MOV to CR0 or CR4 (n) may set this value: VMX operation fixes bits. In a guest or not.
    virtual bool cr_allowed(unsigned, u64) const { return true; }

    // EFER has been written; it was `old`.
    virtual void efer_changed(u64) {}
    // INIT is due: true if something else has been done in its place.
    virtual bool redirects_init() { return false; }

    // An SMI: the extension is out of reach until RSM, and no guest runs (SDM vol. 3, "Default Treatment of SMI Delivery"; APM
    // vol. 2, 15.22). Called around the change of the control registers: before it, and behind it.
    virtual void enter_smm() = 0;
    virtual void leave_smm() = 0;

    // ---- asked while a guest runs. Outcome::next: the instruction goes on; changed: it has been done; fault: a VM exit has been raised.

    // Whether the guest has the instruction at all: controls enable RDTSCP, RDPID, INVPCID. False: #UD.
    virtual bool exists(const Insn&) const { return true; }
    // What the row's event and a control decide. By the gate, behind #UD and the CPL check; by the handler itself where
    // the row says `asks_itself`.
    virtual Outcome intercept(const Insn&) = 0;
    // MOV from a control register and SMSW: the value may be another than the register's.
    virtual Outcome read_cr(const Insn&, unsigned n, u64& value) = 0;
    // MOV to one, CLTS and LMSW (by the row's event): the value may be changed; Outcome::changed: it is done already.
    virtual Outcome write_cr(const Insn&, unsigned n, u64& value) = 0;
    // IN, OUT, INS, OUTS, behind the check of IOPL and the TSS; `linear` is the string element's address.
    virtual Outcome port(const Insn&, u16 port, unsigned width, bool in, u64 linear) = 0;
    // Behind the checks of the new TSS's descriptor, before anything has changed.
    virtual Outcome task_switch(u16 selector, event::Why why, u64 next_rip) = 0;
    // An x87 instruction is about to wait for the interrupt of FERR# (CR0.NE = 0).
    virtual Outcome freeze(const Insn&) { return Outcome::next; }
    // The second stage refuses.
    virtual Outcome second_stage_fault(const paging::Fault&) = 0;

    // Before an exception is recorded in CR2 or DR6: true if a VM exit has been raised in its place. Cpu::delivering is
    // the event whose delivery met it, if any.
    virtual bool exception(const Fault&) = 0;
    // A triple fault: exits, or shuts the CPU down.
    virtual void triple_fault() = 0;
    // Between two instructions: the layer's table of priorities. True when it did something.
    virtual bool service_pending() = 0;
    // Cpu::monitor_trap is set and an instruction has been completed, in part if it is a repeated one.
    virtual void stepped() {}
    // An access to the guest's local APIC (Mmu::is_virtual_apic) before anything has changed: false raises a VM exit.
    virtual bool virtual_apic_access(unsigned, unsigned, Kind) { return true; }
    // What it reads or writes.
    virtual u64 read_virtual_apic(unsigned, unsigned width) { return ones(width); }
    virtual void write_virtual_apic(unsigned, unsigned, u64) {}
    // Another processor, or this one, has something for the guest that may be running here.
    virtual void doorbell() {}
    // Carries the raised VM exit out.
    virtual void leave() = 0;

    // The manual's name of an exit reason or exit code; empty for what is none.
    virtual std::string exit_text(u64 reason) const = 0;

    ExitLog log;
    bool explain = false;         // why entries fail and exits happen goes to the log

protected:
    Outcome raise();              // the exit noted is under way
    // Of an exit that is carried out: reason, qualification or EXITINFO1, guest-physical address or EXITINFO2.
    void record_exit(u64 reason, u64 information, u64 address);
    Cpu& cpu;
};

// The extension that the model has, or null.
std::unique_ptr<Layer> make_layer(Cpu& cpu);

}
