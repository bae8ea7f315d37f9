// SPDX-License-Identifier: MIT
// The short ways of x87 instructions against the host's x87 run on the whole state: the same registers, flags and memory.
#include "cpu/isa/x87/short.h"
#include "tests/cpu/isa/x87/host.h"
#include "tests/cpu/isa/x87/values.h"
#include <gtest/gtest.h>
#include <cstdlib>
#include <set>

namespace {

using namespace x87_cases;

// False where the short way was not taken.
bool compare(const Form& form, const Fpu& before, const std::array<u8, 16>& operand) {
    Fpu fast = before, whole = before;
    auto fast_memory = operand, whole_memory = operand;
    if (!x87::run_short(fast, form.opcode, form.modrm, fast_memory.data())) {
        EXPECT_EQ(fast.status, before.status) << text(form, before);
        EXPECT_EQ(fast.r, before.r) << text(form, before);
        return false;
    }
    x87::run_on_host(whole, form.opcode, form.modrm, whole_memory.data());
    u16 undefined = form.compares() ? 0 : c0_c2_c3;
    whole.status = u16((whole.status & ~undefined) | (before.status & undefined));
    EXPECT_EQ(fast.status, whole.status) << text(form, before);
    EXPECT_EQ(fast.control, whole.control) << text(form, before);
    EXPECT_EQ(fast.empty, whole.empty) << text(form, before);
    EXPECT_EQ(fast.r, whole.r) << text(form, before);
    EXPECT_EQ(fast_memory, whole_memory) << text(form, before);
    return true;
}

// The host's own flags are left set by what ran before: run_on_host leaves none.
void leave_flags(Values& values) {
    Fpu f = values.state();
    f.control |= 0x3f, f.status &= 0x3800, f.empty = 0;
    x87::run_short(f, 0xd8, 0xf1, nullptr);                                   // FDIV ST(0), ST(1)
}

TEST(X87Short, is_what_the_host_does_with_the_whole_state) {
    Values values{std::mt19937_64(87)};
    unsigned cases = 2000;
    if (auto* more = std::getenv("X87_SHORT_CASES")) cases = unsigned(std::strtoul(more, nullptr, 0));
    std::set<u16> taken;
    for (auto& form : forms())
        for (unsigned n = 0; n < cases && !HasFailure(); n++) {
            leave_flags(values);
            if (compare(form, values.state(), values.operand())) taken.insert(u16(form.opcode << 8 | form.modrm));
        }
    // Moves: 7 + 8 + 4 + 2 + 2 x 8 (FLD ST(7) always faults); memory arithmetic and comparisons: 4 x 8;
    // registers: 3 x 6 x 8 + 2; comparisons: 4 x 8 + 4; conversions: 14.
    EXPECT_EQ(taken.size(), 37u + 32 + 146 + 36 + 14);
}

TEST(X87Short, leaves_stack_faults_to_the_whole_state) {
    Fpu full, none;
    full.empty = 0;
    std::array<u8, 16> memory{};
    EXPECT_FALSE(x87::run_short(full, 0xd9, 0xe8, nullptr));                  // FLD1
    EXPECT_FALSE(x87::run_short(full, 0xdb, 5 << 3, memory.data()));          // FLD m80
    EXPECT_FALSE(x87::run_short(none, 0xdb, 7 << 3, memory.data()));          // FSTP m80
    EXPECT_FALSE(x87::run_short(none, 0xd9, 0xc9, nullptr));                  // FXCH
}

TEST(X87Short, moves_clear_c1_and_keep_the_other_codes) {
    Fpu f;
    f.status = 0x4700;
    EXPECT_TRUE(x87::run_short(f, 0xd9, 0xe8, nullptr));                      // FLD1
    EXPECT_EQ(f.status, 0x4500 | 7 << 11);
    EXPECT_EQ(f.empty, 0x7f);
    EXPECT_EQ(f.r[7], (F80{1ull << 63, 0x3fff}));
}

}
