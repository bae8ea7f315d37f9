// SPDX-License-Identifier: MIT
// What the window's panels do when keys ask them: tabs, bits in words, another CPU, the timeline nearer, work that takes long.
#include "tests/gui/machine_of_words.h"
#include <gtest/gtest.h>

namespace {

Result stop_of(const char* kind) {
    Result r;
    r.add("stop 1").with("why", "event").with("kind", kind);
    return r;
}

}

TEST(DebuggerPanels, a_back_trace_is_a_tab_of_the_stack) {
    Window w;
    ASSERT_TRUE(w.app.set("focus", "stack"));
    w.settle();
    EXPECT_FALSE(w.was_asked("stack 1"));
    w.press(Key::tab, true);
    EXPECT_TRUE(w.was_asked("stack 1"));
    EXPECT_TRUE(w.shows("RETURNS TO"));
}

TEST(DebuggerPanels, bits_are_told_in_words_beside_the_row_that_is_selected_or_pointed_at) {
    Window w;
    ASSERT_TRUE(w.app.set("focus", "registers") && w.app.set("tab.registers", "1"));
    w.settle();
    EXPECT_FALSE(w.shows("what it does, in words"));
    w.press('d');
    EXPECT_TRUE(w.was_asked("registers cr0"));
    EXPECT_TRUE(w.shows("what it does, in words"));
    w.press(Key::down);
    EXPECT_TRUE(w.was_asked("registers cr2"));
    w.press('d');
    EXPECT_FALSE(w.shows("what it does, in words"));
    for (auto& d : w.drawn())
        if (d.what == "efer") w.stage.mouse(d.box.x + 3, d.box.y + 3);
    w.settle();
    EXPECT_TRUE(w.was_asked("registers efer"));
    EXPECT_TRUE(w.shows("what it does, in words"));
}

TEST(DebuggerPanels, another_cpu_is_a_key_away_and_nothing_of_the_last_one_counts_as_before) {
    Window w;
    w.settle();
    w.app.stopped({});
    w.settle();
    EXPECT_TRUE(w.app.feed.before("registers general"));
    w.press(Key::page_down, true);
    EXPECT_TRUE(w.was_asked("cpu 1"));
    EXPECT_FALSE(w.app.feed.before("registers general"));
    w.press(Key::page_up, true);
    EXPECT_TRUE(w.was_asked("cpu 63")) << "round about";
    w.app.running();
    auto asked = w.asked.size();
    w.app.choose_cpu(2);
    EXPECT_EQ(w.asked.size(), asked) << "not while they run";
}

TEST(DebuggerPanels, the_timeline_comes_nearer_and_goes_farther) {
    Window w;
    ASSERT_TRUE(w.app.set("screen", "virtualization") && w.app.set("focus", "timeline"));
    w.settle();
    int begins = w.app.choices["timeline"];
    w.press('+', false, true);
    EXPECT_LT(w.app.choices["timeline"], begins);
    w.press('-');
    w.press('-');
    EXPECT_GT(w.app.choices["timeline"], begins);
    for (int n = 0; n < 20; n++) w.press('-');
    EXPECT_EQ(w.app.choices["timeline"], 100) << "no more than there are exits";
    for (int n = 0; n < 20; n++) w.press('+', false, true);
    EXPECT_EQ(w.app.choices["timeline"], 4);
    w.press(Key::left);
    w.press(Key::left);
    EXPECT_EQ(w.app.panels["timeline"].selected, 2);
}

TEST(DebuggerPanels, a_failed_entry_shows_its_rule_its_section_and_what_it_read) {
    Window w;
    ASSERT_TRUE(w.app.set("screen", "virtualization"));
    w.settle();
    EXPECT_FALSE(w.was_asked("vmcs failed"));
    w.app.stopped(stop_of("entry-failure"));
    w.settle();
    EXPECT_TRUE(w.was_asked("vmcs failed"));
    for (auto* text : {"guest.seg.g-clear of GS, SDM vol. 3, 27.3.1.2", "VM-entry failure, reason 33", "guest GS access rights", "209b"}) EXPECT_TRUE(w.shows(text)) << text;
}

