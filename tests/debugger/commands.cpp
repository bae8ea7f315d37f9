// SPDX-License-Identifier: MIT
// The table of commands, run control, and that looking leaves no trace.
#include "cpu/vmx/vmx.h"
#include "tests/debugger/board.h"
#include <gtest/gtest.h>
#include <map>
#include <set>

using namespace debugger;

namespace {

// 10000: inc ecx; 10002: cmp ecx, 5; 10005: jne 10000; 10007: mov [20000], ecx; 1000e: call 10020; 10013: jmp $; 10020: mov eax, 7; ret
constexpr const char* loop = "ff c1 83 f9 05 75 f9 89 0c 25 00 00 02 00 e8 0d 00 00 00 eb fe";
constexpr const char* function = "b8 07 00 00 00 c3";

void load(Debugged& m) {
    m.put_code(loop), m.put_code(function, 0x10020);
    m.cpu.gpr[rcx] = 0;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

// What is known to look, with words that make it look at something.
const std::multimap<std::string, std::string> looks{
    {"list", ""}, {"registers", ""}, {"registers", "all"}, {"registers", "segments"}, {"registers", "cr0"}, {"msr", ""}, {"msr", "0x10"},
    {"memory", "rip 64"}, {"memory", "p:0xfee00000"}, {"memory", "g:0x1000"}, {"memory", "0x40000000"}, {"search", "0x10000 0x1000 ff c1"}, {"search", "p:0 0x1000000 \"no such text\""}, {"disassemble", ""}, {"disassemble", "0x10000 5 16"},
    {"walk", "0x10000"}, {"walk", "0x40000000 w u"}, {"walk", "0x20000 w"}, {"walk", "g:0x1000"}, {"walk", "0x8000000000000000"}, {"walk", "--step"}, {"walk", "--next"}, {"what-if", "0x10000 w cr3=0x5000"}, {"map", ""}, {"map", "0x10000 0x10000"}, {"stack", ""},
    {"levels", ""}, {"why", "vector 0x30"}, {"why", "nmi"}, {"apic", ""}, {"vmcs", "check all"}, {"vmcs", "changed"}, {"vmcb", "p:0x30000 changed"}, {"exits", "5 hlt"}, {"tlb", "stale"}, {"tlb", "drops"}, {"tlb", ""}, {"tlb", "all"}, {"tlb", "0x10000"}, {"vmcs", ""}, {"vmcs", "check"}, {"vmcs", "guest"}, {"vmcb", ""}, {"vmcb", "p:0x30000"}, {"vmcb", "check"}, {"exits", ""}, {"exits", "1000"},
    {"state", ""}, {"caches", ""}, {"devices", ""}, {"devices", "pic"}, {"stale", ""}, {"hash", ""}, {"help", ""}, {"help", "step"}};

}

TEST(Debugger, EachCommandHasANameArgumentsAndHelp) {
    std::set<std::string_view> names;
    for (auto& c : commands()) {
        EXPECT_TRUE(names.insert(c.name).second) << c.name;
        EXPECT_TRUE(c.brief.empty() || names.insert(c.brief).second) << c.brief;
        EXPECT_FALSE(c.help.empty()) << c.name;
        EXPECT_EQ(c.arguments.empty(), c.most == 0) << c.name;
        EXPECT_LE(c.least, c.most) << c.name;
        EXPECT_NE(c.run, nullptr) << c.name;
        EXPECT_EQ(find_command(c.name), &c) << c.name;
    }
}

TEST(Debugger, WhatCannotBeUsedIsAnError) {
    Debugged m;
    for (auto& c : commands()) {
        std::string line(c.name);
        for (unsigned n = 0; n <= c.most; n++) line += " 1";
        EXPECT_TRUE(m.command(line).failed) << line;
    }
    for (auto* line : {"nonsense", "step x", "step 0", "step -1", "registers nonsense", "memory", "memory rax+", "memory 0x1000 0", "memory 0x1000 99999999", "walk p:0", "walk 0 q",
                       "disassemble 0x10000 1 8", "watch 0 q", "watch 0 0", "delete 99", "set nonsense 1", "set cpl 0", "set rax", "write 0x1000 100", "write 0x1000 xx", "msr 0x12345", "json"})
        EXPECT_TRUE(m.command(line).failed || has(m.said(line), "\"ok\": false")) << line;
    EXPECT_FALSE(m.command("").failed);
    EXPECT_FALSE(m.command("# remark").failed);
}

// What runs a guest or changes it says so: everything else is tried, and each at least once.
TEST(Debugger, LookingLeavesNoTrace) {
    std::pair<TestMode, const char*> machines[] = {{TestMode::long64, "max-intel"}, {TestMode::long64, "max-amd"}, {TestMode::protected32, "nehalem-ep"}, {TestMode::real16, "max-amd"}};
    for (auto& [mode, model] : machines) {
        Debugged m(mode, model);
        load(m);
        m.command("step 3");
        m.command("break 0x10007");
        for (auto& c : commands()) EXPECT_EQ(c.looks, looks.count(std::string(c.name)) > 0) << c.name;
        for (auto& [name, words] : looks) {
            u64 before = m.hash();
            m.command(name + " " + words), m.command("json " + name + " " + words);
            EXPECT_EQ(m.hash(), before) << name << " " << words;
        }
    }
}

TEST(Debugger, ABreakpointStopsBeforeTheInstructionInBothEngines) {
    for (auto engine : {Engine::fast, Engine::slow}) {
        Debugged m;
        load(m);
        m.cpu.engine = engine;
        m.command("break 0x10007");
        auto stop = m.command("continue");
        EXPECT_EQ(field(stop.lines[0], "why"), "breakpoint");
        EXPECT_EQ(m.cpu.rip(), 0x10007u);
        EXPECT_EQ(m.cpu.gpr[rcx], 5u);
        EXPECT_EQ(m.cpu.retired, 15u);                   // five times three
        EXPECT_EQ(m.get<u32>(0x20000), 0u);
        m.command("delete all");
        m.command("break 0x10000");
        m.command("set rip 0x10000");
        m.command("set rcx 0");
        m.command("continue");                           // it stands there: the next time round counts
        EXPECT_EQ(m.cpu.gpr[rcx], 1u);
    }
}

TEST(Debugger, StoppingChangesNothing) {
    Debugged watched, free;
    load(watched), load(free);
    watched.command("break 0x10013");
    watched.command("watch 0x9000 rw");
    watched.command("continue");
    free.cpu.run(free.clock.ticks + watched.cpu.retired);
    EXPECT_EQ(watched.cpu.rip(), 0x10013u);
    EXPECT_EQ(watched.hash(), free.hash());
}

TEST(Debugger, AStepIsOneInstructionOrOneIteration) {
    Debugged m;
    m.put_code("f3 aa 90");                              // rep stosb; nop
    m.cpu.gpr[rcx] = 3, m.cpu.gpr[rdi] = 0x20000;
    m.command("break 0x10000");
    m.command("step");
    EXPECT_EQ(m.cpu.gpr[rcx], 2u);
    EXPECT_EQ(m.cpu.rip(), 0x10000u);
    m.command("until 0x10002");                          // the breakpoint on its own instruction is not met again
    EXPECT_EQ(m.cpu.rip(), 0x10002u);
    m.cpu.rip() = 0x10000, m.cpu.gpr[rcx] = 100;
    m.command("next");
    EXPECT_EQ(m.cpu.rip(), 0x10002u);
    EXPECT_EQ(m.cpu.gpr[rcx], 0u);
}

TEST(Debugger, NextStepsOverACall) {
    Debugged m;
    load(m);
    m.command("until 0x1000e");
    m.command("next");
    EXPECT_EQ(m.cpu.rip(), 0x10013u);
    EXPECT_EQ(m.cpu.gpr[rax], 7u);
    m.cpu.rip() = 0x1000e;
    m.command("step");
    EXPECT_EQ(m.cpu.rip(), 0x10020u);
}

TEST(Debugger, AWatchpointStopsBehindTheAccess) {
    struct { const char* watch; bool stops; } cases[] = {
        {"watch 0x20000", true}, {"watch 0x20003", true}, {"watch 0x20004", false}, {"watch 0x1fffc 4", false}, {"watch 0x1fffc 5", true},
        {"watch 0x20000 4 rw", true}, {"watch 0x20000 4 r", false}};
    for (auto& c : cases) {
        Debugged m;
        load(m);
        m.command(c.watch);
        m.command("break 0x10013");
        auto stop = m.command("continue");
        EXPECT_EQ(field(stop.lines[0], "why"), c.stops ? "watchpoint" : "breakpoint") << c.watch;
        if (!c.stops) continue;
        EXPECT_EQ(m.cpu.rip(), 0x1000eu) << c.watch;
        EXPECT_EQ(field(stop.lines[0], "instruction"), "0x10007") << c.watch;
        EXPECT_EQ(field(stop.lines[0], "address"), "0x20000") << c.watch;
        EXPECT_EQ(m.get<u32>(0x20000), 5u) << c.watch;
    }
}

TEST(Debugger, ARunThatEndsSaysSo) {
    Debugged m;
    load(m);
    m.slices = 3;
    EXPECT_EQ(field(m.command("continue").lines[0], "why"), "ended");
    u64 before = m.hash();
    EXPECT_EQ(field(m.command("step").lines[0], "why"), "ended");
    EXPECT_EQ(m.hash(), before);
}

TEST(Debugger, RegistersAreChangedOnlyToWhatAGuestCouldHave) {
    Debugged m;
    for (auto* good : {"set rax 0x123456789abcdef0", "set rflags 0x3202", "set cr2 7", "set fs.base 0x1000", "set cr0 cr0-0x10000", "set dr0 0x10000", "set-msr 0xc0000082 0x1000"})
        EXPECT_FALSE(m.command(good).failed) << good;
    EXPECT_EQ(m.cpu.gpr[rax], 0x123456789abcdef0u);
    EXPECT_EQ(m.cpu.rflags, 0x3202u);
    EXPECT_EQ(m.cpu.msr.lstar, 0x1000u);
    EXPECT_FALSE(m.cpu.control.cr0 & cr0::wp);
    u64 before = m.hash();
    for (auto* bad : {"set cr0 0", "set cr0 cr0-1", "set cr4 0", "set efer 0", "set rflags 0x20202", "set rflags 0x100000000", "set gs.base 0x800000000000", "set cr8 16", "set cr3 0x8000000000000000",
                      "set dr7 0x100000000", "set cs 8", "set-msr 0xc0000082 0x4000000000000000"})
        EXPECT_TRUE(m.command(bad).failed) << bad;
    EXPECT_EQ(m.hash(), before);
}

TEST(Debugger, MemoryIsReadAndWrittenInEachSpace) {
    Debugged m;
    m.put(0x3000 + 8, u64{0x4000e7});                    // linear 2 MiB is physical 4 MiB
    EXPECT_FALSE(m.command("write 0x200010 de ad").failed);
    EXPECT_EQ(m.get<u16>(0x400010), 0xadde);
    EXPECT_EQ(field(m.command("memory p:0x400010 2").lines[0], "bytes"), "dead");
    EXPECT_EQ(field(m.command("memory 0x200010 2").lines[0], "bytes"), "dead");
    EXPECT_TRUE(m.command("memory 0x40000000").failed);                  // 1 GiB is not mapped
    EXPECT_TRUE(m.command("memory 0x800000000000").failed);              // not canonical
    EXPECT_TRUE(m.command("memory p:0x10000000").failed);                // nothing there
    EXPECT_TRUE(m.command("write p:0xffffff 1 2").failed);               // the second byte is behind the RAM: neither is written
    EXPECT_EQ(m.get<u8>(0xffffff), 0);
}

TEST(Debugger, CodeThatHasRunIsWrittenOver) {
    Debugged m;
    m.put_code("ff c1 eb fc");                           // inc ecx; jmp
    m.cpu.run(m.clock.ticks + 5000);
    EXPECT_FALSE(m.command("write 0x10000 ff c2").failed);               // inc edx
    m.cpu.gpr[rdx] = 0;
    m.cpu.rip() = 0x10000;
    m.cpu.run(m.clock.ticks + 200);
    EXPECT_EQ(m.cpu.gpr[rdx], 100u);
}

TEST(Debugger, TheVmcsIsShownByNameAndChecked) {
    Debugged m;
    auto all = m.command("vmcs");
    EXPECT_EQ(field(all.lines[0], "current"), "none");
    EXPECT_GT(all.lines.size(), 100u);
    auto one = m.command("vmcs guest_rip");
    ASSERT_EQ(one.lines.size(), 2u);
    EXPECT_EQ(field(one.lines[1], "encoding"), "0x681e");
    EXPECT_EQ(field(one.lines[1], "area"), "guest");
    auto check = m.command("vmcs check");                // an empty VMCS: much is wrong, the reserved bit 1 of RFLAGS for one
    EXPECT_NE(field(check.lines.back(), "broken"), "0");
    EXPECT_TRUE(m.command("vmcb").failed);
    EXPECT_TRUE(m.command("step --vmexit").lines[0].text.find("over") != std::string::npos);      // none comes
}

TEST(Debugger, TheVmcbIsShownByName) {
    Debugged m(TestMode::long64, "max-amd");
    EXPECT_TRUE(m.command("vmcb").failed);
    EXPECT_TRUE(m.command("vmcs").failed);
    EXPECT_TRUE(m.command("vmcb p:0x30001").failed);
    m.put(0x30000 + 0x58, u32{0x1234});                  // the guest's ASID (APM vol. 2, table B-1)
    auto asid = m.command("vmcb p:0x30000 ASID");
    ASSERT_EQ(asid.lines.size(), 2u);
    EXPECT_EQ(field(asid.lines[1], "offset"), "0x58");
    EXPECT_EQ(field(asid.lines[1], "value"), "0x1234");
    auto exit = m.command("vmcb p:0x30000 exit_code");   // table B-1: 70h; by the name that expressions have for it
    ASSERT_EQ(exit.lines.size(), 2u);
    EXPECT_EQ(field(exit.lines[1], "offset"), "0x70");
    EXPECT_EQ(field(exit.lines[1], "name"), "exit_code");
    EXPECT_FALSE(m.command("exits").failed);
}

TEST(Debugger, ResultsAreJson) {
    Debugged m;
    EXPECT_EQ(m.said("json registers rip"),
              "{\"ok\": true, \"lines\": [{\"text\": \"rip          0000000000010000\", \"name\": \"rip\", \"group\": \"general\", \"value\": \"0x10000\", \"width\": 64, \"writable\": true, \"changed\": false}]}\n");
    EXPECT_TRUE(has(m.said("json nonsense\"\x01"), "nonsense\\\""));
}

TEST(Debugger, ExpressionsAreSums) {
    Debugged m;
    m.cpu.gpr[rsp] = 0x1000;
    m.put(0x1010, u16{0xbeef});
    EXPECT_EQ(field(m.command("memory rsp+0x10 2").lines[0], "bytes"), "efbe");
    EXPECT_EQ(field(m.command("memory $rsp+32-16 2").lines[0], "bytes"), "efbe");
}

TEST(Debugger, WhatIsInvalidatedIsReadFromTheTablesAgain) {
    for (auto* model : {"max-intel", "max-amd"}) {
        Debugged m(TestMode::long64, model);
        load(m);
        m.command("step 3");
        EXPECT_FALSE(has(m.said("tlb"), "no cached translation")) << model;
        EXPECT_NE(field(m.command("invalidate").lines[0], "dropped"), "0") << model;
        EXPECT_TRUE(has(m.said("tlb"), "no cached translation")) << model;
        m.command("break 0x10007");
        EXPECT_EQ(field(m.command("continue").lines[0], "why"), "breakpoint") << model;
        EXPECT_EQ(m.cpu.gpr[rcx], 5u) << model;
    }
}

TEST(Debugger, TheHashIsOfTheMachineThatSaysIt) {
    Debugged m;
    load(m);
    EXPECT_TRUE(m.command("hash").failed);               // a bare CPU
    m.session.hash = [&m] { return m.hash(); };
    auto before = field(m.command("hash").lines[0], "hash");
    EXPECT_EQ(before, debugger::hex(m.hash()));
    m.command("walk 0x10000"), m.command("registers all");
    EXPECT_EQ(field(m.command("hash").lines[0], "hash"), before);
    static_cast<vmx::Vmx&>(*m.cpu.virt).vmcs.take_changed();
    m.command("hash");
    EXPECT_TRUE(has(m.said("vmcs changed"), "nothing has changed"));
    m.command("write p:0x9000 12");
    EXPECT_NE(field(m.command("hash").lines[0], "hash"), before);
}
