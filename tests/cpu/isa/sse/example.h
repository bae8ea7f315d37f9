// SPDX-License-Identifier: MIT
// Examples of one instruction on XMM registers: what it finds and what it leaves, RAX and memory with it.
#pragma once
#include "tests/cpu/machine.h"
#include <gtest/gtest.h>

namespace vector_examples {

struct Wide {
    u64 high = 0, low = 0;
    bool operator==(const Wide&) const = default;
};
inline std::ostream& operator<<(std::ostream& out, const Wide& v) {
    return out << std::hex << v.high << "'" << v.low;
}

// XMM0, XMM1, and 16 bytes at RBX.
struct Regs {
    Wide x0{}, x1{}, memory{};
    u64 rax = 0;
};

struct Example {
    const char* code;
    const char* text;
    Regs before, after;
};

inline void put(TestMachine& m, const Regs& r) {
    m.cpu.vector.v[0].set(0, r.x0.low), m.cpu.vector.v[0].set(1, r.x0.high);
    m.cpu.vector.v[1].set(0, r.x1.low), m.cpu.vector.v[1].set(1, r.x1.high);
    m.put(TestMachine::data, r.memory.low), m.put(TestMachine::data + 8, r.memory.high);
    m.cpu.gpr[rax] = r.rax;
    m.cpu.gpr[rbx] = TestMachine::data;
}
inline Wide xmm(const TestMachine& m, unsigned n) {
    auto& v = m.cpu.vector.v[n];
    return {v.get<u64>(1), v.get<u64>(0)};
}
inline Wide memory(const TestMachine& m) {
    return {m.get<u64>(TestMachine::data + 8), m.get<u64>(TestMachine::data)};
}

template <std::size_t N> void run(const Example (&examples)[N], const char* model = "max-intel") {
    TestMachine m(TestMode::long64, model);
    for (auto& e : examples) {
        SCOPED_TRACE(e.text);
        put(m, e.before);
        ASSERT_EQ(m.run_one(e.code), Outcome::next);
        EXPECT_EQ(xmm(m, 0), e.after.x0);
        EXPECT_EQ(xmm(m, 1), e.after.x1);
        EXPECT_EQ(memory(m), e.after.memory);
        EXPECT_EQ(m.cpu.gpr[rax], e.after.rax);
    }
}

}
