// SPDX-License-Identifier: MIT
// Guest, 64-bit: APIC virtualization (SDM vol. 3, ch. 30): accesses to the APIC-access page by linear address, by none, by fetches and by
// event delivery, under pages of every size; virtual interrupts, x2APIC's MSRs, posted interrupts. Expected values are the manual's.
#include "frame.h"
#include "inner.h"
#include "interrupts.h"

using namespace vmx;

static Machine m;
static u64 root, apic_page, backing, bitmaps, posts;
static constexpr u32 registers = cpu2_apic_registers, delivery = cpu2_delivery;
static constexpr u64 done = on_exception;                  // the UD2 behind

static u32 reg(u32 at) { return peek<u32>(word(backing + at)); }
static void reg(u32 at, u32 value) { poke<u32>(word(backing + at), value); }
static bool has(u32 at, u32 vector) { return reg(at + vector / 32 * 16) >> vector % 32 & 1; }
static void add(u32 at, u32 vector) { reg(at + vector / 32 * 16, reg(at + vector / 32 * 16) | 1u << vector % 32); }
static void clear() { memset(reinterpret_cast<void*>(word(backing)), 0, 4096); }

// A guest with the TPR shadow and these secondary controls; RVI and SVI are what `status` says.
static void prepare(void (*code)(), u32 more, u32 pin = 0, u32 status = 0) {
    make(m, code);
    bool interrupts = more & delivery || pin;
    set({.pin = pin | (interrupts ? u32(pin_interrupts) : 0), .cpu = cpu_tpr_shadow | cpu_msr_bitmaps,
         .cpu2 = more | (root ? u32(cpu2_ept) : 0), .exit = exit_host_64 | (interrupts ? u32(exit_acknowledge) : 0)});
    write(exception_bitmap, 1 << UD | 1 << GP), write(msr_bitmaps, bitmaps), write(virtual_apic, backing), write(tpr_threshold, 0);
    write(guest_interrupt_status, status), write(apic_access, apic_page), write(eptp, ept_pointer(root));
    for (Field f : {eoi_exits0, eoi_exits1, eoi_exits2, eoi_exits3}) write(f, 0);
}
static u64 run(void (*code)(), u32 more, u64 at = 0, u64 value = 0, u32 status = 0) {
    prepare(code, more, 0, status);
    m.registers.r[rbx] = apic_page + at, m.registers.r[rcx] = value;
    return enter(m);
}
static u64 run_on_page(void (*code)(), u32 more, u64 at = 0, u64 value = 0, u32 status = 0) {
    return run(code, more | cpu2_apic_accesses, at, value, status);
}
static bool behind(u64 after) { return read(exit_event) >> 31 && (read(exit_event) & 0xff) == UD && read(guest_rip) == after; }

// ---- accesses by linear address

CODE(reads, "", "mov (%rbx), %esi");
CODE(reads_8, "", "mov (%rbx), %rsi");
CODE(reads_2, "", "movzwl (%rbx), %esi");
CODE(writes, "", "mov %ecx, (%rbx)");
CODE(writes_8, "", "mov %rcx, (%rbx)");
CODE(copies, "lea 0x300(%rbx), %rdi; mov %rbx, %rsi; mov $2, %ecx", "rep movsl");

