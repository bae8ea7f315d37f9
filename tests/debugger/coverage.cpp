// SPDX-License-Identifier: MIT
// Which instructions have begun, whichever engine runs them, and the files that tell it.
#include "base/error.h"
#include "cpu/exec/fast/runner.h"
#include "debugger/line_table.h"
#include "tests/debugger/elf_of_lines.h"
#include "tests/debugger/folder.h"
#include "tests/debugger/hosts.h"
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

using namespace debugger;

namespace {

// 10000: inc ecx; 10002: cmp ecx, 5; 10005: jne 10000; 10007: mov [20000], ecx; 1000e: call 10020; 10013: jmp $; 10020: mov eax, 7; 10025: ret
void load(Debugged& m) {
    m.put_code("ff c1 83 f9 05 75 f9 89 0c 25 00 00 02 00 e8 0d 00 00 00 eb fe"), m.put_code("b8 07 00 00 00 c3", 0x10020);
    m.cpu.gpr[rcx] = 0, m.cpu.rip() = 0x10000, m.slices = 20;
}
constexpr u64 whole[] = {0x10000, 0x10002, 0x10005, 0x10007, 0x1000e, 0x10013, 0x10020, 0x10025};

using Addresses = std::vector<u64>;

enum class Way { blocks, ticks, reference };
constexpr Way ways[] = {Way::blocks, Way::ticks, Way::reference};
void take(Way way, Cpu& cpu, Session& session) {
    cpu.engine = way == Way::reference ? Engine::slow : Engine::fast;
    session.by_ticks = way == Way::ticks;
}

// What has run of `load` with these words behind "coverage start".
Addresses covered(const std::string& words, Way way, unsigned level = 0) {
    Debugged m;
    load(m);
    take(way, m.cpu, m.session);
    auto started = m.command("coverage start " + words);
    EXPECT_FALSE(started.failed) << started.text();
    m.command("continue");
    return m.session.coverage->addresses(level);
}

}

TEST(Coverage, HasWhatHasRunInEachEngine) {
    for (auto way : ways) {
        EXPECT_EQ(covered("", way), Addresses(std::begin(whole), std::end(whole))) << int(way);
        EXPECT_EQ(covered("0x10002 0x10007 0x10025 0x10025", way), (Addresses{0x10002, 0x10005, 0x10007, 0x10025})) << int(way);
        EXPECT_EQ(covered("l1 cr3=0x1000", way, 1).size(), std::size(whole)) << int(way);
        EXPECT_EQ(covered("", way, 2), Addresses()) << int(way);
        EXPECT_EQ(covered("l2", way), Addresses()) << int(way);
        EXPECT_EQ(covered("cr3=0x5000", way), Addresses()) << int(way);
    }
}

TEST(Coverage, ChangesNothingOfTheRun) {
    Debugged watched, free;
    load(watched), load(free);
    watched.command("coverage start");
    watched.command("continue");
    free.command("continue");
    EXPECT_EQ(watched.cpu.retired, free.cpu.retired);
    EXPECT_EQ(watched.hash(), free.hash());
}

// Beside breakpoints of each kind, and what a run stops in front of hasn't run.
TEST(Coverage, EndsWhereTheRunDoes) {
    for (auto way : ways)
        for (auto* stop : {"break 0x1000e", "break p:0x1000e", "stop vmread", "until 0x1000e"}) {
            Debugged m;
            load(m);
            take(way, m.cpu, m.session);
            m.command("coverage start");
            bool until = std::string(stop).starts_with("until");
            m.command(until ? "break 0x20" : stop), m.command(until ? stop : "continue");
            bool never = std::string(stop) == "stop vmread";             // it isn't met
            EXPECT_EQ(m.session.coverage->addresses(0), Addresses(whole, whole + (never ? std::size(whole) : 4))) << int(way) << " " << stop;
        }
}

