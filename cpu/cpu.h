// SPDX-License-Identifier: MIT
// The CPU: its state, its view of memory, and the loop that runs instructions.
#pragma once
#include "base/clock.h"
#include "cpu/apic/local.h"
#include "cpu/bank.h"
#include "cpu/decode/decoder.h"
#include "cpu/event/delivery.h"
#include "cpu/exec/engine.h"
#include "cpu/exec/fast/state.h"
#include "cpu/msr/msrs.h"
#include "cpu/outcome.h"
#include "cpu/perf/counters.h"
#include "cpu/smm/smm.h"
#include "cpu/state/control.h"
#include "cpu/state/fpu.h"
#include "cpu/state/vector.h"
#include "cpu/wires.h"
#include "memory/physical.h"
#include <memory>
#include <optional>

struct CpuModel;
struct Mmu;
namespace fast { class Runner; }
namespace virt { class Layer; }
namespace vmx { struct AtHand; }
namespace paging { struct Fault; }

enum class Activity : u8 { active, halted, shutdown, wait_for_sipi };      // VMCS encoding (SDM vol. 3, 25.4.2)

// What waits to be looked at between two instructions; 0 is the common case.
namespace pending {
constexpr u32 intr = 1, apic = 2, nmi = 4, init = 8, sipi = 16, debug = 32, smi = 64, stop = 128,
              guest = 256,        // of the running guest: something that IF does not mask (cpu/virt/layer.h) ...
              window = 512,       // ... and something that it does
              yield = 1024;       // the turn is over (PAUSE): another CPU may go on
}

// The line that MONITOR watches (SDM vol. 2). A store is seen by what it changes.
struct Monitor {
    static constexpr unsigned width = 64;
    bool armed = false, by_user = false;  // by_user: with UMONITOR, for UMWAIT alone
    u64 line = 0;                 // physical address
    std::array<u8, width> bytes{};        // as they were
    void visit(Archive& a) { a("armed", armed), a("by_user", by_user), a("line", line), a("bytes", bytes); }
};

// What a memory access is for, as far as protection is concerned.
enum class Kind : u8 { read, write, execute };
enum class As : u8 { current, supervisor };    // by CPL; or implicit supervisor access (descriptor tables, TSS; SDM vol. 3, 4.6.1)

// The bytes of one access, probed: reading or writing them can no longer fault.
struct Span {
    u8* host = nullptr;           // all of them, where they are plain memory within one page
    Physical first, second;       // else: the bus addresses of both pieces
    unsigned width = 0, head = 0; // bytes in all, bytes in the first piece
};

struct Cpu {
    Cpu(unsigned number, const CpuModel& model, const FeatureSet& features, PhysicalMap& memory, Clock& clock, Wires wires);
    ~Cpu();
    Cpu(const Cpu&) = delete;
    Cpu& operator=(const Cpu&) = delete;

    // ---- architectural state
    Gpr gpr;                      // with RIP, of the running instruction; first, as the fast engine's Ops count from here
    fast::State fast;             // no state of the guest's
    u64 rflags = 2;
    Segments seg;
    Control control;
    Fpu fpu;
    Vector vector;
    Msrs msr;
    LocalApic apic;
    perf::Counters counters;      // of performance
    Smm smm;
    u8 cpl = 0;
    Activity activity = Activity::active;
    bool sti_shadow = false, mov_ss_shadow = false;    // hold for the one instruction that follows
    bool nmi_blocked = false;
    bool nmi_unblocked_by_iret = false;                // by the IRET that is running
    bool iret_unblocks_nmi = true;                     // not in a guest with NMI exiting and without virtual NMIs
    bool stepping = false;        // while an instruction runs: RFLAGS.TF was set when it began, and it doesn't suppress the trap
    u64 pending_dr6 = 0;          // debug traps met by the running instruction (B0-B3, BS, BT): delivered behind it
    u32 pending = 0;              // bits of namespace pending
    u32 held = 0;                 // what of `pending` waits whatever IF says: INIT in VMX root operation, all while GIF is 0
    u32 if_masks = maskable;      // what IF masks: nothing of the host's where a guest's interrupts exit
    static constexpr u32 maskable = pending::intr | pending::apic | pending::window;
    bool mwaiting = false;        // halted by MWAIT or one of its kin: more than what ends HLT wakes, and no activity state tells
    Monitor monitor;              // what MONITOR has armed
    bool line_wakes = true;       // a store to the monitored line does: not for TPAUSE
    bool wait_limited = false;    // the wait's end is IA32_UMWAIT_CONTROL's: CF tells
    Timer wait_end;               // of UMWAIT, TPAUSE, MWAITX
    void wait_for(bool line, u64 until, bool limited);     // `until`: a tick, or Clock::never
    u64 retired = 0;              // instructions; clock.ticks counts REP iterations too
    u64 waited = 0;               // ticks that went by while it waited: the rest are its cycles
    static constexpr u64 not_waiting = ~u64{0};
    u64 waits_since = not_waiting;        // the tick
    u8 startup_vector = 0;        // of a pending SIPI

