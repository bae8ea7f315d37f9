// SPDX-License-Identifier: MIT
// A small hypervisor for Intel and AMD: it runs kernel.cpp as its guest, with up to eight virtual CPUs that take turns on the
// one physical CPU, under nested or shadow paging. The command line says how: "paging=nested|shadow vcpus=N end=off"; load= and times= are
// for another kernel than kernel.cpp (tests/experiments/load.cpp).
//
// The loop at the end is the whole of it: enter the guest; it runs on the CPU itself until something happens that is ours to
// answer (an exit); answer; enter again. What the guest prints goes to COM1, as what we print does.
#include "hypervisor.h"
#include "frame.h"
#include "interrupts.h"
#include "words.h"

bool nested = true;
u64 nested_root;
const Vendor* vendor;
Vcpu all_vcpus[most_vcpus];
static Vcpu* const vcpus = all_vcpus;
static unsigned vcpu_count = 1, current;
static u64 exits[unsigned(Why::count)];
static bool ends_by_power_off;

// ---- the terminal: COM1, and for the test's verdicts port E9h

static void put(char c) {
    while (!(in8(0x3fd) & 0x20)) {}
    out8(0x3f8, u8(c));
}
static void say(const char* text) {
    for (; *text; text++) {
        if (*text == '\n') put('\r');
        put(*text);
    }
}
static void say_number(u64 n, unsigned width = 0, unsigned base = 10) {
    char digits[24];
    unsigned used = 0;
    do digits[used++] = "0123456789abcdef"[n % base];
    while (n /= base);
    for (unsigned i = used; i < width; i++) put(' ');
    while (used) put(digits[--used]);
}

// ---- the end

static constexpr const char* names[] = {
    "CPUID", "port access", "HLT", "RDMSR", "WRMSR", "MOV from CR", "MOV to CR", "page fault", "INVLPG", "page missing in nested tables",
    "external interrupt", "end of time slice", "interrupt window", "hypercall", "shutdown", "other"};
static_assert(sizeof names / sizeof *names == unsigned(Why::count));

static void summary() {
    u64 all = 0;
    for (u64 n : exits) all += n;
    say("hypervisor| "), say_number(all), say(" exits:\n");
    for (unsigned i = 0; i < unsigned(Why::count); i++)
        if (exits[i]) say("hypervisor| "), say_number(exits[i], 9), say("  "), say(names[i]), say("\n");
}
static void power_off() {
    for (const char* c = "Shutdown"; *c; c++) out8(0x8900, u8(*c));
}
void stop(const char* reason, u64 number) {
    say("\nhypervisor| stopped: "), say(reason), say(" "), say_number(number, 0, 16), say(" at RIP "), say_number(vcpus[current].rip, 0, 16), say("\n");
    holds(reason, false);
    finish();
}

// ---- memory: the guest's page frames are ours, given when they are first touched; the kernel's arrive with its contents

extern "C" const char kernel_image[], kernel_image_end[];
static constexpr u64 kernel_at = 1 << 20, tables_at = 0x1000;
static u64 frames[guest_ram / page_size];

u64 host_page(u64 guest_physical) {
    if (guest_physical >= guest_ram) return 0;
    u64& frame = frames[guest_physical / page_size];
    if (frame) return frame;
    frame = new_page();
    u64 from = (guest_physical & ~(page_size - 1)) - kernel_at, size = u64(kernel_image_end - kernel_image);
    if (from < size) memcpy(reinterpret_cast<void*>(frame), kernel_image + from, size - from < page_size ? size - from : page_size);
    return frame;
}
static void give_page(u64 guest_physical) {
    u64 frame = host_page(guest_physical);
    if (!frame) stop("the guest touched what is no memory:", guest_physical);
    u64 rights = vendor == &intel ? 0x37 : 7;            // EPT: read, write, execute, write-back; NPT: present, writable, user
    table_entry(nested_root, guest_physical, 1, 4, 7) = frame | rights;
}
// The guest needs this page no more; if it touches it again, it gets one full of zeros. (A real one would be reused.)
static void take_page(u64 guest_physical) {
    if (guest_physical >= guest_ram) return;
    frames[guest_physical / page_size] = 0;
    if (!nested) return shadow_drop_all();
    table_entry(nested_root, guest_physical, 1, 4, 7) = 0;
    vendor->flush_nested();
}
// What a boot loader leaves: the guest's memory mapped to itself by large pages.
static u64 boot_tables() {
    u64 root = host_page(tables_at), directories = host_page(tables_at + 0x1000), pages = host_page(tables_at + 0x2000);
    slot(root, 0) = tables_at + 0x1000 + 3, slot(directories, 0) = tables_at + 0x2000 + 3;
    for (u64 i = 0; i < guest_ram >> 21; i++) slot(pages, i) = i << 21 | 0x83;
    return tables_at;
}

// ---- interrupts: our own timer's tick is every vCPU's tick too

