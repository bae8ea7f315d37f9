// SPDX-License-Identifier: MIT
// Stops are the same whether blocks look for them or the CPU goes a tick at a time.
#include "cpu/exec/fast/runner.h"
#include "tests/debugger/board.h"
#include <gtest/gtest.h>

using namespace debugger;

namespace {

// Of every kind that the fast engine runs otherwise: a fused branch, a pair, a repeated one, a call and its return, what only the reference
// engine has, a port. It means the same in all modes; SI is where the function is.
constexpr const char* program =
    "31 c9 "            // 00 xor ecx, ecx
    "ff c1 83 f9 05 "   // 02 inc ecx    04 cmp ecx, 5
    "75 f9 "            // 07 jne 02
    "f3 aa "            // 09 rep stosb
    "ff d6 "            // 0b call si
    "01 c3 11 da "      // 0d add ebx, eax    0f adc edx, ebx
    "9c 9d "            // 11 pushf    12 popf
    "e4 80 "            // 13 in al, 80
    "6a 01 58 "         // 15 push 1    17 pop ax
    "eb e6";            // 18 jmp 00
constexpr const char* function = "ff c0 39 c3 74 00 c3";       // 40 inc eax    42 cmp ebx, eax    44 je 46    46 ret
constexpr u8 places[] = {0x00, 0x02, 0x04, 0x07, 0x09, 0x0b, 0x0d, 0x0f, 0x11, 0x12, 0x13, 0x15, 0x17, 0x18, 0x40, 0x42, 0x44, 0x46};

struct Two {
    explicit Two(TestMode mode) : quick(mode), ticks(mode) {
        for (auto* m : {&quick, &ticks}) {
            m->put_code(program), m->put_code(function, TestMachine::code + 0x40);
            m->cpu.gpr[rsi] = m->cpu.rip() + 0x40, m->cpu.gpr[rdi] = 0x8000, m->cpu.gpr[rax] = m->cpu.gpr[rbx] = 0;
        }
        ticks.session.by_ticks = true;
    }
    void both(const std::string& line) { EXPECT_EQ(quick.said(line), ticks.said(line)) << line; }
    void same(const std::string& what, bool all = true) {
        EXPECT_EQ(quick.cpu.rip(), ticks.cpu.rip()) << what;
        EXPECT_EQ(quick.clock.ticks, ticks.clock.ticks) << what;
        if (all) { EXPECT_EQ(quick.hash(), ticks.hash()) << what; }
    }
    Debugged quick, ticks;
};

u32 next(u32& seed) { return seed = seed * 1664525 + 1013904223, seed >> 16; }

}

TEST(Stops, BlocksStopWhereTicksDo) {
    u32 seed = 1;
    for (auto mode : {TestMode::long64, TestMode::compatibility32, TestMode::protected32, TestMode::real16})
        for (unsigned round = 0; round < 16; round++) {
            Two two(mode);
            for (unsigned warm = round % 2 * 3000; auto* m : {&two.quick, &two.ticks}) m->cpu.run(warm);      // linked and copied blocks, or none yet
            for (unsigned n = round % 4 + 1; n; n--)
                two.both("break " + hex(TestMachine::code + places[next(seed) % std::size(places)] + (n == 3 ? 0x1000 : 0)));
            for (unsigned n = 0; n < 12; n++) {
                two.both("continue");
                two.same("round " + std::to_string(round) + ", stop " + std::to_string(n), n == 11);
                if (n == 6) two.both("delete 1");
                if (next(seed) % 4 == 0) two.both("step");
            }
            if (HasFailure()) return;
        }
}

TEST(Stops, WhatLiesAtTheSameOffsetInAnotherPageStaysInItsBlock) {
    Two two(TestMode::long64);
    for (unsigned n = 0; n < 10; n++) two.both("break " + hex(TestMachine::code + 0x5000 + places[n]));
    two.quick.slices = two.ticks.slices = 20;
    two.both("continue");
    two.same("at the end");
    auto& counters = two.quick.cpu.runner->counters;
    EXPECT_LT(counters.entries, 400u);                   // a slice of a thousand ticks is a few runs of blocks, not hundreds
    EXPECT_FALSE(two.ticks.cpu.runner && two.ticks.cpu.runner->counters.entries);
}

