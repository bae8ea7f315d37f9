// SPDX-License-Identifier: MIT
// Several faces at one desk: who is polled, who is told of what, and what other threads may do.
#include "debugger/desk.h"
#include "tests/debugger/board.h"
#include <future>
#include <gtest/gtest.h>
#include <thread>

using namespace debugger;

namespace {

struct Fake : Face {
    std::function<bool(Desk&, bool)> act;
    std::vector<std::string> told;
    bool poll(Desk& desk, bool standing) override { return act(desk, standing); }
    void running() override { told.push_back("running"); }
    void stopped(const Stop& stop, const Result& report) override {
        told.push_back(stop.why == Why::reached ? "reached" : stop.why == Why::interrupted ? "interrupted" : "other");
        EXPECT_FALSE(report.lines.empty());
    }
};

struct Office : Debugged {
    Office() {
        put_code("ff c1 eb fc");                         // inc ecx; jmp
        slices = 1'000'000'000;
        desk.longest_wait = 1;
        desk.add(face);
    }
    Desk desk{session};
    std::shared_ptr<Fake> face = std::make_shared<Fake>();
};

using Told = std::vector<std::string>;

}

TEST(Desk, WhatIsPostedIsDoneInItsOrderUntilTheFaceIsGone) {
    Office m;
    std::vector<std::string> said;
    int polls = 0;
    m.face->act = [&](Desk& desk, bool standing) {
        EXPECT_TRUE(standing);
        if (!polls++)
            for (auto* line : {"set rcx 5", "registers rcx", "nonsense"}) desk.post(line, [&](const Result& r) { said.push_back(r.failed ? "failed" : r.text()); });
        return polls < 3;
    };
    m.desk.run();
    EXPECT_EQ(said, (Told{"rcx          0000000000000005\n", "rcx          0000000000000005\n", "failed"}));
    EXPECT_TRUE(m.face->told.empty());
}

TEST(Desk, AStepOfOneFaceIsToldToAll) {
    Office m;
    auto other = std::make_shared<Fake>();
    other->act = [](Desk&, bool) { return true; };
    m.desk.add(other);
    m.face->act = [n = 0](Desk& desk, bool) mutable {
        if (n++ == 0) desk.post("step");
        if (n == 3) desk.post("quit");
        return true;
    };
    m.desk.run();
    EXPECT_EQ(m.face->told, (Told{"running", "reached"}));
    EXPECT_EQ(other->told, m.face->told);
    EXPECT_EQ(m.cpu.rip(), 0x10002u);
}

TEST(Desk, WhileTheGuestRunsItIsLookedAtAndOnlyOneMayLetItRun) {
    Office m;
    std::vector<std::string> said;
    m.face->act = [&, n = 0](Desk& desk, bool standing) mutable {
        auto keep = [&](const char* what) { return [&said, what](const Result& r) { said.push_back(std::string(what) + (r.failed ? " refused" : " done")); }; };
        switch (n++) {
        case 0: desk.post("continue", keep("continue")); break;
        case 1:
            EXPECT_FALSE(standing);
            desk.post("registers", keep("look")), desk.post("step", keep("step"));
            break;
        case 3: desk.request_stop(); break;
        case 6: EXPECT_TRUE(standing); return false;
        }
        return true;
    };
    m.desk.run();
    EXPECT_EQ(said, (Told{"look done", "step refused", "continue done"}));
    EXPECT_EQ(m.face->told, (Told{"running", "interrupted"}));
}

TEST(Desk, AGoalLetsTheGuestRunUntilItIsReached) {
    Office m;
    m.face->act = [n = 0](Desk& desk, bool) mutable {
        if (!n++) desk.go({.steps = 2});
        return n < 3;
    };
    m.desk.run();
    EXPECT_EQ(m.cpu.rip(), 0x10000u);
    EXPECT_EQ(m.face->told, (Told{"running", "reached"}));
}

TEST(Desk, AnOldWishToStopDoesNotStopTheNextRun) {
    Office m;
    m.desk.request_stop();
    m.face->act = [n = 0](Desk& desk, bool) mutable {
        if (++n == 2) desk.go({.steps = 3000});
        return n < 20;
    };
    m.desk.run();
    EXPECT_EQ(m.face->told, (Told{"running", "reached"}));
}

TEST(Desk, OtherThreadsPostAndStop) {
    Office m;
    m.face->act = [](Desk&, bool) { return true; };
    auto ask = [&](std::string line) {
        std::promise<std::string> answer;
        auto future = answer.get_future();
        m.desk.post(std::move(line), [&](const Result& r) { answer.set_value(r.text()); });
        return future.get();
    };
    std::string first, looked, after;
    std::thread other([&] {
        first = ask("step");
        std::promise<void> stood;
        m.desk.post("continue", [&](const Result&) { stood.set_value(); });
        looked = ask("registers rbx");
        m.desk.request_stop();
        stood.get_future().get();
        after = ask("registers rbx");
        m.desk.post("quit");
    });
    m.desk.run();
    other.join();
    EXPECT_NE(first.find("jmp"), first.npos) << first;
    EXPECT_EQ(looked, after);
}

TEST(Desk, WhoeverWaitsAtTheEndGetsAnAnswer) {
    Office m;
    bool refused = false;
    m.face->act = [&](Desk& desk, bool) {
        desk.post("quit");
        desk.post("registers", [&](const Result& r) { refused = r.failed; });
        return true;
    };
    m.desk.run();
    EXPECT_TRUE(refused);
}
