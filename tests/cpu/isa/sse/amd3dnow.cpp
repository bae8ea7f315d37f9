// SPDX-License-Identifier: MIT
// 3DNow! and its extensions: what AMD's manual gives for numbers chosen by hand.
#include "cpu/isa/families.h"
#include "tests/cpu/machine.h"
#include <bit>
#include <cmath>
#include <gtest/gtest.h>

namespace {

struct Pair {
    float low, high;
    u64 bits() const { return std::bit_cast<u32>(low) | u64{std::bit_cast<u32>(high)} << 32; }
};
constexpr u64 none = 0, all = ~u64{0}, upper = 0xffffffff00000000, lower = 0xffffffff;
constexpr float largest = 0x1.fffffep127f, smallest = 0x1p-126f;

struct Machine : TestMachine {
    Machine() : TestMachine(TestMode::long64, "barcelona") {}
    // One of the instructions MM0, MM1.
    u64 operator()(const char* suffix, u64 a, u64 b) {
        cpu.fpu.r[0].significand = a, cpu.fpu.r[1].significand = b;
        EXPECT_EQ(run_one(std::string("0f 0f c1 ") + suffix), Outcome::next) << suffix;
        return cpu.fpu.r[0].significand;
    }
};

struct Example {
    const char *suffix, *text;
    u64 a, b, result;
};
const Example examples[] = {
    {"9e", "pfadd",              Pair{1, 2.5f}.bits(),           Pair{2, -4}.bits(),             Pair{3, -1.5f}.bits()},
    {"9e", "pfadd, too large",   Pair{largest, -largest}.bits(), Pair{largest, -largest}.bits(), Pair{largest, -largest}.bits()},
    {"9a", "pfsub, too small",   Pair{smallest * 1.5f, 1}.bits(), Pair{smallest, 1}.bits(),      none},
    {"aa", "pfsubr",             Pair{1, 2}.bits(),              Pair{3, 7}.bits(),              Pair{2, 5}.bits()},
    {"b4", "pfmul",              Pair{3, -2}.bits(),             Pair{5, 0.5f}.bits(),           Pair{15, -1}.bits()},
    {"b4", "pfmul, denormal",    u64{1} | bit(32),               Pair{largest, 1}.bits(),        none},
    {"ae", "pfacc",              Pair{1, 2}.bits(),              Pair{3, 7}.bits(),              Pair{3, 10}.bits()},
    {"8a", "pfnacc",             Pair{1, 2}.bits(),              Pair{3, 7}.bits(),              Pair{-1, -4}.bits()},
    {"8e", "pfpnacc",            Pair{1, 2}.bits(),              Pair{3, 7}.bits(),              Pair{-1, 10}.bits()},
    {"b0", "pfcmpeq",            Pair{0, 1}.bits(),              Pair{-0.0f, 2}.bits(),          lower},
    {"90", "pfcmpge",            Pair{0, -1}.bits(),             Pair{-0.0f, 2}.bits(),          lower},
    {"a0", "pfcmpgt",            Pair{-3, 2}.bits(),             Pair{-4, 1}.bits(),             all},
    {"a0", "pfcmpgt, equal",     Pair{0, 2}.bits(),              Pair{-0.0f, 1}.bits(),          upper},
    {"a4", "pfmax",              Pair{-1, 3}.bits(),             Pair{-0.0f, 2}.bits(),          Pair{0, 3}.bits()},
    {"94", "pfmin",              Pair{1, -3}.bits(),             Pair{-0.0f, 2}.bits(),          Pair{0, -3}.bits()},
    {"1d", "pf2id",              none,                           Pair{-1.75f, 3e9f}.bits(),      0x7fffffffffffffff},
    {"1d", "pf2id, negative",    none,                           Pair{0.9f, -3e9f}.bits(),       0x8000000000000000},
    {"1c", "pf2iw",              none,                           Pair{40000, -40000}.bits(),     0xffff800000007fff},
    {"0d", "pi2fd, truncated",   none,                           u64{0x01ffffff} | u64{0xfeffffff} << 32, Pair{0x1.fffffep24f, -0x1p24f}.bits()},
    {"0c", "pi2fw",              none,                           0x0000ffff12340005,             Pair{5, -1}.bits()},
    {"bb", "pswapd",             none,                           0x1111111122222222,             0x2222222211111111},
    {"b7", "pmulhrw",            0x7fff000180004000,             0x7fff800080000002,             0x3fff000040000001},
    {"bf", "pavgusb",            0x00ff,                         0x01fe,                         0x01ff},
};

}

