// SPDX-License-Identifier: MIT
// Guest, 64-bit: single steps and breakpoints that come and go over hot, linked code (SDM vol. 3, 17.2 and 17.3): each step counted, each
// breakpoint hit as often as its instruction runs, none when it is disarmed, and the code's result the same.
#include "code.h"
#include "frame.h"

static volatile u32 count, wrong;
static volatile word last_ip;
static word expected_dr6, low_ip, high_ip;
static bool resume;
static constexpr word b0 = 1, b1 = 2, bs = 1 << 14, ones = 0xffff0ff0;

static void note(Frame& f) {
    count = count + 1;
    if (get_dr6() != (ones | expected_dr6)) wrong = wrong + 1;
    if (f.ip < low_ip || f.ip > high_ip) wrong = wrong + 1;
    set_dr6(ones);
    if (resume) f.flags |= 1 << 16;
    last_ip = f.ip;
}
static void expect(word dr6, word from, word to, bool rf = false) {
    count = 0;
    wrong = 0;
    expected_dr6 = dr6, low_ip = from, high_ip = to, resume = rf;
    set_dr6(ones);
}
static void arm(unsigned n, word address, unsigned kind, unsigned size) {  // size: 0 for 1 byte, 1 for 2, 3 for 4, 2 for 8
    if (n == 0) set_dr0(address);
    else set_dr1(address);
    set_dr7(0x400 | 1u << 2 * n | (kind | size << 2) << (16 + 4 * n));
}
static void disarm() { set_dr7(0x400); }

// EAX += 1 and memory += 1, n times: 5 instructions a round; then RET. Linked at a page's end.
static word loop_at;
static u64 cell[8] __attribute__((aligned(64)));
static void make() {
    Code c{page(0) + 0xff8};
    loop_at = c.at;
    c.bytes(0x83, 0xc0, 0x01, 0xff, 0x07, 0x8b, 0x17, 0xff, 0xc9).jcc(5, loop_at).ret();      // add eax,1; inc [rdi]; mov edx,[rdi]; dec ecx; jnz
}
static bool bare(u32 n) {                 // without a look at the cell
    word ax = 0, cx = n, di = word(cell);
    asm volatile("call *%3" : "+a"(ax), "+c"(cx), "+D"(di) : "r"(loop_at) : "rdx", "memory", "cc");
    return ax == n;
}
static bool loop(u32 n) {
    u32 before = u32(cell[0]);
    return bare(n) && u32(cell[0]) == before + n;
}
static bool stepped(u32 n) {
    word ax = 0, cx = n, di = word(cell);
    u32 before = u32(cell[0]);
    asm volatile("pushf; orl $0x100, (%%rsp); popf; call *%3; pushf; andl $~0x100, (%%rsp); popf" : "+a"(ax), "+c"(cx), "+D"(di) : "r"(loop_at) : "rdx", "memory", "cc");
    return ax == n && u32(cell[0]) == before + n;
}

static void single_steps() {
    bool good = true;
    for (u32 i = 0; i < 50; i++) {
        good &= loop(100) && loop(37);
        expect(bs, 0, ~word(0));
        good &= stepped(20);
        // CALL, 20 times 5, RET, PUSHF, AND, POPF.
        good &= count == 1 + 100 + 1 + 3 && wrong == 0;
        good &= loop(100) && count == 105;
    }
    holds("single steps of hot code, on and off 50 times", good);
    // TF set by IRET for one instruction at each place of the loop.
    hook(0x50, [](Frame& f) { f.flags |= 0x100, f.ip = loop_at; });
    hook(DB, [](Frame& f) { note(f), f.flags &= ~word(0x100); });
    good = true;
    for (u32 i = 0; i < 50; i++) {
        expect(bs, loop_at + 3, loop_at + 3);
        u32 before = u32(cell[0]);
        word ax = 0, cx = 30, di = word(cell);
        asm volatile("call 1f; jmp 2f; 1: int $0x50; ud2; 2:" : "+a"(ax), "+c"(cx), "+D"(di) :: "rdx", "memory", "cc");
        good &= count == 1 && wrong == 0 && ax == 30 && u32(cell[0]) == before + 30;
    }
    holds("one step by IRET into hot code", good);
    hook(0x50, nullptr);
    hook(DB, note);
}

