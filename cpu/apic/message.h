// SPDX-License-Identifier: MIT
// An interrupt message on the system bus, as IOAPICs, MSIs and the ICR send it (SDM vol. 3, 11.6 and 11.11).
#pragma once
#include "base/bits.h"

enum class DeliveryMode : u8 { fixed = 0, lowest = 1, smi = 2, nmi = 4, init = 5, startup = 6, extint = 7 };

struct ApicMessage {
    u32 destination = 0;                    // xAPIC: 8 bits; x2APIC: 32 bits
    bool logical = false;                   // destination mode
    DeliveryMode mode = DeliveryMode::fixed;
    u8 vector = 0;
    bool level = false;                     // trigger mode: level (true) or edge
    bool asserted = true;
};
