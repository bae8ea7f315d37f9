// SPDX-License-Identifier: MIT
// What is in a drive: an image, or nothing. What the host refuses comes to the drive as a plain
// failure; it is said once, and again after a flush that succeeded.
#pragma once
#include "iodev/media/image.h"
#include <memory>

class Medium {
public:
    Medium() = default;
    // Whoever may not write (a CD) is refused here.
    explicit Medium(std::unique_ptr<Image> image, bool write_protected = false)
        : image(std::move(image)), protect(write_protected) {}

    bool present() const { return image != nullptr; }
    bool write_protected() const { return protect; }
    u64 size() const { return image ? image->size() : 0; }

    // False when the host failed, or the range is not within the medium.
    bool read(u64 at, std::span<u8> to);
    bool write(u64 at, std::span<const u8> from);
    bool flush();

private:
    template <class Run> bool attempt(Run run);
    bool inside(u64 at, u64 bytes) const { return at <= size() && bytes <= size() - at; }

    std::unique_ptr<Image> image;
    bool protect = false, told = false;   // told: that the host failed, since all went well
};
