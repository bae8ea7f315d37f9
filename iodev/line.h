// SPDX-License-Identifier: MIT
// One wire. A device drives it without knowing what is at the other end.
#pragma once
#include <functional>
#include <utility>

class Line {
public:
    Line() : drive([](bool) {}) {}
    explicit Line(std::function<void(bool)> drive) : drive(std::move(drive)) {}
    void set(bool level) {
        if (level != now) drive(now = level);
    }
    void pulse() {
        set(true);
        set(false);
    }
    bool level() const { return now; }

private:
    std::function<void(bool)> drive;
    bool now = false;
};
