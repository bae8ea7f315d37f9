// SPDX-License-Identifier: MIT
// Keys and mouse.
#include "gui/input.h"

namespace gui {

void Input::release_all() {
    for (unsigned usage = 0; usage < held.size(); usage++)
        if (held[usage]) key(u8(usage), false);
    if (buttons) buttons = 0, moved = true;
}

void Input::button(u8 sdl_button, bool down) {
    u8 bit = sdl_button == SDL_BUTTON_LEFT ? 1 : sdl_button == SDL_BUTTON_RIGHT ? 2 : sdl_button == SDL_BUTTON_MIDDLE ? 4 : 0;
    buttons = u8(down ? buttons | bit : buttons & ~bit);
    moved = true;
}

void Input::deliver(Keyboard& keyboard) {
    while (!waiting.empty() && keyboard.key(waiting.front().usage, waiting.front().down)) waiting.pop_front();
    if (moved) keyboard.move_mouse(dx, dy, wheel, buttons);
    dx = dy = wheel = 0, moved = false;
}

}
