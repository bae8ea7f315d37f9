// SPDX-License-Identifier: MIT
// The walk screen: does this access work; if not, which reference refuses it, which bit, and who is told.
#include "gui/panels/walk_parts.h"
#include <algorithm>
#include <cmath>

namespace gui {

using namespace ui;

namespace {

constexpr const char* accesses[] = {"r", "w", "x"};
constexpr const char* modes[] = {"", "s", "u"};

int index_in(auto& names, std::string_view one) {
    for (std::size_t n = 0; n < std::size(names); n++)
        if (one == names[n]) return int(n);
    return 0;
}

std::string walk_line(App& app) {
    std::string line = "walk " + app.walk.address + " " + (app.walk.access.empty() ? "r" : app.walk.access);
    if (!app.walk.mode.empty()) line += " " + app.walk.mode;
    return app.at_level(line);
}

void step_to(App& app, int to, int last) {
    to = std::clamp(to, 1, std::max(1, last));
    if (to == app.walk.step) return;
    app.walk.from = app.walk.step, app.walk.step = to, app.walk.moved = app.time;
}

void take_keys(App& app, const Pane& pane, const WalkGrid& grid) {
    auto& w = app.walk;
    int last = grid.refused_at ? grid.refused_at : int(grid.all.size());
    auto row_end = [&](int number) {
        auto& row = grid.rows[std::size_t(grid.row_of(number))];
        int end = row.first.number;
        for (auto& c : row.second) end = std::max(end, c.number);
        return end;
    };
    if (app.pressed(pane, 'n')) step_to(app, w.step + 1, last);
    if (app.pressed(pane, 'n', false, true)) step_to(app, w.step - 1, last);
    if (app.pressed(pane, 'n', true) && !grid.rows.empty()) step_to(app, row_end(w.step) + 1, last);
    if (app.pressed(pane, Key::home)) step_to(app, 1, last);
    if (app.pressed(pane, Key::end)) step_to(app, last, last);
    if (app.pressed(pane, ' ')) step_to(app, w.step + 1, last), w.selected = w.step;
    for (int n = 1; n <= int(grid.rows.size()) && n <= 6; n++)
        if (app.pressed(pane, '0' + n)) {
            auto& row = grid.rows[std::size_t(n - 1)];
            step_to(app, row.second.empty() || !row.second[0].line ? row.first.number : row.second[0].number, last);
        }
    for (auto* access : accesses)
        if (app.pressed(pane, *access)) w.access = access;
    int& s = w.selected;
    if (app.pressed(pane, Key::right)) s++;
    if (app.pressed(pane, Key::left)) s--;
    for (int way : {1, -1})
        if (app.pressed(pane, way > 0 ? Key::down : Key::up) && grid.rows.size() > 1) {
            int here = grid.row_of(s), to = std::clamp(here + way, 0, int(grid.rows.size()) - 1);
            auto& from = grid.rows[std::size_t(here)];
            auto& row = grid.rows[std::size_t(to)];
            int column = -1;
            for (std::size_t n = 0; n < from.second.size(); n++)
                if (from.second[n].number == s) column = int(n);
            auto* wanted = column >= 0 && column < int(row.second.size()) && row.second[std::size_t(column)].line ? &row.second[std::size_t(column)]
                : &row.first;
            if (wanted->line) s = wanted->number;
            else if (!row.second.empty()) s = row.second.back().number;
        }
    s = std::clamp(s, grid.all.empty() ? 0 : 1, int(grid.all.size()));
    if (app.pressed(pane, Key::enter) || app.pressed(pane, 'm'))
        if (auto* r = grid.reference(s)) app.choices["memory"] = 2, app.show_memory("p:" + std::string(word(*r->line, "physical")));
}

// Linear address, cut up as the levels index it.
void draw_address(App& app, Rect r, const WalkGrid& grid) {
    Rect a = cut_left(r, std::min(236.f, std::floor(r.w * .24f)), 12);
    text(a.x, mid(a.y + 8, type.capitals), ink.faint, type.capitals, fmt("LINEAR ADDRESS IN L%d", app.shown_level()));
    if (app.field("walk.address", {a.x, a.y + 20, a.w, 30}, "", "address, register: G")) {
        app.walk.address = app.edits["walk.address"].text;
        app.walk.step = app.walk.from = app.walk.selected = 0;
    }
    text(a.x, mid(a.bottom() - 7, type.ui), ink.faint, type.ui, "Enter walks it");
    std::vector<const Reference*> guests;
    for (auto& w : grid.rows)
        if (w.first.line) guests.push_back(&w.first);
    if (guests.empty()) return;
    u64 address = value(*guests[0]->line, "input");
    bool classic = word(*guests[0]->line, "format") == "32-bit";
    int bits_each = classic ? 10 : 9, top = int(value(*guests[0]->line, "level")), low = 12 + bits_each * top;
    struct Part {
        std::string name, range, note;
        u64 value;
        int bits;
        bool now;
    };
    std::vector<Part> parts;
    int now_row = app.walk.step ? grid.row_of(app.walk.step) : -1;
    bool leaf_seen = false;
    for (std::size_t n = 0; n < guests.size(); n++) {
        auto& l = *guests[n]->line;
        int width_of = std::min(bits_each, low), from = low - width_of;
        u64 index = value(l, "index");
        parts.push_back({level_name(word(l, "entry_name")), fmt("%d..%d", low - 1, from),
                         fmt("entry %llu, +%03llx", 0ull + index, 0ull + index * (classic ? 4 : 8)), index, width_of, now_row == int(n)});
        low = from, leaf_seen = value(l, "page_size");
    }
    if (!leaf_seen) low = 12;
    u64 offset = address & ((u64{1} << low) - 1);
    parts.push_back({"offset", fmt("%d..0", low - 1), fmt("byte %llu", 0ull + offset), offset, low, now_row == int(guests.size())});
    float total = 0, x = r.x;
    for (auto& p : parts) total += float(p.bits);
    float unit = (r.w - 4 * float(parts.size() - 1)) / total;
    for (auto& p : parts) {
        Rect c{x, r.y, std::round(unit * float(p.bits)), r.h}, b{c.x, c.y + 20, c.w, 30};
        float end = text(c.x, mid(c.y + 8, type.bold), p.now ? ink.now : ink.text, type.bold, p.name);
        if (end + 8 + width(type.small, p.range) < c.right()) text(end + 8, mid(c.y + 8, type.small), p.now ? ink.now : ink.faint, type.small, p.range);
        fill(b, p.now ? ink.now_bg : ink.raise, 3);
        frame(b, p.now ? ink.now : ink.line2, 3);
        end = text(b.x + 9, mid(b.cy(), type.mono_bold), p.now ? ink.now : ink.text, type.mono_bold, fmt("%0*llx", (p.bits + 3) / 4, 0ull + p.value));
        std::string binary;
        int group = p.bits % 4 ? 3 : 4;
        for (int k = p.bits - 1; k >= 0; k--) binary += p.value >> k & 1 ? '1' : '0', binary += k && k % group == 0 ? " " : "";
        if (end + 12 + width(type.small, binary) < b.right() - 6) text_right(b.right() - 8, mid(b.cy(), type.small), ink.faint, type.small, binary);
        text_fit(c.x, c.right(), mid(c.bottom() - 7, type.ui), ink.faint, type.ui, p.note);
        x += c.w + 4;
    }
}

// What if: the same walk for another access; it never touches the machine.
void draw_what_if(App& app, Rect r, const WalkGrid& grid) {
    auto line = [&](const char* name) {
        Rect l = cut_top(r, 30);
        text(l.x, mid(l.cy(), type.ui), ink.dim, type.ui, name);
        return l;
    };
    Rect l = line("Access");
    int access = index_in(accesses, app.walk.access), mode = index_in(modes, app.walk.mode), was_access = access, was_mode = mode;
    app.choice("if.access", l.x + 66, l.cy(), {"Read", "Write", "Fetch"}, access);
    l = line("Mode");
    app.choice("if.mode", l.x + 66, l.cy(), {"As it is", "Supervisor", "User"}, mode);
    if (access != was_access) app.walk.access = accesses[access];
    if (mode != was_mode) app.walk.mode = modes[mode];
    cut_top(r, 4);
    if (r.h < 20 || !grid.verdict) return;
    auto answer = [&](const char* kind) -> const char* {
        std::string asked = "walk " + app.walk.address + " " + kind + (app.walk.mode.empty() ? "" : " " + app.walk.mode);
        auto* v = first_with(app.feed.look(app.at_level(asked)), "granted");
        return !v ? "" : flag(*v, "granted") ? "{g:allowed}" : "{r:refused}";
    };
    rich(r, ink.dim, type.ui, fmt("A read is %s, a write %s, a fetch %s.", answer("r"), answer("w"), answer("x")), 18);
}

}

void draw_walk(App& app, Rect body) {
    auto& w = app.walk;
    if (w.address.empty())                                      // to begin with: what the processor executes
        if (auto& state = app.feed.look("state"); !state.lines.empty()) app.set("walk.address", std::string(word(state.lines[0], "linear"))), w.access = "x";
    const Result& result = app.feed.look(walk_line(app));
    WalkGrid grid = grid_of(result);
    int last = grid.refused_at ? grid.refused_at : int(grid.all.size());
    if (!w.step && last) w.step = w.from = w.selected = last;
    if (last) w.step = std::clamp(w.step, 0, last), w.from = std::clamp(w.from, 0, last), w.selected = std::clamp(w.selected, 0, int(grid.all.size()));
    std::string steps = grid.all.empty() ? "" : fmt("step %d of %d    N next   Shift N back   End verdict   G address", w.step, int(grid.all.size()));

    Rect side, low;
    if (app.wide) side = cut_right(body, 430, gap);
    Rect address = cut_top(body, app.wide ? 88 : 84, gap);
    low = cut_bottom(body, app.wide ? 208 : 226, gap);
    Pane pane = app.panel("walk", body, {"Walk", "As text"}, steps);
    if (app.pressed(pane, 'g') || app.pressed(pane, '/')) app.editing = "walk.address", app.edits["walk.address"].at = app.edits["walk.address"].text.size();
    fill(address, ink.panel, 6);
    frame(address, ink.line, 6);
    draw_address(app, address.in(pad, app.wide ? 10 : 9), grid);
    Rect in = pane.in.in(app.wide ? pad + 2 : pad, app.wide ? 10 : 7);
    if (pane.tab == 1) draw_lines(app, pane, walk_line(app));
    else if (grid.all.empty()) nothing(pane.in, result.lines.empty() ? "" : result.lines[0].text);
    else {
        take_keys(app, pane, grid);
        Rect composed = cut_bottom(in, app.wide ? 36 : 30, app.wide ? 12 : 8);
        draw_grid(app, in, grid);
        draw_composed(app, composed, grid);
    }
    if (app.wide) {
        Pane entry = app.panel("entry", low, {"Entry"}, "M shows it in memory");
        draw_entry(entry.in.in(pad, 10), grid, w.selected, 3);
        Rect what = cut_top(side, 158, gap);
        Pane choose = app.panel("what-if", what, {"What if"}, "no side effects");
        draw_what_if(app, choose.in.in(pad, 10), grid);
        Pane verdict = app.panel("verdict", side, {"Verdict", "Reference log"});
        if (verdict.tab == 1) draw_lines(app, verdict, walk_line(app));
        else draw_walk_verdict(app, verdict.in.in(pad, 12), grid);
        return;
    }
    Rect a = cut_left(low, std::floor(low.w * .34f), gap), b = cut_right(low, std::floor(low.w * .42f), gap);
    Pane entry = app.panel("entry", a, {"Entry"}, "M memory");
    draw_entry(entry.in.in(pad, 8), grid, w.selected, 1);
    Pane verdict = app.panel("verdict", low, {"Verdict", "Reference log"});
    if (verdict.tab == 1) draw_lines(app, verdict, walk_line(app));
    else draw_walk_verdict(app, verdict.in.in(pad, 8), grid);
    Pane choose = app.panel("what-if", b, {"What if", "Cost"}, "no side effects");
    if (choose.tab == 1) draw_walk_cost(choose.in.in(pad, 8), grid);
    else draw_what_if(app, choose.in.in(pad, 6), grid);
}

}
