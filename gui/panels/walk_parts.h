// SPDX-License-Identifier: MIT
// The parts of the walk screen.
#pragma once
#include "gui/panels/panels.h"
#include "gui/panels/walk_model.h"

namespace gui {

void draw_grid(App& app, ui::Rect r, const WalkGrid& grid);
void draw_composed(App& app, ui::Rect r, const WalkGrid& grid);
void draw_entry(ui::Rect r, const WalkGrid& grid, int number, int columns);
void draw_walk_verdict(App& app, ui::Rect r, const WalkGrid& grid);
void draw_walk_cost(ui::Rect r, const WalkGrid& grid);

}
