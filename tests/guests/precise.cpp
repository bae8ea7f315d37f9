// SPDX-License-Identifier: MIT
// Guest, 64-bit: faults at each place of straight hot code: RIP, every register, the flags, memory and CR2 are those before the instruction
// (SDM vol. 3, 6.5 and 6.6); for every kind of memory operand, for the stack, for what is no memory; and flags that nothing but a handler reads.
#include "code.h"
#include "frame.h"

static constexpr word va = 0x8000000000, data = va + 0x800, stack = va + 0x2800;        // the pages at va and va + 2000h come and go
static constexpr u64 all = P | W | U;
static constexpr word status = 0x8d5, filler_count = 20;

extern "C" word precise_in[16], precise_flags, precise_sp, precise_target;        // RAX RCX RDX RBX RSP RBP RSI RDI R8 ...
word precise_in[16], precise_flags = 2, precise_sp, precise_target;
extern "C" void precise_run(word code);
extern "C" char precise_leave[];
asm(R"(
    .pushsection .text.aside, "ax"
precise_run:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    pushf
    mov %rdi, precise_target
    mov %rsp, precise_sp
    push precise_flags
    popf
    mov precise_in, %rax
    mov precise_in + 8, %rcx
    mov precise_in + 16, %rdx
    mov precise_in + 24, %rbx
    mov precise_in + 32, %rsp
    mov precise_in + 40, %rbp
    mov precise_in + 48, %rsi
    mov precise_in + 56, %rdi
    mov precise_in + 64, %r8
    mov precise_in + 72, %r9
    mov precise_in + 80, %r10
    mov precise_in + 88, %r11
    mov precise_in + 96, %r12
    mov precise_in + 104, %r13
    mov precise_in + 112, %r14
    mov precise_in + 120, %r15
    jmp *precise_target
precise_leave:
    mov precise_sp, %rsp
    popf
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret
    .popsection
)");

static Frame seen;
static word seen_cr2;
static void take(Frame& f) {
    seen = f;
    seen_cr2 = get_cr2();
    f.ip = word(precise_leave), f.sp = precise_sp, f.flags = 2, f.cs = kcode, f.ss = kdata;
}
static word before(unsigned n) {          // register n of the frame seen
    const word* at[] = {&seen.ax, &seen.cx, &seen.dx, &seen.bx, &seen.sp, &seen.bp, &seen.si, &seen.di,
                        &seen.r8, &seen.r9, &seen.r10, &seen.r11, &seen.r12, &seen.r13, &seen.r14, &seen.r15};
    return *at[n];
}

static void set_up() {
    tss.ist[0] = top(0);
    static const word vectors[] = {DE, DB, BP, UD, NM, NP, SS, GP, PF, MF, AC, 19, 0x41};
    for (word v : vectors) hook(v, take), set_gate(v, stub(v), kcode, 0x8e, 1);
    for (word n = 0; n < 16; n++) precise_in[n] = 0x0101010101010101 * (n + 0x10);
    precise_in[0] &= ~0xfful;             // AL: XLAT's index
    precise_in[1] = 2, precise_in[2] = 0, precise_in[3] = data, precise_in[4] = stack, precise_in[5] = stack, precise_in[6] = data, precise_in[7] = data;
    precise_in[13] = 0x123400000000, precise_in[14] = 0x800000000000, precise_in[15] = 0;     // not mapped, not canonical
    precise_flags = status | 2;
}

// Flags behind ADD R15, n: small numbers, so that only PF and AF can be set.
static word flags_behind(word sum, word n) {
    word parity = 1, b = sum & 0xff, aux = ((sum - n) & 15) + (n & 15) > 15;
    while (b) parity ^= b & 1, b >>= 1;
    return parity << 2 | aux << 4;
}

// The state at the fault: all as given but R15, which has counted k fillers.
static bool undisturbed(word k, word ip) {
    word sum = k * (k + 1) / 2;
    bool good = seen.ip == ip && (seen.flags & status) == (k ? flags_behind(sum, k) : status) && before(15) == sum;
    for (unsigned n = 0; n < 15; n++) good &= before(n) == precise_in[n];
    return good;
}

