// SPDX-License-Identifier: MIT
// Writes that are discarded at the end.
#include "iodev/media/discard.h"
#include <algorithm>
#include <array>

DiscardingImage::DiscardingImage(std::unique_ptr<Image> kept, std::unique_ptr<File> temporary)
    : kept(std::move(kept)),
      temporary(std::move(temporary)) {}

bool DiscardingImage::is_written(u64 n) const {
    auto found = written.find(n / group);
    return found != written.end() && found->second[n % group];
}

void DiscardingImage::read(u64 at, std::span<u8> to) {
    while (!to.empty()) {
        bool here = is_written(at / unit);
        u64 end = at / unit + 1, last = (at + to.size() - 1) / unit;
        while (end <= last && is_written(end) == here) end++;
        u64 length = std::min<u64>(to.size(), end * unit - at);
        if (here) temporary->read(at, to.first(length));
        else kept->read(at, to.first(length));
        at += length, to = to.subspan(length);
    }
}

void DiscardingImage::write(u64 at, std::span<const u8> from) {
    while (!from.empty()) {
        u64 within = at % unit, start = at - within,
            length = std::min<u64>(from.size(), unit - within);
        std::array<u8, unit> whole{};
        read(start, std::span(whole).first(std::min(unit, size() - start)));
        std::ranges::copy(from.first(length), whole.begin() + std::ptrdiff_t(within));
        temporary->write(start, whole);
        written[start / unit / group].set(start / unit % group);
        at += length, from = from.subspan(length);
    }
}
