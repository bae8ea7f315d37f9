// SPDX-License-Identifier: MIT
// What firmware programs before it starts a system, as lists of writes: PICs, timer, PCI routing, PM block, MTRRs.
#pragma once
#include "bios/acpi/parameters.h"
#include "bios/plan.h"

namespace board {

// PIRQA to PIRQD, by PIIX3's registers 60h-63h; pin A of slot 1 is PIRQA.
constexpr u8 pirq_routes[4] = {10, 10, 11, 11};
constexpr u16 pci_irqs = 1 << 10 | 1 << 11;

std::vector<PortWrite> port_writes(const AcpiParameters&);
// For every CPU: RAM write-back, the rest uncached; VMX allowed outside SMX and locked.
std::vector<MsrWrite> msr_writes(unsigned physical_bits);
// The boot processor's local APIC: on, the 8259 at LINT0, NMI at LINT1.
std::vector<ApicWrite> apic_writes();

}  // namespace board
