// SPDX-License-Identifier: MIT
// ImGui's context, the fonts and the canvas on which the debugger's window is drawn.
#pragma once
#include "gui/panels/app.h"
#include "gui/ui/raster.h"

namespace gui {

class Stage {
public:
    Stage();                               // throws Error where a font isn't installed
    ~Stage();
    Stage(const Stage&) = delete;
    Stage& operator=(const Stage&) = delete;

    void mouse(float x, float y);
    void button(bool down);
    void wheel(float turned);
    const ui::Canvas& draw(App& app, int width, int height, double seconds);
    // Frames until nothing is asked for any more, for a feed that answers at once.
    const ui::Canvas& settle(App& app, int width, int height);

private:
    ui::Texture glyphs;
    ui::Canvas canvas;
    double last = 0;
};

}
