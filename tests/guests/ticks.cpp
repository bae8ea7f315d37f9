// SPDX-License-Identifier: MIT
// Guest, 64-bit: timer interrupts at many rates over hot code: at each one registers and memory are those of the instruction it came before;
// shadows of STI and MOV SS, POPF, CR8; REP instructions longer than a timer's period (SDM vol. 3, 6.6, 6.8; vol. 2, REP).
#include "code.h"
#include "frame.h"
#include "interrupts.h"

static volatile u32 came, wrong;          // interrupts, and those that found something else than they should
static u32 chance = 1;
static u32 random() { return (chance = chance * 1103515245 + 12345) >> 8; }

static u32 per_count;                     // TSC ticks of a count of the APIC's timer, rounded up
static u32 counts(u32 tsc) { return tsc / per_count + 1; }
static bool jitter;                       // one-shots of ever other lengths instead of a period
static void next_tick() {
    came = came + 1;
    apic(eoi, 0);
    if (jitter) apic(timer_initial, counts(250 + random() % 701));
}
static void start(u32 initial, bool irregular = false) {
    jitter = irregular;
    came = 0;
    wrong = 0;
    apic(lvt_timer, (irregular ? 0 : 0x20000) | 0x60);
    apic(timer_initial, initial);
}
static void stop() {
    cli();
    apic(timer_initial, 0), apic(lvt_timer, 0x10060);
    asm volatile("sti; nop; cli" ::: "memory");
}
static void measure() {
    apic(svr, 0x1ff), apic(timer_divide, 0xb), apic(lvt_timer, 0x10060);
    apic(timer_initial, 0xffffffff);
    u64 begin = rdtsc();
    u32 from = apic(timer_current);
    while (rdtsc() - begin < 200000) {}
    per_count = u32((rdtsc() - begin) / (from - apic(timer_current))) + 1;
    apic(timer_initial, 0);
    hook(0x60, [](Frame&) { next_tick(); });
}

// ---- a loop whose state is known at each instruction

static volatile u64 memory_count;
static word loop_at, loop_n;
static void look(Frame& f) {
    word off = f.ip - loop_at, m = memory_count, i = off == 6 || off == 10 || off == 13 ? m - 1 : m;      // i: rounds done
    bool good = f.ax == i + (off >= 3 && off <= 13) && f.dx == 3 * (i + (off >= 10 && off <= 13)) && f.cx == loop_n - i - (off == 13);
    good &= off == 0 || off == 3 || off == 6 || off == 10 || off == 13 || off == 19;
    if (off == 13) good &= !(f.flags & 0x40) == (f.cx != 0);
    if (off == 19) good = f.ax == loop_n && m == loop_n && f.dx == 3 * loop_n && f.cx == 0;
    if (f.di != word(&memory_count) || f.si != 0x5555) good = false;
    if (!good && off <= 19) wrong = wrong + 1;
    next_tick();
}
static void invariants() {
    Code c{page(0) + 0xff4};              // over the end of a page
    loop_at = c.at;
    c.bytes(0x48, 0xff, 0xc0, 0x48, 0xff, 0x07, 0x48, 0x8d, 0x52, 0x03, 0x48, 0xff, 0xc9).jcc(5, loop_at).ret();
    hook(0x60, look);
    bool good = true, often = true;
    for (u32 rate : {331u, 499u, 503u, 700u, 1009u, 1010u, 2003u, 4096u, 10007u, 0u}) {
        loop_n = 20000;
        memory_count = 0;
        start(counts(rate ? rate : 500), !rate);
        word ax = 0, dx = 0, cx = loop_n;
        asm volatile("sti; call *%4; cli" : "+a"(ax), "+d"(dx), "+c"(cx) : "D"(&memory_count), "r"(loop_at), "S"(0x5555ul) : "memory", "cc");
        good &= ax == loop_n && memory_count == loop_n && dx == 3 * loop_n && cx == 0 && wrong == 0;
        often &= came >= 5;
        stop();
    }
    hook(0x60, [](Frame&) { next_tick(); });
    holds("ten rates over a loop: nothing lost, nothing done twice", good), holds("  they came", often);
}

