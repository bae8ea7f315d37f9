// SPDX-License-Identifier: MIT
// Words of commands as a guest level understands them.
#pragma once
#include "debugger/session.h"
#include "debugger/viewpoint.h"

namespace debugger {

// The level that the running command names, or the one that runs. Throws Error where there is none.
Viewpoint viewpoint(Session& session);
// As evaluate() and parse_place(), with the level's registers. Throws Error, also for registers that the level has not saved.
u64 evaluate_at(const Viewpoint& view, std::string_view text);
Place place_at(const Viewpoint& view, std::string_view text);
// "name+0x12" of the level's symbols, or nothing.
std::string symbol_at(const Viewpoint& view, u64 linear);
// "", "g:" or "p:" and the address.
std::string place_text(Place p);

}
