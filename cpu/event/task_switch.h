// SPDX-License-Identifier: MIT
// Hardware task switches (SDM vol. 3, ch. 7).
#pragma once
#include "cpu/isa/descriptors.h"

namespace event {

// The TSS that a task gate or a far pointer names, available and present: #GP(selector),
// #NP(selector).
bool read_task(Cpu& cpu, u16 selector, descriptors::Entry& tss);
// The switch itself. `rip` and `flags` are saved in the old task. Outcome::taken, or a fault: of
// the old task if TR still is the old task's, else of the new task.
Outcome switch_task(Cpu& cpu, const descriptors::Entry& tss, Why why, u64 rip, u64 flags);
// IRET with NT set: back to the task that the TSS links to (SDM vol. 3, 7.4).
Outcome return_to_linked_task(Cpu& cpu, u64 rip);

}
