// SPDX-License-Identifier: MIT
// The virtualization layer looked at: the VMCS by name, which checks an entry would break, the log of exits.
#include "base/error.h"
#include "cpu/svm/svm.h"
#include "cpu/vmx/vmx.h"
#include "debugger/commands.h"
#include "debugger/expression.h"
#include "debugger/look.h"
#include <algorithm>
#include <sstream>

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

std::string control_names(vmx::Field word, u64 value) {
    std::string out;
    for (auto& r : vmx::control_rows)
        if (r.control.word == word && bits(value, r.control.bit, r.control.bit)) out += (out.empty() ? "" : ", ") + std::string(r.text);
    return out;
}

void add_field(Result& result, const vmx::Vmx& v, const vmx::FieldRow& r) {
    u64 value = v.vmcs[r.field];
    std::string names = control_names(r.field, value);
    bool changed = v.vmcs.changed_now().has(r.field);
    result.add(format("%c %-8s %-52s %0*llx%s%s", changed ? '*' : ' ', std::string(areas[unsigned(area(r.field))]).c_str(), std::string(r.text).c_str(), int(width_in_bits(r.field) / 4), 0ull + value, names.empty() ? "" : "  ", names.c_str()))
        .with("area", areas[unsigned(area(r.field))]).with("name", r.name).with("text", r.text).address("encoding", u64(r.field)).address("value", value).with("controls", names).flag("changed", changed);
}

// A star marks what has changed since the last entry.
void add_state(Result& result, const vmx::Vmx& v) {
    std::string current = v.current == vmx::Vmx::none ? "none" : hex(v.current);
    result.add(std::string(v.on ? "in VMX operation" : "not in VMX operation") + ", current VMCS " + current + (v.launched ? ", launched" : ", clear"))
        .flag("vmx_operation", v.on).with("current", current).flag("launched", v.launched);
}

// All rules, the broken ones with what they looked at.
Result vmcs_check(Session& session) {
    Result result;
    auto& v = vmx_of(session);
    QuietMemory memory(session.cpu);
    auto around = v.surroundings();
    around.memory = &memory;
    unsigned held = 0, idle = 0, broken = 0;
    virt::examine(vmx::entry_checks(), vmx::EntryView(v.vmcs, around), [&](auto& group, auto& check, auto& view, virt::Verdict verdict) {
        held += verdict == virt::Verdict::holds, idle += verdict == virt::Verdict::not_applicable;
        if (verdict != virt::Verdict::broken) return true;
        broken++;
        std::istringstream lines(vmx::explain({&check, group.otherwise, view.subject}, v.vmcs, around));
        for (std::string line; std::getline(lines, line);) result.add(line).with("group", group.title).with("check", check.id).with("section", check.manual);
        return true;
    });
    result.add(format("%u rules broken, %u hold, %u do not apply", broken, held, idle)).count("broken", broken).count("hold", held).count("not_applicable", idle);
    return result;
}

// The manual's name, or the number where it has none.
std::string reason_text(const Cpu& cpu, u64 reason) {
    std::string name = cpu.virt->exit_text(reason);
    return name.empty() ? hex(reason) : name;
}

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

void add_field(Result& result, const svm::Vmcb& vmcb, const svm::Vmcb& last, const svm::FieldRow& r) {
    u64 value = vmcb[r.field];
    std::string names = intercepts_in(vmcb, r.field);
    bool changed = value != last[r.field];
    result.add(format("%c %03x  %-44s %0*llx%s%s", changed ? '*' : ' ', r.offset, std::string(r.text).c_str(), r.bytes * 2, 0ull + value, names.empty() ? "" : "  ", names.c_str()))
        .with("name", r.text).address("offset", r.offset).address("value", value).with("intercepts", names).flag("changed", changed);
}

// A VMCB as it lies in memory, without a trace.
svm::Vmcb vmcb_at(const Cpu& cpu, u64 address) {
    QuietTables tables{cpu};
    if (address & 0xfff || !tables.plain(Physical(address))) throw Error(hex(address) + " is no page of memory: a VMCB lies in one");
    svm::Vmcb vmcb;
    vmcb.load(cpu.memory, Physical(address), ~u32{0});
    return vmcb;
}

