// SPDX-License-Identifier: MIT
// Walks in words: entries with their bits by name, the rights so far, error codes and exit qualifications.
#include "debugger/walk_report.h"
#include "cpu/mmu.h"
#include "cpu/svm/svm.h"
#include "cpu/vmx/vmx.h"
#include "debugger/bit_texts.h"
#include <span>

namespace debugger {

using paging::Fault, paging::Reason, paging::Rights, paging::Stage, paging::Step, paging::Translation;

namespace {

struct BitName {
    u64 bit;
    std::string_view name;
};

// SDM vol. 3, 4.3 to 4.5; bit 7 is PS in a leaf of a large page, PAT in one of 4 KiB.
constexpr BitName classic_bits[] = {{bit(0), "P"}, {bit(1), "RW"}, {bit(2), "US"}, {bit(3), "PWT"}, {bit(4), "PCD"}, {bit(5), "A"}};
constexpr BitName leaf_bits[] = {{bit(6), "D"}, {bit(8), "G"}};
// SDM vol. 3, 29.3.2.
constexpr BitName ept_bits[] = {{bit(0), "R"}, {bit(1), "W"}, {bit(2), "X"}, {bit(7), "PS"}, {bit(8), "A"}, {bit(9), "D"}, {bit(10), "XU"}};
std::string names(std::span<const BitName> table, u64 value) {
    std::string out;
    for (auto& b : table)
        if (value & b.bit) out += (out.empty() ? "" : " ") + std::string(b.name);
    return out;
}

bool is_ept(const Step& s) { return s.format == paging::Ept::name; }

std::string entry_bits(const Step& s) {
    if (is_ept(s)) {
        std::string out = names(ept_bits, s.entry);
        return s.size ? out + format(" type %u%s", unsigned(bits(s.entry, 5, 3)), s.entry & bit(6) ? " IPAT" : "") : out;
    }
    std::string out = names(classic_bits, s.entry), leaf = s.size ? names(leaf_bits, s.entry) : "";
    if (!leaf.empty()) out += " " + leaf;
    if (s.level > 1 && s.entry & bit(7)) out += " PS";
    if (s.level == 1 && s.entry & bit(7)) out += " PAT";
    return s.entry >> 63 ? out + " XD" : out;
}

// "EPT PDE"; in 32-bit paging level 2 is the directory as well.
std::string entry_name(const Step& s) {
    static constexpr const char* names[] = {"PTE", "PDE", "PDPTE", "PML4E", "PML5E"};
    std::string_view stage = s.stage == Stage::first ? "" : is_ept(s) ? "EPT " : "NPT ";
    return std::string(stage) + names[(s.level - 1) % 5];
}

std::string size_text(u64 size) {
    return size >> 30 ? format("%llu-GiB", size >> 30 | 0ull) : size >> 20 ? format("%llu-MiB", size >> 20 | 0ull) : format("%llu-KiB", size >> 10 | 0ull);
}

// What sets the flags that are missing: an accessed flag below the dirty one.
std::string written_text(const Step& s) {
    if (!s.written) return "";
    u64 accessed = is_ept(s) ? bit(8) : bit(5);
    std::string out = s.written & accessed ? "A" : "";
    return s.written & ~accessed ? (out.empty() ? "D" : out + " D") : out;
}

constexpr const char* purposes[] = {"data", "code", "table", "accessed_dirty", "probe"};

// What spares the reference, if the TLB has it now.
std::string served_text(const SeenStep& s) {
    if (!s.served) return "";
    return (s.whole ? "the TLB's entry of page " : "the TLB's guest-physical mapping of page ") + hex(s.served->tag.page);
}

}

void add_step(Result& result, const SeenStep& seen, bool nested) {
    auto& s = seen.step;
    std::string where = s.in_register ? "in its register" : nested && s.stage == Stage::first
        ? "at GPA " + hex(s.guest.value) + " PA " + hex(s.at.value) : "at PA " + hex(s.at.value);
    std::string rights = rights_text(s.rights, s.stage), sets = written_text(s), served = served_text(seen);
    std::string indent = nested && s.stage == Stage::second ? "    " : "";
    std::string refuses = seen.refusing ? ", refuses by " + std::string(seen.refusing_name) : "";
    Line& line = result.add(format("%2u %s%-9s [%03llx] of %s %s: %016llx  %s  -> %s%s%s%s%s", seen.number, indent.c_str(), entry_name(s).c_str(),
        static_cast<unsigned long long>(s.index), hex(s.input).c_str(), where.c_str(), static_cast<unsigned long long>(s.entry), entry_bits(s).c_str(),
        rights.c_str(), sets.empty() ? "" : (", would set " + sets).c_str(), refuses.c_str(), seen.plain ? "" : ", device memory: not read",
        served.empty() ? "" : (", spared by " + served).c_str()));
    line.with("kind", "step").count("number", seen.number).count("row", seen.row).count("column", seen.column);
    line.count("stage", unsigned(s.stage)).count("level", u64(s.level)).with("format", s.format).with("entry_name", entry_name(s)).count("index", s.index);
    line.address("input", s.input).address("table", s.table).address("physical", s.at.value).address("entry", s.entry);
    if (nested && s.stage == Stage::first) line.address("guest_physical", s.guest.value);
    line.with("bits", entry_bits(s)).with("rights", rights).with("rights_first", seen.has_first ? rights_text(seen.first, Stage::first) : "");
    line.with("rights_second", seen.has_second ? rights_text(seen.second, Stage::second) : "").with("would_set", sets)
        .with("purpose", purposes[unsigned(s.purpose)]);
    line.flag("in_register", s.in_register).flag("plain", seen.plain).flag("refuses", seen.refusing != 0).with("refusing_bit", seen.refusing_name);
    line.address("refusing_mask", seen.refusing).with("served_by", !seen.served ? "" : seen.whole ? "tlb" : "guest_physical_tlb");
    if (s.size) line.count("page_size", s.size);
}

namespace {

constexpr const char* reasons[] = {
    "nothing", "the entry is not present", "the entry has reserved bits set", "the page is a supervisor's", "the page is not writable",
        "the page is not executable",
    "SMEP: the supervisor may not execute a user's page", "SMAP: the supervisor may not touch a user's page", "the protection key refuses it",
    "the page is not readable", "the address is wider than the tables reach",
    "the page-modification log is full", "it is the APIC-access page", "the sub-page-permission table has no entry",
        "the sub-page-permission table has reserved bits set",
    "the entry is writable but not readable, or execute-only without support",
    "the entry has a reserved memory type"};

const char* kind_text(paging::Kind kind) {
    return kind == paging::Kind::execute ? "fetch" : kind == paging::Kind::write ? "write" : kind == paging::Kind::read ? "read" : "read and write";
}

std::string information_text(const Fault& f) {
    u64 value = f.information;
    switch (f.event) {
    case paging::Event::page_fault: return "#PF, error code " + hex(value) + " (" + bits_text(error_code_bits, value) + ")";
    case paging::Event::nested_page_fault:
        return "nested page fault, EXITINFO1 " + hex(value) + " (" + bits_text(nested_fault_bits, value) + "), EXITINFO2 " + hex(f.guest.value);
    case paging::Event::ept_misconfiguration: return "EPT misconfiguration, guest-physical address " + hex(f.guest.value);
    case paging::Event::log_full: return "page-modification log full, guest-physical address " + hex(f.guest.value);
    case paging::Event::sub_page: return "SPP-related event, qualification " + hex(value) + ", guest-physical address " + hex(f.guest.value);
    case paging::Event::apic_access: return "APIC access, guest-physical address " + hex(f.guest.value);
    case paging::Event::ept_violation: break;
    }
    return "EPT violation, qualification " + hex(value) + " (" + bits_text(violation_bits, value) + "), guest-physical address " + hex(f.guest.value);
}

void add_information_bits(Result& result, const Fault& f) {
    if (f.event == paging::Event::page_fault) add_bits(result, "error_code", error_code_bits, f.information);
    if (f.event == paging::Event::nested_page_fault) add_bits(result, "EXITINFO1", nested_fault_bits, f.information);
    if (f.event == paging::Event::ept_violation) add_bits(result, "qualification", violation_bits, f.information);
}

// Whether level 1 has a guest's #PF for itself (SDM vol. 3, 26.2; APM vol. 2, 15.12).
bool intercepts_page_fault(const Cpu& cpu, u64 error_code) {
    if (!cpu.intel()) return svm::intercepts(static_cast<const svm::Svm&>(*cpu.virt).vmcb, svm::numbered(svm::Exit::exception, 14));
    using vmx::Field;
    auto& m = static_cast<const vmx::Vmx&>(*cpu.virt).vmcs;
    bool matches = (error_code & m[Field::page_fault_error_code_mask]) == m[Field::page_fault_error_code_match];
    return matches == bool(m[Field::exception_bitmap] & bit(14));
}

struct Told {
    unsigned level;
    const char* how;
};
Told told_by(const Viewpoint& view, const Fault& f) {
    if (f.stage == Stage::second) return {1, "by a VM exit"};
    if (view.level == 2 && view.cpu.virt && intercepts_page_fault(view.cpu, f.information)) return {1, "by a VM exit: it intercepts #PF"};
    return {view.level, "by #PF"};
}

constexpr const char* events[] = {"page_fault", "ept_violation", "ept_misconfiguration", "nested_page_fault", "log_full", "sub_page", "apic_access"};

void add_fault(Result& result, const Viewpoint& view, const SeenWalk& seen, paging::Access access) {
    auto& f = *seen.walk.fault();
    std::string flaw = f.flaw ? " (" + hex(f.flaw) + ")" : "";
    const SeenStep* refuses = nullptr;
    for (auto& s : seen.steps)
        if (s.refusing) refuses = &s;
    Physical at = refuses ? refuses->step.at : f.at;
    std::string where = refuses ? " by the " + entry_name(refuses->step) + " at PA " + hex(at.value) : f.at.value ||
        f.entry ? " by the entry at PA " + hex(at.value) : "";
    auto told = told_by(view, f);
    add_information_bits(result, f);
    Line& line = result.add(std::string(kind_text(access.kind)) + " refused" + where + ": " + reasons[unsigned(f.reason)] + flaw + "; " + information_text(f) +
                            "; level " + std::to_string(told.level) + " is told " + told.how);
    line.with("kind", "verdict").flag("granted", false).with("event", events[unsigned(f.event)]).with("reason", reasons[unsigned(f.reason)])
        .count("stage", unsigned(f.stage));
    line.count("level", u64(f.level)).address("entry_physical", at.value).address("entry", refuses ? refuses->step.entry : f.entry)
        .address("information", f.information);
    line.with("refusing_bit", refuses ? refuses->refusing_name : "").count("refusing_number", refuses ? refuses->number : 0).address("flaw", f.flaw);
    line.count("told_level", told.level).with("told", told.how);
    if (f.stage == Stage::second) line.address("guest_physical", f.guest.value);
}

void add_translation(Result& result, const Translation& t, Place place, paging::Access access, bool nested) {
    std::string guest = nested && place.space == Space::linear ? " is GPA " + hex(t.guest.value) + "," : " is";
    Line& line = result.add(std::string(kind_text(access.kind)) + " granted: " + hex(place.address) + guest + " PA " + hex(t.physical.value) + ", " +
        size_text(t.size()) + " page" + (t.global ? ", global" : "") + ", " + rights_text(t.rights, Stage::first) + (nested ? "; second stage " +
            rights_text(t.rights, Stage::second) : ""));
    line.with("kind", "verdict").flag("granted", true).address("physical", t.physical.value).address("guest_physical", t.guest.value)
        .count("page_size", t.size());
    line.flag("global", t.global).with("rights_first", rights_text(t.rights, Stage::first))
        .with("rights_second", nested ? rights_text(t.rights, Stage::second) : "");
}

}

std::string rights_text(Rights r, Stage stage) {
    if (stage == Stage::first)
        return std::string(r.has(Rights::user) ? "user" : "supervisor") + (r.has(Rights::write) ? " writable" : " read-only") + (r.has(Rights::execute)
            ? " executable" : "");
    constexpr BitName table[] = {{Rights::read2, "R"}, {Rights::write2, "W"}, {Rights::execute2, "X"}, {Rights::user_execute2, "XU"}};
    constexpr u8 executes = Rights::execute2 | Rights::user_execute2;
    std::string out = names(table, r.has(executes) ? r.allowed & ~u64{Rights::user_execute2} : r.allowed);      // both: X says it
    return out.empty() ? "nothing" : out;
}

void add_verdict(Result& result, const Viewpoint& view, const SeenWalk& seen, Place place, paging::Access access) {
    if (!seen.canonical) {
        result.add(std::string(kind_text(access.kind)) + " refused: " + hex(place.address) + " is not canonical; #GP(0), or #SS(0) for a stack access")
            .with("kind", "verdict").flag("granted", false).with("event", "not_canonical").count("told_level", view.level);
        return;
    }
    if (seen.walk.fault()) add_fault(result, view, seen, access);
    else add_translation(result, *seen.walk.translation(), place, access, view.nested());
    result.lines.back().count("rows", seen.rows).count("columns", seen.columns).count("references", seen.steps.size()).count("guest_level", view.level)
        .address("address", place.address).with("access", kind_text(access.kind)).flag("user", access.user());
}

Result walk_report(const Viewpoint& view, Place place, paging::Access access) {
    Result result;
    auto seen = see_walk(view, place, access);
    for (auto& s : seen.steps) add_step(result, s, view.nested());
    if (seen.canonical && view.regime.stage1.mode == paging::Mode::off && !view.nested()) result.add("paging is off: linear addresses are physical")
        .with("kind", "note");
    add_verdict(result, view, seen, place, access);
    return result;
}

}