TEST(Coverage, BeginsAndEndsWhenItIsTold) {
    Debugged m;
    load(m);
    EXPECT_TRUE(m.command("coverage").failed);
    EXPECT_TRUE(m.command("coverage stop").failed);
    EXPECT_TRUE(m.command("coverage write /nonexistent/f addresses").failed);
    m.command("step 3");
    m.command("coverage start");
    m.command("until 0x10007");
    EXPECT_EQ(m.session.coverage->addresses(1), (Addresses{0x10000, 0x10002, 0x10005}));
    auto stopped = m.command("coverage stop");
    EXPECT_EQ(field(stopped.lines[0], "instructions") + field(stopped.lines[0], "on"), "3false");
    m.command("continue");
    EXPECT_EQ(m.session.coverage->size(), 3u);
    EXPECT_TRUE(m.cpu.runner->blocks.marks.none()) << "nothing is looked for any more";
    m.command("coverage start");                         // anew
    EXPECT_EQ(m.session.coverage->size(), 0u);
    for (auto* bad : {"start 1", "start 2 1", "start x y", "start level=3", "stop 1", "write", "write a b", "x"})
        EXPECT_TRUE(m.command(std::string("coverage ") + bad).failed) << bad;
}

// An instruction that faults has begun; one whose fetch faults has not. 10000: ud2. #UD's handler, 10100: mov eax, [dead0000]; #PF's, 10200:
// jmp to where nothing is mapped; which is #PF again, and then 10300 by the count in ECX.
TEST(Coverage, CountsWhatFaultsButNotWhatCannotBeFetched) {
    for (auto way : ways) {
        Debugged m;
        take(way, m.cpu, m.session);
        auto gate = [&](unsigned vector, u64 to) {
            m.put(TestMachine::idt + vector * 16, u64{to & 0xffff} | u64{TestMachine::code64} << 16 | u64{0x8e00} << 32 | (to >> 16 & 0xffff) << 48);
            m.put(TestMachine::idt + vector * 16 + 8, to >> 32);
        };
        gate(6, 0x10100), gate(14, 0x10200);
        m.put_code("0f 0b");
        m.put_code("8b 04 25 00 00 ad 7e", 0x10100);     // mov eax, [7ead0000]
        m.put_code("ff c1 83 f9 02 74 fe b8 00 00 ad 7e ff e0", 0x10200);        // inc ecx; cmp ecx, 2; je $; mov eax, 7ead0000; jmp rax
        m.cpu.gpr[rcx] = 0;
        m.command("coverage start");
        m.command("continue");
        EXPECT_EQ(m.session.coverage->addresses(1), (Addresses{0x10000, 0x10100, 0x10200, 0x10202, 0x10205, 0x10207, 0x1020c})) << int(way);
    }
}

TEST(Coverage, KeepsLevelsApart) {
    for (auto way : ways)
        for (bool intel : {true, false}) {
            auto h = intel ? std::unique_ptr<Hypervisor>(new VmxHypervisor) : std::unique_ptr<Hypervisor>(new SvmHypervisor);
            h->m.put_code("90 0f a2 90 eb fe", Hypervisor::guest);       // NOP; CPUID, which exits; NOP; JMP
            take(way, h->m.cpu, h->session);
            h->command("coverage start");
            h->command("continue");
            auto& c = *h->session.coverage;
            EXPECT_EQ(c.addresses(2), (Addresses{Hypervisor::guest, Hypervisor::guest + 1, Hypervisor::guest + 3, Hypervisor::guest + 4})) << int(way) << intel;
            auto hosts = c.addresses(1);
            for (u64 at : {Hypervisor::empty, h->exits_to, h->stores_rip}) EXPECT_TRUE(std::ranges::binary_search(hosts, at)) << int(way) << intel << std::hex << at;
            EXPECT_TRUE(std::ranges::none_of(hosts, [](u64 at) { return at >= Hypervisor::guest && at < Hypervisor::guest + 6; })) << int(way) << intel;
        }
}

TEST(Coverage, WritesAddressesWithTheirNames) {
    Debugged m;
    Folder folder;
    load(m);
    std::ofstream(folder.file("map")) << "0000000000010000 T begin\n0000000000010020 t called\n0000000000010030 T never\n0000000000020000 D data\n";
    m.command("symbols " + folder.file("map"));
    m.command("coverage start 0x10013 0x10fff");
    m.command("continue");
    EXPECT_FALSE(m.command("coverage write " + folder.file("a") + " addresses").failed);
    EXPECT_EQ(contents(folder.file("a")), "0x0000000000010013 L1 begin+0x13\n0x0000000000010020 L1 called\n0x0000000000010025 L1 called+0x5\n");
}

