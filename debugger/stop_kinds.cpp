// SPDX-License-Identifier: MIT
// The kinds of stop points: what each takes, and when it is met.
#include "base/error.h"
#include "cpu/mmu.h"
#include "cpu/svm/svm.h"
#include "cpu/virt/layer.h"
#include "cpu/vmx/fields.h"
#include "debugger/commands.h"
#include "debugger/expression.h"
#include "debugger/registers.h"
#include "debugger/virt_bits.h"
#include "memory/scopes.h"
#include <algorithm>
#include <cctype>

namespace debugger {

namespace {

using Words = std::vector<std::string>;
using enum isa::Event;

constexpr u64 of(auto... kinds) { return ((u64{1} << unsigned(kinds)) | ...); }

std::string take_first(Words& words, const char* what) {
    if (words.empty()) throw Error(std::string("it is not said which: ") + what);
    std::string word = words[0];
    return words.erase(words.begin()), word;
}

// "r", "w" or "rw" at the end.
void take_direction(StopPoint& p, Words& words, On otherwise) {
    p.on = otherwise;
    if (words.empty()) return;
    static constexpr std::pair<std::string_view, On> kinds[] = {{"r", On::read}, {"w", On::write}, {"rw", On::access}};
    for (auto& [text, on] : kinds)
        if (words.back() == text) return p.on = on, words.pop_back();
}
bool reads(const StopPoint& p) { return p.on != On::write; }
bool writes(const StopPoint& p) { return p.on != On::read; }

// ---- places

void take_place(Session& s, StopPoint& p, Words& words) {
    Place place = parse_place(s.cpu, take_first(words, "ADDR"), &s.symbols);
    p.space = place.space;
    p.address = place.space == Space::linear ? linear_in_mode(s.cpu, place.address) : place.address;
}
void parse_break(Session& s, StopPoint& p, Words& words) {
    if (words.empty()) p.address = s.code();
    else take_place(s, p, words);
}
void parse_watch(Session& s, StopPoint& p, Words& words) {
    take_place(s, p, words);
    take_direction(p, words, On::write);
    if (!words.empty()) p.length = number(s, take_first(words, "BYTES"), 1, 1 << 20);
}

// ---- numbers

// "14" or "0x20-0x2f".
void take_range(Session& s, StopPoint& p, Words& words, u64 most) {
    if (words.empty()) return;
    std::string word = take_first(words, "");
    auto dash = word.find('-');
    p.first = number(s, word.substr(0, dash), 0, most);
    p.last = dash == word.npos ? *p.first : number(s, word.substr(dash + 1), *p.first, most);
}

constexpr std::string_view exceptions[] = {"de", "db", "nmi", "bp", "of", "br", "ud", "nm", "df", "", "ts", "np", "ss", "gp",
                                           "pf", "", "mf", "ac", "mc", "xm", "ve", "cp"};
void parse_exception(Session& s, StopPoint& p, Words& words) {
    auto found = std::find(std::begin(exceptions), std::end(exceptions), words.empty() ? std::string() : words[0].substr(words[0].starts_with('#')));
    if (words.empty() || found == std::end(exceptions)) return take_range(s, p, words, 31);
    p.first = u64(found - std::begin(exceptions));
    words.erase(words.begin());
}
void parse_vector(Session& s, StopPoint& p, Words& words) { take_range(s, p, words, 255); }
void parse_port(Session& s, StopPoint& p, Words& words) {
    take_direction(p, words, On::access);
    take_range(s, p, words, 0xffff);
}
void parse_msr(Session& s, StopPoint& p, Words& words) {
    take_direction(p, words, On::access);
    if (words.empty()) return;
    u32 index;
    if (!msr_index(s.cpu, words[0], index)) throw Error("no such MSR: '" + Error::one_line(words[0]) + "'");
    p.first = index;
    words.erase(words.begin());
}
void parse_control_register(Session& s, StopPoint& p, Words& words) {
    if (!words.empty() && words[0].starts_with("cr")) words[0].erase(0, 2);
    take_range(s, p, words, 8);
}

bool port_meets(Cpu& cpu, const StopPoint& p, const Insn& insn) {
    bool in = insn.row->name.starts_with("in");
    bool immediate = insn.operand[in].place == ::Place::immediate;
    return (in ? reads(p) : writes(p)) && p.within(immediate ? insn.immediate & 0xff : cpu.gpr[rdx] & 0xffff);
}
bool msr_meets(Cpu& cpu, const StopPoint& p, const Insn& insn) {
    return (insn.row->event == rdmsr ? reads(p) : writes(p)) && p.within(u32(cpu.gpr[rcx]));
}
bool control_register_meets(Cpu&, const StopPoint& p, const Insn& insn) {
    if (insn.row->event != mov_cr) return p.within(0);
    return insn.operand[0].place == ::Place::control && p.within(insn.operand[0].number);
}

bool is_number(Cpu&, const StopPoint& p, const notice::Event& e) { return p.within(e.number); }

// ---- virtualization

bool same_word(std::string_view a, std::string_view b) {
    auto plain = [](char c) { return char(c == '_' || c == '-' ? ' ' : c >= 'A' && c <= 'Z' ? c + 32 : c); };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return plain(x) == plain(y); });
}
void need_virtualization(Session& s) {
    if (!s.cpu.virt) throw Error("this CPU has neither VMX nor SVM");
}
// By number, or by the manual's name with _ for its spaces.
void parse_reason(Session& s, StopPoint& p, Words& words) {
    need_virtualization(s);
    if (words.empty()) return;
    std::string word = take_first(words, "");
    for (u64 n = 0; n < virt::ContextExits::kinds; n++)
        if (auto text = s.cpu.virt->exit_text(n); !text.empty() && same_word(text, word)) return p.first = n, void();
    p.first = number(s, word, 0, ~u64{0});
}
void parse_nothing_of_guests(Session& s, StopPoint&, Words&) { need_virtualization(s); }

