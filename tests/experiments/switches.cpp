// SPDX-License-Identifier: MIT
// Guest, 64-bit: two processes of 64 pages each take turns, with PCIDs or with a TLB that each switch flushes. On the command line:
//   pcid=0|1 switches=N rounds=R       R rounds over its pages between two switches
#include "memory.h"
#include "words.h"

static constexpr u64 heap = 0x8000000000, pages = 64;

static u64 new_space() {
    u64 root = new_page();
    memcpy(reinterpret_cast<void*>(root), reinterpret_cast<void*>(get_cr3() & ~0xfffull), 4096);
    for (u64 i = 0; i < pages; i++) table_entry(root, heap + i * 4096, 1, 4, 7) = new_page() | 0x67;
    return root;
}

extern "C" void guest() {
    bool tagged = number(word_after("pcid="));
    u64 switches = number(word_after("switches=")), rounds = number(word_after("rounds="));
    u64 spaces[2] = {new_space(), new_space()};
    if (tagged && !(cpuid(1).ecx >> 17 & 1)) return holds("PCIDs", false);
    if (tagged) set_cr4(get_cr4() | 1 << 17);
    for (u64 n = 0; n < switches; n++) {
        u64 which = n & 1;
        set_cr3(spaces[which] | (tagged ? (which + 1) | 1ull << 63 : 0));
        for (u64 r = 0; r < rounds; r++)
            for (u64 i = 0; i < pages; i++) poke<u64>(heap + i * 4096, peek<u64>(heap + i * 4096) + 1);
    }
    // Each word has been counted up once in each round of its process's turns.
    u64 turns = switches / 2 + switches % 2;
    if (switches) set_cr3(spaces[0] | (tagged ? 1 : 0)), is("its words were counted up", peek<u64>(heap + 4096), turns * rounds);
    holds("done", true);
}