// An instruction is a tick: a deadline one later finds the loop one instruction further.
static void deadlines() {
    if (!(cpuid(1).ecx >> 24 & 1)) return;
    apic(lvt_timer, 0x40060);
    asm volatile("mfence");
    static volatile word position;
    Code c{page(0) + 0xff6};              // INC RAX; INC RAX; INC RAX; DEC RCX; JNZ: 5 instructions at 0, 3, 6, 9, 12, over the end of a page
    loop_at = c.at;
    c.bytes(0x48, 0xff, 0xc0, 0x48, 0xff, 0xc0, 0x48, 0xff, 0xc0, 0x48, 0xff, 0xc9).jcc(5, loop_at).ret();
    hook(0x60, [](Frame& f) {
        word off = (f.ip - loop_at) / 3;
        position = 5 * (1000 - f.cx) + off - (off == 4 ? 5 : 0);       // behind DEC, RCX is one ahead
        came = came + 1;
        apic(eoi, 0);
    });
    bool good = true;
    word first = 0;
    for (u32 k = 0; k < 1500; k++) {
        came = 0;
        word n = 1000;
        asm volatile("rdtsc; shl $32, %%rdx; or %%rdx, %%rax; add %1, %%rax; mov %%rax, %%rdx; shr $32, %%rdx; mov $0x6e0, %%ecx; wrmsr; mov %0, %%rcx; sti; call *%2; cli; mov %%rcx, %0"
                     : "+r"(n)
                     : "r"(word(k) + 100), "r"(loop_at)
                     : "rax", "rcx", "rdx", "memory", "cc");
        if (k == 0) first = position;
        good &= came == 1 && n == 0 && position == first + k;
    }
    holds("deadlines one tick apart find it one instruction further, 1500 times", good);
    apic(lvt_timer, 0x10060);
    hook(0x60, [](Frame&) { next_tick(); });
}

// ---- results of other code, interrupted

asm(R"(
    .pushsection .text.aside, "ax"
ticks_fib:
    mov %edi, %eax
    cmp $2, %edi
    jb 1f
    push %rdi
    dec %edi
    call ticks_fib
    pop %rdi
    push %rax
    sub $2, %edi
    call ticks_fib
    pop %rdx
    add %edx, %eax
1:  ret
    .popsection
)");
static void results() {
    extern char fib[] asm("ticks_fib");
    static u64 a[64], b[64], sum[64];
    for (u32 i = 0; i < 64; i++) a[i] = ~0ull, b[i] = 1;
    bool good = true;
    word f = page(1) + 0x123;
    put(f, 7);
    Caller direct(page(3), f);
    for (u32 rate : {401u, 613u, 997u, 3001u, 0u}) {
        start(counts(rate ? rate : 500), !rate);
        sti();
        for (u32 i = 0; i < 5; i++) {
            good &= call(word(fib), 12) == 144;
            good &= direct.gives(7, 500);
            word from = word(a), with = word(b), to = word(sum), n = 64;
            asm volatile("clc; 1: mov (%0), %%rax; adc (%1), %%rax; mov %%rax, (%2); lea 8(%0), %0; lea 8(%1), %1; lea 8(%2), %2; dec %3; jnz 1b"
                         : "+S"(from), "+b"(with), "+D"(to), "+c"(n)::"rax", "memory", "cc");
            for (u32 k = 0; k < 64; k++) good &= sum[k] == (k ? 1 : 0);
            u32 taken = 0, m = 1000;
            asm volatile("1: xorb $1, 2f(%%rip); cmp %%eax, %%eax; 2: jz 3f; inc %0; 3: dec %1; jnz 1b" : "+r"(taken), "+r"(m) :: "memory", "cc");
            good &= taken == 500;
        }
        cli();
        good &= came > 3;
        stop();
    }
    holds("recursion, calls, carries, self-modification under five rates", good);
}

// ---- shadows

