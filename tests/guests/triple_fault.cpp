// SPDX-License-Identifier: MIT
// Guest, 64-bit: a fault while #DF is delivered shuts the CPU down, which resets the machine (SDM vol. 3, 6.15, vector 8).
#include "guest.h"

extern "C" void guest() {
    holds("it runs before", true);
    Pointer nothing{0, 0};
    lidt(nothing);
    asm volatile("ud2");
    is("it must not get here", 1, 0);
}
