// SPDX-License-Identifier: MIT
// Which cached translations went, and why; which ought to have gone: entries that memory's tables say otherwise of, and uses of them.
#include "gui/panels/panels.h"
#include <algorithm>

namespace gui {

using namespace ui;

static std::vector<const Line*> of_kind(const Result& r, std::string_view kind) {
    std::vector<const Line*> out;
    for (auto& l : r.lines)
        if (word(l, "kind") == kind) out.push_back(&l);
    return out;
}

// The newest first: page, tag, cause.
void draw_drop_log(App& app, Pane pane) {
    Clip clip(pane.in);
    Rect in = pane.in.in(pad, 8);
    auto& r = app.feed.look("tlb drops");
    auto drops = of_kind(r, "drop");
    if (drops.empty())
        return nothing(pane.in, r.failed && !r.lines.empty() ? std::string_view(r.lines[0].text)
                       : "From now on each entry that goes is kept here with its cause.");
    std::reverse(drops.begin(), drops.end());
    auto& state = app.feed.look("state");
    u64 now = state.lines.empty() ? 0 : value(state.lines[0], "ticks");
    Rect h = cut_top(in, 18, 2);
    float page = in.x + 92, tag = page + 16 * 8 + 14, cause = tag + 46;
    column(in.x + 78, mid(h.cy(), type.capitals), "TICKS AGO", true);
    column(page, mid(h.cy(), type.capitals), "PAGE");
    column(tag, mid(h.cy(), type.capitals), app.intel_or_amd == "svm" ? "ASID" : "VPID");
    column(cause, mid(h.cy(), type.capitals), "BY");
    Rows rows = app.rows(pane, in, int(drops.size()), 20);
    for (int n = rows.from; n < rows.to; n++) {
        auto& l = *drops[std::size_t(n)];
        Rect q = rows.at(n);
        if (n == pane.state.selected && pane.focused) fill({q.x - 6, q.y, q.w + 6, q.h}, ink.accent_bg, 3);
        u64 tick = value(l, "tick");
        text_right(in.x + 78, mid(q.cy(), type.small), ink.faint, type.small, now > tick ? grouped(now - tick) : "0");
        bool guest = word(l, "dimension") != "linear" || value(l, "vpid");
        number(page, mid(q.cy(), type.mono), type.mono, value(l, "page"), 16, ink.level[guest ? 2 : 1]);
        number(tag, mid(q.cy(), type.small), type.small, value(l, "vpid"), 4, ink.dim);
        text_fit(cause, q.right() - 6, mid(q.cy(), type.ui), ink.text, type.ui, word(l, "cause"));
    }
    if (app.pressed(pane, Key::enter)) app.walk_address(value(*drops[std::size_t(std::clamp(pane.state.selected, 0, int(drops.size()) - 1))], "page"));
}

// What --check=tlb has caught in use, and below what is cached and stale now.
void draw_stale_uses(App& app, Pane pane) {
    Clip clip(pane.in);
    Rect in = pane.in.in(pad, 8);
    auto &entries = app.feed.look("tlb stale"), &uses = app.feed.look("stale");
    u64 stale = 0;
    for (auto& l : entries.lines) stale += has(l, "page");
    u64 reported = first_with(uses, "reported") ? value(*first_with(uses, "reported"), "reported") : 0;
    std::string below = uses.failed ? "Uses are caught with --check=tlb."
        : fmt("%llu %s caught in use by --check=tlb.", 0ull + reported, reported == 1 ? "was" : "were");
    if (stale || reported)
        draw_verdict(in, {Mark::warn, ink.bad, ink.bad_bg}, fmt("%llu cached %s", 0ull + stale, stale == 1 ? "entry is stale" : "entries are stale"),
                     "", below, 1);
    else draw_verdict(in, {Mark::ok, ink.ok, ink.ok_bg}, "No cached entry is stale", "", below, 1);
    struct Row {
        const Line* entry;
        const Line* use;
    };
    std::vector<Row> all;
    for (auto& l : uses.lines)
        if (word(l, "kind") == "use" || word(l, "kind") == "fact") all.push_back({nullptr, &l});
    for (auto& l : entries.lines)
        if (has(l, "page")) all.push_back({&l, nullptr});
    Rows rows = app.rows(pane, in, int(all.size()), 20);
    for (int n = rows.from; n < rows.to; n++) {
        auto& one = all[std::size_t(n)];
        Rect q = rows.at(n);
        if (n == pane.state.selected && pane.focused) fill({q.x - 6, q.y, q.w + 6, q.h}, ink.accent_bg, 3);
        if (one.use) {
            bool first = word(*one.use, "kind") == "use";
            if (first) mark(Mark::warn, q.x + 5, q.cy(), ink.bad, .8f);
            text_fit(q.x + 18, q.right(), mid(q.cy(), type.ui), first ? ink.text : ink.dim, type.ui, one.use->text);
            continue;
        }
        auto& l = *one.entry;
        mark(Mark::bad, q.x + 5, q.cy(), ink.bad, .8f);
        float x = number(q.x + 18, mid(q.cy(), type.mono), type.mono, value(l, "page"), 16, ink.bad) + 10;
        x = number(x, mid(q.cy(), type.mono), type.mono, value(l, "physical"), 12, ink.text) + 12;
        text_fit(x, q.right(), mid(q.cy(), type.ui), ink.faint, type.ui, word(l, "dimension"));
    }
    if (app.pressed(pane, Key::enter) && !all.empty())
        if (auto* l = all[std::size_t(pane.state.selected)].entry) app.walk_address(value(*l, "page"));
}

}