static void read_gives(const char* name, u32 more, u32 at) {
    clear(), reg(at, 0xabc00000 | at);
    is(name, run_on_page(reads, more, at), done), is("  offset", at, m.registers.r[rsi] & 0xfff), is("  value", m.registers.r[rsi], 0xabc00000 | at);
}
static void write_is(const char* name, u32 more, u32 at, u32 value, u32 kept) {
    clear();
    is(name, run_on_page(writes, more, at, value), done), holds("  behind it", behind(word(writes_after))), is("  in the page", reg(at), kept);
}
static void write_exits_behind(const char* name, u32 more, u32 at, u32 value = 0x40) {
    clear();
    is(name, run_on_page(writes, more, at, value), on_apic_write), is("  offset", read(qualification), at);
    is("  RIP", read(guest_rip), word(writes_after)), is("  written", reg(at), value);
}
static void access_exits(const char* name, void (*code)(), u64 where, u32 more, u32 at, u64 type, u64 length) {
    clear();
    is(name, run_on_page(code, more, at, 0x40), on_apic_access), is("  qualification", read(qualification), type << 12 | at);
    is("  RIP", read(guest_rip), where), is("  length", read(instruction_length), length), is("  nothing is written", reg(at & 0xff0), 0);
}
static void read_exits(const char* name, u32 more, u32 at) { access_exits(name, reads, word(reads_at), more, at, 0, 2); }
static void write_exits(const char* name, u32 more, u32 at) { access_exits(name, writes, word(writes_at), more, at, 1, 2); }

static constexpr u32 written_registers[] = {0x20, 0xd0, 0xe0, 0xf0, 0x280, 0x320, 0x330, 0x340, 0x350, 0x360, 0x370, 0x380, 0x3e0};

static void accesses() {
    read_gives("the task priority is read", 0, 0x80);
    for (u32 at : {0x20u, 0x30u, 0xa0u, 0xb0u, 0x100u, 0x300u, 0x390u, 0x84u, 0xff8u}) read_exits("another register's read exits", 0, at);
    access_exits("more than 32 bits at once", reads_8, word(reads_8_at), 0, 0x80, 0, 3);
    clear(), reg(0x80, 0x12345678);
    is("half a register", run_on_page(reads_2, 0, 0x82), done), is("  value", m.registers.r[rsi], 0x1234);
    write_is("the task priority is written: a byte of it stays", 0, 0x80, 0x12345653, 0x53);
    write_is("  those above it don't", 0, 0x80, 0xff00, 0);
    for (u32 at : {0x20u, 0xb0u, 0x300u, 0x310u, 0xf0u}) write_exits("another register's write exits", 0, at);
    access_exits("a write of more than 32 bits", writes_8, word(writes_8_at), 0, 0x80, 1, 3);
    clear();
    make(m, reads);
    set({.cpu2 = cpu2_apic_accesses | (root ? u32(cpu2_ept) : 0)});
    write(apic_access, apic_page), write(eptp, ept_pointer(root)), m.registers.r[rbx] = apic_page + 0x80;
    is("without TPR shadow the task priority's read exits", enter(m), on_apic_access), is("  offset", read(qualification), 0x80);
    if (!has_secondary(registers)) return;
    for (u32 at : {0x20u, 0x30u, 0x80u, 0xb0u, 0xd0u, 0xe0u, 0xf0u, 0x100u, 0x170u, 0x180u, 0x1f0u, 0x200u, 0x270u, 0x280u, 0x300u, 0x310u, 0x320u, 0x330u, 0x340u,
                   0x350u, 0x360u, 0x370u, 0x380u, 0x3e0u})
        read_gives("registers virtualized: read", registers, at);
    for (u32 at : {0x00u, 0x90u, 0xa0u, 0xc0u, 0x290u, 0x390u, 0x3f0u, 0x400u, 0x24u}) read_exits("registers virtualized: others exit", registers, at);
    for (u32 at : written_registers) write_exits_behind("registers virtualized: a write exits behind", registers, at);
    for (u32 at : {0xb0u, 0x300u}) write_exits_behind("  so do EOI and ICR without virtual-interrupt delivery", registers, at);
    write_is("  the upper ICR keeps its byte", registers, 0x310, 0x7654321, 0x7000000);
    for (u32 at : {0x30u, 0xa0u, 0xc0u, 0x100u, 0x180u, 0x270u, 0x390u}) write_exits("  read-only ones exit", registers, at);
    clear();
    is("a string that writes twice", run_on_page(copies, registers, 0x80), on_apic_write), is("  exits behind its first element", m.registers.r[rcx], 1);
    clear(), reg(0x80, 0x70);
    prepare(writes, cpu2_apic_accesses), write(tpr_threshold, 5), m.registers.r[rbx] = apic_page + 0x80, m.registers.r[rcx] = 0x40;
    is("a task priority below the threshold", enter(m), on_tpr), is("  behind the write", read(guest_rip), word(writes_after)), is("  written", reg(0x80), 0x40);
    prepare(writes, cpu2_apic_accesses), write(tpr_threshold, 5), m.registers.r[rbx] = apic_page + 0x80;
    is("  from the start", enter(m), on_tpr), is("  RIP", read(guest_rip), word(writes_at));
}

