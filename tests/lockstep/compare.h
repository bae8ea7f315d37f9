// SPDX-License-Identifier: MIT
// Whether two machines are the same, and by what name they first differ.
#pragma once
#include "tests/lockstep/side.h"

namespace lockstep {

// Registers, flags, FPU, vectors, modes and the counts of TLB fills: quick enough for each block.
bool same_cpu(Cpu& a, Cpu& b);
// All state but RAM.
bool same_state(Side& a, Side& b);
// RAM, byte by byte.
bool same_ram(const Side& a, const Side& b);
// The first few differences, by name; empty where there is none.
std::string differences(Side& a, Side& b);
// Makes all of `to` what `from` is. False: a name that cannot be loaded, in `complaint`.
bool copy_state(Side& from, Side& to, std::string& complaint);

}
