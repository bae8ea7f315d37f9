// SPDX-License-Identifier: MIT
// Guest RAM.
#include "machine/ram.h"
#include "base/error.h"
#include <cerrno>
#include <cstring>

static HostMemory allocate(u64 size) try {
    return HostMemory(size);
} catch (const std::bad_alloc&) {
    throw Error("--memory: the host gives no " + std::to_string(size >> 20) + " MiB: " + std::strerror(errno));
}

Ram::Ram(u64 size) : memory(allocate(size)) {}
