// SPDX-License-Identifier: MIT
// Tests of the PIIX4's power management, from the 82371AB data sheet and the ACPI specification,
// chapter 4.
#include "iodev/acpi_pm.h"
#include "tests/archive_roundtrip.h"
#include "tests/iodev/run_clock.h"

namespace {
struct AcpiTest : testing::Test {
    Clock clock{AcpiPm::hertz};             // a tick is a count of the PM timer
    bool sci = false;
    u16 base = 0;
    int power_offs = 0, smis = 0;
    AcpiPm pm{clock,
              {Line([this](bool level) { sci = level; }),
               [this](u16 at, bool on) { base = on ? at : 0; }, [this] { power_offs++; }, {}, [] {}, [this] { smis++; }}};
};
}

TEST_F(AcpiTest, the_io_base_is_set_through_configuration_space) {
    EXPECT_EQ(pm.config_read(0, 4), 0x71138086u);
    pm.config_write(0x40, 4, 0x0601);
    EXPECT_EQ(base, 0);
    pm.config_write(0x80, 1, 1);
    EXPECT_EQ(base, 0x600);
    EXPECT_EQ(pm.config_read(0x40, 4), 0x601u);
    pm.set_base(0xb000);
    EXPECT_EQ(base, 0xb000);
    pm.reset(Reset::power);
    EXPECT_EQ(base, 0);
}

TEST_F(AcpiTest, the_timer_counts_24_bits) {
    run_to(clock, 0x123456);
    EXPECT_EQ(pm.in(8, 4), 0x123456u);
    run_to(clock, 0x1000001);
    EXPECT_EQ(pm.in(8, 4), 1u);
    EXPECT_EQ(pm.in(8, 2), 1u);
}

TEST_F(AcpiTest, or_32_bits) {
    AcpiPm wide(clock, {Line(), [](u16, bool) {}, [] {}}, 32);
    run_to(clock, 0x1000001);
    EXPECT_EQ(wide.in(8, 4), 0x1000001u);
}

TEST_F(AcpiTest, the_timers_carry_sets_its_status_and_interrupts) {
    pm.out(2, 2, 1);
    run_to(clock, 0x7fffff);
    EXPECT_EQ(pm.in(0, 2), 0u);
    pm.smi_command.put(0, AcpiPm::acpi_enable);
    run_to(clock, 0x800000);
    EXPECT_TRUE(sci);
    EXPECT_EQ(pm.in(0, 2), 1u);
    pm.out(0, 2, 1);
    EXPECT_FALSE(sci);
    run_to(clock, 0xffffff);
    EXPECT_FALSE(sci);
    run_to(clock, 0x1000000);
    EXPECT_TRUE(sci) << "the top bit changes both ways";
}

TEST_F(AcpiTest, the_smi_command_port_switches_acpi_on_and_off) {
    EXPECT_EQ(pm.in(4, 2) & 1, 0u);
    pm.smi_command.put(0, 0xf1);
    EXPECT_EQ(pm.in(4, 2) & 1, 1u);
    EXPECT_EQ(pm.smi_command.get(0), 0xf1);
    pm.smi_command.put(0, 0xf0);
    EXPECT_EQ(pm.in(4, 2) & 1, 0u);
    pm.smi_command.put(1, 0x55);
    EXPECT_EQ(pm.smi_command.get(1), 0x55);
}

// 82371AB: GLBCTL's SMI_EN and DEVACTB's APMC_EN let a write to APMC raise an SMI, which GLBSTS's APM_STS tells.
TEST_F(AcpiTest, the_smi_command_port_raises_an_smi_where_it_is_enabled) {
    pm.smi_command.put(0, 1);
    EXPECT_EQ(smis, 0);
    pm.out(0x28, 4, 1);
    EXPECT_EQ(pm.in(0x28, 4), 1u);
    pm.smi_command.put(1, 1);
    EXPECT_EQ(smis, 0) << "APMS is a scratch register";
    pm.smi_command.put(0, 0xf1);
    EXPECT_EQ(smis, 1);
    EXPECT_EQ(pm.in(4, 2) & 1, 0u) << "ACPI is the handler's business then";
    EXPECT_EQ(pm.in(0x18, 2), 0x20u);
    pm.out(0x18, 2, 0x20);
    EXPECT_EQ(pm.in(0x18, 2), 0u);
    pm.config_write(0x58, 4, 0);
    pm.smi_command.put(0, 2);
    EXPECT_EQ(smis, 1);
    pm.out(0x28, 4, 0);
    pm.smi_command.put(0, 0xf1);
    EXPECT_EQ(smis, 1);
}

