// SPDX-License-Identifier: MIT
// The i440FX board's bridges: host (82441FX, with its PAM and SMRAM registers) and ISA (82371SB,
// with PIRQ routing), after Intel's data sheets. Left out: DRAM timing, error reporting and bus
// arbitration registers, which are kept and do nothing; the ISA bridge's DMA and APIC base options.
#pragma once
#include "iodev/pci.h"

// 8086:1237, slot 0.
class HostBridge final : public PciFunction {
public:
    // One range that PAM registers steer: reads and writes go to RAM, or to the bus (ROM) where
    // false.
    struct Pam { u32 base, size; bool read_ram, write_ram; };
    static constexpr unsigned segments = 13;
    struct Smram { bool open, closed, enabled, locked; };

    HostBridge(std::function<void(const Pam&)> pam_changed,
               std::function<void(Smram)> smram_changed);
    std::string_view name() const override { return "host-bridge"; }
    Pam pam(unsigned segment) const;
    Smram smram() const;

private:
    void written(unsigned offset, unsigned width) override;
    void changed() override;

    std::function<void(const Pam&)> pam_changed;
    std::function<void(Smram)> smram_changed;
    std::array<u8, 7> shown_pam{};          // what the board was last told; follows from config
    u8 shown_smram = 0x02;
};

// 8086:7000, slot 1. PIRQ n goes to the ISA interrupt that register 60h + n names.
class IsaBridge final : public PciFunction {
public:
    explicit IsaBridge(std::function<void(unsigned irq, bool level)> isa_irq);
    std::string_view name() const override { return "isa-bridge"; }
    void visit(Archive&) override;
    void set_pirq(unsigned n, bool level);

private:
    void written(unsigned offset, unsigned width) override;
    void changed() override { route(); }
    void route();

    std::function<void(unsigned, bool)> isa_irq;
    u8 pirqs = 0;
    u16 driven = 0;                         // ISA interrupts held high
};
