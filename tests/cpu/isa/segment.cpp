// SPDX-License-Identifier: MIT
// Segment loads, far transfers, and questions about selectors (SDM vol. 2 and vol. 3, ch. 5).
#include "tests/cpu/event/guest.h"

namespace {

constexpr auto p32 = TestMode::protected32, l64 = TestMode::long64, real = TestMode::real16;

// What MOV Sw, AX does with a descriptor at selector 70h. `code` 0: it is loaded.
struct Load {
    const char* bytes;
    u16 selector;
    u64 descriptor;
    u8 cpl;
    Fault wanted;
};
constexpr u64 data0 = 0x00cf92000000ffff, data3 = 0x00cff2000000ffff, read_only3 = 0x00cff0000000ffff, absent3 = 0x00cf72000000ffff;
constexpr u64 code_only3 = 0x00cff8000000ffff, code_readable0 = 0x00cf9a000000ffff, conforming0 = 0x00cf9e000000ffff, ldt0 = 0x000082000000ffff;
constexpr Fault fine{};
constexpr Load loads[] = {
    // mov ds, ax
    {"8e d8", 0x70, data0,          0, fine},
    {"8e d8", 0x73, data0,          0, gp(0x70)},
    {"8e d8", 0x70, data0,          3, gp(0x70)},
    {"8e d8", 0x73, data3,          3, fine},
    {"8e d8", 0x73, read_only3,     3, fine},
    {"8e d8", 0x73, code_only3,     3, gp(0x70)},
    {"8e d8", 0x73, conforming0,    3, fine},
    {"8e d8", 0x73, code_readable0, 3, gp(0x70)},
    {"8e d8", 0x70, ldt0,           0, gp(0x70)},
    {"8e d8", 0x73, absent3,        3, np(0x70)},
    {"8e d8", 0x03, 0,              3, fine},
    {"8e d8", 0x74, data0,          0, gp(0x74)},
    {"8e d8", 0x1000, data0,        0, gp(0x1000)},
    // mov ss, ax
    {"8e d0", 0x70, data0,          0, fine},
    {"8e d0", 0x73, data0,          0, gp(0x70)},
    {"8e d0", 0x73, data3,          3, fine},
    {"8e d0", 0x70, data3,          0, gp(0x70)},
    {"8e d0", 0x73, read_only3,     3, gp(0x70)},
    {"8e d0", 0x73, absent3,        3, ss(0x70)},
    {"8e d0", 0x00, 0,              0, gp(0)},
};

TEST(SegmentLoads, each_selector_is_loaded_or_refused_as_the_manual_says) {
    for (auto& row : loads) {
        SCOPED_TRACE(testing::Message() << row.bytes << " selector " << std::hex << row.selector << " descriptor " << row.descriptor);
        EventMachine m(p32);
        m.descriptor(0x70, row.descriptor);
        m.cpu.seg[Seg::ldtr] = {0, 0, 0, {Rights::unusable_bit}};
        if (row.cpl == 3) m.ring3();
        m.cpu.gpr[rax] = row.selector;
        bool works = row.wanted.vector == 0;
        EXPECT_EQ(m.run_one(row.bytes), works ? Outcome::changed : Outcome::fault);
        if (!works) expect_fault(m.cpu.fault_, row.wanted);
        bool accessed = m.get<u8>(TestMachine::gdt + 0x75) & 1, null = row.selector < 4;
        EXPECT_EQ(accessed, works && !null);
    }
}

TEST(SegmentLoads, a_null_selector_makes_a_segment_unusable) {
    EventMachine m(p32);
    m.cpu.gpr[rax] = 0;
    m.run_one("8e d8");
    EXPECT_EQ(m.run_one("a0 00 00 02 00"), Outcome::fault);
    expect_fault(m.cpu.fault_, gp(0));
}

TEST(SegmentLoads, a_null_ss_is_for_64_bit_mode_below_ring_3) {
    EventMachine m(l64);
    m.cpu.gpr[rax] = 0;
    EXPECT_EQ(m.run_one("8e d0"), Outcome::changed);
    EXPECT_TRUE(m.cpu.mov_ss_shadow);
    m.cpu.gpr[rax] = 1;
    EXPECT_EQ(m.run_one("8e d0"), Outcome::fault) << "RPL";
    m.cpu.seg[Seg::cs].rights.value |= 0x60, m.cpu.cpl = 3, m.cpu.gpr[rax] = 3;
    EXPECT_EQ(m.run_one("8e d0"), Outcome::fault);
    expect_fault(m.cpu.fault_, gp(0));
}

TEST(SegmentLoads, real_mode_keeps_the_limit) {
    EventMachine m(real);
    m.cpu.seg[Seg::ds].limit = 0xffffffff;
    m.cpu.gpr[rax] = 0x1234;
    m.run_one("8e d8");
    EXPECT_EQ(m.cpu.seg[Seg::ds].base, 0x12340u);
    EXPECT_EQ(m.cpu.seg[Seg::ds].limit, 0xffffffffu);
}

TEST(SegmentLoads, pop_ss_and_lss_fault_without_a_trace) {
    EventMachine m(p32);
    m.put(TestMachine::stack, u32(0x3b));
    EXPECT_EQ(m.run_one("17"), Outcome::fault);
    EXPECT_EQ(m.cpu.gpr[rsp], TestMachine::stack);
    m.put(TestMachine::data, u64{0x3b'1234'5678});
    EXPECT_EQ(m.run_one("0f b2 05 00 00 02 00"), Outcome::fault);
    EXPECT_EQ(m.cpu.gpr[rax], 0u);
    expect_fault(m.cpu.fault_, gp(0x38));
}

TEST(SegmentLoads, pushes_of_selectors_differ_by_vendor) {
    for (bool intel : {true, false}) {
        EventMachine m(p32, intel ? "max-intel" : "max-amd");
        m.put(TestMachine::stack - 4, ~u32{0});
        m.run_one("1e");
        EXPECT_EQ(m.cpu.gpr[rsp], TestMachine::stack - 4);
        EXPECT_EQ(m.on_stack(0), intel ? 0xffff0010u : 0x10u);
    }
}

TEST(SegmentLoads, far_pointers_with_64_bit_offsets_are_intels) {
    for (bool intel : {true, false}) {
        EventMachine m(l64, intel ? "max-intel" : "max-amd");
        m.put(TestMachine::data, u64{0x0010'1122'3344});
        m.put(TestMachine::data + 8, u16(0));
        m.cpu.gpr[rdi] = TestMachine::data;
        EXPECT_EQ(m.run_one("48 0f b4 07"), Outcome::changed);
        EXPECT_EQ(m.cpu.gpr[rax], intel ? 0x1011223344u : 0x11223344u);
        EXPECT_EQ(m.cpu.seg[Seg::fs].selector, intel ? 0 : 0x10);
    }
}

TEST(Selectors, lar_lsl_verr_and_verw_answer_in_zf) {
    EventMachine m(p32);
    m.descriptor(0x70, 0x00cff2000001ffff);
    m.cpu.gpr[rcx] = 0x73;
    m.ring3();
    m.run_one("0f 02 c1");
    EXPECT_EQ(m.cpu.gpr[rax], 0x00cff200u);
    EXPECT_TRUE(m.cpu.rflags & rflags::zf);
    m.run_one("0f 03 c1");
    EXPECT_EQ(m.cpu.gpr[rax], 0xffffffffu);
    m.run_one("0f 00 e9");
    EXPECT_TRUE(m.cpu.rflags & rflags::zf);
    m.cpu.gpr[rcx] = 0x10;                             // ring 0's data
    m.run_one("0f 00 e1");
    EXPECT_FALSE(m.cpu.rflags & rflags::zf);
    m.cpu.gpr[rax] = 5, m.cpu.gpr[rcx] = 0x50;         // TSS of DPL 0
    m.run_one("0f 03 c1");
    EXPECT_FALSE(m.cpu.rflags & rflags::zf);
    EXPECT_EQ(m.cpu.gpr[rax], 5u);
}

TEST(Selectors, arpl_raises_the_rpl) {
    EventMachine m(p32);
    m.cpu.gpr[rax] = 0x10, m.cpu.gpr[rcx] = 3;
    m.run_one("63 c8");
    EXPECT_EQ(m.cpu.gpr[rax], 0x13u);
    EXPECT_TRUE(m.cpu.rflags & rflags::zf);
    m.run_one("63 c8");
    EXPECT_FALSE(m.cpu.rflags & rflags::zf);
}

TEST(Selectors, ltr_marks_the_tss_busy_and_refuses_it_then) {
    for (auto mode : {p32, l64}) {
        EventMachine m(mode);
        m.descriptor(0x60, EventMachine::system(EventMachine::other_tss, 0x67, 0x89), mode == l64 ? 0xffff8000 : 0);
        m.cpu.gpr[rax] = 0x60;
        EXPECT_EQ(m.run_one("0f 00 d8"), Outcome::next);
        EXPECT_EQ(m.cpu.seg[Seg::tr].base, mode == l64 ? 0xffff800000009000 : 0x9000u);
        EXPECT_EQ(m.get<u8>(TestMachine::gdt + 0x65), 0x8b);
        EXPECT_EQ(m.run_one("0f 00 d8"), Outcome::fault);
        expect_fault(m.cpu.fault_, gp(0x60));
    }
}

// ---- far transfers

TEST(FarTransfers, a_far_call_pushes_cs_and_the_next_address_and_retf_returns) {
    EventMachine m(p32);
    EXPECT_EQ(m.run_one("9a 00 10 01 00 18 00"), Outcome::taken);
    EXPECT_EQ(m.cpu.rip(), 0x11000u);
    EXPECT_EQ(m.on_stack(0), 0x10007u);
    EXPECT_EQ(m.on_stack(1), u32(TestMachine::code32));
    m.put_code("ca 08 00", 0x11000);
    EXPECT_EQ(m.step(), Outcome::taken);
    EXPECT_EQ(m.cpu.rip(), 0x10007u);
    EXPECT_EQ(m.cpu.gpr[rsp], TestMachine::stack + 8);
}

TEST(FarTransfers, real_mode_jumps_anywhere_within_64_kib) {
    EventMachine m(real);
    m.run_one("ea 34 12 00 20");
    EXPECT_EQ(m.cpu.rip(), 0x1234u);
    EXPECT_EQ(m.cpu.seg[Seg::cs].base, 0x20000u);
    m.enter(real);
    EXPECT_EQ(m.run_one("66 ea 00 00 01 00 00 20"), Outcome::fault);
    expect_fault(m.cpu.fault_, gp(0));
}

constexpr u64 call_gate(u16 selector, u32 offset, u8 type, unsigned parameters = 0) {
    return (offset & 0xffff) | u64{selector} << 16 | u64{parameters} << 32 | u64{type} << 40 | u64{offset >> 16} << 48;
}

TEST(FarTransfers, a_call_gate_to_an_inner_ring_copies_parameters_and_retf_takes_them_away) {
    EventMachine m(p32);
    m.descriptor(0x70, call_gate(TestMachine::code32, 0x11000, 0xec, 2));
    m.ring3();
    m.put(TestMachine::stack, u32(0xaaaa)), m.put(TestMachine::stack + 4, u32(0xbbbb));
    EXPECT_EQ(m.run_one("9a 00 00 00 00 73 00"), Outcome::taken);
    EXPECT_EQ(m.cpu.cpl, 0);
    EXPECT_EQ(m.cpu.rip(), 0x11000u);
    const u32 frame[] = {0x10007, TestMachine::user_code32, 0xaaaa, 0xbbbb, 0x40000, TestMachine::user_data};
    for (unsigned n = 0; n < 6; n++) EXPECT_EQ(m.on_stack(n), frame[n]) << n;
    EXPECT_EQ(m.cpu.gpr[rsp], EventMachine::inner - 24);

    m.cpu.load_segment(Seg::es, TestMachine::data_flat);
    m.put_code("ca 08 00", 0x11000);
    EXPECT_EQ(m.step(), Outcome::taken);
    EXPECT_EQ(m.cpu.cpl, 3);
    EXPECT_EQ(m.cpu.gpr[rsp], TestMachine::stack + 8);
    EXPECT_EQ(m.cpu.seg[Seg::ss].selector, TestMachine::user_data);
    EXPECT_TRUE(m.cpu.seg[Seg::es].rights.unusable()) << "ring 0's data doesn't go along";
    EXPECT_FALSE(m.cpu.seg[Seg::ds].rights.unusable());
}

TEST(FarTransfers, a_64_bit_call_gate_leads_from_compatibility_mode_to_64_bit_code) {
    EventMachine m(TestMode::compatibility32);
    m.descriptor(0x70, call_gate(TestMachine::code64, 0x11000, 0xec), 0);
    m.ring3();
    EXPECT_EQ(m.run_one("9a 00 00 00 00 73 00"), Outcome::taken);
    EXPECT_TRUE(m.cpu.bits64());
    EXPECT_EQ(m.cpu.gpr[rsp], EventMachine::inner - 32);
    const u64 frame[] = {0x10007, TestMachine::user_code32, 0x40000, TestMachine::user_data};
    for (unsigned n = 0; n < 4; n++) EXPECT_EQ(m.on_stack64(n), frame[n]) << n;
    EXPECT_EQ(m.cpu.seg[Seg::ss].selector, 0);
}

// JMP FAR to selector 70h (or what is given) from ring `cpl`.
struct Target {
    const char* what;
    u16 selector;
    u64 descriptor;
    u8 cpl;
    Fault wanted;
};
constexpr Target targets[] = {
    {"null",                          0x02, 0,                                           0, gp(0)},
    {"beyond the GDT",                0x1000, 0,                                         0, gp(0x1000)},
    {"data",                          0x70, data0,                                       0, gp(0x70)},
    {"code of this ring",             0x70, code_readable0,                              0, fine},
    {"code of an inner ring",         0x73, code_readable0,                              3, gp(0x70)},
    {"code of an outer ring",         0x73, 0x00cffa000000ffff,                          0, gp(0x70)},
    {"RPL above CPL",                 0x73, code_readable0,                              0, gp(0x70)},
    {"conforming code further in",    0x73, conforming0,                                 3, fine},
    {"absent code",                   0x70, 0x00cf1a000000ffff,                          0, np(0x70)},
    {"limit",                         0x70, 0x00409a0000000fff,                          0, gp(0)},
    {"call gate of ring 0",           0x73, call_gate(0x18, 0x11000, 0x8c),              3, gp(0x70)},
    {"absent call gate",              0x73, call_gate(0x18, 0x11000, 0x6c),              3, np(0x70)},
    {"call gate to null",             0x73, call_gate(0, 0x11000, 0xec),                 3, gp(0)},
    {"call gate to data",             0x73, call_gate(0x10, 0x11000, 0xec),              3, gp(0x10)},
    {"JMP by a gate to an inner ring",0x73, call_gate(0x18, 0x11000, 0xec),              3, gp(0x18)},
    {"call gate in this ring",        0x70, call_gate(0x18, 0x11000, 0x8c),              0, fine},
    {"busy TSS",                      0x50, EventMachine::system(0x8000, 0x67, 0x8b),    0, gp(0x50)},
    {"LDT",                           0x70, ldt0,                                        0, gp(0x70)},
    {"task gate to data",             0x70, call_gate(0x10, 0, 0x85),                    0, gp(0x10)},
};
TEST(FarTransfers, each_target_is_entered_or_refused_as_the_manual_says) {
    for (auto& row : targets) {
        SCOPED_TRACE(row.what);
        EventMachine m(p32);
        if (row.descriptor) m.descriptor(row.selector, row.descriptor);
        if (row.cpl == 3) m.ring3();
        m.put(TestMachine::data, u32(0x11000)), m.put(TestMachine::data + 4, row.selector);
        bool works = row.wanted.vector == 0;
        EXPECT_EQ(m.run_one("ff 2d 00 00 02 00"), works ? Outcome::taken : Outcome::fault);
        if (!works) expect_fault(m.cpu.fault_, row.wanted);
        EXPECT_EQ(m.cpu.rip(), works ? 0x11000u : 0x10000u);
        EXPECT_EQ(m.cpu.seg[Seg::cs].selector & 3, row.cpl);
    }
}

}
