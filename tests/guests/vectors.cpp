// SPDX-License-Identifier: MIT
// Guest, 64-bit: hot SSE code under a changing MXCSR: rounding, sticky flags, unmasked exceptions before anything is written, FTZ and DAZ;
// alignment and faults of vector operands; the flags of COMISS; stores of vectors into code (SDM vol. 1, 11.5 and 4.8.4; vol. 2).
#include "code.h"
#include "frame.h"

static constexpr word va = 0x8000000000;
static constexpr u64 all = P | W | U;
enum : u32 { IE = 1, DE_ = 2, ZE = 4, OE = 8, UE = 0x10, PE = 0x20, DAZ = 0x40, masks = 0x1f80, FTZ = 0x8000 };
static constexpr u32 one = 0x3f800000, two = 0x40000000, three = 0x40400000, tiny = 0x00800000, denormal = 0x00000001, huge = 0x7f7fffff,
                     infinity = 0x7f800000, quiet = 0x7fc00000, signalling = 0x7f800001, indefinite = 0xffc00000, sign = 0x80000000;

static u32 mxcsr() { u32 v; asm volatile("stmxcsr %0" : "=m"(v)); return v; }
static void mxcsr(u32 v) { asm volatile("ldmxcsr %0" :: "m"(v)); }

struct Vector { u64 low, high; };
alignas(64) static Vector a, b, out;
static word gpr;

// Runs the instruction in its code: XMM0 = a, XMM1 = b, RDI = &b, RAX as given; XMM0 to out, RAX to gpr.
static word code_at;
static void emit(const u8* bytes, unsigned n, word before = 0) {
    Code c{page(0) + 0xfe0 - before};
    c.fill(page(0) + 0xfe0);
    code_at = c.at;
    for (unsigned i = 0; i < n; i++) c.bytes(bytes[i]);
    c.ret();
}
static void run(word rax = 0) {
    asm volatile("movdqu %3, %%xmm0; movdqu %4, %%xmm1; call *%5; movdqu %%xmm0, %1" : "+a"(rax), "=m"(out) : "D"(&b), "m"(a), "m"(b), "r"(code_at) : "memory", "cc", "rcx", "rdx");
    gpr = rax;
}

struct Row {
    const char* name;
    u8 length, bytes[6];
    u64 a, b;
    u64 expected[4];                      // by RC: nearest, down, up, zero
    u32 flags;
    bool to_gpr = false;                  // the result is in RAX
    u32 width = 32;                       // of the result
};
static const Row rounding[] = {
    {"DIVSS 1, 3", 4, {0xf3, 0x0f, 0x5e, 0xc1}, one, three, {0x3eaaaaab, 0x3eaaaaaa, 0x3eaaaaab, 0x3eaaaaaa}, PE},
    {"DIVSS -1, 3", 4, {0xf3, 0x0f, 0x5e, 0xc1}, one | sign, three, {0xbeaaaaab, 0xbeaaaaab, 0xbeaaaaaa, 0xbeaaaaaa}, PE},
    {"DIVSS of memory", 4, {0xf3, 0x0f, 0x5e, 0x07}, one, three, {0x3eaaaaab, 0x3eaaaaaa, 0x3eaaaaab, 0x3eaaaaaa}, PE},
    {"DIVSD 1, 3", 4, {0xf2, 0x0f, 0x5e, 0xc1}, 0x3ff0000000000000, 0x4008000000000000,
        {0x3fd5555555555555, 0x3fd5555555555555, 0x3fd5555555555556, 0x3fd5555555555555}, PE, false, 64},
    {"ADDSS 1, 2^-24", 4, {0xf3, 0x0f, 0x58, 0xc1}, one, 0x33800000, {one, one, one + 1, one}, PE},
    {"ADDSS 1, 3 * 2^-24", 4, {0xf3, 0x0f, 0x58, 0xc1}, one, 0x34400000, {one + 2, one + 1, one + 2, one + 1}, PE},
    {"SUBSS 1, 2^-25", 4, {0xf3, 0x0f, 0x5c, 0xc1}, one, 0x33000000, {one, one - 1, one, one - 1}, PE},
    {"MULSS", 4, {0xf3, 0x0f, 0x59, 0xc1}, 0x3eaaaaab, three, {one, one, one + 1, one}, PE},
    {"ADDSS exact", 4, {0xf3, 0x0f, 0x58, 0xc1}, one, two, {three, three, three, three}, 0},
    {"SQRTSS 2", 4, {0xf3, 0x0f, 0x51, 0xc1}, 0, two, {0x3fb504f3, 0x3fb504f3, 0x3fb504f4, 0x3fb504f3}, PE},
    {"SUBSS x - x", 4, {0xf3, 0x0f, 0x5c, 0xc1}, three, three, {0, sign, 0, 0}, 0},
    {"CVTSD2SS 1/3", 4, {0xf2, 0x0f, 0x5a, 0xc1}, 0, 0x3fd5555555555555, {0x3eaaaaab, 0x3eaaaaaa, 0x3eaaaaab, 0x3eaaaaaa}, PE},
    {"CVTSS2SI 2.5", 4, {0xf3, 0x0f, 0x2d, 0xc1}, 0, 0x40200000, {2, 2, 3, 2}, PE, true},
    {"CVTSS2SI -2.5", 4, {0xf3, 0x0f, 0x2d, 0xc1}, 0, 0xc0200000, {0xfffffffe, 0xfffffffd, 0xfffffffe, 0xfffffffe}, PE, true},
    {"CVTSD2SI 3.5, 64 bits", 5, {0xf2, 0x48, 0x0f, 0x2d, 0xc1}, 0, 0x400c000000000000, {4, 3, 4, 3}, PE, true, 64},
    {"CVTTSS2SI 2.9", 4, {0xf3, 0x0f, 0x2c, 0xc1}, 0, 0x4039999a, {2, 2, 2, 2}, PE, true},
    {"CVTTSD2SI of memory", 4, {0xf2, 0x0f, 0x2c, 0x07}, 0, 0xc00c000000000000, {0xfffffffd, 0xfffffffd, 0xfffffffd, 0xfffffffd}, PE, true},
    {"CVTSI2SS 16777217", 4, {0xf3, 0x0f, 0x2a, 0xc0}, 0, 0, {0x4b800000, 0x4b800000, 0x4b800001, 0x4b800000}, PE},
    {"CVTSI2SD 2^53 + 1", 5, {0xf2, 0x48, 0x0f, 0x2a, 0xc0}, 0, 0, {0x4340000000000000, 0x4340000000000000, 0x4340000000000001, 0x4340000000000000}, PE, false, 64},
};