constexpr unsigned host_tick = 0x40, guest_tick = 0x20;
static u64 ticks;
static void post(Vcpu& v, unsigned vector) {
    v.pending[vector / 32] |= 1u << vector % 32;
    v.halted = false;
}
static void start_timer(u64 tsc_ticks) {
    hook(host_tick, [](Frame&) { ticks++, apic(eoi, 0); });
    apic(svr, 0x1ff), apic(timer_divide, 0xb), apic(lvt_timer, 0x10000);
    apic(timer_initial, ~0u);
    u64 begin = rdtsc();
    u32 from = apic(timer_current);
    while (rdtsc() - begin < tsc_ticks) {}
    u32 counts = from - apic(timer_current);
    apic(lvt_timer, 0x20000 | host_tick), apic(timer_initial, counts ? counts : 1);
}
static void take_interrupts() {
    u64 before = ticks;
    asm volatile("sti; nop; cli" ::: "memory");
    if (ticks == before) return;
    for (unsigned i = 0; i < vcpu_count; i++)
        if (vcpus[i].running) post(vcpus[i], guest_tick);
}
static int highest_pending(const Vcpu& v) {
    for (int i = 7; i >= 0; i--)
        if (v.pending[i]) return i * 32 + 31 - __builtin_clz(v.pending[i]);
    return -1;
}
static void deliver(Vcpu& v) {
    int vector = highest_pending(v);
    bool possible = vector >= 0 && vendor->can_interrupt(v);
    vendor->want_window(v, vector >= 0 && !possible);
    if (!possible) return;
    v.pending[vector / 32] &= ~(1u << vector % 32);
    vendor->inject(v, unsigned(vector), external_interrupt, false, 0);
}

// ---- which vCPU runs

static constexpr u64 tick = 200000, turn = tick / 4;      // of the time-stamp counter
static void next_vcpu() {
    for (;;) {
        for (unsigned i = 1; i <= vcpu_count; i++) {
            Vcpu& v = vcpus[(current + i) % vcpu_count];
            if (!v.running || v.halted) continue;
            current = v.number, v.turn_ends = rdtsc() + turn;
            return;
        }
        halt();                           // all wait: so do we, for the next tick
        for (unsigned i = 0; i < vcpu_count; i++)
            if (vcpus[i].running) post(vcpus[i], guest_tick);
    }
}

// ---- answers to exits

static void answer_cpuid(Vcpu& v) {
    u64* r = v.registers.r;
    Cpuid c = cpuid(u32(r[rax]), u32(r[rcx]));
    if (u32(r[rax]) == 1) c.ebx = (c.ebx & 0xffffff) | v.number << 24, c.ecx = (c.ecx & ~(1u << 5)) | 1u << 31;   // its APIC id; no VMX; a hypervisor
    if (u32(r[rax]) == 0x80000001) c.ecx &= ~4u;                                                                   // no SVM
    if (u32(r[rax]) == 0x40000000) c = {0x40000001, 0x74616c53, 0x776f2065, 0x2121216e};                          // "Slate own!!!"
    if (u32(r[rax]) == 0x40000001) c = {vcpu_count, nested, u32(number(word_after("load="))), u32(number(word_after("times=")))};
    r[rax] = c.eax, r[rbx] = c.ebx, r[rcx] = c.ecx, r[rdx] = c.edx;
}
// A serial port is all that the machine has: data at 3F8h, always ready to send.
static void answer_port(Vcpu& v, const Exit& e) {
    static bool line_began;
    u64& a = v.registers.r[rax];
    if (!e.write) a = (a & ~((1ull << 8 * e.width) - 1)) | (e.detail == 0x3fd ? 0x60 : 0xff);
    else if (e.detail == 0x3f8) {
        if (!line_began) say("guest     | ");
        put(char(a));
        line_began = char(a) != '\n';
        if (!line_began) put('\r');
    }
}
static constexpr u32 msr_efer = 0xc0000080;
static void answer_msr(Vcpu& v, const Exit& e) {
    u64* r = v.registers.r;
    if (e.detail != msr_efer) return vendor->inject(v, GP, hardware_exception, true, 0);
    u64 efer = rdmsr(msr_efer) & 0xd01;                  // SCE, LME, LMA, NXE: as ours
    if (e.write) {
        if ((r[rdx] << 32 | u32(r[rax])) != efer) return vendor->inject(v, GP, hardware_exception, true, 0);
    } else r[rax] = u32(efer), r[rdx] = efer >> 32;
    vendor->skip(v, e.length);
}
// Under shadow paging alone; a change of CR0.PG, WP or CR4.PAE would need another kind of shadow tables.
static void answer_cr_write(Vcpu& v, const Exit& e) {
    u64 value = v.registers.r[e.reg];
    if (e.detail == 3) v.cr3 = value;
    else if (e.detail == 0 && (value & 0x80010001) == 0x80010001) v.cr0 = value;
    else if (e.detail == 4 && (value & 0x20)) v.cr4 = value;
    else stop("a control register that the demo does not let be changed: CR", e.detail);
    if (e.detail != 3) vendor->set_cr(v);
    shadow_flush(v), vendor->flush(v);
}
static void answer_cr_read(Vcpu& v, const Exit& e) {
    v.registers.r[e.reg] = e.detail == 0 ? v.cr0 : e.detail == 3 ? v.cr3 : v.cr4;
}
static void answer_page_fault(Vcpu& v, const Exit& e) {
    if (shadow_fault(v, e.detail, e.error_code)) return;
    v.cr2 = e.detail;
    vendor->inject(v, PF, hardware_exception, true, u32(e.error_code));
}
[[noreturn]] static void the_end(u64 good) {
    u64 all = exits[unsigned(Why::hypercall)];
    summary();
    if (ends_by_power_off) power_off();
    holds("the guest is content", good), holds("it made hypercalls", all > 1);
    holds("CPUID exits", exits[unsigned(Why::cpuid)]), holds("port exits", exits[unsigned(Why::port)]);
    holds("interrupt exits", exits[unsigned(Why::interrupt)]), holds("HLT exits", exits[unsigned(Why::halt)]);
    holds("MSR exits", exits[unsigned(Why::msr_read)] && exits[unsigned(Why::msr_write)]);
    holds("page faults exit under shadow paging alone", (exits[unsigned(Why::page_fault)] != 0) == !nested);
    holds("CR writes exit under shadow paging alone", (exits[unsigned(Why::cr_write)] != 0) == !nested);
    holds("pages are missing under nested paging alone", (exits[unsigned(Why::second_stage)] != 0) == nested);
    finish();
}
static void answer_hypercall(Vcpu& v) {
    u64* r = v.registers.r;
    switch (r[rax]) {
    case start_vcpu:
        if (r[rbx] >= vcpu_count || vcpus[r[rbx]].running) return void(r[rax] = ~0ull);
        vendor->create(vcpus[r[rbx]], r[rcx], r[rdx], tables_at);
        vcpus[r[rbx]].running = true;
        break;
    case send_interrupt:                  // RBX: which vCPUs; RCX: the vector
        for (unsigned i = 0; i < vcpu_count; i++)
            if (r[rbx] >> i & 1 && vcpus[i].running) post(vcpus[i], r[rcx] & 0xff);
        break;
    case yield: return next_vcpu();
    case give_back: take_page(r[rbx]); break;
    case done: the_end(r[rbx]);
    default: r[rax] = ~0ull; return;
    }
    r[rax] = 0;
}

