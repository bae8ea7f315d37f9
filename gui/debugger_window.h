// SPDX-License-Identifier: MIT
// The debugger's window: a face on a thread of its own.
#pragma once
#include "debugger/face.h"
#include "machine/pc.h"
#include <memory>

namespace gui {

// Throws Error where there is no display, or slate was built without what a window needs.
std::shared_ptr<debugger::Face> open_debugger(Pc& pc);

}
