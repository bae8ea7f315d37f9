// SPDX-License-Identifier: MIT
// Guest, 64-bit: rules of debugging, one row each, with their sections (SDM vol. 3, ch. 18 in 2024's numbering): RF, single steps on
// branches (BTF), data and I/O breakpoints by width and kind, what delays a trap.
#include "guest.h"
#include "frame.h"

static constexpr word b0 = 1, b1 = 2, bs = 1 << 14, ones = 0xffff0ff0, rf = 1 << 16;
static constexpr u32 debugctl = 0x1d9, btf = 2;

static bool resume;
static volatile word count, status[16], ips[16], frame_rf[16];
static void note(Frame& f) {
    word i = count & 15;
    status[i] = get_dr6();
    ips[i] = f.ip;
    frame_rf[i] = f.flags >> 16 & 1;
    count = count + 1;
    if (resume) f.flags |= rf;
    set_dr6(ones);
}
static void fresh() {
    count = 0;
    for (auto& s : status) s = 0;
    set_dr6(ones);
}
enum Kind : unsigned { execute, write, io, access };
static void arm(unsigned i, word address, Kind kind, unsigned bytes) {
    unsigned size = bytes == 8 ? 2 : bytes - 1;
    if (i == 0) set_dr0(address);
    if (i == 1) set_dr1(address);
    set_dr7(get_dr7() | word(1) << i * 2 | word(kind | size << 2) << (16 + i * 4));
}
static void disarm() { set_dr7(0x400); }

// ---- RF: 18.3.1.1, and 2.3

extern "C" {
extern char rf_target[], rf_behind_popf[];
}
asm(R"(
    .pushsection .text.aside, "ax"
rf_target:
    mov (%rdi), %eax
    ret
    .popsection
)");
static word fault_rf;
static void touch(word address) { asm volatile("call rf_target" :: "D"(address) : "rax", "memory"); }

static void resume_flag() {
    print("RF\n");
    hook(UD, [](Frame& f) { fault_rf = f.flags & rf, f.ip += 2; });
    asm volatile("ud2" ::: "memory");
    is("18.3.1.1: a fault pushes RF as 1", fault_rf, rf);
    hook(UD, nullptr);
    set_gate(0x51, stub(0x51));
    hook(0x51, [](Frame& f) { fault_rf = f.flags & rf; });
    asm volatile("int $0x51" ::: "memory");
    is("INT n pushes it as 0", fault_rf, 0);
    hook(0x51, nullptr);
    hook(BP, [](Frame& f) { fault_rf = f.flags & rf; });
    asm volatile("int3" ::: "memory");
    is("INT3 too", fault_rf, 0);
    hook(BP, nullptr);

    hook(DB, note);
    resume = true;
    arm(0, word(rf_target), execute, 1);
    fresh(), touch(word(stacks));
    is("a code breakpoint pushes it as 0", frame_rf[0], 0), is("IRET with RF as 1 gets over it: one trap", count, 1);
    fresh(), touch(word(stacks)), touch(word(stacks));
    is("RF is clear behind that instruction: one more the next time", count, 2);
    // The instruction itself faults while RF is 1: the fault pushes 1, and the breakpoint does not strike again.
    hook(GP, [](Frame& f) { fault_rf = f.flags & rf, f.di = word(stacks); });
    fresh(), touch(0x800000000000);
    is("a fault of the instruction under RF", fault_rf, rf), is("  the breakpoint strikes once", count, 1);
    hook(GP, nullptr);
    disarm();
    arm(0, word(rf_behind_popf), execute, 1);
    fresh();
    asm volatile("pushf; orl $0x10000, (%%rsp); popf; rf_behind_popf: nop" ::: "memory", "cc");
    is("2.3: POPF does not set RF", count, 1);
    disarm();
    arm(0, word(stacks), access, 4), arm(1, word(rf_target), execute, 1);
    fresh(), touch(word(stacks));
    is("RF does not hold data breakpoints back: the code's", status[0], ones | b1), is("  and the data's", status[1], ones | b0), is("  two traps", count, 2);
    disarm();
    resume = false;
    hook(DB, nullptr);
}

