// SPDX-License-Identifier: MIT
// Guest, 64-bit: flags from where they are made to where they are read: every condition behind every compare, alone and with a second reader,
// carries through loops that change the other flags, flags kept by what does not touch them (SDM vol. 1, 3.4.3 and appendix B).
#include "code.h"

static constexpr u32 cf = 1, pf = 4, af = 0x10, zf = 0x40, sf = 0x80, of = 0x800, every = cf | pf | af | zf | sf | of;

// SDM vol. 1, table B-1.
static bool condition(unsigned cc, u32 f) {
    bool c = f & cf, z = f & zf, s = f & sf, o = f & of, p = f & pf;
    bool table[] = {o, c, z, c || z, s, p, s != o, z || s != o};
    return table[cc >> 1] != (cc & 1);
}

// ---- what an operation gives, by the definitions of the flags (SDM vol. 1, 3.4.3.1)

enum Operation { Add, Or, Adc, Sbb, And, Sub, Xor, Cmp, Test, Inc, Dec, Neg, operations };
static const char* names[] = {"ADD", "OR", "ADC", "SBB", "AND", "SUB", "XOR", "CMP", "TEST", "INC", "DEC", "NEG"};
struct Result { u64 value; u32 flags, defined; };
static Result compute(Operation op, unsigned bits, u64 a, u64 b, u32 carry) {
    u64 mask = ~0ull >> (64 - bits), sign = 1ull << (bits - 1);
    a &= mask, b &= mask;
    u32 f = 0, defined = every;
    u64 r = 0;
    auto add = [&](u64 x, u64 y, u32 c) {
        r = (x + y + c) & mask;
        if (r < x || (c && r == x)) f |= cf;
        if (~(x ^ y) & (x ^ r) & sign) f |= of;
        if ((x & 15) + (y & 15) + c > 15) f |= af;
    };
    auto sub = [&](u64 x, u64 y, u32 c) {
        r = (x - y - c) & mask;
        if (x < y || (c && x == y)) f |= cf;
        if ((x ^ y) & (x ^ r) & sign) f |= of;
        if ((x & 15) < (y & 15) + c) f |= af;
    };
    switch (op) {
    case Add: add(a, b, 0); break;
    case Adc: add(a, b, carry); break;
    case Sbb: sub(a, b, carry); break;
    case Sub: case Cmp: sub(a, b, 0); break;
    case Inc: add(a, 1, 0), f = (f & ~cf) | carry; break;
    case Dec: sub(a, 1, 0), f = (f & ~cf) | carry; break;
    case Neg: sub(0, a, 0); break;
    case Or: r = a | b, defined &= ~af; break;
    case Xor: r = a ^ b, defined &= ~af; break;
    default: r = a & b, defined &= ~af; break;
    }
    if (!r) f |= zf;
    if (r & sign) f |= sf;
    u32 parity = 1;
    for (u64 v = r & 0xff; v; v >>= 1) parity ^= v & 1;
    if (parity) f |= pf;
    return {op == Cmp || op == Test ? a : r, f, defined};
}

// The operation on RDI (a) and RSI (b) or memory at [R8] (a or b).
enum Form { reg_reg, reg_mem, mem_reg, reg_imm8, mem_imm8, forms };
static bool one_operand(Operation op) { return op == Inc || op == Dec || op == Neg; }
static bool emit(Code& c, Operation op, Form form, unsigned bits, u8 imm) {
    u8 rex = u8(0x40 | (bits == 64 ? 8 : 0)), wide = bits != 8;
    if (bits == 16) c.bytes(0x66);
    bool mem = form == mem_reg || form == mem_imm8;
    u8 operand = mem || form == reg_mem ? 0x00 : 0xc7;     // mod/rm: [r8] (with REX.B), or rdi
    u8 b = mem || form == reg_mem ? 1 : 0;
    if (one_operand(op)) {
        if (form == reg_mem || form == reg_imm8 || form == mem_imm8) return false;
        if (op == Neg) c.bytes(rex | b, 0xf6 + wide, operand | 3 << 3);
        else c.bytes(rex | b, 0xfe + wide, operand | (op == Dec) << 3);
        return true;
    }
    u8 row = op == Test ? 0 : u8(op << 3);
    if (form == reg_imm8 || form == mem_imm8) {
        if (op == Test) {
            c.bytes(rex | b, 0xf6 + wide, operand, imm);
            for (unsigned i = 8; i < bits && i < 32; i += 8) c.bytes(imm & 0x80 ? 0xff : 0);
        } else c.bytes(rex | b, wide ? 0x83 : 0x80, operand | row, imm);
    } else if (form == reg_mem) {                          // op rdi, [r8]
        c.bytes(rex | 1, op == Test ? 0x84 + wide : row + 2 + wide, 0x38);
    } else c.bytes(rex | b, op == Test ? 0x84 + wide : row + wide, mem ? 0x30 : 0xf7);      // op rdi or [r8], rsi
    return true;
}

