// SPDX-License-Identifier: MIT
// VM entry's checks: each breaks alone, none is dead, and a checker written a second time agrees.
#include "cpu/vmx/check_memory.h"
#include "tests/cpu/vmx/boundary.h"
#include "tests/cpu/vmx/breakers.h"
#include <gtest/gtest.h>
#include <random>
#include <set>

using namespace vmx;

namespace {

using Found = std::set<std::pair<std::string, Subject>>;

Found broken_in(const Scene& s) {
    Found found;
    virt::examine(entry_checks(), s.view(), [&](auto&, auto& check, auto& about, auto verdict) {
        if (verdict == virt::Verdict::broken) found.emplace(check.id, check.over ? about.subject : ES);
        return true;
    });
    return found;
}

std::string text_of(const Found& found) {
    std::string text;
    for (auto& [id, subject] : found) text += id + " " + std::string(subject_name(subject)) + ", ";
    return text;
}

std::string text_of(straight::Verdict v) { return std::to_string(v.result) + "/" + std::to_string(v.qualification); }

TEST(EntryChecks, valid_scenes_break_nothing) {
    for (auto& s : scenes()) {
        EXPECT_EQ(text_of(broken_in(s)), "") << s.name;
        EXPECT_EQ(text_of(straight::judge(straight_state(s))), "0/0") << s.name;
    }
}

// One test for each breaker, named after its check: `slate --list checks` names it.
class EntryCheck : public testing::TestWithParam<const Breaker*> {};

TEST_P(EntryCheck, breaks_alone_with_the_manuals_outcome) {
    const Breaker& b = *GetParam();
    for (Subject about : b.subjects()) {
        Scene s = b.broken(about);
        EXPECT_EQ(text_of(broken_in(s)), text_of(Found{{std::string(b.check), b.over ? about : ES}}));
        EXPECT_EQ(text_of(verdict(first_broken(s.view()))), text_of(b.expected)) << subject_name(about);
        EXPECT_EQ(text_of(straight::judge(straight_state(s))), text_of(b.expected)) << subject_name(about);
    }
}

std::vector<const Breaker*> all_breakers() {
    std::vector<const Breaker*> list;
    for (auto& b : breakers()) list.push_back(&b);
    return list;
}
std::string test_name(const testing::TestParamInfo<const Breaker*>& info) {
    unsigned nth = 1;
    for (auto& b : breakers()) {
        if (&b == info.param) break;
        if (b.check == info.param->check) nth++;
    }
    std::string name(info.param->check);
    for (char& c : name)
        if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
    return nth == 1 ? name : name + "_" + std::to_string(nth);
}
INSTANTIATE_TEST_SUITE_P(Breaks, EntryCheck, testing::ValuesIn(all_breakers()), test_name);

TEST(EntryChecks, every_check_has_a_breaker_for_each_of_its_registers) {
    std::map<std::string_view, u8> covered;
    std::set<std::string_view> known;
    for (auto& b : breakers()) covered[b.check] |= b.over ? b.over : 1;
    for (auto& group : entry_checks())
        for (auto& check : group.checks) {
            EXPECT_TRUE(known.insert(check.id).second) << check.id << " is there twice";
            EXPECT_EQ(unsigned(covered[check.id]), check.over ? unsigned(check.over) : 1u) << check.id;
        }
    for (auto& b : breakers()) EXPECT_TRUE(known.contains(b.check)) << b.check;
}

// The first broken rule of a table in which one row says the opposite, or is missing.
enum class Change1 { negated, missing };
straight::Verdict with_row_changed(const Scene& s, const Check* row, Change1 change) {
    straight::Verdict result;
    virt::examine(entry_checks(), s.view(), [&](auto& group, auto& check, auto&, auto verdict) {
        bool broken = verdict == virt::Verdict::broken;
        if (&check == row) broken = change == Change1::negated && verdict == virt::Verdict::holds;
        if (broken) result = {group.otherwise.number, group.otherwise.qualification};
        return !broken;
    });
    return result;
}

TEST(EntryChecks, no_row_is_dead) {
    std::vector<Scene> states;
    std::vector<straight::Verdict> truth;
    for (auto& b : breakers())
        for (Subject about : b.subjects()) states.push_back(b.broken(about));
    for (auto& s : scenes()) states.push_back(s);
    for (auto& s : states) truth.push_back(straight::judge(straight_state(s)));
    for (auto& group : entry_checks())
        for (auto& check : group.checks)
            for (auto change : {Change1::negated, Change1::missing}) {
                unsigned differ = 0;
                for (unsigned i = 0; i < states.size(); i++) differ += with_row_changed(states[i], &check, change) != truth[i];
                EXPECT_GT(differ, 0u) << check.id << (change == Change1::negated ? " negated" : " missing");
            }
}

// ---- states at the boundaries

class Mutator {
public:
    explicit Mutator(unsigned seed) : random(seed) {}
    u64 next() { return random(); }
    u64 below(u64 n) { return random() % n; }
    u64 number(u64 n) { return below(n); }

