// SPDX-License-Identifier: MIT
// A kernel for the small hypervisor (tests/guests/hypervisor) that does one kind of work so many times: computing, creating address
// spaces, mapping, switching, or shooting down translations. CPUID leaf 40000001h says which (ECX) and how often (EDX). It ends with
// what it has computed, so that a run under one kind of paging can be held against a run under the other.
#include "frame.h"
#include "pages.h"

extern "C" {
void on_page_fault();
void on_tick();
void on_shootdown();
void idle();
void another_start();
extern u8 kernel_stacks[8][0x4000];
}
static constexpr unsigned tick_vector = 0x20, shootdown_vector = 0x21;

static void text(const char* t) {
    for (; *t; t++) out8(0x3f8, u8(*t));
}
static void number(u64 n) {
    for (int shift = 60; shift >= 0; shift -= 4) out8(0x3f8, u8("0123456789abcdef"[n >> shift & 15]));
}
[[noreturn]] static void end(bool good, u64 result) {
    text(good ? "load done: " : "load FAILED: "), number(result), text("\n");
    for (;;) hypercall(done, good);
}
// ---- memory

static u64 kernel_half, kernel_root;      // the first entry of every top table: all memory as it is
static u64 new_root() {
    u64 root = take_page();
    slot(root, 0) = kernel_half;
    return root;
}
static void free_tables(u64 table, int level, unsigned from) {
    for (unsigned i = from; i < 512; i++) {
        u64 e = slot(table, i);
        if (e & P && level > 1) free_tables(e & 0xffffffffff000, level - 1, 0);
        else if (e & P) free_page(e & 0xffffffffff000);
    }
    free_page(table);
}
static void make_kernel_half() {
    u64 directories = take_page(), pages = take_page();
    kernel_half = directories | P | W;
    slot(directories, 0) = pages | P | W;
    for (u64 i = 0; i < 16 >> 1; i++) slot(pages, i) = i << 21 | P | W | large;
    kernel_root = new_root();
    set_cr3(kernel_root);
}

// ---- the loads

static constexpr u64 heap = 0x8000000000;
static u64 touch(u64 at, u64 pages, u64 value) {
    u64 sum = 0;
    for (u64 i = 0; i < pages; i++) poke<u64>(at + i * 4096, peek<u64>(at + i * 4096) + value + i), sum += peek<u64>(at + i * 4096);
    return sum;
}
static void give_heap(u64 root, u64 pages) {
    for (u64 i = 0; i < pages; i++) entry(root, heap + i * 4096) = take_page() | P | W;
}

static u64 compute(u64 times) {
    u64 sum = 1;
    give_heap(kernel_root, 64);
    for (u64 n = 0; n < times; n++)
        for (u64 i = 0; i < 64 * 512; i++) {
            volatile u64& at = slot(heap, i);
            at = sum = (sum + at) * 6364136223846793005 + n;
        }
    return sum;
}
// A process comes, touches its memory, and goes.
static u64 create(u64 times) {
    u64 sum = 0;
    for (u64 n = 0; n < times; n++) {
        u64 root = new_root();
        give_heap(root, 32);
        set_cr3(root);
        sum += touch(heap, 32, n);
        set_cr3(kernel_root);
        free_tables(root, 4, 1);
    }
    return sum;
}
static u64 map(u64 times) {
    u64 sum = 0;
    for (u64 n = 0; n < times; n++) {
        give_heap(kernel_root, 64);
        sum += touch(heap, 64, n);
        for (u64 i = 0; i < 64; i++) {
            volatile u64& e = entry(kernel_root, heap + i * 4096);
            free_page(e & 0xffffffffff000);
            e = 0;
            drop(heap + i * 4096);
        }
    }
    return sum;
}
static u64 change(u64 times) {
    u64 roots[2] = {new_root(), new_root()}, sum = 0;
    for (u64 root : roots) give_heap(root, 16);
    for (u64 n = 0; n < times; n++) set_cr3(roots[n & 1]), sum += touch(heap, 16, n);
    return sum;
}

// A page behind `window` is exchanged, and every CPU drops what it has of it.
static constexpr u64 window = heap + 0x10000000;
static unsigned cpu_count;
static volatile u32 ready_cpus;
static volatile u64 acknowledged[8], seen[8];
static unsigned this_cpu() { return cpuid(1).ebx >> 24; }
static u64 shoot_down(u64 times) {
    u64 pages[2] = {take_page(), take_page()};
    volatile u64& e = entry(kernel_root, window);
    e = pages[0] | P | W;
    for (unsigned i = 1; i < cpu_count; i++) {
        hypercall(start_vcpu, i, word(another_start), word(kernel_stacks[i + 1]));
        while (ready_cpus < i) hypercall(yield);
    }
    for (u64 n = 1; n <= times; n++) {
        poke<u64>(pages[n % 2], n);
        e = pages[n % 2] | P | W;
        drop(window);
        if (peek<u64>(window) != n) end(false, n);
        u64 before[8];
        for (unsigned i = 1; i < cpu_count; i++) before[i] = acknowledged[i];
        if (cpu_count > 1) hypercall(send_interrupt, (1u << cpu_count) - 2, shootdown_vector);
        for (unsigned i = 1; i < cpu_count; i++) {
            while (acknowledged[i] == before[i]) hypercall(yield);
            if (seen[i] != n) end(false, n);
        }
    }
    return times;
}

// ---- traps and CPUs

extern "C" void trapped(Frame& f) {
    if (f.vector == tick_vector) return;
    if (f.vector != shootdown_vector) end(false, f.vector);
    unsigned cpu = this_cpu();
    drop(window);
    seen[cpu] = peek<u64>(window);
    acknowledged[cpu] = acknowledged[cpu] + 1;
}

u64 gdt[512] = {0, 0x00af9b000000ffff, 0x00cf93000000ffff};
static u64 idt[0x22 * 2];
static void gate(unsigned vector, void (*handler)()) {
    u64 a = word(handler);
    idt[vector * 2] = (a & 0xffff) | 8 << 16 | 0x8eull << 40 | (a >> 16 & 0xffff) << 48, idt[vector * 2 + 1] = a >> 32;
}
static void use_descriptors() {
    lgdt({3 * 8 - 1, word(gdt)}), lidt({sizeof idt - 1, word(idt)});
    asm volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%ss; pushq $8; lea 1f(%%rip), %%rax; push %%rax; lretq; 1:" :: "r"(0x10) : "rax", "memory");
}
extern "C" void another_main(unsigned) {
    set_cr3(kernel_root);
    use_descriptors();
    ready_cpus = ready_cpus + 1;
    idle();
}

static constexpr u64 (*loads[])(u64) = {compute, create, map, change, shoot_down};
extern "C" void kernel_main() {
    Cpuid asked = cpuid(0x40000001);
    cpu_count = asked.eax;
    make_kernel_half();
    gate(PF, on_page_fault), gate(tick_vector, on_tick), gate(shootdown_vector, on_shootdown);
    use_descriptors();
    if (asked.ecx >= sizeof loads / sizeof *loads) end(false, asked.ecx);
    end(true, loads[asked.ecx](asked.edx));
}
