// SPDX-License-Identifier: MIT
// Tests of stack instructions.
#include "tests/cpu/isa/example.h"

constexpr u64 all = ~u64{0}, top = TestMachine::stack, at = TestMachine::data;

TEST(stack, push_and_pop_have_the_width_of_the_mode) {
    TestMachine m;
    put_regs(m, {.rax = 0x1122334455667788, .rsi = at, .memory = 0x99});
    EXPECT_EQ(m.run_one("50"), Outcome::next);
    EXPECT_EQ(m.cpu.gpr[rsp], top - 8);
    EXPECT_EQ(m.get<u64>(top - 8), 0x1122334455667788u);
    EXPECT_EQ(m.run_one("66 50"), Outcome::next);
    EXPECT_EQ(m.cpu.gpr[rsp], top - 10);
    EXPECT_EQ(m.run_one("6a fe"), Outcome::next);
    EXPECT_EQ(m.get<u64>(top - 18), u64(-2));
    EXPECT_EQ(m.run_one("66 68 34 12"), Outcome::next);
    EXPECT_EQ(m.get<u16>(top - 20), 0x1234);
    EXPECT_EQ(m.run_one("ff 36"), Outcome::next);          // push [rsi]
    EXPECT_EQ(m.get<u64>(top - 28), 0x99u);
    EXPECT_EQ(m.run_one("5b"), Outcome::next);
    EXPECT_EQ(m.cpu.gpr[rbx], 0x99u);
    EXPECT_EQ(m.cpu.gpr[rsp], top - 20);
}

TEST(stack, push_rsp_pushes_the_old_value_and_pop_rsp_takes_what_it_read) {
    TestMachine m;
    m.run_one("54");
    EXPECT_EQ(m.get<u64>(top - 8), top);
    m.put(top - 8, u64{0x12345});
    m.run_one("5c");
    EXPECT_EQ(m.cpu.gpr[rsp], 0x12345u);
}

TEST(stack, pop_to_memory_computes_its_address_with_the_stack_pointer_moved) {
    TestMachine m;
    m.cpu.gpr[rsp] = at;
    m.put(at, u64{77});
    EXPECT_EQ(m.run_one("8f 04 24"), Outcome::next);       // pop [rsp]
    EXPECT_EQ(m.get<u64>(at + 8), 77u);
    EXPECT_EQ(m.cpu.gpr[rsp], at + 8);
    m.cpu.gpr[rcx] = u64{1} << 32;
    EXPECT_EQ(fault_of(m, "8f 01"), pf_vector);
    EXPECT_EQ(m.cpu.gpr[rsp], at + 8);
}

TEST(stack, a_16_bit_stack_wraps_and_keeps_the_rest_of_the_register) {
    TestMachine m(TestMode::real16);
    u64 base = m.cpu.seg[Seg::ss].base;
    m.cpu.gpr[rsp] = 0xabcd0000;
    m.cpu.gpr[rax] = 0x1234;
    EXPECT_EQ(m.run_one("50"), Outcome::next);
    EXPECT_EQ(m.cpu.gpr[rsp], 0xabcdfffeu);
    EXPECT_EQ(m.get<u16>(base + 0xfffe), 0x1234);
    m.cpu.gpr[rsp] = 1;
    EXPECT_EQ(fault_of(m, "50"), ss_vector);
    EXPECT_EQ(m.cpu.gpr[rsp], 1u);
}

TEST(stack, pusha_pushes_the_old_stack_pointer_and_popa_drops_it) {
    TestMachine m(TestMode::protected32);
    put_regs(m, {.rax = 1, .rcx = 2, .rdx = 3, .rbx = 4, .rbp = 6, .rsi = 7, .rdi = 8});
    EXPECT_EQ(m.run_one("60"), Outcome::next);
    u32 expected[] = {8, 7, 6, u32(top), 4, 3, 2, 1};
    for (unsigned i = 0; i < 8; i++) EXPECT_EQ(m.get<u32>(top - 32 + i * 4), expected[i]) << i;
    m.put(top - 32, u32{88});
    EXPECT_EQ(m.run_one("61"), Outcome::next);
    EXPECT_EQ(m.cpu.gpr[rsp], top);
    EXPECT_EQ(m.cpu.gpr[rdi], 88u);
    EXPECT_EQ(m.cpu.gpr[rax], 1u);
}

TEST(stack, enter_copies_the_frame_pointers_of_enclosing_procedures) {
    TestMachine m;
    m.cpu.gpr[rbp] = top + 0x100;
    m.put(top + 0xf8, u64{0xaaaa});
    m.put(top + 0xf0, u64{0xbbbb});
    EXPECT_EQ(m.run_one("c8 20 00 03"), Outcome::next);
    EXPECT_EQ(m.get<u64>(top - 8), top + 0x100);
    EXPECT_EQ(m.get<u64>(top - 16), 0xaaaau);
    EXPECT_EQ(m.get<u64>(top - 24), 0xbbbbu);
    EXPECT_EQ(m.get<u64>(top - 32), top - 8);
    EXPECT_EQ(m.cpu.gpr[rbp], top - 8);
    EXPECT_EQ(m.cpu.gpr[rsp], top - 32 - 0x20);
    EXPECT_EQ(m.run_one("c9"), Outcome::next);
    EXPECT_EQ(m.cpu.gpr[rsp], top);
    EXPECT_EQ(m.cpu.gpr[rbp], top + 0x100);
}