    u64 value(Field f, u64 now) { return boundary_value(*this, f, now); }
    void mutate(Scene& s) {
        Field f = fields[number(field_count)].field;
        s.set(f, value(f, s.vmcs[f]));
    }

private:
    std::mt19937_64 random;
};

TEST(EntryChecks, both_checkers_agree_at_the_boundaries) {
    Mutator m(1);
    auto valid = scenes();
    std::map<int, unsigned> seen;
    for (unsigned n = 0; n < 60000; n++) {
        Scene s = valid[m.number(valid.size())];
        m.mutate(s);
        if (m.number(2)) m.mutate(s);
        if (!m.number(16)) s.memory.at[0x13080] = 0x30, s.set(Field::tpr_threshold, m.number(17));
        if (!m.number(16)) s.set(Field::vmcs_link_pointer, 0x20000), s.memory.at[0x20000] = revision ^ (m.number(2) ? 0 : bit(31));
        if (!m.number(16)) s.memory.at[0x2020 + 8 * m.number(4)] = m.value(Field::guest_pdpte0, 0x20001);
        if (!m.number(16)) s.set(Field::guest_interruptibility, m.number(16)), s.flip(Field::guest_rflags, bit(9)), s.set(Field::entry_interruption, m.number(2) ? 0 : 0x80000202);
        if (!m.number(64)) s.ia32e = !s.ia32e;
        auto broken = first_broken(s.view());
        auto straight = straight::judge(straight_state(s));
        seen[straight.result * 10 + straight.qualification]++;
        ASSERT_EQ(text_of(verdict(broken)), text_of(straight)) << n << " " << s.name << " " << (broken ? explain(*broken, s.vmcs, s.around()) : "");
    }
    for (int outcome : {0, 70, 80, 330, 332, 333, 334}) EXPECT_GT(seen[outcome], 20u) << outcome;
}

// The sweep of the capability MSRs: each bit of each word of controls, set where it was clear and cleared where it was set.
TEST(EntryChecks, each_control_bit_is_taken_or_refused_as_the_chip_says) {
    for (auto& valid : scenes())
        for (Field word : {pin::word, primary::word, secondary::word, exit::word, entry::word, function::word})
            for (unsigned n = 0; n < width_in_bits(word); n++) {
                Scene s = valid;
                s.flip(word, bit(n));
                EXPECT_EQ(text_of(verdict(first_broken(s.view()))), text_of(straight::judge(straight_state(s)))) << s.name << ": " << text(word) << " " << n;
            }
}

// ---- the memory of what held

TEST(CheckMemory, agrees_with_the_full_run_on_any_sequence) {
    Mutator m(2);
    for (unsigned sequence = 0; sequence < 60; sequence++) {
        auto valid = scenes();
        Scene start = valid[m.number(valid.size())], s = start;
        CheckMemory memory;
        for (unsigned n = 0; n < 300; n++) {
            unsigned kind = unsigned(m.number(8));
            if (kind < 4) m.mutate(s);
            if (kind == 4) for (auto& r : fields) s.set(r.field, start.vmcs[r.field]);      // valid again
            if (kind == 5) s.memory.at[0x13080] = m.number(256), s.memory.at[0x2020 + 8 * m.number(4)] = m.value(Field::guest_pdpte0, 0x20001);
            if (kind == 6 && !m.number(4)) s.ia32e = !s.ia32e;
            auto broken = memory.judge(s.vmcs, s.around(), s.vmcs.take_changed()), full = first_broken(s.view());
            ASSERT_EQ(bool(broken), bool(full)) << n << " " << s.name << " " << (full ? full->check->id : broken->check->id);
            if (!full) continue;
            ASSERT_EQ(broken->check->id, full->check->id);
            ASSERT_EQ(broken->outcome, full->outcome);
            if (full->check->over) { ASSERT_EQ(broken->subject, full->subject); }
        }
    }
}

TEST(CheckMemory, judges_again_only_what_reads_a_changed_field) {
    Scene s = long_mode();
    CheckMemory memory;
    EXPECT_FALSE(memory.judge(s.vmcs, s.around(), s.vmcs.take_changed()));
    u64 all = memory.judged;
    EXPECT_FALSE(memory.judge(s.vmcs, s.around(), s.vmcs.take_changed()));
    EXPECT_EQ(memory.judged - all, 1u) << "VTPR, which is in memory";
    s.set(Field::guest_rip, 0xffffffff81000002), s.set(Field::guest_rsp, 0x1000);
    u64 before = memory.judged;
    EXPECT_FALSE(memory.judge(s.vmcs, s.around(), s.vmcs.take_changed()));
    EXPECT_EQ(memory.judged - before, 2u) << "VTPR, and RIP in 64-bit code";
    s.ia32e = false;
    EXPECT_TRUE(memory.judge(s.vmcs, s.around(), s.vmcs.take_changed())) << "other surroundings are judged";
}

// ---- explanations

TEST(EntryChecks, a_broken_check_can_say_why) {
    Scene s = long_mode();
    s.set(Field::msr_bitmap, 0x1234);
    auto broken = first_broken(s.view());
    ASSERT_TRUE(broken);
    EXPECT_EQ(explain(*broken, s.vmcs, s.around()), "msr-bitmap.aligned (SDM vol. 3, 27.2.1.1): the MSR bitmaps are at a page boundary\n"
                                                    "    address of MSR bitmaps = 1234\n"
                                                    "    primary processor-based VM-execution controls = 96206172\n");
    s = long_mode();
    s.flip(Field::guest_fs_rights, 0x80);
    broken = first_broken(s.view());
    ASSERT_TRUE(broken);
    EXPECT_TRUE(explain(*broken, s.vmcs, s.around()).starts_with("seg.present of FS (SDM vol. 3, 27.3.1.2): the segment is present\n"));
}

}
