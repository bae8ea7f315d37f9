// SPDX-License-Identifier: MIT
// SVM's tables as Markdown: exits, VMCB fields, VMRUN's checks, capabilities by model.
#include "cpu/svm/listing.h"
#include "cpu/cpuid/model.h"
#include "cpu/svm/checks.h"
#include "cpu/svm/intercepts.h"
#include <cstdio>

namespace svm {

namespace {

template <class... Values> std::string line(const char* format, Values... values) {
    char text[256];
    std::snprintf(text, sizeof text, format, values...);
    return std::string(text) + "\n";
}
std::string text(std::string_view s) { return std::string(s); }

std::string clean_bit(Clean c) {
    static constexpr const char* others[] = {"read at each VMRUN", "written by #VMEXIT", "VMLOAD, VMSAVE"};
    return has_clean_bit(c) ? std::to_string(unsigned(c)) : others[unsigned(c) - unsigned(Clean::fetched)];
}

std::string bit_name(Exit e) {
    return has_bit(e) ? line("%03xh bit %u", row(intercept_field(e)).offset, u16(e) % 32u) : "-\n";
}

}

std::string list_exits() {
    std::string out = "SVM exit codes (APM vol. 2, appendix C)\n\n| code | exit | intercept |\n| --- | --- | --- |\n";
    for (auto& r : exits) {
        std::string intercept = bit_name(r.exit);
        intercept.pop_back();
        out += line("| %03xh | %s | %s |", unsigned(r.exit), text(r.text).c_str(), intercept.c_str());
    }
    return out + "| -1 | VMEXIT_INVALID | - |\n";
}

std::string list_fields() {
    std::string out = "VMCB fields (APM vol. 2, appendix B)\n\n| offset | bytes | clean bit | field |\n| --- | --- | --- | --- |\n";
    for (auto& r : fields) out += line("| %03xh | %u | %s | %s |", r.offset, unsigned(r.bytes), clean_bit(r.clean).c_str(), text(r.text).c_str());
    return out;
}

std::string test_of(std::string_view check) { return virt::test_of("VmrunCheck.breaks_alone", check); }

std::string list_checks() {
    std::string out = "VMRUN's checks (APM vol. 2); each gives VMEXIT_INVALID\n\n| check | section | rule | test |\n| --- | --- | --- | --- |\n";
    for (auto& group : vmrun_checks())
        for (auto& c : group.checks) out += line("| %s | %s | %s | %s |", text(c.id).c_str(), text(c.manual).c_str(), text(c.rule).c_str(), test_of(c.id).c_str());
    return out;
}

// The rows of features.def in CPUID 8000_000Ah.
std::string list_capabilities() {
    std::string out = "SVM capabilities (CPUID 8000_000Ah EDX)\n\n| bit | capability |";
    std::string rule = "| --- | --- |";
    for (auto name : model_names())
        if (find_model(name)->features.has(Feature::svm)) out += " " + text(name) + " |", rule += " --- |";
    out += "\n" + rule + "\n";
    for (auto& r : feature_rows) {
        if (r.leaf != 0x8000000a) continue;
        out += "| " + std::to_string(unsigned(r.position)) + " | " + text(r.name) + " |";
        for (auto name : model_names())
            if (auto& f = find_model(name)->features; f.has(Feature::svm)) out += f.has(r.feature) ? " yes |" : " - |";
        out += "\n";
    }
    return out;
}

}
