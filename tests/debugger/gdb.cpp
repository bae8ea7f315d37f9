// SPDX-License-Identifier: MIT
// GDB's remote protocol, packet by packet (GDB manual, appendix E).
#include "debugger/gdb/server.h"
#include "debugger/gdb/target.h"
#include "tests/debugger/board.h"
#include <gtest/gtest.h>

using namespace debugger;
using gdb::Server;

namespace {

struct Remote : Debugged {
    using Debugged::Debugged;
    std::string out;
    Server server{session, [this](std::string_view bytes) { out += bytes; }};

    std::string raw(std::string_view bytes) {
        out.clear();
        server.receive({reinterpret_cast<const u8*>(bytes.data()), bytes.size()});
        return out;
    }
    // The contents of the answer; a packet that is answered by nothing gives "none".
    std::string ask(std::string_view content) {
        std::string all = raw(gdb::framed(content));
        if (all.starts_with('+')) all.erase(0, 1);
        while (server.state == Server::State::running) {
            out.clear();
            auto stop = session.resume(server.goal);
            server.stopped(stop, 0), all = out;
        }
        if (all.empty()) return "none";
        EXPECT_TRUE(all.size() >= 4 && all[0] == '$' && all[all.size() - 3] == '#') << all;
        return all.substr(1, all.size() - 4);
    }
};

std::string word(u64 value, unsigned bytes) { return gdb::to_hex({reinterpret_cast<const u8*>(&value), bytes}); }

}

TEST(Gdb, PacketsAreFramedAndAcknowledged) {
    Remote m;
    EXPECT_EQ(m.raw("$qAttached#8f"), "+$1#31");
    EXPECT_EQ(m.raw("$qAttached#00"), "-");
    EXPECT_EQ(m.raw("-"), "$1#31");                      // say it again
    EXPECT_EQ(m.raw("+"), "");
    EXPECT_EQ(m.raw("garbage"), "");
    EXPECT_EQ(m.raw("$QStartNoAckMode#b0"), "+$OK#9a");
    EXPECT_EQ(m.raw("$qAttached#00"), "$1#31");
    EXPECT_EQ(gdb::framed("a#b"), "$a}\x03" "b#43");     // 61h + 7dh + 03h + 62h
}

