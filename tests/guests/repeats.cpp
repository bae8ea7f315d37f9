// SPDX-License-Identifier: MIT
// Guest, 64-bit: repeated string instructions over the ends of pages, up and down, in each width: where a fault finds them and how they go on,
// overlapping copies, code copied over code and over the instruction itself (SDM vol. 2, REP, MOVS, STOS, LODS, SCAS, CMPS).
#include "code.h"
#include "frame.h"

static constexpr word va = 0x8000000000;
static constexpr u64 all = P | W | U;

static Frame seen;
static word seen_cr2, give;               // at a fault: the entry that the page gets, 0 to stop
extern "C" word repeats_sp;
word repeats_sp;
extern "C" char repeats_stop[];
asm(".pushsection .text.aside, \"ax\"; repeats_run: push %rbx; push %rbp; mov %rsp, repeats_sp; call *%rbx; repeats_stop: mov repeats_sp, %rsp; cld; pop %rbp; pop %rbx; ret; .popsection");
static void fault(Frame& f) {
    seen = f, seen_cr2 = get_cr2();
    if (give) map(seen_cr2 & ~0xffful, give);
    else f.ip = word(repeats_stop);
}

struct State { word ax, cx, si, di, flags; };
// One instruction as machine code: F3 or F2, the opcode in a width; with DF as wanted, and ZF set in front of it.
static word code_at;
static State run(u8 prefix, u8 opcode, unsigned width, bool down, State s) {
    Code c{page(9) + 0xff0};
    c.bytes(down ? 0xfd : 0xfc).bytes(0x38, 0xc9);                         // CMP CL, CL
    if (width == 2) c.bytes(0x66);
    code_at = c.at - (width == 2);
    c.bytes(prefix);
    if (width == 8) c.bytes(0x48);
    c.bytes(u8(opcode - (width == 1))).bytes(0x9c, 0x5a, 0xfc, 0xc3);      // pushf; pop rdx; cld; ret
    word dx = 0;
    asm volatile("call repeats_run" : "+a"(s.ax), "+c"(s.cx), "+S"(s.si), "+D"(s.di), "+d"(dx) : "b"(page(9) + 0xff0) : "memory", "cc", "r8", "r9", "r10", "r11");
    s.flags = dx;
    return s;
}
enum : u8 { rep = 0xf3, repne = 0xf2, movs = 0xa5, cmps = 0xa7, stos = 0xab, lods = 0xad, scas = 0xaf };

static u8 byte(word i) { return u8(i * 7 + (i >> 8) * 3 + 1); }
static void fill() {
    for (word n = 0; n < 4; n++)
        for (word i = 0; i < 4096; i++) poke<u8>(page(unsigned(n)) + i, byte(n * 4096 + i));
}

// ---- stores over the end of a page whose neighbour is not there: what was done, and the rest once it is there

static void one_fill(bool& exact, bool& resumed, unsigned width, bool down, word before_end, word count) {
    for (word pass = 0; pass < 2; pass++) {
        // Pages at va (0) and va + 1000h (1). Up: from before the end of the first; down: from above the start of the second.
        word absent = va + (down ? 0 : 0x1000);
        map(va, page(0) | all), map(va + 0x1000, page(1) | all);
        for (word i = 0; i < 64; i++) poke<u8>(va + 0x1000 - 32 + i, 0);
        map(absent, 0);
        give = pass ? page(down ? 0 : 1) | all : 0;
        word from = down ? va + 0x1000 + before_end : va + 0x1000 - before_end;
        hook(PF, fault);
        State s = run(rep, stos, width, down, {0x1122334455667788, count, 0, from, 0});
        hook(PF, nullptr);
        // Elements that lie wholly in the page that is there come first.
        word fit = down ? (before_end + width) / width : before_end / width;
        if (down && before_end % width && before_end < width) fit = 1;
        word step = down ? 0 - word(width) : width;
        word at_fault = from + fit * step;
        if (fit >= count) {
            exact &= s.cx == 0 && s.di == from + count * step;
            continue;
        }
        exact &= seen.cx == count - fit && seen.di == at_fault && seen.ip == code_at && (seen.code & 3) == 2;
        if (!down) exact &= seen_cr2 == va + 0x1000;
        else exact &= seen_cr2 >= at_fault && seen_cr2 < va + 0x1000;
        if (pass == 0) {
            exact &= s.cx == count - fit && s.di == at_fault;
            continue;
        }
        resumed &= s.cx == 0 && s.di == from + count * step;
        word low = down ? from - (count - 1) * width : from;
        for (word i = 0; i < count * width; i++) resumed &= peek<u8>(low + i) == u8(0x1122334455667788 >> 8 * (i % width));
        resumed &= peek<u8>(low - 1) == 0 && peek<u8>(low + count * width) == 0;
    }
}
static void fills() {
    for (unsigned width = 1; width <= 8; width *= 2)
        for (bool down : {false, true}) {
            bool exact = true, resumed = true;
            for (word before_end = 0; before_end <= 17; before_end++)
                for (word count = 1; count <= (width == 8 ? 3 : width == 4 ? 5 : 7); count++) {
                    if (down && before_end % width) continue;  // misaligned: below, by way of MOVS
                    one_fill(exact, resumed, width, down, before_end, count);
                }
            static const char* names[] = {"STOSB", "STOSW", "", "STOSD", "", "", "", "STOSQ"};
            print(down ? "downwards\n" : "upwards\n");
            holds(names[width - 1], exact), holds("  goes on", resumed);
        }
    map(va, page(0) | all), map(va + 0x1000, page(1) | all);
}

