// SPDX-License-Identifier: MIT
// Guest RAM by anonymous mapping.
#include "machine/ram.h"
#include "base/error.h"
#include <cerrno>
#include <cstring>
#include <sys/mman.h>

Ram::Ram(u64 size) : size(size) {
    void* at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) throw Error("--memory: the host gives no " + std::to_string(size >> 20) + " MiB: " + std::strerror(errno));
    base = static_cast<u8*>(at);
}
Ram::~Ram() { ::munmap(base, size); }
void Ram::clear() { ::madvise(base, size, MADV_DONTNEED); }
