// SPDX-License-Identifier: MIT
// Guest, 64-bit, several CPUs (cpus=N on the command line): start-up, IPIs in all modes, locks, TLB shootdown, code changed by another
// CPU, MONITOR, one time for all (SDM vol. 3, 9.4, 9.1.3, 11.6, 11.12, 5.10.5).
#include "guest.h"
#include "frame.h"
#include "interrupts.h"
#include "smm.h"
#include "tables.h"

static constexpr unsigned most = 64;
static constexpr u32 trampoline = 0x8000;      // start-up vector 8
static unsigned cpus = 1;

// ---- the others: from the start-up IPI to a loop that waits for work

extern "C" {
extern char smp_begin[], smp_end[];
extern u64 tables[];
volatile u32 smp_started;                      // how many times a CPU came to its first instruction
u8 smp_stacks[most][4096] __attribute__((aligned(16)));
void smp_main(u32 id);
}

asm(R"(
    .pushsection .text.smp, "ax"
    .balign 16
    .code16
smp_begin:
    cli
    mov %cs, %ax                               # CS is the vector, shifted: SDM vol. 3, 9.4.4.1
    mov %ax, %ds
    lgdtl (smp_gdt_pointer - smp_begin)
    mov $0x620, %eax
    mov %eax, %cr4
    mov $tables, %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx
    rdmsr
    or $0x901, %eax
    wrmsr
    mov $0x80010033, %eax
    mov %eax, %cr0
    ljmpl $8, $smp_64
    .balign 8
smp_gdt: .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
smp_gdt_pointer: .word 23
    .long 0x8000 + smp_gdt - smp_begin
smp_end:
    .code64
smp_64:
    mov $0x10, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    lock incl smp_started
    mov $1, %eax
    cpuid
    shr $24, %ebx
    mov %ebx, %edi
    shl $12, %ebx
    lea smp_stacks + 4096(%rbx), %rsp
    call smp_main
    .popsection
)");

struct alignas(64) Worker {
    void (*volatile job)();
    volatile u32 loops;                        // through its waiting loop
    volatile u32 interrupts, vector, nmis;
};
static Worker worker[most];
static u32 my_id() { return cpuid(1).ebx >> 24; }
static void rest() { asm volatile("pause" ::: "memory"); }

void smp_main(u32 id) {
    lgdt(gdt_pointer), lidt(idt_pointer);
    apic(svr, 0x1ff);
    Worker& w = worker[id];
    for (;;) {
        w.loops = w.loops + 1;
        if (auto job = w.job) {
            job();
            w.job = nullptr;
        }
        sti(), rest(), cli();
    }
}

// Gives work and waits until it is done; false when that takes too long.
static bool wait_for(unsigned id, u32 patience = 2000000) {
    while (worker[id].job && patience) patience--, rest();
    return patience;
}
static void run_on_others(void (*job)()) {
    for (unsigned n = 1; n < cpus; n++) worker[n].job = job;
}
static bool wait_for_others() {
    bool good = true;
    for (unsigned n = 1; n < cpus; n++) good = wait_for(n) && good;
    return good;
}
static void pass_time(u32 ticks = 100000) {
    for (u64 end = rdtsc() + ticks * cpus; rdtsc() < end;) rest();
}

static void send(u32 low, u32 destination = 0) { apic(icr_high, destination), apic(icr, low); }
enum : u32 { fixed = 0x4000, lowest = 0x4100, nmi = 0x4400, init = 0x4500, startup = 0x4600 | trampoline >> 12, logical = 0x800,
             to_self = 0x40000, to_all = 0x80000, to_others = 0xc0000 };

// ---- start-up

static void start() {
    memcpy(reinterpret_cast<void*>(u64{trampoline}), smp_begin, word(smp_end - smp_begin));
    apic(svr, 0x1ff);
    is("the boot processor's flag", rdmsr(0x1b) >> 8 & 1, 1);
    pass_time();
    is("the others wait for a start-up IPI", smp_started, 0);
    send(init | to_others), pass_time(), send(startup | to_others);
    pass_time();
    is("INIT and a start-up IPI to all others start all", smp_started, cpus - 1);
    send(startup | to_others);
    pass_time();
    is("a start-up IPI does nothing to a CPU that runs", smp_started, cpus - 1);
    unsigned running = 0;
    for (unsigned n = 1; n < cpus; n++) running += worker[n].loops > 0;
    is("each has an APIC id of its own, from 1", running, cpus - 1);
}

