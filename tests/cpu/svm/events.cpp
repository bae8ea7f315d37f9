// SPDX-License-Identifier: MIT
// Events of a guest: injected, physical, virtual, and what GIF, IF and the shadows hold back (APM vol. 2, 15.13, 15.17, 15.20, 15.21).
#include "tests/cpu/svm/host.h"

using namespace svm;

namespace {

constexpr u64 handler_at = 0x61000;

u64 virtual_interrupt(u8 vector, u64 priority) { return interrupt::irq | priority << 16 | u64{vector} << 32; }

// An interrupt of the 8259s, through LINT0.
void raise_interrupt(SvmHost& m) { m.cpu.pending |= pending::intr; }

}

TEST(SvmEvents, an_injected_event_is_delivered_before_the_first_instruction) {
    struct { u64 event; u8 vector; u64 pushed_code; bool code; } rows[] = {
        {0x80000020, 0x20, 0, false}, {0x80000202, 2, 0, false}, {0x80000306, 6, 0, false}, {0x0000123480000b0d, 13, 0x1234, true}, {0x80000430, 0x30, 0, false}};
    for (auto& r : rows) {
        SvmHost m;
        m.handler(r.vector, handler_at, "f4");
        m.set(Field::event_injection, r.event);
        m.set(Field::rflags, 0x202);
        EXPECT_EQ(m.run_guest("90"), 0x78u) << std::hex << r.event;
        EXPECT_EQ(m.get_field(Field::rip), handler_at);
        u64 rsp = m.get_field(Field::rsp);
        EXPECT_EQ(rsp, m.guest_stack - (r.code ? 48 : 40));
        EXPECT_TRUE(!r.code || m.get<u64>(rsp) == r.pushed_code);
        EXPECT_EQ(m.get<u64>(rsp + (r.code ? 8 : 0)), m.guest_code);
        EXPECT_EQ(m.get_field(Field::event_injection), 0u);
        EXPECT_EQ(m.get_field(Field::exit_int_info), 0u);
    }
}

// nRIP says where a software interrupt or #BP returns to, where the processor saves one.
TEST(SvmEvents, an_injected_software_interrupt_returns_to_nrip) {
    for (u64 event : {0x80000430, 0x80000303})
        for (bool nrip : {true, false}) {
            SvmHost m;
            m.handler(u8(event), handler_at, "f4");
            m.set(Field::event_injection, event);
            m.set(Field::next_rip, nrip ? m.guest_code + 2 : 0);
            EXPECT_EQ(m.run_guest("90"), 0x78u);
            EXPECT_EQ(m.get<u64>(m.get_field(Field::rsp)), m.guest_code + (nrip ? 2 : 0)) << std::hex << event;
        }
}

TEST(SvmEvents, an_exit_during_delivery_says_what_was_being_delivered) {
    struct { u64 event, want; } rows[] = {{0x80000020, 0x80000020}, {0x80000202, 0x80000202}, {0x0000001080000b0d, 0x0000001080000b0d}, {0x80000430, 0x80000430}};
    for (auto& r : rows) {
        SvmHost m;
        m.split_nested();
        m.put(m.nested_entry(m.guest_idt), u64{0});        // the IDT's page is gone
        m.set(Field::event_injection, r.event);
        EXPECT_EQ(m.run_guest("90"), 0x400u) << std::hex << r.event;
        EXPECT_EQ(m.get_field(Field::exit_int_info), r.want);
        EXPECT_EQ(m.get_field(Field::exit_info2) & ~0xfffull, m.guest_idt);
        EXPECT_EQ(m.get_field(Field::rip), m.guest_code);
        EXPECT_EQ(m.get_field(Field::rsp), m.guest_stack);
    }
}

// INT n meets a #GP, which is intercepted: the software interrupt was on its way.
TEST(SvmEvents, an_intercepted_exception_says_what_it_interrupted) {
    SvmHost m;
    m.intercept(numbered(Exit::exception, 13));
    m.set(Field::idtr_limit, 0xf);
    EXPECT_EQ(m.run_guest("cd 30"), 0x4du);
    EXPECT_EQ(m.get_field(Field::exit_info1), 0x30u << 3 | 2);
    EXPECT_EQ(m.get_field(Field::exit_int_info), 0x80000430u);
}

// The first exception is not intercepted, the one met in its delivery is.
TEST(SvmEvents, a_double_fault_can_be_intercepted) {
    SvmHost m;
    m.intercept(numbered(Exit::exception, 8));
    m.set(Field::idtr_limit, 0);
    m.cpu.gpr[rbx] = 0x40000000;
    EXPECT_EQ(m.run_guest("88 03"), 0x48u);
    EXPECT_EQ(m.get_field(Field::cr2), 0x40000000u);
    EXPECT_EQ(m.get_field(Field::exit_info1), 0u);
}