constexpr s64 anywhere = 9999;            // of the page: the manual does not say which byte of so long an operand
struct Row {
    const char* name;
    u8 length, bytes[10];
    char access;                          // r, w: of data; R, W: of the stack
    s64 offset;                           // from the register to where it faults
    bool clean = true;                    // may run with everything mapped, to the end
    word rsp = 0;                         // what it does to RSP then
};
static word build(word k, const u8* bytes, unsigned length) {
    Code c{page(8) + 0xf80};              // over the end of a page
    for (word i = 0; i < k; i++) c.bytes(0x49, 0x83, 0xc7, i + 1);
    for (unsigned i = 0; i < length; i++) c.bytes(bytes[i]);
    for (word i = k; i < filler_count; i++) c.bytes(0x49, 0x83, 0xc7, i + 1);
    c.bytes(0xcd, 0x41);
    return page(8) + 0xf80;
}

static const Row rows[] = {
    {"MOV from memory", 2, {0x8b, 0x03}, 'r', 0},
    {"MOV from memory, 64 bits, displacement", 4, {0x48, 0x8b, 0x43, 0x08}, 'r', 8},
    {"MOV of a byte to AH", 2, {0x8a, 0x23}, 'r', 0},
    {"MOVZX", 3, {0x0f, 0xb6, 0x03}, 'r', 0},
    {"MOVSX", 4, {0x48, 0x0f, 0xbe, 0x03}, 'r', 0},
    {"MOVSXD", 3, {0x48, 0x63, 0x03}, 'r', 0},
    {"MOV from FS", 3, {0x64, 0x8b, 0x03}, 'r', 0x100},
    {"MOV from a moffs", 10, {0x48, 0xa1, 0x00, 0x08, 0, 0, 0x80, 0, 0, 0}, 'r', 0},
    {"MOV to memory", 2, {0x89, 0x03}, 'w', 0},
    {"MOV of an immediate", 3, {0xc6, 0x03, 0x05}, 'w', 0},
    {"MOV with an index", 4, {0x4c, 0x89, 0x0c, 0xcb}, 'w', 16},
    {"ADD from memory", 2, {0x03, 0x03}, 'r', 0},
    {"ADD to memory", 2, {0x01, 0x03}, 'w', 0},
    {"ADD of an immediate", 3, {0x83, 0x03, 1}, 'w', 0},
    {"ADC to memory", 3, {0x48, 0x11, 0x03}, 'w', 0},
    {"SBB from memory", 2, {0x1b, 0x03}, 'r', 0},
    {"CMP with memory", 2, {0x39, 0x03}, 'r', 0},
    {"CMP of a byte", 3, {0x80, 0x3b, 0x05}, 'r', 0},
    {"TEST", 2, {0x85, 0x03}, 'r', 0},
    {"INC", 2, {0xff, 0x03}, 'w', 0},
    {"DEC of a byte", 2, {0xfe, 0x0b}, 'w', 0},
    {"NOT", 2, {0xf7, 0x13}, 'w', 0},
    {"NEG", 2, {0xf7, 0x1b}, 'w', 0},
    {"SHL by 1", 2, {0xd1, 0x23}, 'w', 0},
    {"RCR by CL", 2, {0xd3, 0x1b}, 'w', 0},
    {"SHLD", 4, {0x0f, 0xa4, 0x03, 3}, 'w', 0},
    {"XCHG", 2, {0x87, 0x03}, 'w', 0},
    {"XADD", 3, {0x0f, 0xc1, 0x03}, 'w', 0},
    {"LOCK ADD", 3, {0xf0, 0x01, 0x03}, 'w', 0},
    {"CMPXCHG", 3, {0x0f, 0xb1, 0x0b}, 'w', 0},
    {"CMPXCHG8B", 3, {0x0f, 0xc7, 0x0b}, 'w', 0},
    {"BTS", 4, {0x0f, 0xba, 0x2b, 3}, 'w', 0},
    {"BT", 4, {0x0f, 0xba, 0x23, 3}, 'r', 0},
    {"SETE", 3, {0x0f, 0x94, 0x03}, 'w', 0},
    {"CMOVE", 3, {0x0f, 0x44, 0x03}, 'r', 0},
    {"CMOVNE", 3, {0x0f, 0x45, 0x03}, 'r', 0},
    {"IMUL", 3, {0x0f, 0xaf, 0x03}, 'r', 0},
    {"MUL", 2, {0xf7, 0x23}, 'r', 0},
    {"DIV", 2, {0xf7, 0x33}, 'r', 0},
    {"BSF", 3, {0x0f, 0xbc, 0x03}, 'r', 0},
    {"XLAT", 1, {0xd7}, 'r', 0},
    {"MOVNTI", 3, {0x0f, 0xc3, 0x03}, 'w', 0},
    {"LODSB", 1, {0xac}, 'r', 0},
    {"STOSQ", 2, {0x48, 0xab}, 'w', 0},
    {"MOVSB", 1, {0xa4}, 'r', 0},
    {"SCASD", 1, {0xaf}, 'r', 0},
    {"CMPSB", 1, {0xa6}, 'r', 0},
    {"REP STOSB", 2, {0xf3, 0xaa}, 'w', 0},
    {"REP MOVSB", 2, {0xf3, 0xa4}, 'r', 0},
    {"PUSH of memory", 2, {0xff, 0x33}, 'r', 0, true, word(-8)},
    {"POP to memory", 2, {0x8f, 0x03}, 'w', 0, true, 8},
    {"CALL through memory", 2, {0xff, 0x13}, 'r', 0, true, word(-8)},
    {"JMP through memory", 2, {0xff, 0x23}, 'r', 0},
    {"PUSH", 1, {0x50}, 'W', -8, true, word(-8)},
    {"PUSH of an immediate", 2, {0x6a, 5}, 'W', -8, true, word(-8)},
    {"PUSHF", 1, {0x9c}, 'W', -8, true, word(-8)},
    {"PUSH of a word", 2, {0x66, 0x50}, 'W', -2, true, word(-2)},
    {"POP", 1, {0x58}, 'R', 0, true, 8},
    {"POPF", 1, {0x9d}, 'R', 0, false},
    {"CALL", 5, {0xe8, 0, 0, 0, 0}, 'W', -8, true, word(-8)},
    {"CALL through a register", 3, {0x41, 0xff, 0xd5}, 'W', -8, false},
    {"RET", 1, {0xc3}, 'R', 0, true, 8},
    {"RET 8", 3, {0xc2, 8, 0}, 'R', 0, true, 16},
    {"LEAVE", 1, {0xc9}, 'R', 0, false},
    {"ENTER", 4, {0xc8, 8, 0, 0}, 'W', -8, false},
    {"far RET", 2, {0x48, 0xcb}, 'R', 0, false},
    {"IRETQ", 2, {0x48, 0xcf}, 'R', 0, false},
    {"MOVD", 4, {0x66, 0x0f, 0x6e, 0x03}, 'r', 0},
    {"MOVUPS to memory", 3, {0x0f, 0x11, 0x03}, 'w', 0},
    {"MOVAPS from memory", 3, {0x0f, 0x28, 0x03}, 'r', 0},
    {"PADDB", 4, {0x66, 0x0f, 0xfc, 0x03}, 'r', 0},
    {"FLD", 2, {0xdd, 0x03}, 'r', 0, false},
    {"FST", 2, {0xdd, 0x13}, 'w', 0, false},
    {"FILD", 2, {0xdb, 0x03}, 'r', 0, false},
    {"FNSTCW", 2, {0xd9, 0x3b}, 'w', 0},
    {"FXSAVE", 3, {0x0f, 0xae, 0x03}, 'w', anywhere},
    {"FXRSTOR", 3, {0x0f, 0xae, 0x0b}, 'r', anywhere, false},
    {"LDMXCSR", 3, {0x0f, 0xae, 0x13}, 'r', 0, false},
    {"STMXCSR", 3, {0x0f, 0xae, 0x1b}, 'w', 0},
    {"SGDT", 3, {0x0f, 0x01, 0x03}, 'w', 0},
    {"LGDT", 3, {0x0f, 0x01, 0x13}, 'r', 0, false},
};