static void breakpoints() {
    static const word places[] = {0, 3, 5, 7, 9, 15};
    bool code = true, off = true;
    for (u32 round = 0; round < 10; round++)
        for (word place : places) {
            off &= loop(50);
            expect(b0, loop_at + place, loop_at + place, true);
            arm(0, loop_at + place, 0, 0);
            code &= loop(20) && count == (place == 15 ? 1 : 20) && wrong == 0;
            disarm();
            off &= loop(50) && count == (place == 15 ? 1 : 20);
        }
    holds("code breakpoints at each instruction of a hot loop", code), holds("  and none when disarmed", off);
    bool data = true;
    off = true;
    for (u32 round = 0; round < 30; round++) {
        off &= loop(50);
        expect(b1, loop_at + 5, loop_at + 5);
        arm(1, word(cell), 1, 3);         // writes: INC
        data &= loop(20) && count == 20 && wrong == 0;
        expect(b1, loop_at + 5, loop_at + 7);
        arm(1, word(cell), 3, 3);         // reads and writes: INC and MOV
        data &= bare(20) && count == 40 && wrong == 0;
        expect(0, 0, 0);
        arm(1, word(cell) + 8, 3, 2);     // beside it
        data &= loop(20) && count == 0;
        disarm();
        off &= loop(50) && count == 0;
    }
    holds("data breakpoints on what a hot loop writes and reads", data), holds("  and none when disarmed", off);
    // A breakpoint with a step: both at once; on a page's other end nothing.
    bool both = true;
    for (u32 round = 0; round < 20; round++) {
        arm(1, word(cell), 1, 3);
        set_dr6(ones);
        hook(DB, [](Frame&) {
            count = count + 1;
            word d = get_dr6();
            if (d == (ones | bs | b1)) wrong = wrong + 1;
            set_dr6(ones);
        });
        count = 0;
        wrong = 0;
        both &= stepped(10) && count == 1 + 50 + 1 + 3 && wrong == 10;
        disarm();
        hook(DB, note);
        both &= loop(30);
    }
    holds("steps and data breakpoints at once", both);
    // Armed by the code itself, in the midst of a block: the next instruction's write is caught.
    bool within = true;
    for (u32 i = 0; i < 50; i++) {
        expect(b1, 0, ~word(0));
        set_dr1(word(cell) + 16);
        word armed = 0x400 | 4 | (1u | 3u << 2) << 20, off = 0x400;
        asm volatile("movl $1, 16(%0); mov %1, %%db7; movl $2, 16(%0); movl $3, 16(%0); mov %2, %%db7; movl $4, 16(%0)" :: "r"(cell), "r"(armed), "r"(off) : "memory");
        within &= count == 2 && wrong == 0 && u32(cell[2]) == 4;
    }
    holds("armed and disarmed within a block", within);
    // REP STOSB: one for each iteration that touches.
    bool rep = true;
    for (u32 i = 0; i < 30; i++) {
        asm volatile("rep stosb" :: "a"(0), "c"(64), "D"(cell) : "memory");
        expect(b1, 0, ~word(0));
        arm(1, word(cell) + 20, 1, 3);
        word cx = 64, di = word(cell);
        asm volatile("rep stosb; nop" : "+c"(cx), "+D"(di) : "a"(i) : "memory");
        rep &= count == 4 && wrong == 0 && cx == 0;
        disarm();
    }
    holds("REP STOSB over a breakpoint", rep);
}

// RF: IRET with RF into a breakpoint does not hit it again; the next round does.
static void resume_flag() {
    expect(b0, loop_at, loop_at, true);
    arm(0, loop_at, 0, 0);
    bool good = true;
    for (u32 i = 1; i <= 30; i++) count = 0, good &= loop(i) && count == i && wrong == 0;
    disarm();
    holds("RF lets each hit go on once", good);
    // Patched under a breakpoint.
    u8 old = peek<u8>(loop_at + 2);
    good = true;
    for (u32 i = 0; i < 20; i++) {
        poke<u8>(loop_at + 2, 2);
        expect(b0, loop_at + 3, loop_at + 3, true);
        arm(0, loop_at + 3, 0, 0);
        word ax = 0, cx = 10, di = word(cell);
        asm volatile("call *%3" : "+a"(ax), "+c"(cx), "+D"(di) : "r"(loop_at) : "rdx", "memory", "cc");
        good &= ax == 20 && count == 10;
        disarm();
        poke<u8>(loop_at + 2, old);
        good &= loop(10);
    }
    holds("code patched with a breakpoint armed", good);
}

extern "C" void guest() {
    make();
    hook(DB, note);
    single_steps();
    breakpoints();
    resume_flag();
}
