// SPDX-License-Identifier: MIT
// Guest, 64-bit: code that changes under the CPU's feet (SDM vol. 3, 8.1.3 and 11.6): a store is seen by what runs next.
#include "guest.h"
#include "tables.h"

static constexpr word va = 0x8000000000;
static u8* code() { return reinterpret_cast<u8*>(page(0)); }
static void put(u8* at, u32 value) {      // MOV EAX, value; RET
    at[0] = 0xb8;
    memcpy(at + 1, &value, 4);
    at[5] = 0xc3;
}
static u32 call(word address) {
    u32 v;
    asm volatile("call *%1" : "=a"(v) : "r"(address) : "memory", "rcx", "rdx", "rdi", "rsi", "rbx");
    return v;
}

static void next_instruction() {
    u32 v;
    asm volatile("movb $2, 1f+1(%%rip); 1: mov $1, %0" : "=a"(v) :: "memory");
    is("the very next instruction", v, 2);
    u32 sum = 0;
    asm volatile("mov $10, %%ecx; 1: 2: add $1, %0; incb 2b+2(%%rip); dec %%ecx; jnz 1b" : "+b"(sum) :: "rcx", "memory", "cc");
    is("a loop that counts itself up", sum, 55);
    asm volatile("lea 1f(%%rip), %%rdi; mov $0x90, %%al; mov $2, %%ecx; mov $7, %0; rep stosb; 1: .byte 0x0f, 0x0b; nop"
                 : "=&b"(v)::"rax", "rcx", "rdi", "memory");
    is("REP STOSB over what comes behind it", v, 7);
    asm volatile("lea 1f(%%rip), %%rdi; mov $0x90, %%al; mov $0x200, %%ecx; 1: rep stosb; .fill 0x210, 1, 0x90" ::: "rax", "rcx", "rdi", "memory");
    passes("REP STOSB over itself", {});
}

static void functions() {
    put(code(), 11);
    is("first call", call(page(0)), 11);
    bool good = true;
    for (u32 i = 0; i < 200; i++) put(code(), i), good &= call(page(0)) == i;
    holds("changed before each of 200 calls", good);
    map(va, page(0) | P | W | U);
    is("the same code at another address", call(va), 199);
    put(code(), 12);
    is("changed through its other mapping", call(va), 12);
    put(reinterpret_cast<u8*>(va), 13);
    is("and the other way round", call(page(0)), 13);
    // MOV EAX over the end of a page.
    map(va + 0x1000, page(1) | P | W | U);
    put(code() + 0xffd, 14);              // pages 0 and 1 lie side by side in linear memory as well
    is("an instruction across pages", call(va + 0xffd), 14);
    poke<u8>(page(1), 0x55);
    is("its tail changed", call(va + 0xffd), 14u | 0x55u << 16);
    put(reinterpret_cast<u8*>(page(2)) + 0xffd, 15);
    map(va, page(2) | P | W | U);
    is("its head remapped", call(va + 0xffd), 15u | 0x55u << 16);
    map(va + 0x1000, page(3) | P | W | U);
    poke<u32>(page(3), 0x00c30000);
    is("its tail remapped", call(va + 0xffd), 15);
    u8 image[6];
    put(image, 16);
    asm volatile("rep movsb" :: "D"(page(0)), "S"(image), "c"(6) : "memory");
    is("written by REP MOVSB", call(page(0)), 16);
    asm volatile("lock cmpxchgb %1, (%0)" :: "r"(page(0) + 1), "q"(u8(17)), "a"(u8(16)) : "memory", "cc");
    is("by LOCK CMPXCHG", call(page(0)), 17);
    asm volatile("movl $18, %%eax; movd %%eax, %%xmm0; movd %%xmm0, (%0)" :: "r"(page(0) + 1) : "rax", "memory");
    is("by MOVD from XMM0", call(page(0)), 18);
}

// The QEMU fw_cfg interface's DMA, as another writer than the CPU: the signature "QEMU" over the immediate.
static void dma() {
    struct { u32 control, length; u64 address; } command;
    auto swap = [](u32 v) { return __builtin_bswap32(v); };
    put(code(), 19);
    call(page(0));
    out16(0x510, 0);
    command = {swap(2), swap(4), __builtin_bswap64(page(0) + 1)};
    out32(0x514, 0);
    out32(0x518, swap(u32(word(&command))));
    is("the transfer is done", *reinterpret_cast<volatile u32*>(&command.control), 0);
    is("written by DMA", call(page(0)), 0x554d4551);
}

// Code that a pending fault must not see changed early: the store faults, the code stays.
static void faulting_store() {
    put(code(), 20);
    map(va, page(0) | P | U);
    page_faults("a store refused", trap([] { poke<u32>(va + 1, 21); }), 3, va + 1);
    is("leaves the code", call(va), 20);
    poke<u8>(page(4), 0xc3);
    map(va, page(4) | P | U);
    passes("code remapped", trap([] { call(va); }));
    map(va, page(4) | P | U | NX);
    page_faults("made NX", trap([] { call(va); }), 0x11, va);
    map(va, page(4) | P | U);
    passes("and back", trap([] { call(va); }));
}

extern "C" void guest() {
    next_instruction();
    functions();
    dma();
    faulting_store();
}