static u64 memory_operand;
// Carry in CL. Gives the flags a second reader saw, bit 31 if the branch was taken, bit 30 by SETcc, bit 29 by CMOVcc.
static u32 run(word at, u64 a, u64 b, u32 carry) {
    u32 out;
    asm volatile("mov %5, %%r8; call *%1" : "=a"(out), "+r"(at), "+D"(a), "+S"(b), "+c"(carry) : "r"(&memory_operand) : "rdx", "r8", "r9", "r10", "r11", "memory", "cc");
    return out;
}
enum Reader { none_at_all, pushf_, lahf_, setcc, cmov, adc_, second_branch, readers };
static void build(word at, Operation op, Form form, unsigned bits, u8 imm, unsigned cc, Reader reader) {
    Code c{at};
    c.bytes(0x31, 0xc0, 0x31, 0xd2, 0xd0, 0xe9);           // xor eax,eax; xor edx,edx; shr cl,1: CF
    emit(c, op, form, bits, imm);
    word branch = c.at;
    c.jcc(cc, branch);                    // filled in below
    auto side = [&](u32 taken) {
        switch (reader) {
        case none_at_all: c.bytes(0x31, 0xc0); break;
        case pushf_: c.bytes(0x9c, 0x58, 0x25).dword(every); break;
        case lahf_: c.bytes(0x9f, 0x0f, 0xb6, 0xc4); break;                          // lahf; movzx eax,ah
        case setcc: c.bytes(0x0f, 0x90 + cc, 0xc2, 0x89, 0xd0, 0xc1, 0xe0, 30); break;
        case cmov: c.bytes(0xba).dword(1u << 29).bytes(0x0f, 0x40 + cc, 0xc2); break;
        case adc_: c.bytes(0x14, 0); break;                                          // adc al,0: CF
        default:                                                                     // the same branch over MOV EAX, 1
            c.bytes(0x70 + cc, 5).bytes(0xb8).dword(1);
        }
        if (taken) c.bytes(0x0d).dword(1u << 31);
        c.ret();
    };
    side(0);
    Code{branch}.jcc(cc, c.at);
    side(1);
}

static const u64 values[] = {0, 1, 2, 5, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0x7fffffff, 0x80000000, 0xffffffff, 0x7fffffffffffffff, 0x8000000000000000, ~0ull, 0x123456789abcdef0};
static void conditions() {
    for (unsigned op = 0; op < operations; op++) {
        bool good = true;
        for (unsigned bits = 8; bits <= 64; bits *= 2)
            for (unsigned form = 0; form < forms; form++)
                for (unsigned cc = 0; cc < 16; cc++) {
                    auto reader = Reader((cc + form + bits / 8 + op) % readers);
                    u8 imm = u8(values[(cc * 5 + form) & 15]);
                    word at = page(cc & 7) + 0x40 * ((op + cc) % 60);
                    {
                        Code probe{page(31)};
                        if (!emit(probe, Operation(op), Form(form), bits, imm)) continue;
                    }
                    build(at, Operation(op), Form(form), bits, imm, cc, reader);
                    for (unsigned i = 0; i < 48; i++) {
                        u64 a = values[i & 15], b = values[(i * 7 + (i >> 4)) & 15];
                        u32 carry = i >> 2 & 1;
                        memory_operand = form == reg_mem ? b : a;
                        if (form == reg_imm8 || form == mem_imm8) b = u64(s64(static_cast<signed char>(imm)));
                        // XOR and SHR by 1 before it: CF is CL's, for INC and DEC as for ADC.
                        Result r = compute(Operation(op), bits, a, b, carry);
                        bool taken = condition(cc, r.flags);
                        u32 got = run(at, a, b, carry), seen = got & 0x7fffffff;
                        good &= got >> 31 == taken;
                        if (reader == pushf_) good &= (seen & r.defined) == (r.flags & r.defined);
                        if (reader == lahf_) good &= (seen & r.defined & 0xd5) == (r.flags & r.defined & 0xd5);
                        if (reader == setcc) good &= seen == u32(taken) << 30;
                        if (reader == cmov) good &= seen == u32(taken) << 29;
                        if (reader == adc_) good &= seen == (r.flags & cf);
                        if (reader == second_branch) good &= seen == !taken;
                        if (form == mem_reg || form == mem_imm8) good &= (memory_operand & ~0ull >> (64 - bits)) == r.value;
                    }
                }
        holds(names[op], good);
    }
}

