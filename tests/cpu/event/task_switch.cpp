// SPDX-License-Identifier: MIT
// Task switches: what is saved, loaded and linked, and which fault each broken part gives (SDM vol. 3, ch. 7).
#include "tests/cpu/event/guest.h"

namespace {

struct TaskSwitch : testing::Test {
    static constexpr u64 other = EventMachine::other_tss, entry = EventMachine::other_code;
    static constexpr u16 selector = EventMachine::other_selector, own = EventMachine::tss_selector;
    EventMachine m{TestMode::protected32};

    TaskSwitch() { fill(m); }
    static void fill(EventMachine& m, u8 type = 0x89) {
        m.gates(EventMachine::interrupt32);
        m.descriptor(selector, EventMachine::system(other, 0x67, type));
        const u32 registers[] = {u32(entry), 0x246, 0xa0, 0xc0, 0xd0, 0xb0, 0x60000, 0xb9, 0x51, 0xd1};
        for (unsigned n = 0; n < 10; n++) m.put(other + 32 + n * 4, registers[n]);
        const u16 selectors[] = {TestMachine::data_flat, TestMachine::code32, TestMachine::data_flat, TestMachine::data_flat, 0, 0, 0};
        for (unsigned n = 0; n < 7; n++) m.put(other + 72 + n * 4, selectors[n]);
    }
    u64 type_of(u16 s) { return m.get<u8>(TestMachine::gdt + s + 5); }
};

TEST_F(TaskSwitch, jmp_saves_the_old_task_and_frees_it) {
    m.cpu.gpr[rbx] = 0x1234;
    m.cpu.control.dr[7] = 0x403;
    EXPECT_EQ(m.run_one("ea 00 00 00 00 60 00"), Outcome::taken);
    EXPECT_EQ(m.cpu.rip(), entry);
    EXPECT_EQ(m.cpu.gpr[rsp], 0x60000u);
    EXPECT_EQ(m.cpu.gpr[rcx], 0xc0u);
    EXPECT_EQ(m.cpu.rflags, 0x246u);
    EXPECT_EQ(m.cpu.seg[Seg::tr].selector, selector);
    EXPECT_TRUE(m.cpu.seg[Seg::fs].rights.unusable());
    EXPECT_TRUE(m.cpu.control.cr0 & cr0::ts);
    EXPECT_EQ(m.cpu.control.dr[7], 0x402u) << "L0 is cleared, G0 stays";
    EXPECT_EQ(m.get<u32>(EventMachine::tss + 32), 0x10007u);
    EXPECT_EQ(m.get<u32>(EventMachine::tss + 52), 0x1234u);
    EXPECT_EQ(m.get<u16>(EventMachine::tss + 76), TestMachine::code32);
    EXPECT_EQ(type_of(own), 0x89u);
    EXPECT_EQ(type_of(selector), 0x8bu);
}

TEST_F(TaskSwitch, call_nests_and_iret_returns) {
    EXPECT_EQ(m.run_one("9a 00 00 00 00 60 00"), Outcome::taken);
    EXPECT_EQ(m.get<u16>(other), own);
    EXPECT_TRUE(m.cpu.rflags & rflags::nt);
    EXPECT_EQ(type_of(own), 0x8bu);
    m.put_code("cf", entry);
    EXPECT_EQ(m.step(), Outcome::taken);
    EXPECT_EQ(m.cpu.rip(), 0x10007u);
    EXPECT_EQ(m.cpu.seg[Seg::tr].selector, own);
    EXPECT_EQ(type_of(selector), 0x89u);
    EXPECT_EQ(m.get<u32>(other + 32), u32(entry) + 1);
    EXPECT_FALSE(m.get<u32>(other + 36) & u32(rflags::nt));
}

TEST_F(TaskSwitch, a_16_bit_tss_holds_words) {
    m.descriptor(selector, EventMachine::system(other, 0x2b, 0x81));
    const u16 words[] = {0x2000, 2, 1, 2, 3, 4, 0x6000, 5, 6, 7, TestMachine::data16, TestMachine::code16, TestMachine::data16, TestMachine::data16, 0};
    for (unsigned n = 0; n < 15; n++) m.put(other + 14 + n * 2, words[n]);
    EXPECT_EQ(m.run_one("ea 00 00 00 00 60 00"), Outcome::taken);
    EXPECT_EQ(m.cpu.rip(), 0x2000u);
    EXPECT_EQ(m.cpu.gpr[rsp], 0x6000u);
    EXPECT_EQ(m.cpu.gpr[rdi], 7u);
    EXPECT_EQ(m.cpu.code.size, decode::CodeSize::bits16);
}

TEST_F(TaskSwitch, the_t_bit_traps_before_the_first_instruction) {
    m.put(other + 100, u16(1));
    m.put_code("ea 00 00 00 00 60 00");
    m.run(1);
    m.cpu.service_pending();
    EXPECT_EQ(m.vector(), 1u);
    EXPECT_EQ(m.on_stack(0), u32(entry));
    EXPECT_EQ(m.cpu.control.dr[6] & 0xe000, 0x8000u);
}

TEST_F(TaskSwitch, a_task_may_run_in_virtual_8086_mode) {
    m.put(other + 36, u32(rflags::vm | 2));
    m.put(other + 76, u16(0x1200));
    m.put(other + 32, u32(0x34));
    EXPECT_EQ(m.run_one("ea 00 00 00 00 60 00"), Outcome::taken);
    EXPECT_TRUE(m.cpu.v86());
    EXPECT_EQ(m.cpu.cpl, 3);
    EXPECT_EQ(m.cpu.seg[Seg::cs].base, 0x12000u);
}

struct Broken {
    const char* what;
    void (*make)(EventMachine&);
    Fault wanted;
    bool switched;            // the new task has the fault
};
constexpr u64 other = EventMachine::other_tss;
constexpr Broken broken[] = {
    {"busy",                 [](EventMachine& m) { m.descriptor(0x60, EventMachine::system(other, 0x67, 0x8b)); },  gp(0x60), false},
    {"not present",          [](EventMachine& m) { m.descriptor(0x60, EventMachine::system(other, 0x67, 0x09)); },  np(0x60), false},
    {"too short",            [](EventMachine& m) { m.descriptor(0x60, EventMachine::system(other, 0x66, 0x89)); },  ts(0x60), false},
    {"LDT in the LDT",       [](EventMachine& m) { m.put(other + 96, u16(0x14)); },                                 ts(0x14), true},
    {"LDT is a data segment",[](EventMachine& m) { m.put(other + 96, u16(0x10)); },                                 ts(0x10), true},
    {"null CS",              [](EventMachine& m) { m.put(other + 76, u16(0)); },                                    ts(0),    true},
    {"CS is data",           [](EventMachine& m) { m.put(other + 76, u16(0x10)); },                                 ts(0x10), true},
    {"RPL of CS",            [](EventMachine& m) { m.put(other + 76, u16(0x1b)); },                                 ts(0x18), true},
    {"CS not present",       [](EventMachine& m) { m.descriptor(0x18, 0x00cf1b000000ffff); },                       np(0x18), true},
    {"null SS",              [](EventMachine& m) { m.put(other + 80, u16(0)); },                                    ts(0),    true},
    {"SS of ring 3",         [](EventMachine& m) { m.put(other + 80, u16(0x3b)); },                                 ts(0x38), true},
    {"SS not present",       [](EventMachine& m) { m.descriptor(0x10, 0x00cf13000000ffff); },                       ss(0x10), true},
    {"DS beyond the GDT",    [](EventMachine& m) { m.put(other + 84, u16(0x2000)); },                               ts(0x2000), true},
    {"ES not present",       [](EventMachine& m) { m.descriptor(0x28, 0x008f13000000ffff); m.put(other + 72, u16(0x28)); }, np(0x28), true},
    {"EIP beyond CS",        [](EventMachine& m) { m.descriptor(0x18, 0x00409b000000ffff); },                       gp(0),    true},
};

TEST(BrokenTasks, each_has_its_fault_in_the_task_that_it_belongs_to) {
    for (auto& row : broken) {
        SCOPED_TRACE(row.what);
        EventMachine m{TestMode::protected32};
        TaskSwitch::fill(m);
        row.make(m);
        EXPECT_EQ(m.run_one("ea 00 00 00 00 60 00"), Outcome::fault);
        expect_fault(m.cpu.fault_, row.wanted);
        EXPECT_EQ(m.cpu.seg[Seg::tr].selector, row.switched ? 0x60 : 0x50);
        EXPECT_EQ(m.cpu.rip(), row.switched ? EventMachine::other_code : TestMachine::code);
    }
}

TEST(BrokenTasks, iret_to_a_task_that_is_not_busy_is_ts) {
    EventMachine m{TestMode::protected32};
    TaskSwitch::fill(m);
    m.put(EventMachine::tss, u16(0x60));
    m.cpu.set_rflags(rflags::nt, rflags::nt);
    EXPECT_EQ(m.run_one("cf"), Outcome::fault);
    expect_fault(m.cpu.fault_, ts(0x60));
}

}
