// SPDX-License-Identifier: MIT
// Two mappings of one memfd.
#include "base/code_memory.h"
#include <cstdlib>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

namespace {

constexpr u64 reach = u64{1} << 31, step = u64{16} << 20;

CodeMemory* first = nullptr;

int memory_file(u64 size) {
    int file = ::memfd_create("slate code", MFD_CLOEXEC);
    if (file >= 0 && ::ftruncate(file, off_t(size)) != 0) ::close(std::exchange(file, -1));
    return file;
}

// The free place nearest to `near` from which, and to which, a displacement reaches; below it first, where no heap grows.
u8* place_near(u64 size, const void* near) {
    u64 base = reinterpret_cast<u64>(near) & ~(step - 1);
    for (u64 distance = step; distance + size + step < reach; distance += step) {
        for (u64 at : {base - distance - size, base + distance}) {
            if (at > base && at - base >= reach) continue;                // below zero
            void* wanted = reinterpret_cast<void*>(at);
            void* got = ::mmap(wanted, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
            if (got == wanted) return static_cast<u8*>(got);
            if (got != MAP_FAILED) ::munmap(got, size);                   // a kernel that doesn't know the flag
        }
    }
    return nullptr;
}

}

bool CodeMemory::map(int how) {
    void* w = ::mmap(write_view, size, PROT_READ | PROT_WRITE, MAP_SHARED | how, file, 0);
    if (w == MAP_FAILED) return false;
    write_view = static_cast<u8*>(w);
    return ::mmap(execute_view, size, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, file, 0) != MAP_FAILED;
}

CodeMemory::CodeMemory(u64 wanted, const void* near) : size(align_up(wanted, step)) {
    if (!size) return;
    file = memory_file(size);
    if (file >= 0) execute_view = place_near(size, near);
    if (!execute_view || !map(0)) {
        release();
        size = 0;
        return;
    }
    [[maybe_unused]] static int once = ::pthread_atfork(nullptr, nullptr, copy_all_after_fork);
    next = std::exchange(first, this);
    if (next) next->previous = this;
}

CodeMemory::~CodeMemory() {
    if (empty()) return;
    (previous ? previous->next : first) = next;
    if (next) next->previous = previous;
    release();
}

void CodeMemory::release() {
    if (write_view) ::munmap(write_view, size);
    if (execute_view) ::munmap(execute_view, size);
    if (file >= 0) ::close(file);
}

void CodeMemory::copy_all_after_fork() {
    for (auto* m = first; m; m = m->next) m->copy_after_fork();
}

// Only what has been written is copied; the rest stays a hole.
void CodeMemory::copy_after_fork() {
    int copy = memory_file(size);
    bool good = copy >= 0;
    for (off_t at = 0, end; good && (at = ::lseek(file, at, SEEK_DATA)) >= 0; at = end) {
        end = ::lseek(file, at, SEEK_HOLE);
        good = end > at && ::pwrite(copy, write_view + at, std::size_t(end - at), at) == end - at;
    }
    ::close(std::exchange(file, copy));
    if (!good || !map(MAP_FIXED)) std::abort();            // going on would change the parent's code
}
