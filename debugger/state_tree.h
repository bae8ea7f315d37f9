// SPDX-License-Identifier: MIT
// All that visit() shows of a component, by name; and how a component of one's own gets the state of another: it may be asked what
// would leave a trace in the machine's.
#pragma once
#include "base/archive.h"
#include <vector>

namespace debugger {

struct StateItem {
    std::string name;                 // "counters.0.word"
    u64 value = 0;
    unsigned bits = 0;                // 0: memory
    std::vector<u8> bytes = {};
};

class StateTree final : public Archive {
public:
    void number(std::string_view name, u64& value, unsigned width_in_bits) override;
    void memory(std::string_view name, std::span<u8> bytes) override;
    void enter(std::string_view name) override;
    void leave() override;

    const std::vector<StateItem>& items() const { return all; }
    // By its whole name. Throws Error where there is none.
    const StateItem& item(std::string_view name) const;
    u64 operator[](std::string_view name) const { return item(name).value; }

private:
    std::string path(std::string_view name) const;

    std::vector<StateItem> all;
    std::vector<std::string> within;
};

template <class T> StateTree state_of(T& component) {
    StateTree tree;
    component.visit(tree);
    return tree;
}

// Gives a component what stands in a tree, in the order of visit(), from the first item of that name or below it.
class StateLoader final : public Archive {
public:
    explicit StateLoader(const StateTree& tree, std::string_view from = "");
    void number(std::string_view, u64& value, unsigned) override;
    void memory(std::string_view, std::span<u8> bytes) override;
    void enter(std::string_view) override {}
    void leave() override {}

private:
    const StateItem& take();

    const StateTree& tree;
    std::size_t next = 0;
};

template <class T> void copy_state(T& from, T& to) {
    auto tree = state_of(from);
    StateLoader loader(tree);
    to.visit(loader);
}

}
