// SPDX-License-Identifier: MIT
// How large a picture is shown: in its true shape as large as fits, or in whole multiples of its dots.
#pragma once
#include "iodev/vga/renderer.h"

namespace gui {

enum class Scaling : u8 { true_shape, whole_dots };
struct Size { int width = 0, height = 0; };
struct Place { int x = 0, y = 0, width = 0, height = 0; };

// The picture's own size in its true shape: a VGA's picture is 4 wide and 3 high whatever its dots.
Size natural_size(unsigned width, unsigned height, bool square_dots);
// Where in a window the picture lies: in its middle.
Place place(const Frame& frame, Size window, Scaling scaling);

}
