// SPDX-License-Identifier: MIT
// ACPI power management as the 82371AB (PIIX4) has it: function 8086:7113 with the PM1a event and
// control registers and the PM timer at its I/O base, GPE0 as the i440FX board of QEMU places it,
// and the SMI command port: it raises an SMI where GLBCTL.SMI_EN and DEVACTB.APMC_EN are set; where
// they aren't, ACPI is switched on and off here. Left out: other sources of SMIs, sleep states other than S3 and S5, SMBus, device monitors.
#pragma once
#include "base/clock.h"
#include "iodev/byte_device.h"
#include "iodev/pci.h"

class AcpiPm final : public PciFunction {
public:
    static constexpr u64 hertz = 3579545;
    static constexpr u8 acpi_enable = 0xf1, acpi_disable = 0xf0;     // to be named in the FADT
    static constexpr u8 s5_type = 0, s3_type = 1;                    // SLP_TYP; 0 is that of the _S5 package

    struct Wires {
        Line sci;
        std::function<void(u16 base, bool on)> mapped;        // the 64 ports of the PM block (PMBA)
        std::function<void()> power_off;
        std::function<void()> sleep = {};                     // S3; empty: nobody would wake the machine
        std::function<void()> wake = [] {};
        std::function<void()> smi = [] {};
    };
    AcpiPm(Clock&, Wires, unsigned timer_bits = 24);                 // 24 or 32

    std::string_view name() const override { return "acpi-pm"; }
    void reset(Reset) override;
    u32 in(u16 offset, unsigned width) override;                     // offsets from PMBA
    void out(u16 offset, unsigned width, u32 value) override;
    void visit(Archive&) override;

    void set_base(u16 base);                // what firmware does: PMBA, and decoding on
    void press_power_button();
    void rtc_interrupt();
    // S3 begins; an enabled event then wakes. The reset behind that keeps the events' status, with WAK_STS (ACPI 4.8.3.1.1).
    void fall_asleep();
    void raise_gpe(unsigned n);             // GPE0 status bit 0-15
    bool acpi_mode() const { return pm1_control & 1; }

    class Gpe final : public ByteDevice {   // 4 ports: status, enable
    public:
        explicit Gpe(AcpiPm& pm) : pm(pm) {}
        std::string_view name() const override { return "gpe0"; }
        void reset(Reset) override {}
        u8 get(u16 offset) override;
        void put(u16 offset, u8 value) override;
        void visit(Archive&) override {}    // the function holds the registers
    private:
        AcpiPm& pm;
    } gpe{*this};

    class SmiCommand final : public ByteDevice {                     // ports B2h and B3h
    public:
        explicit SmiCommand(AcpiPm& pm) : pm(pm) {}
        std::string_view name() const override { return "smi-command"; }
        void reset(Reset) override {}
        u8 get(u16 offset) override;
        void put(u16 offset, u8 value) override;
        void visit(Archive&) override {}
    private:
        AcpiPm& pm;
    } smi_command{*this};

private:
    u8 get(u16 offset);
    void put(u16 offset, u8 value);
    void put_control_high(u8 value);
    void put_global_control(unsigned shift, u8 value);
    u32 timer_value() const { return u32(clock.count(hertz) & mask(timer_bits - 1, 0)); }
    void sync();
    void written(unsigned offset, unsigned width) override;
    void changed() override;

    Clock& clock;
    Wires wires;
    Timer timer;
    const unsigned timer_bits;
    bool asleep = false;
    u16 pm1_status = 0, pm1_enable = 0, pm1_control = 0, gpe_status = 0, gpe_enable = 0;
    u64 seen_carries = 0;             // changes of the timer's top bit so far taken into the status
    u8 smi[2] = {0, 0};
    u16 global_status = 0;            // GLBSTS, GLBEN, GLBCTL
    u16 global_enable = 0;
    u32 global_control = 0;
    u16 shown_base = 0;                     // what the board was last told; follows from config
};
