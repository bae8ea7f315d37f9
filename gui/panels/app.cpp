// SPDX-License-Identifier: MIT
// Panels, lists, splits and fields: what all screens are put together from, and what of it is kept.
#include "gui/panels/app.h"
#include <algorithm>
#include <charconv>
#include <cmath>
#include <sstream>
#include <utility>

namespace gui {

using namespace ui;

// ---- a line of text

void Edit::insert(std::string_view s) {
    at = std::min(at, text.size());
    for (char c : s)
        if (u8(c) >= ' ' && text.size() < 1000) text.insert(text.begin() + std::ptrdiff_t(at++), c);
}

bool Edit::key(Key k) {
    at = std::min(at, text.size());
    if (k.alt) return false;
    switch (k.code) {
    case Key::left: return at -= at > 0, true;
    case Key::right: return at += at < text.size(), true;
    case Key::home: return at = 0, true;
    case Key::end: return at = text.size(), true;
    case Key::backspace:
        if (at) text.erase(--at, 1);
        return true;
    case Key::remove:
        if (at < text.size()) text.erase(at, 1);
        return true;
    case 'u':
        if (k.ctrl) text.erase(0, at), at = 0;
        return k.ctrl;
    default: return false;
    }
}

// ---- panels

Pane App::panel(const std::string& id, Rect r, std::initializer_list<std::string> tabs, std::string_view right) {
    Panel& state = panels[id];
    if (std::find(order.begin(), order.end(), id) == order.end()) order.push_back(id);
    tabs_of[id] = tabs;
    state.tab = std::clamp(state.tab, 0, std::max(0, int(tabs.size()) - 1));
    if (focus.empty() || (!last_order.empty() && std::find(last_order.begin(), last_order.end(), focus) == last_order.end())) focus = id;
    if (!full.empty() && id == full) r = body;
    else if (!full.empty()) r = {-10000, -10000, r.w, r.h};
    if (ImGui::IsMouseClicked(0) && hovered(r) && !palette_open) focus = id;
    bool focused = focus == id;
    places[id] = r;
    fill(r, ink.panel, 6);
    fill({r.x, r.y, r.w, head}, ink.raise, 6);
    fill({r.x, r.y + head - 8, r.w, 8}, ink.raise);
    across(r.x, r.y + head - 1, r.w, ink.line);
    float x = r.x + 4, cy = r.y + head * .5f;
    ImGui::PushID(id.c_str());
    int i = 0;
    for (auto& t : tabs) {
        float w = std::round(width(type.bold, t) + 20);
        if (x + w > r.right() - 4) break;
        Rect tab{x, r.y, w, head - 1};
        ImGui::PushID(i);
        if (hit("tab", tab)) state.tab = i, again = true;
        ImGui::PopID();
        bool on = i == state.tab;
        if (on) {
            fill({tab.x, tab.y + 5, tab.w, head - 5}, ink.panel, 5);
            fill({tab.x, r.y + head - 7, tab.w, 7}, ink.panel);
            fill({tab.x + 8, tab.y + head - 3, tab.w - 16, 2}, focused ? ink.accent : ink.line2, 1);
        }
        text_centre(tab.cx(), mid(cy + 1, type.bold), on ? ink.text : ink.faint, on ? type.bold : type.ui, t);
        x += w + 2, i++;
    }
    ImGui::PopID();
    if (!right.empty() && r.right() - pad - width(type.ui, right) > x + 8) text_right(r.right() - pad, mid(cy + 1, type.ui), ink.faint, type.ui, right);
    frame(r, focused ? faded(ink.accent, .75f) : ink.line, 6);
    return {id, {r.x + 1, r.y + head, r.w - 2, r.h - head - 1}, state.tab, focused, state};
}

std::string App::described() const {
    std::string out;
    for (auto& id : last_order) {
        out += "panel " + id + ":";
        for (auto& t : tabs_of.at(id)) out += " [" + t + "]";
        out += "\n";
    }
    return out;
}

Rect App::place_of(const std::string& id) const {
    auto found = places.find(id);
    return found == places.end() || found->second.x < 0 ? Rect{} : found->second;
}

bool App::pressed(const Pane& pane, int code, bool ctrl, bool shift) {
    if (!pane.focused || palette_open || (!editing.empty() && code < Key::f1 && code != Key::enter)) return false;
    auto found = std::find_if(keys.begin(), keys.end(), [&](auto& k) { return k.code == code && k.ctrl == ctrl && k.shift == shift && !k.alt; });
    if (found == keys.end()) return false;
    return keys.erase(found), again = true;
}

void App::next_match(const Pane& pane, int count, const std::function<bool(int row)>& counts) {
    int by = pressed(pane, Key::f(3)) ? 1 : pressed(pane, Key::f(3), false, true) ? -1 : 0;
    if (!by) return;
    editing.clear();
    Panel& p = pane.state;
    for (int n = 1; n <= count; n++) {
        int row = ((p.selected + by * n) % count + count) % count;
        if (counts(row)) return p.selected = row, p.follows = true, void();
    }
}

Rows App::rows(Pane& pane, Rect r, int count, float height) {
    Panel& p = pane.state;
    int seen = std::max(1, int(r.h / height));
    int was = p.selected;
    bool free = editing.empty();
    if (free && pressed(pane, Key::down)) p.selected++;
    if (free && pressed(pane, Key::up)) p.selected--;
    if (free && pressed(pane, Key::page_down)) p.selected += seen;
    if (free && pressed(pane, Key::page_up)) p.selected -= seen;
    if (free && pressed(pane, Key::home)) p.selected = 0;
    if (free && pressed(pane, Key::end)) p.selected = count - 1;
    p.selected = std::clamp(p.selected, 0, std::max(0, count - 1));
    if (p.selected != was || std::exchange(p.follows, false)) p.first = std::clamp(p.first, float(p.selected - seen + 1), float(p.selected));
    if (float turned = wheel(r)) p.first += turned;
    p.first = std::round(std::clamp(p.first, 0.f, float(std::max(0, count - seen))));
    int from = int(p.first);
    if (count > seen) scrollbar({r.right() - 9, r.y, 8, r.h}, float(from) / float(count), float(seen) / float(count));
    ImVec2 m = ImGui::GetIO().MousePos;
    if (ImGui::IsMouseClicked(0) && hovered(r) && !palette_open)
        if (int n = from + int((m.y - r.y) / height); n < count) p.selected = n;
    return {from, std::min(count, from + seen), {r.x, r.y, count > seen ? r.w - 8 : r.w, r.h}, height};
}

// ---- splits: fractions; a gap is dragged, and a double click gives it back

static void drag(App& app, const std::string& id, Rect gap, bool sideways, float total, float& part, float usual) {
    if (app.locked) return;
    hit(id, gap);
    if (ImGui::IsItemActive()) {
        ImVec2 d = ImGui::GetIO().MouseDelta;
        part += (sideways ? d.x : d.y) / total;
    }
    if (ImGui::IsItemHovered() && ImGui::IsMouseDoubleClicked(0)) part = usual;
    if (ImGui::IsItemHovered() || ImGui::IsItemActive())
        fill(sideways ? Rect{gap.cx() - 1, gap.y, 2, gap.h} : Rect{gap.x, gap.cy() - 1, gap.w, 2}, ink.accent, 1);
}

void App::split_across(const std::string& id, Rect r, float usual, Rect& a, Rect& b, float least_a, float least_b) {
    float& part = splits.try_emplace(id, usual).first->second;
    float w = std::round(std::clamp(r.w * part, least_a, std::max(least_a, r.w - gap - least_b)));
    drag(*this, id, {r.x + w, r.y, gap, r.h}, true, r.w, part, usual);
    a = cut_left(r, w, gap), b = r;
}
void App::split_down(const std::string& id, Rect r, float usual, Rect& a, Rect& b, float least_a, float least_b) {
    float& part = splits.try_emplace(id, usual).first->second;
    float h = std::round(std::clamp(r.h * part, least_a, std::max(least_a, r.h - gap - least_b)));
    drag(*this, id, {r.x, r.y + h, r.w, gap}, false, r.h, part, usual);
    a = cut_top(r, h, gap), b = r;
}

// ---- fields and choices

bool App::field(const std::string& id, Rect r, std::string_view label, std::string_view empty) {
    Edit& e = edits[id];
    if (hit(id, r)) editing = id, e.at = e.text.size(), again = true;
    bool active = editing == id, done = false;
    if (active && !palette_open) {
        if (!typed.empty()) e.insert(typed), typed.clear(), again = true;
        std::vector<Key> rest;
        for (auto& k : keys) {
            if (k.is(Key::enter)) done = true, editing.clear(), again = true;
            else if (k.is(Key::escape)) editing.clear(), again = true;
            else if (!e.key(k)) rest.push_back(k);
            else again = true;
        }
        keys = rest;
    }
    fill(r, ink.dark ? ink.win : ink.panel, 4);
    frame(r, active ? ink.accent : ink.line2, 4);
    float x = r.x + 8, cy = r.cy();
    if (!label.empty()) x = text(x, mid(cy, type.ui), ink.faint, type.ui, label) + 8;
    if (e.text.empty() && !active) return text_fit(x, r.right() - 8, mid(cy, type.ui), ink.faint, type.ui, empty), done;
    std::size_t room = std::max<std::size_t>(4, std::size_t((r.right() - 10 - x) / 8)), from = e.at > room ? e.at - room : 0;
    text(x, mid(cy, type.mono), ink.text, type.mono, std::string_view(e.text).substr(from, room));
    if (active) fill({x + float(std::min(e.at, e.text.size()) - from) * 8, cy - 9, 2, 18}, ink.accent);
    return done;
}

float App::choice(const std::string& id, float x, float cy, std::initializer_list<std::string_view> options, int& selected) {
    float w = 0;
    for (auto o : options) w += std::round(width(type.bold, o) + 20);
    Rect box{std::round(x), std::round(cy - 12), w, 24};
    fill(box, ink.dark ? ink.win : ink.raise, 5);
    frame(box, ink.line2, 5);
    ImGui::PushID(id.c_str());
    float at = box.x;
    int i = 0;
    for (auto o : options) {
        float one = std::round(width(type.bold, o) + 20);
        Rect b{at, box.y, one, 24};
        ImGui::PushID(i);
        if (hit("o", b)) selected = i, again = true;
        ImGui::PopID();
        bool on = i == selected;
        if (on) fill(b.in(1), ink.accent_bg, 4), frame(b, ink.accent, 5);
        text_centre(b.cx(), mid(cy, type.ui), on ? ink.accent : ink.dim, on ? type.bold : type.ui, o);
        at += one, i++;
    }
    ImGui::PopID();
    return box.right();
}

float App::toggle(const std::string& id, float x, float cy, std::string_view label, bool& on) {
    Rect b{std::round(x), std::round(cy - 7), 14, 14};
    if (hit(id, {b.x, b.y, 22 + width(type.ui, label), 14})) on = !on, again = true;
    fill(b, on ? ink.accent : ink.dark ? ink.win : ink.panel, 3);
    if (on) mark(Mark::ok, b.cx() - .5f, b.cy() - .5f, ink.dark ? ink.win : ink.panel, .85f);
    else frame(b, ink.line2, 3);
    return text(b.right() + 7, mid(cy, type.ui), on ? ink.text : ink.dim, type.ui, label);
}

bool App::button(const std::string& id, Rect r, std::string_view label) {
    bool done = hit(id, r);
    fill(r, ImGui::IsItemHovered() ? ink.hover : ink.raise, 4);
    frame(r, ink.line2, 4);
    text_centre(r.cx(), mid(r.cy(), type.ui), ink.accent, type.ui, label);
    return again |= done, done;
}

// ---- what is kept

static constexpr const char* screen_names[screens] = {"run", "walk", "virtualization", "caches", "machine"};

// PANEL:ROW
bool App::select_in(const std::string& text) {
    auto colon = text.find(':');
    if (colon == text.npos) return false;
    int row_of = 0;
    auto [end, error] = std::from_chars(text.data() + colon + 1, text.data() + text.size(), row_of);
    if (error != std::errc() || end != text.data() + text.size() || row_of < 0) return false;
    return panels[text.substr(0, colon)].selected = row_of, true;
}

bool App::set(const std::string& name, const std::string& text) {
    auto is_number = [&](float least, float most, float& to) {
        char* end = nullptr;
        float n = std::strtof(text.c_str(), &end);
        if (text.empty() || *end || !(n >= least && n <= most)) return false;
        return to = n, true;
    };
    float n = 0;
    if (name == "theme") return dark = text != "light", text == "light" || text == "dark";
    if (name == "locked") return locked = text == "yes", true;
    if (name == "screen") {
        for (int i = 0; i < screens; i++)
            if (text == screen_names[i]) return screen = Screen(i), true;
        return false;
    }
    if (name == "walk.address") return walk.address = text, walk.step = walk.from = walk.selected = 0, edits["walk.address"].set(text), true;
    if (name == "walk.access") return walk.access = text, text == "r" || text == "w" || text == "x";
    if (name == "walk.mode") return walk.mode = text, text == "u" || text == "s";
    if (name == "walk.step") return is_number(0, 200, n) && (walk.step = walk.from = int(n), true);
    if (name == "level") return is_number(0, 2, n) && (view_level = int(n), true);
    if (name == "focus") return focus = text, true;
    if (name == "full") return full = focus = text, true;
    if (name == "palette") return palette_open = true, edits["palette"].set(text), true;
    if (name == "memory") return edits["memory"].set(text), true;
    if (name == "fields" || name == "tlb") return edits[name].set(text), true;           // what their lists are filtered by
    if (name == "map") return edits["map"].set(text), true;
    if (name == "explain") return explaining = text == "yes", true;
    if (name == "select") return select_in(text);
    if (name == "type") return edits["console"].set(text), true;
    if (name.starts_with("split.")) return is_number(.02f, .98f, n) && (splits[name.substr(6)] = n, true);
    if (name.starts_with("tab.")) return is_number(0, 20, n) && (panels[name.substr(4)].tab = int(n), true);
    if (name.starts_with("choice.")) return is_number(0, 20, n) && (choices[name.substr(7)] = int(n), true);
    return false;
}

std::string App::saved() const {
    std::ostringstream out;
    out << "theme " << (dark ? "dark" : "light") << "\nlocked " << (locked ? "yes" : "no") << "\nscreen " << screen_names[int(screen)] << "\n";
    for (auto& [id, part] : splits) out << "split." << id << " " << part << "\n";
    for (auto& [id, p] : panels)
        if (p.tab) out << "tab." << id << " " << p.tab << "\n";
    for (auto& [id, n] : choices)
        if (n) out << "choice." << id << " " << n << "\n";
    return out.str();
}

}