void parse_field(Session& s, StopPoint& p, Words& words) {
    need_virtualization(s);
    std::string name = take_first(words, "FIELD");
    if (!s.cpu.intel()) throw Error("this CPU has a VMCB: stop vmcb FIELD");
    for (auto& f : vmx::fields)
        if (f.name == name) return p.first = u64(f.field), void();
    p.first = number(s, name, 0, 0x7fff);
}
bool field_meets(Cpu& cpu, const StopPoint& p, const Insn& insn) {
    return insn.row->name == "vmwrite" && insn.operand[0].place == ::Place::gpr && p.within(cpu.gpr[insn.operand[0].number] & ~u64{1});
}

// Stores to memory where the VMCB lies that was run last. Those of #VMEXIT aren't accesses: stop vmexit if FIELD == ... sees what it leaves.
void parse_vmcb_field(Session& s, StopPoint& p, Words& words) {
    need_virtualization(s);
    std::string name = take_first(words, "FIELD");
    if (s.cpu.intel()) throw Error("this CPU has VMCSs: stop vmwrite FIELD");
    auto row = std::ranges::find(svm::fields, name, [](auto& r) { return name_of(r.field); });
    if (row == std::end(svm::fields)) throw Error("no field of the VMCB is called '" + Error::one_line(name) + "': rip, intercept_3, nested_cr3, ...");
    p.on = On::write, p.space = Space::physical, p.address = row->offset, p.length = row->bytes;
}
std::optional<u64> in_vmcb(const Cpu& cpu, const StopPoint& p) {
    u64 vmcb = static_cast<const svm::Svm&>(*cpu.virt).vmcb_address;
    return vmcb == svm::Svm::none ? std::nullopt : std::optional(vmcb + p.address);
}

