// SPDX-License-Identifier: MIT
// Guest of either width, a multiboot 1 kernel as public conformance programs are: what it is told, its CPUs, the APIC taken away and
// given back, test devices, messages, resets. Which of it runs is said by words on the command line: run=NAME, exit=CODE.
#include "convention.h"
#ifdef __x86_64__
#include "tables.h"
#endif

static u8 large[13 << 20];                // a BSS as large as the programs'

// ---- what the loader says

static word length(const char* text) {
    word n = 0;
    for (; text[n]; n++) {}
    return n;
}

static u64 largest_range() {
    u64 size = 0;
    for (word at = info(48), end = at + info(44); at < end; at += peek<u32>(at) + 4)
        if (peek<u32>(at + 20) == 1 && peek<u64>(at + 12) > size) size = peek<u64>(at + 12);
    return size;
}

static void boot() {
    const char* name = command_line();
    word end = 0;
    while (name[end] && name[end] != ' ') end++;
    holds("the command line starts with the file's name", end > 5 && starts(name + end - 5, ".flat"));
    holds("a blank and the rest follow", name[end] == ' ' && starts(name + end + 1, "run=boot"));
    is("a word with blanks in it stays as it is", length(argument("tail=")), length("x  y"));
    u64 memory = memory_size();
    is("fw_cfg 3 is the RAM's size", fw_cfg(3, 8), memory);
    is("fw_cfg 5 is the number of CPUs", fw_cfg(5, 2), cpu_count());
    is("fw_cfg 0 is its signature", fw_cfg(0, 4), 0x554d4551);
    u64 below = memory < 0xc0000000 ? memory : 0xc0000000;
    holds("mem_upper is the RAM from 1 MiB on", info(8) <= (below >> 10) - 1024 && info(8) > (below >> 10) - 2048);
    u64 largest = largest_range();
    if (memory > 7ull << 30) is("the largest range lies above 4 GiB", largest, memory - 0xc0000000);
    else holds("the largest range is what is below", largest <= below - 0x100000 && largest > below - 0x200000);
    u32 dirty = 0;
    for (u32 n = 0; n < sizeof large; n += 512) dirty += large[n];
    is("the BSS is 0", dirty, 0);
    is("interrupts are off", flags() & 0x200, 0);
    out8(0x92, in8(0x92));
    poke<u32>(0x500, 1), poke<u32>(0x100500, 2);
    is("A20 is on", peek<u32>(0x500), 1);
}

// ---- CPUs

volatile u32 online = 1;
static volatile u32 answers, wrong, taken;
static volatile u64 who;
static u32 my_id() { return cpuid(1).ebx >> 24; }
static bool is_x2() { return rdmsr(0x1b) >> 10 & 1; }
static void write_apic(u32 at, u32 value) { is_x2() ? wrmsr(0x800 + at / 16, value) : apic(at, value); }
static void send_to(u32 id, u32 low) {
    if (is_x2()) return wrmsr(0x830, u64{id} << 32 | low);
    apic(icr_high, id << 24), apic(icr, low);
}

// Globally off and on: the APIC's registers come back as at power-on, and it is the xAPIC (SDM vol. 3, 11.4.3, 11.12.5).
static void apic_anew() {
    wrmsr(0x1b, rdmsr(0x1b) & ~0xc00ull);
    if (cpuid(1).edx >> 9 & 1) wrong = wrong + 1;
    wrmsr(0x1b, rdmsr(0x1b) | 0x800);
    if (apic(svr) != 0xff || apic(lvt_lint0) != 0x10000 || apic(apic_id) >> 24 != my_id()) wrong = wrong + 1;
    apic(svr, 0x1ff);
}
static void use_x2() {
    if (cpuid(1).ecx >> 21 & 1) wrmsr(0x1b, rdmsr(0x1b) | 0x400);
}

static constexpr unsigned call_vector = 0x20;
static void called(Frame&) {
    who = who | 1ull << my_id();
    asm volatile("lock incl %0" : "+m"(answers));
    write_apic(eoi, 0);
}

void other_cpu() {
    lgdt(gdt_pointer), lidt(idt_pointer);
    apic_anew(), use_x2();
    asm volatile("sti; nop");
    asm volatile("lock incl %0" : "+m"(online));
}

void start_others(unsigned expected) {
    memcpy(nullptr, page_zero_begin, word(page_zero_end - page_zero_begin));
    apic(icr, 0xc4500), apic(icr, 0xc4600);
    for (u32 patience = 5000000; online != expected && patience; patience--) asm volatile("pause");
}

