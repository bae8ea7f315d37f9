// SPDX-License-Identifier: MIT
// What is mapped: ranges of addresses that lead to as many of the next space, with the same rights.
#pragma once
#include "debugger/look.h"
#include "debugger/result.h"

namespace debugger {

// From a linear or guest-physical address up to `last`, itself included. At most so many ranges; where they end it says where to go on.
Result map_report(const Viewpoint& view, Place from, u64 last, unsigned most = 256);

}
