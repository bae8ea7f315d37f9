// SPDX-License-Identifier: MIT
// One wire, and several wires tied into one. A device drives a wire without knowing what is at the
// other end.
#pragma once
#include "base/archive.h"
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
    // The level is the driver's state; what the other end made of it is the other end's. Loading
    // drives nothing.
    void visit(Archive& a) { a("level", now); }

private:
    std::function<void(bool)> drive;
    bool now = false;
};

// Up to 64 drivers of one wire, which is high while any of them is (shared PCI and ISA interrupts,
// A20).
class WiredOr {
public:
    explicit WiredOr(Line out) : out(std::move(out)) {}
    void set(unsigned input, bool level) {
        inputs = level ? inputs | bit(input & 63) : inputs & ~bit(input & 63);
        out.set(inputs != 0);
    }
    Line input(unsigned n) {
        return Line([this, n](bool level) { set(n, level); });
    }
    void visit(Archive& a) {
        a("inputs", inputs);
        a("out", out);
    }

private:
    Line out;
    u64 inputs = 0;
};
