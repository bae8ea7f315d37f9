// SPDX-License-Identifier: MIT
// Guest, 64-bit: stores to pages that hold hot code, by every kind of instruction that stores and by what the CPU writes of its
// own accord (SDM vol. 3, 8.1.3 and 11.6: what runs next sees the store, on the CPU that made it).
#include "code.h"
#include "frame.h"

static constexpr word va = 0x8000000000;
static const Caller* hot;

// The function at `offset`, stored over from every byte near it in every width; each byte of its immediate changes alone and with others.
static void widths() {
    bool good = true;
    for (word offset : {0x40ul, 0x7ful, 0x3cul, 0x3eul, 0xfc0ul, 0xffaul}) {
        word f = page(0) + offset;
        put(f, 0x01020304);
        Caller hot(page(8), f);
        good &= hot.gives(0x01020304);
        for (word width : {1ul, 2ul, 4ul, 8ul})
            for (word from = f + 1 - width; from < f + 6; from++) {
                u64 value = 0;
                for (word i = 0; i < width; i++) {
                    word at = from + i;
                    value |= u64(peek<u8>(at) ^ (at > f && at < f + 5 ? 0x55 : 0)) << 8 * i;
                }
                if (width == 1) poke<u8>(from, u8(value));
                if (width == 2) poke<u16>(from, u16(value));
                if (width == 4) poke<u32>(from, u32(value));
                if (width == 8) poke<u64>(from, value);
                u32 now = 0;
                for (word i = 0; i < 4; i++) now |= u32(peek<u8>(f + 1 + i)) << 8 * i;
                good &= call(hot.at, 0, 0, 1) == now && hot.gives(now, 5);
            }
    }
    holds("every width from every byte about a function, within lines and across them", good);
}

// Two functions in a line, one in the next, none in others.
static void lines() {
    word a = page(0) + 0x100, b = page(0) + 0x120, c = page(0) + 0x140;
    memset(reinterpret_cast<void*>(page(0)), 0, 4096);
    put(a, 1), put(b, 2), put(c, 3);
    Caller to_a(page(8), a), to_b(page(8) + 0x40, b), to_c(page(8) + 0x80, c);
    bool good = true;
    auto all = [&](u32 x, u32 y, u32 z) { good &= to_a.gives(x) && to_b.gives(y) && to_c.gives(z); };
    all(1, 2, 3);
    for (u32 i = 0; i < 100; i++) poke<u32>(b + 1, i), all(1, i, 3);
    holds("a store to one of two functions of a line", good);
    good = true;
    for (u32 i = 0; i < 100; i++) poke<u32>(c + 1, i), all(1, 99, i);
    holds("to the next line", good);
    good = true;
    for (word at = page(0); at < page(0) + 4096; at += 5)
        if (!(at + 8 > a && at < a + 6) && !(at + 8 > b && at < b + 6) && !(at + 8 > c && at < c + 6)) poke<u64>(at, ~0ull), all(1, 99, 99);
    holds("to every place of the page where no code is", good);
    good = true;
    for (u32 round = 0; round < 20; round++) {
        for (u32 i = 0; i < 150; i++) poke<u32>(page(0) + 0x800 + 4 * (i & 63), i);
        all(1, round ? round - 1 : 99, 99);
        poke<u32>(b + 1, round);
        all(1, round, 99);
    }
    holds("150 stores of data, then one of code, 20 times", good);
    good = true;
    for (u32 i = 0; i < 100; i++) poke<u32>(a + 1, 1), poke<u8>(a, 0xb8), all(1, 19, 99);
    holds("stores that change nothing", good);
}

// A loop with its counter in its own page; then in its own line.
static void data_beside() {
    for (word offset : {0x800ul, 0x38ul}) {
        word counter = page(0) + offset;
        memset(reinterpret_cast<void*>(page(0)), 0, 4096);
        Code c{page(0)};
        c.bytes(0x31, 0xd2, 0x48, 0xbf).qword(counter);   // xor edx,edx; mov rdi,counter
        word again = c.at;
        c.bytes(0xff, 0x07, 0x03, 0x17, 0xff, 0xc9).jcc(5, again).bytes(0x89, 0xd0).ret();        // inc [rdi]; add edx,[rdi]; dec ecx; jnz
        is(offset < 64 ? "a counter in the loop's own line" : "a counter in the loop's own page", call(page(0), 0, 0, 3000), 3000 * 3001 / 2);
        is("  its value", peek<u32>(counter), 3000);
    }
}

