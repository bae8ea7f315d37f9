// SPDX-License-Identifier: MIT
// The grid: a row translates one guest-physical address through the second stage's levels, then reads the guest's entry there.
#include "gui/panels/walk_parts.h"
#include <algorithm>
#include <cmath>

namespace gui {

using namespace ui;

namespace {

enum class State : u8 { done, now, pending, refused };

State state_of(const App& app, const Reference& r) {
    if (r.refused) return State::refused;
    return r.number < app.walk.step ? State::done : r.number == app.walk.step ? State::now : State::pending;
}

ImU32 colour_of(State s) { return s == State::done ? ink.ok : s == State::now ? ink.now : s == State::refused ? ink.bad : ink.faint; }

std::string size_text(u64 size) {
    return size >> 30 ? fmt("%lluG page", 0ull + (size >> 30)) : size >> 20 ? fmt("%lluM page", 0ull + (size >> 20)) : fmt("%lluK page", 0ull + (size >> 10));
}

void draw_cell(const App& app, Rect c, const Reference& r, bool guest) {
    State s = state_of(app, r);
    auto& l = *r.line;
    bool pending = s == State::pending;
    ImU32 colour = colour_of(s);
    fill(c, s == State::now ? ink.now_bg : s == State::refused ? ink.bad_bg : s == State::done ? ink.raise : ink.panel, 4);
    frame(c, s == State::refused ? ink.bad : guest ? faded(ink.level[2], .55f) : ink.line, 4);
    if (r.number == app.walk.selected) frame(c.in(-3), ink.accent, 6, 2);
    fill({c.x + 1, c.y + 5, 3, c.h - 10}, pending ? ink.line2 : colour, 1);
    Clip clip(c);
    float first = mid(c.y + 13, type.small);
    text(c.x + 10, first, pending ? ink.dim : colour, type.small_bold, fmt("%d", r.number));
    if (flag(l, "in_register")) text(c.x + 32, first, ink.faint, type.small, "in its register");
    else number(c.x + 32, first, type.small, value(l, "physical"), 12, pending ? ink.faint : ink.dim);
    static constexpr Mark marks[] = {Mark::ok, Mark::arrow, Mark::ring, Mark::bad};
    mark(marks[int(s)], c.right() - 12, c.y + 13, colour, .85f);
    bool two = c.h < 54;                                       // short rows: the flags move to the entry pane
    int digits = word(l, "format") == "32-bit" ? 8 : 16;
    float second = mid(two ? c.bottom() - 13 : c.y + c.h * .5f + 1, type.mono);
    float end = number(c.x + 10, second, s == State::now || s == State::refused ? type.mono_bold : type.mono, value(l, "entry"), digits,
                       pending ? ink.dim : ink.text);
    std::string leaf = has(l, "page_size") && value(l, "page_size") > 4096 ? size_text(value(l, "page_size")) : "";
    if (!leaf.empty() && two && end + width(type.small_bold, leaf) + 20 < c.right()) text_right(c.right() - 10, second, ink.text, type.small_bold, leaf);
    if (two) return;
    if (!leaf.empty()) text_right(c.right() - 10, mid(c.bottom() - 12, type.small), ink.text, type.small_bold, leaf);
    text_fit(c.x + 10, c.right() - 10 - (leaf.empty() ? 0 : width(type.small_bold, leaf) + 10), mid(c.bottom() - 12, type.small),
             s == State::refused ? ink.bad : pending ? ink.faint : guest ? ink.level[2] : ink.dim, type.small, word(l, "bits"));
}

// Letters, each lit where allowed; one that this access needed and didn't get is boxed.
void draw_rights(float x, float cy, std::string_view letters, unsigned on, unsigned lost, bool known) {
    for (std::size_t i = 0; i < letters.size(); i++) {
        Rect b{std::round(x + float(i) * 24), std::round(cy - 10), 21, 20};
        bool allowed = on >> i & 1, refused = lost >> i & 1;
        if (!known) {
            frame(b, ink.line, 3);
            text_centre(b.cx(), mid(cy, type.small), ink.faint, type.small, letters.substr(i, 1));
            continue;
        }
        fill(b, allowed ? ink.ok_bg : refused ? ink.bad_bg : ink.raise, 3);
        if (refused) frame(b, ink.bad, 3);
        text_centre(b.cx(), mid(cy, type.small_bold), allowed ? ink.ok : refused ? ink.bad : ink.faint, type.small_bold, letters.substr(i, 1));
        if (!allowed && !refused) list()->AddLine({b.x + 4, b.bottom() - 5}, {b.right() - 4, b.y + 5}, ink.faint, 1.2f);
    }
}

bool has_word(std::string_view all, std::string_view one) { return (" " + std::string(all) + " ").find(" " + std::string(one) + " ") != std::string::npos; }
unsigned second_rights(const Line* l) {
    if (!l) return 0;
    auto r = word(*l, "rights");
    if (!has_word(r, "R") && !has_word(r, "W") && !has_word(r, "X") && r != "nothing")         // NPT: in the first stage's words
        return 1u | (has_word(r, "writable") ? 2 : 0) | (has_word(r, "executable") ? 4 : 0);
    return (has_word(r, "R") ? 1 : 0) | (has_word(r, "W") ? 2 : 0) | (has_word(r, "X") ? 4 : 0);
}
unsigned first_rights(const Line* l) {
    if (!l) return 7;
    auto r = word(*l, "rights");
    return (has_word(r, "writable") ? 1 : 0) | (has_word(r, "executable") ? 2 : 0) | (has_word(r, "user") ? 4 : 0);
}

const Line* last_second(const WalkRow& w) {
    const Line* l = nullptr;
    for (auto& c : w.second)
        if (c.line) l = c.line;
    return l;
}

unsigned needed_second(const App& app) { return app.walk.access == "w" ? 2 : app.walk.access == "x" ? 4 : 1; }
unsigned needed_first(const App& app) { return (app.walk.access == "w" ? 1u : app.walk.access == "x" ? 2u : 0) | (app.walk.mode == "u" ? 4 : 0); }

struct Frame {
    float x0, cell, row, entry, rights, heads;
    int columns;
};

void draw_heads(Rect head, const WalkGrid& grid, const Frame& f, std::string_view stage) {
    static constexpr const char* levels[] = {"PT", "PD", "PDPT", "PML4", "PML5"};
    static constexpr const char* ranges[] = {"20..12", "29..21", "38..30", "47..39", "56..48"};
    for (int i = 0; i < f.columns; i++) {
        Rect c{f.x0 + float(i) * (f.cell + 6), head.y, f.cell, head.h};
        int level = std::clamp(grid.columns - i, 1, 5) - 1;
        fill({c.x, c.bottom() - 2, c.w, 2}, ink.level[1], 1);
        text(c.x + 2, mid(c.cy() - 2, type.bold), ink.level[1], type.bold, std::string(stage) + " " + levels[level]);
        if (f.cell > 170) text_right(c.right() - 2, mid(c.cy() - 2, type.ui), ink.faint, type.ui, fmt("bits %s", ranges[level]));
    }
    Rect c{f.entry, head.y, f.columns ? f.cell : f.rights - f.entry - 14, head.h};
    fill({c.x, c.bottom() - 2, c.w, 2}, ink.level[2], 1);
    text(c.x + 2, mid(c.cy() - 2, type.bold), ink.level[2], type.bold, grid.nested ? "Guest entry" : "Entry");
    if (grid.nested) text(f.rights, mid(head.cy() - 2, type.bold), ink.dim, type.bold, stage);
    text(f.rights + (grid.nested ? 90 : 0), mid(head.cy() - 2, type.bold), ink.dim, type.bold, grid.nested ? "Guest so far" : "So far");
}

}

void draw_grid(App& app, Rect r, const WalkGrid& grid) {
    bool roomy = r.w > 1150;
    Frame f{};
    f.columns = grid.columns;
    f.heads = roomy ? 150 : 116;
    float rights = grid.nested ? roomy ? 204 : 184 : 104;
    f.cell = std::floor((r.w - f.heads - rights - float(f.columns + 1) * 6) / float(f.columns + 1));
    f.x0 = r.x + f.heads;
    f.entry = f.x0 + float(f.columns) * (f.cell + 6) + (f.columns ? 6 : 0);
    f.rights = f.entry + f.cell + 14;
    std::string_view stage = "EPT";
    for (auto& ref : grid.all)
        if (value(*ref.line, "stage") == 2 && word(*ref.line, "format") != "EPT") stage = "NPT";
    draw_heads(cut_top(r, 24, 4), grid, f, stage);
    int count = std::max(int(grid.rows.size()), std::min(5, grid.nested ? 5 : 4));
    f.row = std::min(96.f, std::floor((r.h - float(count - 1) * 8) / float(count)));
    std::vector<std::pair<int, Rect>> places;
    int current = grid.row_of(app.walk.step);
    for (std::size_t i = 0; i < grid.rows.size(); i++) {
        auto& w = grid.rows[i];
        Rect line{r.x, r.y + float(i) * (f.row + 8), r.w, f.row};
        bool now = int(i) == current;
        if (now) fill({line.x - 6, line.y - 4, line.w + 12, line.h + 8}, ink.dark ? IM_COL32(255, 255, 255, 7) : IM_COL32(0, 0, 0, 9), 6);
        float cy = line.y + 12;
        std::string name = w.first.line ? level_name(word(*w.first.line, "entry_name")) : "Page";
        float end = text(line.x + 2, mid(cy, type.title), now ? ink.now : int(i) < current ? ink.text : ink.dim, type.title, name);
        std::string what = w.first.line ? fmt("[%03llx]", 0ull + value(*w.first.line, "index")) : fmt("+%llx", 0ull + (w.input & 0xfff));
        text(end + 7, mid(cy, type.small), ink.dim, type.small, what);
        bool tall = f.row >= 54;
        if (tall)
            text(line.x + 2, mid(line.cy() + 2, type.ui), ink.faint, type.ui, i ? "from the entry above" : grid.nested ? "gPA from CR3" : "table from CR3");
        u64 address = grid.nested ? w.input : value(*w.first.line, "table");
        number(line.x + 2, mid(line.bottom() - 12, type.small), type.small, address, 12, int(i) <= current ? ink.level[2] : ink.dim);
        for (int k = 0; k < int(w.second.size()); k++) {
            auto& c = w.second[std::size_t(k)];
            if (!c.line) continue;
            bool leaf = value(*c.line, "page_size") > 4096 && k + 1 < f.columns;        // spans the levels that it spares
            Rect cell{f.x0 + float(k) * (f.cell + 6), line.y, leaf ? float(f.columns - k) * (f.cell + 6) - 6 : f.cell, f.row};
            draw_cell(app, cell, c, false);
            if (hit(fmt("cell%d", c.number), cell)) app.walk.selected = c.number, app.again = true;
            places.push_back({c.number, cell});
            if (!leaf && k + 1 < f.columns && k + 1 < int(w.second.size()) && w.second[std::size_t(k + 1)].line)
                across(cell.right(), cell.cy(), 6, state_of(app, c) == State::done ? ink.ok : ink.line2);
        }
        Rect entry{f.entry, line.y, f.columns ? f.cell : f.rights - 14 - f.entry, f.row};
        const Line* second = last_second(w);
        bool reached = !w.second.empty() && w.second.back().number && app.walk.step > w.second.back().number;
        if (grid.nested && (w.first.line || second))
            across(entry.x - 12, entry.cy(), 12, reached || (w.first.line && app.walk.step >= w.first.number) ? ink.ok : ink.line2);
        if (w.first.line) {
            draw_cell(app, entry, w.first, true);
            if (hit(fmt("cell%d", w.first.number), entry)) app.walk.selected = w.first.number, app.again = true;
            places.push_back({w.first.number, entry});
        } else {                                                // the access itself: what all the references were for
            bool done = grid.granted && app.walk.step >= int(grid.all.size());
            if (done) fill(entry, ink.ok_bg, 4);
            frame(entry, done ? ink.ok : ink.line2, 4);
            text_fit(entry.x + 10, entry.right() - 8, mid(tall ? entry.y + 15 : entry.y + 13, type.bold), done ? ink.ok : ink.dim, type.bold,
                     app.walk.access == "w" ? "The write" : app.walk.access == "x" ? "The fetch" : "The read");
            if (grid.granted && grid.verdict)
                number(entry.x + 10, mid(entry.bottom() - 13, type.mono), type.mono, value(*grid.verdict, "physical"), 12, done ? ink.text : ink.dim);
            else text(entry.x + 10, mid(entry.bottom() - 12, type.small), ink.bad, type.small, "not reached");
        }
        if (i + 1 < grid.rows.size()) {                         // the thread from the guest's entry to the address it names
            ImU32 c = w.first.line && state_of(app, w.first) == State::done ? ink.level[2] : ink.line2;
            float y = line.bottom() + 4, from = grid.nested ? entry.cx() : entry.x + 60, to = line.x + 40;
            list()->AddLine({from, line.bottom()}, {from, y}, c, 1);
            list()->AddLine({from, y}, {to, y}, faded(c, .45f), 1);
            list()->AddTriangleFilled({to - 3, y - 1}, {to + 3, y - 1}, {to, y + 4}, c);
        }
        int reached_by = 0;
        for (auto& c : w.second) reached_by = std::max(reached_by, c.number);
        bool known = app.walk.step >= reached_by;
        bool failed = grid.refused_at && grid.row_of(grid.refused_at) == int(i);
        float x = f.rights;
        if (grid.nested) {
            unsigned on = second_rights(second), needs = failed && !grid.granted && grid.verdict &&
                value(*grid.verdict, "stage") == 2 ? needed_second(app) & ~on : 0;
            draw_rights(x, line.cy(), "RWX", on, needs, known || failed);
            down(x + 79, line.cy() - 9, 18, ink.line);
            x += 90;
        }
        const Line* guest = w.first.line ? w.first.line : i ? grid.rows[i - 1].first.line : nullptr;
        unsigned on = first_rights(guest), lost = failed && grid.verdict && value(*grid.verdict, "stage") == 1 ? needed_first(app) & ~on : 0;
        draw_rights(x, line.cy(), "WXU", on, lost, guest && (app.walk.step >= w.first.number || failed));
    }
    // The ring glides to the next reference in 160 ms.
    auto place_of = [&](int number_of) {
        for (auto& [n, rect] : places)
            if (n == number_of) return rect;
        return Rect{};
    };
    Rect a = place_of(app.walk.from), b = place_of(app.walk.step);
    if (a.w <= 0) a = b;
    float t = app.walk.moved < 0 ? 1 : std::clamp(float((app.time - app.walk.moved) / .16), 0.f, 1.f);
    app.gliding |= t < 1;
    t = 1 - (1 - t) * (1 - t);
    if (b.w > 0) frame({a.x + (b.x - a.x) * t, a.y + (b.y - a.y) * t, a.w + (b.w - a.w) * t, f.row}, ink.now, 4, 2);
}

void draw_composed(App& app, Rect r, const WalkGrid& grid) {
    fill(r, ink.raise, 5);
    float cy = r.cy(), x = r.x + 12;
    auto part = [&](const char* name, u64 v, int digits, ImU32 colour, std::string_view note) {
        x = text(x, mid(cy, type.capitals), ink.faint, type.capitals, name) + 7;
        x = number(x, mid(cy, type.mono_bold), type.mono_bold, v, digits, colour);
        if (!note.empty()) x = text(x + 8, mid(cy, type.ui), ink.faint, type.ui, note);
        x += 12;
    };
    auto arrow = [&](ImU32 c) {
        list()->AddLine({x, cy}, {x + 18, cy}, c, 1.5f);
        list()->AddTriangleFilled({x + 18, cy - 4}, {x + 24, cy}, {x + 18, cy + 4}, c);
        x += 36;
    };
    const Line* first = nullptr;
    for (auto& w : grid.rows)
        if (w.first.line) first = first ? first : w.first.line;
    bool linear = first != nullptr;
    part(linear ? grid.nested ? "gVA" : "VA" : "gPA", linear ? value(*first, "input") : grid.rows[0].input, 16, ink.text,
         app.wide ? app.walk.access == "w" ? "write" : app.walk.access == "x" ? "fetch" : "read" : "");
    auto& last = grid.rows.back();
    if (grid.nested && linear && !last.first.line)
        arrow(ink.level[2]), part("gPA", last.input, 12, ink.level[2], app.wide ? "the guest's tables lead there" : "");
    ImU32 end = grid.granted ? ink.ok : ink.bad;
    arrow(end);
    if (grid.granted)
        part("PA", value(*grid.verdict, "physical"), 12, end, app.wide ? fmt("%lluK page", 0ull + (value(*grid.verdict, "page_size") >> 10)) : "");
    else if (grid.verdict)
        text_fit(x, r.right() - (linear ? 200 : 12), mid(cy, type.bold), end, type.bold,
                 has(*grid.verdict, "reason") ? word(*grid.verdict, "reason") : grid.verdict->text);
    float at = r.right() - 12 - 4 * 24 + 3;
    if (at - x < 100) return;
    const Line *second = last_second(last), *guest = last.first.line;
    for (auto& w : grid.rows)
        if (w.first.line) guest = w.first.line;
    unsigned g = first_rights(guest), e = grid.nested ? second_rights(second) : 7;
    unsigned on = (e & 1) | (g & 1 && e & 2 ? 2 : 0) | (g & 2 && e & 4 ? 4 : 0) | (g & 4 ? 8 : 0);
    unsigned need = (app.walk.access == "w" ? 2u : app.walk.access == "x" ? 4u : 1u) | (app.walk.mode == "u" ? 8u : 0u);
    text_right(at - 10, mid(cy, type.capitals), ink.dim, type.capitals, "COMPOSED");
    draw_rights(at, cy, "RWXU", on, grid.granted ? 0 : need & ~on, true);
}

}
