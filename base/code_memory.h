// SPDX-License-Identifier: MIT
// Memory for machine code made at run time. It is mapped twice: where it is written it can't be executed, where it is executed
// it can't be written. x86 hosts keep both views coherent.
#pragma once
#include "base/bits.h"
#include <span>

class CodeMemory {
public:
    // `size` bytes, all of them within reach of a 32-bit displacement from and to `near`. Empty for 0, and when the host gives none.
    CodeMemory(u64 size, const void* near);
    ~CodeMemory();
    CodeMemory(const CodeMemory&) = delete;
    CodeMemory& operator=(const CodeMemory&) = delete;

    bool empty() const { return size == 0; }
    std::span<u8> written() const { return {write_view, size}; }
    const u8* executed() const { return execute_view; }

private:
    bool map(int how);
    void release();
    void copy_after_fork();                        // both processes would write to the same memory
    static void copy_all_after_fork();

    u8 *write_view = nullptr, *execute_view = nullptr;
    u64 size;
    int file = -1;
    CodeMemory *next = nullptr, *previous = nullptr;      // all that live
};