static u64 result(const Row& r) {
    u64 v = r.to_gpr ? gpr : out.low;
    return r.width == 64 ? v : u32(v);
}
static word source_of(const Row& r) { return r.bytes[0] == 0xf2 ? (1ul << 53) + 1 : 16777217; }

static void rounds() {
    for (auto& r : rounding) {
        bool good = true, flags = true, upper = true;
        a = {r.a, 0x1122334455667788}, b = {r.b, 0x99aabbccddeeff00};
        if (r.width == 32) a.low |= 0xabcdef0100000000, b.low |= r.bytes[0] == 0xf2 ? 0 : 0x1234567800000000;
        emit(r.bytes, r.length);
        for (u32 i = 0; i < 40; i++) {
            u32 rc = i * 7 / 3 & 3;
            mxcsr(masks | rc << 13);
            for (u32 k = 0; k < 3; k++) {
                run(source_of(r));
                good &= result(r) == r.expected[rc];
                flags &= mxcsr() == (masks | rc << 13 | r.flags);
                upper &= out.high == a.high && (r.to_gpr || r.width == 64 || out.low >> 32 == a.low >> 32);
                if (k == 1) mxcsr(masks | rc << 13);
            }
        }
        holds(r.name, good), holds("  MXCSR's flags", flags);
        if (!upper) holds("  the rest of the register", false);
    }
    mxcsr(masks);
}

