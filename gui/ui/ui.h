// SPDX-License-Identifier: MIT
// What every panel of the debugger's window is made of: colours, type, geometry, and a handful of things to draw. All lies on
// a grid of 4 dots, and goes through ImGui's draw lists.
#pragma once
#include "base/bits.h"
#include <functional>
#include <imgui.h>
#include <string>
#include <string_view>
#include <vector>

namespace gui::ui {

// ---- geometry

struct Rect {
    float x = 0, y = 0, w = 0, h = 0;
    float right() const { return x + w; }
    float bottom() const { return y + h; }
    float cx() const { return x + w * .5f; }
    float cy() const { return y + h * .5f; }
    Rect in(float a) const { return {x + a, y + a, w - 2 * a, h - 2 * a}; }
    Rect in(float ax, float ay) const { return {x + ax, y + ay, w - 2 * ax, h - 2 * ay}; }
    bool holds(float px, float py) const { return px >= x && py >= y && px < right() && py < bottom(); }
};
// Each takes a piece of so many dots, and what lies between, off one side.
Rect cut_top(Rect& r, float n, float gap = 0);
Rect cut_bottom(Rect& r, float n, float gap = 0);
Rect cut_left(Rect& r, float n, float gap = 0);
Rect cut_right(Rect& r, float n, float gap = 0);

inline constexpr float gap = 8;        // between panels
inline constexpr float pad = 12;       // inside panels
inline constexpr float row = 20;       // of data
inline constexpr float head = 30;      // a panel's tabs

// ---- colours: each has one meaning, and no meaning is carried by a colour alone

struct Ink {
    ImU32 win, panel, raise, hover, line, line2;      // back to front
    ImU32 text, dim, faint;
    ImU32 accent, accent_bg;                          // the user: focus, selection, links
    ImU32 now, now_bg;                                // the machine: current, just changed
    ImU32 ok, ok_bg, bad, bad_bg;                     // verdicts
    ImU32 level[4], level_bg[4];                      // L0, L1, L2, process
    ImU32 category[6];                                // of exits: memory, I/O, MSR and CPUID and CR, HLT and timer, interrupts, other
    bool dark;
};
extern Ink ink;
void use_ink(bool dark);
ImU32 faded(ImU32 colour, float part);

// ---- type

struct Type {
    ImFont *ui, *bold, *capitals, *big, *title;       // Inter
    ImFont *mono, *mono_bold, *small, *small_bold;    // JetBrains Mono: 8 and 7 dots per column
};
extern Type type;
// Into the current ImGui context. False, with the name of what is missing: a font isn't installed.
bool load_type(std::string& missing);

[[gnu::format(printf, 1, 2)]] std::string fmt(const char* how, ...);
std::string grouped(u64 number);                                          // 4 182 663
float width(ImFont* font, std::string_view s);
float mid(float cy, ImFont* font);                                        // the base line about a centre line
float text(float x, float base, ImU32 colour, ImFont* font, std::string_view s);          // its end
void text_right(float right, float base, ImU32 colour, ImFont* font, std::string_view s);
void text_centre(float cx, float base, ImU32 colour, ImFont* font, std::string_view s);
float text_fit(float x, float right, float base, ImU32 colour, ImFont* font, std::string_view s);     // ends in an ellipsis there
float number(float x, float base, ImFont* font, u64 value, int digits, ImU32 colour);     // leading zeros faint
// "{m:mono} {b:bold} {n:now} {r:bad} {g:ok} {a:accent} {d:dim} {t:text} {1:..} {2:..}" in lines of that height; the height.
float rich(Rect r, ImU32 colour, ImFont* font, std::string_view s, float line);
// What comes from outside and may hold braces.
std::string plain(std::string_view s);

// ---- shapes

ImDrawList* list();
void fill(Rect r, ImU32 colour, float round = 0);
void frame(Rect r, ImU32 colour, float round = 0, float thick = 1);
void across(float x, float y, float w, ImU32 colour);
void down(float x, float y, float h, ImU32 colour);
float chip(float x, float cy, std::string_view s, ImU32 colour, ImU32 back);
float keycap(float x, float cy, std::string_view s);
float keycap_width(std::string_view s);
enum class Mark : u8 { ok, bad, dot, ring, arrow, open, warn, dash };
void mark(Mark m, float cx, float cy, ImU32 colour, float size = 1);
enum class Icon : u8 { play, over, into, out, pause, exit, entry, search, theme };
void icon(Icon i, float cx, float cy, ImU32 colour);
void bar(Rect r, float part, ImU32 colour, ImU32 track = 0);
void shadow(Rect r, float round);

struct Clip {
    explicit Clip(Rect r);
    ~Clip();
};

// ---- what is drawn, for the test that nothing is cut off or covers something

struct Drawn {
    Rect box, clip;
    int layer;                             // what floats above the rest has a higher one
    std::string what;
};
extern std::vector<Drawn>* drawn;          // of one frame; null: nobody wants to know
extern int layer;

// ---- parts

bool hit(std::string_view id, Rect r);     // a click there
bool hovered(Rect r);
float wheel(Rect r);                       // lines that the wheel is turned there
void scrollbar(Rect r, float position, float length);
Rect section(Rect& r, std::string_view title, std::string_view right = {}, float after = 6);
void column(float x, float base, std::string_view s, bool right = false);
void nothing(Rect r, std::string_view why);                // an empty panel says why

}
