// SPDX-License-Identifier: MIT
// A medium's contents as the guest sees them: a fixed number of bytes, whatever the format.
#pragma once
#include "iodev/media/file.h"

// Ranges lie within size(); their bounds need no alignment. Each throws IoError.
class Image {
public:
    static constexpr u64 sector = 512;
    virtual ~Image() = default;
    virtual u64 size() const = 0;                              // whole sectors
    virtual void read(u64 at, std::span<u8> to) = 0;
    virtual void write(u64 at, std::span<const u8> from) = 0;
    virtual void flush() = 0; // what was written before is on the host's disk
};
