// SPDX-License-Identifier: MIT
// A picture of the display to be taken at some tick, as a PNG file.
#pragma once
#include "iodev/vga/renderer.h"
#include <algorithm>

struct Screenshot {
    Screenshot(std::string file, double at, u64 ticks_per_second)
        : file(std::move(file)), tick(at < 0 ? ~u64{0} : u64(std::min(at * double(ticks_per_second), 1e19))) {}
    void take(const Scanout&) const;       // throws Error when the file cannot be written

    std::string file;
    u64 tick;                              // all ones: at the end
};
