// SPDX-License-Identifier: MIT
// /init of a guest's guest that debuggers look at: user code where nobody else has any (it is linked at 10000000h), and memory in a small
// page and in a large one. For ever: look_here(small, large, round), a store to each, CPUID.
#include <cpuid.h>
#include <stdint.h>
#include <sys/mman.h>

enum { PAGE = 4096, LARGE = 2 << 20 };

static volatile uint64_t small[PAGE / 8] __attribute__((aligned(PAGE)));

// Where one stops.
__attribute__((noinline)) void look_here(volatile uint64_t* a_small, volatile uint64_t* a_large, uint64_t round) {
    __asm__ volatile("" : : "r"(a_small), "r"(a_large), "r"(round) : "memory");
}

__attribute__((noinline)) void store_here(volatile uint64_t* at, uint64_t value) { *at = value; }

__attribute__((noinline)) void ask_cpu(void) {
    uint32_t a, b, c, d;
    __cpuid(0, a, b, c, d);
}

int main(void) {
    uintptr_t found = (uintptr_t)mmap(0, 2 * LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    volatile uint64_t* large = (uint64_t*)((found + LARGE - 1) & ~(uintptr_t)(LARGE - 1));
    store_here(small, 0), store_here(large, 0);
    for (uint64_t round = 1;; round++) {
        look_here(small, large, round);
        store_here(small, round);
        store_here(large, round);
        ask_cpu();
    }
}