// ---- copies: source and destination over ends of pages, each absent at first

static void copies() {
    bool exact = true, whole = true;
    // Source pages 0 and 1 at va, destination pages 4 and 5 at va + 10000h.
    for (unsigned width = 1; width <= 8; width *= 2)
        for (word s = 0; s <= 12; s += 3)
            for (word d = 0; d <= 12; d += 4)
                for (u32 which = 0; which < 4; which++) {
                    fill();
                    memset(reinterpret_cast<void*>(page(4)), 0, 8192);
                    word count = 5, source = va + 0x1000 - s, destination = va + 0x11000 - d;
                    map(va, page(0) | all), map(va + 0x1000, which & 1 ? 0 : page(1) | all);
                    map(va + 0x10000, page(4) | all), map(va + 0x11000, which & 2 ? 0 : page(5) | all);
                    hook(PF, fault);
                    give = 0;
                    State st = run(rep, movs, width, false, {0, count, source, destination, 0});
                    hook(PF, nullptr);
                    word fit = count;
                    if (which & 1 && s / width < fit) fit = s / width;
                    if (which & 2 && d / width < fit) fit = d / width;
                    exact &= st.cx == count - fit && st.si == source + fit * width && st.di == destination + fit * width;
                    if (fit < count) exact &= seen.ip == code_at && seen_cr2 == (which & 1 && s / width == fit ? va + 0x1000 : va + 0x11000);
                    map(va + 0x1000, page(1) | all), map(va + 0x11000, page(5) | all);
                    st = run(rep, movs, width, false, {0, st.cx, st.si, st.di, 0});
                    for (word i = 0; i < count * width; i++) whole &= peek<u8>(destination + i) == byte(0x1000 - s + i);
                    whole &= peek<u8>(destination - 1) == 0 && peek<u8>(destination + count * width) == 0;
                }
    holds("MOVS with the second page of either side absent", exact), holds("  goes on", whole);
    // Long copies over several pages, up and down, one page read-only until it is refused.
    bool good = true;
    for (bool down : {false, true})
        for (unsigned width = 1; width <= 8; width *= 2) {
            fill();
            for (word n = 0; n < 3; n++) map(va + n * 0x1000, page(unsigned(n)) | all), map(va + 0x10000 + n * 0x1000, page(unsigned(n + 4)) | (n == 1 ? P | U : all));
            memset(reinterpret_cast<void*>(page(4)), 0, 3 * 4096);
            give = page(5) | all;
            hook(PF, fault);
            word bytes = 0x2800 / 8 * 8, count = bytes / width, source = va + 0x123, destination = va + 0x10000 + 0x251;
            State st = run(rep, movs, width, down, {0, count, down ? source + bytes - width : source, down ? destination + bytes - width : destination, 0});
            hook(PF, nullptr);
            good &= st.cx == 0 && seen.code == 3;
            for (word i = 0; i < bytes; i++) good &= peek<u8>(destination + i) == byte(0x123 + i);
            good &= peek<u8>(destination - 1) == 0 && peek<u8>(destination + bytes) == 0;
        }
    holds("long copies up and down, a page made writable on the way", good);
    // Overlaps, by the distance of the two: an element at a time (SDM vol. 2, MOVS).
    good = true;
    static u8 model[512];
    for (bool down : {false, true})
        for (unsigned width = 1; width <= 8; width *= 2)
            for (s64 distance : {-17, -8, -7, -4, -3, -2, -1, 0, 1, 2, 3, 4, 7, 8, 9, 16, 17, 64}) {
                word base = va + 0xf80;
                map(va, page(0) | all), map(va + 0x1000, page(6) | all);
                for (word i = 0; i < 512; i++) model[i] = byte(i), poke<u8>(base + i, byte(i));
                word count = 24, source = 128, destination = word(128 + distance);
                if (down) source += (count - 1) * width, destination += (count - 1) * width;
                run(rep, movs, width, down, {0, count, base + source, base + destination, 0});
                for (word n = 0; n < count; n++) {
                    word off = down ? 0 - n * width : n * width;
                    u8 element[8];
                    for (unsigned b = 0; b < width; b++) element[b] = model[source + off + b];
                    for (unsigned b = 0; b < width; b++) model[destination + off + b] = element[b];
                }
                for (word i = 0; i < 512; i++) good &= peek<u8>(base + i) == model[i];
            }
    holds("overlapping copies, eighteen distances, four widths, both ways", good);
    // The same page at two addresses: an overlap that linear addresses don't show.
    good = true;
    map(va + 0x20000, page(0) | all), map(va, page(0) | all);
    for (unsigned width = 1; width <= 8; width *= 2) {
        for (word i = 0; i < 512; i++) model[i] = byte(i), poke<u8>(va + i, byte(i));
        run(rep, movs, width, false, {0, 20, va + 16, va + 0x20000 + 16 + width, 0});
        for (word n = 0; n < 20 * width; n++) model[16 + width + n] = model[16 + n];
        for (word i = 0; i < 512; i++) good &= peek<u8>(va + i) == model[i];
    }
    holds("an overlap of aliases", good);
}

