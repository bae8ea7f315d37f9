// SPDX-License-Identifier: MIT
// System management mode: what the CPU keeps while it is in it, besides the state-save area in SMRAM (SDM vol. 3, ch. "System
// Management Mode"; APM vol. 2, ch. 10). Left out: the dual-monitor treatment; AMD's AClose and TClose.
#pragma once
#include "base/archive.h"
#include <array>

struct Cpu;

struct Smm {
    static constexpr u32 reset_base = 0x30000;
    bool active = false;
    u32 base = reset_base;        // SMBASE
    u64 count = 0;                // SMIs taken (MSR_SMI_COUNT)

    // The I/O instruction that is at the port now; an SMI that a device raises meanwhile comes right behind it.
    struct Access {
        bool valid = false;
        bool in = false, string = false, repeated = false, immediate = false;
        u8 width = 0;
        u16 port = 0;
        u64 rip = 0, rcx = 0, rsi = 0, rdi = 0, address = 0;      // before the access; the string element's linear address
        void visit(Archive&);
    };
    Access at_port;               // no state: never valid between two instructions
    Access cause;                 // of the SMI that is pending or under way

    // What RSM brings back that SMRAM has no place for.
    struct Kept {
        std::array<u64, 4> pdpte{};
        u64 pending_dr6 = 0, tsc_offset = 0, tsc_ratio = 0;
        u64 debugctl = 0, perf_global = 0;        // of FREEZE_WHILE_SMM
        u32 held = 0, if_masks = 0;
        u8 halted = 0;            // 1: by HLT
        bool nmi_blocked = false, monitor_trap = false, iret_unblocks_nmi = true;
        bool vmxe = false;        // CR4's
        bool frozen = false;
        void visit(Archive&);
    } kept;

    void reset(bool init);        // INIT keeps SMBASE
    void visit(Archive&);
};

namespace smm {

// An SMI is taken between two instructions.
void enter(Cpu& cpu);
// RSM in SMM: false if the state to be loaded is none that a processor may be in, and it shuts down.
bool resume(Cpu& cpu);
// Tells the board what of memory is system management mode's.
void show(Cpu& cpu);

}