TEST(stack, enter_faults_where_its_new_top_cannot_be_written) {
    TestMachine m;
    m.put(0x3000 + 8, u64{0x200000 | 0xe5});               // read-only from 2 MiB on
    m.put(0x3000 + 16, u64{0x400000 | 0xe7});
    m.cpu.gpr[rsp] = 0x400010, m.cpu.gpr[rbp] = 5;
    EXPECT_EQ(fault_of(m, "c8 20 00 00"), pf_vector);
    EXPECT_EQ(m.cpu.gpr[rsp], 0x400010u);
    EXPECT_EQ(m.cpu.gpr[rbp], 5u);
    EXPECT_EQ(fault_of(m, "c8 08 00 00"), -1);
}

// ---- PUSHF and POPF
static u64 popf(TestMachine& m, const char* code, u64 image) {
    m.cpu.gpr[rsp] = m.cpu.stack_width() == 2 ? 0x8000 : top - 8;
    m.put((m.cpu.bits64() ? 0 : m.cpu.seg[Seg::ss].base) + m.cpu.gpr[rsp], image);
    EXPECT_EQ(m.run_one(code), Outcome::changed);
    return m.cpu.rflags;
}

TEST(stack, popf_at_cpl_0_writes_all_but_vm_rf_vif_and_vip) {
    TestMachine m;
    EXPECT_EQ(popf(m, "9d", all & ~rflags::tf), u64(0x247ed7));
    EXPECT_EQ(popf(m, "9d", 0), u64(2));
    m.cpu.rflags = rflags::ac | rflags::id | 2;
    EXPECT_EQ(popf(m, "66 9d", 0x7ed5), rflags::ac | rflags::id | 0x7ed7);
}

TEST(stack, popf_at_cpl_3_leaves_iopl_and_writes_if_only_where_iopl_allows) {
    TestMachine m;
    m.cpu.cpl = 3;
    EXPECT_EQ(popf(m, "9d", rflags::iopl | rflags::if_ | rflags::df), rflags::df | 2);
    m.cpu.rflags = rflags::iopl | 2;
    EXPECT_EQ(popf(m, "9d", rflags::if_), rflags::iopl | rflags::if_ | 2);
}

static void enter_v86(TestMachine& m, unsigned iopl, bool vme) {
    m.cpu.control.cr0 |= cr0::pe;
    m.cpu.control.cr4 = vme ? cr4::vme : 0;
    m.cpu.rflags = rflags::vm | u64{iopl} << 12 | 2;
    m.cpu.cpl = 3;
    m.cpu.mode_changed();
}
static Outcome run_v86(TestMachine& m, const char* code) {
    m.put_code(code);
    m.cpu.rip() = 0;
    return m.step();
}

TEST(stack, pushf_in_virtual_8086_mode_needs_iopl_3_or_vme) {
    TestMachine m(TestMode::real16);
    u64 base = m.cpu.seg[Seg::ss].base;
    enter_v86(m, 2, false);
    EXPECT_EQ(run_v86(m, "9c"), Outcome::fault);
    EXPECT_EQ(m.cpu.fault_.vector, gp_vector);
    enter_v86(m, 3, false);
    EXPECT_EQ(run_v86(m, "9c"), Outcome::next);
    EXPECT_EQ(m.get<u16>(base + 0xffee), 0x3002);
    enter_v86(m, 0, true);
    m.cpu.rflags |= rflags::vif;
    EXPECT_EQ(run_v86(m, "9c"), Outcome::next);
    EXPECT_EQ(m.get<u16>(base + 0xffec), 0x3202);          // IOPL reads 3, IF reads VIF
    EXPECT_EQ(run_v86(m, "66 9c"), Outcome::fault);
}

TEST(stack, popf_with_vme_writes_vif_and_faults_where_an_interrupt_would_be_due) {
    TestMachine m(TestMode::real16);
    u64 base = m.cpu.seg[Seg::ss].base;
    enter_v86(m, 0, true);
    m.cpu.gpr[rsp] = 0x100;
    m.put(base + 0x100, u16{0x7201});
    EXPECT_EQ(run_v86(m, "9d"), Outcome::changed);
    EXPECT_EQ(m.cpu.rflags, rflags::vm | rflags::vif | rflags::nt | rflags::cf | 2);
    EXPECT_EQ(m.cpu.gpr[rsp], 0x102u);
    m.cpu.rflags |= rflags::vip;
    m.put(base + 0x102, u16{0x0200});
    EXPECT_EQ(run_v86(m, "9d"), Outcome::fault);
    EXPECT_EQ(m.cpu.gpr[rsp], 0x102u);
    m.put(base + 0x102, u16{0x0100});
    EXPECT_EQ(run_v86(m, "9d"), Outcome::fault);           // TF
}
