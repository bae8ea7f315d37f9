// SPDX-License-Identifier: MIT
// One reference's entry bit by bit; the verdict of the walk, and its cost.
#include "gui/panels/walk_parts.h"
#include <algorithm>
#include <cmath>

namespace gui {

using namespace ui;

namespace {

u64 part_of(u64 v, const BitRow& b) { return v >> b.low & (b.high - b.low == 63 ? ~u64{0} : (u64{1} << (b.high - b.low + 1)) - 1); }

// The bits that the access needed otherwise: by the letters of what was refused.
bool refuses(const WalkGrid& grid, const Line& entry, const BitRow& b, u64 v) {
    if (!grid.verdict || grid.granted) return false;
    auto reason = word(*grid.verdict, "reason");
    bool set = v >> b.low & 1, second = word(entry, "format") == "EPT";
    if (reason.find("present") != reason.npos) return second ? b.low < 3 : b.low == 0;
    if (reason.find("supervisor's") != reason.npos) return b.name == "U/S" && !set;
    if (reason.find("SMEP") != reason.npos || reason.find("SMAP") != reason.npos) return b.name == "U/S" && set;
    if (reason.find("not writable") != reason.npos) return (b.name == "R/W" || b.name == "W") && !set;
    if (reason.find("not readable") != reason.npos) return b.name == "R" && !set;
    if (reason.find("not executable") != reason.npos) return second ? b.name == "X" && !set : b.name == "XD" && set;
    return false;
}

void draw_strip(Rect r, u64 v, u64 lit) {
    float bit = std::floor(r.w / 64), x0 = r.x + (r.w - bit * 64);
    for (int b = 63; b >= 0; b--) {
        Rect c{x0 + float(63 - b) * bit, r.y, bit - 1, 20};
        bool on = v >> b & 1, bad = lit >> b & 1;
        fill(c, bad ? ink.bad_bg : b >= 12 && b < 52 ? ink.accent_bg : ink.raise, 2);
        text_centre(c.cx(), mid(c.cy(), type.small), bad ? ink.bad : on ? ink.text : ink.faint, on ? type.small_bold : type.small, on ? "1" : "0");
        if (b % 8 == 0 || b == 63 || b == 51) text_centre(c.cx(), mid(r.y + 29, type.capitals), ink.faint, type.capitals, fmt("%d", b));
        if (bad) frame(c, ink.bad, 2);
    }
}

constexpr const char* memory_types[] = {"UC", "WC", "", "", "WT", "WP", "WB", "UC-"};

std::string meaning(const BitRow& b, u64 v) {
    u64 part = part_of(v, b);
    if (b.name == "frame") return fmt("%llx", 0ull + (part << b.low));
    if (b.name == "memory type") return memory_types[part & 7];
    if (b.name == "key") return part ? "protection key" : "none";
    return std::string(part ? b.set : b.clear);
}

}

void draw_entry(Rect r, const WalkGrid& grid, int number_of, int columns) {
    auto* ref = grid.reference(number_of);
    if (!ref) return;
    auto& l = *ref->line;
    u64 v = value(l, "entry");
    auto table = bits_of(l);
    Rect h = cut_top(r, columns > 1 ? 24 : 20, columns > 1 ? 6 : 4);
    float x = h.x, cy = h.cy();
    ImU32 level = ink.level[value(l, "stage") == 2 ? 1 : 2];
    std::string name(word(l, "entry_name"));
    if (columns > 1) x = chip(x, cy, fmt("step %d", number_of), ref->refused ? ink.bad : level, ref->refused ? ink.bad_bg : ink.raise) + 8;
    x = text(x, mid(cy, type.bold), ink.text, type.bold, name + fmt(" [%03llx]", 0ull + value(l, "index"))) + 10;
    if (columns > 1) {
        x = text(x, mid(cy, type.ui), ink.faint, type.ui, "at") + 6;
        x = number(x, mid(cy, type.mono), type.mono, value(l, "physical"), 12, ink.dim) + 14;
        if (has(l, "guest_physical")) {
            x = text(x, mid(cy, type.ui), ink.faint, type.ui, "which the guest sees at") + 6;
            x = number(x, mid(cy, type.mono), type.mono, value(l, "guest_physical"), 12, ink.level[2]) + 14;
        }
        x = text(x, mid(cy, type.ui), ink.faint, type.ui, "value") + 6;
    }
    x = number(x, mid(cy, type.mono_bold), type.mono_bold, v, 16, ink.text) + 14;
    if (columns > 1 && !word(l, "would_set").empty()) text(x, mid(cy, type.ui), ink.now, type.ui, "the access would set " + std::string(word(l, "would_set")));
    u64 lit = 0;
    for (auto& b : table)
        if (ref->refused && refuses(grid, l, b, v)) lit |= u64{1} << b.low;
    if (columns > 1) draw_strip(cut_top(r, 36, 6), v, lit);
    Clip clip({r.x - 4, r.y, r.w + 8, r.h});
    float height = columns > 1 ? row : 17, wide = r.w / float(columns);
    int per = std::max(1, columns > 1 ? (int(table.size()) + columns - 1) / columns : int(r.h / height)), n = 0;
    for (auto& b : table) {
        if (columns == 1 && (b.name == "sub-page" || b.name == "suppress #VE" || b.name == "PWT" || b.name == "PCD")) continue;
        if (n >= per * columns) break;
        Rect q{r.x + float(n / per) * wide, r.y + float(n % per) * height, wide - 10, height};
        bool bad = lit >> b.low & 1;
        u64 part = part_of(v, b);
        if (bad) fill({q.x - 4, q.y, q.w + 4, q.h}, ink.bad_bg, 3);
        ImU32 colour = bad ? ink.bad : part ? ink.text : ink.faint;
        text_right(q.x + 38, mid(q.cy(), type.small), ink.faint, type.small, b.high == b.low ? fmt("%u", b.low) : fmt("%u:%u", b.high, b.low));
        text_fit(q.x + 50, q.x + 138, mid(q.cy(), type.ui), part || bad ? ink.text : ink.faint, type.ui, b.name);
        if (b.name != "frame") text(q.x + 144, mid(q.cy(), type.small_bold), colour, type.small_bold, fmt("%llx", 0ull + part));
        text_fit(q.x + 172, q.right(), mid(q.cy(), type.ui), bad ? ink.bad : ink.dim, b.name == "frame" ? type.small : type.ui, meaning(b, v));
        n++;
    }
}

namespace {

std::string title_of(const Line& verdict, int at) {
    if (flag(verdict, "granted")) return "Allowed";
    auto event = word(verdict, "event");
    std::string name = event == "page_fault" ? "Page fault (#PF)" : event == "ept_violation" ? "EPT violation"
        : event == "ept_misconfiguration" ? "EPT misconfiguration"
        : event == "nested_page_fault" ? "Nested page fault" : event == "not_canonical" ? "Not canonical: #GP"
        : event == "log_full" ? "Page-modification log full"
        : event == "sub_page" ? "Sub-page permission" : event == "apic_access" ? "APIC access" : std::string(event);
    return at ? name + fmt(" at step %d", at) : name;
}

std::string who_is_told(const Line& verdict, bool nested) {
    auto event = word(verdict, "event");
    if (event == "page_fault" || event == "not_canonical")
        return nested ? "{2:L2} takes the exception, where {1:L1} doesn't intercept it." : "The system that runs takes the exception.";
    return "{2:L2} exits to {1:L1}; no #PF reaches the guest.";
}

void draw_information(Rect r, const Line& verdict, int columns) {
    auto rows = bits_of_event(word(verdict, "event"));
    if (rows.empty()) return;
    u64 v = value(verdict, "information");
    if (columns == 1) {
        Rect h = cut_top(r, 22, 2);
        auto event = word(verdict, "event");
        float x = text(h.x, mid(h.cy(), type.capitals), ink.dim, type.capitals,
                       event == "page_fault" ? "ERROR CODE" : event == "ept_violation" ? "EXIT QUALIFICATION" : "EXITINFO1") + 10;
        number(x, mid(h.cy(), type.mono_bold), type.mono_bold, v, 16, ink.text);
    }
    int per = (int(rows.size()) + columns - 1) / columns;
    float height = std::min(20.f, std::floor(r.h / float(per))), wide = r.w / float(columns);
    if (height < 14) return;
    bool write = v >> 1 & 1;
    for (int i = 0; i < int(rows.size()); i++) {
        auto& b = rows[std::size_t(i)];
        Rect q{r.x + float(i / per) * wide, r.y + float(i % per) * height, wide, height};
        bool on = v >> b.low & 1, violation = word(verdict, "event") == "ept_violation";
        bool culprit = violation && ((v & 1 && !(v & 8) && b.low == 3) || (write && !(v & 16) && b.low == 4) || (v & 4 && !(v & 32) && b.low == 5));
        bool cause = (on && b.low < 3 && violation) || culprit;
        if (cause) fill({q.x - 4, q.y, q.w + (columns == 1 ? 8 : -4), q.h}, ink.bad_bg, 3);
        ImU32 colour = cause ? ink.bad : on ? ink.text : ink.faint;
        text_right(q.x + 20, mid(q.cy(), type.small), ink.faint, type.small, fmt("%u", b.low));
        text(q.x + 32, mid(q.cy(), type.small_bold), colour, on ? type.small_bold : type.small, on ? "1" : "0");
        text_fit(q.x + 52, q.right() - 8, mid(q.cy(), type.ui), colour, type.ui, on ? b.set : b.clear);
    }
}

}

void draw_walk_cost(Rect r, const WalkGrid& grid) {
    struct { const char* name; int n; ImU32 colour; } const rows[] = {
        {"Guest entries", grid.first_stage, ink.level[2]}, {"Second-stage entries", grid.second_stage, ink.level[1]},
        {"Distinct cache lines", grid.cache_lines, ink.level[0]}};
    for (auto& c : rows) {
        if (r.h < 24) return;
        Rect l = cut_top(r, 24);
        text(l.x, mid(l.cy(), type.ui), ink.dim, type.ui, c.name);
        bar({l.x + 150, l.cy() - 4, l.w - 190, 8}, float(c.n) / 24, c.colour, ink.hover);
        text_right(l.right(), mid(l.cy(), type.mono), ink.text, type.mono, fmt("%d", c.n));
    }
}

void draw_walk_verdict(App& app, Rect r, const WalkGrid& grid) {
    if (!grid.verdict) return;
    auto& v = *grid.verdict;
    bool good = grid.granted;
    std::string reason(word(v, "reason")), access = app.walk.access == "w" ? "write" : app.walk.access == "x" ? "fetch" : "read";
    Band band{good ? Mark::ok : Mark::warn, good ? ink.ok : ink.bad, good ? ink.ok_bg : ink.bad_bg};
    std::string below = good ? fmt("The %s reaches physical {m:%llx} after %d references; the page is {b:%lluK}%s.", access.c_str(),
                                   0ull + value(v, "physical"), int(grid.all.size()),
                                   0ull + (value(v, "page_size") >> 10), flag(v, "global") ? ", global" : "")
                             : fmt("The %s is refused: {r:%s}. %s", access.c_str(), plain(reason.empty() ? v.text : reason).c_str(),
                                   who_is_told(v, grid.nested).c_str());
    bool shallow = r.h < 200;
    draw_verdict(r, band, title_of(v, grid.refused_at), "", below, shallow ? 2 : 3);
    if (!good) {
        auto rows = bits_of_event(word(v, "event"));
        Rect info = shallow ? r : cut_top(r, std::min(r.h, 24 + 20 * float(rows.size()) + 4), 6);
        draw_information(info, v, shallow ? 2 : 1);
        if (shallow) return;
    }
    if (r.h > 110) section(r, "COST OF THIS TRANSLATION"), draw_walk_cost(r, grid);
    else if (shallow) draw_walk_cost(r, grid);
}

}
