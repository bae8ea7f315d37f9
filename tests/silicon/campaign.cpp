// SPDX-License-Identifier: MIT
// Runs cases on both sides and compares: registers, defined flags, memory, x87 and SSE state, exceptions.
#include "tests/silicon/campaign.h"
#include "tests/silicon/rules.h"
#include <cstdarg>
#include <cstdlib>

namespace silicon {
namespace {

std::string format(const char* text, ...) __attribute__((format(printf, 1, 2)));
std::string format(const char* text, ...) {
    char line[400];
    va_list rest;
    va_start(rest, text);
    std::vsnprintf(line, sizeof line, text, rest);
    va_end(rest);
    return line;
}

constexpr const char* gpr_names[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"};
constexpr const char* segment_names[] = {"es", "cs", "ss", "ds", "fs", "gs"};

// The operating system's IRET makes every null selector 0 (SDM vol. 2, IRET, return to an outer level).
u16 no_rpl_of_null(u16 selector) { return selector < 4 ? 0 : selector; }

struct Both {
    const Case& c;
    const End& emulated;
    const End& host;
    std::string text;

    void differ(const char* what, u64 before, u64 e, u64 h) {
        text += format("    %-8s before %llx  emulated %llx  silicon %llx\n", what, (unsigned long long)before, (unsigned long long)e, (unsigned long long)h);
    }
    void compare_exception() {
        if (either_vector(c.insn, emulated.vector, host.vector)) return;
        if (emulated.vector != host.vector) return differ("vector", 0, u64(emulated.vector), u64(host.vector));
        if (host.vector == pf_vector && emulated.cr2 != host.cr2 && two_operands_in_memory(c.insn)) return;      // the other one's
        constexpr u64 with_code = bit(ts_vector) | bit(np_vector) | bit(ss_vector) | bit(gp_vector) | bit(pf_vector) | bit(ac_vector);
        // Linux sets the P bit for addresses that are not the user's, lest the kernel's layout be told.
        u64 kept = host.vector == pf_vector && host.cr2 >= bit(47) - 4096 ? ~u64{1} : ~u64{0};
        bool coded = host.vector >= 0 && (with_code >> host.vector & 1);
        if (coded && ((emulated.error ^ host.error) & kept)) differ("error", 0, emulated.error, host.error);
        if (host.vector == pf_vector && emulated.cr2 != host.cr2) differ("cr2", 0, emulated.cr2, host.cr2);
    }
    void compare_registers() {
        auto &s = c.start, &e = emulated.state, &h = host.state;
        bool half = c.mode != Mode::bits64;             // bits 63:32 are undefined outside 64-bit mode (SDM vol. 1, 3.4.1.1)
        for (unsigned i = 0; i < 16; i++) {
            u64 mask = half ? 0xffffffff : ~u64{0};
            if (i != rsp && host.vector >= 0 && registers_left_by_fault(c.insn)) continue;
            if (i == c.insn.operand[0].number && c.insn.operand[0].place == Place::gpr && undefined_result(c.insn, s)) continue;
            if ((e.gpr[i] ^ h.gpr[i]) & mask) differ(gpr_names[i], s.gpr[i], e.gpr[i], h.gpr[i]);
        }
        if (e.rip != h.rip) differ("rip", s.rip, e.rip, h.rip);
        u64 flags = (rflags::status | rflags::df | rflags::ac | rflags::id | rflags::nt | rflags::iopl | rflags::if_) & ~undefined_flags(c.insn, s);
        if (host.vector >= 0) flags |= rflags::status;
        if ((e.rflags ^ h.rflags) & flags) differ("rflags", s.rflags, e.rflags, h.rflags);
        for (unsigned i = 0; i < 6; i++)
            if (no_rpl_of_null(e.selector[i]) != no_rpl_of_null(h.selector[i])) differ(segment_names[i], s.selector[i], e.selector[i], h.selector[i]);
        if (!half && e.fs_base != h.fs_base) differ("fs.base", s.fs_base, e.fs_base, h.fs_base);
        if (!half && e.gs_base != h.gs_base) differ("gs.base", s.gs_base, e.gs_base, h.gs_base);
    }
    template <class T> void compare_field(const char* name, unsigned at) {
        auto e = emulated.state.fx.get<T>(at), h = host.state.fx.get<T>(at);
        if (e != h) differ(name, c.start.fx.get<T>(at), e, h);
    }
    static F80 st(const End& end, unsigned i) {
        return {end.state.fx.get<u64>(Fx::st + i * 16), end.state.fx.get<u16>(Fx::st + i * 16 + 8)};
    }
    // Without PE, UE (a tiny result underflows if it is inexact) and C1, and what they would summon, of a transcendental function.
    void compare_status(bool function) {
        auto e = emulated.state.fx.get<u16>(Fx::status), h = host.state.fx.get<u16>(Fx::status);
        bool summoned = ~c.start.fx.get<u16>(Fx::control) & 0x30;
        u16 compared = function ? u16(~(0x230 | (summoned ? 0x8080 : 0))) : u16(0xffff);
        if ((e ^ h) & compared) differ("fsw", c.start.fx.get<u16>(Fx::status), e, h);
    }
    void compare_floating() {
        bool left = host.vector >= 0 && x87_left_by_fault(c.insn);
        compare_field<u16>("fcw", Fx::control);
        bool function = is_transcendental(c.insn);
        if (!left) compare_status(function), compare_field<u8>("tags", Fx::tags);
        compare_field<u32>("mxcsr", Fx::mxcsr);
        for (unsigned i = 0; i < 8 && !left; i++) {
            if (function && both_numbers(st(emulated, i), st(host, i))) continue;
            compare_field<u64>(format("st%u", i).c_str(), Fx::st + i * 16);
            compare_field<u16>(format("st%u.exp", i).c_str(), Fx::st + i * 16 + 8);
        }
        bool approximate = is_approximation(c.insn);
        for (unsigned i = 0; i < 64; i++) {
            unsigned at = Fx::xmm + i * 4;
            auto e = emulated.state.fx.get<u32>(at), h = host.state.fx.get<u32>(at);
            if (e != h && !(approximate && near(e, h))) differ(format("xmm%u.%u", i / 4, i % 4).c_str(), c.start.fx.get<u32>(at), e, h);
        }
        for (unsigned i = 0; i < 64; i++) {
            auto part = [&](const State& s) { return std::bit_cast<std::array<u32, 4>>(s.upper[i / 4])[i % 4]; };
            u32 e = part(emulated.state), h = part(host.state);
            if (e != h && !(approximate && near(e, h))) differ(format("ymm%u.%u", i / 4, 4 + i % 4).c_str(), part(c.start), e, h);
        }
    }
    void compare_memory(const Data& before, const u8* e, const u8* h) {
        if (std::memcmp(e, h, sizeof(Data)) == 0) return;
        if (undefined_result(c.insn, c.start) || (host.vector >= 0 && memory_left_by_fault(c.insn))) return;
        unsigned shown = 0;
        for (unsigned i = 0; i < sizeof(Data) && shown < 8; i++)
            if (e[i] != h[i]) differ(format("[%llx]", (unsigned long long)(sandbox::data + i)).c_str(), before[i], e[i], h[i]), shown++;
    }
};

std::string describe(const Form& form, const Case& c) {
    auto& row = *form.row;
    std::string s = format("  %.*s (%s; %s):", int(row.name.size()), row.name.data(), form.text().c_str(), mode_names[unsigned(c.mode)]);
    for (unsigned i = 0; i < c.length; i++) s += format(" %02x", c.bytes[i]);
    auto& st = c.start;
    s += format("\n    at %llx, flags %llx,", (unsigned long long)c.start.rip, (unsigned long long)c.start.rflags);
    s += format(" operand at %llx (%u bytes), ss %x ds %x es %x, fcw %x fsw %x tags %x mxcsr %x", (unsigned long long)c.operand_at,
                c.insn.operand[0].width, st.selector[2], st.selector[3], st.selector[0], st.fx.get<u16>(0), st.fx.get<u16>(2), st.fx.get<u8>(4),
                st.fx.get<u32>(24));
    auto& o = c.insn.operand;
    for (unsigned n = 0; n < 4; n++) {
        if (o[n].place == Place::gpr) s += format(", %s=%llx", gpr_names[o[n].number], (unsigned long long)st.gpr[o[n].number]);
        if (o[n].place == Place::xmm)
            s += format(", xmm%u=%016llx_%016llx", o[n].number, (unsigned long long)st.fx.get<u64>(Fx::xmm + o[n].number * 16 + 8),
                        (unsigned long long)st.fx.get<u64>(Fx::xmm + o[n].number * 16));
        if (o[n].place == Place::st)
            s += format(", st%u=%04x_%016llx", o[n].number, st.fx.get<u16>(Fx::st + o[n].number * 16 + 8),
                        (unsigned long long)st.fx.get<u64>(Fx::st + o[n].number * 16));
    }
    return s + "\n";
}

class Campaign {
public:
    Campaign(Mode mode, const Settings& settings)
        : mode(mode), settings(settings), random(settings.seed * 1000003 + unsigned(mode)), emulator(host_is_amd() ? "max-amd" : "max-intel"),
          maker((emulator.enter(mode), random), emulator.decode_mode()) {
        for (auto& b : golden) b = u8(random.next());
        bring_back(host.data), bring_back(emulator.data());
    }

    void run(const isa::Row& row) {
        std::string head = format("%.*s", int(row.name.size()), row.name.data());
        auto forms = forms_of(row, mode);
        if (forms.empty()) return;
        report.rows++;
        if (auto* reason = excluded(row, mode)) return report.excluded.push_back(head + ": " + reason);
        bool on_host = host_has(row.gate.needs);
        if (!on_host || !emulator.model.features.has(row.gate.needs)) {
            head += on_host ? ": the model has not this feature" : ": the host has not this feature";
            auto* tests = tested_elsewhere(row);
            return tests ? report.excluded.push_back(head + "; " + tests) : report.without.push_back(head + ", and no test is named that has it");
        }
        unsigned differing = 0, ran = 0;
        std::string line = format("%-18s %02X", head.c_str(), row.encoding.opcode);
        if (row.encoding.modrm_mask == 0x38) line += format(" /%u", row.encoding.modrm_value >> 3);
        for (auto& form : forms) {
            unsigned n = run_form(form, differing);
            if (n) line += format("  [%s] %u", form.text().c_str(), n), report.forms++;
            else if (auto* reason = no_form(form)) report.excluded.push_back(head + " [" + form.text() + "]: " + reason);
            else report.without.push_back(head + " [" + form.text() + "]");
            ran += n;
        }
        report.counts += line + "\n";
        report.cases += ran;
        report.differing += differing;
    }
    Report report;
    const Host& the_host() const { return host; }

private:
    Mode mode;
    Settings settings;
    Random random;
    Host host;
    Emulator emulator;
    Maker maker;
    Data golden;
    Case c;
    End host_end, emulated_end;

    // Why a form has no cases, if that is right: it isn't one of the row's.
    const char* no_form(const Form& form) const {
        if (maker.drawn && maker.drawn != form.row) return "another row's bytes";
        if (auto* reason = maker.drawn ? nullptr : undefined_form(form)) return reason;
        auto more = form.row->gate.needs256;               // than the row, for VEX.L = 1
        return form.l && !(host_has(more) && emulator.model.features.has(more)) ? "the host or the model has not 256 bits of it" : nullptr;
    }

    unsigned run_form(const Form& form, unsigned& differing) {
        unsigned ran = 0;
        for (unsigned tries = 0; ran < settings.cases_per_form && tries < settings.cases_per_form * 8; tries++) {
            if (!maker.make(form, c, golden)) continue;
            auto text = run_case();
            ran++;
            if (!text.empty() && ++differing <= 4) report.differences += describe(form, c) + text;
        }
        return ran;
    }

    void bring_back(u8* data) {
        for (unsigned at = 0; at < sizeof golden; at += 1024)
            if (std::memcmp(data + at, golden.data() + at, 1024) != 0) std::memcpy(data + at, golden.data() + at, 1024);
    }
    void put_code(bool in) {
        u64 at = c.start.rip + code_base(mode) - sandbox::code;
        for (unsigned i = 0; i < c.length && at + i < sandbox::code_size; i++) host.code[at + i] = emulator.code()[at + i] = in ? c.bytes[i] : 0xcc;
    }

    std::string run_case() {
        bring_back(host.data), bring_back(emulator.data());
        put_code(true);
        host.run(c.start, mode == Mode::bits64, host_end);
        emulator.run(c.start, emulated_end);
        put_code(false);
        Data& emulated_data = *reinterpret_cast<Data*>(emulator.data());
        if (host_end.vector == stepped) forgive_image(c.insn, c.operand_at, emulated_data, *reinterpret_cast<const Data*>(host.data));
        Both both{c, emulated_end, host_end, {}};
        both.compare_exception();
        both.compare_registers();
        both.compare_floating();
        both.compare_memory(golden, emulator.data(), host.data);
        return both.text;
    }
};

}

Settings settings_from_environment() {
    Settings s;
    if (auto* text = std::getenv("SLATE_SILICON_SEED")) s.seed = std::strtoull(text, nullptr, 0);
    if (auto* text = std::getenv("SLATE_SILICON_CASES")) s.cases_per_form = unsigned(std::strtoul(text, nullptr, 0));
    if (auto* text = std::getenv("SLATE_SILICON_ONLY")) s.only = text;
    return s;
}

Report run_campaign(std::span<const isa::Row> rows, Mode mode, const Settings& settings) {
    Campaign campaign(mode, settings);
    for (auto& row : rows)
        if (settings.only.empty() || row.name == settings.only) campaign.run(row);
    return campaign.report;
}

}
