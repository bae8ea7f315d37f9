// SPDX-License-Identifier: MIT
// Guest levels seen through each other, and walks in the grid. Expected: SDM vol. 3, 27.3.2, 28.5, 29.3; APM vol. 2, 15.5, 15.25.
#include "debugger/at_level.h"
#include "tests/cpu/svm/host.h"
#include "tests/cpu/vmx/host.h"
#include "tests/debugger/board.h"

using namespace debugger;

namespace {

struct Eyes {
    explicit Eyes(Cpu& cpu) : session(cpu, [](const Session::Drive&) { return false; }) {}
    Session session;
    Result command(const std::string& line) { return execute(session, line); }
};

std::string of(const Result& r, const std::string& name, const std::string& what) {
    for (auto& l : r.lines)
        if (field(l, "name") == name) return field(l, what);
    return "none";
}

// EPT at 400000h: the first 2 MiB by 4-KiB pages, the rest of 1 GiB by 2-MiB pages.
void put_ept(TestMachine& m) {
    m.put(0x400000, u64{0x401007}), m.put(0x401000, u64{0x402007}), m.put(0x402000, u64{0x403007});
    for (u64 i = 1; i < 512; i++) m.put(0x402000 + i * 8, i << 21 | 0xb7);
    for (u64 i = 0; i < 512; i++) m.put(0x403000 + i * 8, i << 12 | 0x37);
}

}

using LookVmx = VmxGuest;

TEST_F(LookVmx, TheGuestIsSeenFromTheHostAndTheHostFromTheGuest) {
    using vmx::Field;
    put_ept(m);
    controls(0, 0x2 | 0x80);                             // EPT, unrestricted guest
    v.vmcs.set(Field::ept_pointer, 0x40001e);
    v.vmcs.set(Field::guest_rip, 0x10000), v.vmcs.set(Field::guest_rsp, 0x30000), v.vmcs.set(Field::guest_interruptibility, 0);
    m.put_code("90 90 eb fc");
    Eyes eyes(m.cpu);
    EXPECT_EQ(of(eyes.command("registers rip @l2"), "rip", "value"), "0x10000");
    EXPECT_EQ(of(eyes.command("registers cr3 @l2"), "cr3", "value"), "0x1000");
    EXPECT_TRUE(eyes.command("registers rbx @l2").failed);            // no VMCS has it
    EXPECT_FALSE(eyes.command("registers rbx @l1").failed);
    Viewpoint before(m.cpu, 2);
    auto walk = eyes.command("walk 0x212345 w @l2");
    ASSERT_EQ(v.enter().outcome, Outcome::taken);
    ASSERT_TRUE(m.cpu.guest);
    Viewpoint inside(m.cpu);
    EXPECT_EQ(before.regime, inside.regime);             // what was foreseen is what the CPU has made of it
    EXPECT_EQ(before.code_address(), inside.code_address());
    EXPECT_EQ(walk.text().substr(0, walk.text().find("spared")), eyes.command("walk 0x212345 w").text().substr(0, walk.text().find("spared")));
    EXPECT_EQ(of(eyes.command("registers rip @l1"), "rip", "value"), hex(host_code));
    EXPECT_EQ(of(eyes.command("registers all @l1"), "rsp", "value"), hex(TestMachine::stack));
    auto code = eyes.command("disassemble rip 1 @l1");
    EXPECT_EQ(field(code.lines[0], "address"), hex(host_code));
    EXPECT_EQ(field(code.lines[0], "bytes"), "f4");
    EXPECT_EQ(field(code.lines[0], "current"), "true");
    auto levels = eyes.command("levels");
    ASSERT_EQ(levels.lines.size(), 3u);
    EXPECT_EQ(field(levels.lines[1], "runs"), "false");
    EXPECT_EQ(field(levels.lines[2], "runs"), "true");
    EXPECT_EQ(field(levels.lines[2], "second_root"), "0x40001e");
}