// All 32 states of the five flags, by POPF, through Jcc, SETcc and CMOVcc of all 16 conditions.
static void popped() {
    bool jumps = true, sets = true, moves = true;
    for (unsigned cc = 0; cc < 16; cc++) {
        Code{page(0) + 64 * cc}.bytes(0x57, 0x9d).jcc(cc, page(0) + 64 * cc + 14).eax(0).ret().eax(1).ret();               // push rdi; popf; jcc
        Code{page(1) + 64 * cc}.bytes(0x57, 0x9d, 0xb8).dword(0).bytes(0x0f, 0x90 + cc, 0xc0).ret();
        Code{page(2) + 64 * cc}.bytes(0x57, 0x9d, 0xb8).dword(0).bytes(0xb9).dword(1).bytes(0x0f, 0x40 + cc, 0xc1).ret();
        for (unsigned i = 0; i < 128; i++) {
            u32 f = (i & 1 ? cf : 0) | (i & 2 ? pf : 0) | (i & 4 ? zf : 0) | (i & 8 ? sf : 0) | (i & 16 ? of : 0) | (i & 32 ? af : 0);
            jumps &= call(page(0) + 64 * cc, f | 2) == condition(cc, f);
            sets &= call(page(1) + 64 * cc, f | 2) == condition(cc, f);
            moves &= call(page(2) + 64 * cc, f | 2) == condition(cc, f);
        }
    }
    holds("Jcc of every state of the flags", jumps), holds("SETcc", sets), holds("CMOVcc", moves);
}

// ---- carries

static u64 big[3][64];
static void carries() {
    // Sums of 64 words by loops that change the other flags.
    bool good = true;
    auto fill = [](u64 a, u64 b) {
        for (unsigned i = 0; i < 64; i++) big[0][i] = a, big[1][i] = b, big[2][i] = 0;
    };
    auto check = [&](u64 first, u64 others) {
        good &= big[2][0] == first;
        for (unsigned i = 1; i < 64; i++) good &= big[2][i] == others;
    };
    word from, with, to, n;
#define LOOP(body) from = word(big[0]), with = word(big[1]), to = word(big[2]), n = 64; \
    asm volatile("clc; 1: " body : "+S"(from), "+b"(with), "+D"(to), "+c"(n) :: "rax", "rdx", "memory", "cc")
    for (u32 i = 0; i < 20; i++) {
        fill(~0ull, 1);
        LOOP("mov (%0), %%rax; adc (%1), %%rax; mov %%rax, (%2); lea 8(%0), %0; lea 8(%1), %1; lea 8(%2), %2; dec %3; jnz 1b");
        check(0, 1);
        fill(~0ull, ~0ull);
        LOOP("mov (%0), %%rax; adc (%1), %%rax; mov %%rax, (%2); inc %0; lea 7(%0), %0; lea 8(%1), %1; lea 8(%2), %2; dec %3; jnz 1b");
        check(~0ull - 1, ~0ull);
        fill(0, 1);
        LOOP("mov (%0), %%rax; sbb (%1), %%rax; mov %%rax, (%2); lea 8(%0), %0; lea 8(%1), %1; lea 8(%2), %2; loop 1b");
        check(~0ull, ~0ull - 1);
        fill(0, 0);
        asm volatile("stc" ::: "cc");
        LOOP("mov (%0), %%rax; sbb (%1), %%rax; mov %%rax, (%2); lea 8(%0), %0; lea 8(%1), %1; lea 8(%2), %2; lea -1(%3), %3; jrcxz 2f; jmp 1b; 2:");
        check(0, 0);
        fill(0x8000000000000001, 0);
        LOOP("mov (%0), %%rax; rcl $1, %%rax; mov %%rax, (%2); lea 8(%0), %0; lea 8(%2), %2; dec %3; jnz 1b");
        check(2, 3);
        fill(0x8000000000000001, 0);
        LOOP("mov (%0), %%rax; rcr $1, %%rax; mov %%rax, (%2); pushf; pop %%rdx; push %%rdx; popf; lea 8(%0), %0; lea 8(%2), %2; dec %3; jnz 1b");
        check(0x4000000000000000, 0xc000000000000000);
        fill(~0ull, 1);
        LOOP("setc %%dl; bt $0, %%edx; mov (%0), %%rax; adc (%1), %%rax; mov %%rax, (%2); lea 8(%0), %0; lea 8(%1), %1; lea 8(%2), %2; dec %3; jnz 1b");
        check(0, 1);
        fill(~0ull, 1);
        LOOP("mov (%0), %%rax; adc (%1), %%rax; mov %%rax, (%2); lahf; add $8, %0; add $8, %1; add $8, %2; sub $1, %3; jz 2f; sahf; jmp 1b; 2:");
        check(0, 1);
        fill(~0ull, 1);
        LOOP("mov (%0), %%rax; adc (%1), %%rax; stosq; lea 8(%0), %0; lea 8(%1), %1; push %0; pop %%rdx; call 3f; dec %3; jnz 1b; jmp 2f; 3: nop; ret; 2:");
        check(0, 1);
    }
#undef LOOP
    holds("ADC, SBB, RCL and RCR through loops of LEA, INC, DEC, LOOP, PUSHF, SETC and BT, LAHF, CALL", good);
}