static void begin_smp() {
    hook(call_vector, called);
    apic_anew();
    start_others(cpu_count());
    use_x2();
    is("all CPUs have come", online, cpu_count());
    is("each APIC came back when it was taken away", wrong, 0);
}

static bool call(u32 id) {
    u32 before = answers;
    send_to(id, 0x4000 | call_vector);
    sti();
    for (u32 patience = 1000000; answers == before && patience; patience--) asm volatile("pause");
    cli();
    return answers == before + 1;
}

static void smp() {
    begin_smp();
    unsigned cpus = cpu_count(), answered = 0;
    for (unsigned n = 0; n < cpus; n++) answered += call(n);
    is("each answers its call", answered, cpus);
    is("it was each", who, (2ull << (cpus - 1)) - 1);
    for (unsigned round = 0; round < 100; round++) taken = taken + call(round % cpus);
    is("a hundred calls, from HLT", taken, 100);
}

// ---- registers that CPUID speaks for (SDM vol. 3, 20.2 and 20.8)

static void read_capabilities() { rdmsr(0x345); }
static void read_counter_control() { rdmsr(0x38f); }
static void cpuid_and_msrs() {
    bool capabilities = cpuid(1).ecx >> 15 & 1, monitoring = cpuid(0).eax >= 10 && (cpuid(10).eax & 0xff) >= 2;
    is("PERF_CAPABILITIES is there as CPUID says", trap(read_capabilities).vector, capabilities ? word(none) : GP);
    is("so is PERF_GLOBAL_CTRL", trap(read_counter_control).vector, monitoring ? word(none) : GP);
}

// ---- pc-testdev

static void route(unsigned pin, u64 entry) {
    ioapic(0x10 + pin * 2, 0x10000);
    ioapic(0x11 + pin * 2, u32(entry >> 32)), ioapic(0x10 + pin * 2, u32(entry));
}
static void line(unsigned pin, u8 level) { out8(u16(0x2000 + pin), level); }
static volatile u32 counted[256], latest[4], taken_order;
static void count(Frame& f) {
    counted[f.vector] = counted[f.vector] + 1;
    latest[taken_order & 3] = u32(f.vector);
    taken_order = taken_order + 1;
    write_apic(eoi, 0);
}
static void lower_and_count(Frame& f) { line(0x0e, 0), count(f); }
static void open_briefly() { asm volatile("sti; nop; nop; cli" ::: "memory"); }

static void lines() {
    apic_anew();
    hook(0x66, count), hook(0x77, count), hook(0x78, count);
    route(0x0e, 0x77);
    line(0x0e, 1), line(0x0e, 0), open_briefly();
    is("an edge interrupts", counted[0x77], 1);
    route(0x17, 0x77);
    line(0x17, 1), line(0x17, 0), open_briefly();
    is("so does one of line 23", counted[0x77], 2);
    route(0x0e, 0x78), route(0x0f, 0x66);
    taken_order = 0;
    line(0x0f, 1), line(0x0f, 0), line(0x0e, 1), line(0x0e, 0), open_briefly();
    is("of two the higher vector is first", latest[0] << 8 | latest[1], 0x7866);
    hook(0x77, lower_and_count);
    route(0x0e, 0x8077);
    line(0x0e, 1), open_briefly();
    is("a level interrupts until it is lowered", counted[0x77], 3);
    route(0x0e, 0x10077), line(0x0e, 1), line(0x0e, 0), open_briefly();
    is("a masked one doesn't", counted[0x77], 3);
}

static void scratch() {
    out32(0xe0, 0x11223344);
    is("E0h keeps a dword", in32(0xe0), 0x11223344);
    out8(0xe1, 0xaa), out16(0xe2, 0xbbcc);
    is("in parts", in32(0xe0), 0xbbccaa44), is("and reads in parts", in16(0xe1), 0xccaa);
    out8(0xe8, 0x55);
    is("E8h is the same", in8(0xe0), 0x55);
    const char* from = "abcdefghijklmnop";
    word left = 16;
    asm volatile("rep outsb" : "+S"(from), "+c"(left) : "d"(0xe0) : "memory");
    is("REP OUTS leaves the last byte", in8(0xe0), 'p');
    out32(0xe4, u32(word(large)));
    for (u32 n = 0; n < 0x10000; n += 0x3fff) poke<u32>(0xff000000 + n, 0x01020304 * (n + 1));
    is("memory behind the bus keeps dwords", peek<u32>(0xff007ffe), u32(0x01020304 * 0x7fffu));
    is("unaligned too", peek<u32>(0xff003fff), u32(0x01020304 * 0x4000u));
    poke<u8>(0xff00ffff, 0x5a), poke<u16>(0xff00fffc, 0x1234);
    is("bytes and words", peek<u32>(0xff00fffc) & 0xff00ffff, 0x5a001234);
    asm volatile("lock incl (%0)" :: "r"(word(0xff000000)) : "memory");
    is("a locked addition", peek<u32>(0xff000000), 0x01020304 + 1);
}