static volatile word at_ip;
static void note_ip(Frame& f) { at_ip = f.ip, next_tick(); }
// Arms a one-shot and lets it run out with interrupts closed.
static void pending() {
    at_ip = 0;
    apic(lvt_timer, 0x60);
    apic(timer_initial, 1);
    for (u32 i = 0; i < 20 + per_count; i++) asm volatile("nop");
}
static void shadows() {
    hook(0x60, note_ip);
    jitter = false;
    bool after_sti = true, none_between = true, popf_at_once = true, iret_at_once = true, hlt = true, cr8 = true, nops = true;
    for (u32 i = 0; i < 300; i++) {
        word here;
        pending();
        asm volatile("lea 1f(%%rip), %0; sti; inc %%eax; 1: cli" : "=&r"(here) :: "rax", "memory", "cc");
        after_sti &= at_ip == here;
        pending();
        asm volatile("sti; cli; nop; nop; sti; cli" ::: "memory");
        none_between &= at_ip == 0;
        asm volatile("lea 1f(%%rip), %0; sti; sti; 1: cli" : "=&r"(here) :: "memory");       // the second STI has no shadow
        none_between &= at_ip == here;
        pending();
        asm volatile("lea 1f(%%rip), %0; pushf; orl $0x200, (%%rsp); popf; 1: nop; cli" : "=&r"(here) :: "memory", "cc");
        popf_at_once &= at_ip == here;
        pending();
        asm volatile("mov %%rsp, %%rdx; lea 1f(%%rip), %0; push $0x10; push %%rdx; pushf; orl $0x200, (%%rsp); push $8; push %0; iretq; 1: nop; cli"
                     : "=&r"(here)::"rdx", "memory", "cc");
        iret_at_once &= at_ip == here;
        at_ip = 0;
        apic(timer_initial, counts(300));
        asm volatile("lea 1f(%%rip), %0; sti; hlt; 1: cli" : "=&r"(here) :: "memory");
        hlt &= at_ip == here;
        asm volatile("mov %0, %%cr8" :: "r"(7ul));
        pending();
        asm volatile("sti; .fill 10, 1, 0x90; lea 1f(%%rip), %0; mov %1, %%cr8; 1: nop; cli" : "=&r"(here) : "r"(0ul) : "memory");
        cr8 &= at_ip == here;
        pending();
        asm volatile("sti; nop; .fill 40, 1, 0x90; cli" ::: "memory");
        nops &= at_ip != 0;
    }
    holds("STI: the interrupt comes behind the next instruction", after_sti), holds("STI and CLI: not between them; STI and STI: behind", none_between);
    holds("POPF: at once", popf_at_once), holds("IRETQ: at once", iret_at_once), holds("STI and HLT: behind HLT", hlt), holds("CR8: when it is lowered", cr8), holds("  others", nops);
    // MOV SS in a loop with interrupts open: never behind it.
    static word forbidden;
    hook(0x60, [](Frame& f) {
        if (f.ip == forbidden) wrong = wrong + 1;
        next_tick();
    });
    start(counts(500), true);
    u32 n = 30000;
    asm volatile("lea 2f(%%rip), %%rax; mov %%rax, %1; mov %%ss, %%edx; sti; 1: inc %%eax; mov %%edx, %%ss; 2: inc %%eax; dec %0; jnz 1b; cli"
                 : "+r"(n), "=m"(forbidden)::"rax", "rdx", "memory", "cc");
    holds("MOV SS: never behind it", wrong == 0 && came > 50);
    stop();
    start(counts(500), true);
    n = 30000;
    asm volatile("lea 2f(%%rip), %%rax; mov %%rax, %1; 1: sti; 2: inc %%eax; cli; dec %0; jnz 1b; sti; nop; cli" : "+r"(n), "=m"(forbidden) :: "rax", "memory", "cc");
    holds("STI and CLI in a loop: never behind STI", wrong == 0 && came > 50);
    stop();
    // A self-IPI in a hot loop: each one arrives, before the next is sent.
    hook(0x61, [](Frame&) { came = came + 1, apic(eoi, 0); });
    came = 0;
    bool each = true;
    sti();
    for (u32 i = 0; i < 2000; i++) {
        apic(icr, 0x40061);
        for (u32 k = 0; k < 30; k++) asm volatile("nop");
        each &= came == i + 1;
    }
    cli();
    holds("2000 self-IPIs in a loop", each);
    hook(0x60, [](Frame&) { next_tick(); });
}

// ---- REP longer than a period

static word rep_ip, rep_n, rep_to, rep_from;
static s64 rep_step;
static bool uses_to, uses_from;
static void in_rep(Frame& f) {
    if (f.ip == rep_ip && f.cx != rep_n) {
        word done = rep_n - f.cx;
        if (uses_to && f.di != rep_to + done * word(rep_step)) wrong = wrong + 1;
        if (uses_from && f.si != rep_from + done * word(rep_step)) wrong = wrong + 1;
        if (f.flags >> 10 & 1 ? rep_step > 0 : rep_step < 0) wrong = wrong + 1;
    }
    next_tick();
}
static constexpr word big = 0x1000000, big2 = 0x1400000, length = 0x30000;        // memory that nothing else uses
static bool rep_enough(u32 rate) { return wrong == 0 && came >= length / 8 / rate && came <= length / (rate / 4) + 2; }
#define REP(insn, step_, to_, from_, n_, a_)                                                                                                                          \
    do {                                                                                                                                                              \
        rep_step = step_, rep_to = to_, rep_from = from_, rep_n = n_;                                                                                                 \
        word di = to_, si = from_, cx = n_, ax = a_;                                                                                                                  \
        asm volatile("lea 1f(%%rip), %%rdx; mov %%rdx, %4; sti; nop; 1: " insn "; cli; cld" : "+D"(di), "+S"(si), "+c"(cx), "+a"(ax), "=m"(rep_ip)::"rdx", "memory", "cc"); \
        left = cx, end_to = di, end_from = si;                                                                                                                        \
    } while (0)
