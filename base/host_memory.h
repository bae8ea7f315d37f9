// SPDX-License-Identifier: MIT
// A large piece of the host's memory: zero, aligned to 2 MiB, in huge pages where the host has them; it costs nothing until
// it is touched.
#pragma once
#include "base/bits.h"
#include <span>

class HostMemory {
public:
    explicit HostMemory(u64 size);        // bytes; throws std::bad_alloc when the host has no such range
    HostMemory(u64 size, int file);       // the same, shared with whoever maps the file, which has that size and is all holes
    ~HostMemory();
    HostMemory(const HostMemory&) = delete;
    HostMemory& operator=(const HostMemory&) = delete;
    HostMemory(HostMemory&& other) noexcept;

    std::span<u8> all() const { return {base, size}; }
    void clear();                         // zero again, and given back to the host

private:
    u8 *mapped, *base;
    u64 size, mapped_size;
    bool shared = false;
};
