// SPDX-License-Identifier: MIT
// The counters behind --stats.
#pragma once
#include "machine/pc.h"

// What --check=tlb has found: what is still open, then a line that adds up.
void print_stale_uses(Pc& pc);

// On standard error, as a table or as one line of JSON; `seconds` of the host since the start.
void print_stats(Pc& pc, double seconds, bool json);
