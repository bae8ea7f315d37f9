// SPDX-License-Identifier: MIT
// The system that a look goes through: the one that runs, or the other guest level as the CPU has put it away.
#pragma once
#include "cpu/cpu.h"
#include "memory/regime.h"
#include "memory/tlb.h"
#include <map>
#include <optional>

namespace debugger {

struct Register;
class Symbols;

// Level 1 is the system that boots in the machine (VMX root operation, SVM's host), level 2 its guest.
struct Viewpoint {
    explicit Viewpoint(const Cpu&);                        // the level that runs
    // Level 1 or 2, 0 for the one that runs. Throws Error where there is no such level now.
    Viewpoint(const Cpu&, unsigned level);

    const Cpu& cpu;
    unsigned level;
    bool live = true;                                      // the CPU's own registers
    std::string source;                                    // where they are, in words
    const Symbols* symbols = nullptr;                      // null: no names
    paging::Regime regime;
    paging::Context context;                               // the tags of the level that runs
    Control control;
    Segments seg;
    u64 rip = 0, rflags = 2;
    u8 cpl = 0;
    decode::CodeSize code = decode::CodeSize::bits64;

    bool long_mode() const { return control.efer & efer::lma; }
    bool paging() const { return control.cr0 & cr0::pg; }
    unsigned linear_width() const { return control.cr4 & cr4::la57 ? 57 : 48; }
    bool canonical(u64 address) const { return sign_extend(address, linear_width()) == address; }
    bool nested() const { return regime.stage2.kind != paging::Nesting::none; }
    // A linear address as the mode makes it: 32 bits outside long mode.
    u64 linear(u64 address) const { return long_mode() ? address : u32(address); }
    u64 code_address() const { return code == decode::CodeSize::bits64 ? rip : u32(rip + seg[Seg::cs].base); }
    // Nothing: the CPU saves it nowhere when it changes levels.
    std::optional<u64> value(const Register&) const;
    u64 stack_pointer() const;                             // 0: not known

private:
    void take_vmcs_host();
    void take_vmcs_guest();
    void take_save_area();
    void take_vmcb();
    void add_segment(Seg, u64 selector, u64 base, u64 limit, u64 rights);
    void settle(std::array<u64, 4> pdptes, bool pdptes_known);
    std::map<std::string, u64, std::less<>> known;         // by register name, where the level isn't live
};

unsigned running_level(const Cpu&);
// Whether there is something to see level 1 or 2 by.
bool has_level(const Cpu&, unsigned level);

}
