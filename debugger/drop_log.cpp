// SPDX-License-Identifier: MIT
// An operation counts what it drops of a context just before it does so (memory/scopes.cpp): the count that has grown is the cause.
#include "debugger/drop_log.h"
#include "cpu/mmu.h"

namespace debugger {

static std::array<paging::TlbArray*, 3> arrays(Cpu& cpu) { return {&cpu.mmu->tlb.data, &cpu.mmu->tlb.instruction, &cpu.mmu->tlb.guest_physical}; }

DropLog::DropLog(Cpu& cpu) : cpu(cpu) {
    for (auto& c : cpu.mmu->tlb.counters.contexts.all()) credits[{c.vpid, c.ept}].seen = c.dropped;
    for (unsigned n = 0; n < 3; n++) {
        auto& removed = arrays(cpu)[n]->removed;
        told_before[n] = removed;
        removed = [this, n](const paging::Tag& tag) { told_before[n] ? told_before[n](tag) : void(), note(tag); };
    }
}

DropLog::~DropLog() {
    for (unsigned n = 0; n < 3; n++) arrays(cpu)[n]->removed = told_before[n];
}

std::string_view DropLog::cause_of(const paging::Tag& tag) {
    auto& credit = credits[{tag.vpid, tag.ept}];
    auto& dropped = cpu.mmu->tlb.counts({tag.vpid, 0, tag.ept}).dropped;
    for (unsigned n = 0; n < dropped.size(); n++)
        if (dropped[n] != credit.seen[n]) credit.operation = n, credit.left = dropped[n] - credit.seen[n];
    credit.seen = dropped;
    if (!credit.left) return "another entry in its place";
    credit.left--;
    return paging::scope(paging::Operation(credit.operation)).name;
}

void DropLog::note(const paging::Tag& tag) { last[number++ % kept] = {cpu.clock.ticks, tag, cause_of(tag)}; }

}