Result vmcb_check(const svm::Vmcb& vmcb, const svm::Surroundings& around) {
    Result result;
    unsigned held = 0, idle = 0, broken = 0;
    virt::examine(svm::vmrun_checks(), svm::View(vmcb, around), [&](auto& group, auto& check, auto&, virt::Verdict verdict) {
        held += verdict == virt::Verdict::holds, idle += verdict == virt::Verdict::not_applicable;
        if (verdict != virt::Verdict::broken) return true;
        broken++;
        std::istringstream lines(svm::explain(check, vmcb, around));
        for (std::string line; std::getline(lines, line);) result.add(line).with("group", group.title).with("check", check.id).with("section", check.manual);
        return true;
    });
    result.add(format("%u rules broken, %u hold, %u do not apply", broken, held, idle)).count("broken", broken).count("hold", held).count("not_applicable", idle);
    return result;
}

}

// The VMCB that was run last, as memory has it now: a star marks what the CPU's cached one has otherwise.
Result vmcb(Session& session, Words words) {
    auto& v = svm_of(session);
    u64 address = v.vmcb_address;
    if (!words.empty() && words[0].starts_with("p:")) address = parse_place(session.cpu, words[0]).address, words = words.subspan(1);
    if (words.size() > 1) throw Error("usage: vmcb [p:ADDR] [check|NAME]");
    if (address == svm::Svm::none) throw Error("no VMCB has been run; name the physical address of one: vmcb p:ADDR");
    auto now = vmcb_at(session.cpu, address);
    std::string wanted = words.empty() ? "" : words[0];
    if (wanted == "check" && v.vmcb_address == svm::Svm::none) throw Error("no VMCB has been run: what VMRUN compares with isn't known yet");
    if (wanted == "check") return vmcb_check(now, v.around);
    Result result;
    result.add("VMCB " + hex(address) + (session.cpu.guest && address == v.vmcb_address ? ", its guest runs" : "")).address("address", address).flag("guest", session.cpu.guest);
    for (auto& r : svm::fields)
        if (r.text.find(wanted) != r.text.npos) add_field(result, now, address == v.vmcb_address ? v.vmcb : now, r);
    return result.lines.size() > 1 ? result : refused("no field's name has '" + wanted + "' in it");
}

Result vmcs(Session& session, Words words) {
    Result result;
    std::string wanted = words.empty() ? "all" : words[0];
    if (wanted == "check") return vmcs_check(session);
    auto& v = vmx_of(session);
    bool is_area = std::find(std::begin(areas), std::end(areas), wanted) != std::end(areas);
    add_state(result, v);
    for (auto& r : vmx::fields)
        if (v.limits.fields.has(r.field) && (wanted == "all" || wanted == areas[unsigned(area(r.field))] || (!is_area && r.name.find(wanted) != r.name.npos))) add_field(result, v, r);
    return result.lines.size() > 1 ? result : refused("no field's name has, and no group is '" + wanted + "'; groups: control, exit, guest, host; or check");
}

Result exits(Session& session, Words words) {
    Result result;
    u64 wanted = words.empty() ? 20 : number(session, words[0], 0, virt::ExitLog::kept);
    if (!session.cpu.virt) throw Error("this CPU has neither VMX nor SVM");
    auto& log = session.cpu.virt->log;
    u64 skip = std::min<u64>(log.exits, virt::ExitLog::kept);
    skip -= std::min(skip, wanted);
    log.each([&](const virt::LoggedExit& e) {
        if (skip) return void(skip--);
        std::string text = reason_text(session.cpu, e.reason);
        result.add(format("tick %-14llu %-32s RIP %016llx  information %llx  address %llx  %llu ticks inside", 0ull + e.tick, text.c_str(), 0ull + e.rip, 0ull + e.information, 0ull + e.address, 0ull + e.tick - e.entered))
            .count("tick", e.tick).address("reason", e.reason).with("reason_text", text).address("rip", e.rip).address("information", e.information).address("address", e.address).count("inside", e.tick - e.entered);
    });
    result.add(format("%llu entries, %llu of them failed; %llu exits; %llu ticks inside", 0ull + log.entries, 0ull + log.failed_entries, 0ull + log.exits, 0ull + log.inside()))
        .count("entries", log.entries).count("failed_entries", log.failed_entries).count("exits", log.exits).count("inside", log.inside());
    for (u64 reason = 0; reason < log.kinds; reason++)
        if (u64 n = log.count(reason)) result.add(format("%12llu  %s", 0ull + n, reason_text(session.cpu, reason).c_str())).address("reason", reason).with("reason_text", reason_text(session.cpu, reason)).count("count", n);
    return result;
}

}
