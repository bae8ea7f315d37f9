// SPDX-License-Identifier: MIT
// Where things lie in the 64-KiB ROM: rom.S is laid out by the same numbers and a test compares the two.
#pragma once
#include "base/bits.h"

namespace rom {

constexpr u64 base = 0xf0000, size = 0x10000, top_alias = 0xffff0000;
constexpr u16 segment = 0xf000;

// The header that the loader fills in.
constexpr u64 header = 0x100;                  // "SLATEROM"
constexpr u64 e820_count = 0x108;              // 16 bits
constexpr u64 kib_above_1m = 0x10a;            // 16 bits: up to 16 MiB, 3C00h at most (E801h), and
constexpr u64 blocks_above_16m = 0x10c;        // 16 bits: 64-KiB blocks from 16 MiB to the hole
constexpr u64 kib_extended = 0x10e;            // 16 bits: KiB above 1 MiB, FFFFh at most (88h)
constexpr u64 vectors = 0x110;                 // 256 offsets, 16 bits each: the IVT to set up (fixed by rom.S)
constexpr u64 e820 = 0x320;                    // entries of 20 bytes
constexpr unsigned e820_max = 32;
constexpr u64 gdt = 0x5a0;                     // null, null, code at 10h, data at 18h, TSS at 20h (fixed by rom.S)
constexpr u64 gdt_size = 0x28;
constexpr u64 code32 = 0x00cf'9b00'0000'ffff, code64 = 0x00af'9b00'0000'ffff;    // what selector 10h may be

// Free for tables that software searches for in F0000h-FFFFFh (RSDP, SMBIOS, MP).
constexpr u64 tables = 0x4000, tables_end = 0xf000;
constexpr u64 reset = 0xfff0;

}  // namespace rom
