// SPDX-License-Identifier: MIT
// The software rasteriser. Nearly all that is drawn is a filled rectangle or a glyph, two triangles each, which are copied
// row by row; the rest are triangles with a colour at each corner.
#include "gui/ui/raster.h"
#include <algorithm>
#include <cmath>

namespace gui::ui {

namespace {

struct Area {
    int left, top, right, bottom;
    Area within(Area o) const { return {std::max(left, o.left), std::max(top, o.top), std::min(right, o.right), std::min(bottom, o.bottom)}; }
    bool empty() const { return left >= right || top >= bottom; }
};

// ImGui's colours are AABBGGRR.
constexpr u32 alpha_of(ImU32 c) { return c >> 24; }
constexpr u32 dot_of(ImU32 c) { return (c & 0xff) << 16 | (c & 0xff00) | (c >> 16 & 0xff); }

// Two of the three components at once; alpha up to 256.
u32 mixed(u32 under, u32 over, u32 alpha) {
    u32 rest = 256 - alpha;
    u32 rb = ((over & 0xff00ff) * alpha + (under & 0xff00ff) * rest) >> 8 & 0xff00ff;
    u32 g = ((over & 0x00ff00) * alpha + (under & 0x00ff00) * rest) >> 8 & 0x00ff00;
    return rb | g;
}
u32 scaled(u32 alpha) { return alpha + (alpha >> 7); }      // 255 is all

class Painter {
public:
    Painter(Canvas& canvas, ImVec2 white) : canvas(canvas), white(white) {}
    void command(const ImDrawList& list, const ImDrawCmd& c);

private:
    bool quad(const ImDrawVert* v, const ImDrawIdx* i);
    void triangle(const ImDrawVert& a, const ImDrawVert& b, const ImDrawVert& c);
    void span(int y, int from, int to, u32 dot, u32 alpha);
    void glyph(Area at, float u0, float v0, float u1, float v1, ImU32 colour);
    void picture(Area at, const ImDrawVert& first, const ImDrawVert& last);
    u32* line(int y) { return canvas.dots.data() + std::size_t(y) * std::size_t(canvas.width); }
    bool is_white(const ImDrawVert& v) const { return v.uv.x == white.x && v.uv.y == white.y; }

