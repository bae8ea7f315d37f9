// SPDX-License-Identifier: MIT
// Scaling.
#include "gui/scale.h"
#include <algorithm>

namespace gui {

Size natural_size(unsigned width, unsigned height, bool square_dots) {
    return {int(width), square_dots ? int(height) : int(width * 3 / 4)};
}

static Size fitting(Size shape, Size window) {
    s64 wide = s64{shape.width} * window.height, high = s64{shape.height} * window.width;
    if (wide <= high) return {std::max(int(wide / shape.height), 1), window.height};
    return {window.width, std::max(int(high / shape.width), 1)};
}

Place place(const Frame& frame, Size window, Scaling scaling) {
    int width = int(frame.width), height = int(frame.height);
    Size size = fitting(natural_size(frame.width, frame.height, frame.square_dots), window);
    int times = std::min(window.width / width, window.height / height);
    if (scaling == Scaling::whole_dots && times > 0) size = {width * times, height * times};
    return {(window.width - size.width) / 2, (window.height - size.height) / 2, size.width, size.height};
}

}