// Four levels of the guest's tables, of which the page directory's entry is the last here (a 2-MiB page): three guest entries.
TEST_F(LookVmx, EachReferenceHasItsPlaceInTheGrid) {
    put_ept(m);
    controls(0, 0x2 | 0x80);
    v.vmcs.set(vmx::Field::ept_pointer, 0x40001e);
    Eyes eyes(m.cpu);
    m.put(0x3008, u64{0x8067}), m.put(0x8000, u64{0x212067});         // linear 2 MiB: a table at 8000h
    auto r = eyes.command("walk 0x200000 w u @l2");
    // Four guest entries behind four EPT entries each, and three for the page at 212000h, which EPT has in 2 MiB: 23.
    ASSERT_EQ(r.lines.size(), 24u);
    const char* grid[] = {"4 4", "4 3", "4 2", "4 1", "4 0", "3 4", "3 3", "3 2", "3 1", "3 0", "2 4", "2 3", "2 2", "2 1", "2 0", "1 4", "1 3", "1 2", "1 1", "1 0", "0 4", "0 3", "0 2"};
    for (unsigned n = 0; n < 23; n++) {
        EXPECT_EQ(field(r.lines[n], "kind"), "step");
        EXPECT_EQ(field(r.lines[n], "number"), std::to_string(n + 1));
        EXPECT_EQ(field(r.lines[n], "row") + " " + field(r.lines[n], "column"), grid[n]) << n;
    }
    EXPECT_EQ(field(r.lines[19], "guest_physical"), "0x8000");
    EXPECT_EQ(field(r.lines[23], "kind"), "verdict");
    EXPECT_EQ(field(r.lines[23], "rows"), "4");
    EXPECT_EQ(field(r.lines[23], "columns"), "4");
    EXPECT_EQ(field(r.lines[23], "physical"), "0x212000");
    // A write refused by the last EPT entry, told to level 1. SDM vol. 3, table 28-7: a write; readable and executable; the linear address is valid,
    // and it is of it itself; with advanced information, which the model has: a user page, writable.
    m.put(0x402008, u64{0x2000b5});
    r = eyes.command("walk 0x200000 w u @l2");
    auto& verdict = r.lines.back();
    EXPECT_EQ(field(verdict, "information"), "0x7aa");
    EXPECT_EQ(field(verdict, "told_level"), "1");
    EXPECT_EQ(field(verdict, "refusing_bit"), "W");
    EXPECT_EQ(field(verdict, "refusing_number"), "23");
    EXPECT_EQ(field(r.lines[22], "refuses"), "true");
    std::string bits;
    for (auto& l : r.lines)
        if (field(l, "kind") == "bit") bits += field(l, "bit") + " ";
    EXPECT_EQ(bits, "1 3 5 7 8 9 10 ");
}

TEST_F(LookVmx, AWalkGoesStepByStep) {
    put_ept(m);
    controls(0, 0x2 | 0x80);
    v.vmcs.set(vmx::Field::ept_pointer, 0x40001e);
    Eyes eyes(m.cpu);
    EXPECT_TRUE(eyes.command("walk --next").failed);
    auto whole = eyes.command("walk 0x212345 @l2");
    auto r = eyes.command("walk --step 0x212345 @l2");
    EXPECT_EQ(field(r.lines[0], "kind"), "begin");
    for (unsigned n = 0; n + 1 < whole.lines.size(); n++) {
        EXPECT_EQ(r.lines.back().text, whole.lines[n].text);
        r = eyes.command("walk --next");
    }
    EXPECT_EQ(r.lines.back().text, whole.lines.back().text);
    EXPECT_TRUE(eyes.command("walk --next").failed);
}

TEST(Look, AMemoryOperandIsWalked) {
    Debugged m;
    m.put_code("89 4b 10");                              // mov [rbx+10h], ecx
    m.cpu.gpr[rbx] = 0x212000;
    auto r = m.command("walk --step");
    EXPECT_EQ(field(r.lines[0], "address"), "0x212010");
    EXPECT_EQ(field(r.lines[0], "write"), "true");
    EXPECT_EQ(field(r.lines[1], "entry_name"), "PML4E");
    m.put_code("3b 05 00 01 00 00");                     // cmp eax, [rip+100h]: 6 bytes long
    r = m.command("walk --step");
    EXPECT_EQ(field(r.lines[0], "address"), "0x10106");
    EXPECT_EQ(field(r.lines[0], "write"), "false");
    m.put_code("90");
    r = m.command("walk --step");
    EXPECT_EQ(field(r.lines[0], "address"), "0x10000");
    EXPECT_EQ(field(r.lines[0], "fetch"), "true");
}

TEST(Look, WhatIfTellsWhichReferencesChange) {
    Debugged m;
    m.put(0x3008, u64{0x2000e5});                        // 2 MiB: read-only
    auto r = m.command("what-if 0x200000 w s wp=0");
    auto& s = r.lines.back();
    EXPECT_EQ(field(s, "kind"), "summary");
    EXPECT_EQ(field(s, "granted_now"), "false");
    EXPECT_EQ(field(s, "granted_then"), "true");
    r = m.command("what-if 0x200000 r cr3=0x5000");
    EXPECT_EQ(field(r.lines.back(), "granted_then"), "false");        // nothing is there
    EXPECT_EQ(field(r.lines[0], "physical"), "0x5000");
    EXPECT_TRUE(m.command("what-if 0 nonsense=1").failed);
    EXPECT_TRUE(m.command("what-if 0 asid=0x10000").failed);          // tags have 16 bits
    EXPECT_TRUE(m.command("what-if 0 eptp=0x1000").failed);           // no second stage
}

