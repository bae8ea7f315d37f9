// SPDX-License-Identifier: MIT
// Opening an image by its name, with the images behind it.
#pragma once
#include "iodev/media/image.h"
#include <memory>

enum class Access : u8 {
    read,                                 // a CD
    write,
    discard,                              // what is written is gone at the end
};

// format is "raw", "qcow2", or empty: by its content. Throws Error.
std::unique_ptr<Image> open_image(const std::string& path, const std::string& format, Access);

// Whether a file holds an ISO 9660 file system (ECMA-119: a volume descriptor at sector 16).
bool is_iso9660(const std::string& path);
