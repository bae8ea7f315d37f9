// SPDX-License-Identifier: MIT
// QMP without sockets (QEMU: docs/interop/qmp-spec), and its JSON (RFC 8259, RFC 4648).
#include "debugger/qmp/server.h"
#include "tests/debugger/board.h"
#include <gtest/gtest.h>

using namespace debugger;
using qmp::parse_json;

namespace {

struct Controlled : Debugged {
    struct Face : debugger::Face {
        std::shared_ptr<qmp::Server> server;
        bool poll(Desk&, bool) override { return true; }
        void running() override { server->running(); }
        void stopped(const Stop& stop, const Result& report) override { server->stopped(stop, report); }
    };

    explicit Controlled(bool negotiate = true) {
        put_code("ff c1 eb fc");                         // inc ecx; jmp
        face->server = std::make_shared<qmp::Server>(desk, qmp::MemoryFile{"/proc/1/fd/2", {{0, 0, 0xa0000}}}, [this](std::string_view text) { out += text; });
        desk.add(face);
        if (negotiate) ask(R"({"execute": "qmp_capabilities"})");
    }
    // What comes back, by the end of the turns that it takes.
    std::string ask(std::string_view text) {
        out.clear();
        face->server->receive(text);
        while (desk.turn()) {}
        return out;
    }
    // The value returned, or the error's description.
    qmp::Json value(std::string_view text) {
        auto json = parse_json(ask(text));
        EXPECT_TRUE(json) << out;
        if (!json) return {};
        auto* v = json->member("return");
        if (!v && (v = json->member("error"))) v = v->member("desc");
        return v ? *v : qmp::Json{};
    }

    std::string out;
    Desk desk{session};
    std::shared_ptr<Face> face = std::make_shared<Face>();
};

bool names(const std::string& text, const char* what) { return text.find(what) != text.npos; }

}