// ---- LODS, SCAS, CMPS

static void scans() {
    fill();
    bool good = true;
    map(va, page(0) | all), map(va + 0x1000, 0);
    hook(PF, fault);
    give = 0;
    for (unsigned width = 1; width <= 8; width *= 2)
        for (word s = 0; s <= 16; s++) {
            word source = va + 0x1000 - s, fit = s / width;
            State st = run(rep, lods, width, false, {0x5a5a5a5a5a5a5a5a, 20, source, 0, 0});
            good &= st.cx == 20 - fit && st.si == source + fit * width && seen.ip == code_at && seen_cr2 == va + 0x1000;
            u64 last = 0;
            for (unsigned b = 0; b < width; b++) last |= u64(peek<u8>(source + (fit - 1) * width + b)) << 8 * b;
            if (fit && width == 8) good &= st.ax == last;
            if (fit && width == 4) good &= st.ax == last;
            if (fit && width == 2) good &= st.ax == (0x5a5a5a5a5a5a0000 | last);
            if (fit && width == 1) good &= st.ax == (0x5a5a5a5a5a5a5a00 | last);
            // SCAS for what is not there: goes on to the fault, which finds AMD's flags as the comparison before has left them, and
            // Intel's as they were in front of the instruction: with ZF set (SDM vol. 2, REP).
            memset(reinterpret_cast<void*>(page(0) + 0xf00), 5, 256);
            st = run(repne, scas, width, false, {0, 20, 0, source, 0});
            good &= st.cx == 20 - fit && st.di == source + fit * width && seen.ip == code_at && seen_cr2 == va + 0x1000;
            if (fit) good &= (seen.flags & 0x40) == (is_amd() ? 0 : 0x40);
            u64 fives = 0x0505050505050505;
            st = run(rep, scas, width, false, {fives, 20, 0, source, 0});
            good &= st.cx == 20 - fit && st.di == source + fit * width;
            if (fit) good &= (seen.flags & 0x40) != 0;
            st = run(rep, cmps, width, false, {0, 20, va + 0xf00, source, 0});
            good &= st.cx == 20 - fit && st.di == source + fit * width && st.si == va + 0xf00 + fit * width && seen_cr2 == va + 0x1000;
            for (word i = 0; i < 256; i++) poke<u8>(page(0) + 0xf00 + i, byte(0xf00 + i));
        }
    hook(PF, nullptr);
    holds("LODS, SCAS and CMPS up to a page that is absent", good);
    map(va + 0x1000, page(1) | all);
    good = true;
    for (unsigned width = 1; width <= 8; width *= 2)
        for (word where = 0; where < 40; where++)
            for (bool down : {false, true}) {
                for (word i = 0; i < 0x200; i++) poke<u8>(va + 0xf00 + i, 0), poke<u8>(page(6) + i, 0);
                word count = 32, low = va + 0x1000 - 16 * width + 3, other = page(6) + 5, step = down ? 0 - word(width) : width;
                word from = down ? low + (count - 1) * width : low, from2 = down ? other + (count - 1) * width : other;
                word found = where < count ? where : count;    // the element that differs, in the order of the scan
                if (where < count) poke<u8>(from + where * step + width - 1, 0x80);
                State st = run(rep, scas, width, down, {0, count, 0, from, 0});
                word done = where < count ? found + 1 : count;
                good &= st.cx == count - done && st.di == from + done * step && !(st.flags & 0x40) == (where < count);
                if (where < count) good &= (st.flags & 0x8d5) == (0x881 | (width > 1 ? 4 : 0));        // 0 - 80...0: CF, OF, SF; PF of the low byte
                st = run(repne, scas, width, down, {0x80ull << 8 * (width - 1), count, 0, from, 0});
                good &= st.cx == count - done && !(st.flags & 0x40) == !(where < count);
                st = run(rep, cmps, width, down, {0, count, from2, from, 0});
                good &= st.cx == count - done && st.si == from2 + done * step && !(st.flags & 0x40) == (where < count);
            }
    holds("SCAS and CMPS stop at the element, over a page's end, both ways", good);
    // RCX = 0 does nothing, whatever the addresses.
    good = true;
    for (u8 opcode : {movs, cmps, stos, lods, scas}) {
        State st = run(rep, opcode, 4, false, {7, 0, 0x800000000000, 0x800000000000, 0});
        good &= st.cx == 0 && st.ax == 7 && st.si == 0x800000000000 && st.di == 0x800000000000;
    }
    holds("with RCX 0 nothing", good);
}

