// SPDX-License-Identifier: MIT
// Markdown from the tables.
#include "cpu/vmx/listing.h"
#include "cpu/vmx/entry_checks.h"
#include <cstdio>
#include <initializer_list>

namespace vmx {

static std::string row_of(std::initializer_list<std::string_view> cells, const std::string& more = "") {
    std::string line = "|";
    for (auto cell : cells) line += " " + std::string(cell) + " |";
    return line + more + "\n";
}

static std::string rule_below(std::size_t columns) {
    std::string line = "|";
    for (std::size_t n = 0; n < columns; n++) line += " --- |";
    return line + "\n";
}

static std::string head(std::initializer_list<std::string_view> cells, std::span<const Listed> cpus = {}) {
    std::string names;
    for (auto& cpu : cpus) names += " " + std::string(cpu.name) + " |";
    return row_of(cells, names) + rule_below(cells.size() + cpus.size());
}

// A cell for each CPU: yes where it has it.
template <class Has> static std::string marks(std::span<const Listed> cpus, Has&& has) {
    std::string cells;
    for (auto& cpu : cpus) cells += has(cpu.limits) ? " yes |" : " |";
    return cells;
}

static std::string hex(u64 value, int digits = 1) {
    char text[20];
    std::snprintf(text, sizeof text, "%0*llx", digits, static_cast<unsigned long long>(value));
    return text;
}

// ---- checks

static std::string outcome_text(Outcome o) {
    if (o.kind == Outcome::vmfail) return "VMfail " + std::to_string(o.number);
    return "exit " + std::to_string(o.number) + ", qualification " + std::to_string(o.qualification);
}

static std::string registers(u8 over) {
    std::string names;
    for (u8 s = ES; s <= TR; s++)
        if (over & bit(s)) names += (names.empty() ? "" : " ") + std::string(subject_name(Subject(s)));
    return names;
}

std::string test_of(std::string_view check) { return virt::test_of("EntryCheck.breaks_alone_with_the_manuals_outcome", check); }

std::string list_checks() {
    std::string text = head({"check", "SDM vol. 3", "rule", "of", "otherwise", "test"});
    for (auto& group : entry_checks())
        for (auto& check : group.checks)
            text += row_of({check.id, "27." + std::string(check.manual), check.rule, registers(check.over), outcome_text(group.otherwise), test_of(check.id)});
    return text;
}

// ---- fields, controls, capabilities

static std::string control_name(Control c) {
    for (auto& r : control_rows)
        if (r.control == c) return std::string(r.text);
    return "";
}

std::string list_fields(std::span<const Listed> cpus) {
    static constexpr std::string_view areas[] = {"control", "exit information", "guest", "host"};
    std::string text = head({"encoding", "field", "bits", "area", "exists with"}, cpus);
    for (auto& r : fields)
        text += row_of({hex(u16(r.field), 4) + "h", r.text, std::to_string(width_in_bits(r.field)), areas[unsigned(area(r.field))], control_name(r.exists)},
                       marks(cpus, [&](const Limits& l) { return l.fields.has(r.field); }));
    return text;
}

std::string list_controls(std::span<const Listed> cpus) {
    std::string text = head({"word", "bit", "control", "capability"}, cpus);
    for (auto& r : control_rows)
        text += row_of({r.word, std::to_string(r.control.bit), r.text, capability_rows[unsigned(r.capability)].name},
                       marks(cpus, [&](const Limits& l) { return l.allows(r.control); }));
    return text;
}

std::string list_capabilities(std::span<const Listed> cpus) {
    std::string text = head({"capability", "what it is", "needs"}, cpus);
    for (auto& r : capability_rows)
        text += row_of({r.name, r.text, r.needs == r.capability ? "" : capability_rows[unsigned(r.needs)].name},
                       marks(cpus, [&](const Limits& l) { return l.has.has(r.capability); }));
    text += "\n" + head({"MSR", "name"}, cpus);
    for (auto& msr : capability_msrs()) {
        std::string values;
        for (auto& cpu : cpus) values += msr.exists(cpu.limits) ? " " + hex(msr.value(cpu.limits), 16) + " |" : " |";
        text += row_of({hex(msr.index) + "h", msr.name}, values);
    }
    return text;
}

}
