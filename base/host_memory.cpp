// SPDX-License-Identifier: MIT
// Mappings, anonymous or of a file.
#include "base/host_memory.h"
#include <new>
#include <sys/mman.h>
#include <utility>

static constexpr u64 huge_page = u64{2} << 20;

HostMemory::HostMemory(u64 size) : size(size), mapped_size(size + huge_page) {
    if (size > ~u64{0} - huge_page) throw std::bad_alloc();
    void* at = ::mmap(nullptr, mapped_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) throw std::bad_alloc();
    mapped = static_cast<u8*>(at);
    base = mapped + (0 - reinterpret_cast<u64>(mapped)) % huge_page;
    ::madvise(base, size, MADV_HUGEPAGE);        // only a wish
}
HostMemory::HostMemory(u64 size, int file) : HostMemory(size) {
    if (::mmap(base, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, file, 0) == MAP_FAILED) throw std::bad_alloc();
    ::madvise(base, size, MADV_HUGEPAGE);
    shared = true;
}
HostMemory::HostMemory(HostMemory&& other) noexcept
    : mapped(std::exchange(other.mapped, nullptr)), base(other.base), size(other.size), mapped_size(other.mapped_size), shared(other.shared) {}
HostMemory::~HostMemory() {
    if (mapped) ::munmap(mapped, mapped_size);
}
void HostMemory::clear() { ::madvise(base, size, shared ? MADV_REMOVE : MADV_DONTNEED); }