TEST_F(AcpiTest, sleep_type_0_powers_off) {
    pm.out(4, 2, 0x2400);                   // type 1: not supported, nothing happens
    EXPECT_EQ(power_offs, 0);
    pm.out(4, 2, 0x0000);
    EXPECT_EQ(power_offs, 0);
    pm.out(4, 2, 0x2000);
    EXPECT_EQ(power_offs, 1);
    EXPECT_EQ(pm.in(4, 2) & 0x2000, 0u) << "SLP_EN is write-only";
}

TEST_F(AcpiTest, the_power_button_is_a_fixed_event) {
    pm.out(4, 2, 1);
    pm.out(2, 2, 0x100);
    pm.press_power_button();
    EXPECT_TRUE(sci);
    EXPECT_EQ(pm.in(0, 4), 0x01000100u);
    pm.out(0, 2, 0x100);
    EXPECT_FALSE(sci);
}

TEST_F(AcpiTest, general_events_are_masked_and_cleared_by_writing_1) {
    pm.out(4, 1, 1);
    pm.raise_gpe(9);
    EXPECT_FALSE(sci);
    pm.gpe.out(2, 2, 0x0200);
    EXPECT_TRUE(sci);
    EXPECT_EQ(pm.gpe.in(0, 4), 0x02000200u);
    pm.gpe.out(0, 2, 0x0200);
    EXPECT_FALSE(sci);
}

TEST_F(AcpiTest, without_acpi_mode_there_is_no_sci) {
    pm.out(2, 2, 0x100);
    pm.press_power_button();
    EXPECT_FALSE(sci);
    pm.out(4, 2, 1);
    EXPECT_TRUE(sci);
}

TEST_F(AcpiTest, state_survives_saving) {
    pm.set_base(0x600);
    pm.out(2, 2, 0x101), pm.out(4, 2, 1), pm.raise_gpe(3);
    run_to(clock, 0x900000);
    u16 told = 0;
    AcpiPm other(clock, {Line(), [&](u16 at, bool) { told = at; }, [] {}});
    expect_roundtrip(pm, other);
    EXPECT_EQ(told, 0x600) << "loading maps the registers";
}

// ACPI 4.8.3: SLP_TYP 1 with SLP_EN sleeps; the clock's alarm, once enabled, wakes, and WAK_STS says so behind the reset.
TEST(AcpiSleep, an_enabled_event_wakes) {
    Clock clock{AcpiPm::hertz};
    int sleeps = 0, wakes = 0;
    AcpiPm pm{clock, {Line(), [](u16, bool) {}, [] {}, [&] { sleeps++; }, [&] { wakes++; }}};
    pm.rtc_interrupt();
    EXPECT_EQ(pm.in(0, 2), 0x400u);
    pm.out(0, 2, 0x400), pm.out(2, 2, 0x400), pm.out(4, 2, 0x2400);
    EXPECT_EQ(sleeps, 1);
    pm.fall_asleep();
    EXPECT_EQ(wakes, 0);
    AcpiPm other{clock, {Line(), [](u16, bool) {}, [] {}}};
    expect_roundtrip(pm, other);
    pm.rtc_interrupt();
    EXPECT_GT(wakes, 0);
    pm.reset(Reset::warm);
    EXPECT_EQ(pm.in(0, 2), 0x8400u);
    EXPECT_EQ(pm.in(2, 2), 0u);
    wakes = 0, pm.out(2, 2, 0x400), pm.rtc_interrupt();
    EXPECT_EQ(wakes, 0) << "awake";
    pm.reset(Reset::power);
    EXPECT_EQ(pm.in(0, 2), 0u);
}

TEST(AcpiSleep, where_nobody_would_wake_nothing_sleeps) {
    Clock clock{AcpiPm::hertz};
    AcpiPm pm{clock, {Line(), [](u16, bool) {}, [] {}}};
    pm.out(4, 2, 0x2400);
    pm.press_power_button();
    EXPECT_EQ(pm.in(0, 2) & 0x100, 0x100u);
}
