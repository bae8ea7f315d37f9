// SPDX-License-Identifier: MIT
// Far transfers: the instructions, and what IRET shares with RETF.
#pragma once
#include "cpu/event/transfer.h"
#include "cpu/exec/slow.h"

namespace isa {

Outcome jmp_far_direct(Slow& x);          // EA
Outcome jmp_far_indirect(Slow& x);        // FF /5
Outcome call_far_direct(Slow& x);         // 9A
Outcome call_far_indirect(Slow& x);       // FF /3
Outcome ret_far(Slow& x);                 // CB
Outcome ret_far_immediate(Slow& x);       // CA

// A far pointer in memory, as LxS, JMP and CALL take it; AMD knows none with 64-bit offsets (APM
// vol. 3, LFS).
struct FarPointer {
    u16 selector = 0;
    u64 offset = 0;
    unsigned width = 0;                   // of the offset: 2, 4, 8
};
FarPointer load_far_pointer(Slow& x);
// `width` bytes at rSP + above.
u64 peek_stack(Slow& x, u64 above, unsigned width);

// ---- returns (SDM vol. 2, RET and IRET)

struct Return {
    descriptors::Entry code;
    u16 cs = 0, ss = 0;                   // as popped
    u64 rip = 0, rsp = 0;
    unsigned cpl = 0;                     // of the caller: CS.RPL
    bool pops_stack = false;              // SS:rSP are popped too
    Segment stack;                        // SS, judged
};
// The checks in the manual's order: #GP, #NP of CS; #GP, #SS of SS.
bool judge_return_code(Cpu& cpu, Return& r);
bool judge_return_stack(Cpu& cpu, Return& r);
// #GP(0) unless RIP is within the segment; then the Accessed bit of CS.
bool judge_return_address(Cpu& cpu, Return& r);
// Commits: CS:RIP, CPL, SS, data segments that the outer ring may not have. `release` bytes more
// leave its stack.
void commit_return(Cpu& cpu, const Return& r, u64 release);

}
