// SPDX-License-Identifier: MIT
// What a direct kernel boot does to the machine, as a value: bytes in RAM, the ROM, registers of chips and CPUs.
#pragma once
#include "bios/bytes.h"
#include "memory/physical.h"
#include <string>

struct Placement {
    u64 address = 0;
    Bytes bytes;
    u64 zeros = 0;                    // this many bytes of 0 follow (a BSS)
    std::string what;                 // for messages: "kernel", "initrd", "page tables"
    u64 size() const { return bytes.size() + zeros; }
};

enum class EntryMode : u8 { real, protected32, long64 };

// rights are bits 55:40 of a descriptor with the limit's bits 19:16 (11:8 here) left 0.
struct EntrySegment {
    u16 selector = 0;
    u64 base = 0;
    u32 limit = 0;                    // in bytes, as the hidden part holds it
    u16 rights = 0;
    bool operator==(const EntrySegment&) const = default;
};
struct EntryTable { u64 base = 0; u16 limit = 0; };

// The boot processor at the kernel's first instruction. All other registers are as after reset.
struct EntryState {
    EntryMode mode = EntryMode::protected32;
    u64 rip = 0, rflags = 2;
    u64 rax = 0, rbx = 0, rcx = 0, rdx = 0, rsi = 0, rdi = 0, rbp = 0, rsp = 0;
    u64 cr0 = 0, cr3 = 0, cr4 = 0, efer = 0;
    EntryTable gdtr, idtr;
    EntrySegment cs, ds, es, fs, gs, ss, tr, ldtr;
};

struct PortWrite { u16 port; u8 width; u32 value; };
struct MsrWrite { u32 index; u64 value; };
struct ApicWrite { u32 offset; u32 value; };

struct BootPlan {
    std::string protocol;                     // "Linux 2.15, 64-bit entry", "multiboot 1", ...
    std::vector<Placement> placements;        // all in RAM; where two overlap, the later wins
    Bytes rom;                                // 64 KiB: to be mapped as ROM at F0000h and at FFFF0000h
    std::vector<PortWrite> port_writes;       // in order: what firmware leaves in PIC, PIT, bridges
    std::vector<MsrWrite> msr_writes;         // for every CPU; skip those that the CPU model lacks
    std::vector<ApicWrite> apic_writes;       // for the boot processor's local APIC, by register offset
    EntryState entry;                         // for the boot processor; the others wait for SIPI
};

// Writes the placements (not the ROM). Throws Error(4) when a place is not RAM of this map.
void write_plan(const BootPlan&, PhysicalMap&);

// The flat segments of the ROM's descriptor table (selectors 10h/18h, as Linux asks for), by mode.
EntryState flat_protected(u64 rip);
EntryState flat_long(u64 rip, u64 cr3);
// Six pages for flat_long: 0 to 4 GiB identity-mapped by 2-MiB pages, writable and executable, at `base`.
Bytes identity_tables(u64 base);
