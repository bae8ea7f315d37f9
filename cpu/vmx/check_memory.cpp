// SPDX-License-Identifier: MIT
// Which rules are due at an entry, and their judgement.
#include "cpu/vmx/check_memory.h"

namespace vmx {

namespace {

// A rule about one segment register, or about none.
struct Rule {
    const Check* check;
    Outcome outcome;
    Subject subject;
};

std::vector<Rule> flatten() {
    std::vector<Rule> rules;
    for (auto& group : entry_checks())
        for (auto& check : group.checks)
            for (u8 subject = ES; subject <= TR; subject++)
                if (check.over ? bool(check.over & bit(subject)) : subject == ES) rules.push_back({&check, group.otherwise, Subject(subject)});
    return rules;
}

const std::vector<Rule>& rules() {
    static const std::vector<Rule> flat = flatten();
    return flat;
}

}

CheckMemory::Rules CheckMemory::everything() {
    Rules all{};
    for (unsigned i = 0; i < rules().size(); i++) all.at(i / 64) |= bit(i % 64);
    return all;
}

CheckMemory::CheckMemory() : due(everything()) {}

// Judges one rule, and remembers whom it asked.
bool CheckMemory::holds(unsigned rule, const Vmcs& vmcs, const Surroundings& around) {
    const Rule& r = rules()[rule];
    Looked log;
    bool broken = virt::judge(*r.check, EntryView(vmcs, around, &log).about(r.subject)) == virt::Verdict::broken;
    log.fields.each([&](unsigned field) { readers[field][rule / 64] |= bit(rule % 64); });
    if (!broken && !log.memory) due[rule / 64] &= ~bit(rule % 64);
    judged++;
    return !broken;
}

std::optional<Broken> CheckMemory::judge(const Vmcs& vmcs, const Surroundings& around, const FieldSet& changed) {
    if (around != last) last = around, forget();
    changed.each([&](unsigned field) {
        for (unsigned i = 0; i < words; i++) due[i] |= readers[field][i];
    });
    for (unsigned i = 0; i < words; i++)
        for (u64 rest = due[i]; rest; rest &= rest - 1) {
            unsigned rule = i * 64 + unsigned(std::countr_zero(rest));
            if (!holds(rule, vmcs, around)) return Broken{rules()[rule].check, rules()[rule].outcome, rules()[rule].subject};
        }
    return {};
}

}