TEST(DebuggerPanels, each_broken_rule_is_told_though_it_has_the_same_name) {
    Window w;
    ASSERT_TRUE(w.app.set("screen", "virtualization"));
    w.settle(1920, 1080);
    int rules = 0;
    for (auto& d : w.drawn(1000, 1920, 1080)) rules += d.what == "RULE";
    EXPECT_GT(rules, 1);
}

TEST(DebuggerPanels, stale_entries_are_marked_and_dropped_ones_listed) {
    Window w;
    ASSERT_TRUE(w.app.set("screen", "caches") && w.app.set("tab.drops", "1"));
    w.settle();
    EXPECT_TRUE(w.was_asked("tlb drops"));
    EXPECT_TRUE(w.shows("INVVPID single-context"));
    ASSERT_TRUE(w.app.set("tab.drops", "2"));
    w.settle();
    EXPECT_TRUE(w.was_asked("tlb stale") && w.was_asked("stale"));
    EXPECT_TRUE(w.shows("10 cached entries are stale")) << "each ninth of the fake's 90";
    EXPECT_TRUE(w.shows("stale use on CPU 0"));
}

TEST(DebuggerPanels, the_address_map_walks_what_is_chosen) {
    Window w;
    ASSERT_TRUE(w.app.set("screen", "machine") && w.app.set("focus", "map"));
    w.settle();
    w.press(Key::down);
    w.press(Key::enter);
    EXPECT_EQ(w.app.screen, Screen::walk);
    EXPECT_EQ(w.app.walk.address, "0xffff888001000000");
}

TEST(DebuggerPanels, a_map_is_not_asked_for_while_the_guest_runs) {
    Window w;
    ASSERT_TRUE(w.app.set("screen", "machine"));
    w.settle();
    w.app.running();
    w.asked.clear();
    w.app.feed.moved();
    w.settle();
    EXPECT_TRUE(w.was_asked("cpu"));
    EXPECT_FALSE(w.was_asked("map 0 0xffffffffffffffff"));
    w.app.stopped({});
    w.settle();
    EXPECT_TRUE(w.was_asked("map 0 0xffffffffffffffff"));
}

TEST(DebuggerPanels, the_layout_is_kept_can_be_locked_and_comes_back) {
    Window w;
    ASSERT_TRUE(w.app.set("split.run.narrow", "0.3") && w.app.set("tab.registers", "2"));
    w.settle();
    auto place = w.app.place_of("registers");
    EXPECT_NE(w.app.saved().find("split.run.narrow 0.3"), std::string::npos);
    w.press('l', true, true);
    EXPECT_TRUE(w.app.locked);
    EXPECT_NE(w.app.saved().find("locked yes"), std::string::npos);
    w.press('r', true, true);
    EXPECT_NE(w.app.place_of("registers").x, place.x);
    EXPECT_EQ(w.app.panels["registers"].tab, 0);
}

TEST(DebuggerPanels, work_that_takes_long_says_how_far_it_is_and_can_be_ended) {
    Window w;
    std::vector<Feed::Done> open;
    u64 instructions = 1000;
    App app([&](std::string line, Feed::Done done) {
        if (line == "step 4000") return open.push_back(done);
        Result r = answer(line, false);
        if (line == "state") r.lines[0] = Line().count("instructions", instructions).count("cpus", 1);
        done(r);
    });
    int paused = 0;
    app.pause = [&] { paused++; };
    w.stage.settle(app, 1920, 1080);
    app.run("step 4000");
    app.running();
    instructions += 1000;
    app.feed.moved();
    auto said = [&](double at) {
        std::vector<ui::Drawn> all;
        for (int n = 0; n < 3; n++) {
            all.clear(), ui::drawn = &all;
            w.stage.draw(app, 1920, 1080, at + n * .01);
            ui::drawn = nullptr;
        }
        std::string text;
        for (auto& d : all) text += d.what + "\n";
        return text;
    };
    EXPECT_NE(said(5000).find("step 4000"), std::string::npos);
    EXPECT_NE(said(5001).find("25 %"), std::string::npos) << said(5001);
    app.key({Key::escape});
    EXPECT_EQ(paused, 1);
    app.key({Key::pause});
    EXPECT_EQ(paused, 2);
    ASSERT_EQ(open.size(), 1u);
    open[0]({});
    app.stopped({});
    EXPECT_EQ(said(5002).find("Pause ends it"), std::string::npos);
}