// A translation that is cached under one tag answers there, whatever the tables say meanwhile; under another nothing does.
TEST(Look, AnotherTagFindsOtherCachedTranslations) {
    Debugged m(TestMode::long64, "max-amd");
    m.put_code("8b 04 25 00 00 20 00");                  // mov eax, [200000]
    m.command("step");
    m.put(0x3008, u64{0x4000e7});                        // the page is elsewhere, and nobody has told the TLB
    auto r = m.command("what-if 0x200000 r asid=7");
    std::vector<std::string> seen;
    for (auto& l : r.lines)
        if (field(l, "kind") == "served") seen.push_back(field(l, "when") + " " + field(l, "served") + " " + field(l, "stale") + " " + field(l, "physical"));
    EXPECT_EQ(seen, (std::vector<std::string>{"now true true 0x200000", "then false false "}));
    r = m.command("what-if 0x200000 r asid=0");
    for (auto& l : r.lines) EXPECT_NE(field(l, "kind"), "served");    // the tag that it has
}

TEST(Look, TheMapHasRangesAndSkipsHoles) {
    Debugged m;
    m.put(0x2008, u64{0}), m.put(0x3000 + 3 * 8, u64{0});             // 1 GiB less the page at 6 MiB
    auto r = m.command("map");
    ASSERT_EQ(r.lines.size(), 3u);
    EXPECT_EQ(field(r.lines[0], "from"), "0x0");
    EXPECT_EQ(field(r.lines[0], "bytes"), "0x600000");
    EXPECT_EQ(field(r.lines[1], "from"), "0x800000");
    EXPECT_EQ(field(r.lines[1], "physical"), "0x800000");
    EXPECT_EQ(field(r.lines[1], "bytes"), "0x3f800000");
    EXPECT_EQ(field(r.lines[1], "smallest_page"), "2097152");
    r = m.command("map 0x400000 0x400000");
    EXPECT_EQ(field(r.lines[0], "bytes"), "0x200000");
    EXPECT_TRUE(m.command("map g:0").failed);            // no second stage
    m.put(0x1000 + 511 * 8, u64{0x2007});                // the highest 512 GiB too
    r = m.command("map");
    EXPECT_EQ(field(r.lines[2], "from"), "0xffffff8000000000");
}

std::string addresses_of(const Result& r) {
    std::string all;
    for (auto& l : r.lines)
        if (field(l, "kind") == "match") all += (all.empty() ? "" : " ") + field(l, "address");
    return all;
}

TEST(Look, ASearchFindsBytesAndTexts) {
    Debugged m;
    std::ranges::fill(m.ram.subspan(0x100000, 0x10000), 0);
    m.put_code("de ad be ef", 0x101000), m.put_code("de ad be ef", 0x102ffe);                  // the second lies in two pages
    m.put_code("61 20 20 62", 0x104000);
    auto found = [&](const std::string& words) { return addresses_of(m.command("search " + words)); };
    EXPECT_EQ(found("0x100000 0x10000 de ad be ef"), "0x101000 0x102ffe");
    EXPECT_EQ(found("p:0x100000 0x10000 DE ad"), "p:0x101000 p:0x102ffe");
    EXPECT_EQ(found("g:0x101001 0x10000 de"), "g:0x102ffe");
    EXPECT_EQ(found("0x100000 0x10000 \"a  b\""), "0x104000") << "blanks count";
    EXPECT_EQ(found("0x100000 0x4002 \"a  b\""), "") << "the end is left out of it";
    EXPECT_EQ(found("0x100000 0x4004 \"a  b\""), "0x104000");
    EXPECT_EQ(field(m.command("search 0x100000 0x10000 12 34").lines.back(), "found"), "0");
    for (auto* bad : {"0x1000 16", "0x1000 0 00", "0x1000 0x100000001 00", "0x1000 16 100", "0x1000 16 xx", "0x1000 16 \"", "0x1000 16 \"\"", "0x1000 16 \"a\" 00", "q 16 00"})
        EXPECT_TRUE(m.command(std::string("search ") + bad).failed) << bad;
}

TEST(Look, ASearchPassesOverHolesAndSaysWhereItGoesOn) {
    Debugged m;
    std::ranges::fill(m.ram.subspan(0x200000, 0x400000), 0);
    m.put(0x3000 + 2 * 8, u64{0});                       // 400000 to 5fffff aren't mapped
    m.put_code("ab", 0x3fffff), m.put_code("cd", 0x600000), m.put_code("ab cd", 0x500000), m.put_code("ab cd", 0x600010);
    EXPECT_EQ(addresses_of(m.command("search 0x200000 0x500000 ab cd")), "0x600010");
    auto many = m.command("search p:0x700000 0x1000 00 00 00");
    EXPECT_EQ(many.lines.size(), 65u);
    EXPECT_EQ(field(many.lines[63], "address"), "p:0x70003f") << "they overlap";
    EXPECT_EQ(field(many.lines[64], "next"), "p:0x700040");
}

