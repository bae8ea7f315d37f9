// SPDX-License-Identifier: MIT
// x87 instructions by the soft-float against the host's x87: registers, flags, condition codes, memory, with all control words, stack
// faults, and exceptions masked and unmasked. Transcendental results are compared with MPFR elsewhere.
#include "cpu/isa/x87/soft.h"
#include "tests/cpu/isa/x87/host.h"
#include "tests/cpu/isa/x87/values.h"
#include <gtest/gtest.h>
#include <cstdlib>

namespace {

using namespace x87_cases;

// Condition codes that the manual leaves undefined keep their value with us, whatever the host does.
u16 undefined(const Form& form) { return form.compares() ? 0 : c0_c2_c3; }

std::string text(const Form& form, const Fpu& before, const std::array<u8, 16>& operand) {
    u64 low;
    u16 high;
    std::memcpy(&low, operand.data(), 8);
    std::memcpy(&high, operand.data() + 8, 2);
    char line[64];
    std::snprintf(line, sizeof line, "\nmemory %04x %016llx", high, static_cast<unsigned long long>(low));
    return x87_cases::text(form, before) + line;
}

bool compare(const Form& form, const Fpu& before, const std::array<u8, 16>& operand) {
    Fpu soft = before, host = before;
    auto soft_memory = operand, host_memory = operand;
    x87::run_soft(soft, form.opcode, form.modrm, soft_memory.data());
    x87::run_on_host(host, form.opcode, form.modrm, host_memory.data());
    bool equal = soft.empty == host.empty && soft.r == host.r && soft_memory == host_memory;
    if (equal && soft.status == host.status && soft.status == before.status) return true;
    u16 either = undefined(form);
    EXPECT_EQ(soft.status & either, before.status & either) << text(form, before, operand);
    EXPECT_EQ(soft.status & ~either, host.status & ~either) << text(form, before, operand);
    EXPECT_EQ(soft.empty, host.empty) << text(form, before, operand);
    EXPECT_EQ(soft_memory, host_memory) << text(form, before, operand);
    for (unsigned i = 0; i < 8; i++)
        EXPECT_EQ(soft.r[i], host.r[i]) << "R" << i << ' ' << std::hex << soft.r[i].sign_exponent << ' ' << soft.r[i].significand << " for "
                                        << host.r[i].sign_exponent << ' ' << host.r[i].significand << '\n' << text(form, before, operand);
    return equal && (soft.status & ~either) == (host.status & ~either);
}

// A result that tables tell: a zero, an infinity, a NaN.
bool special(const F80& v) { return (v.sign_exponent & 0x7fff) == 0x7fff || !v.significand; }

// The host's functions are less exact: of their numbers nothing is compared, nor PE, UE and C1; stack, range, faults and special values are.
void compare_function(const Form& form, const Fpu& before) {
    Fpu soft = before, host = before;
    x87::run_soft(soft, form.opcode, form.modrm, nullptr);
    x87::run_on_host(host, form.opcode, form.modrm, nullptr);
    constexpr u16 inexact = 0x30, c1 = 0x200, c2 = 0x400, summary = 0x8080;
    bool angle = form.modrm == 0xf2 || form.modrm >= 0xfb;
    u16 either = u16(inexact | c1 | c0_c2_c3 | (~before.control & inexact ? summary : 0));
    if (angle) either &= u16(~c2);
    EXPECT_EQ(soft.status & ~either, host.status & ~either) << text(form, before, {});
    EXPECT_EQ(soft.status & 0x4100, before.status & 0x4100) << text(form, before, {});
    EXPECT_EQ(soft.empty, host.empty) << text(form, before, {});
    for (unsigned i = 0; i < 8; i++)
        if (special(soft.r[i]) && special(host.r[i])) EXPECT_EQ(soft.r[i], host.r[i]) << "R" << i << ' ' << text(form, before, {});
        else EXPECT_FALSE((special(soft.r[i]) || special(host.r[i])) && soft.r[i] != host.r[i]) << "R" << i << ' ' << text(form, before, {});
}

TEST(X87Soft, has_the_hosts_special_cases_of_functions) {
    Values values{std::mt19937_64(1988)};
    for (auto& form : forms())
        for (unsigned n = 0; n < 5000 && !HasFailure() && form.transcendental(); n++) compare_function(form, values.state());
}

TEST(X87Soft, is_what_the_host_does) {
    Values values{std::mt19937_64(1987)};
    unsigned cases = 2000;
    if (auto* more = std::getenv("SLATE_SOFT_FLOAT_CASES")) cases = unsigned(std::strtoul(more, nullptr, 0) / forms().size() + 1);
    for (auto& form : forms())
        for (unsigned n = 0; n < cases; n++) {
            if (form.transcendental()) continue;
            Fpu state = values.state();
            auto operand = values.operand();
            if (form.opcode == 0xdf && form.modrm == 4 << 3) values.make_bcd(operand);
            if (!compare(form, state, operand)) break;
        }
}

}
