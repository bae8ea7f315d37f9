// SPDX-License-Identifier: MIT
// --discard-writes: an image that stays as it is; what is written goes to a temporary file and is
// gone at the end.
#pragma once
#include "iodev/media/image.h"
#include <bitset>
#include <memory>
#include <unordered_map>

class DiscardingImage final : public Image {
public:
    DiscardingImage(std::unique_ptr<Image> kept, std::unique_ptr<File> written);

    u64 size() const override { return kept->size(); }
    void read(u64 at, std::span<u8> to) override;
    void write(u64 at, std::span<const u8> from) override;
    void flush() override {}

private:
    static constexpr u64 unit = 4096;
    std::unique_ptr<Image> kept;
    std::unique_ptr<File> temporary;                 // as sparse as what was written
    // By units, in groups that exist once something in them has been written: a file of a few bytes may claim any size.
    static constexpr u64 group = 4096;
    std::unordered_map<u64, std::bitset<group>> written;
    bool is_written(u64 n) const;
};
