// SPDX-License-Identifier: MIT
// For each VM-entry check, the smallest change to a valid scene that breaks it and nothing else.
#pragma once
#include "tests/cpu/vmx/scenes.h"

using Change = std::function<void(Scene&, vmx::Subject)>;

struct Breaker {
    std::string_view check;
    Scene (*scene)();
    std::vector<Change> changes;
    straight::Verdict expected;           // from the manual
    u8 over = 0;                          // the segment registers that it is tried with, each alone

    Scene broken(vmx::Subject about) const {
        Scene s = scene();
        for (auto& change : changes) change(s, about);
        return s;
    }
    std::vector<vmx::Subject> subjects() const {
        std::vector<vmx::Subject> list;
        for (u8 s = 0; s < 8; s++)
            if (over ? bool(over & bit(s)) : s == 0) list.push_back(vmx::Subject(s));
        return list;
    }
};

const std::vector<Breaker>& breakers();
