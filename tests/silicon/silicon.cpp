// SPDX-License-Identifier: MIT
// Every instruction form against the host's silicon, one test for each family and mode, each in a process of its own.
// SLATE_SILICON_SEED, SLATE_SILICON_CASES (per form) and SLATE_SILICON_ONLY (a mnemonic) change what runs.
#include "cpu/isa/families.h"
#include "tests/silicon/campaign.h"
#include <cstdio>
#include <gtest/gtest.h>
#include <map>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {
using silicon::Mode;

struct Family {
    const char* name;
    std::span<const isa::Row> (*rows)();
};
constexpr Family families[] = {
    {"integer", isa::integer}, {"move", isa::move}, {"shift", isa::shift}, {"bitwise", isa::bitwise}, {"bmi", isa::bmi}, {"bcd", isa::bcd},
    {"branch", isa::branch}, {"stack", isa::stack}, {"string", isa::string}, {"flags", isa::flags}, {"misc", isa::misc},
    {"segment", isa::segment}, {"interrupt", isa::interrupt}, {"system", isa::system}, {"io", isa::io}, {"x87", isa::x87}, {"mmx", isa::mmx},
    {"sse", isa::sse}, {"sse2", isa::sse2}, {"sse3", isa::sse3}, {"ssse3", isa::ssse3}, {"sse41", isa::sse41}, {"sse42", isa::sse42},
    {"sse4a", isa::sse4a}, {"amd3dnow", isa::amd3dnow}, {"crypto", isa::crypto}, {"avx", isa::avx}, {"avx_integer", isa::avx_integer},
    {"avx_sse4", isa::avx_sse4}, {"avx2", isa::avx2}, {"fma", isa::fma}, {"wait", isa::wait}, {"xsave", isa::xsave}, {"vmx", isa::vmx}, {"svm", isa::svm},
};
constexpr const char* modes[] = {"bits64", "compatibility32", "compatibility16"};

struct Instance {
    Family family;
    Mode mode;
};

// Summed over the child processes.
struct Totals {
    u64 forms, cases;
};
Totals& totals() {
    static void* shared = mmap(nullptr, sizeof(Totals), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return *static_cast<Totals*>(shared);
}
struct Note : testing::Environment {
    void TearDown() override {
        auto& t = totals();
        std::printf("note silicon: %llu forms, %llu cases against this host\n", (unsigned long long)t.forms, (unsigned long long)t.cases);
    }
};
[[maybe_unused]] auto* const note = testing::AddGlobalTestEnvironment(new Note);

// The campaign in a child process: 0 agrees, 1 differs.
int campaign(const Instance& instance) {
    auto report = silicon::run_campaign(instance.family.rows(), instance.mode, silicon::settings_from_environment());
    totals().forms += report.forms, totals().cases += report.cases;
    std::printf("%s", report.counts.c_str());
    for (auto& line : report.excluded) std::printf("excluded: %s\n", line.c_str());
    for (auto& line : report.without) std::printf("NO CASE: %s\n", line.c_str());
    std::printf("%s", report.differences.c_str());
    std::printf("%s, %s: %u rows, %u forms, %llu cases, %u differ\n", instance.family.name, silicon::mode_names[unsigned(instance.mode)],
                report.rows, report.forms, (unsigned long long)report.cases, report.differing);
    return report.differing || !report.without.empty();
}

void PrintTo(const Instance& instance, std::ostream* out) { *out << instance.family.name << ", " << silicon::mode_names[unsigned(instance.mode)]; }

class Silicon : public testing::TestWithParam<Instance> {};

// The status of a campaign in a child process.
int in_a_child(const Instance& instance) {
    std::fflush(stdout);
    pid_t child = fork();
    if (child < 0) return -1;
    if (child == 0) {
        int status = campaign(instance);
        std::fflush(stdout);
        _exit(status);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return status;
}

// A NOP changes RIP alone. A host on which it does not come back like that (its kernel or hypervisor disturbs single steps
// over signal frames, or segment bases) can be no oracle.
bool host_is_an_oracle(Mode mode) {
    static std::map<Mode, bool> known;
    auto nop = [] { return isa::misc().first(1); };
    if (!known.contains(mode)) known[mode] = in_a_child({{"nop", nop}, mode}) == 0;
    return known[mode];
}

TEST_P(Silicon, AgreesWithEveryForm) {
    if (!silicon::host_has(Feature::fsgsbase)) GTEST_SKIP() << "the host has no FSGSBASE, which the harness needs";
    std::string why;
    if (GetParam().mode != Mode::bits64 && !silicon::install_ldt(why)) GTEST_SKIP() << "no LDT here: " << why;
    totals();
    if (!host_is_an_oracle(GetParam().mode)) GTEST_SKIP() << "on this host a NOP changes more than RIP: it is no oracle";
    int status = in_a_child(GetParam());
    ASSERT_TRUE(WIFEXITED(status)) << "the campaign died of signal " << WTERMSIG(status);
    EXPECT_EQ(WEXITSTATUS(status), 0) << "the silicon disagrees; see above";
}

std::vector<Instance> instances() {
    std::vector<Instance> all;
    for (auto& family : families)
        for (auto mode : {Mode::bits64, Mode::compatibility32, Mode::compatibility16}) all.push_back({family, mode});
    return all;
}
INSTANTIATE_TEST_SUITE_P(Forms, Silicon, testing::ValuesIn(instances()), [](auto& info) {
    return std::string(info.param.family.name) + "_" + modes[unsigned(info.param.mode)];
});

// Each family of the opcode table has its tests here.
TEST(Families, AreAllHere) {
    std::size_t rows = 0, here = 0;
    for (auto family : isa::families()) rows += family.size();
    for (auto& family : families) here += family.rows().size();
    EXPECT_EQ(rows, here);
}

}
