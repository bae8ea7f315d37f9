// SPDX-License-Identifier: MIT
// VMRUN's checks: each has a state that breaks it alone, and a second checker judges the same states.
#include "cpu/svm/checks.h"
#include "cpu/svm/listing.h"
#include "tests/cpu/svm/straight_checker.h"
#include <cstring>
#include <algorithm>
#include <gtest/gtest.h>
#include <random>
#include <set>

using namespace svm;

namespace {

struct State {
    Vmcb vmcb;
    Surroundings around;
};

// What a Milan says of EFER and CR4 (APM vol. 2, 3.1.3 and 3.1.7).
Surroundings milan() {
    Surroundings s;
    s.physical_bits = 48, s.asids = 0x8000;
    s.efer = 0x205d01;
    s.cr4 = 0x7717ff;
    return s;
}

enum class Mode { long_nested, long_shadow, pae_shadow, protected32, real };

State valid(Mode mode) {
    State s{{}, milan()};
    auto& v = s.vmcb;
    v[Field::intercept_4] = 3;
    v[Field::asid] = 1;
    v[Field::iopm_base] = 0x10000, v[Field::msrpm_base] = 0x20000;
    v[Field::efer] = 0x1000;
    v[Field::cr0] = 0x10;
    v[Field::rflags] = 2;
    v[Field::dr6] = 0xffff0ff0, v[Field::dr7] = 0x400;
    v[Field::gpat] = 0x0007040600070406;
    v[Field::cs_attributes] = 0x09b;
    if (mode == Mode::long_nested || mode == Mode::long_shadow) {
        v[Field::efer] = 0x1d01, v[Field::cr0] = 0x80050033, v[Field::cr4] = 0x20, v[Field::cr3] = 0x7000;
        v[Field::cs_attributes] = 0xa9b;
    }
    if (mode == Mode::long_nested || mode == Mode::real) v[Field::nested_control] = 1, v[Field::nested_cr3] = 0x9000;
    if (mode == Mode::pae_shadow) v[Field::cr0] = 0x80000011, v[Field::cr4] = 0x20, v[Field::cr3] = 0x7020, s.around.pdptes = {0x8001, 0, 0x9019, ~u64{1}};
    if (mode == Mode::protected32) v[Field::cr0] = 0x80000011, v[Field::cs_attributes] = 0xc9b;
    return s;
}
constexpr Mode modes[] = {Mode::long_nested, Mode::long_shadow, Mode::pae_shadow, Mode::protected32, Mode::real};

// The smallest change to a valid state that breaks one check and nothing else.
struct Breaker {
    std::string_view check;
    Mode mode;
    std::vector<std::pair<Field, u64>> change;
    void (*around)(Surroundings&) = nullptr;
};

const Breaker breakers[] = {
    {"vmrun.intercept", Mode::real, {{Field::intercept_4, 2}}},
    {"asid.zero", Mode::real, {{Field::asid, 0}}},
    {"asid.range", Mode::real, {{Field::asid, 0x8000}}},
    {"iopm.end", Mode::real, {{Field::iopm_base, 0xffffffffe000}}},
    {"iopm.end", Mode::protected32, {{Field::iopm_base, 0x1000000000000}}},
    {"msrpm.end", Mode::real, {{Field::msrpm_base, 0xfffffffff000}}},
    {"msrpm.end", Mode::real, {{Field::msrpm_base, 0x8000000000000000}}},
    {"nmi.intercept", Mode::real, {{Field::interrupt_control, 0x4000000}}},
    {"nmi.intercept", Mode::long_shadow, {{Field::interrupt_control, 0x4001800}, {Field::intercept_3, ~u64{2} & 0xffffffff}}},
    {"avic.paging", Mode::long_shadow, {{Field::interrupt_control, 0x80000000}}},
    {"avic.backing-page", Mode::real, {{Field::interrupt_control, 0x80000000}, {Field::avic_backing_page, 0x1000000000000}}},
    {"avic.logical-table", Mode::real, {{Field::interrupt_control, 0x80000000}, {Field::avic_logical_table, 0x1000000000000}}},
    {"avic.physical-table", Mode::real, {{Field::interrupt_control, 0x80000000}, {Field::avic_physical_table, 0x80000000000000ff}}},
    {"np.host-paging", Mode::real, {}, [](Surroundings& s) { s.host_paging = s.host_long_mode = false; }},
    {"np.cr3", Mode::long_nested, {{Field::nested_cr3, 0x1000000009000}}},
    {"np.pat", Mode::long_nested, {{Field::gpat, 0x0007040600070402}}},
    {"np.pat", Mode::real, {{Field::gpat, 0x0807040600070406}}},
    {"inject.type", Mode::real, {{Field::event_injection, 0x80000120}}},
    {"inject.type", Mode::real, {{Field::event_injection, 0x80000520}}},
    {"inject.vector", Mode::real, {{Field::event_injection, 0x80000302}}},
    {"inject.vector", Mode::long_nested, {{Field::event_injection, 0x80000320}}},
    {"inject.64-bit", Mode::long_nested, {{Field::event_injection, 0x80000304}}},
    {"inject.64-bit", Mode::long_shadow, {{Field::event_injection, 0x80000305}}},
    {"efer.svme", Mode::real, {{Field::efer, 0}}},
    {"efer.mbz", Mode::real, {{Field::efer, 0x1002}}},
    {"efer.mbz", Mode::real, {{Field::efer, 0x8000000000001000}}},
    {"efer.long-mode", Mode::real, {{Field::efer, 0x1100}}, [](Surroundings& s) { s.long_mode = false; }},
    {"efer.long-mode", Mode::real, {{Field::efer, 0x1400}}, [](Surroundings& s) { s.long_mode = false; }},
    {"cr0.nw", Mode::real, {{Field::cr0, 0x20000010}}},
    {"cr0.high", Mode::real, {{Field::cr0, 0x100000010}}},
    {"cr3.mbz", Mode::long_nested, {{Field::cr3, 0x1000000007000}}},
    {"cr3.mbz", Mode::long_shadow, {{Field::cr3, 0x8000000000007000}}},
    {"cr4.mbz", Mode::real, {{Field::cr4, 0x2000}}},
    {"cr4.mbz", Mode::real, {{Field::cr4, 0x100000000}}},
    {"long.pae", Mode::long_nested, {{Field::cr4, 0}}},
    {"long.pe", Mode::long_nested, {{Field::cr0, 0x80000010}}},
    {"long.code", Mode::long_shadow, {{Field::cs_attributes, 0xe9b}}},
    {"dr6.high", Mode::real, {{Field::dr6, 0x1ffff0ff0}}},
    {"dr7.high", Mode::real, {{Field::dr7, 0x100000400}}},
    {"pae.pdptes", Mode::pae_shadow, {}, [](Surroundings& s) { s.pdptes[3] = 0x1000000008001; }},
    {"pae.pdptes", Mode::pae_shadow, {}, [](Surroundings& s) { s.pdptes[0] = 0x8003; }},
};

State broken(const Breaker& b) {
    State s = valid(b.mode);
    for (auto [field, value] : b.change) s.vmcb[field] = value;
    if (b.around) b.around(s.around);
    return s;
}

std::set<std::string_view> broken_in(const State& s) {
    std::set<std::string_view> ids;
    virt::examine(vmrun_checks(), View(s.vmcb, s.around), [&](auto&, auto& check, auto&, auto verdict) {
        if (verdict == virt::Verdict::broken) ids.insert(check.id);
        return true;
    });
    return ids;
}

bool straight_accepts(const State& s) {
    straight::Page page{};
    for (auto& r : fields) std::memcpy(page.data() + r.offset, &s.vmcb.value[unsigned(r.field)], r.bytes);
    auto& a = s.around;
    return straight::accepts(page, {a.physical_bits, a.asids, a.efer, a.cr4, a.long_mode, a.host_paging, a.host_long_mode, a.pdptes, a.vnmi, a.avic});
}

void expect_agreement(const State& s, const std::string& what) {
    bool accepted = !first_broken(View(s.vmcb, s.around));
    std::string ids;
    for (auto id : broken_in(s)) ids += std::string(id) + " ";
    EXPECT_EQ(accepted, straight_accepts(s)) << what << "; broken: " << ids;
}

}

