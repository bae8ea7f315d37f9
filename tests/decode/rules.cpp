// SPDX-License-Identifier: MIT
// The differences from Zydis 4.0, by rule: what Slate does not have yet, what Zydis takes for one vendor's or an extinct
// product's instruction, and what the manuals leave to the CPU model.
#include "tests/decode/rules.h"
#include <algorithm>

std::string_view Case::name() const {
    if (!slate_valid) return {};
    std::string_view all = slate.row->name;
    auto count = 1 + std::ranges::count(all, '/');
    if (count == 1) return all;
    u8 size = all.starts_with("jcxz") ? slate.address_size : slate.operand_size;
    unsigned which = size == 2 ? 0 : size == 4 ? 1 : unsigned(count) - 1;
    for (; which; which--) all.remove_prefix(all.find('/') + 1);
    return all.substr(0, all.find('/'));
}

namespace {

std::string_view set(const Case& c) { return ZydisISASetGetString(c.zydis.meta.isa_set); }
template <std::size_t N> bool any_of(std::string_view what, const std::string_view (&names)[N]) { return std::ranges::find(names, what) != std::end(names); }

// A feature that Slate does not implement yet: #UD, as on a CPU without it.
bool missing(const Case& c) {
    static constexpr std::string_view sets[] = {
        "AVX_VNNI", "ENQCMD", "UINTR", "PCONFIG",
        "PT", "RTM", "TSX_LDTRK", "HRESET", "RDPRU", "MCOMMIT", "SNP", "CET", "AMD_INVLPGB", "AMX_TILE", "AMX_INT8", "AMX_BF16"};
    return c.only_zydis() && any_of(set(c), sets);
}
bool virtualization(const Case& c) {
    static constexpr std::string_view sets[] = {"SMX", "TDX"};
    return c.only_zydis() && (any_of(set(c), sets) || c.is("skinit") || c.is("invlpgb"));
}
bool enclaves(const Case& c) { return c.only_zydis() && (set(c).starts_with("SGX") || set(c).starts_with("KEYLOCKER")); }
bool masks(const Case& c) { return c.only_zydis() && (set(c).starts_with("AVX512") || set(c).starts_with("KNC")); }
bool extinct_amd(const Case& c) {
    static constexpr std::string_view sets[] = {"FMA4", "XOP", "TBM", "LWP"};
    return c.only_zydis() && any_of(set(c), sets);
}
bool geode(const Case& c) { return c.only_zydis() && (c.is("pfrcpv") || c.is("pfrsqrtv")); }
bool centaur(const Case& c) { return c.only_zydis() && set(c).starts_with("PADLOCK"); }

// Names.
bool leftovers_8087(const Case& c) {
    static constexpr std::string_view names[] = {"feni8087_nop", "fdisi8087_nop", "fsetpm287_nop"};
    return c.both() && any_of(c.mnemonic(), names);
}

// Zydis leaves a letter out of two of 3DNow!'s names (APM vol. 5).
bool names_of_3dnow(const Case& c) {
    return c.both() && ((c.is("pfcpit1") && c.name() == "pfrcpit1") || (c.is("pfsqrt") && c.name() == "pfrsqrt"));
}
bool far_return(const Case& c) { return c.both() && c.is("ret") && c.name() == "retf"; }

bool endbr(const Case& c) { return c.both() && c.is("nop") && c.name().starts_with("endbr"); }

// What the manuals and silicon say otherwise.
bool pause_r8(const Case& c) { return c.both() && c.is("pause") && c.name() == "xchg"; }
bool real_mode_calls(const Case& c) {
    static constexpr std::string_view names[] = {"sysenter", "sysexit", "sysret", "syscall"};
    return c.only_slate() && c.mode == ZYDIS_MACHINE_MODE_REAL_16 && any_of(c.name(), names);
}

bool real_mode_virtualization(const Case& c) {
    if (!c.only_slate() || c.mode != ZYDIS_MACHINE_MODE_REAL_16) return false;
    return c.slate.row->event == isa::Event::vmx || c.slate.row->event == isa::Event::svm;
}

constexpr Rule table[] = {
    {"missing", "an extension that Slate does not implement yet: #UD, as on a CPU without it", missing},
    {"virtualization", "SKINIT, SMX and TDX are not implemented: never advertised", virtualization},
    {"enclaves", "SGX and Key Locker are out of scope: never advertised", enclaves},
    {"avx512", "AVX-512 is not implemented yet", masks},
    {"extinct-amd", "FMA4, XOP, TBM, LWP: no model has them", extinct_amd},
    {"geode", "3DNow! of AMD's Geode alone", geode},
    {"centaur", "VIA's PadLock", centaur},
    {"8087-names", "FENI, FDISI and FSETPM are no-ops since the 80387; Slate keeps the manual's names", leftovers_8087},
    {"far-return", "Zydis calls near and far returns RET; Slate tells them apart", far_return},
    {"3dnow-names", "PFRCPIT1 and PFRSQRT have these names in AMD's manual", names_of_3dnow},
    {"endbr", "without CET the bytes of ENDBR are a NOP, and so does Slate run them, by that name", endbr},
    {"pause-rex-b", "F3 41 90 exchanges EAX and R8D (seen on silicon); Zydis says PAUSE", pause_r8},
    {"real-mode-calls", "in real mode these raise #GP(0) or #UD by their own rules (SDM vol. 2), so they are decoded", real_mode_calls},
    {"real-mode-virtualization", "VMX's and SVM's instructions are #UD in real mode by their own rules, so they are decoded", real_mode_virtualization},
};

}

std::span<const Rule> rules() { return table; }
