// SPDX-License-Identifier: MIT
// Shapes, marks and icons; and the small parts that panels share.
#include "gui/ui/ui.h"
#include <algorithm>
#include <cmath>

namespace gui::ui {

// ---- geometry

Rect cut_top(Rect& r, float n, float between) {
    Rect out{r.x, r.y, r.w, n};
    return r.y += n + between, r.h -= n + between, out;
}
Rect cut_bottom(Rect& r, float n, float between) {
    Rect out{r.x, r.y + r.h - n, r.w, n};
    return r.h -= n + between, out;
}
Rect cut_left(Rect& r, float n, float between) {
    Rect out{r.x, r.y, n, r.h};
    return r.x += n + between, r.w -= n + between, out;
}
Rect cut_right(Rect& r, float n, float between) {
    Rect out{r.x + r.w - n, r.y, n, r.h};
    return r.w -= n + between, out;
}

// ---- shapes

ImDrawList* list() { return ImGui::GetWindowDrawList(); }
void fill(Rect r, ImU32 c, float round) {
    if (r.w > 0 && r.h > 0) list()->AddRectFilled({r.x, r.y}, {r.right(), r.bottom()}, c, round);
}
void frame(Rect r, ImU32 c, float round, float thick) {
    if (r.w > 0 && r.h > 0) list()->AddRect({r.x, r.y}, {r.right(), r.bottom()}, c, round, 0, thick);
}
void across(float x, float y, float w, ImU32 c) { fill({std::round(x), std::round(y), w, 1}, c); }
void down(float x, float y, float h, ImU32 c) { fill({std::round(x), std::round(y), 1, h}, c); }
void shadow(Rect r, float round) { fill({r.x + 3, r.y + 5, r.w, r.h}, IM_COL32(0, 0, 0, ink.dark ? 90 : 35), round); }

float chip(float x, float cy, std::string_view s, ImU32 colour, ImU32 back) {
    x = std::round(x);
    float w = std::round(width(type.capitals, s) + 12);
    fill({x, std::round(cy - 9), w, 18}, back, 4);
    text_centre(x + w * .5f, mid(cy, type.capitals), colour, type.capitals, s);
    return x + w;
}
float keycap_width(std::string_view s) { return std::round(width(type.capitals, s) + 10); }
float keycap(float x, float cy, std::string_view s) {
    float w = keycap_width(s);
    Rect k{std::round(x), std::round(cy - 8), w, 16};
    fill(k, ink.dark ? ink.win : ink.panel, 3);
    frame(k, ink.line2, 3);
    text_centre(k.cx(), mid(cy, type.capitals), ink.dim, type.capitals, s);
    return x + w;
}

void mark(Mark m, float cx, float cy, ImU32 c, float size) {
    auto* d = list();
    cx = std::round(cx) + .5f, cy = std::round(cy) + .5f;
    auto at = [&](float x, float y) { return ImVec2(cx + x * size, cy + y * size); };
    switch (m) {
    case Mark::ok: {
        ImVec2 points[] = {at(-4, 0), at(-1.2f, 3), at(4, -3.4f)};
        return d->AddPolyline(points, 3, c, 0, 1.8f);
    }
    case Mark::bad: return d->AddLine(at(-3.4f, -3.4f), at(3.4f, 3.4f), c, 1.8f), d->AddLine(at(-3.4f, 3.4f), at(3.4f, -3.4f), c, 1.8f);
    case Mark::dot: return d->AddCircleFilled({cx, cy}, 4 * size, c, 20);
    case Mark::ring: return d->AddCircle({cx, cy}, 3.6f * size, c, 20, 1.4f);
    case Mark::arrow: return d->AddTriangleFilled(at(-3, -4.5f), at(4.5f, 0), at(-3, 4.5f), c);
    case Mark::open: return d->AddTriangleFilled(at(-3.6f, -2), at(3.6f, -2), at(0, 3), c);
    case Mark::warn:
        d->AddTriangleFilled(at(0, -5.5f), at(6, 4.8f), at(-6, 4.8f), c);
        d->AddLine(at(0, -1.8f), at(0, 1.6f), ink.panel, 1.6f);
        return d->AddCircleFilled(at(0, 3.4f), .9f, ink.panel);
    case Mark::dash: return d->AddLine(at(-3.4f, 0), at(3.4f, 0), c, 1.8f);
    }
}

void icon(Icon i, float cx, float cy, ImU32 c) {
    auto* d = list();
    cx = std::round(cx) + .5f, cy = std::round(cy) + .5f;
    auto at = [&](float x, float y) { return ImVec2(cx + x, cy + y); };
    constexpr float thick = 1.6f;
    auto tip = [&](float x, float y, float dx, float dy) {
        d->AddTriangleFilled(at(x + dx * 3.6f, y + dy * 3.6f), at(x - dy * 3.4f, y + dx * 3.4f), at(x + dy * 3.4f, y - dx * 3.4f), c);
    };
    switch (i) {
    case Icon::play: return d->AddTriangleFilled(at(-4, -5.5f), at(6, 0), at(-4, 5.5f), c);
    case Icon::pause: return d->AddRectFilled(at(-5, -5), at(-1.5f, 5), c, 1), d->AddRectFilled(at(1.5f, -5), at(5, 5), c, 1);
    case Icon::over:
        d->PathArcTo(at(-.5f, 1), 5.2f, 3.3f, 6.1f, 16), d->PathStroke(c, 0, thick);
        return tip(5.2f, 1, .2f, 1), d->AddCircleFilled(at(-.5f, 4.5f), 1.8f, c);
    case Icon::into: return d->AddLine(at(0, -6), at(0, -1), c, thick), tip(0, -1, 0, 1), d->AddCircleFilled(at(0, 5), 1.8f, c);
    case Icon::out: return d->AddLine(at(0, 2), at(0, -3), c, thick), tip(0, -3, 0, -1), d->AddCircleFilled(at(0, 5), 1.8f, c);
    case Icon::exit: return d->AddRect(at(-6, -2), at(6, 5.5f), c, 1.5f, 0, 1.2f), d->AddLine(at(0, 3), at(0, -4), c, thick), tip(0, -4, 0, -1);
    case Icon::entry: return d->AddRect(at(-6, -2), at(6, 5.5f), c, 1.5f, 0, 1.2f), d->AddLine(at(0, -7), at(0, -1), c, thick), tip(0, -1, 0, 1);
    case Icon::search: return d->AddCircle(at(-1, -1), 4, c, 20, 1.5f), d->AddLine(at(2, 2), at(5.5f, 5.5f), c, 1.8f);
    case Icon::theme: return d->AddCircle(at(0, 0), 5, c, 24, 1.4f), d->PathArcTo(at(0, 0), 5, -1.57f, 1.57f, 16), d->PathFillConvex(c);
    }
}

void bar(Rect r, float part, ImU32 c, ImU32 track) {
    if (track) fill(r, track, 2);
    if (part > 0) fill({r.x, r.y, std::max(2.f, r.w * std::min(part, 1.f)), r.h}, c, 2);
}

void scrollbar(Rect r, float position, float length) {
    if (length < 1) fill({r.x + 2, r.y + r.h * position, 4, std::max(12.f, r.h * length)}, ink.line2, 2);
}

Clip::Clip(Rect r) { list()->PushClipRect({r.x, r.y}, {r.right(), r.bottom()}, true); }
Clip::~Clip() { list()->PopClipRect(); }

// ---- parts

bool hit(std::string_view id, Rect r) {
    if (r.w <= 0 || r.h <= 0) return false;
    ImGui::SetCursorScreenPos({r.x, r.y});
    return ImGui::InvisibleButton(std::string(id).c_str(), {r.w, r.h});
}
bool hovered(Rect r) {
    ImVec2 m = ImGui::GetIO().MousePos;
    return r.holds(m.x, m.y);
}
float wheel(Rect r) { return hovered(r) ? ImGui::GetIO().MouseWheel * -3 : 0; }

Rect section(Rect& r, std::string_view title, std::string_view right, float after) {
    Rect h = cut_top(r, 22, after);
    float end = text(h.x, mid(h.cy(), type.capitals), ink.dim, type.capitals, title), stop = h.right();
    if (!right.empty()) {
        float w = std::min(width(type.ui, right), h.right() - end - 24);
        stop -= w + 8;
        text_fit(h.right() - w, h.right() + 1, mid(h.cy(), type.ui), ink.faint, type.ui, right);
    }
    return across(end + 8, h.cy(), std::max(0.f, stop - end - 8), ink.line), h;
}

void column(float x, float base, std::string_view s, bool right) {
    if (right) text_right(x, base, ink.faint, type.capitals, s);
    else text(x, base, ink.faint, type.capitals, s);
}

void nothing(Rect r, std::string_view why) { rich(r.in(pad, 10), ink.faint, type.ui, plain(why), 20); }

}
