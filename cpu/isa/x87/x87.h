// SPDX-License-Identifier: MIT
// What the x87 files share: the operations behind the rows, and the environment's layout.
#pragma once
#include "cpu/exec/slow.h"

namespace x87 {

// FOP, FIP, FCS and, with a memory operand, FDP and FDS, as far as the model keeps them (SDM vol. 1, 8.1.8 and 8.1.9).
void remember(Slow& x);

// The rows' functions.
Outcome compute(Slow& x);         // all but the following
Outcome store(Slow& x);           // to memory
Outcome compare_flags(Slow& x);   // FCOMI family: RFLAGS
Outcome conditional_move(Slow& x);

Outcome fwait(Slow& x);
Outcome nothing(Slow& x);         // FNOP; FNENI, FNDISI, FNSETPM: 8087 and 80287 leftovers
Outcome fninit(Slow& x);
Outcome fnclex(Slow& x);
Outcome fldcw(Slow& x);
Outcome fnstcw(Slow& x);
Outcome fnstsw(Slow& x);
Outcome fnstsw_ax(Slow& x);
Outcome fldenv(Slow& x);
Outcome fnstenv(Slow& x);
Outcome frstor(Slow& x);
Outcome fnsave(Slow& x);

// The full tag word: 0 valid, 1 zero, 2 special, 3 empty, for each physical register (SDM vol. 1, 8.1.7).
u16 tag_word(const Fpu& fpu);

}
