// SPDX-License-Identifier: MIT
// What a CPU is connected to: the board hands these in.
#pragma once
#include "cpu/apic/message.h"
#include <functional>

struct Wires {
    std::function<u32(u16 port, unsigned width)> port_in = [](u16, unsigned width) { return u32(ones(width)); };
    std::function<void(u16 port, unsigned width, u32 value)> port_out = [](u16, unsigned, u32) {};
    std::function<u8()> acknowledge = [] { return u8(0xff); };            // INTA cycle of the 8259s: the vector
    std::function<void(const ApicMessage&)> send = [](const ApicMessage&) {};   // ICR: to every CPU's local APIC
    std::function<void(u32 apic)> doorbell = [](u32) {};                  // AVIC: to the CPU with this APIC id
    std::function<void(u8 vector)> eoi = [](u8) {};                       // EOI broadcast to the I/O APICs
    std::function<void()> shutdown = [] {};                               // triple fault
    std::function<void(bool)> ferr = [](bool) {};                         // FERR#: unmasked x87 exception with CR0.NE = 0
    std::function<void(u64 base)> protect = [](u64) {};                   // SKINIT: no device reaches these 64 KiB any more
    std::function<void(bool on)> smm = [](bool) {};                       // what follows on the bus is (not) system management mode's
    std::function<u64()> random = [] { return u64(0); };                  // RDRAND, RDSEED: the machine's seeded source
};
