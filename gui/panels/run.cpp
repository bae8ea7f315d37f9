// SPDX-License-Identifier: MIT
// The everyday screen: where am I, at which level, why did it stop, what has changed since.
#include "gui/panels/panels.h"
#include <algorithm>
#include <cmath>

namespace gui {

using namespace ui;

void draw_verdict(Rect& r, Band band, std::string_view title, std::string_view right, std::string_view below, int lines) {
    Rect b = cut_top(r, 36 + float(lines) * 19 + (lines ? 4 : 0), 10);
    fill(b, band.back, 5);
    fill({b.x, b.y + 8, 3, b.h - 16}, band.colour, 1);
    mark(band.mark, b.x + 20, b.y + 18, band.colour);
    float stop = b.right() - 12 - (right.empty() ? 0 : width(type.ui, right) + 12);
    text_fit(b.x + 34, stop, mid(b.y + 18, type.title), band.colour, type.title, title);
    if (!right.empty()) text_right(b.right() - 12, mid(b.y + 18, type.ui), ink.dim, type.ui, right);
    if (lines) rich({b.x + 14, b.y + 32, b.w - 24, float(lines) * 19}, ink.text, type.ui, below, 19);
}

void draw_lines(App& app, Pane pane, const std::string& line) {
    Rect in = pane.in.in(pad, 8);
    Clip clip(pane.in);
    auto& r = app.feed.look(line);
    Rows rows = app.rows(pane, in, int(r.lines.size()), 18);
    for (int n = rows.from; n < rows.to; n++) {
        Rect q = rows.at(n);
        if (n == pane.state.selected && pane.focused) fill({q.x - 6, q.y, q.w + 6, q.h}, ink.accent_bg, 2);
        text_fit(q.x, q.right(), mid(q.cy(), type.small), r.failed ? ink.bad : ink.dim, type.small, r.lines[std::size_t(n)].text);
    }
}

// Whole dots 1:1; where there is less room, the part at the bottom left.
void draw_guest_screen(App& app, Pane pane) {
    Rect r = pane.in;
    fill(r, IM_COL32(6, 8, 10, 255));
    auto& t = app.guest_screen;
    if (!t.dots) return text_centre(r.cx(), mid(r.cy(), type.ui), IM_COL32(122, 136, 152, 255), type.ui, "nothing on the guest's screen yet");
    Clip clip(r);
    float times = std::max(1.f, std::floor(std::min(r.w / float(t.width), r.h / float(t.height)))), w = float(t.width) * times, h = float(t.height) * times;
    float x = w > r.w ? r.x : std::round(r.x + (r.w - w) * .5f), y = h > r.h ? r.bottom() - h : std::round(r.y + (r.h - h) * .5f);
    list()->AddImage(&t, {x, y}, {x + w, y + h});
    if (app.grabbed) frame(r.in(1), ink.now, 0, 2);
}

// ---- memory

namespace {

// In the space that is chosen, where the address names none.
std::string memory_place(App& app) {
    static constexpr const char* prefixes[] = {"", "g:", "p:"};
    auto& text_of = app.edits["memory"].text;
    std::string place = text_of.empty() ? "rsp" : text_of;
    return place.find(':') == place.npos ? prefixes[std::clamp(app.choices["memory"], 0, 2)] + place : place;
}

// What is typed: bytes, or a text in quotes. The first match is shown; the command tells why there is none.
void find_in_memory(App& app, const std::string& from) {
    auto& wanted = app.edits["memory.find"].text;
    if (wanted.empty()) return;
    app.feed.act(app.at_level("search " + from + " 0x100000000 " + wanted), [&app](const Result& r) {
        auto* match = find(r, "kind", "match");
        app.again = true;
        if (!match) return app.found = {"", 0, 0, r.lines.empty() ? "" : r.lines.back().text}, void();
        app.found = {std::string(word(*match, "address")), value(*match, "address"), value(r.lines.back(), "length"), ""};
        app.edits["memory"].set(app.found.place);
    });
}

// The address or what is searched for, the space, and what came of a search.
void memory_head(App& app, Pane pane, Rect h, const std::string& shown) {
    auto& e = app.edits["memory"];
    Rect field{h.x, h.y, std::min(240.f, h.w), 26};
    bool stands_there = !app.found.place.empty() && e.text == app.found.place;
    if (app.pressed(pane, Key::f(3)))
        app.edits["memory.find"].text.empty() ? app.search_memory() : find_in_memory(app, stands_there ? app.found.place + "+1" : shown);
    if (app.pressed(pane, 'g') || app.pressed(pane, '/')) app.editing = "memory", e.at = e.text.size();
    if (app.pressed(pane, 'e')) app.compose("write " + (e.text.empty() ? "rsp" : e.text) + " ");
    if (app.editing != "memory.find") app.field("memory", field, "", "address or register: rsp, 0x1000");
    else if (app.field("memory.find", field, "find", "0f 05, \"text\"")) find_in_memory(app, shown);
    float right = h.x + 250;
    if (h.w > 470) right = app.choice("memory.space", right, h.cy() - 1, {"linear", "gPA", "PA"}, app.choices["memory"]) + 12;
    text_fit(right, h.right(), mid(h.cy(), type.ui), ink.bad, type.ui, app.found.says);
}

struct MemoryColumns {
    float bytes, letters;                  // letters: 0 where there is no room for them
};

// A line of the dump: bytes that are others than at the last stop stand out, and what was found.
void memory_line(const App& app, Rect q, const Line& l, const Line* was, MemoryColumns at, bool found_here) {
    float base = mid(q.cy(), type.mono);
    u64 address = value(l, "address");
    number(q.x, base, type.mono, address, 16, ink.dim);
    auto bytes = word(l, "bytes"), before = was ? word(*was, "bytes") : std::string_view();
    for (std::size_t k = 0; k < bytes.size() / 2; k++) {
        float x = at.bytes + float(k) * 24 + (k >= 8 ? 12 : 0);
        if (x + 16 > q.right()) break;
        auto two = bytes.substr(k * 2, 2);
        if (found_here && address + k - app.found.address < app.found.length) fill({x - 3, q.y + 1, 22, q.h - 2}, ink.accent_bg, 2);
        bool other = before.size() == bytes.size() && before.substr(k * 2, 2) != two;
        text(x, base, other ? ink.now : two == "00" ? ink.faint : ink.text, other ? type.mono_bold : type.mono, two);
        char c = char(std::stoul(std::string(two), nullptr, 16));
        bool letter = c > ' ' && c < 0x7f;
        if (at.letters) text(at.letters + float(k) * 8, base, letter ? ink.dim : ink.faint, type.mono, letter ? std::string(1, c) : ".");
    }
}

}

void draw_memory(App& app, Pane pane) {
    Clip clip(pane.in);
    Rect in = pane.in.in(pad, 8), h = cut_top(in, 28, 6);
    constexpr float height = 19;
    int seen = std::max(1, int(in.h / height));
    static s64 moved = 0;
    static std::string moved_for;
    std::string place = memory_place(app);
    if (moved_for != place) moved_for = place, moved = 0;
    moved += s64(wheel(in));
    moved += app.pressed(pane, Key::down) ? 1 : app.pressed(pane, Key::up) ? -1 : app.pressed(pane, Key::page_down) ? seen - 1
        : app.pressed(pane, Key::page_up) ? 1 - seen : 0;
    std::string shown = place + fmt("%s0x%llx", moved < 0 ? "-" : "+", 0ull + u64(moved < 0 ? -moved : moved) * 16);
    memory_head(app, pane, h, shown);
    std::string line = app.at_level(shown.insert(0, "memory ") + fmt(" %d", seen * 16));
    auto& r = app.feed.look(line);
    const Result* before = app.feed.before(line);
    bool found_here = app.found.length && app.edits["memory"].text == app.found.place;
    float bytes_at = in.x + 8 * 17 + 8, letters_at = bytes_at + 16 * 24 + 24;
    MemoryColumns at{bytes_at, letters_at + 16 * 8 < in.right() - 12 ? letters_at : 0};
    Rect q{in.x, in.y, in.w, height};
    for (auto& l : r.lines) {
        if (q.bottom() > in.bottom() + 1) break;
        if (has(l, "error") || r.failed) return text_fit(in.x, in.right(), mid(q.cy(), type.ui), ink.faint, type.ui, l.text), void();
        memory_line(app, q, l, before ? find(*before, "address", word(l, "address")) : nullptr, at, found_here);
        q.y += height;
    }
}

void draw_stops(App& app, Pane pane) {
    Clip clip(pane.in);
    Rect in = pane.in.in(pad, 8);
    auto& r = app.feed.look("list");
    if (!first_with(r, "id")) return nothing(pane.in, "No breakpoints. F9 sets one on the selected instruction; break and watch in the console set any.");
    Rect h = cut_top(in, 18, 4);
    column(in.x + 16, mid(h.cy(), type.capitals), "NO");
    column(in.x + 50, mid(h.cy(), type.capitals), "STOPS ON");
    column(in.x + 150, mid(h.cy(), type.capitals), "WHERE");
    column(in.right() - 12, mid(h.cy(), type.capitals), "MET", true);
    Rows rows = app.rows(pane, in, int(r.lines.size()), 22);
    for (int n = rows.from; n < rows.to; n++) {
        auto& l = r.lines[std::size_t(n)];
        Rect q = rows.at(n);
        if (n == pane.state.selected && pane.focused) fill({q.x - 6, q.y, q.w, q.h}, ink.accent_bg, 2);
        mark(flag(l, "disabled") ? Mark::ring : Mark::dot, q.x + 5, q.cy(), ink.bad);
        text(q.x + 16, mid(q.cy(), type.mono), ink.dim, type.mono, word(l, "id"));
        text_fit(q.x + 50, q.x + 144, mid(q.cy(), type.ui), ink.text, type.ui, word(l, "on"));
        std::string what = l.text;                             // without its number and how often it was met: they have columns
        if (auto from = what.find(' '); from != what.npos) what.erase(0, what.find_first_not_of(' ', from));
        if (auto met = what.find(", met "); met != what.npos) what.erase(met);
        float end = has(l, "address") ? number(q.x + 150, mid(q.cy(), type.mono), type.mono, value(l, "address"), 16, ink.text) : q.x + 150;
        text_fit(has(l, "address") ? end + 12 : end, q.right() - 90, mid(q.cy(), type.ui), ink.faint, type.ui,
                 has(l, "condition") ? word(l, "condition") : value(l, "bytes") > 1 ? std::string_view(fmt("%llu bytes", 0ull + value(l, "bytes")))
                 : has(l, "address") ? std::string_view() : std::string_view(what));
        text_right(q.right() - 12, mid(q.cy(), type.mono), ink.dim, type.mono, grouped(value(l, "hits")));
        if (n == pane.state.selected && app.pressed(pane, Key::remove)) app.run("delete " + std::string(word(l, "id")));
    }
}

namespace {

constexpr const char* groups[] = {"general", "control", "segments", "vector", "debug", "msr"};

std::string screen_words(const App& app) {
    return app.guest_screen.dots ? fmt("%d x %d    Ctrl Alt G grab", app.guest_screen.width, app.guest_screen.height) : "";
}

void draw_log_panel(App& app, Rect r, bool with_memory) {
    if (with_memory) {
        Pane pane = app.panel("console", r, {"Console", "Breakpoints", "Memory"}, "F6 next panel");
        return pane.tab == 0 ? draw_console(app, pane) : pane.tab == 1 ? draw_stops(app, pane) : draw_memory(app, pane);
    }
    Pane pane = app.panel("console", r, {"Console", "Breakpoints", "Exit list"}, "F6 next panel");
    return pane.tab == 0 ? draw_console(app, pane) : pane.tab == 1 ? draw_stops(app, pane) : draw_exit_list(app, pane);
}

std::string changes(App& app) {
    std::string asked = app.at_level("registers general");
    const Result* before = app.feed.before(asked);
    int n = 0;
    if (before)
        for (auto& l : app.feed.look(asked).lines)
            if (auto* was = find(*before, "name", word(l, "name"))) n += word(*was, "value") != word(l, "value");
    return n ? fmt("%d changed", n) : "";
}

}

static void draw_stack_panel(App& app, Rect r) {
    Pane pane = app.panel("stack", r, {"Stack", "Back trace"});
    if (pane.tab) draw_back_trace(app, pane);
    else draw_stack(app, pane);
}

void draw_run(App& app, Rect body) {
    Rect a, b, c, d;
    std::string level = fmt("L%d", app.shown_level());
    if (app.wide) {
        Rect left, rest, middle, right;
        app.split_across("run.left", body, .392f, left, rest);
        app.split_across("run.right", rest, .607f, middle, right);
        app.split_down("run.screen", left, .475f, a, b);
        draw_guest_screen(app, app.panel("screen", a, {"Screen"}, screen_words(app)));
        draw_log_panel(app, b, false);
        app.split_down("run.code", middle, .655f, a, b);
        draw_code(app, app.panel("code", a, {"Disassembly"}, level + "    F9 breakpoint"));
        draw_memory(app, app.panel("memory", b, {"Memory"}, "G address    Ctrl F search"));
        app.split_down("run.registers", right, .6f, a, b);
        Pane pane = app.panel("registers", a, {"General", "Control", "Segments", "Vector", "Debug", "MSR"}, changes(app));
        draw_registers(app, pane, groups[pane.tab]);
        draw_stack_panel(app, b);
        return;
    }
    Rect left, right;
    app.split_across("run.narrow", body, .53f, left, right);
    app.split_down("run.narrow.code", left, .64f, a, b);
    app.split_down("run.narrow.screen", right, .38f, c, d);
    draw_code(app, app.panel("code", a, {"Disassembly"}, level + "    F9 breakpoint"));
    draw_log_panel(app, b, true);
    draw_guest_screen(app, app.panel("screen", c, {"Screen"}, screen_words(app)));
    app.split_across("run.narrow.stack", d, .5f, a, b);
    Pane pane = app.panel("registers", a, {"General", "Control", "Segments", "MSR"});
    static constexpr const char* few[] = {"general", "control", "segments", "msr"};
    draw_registers(app, pane, few[std::clamp(pane.tab, 0, 3)]);
    draw_stack_panel(app, b);
}

}