// The page before: one store over the border, in linear memory side by side but not in physical.
static void from_before() {
    bool good = true;
    map(va, page(2) | P | W | U), map(va + 0x1000, page(5) | P | W | U);
    memset(reinterpret_cast<void*>(page(2)), 0x90, 4096);
    for (word into = 1; into <= 4; into++) {
        put(va + 0x1000, 7);
        Caller hot(page(8), va + 0x1000 - 0);
        (void)hot;
        good &= gives(va + 0x1000, 7);
        u64 value = 0;
        for (word i = 0; i < 8; i++) value |= u64(i < 8 - into ? 0x90 : peek<u8>(va + 0x1000 + i - (8 - into))) << 8 * i;
        if (into > 1) value ^= 0x11ull << 56;
        poke<u64>(va + 0x1000 - (8 - into), value);
        u32 expected = into == 1 ? 7 : 7u ^ 0x11u << 8 * (into - 2);
        good &= gives(va + 0x1000, expected) && gives(page(5), expected);
    }
    holds("a store that crosses into the code's page from the page before", good);
    put(va + 0xffd, 0x0a0b0c0d);          // its first three bytes in the one, three in the other
    good = gives(va + 0xffd, 0x0a0b0c0d);
    poke<u8>(page(2) + 0xffe, 0x1d), good &= gives(va + 0xffd, 0x0a0b0c1d);
    poke<u8>(page(5), 0x1b), good &= gives(va + 0xffd, 0x0a1b0c1d);
    poke<u16>(va + 0xfff, 0x2b2c), good &= gives(va + 0xffd, 0x0a2b2c1d);
    holds("an instruction across the border, either half stored to", good);
    for (u32 i = 0; i < 200; i++) {
        poke<u8>(i & 1 ? page(5) : page(2) + 0xfff, u8(i));
        good &= call(va + 0xffd) == (i == 0 ? 0x0a2b001d : 0x0a00001du | (i & 1 ? i << 16 | (i - 1) << 8 : (i - 1) << 16 | i << 8));
    }
    holds("in turns, 200 times", good);
    good = true;
    for (u32 i = 0; i < 100; i++) {
        map(va + 0x1000, 0);
        page_faults(i == 0 ? "across the border: the second page withdrawn" : "  again", trap([] { call(va + 0xffd); }), 0x10, va + 0x1000);
        map(va + 0x1000, page(5) | P | W | U);
        good &= gives(va + 0xffd, 0x0a00001du | 199 << 16 | 198 << 8, 3);
        if (i == 3) i = 99;
    }
    holds("and given back", good);
}

// ---- every kind of store. The code is MOV RAX, imm64; RET with the immediate at p; what is stored is said, or is what memory holds then.

alignas(64) static u8 source[64];
static constexpr u64 old_value = 0x05060708'01020304;
static constexpr u32 new_value = 0x11223344, as_stored = 1;
struct Kind {
    const char* name;
    void (*store)(word p);
    u32 expected = new_value;
    u32 needs = 0;                        // bit of ECX of CPUID leaf 1
};
#define STORE(text)                                                                                                                        \
    [](word p) {                                                                                                                           \
        word s = word(source);                                                                                                             \
        asm volatile(text : "+r"(p), "+r"(s)::"memory", "cc", "rax", "rbx", "rcx", "rdx", "rsi", "rdi");                                   \
    }
