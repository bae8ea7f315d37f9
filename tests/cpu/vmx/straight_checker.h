// SPDX-License-Identifier: MIT
// VM entry's checks a second time, as plain conditions in the order of the manual (SDM vol. 3, 27.2 and 27.3). It shares nothing
// with cpu/: its own constants, its own idea of a VMCS, its own chips.
#pragma once
#include <cstdint>
#include <functional>
#include <map>

namespace straight {

// Numbers as the manual and the chips' capability MSRs have them.
struct Chip {
    uint32_t pin_must, pin_may;           // TRUE capability MSRs: low and high half
    uint32_t primary_must, primary_may;
    uint32_t secondary_may;
    uint32_t exit_must, exit_may;
    uint32_t entry_must, entry_may;
    uint64_t function_may;
    uint64_t cr4_may;
    uint64_t ept_vpid;
    uint64_t debugctl_may;
    int physical_bits, linear_bits;
};
extern const Chip haswell, nehalem, early, newest;

struct State {
    const Chip* chip;
    std::map<uint16_t, uint64_t> field;                           // by encoding; absent: 0
    std::function<uint64_t(uint64_t at, int bytes)> memory;
    bool in_ia32e_mode;
    uint64_t current_vmcs;
    uint32_t revision;
};

struct Verdict {
    int result = 0;                       // 0: it enters; 7, 8: VMfail with that error; 33: exit with that reason
    int qualification = 0;
    bool operator==(const Verdict&) const = default;
};

Verdict judge(const State&);

}