    // ---- virtualization (cpu/virt/layer.h)
    std::unique_ptr<virt::Layer> virt;                     // VMX or SVM; null: the model has neither
    virt::Layer* guest = nullptr;                          // the same while a guest runs
    vmx::AtHand* vmcs = nullptr;                           // the current VMCS, if there is one
    std::optional<event::Delivery> delivering;             // the event whose delivery has just met a fault or VM exit
    bool monitor_trap = false;                             // guest->stepped() is to be told of each instruction
    u64 guest_tsc_offset = 0;                              // added to what a guest reads ...
    static constexpr u64 tsc_unscaled = bit(48);
    u64 guest_tsc_ratio = tsc_unscaled;                    // ... of the TSC times this, a number with 48 bits behind the point
    Outcome second_stage_fault(const paging::Fault&);

    // ---- surroundings
    const unsigned number;
    const CpuModel& model;
    const FeatureSet features;
    PhysicalMap& memory;
    Clock& clock;
    Wires wires;

    void reset(bool init);        // power-on, or INIT (SDM vol. 3, table 10-1)
    void visit(Archive&);

    // ---- running
    // Runs until clock.ticks reaches `until` or stop() is called; halted, the clock jumps ahead.
    void run(u64 until);
    // The same as one of several: returns too when it waits for something, and at PAUSE. False: it waited from the start.
    bool run_turn(u64 until);
    // One block of the fast engine, one instruction of the other, or one event; the lockstep test compares behind each.
    void run_block(u64 until);
    Engine engine = Engine::fast;
    Tuning tuning;
    std::unique_ptr<fast::Runner> runner;                  // made when it is first needed
    bool in_shadow() const { return sti_shadow | mov_ss_shadow; }
    bool unwatched_but_for_shadows() const {
        return !((rflags & (rflags::tf | rflags::rf)) | (control.dr[7] & 0xff) | monitor_trap | records_branches() | counters.watching());
    }
    bool unwatched() const { return !in_shadow() && unwatched_but_for_shadows(); }      // nothing but the instruction itself has to be looked at
    void step_watched();          // one instruction, or a batch of iterations of a repeated one, where something has to be
    bool records_branches() const { return msr.debugctl & 1; }             // DEBUGCTL.LBR
    void stop() { pending |= pending::stop; }
    // What of `pending` may act now: maskable interrupts wait for IF.
    u32 due() const { return pending & ~(rflags & rflags::if_ ? held : held | if_masks); }
    u64 run_limit = ~u64{0};      // `until` of the run() that is going on: REP stops there too (cpu/isa/repeat.h)
    u64& rip() { return gpr[rip_reg]; }