TEST(SvmChecks, a_valid_state_breaks_nothing) {
    for (Mode mode : modes) {
        EXPECT_TRUE(broken_in(valid(mode)).empty()) << int(mode);
        EXPECT_TRUE(straight_accepts(valid(mode))) << int(mode);
    }
}

// One test for each row of the table, as `--list checks` names it: each of its breakers breaks it alone.
class VmrunCheck : public testing::TestWithParam<std::string_view> {};

TEST_P(VmrunCheck, breaks_alone) {
    unsigned tried = 0;
    for (auto& b : breakers) {
        if (b.check != GetParam()) continue;
        State s = broken(b);
        EXPECT_EQ(broken_in(s), std::set{b.check});
        EXPECT_FALSE(straight_accepts(s));
        tried++;
    }
    EXPECT_GT(tried, 0u) << "no breaker";
}

static std::vector<std::string_view> all_checks() {
    std::vector<std::string_view> ids;
    for (auto& group : vmrun_checks())
        for (auto& check : group.checks) ids.push_back(check.id);
    return ids;
}
INSTANTIATE_TEST_SUITE_P(Breaks, VmrunCheck, testing::ValuesIn(all_checks()), [](auto& info) {
    std::string name = test_of(info.param);
    return name.substr(name.rfind('/') + 1);
});

