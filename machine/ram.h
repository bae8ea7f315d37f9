// SPDX-License-Identifier: MIT
// Guest RAM: host memory that costs nothing until it is touched.
#pragma once
#include "base/host_memory.h"

class Ram {
public:
    explicit Ram(u64 size);               // throws Error when the host has no such range
    std::span<u8> bytes(u64 from, u64 size) { return memory.all().subspan(from, size); }
    std::span<u8> all() { return memory.all(); }
    void clear() { memory.clear(); }

private:
    HostMemory memory;
};
