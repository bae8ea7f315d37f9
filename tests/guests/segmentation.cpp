// SPDX-License-Identifier: MIT
// Guest, 32-bit: limits, types, privilege and presence of segments; LAR, LSL, VERR, VERW, ARPL; LDT (SDM vol. 3, ch. 3 and 5).
#include "guest.h"
#include "frame.h"

static u8 data[0x3000] __attribute__((aligned(4096)));
static word offset_;
static u16 selector;

static void read8() { u8 v; asm volatile("movb %%fs:(%1), %0" : "=q"(v) : "r"(offset_)); }
static void read32() { u32 v; asm volatile("movl %%fs:(%1), %0" : "=r"(v) : "r"(offset_)); }
static void write8() { asm volatile("movb $1, %%fs:(%0)" :: "r"(offset_) : "memory"); }
static void load_fs() { asm volatile("mov %0, %%fs" :: "r"(selector)); }
static void load_ss() { asm volatile("mov %0, %%ss" :: "r"(selector)); }

static Trap with(u64 d, word offset, void (*access)()) {
    at(spare) = d;
    selector = spare;
    load_fs();
    offset_ = offset;
    Trap t = trap(access);
    asm volatile("mov %0, %%fs" :: "r"(0));
    return t;
}
static u64 segment(u32 limit, u32 rights) { return descriptor(word(data), limit, rights); }

static void limits() {
    data[0xff] = 0x5a;
    u64 small = segment(0xff, 0x4093);
    passes("the last byte within the limit", with(small, 0xff, read8));
    faults("#GP(0) of the byte behind", with(small, 0x100, read8), GP);
    passes("the last doubleword", with(small, 0xfc, read32));
    faults("#GP(0) of one that reaches out", with(small, 0xfd, read32), GP);
    faults("#GP(0) of a write there", with(small, 0x100, write8), GP);
    u64 pages = segment(0, 0xc093);
    passes("G: limit 0 is FFFh", with(pages, 0xffc, read32));
    faults("G: and no more", with(pages, 0xffd, read32), GP);
    u64 down = segment(0xfff, 0x4097);
    faults("expand-down: #GP(0) up to the limit", with(down, 0xfff, read8), GP);
    passes("expand-down: above it", with(down, 0x1000, read32));
    faults("expand-down: a doubleword that begins below", with(down, 0xffd, read32), GP);
    passes("expand-down, B: up to FFFFFFFFh", with(descriptor(0x100000, 0xfff, 0x4097), 0xffffffff, read8));
    u64 down16 = segment(0xfff, 0x0097);
    passes("expand-down, no B: within 64 KiB", with(down16, 0x2000, read32));
    faults("expand-down, no B: #GP(0) at 10000h", with(down16, 0x10000, read8), GP);
    faults("expand-down, no B: across it", with(down16, 0xfffd, read32), GP);
    faults("#GP(0) of a write to read-only data", with(segment(0xff, 0x4091), 0, write8), GP);
    passes("a read of it", with(segment(0xff, 0x4091), 0, read8));
    passes("a read of readable code", with(segment(0xff, 0x409b), 0, read8));
    faults("#GP(0) of a write to code", with(segment(0xff, 0x409b), 0, write8), GP);
    selector = 0;
    load_fs();
    offset_ = 0;
    faults("#GP(0) through a null segment", trap(read8), GP);
    u8 v;
    at(spare) = small;
    selector = spare, load_fs();
    asm volatile("movb %%fs:(%1), %0" : "=q"(v) : "r"(0xff));
    is("the base counts", v, 0x5a);
}

