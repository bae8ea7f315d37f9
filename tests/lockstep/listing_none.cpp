// SPDX-License-Identifier: MIT
// No disassembler on this host.
#include "tests/lockstep/listing.h"

namespace lockstep {

std::string disassemble(std::span<const u8>, u64, const decode::Mode&) { return ""; }

}