// ---- physical interrupts

TEST(SvmEvents, an_intercepted_interrupt_exits_and_stays_pending) {
    SvmHost m;
    m.intercept(Exit::intr);
    m.set(Field::rflags, 0x202);
    m.put_code("90 90 90 f4", m.guest_code);
    m.enter();
    raise_interrupt(m);
    EXPECT_EQ(m.continue_guest(), 0x60u);
    EXPECT_EQ(m.get_field(Field::rip), m.guest_code);
    EXPECT_TRUE(m.cpu.pending & pending::intr);
    EXPECT_FALSE(m.cpu.due() & pending::intr) << "GIF is clear";
}

// V_INTR_MASKING: the host's IF decides, whatever the guest's is; without it the guest's.
TEST(SvmEvents, whose_if_masks_physical_interrupts) {
    for (bool masking : {false, true})
        for (bool host : {false, true})
            for (bool guest : {false, true}) {
                SvmHost m;
                m.intercept(Exit::intr);
                m.cpu.set_rflags(host ? rflags::if_ : 0, rflags::if_);
                m.set(Field::rflags, guest ? 0x202 : 2);
                m.set(Field::interrupt_control, masking ? interrupt::masking : 0);
                m.put_code("90 90 f4", m.guest_code);
                m.enter();
                raise_interrupt(m);
                bool exits = masking ? host : guest;
                EXPECT_EQ(m.continue_guest(), exits ? 0x60u : 0x78u) << masking << host << guest;
            }
}

TEST(SvmEvents, the_interrupt_shadow_holds_for_one_instruction_and_is_saved) {
    SvmHost m;
    m.intercept(Exit::intr);
    m.set(Field::rflags, 0x202), m.set(Field::interrupt_shadow, 1);
    m.cpu.pending |= pending::intr, m.cpu.rflags &= ~rflags::if_;
    EXPECT_EQ(m.run_guest("90 90"), 0x60u);
    EXPECT_EQ(m.get_field(Field::rip), m.guest_code + 1);
    EXPECT_EQ(m.get_field(Field::interrupt_shadow), 0u);
    SvmHost other;
    other.set(Field::rflags, 2);
    EXPECT_EQ(other.run_guest("fb f4"), 0x78u);            // STI; HLT exits within its shadow
    EXPECT_EQ(other.get_field(Field::interrupt_shadow), 1u);
}

TEST(SvmEvents, nothing_arrives_while_gif_is_clear) {
    SvmHost m;
    m.put_code("0f 01 dd 90 90 90 0f 01 dc 90 90");        // CLGI ... STGI
    m.cpu.seg.idtr = {m.guest_idt, 0xfff};
    m.handler(2, 0x62000, "f4");
    m.handler(0xff, 0x63000, "f4");
    m.cpu.rflags |= rflags::if_;
    m.cpu.rip() = m.code;
    m.cpu.run(m.cpu.clock.ticks + 1);
    m.cpu.request_nmi();
    raise_interrupt(m);
    m.cpu.run(m.cpu.clock.ticks + 3);
    EXPECT_EQ(m.cpu.rip(), m.code + 6);
    m.cpu.run(m.cpu.clock.ticks + 1);
    EXPECT_EQ(m.cpu.rip(), m.code + 9);
    m.cpu.run(m.cpu.clock.ticks + 1);
    EXPECT_EQ(m.cpu.rip(), 0x62000u) << "the NMI";
}

TEST(SvmEvents, nmi_and_init_exit_and_stay_pending) {
    struct { Exit exit; u32 pending; } rows[] = {{Exit::nmi, pending::nmi}, {Exit::init, pending::init}};
    for (auto& r : rows) {
        SvmHost m;
        m.intercept(r.exit);
        m.put_code("90 90 f4", m.guest_code);
        m.enter();
        m.cpu.pending |= r.pending;
        EXPECT_EQ(m.continue_guest(), u16(r.exit));
        EXPECT_TRUE(m.cpu.pending & r.pending);
    }
}

TEST(SvmEvents, an_nmi_that_is_not_intercepted_is_the_guests) {
    SvmHost m;
    m.handler(2, handler_at, "f4");
    m.put_code("90 90 90", m.guest_code);
    m.enter();
    m.cpu.request_nmi();
    EXPECT_EQ(m.continue_guest(), 0x78u);
    EXPECT_EQ(m.get_field(Field::rip), handler_at);
}

