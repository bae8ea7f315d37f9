// SPDX-License-Identifier: MIT
// ImGui's draw lists drawn by the CPU: the window's picture and a screenshot's are the same, without a display or a GPU.
#pragma once
#include "base/bits.h"
#include <imgui.h>
#include <vector>

namespace gui::ui {

// What ImTextureID points to.
struct Texture {
    int width = 0, height = 0;
    const u8* alpha = nullptr;             // of white, or:
    const u32* dots = nullptr;             // 00RRGGBB
};

struct Canvas {
    int width = 0, height = 0;
    std::vector<u32> dots;                 // 00RRGGBB
    void resize(int w, int h) { width = w, height = h, dots.assign(std::size_t(w) * std::size_t(h), 0); }
};

void draw(const ImDrawData& data, Canvas& canvas);

}