TEST(Gdb, MalformedPacketsAreAnsweredWithAnError) {
    Remote m;
    for (auto* bad : {"p", "pzz", "pffff", "p1x", "P", "P0", "P0=1", "P0=zz", "Pffff=00", "m", "m0", "m0,", "m0,zz", "m0,10000", "m,1", "M0,2:00", "M0,1:zz", "M0,1", "X0,2:a",
                      "Gzz", "G0", "Z0", "Z0,", "Z0,1", "z1,1", "Z2,1000,0", "Z2,1000,ffffffff", "vCont;", "vCont;x", "vCont;r", "vCont;r10", "vCont;r10,x", "qXfer:features:read:target.xml:", "qXfer:features:read:target.xml:fffffff,1",
                      "Qqemu.PhyMemMode:2", "qRcmd,zz", "qRcmd,1", "czz"})
        EXPECT_EQ(m.ask(bad), "E01") << bad;
    for (auto* unknown : {"", "vMustReplyEmpty", "qSymbol::", "Z7,0,1", "bc", "vFile:open:2f,0,0"}) EXPECT_EQ(m.ask(unknown), "") << unknown;
    EXPECT_EQ(m.raw("$" + std::string(100'000, 'a') + "#00"), "-");
    EXPECT_EQ(m.raw("$a}#de"), "-");
}

TEST(Gdb, RegistersAreLaidOutForSixtyFourBitsInEveryMode) {
    for (auto mode : {TestMode::long64, TestMode::protected32, TestMode::real16}) {
        Remote m(mode);
        m.cpu.gpr[rbx] = 0x1122334455667788;
        // 17 of 8 bytes, 7 of 4, 8 of 10, 8 of 4, 16 of 16, mxcsr, 2 of 8, 16 of 16, 26 of the system's, 11 MSRs and 7 of virtualization of 8.
        constexpr unsigned bytes = 17 * 8 + 7 * 4 + 8 * 10 + 8 * 4 + 16 * 16 + 4 + 2 * 8 + 16 * 16 + (26 + 11 + 7) * 8;
        std::string all = m.ask("g");
        EXPECT_EQ(all.size(), 2 * bytes);
        EXPECT_EQ(all.substr(16, 16), "8877665544332211");               // rbx is the second
        EXPECT_EQ(m.ask("p1"), "8877665544332211");
        EXPECT_EQ(m.ask("p10"), word(m.cpu.rip(), 8));
        EXPECT_EQ(m.ask("p11"), word(m.cpu.rflags, 4));
        EXPECT_EQ(m.ask("G" + all), "OK");
        EXPECT_EQ(m.ask("g"), all);
    }
}

TEST(Gdb, RegistersAreWritten) {
    Remote m;
    EXPECT_EQ(m.ask("P2=0102030405060708"), "OK");
    EXPECT_EQ(m.cpu.gpr[rcx], 0x0807060504030201u);
    EXPECT_EQ(m.ask("P28=000102030405060708090a0b0c0d0e0f"), "OK");      // xmm0
    EXPECT_EQ(m.cpu.vector.v[0].get<u64>(1), 0x0f0e0d0c0b0a0908u);
    EXPECT_EQ(m.ask("P12=09000000"), "E22");                             // cs
    EXPECT_EQ(m.ask("P12=08000000"), "OK");                              // what it is
}

TEST(Gdb, MemoryIsLinearOrPhysical) {
    Remote m;
    m.put(0x3008, u64{0x4000e7});
    EXPECT_EQ(m.ask("M200000,3:a1b2c3"), "OK");
    EXPECT_EQ(m.get<u16>(0x400000), 0xb2a1);
    EXPECT_EQ(m.ask("X200003,3:#$}"), "OK");             // escaped on the way
    EXPECT_EQ(m.ask("m200003,3"), "23247d");
    EXPECT_EQ(m.ask("m200000,3"), "a1b2c3");
    EXPECT_EQ(m.ask("m600000,3"), "000000");
    EXPECT_EQ(m.ask("qqemu.PhyMemMode"), "0");
    EXPECT_EQ(m.ask("Qqemu.PhyMemMode:1"), "OK");
    EXPECT_EQ(m.ask("qqemu.PhyMemMode"), "1");
    EXPECT_EQ(m.ask("m400000,3"), "a1b2c3");
    EXPECT_EQ(m.ask("Qqemu.PhyMemMode:0"), "OK");
    EXPECT_EQ(m.ask("m40000000,1"), "E14");
    EXPECT_EQ(m.ask("M40000000,1:00"), "E14");
    EXPECT_EQ(m.ask("mfffffe,4"), "0000");               // as far as the RAM goes
}

TEST(Gdb, StepsBreakpointsAndWatchpointsAreReported) {
    Remote m;
    m.put_code("ff c1 89 0c 25 00 00 02 00 eb f5");      // inc ecx; mov [20000], ecx; jmp
    m.cpu.gpr[rcx] = 0;
    EXPECT_EQ(m.ask("?"), "T05thread:1;");
    EXPECT_EQ(m.ask("s"), "T05thread:1;");
    EXPECT_EQ(m.cpu.rip(), 0x10002u);
    EXPECT_EQ(m.ask("vCont;s:1;c"), "T05thread:1;");
    EXPECT_EQ(m.cpu.rip(), 0x10009u);
    m.ask("qSupported:swbreak+;hwbreak+");
    EXPECT_EQ(m.ask("Z0,10002,1"), "OK");
    EXPECT_EQ(m.ask("vCont;c"), "T05swbreak:;thread:1;");
    EXPECT_EQ(m.cpu.rip(), 0x10002u);
    EXPECT_EQ(m.ask("z0,10002,1"), "OK");
    EXPECT_EQ(m.ask("Z1,10009,1"), "OK");
    EXPECT_EQ(m.ask("c"), "T05hwbreak:;thread:1;");
    EXPECT_EQ(m.ask("z1,10009,1"), "OK");
    EXPECT_EQ(m.ask("Z2,20000,4"), "OK");
    EXPECT_EQ(m.ask("c"), "T05watch:20000;thread:1;");
    EXPECT_EQ(m.cpu.rip(), 0x10009u);
    EXPECT_EQ(m.ask("z2,20000,4"), "OK");
    EXPECT_TRUE(m.session.stops.empty());
    m.slices = 3;
    EXPECT_EQ(m.ask("c"), "W00");
}

TEST(Gdb, RangesAreSteppedThrough) {
    Remote m;
    m.put_code("b9 03 00 00 00 ff c9 75 fc 90 90");      // mov ecx, 3; dec ecx; jnz -4; nop; nop
    EXPECT_EQ(m.ask("vCont;r10000,10009:1"), "T05thread:1;");
    EXPECT_EQ(m.cpu.rip(), 0x10009u);
    EXPECT_EQ(m.cpu.gpr[rcx], 0u);
    EXPECT_EQ(m.ask("vCont;r10009,10009:1"), "T05thread:1;");            // an empty one: a step
    EXPECT_EQ(m.cpu.rip(), 0x1000au);
}

TEST(Gdb, RegistersOfVectorsTheSystemAndVirtualization) {
    Remote m;
    m.cpu.vector.v[2].set<u64>(2, 0x1122334455667788);
    m.cpu.seg.idtr = {0x123000, 0xfff};
    std::string text = gdb::target_description();
    // A register's number is its place in the description.
    auto number = [&](const std::string& name) {
        auto at = text.find("<reg name=\"" + name + "\"");
        EXPECT_NE(at, text.npos) << name;
        unsigned n = 0;
        for (auto found = text.find("<reg "); found < at; found = text.find("<reg ", found + 1)) n++;
        return "p" + hex(n).substr(2);
    };
    EXPECT_EQ(m.ask(number("ymm2h")), "8877665544332211" + word(0, 8));
    EXPECT_EQ(m.ask(number("idtr_base")), word(0x123000, 8));
    EXPECT_EQ(m.ask(number("idtr_limit")), word(0xfff, 8));
    EXPECT_EQ(m.ask(number("in_guest")), word(0, 8));
    EXPECT_EQ(m.ask("P" + number("lstar").substr(1) + "=" + word(0xffffffff81000000, 8)), "OK");
    EXPECT_EQ(m.ask(number("lstar")), word(0xffffffff81000000, 8));
    EXPECT_EQ(m.ask("P" + number("lstar").substr(1) + "=" + word(0x8000000000000000, 8)), "E22");        // not canonical
}

TEST(Gdb, ThreadsAreTheCpuOrItsGuestLevels) {
    Remote m;
    EXPECT_EQ(m.ask("qfThreadInfo"), "m1");
    std::string rip = m.ask("p10");
    EXPECT_NE(m.raw(gdb::framed("qRcmd," + gdb::to_hex("threads levels"))).find(gdb::to_hex("info threads")), std::string::npos);
    EXPECT_EQ(m.ask("qfThreadInfo"), "m1");              // there is no guest
    EXPECT_EQ(m.ask("Hg2"), "E22");
    EXPECT_EQ(m.ask("p10"), rip);                        // as before
    EXPECT_EQ(m.ask("qXfer:threads:read::0,200"), "l<?xml version=\"1.0\"?><threads><thread id=\"1\" core=\"0\" name=\"CPU 0, level 1\"/></threads>\n");
}

TEST(Gdb, TheTargetDescribesItself) {
    Remote m;
    std::string text;
    for (std::string part = "m"; part[0] == 'm';) {
        part = m.ask("qXfer:features:read:target.xml:" + hex(text.size()).substr(2) + ",200");
        ASSERT_TRUE(part[0] == 'm' || part[0] == 'l');
        for (std::size_t i = 1; i < part.size(); i++) text += part[i] == '}' ? char(part[++i] ^ 0x20) : part[i];
    }
    EXPECT_EQ(text, gdb::target_description());
    for (auto* name : {"<architecture>i386:x86-64</architecture>", "\"fs_base\"", "\"cr3\"", "\"efer\"", "\"xmm15\""}) EXPECT_NE(text.find(name), text.npos) << name;
    EXPECT_EQ(m.ask("qXfer:memory-map:read::0,8"), "m<?xml ve");
    EXPECT_NE(m.ask("qSupported").find("PacketSize=4000"), std::string::npos);
}

TEST(Gdb, MonitorHasEveryCommand) {
    Remote m;
    std::string said = m.raw(gdb::framed("qRcmd," + gdb::to_hex("registers cr3")));
    EXPECT_EQ(said, "+" + gdb::framed("O" + gdb::to_hex("cr3          0000000000001000\n")) + "$OK#9a");
    EXPECT_NE(m.raw(gdb::framed("qRcmd," + gdb::to_hex("nonsense"))).find(gdb::to_hex("error")), std::string::npos);
}

TEST(Gdb, DetachingAndKillingEndTheConversation) {
    Remote m;
    EXPECT_EQ(m.ask("Z0,10000,1"), "OK");
    EXPECT_EQ(m.ask("D"), "OK");
    EXPECT_EQ(m.server.state, Server::State::detached);
    EXPECT_TRUE(m.session.stops.empty());
    Remote other;
    EXPECT_EQ(other.ask("vKill;1"), "OK");
    EXPECT_EQ(other.server.state, Server::State::killed);
}