static void loads() {
    auto fs = [](u64 d, u16 rpl = 0) { at(spare) = d, selector = spare | rpl; return trap(load_fs); };
    auto ss = [](u64 d, u16 rpl = 0) { at(spare) = d, selector = spare | rpl; return trap(load_ss); };
    faults("#GP(sel) of FS with execute-only code", fs(segment(0xff, 0x4099)), GP, spare);
    faults("#GP(sel) of FS with a system segment", fs(segment(0xff, 0x0082)), GP, spare);
    faults("#NP(sel) of FS absent", fs(segment(0xff, 0x4013)), NP, spare);
    faults("#GP(sel) of FS: DPL 0 and RPL 3", fs(segment(0xff, 0x4093), 3), GP, spare);
    passes("FS: conforming code of DPL 0 with RPL 3", fs(segment(0xff, 0x409f), 3));
    faults("#GP before #NP", fs(segment(0xff, 0x4019)), GP, spare);
    selector = 0xfff8 & 0x1ff8;
    faults("#GP(sel) of FS beyond the GDT", trap(load_fs), GP, 0x1ff8);
    fs(segment(0xff, 0x4092));
    is("loading sets Accessed", at(spare) >> 40 & 1, 1);
    at(spare) = segment(0xff, 0x4093), selector = spare;
    faults("#GP(sel) of FS in ring 3 with DPL 0", trap_user(load_fs), GP, spare);
    at(spare) = segment(0xff, 0x40f3), selector = spare | 3;
    passes("in ring 3 with DPL 3", trap_user(load_fs));
    at(spare) = descriptor(0, 0xfffff, 0xc0f3), selector = spare;
    passes("SS must match: FS with RPL 0 in ring 3 may", trap_user(load_fs));
    faults("#GP(sel) of SS with RPL 0 in ring 3", trap_user(load_ss), GP, spare);
    selector = 0;
    faults("#GP(0) of SS null", trap(load_ss), GP, 0);
    faults("#GP(sel) of SS with DPL 3 in ring 0", ss(descriptor(0, 0xfffff, 0xc0f3)), GP, spare);
    faults("#GP(sel) of SS with RPL 3 in ring 0", ss(descriptor(0, 0xfffff, 0xc093), 3), GP, spare);
    faults("#GP(sel) of SS read-only", ss(descriptor(0, 0xfffff, 0xc091)), GP, spare);
    faults("#GP(sel) of SS with code", ss(descriptor(0, 0xfffff, 0xc09b)), GP, spare);
    faults("#SS(sel) of SS absent", ss(descriptor(0, 0xfffff, 0xc013)), SS, spare);
    passes("SS as it should be", ss(descriptor(0, 0xfffff, 0xc093)));
    at(spare) = descriptor(0, 0xfff, 0x40f3), selector = spare | 3;
    faults("#SS(0) of PUSH beyond the limit", trap_user([] { load_ss(); asm volatile("push %eax"); }), SS, 0);
    faults("#SS(0) of a read through EBP",
        trap_user([] { asm volatile("mov %0, %%ss; mov $0x2000, %%ebp; mov (%%ebp), %%eax" ::"r"(selector)
                                    : "eax"); }), SS, 0);
    faults("#GP(0) of the same with a DS prefix",
        trap_user([] { asm volatile("mov %0, %%ds; mov $0x2000, %%ebp; mov %%ds:(%%ebp), %%eax" ::"r"(selector)
                                    : "eax"); }), GP, 0);
}

struct Look { word zf, value; };
static Look lar(u16 s) {
    Look r;
    asm volatile("mov $0, %1; lar %2, %1; setz %b0; movzbl %b0, %0" : "=&q"(r.zf), "=&r"(r.value) : "r"(word(s)) : "cc");
    return r;
}
static Look lsl(u16 s) {
    Look r;
    asm volatile("mov $0, %1; lsl %2, %1; setz %b0; movzbl %b0, %0" : "=&q"(r.zf), "=&r"(r.value) : "r"(word(s)) : "cc");
    return r;
}
static word verr(u16 s) { word z; asm volatile("verr %w1; setz %b0; movzbl %b0, %0" : "=q"(z) : "r"(word(s)) : "cc"); return z; }
static word verw(u16 s) { word z; asm volatile("verw %w1; setz %b0; movzbl %b0, %0" : "=q"(z) : "r"(word(s)) : "cc"); return z; }

