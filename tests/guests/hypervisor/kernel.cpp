// SPDX-License-Identifier: MIT
// The hypervisor's guest: a small operating system with its own page tables, processes in ring 3 that get memory when they touch
// it, a timer that takes turns among them, and as many CPUs as it finds. It does not know under which paging it runs.
#include "frame.h"
#include "pages.h"

extern "C" {
void on_general_protection();
void on_page_fault();
void on_tick();
void on_shootdown();
void on_call();
void idle();
void another_start();
extern u8 kernel_stacks[8][0x4000], process_code[], process_code_end[];
}
static constexpr unsigned tick_vector = 0x20, shootdown_vector = 0x21;

// ---- locks and the terminal

namespace {
struct Lock {                             // held by a vCPU that may have lost its turn: then the turn is given up
    volatile u32 held = 0;
    void take() {
        while (__atomic_exchange_n(&held, 1, __ATOMIC_ACQUIRE)) hypercall(yield);
    }
    void give() { __atomic_store_n(&held, 0, __ATOMIC_RELEASE); }
};
}
static Lock kernel;                       // one for all that CPUs share, the terminal too
static void put(char c) {
    while (!(in8(0x3fd) & 0x20)) {}
    out8(0x3f8, u8(c));
}
static void text(const char* t) {
    for (; *t; t++) put(*t);
}
static void number(u64 n, unsigned base = 10) {
    char digits[24];
    unsigned used = 0;
    do digits[used++] = "0123456789abcdef"[n % base];
    while (n /= base);
    while (used) put(digits[--used]);
}

// ---- memory

static u64 kernel_half;                   // the first entry of every process's top table: all memory as it is, for ring 0
static void make_kernel_half() {
    u64 directories = take_page();
    kernel_half = directories | P | W;
    u64 pages = take_page();
    slot(directories, 0) = pages | P | W;
    for (u64 i = 0; i < 16 >> 1; i++) slot(pages, i) = i << 21 | P | W | large;
}
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

// ---- processes. Their code is the same; it gets its number, works in memory that is not there yet, and tells what came out.

enum Call : u64 { tell = 1, forget, leave };
static constexpr u64 code_at = 0x8000000000, heap_at = 0x8000400000, heap_pages = 24, stack_at = 0x8000800000;
#define PROCESS __attribute__((section(".process"), noinline))

PROCESS static u64 call(u64 number, u64 argument) {
    asm volatile("int $0x80" : "+a"(number) : "b"(argument) : "memory");
    return number;
}
PROCESS static u64 work(u64 seed, volatile u64* words, u64 step, u64 n) {
    u64 x = seed * 2 + 1, sum = 0;
    for (u64 i = 0; i < n; i++) words[i * step] = x = x * 6364136223846793005 + 1442695040888963407;
    for (u64 round = 0; round < 40; round++)
        for (u64 i = 0; i < n; i++) {
            words[i * step] = words[i * step] + sum + round;
            sum = (sum << 7 | sum >> 57) ^ words[i * step];
        }
    return sum;
}
extern "C" PROCESS void process(u64 seed) {
    auto* heap = reinterpret_cast<volatile u64*>(heap_at);
    for (u64 round = 0; round < 4; round++) {
        u64 sum = work(seed + round, heap, 512, heap_pages);
        call(tell, sum);
        call(forget, 0);                  // the heap is zeros again
        for (u64 i = 0; i < heap_pages; i++)
            if (heap[i * 512]) call(leave, 1);
    }
    call(leave, 0);
}

namespace {
enum class State { none, ready, running, gone };
struct Process {
    State state = State::none;
    u64 root = 0, told = 0, wrong = 0, faults = 0, turns = 0;
    Frame frame{};
};
struct Cpu {
    Process* process = nullptr;
    u64 ticks = 0, seen = 0;
    volatile u64 acknowledged = 0;
};
}
static constexpr unsigned process_count = 8;
static Process processes[process_count];
static Cpu cpus[8];
static unsigned cpu_count;
static u64 kernel_root;
static unsigned this_cpu() { return cpuid(1).ebx >> 24; }

