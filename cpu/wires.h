// SPDX-License-Identifier: MIT
// What a CPU is connected to: the board hands these in.
#pragma once
#include "cpu/apic/message.h"
#include <functional>

// What of memory is there in system management mode alone, and whether what follows on the bus is its.
struct SmmMemory {
    bool active = false;
    bool legacy = false;          // AMD's ASeg: A0000h to BFFFFh
    u64 base = 0, size = 0;       // and TSeg; size 0: none
    bool operator==(const SmmMemory&) const = default;
};

struct Wires {
    std::function<u32(u16 port, unsigned width)> port_in = [](u16, unsigned width) { return u32(ones(width)); };
    std::function<void(u16 port, unsigned width, u32 value)> port_out = [](u16, unsigned, u32) {};
    std::function<u8()> acknowledge = [] { return u8(0xff); };            // INTA cycle of the 8259s: the vector
    std::function<void(const ApicMessage&)> send = [](const ApicMessage&) {};   // ICR: to every CPU's local APIC
    std::function<void(u32 apic)> doorbell = [](u32) {};                  // AVIC: to the CPU with this APIC id
    std::function<void(u8 vector)> eoi = [](u8) {};                       // EOI broadcast to the I/O APICs
    std::function<void()> shutdown = [] {};                               // triple fault
    std::function<bool(bool)> ferr = [](bool) { return false; };          // FERR#: unmasked x87 exception with CR0.NE = 0; answers with IGNNE#
    std::function<void(u64 base)> protect = [](u64) {};                   // SKINIT: no device reaches these 64 KiB any more
    std::function<void(const SmmMemory&)> smm = [](const SmmMemory&) {};
    std::function<u64()> random = [] { return u64(0); };                  // RDRAND, RDSEED: the machine's seeded source
};
