// SPDX-License-Identifier: MIT
// Raw images.
#include "iodev/media/raw.h"
#include "base/error.h"
#include "iodev/media/formats.h"
#include <algorithm>
#include <array>

RawImage::RawImage(std::unique_ptr<File> given, Because because)
    : file(std::move(given)), bytes(align_up(file->size(), sector)), because(because) {
    if (bytes == 0)
        throw Error("'" + file->name() +
                    "': is empty; make an image of some size first (truncate -s 1G FILE)");
}

void RawImage::write(u64 at, std::span<const u8> from) {
    if (because == Because::guessed && at < signature_bytes) {
        std::array<u8, signature_bytes> start;
        file->read(0, start);
        std::ranges::copy(from.first(std::min<u64>(from.size(), start.size() - at)),
                          start.begin() + std::ptrdiff_t(at));
        if (auto* format = format_of(start))
            throw IoError("'" + file->name() + "': the guest writes the signature of " +
                          format->name + "; give format=raw with --disk to let it");
    }
    file->write(at, from);
}