// The exceptions: masked, their results and flags; unmasked, #XM at the instruction and nothing written but the flag.
struct Exception {
    const char* name;
    u8 length, bytes[6];
    u32 a, b, masked;                     // the masked result
    u32 flags, raises;                    // flags when masked; the exception to unmask
    bool to_gpr = false;
};
static const Exception exceptions[] = {
    {"DIVSS 1, 0: ZE", 4, {0xf3, 0x0f, 0x5e, 0xc1}, one, 0, infinity, ZE, ZE},
    {"DIVSS 0, 0: IE", 4, {0xf3, 0x0f, 0x5e, 0xc1}, 0, 0, indefinite, IE, IE},
    {"DIVSS of memory: ZE", 4, {0xf3, 0x0f, 0x5e, 0x07}, one | sign, 0, infinity | sign, ZE, ZE},
    {"ADDSS inf, -inf: IE", 4, {0xf3, 0x0f, 0x58, 0xc1}, infinity, infinity | sign, indefinite, IE, IE},
    {"ADDSS SNaN: IE", 4, {0xf3, 0x0f, 0x58, 0xc1}, one, signalling, signalling | 0x400000, IE, IE},
    {"ADDSS QNaN: none", 4, {0xf3, 0x0f, 0x58, 0xc1}, one, quiet, quiet, 0, 0},
    {"ADDSS denormal: DE", 4, {0xf3, 0x0f, 0x58, 0xc1}, tiny, denormal, tiny + 1, DE_, DE_},
    {"MULSS huge: OE", 4, {0xf3, 0x0f, 0x59, 0xc1}, huge, two, infinity, OE | PE, OE},
    {"MULSS tiny: UE", 4, {0xf3, 0x0f, 0x59, 0xc1}, tiny + 1, 0x3f000000, 0x00400000, UE | PE, UE},
    {"DIVSS 1, 3: PE", 4, {0xf3, 0x0f, 0x5e, 0xc1}, one, three, 0x3eaaaaab, PE, PE},
    {"SQRTSS -1: IE", 4, {0xf3, 0x0f, 0x51, 0xc1}, one, one | sign, indefinite, IE, IE},
    {"MINSS of a QNaN: IE", 4, {0xf3, 0x0f, 0x5d, 0xc1}, quiet, one, one, IE, IE},
    {"CVTTSS2SI of 2^31: IE", 4, {0xf3, 0x0f, 0x2c, 0xc1}, 0, 0x4f000000, 0x80000000, IE, IE, true},
    {"CVTSS2SI of a NaN: IE", 4, {0xf3, 0x0f, 0x2d, 0xc1}, 0, quiet, 0x80000000, IE, IE, true},
    {"CVTSS2SD of a SNaN: IE", 4, {0xf3, 0x0f, 0x5a, 0xc1}, 0, signalling, 0x20000000, IE, IE},
    {"ADDPS: ZE of none, PE of one lane", 3, {0x0f, 0x58, 0xc1}, one, 0x33800000, one, PE, PE},
    {"DIVPS: ZE of one lane", 3, {0x0f, 0x5e, 0xc1}, one, 0, infinity, ZE | IE, ZE},
};
static Trap caught() {
    return trap([] { run(0x5a5a5a5a); });
}
static void unmasked() {
    for (auto& e : exceptions) {
        bool good = true, faulting = true, osxmm = true;
        bool packed = e.length == 3;
        a = {e.a | (packed ? 0ull : 0xabcdef0100000000), packed ? 0ull : 0x1122334455667788}, b = {e.b | (packed ? 0ull : 0x1234567800000000), packed ? 0ull : 0x99aabbccddeeff00};
        if (packed && e.flags == PE) a.low |= u64(one) << 32, b.low |= u64(one) << 32;
        emit(e.bytes, e.length, 0x10);
        for (u32 i = 0; i < 30; i++) {
            mxcsr(masks);
            for (u32 k = 0; k < 3; k++) run(0x5a5a5a5a);
            good &= u32(e.to_gpr ? gpr : out.low) == e.masked && mxcsr() == (masks | e.flags);
            if (!e.raises) continue;
            mxcsr(masks & ~(e.raises << 7));
            out = {1, 2}, gpr = 3;
            Trap t = caught();
            u32 now = mxcsr();
            Vector x;
            asm volatile("movdqu %%xmm0, %0" : "=m"(x));
            faulting &= t.vector == 19 && t.code == 0 && t.ip == code_at && (now & e.raises) && (now & ~0x3fu) == (masks & ~(e.raises << 7));
            faulting &= x.low == a.low && x.high == a.high && gpr == 3 && out.low == 1;
            mxcsr(masks & ~(e.raises << 7));
            set_cr4(get_cr4() & ~word(0x400));
            t = caught();
            osxmm &= t.vector == UD && t.ip == code_at;
            set_cr4(get_cr4() | 0x400);
        }
        mxcsr(masks);
        holds(e.name, good);
        if (e.raises) holds("  unmasked: #XM there", faulting), holds("  without CR4.OSXMMEXCPT #UD", osxmm);
    }
}