static void one_row(const Row& r) {
    bool good = true, whole = true;
    word lower = r.access | 32;
    bool of_stack = r.access < 'a';
    word page_of = of_stack ? va + 0x2000 : va;
    auto one = [&](word k, word code) {
        word at = build(k, r.bytes, r.length);
        auto where = [&] {
            word base = of_stack ? stack : data;
            return r.offset == anywhere ? seen_cr2 >> 12 == base >> 12 : seen_cr2 == base + word(r.offset);
        };
        auto fresh = [&] {                // [data] and [stack] hold the address of the next instruction
            map(va, page(0) | all), map(va + 0x2000, page(1) | all);
            poke<u64>(data, at + 4 * k + r.length), poke<u64>(stack, at + 4 * k + r.length);
        };
        auto clean = [&] {
            if (!r.clean) return;
            fresh();
            precise_run(at);
            whole &= seen.vector == 0x41 && before(15) == filler_count * (filler_count + 1) / 2 && seen.ip == at + 4 * filler_count + r.length + 2;
            whole &= before(4) == stack + r.rsp && before(12) == precise_in[12];
        };
        clean(), clean();
        fresh();
        entry(page_of, 1) = code & 1 ? page(of_stack) | P : 0, invlpg(page_of);
        for (u32 i = 0; i < 2; i++) {
            precise_run(at);
            good &= seen.vector == PF && seen.code == code && where() && undisturbed(k, at + 4 * k);
        }
        if (!of_stack && r.offset == 0) good &= peek<u64>(page(0) + 0x800) == at + 4 * k + r.length;
        clean();
    };
    for (word k = 0; k < filler_count; k++) {
        one(k, lower == 'w' ? 2 : 0);
        if (lower == 'w') one(k, 3);
    }
    holds(r.name, good);
    if (!whole) holds("  without a fault", false);
}

