// SPDX-License-Identifier: MIT
// Event delivery in every mode: frames, error codes, double and triple faults (SDM vol. 3, ch. 6).
#include "tests/cpu/event/guest.h"

namespace {

using event::Delivery;
using event::Origin;
constexpr auto p32 = TestMode::protected32, l64 = TestMode::long64;
constexpr u64 rf = 0x10000;

TEST(Delivery, a_fault_in_the_same_ring_pushes_eflags_cs_eip_and_the_code) {
    EventMachine m(p32);
    m.gates(EventMachine::trap32);
    m.cpu.set_rflags(0x202);
    m.cpu.deliver(gp(0x1234));
    EXPECT_EQ(m.vector(), 13u);
    EXPECT_EQ(m.cpu.gpr[rsp], 0x40000u - 16);
    EXPECT_EQ(m.on_stack(0), 0x1234u);
    EXPECT_EQ(m.on_stack(1), 0x10000u);
    EXPECT_EQ(m.on_stack(2), u32(TestMachine::code32));
    EXPECT_EQ(m.on_stack(3), 0x202u | rf);
    EXPECT_EQ(m.cpu.rflags, 0x202u) << "a trap gate leaves IF";
}

TEST(Delivery, an_interrupt_from_ring_3_switches_to_the_stack_of_the_tss) {
    EventMachine m(p32);
    m.gates(EventMachine::interrupt32);
    m.ring3();
    m.cpu.set_rflags(0x4302);                          // NT, IF, TF
    m.cpu.deliver_interrupt(0x40);
    EXPECT_EQ(m.vector(), 0x40u);
    EXPECT_EQ(m.cpu.cpl, 0);
    EXPECT_EQ(m.cpu.seg[Seg::ss].selector, TestMachine::data_flat);
    EXPECT_EQ(m.cpu.gpr[rsp], 0x50000u - 20);
    const u32 frame[] = {0x10000, TestMachine::user_code32, 0x4302, 0x40000, TestMachine::user_data};
    for (unsigned n = 0; n < 5; n++) EXPECT_EQ(m.on_stack(n), frame[n]) << n;
    EXPECT_EQ(m.cpu.rflags, 2u);
}

TEST(Delivery, a_16_bit_gate_pushes_words) {
    EventMachine m(p32);
    m.gate(3, EventMachine::interrupt16, TestMachine::code32, 0x5678);
    m.run_one("cc");
    EXPECT_EQ(m.cpu.rip(), 0x5678u);
    EXPECT_EQ(m.cpu.gpr[rsp], 0x40000u - 6);
    EXPECT_EQ(m.get<u16>(m.cpu.gpr[rsp]), 0x0001u) << "EIP 10001 in 16 bits";
}

TEST(Delivery, software_interrupts_push_the_next_address_without_rf) {
    EventMachine m(p32);
    m.gates(EventMachine::trap32);
    EXPECT_EQ(m.run_one("cd 80"), Outcome::taken);
    EXPECT_EQ(m.vector(), 0x80u);
    EXPECT_EQ(m.on_stack(0), 0x10002u);
    EXPECT_EQ(m.on_stack(2), 2u);
}

// One row per way in which a gate, a code segment or a stack may be wrong.
struct Broken {
    const char* what;
    void (*make)(EventMachine&);
    Fault wanted;             // met while delivering external interrupt 40h: EXT is set
};
constexpr Broken broken[] = {
    {"IDT limit",              [](EventMachine& m) { m.cpu.seg.idtr.limit = 0x206; },                            gp(0x203)},
    {"gate type",              [](EventMachine& m) { m.gate(0x40, 0x8c, 0x18); },                                gp(0x203)},
    {"gate not present",       [](EventMachine& m) { m.gate(0x40, 0x0e, 0x18); },                                np(0x203)},
    {"null code selector",     [](EventMachine& m) { m.gate(0x40, 0x8e, 3); },                                   gp(1)},
    {"selector beyond GDT",    [](EventMachine& m) { m.gate(0x40, 0x8e, 0x1000); },                              gp(0x1001)},
    {"data for code",          [](EventMachine& m) { m.gate(0x40, 0x8e, 0x10); },                                gp(0x11)},
    {"code not present",       [](EventMachine& m) { m.descriptor(0x18, 0x00cf1b000000ffff); },                  np(0x19)},
    {"TSS limit",              [](EventMachine& m) { m.set_tss(8); },                                            ts(0x51)},
    {"null SS0",               [](EventMachine& m) { m.put(m.tss + 8, u16(0)); },                                ts(1)},
    {"SS0 beyond GDT",         [](EventMachine& m) { m.put(m.tss + 8, u16(0x2000)); },                           ts(0x2001)},
    {"RPL of SS0",             [](EventMachine& m) { m.put(m.tss + 8, u16(0x11)); },                             ts(0x11)},
    {"DPL of SS0",             [](EventMachine& m) { m.put(m.tss + 8, u16(0x38)); },                             ts(0x39)},
    {"SS0 read-only",          [](EventMachine& m) { m.descriptor(0x10, 0x00cf91000000ffff); },                  ts(0x11)},
    {"SS0 not present",        [](EventMachine& m) { m.descriptor(0x10, 0x00cf13000000ffff); },                  ss(0x11)},
    {"no room",                [](EventMachine& m) { m.descriptor(0x10, 0x00c093000000000f); },                  ss(0x11)},
    {"EIP beyond limit",       [](EventMachine& m) { m.descriptor(0x18, 0x00409b000000ffff); },                  gp(1)},
};

TEST(Delivery, each_broken_gate_code_or_stack_gives_its_fault_and_changes_nothing) {
    for (auto& row : broken) {
        SCOPED_TRACE(row.what);
        EventMachine m(p32);
        m.gates(EventMachine::interrupt32);
        m.ring3();
        row.make(m);
        EXPECT_FALSE(event::attempt(m.cpu, {0x40, Origin::external, false, 0, 0x10000, 2}));
        expect_fault(m.cpu.fault_, row.wanted);
        EXPECT_EQ(m.cpu.cpl, 3);
        EXPECT_EQ(m.cpu.rip(), 0x10000u);
        EXPECT_EQ(m.cpu.gpr[rsp], 0x40000u);
        EXPECT_EQ(m.cpu.seg[Seg::ss].selector, TestMachine::user_data);
    }
}

TEST(Delivery, the_gates_dpl_guards_software_interrupts_only) {
    EventMachine m(p32);
    m.gates(EventMachine::interrupt32);
    m.ring3();
    EXPECT_EQ(m.run_one("cd 80"), Outcome::fault);
    expect_fault(m.cpu.fault_, gp(0x402));
    EXPECT_EQ(m.run_one("cc"), Outcome::fault);
    expect_fault(m.cpu.fault_, gp(0x1a));
    EXPECT_EQ(m.run_one("f1"), Outcome::taken) << "INT1 asks for no privilege";
    EXPECT_EQ(m.vector(), 1u);
}

TEST(Delivery, pairs_of_faults_follow_the_table_of_double_faults) {
    using enum event::Class;
    using event::Next;
    EXPECT_EQ(event::next(benign, contributory), Next::serial);
    EXPECT_EQ(event::next(contributory, contributory), Next::double_fault);
    EXPECT_EQ(event::next(contributory, page_fault), Next::serial);
    EXPECT_EQ(event::next(page_fault, contributory), Next::double_fault);
    EXPECT_EQ(event::next(page_fault, page_fault), Next::double_fault);
    EXPECT_EQ(event::next(double_fault, contributory), Next::shutdown);
    EXPECT_EQ(event::next(double_fault, page_fault), Next::shutdown);
    EXPECT_EQ(event::class_of(ac_vector), benign);
}

TEST(Delivery, an_absent_gate_is_np_with_the_vector_idt_and_ext) {
    EventMachine m(p32);
    m.gates(EventMachine::interrupt32);
    m.gate(6, 0x0e, TestMachine::code32);
    m.cpu.deliver(ud());
    EXPECT_EQ(m.vector(), 11u);
    EXPECT_EQ(m.on_stack(0), 0x33u);
}

TEST(Delivery, a_contributory_fault_on_a_contributory_fault_is_a_double_fault_with_code_0) {
    EventMachine m(p32);
    m.gates(EventMachine::interrupt32);
    m.gate(13, 0, TestMachine::code32);
    m.cpu.deliver(gp(0));
    EXPECT_EQ(m.vector(), 8u);
    EXPECT_EQ(m.on_stack(0), 0u);
    EXPECT_EQ(m.on_stack(1), 0x10000u);
    EXPECT_EQ(m.shutdowns, 0u);
}

TEST(Delivery, a_fault_while_a_double_fault_is_delivered_shuts_down) {
    EventMachine m(p32);
    m.cpu.seg.idtr.limit = 0;
    m.cpu.deliver(ud());
    EXPECT_EQ(m.shutdowns, 1u);
    EXPECT_EQ(m.cpu.activity, Activity::shutdown);
}

TEST(Delivery, a_page_fault_writes_cr2) {
    EventMachine m(p32);
    m.gates(EventMachine::interrupt32);
    m.cpu.deliver(pf(2, 0x12345678));
    EXPECT_EQ(m.vector(), 14u);
    EXPECT_EQ(m.cpu.control.cr2, 0x12345678u);
    EXPECT_EQ(m.on_stack(0), 2u);
}

TEST(Delivery, a_double_fault_may_be_a_task_of_its_own) {
    EventMachine m(p32);
    m.gate(8, EventMachine::task, EventMachine::other_selector);
    m.descriptor(EventMachine::other_selector, EventMachine::system(EventMachine::other_tss, 0x67, 0x89));
    u64 t = EventMachine::other_tss;
    m.put(t + 32, u32(EventMachine::other_code)), m.put(t + 36, u32(2)), m.put(t + 56, u32(0x60000));
    m.put(t + 76, u32(TestMachine::code32)), m.put(t + 80, u32(TestMachine::data_flat));
    m.cpu.deliver(gp(0));
    EXPECT_EQ(m.cpu.rip(), EventMachine::other_code);
    EXPECT_EQ(m.cpu.seg[Seg::tr].selector, EventMachine::other_selector);
    EXPECT_EQ(m.get<u16>(t), EventMachine::tss_selector) << "link";
    EXPECT_EQ(m.cpu.gpr[rsp], 0x60000u - 4);
    EXPECT_EQ(m.get<u32>(0x60000 - 4), 0u);
    EXPECT_TRUE(m.cpu.rflags & rflags::nt);
    EXPECT_EQ(m.get<u32>(EventMachine::tss + 32), 0x10000u);
}

// ---- IA-32e mode

TEST(Delivery, long_mode_aligns_the_stack_and_pushes_it_always) {
    EventMachine m(l64);
    m.gates(EventMachine::interrupt32);
    m.cpu.gpr[rsp] = 0x3fff3;
    m.cpu.deliver(gp(0));
    EXPECT_EQ(m.vector(), 13u);
    EXPECT_EQ(m.cpu.gpr[rsp], 0x3fff0u - 48);
    EXPECT_EQ(m.on_stack64(1), 0x10000u);
    EXPECT_EQ(m.on_stack64(4), 0x3fff3u);
    EXPECT_EQ(m.on_stack64(5), TestMachine::data_flat);
    EXPECT_EQ(m.cpu.seg[Seg::ss].selector, TestMachine::data_flat) << "no change of ring, no new SS";
}

TEST(Delivery, compatibility_mode_goes_to_a_64_bit_handler_high_in_memory_with_a_null_ss) {
    EventMachine m(TestMode::compatibility32);
    m.put(0x1000 + 511 * 8, u64{0x2007});              // the upper half maps the same memory
    m.put(0x2000 + 510 * 8, u64{0x3007});
    m.gates(EventMachine::interrupt32);
    m.put(m.tss + 4, 0xffffffff80050008);
    m.ring3();
    m.cpu.deliver_interrupt(0x20);
    EXPECT_EQ(m.vector(), 0x20u);
    EXPECT_TRUE(m.cpu.bits64());
    EXPECT_EQ(m.cpu.gpr[rsp], 0xffffffff80050000u - 40);
    EXPECT_EQ(m.cpu.seg[Seg::ss].selector, 0);
    EXPECT_EQ(m.get<u64>(0x50000 - 8), TestMachine::user_data);
    EXPECT_EQ(m.get<u64>(0x50000 - 16), 0x40000u);
}

TEST(Delivery, an_ist_entry_replaces_the_stack_in_any_ring) {
    EventMachine m(l64);
    m.gate(2, EventMachine::interrupt32, TestMachine::code64, EventMachine::handler, 7);
    m.put(m.tss + 28 + 7 * 8, u64{0x70000});
    m.cpu.deliver_interrupt(2);
    EXPECT_EQ(m.cpu.gpr[rsp], 0x70000u - 40);
    EXPECT_EQ(m.on_stack64(3), 0x40000u);
}

constexpr Broken broken64[] = {
    {"IDT limit",              [](EventMachine& m) { m.cpu.seg.idtr.limit = 0x40e; },                            gp(0x203)},
    {"16-bit gate",            [](EventMachine& m) { m.gate(0x40, 0x86, 0x08); },                                gp(0x203)},
    {"task gate",              [](EventMachine& m) { m.gate(0x40, 0x85, 0x50); },                                gp(0x203)},
    {"32-bit code",            [](EventMachine& m) { m.gate(0x40, 0x8e, 0x18); },                                gp(0x19)},
    {"L and D",                [](EventMachine& m) { m.put(m.gdt + 8, u64{0x00ef9b000000ffff}); },               gp(9)},
    {"RSP0 beyond TSS",        [](EventMachine& m) { m.set_tss(10); },                                           ts(0x51)},
    {"RSP0 not canonical",     [](EventMachine& m) { m.put(m.tss + 4, u64{0x800000000000} + 64); },              ss(1)},
    {"RIP not canonical",      [](EventMachine& m) { m.gate(0x40, 0x8e, 0x08, 0x800000000000); },                gp(1)},
};
TEST(Delivery, long_mode_has_its_own_ways_to_fail) {
    for (auto& row : broken64) {
        SCOPED_TRACE(row.what);
        EventMachine m(TestMode::compatibility32);
        m.gates(EventMachine::interrupt32);
        m.ring3();
        row.make(m);
        EXPECT_FALSE(event::attempt(m.cpu, {0x40, Origin::external, false, 0, 0x10000, 2}));
        expect_fault(m.cpu.fault_, row.wanted);
        EXPECT_EQ(m.cpu.cpl, 3);
        EXPECT_FALSE(m.cpu.bits64());
    }
}

// ---- real mode

TEST(Delivery, real_mode_pushes_three_words_and_clears_if_and_tf) {
    EventMachine m(TestMode::real16);
    m.put(0x21 * 4, u32(0x1234'5678));
    m.cpu.set_rflags(0x202);
    m.run_one("cd 21");
    EXPECT_EQ(m.cpu.rip(), 0x5678u);
    EXPECT_EQ(m.cpu.seg[Seg::cs].selector, 0x1234);
    EXPECT_EQ(m.cpu.seg[Seg::cs].base, 0x12340u);
    EXPECT_EQ(m.cpu.rflags, 2u);
    EXPECT_EQ(m.cpu.gpr[rsp], 0xffeau);
    const u16 frame[] = {2, 0x1000, 0x202};
    for (unsigned n = 0; n < 3; n++) EXPECT_EQ(m.get<u16>(0x3ffea + n * 2), frame[n]);
}

TEST(Delivery, real_mode_pushes_no_error_code) {
    EventMachine m(TestMode::real16);
    m.put(13 * 4, u32(0x1234'0000));
    m.cpu.deliver(gp(0));
    EXPECT_EQ(m.cpu.seg[Seg::cs].selector, 0x1234);
    EXPECT_EQ(m.cpu.gpr[rsp], 0xffeau);
}

// ---- virtual-8086 mode

TEST(Delivery, virtual_8086_mode_pushes_the_data_segments_and_clears_them) {
    EventMachine m(p32);
    m.gates(EventMachine::interrupt32);
    m.v86(3);
    m.cpu.deliver(gp(0));
    EXPECT_EQ(m.vector(), 13u);
    EXPECT_EQ(m.cpu.gpr[rsp], 0x50000u - 40);
    const u32 frame[] = {0, 0, 0x1000, 0x20000 | 0x3202 | u32(rf), 0xfff0, 0x3000, 0x2001, 0x2002, 0x2003, 0x2004};
    for (unsigned n = 0; n < 10; n++) EXPECT_EQ(m.on_stack(n), frame[n]) << n;
    EXPECT_FALSE(m.cpu.v86());
    EXPECT_EQ(m.cpu.seg[Seg::gs].selector, 0);
    EXPECT_TRUE(m.cpu.seg[Seg::ds].rights.unusable());
}

TEST(Delivery, int_n_below_iopl_3_is_gp_in_virtual_8086_mode_but_int3_is_not) {
    EventMachine m(p32);
    m.gates(EventMachine::user_interrupt32);
    m.v86(0);
    m.put_code("cd 21");
    EXPECT_EQ(m.step(), Outcome::fault);
    expect_fault(m.cpu.fault_, gp(0));
    m.put_code("cc");
    EXPECT_EQ(m.step(), Outcome::taken);
    EXPECT_EQ(m.vector(), 3u);
}

TEST(Delivery, the_redirection_bitmap_sends_int_n_to_the_8086_program) {
    EventMachine m(p32);
    m.gates(EventMachine::user_interrupt32);
    m.set_tss(0x200);
    m.put(m.tss + 102, u16(0x100));
    m.put(0x21 * 4, u32(0x2000'0010));
    m.cpu.control.cr4 |= cr4::vme;
    m.v86(0);
    m.cpu.set_rflags(rflags::vif, rflags::vif | rflags::if_);
    m.put_code("cd 21");
    EXPECT_EQ(m.step(), Outcome::taken);
    EXPECT_TRUE(m.cpu.v86());
    EXPECT_EQ(m.cpu.seg[Seg::cs].selector, 0x2000);
    EXPECT_EQ(m.cpu.rip(), 0x10u);
    EXPECT_EQ(m.get<u16>(0x30000 + 0xffee), 0x3202) << "IF shows VIF, IOPL shows 3";
    EXPECT_FALSE(m.cpu.rflags & rflags::vif);

    m.v86(0);
    m.put(m.tss + 0x100 - 32 + 0x21 / 8, u8(1 << 0x21 % 8));
    EXPECT_EQ(m.step(), Outcome::fault) << "bit set and IOPL below 3";
    expect_fault(m.cpu.fault_, gp(0));
}

}
