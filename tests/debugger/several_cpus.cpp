// SPDX-License-Identifier: MIT
// Several CPUs under one session: who is stopped, stepped and looked at; as gdb's threads and in QMP (GDB manual, appendix E; QEMU: qapi/machine).
#include "debugger/commands.h"
#include "debugger/gdb/server.h"
#include "debugger/qmp/server.h"
#include "machine/pc.h"
#include "tests/debugger/board.h"
#include <gtest/gtest.h>

using namespace debugger;

namespace {

// CPU n counts in CX at n * 1000h: inc cx; jmp back. In real mode, with a CS of its own.
struct Board {
    explicit Board(unsigned cpus = 3) : pc(parts(cpus)), session(pc.cpus, pc.turns, [this](const Session::Drive& drive) {
        drive(pc.clock.ticks + 1000);
        return --slices > 0;
    }) {
        for (unsigned n = 0; n < cpus; n++) {
            auto& c = *pc.cpus[n];
            static constexpr u8 code[] = {0x41, 0xeb, 0xfd};
            std::ranges::copy(code, pc.ram.bytes(place(n), sizeof code).begin());
            c.activity = Activity::active;
            c.set_real_segment(Seg::cs, 0);
            c.rip() = place(n), c.gpr[rcx] = 0;
            c.mode_changed();
        }
    }
    static Parts parts(unsigned cpus) {
        Parts p;
        p.model = *find_model("max-intel");
        p.cpus = p.model.processors = cpus;
        p.memory = u64{4} << 20;
        p.vga_memory = 1 << 18;
        return p;
    }
    static u64 place(unsigned n) { return 0x1000 * (n + 1); }
    Cpu& cpu(unsigned n) { return *pc.cpus[n]; }
    u64 count(unsigned n) { return cpu(n).gpr[rcx]; }
    Result command(const std::string& line) { return execute(session, line); }
    debugger::Line stop(const std::string& line) { return command(line).lines[0]; }

    unsigned slices = 1000;
    Pc pc;
    Session session;
};

struct Remote : Board {
    using Board::Board;
    std::string out;
    gdb::Server server{session, [this](std::string_view bytes) { out += bytes; }};
    std::string ask(std::string_view content) {
        out.clear();
        auto bytes = gdb::framed(content);
        server.receive({reinterpret_cast<const u8*>(bytes.data()), bytes.size()});
        if (out.starts_with('+')) out.erase(0, 1);
        if (server.state == gdb::Server::State::running) out.clear(), server.stopped(session.resume(server.goal), 0);
        return out.size() < 4 ? out : out.substr(1, out.size() - 4);
    }
    std::string rip(u64 at) { return gdb::to_hex({reinterpret_cast<const u8*>(&at), 8}); }
};

}

TEST(SeveralCpus, AStopIsOfTheCpuThatMeetsIt) {
    for (bool ticks : {false, true}) {
        Board b;
        b.session.by_ticks = ticks;
        for (unsigned n : {1u, 2u, 0u}) {
            b.command("break " + hex(Board::place(n) + 1));
            auto stop = b.stop("continue");
            EXPECT_EQ(field(stop, "why"), "breakpoint");
            EXPECT_EQ(field(stop, "cpu"), std::to_string(n));
            EXPECT_EQ(b.session.cpu.number, n);
            EXPECT_EQ(b.cpu(n).rip(), Board::place(n) + 1);
            b.command("delete all");
        }
        EXPECT_GT(b.count(0), 1u);
        b.command("watch p:0x3800 1 rw");                // nobody's
        b.slices = 3;
        EXPECT_EQ(field(b.stop("continue"), "why"), "ended");
    }
}

