// SPDX-License-Identifier: MIT
// Segment descriptors in the GDT and the LDT: finding them, setting their Accessed and Busy bits,
// hidden parts made of them.
#pragma once
#include "cpu/cpu.h"

namespace descriptors {

// Types of system descriptors (SDM vol. 3, table 3-2); in IA-32e mode the 32-bit ones are the
// 64-bit ones.
enum : u8 {
    tss16 = 1, ldt = 2, tss16_busy = 3, call_gate16 = 4, task_gate = 5, interrupt_gate16 = 6, trap_gate16 = 7,
    tss32 = 9, tss32_busy = 11, call_gate32 = 12, interrupt_gate32 = 14, trap_gate32 = 15
};

// A descriptor with the place where it was found; `high` is the second half of a 16-byte one.
struct Entry {
    u16 selector = 0;
    u64 address = 0;
    Descriptor low;
    u64 high = 0;

    Rights rights() const { return low.rights(); }
    unsigned type() const { return rights().type(); }
    bool system(unsigned wanted) const { return !rights().s() && type() == wanted; }
    u64 base() const { return low.base() | high << 32; }
    u64 offset() const { return low.offset() | high << 32; }
};

enum class Found : u8 { yes, beyond, fault };

constexpr bool is_null(u16 selector) { return !(selector & 0xfffc); }
constexpr bool in_ldt(u16 selector) { return selector & 4; }
constexpr unsigned rpl(u16 selector) { return selector & 3; }
// The error code that names a selector (SDM vol. 3, 6.13).
constexpr u32 code_of(u16 selector) { return selector & 0xfffcu; }

// Reads 8 bytes of the table that the selector names. `fault`: Cpu::fault_ is the page fault.
Found look_up(Cpu& cpu, u16 selector, Entry& entry);
// In IA-32e mode system descriptors are 16 bytes long (SDM vol. 3, 3.5.2, 5.8.3.1 and 7.2.3): reads
// the rest.
Found look_up_rest(Cpu& cpu, Entry& entry);
// Both, with `beyond` raised with the selector's code where the table ends before it.
bool read(Cpu& cpu, u16 selector, Fault (*beyond)(u32), Entry& entry);
bool read_rest(Cpu& cpu, Fault (*beyond)(u32), Entry& entry);

// Sets the Accessed bit in memory and in `entry` where it isn't set: false is a page fault.
bool set_accessed(Cpu& cpu, Entry& entry);
// Writes byte 5 of the descriptor: present, DPL, S and type.
bool store_type(Cpu& cpu, u64 address, u8 byte);

// The hidden part that a code or data descriptor gives.
Segment segment(const Entry& entry, u16 selector);
// What loading a null selector leaves; SS keeps a DPL there (SDM vol. 3, 25.4.1).
Segment null_segment(u16 selector, unsigned dpl = 0);

}
