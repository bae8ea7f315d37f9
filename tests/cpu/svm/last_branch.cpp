// SPDX-License-Identifier: MIT
// A guest with last branches of its own, and one without (APM vol. 2, 15.23).
#include "tests/cpu/svm/host.h"

using namespace svm;

namespace {

constexpr std::array<u64, 4> hosts{0x1111, 0x2222, 0x3333, 0x4444};
constexpr Field guests[] = {Field::branch_from, Field::branch_to, Field::exception_from, Field::exception_to};

struct LastBranches : SvmHost {
    explicit LastBranches(bool virtualized, u64 guest_control, u64 host_control = 0) {
        set(Field::virtual_extensions, virtualized);
        set(Field::debugctl, guest_control);
        for (unsigned n = 0; n < 4; n++) set(guests[n], 0x11 * (n + 1));
        cpu.msr.last_branch = hosts, cpu.msr.debugctl = host_control;
    }
    void expect_guests(u64 control, std::array<u64, 4> want) {
        EXPECT_EQ(get_field(Field::debugctl), control);
        for (unsigned n = 0; n < 4; n++) EXPECT_EQ(get_field(guests[n]), want[n]) << n;
    }
};

}

TEST(SvmLastBranch, a_guests_branches_are_its_own) {
    LastBranches m(true, 1);
    EXPECT_EQ(m.run_guest("eb 00 f4"), 0x78u);
    m.expect_guests(1, {m.guest_code, m.guest_code + 2, 0x33, 0x44});
    EXPECT_EQ(m.cpu.msr.last_branch, hosts);
    EXPECT_EQ(m.cpu.msr.debugctl, 0u);
}

TEST(SvmLastBranch, a_guest_reads_what_its_vmcb_held) {
    LastBranches m(true, 2);
    m.cpu.gpr[rcx] = 0x1dc;
    EXPECT_EQ(m.run_guest("0f 32 89 c3 b9 d9 01 00 00 0f 32 f4"), 0x78u);  // RDMSR; MOV EBX, EAX; MOV ECX, 1D9h; RDMSR
    EXPECT_EQ(m.cpu.gpr[rbx], 0x22u);
    EXPECT_EQ(m.get_field(Field::rax), 2u);
}

// The host records neither VMRUN nor #VMEXIT, nor what the guest does.
TEST(SvmLastBranch, the_hosts_recording_rests_meanwhile) {
    LastBranches m(true, 0, 1);
    EXPECT_EQ(m.run_guest("eb 00 f4"), 0x78u);
    m.expect_guests(0, {0x11, 0x22, 0x33, 0x44});
    EXPECT_EQ(m.cpu.msr.last_branch, hosts);
    EXPECT_EQ(m.cpu.msr.debugctl, 1u);
}

TEST(SvmLastBranch, an_injected_event_is_recorded_for_the_guest) {
    LastBranches m(true, 1);
    m.handler(0x20, 0x61000, "f4");
    m.set(Field::event_injection, 0x80000020);
    EXPECT_EQ(m.run_guest("90"), 0x78u);
    m.expect_guests(1, {m.guest_code, 0x61000, 0x11, 0x22});
}

TEST(SvmLastBranch, without_the_bit_there_is_one_record) {
    LastBranches m(false, 0, 1);
    EXPECT_EQ(m.run_guest("eb 00 f4"), 0x78u);
    m.expect_guests(0, {0x11, 0x22, 0x33, 0x44});
    EXPECT_EQ(m.cpu.msr.last_branch, (std::array<u64, 4>{m.guest_code, m.guest_code + 2, 0x3333, 0x4444}));
    EXPECT_EQ(m.cpu.msr.debugctl, 1u);
}

TEST(SvmLastBranch, bits_of_debugctl_that_do_not_exist_are_dropped) {
    LastBranches m(true, ~u64{0});
    EXPECT_EQ(m.run_guest("f4"), 0x78u);
    EXPECT_EQ(m.get_field(Field::debugctl), 3u);
}

TEST(SvmLastBranch, clean_values_come_from_the_cache) {
    LastBranches m(true, 1);
    EXPECT_EQ(m.run_guest("eb 00 f4"), 0x78u);
    m.set(Field::debugctl, 0), m.set(Field::clean, 1 << 10);
    EXPECT_EQ(m.run_guest("90 eb 00 f4"), 0x78u);
    m.expect_guests(1, {m.guest_code + 1, m.guest_code + 3, 0x33, 0x44});
    m.set(Field::debugctl, 0), m.set(Field::clean, 0);
    EXPECT_EQ(m.run_guest("90 90 eb 00 f4"), 0x78u);
    m.expect_guests(0, {m.guest_code + 1, m.guest_code + 3, 0x33, 0x44});
}
