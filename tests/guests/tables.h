// SPDX-License-Identifier: MIT
// Page tables of 64-bit guests: entries found or made below CR3, and pages of memory to map.
#pragma once
#include "guest.h"

enum : u64 { P = 1, W = 2, U = 4, A = 0x20, D = 0x40, PSE = 0x80, G = 0x100, NX = 1ull << 63 };

inline u64 pool[64][512] __attribute__((aligned(4096)));
inline unsigned pool_used;
inline u64* new_table() { return pool[pool_used++]; }
inline word page(unsigned n) {            // memory to map: physical and linear address are the same
    alignas(4096) static u8 pages[32][4096];
    return word(pages[n]);
}
inline int levels = 4;                    // of the paging in use

// The entry that maps `address` at `level` (1: a page's); tables on the way are made where missing.
inline u64& entry(word address, int level, word root = 0) {
    auto* table = reinterpret_cast<u64*>((root ? root : get_cr3()) & ~0xfffull);
    for (int l = levels; l > level; l--) {
        u64& e = table[address >> (12 + 9 * (l - 1)) & 511];
        if (!e) e = word(new_table()) | P | W | U;
        table = reinterpret_cast<u64*>(e & 0xffffffffff000);
    }
    return table[address >> (12 + 9 * (level - 1)) & 511];
}
inline void map(word address, u64 e) { entry(address, 1) = e, invlpg(address); }