// ---- the others

CODE(breaks, "lea 0x800(%rbx), %rsp", "int3");
static void other_accesses() {
    prepare(reads, cpu2_apic_accesses), write(guest_rip, apic_page + 0x100);
    is("a fetch", enter(m), on_apic_access), is("  qualification", read(qualification), 0x2100);
    is("an event whose frame is there", run_on_page(breaks, 0), on_apic_access), is("  type", read(qualification) >> 12, 3);
    is("  the event", read(vectoring_event), 1u << 31 | 6 << 8 | BP), is("  its length", read(instruction_length), 1);
    if (!root) return;
    prepare(reads, cpu2_apic_accesses), write(guest_cr3, apic_page);
    is("the walk's own, through EPT", enter(m), on_apic_access), is("  type", read(qualification) >> 12, 15);
    is("after them the page is memory", (poke<u32>(word(apic_page), 0x12345), run(reads, 0)), done), is("  of its own", m.registers.r[rsi], 0x12345);
    poke<u32>(word(apic_page), 0);
}

// ---- virtual interrupts

CODE(opens, "sti; nop; nop", "cpuid");
CODE(sleeps, "sti; hlt; nop", "cpuid");
CODE(lowers, "sti; xor %eax, %eax; mov %rax, %cr8; nop", "cpuid");
static volatile word taken;
static u64 status() { return read(guest_interrupt_status); }
static void interrupts() {
    constexpr u32 both = delivery | cpu2_apic_accesses;
    set_gate(0x51, stub(0x51));
    hook(0x51, [](Frame&) { taken = taken + 1; poke<u32>(word(apic_page + 0xb0), 0); });
    auto opened = [](const char* name, u64 times) {
        taken = 0;
        is(name, enter(m), on_cpuid), is("  taken", taken, times);
    };
    clear(), add(0x200, 0x51), prepare(opens, both, 0, 0x51);
    opened("a requested vector", 1), is("  neither requested nor in service", status(), 0), holds("  in the page", !has(0x200, 0x51) && !has(0x100, 0x51)), is("  PPR", reg(0xa0), 0);
    clear(), add(0x200, 0x51), add(0x200, 0x41), reg(0x80, 0x40), prepare(opens, both, 0, 0x51);
    opened("the next one is below the task priority", 1), is("  and requested", status(), 0x41);
    clear(), add(0x200, 0x51), reg(0x80, 0x50), prepare(opens, both, 0, 0x51);
    opened("of the task priority's class", 0), is("  requested", status(), 0x51), is("  PPR", reg(0xa0), 0x50);
    clear(), add(0x200, 0x51), add(0x100, 0x61), prepare(opens, both, 0, 0x6151);
    opened("below the one in service", 0), is("  PPR", reg(0xa0), 0x60);
    clear(), add(0x200, 0x51), reg(0x80, 0x50), prepare(lowers, both, 0, 0x51);
    opened("when MOV to CR8 lowers the task priority", 1), is("  which is 0", reg(0x80), 0);
    clear(), add(0x200, 0x51), prepare(sleeps, both, 0, 0x51);
    opened("it ends HLT", 1);
    clear(), add(0x200, 0x51), prepare(opens, both, 0, 0x51), write(cpu_controls, read(cpu_controls) | cpu_interrupt_window);
    is("with interrupt-window exiting none", enter(m), on_interrupt_window), is("  requested", status(), 0x51);
    hook(0x51, nullptr);

    clear(), add(0x100, 0x51), add(0x100, 0x31);
    is("the end of one in service", run_on_page(writes, delivery, 0xb0, 0, 0x5100), done), is("  the next is in service", status(), 0x3100), is("  PPR", reg(0xa0), 0x30);
    clear(), add(0x100, 0x51), prepare(writes, both, 0, 0x5100), write(eoi_exits1, 1 << (0x51 - 64)), m.registers.r[rbx] = apic_page + 0xb0;
    is("one whose end exits", enter(m), on_eoi), is("  vector", read(qualification), 0x51), is("  RIP", read(guest_rip), word(writes_after)), is("  ended", status(), 0);
    clear(), add(0x100, 0x52), prepare(writes, both, 0, 0x5200), write(eoi_exits1, 1 << (0x51 - 64)), m.registers.r[rbx] = apic_page + 0xb0;
    is("  another's doesn't", enter(m), done);

    auto self = [](const char* name, u32 command, bool virtualized) {
        clear();
        is(name, run_on_page(writes, delivery, 0x300, command), virtualized ? done : u64(on_apic_write));
        is("  requested", status(), virtualized ? command & 0xff : 0), is("  in the page", has(0x200, command & 0xff), virtualized);
        if (!virtualized) is("  offset", read(qualification), 0x300);
    };
    self("an IPI to itself", 0x40051, true), self("  with bits that don't count", 0x44851, true), self("  by level", 0x48051, false);
    self("  an NMI", 0x40451, false), self("  to all", 0x80051, false), self("  by destination", 0x51, false), self("  of vector 15", 0x4000f, false);
    self("  pending already", 0x41051, false), self("  with a reserved bit", 0x42051, false);
}

