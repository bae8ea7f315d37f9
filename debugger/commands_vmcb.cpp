// SPDX-License-Identifier: MIT
// The VMCB as a command: fields by name with their bits in words, what has changed, VMRUN's rules one by one, the last VMRUN that failed.
#include "base/error.h"
#include "cpu/svm/svm.h"
#include "debugger/at_level.h"
#include "debugger/commands.h"
#include "debugger/registers.h"
#include "debugger/rules.h"
#include "debugger/virt_bits.h"
#include <algorithm>

namespace debugger::look {

namespace {

const svm::Svm& svm_of(Session& session) {
    if (!session.cpu.virt || session.cpu.intel()) throw Error("this CPU has no SVM");
    return static_cast<const svm::Svm&>(*session.cpu.virt);
}

std::string intercepts_in(const svm::Vmcb& vmcb, svm::Field word) {
    std::string out;
    for (auto& row : svm::exits)
        for (unsigned n = 0; n < row.count; n++) {
            auto e = svm::numbered(row.exit, n);
            if (!svm::has_bit(e) || svm::intercept_field(e) != word || !svm::intercepts(vmcb, e)) continue;
            out += (out.empty() ? "" : ", ") + std::string(row.text) + (row.count > 1 ? " (" + std::to_string(n) + ")" : "");
        }
    return out;
}

std::string_view group_of(const svm::FieldRow& r) {
    if (r.offset < 0x400) return r.clean == svm::Clean::written ? "exit information" : "control";
    return r.offset < 0x4c0 ? "segments" : "save";
}

std::string in_words(const svm::Svm& v, const svm::Vmcb& vmcb, svm::Field f) {
    using svm::Field;
    u64 value = vmcb[f];
    if (std::string names = intercepts_in(vmcb, f); !names.empty()) return names;
    if (f == Field::exit_code) return v.exit_text(value);
    const char* name = f == Field::cr0 ? "cr0" : f == Field::cr4 ? "cr4" : f == Field::efer ? "efer" : f == Field::rflags ? "rflags" : nullptr;
    return name ? bit_names(name, value) : bits_text(bits_of(f, vmcb[Field::exit_code]), value);
}

// What a field is compared with: the CPU's cached copy, and what memory had when the guest was let go last.
struct Compared {
    const svm::Vmcb& cached;
    const svm::Vmcb* before;
};

void add_field(Result& result, const svm::Svm& v, const svm::Vmcb& vmcb, const Compared& with, const svm::FieldRow& r, bool each_bit) {
    u64 value = vmcb[r.field];
    std::string names = intercepts_in(vmcb, r.field), words = in_words(v, vmcb, r.field);
    bool changed = value != with.cached[r.field], differs = with.before && (*with.before)[r.field] != value;
    std::string was = differs ? "  (was " + hex((*with.before)[r.field]) + ")" : "";
    Line& line = result.add(format("%c %03x  %-44s %0*llx%s%s%s", changed ? '*' : ' ', r.offset, std::string(r.text).c_str(), r.bytes * 2, 0ull + value,
        words.empty() ? "" : "  ", words.c_str(), was.c_str()));
    line.with("kind", "field").with("name", name_of(r.field)).with("text", r.text).with("group", group_of(r)).address("offset", r.offset)
        .address("value", value)
        .count("width", r.bytes * 8u)
        .with("intercepts", names).with("words", words).flag("changed", changed).flag("changed_since_stop", differs);
    if (differs) line.address("previous", (*with.before)[r.field]);
    if (each_bit) add_bits(result, r.text, bits_of(r.field, vmcb[svm::Field::exit_code]), value);
}

// A VMCB as it lies in memory, without a trace.
svm::Vmcb vmcb_at(const Cpu& cpu, u64 address) {
    QuietTables tables{cpu};
    if (address & 0xfff || !tables.plain(Physical(address))) throw Error(hex(address) + " is no page of memory: a VMCB lies in one");
    svm::Vmcb vmcb;
    vmcb.load(cpu.memory, Physical(address), ~u32{0});
    return vmcb;
}

std::vector<ReadField> read_by(const svm::Check& check, const svm::Vmcb& vmcb, const svm::Surroundings& around) {
    svm::View::Log log;
    virt::judge(check, svm::View(vmcb, around, &log));
    std::vector<ReadField> out;
    for (auto f : log)
        if (std::ranges::none_of(out, [&](auto& o) { return o.name == svm::row(f).text; })) out.push_back({svm::row(f).text, svm::row(f).text, vmcb[f]});
    return out;
}

Rule rule_of(const svm::Check& check, std::string_view group, virt::Verdict verdict) {
    return {check.id, group, check.manual.empty() ? "silicon" : "APM vol. 2, " + std::string(check.manual), check.rule, "VMEXIT_INVALID", "", verdict};
}

Result check(const svm::Vmcb& vmcb, const svm::Surroundings& around, bool all) {
    Result result;
    RuleCounts counts;
    virt::examine(svm::vmrun_checks(), svm::View(vmcb, around), [&](auto& group, auto& check, auto&, virt::Verdict verdict) {
        counts.add(verdict);
        if (all || verdict == virt::Verdict::broken) add_rule(result, rule_of(check, group.title, verdict), read_by(check, vmcb, around));
        return true;
    });
    add_counts(result, counts);
    return result;
}

Result failed(const svm::Svm& v) {
    if (!v.failed) throw Error("no VMRUN has broken a rule so far");
    auto& f = *v.failed;
    Result result;
    result.add("the last VMRUN that failed, at tick " + std::to_string(f.tick) + ", of the VMCB at " + hex(f.address) + ":").with("kind", "state")
        .count("tick", f.tick).address("address", f.address);
    for (auto& g : svm::vmrun_checks())
        for (auto& c : g.checks)
            if (&c == f.check) add_rule(result, rule_of(c, g.title, virt::Verdict::broken), read_by(c, f.vmcb, f.around));
    Result all = check(f.vmcb, f.around, false);
    all.lines.back().text = "in all: " + all.lines.back().text;
    result.lines.push_back(all.lines.back());
    return result;
}

}

// The VMCB that was run last, as memory has it now: a star marks what the CPU's cached one has otherwise.
Result vmcb(Session& session, Words words) {
    auto& v = svm_of(session);
    u64 address = v.vmcb_address;
    if (!words.empty() && words[0].starts_with("p:")) address = place_at(viewpoint(session), words[0]).address, words = words.subspan(1);
    std::string wanted = words.empty() ? "" : words[0];
    if (words.size() > 1 && (wanted != "check" || words[1] != "all")) throw Error("usage: vmcb [p:ADDR] [check [all]|failed|changed|GROUP|NAME]");
    if (wanted == "failed") return failed(v);
    if (address == svm::Svm::none) throw Error("no VMCB has been run; name the physical address of one: vmcb p:ADDR");
    auto now = vmcb_at(session.cpu, address);
    if (wanted == "check" && v.vmcb_address == svm::Svm::none) throw Error("no VMCB has been run: what VMRUN compares with isn't known yet");
    if (wanted == "check") return check(now, v.around, words.size() > 1);
    auto* before = session.looking.vmcb_before(session.cpu, address);
    Compared with{address == v.vmcb_address ? v.vmcb : now, before};
    auto fits = [&](const svm::FieldRow& r) {
        if (wanted == "changed") return now[r.field] != with.cached[r.field] || (before && (*before)[r.field] != now[r.field]);
        for (auto text : {name_of(r.field), r.text, group_of(r)})
            if (text.find(wanted) != text.npos) return true;
        return false;
    };
    auto count = std::ranges::count_if(svm::fields, fits);
    Result result;
    result.add("VMCB " + hex(address) + (session.cpu.guest && address == v.vmcb_address ? ", its guest runs" : "")).with("kind", "state")
        .address("address", address).flag("guest", session.cpu.guest)
        .count("failed_entries", v.log.failed_entries);
    for (auto& r : svm::fields)
        if (fits(r)) add_field(result, v, now, with, r, count <= 16);
    if (wanted == "changed" && !count) result.add("nothing has changed").with("kind", "note");
    return result.lines.size() > 1 ? result : refused("no field's name has '" + wanted +
        "' in it, and no group's; groups: control, exit information, segments, save");
}

}