// ---- BTF: 18.4.4

#define STEP(text) asm volatile("pushf; orl $0x100, (%%rsp); popf; " text "; pushf; andl $~0x100, (%%rsp); popf" ::: "rax", "rcx", "memory", "cc")
static void branches() {
    print("BTF\n");
    hook(DB, [](Frame& f) {
        note(f);
        fault_rf = word(rdmsr(debugctl));
        wrmsr(debugctl, btf);
    });
    extern char target[] asm("btf_target");
    wrmsr(debugctl, btf), fresh();
    STEP("nop; nop; jmp btf_target; nop; btf_target: nop; nop");
    is("18.4.4: TF with BTF traps behind a branch alone", count, 1), is("  at its target", ips[0], word(target)), is("  DR6.BS", status[0], ones | bs);
    is("18.4.1: #DB clears BTF", fault_rf & btf, 0);
    wrmsr(debugctl, btf), fresh();
    STEP("xor %%eax, %%eax; jnz 1f; nop; jz 1f; nop; 1: nop");
    is("  not behind one that isn't taken", count, 1);
    wrmsr(debugctl, btf), fresh();
    STEP("mov $4, %%ecx; 1: loop 1b; call 2f; jmp 3f; 2: ret; 3: nop");
    is("  LOOP three times, CALL, RET, JMP", count, 6);
    wrmsr(debugctl, 0), fresh();
    hook(DB, note);
    STEP("nop; nop");
    is("without BTF behind each", count, 4 + 1);
    hook(DB, nullptr);
}

// ---- data breakpoints: 18.2.5 and table 18-1

alignas(64) static u8 data[64];
struct Row { const char* name; Kind kind; u8 at, bytes, touched, width; bool writes; word traps; };
static constexpr Row rows[] = {
    //                                        kind    at  len  touched width write  traps
    {"write, 1 byte: itself",                  write,  8,  1,   8,      1,    true,  1},
    {"the byte before",                        write,  8,  1,   7,      1,    true,  0},
    {"the byte behind",                        write,  8,  1,   9,      1,    true,  0},
    {"a word across its beginning",            write,  8,  1,   7,      2,    true,  1},
    {"a quadword that has it in the middle",   write,  8,  1,   4,      8,    true,  1},
    {"a read",                                 write,  8,  1,   8,      1,    false, 0},
    {"write, 2 bytes: the second",             write,  8,  2,   9,      1,    true,  1},
    {"the third",                              write,  8,  2,   10,     1,    true,  0},
    {"2 bytes at an odd address: the even one", write, 9,  2,   8,      1,    true,  1},
    {"  not the byte behind the odd one",      write,  9,  2,   10,     1,    true,  0},
    {"write, 4 bytes: the last",               write,  8,  4,   11,     1,    true,  1},
    {"a doubleword across its end",            write,  8,  4,   11,     4,    true,  1},
    {"the byte behind",                        write,  8,  4,   12,     1,    true,  0},
    {"4 bytes at address 3 mod 4: the first",  write,  11, 4,   8,      1,    true,  1},
    {"read or write, 8 bytes: a read of the last", access, 8, 8, 15,    1,    false, 1},
    {"a write of the first",                   access, 8,  8,   8,      1,    true,  1},
    {"the byte behind",                        access, 8,  8,   16,     1,    false, 0},
    {"8 bytes at address 5 mod 8: the first",  access, 13, 8,   8,      1,    false, 1},
};
static void touch(const Row& r) {
    word at = word(data) + r.touched;
    if (r.width == 1) r.writes ? poke<u8>(at, 0) : void(peek<u8>(at));
    if (r.width == 2) r.writes ? poke<u16>(at, 0) : void(peek<u16>(at));
    if (r.width == 4) r.writes ? poke<u32>(at, 0) : void(peek<u32>(at));
    if (r.width == 8) r.writes ? poke<u64>(at, 0) : void(peek<u64>(at));
}
static void watches() {
    print("data breakpoints\n");
    hook(DB, note);
    for (auto& r : rows) {
        arm(0, word(data) + r.at, r.kind, r.bytes);
        fresh(), touch(r);
        is(r.name, count, r.traps);
        disarm();
    }
    arm(0, word(data), access, 8);
    fresh();
    asm volatile("lock addl $1, %0" : "+m"(data[0]) :: "memory", "cc");
    is("a read and a write of one instruction: one trap", count, 1);
    fresh();
    asm volatile("xchg %%eax, %0; cmpxchg %%eax, %0" : "+m"(data[0]) :: "rax", "memory", "cc");
    is("XCHG, CMPXCHG: one each", count, 2);
    // The trap waits for the instruction behind MOV SS (6.8.3).
    extern char behind[] asm("watch_behind_ss");
    fresh();
    asm volatile("mov %%ss, %%eax; mov %%rax, %0; mov %0, %%ss; nop; watch_behind_ss: nop" : "+m"(data[0]) :: "rax", "memory");
    is("6.8.3: MOV to SS from there: the trap of its read", status[1], ones | b0), is("  comes behind the next instruction", ips[1], word(behind));
    // If that is one that goes to a handler, the trap comes there, before the handler's first instruction.
    set_gate(0x51, stub(0x51));
    hook(0x51, [](Frame&) {});
    fresh();
    asm volatile("mov %%ss, %%eax; mov %%rax, %0; mov %0, %%ss; int $0x51" : "+m"(data[0]) :: "rax", "memory");
    is("  with INT n behind it: one trap more", count, 2), is("  in the handler", ips[1], word(stub(0x51)));
    hook(0x51, nullptr);
    fresh();
    set_dr7(get_dr7() & ~3ul);
    poke<u8>(word(data), 1);
    is("18.2.4: neither L0 nor G0: none", count, 0);
    disarm();
    // A faulting instruction has not touched it.
    arm(0, word(data), write, 1);
    fresh();
    faults("an instruction that faults behind its read", trap([] { asm volatile("mov %0, %%rsi; mov $0x800000000000, %%rdi; movsb" :: "r"(data) : "rsi", "rdi", "memory"); }), GP);
    is("  traps not", count, 0);
    disarm();
    hook(DB, nullptr);
}