// VM_CR.R_INIT: INIT becomes #SX with error code 1, in the host too.
TEST(SvmEvents, init_can_be_redirected) {
    SvmHost m;
    m.intercept(numbered(Exit::exception, 30));
    m.cpu.msr.vm_cr = 2;
    m.put_code("90 90 f4", m.guest_code);
    m.enter();
    m.cpu.request_init();
    EXPECT_EQ(m.continue_guest(), 0x5eu);
    EXPECT_EQ(m.get_field(Field::exit_info1), 1u);
    EXPECT_FALSE(m.cpu.pending & pending::init);
}

// ---- virtual interrupts

TEST(SvmEvents, a_virtual_interrupt_is_taken_when_if_and_priority_let_it) {
    struct { bool if_; u64 control; bool taken; } rows[] = {
        {true, virtual_interrupt(0x40, 4), true},
        {false, virtual_interrupt(0x40, 4), false},
        {true, virtual_interrupt(0x40, 4) | 4, false},                     // V_TPR = its priority
        {true, virtual_interrupt(0x40, 4) | 3, true},
        {true, virtual_interrupt(0x40, 4) | 15 | interrupt::ignore_tpr, true},
        {true, virtual_interrupt(0x40, 4) & ~interrupt::irq, false},
        {true, virtual_interrupt(0x40, 4) | interrupt::masking, true},
        {true, virtual_interrupt(0x40, 4) | interrupt::gif_enable, false}, // V_GIF is clear
        {true, virtual_interrupt(0x40, 4) | interrupt::gif_enable | interrupt::gif, true},
    };
    for (auto& r : rows) {
        SvmHost m;
        m.handler(0x40, handler_at, "f4");
        m.set(Field::rflags, r.if_ ? 0x202 : 2);
        m.set(Field::interrupt_control, r.control);
        EXPECT_EQ(m.run_guest("90 f4"), 0x78u);
        EXPECT_EQ(m.get_field(Field::rip), r.taken ? handler_at : m.guest_code + 1) << std::hex << r.control;
        EXPECT_EQ(m.get_field(Field::interrupt_control), r.taken ? r.control & ~interrupt::irq : r.control) << std::hex << r.control;
    }
}

TEST(SvmEvents, vintr_exits_when_a_virtual_interrupt_could_be_taken) {
    SvmHost m;
    m.intercept(Exit::vintr);
    m.set(Field::interrupt_control, virtual_interrupt(0x40, 4));
    EXPECT_EQ(m.run_guest("90 fb 90 90 f4"), 0x64u);       // STI, and its shadow
    EXPECT_EQ(m.get_field(Field::rip), m.guest_code + 3);
    EXPECT_TRUE(m.get_field(Field::interrupt_control) & interrupt::irq);
}

TEST(SvmEvents, cr8_is_v_tpr_under_v_intr_masking) {
    SvmHost m;
    m.handler(0x40, handler_at, "f4");
    m.set(Field::rflags, 0x202);
    m.set(Field::interrupt_control, virtual_interrupt(0x40, 4) | interrupt::masking | 9);
    // MOV RBX, CR8; MOV EAX, 2; MOV CR8, RAX: the interrupt is taken behind it.
    EXPECT_EQ(m.run_guest("44 0f 20 c3 b8 02 00 00 00 44 0f 22 c0 90 f4"), 0x78u);
    EXPECT_EQ(m.cpu.gpr[rbx], 9u);
    EXPECT_EQ(m.get_field(Field::rip), handler_at);
    EXPECT_EQ(m.get_field(Field::interrupt_control) & 0xff, 2u);
    EXPECT_EQ(m.cpu.apic.cr8(), 0) << "the host's task priority";
}

TEST(SvmEvents, stgi_and_clgi_move_the_virtual_gif) {
    SvmHost m;
    m.set(Field::interrupt_control, interrupt::gif_enable | interrupt::gif);
    EXPECT_EQ(m.run_guest("0f 01 dd f4"), 0x78u);
    EXPECT_FALSE(m.get_field(Field::interrupt_control) & interrupt::gif);
    EXPECT_EQ(m.run_guest("0f 01 dc f4"), 0x78u);
    EXPECT_TRUE(m.get_field(Field::interrupt_control) & interrupt::gif);
}

TEST(SvmEvents, the_guests_time_has_the_offset) {
    SvmHost m;
    m.cpu.gpr[rcx] = 0x10;
    m.set(Field::tsc_offset, 0x100000000000);
    EXPECT_EQ(m.run_guest("0f 31 89 d3 0f 32 f4"), 0x78u); // RDTSC; MOV EBX, EDX; RDMSR
    EXPECT_EQ(m.cpu.gpr[rbx], 0x1000u);
    EXPECT_EQ(m.cpu.gpr[rdx], 0x1000u);
    EXPECT_EQ(m.cpu.guest_tsc_offset, 0u);
}