static volatile u32 flags_of_others, wrong_ids;
static void topology() {
    run_on_others([] {
        if (rdmsr(0x1b) & 0x100) asm volatile("lock incl %0" : "+m"(flags_of_others));
        if (apic(apic_id) >> 24 != my_id()) asm volatile("lock incl %0" : "+m"(wrong_ids));
        if (cpuid(0).eax >= 0xb && cpuid(0xb).edx != my_id()) asm volatile("lock incl %0" : "+m"(wrong_ids));
    });
    holds("others: jobs are done", wait_for_others());
    is("others: no boot processor's flag", flags_of_others, 0);
    is("others: ids of CPUID and of the APIC agree", wrong_ids, 0);
    if (cpuid(0).eax >= 0xb) is("leaf 0Bh: CPUs of the package", cpuid(0xb, 1).ebx, cpus);
    is("leaf 1: HTT where there are several", cpuid(1).edx >> 28 & 1, cpus > 1);
}

// INIT takes a CPU back to waiting, and a start-up IPI starts it anew.
static void init_one() {
    u32 before = smp_started;
    send(init, 1u << 24);
    pass_time();
    u32 loops = worker[1].loops;
    pass_time();
    is("INIT stops a CPU", worker[1].loops, loops);
    send(startup, 1u << 24);
    pass_time();
    is("a start-up IPI starts it", smp_started, before + 1);
    holds("and it runs", worker[1].loops != loops);
    before = smp_started;
    send(init, 1u << 24), send(startup, 1u << 24);
    pass_time();
    is("a start-up IPI right behind INIT counts", smp_started, before + 1);
}

// ---- interrupts

static constexpr unsigned vector = 0x61;
static void note(Frame& f) {
    Worker& w = worker[my_id()];
    w.interrupts = w.interrupts + 1;
    w.vector = u32(f.vector);
    apic(eoi, 0);
}
static void note_nmi(Frame&) { Worker& w = worker[my_id()]; w.nmis = w.nmis + 1; }
// Who got an interrupt since the last look: a bit for each CPU.
static u64 who() {
    sti(), pass_time(), cli();
    u64 set = 0;
    for (unsigned n = 0; n < cpus; n++) {
        set |= u64{worker[n].interrupts == 1} << n;
        worker[n].interrupts = 0;
    }
    return set;
}
static u64 all() { return cpus == 64 ? ~u64{0} : (u64{1} << cpus) - 1; }
static u64 lowest_eight() { return all() & 0xff; }

static void interrupts() {
    hook(vector, note), hook(2, note_nmi);
    send(fixed | vector, (cpus - 1) << 24);
    is("fixed, physical: the last CPU", who(), u64{1} << (cpus - 1));
    is("its vector", worker[cpus - 1].vector, vector);
    send(fixed | vector, 0xff000000);
    is("fixed, physical FFh: all", who(), all());
    send(fixed | to_self | vector);
    is("self", who(), 1);
    send(fixed | to_all | vector);
    is("all including self", who(), all());
    send(fixed | to_others | vector);
    is("all excluding self", who(), all() & ~u64{1});
    send(fixed | vector, 0x77000000);
    is("an id that nobody has", who(), 0);
    send(nmi | to_others), pass_time();
    unsigned nmis = 0;
    for (unsigned n = 0; n < cpus; n++) nmis += worker[n].nmis == 1;
    is("NMI to all others", nmis, cpus - 1), is("none to self", worker[0].nmis, 0);
}

static void set_flat() { apic(0xe0, ~u32{0}), apic(0xd0, my_id() < 8 ? 1u << (24 + my_id()) : 0); }
static void set_clusters() { apic(0xe0, 0x0fffffff), apic(0xd0, my_id() < 8 ? (my_id() / 4 << 28 | 1u << (24 + my_id() % 4)) : 0xf0000000); }
static void set_priority() { apic(tpr, my_id() == cpus - 1 ? 0x20 : 0x40); }
static void clear_priority() { apic(tpr, 0); }

static void everywhere(void (*job)()) { job(), run_on_others(job), wait_for_others(); }

static void logical_modes() {
    everywhere(set_flat);
    send(fixed | logical | vector, 0x06000000);
    is("logical, flat: CPUs 1 and 2", who(), all() & 6);
    send(fixed | logical | vector, 0xff000000);
    is("logical, flat FFh: all, those without a bit too", who(), all());
    everywhere(set_clusters);
    send(fixed | logical | vector, 0x03000000);
    is("logical, cluster 0: CPUs 0 and 1", who(), all() & 3);
    send(fixed | logical | vector, 0x11000000);
    is("logical, cluster 1: CPU 4", who(), all() & 0x10);
    everywhere(set_flat);
    if (cpus <= 8) {
        everywhere(set_priority);
        send(lowest | logical | vector, u32(lowest_eight()) << 24);
        is("lowest priority: the CPU with the lowest", who(), u64{1} << (cpus - 1));
        everywhere(clear_priority);
        send(lowest | logical | vector, u32(lowest_eight()) << 24);
        u64 one = who();
        holds("lowest priority, all equal: exactly one", one && !(one & (one - 1)));
    }
}