// The same bytes at two linear addresses, called by turns: blocks and links of one are not taken for the other's, whichever was there first,
// while breakpoints come and go in either, at the same offset and at others.
TEST(Stops, CodeAtTwoAddressesStopsAtTheRightOne) {
    constexpr u64 other = 0x410000;                      // by a page of 2 MiB that is physical 0 again
    Two two(TestMode::long64);
    for (auto* m : {&two.quick, &two.ticks}) {
        m->put(0x3000 + 16, u64{0xe7});
        m->put_code("ff c1 ff c2 eb 00 ff c6 c3", 0x10000);                    // inc ecx; inc edx; jmp 10006; inc esi; ret
        m->put_code("ff d5 ff c3 ff d7 eb f8", 0x12000);                     // call rbp; inc ebx; call rdi; jmp
        m->cpu.rip() = 0x12000, m->cpu.gpr[rbp] = 0x10000, m->cpu.gpr[rdi] = other;
        m->slices = 40;
    }
    two.both("continue");                                // blocks and links are there
    u32 seed = 7;
    const u64 offsets[] = {0, 2, 4, 6, 8};
    for (unsigned round = 0; round < 60; round++) {
        if (next(seed) % 3 == 0) two.both("delete all");
        for (unsigned n = next(seed) % 3 + 1; n; n--) two.both("break " + hex((next(seed) % 2 ? other : 0x10000) + offsets[next(seed) % 5]));
        for (auto* m : {&two.quick, &two.ticks}) m->slices = 3;
        for (unsigned n = next(seed) % 4 + 1; n; n--) two.both("continue");
        two.same("round " + std::to_string(round));
        for (auto* m : {&two.quick, &two.ticks}) m->session.over = false;
        if (HasFailure()) return;
    }
}

TEST(Stops, BlocksAreAsBeforeWhenTheLastBreakpointIsGone) {
    Debugged m;
    m.put_code("ff c1 ff c2 ff c1 eb f8");               // inc ecx; inc edx; inc ecx; jmp
    m.command("break 0x10002");
    for (unsigned n = 0; n < 3; n++) EXPECT_EQ(field(m.command("continue").lines[0], "why"), "breakpoint");
    m.command("delete all");
    m.slices = 2;
    m.command("continue");
    EXPECT_TRUE(m.cpu.runner->blocks.marks.none());
    u64 before = m.cpu.runner->blocks.counters.built;
    m.cpu.run(m.clock.ticks + 5000);
    EXPECT_EQ(m.cpu.runner->blocks.counters.built, before);
}

namespace {

std::string field_of(Debugged& m, const std::string& line, const std::string& name) { return field(m.command(line).lines[0], name); }

}

TEST(Stops, AConditionACountAndCommands) {
    Debugged m;
    m.put_code("ff c1 89 0c 25 00 00 02 00 eb f5");      // inc ecx; mov [20000], ecx; jmp
    m.cpu.gpr[rcx] = 0;
    m.command("break 0x10002 if rcx == 5 && dword[0x20000] == 4");
    EXPECT_EQ(field_of(m, "continue", "why"), "breakpoint");
    EXPECT_EQ(m.cpu.gpr[rcx], 5u);
    m.command("delete all");
    m.command("break 0x10002 count 3");
    m.command("continue");
    EXPECT_EQ(m.cpu.gpr[rcx], 9u);
    m.command("delete all");
    m.command("break 0x10002 do registers rcx; continue");
    m.command("break 0x10009 if rcx >= 12");
    auto stop = m.command("continue");
    EXPECT_EQ(m.cpu.gpr[rcx], 12u);
    unsigned said = 0;
    for (auto& l : stop.lines) said += field(l, "name") == "rcx";
    EXPECT_EQ(said, 3u);                                 // 10, 11, 12
    EXPECT_TRUE(m.command("break 0x10002 if rcx ==").failed);
    EXPECT_TRUE(m.command("break 0x10002 if").failed);
    EXPECT_TRUE(m.command("break 0x10002 level=3").failed);
    m.command("delete all");
    m.command("watch 0x20000 4 if [0x20000] == 20");     // what the store has left there
    EXPECT_EQ(field_of(m, "continue", "why"), "watchpoint");
    EXPECT_EQ(m.cpu.gpr[rcx], 20u);
}

