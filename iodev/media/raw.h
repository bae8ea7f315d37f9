// SPDX-License-Identifier: MIT
// A raw image: the file's bytes are the medium's.
#pragma once
#include "iodev/media/image.h"
#include <memory>

class RawImage final : public Image {
public:
    // Named raw: somebody said so. Guessed: what the guest writes must not make it look like
    // another format, which would then name files of the host.
    enum class Because : u8 { named, guessed };
    RawImage(std::unique_ptr<File>, Because);        // throws Error when it is empty

    u64 size() const override { return bytes; }
    void read(u64 at, std::span<u8> to) override { file->read(at, to); }
    void write(u64 at, std::span<const u8> from) override;
    void flush() override { file->flush(); }

private:
    std::unique_ptr<File> file;
    const u64 bytes;
    const Because because;
};
