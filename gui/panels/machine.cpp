// SPDX-License-Identifier: MIT
// The machine's parts: its CPUs, interrupts on their way, devices; and what is mapped where.
#include "gui/panels/panels.h"
#include <algorithm>
#include <cmath>

namespace gui {

using namespace ui;

namespace {

struct Device {
    std::string title, command;
};

// The local APIC, and what the board's chips say of themselves: "the 8254: each counter's mode ..." is the 8254.
std::vector<Device> devices_of(App& app) {
    std::vector<Device> out{{"Local APIC", "apic"}};
    if (!find(app.feed.look("help"), "name", "devices")) return out;
    for (auto& l : app.feed.look("devices").lines) {
        if (word(l, "kind") != "report") continue;
        std::string_view title = word(l, "help");
        title = title.substr(0, title.find(':'));
        if (title.starts_with("the ")) title.remove_prefix(4);
        out.push_back({std::string(title), "devices " + std::string(word(l, "name"))});
    }
    return out;
}

// A set of 256 vectors: 16 rows by class, the class above first.
void draw_vectors(Rect r, float cell, std::string_view name, std::string_view vectors, ImU32 colour) {
    text(r.x, mid(r.y + 7, type.capitals), ink.dim, type.capitals, name);
    bool set[256] = {};
    while (!vectors.empty()) {
        auto end = std::min(vectors.find(' '), vectors.size());
        set[value(Line().with("v", "0x" + std::string(vectors.substr(0, end))), "v") & 255] = true;
        vectors.remove_prefix(std::min(end + 1, vectors.size()));
    }
    for (int v = 0; v < 256; v++) {
        Rect c{r.x + float(v & 15) * cell, r.y + 18 + float(15 - (v >> 4)) * cell, cell - 1, cell - 1};
        fill(c, set[v] ? colour : v < 16 ? ink.raise : ink.line);
    }
}

void draw_local_apic(Rect in, const Result& r) {
    const Line *apic = find(r, "kind", "apic"), *priority = find(r, "kind", "priority"), *timer = find(r, "kind", "timer");
    if (!apic) return nothing(in, r.lines.empty() ? "" : r.lines[0].text);
    Rect top = cut_top(in, 22, 2);
    float x = text(top.x, mid(top.cy(), type.title), ink.text, type.title, word(*apic, "state")) + 14;
    auto item = [&](const char* name, u64 v, int digits) {
        x = text(x, mid(top.cy(), type.ui), ink.faint, type.ui, name) + 6;
        x = number(x, mid(top.cy(), type.mono), type.mono, v, digits, ink.text) + 14;
    };
    item("id", value(*apic, "id"), 2), item("base", value(*apic, "base") & ~u64{0xfff}, 9);
    if (priority) item("TPR", value(*priority, "tpr"), 2), item("PPR", value(*priority, "ppr"), 2);
    text_fit(x, top.right(), mid(top.cy(), type.ui), flag(*apic, "enabled") ? ink.ok : ink.now, type.ui,
             flag(*apic, "enabled") ? "enabled" : "off by software");
    float cell = std::clamp(std::floor((in.w / 3 - 16) / 16), 4.f, 9.f), grid = 16 * cell;
    Rect sets = cut_top(in, 18 + grid, 10);
    struct { const char *name, *title; ImU32 colour; } const kinds[] = {{"IRR", "REQUESTED (IRR)", ink.now}, {"ISR", "IN SERVICE (ISR)", ink.accent},
                                                                        {"TMR", "LEVEL (TMR)", ink.dim}};
    float step = std::min(grid + 28, std::floor(sets.w / 3));
    for (int k = 0; k < 3; k++)
        if (auto* l = find(r, "name", kinds[k].name))
            draw_vectors({sets.x + float(k) * step, sets.y, grid, sets.h}, cell, kinds[k].title, word(*l, "vectors"), kinds[k].colour);
    Rect heads = cut_top(in, 18, 2);
    float base = mid(heads.cy(), type.capitals), vector = in.x + 118, mode = vector + 56, how = mode + 110;
    column(in.x, base, "LOCAL VECTOR TABLE"), column(mode, base, "MODE");
    for (auto& l : r.lines) {
        if (word(l, "kind") != "entry" || in.h < row) continue;
        Rect q = cut_top(in, row);
        bool masked = flag(l, "masked");
        text(q.x, mid(q.cy(), type.ui), masked ? ink.faint : ink.text, type.ui, word(l, "name"));
        number(vector + 20, mid(q.cy(), type.mono), type.mono, value(l, "vector"), 2, masked ? ink.faint : ink.text);
        text_fit(mode, how - 8, mid(q.cy(), type.ui), masked ? ink.faint : ink.dim, type.ui, word(l, "mode"));
        text_fit(how, q.right(), mid(q.cy(), type.ui), ink.faint, type.ui,
                 std::string(masked ? "masked" : "") + (flag(l, "level") ? masked ? ", level" : "level" : ""));
    }
    if (!timer || in.h < 30) return;
    Rect q = cut_top(in, 26);
    u64 initial = value(*timer, "initial"), current = value(*timer, "current");
    text(q.x, mid(q.cy(), type.ui), ink.dim, type.ui, "timer count");
    bar({vector, q.cy() - 3, how - vector - 12, 6}, initial ? float(double(current) / double(initial)) : 0, ink.category[3], ink.raise);
    text_fit(how, q.right(), mid(q.cy(), type.small), ink.text, type.small, grouped(current) + " of " + grouped(initial));
}

}

// A list of devices at the left, the chosen one at the right.
void draw_devices(App& app, Pane pane) {
    Clip clip(pane.in);
    Rect in = pane.in.in(pad, 10), names = cut_left(in, 124, 14);
    auto known = devices_of(app);
    int& chosen = app.choices["device"];
    if (app.pressed(pane, Key::right)) chosen++;
    if (app.pressed(pane, Key::left)) chosen--;
    chosen = std::clamp(chosen, 0, int(known.size()) - 1);
    for (std::size_t n = 0; n < known.size(); n++) {
        Rect q = cut_top(names, 24, 2);
        if (names.h < 0) break;
        bool on = int(n) == chosen;
        if (hit(known[n].command, q)) chosen = int(n), pane.state.first = 0, app.again = true;
        if (on) fill({q.x - 6, q.y, q.w + 6, q.h}, ink.accent_bg, 3), fill({q.x - 6, q.y + 4, 2, q.h - 8}, ink.accent);
        text_fit(q.x + 4, q.right(), mid(q.cy(), type.ui), on ? ink.text : ink.dim, on ? type.bold : type.ui, known[n].title);
    }
    down(in.x - 8, in.y, in.h, ink.line);
    std::string command = known[std::size_t(chosen)].command;
    if (command == "apic") return draw_local_apic(in, app.feed.look(command));
    draw_lines(app, {pane.id, {in.x - pad, in.y - 8, in.w + 2 * pad, in.h + 16}, pane.tab, pane.focused, pane.state}, command);
}

void draw_cpus(App& app, Pane pane) {
    Clip clip(pane.in);
    Rect in = pane.in.in(pad, 8), h = cut_top(in, 18, 2);
    auto& r = app.feed.look("cpu");
    std::vector<const Line*> all;
    for (auto& l : r.lines)
        if (has(l, "cpu")) all.push_back(&l);
    float base = mid(h.cy(), type.capitals), where = in.x + 56, does = where + 16 * 8 + 24;
    column(in.x + 16, base, "CPU"), column(where, base, "STANDS AT"), column(does, base, "DOES");
    Rows rows = app.rows(pane, in, int(all.size()), 22);
    for (int n = rows.from; n < rows.to; n++) {
        auto& l = *all[std::size_t(n)];
        Rect q = rows.at(n);
        bool looked_at = flag(l, "selected");
        if (n == pane.state.selected && pane.focused) fill({q.x - 6, q.y, q.w + 6, q.h}, ink.accent_bg, 3);
        if (looked_at) mark(Mark::arrow, q.x + 5, q.cy(), ink.accent, .8f);
        text(q.x + 16, mid(q.cy(), type.mono), looked_at ? ink.text : ink.dim, looked_at ? type.mono_bold : type.mono, word(l, "cpu"));
        number(where, mid(q.cy(), type.mono), type.mono, value(l, "linear"), 16, ink.level[flag(l, "guest") ? 2 : 1]);
        float end = text_fit(does, q.right(), mid(q.cy(), type.ui), ink.dim, type.ui, word(l, "activity"));
        if (flag(l, "guest")) text_fit(end + 10, q.right(), mid(q.cy(), type.ui), ink.level[2], type.ui, "in a guest");
    }
    if (app.pressed(pane, Key::enter) && !all.empty()) app.choose_cpu(value(*all[std::size_t(pane.state.selected)], "cpu"));
}

void draw_machine(App& app, Rect body) {
    Rect left, right, a, b;
    app.split_across("machine.left", body, app.wide ? .6f : .54f, left, right, 480, 420);
    app.split_down("machine.cpus", right, .22f, a, b);
    draw_map(app, app.panel("map", left, {"Address map"}, app.wide ? "Enter walks it    M memory    G from" : fmt("L%d", app.shown_level())));
    draw_cpus(app, app.panel("cpus", a, {"CPUs"}, app.wide ? "Enter looks at it    Ctrl PgDn next" : "Enter looks at it"));
    draw_devices(app, app.panel("devices", b, {"Devices and interrupts"}, "Left Right"));
}

}
