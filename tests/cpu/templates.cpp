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
    EXPECT_TRUE(t.aside.bytes.empty());
    EXPECT_TRUE(t.main.fixups.empty());
    Op op;
    EXPECT_LT(t.main.size(&op), 12u);
}

std::vector<u8> copied(const Template& t, const Op& op, Part part = Part::main) {
    std::vector<u8> code((part == Part::main ? t.main : t.aside).size(&op));
    copy_part(t, part, &op, code.data(), code.data(), code.data(), code.data());
    return code;
}
bool has(const std::vector<u8>& code, std::initializer_list<u8> bytes) {
    return std::search(code.begin(), code.end(), bytes.begin(), bytes.end()) != code.end();
}

// What the Op says is in the copy: registers as displacements from the Cpu's start, where they are the first member.
TEST_F(TemplateTest, fields_are_in_the_code) {
    const Template& t = *templates.of(find(&isa::identity<isa::Mov>, Form::dd).live);
    ASSERT_EQ(t.main.filled.size(), 2u);
    Op op;
    op.dst = 0x18, op.src = 0x48;
    EXPECT_EQ(t.main.filled[0].hole[0].value(&op), 0x48);      // read, then written
    EXPECT_EQ(t.main.filled[1].hole[0].value(&op), 0x18);
    auto code = copied(t, op);
    EXPECT_TRUE(has(code, {0x57, 0x48})) << "RDX from 8 bits of displacement";
    EXPECT_TRUE(has(code, {0x57, 0x18}));
    op.src = 0x88;
    EXPECT_TRUE(has(copied(t, op), {0x97, 0x88, 0, 0, 0})) << "what doesn't fit into 8 bits";
}

TEST_F(TemplateTest, immediates_are_in_the_code) {
    const Template& t = *templates.of(find(&isa::identity<isa::Binary<alu::Add>>, Form::di).live);
    Op op;
    op.immediate = 0x12345678;
    EXPECT_TRUE(has(copied(t, op), {0x78, 0x56, 0x34, 0x12}));
    op.immediate = -2;
    EXPECT_TRUE(has(copied(t, op), {0x48, 0x83, 0xc2, 0xfe})) << "ADD RDX, imm8";
}

TEST_F(TemplateTest, an_address_without_displacement_adds_none) {
    const Template& t = *templates.of(find(&isa::identity<isa::Mov>, Form::dm).live);
    Op far, near, none;
    far.displacement = 0x1000, near.displacement = 0x10;
    EXPECT_EQ(t.main.size(&far), t.main.size(&near) + 3);
    EXPECT_EQ(t.main.size(&near), t.main.size(&none) + 4);
}

TEST_F(TemplateTest, a_scale_is_a_shift_by_a_constant) {
    auto key = std::ranges::find_if(keys, [](auto& k) { return k.id == &isa::identity<isa::Binary<alu::Add>> && k.form == Form::dm && k.word == 3 && k.address == Address::scaled; });
    ASSERT_NE(key, keys.end());
    const Template& t = *templates.of(key->live);
    auto shifts_by = [&](u8 scale) {
        Op op;
        op.shape = scale;
        return has(copied(t, op), {0xc1, 0xe0, scale}) || has(copied(t, op), {0xc1, 0xe2, scale});          // RAX or RDX
    };
    EXPECT_TRUE(shifts_by(1) && shifts_by(3));
    EXPECT_FALSE(shifts_by(0));
}

TEST_F(TemplateTest, a_stub_is_read_anew_each_time) {
    EXPECT_TRUE(templates.of(cross_page)->main.filled.empty());
}

