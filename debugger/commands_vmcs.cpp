// SPDX-License-Identifier: MIT
// The VMCS as a command: fields by name and group with their bits in words, what has changed, VM entry's rules one by one, the last entry that failed.
#include "base/error.h"
#include "cpu/vmx/vmx.h"
#include "debugger/commands.h"
#include "debugger/registers.h"
#include "debugger/rules.h"
#include "debugger/virt_bits.h"
#include <algorithm>

namespace debugger::look {

namespace {

// Memory as a check reads it, without a trace.
struct QuietMemory final : vmx::Memory {
    explicit QuietMemory(const Cpu& cpu) : tables{cpu} {}
    u64 read(u64 at, unsigned bytes) const override { return tables.load(Physical(at), bytes) & ones(bytes); }
    QuietTables tables;
};

const vmx::Vmx& vmx_of(Session& session) {
    if (!session.cpu.virt || !session.cpu.intel()) throw Error("this CPU has no VMX");
    return static_cast<const vmx::Vmx&>(*session.cpu.virt);
}

constexpr std::string_view areas[] = {"control", "exit", "guest", "host"};

// Groups that a panel folds: SDM vol. 3, 25.4 to 25.9.
std::string_view group_of(const vmx::FieldRow& r) {
    auto area = vmx::area(r.field);
    auto begins = [&](auto... words) { return (r.name.starts_with(words) || ...); };
    if (area == vmx::Area::host) return "host state";
    if (area == vmx::Area::exit_information) return "exit information";
    if (area == vmx::Area::control && begins("entry_")) return "entry control";
    if (area == vmx::Area::control && begins("exit_")) return "exit control";
    if (area == vmx::Area::control) return "execution control";
    if (begins("guest_es", "guest_cs", "guest_ss", "guest_ds", "guest_fs", "guest_gs", "guest_ldtr", "guest_tr", "guest_gdtr",
        "guest_idtr")) return "guest segments";
    if (begins("guest_interrupt", "guest_activity", "guest_pending", "vmcs_link", "preemption", "guest_interruptibility",
        "page_log")) return "guest non-register state";
    return "guest registers";
}

std::string control_names(vmx::Field word, u64 value) {
    std::string out;
    for (auto& r : vmx::control_rows)
        if (r.control.word == word && bits(value, r.control.bit, r.control.bit)) out += (out.empty() ? "" : ", ") + std::string(r.text);
    return out;
}

// Exit reasons by name; control registers by their bits.
std::string in_words(const vmx::Vmx& v, vmx::Field f, u64 value) {
    using vmx::Field;
    if (std::string names = control_names(f, value); !names.empty()) return names;
    if (f == Field::exit_reason) return std::string(vmx::exit_text(value & 0xffff)) + (value >> 31 ? ", VM-entry failure" : "");
    auto ends = [&](std::string_view end) { return vmx::fields[vmx::row(f)].name.ends_with(end); };
    for (auto* name : {"cr0", "cr4", "efer", "rflags"})
        if (ends(name)) return bit_names(name, value);
    return bits_text(bits_of(f, v.vmcs[Field::exit_reason]), value);
}

void add_field(Result& result, Session& session, const vmx::Vmx& v, const vmx::FieldRow& r, bool each_bit) {
    u64 value = v.vmcs[r.field];
    std::string names = control_names(r.field, value), words = in_words(v, r.field, value);
    bool changed = v.vmcs.changed_now().has(r.field);
    auto* before = session.looking.vmcs_before(session.cpu);
    bool differs = before && (*before)[r.field] != value;
    std::string was = differs ? "  (was " + hex((*before)[r.field]) + ")" : "";
    Line& line = result.add(format("%c %-8s %-52s %0*llx%s%s%s", changed ? '*' : ' ', std::string(areas[unsigned(area(r.field))]).c_str(),
        std::string(r.text).c_str(),
                                   int(width_in_bits(r.field) / 4), 0ull + value, words.empty() ? "" : "  ", words.c_str(), was.c_str()));
    line.with("kind", "field").with("area", areas[unsigned(area(r.field))]).with("group", group_of(r)).with("name", r.name).with("text", r.text)
        .address("encoding", u64(r.field)).address("value", value)
        .count("width", width_in_bits(r.field)).with("controls", names).with("words", words).flag("changed", changed).flag("changed_since_stop", differs);
    if (differs) line.address("previous", (*before)[r.field]);
    if (!each_bit) return;
    auto controls = control_bits(r.field);
    if (!controls.empty()) add_bits(result, r.name, controls, value);
    add_bits(result, r.name, bits_of(r.field, v.vmcs[vmx::Field::exit_reason]), value);
}

// A star marks what has changed since the last entry.
void add_state(Result& result, Session& session, const vmx::Vmx& v) {
    std::string current = v.current == vmx::Vmx::none ? "none" : hex(v.current);
    result.add(std::string(v.on ? "in VMX operation" : "not in VMX operation") + ", current VMCS " + current + (v.launched ? ", launched" : ", clear"))
        .with("kind", "state").flag("vmx_operation", v.on).with("current", current).flag("launched", v.launched).flag("guest", session.cpu.guest)
        .count("failed_entries", v.log.failed_entries);
}

// A rule's fields, found by judging it again with a log.
std::vector<ReadField> read_by(const vmx::Check& check, const vmx::EntryView& about, const vmx::Vmcs& vmcs, const vmx::Surroundings& around) {
    vmx::Looked log;
    virt::judge(check, vmx::EntryView(vmcs, around, &log).about(about.subject));
    vmx::FieldSet looked_at;                       // a named bit is shown with its field
    log.fields.each([&](unsigned part) { looked_at.add(vmx::field_of(part)); });
    std::vector<ReadField> out;
    looked_at.each([&](unsigned row) { out.push_back({vmx::fields[row].name, vmx::fields[row].text, vmcs[vmx::fields[row].field]}); });
    return out;
}

Rule rule_of(const vmx::Check& check, std::string_view group, vmx::Outcome otherwise, virt::Verdict verdict, vmx::Subject subject) {
    std::string outcome = otherwise.kind == vmx::Outcome::vmfail ? "VMfail, error " + std::to_string(otherwise.number)
                                                                 : "VM-entry failure, reason " + std::to_string(otherwise.number) + ", qualification " +
                                                                     std::to_string(otherwise.qualification);
    return {check.id, group, "SDM vol. 3, 27." + std::string(check.manual), check.rule, outcome, check.over ? vmx::subject_name(subject) : "", verdict};
}

// All rules: the broken ones with what they looked at, or each.
Result check(Session& session, const vmx::Vmcs& vmcs, bool ia32e, u64 current, bool all) {
    Result result;
    auto& v = vmx_of(session);
    QuietMemory memory(session.cpu);
    auto around = v.surroundings();
    around.memory = &memory, around.ia32e = ia32e, around.current_vmcs = current;
    RuleCounts counts;
    virt::examine(vmx::entry_checks(), vmx::EntryView(vmcs, around), [&](auto& group, auto& check, auto& view, virt::Verdict verdict) {
        counts.add(verdict);
        if (all || verdict == virt::Verdict::broken) add_rule(result, rule_of(check, group.title, group.otherwise, verdict, view.subject), read_by(check, view,
            vmcs, around));
        return true;
    });
    add_counts(result, counts);
    return result;
}

// The rule that the CPU named, and all others that the same VMCS breaks.
Result failed(Session& session) {
    auto& v = vmx_of(session);
    if (!v.failed) throw Error("no VM entry has broken a rule so far");
    auto& f = *v.failed;
    QuietMemory memory(session.cpu);
    auto around = v.surroundings();
    around.memory = &memory, around.ia32e = f.ia32e, around.current_vmcs = f.current;
    Result result;
    result.add("the last entry that failed, at tick " + std::to_string(f.tick) + ", with the VMCS at " + hex(f.current) + ":").with("kind", "state")
        .count("tick", f.tick).with("current", hex(f.current));
    auto view = vmx::EntryView(f.vmcs, around).about(f.broken.subject);
    std::string_view group;
    for (auto& g : vmx::entry_checks())
        for (auto& c : g.checks)
            if (&c == f.broken.check) group = g.title;
    add_rule(result, rule_of(*f.broken.check, group, f.broken.outcome, virt::Verdict::broken, f.broken.subject), read_by(*f.broken.check, view, f.vmcs,
        around));
    Result others = check(session, f.vmcs, f.ia32e, f.current, false);
    others.lines.back().text = "in all: " + others.lines.back().text;
    result.lines.push_back(others.lines.back());
    return result;
}

}

Result vmcs(Session& session, Words words) {
    Result result;
    auto& v = vmx_of(session);
    std::string wanted = words.empty() ? "all" : words[0];
    if (words.size() > 1 && (wanted != "check" || words[1] != "all")) throw Error("usage: vmcs [check [all]|failed|changed|GROUP|NAME]");
    if (wanted == "check") return check(session, v.vmcs, session.cpu.long_mode(), v.current, words.size() > 1);
    if (wanted == "failed") return failed(session);
    auto* before = session.looking.vmcs_before(session.cpu);
    bool is_area = std::find(std::begin(areas), std::end(areas), wanted) != std::end(areas);
    auto fits = [&](const vmx::FieldRow& r) {
        if (wanted == "changed") return v.vmcs.changed_now().has(r.field) || (before && (*before)[r.field] != v.vmcs[r.field]);
        if (is_area) return wanted == areas[unsigned(area(r.field))];
        return wanted == "all" || r.name.find(wanted) != r.name.npos || group_of(r).find(wanted) != group_of(r).npos;
    };
    auto count = std::ranges::count_if(vmx::fields, [&](auto& r) { return v.limits.fields.has(r.field) && fits(r); });
    add_state(result, session, v);
    for (auto& r : vmx::fields)
        if (v.limits.fields.has(r.field) && fits(r)) add_field(result, session, v, r, count <= 16);
    if (wanted == "changed" && !count) result.add("nothing has changed").with("kind", "note");
    return result.lines.size() > 1 ? result : refused("no field's name has, and no group is '" + wanted +
        "'; groups: control, exit, guest, host, segments, registers; or check, failed, changed");
}

}
