// SPDX-License-Identifier: MIT
// What the hypervisor asked for, what it got, and why: the VMCS or VMCB with what has changed, the checks of an entry, the exits.
#include "gui/panels/panels.h"
#include <algorithm>
#include <cmath>

namespace gui {

using namespace ui;

namespace {

bool amd(const App& app) { return app.intel_or_amd == "svm"; }
bool contains(std::string_view all, std::string_view part) {
    auto same = [](char a, char b) { return (a | 32) == (b | 32); };
    return std::search(all.begin(), all.end(), part.begin(), part.end(), same) != all.end();
}

struct Node {
    const Line* line = nullptr;            // null: a heading
    std::string title, note, area;
    bool open = true;
};

// Headings by area, each with its fields, unless it is closed.
std::vector<Node> nodes_of(const Result& r, std::string_view wanted, bool only_changed, const std::map<std::string, bool>& closed) {
    static constexpr struct { const char *area, *title; } areas[] = {
        {"guest", "Guest state"}, {"host", "Host state"}, {"control", "Controls"}, {"exit", "Exit information"}, {"", "Fields"}};
    std::vector<Node> out;
    for (auto& a : areas) {
        int count = 0, changed = 0;
        std::vector<Node> fields;
        for (auto& l : r.lines) {
            if (!has(l, "name") || !has(l, "value") || word(l, "area") != a.area) continue;
            count++, changed += flag(l, "changed");
            if (only_changed && !flag(l, "changed")) continue;
            if (!wanted.empty() && !contains(word(l, "name"), wanted) && !contains(word(l, "text"), wanted) && !contains(word(l, "encoding"), wanted)) continue;
            fields.push_back({&l, "", "", a.area});
        }
        if (!count || (fields.empty() && (only_changed || !wanted.empty()))) continue;
        auto found = closed.find(a.area);
        bool open = !wanted.empty() || only_changed || found == closed.end() || !found->second;
        out.push_back({nullptr, a.title, changed ? fmt("%d of %d changed", changed, count) : fmt("%d fields", count), a.area, open});
        if (open) out.insert(out.end(), fields.begin(), fields.end());
    }
    return out;
}

int digits_of(const Line& l) {
    if (has(l, "bytes")) return int(value(l, "bytes")) * 2;
    static constexpr int by_width[] = {4, 16, 8, 16};            // SDM vol. 3, appendix B: bits 14:13 of an encoding
    return has(l, "encoding") ? by_width[value(l, "encoding") >> 13 & 3] : 16;
}

void draw_fields(App& app, Pane pane, const std::string& line) {
    Rect in = pane.in.in(pad, 8), h = cut_top(in, 28, 6);
    Clip clip(pane.in);
    auto& r = app.feed.look(line);
    static std::map<std::string, bool> closed{{"host", true}};
    int& only = app.choices["fields.changed"];
    float field = std::min(260.f, h.w * .5f);
    if (app.pressed(pane, '/')) app.editing = "fields", app.edits["fields"].at = app.edits["fields"].text.size();
    app.field("fields", {h.x, h.y, field, 26}, "", "Filter names or encodings   /");
    bool on = only;
    app.toggle("changed", h.x + field + 14, h.cy() - 1, "Changed", on);
    only = on;
    if (r.failed && !r.lines.empty()) return nothing(in, r.lines[0].text);
    Rect heads = cut_top(in, 18, 2);
    float code = in.x + std::floor(in.w * .47f), at = code + 46, note = at + 136;
    column(in.x + 16, mid(heads.cy(), type.capitals), "FIELD");
    column(code, mid(heads.cy(), type.capitals), amd(app) ? "AT" : "ENC");
    column(at, mid(heads.cy(), type.capitals), "VALUE");
    if (note + 60 < in.right()) column(note, mid(heads.cy(), type.capitals), "MEANING");
    auto nodes = nodes_of(r, app.edits["fields"].text, only, closed);
    app.next_match(pane, int(nodes.size()), [&](int n) { return nodes[std::size_t(n)].line; });
    Rows rows = app.rows(pane, in, int(nodes.size()));
    const Result* before = app.feed.before(line);
    for (int n = rows.from; n < rows.to; n++) {
        auto& node = nodes[std::size_t(n)];
        Rect q = rows.at(n);
        float cy = q.cy();
        bool selected = n == pane.state.selected && pane.focused;
        if (!node.line) {
            fill({q.x - 6, q.y + 1, q.w + 6, q.h - 1}, selected ? ink.accent_bg : ink.raise, 3);
            mark(node.open ? Mark::open : Mark::arrow, q.x + 4, cy, node.open ? ink.dim : ink.faint, node.open ? .9f : .7f);
            text(q.x + 18, mid(cy, type.bold), ink.text, type.bold, node.title);
            text_fit(std::min(note, q.right() - 110), q.right() - 8, mid(cy, type.ui), ink.faint, type.ui, node.note);
            if (selected && (app.pressed(pane, Key::enter) || app.pressed(pane, ' ') || app.pressed(pane, node.open ? Key::left : Key::right)))
                closed[node.area] = node.open;
            continue;
        }
        auto& l = *node.line;
        bool changed = flag(l, "changed");
        if (selected) fill({q.x - 6, q.y, q.w + 6, q.h}, ink.accent_bg, 3);
        if (changed) fill({q.x - 8, cy - 6, 3, 12}, ink.now, 1);
        text_fit(q.x + 18, code - 6, mid(cy, type.ui), changed ? ink.now : ink.dim, type.ui, has(l, "text") ? word(l, "text") : word(l, "name"));
        text(code, mid(cy, type.small), ink.faint, type.small, has(l, "encoding") ? fmt("%04llx", 0ull + value(l, "encoding"))
             : fmt("%03llx", 0ull + value(l, "offset")));
        number(at, mid(cy, type.mono), changed ? type.mono_bold : type.mono, value(l, "value"), std::min(16, digits_of(l)), changed ? ink.now : ink.text);
        const Line* was = before ? find(*before, "name", word(l, "name")) : nullptr;
        std::string meaning(has(l, "controls") ? word(l, "controls") : word(l, "intercepts"));
        if (has(l, "was") && changed) meaning = fmt("was %llx", 0ull + value(l, "was"));
        else if (was && word(*was, "value") != word(l, "value")) meaning = fmt("was %llx", 0ull + value(*was, "value"));
        std::string_view known = has(l, "words") && !word(l, "words").empty() ? word(l, "words")
            : std::string_view(has(l, "controls") ? word(l, "controls") : word(l, "intercepts"));
        std::string name(word(l, "name"));
        app.explain(pane, q, selected, name + fmt("  %llx", 0ull + value(l, "value")), name.find(' ') == name.npos ? line + " " + name : "",
                    std::string(known));
        if (meaning.empty()) meaning = known;
        if (note + 30 < q.right()) text_fit(note, q.right() - 8, mid(cy, type.ui), changed ? ink.now : ink.faint, type.ui, meaning);
    }
}

// A rule with its section, what follows where it is broken, and the fields that it read.
void draw_rule(Rect& in, const Line& l) {
    std::string_view subject = word(l, "subject");
    section(in, "RULE", std::string(word(l, "check")) + (subject.empty() ? "" : " of " + std::string(subject)) + ", " + std::string(word(l, "section")), 2);
    std::string says(word(l, "rule"));
    cut_top(in, rich({in.x, in.y, in.w, 60}, ink.text, type.ui, plain(says), 20), 2);
    Rect q = cut_top(in, 20, 4);
    float x = text(q.x, mid(q.cy(), type.ui), ink.faint, type.ui, "else") + 6;
    x = text_fit(x, q.right(), mid(q.cy(), type.ui), ink.bad, type.ui, word(l, "outcome")) + 12;
    text_fit(x, q.right(), mid(q.cy(), type.ui), ink.faint, type.ui, word(l, "group"));
}

void draw_read(Rect& in, const Line& l) {
    Rect q = cut_top(in, 22);
    fill({q.x - 6, q.y, q.w + 12, q.h}, ink.bad_bg, 3);
    mark(Mark::bad, q.x + 6, q.cy(), ink.bad, .9f);
    float at = q.right() - 16 * 8 - 4;
    text_fit(q.x + 20, at - 10, mid(q.cy(), type.ui), ink.text, type.ui, word(l, "text"));
    number(at, mid(q.cy(), type.mono_bold), type.mono_bold, value(l, "value"), 16, ink.text);
}

// Why a vector waits: what the command says, one condition a line.
void draw_why(App& app, Pane pane) {
    Rect in = pane.in.in(pad, 10), q = cut_top(in, 28, 8);
    Clip clip(pane.in);
    text(q.x, mid(q.cy(), type.ui), ink.dim, type.ui, "Why is vector");
    auto& e = app.edits["vector"];
    if (app.pressed(pane, 'g') || app.pressed(pane, '/')) app.editing = "vector", e.at = e.text.size();
    app.field("vector", {q.x + 92, q.y + 1, 76, 26}, "", "0x20");
    text(q.x + 178, mid(q.cy(), type.ui), ink.dim, type.ui, "not delivered?");
    auto& r = app.feed.look("why vector " + (e.text.empty() ? "0x20" : e.text));
    if (r.failed && !r.lines.empty()) return nothing(in, r.lines[0].text);
    auto is_verdict = [](const Line& l) { return word(l, "kind") == "verdict" || word(l, "kind") == "summary"; };
    for (auto& l : r.lines) {                                  // verdicts first, then what they rest on
        if (!is_verdict(l) || in.h < 60) continue;
        Rect v = cut_top(in, 30, 6);
        bool comes = flag(l, "delivered");
        fill(v, comes ? ink.ok_bg : ink.now_bg, 5);
        fill({v.x, v.y + 8, 3, v.h - 16}, comes ? ink.ok : ink.now, 1);
        text_fit(v.x + 14, v.right() - 8, mid(v.cy(), type.ui), ink.text, type.ui, l.text);
    }
    for (auto& l : r.lines) {
        if (is_verdict(l)) continue;
        if (in.h < 22) break;
        Rect line = cut_top(in, 22);
        bool known = word(l, "kind") == "rule", good = word(l, "verdict") == "passes";
        mark(!known ? Mark::ring : good ? Mark::ok : Mark::warn, line.x + 6, line.cy(), !known ? ink.faint : good ? ink.ok : ink.now, .85f);
        std::string says = known ? std::string(word(l, "rule")) + ": " + std::string(word(l, "because")) : l.text;
        text_fit(line.x + 20, line.right(), mid(line.cy(), type.ui), known && !good ? ink.now : ink.text, type.ui, says);
    }
}

}

// The rules that an entry would break now, or the one that the last failed entry broke.
void draw_rules(App& app, Pane pane, bool last_failure) {
    Rect in = pane.in.in(pad, 10);
    Clip clip(pane.in);
    auto& r = app.feed.look(std::string(amd(app) ? "vmcb" : "vmcs") + (last_failure ? " failed" : " check"));
    if (r.failed && !r.lines.empty()) return nothing(pane.in, r.lines[0].text);
    const Line* sum = first_with(r, "broken");
    if (!sum) return;
    u64 broken = value(*sum, "broken"), held = value(*sum, "hold"), idle = value(*sum, "not_applicable");
    std::string counts = fmt("%llu hold, %llu don't apply.", 0ull + held, 0ull + idle),
        rules = fmt("%llu %s broken", 0ull + broken, broken == 1 ? "rule is" : "rules are");
    if (last_failure) draw_verdict(in, {Mark::warn, ink.bad, ink.bad_bg}, amd(app) ? "The last VMRUN that failed" : "The last VM entry that failed",
                                   fmt("tick %s", grouped(value(r.lines[0], "tick")).c_str()), "In all " + rules + ": " + counts, 1);
    else if (broken) draw_verdict(in, {Mark::warn, ink.bad, ink.bad_bg}, "An entry would fail: " + rules, "", counts, 1);
    else {
        draw_verdict(in, {Mark::ok, ink.ok, ink.ok_bg}, "An entry would succeed now", "", "No rule is broken: " + counts, 1);
        return rich(in, ink.faint, type.ui, "Shift+F8 runs to the next entry, F8 to the next exit.", 20), void();
    }
    for (auto& l : r.lines) {
        bool rule = word(l, "kind") == "rule", read = word(l, "kind") == "read";
        if (in.h < (rule ? 90 : 24)) break;
        if (rule) draw_rule(in, l);
        else if (read) draw_read(in, l);
    }
}

void draw_virtualization(App& app, Rect body) {
    Rect top, low, a, b, c, d, rest;
    app.split_down("virt.low", body, .7f, top, low, 300, 200);
    bool svm = amd(app);
    std::string fields = svm ? "vmcb" : "vmcs", right;
    auto& r = app.feed.look(fields);
    if (!r.failed && !r.lines.empty())
        right = std::string(svm ? word(r.lines[0], "address") : word(r.lines[0], "current")) + (flag(r.lines[0], "launched") ? ", launched" : "");
    if (app.wide) {
        app.split_across("virt.left", top, .36f, a, rest);
        app.split_across("virt.right", rest, .56f, b, c);
        draw_fields(app, app.panel("fields", a, {svm ? "VMCB" : "VMCS"}, right), fields);
        app.split_down("virt.check", b, .55f, a, d);
        Pane checks = app.panel("checks", a, {"Entry check", "Last failure"}, svm ? "AMD SVM" : "Intel VMX");
        draw_rules(app, checks, checks.tab == 1);
        draw_why(app, app.panel("why", d, {"Interrupt delivery"}));
        app.split_down("virt.counts", c, .645f, a, b);
        draw_exit_counts(app, app.panel("exit-counts", a, {"Exits by reason"}));
        draw_exit_places(app, app.panel("exit-places", b, {"By RIP"}));
    } else {
        app.split_across("virt.narrow", top, .5f, a, b);
        draw_fields(app, app.panel("fields", a, {svm ? "VMCB" : "VMCS"}, right), fields);
        Pane pane = app.panel("checks", b, {"Entry check", "Last failure", "Interrupt delivery", "Exits by reason"});
        if (pane.tab < 2) draw_rules(app, pane, pane.tab == 1);
        else if (pane.tab == 2) draw_why(app, pane);
        else draw_exit_counts(app, pane);
    }
    Pane pane = app.panel("timeline", low, {"Exit timeline", "Exit list"},
                          app.wide ? "Left Right exit    + - zoom    Enter its code" : "Left Right    + - zoom");
    if (pane.tab == 0) draw_timeline(app, pane);
    else draw_exit_list(app, pane);
}

}
