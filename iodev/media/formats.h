// SPDX-License-Identifier: MIT
// What kind of image a file is, by its first bytes.
#pragma once
#include "base/bits.h"
#include <span>
#include <string_view>

struct Format {
    const char* name;                     // as in format=
    unsigned at;
    std::string_view signature;
    bool readable;                        // by us
};
inline constexpr unsigned signature_bytes = 72;

// nullptr: none of those that have a signature, so it is taken as raw.
const Format* format_of(std::span<const u8> start);
