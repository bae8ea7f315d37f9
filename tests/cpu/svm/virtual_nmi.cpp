// SPDX-License-Identifier: MIT
// Virtual NMIs: V_NMI, V_NMI_MASK, and what is left to physical ones (APM vol. 2, 15.21.10).
#include "tests/cpu/svm/host.h"

using namespace svm;

namespace {

constexpr u64 v_nmi = 1 << 11, v_nmi_mask = 1 << 12, v_nmi_enable = 1 << 26, v_gif = 1 << 9, v_gif_enable = 1 << 25;
constexpr u64 handler_at = 0x61000;

struct NmiHost : SvmHost {
    explicit NmiHost(u64 control, const char* model = "max-amd") : SvmHost(model) {
        intercept(Exit::nmi);
        set(Field::interrupt_control, control | v_nmi_enable);
        handler(2, handler_at, "f4");
    }
    u64 bits() { return get_field(Field::interrupt_control) & (v_nmi | v_nmi_mask); }
};

}

TEST(SvmVirtualNmi, a_pending_one_is_taken_whatever_if_says_and_masks_the_next) {
    for (u64 flags : {2, 0x202}) {
        NmiHost m(v_nmi);
        m.set(Field::rflags, flags);
        EXPECT_EQ(m.run_guest("90 f4"), 0x78u);
        EXPECT_EQ(m.get_field(Field::rip), handler_at);
        EXPECT_EQ(m.get<u64>(m.get_field(Field::rsp)), m.guest_code);
        EXPECT_EQ(m.bits(), v_nmi_mask);
        EXPECT_FALSE(m.cpu.nmi_blocked) << "the host's NMIs";
    }
}

TEST(SvmVirtualNmi, the_mask_and_a_clear_virtual_gif_hold_it) {
    for (u64 held_by : {v_nmi_mask, v_gif_enable}) {
        NmiHost m(v_nmi | held_by);
        EXPECT_EQ(m.run_guest("90 f4"), 0x78u);
        EXPECT_EQ(m.get_field(Field::rip), m.guest_code + 1);
        EXPECT_EQ(m.bits(), v_nmi | (held_by & v_nmi_mask));
    }
    NmiHost m(v_nmi | v_gif | v_gif_enable);
    EXPECT_EQ(m.run_guest("90 f4"), 0x78u);
    EXPECT_EQ(m.get_field(Field::rip), handler_at);
}

TEST(SvmVirtualNmi, the_interrupt_shadow_holds_it_for_an_instruction) {
    NmiHost m(v_nmi);
    m.set(Field::interrupt_shadow, 1);
    EXPECT_EQ(m.run_guest("90 f4"), 0x78u);
    EXPECT_EQ(m.get<u64>(m.get_field(Field::rsp)), m.guest_code + 1);
}

// IRET ends the masking, and what was pending is taken behind it; an intercepted IRET has done nothing.
TEST(SvmVirtualNmi, iret_unmasks) {
    for (bool intercepted : {false, true}) {
        NmiHost m(v_nmi | v_nmi_mask);
        m.intercept(Exit::iret, intercepted);
        u64 frame[] = {m.guest_code + 0x100, m.code64, 2, m.guest_stack, m.data_flat};
        m.put(m.guest_stack, frame);
        EXPECT_EQ(m.run_guest("48 cf"), intercepted ? 0x74u : 0x78u);
        EXPECT_EQ(m.get_field(Field::rip), intercepted ? m.guest_code : handler_at);
        EXPECT_EQ(m.bits(), intercepted ? v_nmi | v_nmi_mask : v_nmi_mask);
        if (!intercepted) { EXPECT_EQ(m.get<u64>(m.get_field(Field::rsp)), m.guest_code + 0x100); }
    }
}

TEST(SvmVirtualNmi, an_injected_nmi_masks_too) {
    NmiHost m(0);
    m.set(Field::event_injection, 0x80000202);
    EXPECT_EQ(m.run_guest("90 f4"), 0x78u);
    EXPECT_EQ(m.get_field(Field::rip), handler_at);
    EXPECT_EQ(m.bits(), v_nmi_mask);
}

// A physical NMI exits, masked by what masked it for the host and not by V_NMI_MASK.
TEST(SvmVirtualNmi, physical_ones_exit) {
    for (bool blocked : {false, true}) {
        NmiHost m(v_nmi_mask);
        m.cpu.nmi_blocked = blocked;
        m.put_code("90 f4", m.guest_code);
        m.enter();
        m.cpu.request_nmi();
        EXPECT_EQ(m.continue_guest(), blocked ? 0x78u : 0x61u);
        EXPECT_EQ(m.cpu.nmi_blocked, blocked);
        EXPECT_TRUE(m.cpu.pending & pending::nmi);
        EXPECT_EQ(m.bits(), v_nmi_mask);
    }
}

TEST(SvmVirtualNmi, it_needs_the_intercept_and_the_processor) {
    NmiHost m(v_nmi);
    m.intercept(Exit::nmi, false);
    EXPECT_EQ(m.run_guest("90 f4"), exit_invalid);
    NmiHost old(v_nmi, "zen2");
    old.intercept(Exit::nmi, false);
    EXPECT_EQ(old.run_guest("90 f4"), 0x78u);
    EXPECT_EQ(old.get_field(Field::rip), old.guest_code + 1);
    EXPECT_EQ(old.bits(), v_nmi);
}
