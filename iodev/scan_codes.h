// SPDX-License-Identifier: MIT
// Key codes (USB HID usage table, keyboard page) and what a PS/2 keyboard sends for them (scan code
// set 2, as in Microsoft's keyboard scan code specification), with the 8042's translation to set 1.
#pragma once
#include "base/bits.h"
#include <span>

// The bytes of one press or release, at most 8.
struct ScanCodes {
    u8 bytes[8] = {};
    unsigned size = 0;
    void add(u8 byte) {
        if (size < sizeof bytes) bytes[size++] = byte;
    }
};

// Empty for a usage that has no key. `set` is 1 or 2.
ScanCodes scan_codes(u8 usage, bool down, unsigned set);
// One byte of set 2, as the 8042 changes it (a release prefix F0h is the caller's to keep).
u8 translated(u8 set2);