#define STACK(set, text) STORE("mov %%rsp, %%rbx; " set "; " text "; mov %%rbx, %%rsp")
static const Kind kinds[] = {
    {"MOV of a byte", STORE("mov (%1), %%al; mov %%al, (%0)"), 0x01020344},
    {"MOV of AH", STORE("mov (%1), %%eax; mov %0, %%rdi; mov %%ah, 1(%%rdi)"), 0x01023304},
    {"MOV of a word", STORE("mov (%1), %%ax; mov %%ax, (%0)"), 0x01023344},
    {"MOV of a dword", STORE("mov (%1), %%eax; mov %%eax, (%0)")},
    {"MOV of a qword", STORE("mov (%1), %%rax; mov %%rax, (%0)")},
    {"MOV of a qword with an index", STORE("mov (%1), %%rax; mov $-1, %%rcx; mov %%rax, 8(%0,%%rcx,8)")},
    {"MOV of an immediate", STORE("movl $0x11223344, (%0)")},
    {"MOV of a segment register", STORE("mov %%ss, (%0)"), 0x01020010},
    {"XCHG", STORE("mov (%1), %%rax; xchg %%rax, (%0)")},
    {"XADD", STORE("mov $5, %%eax; xadd %%eax, (%0)"), 0x01020309},
    {"LOCK XADD", STORE("mov $5, %%eax; lock xadd %%eax, (%0)"), 0x01020309},
    {"CMPXCHG", STORE("mov (%0), %%eax; mov $0x11223344, %%ecx; cmpxchg %%ecx, (%0)")},
    {"a CMPXCHG that fails", STORE("mov $0, %%eax; mov $0x11223344, %%ecx; cmpxchg %%ecx, (%0)"), u32(old_value)},
    {"CMPXCHG8B", STORE("mov (%0), %%eax; mov 4(%0), %%edx; mov $0x11223344, %%ebx; mov %%edx, %%ecx; lock cmpxchg8b (%0)")},
    {"CMPXCHG16B", STORE("mov (%0), %%rax; mov 8(%0), %%rdx; mov (%1), %%rbx; mov %%rdx, %%rcx; lock cmpxchg16b (%0)"), new_value, 13},
    {"ADD", STORE("addl $1, (%0)"), 0x01020305},
    {"LOCK ADD", STORE("lock addl $0x10000, (%0)"), 0x01030304},
    {"ADC", STORE("stc; adcl $1, (%0)"), 0x01020306},
    {"SUB of a word", STORE("subw $1, 1(%0)"), 0x01020204},
    {"AND", STORE("andl $0xff00, (%0)"), 0x00000300},
    {"OR", STORE("orb $0x80, 3(%0)"), 0x81020304},
    {"XOR", STORE("xorl $-1, (%0)"), 0xfefdfcfb},
    {"INC", STORE("incb (%0)"), 0x01020305},
    {"DEC", STORE("decl (%0)"), 0x01020303},
    {"NOT", STORE("notq (%0)"), 0xfefdfcfb},
    {"NEG", STORE("negl (%0)"), 0xfefdfcfc},
    {"SHL", STORE("shll $4, (%0)"), 0x10203040},
    {"ROR by CL", STORE("mov $8, %%cl; rorl %%cl, (%0)"), 0x04010203},
    {"RCL", STORE("clc; rcll $1, (%0)"), 0x02040608},
    {"SHLD", STORE("mov $0xab000000, %%eax; shldl $8, %%eax, (%0)"), 0x020304ab},
    {"BTS", STORE("btsl $31, (%0)"), 0x81020304},
    {"BTC with a register far off", STORE("mov $-2048+7, %%rax; btc %%rax, 256(%0)"), 0x01020384},
    {"SETcc", STORE("stc; setc (%0)"), 0x01020301},
    {"STOSB", STORE("mov %0, %%rdi; mov $0x44, %%al; stosb"), 0x01020344},
    {"REP STOSW", STORE("mov %0, %%rdi; mov $0x1122, %%eax; mov $2, %%ecx; rep stosw"), 0x11221122},
    {"MOVSD", STORE("mov %0, %%rdi; mov %1, %%rsi; movsl")},
    {"REP MOVSB", STORE("mov %0, %%rdi; mov %1, %%rsi; mov $9, %%ecx; rep movsb")},
    {"REP MOVSQ, downwards", STORE("mov %0, %%rdi; mov %1, %%rsi; mov $1, %%ecx; std; rep movsq; cld")},
    {"INSD", STORE("mov $0x80003344, %%eax; mov $0xcf8, %%edx; out %%eax, %%dx; mov %0, %%rdi; insl"), 0x80003344},
    {"REP INSB", STORE("mov $0x0f, %%al; out %%al, $0x70; mov $0x5a, %%al; out %%al, $0x71; mov $0x0f, %%al; out %%al, $0x70; mov $0x71, %%edx; "
                       "mov %0, %%rdi; mov $4, %%ecx; rep insb"), 0x5a5a5a5a},
    {"PUSH", STACK("lea 8(%0), %%rsp", "push (%1)")},
    {"PUSH of a register", STACK("mov (%1), %%rax; lea 8(%0), %%rsp", "push %%rax")},
    {"PUSH of a word", STACK("mov (%1), %%rax; lea 2(%0), %%rsp", "push %%ax"), 0x01023344},
    {"PUSH of an immediate", STACK("lea 8(%0), %%rsp", "push $0x12"), 0x12},
    {"POP", STACK("mov %1, %%rsp", "pop (%0)")},
    {"CALL: its return address", STACK("lea 8(%0), %%rsp", "call 1f; 1:"), as_stored},
    {"CALL through memory", STACK("lea 1f(%%rip), %%rax; mov %%rax, 16(%1); lea 8(%0), %%rsp", "call *16(%1); 1:"), as_stored},
    {"PUSHF", STACK("stc; lea 8(%0), %%rsp", "pushf"), as_stored},
    {"ENTER", STACK("push %%rbp; mov (%1), %%rbp; mov %%rsp, %%rdx; lea 8(%0), %%rsp", "enter $0, $0; mov %%rdx, %%rsp; pop %%rbp")},
    {"MOVNTI", STORE("mov (%1), %%eax; movnti %%eax, (%0)")},
    {"MOVNTDQ", STORE("movdqa (%1), %%xmm0; movntdq %%xmm0, (%0)")},
    {"MOVNTPS", STORE("movaps (%1), %%xmm0; movntps %%xmm0, (%0)")},
    {"MOVNTQ", STORE("movq (%1), %%mm0; movntq %%mm0, (%0); emms")},
    {"MOVAPS", STORE("movaps (%1), %%xmm0; movaps %%xmm0, (%0)")},
    {"MOVUPS", STORE("movups (%1), %%xmm9; movups %%xmm9, (%0)")},
    {"MOVDQA", STORE("movdqa (%1), %%xmm0; movdqa %%xmm0, (%0)")},
    {"MOVDQU", STORE("movdqu (%1), %%xmm0; movdqu %%xmm0, (%0)")},
    {"MOVQ", STORE("movq (%1), %%xmm0; movq %%xmm0, (%0)")},
    {"MOVD", STORE("movd (%1), %%xmm0; movd %%xmm0, (%0)")},
    {"MOVQ from MM0", STORE("movq (%1), %%mm0; movq %%mm0, (%0); emms")},
    {"MOVSS", STORE("movss (%1), %%xmm0; movss %%xmm0, (%0)")},
    {"MOVSD of SSE2", STORE("movsd (%1), %%xmm0; movsd %%xmm0, (%0)")},
    {"MOVLPS", STORE("movlps (%1), %%xmm0; movlps %%xmm0, (%0)")},
    {"MOVHPS", STORE("movhps (%1), %%xmm0; movhps %%xmm0, (%0)")},
    {"MASKMOVDQU", STORE("movdqu (%1), %%xmm0; pcmpeqd %%xmm1, %%xmm1; mov %0, %%rdi; maskmovdqu %%xmm1, %%xmm0")},
    {"MASKMOVQ of one byte", STORE("movq (%1), %%mm0; mov $0x80, %%eax; movd %%eax, %%mm1; mov %0, %%rdi; maskmovq %%mm1, %%mm0; emms"), 0x01020344},
    {"STMXCSR", STORE("stmxcsr (%0)"), 0x1f80},
    {"FXSAVE", STORE("movdqu 48(%1), %%xmm0; movdqu (%1), %%xmm1; lea -176(%0), %%rax; fxsave (%%rax)")},
    {"FST of a double", STORE("fninit; fldl (%1); fstpl (%0)")},
    {"FST of a float", STORE("fninit; fld1; fstps (%0)"), 0x3f800000},
    {"FST of 80 bits", STORE("fninit; fldt 16(%1); fstpt (%0)")},
    {"FIST of an integer", STORE("fninit; fildl (%1); fistpl (%0)")},
    {"FIST of 64 bits", STORE("fninit; fildq (%1); fistpq (%0)")},
    {"FNSTCW", STORE("fninit; fnstcw (%0)"), 0x0102037f},
    {"FNSTSW", STORE("fninit; fnstsw 1(%0)"), 0x01000004},
    {"FNSAVE", STORE("fninit; fldt 16(%1); fldt 32(%1); fnsave -38(%0)")},
    {"SGDT", STORE("sgdt 16(%1); lgdt 46(%1); sgdt -2(%0); lgdt 16(%1)")},
    {"SIDT", STORE("sidt 16(%1); lidt 46(%1); sidt -2(%0); lidt 16(%1)")},
    {"STR", STORE("str (%0)"), 0x01020000 | tss_selector},
    {"SLDT", STORE("sldt 1(%0)"), 0x01000004},
    {"SMSW", STORE("smsw (%0)"), 0x01020033},
};
#undef STORE
#undef STACK

