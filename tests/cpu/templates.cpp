// SPDX-License-Identifier: MIT
// What the templates of handlers look like. That copies do what their handlers do is for keys.cpp and for lockstep.
#include "cpu/exec/fast/keys.h"
#include "cpu/exec/fast/templates.h"
#include "cpu/isa/integer.h"
#include "cpu/isa/branch.h"
#include "cpu/isa/move.h"
#include <gtest/gtest.h>
#include <algorithm>
#include <cstring>
#include <map>

namespace fast {
namespace {

struct TemplateTest : ::testing::Test {
    Keys keys;
    std::vector<Pair> pairs;
    Templates templates{all()};

    std::unordered_set<const u8*> all() {
        for (auto add : {add_move, add_cmov, add_add, add_carry, add_logic, add_compare, add_unary, add_shift, add_branch, add_bits, add_vector,
                         add_packed, add_float, add_sse4, add_crypto, add_fused_compare, add_fused_memory, add_fused_test})
            add(keys);
        add_pairs(pairs);
        std::unordered_set<const u8*> set;
        auto put = [&](Handler h) { set.insert(reinterpret_cast<const u8*>(h)); };
        for (auto& k : keys) put(k.live), put(k.dead);
        for (auto& p : pairs) put(p.both);
        return set;
    }
    void SetUp() override {
        const Key& key = find(&isa::identity<isa::Mov>, Form::dd);
        if (!templates.of(key.live)) GTEST_SKIP() << "no handler is copied in this build";
    }
    const Key& find(const char* id, Form form, u8 condition = no_condition) {
        for (auto& k : keys)
            if (k.id == id && k.form == form && k.word == 3 && k.condition == condition) return k;
        throw std::out_of_range(id);
    }
};

// Floating point and a few with loops are larger than a template may be.
TEST_F(TemplateTest, nearly_all_have_one) {
    unsigned without = 0;
    for (auto& k : keys) without += !templates.of(k.live);
    std::cout << "note " << keys.size() << " keys, " << without << " without a template\n";
    EXPECT_LT(without, keys.size() / 20);
}

TEST_F(TemplateTest, an_instruction_falls_into_the_next_without_a_jump) {
    const Template& t = *templates.of(find(&isa::identity<isa::Mov>, Form::dd).live);
    EXPECT_EQ(t.next, 1u);
    EXPECT_TRUE(t.aside.empty());
    EXPECT_TRUE(t.main_fixups.empty());
    EXPECT_LT(t.main.size(), 32u);
}

// What the Op says is in the copy: registers as displacements from the Cpu's start, where they are the first member.
TEST_F(TemplateTest, fields_are_in_the_code) {
    const Template& t = *templates.of(find(&isa::identity<isa::Mov>, Form::dd).live);
    ASSERT_EQ(t.main_holes.size(), 2u);
    Op op;
    op.dst = 0x18, op.src = 0x48;
    std::vector<u8> code(t.main.size());
    copy_part(t, Part::main, &op, code.data(), code.data(), code.data(), nullptr);
    std::vector<u32> values;
    for (auto& h : t.main_holes) {
        u32 value;
        std::memcpy(&value, code.data() + h.at, sizeof value);
        values.push_back(value);
    }
    EXPECT_EQ(values, (std::vector<u32>{0x48, 0x18}));         // read, then written
}

TEST_F(TemplateTest, immediates_are_in_the_code) {
    const Template& t = *templates.of(find(&isa::identity<isa::Binary<alu::Add>>, Form::di).live);
    Op op;
    op.immediate = 0x12345678;
    std::vector<u8> code(t.main.size());
    copy_part(t, Part::main, &op, code.data(), code.data(), code.data(), code.data());
    u32 wanted = 0x12345678;
    EXPECT_NE(std::search(code.begin(), code.end(), reinterpret_cast<u8*>(&wanted), reinterpret_cast<u8*>(&wanted + 1)), code.end());
}

TEST_F(TemplateTest, a_stub_is_read_anew_each_time) {
    EXPECT_TRUE(templates.of(cross_page)->main_holes.empty());
}

TEST_F(TemplateTest, a_miss_stays_where_it_is) {
    const Template& t = *templates.of(find(&isa::identity<isa::Mov>, Form::dm).live);
    EXPECT_EQ(t.next, 1u);
    ASSERT_EQ(t.main_fixups.size(), 1u);
    EXPECT_EQ(t.main_fixups[0].to, Fixup::To::outside);
    EXPECT_EQ(t.main_fixups[0].target, reinterpret_cast<u64>(&miss_read));
}

TEST_F(TemplateTest, a_jump_has_nothing_behind_it) {
    EXPECT_EQ(templates.of(find(&isa::identity<isa::Jmp>, Form::i).live)->next, 0u);
    EXPECT_EQ(templates.of(find(&isa::identity<isa::Ret>, Form::none).live)->next, 0u);
}

TEST_F(TemplateTest, a_branch_not_taken_falls_into_the_next) {
    EXPECT_EQ(templates.of(find(&isa::identity<isa::Jcc<4>>, Form::i).live)->next, 1u);
    for (auto& k : keys) {
        if (k.condition == no_condition) continue;
        const Template* t = templates.of(k.live);
        ASSERT_TRUE(t) << k.id;
        EXPECT_EQ(t->next, 2u) << k.id << ": the branch is an Op too";
    }
}

TEST_F(TemplateTest, a_pair_is_one_piece) {
    unsigned longer = 0;
    for (auto& p : pairs) {
        const Template *first = templates.of(p.first), *second = templates.of(p.second), *both = templates.of(p.both);
        if (!both || !second || !second->next) continue;
        EXPECT_EQ(both->next, second->next + 1);
        longer += both->main.size() > first->main.size();
    }
    EXPECT_GT(longer, 10u);
}

}
}
