// SPDX-License-Identifier: MIT
// Commands from files, and traces into them.
#include "cpu/virt/layer.h"
#include "debugger/desk.h"
#include "debugger/qmp/json.h"
#include "tests/debugger/board.h"
#include "tests/debugger/folder.h"
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

using namespace debugger;

TEST(DebuggerFiles, CommandsAreDoneUntilOneFails) {
    Debugged m;
    Folder folder;
    std::ofstream(folder.file("a")) << "# a remark\nset rcx 7\nregisters rcx\nnonsense\nset rcx 9\n";
    auto result = m.command("source " + folder.file("a"));
    EXPECT_TRUE(result.failed);
    EXPECT_EQ(m.cpu.gpr[rcx], 7u);
    EXPECT_NE(result.text().find("(slate) registers rcx\nrcx          0000000000000007\n"), std::string::npos) << result.text();
    EXPECT_TRUE(m.command("source " + folder.file("none")).failed);
    std::ofstream(folder.file("self")) << "source " << folder.file("self") << "\n";
    EXPECT_TRUE(m.command("source " + folder.file("self")).failed);
}

TEST(DebuggerFiles, InstructionsAreTracedByRangeAndCount) {
    Debugged m;
    Folder folder;
    m.put_code("ff c1 90 eb fb");                        // inc ecx; nop; jmp
    auto result = m.command("trace instructions " + folder.file("t") + " 4");
    EXPECT_FALSE(result.failed) << result.text();
    std::istringstream lines(contents(folder.file("t")));
    std::vector<std::string> addresses;
    for (std::string tick, level, address, line; lines >> tick >> level >> address && std::getline(lines, line);) {
        EXPECT_EQ(level, "L1");
        addresses.push_back(address);
    }
    EXPECT_EQ(addresses, (std::vector<std::string>{"0000000000010000", "0000000000010002", "0000000000010003", "0000000000010000"}));
    EXPECT_EQ(m.cpu.rip(), 0x10002u);                    // the last has run
    m.command("trace instructions " + folder.file("t") + " 2 0x10003 0x10003");
    std::string two = contents(folder.file("t"));
    EXPECT_EQ(std::count(two.begin(), two.end(), '\n'), 2);
    EXPECT_EQ(two.find("0000000000010002"), two.npos);
    m.slices = 2;
    m.command("trace instructions " + folder.file("t") + " 2 l2");                      // no guest runs: none, and it ends
    EXPECT_EQ(contents(folder.file("t")), "");
}

TEST(DebuggerFiles, ExitsAreSlicesOfTime) {
    Debugged m;
    Folder folder;
    virt::ContextExits context;
    auto& log = m.cpu.virt->log;
    log.entry(1000), log.exit(10, 0x12, 0x3000, 0x401000, 3000, context);                // CPUID (SDM vol. 3, appendix C)
    log.entry(3500), log.exit(12, 0, 0, 0x402000, 5500, context);                        // HLT
    m.clock.ticks = 6000;
    EXPECT_FALSE(m.command("trace events " + folder.file("t")).failed);
    auto json = qmp::parse_json(contents(folder.file("t")));
    ASSERT_TRUE(json && json->member("traceEvents"));
    std::vector<std::string> seen;
    for (auto& e : json->member("traceEvents")->items)
        if (e.member("ph")->text == "X") seen.push_back(e.member("name")->text + " " + e.member("ts")->text + " " + e.member("dur")->text);
    ASSERT_EQ(seen.size(), 4u);
    EXPECT_EQ(seen[0], "guest 1.000 2.000");
    EXPECT_TRUE(seen[1].starts_with("CPUID") && seen[1].ends_with(" 3.000 0.500")) << seen[1];
    EXPECT_EQ(seen[2], "guest 3.500 2.000");
    EXPECT_TRUE(seen[3].ends_with(" 5.500 0.500")) << seen[3];
}