static void flush() {
    static const u8 mul[] = {0xf3, 0x0f, 0x59, 0xc1}, add[] = {0xf3, 0x0f, 0x58, 0xc1};
    bool ftz = true, daz = true;
    for (u32 i = 0; i < 50; i++) {
        a = {tiny, 0}, b = {0x3f000000, 0};
        emit(mul, 4);
        mxcsr(masks), run(), ftz &= out.low == 0x00400000 && mxcsr() == masks;         // exact, so masked it is no underflow
        mxcsr(masks | FTZ), run(), run(), ftz &= out.low == 0 && mxcsr() == (masks | FTZ | UE | PE);
        mxcsr(masks), run(), ftz &= out.low == 0x00400000;
        a = {denormal, 0}, b = {denormal, 0};
        emit(add, 4);
        mxcsr(masks), run(), daz &= out.low == 2 && mxcsr() == (masks | DE_);
        mxcsr(masks | DAZ), run(), run(), daz &= out.low == 0 && mxcsr() == (masks | DAZ);
        mxcsr(masks), run(), daz &= out.low == 2;
    }
    mxcsr(masks);
    holds("FTZ on and off", ftz), holds("DAZ", daz);
    // LDMXCSR between two of them in one block.
    Code c{page(1) + 0xfe0};
    c.bytes(0x0f, 0xae, 0x17, 0xf3, 0x0f, 0x5e, 0xc1, 0x0f, 0xae, 0x57, 4, 0xf3, 0x0f, 0x5e, 0xd1, 0x0f, 0xae, 0x5f, 8, 0xc3);
    // ldmxcsr [rdi]; divss xmm0,xmm1; ldmxcsr [rdi+4]; divss xmm2,xmm1; stmxcsr [rdi+8]
    bool within = true;
    static u32 words[4];
    for (u32 i = 0; i < 100; i++) {
        words[0] = masks | (i & 3) << 13, words[1] = masks | (i >> 2 & 3) << 13;
        u32 x, y;
        asm volatile("movd %4, %%xmm0; movd %4, %%xmm2; movd %5, %%xmm1; call *%2; movd %%xmm0, %0; movd %%xmm2, %1" : "=&r"(x), "=&r"(y) : "r"(page(1) + 0xfe0), "D"(words), "r"(one), "r"(three) : "memory");
        static const u32 by[] = {0x3eaaaaab, 0x3eaaaaaa, 0x3eaaaaab, 0x3eaaaaaa};
        within &= x == by[i & 3] && y == by[i >> 2 & 3] && words[2] == (words[1] | PE);
    }
    mxcsr(masks);
    holds("LDMXCSR within a block", within);
}

// COMISS and UCOMISS: flags for branches; IE for a QNaN by COMISS alone; a fault leaves the flags (SDM vol. 2, COMISS).
static void compares() {
    static const struct { u32 a, b, flags; bool nan, snan; } rows[] = {
        {one, two, 1, false, false}, {two, one, 0, false, false}, {one, one, 0x40, false, false}, {0, sign, 0x40, false, false},
        {quiet, one, 0x45, true, false}, {one, signalling, 0x45, true, true}, {infinity, huge, 0, false, false}, {infinity | sign, one, 1, false, false},
    };
    bool good = true, faulting = true;
    for (bool ordered : {false, true})
        for (auto& r : rows) {
            a = {r.a, 0}, b = {r.b, 0};
            word f = page(2) + 0x40;
            for (u32 i = 0; i < 20; i++) {
                // Flags straight behind it.
                Code{f}.bytes(0x83, 0xc8, 0xff, 0x0f, u8(0x2e + ordered), 0xc1, 0x9c, 0x58, 0xc3);
                mxcsr(masks);
                code_at = f;
                run(), run();
                good &= (gpr & 0x8d5) == r.flags && mxcsr() == (masks | (r.snan || (r.nan && ordered) ? IE : 0u));
                // A branch behind it: JB, JE, JBE, JS, JP, JL.
                for (u32 cc : {2u, 4u, 6u, 8u, 10u, 12u}) {
                    Code{f + 0x40}.bytes(0x0f, u8(0x2e + ordered), 0xc1, u8(0x70 + cc), 6).eax(0).ret().eax(1).ret();
                    code_at = f + 0x40;
                    run();
                    u32 taken = cc == 2 ? r.flags & 1 : cc == 4 ? r.flags >> 6 & 1 : cc == 6 ? (r.flags | r.flags >> 6) & 1 : cc == 10 ? r.flags >> 2 & 1 : 0;
                    good &= gpr == taken;
                }
                if (!(r.snan || (r.nan && ordered))) continue;
                // Unmasked: the flags of the OR before it are what the handler sees.
                mxcsr(masks & ~0x80u);
                code_at = f;
                Trap t = caught();
                faulting &= t.vector == 19 && t.ip == f + 3 && (t.flags & 0x8c5) == 0x84;
                mxcsr(masks);
            }
        }
    holds("COMISS and UCOMISS: flags and branches", good), holds("  unmasked: the flags before", faulting);
}

