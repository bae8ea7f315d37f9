// SPDX-License-Identifier: MIT
// What the processor remembers about translation, under which tag, what dropped it, what a miss costs.
#include "gui/panels/panels.h"
#include <algorithm>
#include <cmath>

namespace gui {

using namespace ui;

namespace {

void draw_card(Rect r, std::string_view title, std::string_view big, std::string_view unit, std::string_view below, ImU32 colour) {
    fill(r, ink.panel, 6);
    frame(r, ink.line, 6);
    Rect in = r.in(pad, 10);
    Clip clip(r);
    text_fit(in.x, in.right(), mid(in.y + 7, type.capitals), ink.dim, type.capitals, title);
    float end = text(in.x, mid(in.y + 34, type.big), colour, type.big, big);
    text_fit(end + 6, in.right(), mid(in.y + 34, type.ui), ink.faint, type.ui, unit);
    text_fit(in.x, in.right(), mid(in.bottom() - 8, type.ui), ink.dim, type.ui, below);
}

std::string ratio(u64 a, u64 b) { return b ? fmt("%.1f", double(a) / double(b)) : "-"; }

void draw_cards(App& app, Rect top) {
    auto& r = app.feed.look("caches");
    u64 misses[2] = {}, references[2] = {}, faults[2] = {}, second = 0;
    for (auto& l : r.lines) {
        if (word(l, "kind") != "context") continue;
        int k = flag(l, "nested");
        misses[k] += value(l, "misses"), references[k] += value(l, "first_stage_references") + value(l, "second_stage_references");
        faults[k] += value(l, "page_faults"), second += value(l, "second_stage_faults");
    }
    const Line* sum = find(r, "kind", "summary");
    float w = std::floor((top.w - 4 * gap) / 5);
    draw_card(cut_left(top, w, gap), "REFERENCES PER MISS, NATIVE", ratio(references[0], misses[0]), "", "of " + grouped(misses[0]) + " misses", ink.text);
    draw_card(cut_left(top, w, gap), "REFERENCES PER MISS, NESTED", ratio(references[1], misses[1]), "", "of " + grouped(misses[1]) + " misses", ink.text);
    u64 held = sum ? value(*sum, "linear") + value(*sum, "combined") + value(*sum, "guest_physical") : 0;
    draw_card(cut_left(top, w, gap), "CACHED NOW", grouped(held), "translations",
              sum ? grouped(value(*sum, "combined")) + " combined, " + grouped(value(*sum, "guest_physical")) + " guest-physical" : "", ink.text);
    draw_card(cut_left(top, w, gap), "DROPPED", grouped(sum ? value(*sum, "dropped") : 0), "in this run", "by invalidations and faults", ink.text);
    draw_card(top, "FAULTS", grouped(faults[0] + faults[1] + second), "walks refused", grouped(second) + " by the second stage", ink.text);
}

struct Group {
    std::string dimension, vpid, pcid, ept;
    bool global;
    std::vector<const Line*> entries;
};

std::vector<Group> groups_of(const Result& r, int kind, std::string_view wanted) {
    static constexpr const char* kinds[] = {"", "linear", "combined", "guest-physical"};
    std::vector<Group> out;
    for (auto& l : r.lines) {
        if (!has(l, "page")) continue;
        if (kind && word(l, "dimension") != kinds[kind]) continue;
        if (!wanted.empty() && l.text.find(wanted) == l.text.npos) continue;
        bool global = flag(l, "global");
        std::string pcid = global ? "any" : fmt("%03llx", 0ull + value(l, "pcid"));
        auto same = [&](const Group& g) {
            return g.dimension == word(l, "dimension") && g.vpid == word(l, "vpid") && g.pcid == pcid && g.ept == word(l, "ept");
        };
        auto found = std::find_if(out.begin(), out.end(), same);
        if (found == out.end())
            found = out.insert(out.end(), {std::string(word(l, "dimension")), std::string(word(l, "vpid")), pcid, std::string(word(l, "ept")), global, {}});
        found->entries.push_back(&l);
    }
    std::stable_sort(out.begin(), out.end(), [](auto& a, auto& b) { return a.entries.size() > b.entries.size(); });
    return out;
}

std::string size_text(u64 bits) {
    return bits >= 30 ? fmt("%lluG", 0ull + (u64{1} << (bits - 30))) : bits >= 20 ? fmt("%lluM", 0ull + (u64{1} << (bits - 20)))
        : fmt("%lluK", 0ull + (u64{1} << (bits - 10)));
}

void draw_group(const App& app, Rect q, const Group& g, u64 most, bool open, bool selected) {
    ImU32 colour = ink.level[g.dimension == "linear" && g.vpid == "0" ? 1 : g.dimension == "guest-physical" ? 1 : 2];
    fill({q.x - 4, q.y + 3, q.w, 26}, selected ? ink.accent_bg : ink.raise, 4);
    fill({q.x - 4, q.y + 8, 3, 16}, colour, 1);
    float cy = q.y + 16, x = q.x + 28;
    mark(open ? Mark::open : Mark::arrow, q.x + 12, cy, ink.dim, open ? .9f : .75f);
    auto tag = [&](const char* name, const std::string& v) {
        x = text(x, mid(cy, type.ui), ink.faint, type.ui, name) + 6;
        x = text(x, mid(cy, type.small_bold), v == "-" ? ink.faint : colour, type.small_bold, v) + 16;
    };
    bool physical = g.dimension == "guest-physical";
    tag(app.intel_or_amd == "svm" ? "ASID" : "VPID", physical && !g.ept.empty() ? "-" : fmt("%04llx", std::stoull(g.vpid.empty() ? "0" : g.vpid)));
    tag("PCID", physical ? "-" : g.pcid);
    tag(app.intel_or_amd == "svm" ? "nCR3" : "EPTP", g.ept.empty() ? "-" : g.ept.substr(2));
    std::string count = grouped(g.entries.size()) + (g.entries.size() == 1 ? " entry" : " entries");
    float end = q.right() - 16 - width(type.ui, count);
    text_fit(x + 2, end - 8, mid(cy, type.bold), ink.text, type.bold, g.dimension + (g.global ? ", global" : ""));
    if (q.w > 900) bar({q.right() - 230, cy - 3, 120, 6}, float(g.entries.size()) / float(most), colour, ink.line);
    text(end, mid(cy, type.ui), ink.dim, type.ui, count);
}

void draw_tlb(App& app, Pane pane) {
    Clip clip(pane.in);
    Rect in = pane.in.in(pad, 8), h = cut_top(in, 28, 6);
    auto& r = app.feed.look("tlb all");
    int& kind = app.choices["tlb.kind"];
    if (app.pressed(pane, '/')) app.editing = "tlb", app.edits["tlb"].at = app.edits["tlb"].text.size();
    app.field("tlb", {h.x, h.y, 210, 26}, "", "Filter   /");
    if (in.w > 620) app.choice("tlb.kind", h.x + 222, h.cy() - 1, {"All", "Linear", "Combined", "Guest-physical"}, kind);
    Rect heads = cut_top(in, 20, 4);
    float base = mid(heads.cy(), type.capitals), page = in.x + 28, to = page + 16 * 8 + 34, size = to + 12 * 8 + 24, allows = size + 50,
        d = in.right() - 64, where = in.right() - 16;
    column(page, base, "PAGE"), column(to, base, "FRAME"), column(size, base, "SIZE"), column(allows, base, "ALLOWS");
    if (in.w > 700) column(d, base, "DIRTY", true), column(where, base, "KEPT", true);
    across(in.x, heads.bottom() + 1, in.w, ink.line);
    auto groups = groups_of(r, kind, app.edits["tlb"].text);
    if (groups.empty()) return nothing(in, r.lines.empty() ? "" : "No cached translation.");
    static std::map<std::string, bool> closed;
    struct Row {
        const Group* group;
        const Line* line;
    };
    std::vector<Row> all;
    for (auto& g : groups) {
        all.push_back({&g, nullptr});
        if (!closed[g.dimension + g.vpid + g.pcid + g.ept])
            for (auto* l : g.entries) all.push_back({&g, l});
    }
    constexpr float height = 20;
    // A heading takes the room of one and a half rows; the list counts in rows, so give it two half-height slots' worth.
    int count = int(all.size());
    app.next_match(pane, count, [&](int n) { return all[std::size_t(n)].line; });
    Rows rows = app.rows(pane, {in.x, in.y, in.w, in.h - 12 * float(std::min<std::size_t>(groups.size(), 6))}, count, height);
    float y = in.y;
    u64 most = groups[0].entries.size();
    for (int n = rows.from; n < count; n++) {
        auto& row_of = all[std::size_t(n)];
        bool selected = n == pane.state.selected && pane.focused;
        float tall = row_of.line ? height : 32;
        if (y + tall > in.bottom()) break;
        Rect q{in.x, y, rows.in.w, tall};
        y += tall;
        if (!row_of.line) {
            auto& g = *row_of.group;
            bool& shut = closed[g.dimension + g.vpid + g.pcid + g.ept];
            draw_group(app, q, g, most, !shut, selected);
            if (selected && (app.pressed(pane, Key::enter) || app.pressed(pane, ' '))) shut = !shut;
            continue;
        }
        auto& l = *row_of.line;
        if (selected) fill({q.x + 16, q.y, q.w - 16, q.h}, ink.accent_bg, 3);
        bool stale = word(l, "stale") == "yes";
        if (stale) fill({q.x + 16, q.y, q.w - 16, q.h}, ink.bad_bg, 3), mark(Mark::warn, q.x + 6, q.cy(), ink.bad, .9f);
        float line = mid(q.cy(), type.mono);
        number(page, line, type.mono, value(l, "page"), 16, stale ? ink.bad : ink.text);
        list()->AddLine({to - 22, q.cy()}, {to - 12, q.cy()}, ink.faint, 1);
        list()->AddTriangleFilled({to - 13, q.cy() - 3}, {to - 9, q.cy()}, {to - 13, q.cy() + 3}, ink.faint);
        number(to, line, type.mono, value(l, "physical"), 12, stale ? ink.bad : ink.text);
        u64 bits = value(l, "page_bits");
        text(size, line, bits > 12 ? ink.text : ink.dim, bits > 12 ? type.mono_bold : type.mono, size_text(bits));
        text_fit(allows, in.w > 700 ? d - 50 : q.right() - 12, mid(q.cy(), type.ui), ink.dim, type.ui, word(l, "rights"));
        if (in.w > 700) text_right(d, mid(q.cy(), type.ui), ink.faint, type.ui, flag(l, "dirty") ? "dirty" : "-");
        if (in.w > 700)
            text_right(where, mid(q.cy(), type.ui), ink.faint, type.ui, word(l, "kind") == "instruction" ? "code" : word(l, "kind") == "data" ? "data" : "gPA");
        if (selected && app.pressed(pane, Key::enter)) app.walk_address(value(l, "page"));
    }
}

void draw_drops(App& app, Pane pane) {
    Clip clip(pane.in);
    Rect in = pane.in.in(pad, 8);
    auto& r = app.feed.look("caches");
    std::vector<const Line*> causes;
    for (auto& l : r.lines)
        if (word(l, "kind") == "cause") causes.push_back(&l);
    if (causes.empty()) return nothing(pane.in, "Nothing has been dropped yet.");
    std::stable_sort(causes.begin(), causes.end(), [](auto* a, auto* b) { return value(*a, "dropped") > value(*b, "dropped"); });
    Rect h = cut_top(in, 18, 2);
    column(in.x, mid(h.cy(), type.capitals), "BY");
    column(in.right() - 12, mid(h.cy(), type.capitals), "ENTRIES DROPPED", true);
    Rows rows = app.rows(pane, in, int(causes.size()), 22);
    u64 most = std::max<u64>(1, value(*causes[0], "dropped"));
    for (int n = rows.from; n < rows.to; n++) {
        auto& l = *causes[std::size_t(n)];
        Rect q = rows.at(n);
        if (n == pane.state.selected && pane.focused) fill({q.x - 6, q.y, q.w + 6, q.h}, ink.accent_bg, 3);
        float from = q.x + std::min(270.f, q.w * .5f);
        text_fit(q.x, from - 8, mid(q.cy(), type.ui), ink.text, type.ui, word(l, "cause"));
        bar({from, q.cy() - 3, in.right() - 100 - from, 6}, std::log2(1.f + float(value(l, "dropped"))) / std::log2(1.f + float(most)),
            ink.category[0], ink.raise);
        text_right(in.right() - 12, mid(q.cy(), type.mono), ink.text, type.mono, grouped(value(l, "dropped")));
    }
}

void draw_contexts(App& app, Pane pane) {
    Clip clip(pane.in);
    Rect in = pane.in.in(pad, 8), h = cut_top(in, 18, 2);
    auto& r = app.feed.look("caches");
    std::vector<const Line*> contexts;
    for (auto& l : r.lines)
        if (word(l, "kind") == "context") contexts.push_back(&l);
    if (contexts.empty()) return nothing(pane.in, "No translation has been looked for yet.");
    bool roomy = in.w > 470;
    float base = mid(h.cy(), type.capitals), misses = in.x + 250, first = misses + 100, second = in.right() - 12;
    column(in.x, base, app.intel_or_amd == "svm" ? "ASID" : "VPID"), column(in.x + 52, base, app.intel_or_amd == "svm" ? "NCR3" : "EPTP");
    column(misses, base, "MISSES", true);
    if (roomy) column(first, base, "1ST STAGE", true);
    column(second, base, roomy ? "2ND STAGE" : "REFERENCES", true);
    Rows rows = app.rows(pane, in, int(contexts.size()), 22);
    for (int n = rows.from; n < rows.to; n++) {
        auto& l = *contexts[std::size_t(n)];
        Rect q = rows.at(n);
        float line = mid(q.cy(), type.mono);
        if (n == pane.state.selected && pane.focused) fill({q.x - 6, q.y, q.w + 6, q.h}, ink.accent_bg, 3);
        ImU32 colour = ink.level[flag(l, "nested") ? 2 : 1];
        number(q.x, line, type.mono, value(l, "vpid"), 4, colour);
        if (word(l, "ept").empty()) text(q.x + 52, line, ink.faint, type.mono, "-");
        else number(q.x + 52, line, type.mono, value(l, "ept"), 12, colour);
        text_right(misses, line, ink.text, type.mono, grouped(value(l, "misses")));
        u64 a = value(l, "first_stage_references"), b = value(l, "second_stage_references");
        if (roomy) text_right(first, line, ink.dim, type.mono, grouped(a));
        text_right(second, line, ink.dim, type.mono, grouped(roomy ? b : a + b));
    }
}

}

void draw_caches(App& app, Rect body) {
    Rect top = cut_top(body, app.wide ? 104 : 92, gap), a, b, c, d;
    draw_cards(app, top);
    app.split_across("caches.side", body, .62f, a, b);
    draw_tlb(app, app.panel("tlb", a, {"TLB"}, app.wide ? "/ filter    Enter walks it" : "Enter walks it"));
    app.split_down("caches.drops", b, .55f, c, d);
    Pane drops = app.panel("drops", c, {"Invalidations", "Dropped", "Stale uses"});
    if (drops.tab == 0) draw_drops(app, drops);
    else if (drops.tab == 1) draw_drop_log(app, drops);
    else draw_stale_uses(app, drops);
    draw_contexts(app, app.panel("contexts", d, {"By tag"}));
}

}
