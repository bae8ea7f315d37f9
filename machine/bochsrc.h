// SPDX-License-Identifier: MIT
// Bochs' configuration file, as its users have it: the lines that mean something here become options.
#pragma once
#include "machine/options.h"

struct Bochsrc {
    Options options;                          // what the file asks for, all else as without it
    std::vector<std::string> warnings;        // a line of the file's each: what of it is not honoured, and where
};

// Throws Error with file and line when it can't be read, or asks for what would give another machine (an image's unknown mode).
Bochsrc read_bochsrc(const std::string& file);