    // ---- mode, derived from CR0, EFER, RFLAGS.VM, CS, CPL: call mode_changed() after writing any of them
    void mode_changed();
    bool protected_mode() const { return control.cr0 & cr0::pe; }
    bool v86() const { return rflags & rflags::vm; }
    bool real_mode() const { return !protected_mode(); }
    bool real_or_v86() const { return !protected_mode() || v86(); }
    bool paging() const { return control.cr0 & cr0::pg; }
    bool long_mode() const { return control.efer & efer::lma; }
    bool bits64() const { return code.size == decode::CodeSize::bits64; }
    unsigned stack_width() const { return stack_bytes; }     // 2, 4 or 8: how much of rSP the stack uses
    unsigned iopl() const { return unsigned(bits(rflags, 13, 12)); }
    unsigned linear_width() const { return control.cr4 & cr4::la57 ? 57 : 48; }
    bool canonical(u64 address) const { return sign_extend(address, linear_width()) == address; }
    // In the widest linear addresses the CPU has, whatever CR4.LA57: what silicon asks of segment and table bases, of MSRs
    // that hold addresses, and of what INVPCID, INVVPID and INVLPG name.
    unsigned widest_linear_width() const { return features.has(Feature::la57) ? 57 : 48; }
    bool canonical_at_widest(u64 address) const { return sign_extend(address, widest_linear_width()) == address; }
    bool intel() const;
    decode::Mode code;            // how code is decoded now
    u8 stack_bytes = 2;
    // Replaces RFLAGS bits; the only way to write them (TF, VM, AC and IF have consequences).
    void set_rflags(u64 value, u64 which = ~u64{0});

    // ---- faults
    Fault fault_;                 // of the last Outcome::fault
    Outcome raise(const Fault& f) { return fault_ = f, Outcome::fault; }

    // ---- memory by linear address: false leaves a fault pending (#PF, or #GP/#SS for non-canonical addresses)
    // Segmentation first (SDM vol. 3, 5.3): false raises #GP(0), or #SS(0) for SS.
    bool linear(Seg s, u64 offset, unsigned width, Kind kind, u64& address);
    bool probe(u64 address, unsigned width, Kind kind, Span& span, As as = As::current, Seg s = Seg::ds) {
        if (as == As::current) {
            auto& e = bank->at(address, width);
            if ((kind == Kind::write ? e.write_tag : e.read_tag) == (address & ~u64{0xfff})) [[likely]] {
                span.host = reinterpret_cast<u8*>(address + e.addend), span.width = width;
                return true;
            }
        }
        return probe_slow(address, width, kind, span, as, s);
    }
    void read_span(const Span& span, void* to) {
        if (span.host) std::memcpy(to, span.host, span.width);
        else read_pieces(span, to);
    }
    void write_span(const Span& span, const void* from) {
        if (span.host) std::memcpy(span.host, from, span.width);
        else write_pieces(span, from);
    }

    template <class T> bool load(u64 address, T& value, As as = As::current, Seg s = Seg::ds) {
        if (as == As::current)
            if (auto& e = bank->at(address, sizeof(T)); e.read_tag == (address & ~u64{0xfff})) [[likely]] {
                std::memcpy(&value, reinterpret_cast<const void*>(address + e.addend), sizeof(T));
                return true;
            }
        Span span;
        if (!probe(address, sizeof(T), Kind::read, span, as, s)) return false;
        read_span(span, &value);
        return true;
    }
    template <class T> bool store(u64 address, const T& value, As as = As::current, Seg s = Seg::ds) {
        if (as == As::current)
            if (auto& e = bank->at(address, sizeof(T)); e.write_tag == (address & ~u64{0xfff})) [[likely]] {
                std::memcpy(reinterpret_cast<void*>(address + e.addend), &value, sizeof(T));
                return true;
            }
        Span span;
        if (!probe(address, sizeof(T), Kind::write, span, as, s)) return false;
        write_span(span, &value);
        return true;
    }

    // ---- translation (cpu/mmu.cpp)
    std::unique_ptr<Mmu> mmu;
    Bank* bank = nullptr;         // of the current permission word; the empty bank while accesses are watched
    // Whatever fill time decided on has changed (CR0, CR4, EFER, PKRU, CPL, AC): selects or drops banks.
    void translation_mode_changed();
    void memory_replaced();                                // RAM's or ROM's bytes changed by other means than stores: a reset, a load
    void memory_map_changed();                             // host pointers may be wrong now
    void invalidate_page(u64 address);                     // INVLPG
    void invalidate_pcid(unsigned type, u64 pcid, u64 address);    // INVPCID types 0 to 3, operands checked
    // MOV to CR0, CR3, CR4, EFER, PKRU with their checks are in cpu/isa/system/; these do what the table of
    // memory/scopes.cpp says of each, after the register has its new value.
    void cr3_written(bool no_flush);
    void cr0_written(u64 old);
    void cr4_written(u64 old);
    void efer_written(u64 old);
    bool load_pdptes(u64 cr3);    // PAE: false raises #GP(0) or the second stage's fault, nothing changed
    // Where a linear address leads, without any effect; for the debugger and tests. False: not mapped.
    bool peek(u64 address, u64& physical);

