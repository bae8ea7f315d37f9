// SPDX-License-Identifier: MIT
// Fuzz input as a stream of numbers; zeros once it has ended. And what every target demands.
#pragma once
#include "base/bits.h"
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <span>

inline void require(bool condition) {
    if (!condition) std::abort();
}

class Input {
public:
    Input(const u8* data, std::size_t size) : left(data, size) {}
    bool empty() const { return left.empty(); }
    template <class T> T take() {
        T value{};
        auto some = bytes(sizeof value);
        if (!some.empty()) std::memcpy(&value, some.data(), some.size());
        return value;
    }
    u8 byte() { return take<u8>(); }
    u64 below(u64 n) { return take<u32>() % n; }
    std::span<const u8> bytes(std::size_t most) {
        auto some = left.first(std::min(most, left.size()));
        left = left.subspan(some.size());
        return some;
    }
    std::span<const u8> rest() { return bytes(left.size()); }

private:
    std::span<const u8> left;
};
