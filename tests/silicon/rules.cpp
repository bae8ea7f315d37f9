// SPDX-License-Identifier: MIT
// What is not compared, each with its reason.
#include "tests/silicon/rules.h"
#include <bit>
#include <cmath>
#include <algorithm>

namespace silicon {
namespace {

struct Exclusion {
    std::string_view names;       // with spaces around each
    const char* reason;
};
constexpr Exclusion exclusions[] = {
    {" int3 int int1 into iret ", "delivers an event or takes its frame: tests/cpu/event and tests/guests"},
    {" syscall sysenter ", "enters the operating system"},
    {" retf ", "a far transfer: tests/cpu/event and tests/guests"},
    {" lss ", "loads SS, which holds the single-step trap back behind the next instruction"},
    {" sgdt sidt sldt str smsw ", "with UMIP the host's operating system answers in the CPU's place"},
    {" cpuid rdtsc rdtscp rdpid rdpmc xgetbv rdpkru wrpkru ", "tells or sets what differs between machines"},
    {" rdrand rdseed ", "random"},
    {" xsave xsave64 xsaveopt xsaveopt64 xsavec xsavec64 xrstor xrstor64 ", "its image is by the features of XCR0, which differ"},
    {" xsaves xsaves64 xrstors xrstors64 ", "ring 0's: tests/cpu/isa/xsave.cpp"},
};

// What not every host has. Rows of a feature that is not here fail on a host without it.
struct Elsewhere {
    Feature feature;
    const char* tests;
};
constexpr Elsewhere elsewhere[] = {
    {Feature::aes, "FIPS 197's vectors: tests/cpu/isa/sse/crypto.cpp"},
    {Feature::vaes, "FIPS 197's vectors: tests/cpu/isa/sse/crypto.cpp"},
    {Feature::pclmulqdq, "Gueron and Kounavis' vectors: tests/cpu/isa/sse/crypto.cpp"},
    {Feature::vpclmulqdq, "Gueron and Kounavis' vectors: tests/cpu/isa/sse/crypto.cpp"},
    {Feature::sha, "FIPS 180-4's digests: tests/cpu/isa/sse/crypto.cpp"},
    {Feature::gfni, "FIPS 197's S-box and products, logarithms: tests/cpu/isa/sse/crypto.cpp"},
    {Feature::amd3dnow, "worked by hand: tests/cpu/isa/sse/amd3dnow.cpp"},
    {Feature::amd3dnowext, "worked by hand: tests/cpu/isa/sse/amd3dnow.cpp"},
    {Feature::waitpkg, "by the manual's text: tests/cpu/isa/wait.cpp"},
    {Feature::monitorx, "by the manual's text: tests/cpu/isa/wait.cpp"},
    {Feature::movdiri, "by the manual's text: tests/cpu/isa/misc.cpp"},
    {Feature::movdir64b, "by the manual's text: tests/cpu/isa/misc.cpp"},
    {Feature::serialize, "by the manual's text: tests/cpu/isa/misc.cpp"},
    {Feature::clzero, "by the manual's text: tests/cpu/isa/misc.cpp"},
    {Feature::fma, "by the host's fused arithmetic: tests/cpu/isa/sse/fused.cpp"},
    {Feature::avx, "worked by hand: tests/cpu/isa/sse/avx.cpp"},
    {Feature::avx2, "worked by hand: tests/cpu/isa/sse/avx.cpp"},
    {Feature::f16c, "worked by hand: tests/cpu/isa/sse/avx.cpp"},
    {Feature::bmi1, "worked by hand: tests/cpu/isa/bmi.cpp"},
    {Feature::bmi2, "worked by hand: tests/cpu/isa/bmi.cpp"},
    {Feature::monitor, "ring 0's: tests/cpu/isa/system.cpp"},
    {Feature::vmx, "ring 0's: tests/guests/virt"},
    {Feature::svm, "ring 0's: tests/guests/virt"},
    {Feature::skinit, "ring 0's: tests/cpu/svm"},
    {Feature::invpcid, "ring 0's: tests/cpu/isa/system.cpp"},
    {Feature::adx, "worked by hand: tests/cpu/isa/integer.cpp"},
    {Feature::movbe, "worked by hand: tests/cpu/isa/move.cpp"},
    {Feature::popcnt, "worked by hand: tests/cpu/isa/bitwise.cpp"},
    {Feature::lzcnt, "worked by hand: tests/cpu/isa/bitwise.cpp"},
    {Feature::sse4_1, "worked by hand: tests/cpu/isa/sse/sse4.cpp"},
    {Feature::sse4_2, "worked by hand: tests/cpu/isa/sse/sse4.cpp"},
    {Feature::sse4a, "worked by hand: tests/cpu/isa/sse/sse4.cpp"},
};

bool starts_with_any(std::string_view name, std::initializer_list<std::string_view> list) {
    return std::ranges::any_of(list, [&](auto s) { return name.starts_with(s); });
}
bool is_any(std::string_view name, std::initializer_list<std::string_view> list) {
    return std::ranges::any_of(list, [&](auto s) { return name == s; });
}

// The count of a shift or rotate, masked.
unsigned shift_count(const Insn& insn, const State& start) {
    unsigned last = insn.operand[2].place != Place::none ? 2 : 1;
    auto& o = insn.operand[last];
    u64 count = o.place == Place::immediate ? insn.immediate : start.gpr[rcx];
    return unsigned(count & (insn.operand[0].width == 8 ? 63 : 31));
}

u64 shift_flags(const Insn& insn, const State& start) {
    using namespace rflags;
    auto name = insn.row->name;
    unsigned count = shift_count(insn, start), width = insn.operand[0].width * 8u;
    if (!count) return 0;
    u64 none = count == 1 ? 0 : of;
    if (is_any(name, {"rol", "ror", "rcl", "rcr"})) return none;
    if (is_any(name, {"shld", "shrd"}) && count > width) return status;
    if (is_any(name, {"shl", "shr"}) && count >= width) none |= cf;
    return none | af;
}

}

static const char* listed(std::span<const Exclusion> list, const isa::Row& row) {
    std::string name(row.name.substr(0, row.name.find('/')));
    for (auto& e : list)
        if (e.names.find(" " + name + " ") != std::string_view::npos) return e.reason;
    return nullptr;
}

const char* excluded(const isa::Row& row, Mode) {
    if (auto* reason = listed(exclusions, row)) return reason;
    auto& first = row.operands.o[0];
    if (row.name == "pop" && first.from == isa::From::fixed_segment && first.number == 2) return "loads SS, as LSS";
    if (is_any(row.name, {"call", "jmp"}) && first.size == isa::Size::p) return "a far transfer: tests/cpu/event and tests/guests";
    return nullptr;
}

const char* tested_elsewhere(const isa::Row& row) {
    for (auto& e : elsewhere)
        if (e.feature == row.gate.needs) return e.tests;
    return nullptr;
}

const char* undefined_form(const Form& form) {
    if (form.mode == Mode::bits64) return nullptr;
    bool by_16_bits = (form.mode == Mode::compatibility32) == form.p67;
    if (by_16_bits && form.row->name.find("gather") != std::string_view::npos) return "no gather has 16-bit addresses (SDM vol. 2, VSIB)";
    return form.w && is_any(form.row->name, {"vpextrd", "vpinsrd"}) ? "#UD with W outside 64-bit mode: AMD" : nullptr;
}

// SDM vol. 2, "Flags Affected" of each instruction.
u64 undefined_flags(const Insn& insn, const State& start) {
    using namespace rflags;
    auto name = insn.row->name;
    if (is_any(name, {"and", "or", "xor", "test"})) return af;
    if (is_any(name, {"shl", "shr", "sar", "rol", "ror", "rcl", "rcr", "shld", "shrd"})) return shift_flags(insn, start);
    if (is_any(name, {"mul", "imul"})) return sf | zf | af | rflags::pf;
    if (is_any(name, {"div", "idiv"})) return status;
    if (is_any(name, {"bsf", "bsr"})) return status & ~zf;
    if (is_any(name, {"bt", "bts", "btr", "btc"})) return of | sf | af | rflags::pf;
    if (is_any(name, {"lzcnt", "tzcnt"})) return of | sf | rflags::pf | af;
    if (is_any(name, {"andn", "blsr", "blsmsk", "blsi", "bzhi"})) return af | rflags::pf;
    if (name == "bextr") return af | sf | rflags::pf;
    if (is_any(name, {"aaa", "aas"})) return of | sf | zf | rflags::pf;
    if (is_any(name, {"aam", "aad"})) return of | af | cf;
    if (is_any(name, {"daa", "das"})) return of;
    return 0;
}

bool undefined_result(const Insn& insn, const State& start) {
    return is_any(insn.row->name, {"shld", "shrd"}) && shift_count(insn, start) > insn.operand[0].width * 8u;
}

bool memory_left_by_fault(const Insn& insn) { return is_any(insn.row->name, {"enter", "pusha/pushad"}); }
bool either_vector(const Insn& insn, int a, int b) {
    bool image = starts_with_any(insn.row->name, {"fxsave", "fxrstor"});
    auto segment = [](int vector) { return vector == gp_vector || vector == ss_vector; };
    auto access = [&](int vector) { return segment(vector) || vector == pf_vector || vector == ac_vector; };
    if (two_operands_in_memory(insn)) return a != b && access(a) && access(b);
    return image && ((a == ac_vector && segment(b)) || (segment(a) && b == ac_vector));
}
bool two_operands_in_memory(const Insn& insn) { return insn.row->name.starts_with("cmps") && insn.row->encoding.map == 0; }
bool registers_left_by_fault(const Insn& insn) { return insn.row->name.starts_with("popa"); }
bool x87_left_by_fault(const Insn& insn) { return insn.row->name == "maskmovq"; }

bool is_approximation(const Insn& insn) { return starts_with_any(insn.row->name, {"rcpps", "rcpss", "rsqrt", "vrcp", "vrsqrt"}); }

bool is_transcendental(const Insn& insn) {
    return is_any(insn.row->name, {"f2xm1", "fyl2x", "fyl2xp1", "fptan", "fpatan", "fsin", "fcos", "fsincos"});
}
bool both_numbers(const F80& a, const F80& b) {
    auto number = [](const F80& v) { return (v.sign_exponent & 0x7fff) != 0x7fff && v.significand; };
    auto least = [](const F80& v) { return !(v.sign_exponent & 0x7fff) && v.significand <= 1; };           // the last place of what is nearly 0
    return (number(a) && number(b)) || (least(a) && least(b));
}

// Each within 1.5 * 2^-12 of the exact value; CPUs may flush results to zero that are denormal or just above.
bool near(u32 a, u32 b) {
    if (a == b) return true;
    float x = std::bit_cast<float>(a), y = std::bit_cast<float>(b);
    if (std::isnan(x) || std::isnan(y)) return false;
    if (std::fabs(x) < 0x1.01p-126f && std::fabs(y) < 0x1.01p-126f) return std::signbit(x) == std::signbit(y);
    return std::fabs(x - y) <= std::fabs(x) * (3.0f / 4096);
}

void forgive_image(const Insn& insn, u64 at, Data& emulated, const Data& host) {
    auto copy = [&](unsigned from, unsigned n) {
        for (u64 i = at + from; i < at + from + n; i++)
            if (i >= sandbox::data && i < sandbox::end) emulated[i - sandbox::data] = host[i - sandbox::data];
    };
    auto name = insn.row->name;
    // AMD keeps the pointers and the opcode only while an unmasked exception is pending (APM vol. 2, 11.4.4).
    if (is_any(name, {"fnstenv", "fnsave"})) {
        bool wide = insn.operand_size != 2;
        // The upper halves of the 32-bit image's words are reserved (SDM vol. 1, figure 8-9).
        if (wide) copy(2, 2), copy(6, 2), copy(10, 2), copy(12, 16);
        else copy(6, 8);
    }
    if (is_any(name, {"fxsave", "fxsave64"})) {
        copy(6, 18);              // FOP, FIP, FDP
        copy(28, 4);              // MXCSR_MASK: which bits the CPU has
        copy(464, 48);            // software's
        for (unsigned i = 0; i < 8; i++) copy(32 + i * 16 + 10, 6);     // reserved
    }
}

}