// ---- memory

static volatile u32 total, guarded, inside, clashes;
static volatile u32 lock_word;
static constexpr u32 rounds = 3000;
static void add_locked() {
    for (u32 n = 0; n < rounds; n++) asm volatile("lock incl %0" : "+m"(total));
}
static void take_lock() {
    for (u32 taken = 1;; taken = 1, rest()) {
        asm volatile("xchgl %0, %1" : "+r"(taken), "+m"(lock_word)::"memory");
        if (!taken) return;
    }
}
static void add_guarded() {
    for (u32 n = 0; n < rounds / 10; n++) {
        take_lock();
        if (inside) clashes = clashes + 1;
        inside = 1;
        guarded = guarded + 1;
        inside = 0;
        asm volatile("" ::: "memory");
        lock_word = 0;
    }
}
static void locks() {
    run_on_others(add_locked), add_locked();
    holds("all have counted", wait_for_others());
    is("LOCK INC loses nothing", total, rounds * cpus);
    run_on_others(add_guarded), add_guarded();
    holds("all have had the lock", wait_for_others());
    is("XCHG makes a lock", guarded, rounds / 10 * cpus), is("nobody met another in it", clashes, 0);
}

static constexpr word window = 0x40000000000;
static volatile u32 seen[most];
static void look() { seen[my_id()] = peek<u32>(window); }
static void flush_and_look() { invlpg(window), look(); }
static bool all_saw(u32 value) {
    for (unsigned n = 1; n < cpus; n++)
        if (seen[n] != value) return false;
    return true;
}
static void shootdown() {
    poke<u32>(page(0), 111), poke<u32>(page(1), 222);
    map(window, page(0) | P | W);
    run_on_others(look), wait_for_others();
    holds("all see the first page", all_saw(111));
    entry(window, 1) = page(1) | P | W;
    run_on_others(flush_and_look), wait_for_others();
    holds("behind INVLPG on each, all see the second", all_saw(222));
    poke<u32>(page(1), 333);
    run_on_others(look), wait_for_others();
    holds("a store by one is seen by all", all_saw(333));
    entry(window, 1) = page(1) | P;
    run_on_others(flush_and_look), wait_for_others();
    if (cpus > 1) is("the others' A bit is in the entry", entry(window, 1) >> 5 & 1, 1);
}

// The code that the others run is changed while they run it.
static u32 (*volatile code)();
static volatile bool enough;
static volatile u32 strange;
static void call_code() {
    while (!enough) {
        u32 got = code();
        if (got != 0x11111111 && got != 0x22222222) strange = strange + 1;
        seen[my_id()] = got;
    }
}
static void put_code(u32 value) { poke<u32>(word(code) + 1, value); }
static void changing_code() {
    auto* at = reinterpret_cast<u8*>(page(2));
    code = reinterpret_cast<u32 (*)()>(at);
    at[0] = 0xb8, at[5] = 0xc3;                          // MOV EAX, imm32; RET
    put_code(0x11111111);
    enough = false;
    run_on_others(call_code);
    pass_time();
    holds("all run the code", all_saw(0x11111111));
    for (unsigned n = 0; n < 20; n++) {
        put_code(n & 1 ? 0x11111111 : 0x22222222);
        pass_time(20000);
    }
    put_code(0x22222222);
    pass_time();
    holds("all run the changed code", all_saw(0x22222222));
    enough = true;
    holds("all end", wait_for_others());
    is("nobody ran anything else", strange, 0);
}

// ---- MONITOR, MWAIT

alignas(64) static volatile u32 line[16];
static volatile u32 woke[most];
static void sleep_on_line() {
    asm volatile("monitor" :: "a"(line), "c"(0), "d"(0));
    if (!line[0]) asm volatile("mwait" :: "a"(0), "c"(0));
    woke[my_id()] = 1 + line[0];
}
static void monitoring() {
    if (!(cpuid(1).ecx & 8)) return;
    run_on_others(sleep_on_line);
    pass_time();
    unsigned awake = 0;
    for (unsigned n = 1; n < cpus; n++) awake += woke[n] != 0;
    is("MWAIT waits", awake, 0);
    line[0] = 7;
    holds("a store by another CPU ends it", wait_for_others());
    for (unsigned n = 1; n < cpus; n++) awake += woke[n] == 8;
    is("and is seen behind it", awake, cpus - 1);
}

// ---- time

