// SPDX-License-Identifier: MIT
// Keys and mouse of the window on their way to the machine's i8042.
#pragma once
#include "iodev/keyboard.h"
#include <SDL.h>
#include <array>
#include <deque>

namespace gui {

// SDL's scan codes are USB usages: positions of keys, whatever the host's layout.
class Input {
public:
    void key(u8 usage, bool down) { waiting.push_back({usage, down}), held[usage] = down; }
    void release_all();                    // the window is no longer the keyboard's
    bool is_held(u8 usage) const { return held[usage]; }

    void move(int right, int down) { dx += right, dy -= down, moved = true; }
    void turn_wheel(int away) { wheel -= away, moved = true; }
    void button(u8 sdl_button, bool down);

    void deliver(Keyboard&);               // what there is room for

private:
    struct Key { u8 usage; bool down; };
    std::deque<Key> waiting;
    std::array<bool, 256> held{};
    int dx = 0, dy = 0, wheel = 0;
    u8 buttons = 0;
    bool moved = false;
};

}