    Canvas& canvas;
    ImVec2 white;
    Area clip{};
    const Texture* texture = nullptr;
};

void Painter::command(const ImDrawList& list, const ImDrawCmd& c) {
    clip = Area{int(c.ClipRect.x), int(c.ClipRect.y), int(c.ClipRect.z), int(c.ClipRect.w)}.within({0, 0, canvas.width, canvas.height});
    texture = static_cast<const Texture*>(c.GetTexID());
    if (clip.empty() || !texture) return;
    const ImDrawVert* v = list.VtxBuffer.Data + c.VtxOffset;
    const ImDrawIdx* i = list.IdxBuffer.Data + c.IdxOffset;
    for (unsigned n = 0; n + 3 <= c.ElemCount;) {
        if (n + 6 <= c.ElemCount && quad(v, i + n)) n += 6;
        else triangle(v[i[n]], v[i[n + 1]], v[i[n + 2]]), n += 3;
    }
}

void Painter::span(int y, int from, int to, u32 dot, u32 alpha) {
    from = std::max(from, clip.left), to = std::min(to, clip.right);
    if (from >= to) return;
    u32 *at = line(y) + from, *end = line(y) + to;
    if (alpha == 256) std::fill(at, end, dot);
    else for (; at < end; at++) *at = mixed(*at, dot, alpha);
}

// Corners 0 1 2, 0 2 3 of an upright rectangle of one colour whose edges lie between dots; false: it is something else.
bool Painter::quad(const ImDrawVert* v, const ImDrawIdx* i) {
    if (i[3] != i[0] || i[4] != i[2]) return false;
    auto &a = v[i[0]], &b = v[i[1]], &c = v[i[2]], &d = v[i[5]];
    if (a.col != c.col || a.col != b.col || a.col != d.col) return false;
    if (a.pos.y != b.pos.y || b.pos.x != c.pos.x || c.pos.y != d.pos.y || d.pos.x != a.pos.x) return false;
    Area all{int(std::lround(a.pos.x)), int(std::lround(a.pos.y)), int(std::lround(c.pos.x)), int(std::lround(c.pos.y))};
    if (texture->dots) return picture(all, a, c), true;
    if (!is_white(a)) return glyph(all, a.uv.x, a.uv.y, c.uv.x, c.uv.y, a.col), true;
    Area in = all.within(clip);
    for (int y = in.top; y < in.bottom; y++) span(y, in.left, in.right, dot_of(a.col), scaled(alpha_of(a.col)));
    return true;
}

// Glyphs are drawn in their own size.
void Painter::glyph(Area at, float u0, float v0, float, float, ImU32 colour) {
    int left = int(std::lround(u0 * float(texture->width))) - at.left, top = int(std::lround(v0 * float(texture->height))) - at.top;
    Area in = at.within(clip).within({-left, -top, texture->width - left, texture->height - top});
    u32 dot = dot_of(colour), most = alpha_of(colour);
    for (int y = in.top; y < in.bottom; y++) {
        const u8* from = texture->alpha + std::size_t(y + top) * std::size_t(texture->width) + left;
        u32* to = line(y);
        for (int x = in.left; x < in.right; x++)
            if (u32 alpha = from[x]) to[x] = mixed(to[x], dot, scaled(most == 255 ? alpha : alpha * most / 255));
    }
}

// Whole dots of the nearest place.
void Painter::picture(Area at, const ImDrawVert& first, const ImDrawVert& last) {
    Area in = at.within(clip);
    float across = float(std::max(1, at.right - at.left)), tall = float(std::max(1, at.bottom - at.top));
    for (int y = in.top; y < in.bottom; y++) {
        float v = first.uv.y + (last.uv.y - first.uv.y) * (float(y - at.top) + .5f) / tall;
        int row = std::clamp(int(v * float(texture->height)), 0, texture->height - 1);
        const u32* from = texture->dots + std::size_t(row) * std::size_t(texture->width);
        u32* to = line(y);
        for (int x = in.left; x < in.right; x++) {
            float u = first.uv.x + (last.uv.x - first.uv.x) * (float(x - at.left) + .5f) / across;
            to[x] = from[std::clamp(int(u * float(texture->width)), 0, texture->width - 1)];
        }
    }
}

// Between the edges of each line of dots' centres; colours run evenly from corner to corner.
void Painter::triangle(const ImDrawVert& a, const ImDrawVert& b, const ImDrawVert& c) {
    if (!texture->alpha) return;
    float area = (b.pos.x - a.pos.x) * (c.pos.y - a.pos.y) - (c.pos.x - a.pos.x) * (b.pos.y - a.pos.y);
    if (std::fabs(area) < 1e-4f) return;
    float low = std::min({a.pos.y, b.pos.y, c.pos.y}), high = std::max({a.pos.y, b.pos.y, c.pos.y});
    int top = std::max(clip.top, int(std::ceil(low - .5f))), bottom = std::min(clip.bottom, int(std::ceil(high - .5f)));
    bool plain = a.col == b.col && b.col == c.col;
    const ImDrawVert* corners[] = {&a, &b, &c};
    for (int y = top; y < bottom; y++) {
        float centre = float(y) + .5f, from = 1e9f, to = -1e9f;
        for (int e = 0; e < 3; e++) {
            ImVec2 p = corners[e]->pos, q = corners[(e + 1) % 3]->pos;
            if ((p.y <= centre) == (q.y <= centre)) continue;
            float x = p.x + (centre - p.y) * (q.x - p.x) / (q.y - p.y);
            from = std::min(from, x), to = std::max(to, x);
        }
        int left = int(std::ceil(from - .5f)), right = int(std::ceil(to - .5f));
        if (plain) {
            span(y, left, right, dot_of(a.col), scaled(alpha_of(a.col)));
            continue;
        }
        left = std::max(left, clip.left), right = std::min(right, clip.right);
        for (int x = left; x < right; x++) {
            float px = float(x) + .5f;
            float wb = ((px - a.pos.x) * (c.pos.y - a.pos.y) - (c.pos.x - a.pos.x) * (centre - a.pos.y)) / area;
            float wc = ((b.pos.x - a.pos.x) * (centre - a.pos.y) - (px - a.pos.x) * (b.pos.y - a.pos.y)) / area, wa = 1 - wb - wc;
            float alpha = wa * float(alpha_of(a.col)) + wb * float(alpha_of(b.col)) + wc * float(alpha_of(c.col));
            u32& dot = line(y)[x];
            dot = mixed(dot, dot_of(alpha_of(a.col) ? a.col : alpha_of(b.col) ? b.col : c.col), scaled(u32(std::clamp(alpha, 0.f, 255.f))));
        }
    }
}

}

void draw(const ImDrawData& data, Canvas& canvas) {
    Painter painter(canvas, ImGui::GetIO().Fonts->TexUvWhitePixel);
    for (int n = 0; n < data.CmdListsCount; n++)
        for (auto& c : data.CmdLists[n]->CmdBuffer)
            if (!c.UserCallback) painter.command(*data.CmdLists[n], c);
}

}
