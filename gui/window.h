// SPDX-License-Identifier: MIT
// The window: display, keyboard, mouse and speaker of the machine.
#pragma once
#include "machine/front.h"

namespace gui {

// Null where the host has no display, or slate was built without SDL.
std::unique_ptr<Front> open_window();

}