static void looks() {
    struct { const char* name; u64 d; u16 rpl; word lar, value, lsl, limit, verr, verw; } table[] = {
        //                                                           RPL LAR  value       LSL  limit      VERR VERW
        {"data, writable",         descriptor(0, 0x12345, 0x4093),   0,  1,  0x00419300,  1,  0x12345,    1,   1},
        {"data, pages",            descriptor(0, 0x12345, 0xc093),   0,  1,  0x00c19300,  1,  0x12345fff, 1,   1},
        {"data, read-only",        descriptor(0, 0xff, 0x4091),      0,  1,  0x00409100,  1,  0xff,       1,   0},
        {"data of DPL 0, RPL 3",   descriptor(0, 0xff, 0x4093),      3,  0,  0,           0,  0,          0,   0},
        {"data of DPL 3, RPL 3",   descriptor(0, 0xff, 0x40f3),      3,  1,  0x0040f300,  1,  0xff,       1,   1},
        {"code, execute-only",     descriptor(0, 0xff, 0x4099),      0,  1,  0x00409900,  1,  0xff,       0,   0},
        {"code, readable",         descriptor(0, 0xff, 0x409b),      0,  1,  0x00409b00,  1,  0xff,       1,   0},
        {"conforming, RPL 3",      descriptor(0, 0xff, 0x409f),      3,  1,  0x00409f00,  1,  0xff,       1,   0},
        {"data, absent",           descriptor(0, 0xff, 0x4013),      0,  1,  0x00401300,  1,  0xff,       1,   1},
        {"LDT",                    descriptor(0, 0xff, 0x0082),      0,  1,  0x00008200,  1,  0xff,       0,   0},
        {"TSS, 32-bit",            descriptor(0, 0x67, 0x0089),      0,  1,  0x00008900,  1,  0x67,       0,   0},
        {"TSS, 32-bit, busy",      descriptor(0, 0x67, 0x008b),      0,  1,  0x00008b00,  1,  0x67,       0,   0},
        {"TSS, 16-bit",            descriptor(0, 0x2b, 0x0081),      0,  1,  0x00008100,  1,  0x2b,       0,   0},
        {"call gate, 32-bit",      descriptor(0, 0, 0x008c),         0,  1,  0x00008c00,  0,  0,          0,   0},
        {"call gate, 16-bit",      descriptor(0, 0, 0x0084),         0,  1,  0x00008400,  0,  0,          0,   0},
        {"task gate",              descriptor(0, 0, 0x0085),         0,  1,  0x00008500,  0,  0,          0,   0},
        {"interrupt gate",         descriptor(0, 0, 0x008e),         0,  0,  0,           0,  0,          0,   0},
        {"reserved type 0",        descriptor(0, 0, 0x0080),         0,  0,  0,           0,  0,          0,   0},
    };
    for (auto& r : table) {
        at(spare) = r.d;
        u16 s = spare | r.rpl;
        is(r.name, lar(s).zf, r.lar);
        is("  its LAR", lar(s).value, r.value);
        is("  LSL's ZF", lsl(s).zf, r.lsl);
        is("  its LSL", lsl(s).value, r.limit);
        is("  VERR", verr(s), r.verr);
        is("  VERW", verw(s), r.verw);
    }
    is("LAR of null", lar(0).zf, 0);
    is("LAR beyond the GDT", lar(0x1ff8).zf, 0);
    word v = 0x10, z;
    asm volatile("arpl %w2, %w0; setz %b1; movzbl %b1, %1" : "+r"(v), "=&q"(z) : "r"(word(3)) : "cc");
    is("ARPL raises the RPL", v, 0x13), is("and says so", z, 1);
    asm volatile("arpl %w2, %w0; setz %b1; movzbl %b1, %1" : "+r"(v), "=&q"(z) : "r"(word(1)) : "cc");
    is("ARPL leaves a higher one", v, 0x13), is("and says so", z, 0);
}

