// SPDX-License-Identifier: MIT
// The console: every command the debugger has, with completion, history, and what it said.
#include "gui/panels/panels.h"
#include <algorithm>

namespace gui {

using namespace ui;

namespace {

struct Completion {
    std::string word, note;
};

// Commands for the first word; behind it registers and groups.
std::vector<Completion> completions(App& app, std::string_view line) {
    std::vector<Completion> out;
    auto blank = line.find_last_of(' ');
    std::string_view last = blank == line.npos ? line : line.substr(blank + 1);
    if (last.empty()) return out;
    if (blank == line.npos) {
        for (auto& l : app.feed.look("help").lines)
            if (word(l, "name").starts_with(last)) out.push_back({std::string(word(l, "name")), std::string(word(l, "help"))});
        return out;
    }
    if (line.starts_with("help ") || line.starts_with("json "))
        for (auto& l : app.feed.look("help").lines)
            if (word(l, "name").starts_with(last)) out.push_back({std::string(word(l, "name")), std::string(word(l, "help"))});
    auto start = last.find_last_of("+-:");
    std::string_view term = start == last.npos ? last : last.substr(start + 1);
    std::string before(last.substr(0, last.size() - term.size()));
    for (auto* group : {"general", "control", "segments", "debug", "vector", "x87"})
        if (!term.empty() && std::string_view(group).starts_with(term) && line.starts_with("r")) out.push_back({group, "a group of registers"});
    for (auto* group : {"registers general", "registers control"})
        for (auto& l : app.feed.look(group).lines)
            if (!term.empty() && word(l, "name").starts_with(term))
                out.push_back({before + std::string(word(l, "name")), fmt("%llx", 0ull + value(l, "value"))});
    return out;
}

void complete(Edit& e, const std::string& with) {
    auto blank = e.text.find_last_of(' ');
    e.set((blank == e.text.npos ? "" : e.text.substr(0, blank + 1)) + with + " ");
}

struct History {
    std::vector<std::string> lines;
    std::size_t at = 0;
};

}

// Keys first: the list of completions takes Up, Down, Tab and Escape while it is open.
void draw_console(App& app, Pane pane) {
    static History history;
    static int chosen = -1;
    static std::string closed_for;                             // Escape closes the list until the text is another
    Edit& e = app.edits["console"];
    Rect in = pane.in.in(pad, 8), input = cut_bottom(in, 30, 6);
    bool active = pane.focused && app.editing.empty();
    auto offers = active && e.text != closed_for ? completions(app, e.text) : std::vector<Completion>();
    if (offers.size() == 1 && e.text.ends_with(offers[0].word)) offers.clear();
    if (active) {
        std::string before = e.text;
        if (!app.typed.empty()) e.insert(app.typed), app.typed.clear();
        std::vector<Key> rest;
        for (auto& k : app.keys) {
            bool up = k.is(Key::up), down_key = k.is(Key::down);
            if (k.is(Key::tab) && !offers.empty()) complete(e, offers[std::size_t(std::clamp(chosen, 0, int(offers.size()) - 1))].word);
            else if ((up || down_key) && !offers.empty()) chosen = std::clamp(chosen + (down_key ? 1 : -1), 0, int(offers.size()) - 1);
            else if (up && history.at) e.set(history.lines[--history.at]);
            else if (down_key && history.at < history.lines.size()) e.set(++history.at < history.lines.size() ? history.lines[history.at] : "");
            else if (k.is(Key::escape) && (!offers.empty() || !e.text.empty())) offers.empty() ? e.set("") : void(closed_for = e.text);
            else if (k.is(Key::enter)) {
                std::string line = e.text.empty() && !history.lines.empty() ? history.lines.back() : e.text;
                if (!line.empty()) {
                    if (history.lines.empty() || history.lines.back() != line) history.lines.push_back(line);
                    history.at = history.lines.size();
                    app.log.push_back({line, "", false});
                    app.run(line, [&app](const Result& result) { app.say("", result); });
                    e.set(""), pane.state.first = 0;
                }
            } else if (!e.key(k)) {
                rest.push_back(k);
                continue;
            }
            app.again = true;
        }
        app.keys = rest;
        if (e.text != before) chosen = -1, offers = e.text != closed_for ? completions(app, e.text) : offers;
    }

    int shown = std::min<int>(int(offers.size()), std::clamp(int((in.h - 60) / 24), 2, 5));
    float list_height = shown ? float(shown) * 24 + 8 + 26 : 0;
    Rect p{input.x, input.y - list_height - 4, std::min(540.f, input.w), list_height};
    if (shown) cut_bottom(in, list_height + 2, 4);             // output ends above the list: nothing is covered
    {
        Clip clip(in);
        constexpr float height = 20;
        int room = std::max(1, int(in.h / height)), count = int(app.log.size());
        if (pane.focused && app.pressed(pane, Key::page_up)) pane.state.first += float(room - 1);
        if (pane.focused && app.pressed(pane, Key::page_down)) pane.state.first -= float(room - 1);
        pane.state.first = std::clamp(pane.state.first - wheel(in), 0.f, float(std::max(0, count - room)));
        int to = count - int(pane.state.first), from = std::max(0, to - room);
        float y = in.bottom() - float(to - from) * height;
        for (int n = from; n < to; n++, y += height) {
            auto& said = app.log[std::size_t(n)];
            float cy = y + height * .5f;
            if (!said.prompt.empty()) {
                text(in.x, mid(cy, type.mono), ink.level[app.level], type.mono, fmt("L%d>", app.level));
                text_fit(in.x + 32, in.right(), mid(cy, type.mono), ink.text, type.mono, said.prompt);
            } else text_fit(in.x + 32, in.right(), mid(cy, type.small), said.bad ? ink.bad : ink.dim, type.small, said.text);
        }
        if (!count)
            rich({in.x, in.bottom() - 44, in.w, 44}, ink.faint, type.ui,
                 "Type a command: {m:help} lists them, Tab completes. F6 goes to the next panel, Ctrl+P finds everything.", 20);
    }

    fill(input, ink.dark ? ink.win : ink.panel, 4);
    frame(input, active ? ink.accent : ink.line2, 4);
    float cy = input.cy(), x = input.x + 10;
    text(x, mid(cy, type.mono), ink.level[app.level], type.mono, fmt("L%d>", app.level));
    std::string_view hint = !active ? "" : offers.empty() ? "Enter runs   Up history" : "Tab accept   Esc close";
    std::size_t room = std::size_t(std::max(40.f, input.w - 60 - width(type.ui, hint)) / 8), first = e.at > room ? e.at - room : 0;
    text(x + 32, mid(cy, type.mono), ink.text, type.mono, std::string_view(e.text).substr(first, room));
    if (active) fill({x + 32 + float(e.at - first) * 8, cy - 9, 2, 18}, ink.accent);
    text_right(input.right() - 10, mid(cy, type.ui), ink.faint, type.ui, hint);
    if (!shown) return;
    auto blank = e.text.find_last_of(' ');
    float token = std::min(x + 32 + float(blank == e.text.npos ? 0 : blank + 1) * 8, p.right() - 260);
    shadow(p, 8);
    fill(p, ink.raise, 6);
    frame(p, ink.line2, 6);
    float y = p.y + 4;
    int from = std::clamp(chosen - shown + 1, 0, std::max(0, int(offers.size()) - shown));
    std::size_t typed = e.text.size() - (blank == e.text.npos ? 0 : blank + 1);
    for (int n = from; n < from + shown; n++, y += 24) {
        auto& o = offers[std::size_t(n)];
        Rect q{p.x + 4, y, p.w - 8, 24};
        if (n == std::max(0, chosen)) fill(q, ink.accent_bg, 4), fill({q.x, q.y + 5, 2, 14}, ink.accent);
        std::string_view start = std::string_view(o.word).substr(0, typed), end = std::string_view(o.word).substr(std::min(typed, o.word.size()));
        float at = text(text(token, mid(q.cy(), type.mono_bold), ink.accent, type.mono_bold, start), mid(q.cy(), type.mono), ink.text, type.mono, end);
        if (q.right() - at > 60) text_fit(at + 16, q.right() - 10, mid(q.cy(), type.ui), ink.faint, type.ui, o.note);
    }
    across(p.x + 1, y + 2, p.w - 2, ink.line);
    text(token, mid(y + 15, type.ui), ink.faint, type.ui, fmt("%d of %d matches", shown, int(offers.size())));
}

}