static void repeats() {
    hook(0x60, in_rep);
    auto bytes = [](word at) { return reinterpret_cast<u8*>(at); };
    word left, end_to, end_from;
    for (u32 rate : {1000u, 1777u, 5003u}) {
        print("a period of "), print_hex(rate), print("\n");
        uses_to = true, uses_from = false;
        start(counts(rate));
        bool good = true;
        REP("rep stosb", 1, big, 0, length, 0x5a);
        for (word i = 0; i < length; i++) good &= bytes(big)[i] == 0x5a;
        holds("REP STOSB", good && rep_enough(rate) && left == 0 && end_to == big + length && bytes(big)[length] != 0x5a);
        stop(), start(counts(rate));
        REP("rep stosq", 8, big, 0, length / 8, 0x1122334455667788);
        good = true;
        for (word i = 0; i < length; i += 8) good &= peek<u64>(big + i) == 0x1122334455667788;
        holds("REP STOSQ", good && wrong == 0 && came >= 2 && left == 0 && end_to == big + length);
        stop(), start(counts(rate));
        REP("std; rep stosw", -2, big + length - 2, 0, length / 2, 0x4321);
        good = true;
        for (word i = 0; i < length; i += 2) good &= peek<u16>(big + i) == 0x4321;
        holds("REP STOSW downwards", good && wrong == 0 && came >= 2 && left == 0 && end_to == big - 2);
        stop();
        for (word i = 0; i < length; i += 4) poke<u32>(big + i, u32(i * 2654435761));
        uses_from = true;
        start(counts(rate));
        REP("rep movsb", 1, big2 + 1, big + 2, length - 8, 0);
        stop();
        good = left == 0 && wrong == 0 && end_from == big + length - 6;
        for (word i = 0; i < length - 8; i++) good &= bytes(big2)[i + 1] == bytes(big)[i + 2];
        holds("REP MOVSB", good && came >= 5);
        start(counts(rate));
        REP("std; rep movsl", -4, big2 + length - 3, big + length - 4, length / 4 - 1, 0);
        stop();
        good = left == 0 && wrong == 0;
        for (word i = 4; i < length; i += 4) good &= peek<u32>(big2 + 1 + i) == peek<u32>(big + i);
        holds("REP MOVSD downwards", good && came >= 2);
        for (word i = 0; i < 64; i++) bytes(big2)[i] = u8(i);
        start(counts(rate));
        REP("rep movsb", 1, big2 + 64, big2, length, 0);       // overlapping: the first 64 bytes again and again
        stop();
        good = left == 0 && wrong == 0;
        for (word i = 0; i < length + 64; i++) good &= bytes(big2)[i] == (i & 63);
        holds("REP MOVSB, overlapping", good && came >= 5);
        memset(bytes(big), 7, 0x8000), bytes(big)[0x7ff0] = 9;
        uses_from = false;
        start(counts(rate));
        REP("repne scasb", 1, big, 0, 0x8000, 9);
        stop();
        holds("REPNE SCASB", left == 0xf && end_to == big + 0x7ff1 && wrong == 0 && came >= 2);
        memcpy(bytes(big2), bytes(big), 0x8000), bytes(big2)[0x7000] = 1;
        uses_from = true;
        start(counts(rate));
        REP("repe cmpsb", 1, big2, big, 0x8000, 0);
        stop();
        holds("REPE CMPSB", left == 0xfff && end_to == big2 + 0x7001 && wrong == 0 && came >= 2);
        uses_to = false;
        start(counts(rate));
        REP("rep lodsb", 1, 0, big, 0x8000, 0);
        stop();
        holds("REP LODSB", left == 0 && end_from == big + 0x8000 && wrong == 0 && came >= 2);
        start(counts(rate));
        word saved = 0x80;
        {
            rep_step = 1, rep_from = big, rep_n = 0x8000;
            word si = big, cx = 0x8000, dx = saved;
            asm volatile("lea 1f(%%rip), %%rax; mov %%rax, %3; sti; nop; 1: rep outsb; cli" : "+S"(si), "+c"(cx), "+d"(dx), "=m"(rep_ip) :: "rax", "memory", "cc");
            left = cx, end_from = si;
        }
        stop();
        holds("REP OUTSB", left == 0 && end_from == big + 0x8000 && wrong == 0 && came >= 2);
    }
    hook(0x60, [](Frame&) { next_tick(); });
}

extern "C" void guest() {
    measure();
    invariants();
    deadlines();
    results();
    shadows();
    repeats();
}