// It leads to the thunk, which finds the link by the Op's address.
TEST_F(TemplateTest, a_jump_through_a_link_is_a_site) {
    const Template& t = *templates.of(find(&isa::identity<isa::Jmp>, Form::i).live);
    ASSERT_EQ(t.sites.size(), 1u);
    EXPECT_EQ(t.sites[0].op, 0u);
    EXPECT_EQ(t.sites[0].part, Part::main);
    Op op;
    auto main = copied(t, op), aside = copied(t, op, Part::aside);
    std::size_t at = t.main.place(&op, t.sites[0].at, t.sites[0].filled), thunk = t.aside.place(&op, t.sites[0].thunk, t.sites[0].thunk_filled);
    constexpr std::size_t way_out = 5;                             // JMP, behind JNS
    ASSERT_EQ(at + 4 + way_out, main.size());
    EXPECT_EQ(main[at - 2], 0x0f);
    EXPECT_EQ(main[at - 1], 0x89) << "the link is followed while the budget is not below 0";
    EXPECT_EQ(main[at + 4], 0xe9);
    std::vector<u8> wanted{0x48, 0xbe, 0, 0, 0, 0, 0, 0, 0, 0, 0x48, 0x8b, 0x76, offsetof(Op, link), 0xff, 0x26};     // MOV RSI, the Op; MOV RSI, [RSI + link]; JMP [RSI]
    const Op* address = &op;
    std::memcpy(wanted.data() + 2, &address, sizeof address);
    ASSERT_LE(thunk + wanted.size(), aside.size());
    EXPECT_TRUE(std::equal(wanted.begin(), wanted.end(), aside.begin() + std::ptrdiff_t(thunk)));
}

// Ticks and instructions are taken off by one instruction, which knows how many there are.
TEST_F(TemplateTest, a_branch_subtracts_a_constant) {
    const Template& t = *templates.of(find(&isa::identity<isa::Jmp>, Form::i).live);
    Op op;
    op.before = 7;
    auto code = copied(t, op);
    std::vector<u8> add{0x48, 0x83, 0x87};
    auto at = std::search(code.begin(), code.end(), add.begin(), add.end());
    ASSERT_GE(code.end() - at, 8) << "ADD [RDI + disp32], imm8";
    EXPECT_EQ(at[7], u8(-8));
}

// A row of copies sets the Op's register nowhere but on the ways out.
TEST_F(TemplateTest, what_goes_on_leaves_the_register_of_the_op_alone) {
    for (auto form : {Form::dd, Form::dm, Form::md}) {
        const Template& t = *templates.of(find(&isa::identity<isa::Mov>, form).live);
        for (auto& f : t.main.fixups) EXPECT_NE(f.to, Fixup::To::op);
        Op op;
        EXPECT_FALSE(has(copied(t, op), {0x48, 0x83, 0xc6, sizeof(Op)})) << "ADD RSI, 32";
    }
}

// What is run for each branch, or each block, saves no registers for what is seldom.
TEST_F(TemplateTest, ways_between_blocks_push_nothing) {
    auto& bytes = templates.of(cross_page)->main.bytes;
    EXPECT_TRUE(std::none_of(bytes.begin(), bytes.end(), [](u8 byte) { return byte >= 0x50 && byte <= 0x57; })) << "PUSH";
}

TEST_F(TemplateTest, a_miss_stays_where_it_is) {
    const Template& t = *templates.of(find(&isa::identity<isa::Mov>, Form::dm).live);
    EXPECT_EQ(t.next, 1u);
    ASSERT_EQ(t.main.fixups.size(), 1u);
    EXPECT_EQ(t.main.fixups[0].to, Fixup::To::aside);
    ASSERT_EQ(t.aside.fixups.size(), 2u);
    EXPECT_EQ(t.aside.fixups[0].to, Fixup::To::op);
    EXPECT_EQ(t.aside.fixups[1].to, Fixup::To::outside);
    EXPECT_EQ(t.aside.fixups[1].target, reinterpret_cast<u64>(&miss_read));
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
        Op op[2];
        longer += both->main.size(op) > first->main.size(op);
    }
    EXPECT_GT(longer, 10u);
}

}
}
