// SPDX-License-Identifier: MIT
// Screenshots.
#include "machine/screenshot.h"
#include "base/file.h"
#include "base/png.h"

void Screenshot::take(const Scanout& display) const {
    Frame frame = render(display);
    write_file(file, png(frame.width, frame.height, frame.dots));
}