// ---- x2APIC's MSRs

CODE(reads_msr, "", "rdmsr");
CODE(writes_msr, "xor %edx, %edx; mov %ebx, %eax; mov %ebp, %edx", "wrmsr");
static u64 run_msr(void (*code)(), u32 more, u32 index, u64 value = 0, u32 status = 0) {
    prepare(code, more | cpu2_x2apic, 0, status);
    m.registers.r[rcx] = index, m.registers.r[rbx] = u32(value), m.registers.r[rbp] = value >> 32;
    return enter(m);
}
static u64 got() { return u64(u32(m.registers.r[rdx])) << 32 | u32(m.registers.r[rax]); }
static void faults_13(const char* name, u64 reason) { is(name, reason, on_exception), is("  #GP", read(exit_event) & 0xff, GP); }
static void msrs() {
    clear(), reg(0x80, 0x53);
    is("the task priority's MSR", run_msr(reads_msr, 0, 0x808), done), holds("  behind it", behind(word(reads_msr_after))), is("  value", got(), 0x53);
    clear();
    is("  written", run_msr(writes_msr, 0, 0x808, 0x64), done), is("  value", reg(0x80), 0x64);
    for (u64 value : {0x100ull, 1ull << 32}) faults_13("  with more than a byte", run_msr(writes_msr, 0, 0x808, value));
    poke<u8>(word(bitmaps + 0x808 / 8), 1);
    is("  the bitmap is asked first", run_msr(reads_msr, 0, 0x808), on_rdmsr);
    poke<u8>(word(bitmaps + 0x808 / 8), 0);
    faults_13("another one in xAPIC mode", run_msr(reads_msr, 0, 0x802));
    if (!has_secondary(registers | delivery)) return;
    clear(), reg(0x20, 0x77), reg(0x24, 0x88), reg(0xff0, 0x99);
    is("registers virtualized: 64 bits", run_msr(reads_msr, registers, 0x802), done), is("  value", got(), 0x8800000077);
    is("  even of one that there isn't", run_msr(reads_msr, registers, 0x8ff), done), is("  value", got(), 0x99);
    faults_13("  writes are the APIC's own", run_msr(writes_msr, registers, 0x802, 1));
    clear(), add(0x100, 0x51);
    is("EOI's", run_msr(writes_msr, delivery, 0x80b, 0, 0x5100), done), is("  ended", status(), 0);
    faults_13("  of anything else", run_msr(writes_msr, delivery, 0x80b, 1, 0x5100));
    clear();
    is("the self-IPI's", run_msr(writes_msr, delivery, 0x83f, 0x51), done), is("  requested", status(), 0x51);
    is("  of vector 15", run_msr(writes_msr, delivery, 0x83f, 15), on_apic_write), is("  offset", read(qualification), 0x3f0);
    faults_13("  with more than a byte", run_msr(writes_msr, delivery, 0x83f, 0x151));
}