static void set_source() {
    memset(source, 0, sizeof source);
    poke<u64>(word(source), 0x4000778800000000 | new_value), poke<u8>(word(source) + 8, 0xc3);
    poke<u64>(word(source) + 16, 0x8000778800000000 | new_value), poke<u16>(word(source) + 24, 0x40c3);        // a normal number of 80 bits
    poke<u64>(word(source) + 32, 0x8000000000000000), poke<u16>(word(source) + 40, 0xb848);                    // its exponent is 48 B8
    poke<u16>(word(source) + 46, 0xb848), poke<u64>(word(source) + 48, 0x0000778800000000 | new_value);        // a GDTR: the limit, the base
    poke<u16>(word(source) + 62, 0xb848);                                                                      // an XMM register's end
}

static void kind(const Kind& k, word p) {
    if (k.needs && !(cpuid(1).ecx >> k.needs & 1)) return;
    auto fresh = [&] { Code{p - 2}.rax(old_value).ret().nops(16); };
    set_source();
    fresh();
    bool good = hot->gives(u32(old_value));
    k.store(p);
    u32 now = call(p - 2), expected = k.expected == as_stored ? peek<u32>(p) : k.expected;
    is(k.name, now, expected);
    good &= hot->gives(expected);
    for (unsigned i = 0; i < 10; i++) {   // again, in turns with plain stores
        set_source();
        fresh();
        good &= hot->gives(u32(old_value), 3);
        k.store(p);
        good &= call(p - 2) == expected && hot->gives(expected, 3);
    }
    if (!good) holds("  again", false);
}