TEST(Stops, PlacesInEachSpaceAndContext) {
    for (bool ticks : {false, true}) {
        Debugged m;
        m.session.by_ticks = ticks;
        m.put(0x3000 + 8, u64{0x4000e7});                // linear 2 MiB is physical 4 MiB
        m.put_code("ff c1 89 0d 00 02 00 00 eb f6", 0x400000);               // inc ecx; mov [rip+200], ecx; jmp
        m.cpu.rip() = 0x200000, m.cpu.gpr[rcx] = 0;
        for (auto* where : {"p:0x400002", "g:0x400002", "0x200002", "0x200002 cr3=0x1000", "0x200002 level=1 vpid=0"}) {
            m.command("delete all");
            m.command("break 0x200002 cr3=0x2000"), m.command("break 0x200002 level=2"), m.command("break 0x400002");
            m.command("break " + std::string(where));
            u64 before = m.cpu.gpr[rcx];
            auto stop = m.command("continue");
            EXPECT_EQ(field(stop.lines[0], "why"), "breakpoint") << where;
            EXPECT_EQ(m.cpu.rip(), 0x200002u) << where;
            EXPECT_EQ(m.cpu.gpr[rcx], before + 1) << where;
        }
        m.command("delete all");
        m.command("watch p:0x400208 4");
        EXPECT_EQ(field_of(m, "continue", "why"), "watchpoint");
        EXPECT_EQ(m.cpu.rip(), 0x200008u);
    }
}

TEST(Stops, Events) {
    struct { const char* code; const char* stop; u64 rip; const char* other; } cases[] = {
        {"90 e4 80 eb fe", "port 0x80", 0x10001, "port 0x80 w"},
        {"90 e6 80 eb fe", "port 0x70-0x8f w", 0x10001, "port 0x81"},
        {"b9 10 00 00 00 0f 32 eb fe", "msr 0x10", 0x10005, "msr 0x10 w"},
        {"0f 20 d8 0f 22 d8 eb fe", "cr 3", 0x10003, "cr 4"},
        {"90 0f 0b", "exception ud", 0x11000, "exception pf"},
        {"90 cd 20 eb fe", "interrupt 0x20", 0x11000, "interrupt 0x21"},
        {"90 0f 01 3c 25 00 00 01 00 eb fe", "tlb-drop INVLPG", 0x10009, "tlb-drop MOV_CR3"},
        {"0f 20 d8 0f 22 d8 eb fe", "tlb-drop MOV_CR3", 0x10006, "tlb-drop INVEPT"}};
    for (auto& c : cases)
        for (bool ticks : {false, true}) {
            Debugged m;
            m.session.by_ticks = ticks;
            for (u64 vector : {6, 0x20}) m.put(TestMachine::idt + vector * 16, u64{0x00008e0000081000} | u64{1} << 48), m.put(TestMachine::idt + vector * 16 + 8, u64{0});
            m.put_code("eb fe", 0x11000);
            m.put_code(c.code);
            m.command("stop " + std::string(c.other));
            m.command("stop " + std::string(c.stop));
            auto stop = m.command("continue");
            EXPECT_EQ(field(stop.lines[0], "why"), "event") << c.stop;
            EXPECT_EQ(field(stop.lines[0], "id"), "2") << c.stop;
            EXPECT_EQ(m.cpu.rip(), c.rip) << c.stop;
        }
}

TEST(Stops, EachKindHasHelpAndAWayToBeSeen) {
    for (auto& k : stop_kinds()) {
        EXPECT_FALSE(k.help.empty()) << k.name;
        EXPECT_EQ(find_stop_kind(k.name), &k);
        EXPECT_EQ(k.meets != nullptr, k.seen == Seen::instruction) << k.name;
        EXPECT_EQ(k.looks_at != nullptr, k.seen == Seen::change) << k.name;
        EXPECT_EQ(k.which != 0, k.seen == Seen::instruction || k.seen == Seen::notice) << k.name;
        Debugged m;
        EXPECT_TRUE(m.command("stop " + std::string(k.name) + " ( ) nonsense").failed) << k.name;
    }
}

TEST(Stops, OutIsBehindTheReturnOfThisDepth) {
    Debugged m;
    m.put_code("e8 0b 00 00 00 90 eb fe");               // call 10010; nop; jmp $
    m.put_code("e8 0b 00 00 00 90 c3", 0x10010);         // call 10020; nop; ret
    m.put_code("90 c3", 0x10020);
    m.command("until 0x10010");
    m.command("out");                                    // not behind the inner one
    EXPECT_EQ(m.cpu.rip(), 0x10005u);
    m.cpu.rip() = 0x10000;
    m.command("until 0x10021");
    m.command("out");
    EXPECT_EQ(m.cpu.rip(), 0x10015u);
}

TEST(Stops, AChangeOfModeIsSeen) {
    Debugged m(TestMode::protected32);
    m.put_code("0f 20 c0 0f ba f0 12 0f 22 c0 83 c8 00 25 fe ff ff ff 0f 22 c0 eb fe");      // cr0: clear AM; then PE
    m.command("stop mode");
    EXPECT_EQ(field_of(m, "continue", "kind"), "mode");
    EXPECT_EQ(m.cpu.rip(), 0x10015u);
}
