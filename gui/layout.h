// SPDX-License-Identifier: MIT
// The debugger's window as a picture, without a display: --headless --screenshot FILE --layout NAME.
#pragma once
#include "machine/machine.h"

namespace gui {

// Runs --commands, then draws the layout into the file; the exit status. Throws Error where it can't.
int draw_layout(const Options& options);

}
