// SPDX-License-Identifier: MIT
// Bit fields decoded beside the row that has them: the bits that are set, by number, name and meaning.
#include "gui/panels/app.h"
#include <algorithm>
#include <cmath>

namespace gui {

using namespace ui;

void App::explain(const Pane& pane, Rect row, bool selected, std::string_view title, std::string line, std::string words) {
    if (palette_open || words.empty()) return;
    if (selected && pressed(pane, 'd')) explaining = !explaining;
    bool pointed = hovered(row) && hovered(pane.in);
    if (pointed || (selected && explaining && pane.focused && !tip)) tip = Tip{row, std::string(title), std::move(line), std::move(words)};
}

// Names without a command that knows their numbers: at commas, or else at blanks.
static std::vector<std::string> names_in(const std::string& words) {
    std::vector<std::string> out;
    std::string between = words.find(", ") == words.npos ? " " : ", ";
    for (std::size_t at = 0; at <= words.size();) {
        auto end = std::min(words.find(between, at), words.size());
        if (end > at) out.push_back(words.substr(at, end - at));
        at = end + between.size();
    }
    return out;
}

void App::draw_tip(Rect all) {
    struct Item {
        std::string place, name, meaning;
    };
    std::vector<Item> items;
    if (!tip->line.empty())
        for (auto& l : feed.look(tip->line).lines)
            if (word(l, "kind") == "bit" && tip->title.starts_with(std::string(word(l, "of")) + " ")) {
                bool number = value(l, "high") > value(l, "bit");
                std::string place = number ? fmt("%llu:%llu", 0ull + value(l, "high"), 0ull + value(l, "bit")) : std::string(word(l, "bit"));
                items.push_back({place, std::string(word(l, "name")) + (number ? fmt(" %llx", 0ull + value(l, "value")) : ""),
                                 std::string(word(l, "meaning"))});
            }
    if (items.empty())
        for (auto& name : names_in(tip->words)) items.push_back({"", name, ""});
    constexpr float height = 19, wide = 460;
    int seen = std::min(int(items.size()), int((all.h - 160) / height) - 2);
    float h = 34 + float(seen) * height + 8;
    Rect b{std::clamp(tip->at.x + 60, 8.f, all.w - wide - 8), tip->at.bottom() + 4, wide, h};
    if (b.bottom() > all.h - 30) b.y = std::max(8.f, tip->at.y - h - 4);
    b.x = std::round(b.x), b.y = std::round(b.y);
    layer = 1;
    shadow(b, 6);
    fill(b, ink.raise, 6);
    frame(b, ink.line2, 6);
    text_fit(b.x + 12, b.right() - 12, mid(b.y + 16, type.bold), ink.text, type.bold, tip->title);
    across(b.x + 1, b.y + 30, b.w - 2, ink.line);
    for (int n = 0; n < seen; n++) {
        auto& i = items[std::size_t(n)];
        float cy = b.y + 34 + (float(n) + .5f) * height, name = b.x + (i.place.empty() ? 12 : 62), meaning = name + 150;
        if (!i.place.empty()) text_right(b.x + 48, mid(cy, type.small), ink.faint, type.small, i.place);
        text_fit(name, i.meaning.empty() ? b.right() - 12 : meaning - 8, mid(cy, type.small_bold), ink.text, type.small_bold, i.name);
        if (!i.meaning.empty()) text_fit(meaning, b.right() - 12, mid(cy, type.ui), ink.dim, type.ui, i.meaning);
    }
    layer = 0;
}

}
