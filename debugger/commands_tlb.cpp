// SPDX-License-Identifier: MIT
// The architectural TLB as a command: by tag, with what memory's tables say now, and what was dropped by which cause.
#include "base/error.h"
#include "cpu/mmu.h"
#include "cpu/svm/svm.h"
#include "cpu/vmx/vmx.h"
#include "debugger/at_level.h"
#include "debugger/commands.h"
#include "debugger/walk_report.h"
#include <algorithm>
#include <sstream>

namespace debugger::look {

namespace {

using paging::Context, paging::Dimension, paging::Entry;

constexpr const char* dimensions[] = {"linear", "combined", "guest-physical"};

// A level with the tag of its translations.
struct Tagged {
    Viewpoint view;
    Context context;
};

// As an entry would make it.
Context context_of(const Viewpoint& view) {
    auto& cpu = view.cpu;
    if (view.live) return cpu.mmu->context;
    Context c;
    c.pcid = view.control.cr4 & cr4::pcide ? u16(view.control.cr3 & 0xfff) : u16(0);
    if (view.level == 1) return c;
    if (!cpu.intel()) return c.vpid = u16(static_cast<const svm::Svm&>(*cpu.virt).vmcb[svm::Field::asid]), c;
    auto& m = static_cast<const vmx::Vmx&>(*cpu.virt).vmcs;
    auto& s = view.regime.stage2;
    if (m[vmx::secondary::vpid]) c.vpid = u16(m[vmx::Field::vpid]);
    if (view.nested()) c.ept = (s.root & (mask(51, 12) | mask(6, 3))) | (s.mode_based_execute ? bit(0) : 0) | (s.sub_pages ? bit(1) : 0);
    return c;
}

std::vector<Tagged> known_levels(const Cpu& cpu) {
    std::vector<Tagged> out;
    for (unsigned n = 1; n <= 2; n++)
        if (has_level(cpu, n)) {
            Viewpoint view(cpu, n);
            out.push_back({view, context_of(view)});
        }
    return out;
}

enum class Stale : u8 { no, yes, unknown };

// Whether the tables say otherwise now: another page, or less than the entry grants. Unknown where the tables of its context aren't.
Stale stale(const std::vector<Tagged>& levels, const Entry& e, bool instruction) {
    bool guest = e.tag.dimension == Dimension::guest_physical;
    for (auto& level : levels) {
        if (!e.tag.in(guest ? level.context.second() : level.context)) continue;
        auto regime = level.view.regime;
        regime.stage1.smap = regime.stage1.smep = regime.stage1.pke = false;
        bool reads = !instruction && (e.tag.dimension == Dimension::linear || e.rights.has(paging::Rights::read2));
        paging::Access access{reads ? paging::Kind::read : paging::Kind::execute, paging::Privilege::implicit, false, reads ? paging::Purpose::data
            : paging::Purpose::code};
        QuietTables tables{level.view.cpu};
        auto walk = guest ? paging::walk_guest_physical(regime, GuestPhysical(e.tag.page), access, tables) : paging::walk(regime, LinearAddress(e.tag.page),
            access, tables);
        auto* t = walk.translation();
        return !t || t->physical.value != e.base || !t->rights.has(e.rights.allowed) || t->rights.key != e.rights.key ? Stale::yes : Stale::no;
    }
    return Stale::unknown;
}

// ---- which entries

struct Filter {
    std::optional<u64> page, tag, pcid, ept, physical;
    std::string array, dimension;            // empty: any
    bool all = false, stale = false, global = false;
};

Filter filter_of(const Viewpoint& view, Words words) {
    Filter f;
    for (auto& word : words) {
        auto equals = word.find('=');
        std::string name = word.substr(0, equals);
        auto value = [&] { return evaluate_at(view, word.substr(equals + 1)); };
        if (equals != word.npos && (name == "vpid" || name == "asid")) f.tag = value();
        else if (equals != word.npos && name == "pcid") f.pcid = value();
        else if (equals != word.npos && name == "ept") f.ept = value() & mask(51, 12);
        else if (equals != word.npos && name == "physical") f.physical = value();
        else if (equals != word.npos) throw Error("'" + name + "' is none of vpid, asid, pcid, ept, physical");
        else if (word == "all") f.all = true;
        else if (word == "stale") f.stale = true;
        else if (word == "global") f.global = true;
        else if (word == "data" || word == "instruction") f.array = word;
        else if (word == "linear" || word == "combined" || word == "guest-physical") f.dimension = word;
        else f.page = evaluate_at(view, word);
    }
    return f;
}

bool passes(const Filter& f, const Entry& e, const char* array) {
    auto& t = e.tag;
    if (f.page && !t.holds(*f.page)) return false;
    if (f.tag && t.vpid != *f.tag) return false;
    if (f.pcid && t.pcid != *f.pcid && !t.global) return false;
    if (f.ept && (t.ept == Context::no_ept || (t.ept & mask(51, 12)) != *f.ept)) return false;
    if (f.physical && *f.physical - e.base >= bit(t.shift)) return false;
    if (f.global && !t.global) return false;
    return (f.array.empty() || f.array == array) && (f.dimension.empty() || f.dimension == dimensions[unsigned(t.dimension)]);
}

void add_entry(Result& result, const char* tag_name, const char* array, const Entry& e, Stale stale, u64 age) {
    auto& t = e.tag;
    bool tagged = t.ept != Context::no_ept, guest = t.dimension == Dimension::guest_physical;
    std::string text = format("%-14s %016llx -> %012llx  2^%-2u %s %04x PCID %03x", array, 0ull + t.page, 0ull + e.base, t.shift, tag_name, t.vpid, t.pcid);
    if (tagged) text += " EPT " + hex(t.ept);
    std::string first = guest ? "" : rights_text(e.rights, paging::Stage::first), second = t.dimension == Dimension::linear &&
        !e.leaf2 ? "" : rights_text(e.rights, paging::Stage::second);
    std::string rights = first + (!first.empty() && !second.empty() ? "; " : "") + second;
    static constexpr const char* stale_texts[] = {"no", "yes", "unknown"};
    result.add(text + (t.global ? " global " : " ") + rights + (e.dirty1 && e.dirty2 ? " dirty" : "") + (stale == Stale::yes
        ? "  STALE: memory's tables say otherwise" : ""))
        .with("kind", array).with("array", array).with("dimension", dimensions[unsigned(t.dimension)]).address("page", t.page).address("physical", e.base)
        .count("page_bits", t.shift)
        .count("first_stage_bits", t.first_shift).with("tag_name", tag_name).count("vpid", t.vpid).count("pcid", t.pcid).with("ept", tagged ? hex(t.ept) : "")
        .flag("global", t.global)
        .with("rights", rights).with("rights_first", first).with("rights_second", second).flag("dirty", e.dirty1 && e.dirty2)
        .with("stale", stale_texts[unsigned(stale)]).count("age", age)
        .address("leaf1", e.leaf1).address("leaf2", e.leaf2);
}

u64 newest_of(const paging::TlbArray& entries) {
    u64 newest = 0;
    entries.each([&](const Entry& e) { newest = std::max(newest, e.order); });
    return newest;
}

// ---- what was dropped

Result drops(Session& session, Words words) {
    Result result;
    auto& tlb = session.cpu.mmu->tlb;
    auto& log = session.looking.drops_of(session.cpu);
    std::optional<u64> page;
    if (!words.empty()) page = evaluate_at(viewpoint(session), words[0]);
    log.each([&](const Drop& d) {
        if (page && !d.tag.holds(*page)) return;
        result.add(format("tick %-14llu %-14s %016llx  %s %04x PCID %03x  by %s", 0ull + d.tick, dimensions[unsigned(d.tag.dimension)], 0ull + d.tag.page,
                          session.cpu.intel() ? "VPID" : "ASID", d.tag.vpid, d.tag.pcid, std::string(d.cause).c_str()))
            .with("kind", "drop").count("tick", d.tick).with("dimension", dimensions[unsigned(d.tag.dimension)]).address("page", d.tag.page)
            .count("page_bits", d.tag.shift)
            .count("vpid", d.tag.vpid).count("pcid", d.tag.pcid).with("ept", d.tag.ept == Context::no_ept ? "" : hex(d.tag.ept)).with("cause", d.cause);
    });
    for (auto& s : paging::scopes()) {
        u64 times = tlb.counters.flushes[unsigned(s.operation)], dropped = tlb.counters.dropped[unsigned(s.operation)];
        if (times) result.add(format("%12llu entries in %12llu times  %s", 0ull + dropped, 0ull + times, std::string(s.name).c_str())).with("kind", "cause")
            .with("cause", s.name).count("times", times).count("dropped", dropped);
    }
    result.add(log.begun ? "each entry that goes is kept with its cause, the last " + std::to_string(DropLog::kept)
        : "from now on each entry that goes is kept with its cause")
        .with("kind", "summary").flag("was_on", log.begun);
    log.begun = true;
    return result;
}

}

// Reports of --check=tlb: the first line of each is the use, the others say what was cached, what has changed, and who changed it.
Result stale_uses(Session& session, Words) {
    auto& looking = session.looking;
    if (!looking.checks_tlb) throw Error("nobody looks for stale uses: start the emulator with --check=tlb");
    Result result;
    u64 number = 0;
    for (auto& report : looking.stale_uses) {
        std::istringstream in(report);
        number++;
        bool first = true;
        for (std::string line; std::getline(in, line); first = false) result.add(line).with("kind", first ? "use" : "fact").count("number", number);
    }
    std::string count = number == 1 ? "1 stale use" : std::to_string(number) + " stale uses";
    result.add(number ? count + " reported" : "no stale use so far").with("kind", "summary").count("reported", number);
    return result;
}

Result tlb(Session& session, Words words) {
    constexpr u64 shown_without_asking = 64;
    if (!words.empty() && words[0] == "drops") return drops(session, words.subspan(1));
    Result result;
    auto& cpu = session.cpu;
    auto& tlb = cpu.mmu->tlb;
    Filter filter = filter_of(viewpoint(session), words);
    auto levels = known_levels(cpu);
    u64 more = 0;
    auto array = [&](const char* kind, const paging::TlbArray& entries) {
        u64 newest = newest_of(entries);
        entries.each([&](const Entry& e) {
            if (!passes(filter, e, kind)) return;
            bool shown = filter.all || result.lines.size() < shown_without_asking;
            if (!shown && !filter.stale) return void(more++);
            auto is = stale(levels, e, &entries == &tlb.instruction);
            if (filter.stale && is != Stale::yes) return;
            if (!shown) return void(more++);
            add_entry(result, cpu.intel() ? "VPID" : "ASID", kind, e, is, newest - e.order);
        });
    };
    array("data", tlb.data), array("instruction", tlb.instruction), array("guest-physical", tlb.guest_physical);
    if (more) result.add("and " + std::to_string(more) + " more: tlb all").with("kind", "more").count("more", more);
    if (result.lines.empty()) result.add("no cached translation");
    return result;
}

}
