// SPDX-License-Identifier: MIT
// VM exits: the last ones as a list and on a timeline, how many there were of each reason, where they come from.
#include "gui/panels/panels.h"
#include <algorithm>
#include <cmath>

namespace gui {

using namespace ui;

namespace {

// While the guest runs, fewer: each answer costs its time.
std::string exits_line(const App& app) { return app.stands ? "exits 1024" : "exits 200"; }

std::vector<const Line*> logged(const Result& r) {
    std::vector<const Line*> out;
    for (auto& l : r.lines)
        if (has(l, "tick") && has(l, "rip")) out.push_back(&l);
    return out;
}

bool contains(std::string_view all, std::string_view part) {
    auto same = [](char a, char b) { return (a | 32) == (b | 32); };
    return std::search(all.begin(), all.end(), part.begin(), part.end(), same) != all.end();
}

constexpr struct { const char* part; int category; } categories[] = {
    {"ept", 0}, {"npf", 0}, {"nested page", 0}, {"page fault", 0}, {"i/o", 1}, {"ioio", 1}, {"msr", 2}, {"cpuid", 2}, {"cr access", 2},
    {"control-register", 2}, {"cr0", 2}, {"cr3", 2},
    {"cr4", 2}, {"hlt", 3}, {"timer", 3}, {"pause", 3}, {"mwait", 3}, {"interrupt", 4}, {"intr", 4}, {"nmi", 4}, {"vintr", 4}, {"exception", 4}};
constexpr const char* category_names[] = {"memory", "I/O", "MSR, CPUID, CR", "HLT, timer", "interrupts", "other"};

std::string short_reason(const Line& l) { return std::string(word(l, "reason_text")); }

}

ImU32 exit_colour(const Line& exit) {
    auto reason = word(exit, "reason_text");
    if (contains(reason, "fail") || contains(reason, "invalid")) return ink.bad;
    for (auto& c : categories)
        if (contains(reason, c.part)) return ink.category[c.category];
    return ink.category[5];
}

void draw_exit_list(App& app, Pane pane) {
    Clip clip(pane.in);
    Rect in = pane.in.in(pad, 8);
    auto& r = app.feed.look(exits_line(app));
    auto all = logged(r);
    if (all.empty()) return nothing(pane.in, r.failed && !r.lines.empty() ? std::string_view(r.lines[0].text) : "No VM exit yet.");
    std::reverse(all.begin(), all.end());                       // the newest first
    Rect h = cut_top(in, 18, 4);
    bool roomy = in.w > 900;
    float reason = in.x + 110, rip = reason + (roomy ? 220 : 160), info = rip + 150, address = info + 150, inside = in.right() - 12;
    column(in.x + 90, mid(h.cy(), type.capitals), "TICKS AGO", true);
    column(reason, mid(h.cy(), type.capitals), "REASON");
    column(rip, mid(h.cy(), type.capitals), "GUEST RIP");
    if (info + 100 < inside) column(info, mid(h.cy(), type.capitals), "INFORMATION");
    if (roomy) column(address, mid(h.cy(), type.capitals), "ADDRESS"), column(inside, mid(h.cy(), type.capitals), "TICKS INSIDE", true);
    u64 now = app.feed.look("state").lines.empty() ? 0 : value(app.feed.look("state").lines[0], "ticks");
    Rows rows = app.rows(pane, in, int(all.size()));
    for (int n = rows.from; n < rows.to; n++) {
        auto& l = *all[std::size_t(n)];
        Rect q = rows.at(n);
        float base = mid(q.cy(), type.mono);
        if (n == pane.state.selected && pane.focused) fill({q.x - 6, q.y, q.w + 6, q.h}, ink.accent_bg, 3);
        u64 tick = value(l, "tick");
        text_right(q.x + 90, mid(q.cy(), type.small), ink.faint, type.small, grouped(now > tick ? now - tick : 0));
        fill({q.x + 97, q.cy() - 4, 8, 8}, exit_colour(l), 2);
        text_fit(reason, rip - 8, mid(q.cy(), type.ui), ink.text, type.ui, short_reason(l));
        number(rip, base, type.mono, value(l, "rip"), 16, ink.level[2]);
        if (info + 100 < inside) number(info, base, type.mono, value(l, "information"), 16, ink.dim);
        if (roomy)
            number(address, base, type.mono, value(l, "address"), 16, ink.dim),
                text_right(inside, mid(q.cy(), type.small), ink.dim, type.small, grouped(value(l, "inside")));
    }
    if (app.pressed(pane, Key::enter)) app.edits["code"].set(std::string(word(*all[std::size_t(pane.state.selected)], "rip"))), app.show_screen(Screen::run);
}

void draw_exit_counts(App& app, Pane pane) {
    Clip clip(pane.in);
    Rect in = pane.in.in(pad, 10);
    auto& r = app.feed.look(exits_line(app));
    const Line* sum = first_with(r, "exits");
    if (!sum) return nothing(pane.in, r.lines.empty() ? "" : r.lines[0].text);
    std::vector<const Line*> reasons;
    for (auto& l : r.lines)
        if (has(l, "count") && has(l, "reason")) reasons.push_back(&l);
    std::stable_sort(reasons.begin(), reasons.end(), [](auto* a, auto* b) { return value(*a, "count") > value(*b, "count"); });
    u64 exits = value(*sum, "exits"), inside = value(*sum, "inside");
    Rect top = cut_top(in, 40, 8);
    text(top.x, mid(top.y + 14, type.big), ink.text, type.big, grouped(exits) + (exits == 1 ? " exit" : " exits"));
    text_fit(top.x, top.right(), mid(top.y + 33, type.ui), ink.faint, type.ui,
             exits ? "one per " + grouped(inside / exits) + " instructions of L2" : fmt("%llu entries", 0ull + value(*sum, "entries")));
    if (u64 failed = value(*sum, "failed_entries"))
        text_right(top.right(), mid(top.y + 14, type.bold), ink.bad, type.bold, grouped(failed) + " failed entries");
    Rect h = cut_top(in, 18, 2);
    float from = in.x + std::min(210.f, in.w * .5f), wide = in.right() - from - 84;
    column(in.x + 30, mid(h.cy(), type.capitals), "NO", true);
    column(in.x + 42, mid(h.cy(), type.capitals), "REASON");
    column(in.right() - 12, mid(h.cy(), type.capitals), "COUNT", true);
    u64 most = reasons.empty() ? 1 : value(*reasons[0], "count");
    Rows rows = app.rows(pane, in, int(reasons.size()), 23);
    for (int n = rows.from; n < rows.to; n++) {
        auto& l = *reasons[std::size_t(n)];
        Rect q = rows.at(n);
        if (n == pane.state.selected && pane.focused) fill({q.x - 6, q.y, q.w + 6, q.h}, ink.accent_bg, 3);
        text_right(q.x + 30, mid(q.cy(), type.small), ink.faint, type.small,
                   app.intel_or_amd == "svm" ? fmt("%llx", 0ull + value(l, "reason")) : fmt("%llu", 0ull + value(l, "reason")));
        text_fit(q.x + 42, from - 8, mid(q.cy(), type.ui), ink.text, type.ui, short_reason(l));
        bar({from, q.cy() - 4, wide, 8}, float(value(l, "count")) / float(most), exit_colour(l), ink.raise);
        text_right(in.right() - 12, mid(q.cy(), type.mono), ink.text, type.mono, grouped(value(l, "count")));
    }
}

// The selected reason's exits, as far as they are logged, by the guest's code that made them.
void draw_exit_places(App& app, Pane pane) {
    Clip clip(pane.in);
    Rect in = pane.in.in(pad, 8);
    auto& r = app.feed.look(exits_line(app));
    std::map<u64, std::pair<u64, const Line*>> places;
    for (auto* l : logged(r)) {
        auto& p = places[value(*l, "rip")];
        p.first++, p.second = l;
    }
    if (places.empty()) return nothing(pane.in, "No VM exit yet.");
    std::vector<std::pair<u64, std::pair<u64, const Line*>>> all(places.begin(), places.end());
    std::stable_sort(all.begin(), all.end(), [](auto& a, auto& b) { return a.second.first > b.second.first; });
    Rows rows = app.rows(pane, in, int(all.size()), 22);
    for (int n = rows.from; n < rows.to; n++) {
        auto& [rip, p] = all[std::size_t(n)];
        Rect q = rows.at(n);
        if (n == pane.state.selected && pane.focused) fill({q.x - 6, q.y, q.w + 6, q.h}, ink.accent_bg, 3);
        bool symbol = has(*p.second, "symbol");
        if (symbol) text_fit(q.x, q.x + 190, mid(q.cy(), type.small), ink.level[2], type.small, word(*p.second, "symbol"));
        else number(q.x, mid(q.cy(), type.mono), type.mono, rip, 16, ink.level[2]);
        bar({q.x + 192, q.cy() - 3, q.w - 192 - 70, 6}, float(p.first) / float(all[0].second.first), faded(exit_colour(*p.second), .7f), ink.raise);
        text_right(in.right() - 12, mid(q.cy(), type.mono), ink.text, type.mono, grouped(p.first));
    }
    if (app.pressed(pane, Key::enter)) app.edits["code"].set(fmt("0x%llx", 0ull + all[std::size_t(pane.state.selected)].first)), app.show_screen(Screen::run);
}

// Two lanes: stretches of the guest, and of the hypervisor that handles the exit between them.
void draw_timeline(App& app, Pane pane) {
    Clip clip(pane.in);
    Rect in = pane.in.in(pad, 8);
    auto& r = app.feed.look(exits_line(app));
    auto all = logged(r);
    auto& state = app.feed.look("state");
    if (all.empty() || state.lines.empty()) return nothing(pane.in, r.failed && !r.lines.empty() ? std::string_view(r.lines[0].text) : "No VM exit yet.");
    constexpr int fewest = 4, to_begin_with = 30;
    int &shown = app.choices["timeline"], most = int(all.size()), was = shown ? shown : to_begin_with;
    shown = was;
    if (app.pressed(pane, '+') || app.pressed(pane, '=') || app.pressed(pane, '+', false, true)) shown /= 2;
    if (app.pressed(pane, '-')) shown *= 2;
    float turned = wheel(pane.in);
    if (turned) shown = int(float(shown) * (turned < 0 ? .75f : 1.34f)) + (turned > 0);
    shown = std::clamp(shown, fewest, std::max(to_begin_with, most));
    int& back = pane.state.selected;                            // counted from the newest
    if (app.pressed(pane, Key::left)) back++;
    if (app.pressed(pane, Key::right)) back--;
    if (app.pressed(pane, Key::page_up)) back += shown / 2;
    if (app.pressed(pane, Key::page_down)) back -= shown / 2;
    if (app.pressed(pane, Key::home)) back = most - 1;
    if (app.pressed(pane, Key::end)) back = 0;
    back = std::clamp(back, 0, most - 1);
    int newest = std::max(0, back - shown / 2), first = std::max(0, most - newest - shown), last = most - newest;
    u64 now = value(state.lines[0], "ticks"), from = value(*all[std::size_t(first)], "tick") - value(*all[std::size_t(first)], "inside");
    bool to_now = last == int(all.size());
    u64 to = to_now ? now : value(*all[std::size_t(last)], "tick") - value(*all[std::size_t(last)], "inside");
    if (to_now && now - from > 4 * (value(*all[std::size_t(last - 1)], "tick") - from + 1))
        to = value(*all[std::size_t(last - 1)], "tick") + (value(*all[std::size_t(last - 1)], "tick") - from) / 8 + 1;
    double span = std::max<double>(1, double(to - from));
    float lane = std::min(46.f, (in.h - 18 - 22 - 34) / 2), x0 = in.x + 96, wide = in.w - 96;
    Rect axis = cut_top(in, 18, 4);
    auto x_of = [&](u64 tick) { return x0 + float(double(tick >= from ? tick - from : 0) / span) * wide; };
    for (int i = 0; i <= 8; i++) {
        float x = std::round(x0 + wide * float(i) / 8);
        if (i < 8) text(x + 5, mid(axis.cy(), type.small), ink.faint, type.small, grouped(from + u64(span * i / 8)));
        down(x, axis.y + 2, 2 * lane + 54, ink.line);
    }
    Rect l2{x0, in.y + 2, wide, lane}, l1{x0, in.y + 2 + lane + 26, wide, lane};
    u64 guest_ticks = 0;
    for (int n = first; n < last; n++) guest_ticks += value(*all[std::size_t(n)], "inside");
    for (int k = 0; k < 2; k++) {
        Rect l = k ? l1 : l2;
        int level = k ? 1 : 2;
        chip(in.x, l.cy() - 8, k ? "L1" : "L2", ink.level[level], ink.level_bg[level]);
        text(in.x + 34, mid(l.cy() - 8, type.ui), ink.dim, type.ui, k ? "host" : "guest");
        double share = std::min(1.0, double(guest_ticks) / span);
        text(in.x, mid(l.cy() + 12, type.ui), ink.faint, type.ui, fmt("%.0f %%", 100 * (k ? 1 - share : share)));
        fill(l, faded(ink.level_bg[level], ink.dark ? .35f : .5f), 3);
    }
    for (int n = first; n < last; n++) {
        auto& e = *all[std::size_t(n)];
        u64 tick = value(e, "tick"), entered = tick - value(e, "inside");
        u64 next = n + 1 < int(all.size()) ? value(*all[std::size_t(n + 1)], "tick") - value(*all[std::size_t(n + 1)], "inside") : app.level == 2 ? tick : to;
        float a = x_of(entered), b = std::round(x_of(tick)), c = x_of(next);
        ImU32 colour = exit_colour(e);
        fill({a, l2.y + 6, std::max(1.f, b - a), l2.h - 12}, faded(ink.level[2], .5f), 2);
        fill({b, l2.y + 4, 2, l1.y - l2.y}, colour);
        fill({b, l1.y + 4, std::max(2.f, c - b), l1.h - 8}, colour, 2);
        Rect place{b - 1, l2.y, std::max(4.f, c - b), l1.bottom() - l2.y};
        if (ImGui::IsMouseClicked(0) && hovered(place)) back = most - 1 - n, app.again = true;
        if (most - 1 - n == back && pane.focused) frame({b - 3, l2.y + 1, std::max(2.f, c - b) + 6, l1.bottom() - l2.y - 2}, ink.text, 4, 1.5f);
    }
    if (to_now && to == now) fill({std::min(x_of(now), in.right() - 2), axis.y + 2, 2, l1.bottom() - axis.y + 4}, ink.now);
    float y = in.bottom() - 10;
    auto& chosen = *all[std::size_t(int(all.size()) - 1 - back)];
    if (y < l1.bottom() + 10) return;
    if (pane.focused || back) {                                  // the chosen one in words; else what colours mean
        fill({x0, y - 4, 8, 8}, exit_colour(chosen), 2);
        float x = text(x0 + 13, mid(y, type.bold), ink.text, type.bold, short_reason(chosen)) + 16;
        x = text(x, mid(y, type.ui), ink.faint, type.ui, "guest RIP") + 6;
        x = number(x, mid(y, type.mono), type.mono, value(chosen, "rip"), 16, ink.level[2]) + 16;
        x = text(x, mid(y, type.ui), ink.faint, type.ui, "information") + 6;
        x = number(x, mid(y, type.mono), type.mono, value(chosen, "information"), 8, ink.text) + 16;
        x = text(x, mid(y, type.ui), ink.faint, type.ui, "address") + 6;
        x = number(x, mid(y, type.mono), type.mono, value(chosen, "address"), 12, ink.text) + 16;
        text_fit(x, in.right(), mid(y, type.ui), ink.faint, type.ui, grouped(value(chosen, "inside")) + " ticks inside");
    } else {
        float x = x0;
        for (int k = 0; k < 6; k++) fill({x, y - 4, 8, 8}, ink.category[k], 2), x = text(x + 13, mid(y, type.ui), ink.dim, type.ui, category_names[k]) + 18;
    }
    if (app.pressed(pane, Key::enter)) app.edits["code"].set(std::string(word(chosen, "rip"))), app.show_screen(Screen::run);
}

}