// ---- posted interrupts

static void notify(u8 vector) { apic(icr, 0x44000 | vector); }       // to ourselves; it waits while interrupts are off
static void posted() {
    auto post = [](u32 vector) { poke<u32>(word(posts + vector / 32 * 4), 1u << vector % 32), poke<u32>(word(posts + 32), 1); };
    auto ready = [](void (*code)(), u32 vector_asked, u32 status = 0) {
        prepare(code, delivery | cpu2_apic_accesses, pin_posted, status), write(posted_descriptor, posts), write(notification_vector, vector_asked);
        m.registers.r[rbx] = apic_page + 0x80;
    };
    apic(svr, 0x1ff);
    clear(), post(0x61), post(0xc4), ready(reads, 0xf2), notify(0xf2);
    is("a notification doesn't exit", enter(m), done), is("  the highest is requested", status(), 0xc4), holds("  both in the page", has(0x200, 0x61) && has(0x200, 0xc4));
    is("  the descriptor is empty", peek<u32>(word(posts + 12)) | peek<u32>(word(posts + 24)), 0), is("  nothing outstanding", peek<u32>(word(posts + 32)), 0);
    holds("  the real APIC knows its end", !(apic(isr + 0x70) >> 18 & 1) && !(apic(irr + 0x70) >> 18 & 1));
    set_gate(0x61, stub(0x61));
    hook(0x61, [](Frame&) { taken = taken + 1; poke<u32>(word(apic_page + 0xb0), 0); });
    clear(), post(0x61), ready(sleeps, 0xf2), notify(0xf2);
    taken = 0;
    is("it is delivered, out of HLT", enter(m), on_cpuid), is("  taken", taken, 1), is("  status", status(), 0);
    hook(0x61, nullptr);
    clear(), post(0x61), ready(reads, 0xf2), notify(0xf3);
    is("another vector exits", enter(m), on_interrupt), is("  which", read(exit_event), 1u << 31 | 0xf3), is("  nothing is taken", status(), 0);
    apic(eoi, 0);
    poke<u32>(word(posts + 12), 0), poke<u32>(word(posts + 32), 0);
}

extern "C" void guest() {
    if (!available() || !has_secondary(cpu2_apic_accesses)) return holds("VMX and virtualized APIC accesses", false);
    vmx::start();
    apic_page = new_page(), backing = new_page(), bitmaps = new_page(), posts = new_page();
    print("without EPT\n"), accesses(), other_accesses();
    u64 large = ept_identity(1ull << 32, 2);
    root = second_stage_identity();
    print("with EPT\n"), accesses(), other_accesses();
    root = large;
    print("in a page of 2 MiB\n"), accesses(), other_accesses();
    if (has_secondary(delivery)) interrupts();
    if (has_secondary(cpu2_x2apic)) msrs();
    if (allows(pin_posted, pin_msr)) posted();
}
