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

// Without a loop: at every entry there is something to add, and a rule or two are due.
void CheckMemory::add(Rules& to, const Rules& more) {
    [&]<unsigned... i>(std::integer_sequence<unsigned, i...>) { ((to[i] |= more[i]), ...); }(std::make_integer_sequence<unsigned, words>{});
}

CheckMemory::CheckMemory() : read(rules().size()), due(everything()) {}

void CheckMemory::learn(unsigned rule, const FieldSet& looked_at) {
    if (looked_at.within(read[rule])) return;
    read[rule] |= looked_at;
    looked_at.each([&](unsigned part) { readers[part][rule / 64] |= bit(rule % 64); });
}

std::optional<Broken> CheckMemory::judge(const Vmcs& vmcs, const Surroundings& around, const FieldSet& changed) {
    if (around != last) last = around, forget();
    changed.each([&](unsigned part) { add(due, readers[part]); });
    Looked log;
    EntryView view(vmcs, around, &log);
    auto& known = rules();
    for (unsigned i = 0; i < words; i++) {
        if (!due[i]) continue;
        for (u64 rest = due[i]; rest; rest &= rest - 1) {
            unsigned number = i * 64 + unsigned(std::countr_zero(rest));
            const Rule& rule = known[number];
            log = {}, view.subject = rule.subject, judged++;
            bool broken = virt::judge(*rule.check, view) == virt::Verdict::broken;
            learn(number, log.fields);
            if (broken) return Broken{rule.check, rule.outcome, rule.subject};
            if (!log.memory) due[i] &= ~(rest & -rest);
        }
    }
    return {};
}

}
