// SPDX-License-Identifier: MIT
// Translation as commands: whole walks, a reference at a time, with other values, and what is mapped.
#include "base/error.h"
#include "cpu/cpuid/model.h"
#include "cpu/isa/row.h"
#include "cpu/mmu.h"
#include "debugger/at_level.h"
#include "debugger/commands.h"
#include "debugger/mapped.h"
#include "debugger/walk_report.h"
#include <algorithm>

namespace debugger::look {

namespace {

using paging::Access;

void apply(Access& access, const std::string& word) {
    using paging::Kind, paging::Privilege;
    if (word == "r") access.kind = Kind::read;
    else if (word == "w") access.kind = Kind::write;
    else if (word == "x") access.kind = Kind::execute, access.purpose = paging::Purpose::code;
    else if (word == "u") access.privilege = Privilege::user;
    else if (word == "s") access.privilege = Privilege::supervisor;
    else throw Error("'" + word + "' is none of r, w, x, u, s");
}

Access access_of(const Viewpoint& view) {
    Access access;
    access.ac = view.rflags & rflags::ac;
    access.privilege = view.cpl == 3 ? paging::Privilege::user : paging::Privilege::supervisor;
    return access;
}

Place translated(const Viewpoint& view, const std::string& word) {
    Place place = place_at(view, word);
    if (place.space == Space::physical) throw Error("a physical address isn't translated");
    return place;
}

// ---- a reference at a time

// Instructions whose first operand, in memory, is read alone.
bool only_reads(std::string_view name) {
    for (auto* begins : {"cmp", "test", "bt", "push", "call", "jmp", "mul", "imul", "div", "idiv", "fld", "fild", "fadd", "fsub", "fmul", "fdiv", "fcom", "fi",
        "ucom", "com", "lgdt",
                         "lidt", "lldt", "ltr", "lmsw", "verr", "verw", "prefetch", "vmptrld", "vmclear", "vmxon", "ptest"})
        if (name.starts_with(begins) && name != "btc" && name != "btr" && name != "bts") return true;
    return false;
}

// What the next instruction will translate: its memory operand or, where it has none, its own bytes.
void next_operand(const Viewpoint& view, Looking::Stepper& stepper) {
    auto& cpu = view.cpu;
    std::array<u8, 15> bytes{};
    u64 at = view.code_address(), have = read_memory(view, {Space::linear, at}, bytes);
    stepper.place = {Space::linear, at}, stepper.access = access_of(view);
    apply(stepper.access, "x");
    Insn insn;
    if (!view.live || decode::decode({bytes.data(), have}, cpu.code, insn) != decode::Result::ok || insn.row->name == "lea" || insn.row->name == "nop") return;
    for (unsigned n = 0; n < insn.operand.size(); n++) {
        if (!insn.is_memory(n)) continue;
        auto& r = cpu.gpr;
        u64 offset = (r[insn.base] + (r[insn.index] << insn.scale) + insn.displacement) & ones(insn.address_size);
        bool flat = view.code == decode::CodeSize::bits64 && insn.segment != Seg::fs && insn.segment != Seg::gs;
        stepper.place.address = view.linear(offset + (flat ? 0 : view.seg[insn.segment].base));
        stepper.access = access_of(view);
        stepper.access.kind = n || only_reads(insn.row->name) ? paging::Kind::read : paging::Kind::write;
        return;
    }
}

Result next_reference(Session& session) {
    auto& stepper = session.looking.stepper;
    if (!stepper.on) throw Error("no walk is being stepped: walk --step [ADDR]");
    Viewpoint view(session.cpu, stepper.level);
    auto seen = see_walk(view, stepper.place, stepper.access);
    Result result;
    if (stepper.next < seen.steps.size()) {
        add_step(result, seen.steps[stepper.next++], view.nested());
        result.lines.back().count("references", seen.steps.size()).count("rows", seen.rows).count("columns", seen.columns)
            .flag("last", stepper.next == seen.steps.size());
        return result;
    }
    add_verdict(result, view, seen, stepper.place, stepper.access);
    stepper.on = false;
    return result;
}

Result begin_steps(Session& session, Words words) {
    auto view = viewpoint(session);
    auto& stepper = session.looking.stepper;
    stepper = {.place = {}, .access = access_of(view), .level = view.level};
    if (words.empty()) next_operand(view, stepper);
    else stepper.place = translated(view, words[0]);
    for (auto& word : words.subspan(words.empty() ? 0 : 1)) apply(stepper.access, word);
    stepper.on = true;
    Result result = next_reference(session);
    result.lines.insert(result.lines.begin(), Line("the walk of " + place_text(stepper.place) + "; walk --next makes the next reference"));
    result.lines[0].with("kind", "begin").with("address", place_text(stepper.place)).flag("write", stepper.access.writes())
        .flag("fetch", stepper.access.fetches()).flag("user", stepper.access.user());
    return result;
}

// ---- with other values

struct Wish {
    std::string_view name, meaning;
    void (*set)(Viewpoint&, Access&, u64);
};
template <bool paging::Stage1::* flag> void set_flag(Viewpoint& v, Access&, u64 n) { v.regime.stage1.*flag = n; }
void set_second_root(Viewpoint& v, Access&, u64 n) {
    if (!v.nested()) throw Error("there is no second stage here");
    v.regime.stage2.root = n;
    if (v.regime.stage2.kind == paging::Nesting::ept) v.regime.stage2.accessed_dirty = n & bit(6);
}
// The TLB is of the level that runs.
template <auto tag> void set_tag(Viewpoint& v, Access&, u64 n) {
    if (!v.live) throw Error("tags are those of the level that runs");
    auto& to = v.context.*tag;
    if (n >> (8 * sizeof to)) throw Error("a tag has 16 bits");
    to = u16(n);
}
constexpr Wish wishes[] = {
    {"cr3", "root of the first stage", [](Viewpoint& v, Access&, u64 n) { v.regime.stage1.root = n, v.regime.stage1.pdptes_in_memory = true; }},
    {"eptp", "root of EPT", set_second_root},
    {"ncr3", "root of the nested tables", set_second_root},
    {"asid", "the TLB's tag", set_tag<&paging::Context::vpid>},
    {"vpid", "the TLB's tag", set_tag<&paging::Context::vpid>},
    {"pcid", "the TLB's tag", set_tag<&paging::Context::pcid>},
    {"cpl", "privilege level", [](Viewpoint&, Access& a, u64 n) { a.privilege = n == 3 ? paging::Privilege::user : paging::Privilege::supervisor; }},
    {"ac", "RFLAGS.AC", [](Viewpoint&, Access& a, u64 n) { a.ac = n; }},
    {"wp", "CR0.WP", set_flag<&paging::Stage1::wp>},
    {"smep", "CR4.SMEP", set_flag<&paging::Stage1::smep>},
    {"smap", "CR4.SMAP", set_flag<&paging::Stage1::smap>},
    {"pke", "CR4.PKE", set_flag<&paging::Stage1::pke>},
    {"nxe", "EFER.NXE", set_flag<&paging::Stage1::nxe>},
    {"pkru", "PKRU", [](Viewpoint& v, Access&, u64 n) { v.regime.stage1.pkru = u32(n); }},
};

bool wish(Viewpoint& view, Access& access, const std::string& word) {
    auto equals = word.find('=');
    if (equals == word.npos) return false;
    for (auto& w : wishes)
        if (word.substr(0, equals) == w.name) return w.set(view, access, evaluate_at(view, word.substr(equals + 1))), true;
    std::string names;
    for (auto& w : wishes) names += (names.empty() ? "" : ", ") + std::string(w.name);
    throw Error("'" + word.substr(0, equals) + "' is none of " + names);
}

bool same_outcome(const SeenStep& a, const SeenStep& b) {
    return a.step.at.value == b.step.at.value && a.step.entry == b.step.entry && a.step.rights == b.step.rights && a.step.written == b.step.written &&
        a.refusing == b.refusing;
}

// What the TLB answers with these tags: maybe not what memory says.
void add_served(Result& result, const SeenWalk& seen, const Viewpoint& view, Place place, const char* when) {
    auto& c = view.context;
    std::string tags = format("VPID or ASID %x, PCID %x", c.vpid, c.pcid);
    auto* e = seen.served;
    auto* t = seen.walk.translation();
    u64 physical = e ? e->physical(place.address).value : 0;
    bool stale = e && (!t || t->physical.value != physical);
    auto& line = result.add(std::string(when) + ": with " + tags + (e ? " the TLB answers PA " + hex(physical) : std::string(" the TLB has nothing")) +
                            (stale ? ", which memory's tables don't say" : ""));
    line.with("kind", "served").with("when", when).address("vpid", c.vpid).address("pcid", c.pcid).flag("served", e).flag("stale", stale);
    if (e) line.address("physical", physical);
}

void add_with_kind(Result& result, Result from, const char* when) {
    for (auto& line : from.lines) line.with("when", when), line.text = std::string(when) + ": " + line.text, result.lines.push_back(line);
}

}

// walk ADDR ..., walk --step [ADDR ...], walk --next
Result walk(Session& session, Words words) {
    if (words[0] == "--next") return next_reference(session);
    if (words[0] == "--step") return begin_steps(session, words.subspan(1));
    auto view = viewpoint(session);
    Place place = translated(view, words[0]);
    Access access = access_of(view);
    for (auto& word : words.subspan(1)) apply(access, word);
    Result result = walk_report(view, place, access);
    std::string symbol = place.space == Space::linear ? symbol_at(view, place.address) : "";
    if (!symbol.empty()) result.lines.back().text += "; in " + symbol, result.lines.back().with("symbol", symbol);
    return result;
}

// The verdict now and then, and the references of then that are others than now's.
Result what_if(Session& session, Words words) {
    Viewpoint now = viewpoint(session), then = now;
    Place place = translated(now, words[0]);
    Access access = access_of(now), other = access;
    for (auto& word : words.subspan(1))
        if (word.find('=') == word.npos) apply(access, word), apply(other, word);
    for (auto& word : words.subspan(1)) wish(then, other, word);
    auto before = see_walk(now, place, access), after = see_walk(then, place, other);
    Result result;
    unsigned differ = 0;
    for (std::size_t n = 0; n < after.steps.size(); n++) {
        auto& s = after.steps[n];
        auto found = std::ranges::find_if(before.steps, [&](auto& b) { return b.row == s.row && b.column == s.column && b.step.purpose == s.step.purpose; });
        bool same = found != before.steps.end() && same_outcome(*found, s);
        if (same) continue;
        add_step(result, s, then.nested()), differ++;
        result.lines.back().with("when", "then");
    }
    Result verdicts[2];
    add_verdict(verdicts[0], now, before, place, access), add_verdict(verdicts[1], then, after, place, other);
    if (now.context != then.context) add_served(result, before, now, place, "now"), add_served(result, after, then, place, "then");
    add_with_kind(result, verdicts[0], "now"), add_with_kind(result, verdicts[1], "then");
    bool granted[] = {before.canonical && before.walk.translation(), after.canonical && after.walk.translation()};
    result.add(format("%u of %zu references differ; the access is %s", differ, after.steps.size(), granted[0] == granted[1] ? granted[0] ? "granted in both"
        : "refused in both" : granted[1] ? "granted then, refused now" : "refused then, granted now"))
        .with("kind", "summary").count("differ", differ).count("references", after.steps.size()).flag("granted_now", granted[0])
        .flag("granted_then", granted[1]);
    return result;
}

Result map(Session& session, Words words) {
    auto view = viewpoint(session);
    bool all = words.empty();
    if (!view.nested() && view.regime.stage1.mode == paging::Mode::off) throw Error("paging is off, and there is no second stage: all addresses are physical");
    Place place = all ? Place{} : translated(view, words[0]);
    if (place.space == Space::guest_physical && !view.nested()) throw Error("there is no second stage: guest-physical addresses are physical");
    u64 reach = place.space == Space::linear && view.long_mode() ? ~u64{0} : place.space == Space::linear ? 0xffffffff
        : mask(view.cpu.model.physical_bits - 1u, 0);
    u64 length = words.size() > 1 ? evaluate_at(view, words[1]) : all ? ~u64{0} : bit(30);
    if (!length) throw Error("the length is 0");
    u64 last = length - 1 > reach - std::min(reach, place.address) ? reach : place.address + length - 1;
    return map_report(view, place, last);
}

}
