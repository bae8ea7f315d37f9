// SPDX-License-Identifier: MIT
// A walk told reference by reference, with its verdict in words.
#pragma once
#include "debugger/result.h"
#include "debugger/walk_seen.h"

namespace debugger {

// The walk that such an access to a linear or guest-physical address would make, were nothing cached.
Result walk_report(const Viewpoint& view, Place place, paging::Access access);
// Its parts: a line of kind "step" for a reference; lines of kind "bit" and, last, "verdict" for what comes of it.
void add_step(Result& result, const SeenStep& seen, bool nested);
void add_verdict(Result& result, const Viewpoint& view, const SeenWalk& seen, Place place, paging::Access access);
// The rights that entries give: "user writable executable", and by the second stage "R W X".
std::string rights_text(paging::Rights rights, paging::Stage stage);

}