static void memory() {
    wrmsr(0xc0000100, 0x100);
    for (auto& r : rows) one_row(r);
    wrmsr(0xc0000100, 0);
    map(va, page(0) | all), map(va + 0x2000, page(1) | all);
}

// ---- what is no page fault

struct Other {
    const char* name;
    u8 length, bytes[10];
    word vector, code;
    word beyond = 0;                      // how far behind the instruction's first byte RIP is: traps
    void (*prepare)() = nullptr;
    void (*undo)() = nullptr;
};
static word saved;
static const Other others[] = {
    {"#UD of UD2", 2, {0x0f, 0x0b}, UD, 0},
    {"#UD of LOCK on what has none", 3, {0xf0, 0x03, 0x03}, UD, 0},
    {"#UD of what 64-bit mode lacks", 1, {0x06}, UD, 0},
    {"#BP of INT3: a trap", 1, {0xcc}, BP, 0, 1},
    {"INT n: a trap", 2, {0xcd, 0x41}, 0x41, 0, 2},
    {"#NP of an absent gate", 2, {0xcd, 0xf0}, NP, 0xf0 * 8 + 2, 0, [] { set_gate(0xf0, nullptr, kcode, 0x0e); }},
    {"#DE of DIV by 0", 3, {0x48, 0xf7, 0xf2}, DE, 0},
    {"#DE of IDIV that overflows", 3, {0x48, 0xf7, 0xf9}, DE, 0, 0, [] { saved = precise_in[2], precise_in[2] = 2; }, [] { precise_in[2] = saved; }},
    {"#DE of DIV of a byte", 2, {0xf6, 0xf1}, DE, 0, 0, [] { saved = precise_in[0], precise_in[0] = 0x200; }, [] { precise_in[0] = saved; }},
    {"#GP of a load that is not canonical", 3, {0x41, 0x8b, 0x06}, GP, 0},
    {"#GP of a store", 3, {0x41, 0x89, 0x06}, GP, 0},
    {"#GP of ADD to memory", 3, {0x41, 0x01, 0x06}, GP, 0},
    {"#GP of PUSH of memory", 3, {0x41, 0xff, 0x36}, GP, 0},
    {"#GP of CALL through memory", 3, {0x41, 0xff, 0x16}, GP, 0},
    {"#GP of CALL to what is not canonical", 3, {0x41, 0xff, 0xd6}, GP, 0},
    {"#GP of JMP there", 3, {0x41, 0xff, 0xe6}, GP, 0},
    {"#SS of PUSH", 1, {0x50}, SS, 0, 0, [] { precise_in[4] = 0x800000001000; }, [] { precise_in[4] = stack; }},
    {"#SS of POP", 1, {0x58}, SS, 0, 0, [] { precise_in[4] = 0x800000001000; }, [] { precise_in[4] = stack; }},
    {"#SS of CALL", 5, {0xe8, 0, 0, 0, 0}, SS, 0, 0, [] { precise_in[4] = 0x800000001000; }, [] { precise_in[4] = stack; }},
    {"#SS of RET", 1, {0xc3}, SS, 0, 0, [] { precise_in[4] = 0x800000001000; }, [] { precise_in[4] = stack; }},
    {"#SS of MOV by RBP", 3, {0x8b, 0x45, 0x00}, SS, 0, 0, [] { precise_in[5] = 0x800000001000; }, [] { precise_in[5] = stack; }},
    {"#GP of RET to what is not canonical", 1, {0xc3}, GP, 0, 0, [] { poke<u64>(stack, 0x800000000000); }},
    {"#GP of MOVAPS misaligned", 4, {0x0f, 0x28, 0x43, 0x04}, GP, 0},
    {"#GP of MOVAPS to memory misaligned", 4, {0x0f, 0x29, 0x43, 0x04}, GP, 0},
    {"#GP of PADDB misaligned", 5, {0x66, 0x0f, 0xfc, 0x43, 0x04}, GP, 0},
    {"#GP of MOV to SS", 2, {0x8e, 0xd1}, GP, 0, 0, [] { precise_in[1] = 1; }, [] { precise_in[1] = 2; }},
    {"#GP of MOV to FS", 3, {0x41, 0x8e, 0xe0}, GP, 0x1818},
    {"#GP of MOV to CR0", 4, {0x41, 0x0f, 0x22, 0xc0}, GP, 0},
    {"#GP of WRMSR", 2, {0x0f, 0x30}, GP, 0, 0, [] { precise_in[1] = 0x12345; }, [] { precise_in[1] = 2; }},
    {"#GP of RDMSR", 2, {0x0f, 0x32}, GP, 0, 0, [] { precise_in[1] = 0x12345; }, [] { precise_in[1] = 2; }},
    {"#GP of MOV to CR8", 4, {0x45, 0x0f, 0x22, 0xc0}, GP, 0},
    {"#NM of FLD1", 2, {0xd9, 0xe8}, NM, 0, 0, [] { set_cr0(get_cr0() | 8); }, [] { set_cr0(get_cr0() & ~word(8)); }},
    {"#NM of FWAIT", 1, {0x9b}, NM, 0, 0, [] { set_cr0(get_cr0() | 8); }, [] { set_cr0(get_cr0() & ~word(8)); }},
    {"#NM of MOVAPS", 3, {0x0f, 0x28, 0xc1}, NM, 0, 0, [] { set_cr0(get_cr0() | 8); }, [] { set_cr0(get_cr0() & ~word(8)); }},
    {"#UD of MOVAPS without CR4.OSFXSR", 3, {0x0f, 0x28, 0xc1}, UD, 0, 0, [] { set_cr4(get_cr4() & ~word(0x200)); }, [] { set_cr4(get_cr4() | 0x200); }},
    {"#UD of MOVAPS with CR0.EM", 3, {0x0f, 0x28, 0xc1}, UD, 0, 0, [] { set_cr0(get_cr0() | 4); }, [] { set_cr0(get_cr0() & ~word(4)); }},
    {"#MF of FLD1", 2, {0xd9, 0xe8}, MF, 0, 0,
        [] { static u16 c = 0x37b; asm volatile("fninit; fldcw %0; fld1; fldz; fdivrp" :: "m"(c)); }, [] { asm volatile("fninit"); }},
    {"#MF of FWAIT", 1, {0x9b}, MF, 0, 0,
        [] { static u16 c = 0x37b; asm volatile("fninit; fldcw %0; fld1; fldz; fdivrp" :: "m"(c)); }, [] { asm volatile("fninit"); }},
    {"#XM of DIVPS", 3, {0x0f, 0x5e, 0xc1}, 19, 0, 0,
        [] { static u32 c = 0x1d80; asm volatile("ldmxcsr %0; mov $0x3f800000, %%eax; movd %%eax, %%xmm0; pshufd $0, %%xmm0, %%xmm0; pxor %%xmm1, %%xmm1" :: "m"(c) : "rax"); },
        [] { static u32 c = 0x1f80; asm volatile("ldmxcsr %0" :: "m"(c)); }},
};