static void answer(Vcpu& v, const Exit& e) {
    switch (e.why) {
    case Why::cpuid: vendor->skip(v, e.length), answer_cpuid(v); break;
    case Why::port: vendor->skip(v, e.length), answer_port(v, e); break;
    case Why::halt: vendor->skip(v, e.length), v.halted = highest_pending(v) < 0, next_vcpu(); break;
    case Why::msr_read: case Why::msr_write: answer_msr(v, e); break;
    case Why::cr_read: vendor->skip(v, e.length), answer_cr_read(v, e); break;
    case Why::cr_write: vendor->skip(v, e.length), answer_cr_write(v, e); break;
    case Why::page_fault: answer_page_fault(v, e); break;
    case Why::invlpg: vendor->skip(v, e.length), shadow_flush_page(v, e.detail), vendor->flush_page(v, e.detail); break;
    case Why::second_stage: give_page(e.detail); break;
    case Why::interrupt: case Why::time_slice: take_interrupts(), next_vcpu(); break;
    case Why::window: break;              // deliver() sees what has been waiting
    case Why::hypercall: vendor->skip(v, e.length), answer_hypercall(v); break;
    case Why::shutdown: stop("the guest shut down (a triple fault), vCPU", v.number);
    default: stop("an exit that nobody expected:", e.detail);
    }
}

// ---- the start

extern "C" void guest() {
    out8(0x3fb, 3);                       // COM1: eight bits
    vendor = is_amd() ? &amd : &intel;
    if (!vendor->available()) {
        say("hypervisor| this CPU has neither VMX nor SVM\n");
        return holds("this CPU has VMX or SVM", false);
    }
    nested = !says(word_after("paging="), "shadow") && vendor->has_nested();
    if (u64 n = number(word_after("vcpus=")); n >= 1 && n <= 8) vcpu_count = unsigned(n);
    ends_by_power_off = says(word_after("end="), "off");
    say("hypervisor| "), say(vendor->name), say(", "), say(nested ? vendor->nested_name : "shadow paging"), say(", "), say_number(vcpu_count), say(" vCPU(s)\n");

    nested_root = new_page();
    vendor->start();
    boot_tables();
    for (unsigned i = 0; i < vcpu_count; i++) vcpus[i].number = i;
    vendor->create(vcpus[0], kernel_at, kernel_at, tables_at);
    vcpus[0].running = true;
    start_timer(tick);
    next_vcpu();
    for (;;) {
        Vcpu& v = vcpus[current];
        deliver(v);
        Exit e = vendor->run(v);
        exits[unsigned(e.why)]++;
        answer(v, e);
    }
}
