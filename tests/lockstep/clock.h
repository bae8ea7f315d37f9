// SPDX-License-Identifier: MIT
// The host's clock, which only decides when a test is over.
#pragma once
#include <chrono>

namespace lockstep {

inline double host_seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

}
