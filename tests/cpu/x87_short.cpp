// SPDX-License-Identifier: MIT
// The short ways of x87 instructions against the host's x87 run on the whole state: the same registers, flags and memory.
#include "cpu/isa/x87/host.h"
#include <gtest/gtest.h>
#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace {

constexpr u16 c0_c2_c3 = 0x4500, all_codes = 0x4700;

struct Form {
    u8 opcode, modrm;
    bool compares() const {
        unsigned reg = modrm >> 3 & 7;
        if (modrm < 0xc0) return !(opcode & 1) && (reg == 2 || reg == 3) && opcode != 0xdf;
        if (opcode == 0xd9) return modrm == 0xe4 || modrm == 0xe5 || modrm == 0xf8 || modrm == 0xf5;
        return modrm == 0xe9 ? opcode == 0xda || opcode == 0xdd : reg == 2 || reg == 3 ? opcode != 0xdd : opcode == 0xdd && reg >= 4;
    }
};

// Memory: FLDENV, FLDCW, FNSTENV, FNSTCW, FRSTOR, FNSAVE, FNSTSW are not instructions of run_on_host, nor is what #UDs.
bool runs_on_host(u8 opcode, u8 modrm) {
    if (modrm < 0xc0) {
        unsigned reg = modrm >> 3 & 7, bit = 1u << reg;
        if (opcode == 0xd9) return bit & 0x0d;
        if (opcode == 0xdb) return bit & 0xad;
        if (opcode == 0xdd) return bit & 0x0d;
        if (opcode == 0xdf) return bit & 0xfd;
        return true;
    }
    if (opcode == 0xd9) return modrm < 0xd0 || modrm == 0xe0 || modrm == 0xe1 || modrm == 0xe4 || modrm == 0xe5 || modrm == 0xe8 || modrm == 0xee ||
                                 modrm == 0xfa || modrm == 0xfc;
    if (opcode == 0xda) return modrm == 0xe9;
    if (opcode == 0xdb || opcode == 0xdf) return false;
    if (opcode == 0xdd) return modrm < 0xf0;
    if (opcode == 0xde) return modrm < 0xd0 || modrm == 0xd9 || modrm >= 0xe0;
    return true;
}

std::vector<Form> forms() {
    std::vector<Form> all;
    for (unsigned opcode = 0xd8; opcode <= 0xdf; opcode++) {
        for (unsigned reg = 0; reg < 8; reg++)
            if (runs_on_host(u8(opcode), u8(reg << 3))) all.push_back({u8(opcode), u8(reg << 3)});
        for (unsigned modrm = 0xc0; modrm < 0x100; modrm++)
            if (runs_on_host(u8(opcode), u8(modrm))) all.push_back({u8(opcode), u8(modrm)});
    }
    return all;
}

// Values of every class, near the borders of every format.
struct Values {
    std::mt19937_64 random;
    unsigned below(unsigned n) { return unsigned(random() % n); }

    F80 extended() {
        constexpr u64 significands[] = {0, 1, 1ull << 63, 3ull << 62, ~0ull, 1ull << 63 | 1, 0xa000000000000000, 0xfffffffffffff800,
                                        0xfffffffffffffc00, 0xffffff0000000000, 0xffffff8000000000, 1ull << 62, ~0ull >> 1, 0xffff000000000000};
        constexpr u16 exponents[] = {0, 1, 2, 0x3bcc, 0x3bcd, 0x3c00, 0x3c01, 0x3f69, 0x3f6a, 0x3f80, 0x3f81, 0x3ffd, 0x3ffe, 0x3fff, 0x4000, 0x400d,
                                     0x400e, 0x401d, 0x401e, 0x403d, 0x403e, 0x407e, 0x407f, 0x43fe, 0x43ff, 0x7ffd, 0x7ffe, 0x7fff};
        u64 significand = below(2) ? significands[below(std::size(significands))] : random() | (below(8) ? 1ull << 63 : 0);
        unsigned exponent = below(3) == 0 ? exponents[below(std::size(exponents))] : below(2) ? 0x3fff + below(140) - 70 : below(0x8000);
        return {significand, u16(exponent | below(2) << 15)};
    }
    u64 quad() {
        constexpr u64 doubles[] = {0, 1, 1ull << 63, 0x7ff0000000000000, 0x7ff8000000000000, 0x7ff0000000000001, 0xfff0000000000000,
                                   0xffffffffffffffff, 0x000fffffffffffff, 0x0010000000000000, 0x7fefffffffffffff, 0x8000000000000001};
        constexpr u32 singles[] = {0, 1, 1u << 31, 0x7f800000, 0x7fc00000, 0x7f800001, 0xff800000, 0xffffffff, 0x007fffff, 0x00800000, 0x7f7fffff};
        switch (below(5)) {
        case 0: return doubles[below(std::size(doubles))];
        case 1: return singles[below(std::size(singles))] | random() << 32;
        case 2: return std::bit_cast<u64>(double(int(below(2000)) - 1000));
        case 3: return std::bit_cast<u32>(float(int(below(2000)) - 1000) / 3);
        default: return random();
        }
    }
    Fpu state() {
        Fpu f;
        f.control = u16(0x40 | below(16) << 8 | (below(4) ? 0x3f : below(64)));
        f.status = u16((below(8) << 11) | (random() & all_codes) | (below(2) ? 0 : random() & 0x7f & f.control));
        if (f.status & ~f.control & 0x3f) f.status |= 0x8080;
        f.empty = below(4) ? u8(1 << ((f.top() + 7) & 7)) : below(2) ? 0 : u8(random());
        for (auto& r : f.r) r = extended();
        if (below(16) == 0) f.r[0] = f.r[1];
        if (below(16) == 0) f.r[1] = f.r[2], f.r[1].sign_exponent ^= 0x8000;
        return f;
    }
    std::array<u8, 16> operand() {
        std::array<u8, 16> bytes{};
        F80 value = extended();
        std::memcpy(bytes.data(), &value, 10);
        u64 low = quad();
        if (below(2)) std::memcpy(bytes.data(), &low, 8);
        return bytes;
    }
};

std::string text(const Form& form, const Fpu& before) {
    char line[160];
    std::snprintf(line, sizeof line, "opcode %02x modrm %02x control %04x status %04x empty %02x", form.opcode, form.modrm,
                  before.control, before.status, before.empty);
    std::string all = line;
    for (unsigned i = 0; i < 8; i++) {
        auto& r = before.r[before.physical(i)];
        std::snprintf(line, sizeof line, "\nST%u %04x %016llx", i, r.sign_exponent, static_cast<unsigned long long>(r.significand));
        all += line;
    }
    return all;
}

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