static void create(Process& p) {
    p.root = new_root();
    for (u64 i = 0; i < u64(process_code_end - process_code); i += 4096) entry(p.root, code_at + i) = word(process_code + i) | P | U;
    p.frame.ip = code_at + (word(process) - word(process_code)), p.frame.di = u64(&p - processes);
    p.frame.sp = stack_at, p.frame.cs = 0x1b, p.frame.ss = 0x23, p.frame.flags = 0x202;
    p.state = State::ready;
}
static void destroy(Process& p) {
    for (u64 i = 0; i < u64(process_code_end - process_code); i += 4096) entry(p.root, code_at + i) = 0;     // shared by all
    free_tables(p.root, 4, 1);
    p.state = State::gone;
}
static bool all_gone() {
    for (auto& p : processes)
        if (p.state != State::gone) return false;
    return true;
}
static void the_end();
// The frame on the stack becomes another process's; when it is left, that one runs.
static void next_process(Frame& f, Cpu& cpu) {
    if (cpu.process && cpu.process->state == State::running) cpu.process->frame = f, cpu.process->state = State::ready;
    unsigned last = cpu.process ? unsigned(cpu.process - processes) : this_cpu();
    cpu.process = nullptr;
    for (unsigned i = 1; i <= process_count && !cpu.process; i++) {
        Process& p = processes[(last + i) % process_count];
        if (p.state == State::ready) cpu.process = &p;
    }
    if (Process* p = cpu.process) {
        p->state = State::running, p->turns++;
        f = p->frame;
        set_cr3(p->root);
    } else {
        set_cr3(kernel_root);
        f.ip = word(all_gone() && this_cpu() == 0 ? the_end : idle), f.cs = 8, f.ss = 0x10, f.flags = 0x202, f.sp = word(kernel_stacks[this_cpu() + 1]);
    }
}

// ---- traps

// Its heap and stack a process gets page by page; it has no other memory.
static void page_fault(Frame& f, Process* p, u64 address) {
    bool heap = address >= heap_at && address < heap_at + heap_pages * 4096, stack = address >= stack_at - 0x4000 && address < stack_at;
    if (!p || f.code & P || !(heap || stack)) {
        text("unexpected page fault at "), number(address, 16), text(" RIP "), number(f.ip, 16), text("\n");
        hypercall(done, false);
    }
    entry(p->root, address) = take_page() | P | W | U;
    p->faults++;
}
static u64 reference[heap_pages];
static void told(Process& p, u64 sum) {
    u64 expected = work(u64(&p - processes) + p.told, reference, 1, heap_pages);
    p.told++, p.wrong += sum != expected;
}
static void forget_heap(Process& p) {
    for (u64 i = 0; i < heap_pages; i++) {
        u64 at = heap_at + i * 4096;
        volatile u64& e = entry(p.root, at);
        if (!(e & P)) continue;
        free_page(e & 0xffffffffff000);
        e = 0;
        drop(at);
    }
}
static void answer_call(Frame& f, Cpu& cpu) {
    Process& p = *cpu.process;
    switch (f.ax) {
    case tell: return told(p, f.bx);
    case forget: return forget_heap(p);
    case leave:
        p.wrong += f.bx;
        text("process "), number(u64(&p - processes)), text(p.wrong ? " FAILED" : " is done"), text(" on CPU "), number(this_cpu());
        text(": "), number(p.faults), text(" pages touched, "), number(p.turns), text(" turns\n");
        set_cr3(kernel_root);
        destroy(p);
        return next_process(f, cpu);
    }
}
static constexpr u64 window = 0xf00000;   // a page whose mapping changes, for all CPUs to see: below
extern "C" void trapped(Frame& f) {
    Cpu& cpu = cpus[this_cpu()];
    if (f.vector == shootdown_vector) {
        drop(window);
        cpu.seen = peek<u64>(window);
        cpu.acknowledged = cpu.acknowledged + 1;
        return;
    }
    u64 address = get_cr2();
    kernel.take();
    if (f.vector == PF) page_fault(f, cpu.process, address);
    else if (f.vector == 0x80) answer_call(f, cpu);
    else if (f.vector == tick_vector) {
        cpu.ticks++;
        bool idles = !cpu.process && f.ip >= word(idle) && f.ip < word(idle) + 16;
        if (cpu.process || idles) next_process(f, cpu);
    } else text("unexpected trap "), number(f.vector), text(" at "), number(f.ip, 16), text("\n"), hypercall(done, false);
    kernel.give();
}

// ---- descriptors

