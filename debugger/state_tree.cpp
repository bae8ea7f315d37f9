// SPDX-License-Identifier: MIT
// State by name, and back.
#include "debugger/state_tree.h"
#include "base/error.h"
#include <algorithm>

namespace debugger {

std::string StateTree::path(std::string_view name) const {
    std::string out;
    for (auto& part : within) out += part + ".";
    return out + std::string(name);
}

void StateTree::number(std::string_view name, u64& value, unsigned width_in_bits) {
    all.push_back({path(name), value & ones(width_in_bits / 8), width_in_bits});
}
void StateTree::memory(std::string_view name, std::span<u8> bytes) { all.push_back({path(name), 0, 0, {bytes.begin(), bytes.end()}}); }
void StateTree::enter(std::string_view name) { within.emplace_back(name); }
void StateTree::leave() { within.pop_back(); }

const StateItem& StateTree::item(std::string_view name) const {
    auto found = std::ranges::find(all, name, &StateItem::name);
    if (found == all.end()) throw Error("there is no state '" + std::string(name) + "'");
    return *found;
}

StateLoader::StateLoader(const StateTree& tree, std::string_view from) : tree(tree) {
    auto below = [&](auto& i) { return i.name == from || (i.name.starts_with(from) && (from.empty() || i.name[from.size()] == '.')); };
    next = std::size_t(std::ranges::find_if(tree.items(), below) - tree.items().begin());
}

const StateItem& StateLoader::take() {
    if (next >= tree.items().size()) throw Error("the state ends too early");
    return tree.items()[next++];
}

void StateLoader::number(std::string_view, u64& value, unsigned) { value = take().value; }
void StateLoader::memory(std::string_view, std::span<u8> bytes) {
    auto& item = take();
    std::copy_n(item.bytes.begin(), std::min(item.bytes.size(), bytes.size()), bytes.begin());
}

}
