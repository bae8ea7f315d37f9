// SPDX-License-Identifier: MIT
// One frame: the panels into ImGui's draw lists, those onto the canvas.
#include "gui/stage.h"
#include "base/error.h"
#include <algorithm>

namespace gui {

Stage::Stage() {
    ImGui::CreateContext();
    ImGuiIO& io = ImGui::GetIO();
    io.IniFilename = nullptr;
    io.BackendFlags |= ImGuiBackendFlags_RendererHasVtxOffset;
    ImGui::GetStyle().AntiAliasedLinesUseTex = false;
    std::string missing;
    if (!ui::load_type(missing)) {
        ImGui::DestroyContext();
        throw Error("the font " + missing + " is missing; install fonts-inter and fonts-jetbrains-mono, or name their folder in SLATE_FONTS");
    }
    u8* dots;
    io.Fonts->GetTexDataAsAlpha8(&dots, &glyphs.width, &glyphs.height);
    glyphs.alpha = dots;
    io.Fonts->SetTexID(&glyphs);
}

Stage::~Stage() { ImGui::DestroyContext(); }

void Stage::mouse(float x, float y) { ImGui::GetIO().MousePos = {x, y}; }
void Stage::button(bool down) { ImGui::GetIO().MouseDown[0] = down; }
void Stage::wheel(float turned) { ImGui::GetIO().MouseWheel += turned; }

const ui::Canvas& Stage::draw(App& app, int width, int height, double seconds) {
    ImGuiIO& io = ImGui::GetIO();
    io.DisplaySize = {float(width), float(height)};
    io.DeltaTime = std::max(.001f, float(seconds - last));
    last = seconds;
    if (ui::drawn) ui::drawn->clear();
    ImGui::NewFrame();
    app.draw(float(width), float(height));
    ImGui::Render();
    if (canvas.width != width || canvas.height != height) canvas.resize(width, height);
    ui::draw(*ImGui::GetDrawData(), canvas);
    return canvas;
}

const ui::Canvas& Stage::settle(App& app, int width, int height) {
    constexpr int most = 40;
    for (int n = 0; n < most && (!n || app.wants_frame() || app.feed.waits()); n++) draw(app, width, height, last + .25);
    return draw(app, width, height, last + .25);
}

}