static u64 table[4];
static void local() {
    table[1] = segment(0xff, 0x4093);
    at(spare + 8) = descriptor(word(table), 31, 0x82);
    auto lldt_ = [](u64 d) { at(spare) = d; return trap([] { lldt(spare); }); };
    faults("#GP(sel) of LLDT with data", lldt_(segment(0xff, 0x4093)), GP, spare);
    faults("#NP(sel) of LLDT absent", lldt_(descriptor(word(table), 31, 0x02)), NP, spare);
    faults("#GP(0) of LLDT in ring 3", trap_user([] { lldt(spare + 8); }), GP, 0);
    lldt(spare + 8);
    selector = 0xc;
    passes("FS from the LDT", trap(load_fs));
    selector = 0x24;
    faults("#GP(sel) beyond the LDT's limit", trap(load_fs), GP, 0x24);
    selector = 0x4;
    faults("LDT entry 0 is a descriptor like others: #GP(sel) of its type 0", trap(load_fs), GP, 4);
    lldt(0);
    selector = 0xc;
    faults("#GP(sel) without an LDT", trap(load_fs), GP, 0xc);
}

struct [[gnu::packed]] Far { u32 ip; u16 cs; };
static Far to;
asm(R"(
    .pushsection .text.aside, "ax"
    .globl note_cs
note_cs:
    mov %cs, noted
    int $0x80
    .popsection
    .globl noted
)");
extern "C" char note_cs[];
extern "C" word noted;
word noted;
static void code() {
    auto jump = [](u64 d, u16 rpl, word ip, bool user) {
        at(spare) = d, to = {ip, u16(spare | rpl)};
        auto go = [] { asm volatile("ljmpl *%0" :: "m"(to)); };
        return user ? trap_user(go) : trap(go);
    };
    word ip = word(note_cs);
    faults("a far JMP", jump(descriptor(0, 0xfffff, 0xc09b), 0, ip, false), 0x80);
    is("to CS", noted & 0xffff, spare);
    faults("#GP(sel) of one from ring 3 to DPL 0", jump(descriptor(0, 0xfffff, 0xc09b), 3, ip, true), GP, spare);
    faults("conforming code of DPL 0 from ring 3", jump(descriptor(0, 0xfffff, 0xc09f), 0, ip, true), 0x80);
    is("the RPL becomes CPL", noted & 0xffff, spare | 3);
    faults("#GP(sel) of conforming code of DPL 3 from ring 0", jump(descriptor(0, 0xfffff, 0xc0ff), 0, ip, false), GP, spare);
    faults("#GP(sel) of RPL above CPL", jump(descriptor(0, 0xfffff, 0xc09b), 1, ip, false), GP, spare);
    faults("#NP(sel) of absent code", jump(descriptor(0, 0xfffff, 0xc01b), 0, ip, false), NP, spare);
    faults("#GP(sel) of data", jump(descriptor(0, 0xfffff, 0xc093), 0, ip, false), GP, spare);
    faults("#GP(0) beyond the new limit", jump(descriptor(0, 0xff, 0x409b), 0, 0x100, false), GP, 0);
    poke<u8>(word(data) + 0xff, 0x90);
    Trap t = jump(segment(0xff, 0x409b), 0, 0xff, false);
    faults("running off the end of CS: #GP(0)", t, GP, 0);
    is("at the first byte behind", t.ip, 0x100);
    poke<u8>(word(data) + 0xff, 0xb0);
    t = jump(segment(0xff, 0x409b), 0, 0xff, false);
    faults("an instruction across the end: #GP(0)", t, GP, 0);
    is("at its beginning", t.ip, 0xff);
    faults("#GP(0) of a near JMP beyond the limit",
        (data[0] = 0xe9, poke<u32>(word(data) + 1, 0x200), jump(segment(0xff, 0x409b), 0, 0, false)), GP, 0);
}

extern "C" void guest() {
    limits();
    loads();
    looks();
    local();
    code();
}