void parse_violation(Session& s, StopPoint& p, Words& words) {
    need_virtualization(s);
    if (words.empty()) return;
    p.first = parse_place(s.cpu, take_first(words, ""), &s.symbols).address;
    p.last = *p.first + (words.empty() ? 1 : number(s, take_first(words, ""), 1, ~u64{0} - *p.first)) - 1;
}
bool violates(Cpu& cpu, const StopPoint& p, const notice::Event& e) {
    bool second_stage = cpu.intel() ? e.number == 48 || e.number == 49 : e.number == 0x400;
    return second_stage && p.within(e.address);
}

// ---- translation

void parse_cause(Session&, StopPoint& p, Words& words) {
    if (words.empty()) return;
    std::string word = take_first(words, "");
    for (auto& scope : paging::scopes())
        if (same_word(scope.name, word)) return p.first = u64(scope.operation), void();
    p.first = 0, p.last = 0;
    bool found = false;
    for (auto& scope : paging::scopes()) {               // a beginning: INVPCID for all of its kinds
        if (scope.name.size() < word.size() || !same_word(scope.name.substr(0, word.size()), word)) continue;
        if (!found) p.first = u64(scope.operation);
        p.last = u64(scope.operation), found = true;
    }
    if (!found) throw Error("no cause begins with '" + Error::one_line(word) + "': INVLPG, MOV_CR3, INVEPT, page_fault, ...");
}
bool drops(Cpu&, const StopPoint& p, const notice::Event& e) { return e.information && p.within(e.number); }

// ---- changes

u64 mode_of(const Cpu& c, const StopPoint&) {
    return u64(c.code.size) | u64(c.protected_mode()) << 2 | u64(c.v86()) << 3 | u64(c.paging()) << 4 | u64(c.long_mode()) << 5 | u64(c.cpl) << 6 |
           u64(c.guest != nullptr) << 8;
}
constexpr std::string_view contexts[] = {"cr3", "vpid", "asid", "eptp"};
void parse_context(Session&, StopPoint& p, Words& words) {
    if (words.empty()) return;
    auto found = std::find(std::begin(contexts), std::end(contexts), words[0]);
    if (found == std::end(contexts)) throw Error("'" + Error::one_line(words[0]) + "' is none of cr3, vpid, asid, eptp");
    p.first = u64(found - std::begin(contexts));
    words.erase(words.begin());
}
u64 context_of(const Cpu& c, const StopPoint& p) {
    auto& now = c.mmu->context;
    u64 all[] = {c.control.cr3, now.vpid, now.vpid, now.ept};
    if (p.first) return all[*p.first];
    return all[0] * 3 + all[1] * 5 + all[3] * 7;
}

