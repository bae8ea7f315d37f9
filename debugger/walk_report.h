// SPDX-License-Identifier: MIT
// A walk told reference by reference, with its verdict in words.
#pragma once
#include "cpu/cpu.h"
#include "debugger/look.h"
#include "debugger/result.h"

namespace debugger {

// The walk that such an access to a linear or guest-physical address would make, were nothing cached.
Result walk_report(const Cpu& cpu, Place place, paging::Access access);
// The rights that entries give: "user writable executable", and by the second stage "R W X".
std::string rights_text(paging::Rights rights, paging::Stage stage);

}