// Operands of 16 bytes: misaligned, over pages, on pages that are not there.
static void operands() {
    static const struct { const char* name; u8 length, bytes[6]; bool aligned, store; } rows[] = {
        {"ADDPS", 3, {0x0f, 0x58, 0x07}, true, false}, {"PADDD", 4, {0x66, 0x0f, 0xfe, 0x07}, true, false}, {"MOVAPS", 3, {0x0f, 0x28, 0x07}, true, false},
        {"MOVAPS to memory", 3, {0x0f, 0x29, 0x07}, true, true}, {"MOVDQU", 4, {0xf3, 0x0f, 0x6f, 0x07}, false, false}, {"PSHUFD", 5, {0x66, 0x0f, 0x70, 0x07, 0xe4}, true, false},
        {"MOVUPS to memory", 3, {0x0f, 0x11, 0x07}, false, true}, {"PXOR", 4, {0x66, 0x0f, 0xef, 0x07}, true, false}, {"PSLLW by memory", 4, {0x66, 0x0f, 0xf1, 0x07}, true, false},
        {"CVTPS2PD of 8 bytes", 3, {0x0f, 0x5a, 0x07}, false, false}, {"UNPCKLPS", 3, {0x0f, 0x14, 0x07}, true, false}, {"SQRTPD", 4, {0x66, 0x0f, 0x51, 0x07}, true, false},
    };
    static word at;
    auto go = [] { asm volatile("pxor %%xmm0, %%xmm0; movaps %%xmm0, %%xmm1; call *%0" :: "r"(code_at), "D"(at) : "memory"); };
    for (auto& r : rows) {
        bool good = true;
        u32 bytes = r.name[0] == 'C' ? 8 : 16;
        emit(r.bytes, r.length, 0x20);
        for (u32 i = 0; i < 20; i++) {
            map(va, page(3) | all), map(va + 0x1000, page(5) | all);
            for (u32 k = 0; k < 4; k++) at = va + 0x100, good &= trap(go).vector == none;
            at = va + 0x100 + 1 + i % 15;
            Trap t = trap(go);
            good &= r.aligned ? t.vector == GP && t.code == 0 && t.ip == code_at : t.vector == none;
            if (!r.aligned) {
                at = va + 0x1000 - 4;
                good &= trap(go).vector == none;
                map(va + 0x1000, 0);
                t = trap(go);
                good &= t.vector == PF && t.code == (r.store ? 2u : 0u) && t.cr2 == va + 0x1000 && t.ip == code_at;
                map(va + 0x1000, page(5) | all);
            }
            map(va, 0);
            at = va + 0x1000 - bytes;
            t = trap(go);
            good &= t.vector == PF && t.code == (r.store ? 2u : 0u) && t.cr2 == at && t.ip == code_at;
            map(va, page(3) | P | U);
            t = trap(go);
            good &= r.store ? t.vector == PF && t.code == 3 : t.vector == none;
            map(va, page(3) | all);
            good &= trap(go).vector == none;
        }
        holds(r.name, good);
    }
}