using N = notice::Kind;
constexpr StopKind table[] = {
    // name           arguments                      help,
    //   seen by          which                          how
    {"break",         "[g:|p:]ADDR [CONTEXT...]",    "before the instruction at an address, in a context (cr3=, vpid=, asid=, eptp=, level=)",
     Seen::code,        0,                             parse_break},
    {"watch",         "[g:|p:]ADDR [BYTES] [r|w|rw]", "behind an access to memory: a write",
     Seen::access,      0,                             parse_watch},
    {"exception",     "[VECTOR|NAME]",               "at the handler of an exception (14, pf)",
     Seen::notice,      of(N::exception),              parse_exception, nullptr, is_number},
    {"interrupt",     "[VECTOR[-VECTOR]]",           "at the handler of an interrupt, INT n too",
     Seen::notice,      of(N::interrupt),              parse_vector, nullptr, is_number},
    {"port",          "[PORT[-PORT]] [r|w|rw]",      "before IN, OUT, INS, OUTS",
     Seen::instruction, of(io),                        parse_port, port_meets},
    {"msr",           "[NAME|INDEX] [r|w|rw]",       "before RDMSR, WRMSR",
     Seen::instruction, of(rdmsr, wrmsr),              parse_msr, msr_meets},
    {"cr",            "[N]",                         "before a MOV to a control register, CLTS, LMSW",
     Seen::instruction, of(mov_cr, clts, lmsw),        parse_control_register, control_register_meets},
    {"mode",          "",                            "behind a change of code size, protection, paging, CPL or guest level",
     Seen::change,      0,                             nullptr, nullptr, nullptr, mode_of},
    {"context",       "[cr3|vpid|asid|eptp]",        "behind a change of the translation's context",
     Seen::change,      0,                             parse_context, nullptr, nullptr, context_of},
    {"vmexit",        "[REASON]",                    "behind a VM exit, by number or name (EPT_violation)",
     Seen::notice,      of(N::vm_exit),                parse_reason, nullptr, is_number},
    {"vmentry",       "",                            "behind a VM entry",
     Seen::notice,      of(N::vm_entry),               parse_nothing_of_guests},
    {"entry-failure", "",                            "behind a VM entry or VMRUN that a check refuses",
     Seen::notice,      of(N::entry_failure),          parse_nothing_of_guests},
    {"vmwrite",       "FIELD",                       "before VMWRITE of a field, by name or encoding",
     Seen::instruction, of(vmx),                       parse_field, field_meets},
    {"vmcb",          "FIELD",                       "behind a store to a field of the VMCB that was run last (rip, intercept_3)",
     Seen::access,      0,                             parse_vmcb_field, nullptr, nullptr, nullptr, in_vmcb},
    {"violation",     "[ADDR [BYTES]]",              "behind an EPT violation or misconfiguration, or nested page fault, at a guest-physical address",
     Seen::notice,      of(N::vm_exit),                parse_violation, nullptr, violates},
    {"tlb-drop",      "[CAUSE]",                     "behind what makes the TLB drop an entry (INVLPG, MOV_CR3, INVEPT, page_fault)",
     Seen::notice,      of(N::tlb_drop),               parse_cause, nullptr, drops},
    {"stale",         "",                            "behind a report of --check=tlb",
     Seen::notice,      of(N::stale_use)},
    {"shutdown",      "",                            "at a triple fault",
     Seen::notice,      of(N::shutdown)},
};

}

std::span<const StopKind> stop_kinds() { return table; }

std::string notice_name(const notice::Event& e) {
    bool named = e.kind == N::exception && e.number < std::size(exceptions) && !exceptions[e.number].empty();
    std::string name(named ? exceptions[e.number] : "");
    std::ranges::transform(name, name.begin(), [](char c) { return char(std::toupper(static_cast<unsigned char>(c))); });
    return named ? "#" + name : format("%s %llu", e.kind == N::exception ? "exception" : "interrupt", 0ull + e.number);
}

std::string notice_text(Cpu& cpu, const notice::Event& e) {
    auto vector = [&] {
        bool named = e.number < std::size(exceptions) && !exceptions[e.number].empty();
        return format("%llu", 0ull + e.number) + (named ? " (#" + std::string(exceptions[e.number]) + ")" : "");
    };
    switch (e.kind) {
    case N::exception: return "exception " + vector() + ", error code " + hex(e.information) + ", address " + hex(e.address);
    case N::interrupt: return format("interrupt %llu", 0ull + e.number);
    case N::vm_exit:
        return "VM exit " + (cpu.virt ? cpu.virt->exit_text(e.number) : "") + " (" + hex(e.number) + "), " + hex(e.information) +
               ", guest-physical address " + hex(e.address);
    case N::vm_entry: return "VM entry";
    case N::entry_failure: return "a VM entry has been refused";
    case N::tlb_drop: return std::string(paging::scope(paging::Operation(e.number)).name) + format(" has dropped %llu translations", 0ull + e.information);
    case N::shutdown: return "triple fault";
    case N::stale_use: return "a stale translation has been used";
    }
    return "";
}

const StopKind* find_stop_kind(std::string_view name) {
    for (auto& k : table)
        if (k.name == name) return &k;
    return nullptr;
}

}