TEST(QmpJson, ReadsWhatIsJsonAndNothingElse) {
    for (auto* good : {"{}", "[]", " { \"a\" : [1, -2.5e+3, true, false, null, \"\\u20ac\\ud83d\\ude00\\n\"] } ", "\"\"", "0", "1E5", "[[]]"}) EXPECT_TRUE(parse_json(good)) << good;
    for (auto* bad : {"", "{", "}", "{\"a\"}", "{\"a\":}", "{a:1}", "{\"a\":1,}", "[1,]", "01", "+1", "1.", ".5", "1e", "nul", "\"\n\"", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\udc00\"", "1 2", "'a'"})
        EXPECT_FALSE(parse_json(bad)) << bad;
    EXPECT_EQ(parse_json("\"\\u20ac\\ud83d\\ude00\\u00e9/\"")->text, "\xe2\x82\xac\xf0\x9f\x98\x80\xc3\xa9/");
    EXPECT_EQ(parse_json("18446744073709551615")->whole(), ~u64{0});
    EXPECT_FALSE(parse_json("18446744073709551616")->whole());
    EXPECT_FALSE(parse_json("-1")->whole());
    EXPECT_TRUE(parse_json(std::string(32, '[') + std::string(32, ']')));
    EXPECT_FALSE(parse_json(std::string(33, '[') + std::string(33, ']')));
    EXPECT_FALSE(parse_json(std::string(100'000, '[')));
}

TEST(QmpJson, BytesAsBase64) {
    auto of = [](std::string_view s) { return qmp::base64({reinterpret_cast<const u8*>(s.data()), s.size()}); };
    EXPECT_EQ(of(""), "");
    EXPECT_EQ(of("f"), "Zg==");
    EXPECT_EQ(of("fo"), "Zm8=");
    EXPECT_EQ(of("foobar"), "Zm9vYmFy");
}

TEST(Qmp, CapabilitiesComeFirst) {
    Controlled m(false);
    m.face->server->greet();
    EXPECT_TRUE(m.out.starts_with("{\"QMP\": {\"version\": ")) << m.out;
    EXPECT_TRUE(names(m.ask(R"({"execute": "query-status"})"), "CommandNotFound"));
    EXPECT_EQ(m.ask(R"({"execute": "qmp_capabilities", "id": {"n": 7}})"), "{\"return\": {}, \"id\": {\"n\": 7}}\r\n");
    EXPECT_TRUE(names(m.ask(R"({"execute": "qmp_capabilities"})"), "CommandNotFound"));
    EXPECT_TRUE(names(m.ask(R"({"execute": "query-status"})"), "\"status\": \"prelaunch\""));
}

TEST(Qmp, WhatIsNoRequestIsAnError) {
    Controlled m;
    for (auto* bad : {"{}", R"({"execute": 5})", R"({"execute": "stop", "x": 1})", R"({"execute": "stop", "arguments": []})", R"({"execute": "stop", "arguments": {"x": 1}})",
                      R"({"execute": "stop",})", "stray\n", R"({"execute": "memory-read"})", R"({"execute": "memory-read", "arguments": {"address": -1, "length": 1}})",
                      R"({"execute": "memory-read", "arguments": {"address": 0, "length": 0}})", R"({"execute": "memory-read", "arguments": {"address": 0, "length": 1, "space": "x"}})",
                      R"({"execute": "walk", "arguments": {"address": "nothing"}})", R"({"execute": "registers", "arguments": {"group": "x"}})", R"({"execute": "registers", "arguments": {"level": 2}})",
                      R"({"execute": "registers", "arguments": {"level": 3}})", R"({"execute": "walk", "arguments": {"address": "rip", "level": 2}})", R"({"execute": "slate-command"})"})
        EXPECT_TRUE(m.ask(bad).starts_with("{\"error\": {\"class\": \"GenericError\", \"desc\": ")) << bad << m.out;
    EXPECT_TRUE(names(m.ask(R"({"execute": "none"})"), "CommandNotFound"));
    EXPECT_FALSE(m.face->server->closed);
    m.ask("{\"" + std::string(100'000, 'a'));
    EXPECT_TRUE(m.face->server->closed);
}

TEST(Qmp, ABrowserIsHungUpOn) {
    Controlled m(false);
    m.ask("POST / HTTP/1.1\r\n\r\n{\"execute\": \"qmp_capabilities\"}{\"execute\": \"quit\"}");
    EXPECT_TRUE(m.face->server->closed);
    EXPECT_EQ(m.out, "");
    EXPECT_FALSE(m.session.quits);
}

TEST(Qmp, RequestsMayComeInPiecesAndSeveralAtOnce) {
    Controlled m;
    EXPECT_EQ(m.ask("  {\"execute\":\r\n \"query-"), "");
    std::string both = m.ask("status\"} {\"execute\": \"query-memory-file\", \"id\": \"}\"}");
    EXPECT_TRUE(names(both, "\"running\": false"));
    EXPECT_TRUE(names(both, R"({"return": {"path": "/proc/1/fd/2", "ranges": [{"physical": 0, "offset": 0, "length": 655360}]}, "id": "}"})")) << both;
}

TEST(Qmp, TypedReads) {
    Controlled m;
    m.cpu.gpr[rbx] = 0xfedcba9876543210;
    std::memcpy(&m.ram[0x20000], "foobar", 6);
    auto read = m.value(R"({"execute": "memory-read", "arguments": {"address": 131072, "length": 6, "space": "physical"}})");
    ASSERT_TRUE(read.member("data"));
    EXPECT_EQ(read.member("data")->text, "Zm9vYmFy");
    EXPECT_EQ(m.value(R"({"execute": "memory-read", "arguments": {"address": "0x20000", "length": 6}})").member("data")->text, "Zm9vYmFy");
    std::string all = m.ask(R"({"execute": "registers", "arguments": {"group": "general"}})");
    EXPECT_TRUE(names(all, R"({"name": "rbx", "group": "general", "bits": 64, "value": "0xfedcba9876543210"})")) << all;
    EXPECT_FALSE(names(all, "cr3"));
    EXPECT_EQ(m.ask(R"({"execute": "registers", "arguments": {"group": "general", "level": 1}})"), all);           // the level that runs
    std::string walk = m.ask(R"({"execute": "walk", "arguments": {"address": "rip", "access": "x"}})");
    EXPECT_TRUE(parse_json(walk) && names(walk, "\"ok\": true")) << walk;
}

TEST(Qmp, EveryCommandAndItsResult) {
    Controlled m;
    EXPECT_EQ(m.value(R"({"execute": "human-monitor-command", "arguments": {"command-line": "registers cr3"}})").text, "cr3          0000000000001000\n");
    auto result = m.value(R"({"execute": "slate-command", "arguments": {"command-line": "registers cr3"}})");
    ASSERT_TRUE(result.member("ok") && result.member("lines"));
    EXPECT_TRUE(result.member("ok")->truth);
    EXPECT_EQ(result.member("lines")->items.at(0).member("value")->text, "0x1000");
    result = m.value(R"({"execute": "slate-command", "arguments": {"command-line": "nonsense"}})");
    EXPECT_FALSE(result.member("ok")->truth);
}

TEST(Qmp, RunningAndStandingAreEvents) {
    Controlled m;
    std::string said = m.ask(R"({"execute": "slate-command", "arguments": {"command-line": "step"}})");
    auto resume = said.find("\"event\": \"RESUME\""), stop = said.find("\"event\": \"STOP\""), answer = said.find("\"return\"");
    EXPECT_TRUE(resume < stop && stop < answer && answer != said.npos) << said;
    m.slices = 3;
    m.ask(R"({"execute": "slate-command", "arguments": {"command-line": "continue"}})");
    EXPECT_TRUE(names(m.out, R"("event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-shutdown"})")) << m.out;
    EXPECT_TRUE(names(m.ask(R"({"execute": "query-status"})"), "\"status\": \"shutdown\""));
    EXPECT_TRUE(names(m.ask(R"({"execute": "cont"})"), "error"));
    m.ask(R"({"execute": "quit"})");
    EXPECT_TRUE(m.session.quits);
}
