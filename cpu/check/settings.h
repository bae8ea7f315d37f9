// SPDX-License-Identifier: MIT
// What --check=tlb asks for.
#pragma once
#include "base/bits.h"

namespace check {

struct StaleSettings {
    u64 every = 1;                // of the uses of a changed translation, one in so many is walked again
    u64 grace = 1'000'000;        // instructions of the CPU within which an invalidation makes a stale use legal
};

}
