// SPDX-License-Identifier: MIT
// The list of breakpoints and watchpoints.
#include "debugger/stops.h"
#include <algorithm>

namespace debugger {

unsigned StopPoints::add(On on, u64 address, u64 length) {
    if (all.size() >= most) return 0;
    all.push_back({++last_id, on, address, length});
    return last_id;
}

bool StopPoints::remove(unsigned id) {
    return std::erase_if(all, [&](auto& s) { return s.id == id; });
}

bool StopPoints::remove(On on, u64 address, u64 length) {
    auto found = std::find_if(all.begin(), all.end(), [&](auto& s) { return s.on == on && s.address == address && s.length == length; });
    if (found == all.end()) return false;
    return all.erase(found), true;
}

bool StopPoints::watches() const {
    return std::any_of(all.begin(), all.end(), [](auto& s) { return s.on != On::execute; });
}

StopPoint* StopPoints::at_code(u64 address) {
    for (auto& s : all)
        if (s.on == On::execute && s.address == address) return &s;
    return nullptr;
}

StopPoint* StopPoints::at_access(u64 address, u64 width, bool write) {
    for (auto& s : all)
        if (s.on != On::execute && s.on != (write ? On::read : On::write) && s.meets(address, width)) return &s;
    return nullptr;
}

}