static void rest() {
    for (auto& o : others) {
        bool good = true;
        poke<u64>(data, 1);
        for (word k = 0; k < filler_count; k++) {
            word at = build(k, o.bytes, o.length);
            for (u32 i = 0; i < 3; i++) {
                if (o.prepare) o.prepare();
                precise_run(at);
                good &= seen.vector == o.vector && seen.code == o.code && undisturbed(k, at + 4 * k + o.beyond);
                if (o.undo) o.undo();
            }
        }
        holds(o.name, good);
    }
}

// ---- flags that nothing of the block reads, because it overwrites them; but a handler sees them

struct Flags {
    const char* name;
    u8 length, bytes[14];
    word expected, mask = status;
};
static const Flags producers[] = {
    {"ADD that overflows", 8, {0xb9, 0xff, 0xff, 0xff, 0x7f, 0x83, 0xc1, 1}, 0x894},
    {"ADD that carries", 8, {0xb9, 0xff, 0xff, 0xff, 0xff, 0x83, 0xc1, 1}, 0x55},
    {"SUB that borrows", 8, {0xb9, 0, 0, 0, 0, 0x83, 0xe9, 1}, 0x95},
    {"SUB that overflows", 8, {0xb9, 0, 0, 0, 0x80, 0x83, 0xe9, 1}, 0x814},
    {"DEC keeps CF", 8, {0xf9, 0xb9, 0, 0, 0, 0x80, 0xff, 0xc9}, 0x815},
    {"INC keeps CF", 5, {0xf9, 0xb1, 0xff, 0xfe, 0xc1}, 0x55},
    {"INC without CF", 5, {0xf8, 0xb1, 0x7f, 0xfe, 0xc1}, 0x890},
    {"XOR", 2, {0x31, 0xc9}, 0x44, status & ~0x10ul},
    {"OR", 3, {0x83, 0xc9, 0xff}, 0x84, status & ~0x10ul},
    {"AND", 8, {0xb9, 0xff, 0xff, 0xff, 0xff, 0x83, 0xe1, 0x0e}, 0, status & ~0x10ul},
    {"CMP, equal", 2, {0x39, 0xc9}, 0x44},
    {"CMP, below", 8, {0xb9, 3, 0, 0, 0, 0x83, 0xf9, 5}, 0x91},
    {"TEST", 11, {0xb9, 0xff, 0xff, 0xff, 0xff, 0xf7, 0xc1, 0, 0, 0, 0x80}, 0x84, status & ~0x10ul},
    {"NEG of 0", 7, {0xb9, 0, 0, 0, 0, 0xf7, 0xd9}, 0x44},
    {"NEG of 1", 7, {0xb9, 1, 0, 0, 0, 0xf7, 0xd9}, 0x95},
    {"ADC", 9, {0xf9, 0xb9, 0xff, 0xff, 0xff, 0xff, 0x83, 0xd1, 0}, 0x55},
    {"SBB", 9, {0xf9, 0xb9, 0, 0, 0, 0, 0x83, 0xd9, 0}, 0x95},
    {"SHL that carries", 7, {0xb9, 0, 0, 0, 0xc0, 0xd1, 0xe1}, 0x85, status & ~0x10ul},
    {"SHL that overflows", 7, {0xb9, 0, 0, 0, 0x40, 0xd1, 0xe1}, 0x884, status & ~0x10ul},
    {"SHR", 7, {0xb9, 1, 0, 0, 0, 0xd1, 0xe9}, 0x45, status & ~0x10ul},
    {"SAR", 7, {0xb9, 1, 0, 0, 0x80, 0xd1, 0xf9}, 0x85, status & ~0x10ul},
    {"ROL keeps the others", 9, {0x39, 0xc9, 0xb9, 0, 0, 0, 0x80, 0xd1, 0xc1}, 0x845},
    {"RCR keeps the others", 10, {0x39, 0xc9, 0xf9, 0xb9, 0, 0, 0, 0, 0xd1, 0xd9}, 0x844},
    {"SHL by CL, 0: as ADD left them", 13, {0xba, 0xff, 0xff, 0xff, 0xff, 0x83, 0xc2, 1, 0xb1, 0, 0xd3, 0xe2, 0x90}, 0x55},
    {"IMUL that overflows", 8, {0xb9, 0, 0, 0, 0x40, 0x6b, 0xc9, 2}, 0x801, 0x801},
    {"BT", 9, {0xb9, 1, 0, 0, 0, 0x0f, 0xba, 0xe1, 0}, 1, 1},
    {"BSF of 0", 5, {0x31, 0xc9, 0x0f, 0xbc, 0xd1}, 0x40, 0x40},
    {"SAHF", 6, {0x66, 0xb8, 0, 0xd5, 0x9e, 0x90}, 0xd5, 0xd5},
    {"STC behind CMP", 3, {0x39, 0xc9, 0xf9}, 0x45},
    {"CMC behind SUB", 9, {0xb9, 0, 0, 0, 0, 0x83, 0xe9, 1, 0xf5}, 0x94},
    {"CMPXCHG, equal", 5, {0x89, 0xc1, 0x0f, 0xb1, 0xd1}, 0x44},
    {"XADD", 13, {0xb9, 0xff, 0xff, 0xff, 0xff, 0xba, 1, 0, 0, 0, 0x0f, 0xc1, 0xd1}, 0x55},
    {"MOV and LEA and NOT behind ADD", 13, {0xb9, 0xff, 0xff, 0xff, 0xff, 0x83, 0xc1, 1, 0x8d, 0x09, 0xf7, 0xd1, 0x90}, 0x55},
};
struct Fault {
    const char* name;
    u8 length, bytes[8];
    word vector, at;                      // where in the bytes the fault is
};
static const Fault faulting[] = {
    {"a load", 3, {0x41, 0x8b, 0x06}, GP, 0},
    {"a store", 4, {0x41, 0x89, 0x55, 0x00}, PF, 0},
    {"ADD to memory", 4, {0x41, 0x01, 0x55, 0x00}, PF, 0},
    {"CMP with memory", 4, {0x41, 0x39, 0x55, 0x00}, PF, 0},
    {"ADC with memory", 4, {0x41, 0x13, 0x55, 0x00}, PF, 0},
    {"UD2", 2, {0x0f, 0x0b}, UD, 0},
    {"INT3", 1, {0xcc}, BP, 1},
    {"INT n", 2, {0xcd, 0x41}, 0x41, 2},
    {"a jump to the next block, a load", 5, {0xeb, 0x00, 0x41, 0x8b, 0x06}, GP, 2},
    {"a branch, a load", 5, {0x74, 0x00, 0x41, 0x8b, 0x06}, GP, 2},
    {"a branch on CF, a load", 5, {0x72, 0x00, 0x41, 0x8b, 0x06}, GP, 2},
    {"a branch on less or equal, a load", 5, {0x7e, 0x00, 0x41, 0x8b, 0x06}, GP, 2},
    {"MOV, a load", 5, {0x89, 0xd8, 0x41, 0x8b, 0x06}, GP, 2},
    {"PUSH, POP, a load", 5, {0x50, 0x58, 0x41, 0x8b, 0x06}, GP, 2},
    {"SETcc, a load", 6, {0x0f, 0x98, 0xc0, 0x41, 0x8b, 0x06}, GP, 3},
    {"JMP to a page that is not there", 3, {0x41, 0xff, 0xe5}, PF, 256},
    {"CALL to it", 3, {0x41, 0xff, 0xd5}, PF, 256},
    {"CLI, a load", 4, {0xfa, 0x41, 0x8b, 0x06}, GP, 1},
};

static void dead_flags() {
    for (auto& p : producers) {
        bool good = true;
        const char* where = "";
        for (auto& f : faulting)
            for (u32 times = 0; times < 4; times++)
                for (word start : {0x1000ul - 5, 0x400ul}) {
                    Code c{page(9) + start};
                    for (unsigned i = 0; i < p.length; i++) c.bytes(p.bytes[i]);
                    word at = c.at + f.at;
                    for (unsigned i = 0; i < f.length; i++) c.bytes(f.bytes[i]);
                    c.bytes(0x31, 0xc9, 0x83, 0xc1, 5, 0xcd, 0x41);       // xor ecx,ecx; add ecx,5: nothing above is needed
                    if (f.at == 256) at = precise_in[13];
                    precise_run(page(9) + start);
                    bool same = seen.vector == f.vector && seen.ip == at && (seen.flags & p.mask) == p.expected;
                    if (!same && good) where = f.name;
                    good &= same;
                }
        holds(p.name, good);
        if (!good) print("  at: "), print(where), print("\n");
    }
}

extern "C" void guest() {
    set_up();
    memory();
    rest();
    dead_flags();
}
