// SPDX-License-Identifier: MIT
// Examples: one instruction with what it finds and what it leaves; a row of a table tests decoder, semantics and flags.
#pragma once
#include "tests/cpu/machine.h"
#include <gtest/gtest.h>

// Registers, and the eight bytes at TestMachine::data. A register not named is 0, before and after.
struct Regs {
    u64 rax = 0, rcx = 0, rdx = 0, rbx = 0, rbp = 0, rsi = 0, rdi = 0, r8 = 0, memory = 0;
};

struct Example {
    const char* code;
    const char* text;             // the row's name and whatever explains the example
    Regs before, after;
    const char* flags = "";       // set afterwards: o s z a p c
    const char* flags_before = "";
    const char* undefined = "";   // flags not compared
    TestMode mode = TestMode::long64;
};

inline u64 flag_bits(std::string_view letters) {
    constexpr std::string_view names = "cpazsodi";
    constexpr u64 bits[] = {rflags::cf, rflags::pf, rflags::af, rflags::zf, rflags::sf, rflags::of, rflags::df, rflags::if_};
    u64 value = 0;
    for (char c : letters) value |= bits[names.find(c)];
    return value;
}

inline void put_regs(TestMachine& m, const Regs& r) {
    auto& g = m.cpu.gpr;
    g[rax] = r.rax, g[rcx] = r.rcx, g[rdx] = r.rdx, g[rbx] = r.rbx, g[rbp] = r.rbp, g[rsi] = r.rsi, g[rdi] = r.rdi, g[r8] = r.r8;
    m.put(TestMachine::data, r.memory);
}
inline void expect_regs(TestMachine& m, const Regs& r) {
    auto& g = m.cpu.gpr;
    EXPECT_EQ(g[rax], r.rax);
    EXPECT_EQ(g[rcx], r.rcx);
    EXPECT_EQ(g[rdx], r.rdx);
    EXPECT_EQ(g[rbx], r.rbx);
    EXPECT_EQ(g[rbp], r.rbp);
    EXPECT_EQ(g[rsi], r.rsi);
    EXPECT_EQ(g[rdi], r.rdi);
    EXPECT_EQ(g[r8], r.r8);
    EXPECT_EQ(m.get<u64>(TestMachine::data), r.memory);
}

inline void run_example(TestMachine& m, const Example& e) {
    SCOPED_TRACE(std::string(e.text) + "  (" + e.code + ")");
    put_regs(m, e.before);
    m.cpu.rflags = rflags::one | flag_bits(e.flags_before);
    Outcome outcome = m.run_one(e.code);
    ASSERT_NE(outcome, Outcome::fault) << "vector " << int(m.cpu.fault_.vector);
    expect_regs(m, e.after);
    u64 compared = rflags::status & ~flag_bits(e.undefined);
    EXPECT_EQ(m.cpu.rflags & compared, flag_bits(e.flags) & compared);
}

template <std::size_t N> void run_examples(const Example (&examples)[N]) {
    for (auto mode : {TestMode::real16, TestMode::protected16, TestMode::protected32, TestMode::compatibility32, TestMode::long64}) {
        std::unique_ptr<TestMachine> machine;
        for (auto& e : examples) {
            if (e.mode != mode) continue;
            if (!machine) machine = std::make_unique<TestMachine>(mode);
            run_example(*machine, e);
        }
    }
}

// The vector of the fault that an instruction raises; -1 for none.
inline int fault_of(TestMachine& m, const std::string& code) {
    return m.run_one(code) == Outcome::fault ? m.cpu.fault_.vector : -1;
}