static void every_kind() {
    word p = page(0) + 0x800;
    Caller caller(page(8), p - 2);
    hot = &caller;
    for (auto& k : kinds) kind(k, p);
    // An interrupt's frame: its highest slot is SS.
    hook(0x50, [](Frame&) {});
    p += 8;
    bool good = true;
    for (unsigned i = 0; i < 20; i++) {
        Code{p - 2}.rax(old_value).ret();
        good &= gives(p - 2, u32(old_value));
        asm volatile("mov %%rsp, %%rbx; lea 8(%0), %%rsp; int $0x50; mov %%rbx, %%rsp" :: "r"(p) : "rbx", "memory");
        good &= peek<u64>(p) == kdata;
        Code{p - 2}.bytes(0x48, 0xb8);
        good &= gives(p - 2, kdata);
    }
    holds("an interrupt's frame", good);
    hook(0x50, nullptr);
}

// ---- what the CPU writes by itself

// The page is a page table; entry n is the immediate of MOV RAX, imm64, whose first two bytes end entry n - 1.
static void page_table_bits() {
    word table = page(0), linear = va + (1ull << 32), n = 100;
    memset(reinterpret_cast<void*>(table), 0, 4096);
    entry(linear, 2) = table | P | W | U;
    set_cr3(get_cr3());
    word f = table + 8 * n - 2;
    u64 e = page(1) | P | W | U;
    Code{f}.rax(e).ret();
    Caller hot(page(8), f);
    bool good = true;
    for (u32 i = 0; i < 50; i++) {
        poke<u64>(f + 2, e), invlpg(linear + n * 4096);
        good &= hot.gives(u32(e), 5);
        peek<u8>(linear + n * 4096);
        good &= hot.gives(u32(e | A), 5);
        poke<u8>(linear + n * 4096, 0);
        good &= hot.gives(u32(e | A | D), 5);
    }
    holds("Accessed and Dirty in a page table that is code", good);
    good = true;
    for (u32 i = 0; i < 50; i++) {
        poke<u64>(f + 2, e), invlpg(linear + n * 4096);
        good &= hot.gives(u32(e), 5);
        asm volatile("rep stosb" :: "D"(linear + n * 4096 + 16), "c"(32), "a"(0) : "memory");
        good &= hot.gives(u32(e | A | D), 5);
        poke<u64>(f + 2, e), invlpg(linear + n * 4096);
        call(put(linear + n * 4096, 3).at - 6);
        poke<u64>(f + 2, e), invlpg(linear + n * 4096);
        good &= hot.gives(u32(e), 5) && call(linear + n * 4096) == 3 && hot.gives(u32(e | A), 5);
    }
    holds("by REP STOSB, by a fetch", good);
    entry(linear, 2) = 0;
    set_cr3(get_cr3());
}

