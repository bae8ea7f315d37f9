// SPDX-License-Identifier: MIT
// The guest's time: TSC ratio and offset (APM vol. 2, 15.30.5).
#include "cpu/msr/access.h"
#include "tests/cpu/svm/host.h"

using namespace svm;

namespace {

constexpr u32 tsc_msr = 0x10, ratio_msr = 0xc0000104;
constexpr u64 now = 1'000'000;

u64 edx_eax(const SvmHost& m) { return m.cpu.gpr[rdx] << 32 | u32(m.cpu.gpr[rax]); }

// The TSC, MPERF and APERF as the next instruction finds them.
void set_time(SvmHost& m) {
    m.cpu.msr.tsc_offset = now - m.clock.ticks - 1;
    m.cpu.msr.mperf_offset = m.cpu.msr.aperf_offset = now - m.cpu.retired;
}
// What a guest with a TSC_OFFSET of 1000h gets of its first instruction.
u64 guest_reads(const char* instruction, u64 ratio, u32 msr) {
    SvmHost m;
    EXPECT_TRUE(write_msr(m.cpu, ratio_msr, ratio));
    m.set(Field::tsc_offset, 0x1000);
    m.put_code(instruction, m.guest_code);
    m.enter();
    set_time(m);
    m.cpu.gpr[rcx] = msr;
    m.cpu.run(m.clock.ticks + 1);
    return edx_eax(m);
}

}

TEST(SvmTime, a_guests_tsc_is_multiplied_then_moved) {
    struct { u64 ratio, scaled; } rows[] = {
        {0x100000000, 1'000'000}, {0x180000000, 1'500'000}, {0x080000000, 500'000}, {0, 0}, {0xff00000000, 255'000'000},
        {0x000000001, 0},         {0x055555555, 333'333},   {0x200000000, 2'000'000}};
    for (auto& r : rows)
        for (auto* instruction : {"0f 31", "0f 01 f9", "0f 32"}) {         // RDTSC, RDTSCP, RDMSR
            EXPECT_EQ(guest_reads(instruction, r.ratio, tsc_msr), r.scaled + 0x1000) << std::hex << r.ratio << " " << instruction;
        }
}

// All 64 bits of the TSC are multiplied.
TEST(SvmTime, a_high_tsc_keeps_its_low_bits) {
    SvmHost m;
    EXPECT_TRUE(write_msr(m.cpu, ratio_msr, 0x180000000));
    m.put_code("0f 31", m.guest_code);
    m.enter();
    m.cpu.msr.tsc_offset = 0x4000000000000002 - m.clock.ticks - 1;
    m.cpu.run(m.clock.ticks + 1);
    EXPECT_EQ(edx_eax(m), 0x6000000000000003u);
}

TEST(SvmTime, the_host_sees_no_ratio) {
    SvmHost m;
    EXPECT_TRUE(write_msr(m.cpu, ratio_msr, 0x200000000));
    EXPECT_EQ(read_guest_tsc(m.cpu), read_tsc(m.cpu));
    m.put_code("90 f4", m.guest_code);
    m.enter();
    EXPECT_EQ(read_guest_tsc(m.cpu), 2 * read_tsc(m.cpu));
    m.continue_guest();
    EXPECT_EQ(read_guest_tsc(m.cpu), read_tsc(m.cpu));
}

TEST(SvmTime, the_ratio_is_1_at_reset_and_has_40_bits) {
    SvmHost m;
    u64 value = 0;
    EXPECT_TRUE(read_msr(m.cpu, ratio_msr, value));
    EXPECT_EQ(value, 0x100000000u);
    EXPECT_FALSE(write_msr(m.cpu, ratio_msr, bit(40)));
    EXPECT_TRUE(write_msr(m.cpu, ratio_msr, 0xffffffffff));
    SvmHost without("barcelona");
    EXPECT_FALSE(read_msr(without.cpu, ratio_msr, value));
}
