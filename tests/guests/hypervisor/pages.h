// SPDX-License-Identifier: MIT
// What kernels of the small hypervisor have in common: calling it, pages of memory, and tables made of them.
#pragma once
#include "guest.h"
#include "hypercall.h"

enum : u64 { P = 1, W = 2, U = 4, large = 0x80 };

inline u64 hypercall(u64 number, u64 rbx = 0, u64 rcx = 0, u64 rdx = 0) {
    if (is_amd()) asm volatile("vmmcall" : "+a"(number) : "b"(rbx), "c"(rcx), "d"(rdx) : "memory");
    else asm volatile("vmcall" : "+a"(number) : "b"(rbx), "c"(rcx), "d"(rdx) : "memory");
    return number;
}

// In the one form that a hypervisor can read without the CPU's help.
inline void drop(u64 address) { asm volatile("invlpg (%%rax)" :: "a"(address) : "memory"); }

// ---- memory: pages from 4 MiB on, used again when they are free

inline u64 next_page = 4 << 20, free_list;
inline volatile u64& slot(u64 table, u64 index) { return reinterpret_cast<volatile u64*>(table)[index]; }
inline u64 take_page() {
    u64 page = free_list ? free_list : next_page;
    if (free_list) free_list = peek<u64>(page);
    else next_page += 4096;
    for (unsigned i = 0; i < 512; i++) slot(page, i) = 0;
    return page;
}
inline void free_page(u64 page) { poke<u64>(page, free_list), free_list = page; }

inline volatile u64& entry(u64 root, u64 address) {
    u64 table = root;
    for (int shift = 39; shift > 12; shift -= 9) {
        volatile u64& e = slot(table, address >> shift & 511);
        if (!(e & P)) e = take_page() | P | W | U;
        table = e & 0xffffffffff000;
    }
    return slot(table, address >> 12 & 511);
}
