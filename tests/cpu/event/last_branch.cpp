// SPDX-License-Identifier: MIT
// DEBUGCTL: the record of last branches, and single steps from branch to branch (APM vol. 2, 13.1.6; SDM vol. 3, 18.4).
#include "cpu/event/debug.h"
#include "cpu/msr/access.h"
#include "tests/cpu/machine.h"
#include <gtest/gtest.h>

namespace {

constexpr u32 debugctl = 0x1d9, first_record = 0x1db;
constexpr u64 handler = 0x12000;

struct Branches : TestMachine {
    explicit Branches(const char* model = "max-amd") : TestMachine(TestMode::long64, model) {
        for (u8 vector : {1, 3, 6, 0x30, 0x40}) gate(vector);
        put_code("f4", handler);
    }
    void gate(u8 vector) {
        put(idt + vector * 16u, u64(handler & 0xffff) | u64{code64} << 16 | u64{0x8e00} << 32 | (handler >> 16 & 0xffff) << 48);
        put(idt + vector * 16u + 8, u64{0});
    }
    void step() { cpu.run(clock.ticks + 1); }
    void start(const std::string& hex, u64 control) {
        put_code(hex);
        cpu.rip() = code;
        ASSERT_TRUE(write_msr(cpu, debugctl, control));
    }
    u64 record(u32 n) {
        u64 value = 0;
        EXPECT_TRUE(read_msr(cpu, first_record + n, value));
        return value;
    }
    void expect(u64 from, u64 to, u64 event_from, u64 event_to) {
        u64 want[] = {from, to, event_from, event_to};
        for (u32 n = 0; n < 4; n++) EXPECT_EQ(record(n), want[n]) << n;
    }
};

}

TEST(LastBranch, taken_branches_are_recorded_and_nothing_else) {
    Branches m;
    // JMP +2; NOP; NOP; CALL +3; behind it NOP, JNZ (not taken); RET.
    m.start("eb 02 90 90 e8 03 00 00 00 90 75 10 c3", 1);
    m.step();
    m.expect(0x10000, 0x10004, 0, 0);
    m.step();
    m.expect(0x10004, 0x1000c, 0, 0);
    m.step();
    m.expect(0x1000c, 0x10009, 0, 0);
    m.cpu.set_rflags(rflags::zf, rflags::zf);
    m.step(), m.step();
    EXPECT_EQ(m.cpu.rip(), 0x1000cu);
    m.expect(0x1000c, 0x10009, 0, 0);
}

TEST(LastBranch, far_branches_and_system_calls_count) {
    Branches m;
    m.put_code("48 cf");                                   // IRETQ to 11000h
    m.put(m.stack, u64{0x11000}), m.put(m.stack + 8, u64{m.code64}), m.put(m.stack + 16, u64{2});
    m.put(m.stack + 24, u64{m.stack}), m.put(m.stack + 32, u64{m.data_flat});
    m.cpu.rip() = m.code;
    ASSERT_TRUE(write_msr(m.cpu, debugctl, 1));
    m.step();
    m.expect(0x10000, 0x11000, 0, 0);
    m.put_code("0f 05", 0x11000);                          // SYSCALL
    m.cpu.msr.lstar = handler, m.cpu.msr.star = u64{0x08} << 32, m.cpu.control.efer |= efer::sce;
    m.step();
    m.expect(0x11000, handler, 0, 0);
}

TEST(LastBranch, an_event_keeps_the_branch_before_it) {
    struct { const char* code; u64 from; } rows[] = {{"eb 00 cd 30", 0x10002}, {"eb 00 0f 0b", 0x10002}, {"eb 00 cc", 0x10002}};     // INT 30h, UD2, INT3
    for (auto& r : rows) {
        Branches m;
        m.start(r.code, 1);
        m.step(), m.step();
        EXPECT_EQ(m.cpu.rip(), handler) << r.code;
        m.expect(r.from, handler, 0x10000, 0x10002);
    }
    Branches m;
    m.start("eb 00 90", 1);
    m.step();
    m.cpu.deliver_interrupt(0x40);
    m.expect(0x10002, handler, 0x10000, 0x10002);
}

TEST(LastBranch, debug_exceptions_end_the_recording_before_they_are_recorded) {
    Branches m;
    m.start("eb 00 f1", 1);                                // INT1
    m.step(), m.step();
    EXPECT_EQ(m.cpu.rip(), handler);
    m.expect(0x10000, 0x10002, 0, 0);
    EXPECT_EQ(m.cpu.msr.debugctl, 0u);
}

TEST(LastBranch, without_lbr_nothing_is_recorded) {
    Branches m;
    m.start("eb 00 eb 00 cd 30", 0);
    for (unsigned n = 0; n < 3; n++) m.step();
    m.expect(0, 0, 0, 0);
}

// The fast engine gives the code to the other one from the WRMSR on that sets LBR, and takes it back.
TEST(LastBranch, a_program_switches_it_on_and_off) {
    Branches m;
    m.cpu.gpr[rcx] = debugctl, m.cpu.gpr[rax] = 1, m.cpu.gpr[rdx] = 0;
    m.put_code("0f 30 eb 00 31 c0 0f 30 eb 00 eb fe");     // WRMSR; JMP; XOR EAX, EAX; WRMSR; JMP; JMP $
    m.cpu.rip() = m.code;
    m.cpu.run(m.clock.ticks + 10000);
    EXPECT_EQ(m.cpu.rip(), 0x1000au);
    m.expect(0x10002, 0x10004, 0, 0);
}

TEST(LastBranch, the_records_are_read_only) {
    Branches m;
    for (u32 n = 0; n < 4; n++) EXPECT_FALSE(write_msr(m.cpu, first_record + n, 0)) << n;
    EXPECT_FALSE(write_msr(m.cpu, debugctl, bit(6)));
}

// BTF: the trap comes behind the branch, not behind the NOPs; #DB clears BTF.
TEST(LastBranch, single_steps_from_branch_to_branch) {
    for (auto* model : {"max-amd", "max-intel"}) {
        Branches m(model);
        m.start("90 90 75 10 eb 04 90", 2);
        m.cpu.set_rflags(rflags::tf | rflags::zf, rflags::tf | rflags::zf);
        for (unsigned n = 0; n < 20 && m.cpu.rip() != handler; n++) m.step();
        EXPECT_EQ(m.cpu.rip(), handler);
        EXPECT_EQ(m.get<u64>(m.cpu.gpr[rsp]), 0x1000au);
        EXPECT_TRUE(m.cpu.control.dr[6] & debug::bs);
        EXPECT_EQ(m.cpu.msr.debugctl, 0u);
    }
}
