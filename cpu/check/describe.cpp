// SPDX-License-Identifier: MIT
// A stale use in words: the tag, what was cached and what would be walked now, which entry has changed and who changed it.
#include "cpu/check/stale.h"
#include "cpu/mmu.h"
#include <cstdio>

namespace check {

static std::string hex(u64 value) {
    char text[24];
    std::snprintf(text, sizeof text, "%llx", static_cast<unsigned long long>(value));
    return text;
}

static std::string size_name(u8 shift) {
    return shift == 12 ? "4 KiB" : shift == 21 ? "2 MiB" : shift == 22 ? "4 MiB" : "1 GiB";
}

std::string Stale::describe(const paging::Tag& t) const {
    static constexpr const char* dimensions[] = {"linear", "combined", "guest-physical"};
    std::string text = std::string(dimensions[unsigned(t.dimension)]) + " mapping: page " + hex(t.page) + " of " + size_name(t.shift);
    text += (cpu.intel() ? ", VPID " : ", ASID ") + std::to_string(t.vpid) + ", PCID " + std::to_string(t.pcid);
    if (t.ept != paging::Context::no_ept) text += ", EPTRTA " + hex(t.ept & mask(51, 12));
    return t.global ? text + ", global" : text;
}

std::string Stale::describe(const paging::Caching& caching, Physical at) const {
    static constexpr const char* names[] = {"UC", "WC", "?", "?", "WT", "WP", "WB", "UC-"};
    return "physical " + hex(at.value) + ", " + names[unsigned(paging::memory_type(types(), caching, at)) & 7];
}

std::string Stale::describe(const paging::Verdict& verdict) const {
    if (auto* t = std::get_if<paging::Translation>(&verdict)) return describe(t->caching, t->physical);
    static constexpr const char* events[] = {"page fault", "EPT violation", "EPT misconfiguration", "nested page fault"};
    auto& fault = std::get<paging::Fault>(verdict);
    return std::string(events[unsigned(fault.event)]) + " by the entry " + hex(fault.entry) + " of level " + std::to_string(fault.level) + " at " + hex(fault.at.value);
}

static std::string describe(const Writer& by, bool intel) {
    if (by.cpu == Writer::nobody) return "written by a device";
    std::string where = by.context.vpid ? (intel ? "VPID " : "ASID ") + std::to_string(by.context.vpid) : std::string("the host");
    return "written by CPU " + std::to_string(by.cpu) + " at RIP " + hex(by.rip) + " of " + where + ", tick " + std::to_string(by.tick);
}

std::string Stale::cause(Array n, const Sources& s) const {
    if (root_changed(n, s)) {
        bool second = s.second_root && s.second_root != second_root();
        auto& c = cpu.mmu->context;
        auto found = loaded.find({c.vpid, c.pcid, c.ept});
        return std::string("changed: ") + (second ? "nCR3" : "CR3") + " was " + hex(second ? s.second_root : s.first_root) + ", is " +
               hex(second ? second_root() : first_root()) + "; " + check::describe(found == loaded.end() ? Writer{} : found->second.by, cpu.intel());
    }
    auto source = std::ranges::find_if(s.list, &Sources::Source::changed);
    if (source == s.list.end()) return "";
    auto& e = *source->entry;
    std::string table = e.stage == paging::Stage::first ? "first" : "second";
    return "changed: entry of the " + table + " stage, level " + std::to_string(e.level) + ", at " + hex(e.at.value) + ", was " + hex(source->was) + ", is " +
           hex(e.now) + "; " + check::describe(e.by, cpu.intel());
}

}