TEST(Look, TheStackHasItsCallers) {
    Debugged m;
    m.cpu.gpr[rsp] = 0x30000, m.cpu.gpr[rbp] = 0x30020;
    m.put(0x30000, u64{0x1111});
    m.put(0x30020, u64{0x30040}), m.put(0x30028, u64{0x10100});
    m.put(0x30040, u64{0}), m.put(0x30048, u64{0x10200});
    auto r = m.command("stack 2");
    ASSERT_EQ(r.lines.size(), 5u);
    EXPECT_EQ(field(r.lines[0], "value"), "0x1111");
    EXPECT_EQ(field(r.lines[2], "address"), "0x10000");
    EXPECT_EQ(field(r.lines[3], "address"), "0x10100");
    EXPECT_EQ(field(r.lines[4], "address"), "0x10200");
}

TEST(Look, RegistersSayWhatTheyWere) {
    Debugged m;
    m.put_code("b9 07 00 00 00");                        // mov ecx, 7
    m.cpu.gpr[rcx] = 5;
    m.command("step");
    auto r = m.command("registers");
    EXPECT_EQ(of(r, "rcx", "changed"), "true");
    EXPECT_EQ(of(r, "rcx", "previous"), "0x5");
    EXPECT_EQ(of(r, "rdx", "changed"), "false");
    m.cpu.fpu.set_top(7), m.cpu.fpu.empty = 0x7f, m.cpu.fpu.r[7] = {0xc000000000000000, 0x4000};
    EXPECT_EQ(of(m.command("registers x87"), "st0", "decimal"), "3");
}

TEST(Look, TheTlbSaysWhatIsStaleAndWhyItWent) {
    Debugged m;
    u32 value;
    ASSERT_TRUE(m.cpu.load(0x212000, value));
    auto r = m.command("tlb 0x212000");
    ASSERT_EQ(r.lines.size(), 1u);
    EXPECT_EQ(field(r.lines[0], "stale"), "no");
    m.put(0x3008, u64{0x4000e7});
    EXPECT_EQ(field(m.command("tlb 0x212000 stale").lines[0], "stale"), "yes");
    EXPECT_EQ(field(m.command("tlb pcid=1").lines[0], "stale"), "");
    EXPECT_TRUE(m.command("tlb nonsense=1").failed);
    m.command("tlb drops");
    m.cpu.invalidate_page(0x212000);
    r = m.command("tlb drops 0x212000");
    EXPECT_EQ(field(r.lines[0], "kind"), "drop");
    EXPECT_EQ(field(r.lines[0], "cause"), "INVLPG");
    ASSERT_TRUE(m.cpu.load(0x212000, value));
    ASSERT_TRUE(m.cpu.load(0x612000, value));
    m.cpu.cr3_written(false);
    r = m.command("tlb drops 0x612000");
    EXPECT_EQ(field(r.lines[0], "cause"), "MOV CR3, task switch");
}

TEST(Look, SvmsLevelsAreTheVmcbAndTheSaveArea) {
    SvmHost m;
    m.put_code("90 eb fd", SvmHost::guest_code);
    Eyes eyes(m.cpu);
    EXPECT_TRUE(eyes.command("registers rip @l2").failed);            // none has been run
    m.enter();
    ASSERT_TRUE(m.cpu.guest);
    Viewpoint inside(m.cpu);
    EXPECT_EQ(of(eyes.command("registers rip @l1"), "rip", "value"), hex(TestMachine::code + 3));     // behind VMRUN
    EXPECT_TRUE(eyes.command("registers rbx @l1").failed);
    auto walk = eyes.command("walk 0x60000 r @l1");
    EXPECT_EQ(walk.lines.size(), 4u);                    // three entries and the verdict: one stage
    Viewpoint host(m.cpu, 1);
    EXPECT_EQ(host.regime.stage2.kind, paging::Nesting::none);
    m.put_code("f4", SvmHost::guest_code), m.cpu.memory_replaced();
    m.cpu.rip() = SvmHost::guest_code;
    m.continue_guest();
    ASSERT_FALSE(m.cpu.guest);
    Viewpoint from_host(m.cpu, 2);
    EXPECT_EQ(from_host.regime, inside.regime);
    EXPECT_EQ(host.regime, Viewpoint(m.cpu).regime);
    EXPECT_EQ(host.code_address(), Viewpoint(m.cpu).code_address());
}

TEST(Look, LevelsAreForCommandsThatTakeThem) {
    Debugged m;
    EXPECT_FALSE(m.command("registers @l1").failed);
    EXPECT_TRUE(m.command("registers @l2").failed);
    EXPECT_TRUE(m.command("registers @l3").failed);
    EXPECT_TRUE(m.command("list @l1").failed);
}