static volatile u64 latest;
static volatile u32 backwards;
static void read_time() {
    for (u32 n = 0; n < rounds / 10; n++) {
        take_lock();
        u64 now = rdtsc();
        if (now < latest) backwards = backwards + 1;
        latest = now;
        lock_word = 0;
    }
}
static void time() {
    run_on_others(read_time), read_time();
    holds("all have read the time", wait_for_others());
    is("no CPU sees the TSC behind another's", backwards, 0);
}

// ---- x2APIC

static void to_x2() { wrmsr(0x1b, rdmsr(0x1b) | 0x400), wrmsr(0x80f, 0x1ff); }
static void send_x2(u32 low, u32 destination) { wrmsr(0x830, u64{destination} << 32 | low); }
static void note_x2(Frame& f) {
    Worker& w = worker[my_id()];
    w.interrupts = w.interrupts + 1;
    w.vector = u32(f.vector);
    wrmsr(0x80b, 0);
}
static volatile u32 wrong_logical;
static void x2() {
    if (!(cpuid(1).ecx >> 21 & 1)) return;
    everywhere(to_x2);
    hook(vector, note_x2);
    everywhere([] {
        u64 wanted = u64{my_id()} / 16 << 16 | 1u << my_id() % 16;
        if (rdmsr(0x80d) != wanted || rdmsr(0x802) != my_id()) asm volatile("lock incl %0" : "+m"(wrong_logical));
    });
    is("x2APIC: logical ids are clusters of 16", wrong_logical, 0);
    send_x2(fixed | vector, cpus - 1);
    is("x2APIC: physical", who(), u64{1} << (cpus - 1));
    send_x2(fixed | logical | vector, 0x0003);
    is("x2APIC: cluster 0, CPUs 0 and 1", who(), all() & 3);
    send_x2(fixed | logical | vector, 0x10001);
    is("x2APIC: cluster 1, CPU 16", who(), all() & 0x10000);
    send_x2(fixed | vector, ~u32{0});
    is("x2APIC: broadcast", who(), all());
}

// ---- SMIs: each CPU has its SMBASE, and SMRAM is seen by the one that is in SMM (SDM vol. 3, "System Management Mode")

ROUTINE(waits, "incl 0x600; 1: pause; cmpl $0, 0x604; je 1b")
static bool handled(u32 n) {
    for (u32 patience = 1000000; notes.count != n && patience; patience--) rest();
    return notes.count == n;
}
static void management() {
    constexpr u32 smi = 0x4200;
    memset(reinterpret_cast<void*>(0x500), 0, 0x200);
    install_handler(reset_smbase);
    bridge(smram_register, 0x4a);
    install_handler(smram), install_routine(smram, waits_begin, waits_end);
    u32 first = peek<u32>(smram + smi_entry);
    notes.routine = 0;
    bridge(smram_register, 0x0a);
    patch(where(at_smbase), smram);
    send(smi, 1 << 24);
    holds("an SMI to CPU 1", handled(1)), is("  in its SMBASE", notes.cs & 0xffff, reset_smbase >> 4);
    notes.routine = smi_routine;
    send(smi, 1 << 24);
    for (u32 patience = 1000000; !peek<u32>(0x600) && patience; patience--) rest();
    is("another: it is in SMRAM", peek<u32>(0x600), 1), is("  by its new SMBASE", notes.cs & 0xffff, smram >> 4);
    holds("  which the other CPU does not see", peek<u32>(smram + smi_entry) != first);
    notes.routine = 0;
    u32 loops = worker[1].loops;
    pass_time();
    is("  CPU 1 does nothing else", worker[1].loops, loops);
    poke<u32>(0x604, 1);
    pass_time();
    holds("  until RSM", worker[1].loops != loops);
    notes.count = 0;
    send(smi);
    holds("CPU 0's SMI", handled(1)), is("  in its own SMBASE", notes.cs & 0xffff, reset_smbase >> 4);
}

extern "C" u64 start_info;
void guest() {
    // PVH: the command line's address is at 24 in the start information.
    auto* words = reinterpret_cast<const char*>(peek<u64>(u32(start_info) + 24));
    for (; *words; words++)
        if (words[0] == 'c' && words[1] == 'p' && words[2] == 'u' && words[3] == 's' && words[4] == '=') {
            cpus = 0;
            for (words += 5; *words >= '0' && *words <= '9'; words++) cpus = cpus * 10 + unsigned(*words - '0');
            break;
        }
    start();
    topology();
    if (cpus > 1) init_one();
    interrupts();
    logical_modes();
    locks();
    shootdown();
    if (cpus > 1) changing_code();
    monitoring();
    time();
    if (cpus > 1) management();
    x2();
}
