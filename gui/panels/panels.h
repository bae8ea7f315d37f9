// SPDX-License-Identifier: MIT
// The panels of which the screens are made.
#pragma once
#include "gui/panels/app.h"

namespace gui {

void draw_code(App& app, Pane pane);
void draw_registers(App& app, Pane pane, const std::string& group);
void draw_stack(App& app, Pane pane);
void draw_back_trace(App& app, Pane pane);
void draw_memory(App& app, Pane pane);
void draw_stops(App& app, Pane pane);
void draw_console(App& app, Pane pane);
void draw_guest_screen(App& app, Pane pane);
// The text of any command's result, for what has no picture of its own.
void draw_lines(App& app, Pane pane, const std::string& line);

void draw_exit_list(App& app, Pane pane);
void draw_exit_counts(App& app, Pane pane);
void draw_exit_places(App& app, Pane pane);
void draw_timeline(App& app, Pane pane);
void draw_rules(App& app, Pane pane, bool last_failure);
void draw_drop_log(App& app, Pane pane);
void draw_stale_uses(App& app, Pane pane);
void draw_map(App& app, Pane pane);
void draw_devices(App& app, Pane pane);
void draw_cpus(App& app, Pane pane);
ImU32 exit_colour(const Line& exit);

struct Band {
    ui::Mark mark;
    ImU32 colour, back;
};
// A verdict: title, and at most so many lines below it, in a tinted band at the top of r.
void draw_verdict(ui::Rect& r, Band band, std::string_view title, std::string_view right, std::string_view below, int lines);

}