// ---- cards

static u32 config_address(unsigned slot, unsigned at) { return 0x80000000 | slot << 11 | at; }
static u32 config_read(unsigned slot, unsigned at) { return out32(0xcf8, config_address(slot, at)), in32(0xcfc); }
static void config_write(unsigned slot, unsigned at, u32 value) { out32(0xcf8, config_address(slot, at)), out32(0xcfc, value); }
static unsigned find_card(u32 id) {
    for (unsigned slot = 0; slot < 32; slot++)
        if (config_read(slot, 0) == id) return slot;
    return 0;
}
static unsigned capability(unsigned slot, u8 id) {
    unsigned at = config_read(slot, 0x34) & 0xff;
    while (at && (config_read(slot, at) & 0xff) != id) at = config_read(slot, at) >> 8 & 0xff;
    return at;
}
static void pass(u32 ticks) {
    for (u64 end = rdtsc() + ticks; rdtsc() < end;) {}
}

static word edu_registers;
static void acknowledge_and_count(Frame& f) { poke<u32>(edu_registers + 0x64, ~0u), count(f); }
static u8 moved[4096] __attribute__((aligned(4096)));
static void edu() {
    apic_anew();
    hook(0x50, count), hook(0x51, acknowledge_and_count);
    unsigned slot = find_card(0x11e81234);
    holds("edu is there", slot);
    if (!slot) return;
    word bar = edu_registers = config_read(slot, 0x10) & ~15u;
    is("identification", peek<u32>(bar), 0x010000ed);
    poke<u32>(bar + 4, 0x12345678);
    is("liveness is the complement", peek<u32>(bar + 4), ~0x12345678u);
    poke<u32>(bar + 8, 10);
    while (peek<u32>(bar + 0x20) & 1) {}
    is("a factorial", peek<u32>(bar + 8), 3628800);
    for (unsigned n = 0; n < 4096; n++) moved[n] = u8(n * 7);
    auto dma = [&](u64 from, u64 to, u32 command) {
        poke<u32>(bar + 0x80, u32(from)), poke<u32>(bar + 0x88, u32(to)), poke<u32>(bar + 0x90, 4096), poke<u32>(bar + 0x98, command);
        while (peek<u32>(bar + 0x98) & 1) {}
    };
    dma(word(moved), 0x40000, 1);
    for (unsigned n = 0; n < 4096; n++) moved[n] = 0;
    dma(0x40000, word(moved), 3);
    u32 differ = 0;
    for (unsigned n = 0; n < 4096; n++) differ += moved[n] != u8(n * 7);
    is("DMA there and back", differ, 0);
    route(config_read(slot, 0x3c) & 0xff, 0xa051);
    poke<u32>(bar + 0x60, 0x10), open_briefly();
    is("INTx interrupts", counted[0x51], 1);
    route(config_read(slot, 0x3c) & 0xff, 0x10000);
    unsigned msi = capability(slot, 5);
    u32 before = counted[0x51];
    config_write(slot, msi + 4, 0xfee00000 | my_id() << 12), config_write(slot, msi + 8, 0), config_write(slot, msi + 12, 0x50);
    config_write(slot, msi, config_read(slot, msi) | 0x10000);
    poke<u32>(bar + 0x60, 2), open_briefly();
    is("a message interrupts", counted[0x50], 1);
    is("its cause is told", peek<u32>(bar + 0x24), 2);
    poke<u32>(bar + 0x64, 2);
    dma(0x40000, word(moved), 7), open_briefly();
    is("so does the end of a DMA", counted[0x50], 2), is("with its cause", peek<u32>(bar + 0x24), 0x100);
    is("INTx is quiet", counted[0x51], before);
}