// The GDT lies in a page of code: loading a segment sets bit 0 of byte 5, which is an immediate's first byte; LTR bit 1.
static void descriptor_bits() {
    word table = page(0);
    memcpy(reinterpret_cast<void*>(table), gdt, 0x100);
    Pointer there{0x7ff, table};
    lgdt(there);
    word at = table + 0x200;
    poke<u64>(at, 0x00cf92b80000ffff);    // data, writable, not accessed
    poke<u64>(at + 8, 0x000000000000c300);
    Caller hot(page(8), at + 4);
    bool good = true;
    for (u32 i = 0; i < 50; i++) {
        poke<u8>(at + 5, 0x92);
        good &= hot.gives(0x00cf92, 5);
        asm volatile("mov %0, %%fs" :: "r"(0x200));
        good &= hot.gives(0x00cf93, 5);
    }
    holds("a descriptor's Accessed bit", good);
    good = true;
    poke<u64>(at, 0x67);
    Code{at + 3}.rax(0).bytes(0x40).ret();                // the upper half's type stays 0: RET has a REX prefix
    Caller longer(page(8) + 0x100, at + 3);
    for (u32 i = 0; i < 20; i++) {
        poke<u8>(at + 5, 0x89);
        good &= longer.gives(0x89, 5);
        ltr(0x200);
        good &= longer.gives(0x8b, 5);
    }
    holds("a TSS's Busy bit", good);
    asm volatile("mov %0, %%fs" :: "r"(0));
    lgdt(gdt_pointer);
    ::at(tss_selector) &= ~(2ull << 40);
    ltr(tss_selector);
}

static void by_dma() {
    struct { u32 control, length; u64 address; } command;
    auto swap = [](u32 v) { return __builtin_bswap32(v); };
    word f = page(0) + 0x3f;
    Caller hot(page(8), f);
    bool good = true;
    for (u32 i = 0; i < 50; i++) {
        put(f, i);
        good &= hot.gives(i);
        out16(0x510, 0);
        command = {swap(2), swap(4), __builtin_bswap64(f + 1)};
        out32(0x514, 0);
        out32(0x518, swap(u32(word(&command))));
        good &= call(f) == 0x554d4551 && hot.gives(0x554d4551);
    }
    holds("by DMA, 50 times", good);
}

