// SPDX-License-Identifier: MIT
// Registers, with what has changed since the guest stood the last time; and the stack.
#include "gui/panels/panels.h"
#include <algorithm>

namespace gui {

using namespace ui;

namespace {

constexpr float line_height = 19;

// What it was, where that is known and another.
const Line* changed(App& app, const std::string& line, const Line& now, std::string_view field) {
    const Result* before = app.feed.before(line);
    const Line* was = before ? find(*before, "name", word(now, "name")) : nullptr;
    return was && word(*was, field) != word(now, field) ? was : nullptr;
}

int digits_of(std::string_view name) { return name == "cpl" ? 1 : name == "rflags" || name == "pkru" ? 8 : 16; }

// RFLAGS: those that are set are lit, those that have changed amber; narrow, only the former are there.
void draw_flags(Rect line, u64 flags, u64 before, bool room) {
    struct { const char* name; unsigned bit; } static constexpr shown[] = {{"OF", 11}, {"DF", 10}, {"IF", 9}, {"TF", 8}, {"SF", 7}, {"ZF", 6},
                                                                           {"AF", 4}, {"PF", 2}, {"CF", 0}};
    float x = line.x;
    for (auto& f : shown) {
        bool on = flags >> f.bit & 1, other = (flags ^ before) >> f.bit & 1;
        if (!room && !on && !other) continue;
        Rect k{x, line.cy() - 8, 22, 16};
        if (k.right() > line.right()) return;
        if (on) fill(k, other ? ink.now_bg : ink.raise, 3);
        else if (other) frame(k, ink.now, 3);
        text_centre(k.cx(), mid(k.cy(), type.small), other ? ink.now : on ? ink.text : ink.faint, on ? type.small_bold : type.small, f.name);
        x += 24;
    }
}

void draw_one(App& app, const std::string& asked, const Line& l, Rect q, bool notes) {
    auto name = word(l, "name");
    u64 now = value(l, "value");
    const Line* was = changed(app, asked, l, "value");
    float base = mid(q.cy(), type.mono);
    if (was) fill({q.x - 6, q.y, q.w + 12, q.h}, ink.now_bg, 2);
    text(q.x, base, was ? ink.now : ink.dim, type.mono, name);
    float x = q.x + std::max(44.f, width(type.mono, name) + 12);
    float end = number(x, base, was ? type.mono_bold : type.mono, now, digits_of(name), was ? ink.now : ink.text) + 14;
    if (name == "rflags") return draw_flags({end, q.y, q.right() - end, q.h}, now, was ? value(*was, "value") : now, q.right() - end > 216);
    if (!notes) return;
    float right = q.right();
    if (was) {
        std::string old = fmt("was %llx", 0ull + value(*was, "value"));
        right -= width(type.small, old) + 8;
        if (right > end) text_right(q.right(), mid(q.cy(), type.small), ink.faint, type.small, old);
    }
    std::string_view note = has(l, "symbol") ? word(l, "symbol") : word(l, "bits");
    if (!note.empty() && right > end + 30)
        text_fit(end, right, mid(q.cy(), type.ui), has(l, "symbol") ? ink.level[app.shown_level()] : ink.faint, type.ui, note);
}

void draw_segment(const Line& l, Rect q, bool room) {
    float base = mid(q.cy(), type.mono), x = q.x + 44;
    text(q.x, base, ink.dim, type.mono, word(l, "name"));
    if (has(l, "selector")) number(x, base, type.mono, value(l, "selector"), 4, ink.text);
    x = number(x + 44, base, type.mono, value(l, "base"), 16, ink.text) + 12;
    if (x + 64 < q.right()) x = number(x, base, type.mono, value(l, "limit"), 8, ink.dim) + 12;
    if (!room || !has(l, "rights")) return;
    u64 rights = value(l, "rights");
    std::string kind = rights & 0x10000 ? "unusable" : fmt("DPL %llu %s%s", 0ull + (rights >> 5 & 3), rights & 0x10 ? rights & 8 ? "code" : "data" : "system",
                                                        rights & 0x10 && rights & 8 ? rights >> 13 & 1 ? " 64" : rights >> 14 & 1 ? " 32" : " 16" : "");
    text_fit(x, q.right(), mid(q.cy(), type.ui), ink.faint, type.ui, kind);
}

void draw_wide(const Line& l, Rect q) {                       // vector and x87 registers, MSRs: a name and its numbers
    float base = mid(q.cy(), type.mono), x = q.x + 64;
    if (has(l, "index")) {
        x = number(q.x, base, type.mono, value(l, "index"), 8, ink.dim) + 12;
        float end = q.right() - 8 * 16;
        text_fit(x, end - 8, mid(q.cy(), type.small), ink.text, type.small, word(l, "name"));
        number(end, base, type.mono, value(l, "value"), 16, ink.text);
        return;
    }
    text(q.x, base, ink.dim, type.mono, word(l, "name"));
    if (has(l, "high")) number(number(x, base, type.mono, value(l, "high"), 16, ink.text), base, type.mono, value(l, "low"), 16, ink.text);
    else if (has(l, "significand"))
        number(number(x, base, type.mono, value(l, "sign_exponent"), 4, ink.text) + 8, base, type.mono, value(l, "significand"), 16, ink.text);
    else number(x, base, type.mono, value(l, "value"), 16, ink.text);
}

}

void draw_registers(App& app, Pane pane, const std::string& group) {
    Clip clip(pane.in);
    Rect in = pane.in.in(pad, 8);
    std::string asked = app.at_level(group == "msr" ? "msr" : "registers " + group);
    auto& r = app.feed.look(asked);
    if (r.failed && !r.lines.empty()) return nothing(pane.in, r.lines[0].text);
    std::vector<std::pair<const Line*, std::string>> all;
    for (auto& l : r.lines)
        if (has(l, "name")) all.push_back({&l, asked});
    std::string control = app.at_level("registers control");
    if (group == "general")                                     // and the control registers that one looks at all the time
        for (auto* name : {"cr0", "cr2", "cr3", "cr4", "efer"})
            if (auto* l = find(app.feed.look(control), "name", name)) all.push_back({l, control});
    Rows rows = app.rows(pane, in, int(all.size()), line_height);
    bool notes = in.w > 330;
    for (int n = rows.from; n < rows.to; n++) {
        auto& [l, line] = all[std::size_t(n)];
        Rect q = rows.at(n);
        bool selected = n == pane.state.selected && pane.focused;
        if (selected) fill({q.x - 6, q.y, 3, q.h}, ink.accent, 1);
        std::string name(word(*l, "name"));
        app.explain(pane, q, selected, name + fmt("  %llx", 0ull + value(*l, "value")), app.at_level("registers " + name), std::string(word(*l, "bits")));
        if (has(*l, "base")) draw_segment(*l, q, in.w > 400);
        else if (has(*l, "high") || has(*l, "significand") || has(*l, "index")) draw_wide(*l, q);
        else draw_one(app, line, *l, q, notes);
    }
    if (all.empty() || pane.state.selected >= int(all.size())) return;
    u64 chosen = value(*all[std::size_t(pane.state.selected)].first, "value");
    if (app.pressed(pane, Key::enter) || app.pressed(pane, 'm')) app.show_memory(fmt("0x%llx", 0ull + chosen));
    if (app.pressed(pane, 'w')) app.walk_address(chosen);
    if (app.pressed(pane, 'e')) {
        auto& l = *all[std::size_t(pane.state.selected)].first;
        app.compose((has(l, "index") ? "set-msr " : "set ") + std::string(word(l, "name")) + fmt(" 0x%llx", 0ull + chosen));
    }
}

// Who called whom, by frame pointers.
void draw_back_trace(App& app, Pane pane) {
    Clip clip(pane.in);
    Rect in = pane.in.in(pad, 8);
    auto& r = app.feed.look(app.at_level("stack 1"));
    std::vector<const Line*> frames;
    for (auto& l : r.lines)
        if (word(l, "kind") == "frame") frames.push_back(&l);
    if (frames.empty()) return nothing(pane.in, r.lines.empty() ? "" : r.lines[0].text);
    Rect h = cut_top(in, 18, 4);
    column(in.x + 26, mid(h.cy(), type.capitals), "RETURNS TO");
    bool roomy = in.w > 26 + 16 * 8 + 16 + 16 * 8 + 8;
    if (roomy) column(in.x + 26 + 18 * 8, mid(h.cy(), type.capitals), "FRAME");
    Rows rows = app.rows(pane, in, int(frames.size()), line_height);
    for (int n = rows.from; n < rows.to; n++) {
        auto& l = *frames[std::size_t(n)];
        Rect q = rows.at(n);
        if (n == pane.state.selected && pane.focused) fill({q.x - 6, q.y, q.w + 6, q.h}, ink.accent_bg, 2);
        if (!n) mark(Mark::arrow, q.x + 2, q.cy(), ink.now, .7f);
        else text(q.x, mid(q.cy(), type.small), ink.faint, type.small, fmt("%d", n));
        float end = number(q.x + 26, mid(q.cy(), type.mono), type.mono, value(l, "address"), 16, n ? ink.text : ink.now) + 16;
        if (has(l, "symbol")) text_fit(end, q.right(), mid(q.cy(), type.small), ink.level[app.shown_level()], type.small, word(l, "symbol"));
        else if (roomy && n) number(end, mid(q.cy(), type.mono), type.mono, value(l, "frame"), 16, ink.dim);
    }
    auto& chosen = *frames[std::size_t(std::clamp(pane.state.selected, 0, int(frames.size()) - 1))];
    if (app.pressed(pane, Key::enter)) app.edits["code"].set(fmt("0x%llx", 0ull + value(chosen, "address")));
}

void draw_stack(App& app, Pane pane) {
    Clip clip(pane.in);
    Rect in = pane.in.in(pad, 8);
    auto& general = app.feed.look(app.at_level("registers general"));
    auto& state = app.feed.look("state");
    const Line *sp = find(general, "name", "rsp"), *bp = find(general, "name", "rbp");
    if (!sp || state.lines.empty()) return;
    std::string_view mode = word(state.lines[0], "mode");
    int size = mode.ends_with("64") ? 8 : mode.ends_with("32") ? 4 : 2, count = 64;
    u64 top = value(*sp, "value");
    if (size < 8) top &= size == 4 ? 0xffffffff : 0xffff;
    std::string base = size == 8 ? "" : "ss.base+";
    auto& memory = app.feed.look(app.at_level(fmt("memory %s0x%llx %d", base.c_str(), 0ull + top, count * size)));
    std::string bytes;
    for (auto& l : memory.lines) bytes += word(l, "bytes");
    if (bytes.empty()) return nothing(pane.in, memory.lines.empty() ? "" : memory.lines[0].text);
    int have = int(bytes.size()) / 2 / size;
    Rows rows = app.rows(pane, in, have, line_height);
    for (int n = rows.from; n < rows.to; n++) {
        Rect q = rows.at(n);
        u64 v = 0;
        for (int b = size - 1; b >= 0; b--) v = v << 8 | std::stoul(bytes.substr(std::size_t(n * size + b) * 2, 2), nullptr, 16);
        u64 at = top + u64(n) * u64(size);
        bool frame_here = bp && at == value(*bp, "value"), named = !n || frame_here;
        float line = mid(q.cy(), type.mono);
        if (n == pane.state.selected && pane.focused) fill({q.x - 6, q.y, q.w + 6, q.h}, ink.accent_bg, 2);
        if (named) mark(Mark::arrow, q.x - 2, q.cy(), ink.accent, .6f);
        text(q.x + 6, line, named ? ink.accent : ink.faint, type.mono,
             !n ? size == 8 ? "rsp" : size == 4 ? "esp" : "sp" : frame_here ? "rbp" : fmt("+%02x", n * size));
        number(q.x + 52, line, type.mono, v, size * 2, ink.text);
    }
    if (app.pressed(pane, Key::enter) && pane.state.selected < have) {
        u64 v = 0;
        for (int b = size - 1; b >= 0; b--) v = v << 8 | std::stoul(bytes.substr(std::size_t(pane.state.selected * size + b) * 2, 2), nullptr, 16);
        app.show_memory(fmt("0x%llx", 0ull + v));
    }
}

}
