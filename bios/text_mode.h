// SPDX-License-Identifier: MIT
// The display as a video BIOS leaves it for the system: text mode 3, 80 by 25, its font and colours, a blank screen.
#pragma once
#include "iodev/ports.h"

// By character of code page 437 and line; the leftmost dot is bit 7.
extern const u8 text_font[256][16];

void enter_text_mode(Ports&, PhysicalMap&);