// ---- over code

static void over_code() {
    // A copy over hot functions, page by page and by bytes; the copies run.
    bool good = true;
    for (u32 n = 0; n < 60; n++) put(page(10) + n * 64, n), put(page(11) + n * 64, n + 500);
    memcpy(reinterpret_cast<void*>(page(12)), reinterpret_cast<void*>(page(10)), 4096);
    map(va, page(12) | all);
    for (u32 i = 0; i < 50; i++) {
        unsigned from = i & 1 ? 10 : 11;
        run(rep, movs, 1u << i % 4, i & 4, {0, 4096ul >> i % 4, page(from) + (i & 4 ? 4096 - (1u << i % 4) : 0), va + (i & 4 ? 4096 - (1u << i % 4) : 0), 0});
        for (u32 n = 0; n < 60; n += 7) good &= gives(page(12) + n * 64, n + (i & 1 ? 0 : 500), 3) && call(va + n * 64) == n + (i & 1 ? 0 : 500);
    }
    holds("whole pages of hot functions copied over, 50 times", good);
    // Over itself: REP STOSB fills its own instruction with NOPs. The iterations that remain: the instruction is fetched once for each part
    // between events; either it goes on to the end or is a NOP in the middle. What follows is NOPs and RET in any case.
    good = true;
    for (u32 i = 0; i < 20; i++) {
        word at = page(13) + 0x20;
        Code{at}.bytes(0xf3, 0xaa).fill(at + 0x80).bytes(0xc3);
        word cx = 0x60, di = at;
        asm volatile("call *%2" : "+c"(cx), "+D"(di) : "r"(at), "a"(0x90) : "memory");
        good &= di > at && di <= at + 0x61 && peek<u8>(at) == 0x90;
    }
    holds("REP STOSB over itself", good);
    // Over the code right behind it, over what called it.
    good = true;
    for (u32 i = 0; i < 100; i++) {
        word at = page(14) + 0xfe0;       // behind it: the next page's code
        static u8 image[64];
        Code{word(image)}.eax(i).bytes(0xc3);
        Code{at}.bytes(0xf3, 0xa4).eax(9999).bytes(0xc3);
        word ax, cx = 6, di = at + 2, si = word(image);
        asm volatile("call *%4" : "=a"(ax), "+c"(cx), "+D"(di), "+S"(si) : "r"(at) : "memory");
        good &= ax == i;
    }
    holds("REP MOVSB over what is behind it, 100 times", good);
    good = true;
    for (u32 i = 0; i < 100; i++) {
        static u8 image[16];
        word f = page(15) + 0x100, g = page(16) + 0x40;
        Code{g}.bytes(0xf3, 0xa4, 0xc3);  // rep movsb; ret
        Code c{f};
        c.call(g);
        word behind = c.at;
        c.eax(9999).ret();
        Code{word(image)}.eax(i * 3).bytes(0xc3);
        word ax, cx = 6, di = behind, si = word(image);
        asm volatile("call *%4" : "=a"(ax), "+c"(cx), "+D"(di), "+S"(si) : "r"(f) : "memory");
        good &= ax == i * 3;
    }
    holds("over what it returns to", good);
}

extern "C" void guest() {
    fills();
    copies();
    scans();
    over_code();
}