TEST(SvmChecks, every_check_has_a_breaker_and_a_name_of_its_own) {
    std::set<std::string_view> covered, seen;
    for (auto& b : breakers) covered.insert(b.check);
    for (auto& group : vmrun_checks())
        for (auto& check : group.checks) {
            EXPECT_TRUE(covered.contains(check.id)) << check.id;
            EXPECT_TRUE(seen.insert(check.id).second) << check.id;
        }
    EXPECT_EQ(seen.size(), covered.size());
}

// Whether a table accepts a state in which one row says the opposite, or is missing.
enum class Change { negated, missing };
bool accepted_with_row_changed(const State& s, const Check* row, Change change) {
    return virt::examine(vmrun_checks(), View(s.vmcb, s.around), [&](auto&, auto& check, auto&, auto verdict) {
        bool broken = verdict == virt::Verdict::broken;
        if (&check == row) broken = change == Change::negated && verdict == virt::Verdict::holds;
        return !broken;
    });
}

TEST(SvmChecks, no_row_is_dead) {
    std::vector<State> states;
    for (auto& b : breakers) states.push_back(broken(b));
    for (Mode mode : modes) states.push_back(valid(mode));
    for (auto& group : vmrun_checks())
        for (auto& check : group.checks)
            for (auto change : {Change::negated, Change::missing}) {
                bool differs = false;
                for (auto& s : states) differs |= accepted_with_row_changed(s, &check, change) != straight_accepts(s);
                EXPECT_TRUE(differs) << check.id << (change == Change::negated ? " negated" : " missing");
            }
}

// What the manual allows just beside what it forbids.
TEST(SvmChecks, the_last_valid_values_are_accepted) {
    struct { Mode mode; Field field; u64 value; } rows[] = {
        {Mode::real, Field::iopm_base, 0xffffffffdfff},          {Mode::real, Field::msrpm_base, 0xffffffffefff},
        {Mode::real, Field::asid, 0x7fff},                       {Mode::real, Field::nested_cr3, 0xffffffffffff},
        {Mode::long_shadow, Field::nested_cr3, ~u64{0}},         {Mode::long_shadow, Field::gpat, ~u64{0}},
        {Mode::protected32, Field::cr3, ~u64{0}},                {Mode::real, Field::cr0, 0x80000010},
        {Mode::real, Field::cr0, 0x60000010},                    {Mode::protected32, Field::event_injection, 0x80000304},
        {Mode::long_nested, Field::event_injection, 0x80000404}, {Mode::long_nested, Field::event_injection, 0x302},
        {Mode::protected32, Field::cs_attributes, 0xe9b},        {Mode::long_nested, Field::rflags, 0},
    };
    for (auto& r : rows) {
        State s = valid(r.mode);
        s.vmcb[r.field] = r.value;
        EXPECT_TRUE(broken_in(s).empty()) << svm::row(r.field).text << " " << std::hex << r.value;
    }
}

