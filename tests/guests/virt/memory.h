// SPDX-License-Identifier: MIT
// Pages for guests that run guests: given one after the other from 16 MiB up, and tables of any depth made of them.
#pragma once
#include "guest.h"

// A page of zeros that nobody else has; physical and linear address are the same, in a 32-bit guest too.
inline u64 new_page(unsigned pages = 1) {
    static u64 next = 0x1000000;
    u64 page = next;
    next += pages * 4096ull;
    memset(reinterpret_cast<void*>(word(page)), 0, pages * 4096ull);
    return page;
}
inline u64 page_of(u64 entry) { return entry & 0xffffffffff000; }
inline u64& slot(u64 table, u64 index) { return reinterpret_cast<u64*>(word(table))[index]; }

// The entry at `level` (1: a page's) of the tables at `root`, which has level `top`; missing ones are made, with `link`'s bits.
inline u64& table_entry(u64 root, u64 address, int level, int top, u64 link) {
    u64 table = root;
    for (int l = top; l > level; l--) {
        u64& e = slot(table, address >> (12 + 9 * (l - 1)) & 511);
        if (!e) e = new_page() | link;
        table = page_of(e);
    }
    return slot(table, address >> (12 + 9 * (level - 1)) & 511);
}
// All of the first `size` bytes mapped to themselves, by entries of `level` with `bits` (bit 7 is added above level 1).
inline void identity(u64 root, u64 size, int level, int top, u64 link, u64 bits) {
    u64 step = 1ull << (12 + 9 * (level - 1));
    for (u64 a = 0; a < size; a += step) table_entry(root, a, level, top, link) = a | bits | (level > 1 ? 0x80 : 0);
}

// General registers in the order of their numbers. RSP, and on AMD RAX, are the virtual machine's block's own.
enum : unsigned { rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15 };
struct Registers { u64 r[16]; };
