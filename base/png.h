// SPDX-License-Identifier: MIT
// Writing PNG pictures (ISO/IEC 15948): 8 bits of red, green and blue per pixel.
#pragma once
#include "base/bits.h"
#include <span>
#include <vector>

// pixels: 00RRGGBB, line by line; width and height are at least 1.
std::vector<u8> png(unsigned width, unsigned height, std::span<const u32> pixels);
