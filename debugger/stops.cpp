// SPDX-License-Identifier: MIT
// The list of stop points, and their contexts.
#include "debugger/stops.h"
#include "base/error.h"
#include "cpu/mmu.h"
#include "debugger/expression.h"
#include <algorithm>

namespace debugger {

bool StopContext::holds(const Cpu& cpu) const {
    auto& c = cpu.mmu->context;
    constexpr u64 root = mask(51, 12);
    if (cr3 && (cpu.control.cr3 & root) != (*cr3 & root)) return false;
    if (vpid && c.vpid != *vpid) return false;
    if (eptp && (c.ept == paging::Context::no_ept || (c.ept & root) != (*eptp & root))) return false;
    return !level || *level == (cpu.guest ? 2u : 1u);
}

bool StopContext::take(const Cpu& cpu, std::string_view word) {
    auto equals = word.find('=');
    if (equals == word.npos || (equals + 1 < word.size() && word[equals + 1] == '=')) return false;
    auto name = word.substr(0, equals);
    auto value = [&] { return evaluate(cpu, word.substr(equals + 1)); };
    if (name == "cr3") return cr3 = value(), true;
    if (name == "vpid" || name == "asid") return vpid = value(), true;
    if (name == "eptp") return eptp = value(), true;
    if (name != "level") return false;
    u64 n = value();
    if (n < 1 || n > 2) throw Error("level is 1 or 2");
    return level = unsigned(n), true;
}

bool StopPoint::holds(const Cpu& cpu, const Symbols& symbols) const try {
    return condition.empty() || evaluate(cpu, condition, &symbols);
} catch (const Error&) {
    return true;
}

unsigned StopPoints::add(StopPoint point) {
    if (all.size() >= most) return 0;
    point.id = ++last_id, changes++;
    all.push_back(std::move(point));
    return last_id;
}

unsigned StopPoints::add(On on, u64 address, u64 length) {
    StopPoint point;
    point.on = on, point.address = address, point.length = length;
    point.kind = find_stop_kind(on == On::execute ? "break" : "watch");
    return add(std::move(point));
}

bool StopPoints::remove(unsigned id) {
    return changes++, std::erase_if(all, [&](auto& s) { return s.id == id; });
}

bool StopPoints::remove(On on, u64 address, u64 length) {
    auto found = std::find_if(all.begin(), all.end(), [&](auto& s) {
        return s.kind->has_place() && s.on == on && s.address == address && s.length == length;
    });
    if (found == all.end()) return false;
    return all.erase(found), changes++, true;
}

bool StopPoints::any(Seen seen) const {
    return std::any_of(all.begin(), all.end(), [&](auto& s) { return s.kind->seen == seen; });
}

}