TEST(DebuggerPanels, the_palette_finds_cpus_symbols_and_what_the_console_has_said) {
    Window w;
    w.settle();
    Result said;
    said.add("a needle in it");
    w.app.say("walk 0x1000", said);
    w.press('p', true);
    w.type("#needle");
    EXPECT_TRUE(w.shows("a needle in it"));
    w.press(Key::escape);
    w.press('p', true);
    w.type("@start_kernel");
    EXPECT_TRUE(w.shows("Break at start_kernel"));
    w.press(Key::escape);
    w.press('p', true);
    w.type("cpu 17");
    w.press(Key::enter);
    EXPECT_TRUE(w.was_asked("cpu 17"));
}

TEST(DebuggerPanels, e_begins_the_command_that_changes_what_is_selected) {
    Window w;
    ASSERT_TRUE(w.app.set("focus", "registers"));
    w.settle();
    w.press(Key::down);
    w.press('e');
    EXPECT_EQ(w.app.edits["console"].text, "set rbx 0xffffffff81076a59");
    ASSERT_TRUE(w.app.set("focus", "code"));
    w.settle();
    w.press(Key::f(9), true);
    EXPECT_TRUE(w.app.edits["console"].text.ends_with(" if ")) << w.app.edits["console"].text;
}

TEST(DebuggerPanels, ctrl_f_searches_memory_and_f3_the_next_match) {
    Window w;
    w.settle();
    w.press('f', true);
    EXPECT_TRUE(w.shows("find")) << "wherever the keys were";
    w.type("0f 05");
    w.press(Key::enter);
    EXPECT_TRUE(w.was_asked("search rsp+0x0 0x100000000 0f 05"));
    EXPECT_EQ(w.app.edits["memory"].text, "0x7000");
    EXPECT_TRUE(w.was_asked("memory 0x7000+0x0 " + w.asked.back().substr(w.asked.back().rfind(' ') + 1)));
    w.press(Key::f(3));
    EXPECT_TRUE(w.was_asked("search 0x7000+1 0x100000000 0f 05"));
    EXPECT_EQ(w.app.edits["memory"].text, "0x9000");
    w.press('f', true);
    w.press('u', true);
    w.type("00 00");
    w.press(Key::enter);
    EXPECT_EQ(w.app.edits["memory"].text, "0x9000") << "what isn't there leads nowhere";
    EXPECT_TRUE(w.shows("not found"));
    ASSERT_TRUE(w.app.set("choice.memory", "2") && w.app.set("memory", "0x1000"));
    w.press(Key::f(3));
    EXPECT_TRUE(w.was_asked("search p:0x1000+0x0 0x100000000 00 00")) << "from what is shown";
}

TEST(DebuggerPanels, f3_selects_the_next_row_that_a_filter_has_left_round_about) {
    Window w;
    ASSERT_TRUE(w.app.set("screen", "virtualization") && w.app.set("focus", "fields") && w.app.set("fields", "_field_7"));
    w.settle();
    auto& selected = w.app.panels["fields"].selected;
    w.press(Key::f(3));
    EXPECT_EQ(selected, 1) << "row 0 is the heading of the first area";
    w.press(Key::f(3));
    EXPECT_EQ(selected, 3) << "there is one field of each area";
    w.press(Key::f(3), false, true);
    w.press(Key::f(3), false, true);
    EXPECT_EQ(selected, 7) << "the last of four";
    ASSERT_TRUE(w.app.set("screen", "caches") && w.app.set("focus", "tlb") && w.app.set("tlb", "nothing has this"));
    w.settle();
    w.press(Key::f(3));
    EXPECT_EQ(w.app.panels["tlb"].selected, 0);
}
