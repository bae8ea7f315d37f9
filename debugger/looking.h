// SPDX-License-Identifier: MIT
// What commands that look keep from one to the next. Nothing of it is the machine's.
#pragma once
#include "cpu/cpu.h"
#include "cpu/svm/vmcb.h"
#include "cpu/vmx/fields.h"
#include "debugger/drop_log.h"
#include "debugger/look.h"
#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace debugger {

struct Looking {
    unsigned level = 0;                        // that the command names: 1, 2; 0: the one that runs

    // walk --step: which reference comes next.
    struct Stepper {
        bool on = false;
        Place place;
        paging::Access access;
        unsigned level = 0;
        std::size_t next = 0;
    } stepper;

    // The registers as they were when the guest was let go last: what has changed since is marked.
    struct Before {
        unsigned cpu = 0;
        std::vector<u64> registers;            // in the order of registers()
        Segments segments;
        Fpu fpu;
        Vector vector;
        u64 region = ~u64{0};                  // of the current VMCS, or the VMCB that was run last
        std::unique_ptr<vmx::Vmcs> vmcs;
        std::unique_ptr<svm::Vmcb> vmcb;       // as memory had it
    };
    std::unique_ptr<Before> before;
    std::unique_ptr<DropLog> drops;            // from when someone first asked
    DropLog& drops_of(Cpu& cpu);
    // What --check=tlb has told of, the newest last; empty where nobody checks.
    static constexpr std::size_t most_stale_uses = 256;
    bool checks_tlb = false;
    std::deque<std::string> stale_uses;
    void remember(const Cpu& cpu);             // called before the guest goes on
    // The same of the VMCS or VMCB; null where it was another then.
    const vmx::Vmcs* vmcs_before(const Cpu& cpu) const;
    const svm::Vmcb* vmcb_before(const Cpu& cpu, u64 address) const;
    const Before* before_of(const Cpu& cpu) const { return before && before->cpu == cpu.number ? before.get() : nullptr; }
};

}