TEST(DebuggerFiles, InstructionsAreTracedByContextNameAndCondition) {
    Debugged m;
    Folder folder;
    m.put_code("ff c1 90 90 eb fa");                     // inc ecx; nop; nop; jmp
    m.cpu.gpr[rcx] = 0;
    auto traced = [&](const std::string& filter) {
        m.cpu.rip() = 0x10000, m.slices = 20;
        auto result = m.command("trace instructions " + folder.file("t") + " " + filter);
        EXPECT_FALSE(result.failed) << result.text();
        return contents(folder.file("t"));
    };
    std::string nops = traced("3 only nop");
    EXPECT_EQ(std::count(nops.begin(), nops.end(), '\n'), 3);
    EXPECT_EQ(nops.find("inc"), nops.npos);
    std::string both = traced("4 only nop jmp");
    EXPECT_NE(both.find("0000000000010004"), both.npos);
    m.cpu.gpr[rcx] = 0;
    std::string later = traced("1 if rcx == 5 && rip == 0x10002");
    EXPECT_NE(later.find("0000000000010002"), later.npos);
    EXPECT_EQ(m.cpu.gpr[rcx], 5u);
    EXPECT_EQ(traced("1 cr3=0x5000 only nop"), "");
    for (auto* bad : {"4 5", "x", "1 only", "1 if", "1 if (", "1 level=3"})
        EXPECT_TRUE(m.command("trace instructions " + folder.file("u") + " " + bad).failed) << bad;
}

// The Trace Event Format: each event has ph, ts, pid and tid; B and E are in pairs on each track, in the order of time.
TEST(DebuggerFiles, WhatTheCpusTellIsATraceInOrderAndBalanced) {
    Debugged m;
    Folder folder;
    Cpu* cpus[] = {&m.cpu};
    m.clock.ticks = 1000;
    {
        EventTrace trace(folder.file("t"), cpus);
        auto told = [&](u64 tick, notice::Event e) { m.clock.ticks = tick, trace.told(m.cpu, e); };
        told(1500, {notice::Kind::exception, 14, 2, 0x3000});
        told(2000, {notice::Kind::vm_entry});
        told(2250, {notice::Kind::interrupt, 32});
        told(3001, {notice::Kind::vm_exit, 10, 0, 0});   // CPUID (SDM vol. 3, appendix C)
        told(3500, {notice::Kind::tlb_drop, 1, 1, 0});   // no event of a trace
        m.clock.ticks = 4000;
    }
    auto json = qmp::parse_json(contents(folder.file("t")));
    ASSERT_TRUE(json && json->member("traceEvents"));
    std::vector<std::string> seen;
    for (auto& e : json->member("traceEvents")->items) {
        for (auto* name : {"ph", "ts", "pid", "tid"}) ASSERT_TRUE(e.member(name)) << name;
        std::string ph = e.member("ph")->text;
        if (ph != "M") seen.push_back(ph + " " + e.member("name")->text + " " + e.member("ts")->text);
    }
    EXPECT_EQ(seen, (std::vector<std::string>{"B host 1.000", "i #PF 1.500", "E  2.000", "B guest 2.000", "i interrupt 32 2.250", "E  3.001", "B CPUID 3.001",
        "E  4.000"}));
    EXPECT_FALSE(m.command("trace start " + folder.file("t")).failed);
    EXPECT_TRUE(m.command("trace start " + folder.file("u")).failed) << "one at a time";
    EXPECT_FALSE(m.command("trace stop").failed);
    EXPECT_TRUE(m.command("trace stop").failed);
    EXPECT_TRUE(m.command("trace start /nonexistent/t").failed);
}

TEST(DebuggerFiles, AStrangerReachesNone) {
    Debugged m;
    Folder folder;
    Desk desk(m.session);
    unsigned refused = 0;
    for (auto* line : {"source ", "trace events ", "trace start ", "json source "})
        desk.post(line + folder.file("t"), [&](const Result& r) { refused += r.text().find("out of reach") != std::string::npos; }, false);
    while (desk.turn()) {}
    EXPECT_EQ(refused, 4u);
    EXPECT_FALSE(std::filesystem::exists(folder.file("t")));
    EXPECT_FALSE(m.command("trace events " + folder.file("t")).failed);
}
