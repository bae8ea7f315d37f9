// SPDX-License-Identifier: MIT
// Commands from files, and traces into them.
#include "cpu/virt/layer.h"
#include "debugger/desk.h"
#include "debugger/qmp/json.h"
#include "tests/debugger/board.h"
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

using namespace debugger;

namespace {

struct Folder {
    Folder() { path = ::mkdtemp(path.data()); }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string file(const std::string& name) const { return path + "/" + name; }
    std::string path = (std::filesystem::temp_directory_path() / "slate-files-XXXXXX").string();
};

std::string contents(const std::string& file) {
    std::ostringstream out;
    out << std::ifstream(file).rdbuf();
    return out.str();
}

}

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

TEST(DebuggerFiles, AStrangerReachesNone) {
    Debugged m;
    Folder folder;
    Desk desk(m.session);
    unsigned refused = 0;
    for (auto* line : {"source ", "trace events ", "json source "})
        desk.post(line + folder.file("t"), [&](const Result& r) { refused += r.text().find("out of reach") != std::string::npos; }, false);
    while (desk.turn()) {}
    EXPECT_EQ(refused, 3u);
    EXPECT_FALSE(std::filesystem::exists(folder.file("t")));
    EXPECT_FALSE(m.command("trace events " + folder.file("t")).failed);
}
