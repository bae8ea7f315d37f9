// SPDX-License-Identifier: MIT
// IRET in every mode: what it pops, which flags it may change, and how it is refused (SDM vol. 2, IRET).
#include "tests/cpu/event/guest.h"

namespace {

constexpr auto p32 = TestMode::protected32, l64 = TestMode::long64;

void push32(EventMachine& m, std::initializer_list<u32> frame) {
    m.cpu.gpr[rsp] = TestMachine::stack - frame.size() * 4;
    u64 at = m.cpu.gpr[rsp];
    for (u32 v : frame) m.put(at, v), at += 4;
}
void push64(EventMachine& m, std::initializer_list<u64> frame) {
    m.cpu.gpr[rsp] = TestMachine::stack - frame.size() * 8;
    u64 at = m.cpu.gpr[rsp];
    for (u64 v : frame) m.put(at, v), at += 8;
}

TEST(Iret, ring_0_may_change_every_flag_but_vm) {
    EventMachine m(p32);
    push32(m, {0x12000, TestMachine::code32, 0x3f7fd7 & ~u32(rflags::vm)});
    EXPECT_EQ(m.run_one("cf"), Outcome::taken);
    EXPECT_EQ(m.cpu.rip(), 0x12000u);
    EXPECT_EQ(m.cpu.rflags, 0x3d7fd7u);
    EXPECT_EQ(m.cpu.gpr[rsp], TestMachine::stack);
}

TEST(Iret, ring_3_changes_neither_iopl_nor_if_nor_vm) {
    EventMachine m(p32);
    m.ring3();
    push32(m, {0x12000, TestMachine::user_code32, 0x3f7fd7});
    EXPECT_EQ(m.run_one("cf"), Outcome::taken);
    EXPECT_EQ(m.cpu.rflags, 0x254dd7u);
}

TEST(Iret, to_an_outer_ring_pops_the_stack_and_drops_inner_data_segments) {
    EventMachine m(p32);
    push32(m, {0x12000, TestMachine::user_code32, 0x202, 0x60000, TestMachine::user_data});
    EXPECT_EQ(m.run_one("cf"), Outcome::taken);
    EXPECT_EQ(m.cpu.cpl, 3);
    EXPECT_EQ(m.cpu.gpr[rsp], 0x60000u);
    EXPECT_TRUE(m.cpu.seg[Seg::ds].rights.unusable());
    EXPECT_EQ(m.cpu.rflags, 0x202u);
}

// As a VM entry can leave it: usable, of ring 0, with a null selector and a base.
TEST(Iret, to_an_outer_ring_keeps_the_base_of_a_null_selector) {
    EventMachine m(p32);
    m.cpu.seg[Seg::fs] = {0, 0x7f2b84cc66c0, 0xffffffff, {0xc093}};
    push32(m, {0x12000, TestMachine::user_code32, 0x202, 0x60000, TestMachine::user_data});
    EXPECT_EQ(m.run_one("cf"), Outcome::taken);
    EXPECT_EQ(m.cpu.cpl, 3);
    EXPECT_EQ(m.cpu.seg[Seg::fs].base, 0x7f2b84cc66c0u);
}

struct Refused {
    const char* what;
    std::initializer_list<u32> frame;
    Fault wanted;
};
TEST(Iret, each_bad_frame_is_refused_and_changes_nothing) {
    const Refused rows[] = {
        {"null CS",         {0x12000, 0, 2},                    gp(0)},
        {"CS beyond GDT",   {0x12000, 0x2000, 2},               gp(0x2000)},
        {"CS is data",      {0x12000, 0x10, 2},                 gp(0x10)},
        {"RPL is not DPL",  {0x12000, 0x1b, 2},                 gp(0x18)},
        {"null SS",         {0x12000, 0x43, 2, 0x60000, 0},     gp(0)},
        {"SS of ring 0",    {0x12000, 0x43, 2, 0x60000, 0x10},  gp(0x10)},
        {"SS is code",      {0x12000, 0x43, 2, 0x60000, 0x43},  gp(0x40)},
    };
    for (auto& row : rows) {
        SCOPED_TRACE(row.what);
        EventMachine m(p32);
        push32(m, row.frame);
        u64 sp = m.cpu.gpr[rsp];
        EXPECT_EQ(m.run_one("cf"), Outcome::fault);
        expect_fault(m.cpu.fault_, row.wanted);
        EXPECT_EQ(m.cpu.gpr[rsp], sp);
        EXPECT_EQ(m.cpu.cpl, 0);
    }
}

TEST(Iret, ring_0_enters_virtual_8086_mode) {
    EventMachine m(p32);
    push32(m, {0x34, 0x1200, 0x23202, 0xfff0, 0x3000, 0x2001, 0x2002, 0x2003, 0x2004});
    EXPECT_EQ(m.run_one("cf"), Outcome::taken);
    EXPECT_TRUE(m.cpu.v86());
    EXPECT_EQ(m.cpu.cpl, 3);
    EXPECT_EQ(m.cpu.seg[Seg::cs].base, 0x12000u);
    EXPECT_EQ(m.cpu.seg[Seg::es].base, 0x20010u);
    EXPECT_EQ(m.cpu.seg[Seg::gs].base, 0x20040u);
    EXPECT_EQ(m.cpu.gpr[rsp], 0xfff0u);
    EXPECT_EQ(m.cpu.code.size, decode::CodeSize::bits16);
}

TEST(Iret, virtual_8086_mode_needs_iopl_3_or_vme) {
    EventMachine m(p32);
    m.v86(0);
    m.put_code("cf");
    EXPECT_EQ(m.step(), Outcome::fault);
    expect_fault(m.cpu.fault_, gp(0));
    m.cpu.control.cr4 |= cr4::vme;
    m.put(0x3fff0, u16(0x77)), m.put(0x3fff2, u16(0x1200)), m.put(0x3fff4, u16(0x202));
    EXPECT_EQ(m.step(), Outcome::taken);
    EXPECT_EQ(m.cpu.rip(), 0x77u);
    EXPECT_TRUE(m.cpu.rflags & rflags::vif);
}

TEST(Iret, long_mode_always_pops_the_stack) {
    EventMachine m(l64);
    push64(m, {0x12000, TestMachine::code64, 0x202, 0x5fff8, 0});
    EXPECT_EQ(m.run_one("48 cf"), Outcome::taken);
    EXPECT_EQ(m.cpu.gpr[rsp], 0x5fff8u);
    EXPECT_EQ(m.cpu.seg[Seg::ss].selector, 0);
}

TEST(Iret, long_mode_returns_to_compatibility_mode_and_refuses_nt_and_bad_addresses) {
    EventMachine m(l64);
    push64(m, {0x12000, TestMachine::user_code32, 0x202, 0x60000, TestMachine::user_data});
    EXPECT_EQ(m.run_one("48 cf"), Outcome::taken);
    EXPECT_FALSE(m.cpu.bits64());
    EXPECT_EQ(m.cpu.cpl, 3);

    EventMachine nt(l64);
    nt.cpu.set_rflags(rflags::nt, rflags::nt);
    EXPECT_EQ(nt.run_one("48 cf"), Outcome::fault);
    expect_fault(nt.cpu.fault_, gp(0));

    EventMachine far(l64);
    push64(far, {0x800000000000, TestMachine::code64, 0x202, 0x60000, 0});
    EXPECT_EQ(far.run_one("48 cf"), Outcome::fault);
    expect_fault(far.cpu.fault_, gp(0));
}

TEST(Into, interrupts_only_on_overflow) {
    EventMachine m(p32);
    m.gates(EventMachine::trap32);
    EXPECT_EQ(m.run_one("ce"), Outcome::next);
    m.cpu.set_rflags(rflags::of, rflags::of);
    EXPECT_EQ(m.run_one("ce"), Outcome::taken);
    EXPECT_EQ(m.vector(), 4u);
}

}