// One or two fields of valid and of broken states changed at random: both checkers say the same.
TEST(SvmChecks, a_second_checker_agrees_on_random_states) {
    std::mt19937_64 random(20);
    auto mutate = [&](State& s) {
        auto& r = fields[random() % std::size(fields)];
        u64& value = s.vmcb[r.field];
        switch (random() % 4) {
        case 0: value ^= bit(unsigned(random() % (r.bytes * 8u))); break;
        case 1: value = random() & ones(r.bytes); break;
        case 2: value = (value & ~u64{0xff}) | (random() & 0xff); break;
        default: value = (random() & random() & random()) & ones(r.bytes); break;
        }
        if (random() % 16 == 0) s.around.host_paging = false, s.around.host_long_mode = false;
        if (random() % 16 == 0) s.around.host_long_mode = false;
        if (random() % 16 == 0) s.around.long_mode = false;
        if (random() % 16 == 0) s.around.vnmi = false;
        if (random() % 16 == 0) s.around.avic = false;
        if (random() % 4 == 0) s.vmcb[Field::interrupt_control] |= 0x80000000;
        if (random() % 4 == 0) s.vmcb[Field::interrupt_control] |= 0x4000000, s.vmcb[Field::intercept_3] ^= random() & 2;
        if (random() % 8 == 0) s.around.pdptes[random() % 4] ^= bit(unsigned(random() % 64));
    };
    unsigned accepted = 0, refused = 0;
    for (unsigned n = 0; n < 60000; n++) {
        bool start_broken = random() % 4 == 0;
        State s = start_broken ? broken(breakers[random() % std::size(breakers)]) : valid(modes[random() % std::size(modes)]);
        for (unsigned i = 0; i <= random() % 2; i++) mutate(s);
        expect_agreement(s, "state " + std::to_string(n));
        (straight_accepts(s) ? accepted : refused)++;
        if (HasFailure()) break;
    }
    EXPECT_GT(accepted, 10000u);
    EXPECT_GT(refused, 10000u);
}

// What CheckMemory compares is all that any rule looks at.
TEST(SvmChecks, no_rule_reads_a_field_that_is_not_listed) {
    std::mt19937_64 random(21);
    for (unsigned n = 0; n < 2000; n++) {
        State s = valid(modes[n % std::size(modes)]);
        for (auto& r : fields)
            if (random() % 4 == 0) s.vmcb[r.field] = random() & ones(r.bytes);
        View::Log log;
        virt::examine(vmrun_checks(), View(s.vmcb, s.around, &log), [](auto&&...) { return true; });
        for (Field f : log) ASSERT_TRUE(std::ranges::count(judged_fields, f, &Judged::field) + std::ranges::count(judged_with_avic, f, &Judged::field)) << row(f).text;
    }
}

TEST(SvmChecks, what_was_accepted_is_judged_again_once_a_field_or_the_surroundings_have_changed) {
    CheckMemory memory;
    for (auto mode : modes)
        for (auto& b : breakers) {
            State good = valid(mode), bad = broken(b);
            EXPECT_FALSE(memory.first_broken(good.vmcb, good.around));
            EXPECT_FALSE(memory.first_broken(good.vmcb, good.around));
            auto* check = memory.first_broken(bad.vmcb, bad.around);
            EXPECT_TRUE(check && check->id == b.check) << b.check;
            EXPECT_EQ(memory.first_broken(bad.vmcb, bad.around), check);
        }
}

TEST(SvmChecks, a_broken_check_says_why) {
    State s = broken({"asid.zero", Mode::real, {{Field::asid, 0}}});
    auto* check = first_broken(View(s.vmcb, s.around));
    ASSERT_TRUE(check);
    EXPECT_EQ(explain(*check, s.vmcb, s.around), "asid.zero (APM vol. 2, 15.5.1): the ASID is not the host's, 0\n    guest ASID = 0\n");
}
