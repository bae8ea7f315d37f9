// SPDX-License-Identifier: MIT
// Guest RAM: host memory that costs nothing until it is touched.
#pragma once
#include "base/bits.h"
#include <span>

class Ram {
public:
    explicit Ram(u64 size);               // throws Error when the host has no such range
    ~Ram();
    Ram(const Ram&) = delete;
    Ram& operator=(const Ram&) = delete;
    std::span<u8> bytes(u64 from, u64 size) { return {base + from, size}; }
    std::span<u8> all() { return {base, size}; }
    void clear();

private:
    u8* base;
    u64 size;
};