TEST(amd3dnow, does_what_the_manual_says) {
    Machine m;
    for (auto& e : examples) EXPECT_EQ(m(e.suffix, e.a, e.b), e.result) << e.text << std::hex << " of " << e.a << ' ' << e.b;
}

// Its last byte is in a table here, or among those of the next test.
TEST(amd3dnow, has_an_example_of_each_row) {
    for (auto& row : isa::amd3dnow()) {
        if (row.name == "femms" || row.name.starts_with("prefetch")) continue;
        bool found = false;
        for (auto& e : examples) found |= std::string_view(e.text).starts_with(row.name);
        for (auto* name : {"pfrcp", "pfrsqrt", "pfrcpit1", "pfrsqit1", "pfrcpit2"}) found |= row.name == name;
        EXPECT_TRUE(found) << row.name;
    }
}

// Within 2^-14 and 2^-15 of the exact value; refined, in all bits of the fraction but the last.
TEST(amd3dnow, divides_by_estimates_and_their_refinement) {
    Machine m;
    for (float x = 0x1p-20f; x < 0x1p20f; x *= 1.37f) {
        u64 number = Pair{x, x}.bits();
        u64 estimate = m("96", none, number);
        EXPECT_LE(std::fabs(double(std::bit_cast<float>(u32(estimate))) * x - 1), 0x1p-14);
        EXPECT_EQ(u32(estimate), u32(estimate >> 32));
        u64 refined = m("b6", m("a6", number, estimate), estimate);
        EXPECT_LE(std::fabs(double(std::bit_cast<float>(u32(refined))) * x - 1), 0x1p-23);
        u64 root = m("97", none, number), square = m("b4", root, root);
        EXPECT_LE(std::fabs(double(std::bit_cast<float>(u32(root))) * std::sqrt(double(x)) - 1), 0x1p-15);
        u64 refined_root = m("b6", m("a7", square, number), root);
        EXPECT_LE(std::fabs(double(std::bit_cast<float>(u32(refined_root))) * std::sqrt(double(x)) - 1), 0x1p-22);
    }
    EXPECT_EQ(u32(m("96", none, 0)), 0x7f7fffffu);
    EXPECT_EQ(u32(m("97", none, Pair{-4, 0}.bits())), std::bit_cast<u32>(-0.5f));
}

TEST(amd3dnow, has_its_opcode_behind_the_operand) {
    Machine m;
    m.put(TestMachine::data, Pair{1, 1}.bits());
    m.cpu.gpr[rbx] = TestMachine::data - 0x100, m.cpu.fpu.r[0].significand = Pair{1, 2}.bits();
    ASSERT_EQ(m.run_one("0f 0f 83 00 01 00 00 9e"), Outcome::next);
    EXPECT_EQ(m.cpu.fpu.r[0].significand, (Pair{2, 3}.bits()));
    EXPECT_EQ(m.cpu.rip(), TestMachine::code + 8);
    ASSERT_EQ(m.run_one("0f 0f 05 f8 ff 00 00 9e"), Outcome::next);      // RIP-relative, from behind the last byte
    EXPECT_EQ(m.cpu.fpu.r[0].significand, (Pair{3, 4}.bits()));
    EXPECT_EQ(m.run_one("0f 0f c1 9f"), Outcome::fault);                 // no such last byte
    ASSERT_EQ(m.run_one("0f 0e"), Outcome::next);
    EXPECT_EQ(m.cpu.fpu.empty, 0xff);
}
