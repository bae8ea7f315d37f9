// SPDX-License-Identifier: MIT
// Built without SDL: there is no window.
#include "gui/window.h"

std::unique_ptr<Front> gui::open_window() { return nullptr; }
