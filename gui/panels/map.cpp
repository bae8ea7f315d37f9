// SPDX-License-Identifier: MIT
// What is mapped: ranges of linear addresses, of the guest-physical ones behind them, and of physical memory, side by side.
#include "gui/panels/panels.h"
#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

namespace gui {

using namespace ui;

namespace {

struct Range {
    const Line* line;
    u64 starts[3];                         // linear, guest-physical, physical
    u64 bytes;
};

std::string size_text(u64 bytes) {
    return bytes >= u64{1} << 30 ? fmt("%.4gG", double(bytes) / double(1 << 30)) : bytes >= 1 << 20 ? fmt("%.4gM", double(bytes) / double(1 << 20))
        : fmt("%lluK", 0ull + (bytes >> 10));
}

constexpr float lane_gap = 56, tallest = 110;

// "user writable executable" where there is no room for it.
std::string brief(std::string_view rights) {
    std::string out;
    for (auto [word_of, letter] : {std::pair{"user", "U "}, {"writable", "W "}, {"executable", "X "}})
        if (rights.find(word_of) != rights.npos) out += letter;
    return out.empty() ? "R" : out.substr(0, out.size() - 1);
}

// Three lanes, each in the order of its own addresses; a range is as tall as its size has digits, a thread joins what is the same bytes.
void draw_lanes(Rect r, const std::vector<Range>& ranges, int selected, const bool (&shown)[3], int first_colour) {
    static constexpr const char* names[] = {"LINEAR", "GUEST-PHYSICAL", "PHYSICAL"};
    std::vector<int> lanes;
    for (int k = 0; k < 3; k++)
        if (shown[k]) lanes.push_back(k);
    Rect heads = cut_top(r, 18, 4);
    float wide = (r.w - lane_gap * float(lanes.size() - 1)) / float(lanes.size());
    auto weight = [](const Range& g) { return float(std::bit_width(g.bytes >> 11)); };
    float total = 0;
    for (auto& g : ranges) total += weight(g);
    float between = std::min(3.f, r.h * .25f / float(ranges.size())), unit = (r.h - between * float(ranges.size() - 1)) / total;
    std::vector<std::vector<Rect>> places(3, std::vector<Rect>(ranges.size()));
    for (std::size_t i = 0; i < lanes.size(); i++) {
        int k = lanes[i];
        Rect lane{r.x + float(i) * (wide + lane_gap), r.y, wide, r.h};
        text_fit(lane.x, lane.right(), mid(heads.cy(), type.capitals), ink.dim, type.capitals, names[k]);
        std::vector<std::size_t> order(ranges.size());
        std::iota(order.begin(), order.end(), 0);
        std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return ranges[a].starts[k] < ranges[b].starts[k]; });
        float y = lane.y;
        for (auto n : order) {
            float h = std::clamp(unit * weight(ranges[n]), 1.f, tallest);
            places[std::size_t(k)][n] = {lane.x, y, lane.w, h};
            y += h + between;
        }
    }
    ImU32 colours[] = {ink.level[first_colour], ink.level[2], ink.level[1]};
    if (!shown[1]) colours[2] = ink.level[1];
    auto draw = [&](std::size_t n) {
        bool lit = int(n) == selected;
        for (std::size_t i = 0; i < lanes.size(); i++) {
            int k = lanes[i];
            Rect p = places[std::size_t(k)][n];
            fill(p, lit ? ink.accent_bg : faded(colours[k], .22f), p.h > 6 ? 3.f : 0.f);
            if (lit) frame(p, ink.accent, p.h > 6 ? 3.f : 0.f);
            else fill({p.x, p.y, 3, p.h}, colours[k]);
            if (p.h >= 14) {
                float end = number(p.x + 10, mid(p.cy(), type.small), type.small, ranges[n].starts[k], k == 0 ? 16 : 12, lit ? ink.accent : ink.text);
                std::string size = size_text(ranges[n].bytes);
                if (end + 14 + width(type.small, size) < p.right() - 6) text_right(p.right() - 6, mid(p.cy(), type.small), ink.dim, type.small, size);
            }
            if (i + 1 == lanes.size()) continue;
            Rect q = places[std::size_t(lanes[i + 1])][n];
            ImU32 c = lit ? ink.accent : faded(ink.dim, .35f);
            list()->AddLine({p.right() + 2, p.cy()}, {p.right() + 14, p.cy()}, c, lit ? 2.f : 1.f);
            list()->AddLine({p.right() + 14, p.cy()}, {q.x - 14, q.cy()}, c, lit ? 2.f : 1.f);
            list()->AddLine({q.x - 14, q.cy()}, {q.x - 2, q.cy()}, c, lit ? 2.f : 1.f);
        }
    };
    for (std::size_t n = 0; n < ranges.size(); n++)
        if (int(n) != selected) draw(n);
    if (selected >= 0 && selected < int(ranges.size())) draw(std::size_t(selected));
}

}