// ---- what leaves flags alone, between a compare and its branch

static void kept() {
    bool good = true;
    u32 n;
#define KEEPS(what)                                                                                                                      \
    for (u32 i = 0; i < 200; i++) {                                                                                                      \
        asm volatile("xor %0, %0; xor %%ecx, %%ecx; cmp $100, %1; " what "; jb 1f; mov $1, %0; je 1f; mov $2, %0; 1:"                    \
                     : "=&r"(n)                                                                                                          \
                     : "r"(i), "b"(&memory_operand)                                                                                      \
                     : "rax", "rcx", "rdx", "memory", "cc");                                                                             \
        good &= n == (i < 100 ? 0u : i == 100 ? 1u : 2u);                                                                                \
    }
    KEEPS("nop") KEEPS("mov $5, %%eax") KEEPS("lea 3(%%rax,%%rax), %%rax") KEEPS("not %%eax") KEEPS("xchg %%eax, %%edx") KEEPS("movzbl %%al, %%edx")
    KEEPS("bswap %%eax") KEEPS("push %%rax; pop %%rdx") KEEPS("shl %%cl, %%eax") KEEPS("ror %%cl, %%eax") KEEPS("shld %%cl, %%eax, %%edx") KEEPS("sets %%al")
    KEEPS("cmove %%eax, %%edx") KEEPS("mov (%2), %%eax") KEEPS("mov %%eax, (%2)") KEEPS("xchg %%eax, (%2)") KEEPS("notl (%2)") KEEPS("push (%2); pop (%2)")
    KEEPS("cbw; cwd; cdqe") KEEPS("call 9f; jmp 8f; 9: ret; 8:") KEEPS("lahf; xor %%edx, %%edx; sahf") KEEPS("pushf; add $1, %%edx; popf") KEEPS("rep stosb")
    KEEPS("movd %%eax, %%xmm0; paddd %%xmm0, %%xmm0; movd %%xmm0, %%edx") KEEPS("fninit; fld1; fstp %%st(0)") KEEPS("jmp 7f; ud2; 7:") KEEPS("cld") KEEPS("rdtsc")
    KEEPS("jo 6f; 6: js 5f; 5:") KEEPS("lea 4f(%%rip), %%rax; jmp *%%rax; 4:") KEEPS("shll $0, %%eax; shll %%cl, (%2)") KEEPS("mov %%cs, %%eax; mov %%cr0, %%rax")
#undef KEEPS
    holds("32 things between a compare and its branches", good);
    u32 v;
    good = true;
    for (u32 i = 0; i < 100; i++) {
        asm volatile("stc; mov $0xff, %%al; inc %%al; adc $0, %%al; movzbl %%al, %0" : "=r"(v) :: "rax", "cc");
        good &= v == 1;
        asm volatile("clc; mov $0xff, %%al; inc %%al; adc $0, %%al; movzbl %%al, %0" : "=r"(v) :: "rax", "cc");
        good &= v == 0;
        asm volatile("mov $0xff, %%al; add $1, %%al; dec %%al; adc $0, %%al; movzbl %%al, %0" : "=r"(v) :: "rax", "cc");
        good &= v == 0;
        asm volatile("mov $0xff, %%al; add $1, %%al; inc %%al; jc 1f; mov $9, %%al; 1: sbb $0, %%al; movzbl %%al, %0" : "=r"(v) :: "rax", "cc");
        good &= v == 0;
        asm volatile("mov $1, %%eax; neg %%eax; sbb %%eax, %%eax; cmc; rcl $1, %%eax; mov %%eax, %0" : "=r"(v) :: "rax", "cc");
        good &= v == 0xfffffffe;
        asm volatile("xor %%eax, %%eax; cmp $1, %%eax; mov $0, %%eax; mov $1, %%ecx; rol %%cl, %%eax; jz 1f; mov $3, %%eax; 1: setz %%al; movzbl %%al, %0" : "=r"(v) :: "rax", "rcx", "cc");
        good &= v == 0;                   // ROL leaves ZF of CMP, 0
    }
    holds("INC and DEC keep CF, ROL keeps ZF", good);
}

extern "C" void guest() {
    conditions();
    popped();
    carries();
    kept();
}