    // ---- physical, with the local APIC's page, or a guest's, in front of the bus
    u64 read_physical(Physical at, unsigned width);
    void write_physical(Physical at, unsigned width, u64 value);
    // False: the hypervisor wants to be told of this access to its guest's APIC, and an exit has been raised.
    bool virtual_apic_allows(Physical at, unsigned width, Kind kind);

    // ---- events (cpu/event/)
    // Delivers a fault, trap or interrupt: on return the handler's first instruction is next, or a double fault's, or the
    // CPU has shut down.
    void deliver(const Fault& f);                          // exceptions raised by instructions and fetches
    void deliver_interrupt(u8 vector, event::Origin origin = event::Origin::external);
    // The same without a look at CR2, DR6 and what a hypervisor intercepts: for what a VM entry injects.
    void deliver_event(const event::Delivery& first);
    // Looks at `pending` between instructions; true when it delivered something or changed the activity.
    bool service_pending();
    void set_intr(bool level);                             // the 8259s' INTR wire, where LINT0 passes it on
    void request_nmi();
    void request_init();
    void request_smi();
    void request_startup(u8 vector);
    bool debug_trap_armed() const { return control.dr[7] & 0xff; }
    bool code_breakpoint();       // at RIP: true when it delivered #DB
    void data_breakpoint(u64 linear, unsigned width, bool write);
    void io_breakpoint(u16 port, unsigned width);          // after the port check
    bool alignment_checked() const;

    // ---- segments (cpu/isa/segment.cpp; the checks of SDM vol. 3, 5.6 ff.)
    Outcome load_segment(Seg s, u16 selector);             // MOV, POP, LxS to ES, SS, DS, FS, GS; all modes
    void set_real_segment(Seg s, u16 selector);            // real and virtual-8086 mode: base = selector << 4
    // Reads a descriptor of the GDT or LDT: false raises `beyond`(selector) or #PF.
    bool read_descriptor(u16 selector, Descriptor& d, Fault (*beyond)(u32) = gp, bool wide = false, u64* high = nullptr);

    // ---- ports: #GP(0) by IOPL and the I/O permission bitmap (SDM vol. 1, 19.5)
    bool port_allowed(u16 port, unsigned width);

    // ---- the two halves of an instruction, without delivery of faults (tests, debugger)
    const Insn* fetch();                                   // null: fault_ says why
    Outcome execute(const Insn& insn);
    Outcome execute_inline(const Insn& insn);              // for who includes cpu/execute.h

private:
    bool exits(const Fault& f);                            // a VM exit came of it, and has been carried out
    void step();
    bool turn(u64 until, bool one_block);
    bool woken() const;
    void end_wait();
    void wait();
    void resume();
    void advance(u64 until, bool one_block);
    u64 next_bank_drop = 0;
    u64 simple_fetch_address();
    const Insn* fetch_cached();
    const Insn* fetch_uncached();
    bool probe_slow(u64 address, unsigned width, Kind kind, Span& span, As as, Seg s);
    void read_pieces(const Span& span, void* to);
    void write_pieces(const Span& span, const void* from);
    // Within one page; host is null where the bus must be asked (cpu/mmu.cpp).
    bool probe_parts(u64 address, unsigned width, Kind kind, As as);
    bool probe_piece(u64 address, Kind kind, As as, Physical& at, u8*& host);
    const Insn* fetch_slowly(u64 address, u64 room);
    const Insn* judge_decoded(decode::Result result, const Insn& insn);
    struct CodeCache;
    std::unique_ptr<CodeCache> cache;
    Insn scratch;
};
