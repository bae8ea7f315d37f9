// SPDX-License-Identifier: MIT
// Pages with code and data (boot loaders have them): stores beside the code give its blocks up less and less often, and kill none.
#include "cpu/exec/fast/runner.h"
#include "tests/cpu/machine.h"
#include <gtest/gtest.h>

namespace {

// Stores ECX so far behind itself, and counts it down.
struct Loop : TestMachine {
    explicit Loop(u32 count, u64 distance) : TestMachine(TestMode::long64) {
        put_code("89 0b ff c9 75 fa f4");
        cpu.engine = Engine::fast;
        cpu.gpr[rcx] = count, cpu.gpr[rbx] = code + distance;
        cpu.run(cpu.clock.ticks + u64{3} * count + 10);
    }
    const fast::Blocks::Counters& counters() { return cpu.runner->blocks.counters; }
};

}

TEST(MixedPages, stores_beside_the_code_give_it_up_less_and_less_often) {
    Loop m(200'000, 0x800);
    EXPECT_EQ(m.cpu.gpr[rcx], 0u);
    EXPECT_EQ(m.cpu.activity, Activity::halted);
    EXPECT_EQ(m.get<u32>(TestMachine::code + 0x800), 1u);
    // 64, 128, ... 16,384 stores are 9 times, and 32,704 in all; the rest goes by 16,384.
    EXPECT_EQ(m.counters().pages_given_up, 9u + (200'000 - 32'704) / 16'384);
}

TEST(MixedPages, a_store_next_to_a_block_does_not_kill_it) {
    Loop m(60, 7);                        // right behind HLT, in the same 64 bytes
    EXPECT_EQ(m.cpu.activity, Activity::halted);
    EXPECT_EQ(m.counters().killed, 0u);
    EXPECT_GT(m.counters().stores_to_code_pages, 50u);
}

TEST(MixedPages, a_store_into_a_block_kills_it) {
    Loop m(60, 6);                        // over HLT, which the loop's last store makes 01, ADD
    EXPECT_NE(m.cpu.activity, Activity::halted);
    EXPECT_GT(m.counters().killed, 0u);
}