static void messages() {
    apic_anew();
    for (unsigned v = 0x60; v < 0x68; v++) hook(v, count);
    unsigned slot = find_card(0x53541234);
    holds("pci-test is there", slot);
    if (!slot) return;
    word device = config_read(slot, 0x10) & ~15u, table = config_read(slot, 0x14) & ~15u;
    unsigned msix = capability(slot, 0x11);
    is("eight messages", (config_read(slot, msix) >> 16 & 0x7ff) + 1, 8);
    for (u32 n = 0; n < 8; n++)
        poke<u32>(table + n * 16, 0xfee00000 | my_id() << 12), poke<u32>(table + n * 16 + 4, 0), poke<u32>(table + n * 16 + 8, 0x60 + n),
            poke<u32>(table + n * 16 + 12, n == 3);
    config_write(slot, msix, config_read(slot, msix) | 0x80000000);
    for (u32 n = 0; n < 8; n++) poke<u32>(device + 8, n);
    open_briefly();
    u32 seen = 0;
    for (u32 n = 0; n < 8; n++) seen |= counted[0x60 + n] << n * 4;
    is("each but the masked one interrupts once", seen, 0x11110111);
    is("that one is pending", peek<u32>(table + 0x800), 8);
    poke<u32>(table + 3 * 16 + 12, 0), open_briefly();
    is("and comes when it is unmasked", counted[0x63], 1), is("once", peek<u32>(table + 0x800), 0);
    poke<u32>(device + 4, 1000), pass(5000), open_briefly();
    is("the timer's is message 0", counted[0x60], 2);
}

// ---- ends and resets

static constexpr u32 state = 0x2000;      // what a reset keeps
static void resets() {
    u32 before = peek<u32>(state + 4) == 0x5a17e5a1 ? peek<u32>(state) : 0;
    poke<u32>(state + 4, 0x5a17e5a1), poke<u32>(state, before + 1);
    switch (before) {
    case 0: out8(0x92, in8(0x92) & ~1), out8(0x92, in8(0x92) | 1); break;
    case 1: out8(0x64, 0xfe); break;
    case 2: out8(0xcf9, 2), out8(0xcf9, 6); break;
    case 3: out8(0xcf9, 0), out8(0xcf9, 4); break;
    case 4: {
        Pointer nothing{0, 0};
        lidt(nothing);
        asm volatile("int3");
        break;
    }
    default: return is("five resets, and memory stayed", before, 5);
    }
    for (u32 patience = 100000; patience; patience--) asm volatile("pause");
    is("a reset starts the kernel again", before, 99);
}

static void shut_down() {
    for (const char* c = "Shutdown"; *c; c++) out8(0x8900, u8(*c));
}

// S3, woken by the clock's alarm (ACPI 4.8.3.2.1, 5.2.10): what wakes says by its status whether memory stayed.
static u32 find_table(u32 name) {
    word rsdp = 0;
    for (word at = 0xe0000; at < 0x100000; at += 16)
        if (peek<u64>(at) == 0x2052545020445352) rsdp = at;
    word rsdt = peek<u32>(rsdp + 16);
    for (word at = rsdt + 36; at < rsdt + peek<u32>(rsdt + 4); at += 4)
        if (peek<u32>(peek<u32>(at)) == name) return peek<u32>(at);
    return 0;
}
static u8 rtc(u8 index) { return out8(0x70, index), in8(0x71); }
static void rtc(u8 index, u8 value) { out8(0x70, index), out8(0x71, value); }
static void sleep() {
    word fadt = find_table(0x50434146), facs = peek<u32>(fadt + 36);
    u16 event = u16(peek<u32>(fadt + 56)), control = u16(peek<u32>(fadt + 64));
    is("the FACS is one", peek<u32>(facs), 0x53434146);
    memcpy(reinterpret_cast<void*>(0x1000), woken_begin, word(woken_end - woken_begin));
    poke<u32>(facs + 12, 0x1000);
    poke<u32>(0x1100, 0);
    out16(event + 2, 0x400);
    rtc(1, 0xc0), rtc(3, 0xc0), rtc(5, 0xc0);
    rtc(0x0b, rtc(0x0b) | 0x20), rtc(0x0c);
    out16(control, 0x2400);
    for (;;) poke<u32>(0x1100, 5);
}

static constexpr struct { const char* name; void (*run)(); } runs[] = {
    {"boot", boot}, {"smp", smp}, {"msrs", cpuid_and_msrs}, {"lines", lines}, {"scratch", scratch}, {"edu", edu}, {"messages", messages},
    {"resets", resets}, {"shutdown", shut_down}, {"sleep", sleep}};

void guest() {
    uart_start();
    if (auto* code = argument("exit=")) out32(0xf4, u32(number(code)));
    auto* wanted = argument("run=");
    for (auto& row : runs)
        if (wanted && starts(wanted, row.name)) row.run();
    if (argument("fail")) is("what is to fail", 1, 2);
}
