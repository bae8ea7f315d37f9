// SPDX-License-Identifier: MIT
// What leaves no trace: registers, memory, code, translations.
#include "base/error.h"
#include "cpu/mmu.h"
#include "debugger/commands.h"
#include "debugger/disassemble.h"
#include "debugger/expression.h"
#include "debugger/look.h"
#include "debugger/registers.h"
#include "debugger/walk_report.h"
#include <algorithm>

namespace debugger::look {

// ---- registers

static void add_register(Result& result, Cpu& cpu, const Register& r) {
    u64 value = r.get(cpu, r.number);
    std::string names = bit_names(r.name, value);
    result.add(format("%-12s %s%s%s", std::string(r.name).c_str(), hex(value, r.bits / 4).c_str(), names.empty() ? "" : "  ", names.c_str()))
        .with("name", r.name).with("group", name_of(r.group)).address("value", value);
}

// A segment register with its hidden parts on one line.
static void add_segment(Result& result, Cpu& cpu, unsigned n) {
    static constexpr const char* names[] = {"es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"};
    auto& s = cpu.seg.s[n];
    auto& r = s.rights;
    std::string what = r.unusable() ? "unusable" : !r.s() ? format("system type %x", r.type()) : std::string(r.code() ? "code" : "data") +
        (r.code() ? r.l() ? " 64-bit" : r.db() ? " 32-bit" : " 16-bit" : "") + ((r.code() ? r.readable() : r.writable()) ? r.code() ? " readable" : " writable" : "");
    result.add(format("%-4s %04x  base %016llx  limit %08x  rights %05x  DPL %u %s%s", names[n], s.selector, 0ull + s.base, s.limit, r.value, r.dpl(), what.c_str(), r.p() ? "" : ", not present"))
        .with("name", names[n]).with("group", "segments").address("selector", s.selector).address("base", s.base).address("limit", s.limit).address("rights", r.value);
}

static void add_segments(Result& result, Cpu& cpu) {
    for (unsigned n = 0; n < 8; n++) add_segment(result, cpu, n);
    for (auto* name : {"gdtr", "idtr"}) {
        auto& t = name[0] == 'g' ? cpu.seg.gdtr : cpu.seg.idtr;
        result.add(format("%s       base %016llx  limit %04x", name, 0ull + t.base, t.limit)).with("name", name).with("group", "segments").address("base", t.base).address("limit", t.limit);
    }
}

static void add_x87_stack(Result& result, Cpu& cpu) {
    for (unsigned i = 0; i < 8; i++) {
        unsigned n = cpu.fpu.physical(i);
        auto& r = cpu.fpu.r[n];
        result.add(format("st%u          %04x %016llx  R%u%s", i, r.sign_exponent, 0ull + r.significand, n, cpu.fpu.empty >> n & 1 ? " empty" : ""))
            .with("name", format("st%u", i)).with("group", "x87").address("sign_exponent", r.sign_exponent).address("significand", r.significand);
    }
}

static void add_vectors(Result& result, Cpu& cpu) {
    for (unsigned i = 0; i < 16; i++) {
        u64 low = cpu.vector.v[i].get<u64>(0), high = cpu.vector.v[i].get<u64>(1);
        result.add(format("xmm%-9u %016llx%016llx", i, 0ull + high, 0ull + low)).with("name", format("xmm%u", i)).with("group", "vector").address("low", low).address("high", high);
    }
}

Result registers(Session& session, Words words) {
    Result result;
    Cpu& cpu = session.cpu;
    std::string wanted = words.empty() ? "general" : words[0];
    if (auto* r = find_register(wanted)) return add_register(result, cpu, *r), result;
    bool all = wanted == "all";
    for (auto& r : debugger::registers())
        if (r.group != Group::segments && (all || name_of(r.group) == wanted)) add_register(result, cpu, r);
    if (all || wanted == "segments") add_segments(result, cpu);
    if (all || wanted == "x87") add_x87_stack(result, cpu);
    if (all || wanted == "vector") add_vectors(result, cpu);
    return result.lines.empty() ? refused("no register and no group '" + wanted + "'; groups: general, segments, control, debug, x87, vector, all") : result;
}

static void add_msr(Result& result, u32 index, std::string_view name, u64 value) {
    result.add(format("%08x  %-28s %016llx", index, std::string(name).c_str(), 0ull + value)).address("index", index).with("name", name).address("value", value);
}

Result msr(Session& session, Words words) {
    Result result;
    Cpu& cpu = session.cpu;
    u32 index = 0;
    u64 value;
    if (words.empty()) return each_msr(cpu, [&](u32 i, std::string_view name, u64 v) { add_msr(result, i, name, v); }), result;
    if (!msr_index(cpu, words[0], index) || msr_name(cpu, index).empty()) return refused("the model has no MSR '" + words[0] + "'");
    if (!read_msr(cpu, index, value)) return refused("the MSR can't be read now: RDMSR would raise #GP(0)");
    return add_msr(result, index, msr_name(cpu, index), value), result;
}

// ---- memory

static std::string place_text(Place p) { return (p.space == Space::guest_physical ? "g:" : p.space == Space::physical ? "p:" : "") + hex(p.address); }

static std::string line_of_bytes(std::span<const u8> bytes) {
    std::string numbers, letters;
    for (u8 b : bytes) numbers += format("%02x ", b), letters += b >= ' ' && b < 0x7f ? char(b) : '.';
    return format("%-48s %s", numbers.c_str(), letters.c_str());
}

static std::string plain_hex(std::span<const u8> bytes) {
    std::string out;
    for (u8 b : bytes) out += format("%02x", b);
    return out;
}

Result memory(Session& session, Words words) {
    Result result;
    Place place = parse_place(session.cpu, words[0]);
    u64 size = words.size() > 1 ? number(session, words[1], 1, 1 << 16) : 128;
    std::vector<u8> bytes(size);
    u64 have = read_memory(session.cpu, place, bytes);
    for (u64 at = 0; at < have; at += 16) {
        auto part = std::span(bytes).subspan(at, std::min<u64>(16, have - at));
        Place here{place.space, place.address + at};
        result.add(place_text(here) + ": " + line_of_bytes(part)).with("address", place_text(here)).with("bytes", plain_hex(part));
    }
    if (have < size) {
        Place end{place.space, place.address + have};
        std::string why = physical_of(session.cpu, end) ? "no plain memory (what a device answers isn't read)" : "not mapped";
        result.add(place_text(end) + ": " + why).with("address", place_text(end)).with("error", why);
        result.failed = !have;
    }
    return result;
}

static decode::CodeSize code_size(Session& session, Words words) {
    if (words.size() < 3) return session.cpu.code.size;
    for (auto [text, size] : {std::pair{"16", decode::CodeSize::bits16}, {"32", decode::CodeSize::bits32}, {"64", decode::CodeSize::bits64}})
        if (words[2] == text) return size;
    throw Error("'" + words[2] + "' is none of 16, 32, 64");
}

// Jumps are shown by where they go in the code's own terms: RIP where the code is the running one.
Result disassemble(Session& session, Words words) {
    Result result;
    Cpu& cpu = session.cpu;
    Place place = words.empty() ? Place{Space::linear, session.code()} : parse_place(cpu, words[0]);
    u64 n = words.size() > 1 ? number(session, words[1], 1, 1000) : 10;
    auto size = code_size(session, words);
    for (; n; n--) {
        std::array<u8, 15> bytes{};
        u64 have = read_memory(cpu, place, bytes);
        if (!have) return result.add(place_text(place) + ": not mapped, or no plain memory").with("address", place_text(place)), result.failed = result.lines.size() == 1, result;
        auto d = debugger::disassemble({bytes.data(), have}, place.address, size);
        unsigned length = std::max(d.length, 1u);
        std::string shown = plain_hex({bytes.data(), length}), text = d.length ? d.text : "(no instruction)";
        bool here = place.space == Space::linear && place.address == session.code();
        result.add(format("%s %-18s %-30s %s", here ? "=>" : "  ", place_text(place).c_str(), shown.c_str(), text.c_str()))
            .with("address", place_text(place)).with("bytes", shown).with("instruction", text);
        place.address += length;
    }
    return result;
}

// ---- translation

static void apply(paging::Access& access, const std::string& word) {
    using paging::Kind, paging::Privilege;
    if (word == "r") access.kind = Kind::read;
    else if (word == "w") access.kind = Kind::write;
    else if (word == "x") access.kind = Kind::execute, access.purpose = paging::Purpose::code;
    else if (word == "u") access.privilege = Privilege::user;
    else if (word == "s") access.privilege = Privilege::supervisor;
    else throw Error("'" + word + "' is none of r, w, x, u, s");
}

Result walk(Session& session, Words words) {
    Cpu& cpu = session.cpu;
    Place place = parse_place(cpu, words[0]);
    if (place.space == Space::physical) throw Error("a physical address isn't translated");
    paging::Access access;
    access.ac = cpu.rflags & rflags::ac;
    access.privilege = cpu.cpl == 3 ? paging::Privilege::user : paging::Privilege::supervisor;
    for (auto& word : words.subspan(1)) apply(access, word);
    return walk_report(cpu, place, access);
}

static void add_entry(Result& result, const char* tag_name, const char* kind, const paging::Entry& e) {
    auto& t = e.tag;
    bool tagged = t.ept != paging::Context::no_ept, guest = t.dimension == paging::Dimension::guest_physical;
    static constexpr const char* dimensions[] = {"linear", "combined", "guest-physical"};
    std::string text = format("%-14s %016llx -> %012llx  2^%-2u %s %04x PCID %03x", kind, 0ull + t.page, 0ull + e.base, t.shift, tag_name, t.vpid, t.pcid);
    if (tagged) text += " EPT " + hex(t.ept);
    std::string rights = guest ? "" : rights_text(e.rights, paging::Stage::first);
    if (t.dimension != paging::Dimension::linear) rights += std::string(guest ? "" : "; ") + rights_text(e.rights, paging::Stage::second);
    result.add(text + (t.global ? " global " : " ") + rights + (e.dirty1 && e.dirty2 ? " dirty" : ""))
        .with("kind", kind).with("dimension", dimensions[unsigned(t.dimension)]).address("page", t.page).address("physical", e.base).count("page_bits", t.shift)
        .count("vpid", t.vpid).count("pcid", t.pcid).with("ept", tagged ? hex(t.ept) : "").flag("global", t.global).with("rights", rights)
        .flag("dirty", e.dirty1 && e.dirty2);
}

Result tlb(Session& session, Words words) {
    constexpr u64 shown_without_asking = 64;
    Result result;
    auto& tlb = session.cpu.mmu->tlb;
    bool all = !words.empty() && words[0] == "all", one = !words.empty() && !all;
    u64 address = one ? evaluate(session.cpu, words[0]) : 0, more = 0;
    auto array = [&](const char* kind, const paging::TlbArray& entries) {
        entries.each([&](const paging::Entry& e) {
            if (one && !e.tag.holds(address)) return;
            if (!all && result.lines.size() >= shown_without_asking) return void(more++);
            add_entry(result, session.cpu.intel() ? "VPID" : "ASID", kind, e);
        });
    };
    array("data", tlb.data), array("instruction", tlb.instruction), array("guest-physical", tlb.guest_physical);
    if (more) result.add("and " + std::to_string(more) + " more: tlb all").count("more", more);
    if (result.lines.empty()) result.add("no cached translation");
    return result;
}

}
