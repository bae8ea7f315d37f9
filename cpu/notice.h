// SPDX-License-Identifier: MIT
// What happens in a CPU that a debugger may wait for. Told from slow paths, and only where somebody has asked; not the guest's state.
#pragma once
#include "base/bits.h"
#include <functional>

struct Cpu;

namespace notice {

enum class Kind : u8 {
    exception,                    // is delivered: vector, error code, address (CR2, DR6)
    interrupt,                    // is delivered, INT n too: vector
    vm_exit,                      // reason, qualification or EXITINFO1, guest-physical address or EXITINFO2
    vm_entry,
    entry_failure,                // VM entry or VMRUN has been refused by a check
    tlb_drop,                     // paging::Operation, how many entries went, linear address
    shutdown,                     // a triple fault
    stale_use,                    // --check=tlb has reported one
};

struct Event {
    Kind kind;
    u64 number = 0, information = 0, address = 0;
};

// One debugger for all CPUs of the process.
inline u32 wanted = 0;            // a bit for each Kind
inline std::function<void(Cpu*, const Event&)> listener;         // null: whichever CPU runs

inline void tell(Cpu* cpu, const Event& event) {
    if (wanted >> unsigned(event.kind) & 1) [[unlikely]] listener(cpu, event);
}

}
