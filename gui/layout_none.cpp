// SPDX-License-Identifier: MIT
// Built without Dear ImGui: there is no window of the debugger's.
#include "base/error.h"
#include "gui/layout.h"

int gui::draw_layout(const Options&) { throw Error("slate was built without the debugger's window: install libimgui-dev and configure again"); }
