// SPDX-License-Identifier: MIT
// Disassembly: where the processor is, what comes next, where branches in view go, breakpoints.
#include "gui/panels/panels.h"
#include <algorithm>

namespace gui {

using namespace ui;

namespace {

ImU32 colour_of(std::string_view name) {
    bool branch = name.starts_with('j') || name.starts_with("call") || name.starts_with("ret") || name.starts_with("loop") || name.starts_with("iret");
    bool virt = name.starts_with("inv") || name.starts_with("vm") || name.starts_with("clgi") || name.starts_with("stgi");
    return virt ? ink.level[2] : branch ? ink.accent : ink.text;
}

// The list's top: it stays where it is while RIP is in view. What is above is found by disassembling from a little before.
struct Top {
    u64 address = 0, rip = ~u64{0};
    std::string asked;                     // by the user: stays until the next stop
};

std::string listing(App& app, u64 top, int count) { return app.at_level(fmt("disassemble 0x%llx %d", 0ull + top, count)); }

int index_of(const Result& r, u64 address) {
    for (std::size_t n = 0; n < r.lines.size(); n++)
        if (value(r.lines[n], "address") == address && has(r.lines[n], "instruction")) return int(n);
    return -1;
}

// So many instructions up, if a listing from before has one that begins at `top`.
u64 above(App& app, u64 top, int count) {
    for (u64 back : {u64(count) * 4, u64(count) * 4 + 1, u64(count) * 4 + 2, u64(count) * 4 + 3}) {
        if (top < back) continue;
        auto& r = app.feed.look(listing(app, top - back, count * 4 + 4));
        int n = index_of(r, top);
        if (n >= count) return value(r.lines[std::size_t(n - count)], "address");
    }
    return top;
}

void toggle_breakpoint(App& app, u64 address) {
    for (auto& l : app.feed.look("list").lines)
        if (word(l, "on") == "break" && value(l, "address") == address) return app.run("delete " + std::string(word(l, "id")));
    app.run(fmt("break 0x%llx", 0ull + address));
}

std::string spaced(std::string_view bytes, std::size_t most) {
    std::string out;
    for (std::size_t n = 0; n + 1 < bytes.size(); n += 2) {
        if (n / 2 == most) return out + "…";
        out += std::string(bytes.substr(n, 2)) + " ";
    }
    return out;
}

// The branch of the selected row, where it goes in view.
void draw_jump(float x, float from, float to) {
    ImU32 c = faded(ink.accent, .6f);
    list()->AddLine({x + 5, from}, {x, from}, c, 1);
    list()->AddLine({x, from}, {x, to}, c, 1);
    list()->AddLine({x, to}, {x + 3, to}, c, 1);
    list()->AddTriangleFilled({x + 3, to - 3}, {x + 7, to}, {x + 3, to + 3}, c);
}

}

void draw_code(App& app, Pane pane) {
    static Top top;
    Rect r = pane.in;
    Clip clip(r);
    int seen = std::max(1, int((r.h - 8) / row));
    auto& next = app.feed.look(app.at_level("disassemble"));
    if (next.lines.empty() || !has(next.lines[0], "address")) return nothing(r, next.lines.empty() ? "" : next.lines[0].text);
    u64 rip = value(next.lines[0], "address");
    auto& wanted = app.edits["code"];
    if (!wanted.text.empty()) top.address = value(Line().with("a", wanted.text), "a"), wanted.set(""), top.rip = rip;
    if (top.rip != rip) {
        auto& shown = app.feed.look(listing(app, top.address, seen));
        int at = index_of(shown, rip);
        if (!top.address || at < 0 || at > seen - 3) top.address = above(app, rip, std::min(4, seen / 4));
        top.rip = rip;
        pane.state.selected = -1;
    }
    auto& code = app.feed.look(listing(app, top.address, seen));
    int here = index_of(code, rip);
    int& selected = pane.state.selected;
    if (selected < 0) selected = std::max(0, here);
    if (app.pressed(pane, Key::down) && ++selected >= seen && code.lines.size() > 1) top.address = value(code.lines[1], "address"), selected = seen - 1;
    if (app.pressed(pane, Key::up) && --selected < 0) top.address = above(app, top.address, 1), selected = 0;
    if (app.pressed(pane, Key::page_down) && !code.lines.empty()) top.address = value(code.lines.back(), "address");
    if (app.pressed(pane, Key::page_up)) top.address = above(app, top.address, seen - 1);
    float turned = wheel(r);
    if (turned < 0) top.address = above(app, top.address, 3);
    if (turned > 0 && code.lines.size() > 3) top.address = value(code.lines[3], "address");
    if (app.pressed(pane, Key::home)) top.address = rip;
    selected = std::clamp(selected, 0, std::max(0, int(code.lines.size()) - 1));

    bool bytes = r.w > 560;
    float gutter = r.x + 13, address = r.x + 44, raw = address + 8 * 17, name = bytes ? raw + 7 * 22 + 14 : raw, arguments = name + 8 * 9;
    fill({r.x, r.y, 36, r.h}, ink.raise);
    auto& stops = app.feed.look("list");
    float y = r.y + 4, jump_from = 0, jump_to = 0;
    u64 target = 0;
    for (std::size_t n = 0; n < code.lines.size() && int(n) < seen; n++, y += row) {
        auto& l = code.lines[n];
        Rect line{r.x, y, r.w - 4, row};
        u64 at = value(l, "address");
        bool current = at == rip && here >= 0;
        float base = mid(line.cy(), type.mono);
        if (current) fill({line.x + 36, line.y, line.w - 36, line.h}, ink.now_bg);
        else if (int(n) == selected && pane.focused) fill({line.x + 36, line.y, line.w - 36, line.h}, ink.accent_bg);
        if (ImGui::IsMouseClicked(0) && hovered(line)) selected = int(n);
        for (auto& s : stops.lines)
            if (word(s, "on") == "break" && value(s, "address") == at)
                mark(flag(s, "disabled") ? Mark::ring : Mark::dot, gutter - 1, line.cy(), ink.bad, 1.25f);
        if (current) mark(Mark::arrow, gutter + 14, line.cy(), ink.now, 1.15f);
        if (app.pressed(pane, Key::f(9)) && int(n) == selected) toggle_breakpoint(app, at);
        if (app.pressed(pane, Key::f(9), true) && int(n) == selected) app.compose(fmt("break 0x%llx if ", 0ull + at));
        if (current) text(address, base, ink.now, type.mono, fmt("%016llx", 0ull + at));
        else number(address, base, type.mono, at, 16, ink.dim);
        std::string_view what = word(l, "instruction");
        if (what.empty()) {
            text_fit(raw, r.right() - pad, base, ink.faint, type.mono, has(l, "instruction") ? "" : "not mapped, or no plain memory");
            continue;
        }
        if (bytes) text(raw, mid(line.cy(), type.small), ink.faint, type.small, spaced(word(l, "bytes"), 7));
        auto blank = std::min(what.find(' '), what.size());
        auto op = what.substr(0, blank), rest = blank < what.size() ? what.substr(blank + 1) : "";
        float end = text_fit(name, r.right() - pad, base, colour_of(op), current ? type.mono_bold : type.mono, op);
        std::string_view symbol = word(l, "symbol");
        float limit = r.right() - pad - (symbol.empty() ? 0 : 150);
        end = text_fit(std::max(arguments, end + 8), limit, base, current ? ink.text : ink.dim, type.mono, rest);
        if (!symbol.empty() && end + 20 < r.right() - pad - 40)
            text_fit(std::max(end + 16, limit), r.right() - pad, mid(line.cy(), type.small), ink.level[app.shown_level()], type.small, symbol);
        if (int(n) == selected && (op.starts_with('j') || op.starts_with("loop"))) jump_from = line.cy(), target = value(Line().with("a", rest), "a");
    }
    int to = jump_from ? index_of(code, target) : -1;
    if (to >= 0 && to < seen && bytes) jump_to = r.y + 4 + (float(to) + .5f) * row, draw_jump(name - 9, jump_from, jump_to);
    if (app.pressed(pane, Key::enter) && target) top.address = target;
    if (code.failed && code.lines.empty()) nothing(r, "nothing to disassemble here");
}

}
