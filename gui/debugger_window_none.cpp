// SPDX-License-Identifier: MIT
// Built without SDL or Dear ImGui: the debugger has no window.
#include "base/error.h"
#include "gui/debugger_window.h"

std::shared_ptr<debugger::Face> gui::open_debugger(Pc&) {
    throw Error("slate was built without the debugger's window: install libsdl2-dev and libimgui-dev and configure again");
}