// Values of integer vectors, by hand.
static void integers() {
    struct Case { const char* name; u8 length, bytes[6]; Vector a, b, expected; };
    static const Case cases[] = {
        {"PADDB", 4, {0x66, 0x0f, 0xfc, 0xc1}, {0xff7f80010203fffe, 0}, {0x0101800101010102, 1}, {0x0080000203040000, 1}},
        {"PADDUSB", 4, {0x66, 0x0f, 0xdc, 0xc1}, {0xff7f80010203fffe, 0}, {0x0101800101010102, 0}, {0xff80ff020304ffff, 0}},
        {"PSUBSW", 4, {0x66, 0x0f, 0xe9, 0xc1}, {0x8000000100027fff, 0}, {0x000100020001ffff, 0}, {0x8000ffff00017fff, 0}},
        {"PCMPGTB", 4, {0x66, 0x0f, 0x64, 0xc1}, {0x7f80010000ff0180, 0}, {0x807f00010000ff80, 0}, {0xff00ff000000ff00, 0}},
        {"PMADDWD", 4, {0x66, 0x0f, 0xf5, 0xc1}, {0x8000800000020003, 0}, {0x8000800000040005, 0}, {0x8000000000000017, 0}},
        {"PMULUDQ", 4, {0x66, 0x0f, 0xf4, 0xc1}, {0x12345678ffffffff, 2}, {0x9abcdef0ffffffff, 3}, {0xfffffffe00000001, 6}},
        {"PACKSSWB", 4, {0x66, 0x0f, 0x63, 0xc1}, {0x7fff8000007fff80, 0x0001000200030004}, {0x0100ff7f00050006, 0}, {0x010203047f807f80, 0x000000007f800506}},
        {"PUNPCKLBW", 4, {0x66, 0x0f, 0x60, 0xc1}, {0x0706050403020100, 0}, {0xf7f6f5f4f3f2f1f0, 0}, {0xf303f202f101f000, 0xf707f606f505f404}},
        {"PSHUFD 1Bh", 5, {0x66, 0x0f, 0x70, 0xc1, 0x1b}, {0, 0}, {0x2222222211111111, 0x4444444433333333}, {0x3333333344444444, 0x1111111122222222}},
        {"PSLLDQ 3", 5, {0x66, 0x0f, 0x73, 0xf8, 3}, {0x8877665544332211, 0xffeeddccbbaa9900}, {0, 0}, {0x5544332211000000, 0xccbbaa9900887766}},
        {"PSRAW by 20h", 5, {0x66, 0x0f, 0x71, 0xe0, 0x20}, {0x80007fffff000100, 0}, {0, 0}, {0xffff0000ffff0000, 0}},
        {"PSLLD by a large count", 4, {0x66, 0x0f, 0xf2, 0xc1}, {~0ull, ~0ull}, {0x100000000, 5}, {0, 0}},
        {"PSADBW", 4, {0x66, 0x0f, 0xf6, 0xc1}, {0x0102030405060708, 0xff}, {0x0807060504030201, 0}, {0x20, 0xff}},
        {"PAVGB", 4, {0x66, 0x0f, 0xe0, 0xc1}, {0xff00010203040506, 0}, {0xff00020304050607, 0}, {0xff00020304050607, 0}},
        {"SHUFPS 4Eh", 4, {0x0f, 0xc6, 0xc1, 0x4e}, {0x2222222211111111, 0x4444444433333333}, {0x6666666655555555, 0x8888888877777777}, {0x4444444433333333, 0x6666666655555555}},
        {"MOVHLPS", 3, {0x0f, 0x12, 0xc1}, {1, 2}, {3, 4}, {4, 2}},
        {"MOVLHPS", 3, {0x0f, 0x16, 0xc1}, {1, 2}, {3, 4}, {1, 3}},
        {"MOVSS", 4, {0xf3, 0x0f, 0x10, 0xc1}, {0x1111111122222222, 5}, {0x3333333344444444, 6}, {0x1111111144444444, 5}},
        {"MOVSS of memory clears the rest", 4, {0xf3, 0x0f, 0x10, 0x07}, {0x1111111122222222, 5}, {0x3333333344444444, 6}, {0x44444444, 0}},
        {"MOVQ clears the upper half", 4, {0xf3, 0x0f, 0x7e, 0xc1}, {1, 2}, {3, 4}, {3, 0}},
        {"MOVLPD of memory keeps it", 4, {0x66, 0x0f, 0x12, 0x07}, {1, 2}, {3, 4}, {3, 2}},
        {"ANDNPS", 3, {0x0f, 0x55, 0xc1}, {0xff00ff00ff00ff00, 0}, {~0ull, ~0ull}, {0x00ff00ff00ff00ff, ~0ull}},
        {"CVTDQ2PD", 4, {0xf3, 0x0f, 0xe6, 0xc1}, {0, 0}, {0xffffffff00000001, 9}, {0x3ff0000000000000, 0xbff0000000000000}},
        {"PINSRW 5", 5, {0x66, 0x0f, 0xc4, 0xc0, 5}, {0, 0}, {0, 0}, {0, 0x5a5a0000}},
    };
    mxcsr(masks);
    for (auto& c : cases) {
        a = c.a, b = c.b;
        emit(c.bytes, c.length, 0x10);
        bool good = true;
        for (u32 i = 0; i < 20; i++) run(0x5a5a5a5a), good &= out.low == c.expected.low && out.high == c.expected.high;
        holds(c.name, good);
    }
}

extern "C" void guest() {
    rounds();
    unmasked();
    flush();
    compares();
    operands();
    integers();
}