// geninfo(1), "FILES": FN has a line and a name, FNDA a count and a name, FNF and FNH how many there are and how many have run.
TEST(Coverage, WritesFunctionsForLcovWhereThereAreNoLines) {
    Debugged m;
    Folder folder;
    load(m);
    std::string map = folder.file("map");
    std::ofstream(map) << "0000000000010000 T begin\n0000000000010020 t called\n0000000000010030 T never\n0000000000020000 D data\n";
    EXPECT_TRUE(m.command("coverage write " + folder.file("i")).failed) << "nothing has been covered";
    m.command("coverage start");
    m.command("continue");
    EXPECT_NE(m.said("coverage write " + folder.file("i")).find("no symbols"), std::string::npos);
    m.command("symbols " + map);
    auto written = m.command("coverage write " + folder.file("i"));
    EXPECT_EQ(field(written.lines[0], "functions_run") + "/" + field(written.lines[0], "functions"), "2/3");
    EXPECT_EQ(contents(folder.file("i")), "TN:\nSF:" + map + "\nFN:1,begin\nFN:2,called\nFN:3,never\nFNDA:1,begin\nFNDA:1,called\nFNDA:0,never\n"
                                          "FNF:3\nFNH:2\nLF:0\nLH:0\nend_of_record\n");
    m.command("symbols none"), m.command("symbols " + map + " @l2");     // nothing of that level has run
    EXPECT_EQ(field(m.command("coverage write " + folder.file("i")).lines[0], "functions_run"), "0");
}

// "begin" at 10000h: lines 10 (10000), 11 (10007), 12 (1000e); "never" at 10030h: lines 20 (10030) and, of another file, 5 (10034).
TEST(Coverage, WritesLinesForLcov) {
    for (unsigned version : {2u, 3u, 4u, 5u}) {
        Debugged m;
        Folder folder;
        load(m);
        std::ofstream(folder.file("elf"), std::ios::binary) << elf_of_lines(version, 0);
        m.command("symbols " + folder.file("elf") + " 0x10000");
        m.command("coverage start 0x10000 0x10008");
        m.command("continue");
        auto written = m.command("coverage write " + folder.file("i"));
        ASSERT_FALSE(written.failed) << written.text();
        std::string folder_name = version < 5 ? "inc" : "/src/inc";
        std::string first = "SF:" + folder_name + "/h.h\nFNF:0\nFNH:0\nDA:5,0\nLF:1\nLH:0\nend_of_record\n";
        std::string second = std::string("SF:") + (version < 5 ? "" : "/src/") + "a.c\nFN:10,begin\nFN:20,never\nFNDA:1,begin\nFNDA:0,never\nFNF:2\nFNH:1\n"
                             "DA:10,1\nDA:11,1\nDA:12,0\nDA:20,0\nLF:4\nLH:2\nend_of_record\n";
        EXPECT_EQ(contents(folder.file("i")), "TN:\n" + (version < 5 ? second + first : second + first)) << version;
    }
}

TEST(LineTables, ThatAreDamagedAreErrorsOrOtherLines) {
    for (unsigned version : {2u, 5u}) {
        std::string good = elf_of_lines(version, 0x10000);
        auto read = [](const std::string& file) {
            u64 seen = 0;
            try {
                each_line({reinterpret_cast<const u8*>(file.data()), file.size()}, [&](const LineRow& row) { seen += !row.file.empty() && row.low < row.high; });
            } catch (const Error&) {}
            return seen;
        };
        EXPECT_EQ(read(good), 5u);
        for (std::size_t n = 0; n < good.size(); n++) {
            read(good.substr(0, n));
            for (int value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
                std::string damaged = good;
                damaged[n] = char(value);
                read(damaged);
            }
        }
    }
}

TEST(Coverage, OfAStrangerReachesNoFile) {
    Debugged m;
    Folder folder;
    load(m);
    m.session.may_use_files = false;
    EXPECT_FALSE(m.command("coverage start").failed);
    EXPECT_TRUE(m.command("coverage write " + folder.file("f") + " addresses").failed);
    EXPECT_FALSE(std::filesystem::exists(folder.file("f")));
}