// 64 functions, one in each line, joined by jumps; half of the page is filled at once.
static void many_lines() {
    auto line = [](word base, u32 n) { return base + n * 64 + (n & 31); };
    auto chain = [&](word base, u32 more) {
        for (u32 n = 0; n < 63; n++) {
            Code c{line(base, n)};
            c.bytes(0x05).dword(n + more);                 // ADD EAX, imm32
            c.jump(line(base, n + 1));
        }
        Code{line(base, 63)}.ret();
    };
    for (unsigned n = 0; n < 2; n++) memset(reinterpret_cast<void*>(page(n)), 0x90, 4096);
    chain(page(0), 0), chain(page(1), 1000);
    auto run = [](word base) {
        u32 v = 0;
        for (u32 i = 0; i < 10; i++) {
            asm volatile("call *%1" : "=a"(v) : "r"(base), "a"(0) : "memory", "cc");
        }
        return v;
    };
    word entry = page(0);
    is("a chain of 64 lines", run(entry), 62 * 63 / 2);
    bool good = true;
    for (u32 from = 0; from < 60; from += 7) {
        chain(page(0), 0);
        good &= run(entry) == 62 * 63 / 2;
        word bytes = 4 * 64;
        asm volatile("rep movsq" :: "D"(page(0) + from * 64), "S"(page(1) + from * 64), "c"(bytes / 8) : "memory");
        good &= run(entry) == 62 * 63 / 2 + 4 * 1000 - (from + 4 > 63 ? (from + 4 - 63) * 1000 : 0);
    }
    holds("REP MOVSQ over four of them, at each place", good);
    good = true;
    for (u32 from = 1; from < 63; from++) {
        chain(page(0), 0);
        run(entry);
        asm volatile("rep stosb" :: "D"(page(0) + from * 64), "c"(64), "a"(0x90) : "memory");     // that line alone: nothing is added
        good &= run(entry) == 62 * 63 / 2 - from;
    }
    holds("REP STOSB of NOPs over one", good);
}

// Aliases: the same memory stored to through other linear addresses, by the supervisor and by a user.
static void aliases() {
    word f = page(0) + 0x200;
    word colliding[] = {va, va + (4ul << 20), va + (8ul << 20), va + (16ul << 20), va + (64ul << 20), va + (1ul << 30)};
    for (word a : colliding) map(a, page(0) | P | W | U);
    Caller direct(page(8), f);
    bool good = true;
    u32 value = 0;
    for (u32 i = 0; i < 200; i++) {
        word through = colliding[i % 6] + 0x200, run = colliding[(i / 6 + 3) % 6] + 0x200;
        put(through, ++value);
        good &= gives(run, value, 3) && direct.gives(value, 5) && call(through) == value;
        poke<u8>(run + 2, u8(++value >> 8)), poke<u8>(run + 1, u8(value));
        good &= direct.gives(value, 5) && call(run) == value;
    }
    holds("six aliases whose page numbers collide, stored to and run in turns", good);
    good = true;
    static u32 v;
    for (u32 i = 0; i < 50; i++) {
        v = i;
        good &= trap_user([] { poke<u32>(va + 0x201, v); v = call(va + 0x200) + 0x1000; }).vector == none && v == i + 0x1000;
        good &= direct.gives(i, 3);
        poke<u32>(f + 1, i + 1);
        good &= trap_user([] { v = call(va + 0x200); }).vector == none && v == i + 1;
    }
    holds("by a user and by the supervisor, 50 times", good);
    // A store refused half way leaves the code.
    map(va, page(0) | P | W | U), map(va + 0x1000, page(1) | P | U);
    put(page(0) + 0xffa, 5);
    Caller last(page(8), page(0) + 0xffa);
    for (u32 i = 0; i < 20; i++) {
        good &= last.gives(5);
        page_faults(i ? "  again" : "a store over the page's end that is refused there", trap([] { poke<u64>(va + 0xffb, ~0ull); }), 3, va + 0x1000);
        good &= last.gives(5);
    }
    holds("leaves the code of the first page", good);
    for (word a : colliding) entry(a, 1) = 0, invlpg(a);
}

extern "C" void guest() {
    widths();
    lines();
    data_beside();
    from_before();
    every_kind();
    page_table_bits();
    descriptor_bits();
    by_dma();
    many_lines();
    aliases();
}
