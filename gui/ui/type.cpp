// SPDX-License-Identifier: MIT
// Fonts and text: Inter for words, JetBrains Mono for everything the machine holds.
#include "gui/ui/ui.h"
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <imgui_freetype.h>
#include <sstream>

namespace gui::ui {

Type type;
std::vector<Drawn>* drawn;
int layer;

// ---- fonts

// Below the XDG data directories; or in SLATE_FONTS, where that is set.
static std::string find_font(const std::string& name) {
    std::vector<std::string> folders;
    if (const char* own = std::getenv("SLATE_FONTS")) folders.push_back(own);
    const char* xdg = std::getenv("XDG_DATA_DIRS");
    std::stringstream list(xdg && *xdg ? xdg : "/usr/local/share:/usr/share");
    for (std::string d; std::getline(list, d, ':');) folders.push_back(d + "/fonts");
    folders.push_back("/usr/share/fonts");
    std::string base = name.substr(name.rfind('/') + 1);
    std::error_code error;
    for (auto& d : folders)
        for (auto& path : {d + "/" + name, d + "/" + base})
            if (std::filesystem::is_regular_file(path, error)) return path;
    return {};
}

// ImGui's sizes are ascent and descent together: 1.21 em of Inter, 1.32 em of JetBrains Mono, which is 0.6 em wide: these sizes
// give columns of exactly 8 and 7 dots.
bool load_type(std::string& missing) {
    constexpr float inter = 1.21f, mono = 1.32f;
    struct {
        ImFont* Type::*font;
        const char* file;
        float size;
    } const fonts[] = {
        {&Type::ui, "opentype/inter/Inter-Medium.otf", 13 * inter},
        {&Type::bold, "opentype/inter/Inter-SemiBold.otf", 13 * inter},
        {&Type::capitals, "opentype/inter/Inter-SemiBold.otf", 11 * inter},
        {&Type::title, "opentype/inter/Inter-SemiBold.otf", 15 * inter},
        {&Type::big, "opentype/inter/Inter-SemiBold.otf", 18 * inter},
        {&Type::mono, "truetype/jetbrains-mono/JetBrainsMono-Regular.ttf", 13.3334f * mono},
        {&Type::mono_bold, "truetype/jetbrains-mono/JetBrainsMono-Bold.ttf", 13.3334f * mono},
        {&Type::small, "truetype/jetbrains-mono/JetBrainsMono-Regular.ttf", 11.6667f * mono},
        {&Type::small_bold, "truetype/jetbrains-mono/JetBrainsMono-Bold.ttf", 11.6667f * mono},
    };
    static constexpr ImWchar glyphs[] = {0x20, 0x17f, 0x2009, 0x203a, 0x2190, 0x2193, 0x2200, 0x2265, 0};
    ImFontAtlas* atlas = ImGui::GetIO().Fonts;
    atlas->FontBuilderIO = ImGuiFreeType::GetBuilderForFreeType();
    atlas->Flags |= ImFontAtlasFlags_NoBakedLines;
    for (auto& f : fonts) {
        std::string path = find_font(f.file);
        if (path.empty()) return missing = f.file, false;
        ImFontConfig config;
        config.PixelSnapH = true;
        config.OversampleH = config.OversampleV = 1;
        config.FontBuilderFlags = ImGuiFreeTypeBuilderFlags_LightHinting;
        type.*f.font = atlas->AddFontFromFileTTF(path.c_str(), f.size, &config, glyphs);
        if (!(type.*f.font)) return missing = f.file, false;
    }
    return atlas->Build() || (missing = "glyphs", false);
}

// ---- text

std::string fmt(const char* how, ...) {
    std::va_list arguments;
    va_start(arguments, how);
    char out[512];
    std::vsnprintf(out, sizeof out, how, arguments);
    va_end(arguments);
    return out;
}

std::string grouped(u64 value) {
    std::string digits = std::to_string(value), out;
    for (std::size_t i = 0; i < digits.size(); i++) {
        if (i && (digits.size() - i) % 3 == 0) out += " ";
        out += digits[i];
    }
    return out;
}

float width(ImFont* font, std::string_view s) { return s.empty() ? 0 : font->CalcTextSizeA(font->FontSize, 1e9f, 0, s.data(), s.data() + s.size()).x; }

static float capital_height(ImFont* font) {
    bool mono = font == type.mono || font == type.mono_bold || font == type.small || font == type.small_bold;
    return mono ? font->FontSize / 1.32f * .73f : font->FontSize / 1.21f * .727f;
}
float mid(float cy, ImFont* font) { return std::round(cy + capital_height(font) * .5f); }

float text(float x, float base, ImU32 colour, ImFont* font, std::string_view s) {
    if (s.empty()) return std::round(x);
    x = std::round(x);
    list()->AddText(font, font->FontSize, {x, std::round(base - font->Ascent)}, colour, s.data(), s.data() + s.size());
    float w = width(font, s);
    if (drawn) {
        ImVec2 from = list()->GetClipRectMin(), to = list()->GetClipRectMax();
        float tall = capital_height(font);
        drawn->push_back({{x, base - tall, w, tall}, {from.x, from.y, to.x - from.x, to.y - from.y}, layer, std::string(s)});
    }
    return x + w;
}
void text_right(float right, float base, ImU32 colour, ImFont* font, std::string_view s) { text(right - width(font, s), base, colour, font, s); }
void text_centre(float cx, float base, ImU32 colour, ImFont* font, std::string_view s) { text(cx - width(font, s) * .5f, base, colour, font, s); }

float text_fit(float x, float right, float base, ImU32 colour, ImFont* font, std::string_view s) {
    if (width(font, s) <= right - x) return text(x, base, colour, font, s);
    float room = right - x - width(font, "…");
    std::size_t n = 0, next = 0;
    for (float w = 0; next < s.size(); n = next) {
        do next++;
        while (next < s.size() && (s[next] & 0xc0) == 0x80);
        w += width(font, s.substr(n, next - n));
        if (w > room) break;
    }
    if (n < 2) return x;
    return text(x, base, colour, font, std::string(s.substr(0, n)) + "…");
}

float number(float x, float base, ImFont* font, u64 value, int digits, ImU32 colour) {
    std::string s = fmt("%0*llx", digits, 0ull + value);
    std::size_t zeros = std::min(s.find_first_not_of('0'), s.size() - 1);
    if (zeros) x = text(x, base, faded(ink.faint, .75f), font, s.substr(0, zeros));
    return text(x, base, colour, font, s.substr(zeros));
}

// ---- marked-up text

namespace {

struct Run {
    std::string text;
    ImU32 colour;
    ImFont* font;
    bool ends_word() const { return text.back() == ' '; }
};

struct Style {
    ImU32 colour;
    ImFont* font;
};

Style styled(Style s, char letter) {
    switch (letter) {
    case 'm': return {s.colour, type.small};
    case 'b': return {s.colour, type.bold};
    case 'n': return {ink.now, s.font};
    case 'r': return {ink.bad, s.font};
    case 'g': return {ink.ok, s.font};
    case 'a': return {ink.accent, s.font};
    case 'd': return {ink.dim, s.font};
    case 't': return {ink.text, s.font};
    case '1':
    case '2':
    case '3': return {ink.level[letter - '0'], s.font};
    default: return s;
    }
}

std::vector<Run> runs_of(std::string_view s, Style plain_style) {
    std::vector<Run> runs;
    std::vector<Style> styles{plain_style};
    std::string current;
    auto flush = [&] {
        if (!current.empty()) runs.push_back({current, styles.back().colour, styles.back().font});
        current.clear();
    };
    for (std::size_t i = 0; i < s.size(); i++) {
        if (s[i] == '{' && i + 2 < s.size() && s[i + 2] == ':') {
            flush();
            styles.push_back(styled(styles.back(), s[i + 1]));
            i += 2;
        } else if (s[i] == '}' && styles.size() > 1) {
            flush();
            styles.pop_back();
        } else {
            current += s[i] == '\1' ? '{' : s[i] == '\2' ? '}' : s[i];
            if (s[i] == ' ') flush();
        }
    }
    return flush(), runs;
}

}

std::string plain(std::string_view s) {
    std::string out(s);
    for (char& c : out) c = c == '{' ? '\1' : c == '}' ? '\2' : c;
    return out;
}

float rich(Rect r, ImU32 colour, ImFont* font, std::string_view s, float line) {
    auto runs = runs_of(s, {colour, font});
    float x = r.x, y = r.y;
    for (std::size_t i = 0; i < runs.size(); i++) {
        float w = 0;                                   // of the word: runs without a blank between them
        for (std::size_t j = i; j < runs.size(); j++) {
            std::string_view part = runs[j].text;
            w += width(runs[j].font, runs[j].ends_word() ? part.substr(0, part.size() - 1) : part);
            if (runs[j].ends_word()) break;
        }
        if ((!i || runs[i - 1].ends_word()) && x > r.x && x + w > r.right() + 1) x = r.x, y += line;
        if (y + line > r.bottom() + 1) return y - r.y;
        std::string_view part = runs[i].text;
        bool last = i + 1 == runs.size();
        if (last && runs[i].ends_word()) part.remove_suffix(1);
        if (x + w > r.right() + 1 && x == r.x) x = text_fit(x, r.right(), mid(y + line * .5f, font), runs[i].colour, runs[i].font, part);
        else x = text(x, mid(y + line * .5f, font), runs[i].colour, runs[i].font, part);
    }
    return y + line - r.y;
}

}
