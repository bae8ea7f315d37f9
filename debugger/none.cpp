// SPDX-License-Identifier: MIT
// A build without the debugger (./configure --disable-debugger).
#include "base/error.h"
#include "debugger/faces.h"

namespace debugger {

int debug(Machine&, const Options&, std::shared_ptr<Face>) {
    throw Error("the debugger is not built in (configured with --disable-debugger): leave out --debug, --commands, --gdb, --control and --gui");
}

}
