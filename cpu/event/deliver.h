// SPDX-License-Identifier: MIT
// The delivery of exceptions and interrupts through the IVT or the IDT (SDM vol. 3, ch. 6; vol. 2,
// INT n).
#pragma once
#include "cpu/cpu.h"

namespace event {

// SDM vol. 3, table 6-4 and 6-5: what a fault met while delivering another leads to.
enum class Class : u8 { benign, contributory, page_fault, double_fault };
enum class Next : u8 { serial, double_fault, shutdown };
constexpr Class class_of(u8 vector) {
    switch (vector) {
    case de_vector: case ts_vector: case np_vector: case ss_vector: case gp_vector: return Class::contributory;
    case pf_vector: case ve_vector: return Class::page_fault;
    case df_vector: return Class::double_fault;
    default: return Class::benign;
    }
}
constexpr Next next(Class first, Class second) {
    constexpr Next s = Next::serial, d = Next::double_fault, x = Next::shutdown;
    // second:           benign  contributory  page fault
    constexpr Next table[4][3] = {{s,   s,            s},        // first: benign
                                  {s,   d,            s},        //        contributory
                                  {s,   d,            d},        //        page fault
                                  {s,   x,            x}};       //        double fault
    return second == Class::double_fault ? s : table[unsigned(first)][unsigned(second)];
}

// One attempt; false: Cpu::fault_ is what happened instead, and nothing has changed but for
// Accessed and Busy bits (or, behind a task gate, the task).
bool attempt(Cpu& cpu, const Delivery& d);
// INT n, INT3, INTO, ICEBP at RIP; `next_rip` is what they push. Outcome::taken, or the fault.
Outcome software(Cpu& cpu, u8 vector, Origin origin, u64 next_rip);

}