u64 gdt[512] = {0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00affb000000ffff, 0x00cff3000000ffff};
static u64 idt[0x81 * 2];                 // the GDT: code and data of ring 0, of ring 3, and from 8 on a TSS for each CPU
static Tss tasks[8];
static void gate(unsigned vector, void (*handler)(), u64 rights) {
    u64 a = word(handler);
    idt[vector * 2] = (a & 0xffff) | 8 << 16 | rights << 40 | (a >> 16 & 0xffff) << 48, idt[vector * 2 + 1] = a >> 32;
}
static void make_gates() {
    gate(GP, on_general_protection, 0x8e), gate(PF, on_page_fault, 0x8e), gate(tick_vector, on_tick, 0x8e);
    gate(shootdown_vector, on_shootdown, 0x8e), gate(0x80, on_call, 0xee);
}
static void use_descriptors(unsigned cpu) {
    Tss& t = tasks[cpu];
    t.sp[0] = word(kernel_stacks[cpu + 1]), t.io_map = sizeof t;
    unsigned n = 8 + cpu * 2;
    gdt[n] = descriptor(u32(word(&t)), sizeof t - 1, 0x0089), gdt[n + 1] = 0;
    lgdt({8 * 24 - 1, word(gdt)}), lidt({sizeof idt - 1, word(idt)});
    ltr(u16(n * 8));
    asm volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%ss; pushq $8; lea 1f(%%rip), %%rax; push %%rax; lretq; 1:" :: "r"(0x10) : "rax", "memory");
}

// ---- the CPUs

static volatile u32 ready_cpus;
extern "C" void another_main(unsigned cpu) {
    set_cr3(kernel_root);
    use_descriptors(cpu);
    ready_cpus = ready_cpus + 1;
    idle();
}
static void start_others() {
    for (unsigned i = 1; i < cpu_count; i++) {
        hypercall(start_vcpu, i, word(another_start), word(kernel_stacks[i + 1]));
        while (ready_cpus < i) hypercall(yield);
    }
}

// A page behind `window` is exchanged; each CPU drops what its TLB has of it when it is told to, and then sees the new one.
static bool shoot_down(unsigned times) {
    kernel.take();
    u64 pages[2] = {take_page(), take_page()};
    kernel.give();
    volatile u64& e = entry(kernel_root, window);
    for (unsigned n = 1; n <= times; n++) {
        poke<u64>(pages[n % 2], n);
        e = pages[n % 2] | P | W;
        drop(window);
        if (peek<u64>(window) != n) return false;
        u64 before[8];
        for (unsigned i = 1; i < cpu_count; i++) before[i] = cpus[i].acknowledged;
        hypercall(send_interrupt, (1u << cpu_count) - 2, shootdown_vector);
        for (unsigned i = 1; i < cpu_count; i++) {
            while (cpus[i].acknowledged == before[i]) hypercall(yield);
            if (cpus[i].seen != n) return false;
        }
    }
    return true;
}
// The large page that holds the window becomes small ones, so that one of them can change.
static void split_window() {
    u64 table = take_page();
    volatile u64& large_entry = slot(slot(kernel_half & 0xffffffffff000, 0) & 0xffffffffff000, window >> 21);
    for (u64 i = 0; i < 512; i++) slot(table, i) = (window & ~0x1fffffull) | i << 12 | P | W;
    large_entry = table | P | W;
}
// Memory given back to the hypervisor, and touched again.
static bool give_back_memory() {
    kernel.take();
    u64 page = take_page();
    kernel.give();
    bool good = true;
    for (u64 n = 1; n <= 8; n++) {
        good &= peek<u64>(page) == 0;
        poke<u64>(page, n);
        good &= peek<u64>(page) == n;
        hypercall(give_back, page);
    }
    return good && peek<u64>(page) == 0;
}

static void boot() {
    cpu_count = cpuid(0x40000001).eax;
    make_kernel_half();
    kernel_root = new_root();
    set_cr3(kernel_root);
    split_window();
    make_gates();
    use_descriptors(0);
    set_cr4(get_cr4() | 0x80);            // global pages: none yet, but a write that a hypervisor sees
    wrmsr(0xc0000080, rdmsr(0xc0000080));
    text("a small kernel on "), number(cpu_count), text(" CPU(s), page tables of its own at "), number(kernel_root, 16), text("\n");
}
static bool content = true;
static void report(const char* what, bool good) {
    kernel.take();
    text(what), text(good ? ": right\n" : ": WRONG\n");
    kernel.give();
    content &= good;
}
static void the_end() {
    u64 ticks = 0;
    for (auto& p : processes) content &= !p.wrong && p.told == 4;
    for (unsigned i = 0; i < cpu_count; i++) ticks += cpus[i].ticks;
    text("all processes are done after "), number(ticks), text(" ticks\n");
    hypercall(done, content);
}
extern "C" void kernel_main() {
    boot();
    start_others();
    report("memory given back and touched again", give_back_memory());
    kernel.take();
    for (auto& p : processes) create(p);
    kernel.give();
    if (cpu_count > 1) report("translations shot down on every CPU", shoot_down(20));
    else report("translations dropped", shoot_down(20));
    idle();
}
