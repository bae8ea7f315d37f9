// SPDX-License-Identifier: MIT
// The palette: everything there is to do, by a few letters of it.
#include "gui/panels/app.h"
#include <algorithm>
#include <cmath>

namespace gui {

using namespace ui;

namespace {

struct Item {
    std::string kind, name, detail, key;
    std::function<void(App&)> act;
};

std::string lower(std::string_view s) {
    std::string out(s);
    for (char& c : out) c = c >= 'A' && c <= 'Z' ? char(c + 32) : c;
    return out;
}

// Every word anywhere.
bool matches(const Item& item, std::string_view wanted) {
    std::string all = lower(item.kind + " " + item.name + " " + item.detail);
    while (!wanted.empty()) {
        auto end = std::min(wanted.find(' '), wanted.size());
        if (all.find(lower(wanted.substr(0, end))) == all.npos) return false;
        wanted.remove_prefix(std::min(end + 1, wanted.size()));
    }
    return true;
}

bool is_number(std::string_view s) { return s.starts_with("0x") ? s.size() > 2 : !s.empty() && s.find_first_not_of("0123456789") == s.npos; }

void console(App& app, const std::string& line) {
    app.run(line, [&app, line](const Result& result) { app.say(line, result); });
}

std::vector<Item> items_for(App& app, std::string wanted) {
    std::vector<Item> out;
    char sort = wanted.empty() ? 0 : wanted[0];
    bool sorted = sort == '>' || sort == '@' || sort == ':' || sort == '#';
    if (sorted) wanted.erase(0, 1);
    while (wanted.starts_with(' ')) wanted.erase(0, 1);
    if (sort == '#') {                                          // what the console has said, the newest first
        for (auto said = app.log.rbegin(); said != app.log.rend() && out.size() < 50; said++)
            if (Item item{"console", said->prompt.empty() ? said->text : said->prompt, "", "",
                          [](App& a) { a.show_screen(Screen::run), a.set("focus", "console"); }}; matches(item, wanted))
                out.push_back(item);
        return out;
    }
    if (sort == ':' || is_number(wanted) || (sort == '@' && !wanted.empty())) {
        out.push_back({"address", "Walk " + wanted, "reference by reference", "",
                       [wanted](App& a) { a.set("walk.address", wanted), a.show_screen(Screen::walk); }});
        out.push_back({"address", "Memory at " + wanted, "", "", [wanted](App& a) { a.show_memory(wanted); }});
        out.push_back({"address", "Disassemble " + wanted, "", "", [wanted](App& a) { a.edits["code"].set(wanted), a.show_screen(Screen::run); }});
        out.push_back({"address", "Break at " + wanted, "", "", [wanted](App& a) { console(a, "break " + wanted); }});
    }
    static const Item views[] = {
        {"view", "Run", "code, registers, memory, stack, console", "Alt 1", [](App& a) { a.show_screen(Screen::run); }},
        {"view", "Walk", "a translation, reference by reference", "Alt 2", [](App& a) { a.show_screen(Screen::walk); }},
        {"view", "Virtualization", "VMCS or VMCB, entry checks, exits", "Alt 3", [](App& a) { a.show_screen(Screen::virtualization); }},
        {"view", "Caches", "TLB by tag, what dropped it", "Alt 4", [](App& a) { a.show_screen(Screen::caches); }},
        {"view", "Machine", "address map, CPUs, devices and interrupts", "Alt 5", [](App& a) { a.show_screen(Screen::machine); }},
        {"view", "Theme", "dark or light", "F2", [](App& a) { a.dark = !a.dark; }},
        {"view", "Lock the layout", "gaps can't be dragged", "Ctrl Shift L", [](App& a) { a.locked = !a.locked; }},
        {"view", "Reset the layout", "as it came", "Ctrl Shift R", [](App& a) { a.key({'r', true, true, false}); }},
    };
    if (!sorted)
        for (auto& v : views)
            if (matches(v, wanted)) out.push_back(v);
    if (!sorted)
        for (auto& l : app.feed.look("cpu").lines) {
            u64 number = value(l, "cpu");
            Item item{"cpu", fmt("CPU %llu", 0ull + number), std::string(word(l, "activity")), flag(l, "selected") ? "" : "Ctrl PgDn",
                      [number](App& a) { a.choose_cpu(number); }};
            if (!wanted.empty() && has(l, "cpu") && matches(item, wanted)) out.push_back(item);
        }
    if (!sorted || sort == '>')
        for (auto& l : app.feed.look("help").lines) {
            std::string name(word(l, "name")), arguments(word(l, "arguments"));
            if (name.empty() || name == "quit") continue;
            Item item{"command", name + (arguments.empty() ? "" : " " + arguments), std::string(word(l, "help")), "", [name, arguments](App& a) {
                a.show_screen(Screen::run);
                if (arguments.empty() || arguments[0] == '[') console(a, name);
                else a.edits["console"].set(name + " "), a.set("focus", "console"), a.editing = "console";
            }};
            if (matches(item, wanted) || (wanted.starts_with(name + " ") && wanted.size() > name.size())) {
                if (wanted.starts_with(name + " ")) item.name = wanted, item.act = [wanted](App& a) { a.show_screen(Screen::run), console(a, wanted); };
                out.push_back(item);
            }
        }
    return out;
}

}

// Called with nothing it only takes its keys.
void App::palette(Rect all) {
    Edit& e = edits["palette"];
    if (all.w <= 0 && !typed.empty()) e.insert(typed), typed.clear(), palette_at = 0;
    auto items = items_for(*this, e.text);
    if (all.w <= 0) {
        std::function<void(App&)> act;
        for (auto& k : keys) {
            if (k.is(Key::escape)) palette_open = false;
            else if (k.is(Key::up)) palette_at--;
            else if (k.is(Key::down)) palette_at++;
            else if (k.is(Key::enter) && !items.empty()) act = items[std::size_t(std::clamp(palette_at, 0, int(items.size()) - 1))].act, palette_open = false;
            else if (e.key(k)) palette_at = 0;
        }
        again |= !keys.empty();
        keys.clear();
        if (act) act(*this);
        return;
    }
    palette_at = std::clamp(palette_at, 0, std::max(0, int(items.size()) - 1));
    layer = 1;
    fill(all, IM_COL32(0, 0, 0, ink.dark ? 120 : 60));
    int seen = std::min(8, std::max(1, int(items.size())));
    float w = std::min(680.f, all.w - 40);
    Rect b{std::round(all.cx() - w / 2), all.y + 110, w, 48 + 16 + float(seen) * 40 + 26};
    shadow(b, 10);
    fill(b, ink.panel, 8);
    frame(b, ink.line2, 8);
    Rect q = cut_top(b, 48);
    icon(Icon::search, q.x + 24, q.cy(), ink.accent);
    float x = q.x + 44, end = text_fit(x, q.right() - 300, mid(q.cy(), type.mono), ink.text, type.mono, e.text);
    fill({std::min(end + 1, x + float(e.at) * 8 + 1), q.cy() - 9, 2, 18}, ink.accent);
    text_right(q.right() - 16, mid(q.cy(), type.ui), ink.faint, type.ui, "> command   : address   @ symbol   # console");
    across(b.x, b.y, b.w, ink.line);
    b.y += 8;
    if (items.empty()) text(b.x + 22, mid(b.y + 20, type.ui), ink.faint, type.ui, "nothing has all of these words");
    int from = std::max(0, palette_at - seen + 1);
    for (int n = from; n < from + seen && n < int(items.size()); n++) {
        auto& item = items[std::size_t(n)];
        Rect line{b.x + 8, b.y + float(n - from) * 40, b.w - 16, 38};
        if (n == palette_at) fill(line, ink.accent_bg, 5), fill({line.x, line.y + 8, 3, 22}, ink.accent, 1);
        text(line.x + 14, mid(line.cy(), type.ui), ink.faint, type.ui, item.kind);
        float right = line.right() - 8 - (item.key.empty() ? 0 : keycap_width(item.key) + 8);
        float at = text_fit(line.x + 90, right, mid(line.cy(), type.bold), ink.text, item.kind == "command" ? type.mono : type.bold, item.name);
        if (right - at > 80) text_fit(at + 14, right, mid(line.cy(), type.ui), ink.dim, type.ui, item.detail);
        if (!item.key.empty()) keycap(line.right() - keycap_width(item.key) - 8, line.cy(), item.key);
    }
    text(b.x + 22, mid(b.y + float(seen) * 40 + 12, type.ui), ink.faint, type.ui, "Up Down choose    Enter run    Esc close");
    layer = 0;
}

}
