// SPDX-License-Identifier: MIT
// What the monitor shows: the adapter's state in, a picture out, dot by dot and scan line by scan line; and the text of a
// text mode. Left out: border, skews, the address counter's count by two and four, line doubling by CRTC 17h bit 2.
#pragma once
#include "iodev/vga/memory.h"
#include <optional>
#include <string>
#include <vector>

// All that a picture depends on.
struct Scanout {
    const VgaRegisters& registers;
    const Dispi& dispi;
    VideoMemory memory;
    u64 frame;                             // since power-on: cursor and blinking characters go by it
};

struct Frame {
    unsigned width = 0, height = 0;
    bool square_dots = false;              // else the picture is 4 wide and 3 high
    std::vector<u32> dots;                 // 00RRGGBB, line by line
    u32 at(unsigned x, unsigned y) const { return dots[std::size_t{y} * width + x]; }
    bool operator==(const Frame&) const = default;
};
Frame render(const Scanout&);

struct Text {
    struct Cell { u8 character, attribute; };
    unsigned columns = 0, rows = 0;
    std::vector<Cell> cells;
    std::string row(unsigned n) const;     // its characters as they are in memory, blanks at the end left off
};
std::optional<Text> read_text(const Scanout&);            // nothing in a graphics mode