// ---- I/O breakpoints: 18.2.4, CR4.DE

struct Port { const char* name; u16 at; u8 bytes; u16 touched; u8 width; word traps; };
static constexpr Port ports[] = {
    {"OUT to it", 0x80, 1, 0x80, 1, 1},           {"the port behind", 0x80, 1, 0x81, 1, 0}, {"a word from it on", 0x80, 1, 0x80, 2, 1},
    {"a doubleword that reaches it", 0x82, 1, 0x80, 4, 1}, {"2 ports: the second", 0x80, 2, 0x81, 1, 1}, {"4 ports: the last", 0x80, 4, 0x83, 1, 1},
    {"4 ports: the one behind", 0x80, 4, 0x84, 1, 0},
};
static void ports_watched() {
    print("I/O breakpoints\n");
    hook(DB, note);
    set_cr4(get_cr4() | 8);
    for (auto& p : ports) {
        arm(0, p.at, io, p.bytes);
        fresh();
        if (p.width == 1) out8(p.touched, 0);
        if (p.width == 2) out16(p.touched, 0);
        if (p.width == 4) out32(p.touched, 0);
        is(p.name, count, p.traps);
        disarm();
    }
    arm(0, 0x80, io, 1);
    fresh();
    static u8 text[3];
    asm volatile("mov $0x80, %%edx; mov %0, %%rsi; mov $3, %%ecx; rep outsb" :: "r"(text) : "rcx", "rdx", "rsi", "memory");
    is("18.3.1.3: REP OUTSB: behind each iteration", count, 3);
    fresh();
    user_flags = 2;
    faults("an IN that may not be: #GP, and no trap", trap_user([] { in8(0x80); }), GP);
    is("  none", count, 0);
    set_cr4(get_cr4() & ~8ul);
    fresh();
    out8(0x80, 0);
    is("without CR4.DE: none", count, 0);
    disarm();
    hook(DB, nullptr);
}

extern "C" void guest() {
    resume_flag();
    branches();
    watches();
    ports_watched();
}
