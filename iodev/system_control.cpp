// SPDX-License-Identifier: MIT
// Ports 61h, 92h and CF9h.
#include "iodev/system_control.h"

// Bit 4 toggles with each refresh request: every 18 counts of the 8254's CLK, about 15
// microseconds.
u8 SystemControlB::get(u16 offset) {
    if (offset != 0) return 0xff;
    bool refresh = clock.count(1193182) / 18 & 1;
    return u8(stored | refresh << 4 | out2() << 5);
}

void SystemControlB::put(u16 offset, u8 value) {
    if (offset != 0) return;
    stored = value & 0x0f;
    gate2(stored & 1);
}

void SystemControlA::reset(Reset) {
    stored = 0;
    a20.set(false);
}

void SystemControlA::put(u16 offset, u8 value) {
    if (offset != 0) return;
    bool resets = value & ~stored & 1;
    stored = value & 3;
    a20.set(value & 2);
    if (resets) reset_cpu();
}

void ResetControl::put(u16 offset, u8 value) {
    if (offset != 0) return;
    bool resets = value & ~stored & 4, hard = value & 2;
    stored = value & 6;
    if (resets) reset_machine(hard);
}