void draw_map(App& app, Pane pane) {
    Clip clip(pane.in);
    Rect in = pane.in.in(pad, 8), h = cut_top(in, 28, 6);
    auto& e = app.edits["map"];
    int& space = app.choices["map"];
    if (app.pressed(pane, 'g') || app.pressed(pane, '/')) app.editing = "map", e.at = e.text.size();
    app.field("map", {h.x, h.y, std::min(230.f, h.w), 26}, "from", "the lowest");
    float end = app.choice("map.space", h.x + 242, h.cy() - 1, {"Linear", "Guest-physical"}, space);
    std::string from = e.text.empty() ? "0" : e.text, line = app.at_level("map " + std::string(space ? "g:" : "") + from + " 0xffffffffffffffff");
    auto& r = app.look_at_rest(line);
    std::vector<Range> ranges;
    bool nested = false;
    for (auto& l : r.lines) {
        if (word(l, "kind") != "range") continue;
        ranges.push_back({&l, {value(l, "from"), value(l, "guest_physical"), value(l, "physical")}, value(l, "bytes")});
        nested |= !word(l, "rights_second").empty();
    }
    if (ranges.empty()) return nothing(in, r.lines.empty() ? "" : r.lines[0].text);
    const Line* sum = find(r, "kind", "summary");
    if (sum) text_fit(end + 14, h.right(), mid(h.cy() - 1, type.ui), ink.faint, type.ui, app.stands ? std::string_view(sum->text) : "as of the last stop");
    bool shown[3] = {!space, nested || space, true};
    constexpr std::size_t most_drawn = 60;
    float list_height = std::clamp(22 + float(ranges.size()) * row, 100.f, std::floor(in.h * .5f)), lanes = 22 + float(ranges.size()) * (tallest + 4);
    Rect list_of = in;
    in = cut_top(list_of, std::min(in.h - list_height - 10, lanes), 10);
    Rect heads = cut_top(list_of, 18, 2);
    float base = mid(heads.cy(), type.capitals), x = list_of.x, gpa = x + 16 * 8 + 20, pa = shown[0] ? shown[1] ? gpa + 12 * 8 + 20 : gpa : x + 12 * 8 + 20;
    if (!shown[0]) gpa = x;
    float size = pa + 12 * 8 + 64, page = size + 16, rights = page + (app.wide ? 110 : 76);
    if (shown[0]) column(x, base, "LINEAR");
    if (shown[1]) column(gpa, base, "GUEST-PHYSICAL");
    column(pa, base, "PHYSICAL"), column(size, base, "SIZE", true), column(page, base, "PAGES");
    if (rights + 60 < list_of.right()) column(rights, base, "ALLOWS");
    Rows rows = app.rows(pane, list_of, int(ranges.size()));
    for (int n = rows.from; n < rows.to; n++) {
        auto& g = ranges[std::size_t(n)];
        auto& l = *g.line;
        Rect q = rows.at(n);
        float mono = mid(q.cy(), type.mono);
        if (n == pane.state.selected) fill({q.x - 6, q.y, q.w + 6, q.h}, pane.focused ? ink.accent_bg : ink.raise, 3);
        if (shown[0]) number(x, mono, type.mono, g.starts[0], 16, ink.level[app.shown_level()]);
        if (shown[1]) number(gpa, mono, type.mono, space ? g.starts[0] : g.starts[1], 12, ink.level[2]);
        number(pa, mono, type.mono, g.starts[2], 12, ink.level[1]);
        text_right(size, mid(q.cy(), type.small), ink.text, type.small, size_text(g.bytes));
        u64 least = value(l, "smallest_page"), greatest = value(l, "largest_page");
        text_fit(page, rights - 8, mid(q.cy(), type.small), ink.dim, type.small, size_text(least) + (least == greatest ? "" : " to " + size_text(greatest)));
        std::string allows = q.right() - rights < 250 ? brief(word(l, "rights_first")) : std::string(word(l, "rights_first"));
        if (space) allows.clear();
        if (!word(l, "rights_second").empty()) allows += (allows.empty() ? "" : "; ") + std::string(word(l, "rights_second"));
        if (flag(l, "global")) allows += ", global";
        if (rights + 30 < q.right()) text_fit(rights, q.right() - 4, mid(q.cy(), type.ui), ink.dim, type.ui, allows);
    }
    if (app.pressed(pane, Key::enter) && !space) app.walk_address(ranges[std::size_t(pane.state.selected)].starts[0]);
    if (app.pressed(pane, 'm')) app.choices["memory"] = 2, app.show_memory(fmt("p:0x%llx", 0ull + ranges[std::size_t(pane.state.selected)].starts[2]));
    // The part of the ranges that is around the selected one.
    std::size_t first = 0;
    if (ranges.size() > most_drawn) first = std::min(ranges.size() - most_drawn, std::size_t(std::max(0, pane.state.selected - int(most_drawn) / 2)));
    if (space)
        for (auto& g : ranges) g.starts[1] = g.starts[0];
    std::vector<Range> drawn_ones(ranges.begin() + std::ptrdiff_t(first), ranges.begin() + std::ptrdiff_t(std::min(ranges.size(), first + most_drawn)));
    if (in.h > 80) draw_lanes(in, drawn_ones, pane.state.selected - int(first), shown, app.shown_level());
}

}