// Each CPU passes the breakpoint that it stands at, the others are stopped by theirs.
TEST(SeveralCpus, NobodyIsStoppedTwiceAtOnePlace) {
    Board b(2);
    b.command("break " + hex(Board::place(0) + 1)), b.command("break " + hex(Board::place(1) + 1));
    u64 stops[2] = {};
    for (unsigned n = 0; n < 40; n++) {
        u64 before[] = {b.count(0), b.count(1)};
        b.command("continue");
        unsigned who = b.session.cpu.number;
        stops[who]++;
        EXPECT_EQ(b.count(who), before[who] + 1);
        EXPECT_EQ(b.count(1 - who), before[1 - who]);
        if (n % 8 == 7) b.command("delete all"), b.slices = 25, b.session.resume({.steps = 30'000}), b.slices = 1000, b.session.over = false,
            b.command("break " + hex(Board::place(0) + 1)), b.command("break " + hex(Board::place(1) + 1));
    }
    EXPECT_GT(stops[0], 0u);
    EXPECT_GT(stops[1], 0u);
}

TEST(SeveralCpus, OneIsSteppedWhileTheOthersRun) {
    for (bool ticks : {false, true}) {
        Board b;
        b.session.by_ticks = ticks;
        b.command("cpu 2");
        for (unsigned n = 0; n < 6; n++) {
            u64 before = b.cpu(2).retired;
            b.command("step");
            EXPECT_EQ(b.session.cpu.number, 2u);
            EXPECT_EQ(b.cpu(2).retired, before + 1);
        }
        EXPECT_EQ(b.count(2), 3u);
        EXPECT_GT(b.count(0), 1000u);                    // its turn came first
        b.command("cpu 1"), b.command("until " + hex(Board::place(1)));
        EXPECT_EQ(b.session.cpu.number, 1u);
        EXPECT_EQ(b.cpu(1).rip(), Board::place(1));
    }
}

TEST(SeveralCpus, OthersCanStandStillMeanwhile) {
    Board b;
    b.session.resume({.steps = 10, .of = &b.cpu(1), .still = 0b101});
    EXPECT_EQ(b.session.cpu.number, 1u);
    EXPECT_EQ(b.count(1), 5u);
    EXPECT_EQ(b.count(0) + b.count(2), 0u);
    b.slices = 10;
    b.session.resume({.still = 0b011});
    EXPECT_EQ(b.count(1), 5u);
    EXPECT_NEAR(double(b.count(2)), 5000, 10);
}

TEST(SeveralCpus, CommandsOfAStopLookAtItsCpu) {
    Board b;
    b.command("break " + hex(Board::place(2) + 1) + " do registers rip; continue");
    b.command("break " + hex(Board::place(2) + 1) + " if rcx == 3");
    auto r = b.command("continue");
    EXPECT_EQ(field(r.lines[0], "cpu"), "2");
    EXPECT_EQ(b.count(2), 3u);
    unsigned said = 0;
    for (auto& l : r.lines)
        said += field(l, "name") == "rip" && field(l, "value") == hex(Board::place(2) + 1);
    EXPECT_EQ(said, 3u);
}

TEST(SeveralCpus, EachIsAThread) {
    Remote b;
    EXPECT_EQ(b.ask("qfThreadInfo"), "m1,2,3");
    EXPECT_EQ(b.ask("qC"), "QC1");
    EXPECT_EQ(b.ask("T3"), "OK");
    EXPECT_EQ(b.ask("T4"), "E22");
    for (auto* bad : {"T", "Tx", "H", "Hg", "Hx1", "Hgx", "Hg1x"}) EXPECT_EQ(b.ask(bad), "E01") << bad;
    EXPECT_EQ(b.ask("Hg4"), "E22");
    b.cpu(1).activity = Activity::halted;
    EXPECT_EQ(b.ask("qXfer:threads:read::0,400"), "l<?xml version=\"1.0\"?><threads><thread id=\"1\" core=\"0\" name=\"CPU 0\"/><thread id=\"2\" core=\"1\" name=\"CPU 1\">halted</thread>"
        "<thread id=\"3\" core=\"2\" name=\"CPU 2\"/></threads>\n");
    for (unsigned n : {0u, 1u, 2u}) {
        EXPECT_EQ(b.ask("Hg" + std::to_string(n + 1)), "OK");
        EXPECT_EQ(b.ask("p10"), b.rip(Board::place(n)));
        EXPECT_EQ(b.ask("P2=0" + std::to_string(n) + "00000000000000"), "OK");
        EXPECT_EQ(b.count(n), n);
    }
    b.ask("Hg2"), b.ask("qRcmd," + gdb::to_hex("registers rip"));
    EXPECT_EQ(b.session.cpu.number, 1u);                 // monitor is about the thread, too
}

TEST(SeveralCpus, ThreadsAreSteppedAloneOrWithTheOthers) {
    Remote b;
    EXPECT_EQ(b.ask("vCont;s:2"), "T05thread:2;");       // nothing is said of the others
    EXPECT_EQ(b.cpu(1).rip(), Board::place(1) + 1);
    EXPECT_EQ(b.count(0) + b.count(2), 0u);
    EXPECT_EQ(b.ask("vCont;s:1;c"), "T05thread:1;");     // the turns of the others come first
    EXPECT_EQ(b.cpu(0).rip(), Board::place(0) + 1);
    EXPECT_GT(b.count(1), 100u);
    EXPECT_GT(b.count(2), 100u);
    EXPECT_EQ(b.ask("vCont;s:1"), "T05thread:1;");
    u64 before = b.count(2);
    EXPECT_EQ(b.ask("vCont;r1000,1001:1"), "T05thread:1;");
    EXPECT_EQ(b.cpu(0).rip() - Board::place(0), 1u);
    EXPECT_EQ(b.count(2), before);
    EXPECT_EQ(b.ask("Z0,3001,1"), "OK");
    EXPECT_EQ(b.ask("vCont;c"), "T05thread:3;");
    EXPECT_EQ(b.ask("qC"), "QC3");
    EXPECT_EQ(b.ask("p10"), b.rip(Board::place(2) + 1));
    EXPECT_EQ(b.ask("vCont;S05:3"), "T05thread:3;");
    EXPECT_EQ(b.ask("vCont;C05:3"), "T05thread:3;");
    EXPECT_EQ(b.ask("z0,3001,1"), "OK");
    EXPECT_EQ(b.ask("Hc2"), "OK");
    EXPECT_EQ(b.ask("s"), "T05thread:2;");
    for (auto* bad : {"vCont;s:9", "vCont;s:2;", "vCont;S:2", "vCont;c:", "vCont;s:2x", "vCont;r1:2"}) EXPECT_EQ(b.ask(bad), "E01") << bad;
    b.slices = 3;
    EXPECT_EQ(b.ask("c1000x"), "E01");
}

TEST(SeveralCpus, LevelsOfEachAreThreads) {
    Remote b(2);
    b.ask("Hg2"), b.ask("qRcmd," + gdb::to_hex("threads levels"));
    EXPECT_EQ(b.ask("qfThreadInfo"), "m1,3");            // the host of each: there are no guests
    EXPECT_EQ(b.ask("p10"), b.rip(Board::place(1)));     // still the same CPU
    EXPECT_EQ(b.ask("T2"), "E22");
    EXPECT_EQ(b.ask("vCont;s:3"), "T05thread:3;");
    EXPECT_EQ(b.cpu(1).rip(), Board::place(1) + 1);
    b.ask("qRcmd," + gdb::to_hex("threads cpus"));
    EXPECT_EQ(b.ask("qfThreadInfo"), "m1,2");
}

TEST(SeveralCpus, ExtendedModeStartsTheMachineAnew) {
    Remote b(2);
    EXPECT_EQ(b.ask("vRun;"), "E22");                    // there is no machine
    b.session.start_anew = [&] { b.cpu(0).rip() = 0x1234; };
    EXPECT_EQ(b.ask("!"), "OK");
    b.ask("vCont;s:2");
    EXPECT_EQ(b.ask("R00"), "");
    EXPECT_EQ(b.ask("?"), "T05thread:1;");
    EXPECT_EQ(b.cpu(0).rip(), 0x1234u);
    EXPECT_EQ(b.ask("vKill;1"), "OK");
    EXPECT_EQ(b.server.state, gdb::Server::State::standing);
    EXPECT_TRUE(b.server.dead);
    EXPECT_EQ(b.ask("vRun;66"), "T05thread:1;");
    EXPECT_FALSE(b.server.dead);
    b.slices = 2;
    EXPECT_EQ(b.ask("c"), "W00");
    EXPECT_TRUE(b.session.over);
    EXPECT_EQ(b.ask("vRun;"), "T05thread:1;");
    EXPECT_FALSE(b.session.over);
    Remote plain(2);
    EXPECT_EQ(plain.ask("k"), "");
    EXPECT_EQ(plain.server.state, gdb::Server::State::killed);
}

TEST(SeveralCpus, AreAskedByQmp) {
    Board b(2);
    std::string out;
    Desk desk(b.session);
    auto server = std::make_shared<qmp::Server>(desk, qmp::MemoryFile{}, [&](std::string_view text) { out += text; });
    auto ask = [&](const std::string& text) {
        out.clear();
        server->receive(text);
        while (desk.turn()) {}
        return out;
    };
    ask(R"({"execute": "qmp_capabilities"})");
    b.cpu(1).activity = Activity::halted;
    std::string cpus = ask(R"({"execute": "query-cpus-fast"})");
    for (auto* part : {R"("cpu-index": 0)", R"("cpu-index": 1)", R"("target": "x86_64")", R"("activity": "halted")"}) EXPECT_NE(cpus.find(part), cpus.npos) << cpus;
    EXPECT_NE(ask(R"({"execute": "registers", "arguments": {"cpu-index": 1}})").find(R"("rip", "group": "general", "bits": 64, "value": "0x2000")"), out.npos) << out;
    EXPECT_NE(ask(R"({"execute": "walk", "arguments": {"address": "rip", "cpu-index": 1}})").find("0x2000"), out.npos) << out;
    EXPECT_EQ(b.session.cpu.number, 0u);
    EXPECT_NE(ask(R"({"execute": "memory-read", "arguments": {"address": "rip", "length": 1, "cpu-index": 1}})").find("QQ=="), out.npos) << out;
    for (auto* bad : {"2", "-1", "\"1\""}) EXPECT_NE(ask(R"({"execute": "registers", "arguments": {"cpu-index": )" + std::string(bad) + "}}").find("GenericError"), out.npos) << out;
    ask(R"({"execute": "human-monitor-command", "arguments": {"command-line": "registers rip", "cpu-index": 1}})");
    EXPECT_NE(out.find("0000000000002000"), out.npos) << out;
    EXPECT_NE(ask(R"({"execute": "system_reset"})").find("GenericError"), out.npos);
    bool started = false;
    b.session.start_anew = [&] { started = true; };
    EXPECT_NE(ask(R"({"execute": "system_reset"})").find("RESET"), out.npos) << out;
    EXPECT_TRUE(started);
}
