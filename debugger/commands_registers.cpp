// SPDX-License-Identifier: MIT
// Registers of all kinds at each guest level, with what they were at the last stop; model-specific registers; the levels.
#include "base/error.h"
#include "cpu/cpuid/model.h"
#include "cpu/svm/svm.h"
#include "cpu/vmx/vmx.h"
#include "debugger/at_level.h"
#include "debugger/commands.h"
#include "debugger/registers.h"
#include <algorithm>
#include <cmath>

namespace debugger::look {

namespace {

// What the guest's registers were when it was let go last; null: it hasn't been, or they are another level's.
const Looking::Before* before_of(Session& session, const Viewpoint& view) { return view.live ? session.looking.before_of(session.cpu) : nullptr; }

void add_before(Line& line, bool known, u64 value, u64 before) {
    bool changed = known && value != before;
    line.flag("changed", changed);
    if (changed) line.address("previous", before), line.text += "  (was " + hex(before) + ")";
}

void add_register(Result& result, Session& session, const Viewpoint& view, const Register& r) {
    auto value = view.value(r);
    if (!value) return;
    std::string names = bit_names(r.name, *value);
    Line& line = result.add(format("%-12s %s%s%s", std::string(r.name).c_str(), hex(*value, r.bits / 4).c_str(), names.empty() ? "" : "  ", names.c_str()))
        .with("name", r.name).with("group", name_of(r.group)).address("value", *value);
    if (!names.empty()) line.with("bits", names);
    line.count("width", r.bits).flag("writable", view.live && r.set);
    auto* before = before_of(session, view);
    auto n = std::size_t(&r - debugger::registers().data());
    add_before(line, before && n < before->registers.size(), *value, before && n < before->registers.size() ? before->registers[n] : 0);
}

std::string segment_text(const Rights& r) {
    if (r.unusable()) return "unusable";
    if (!r.s()) return format("system type %x", r.type());
    if (r.code()) return std::string("code ") + (r.l() ? "64-bit" : r.db() ? "32-bit" : "16-bit") + (r.readable() ? " readable" : "");
    return std::string("data") + (r.writable() ? " writable" : "");
}

constexpr const char* segment_names[] = {"es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"};

// A segment register with its hidden parts on one line.
void add_segment(Result& result, Session& session, const Viewpoint& view, unsigned n) {
    auto& s = view.seg.s[n];
    auto& r = s.rights;
    if (!view.live && !view.value(*find_register(segment_names[n]))) return;
    std::string what = segment_text(r);
    Line& line = result.add(format("%-4s %04x  base %016llx  limit %08x  rights %05x  DPL %u %s%s", segment_names[n], s.selector, 0ull + s.base, s.limit,
        r.value, r.dpl(), what.c_str(), r.p() ? "" : ", not present"));
    line.with("name", segment_names[n]).with("group", "segments").address("value", s.selector).address("selector", s.selector).address("base", s.base)
        .address("limit", s.limit)
        .address("rights", r.value).count("dpl", r.dpl()).with("what", what).flag("present", r.p()).flag("unusable", r.unusable());
    auto* before = before_of(session, view);
    bool changed = before && (before->segments.s[n].selector != s.selector || before->segments.s[n].base != s.base || before->segments.s[n].limit != s.limit ||
        before->segments.s[n].rights.value != r.value);
    line.flag("changed", changed);
    if (changed) line.address("previous", before->segments.s[n].selector).address("previous_base", before->segments.s[n].base),
        line.text += format("  (was %04x)", before->segments.s[n].selector);
}

void add_segments(Result& result, Session& session, const Viewpoint& view) {
    for (unsigned n = 0; n < 8; n++) add_segment(result, session, view, n);
    for (auto* name : {"gdtr", "idtr"}) {
        auto& t = name[0] == 'g' ? view.seg.gdtr : view.seg.idtr;
        result.add(format("%s       base %016llx  limit %04x", name, 0ull + t.base, t.limit)).with("name", name).with("group", "segments")
            .address("base", t.base).address("limit", t.limit);
    }
}

// As a number people read; 17 digits of the 19 that tell all.
std::string decimal(const F80& r) {
    unsigned exponent = r.sign_exponent & 0x7fff;
    std::string sign = r.sign_exponent >> 15 ? "-" : "";
    if (exponent == 0x7fff) return sign + (r.significand << 1 ? "NaN" : "infinity");
    return sign + format("%.17Lg", std::ldexp(static_cast<long double>(r.significand), int(std::max(exponent, 1u)) - 16383 - 63));
}

void add_x87_stack(Result& result, Session& session, const Viewpoint& view) {
    auto& fpu = view.cpu.fpu;
    auto* before = before_of(session, view);
    for (unsigned i = 0; i < 8; i++) {
        unsigned n = fpu.physical(i);
        auto& r = fpu.r[n];
        bool empty = fpu.empty >> n & 1, changed = before && (before->fpu.r[n].significand != r.significand ||
            before->fpu.r[n].sign_exponent != r.sign_exponent);
        result.add(format("st%u          %04x %016llx  R%u%s", i, r.sign_exponent, 0ull + r.significand, n, empty ? " empty" : ("  " + decimal(r)).c_str()))
            .with("name", format("st%u", i)).with("group", "x87").with("value", hex(r.sign_exponent) + hex(r.significand, 16))
            .address("sign_exponent", r.sign_exponent)
            .address("significand", r.significand).count("register", n).flag("empty", empty).with("decimal", decimal(r)).flag("changed", changed);
    }
}

void add_vectors(Result& result, Session& session, const Viewpoint& view) {
    auto& cpu = view.cpu;
    auto* before = before_of(session, view);
    bool wide = cpu.features.has(Feature::avx);
    for (unsigned i = 0; i < 16; i++) {
        u64 q[4];
        for (unsigned n = 0; n < 4; n++) q[n] = cpu.vector.v[i].get<u64>(n);
        bool changed = before && before->vector.v[i].bytes != cpu.vector.v[i].bytes;
        std::string upper = wide ? hex(q[3], 16) + hex(q[2], 16) + "'" : "";
        Line& line = result.add(format("%s%-9u %s%016llx%016llx%s", wide ? "ymm" : "xmm", i, upper.c_str(), 0ull + q[1], 0ull + q[0], changed ? "  (changed)"
            : ""));
        line.with("name", format("xmm%u", i)).with("group", "vector").with("value", "0x" + hex(q[1], 16) + hex(q[0], 16)).address("low", q[0])
            .address("high", q[1]).flag("changed", changed);
        if (wide) line.with("ymm", format("ymm%u", i)).with("upper", "0x" + hex(q[3], 16) + hex(q[2], 16));
    }
}

void add_msr(Result& result, u32 index, std::string_view name, u64 value) {
    result.add(format("%08x  %-28s %016llx", index, std::string(name).c_str(), 0ull + value)).address("index", index).with("name", name)
        .address("value", value);
}

}

Result registers(Session& session, Words words) {
    Result result;
    auto view = viewpoint(session);
    std::string wanted = words.empty() ? "general" : words[0];
    if (auto* r = find_register(wanted)) {
        if (!view.value(*r)) throw Error("level " + std::to_string(view.level) + "'s " + wanted + " is saved nowhere: " + view.source + " has none");
        return add_register(result, session, view, *r), add_register_bits(result, r->name, *view.value(*r)), result;
    }
    bool all = wanted == "all", is_group = all || wanted == "segments" || wanted == "x87" || wanted == "vector";
    for (auto& r : debugger::registers()) {
        is_group = is_group || name_of(r.group) == wanted;
        if (r.group != Group::segments && (all || name_of(r.group) == wanted)) add_register(result, session, view, r);
    }
    if (all || wanted == "segments") add_segments(result, session, view);
    if (view.live && (all || wanted == "x87")) add_x87_stack(result, session, view);
    if (view.live && (all || wanted == "vector")) add_vectors(result, session, view);
    if (!is_group) return refused("no register and no group '" + wanted + "'; groups: general, segments, control, debug, x87, vector, all");
    if (!view.live) result.add("level " + std::to_string(view.level) + " by " + view.source + "; what isn't here is saved nowhere").with("kind", "source")
        .count("level", view.level).with("source", view.source);
    return result;
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

// The stack of levels: what each is, and where it stands.
Result levels(Session& session, Words) {
    Result result;
    Cpu& cpu = session.cpu;
    static constexpr const char* activities[] = {"active", "halted", "shut down", "waiting for SIPI"};
    result.add("level 0  the emulator: " + std::string(cpu.model.name) + ", " + (!cpu.virt ? "neither VMX nor SVM" : cpu.intel() ? "VMX" : "SVM"))
        .with("kind", "level").count("level", 0).with("model", cpu.model.name);
    for (unsigned n = 1; n <= 2; n++) {
        if (!has_level(cpu, n)) continue;
        Viewpoint view(cpu, n);
        bool runs = view.live;
        const char* mode = view.long_mode() ? view.code == decode::CodeSize::bits64 ? "64-bit" : "compatibility" : !(view.control.cr0 & cr0::pe) ? "real"
            : view.rflags & rflags::vm ? "virtual-8086" : "protected";
        std::string activity = runs ? activities[unsigned(cpu.activity) & 3] : "waits";
        auto& t = view.regime;
        std::string root = view.nested() ? (t.stage2.kind == paging::Nesting::ept ? ", EPTP " : ", nCR3 ") + hex(t.stage2.root) : "";
        result.add(format("level %u  %s%s, %s, CPL %u, RIP %016llx, CR3 %016llx%s; by %s", n, runs ? "runs: " : "", activity.c_str(), mode, view.cpl, 0ull +
            view.rip, 0ull + view.control.cr3, root.c_str(), view.source.c_str()))
            .with("kind", "level").count("level", n).flag("runs", runs).with("activity", activity).with("mode", mode).count("cpl", view.cpl)
            .address("rip", view.rip).address("linear", view.code_address())
            .address("cr3", view.control.cr3).with("second_root", view.nested() ? hex(t.stage2.root) : "").with("source", view.source);
    }
    return result;
}

}
