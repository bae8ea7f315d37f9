// SPDX-License-Identifier: MIT
// The fast system calls: SYSCALL, SYSRET, SYSENTER, SYSEXIT. Their rows are in system.cpp.
#pragma once
#include "cpu/exec/slow.h"

namespace isa {
Outcome syscall(Slow& x);
Outcome sysret(Slow& x);
Outcome sysenter(Slow& x);
Outcome sysexit(Slow& x);
}
