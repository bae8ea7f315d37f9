// SPDX-License-Identifier: MIT
// The x87 state: eight 80-bit registers by physical number, control, status and tag words, last-instruction pointers.
#pragma once
#include "base/archive.h"
#include <array>

struct F80 {                      // double extended precision (SDM vol. 1, 4.2.2)
    u64 significand = 0;
    u16 sign_exponent = 0;
    bool operator==(const F80&) const = default;
    void visit(Archive& a) {
        a("significand", significand);
        a("sign_exponent", sign_exponent);
    }
};

struct Fpu {
    std::array<F80, 8> r{};       // R0 to R7; the MMX registers are their significands
    u16 control = 0x37f;
    u16 status = 0;               // with TOP in bits 13:11
    u8 empty = 0xff;              // bit n: R[n] is tagged empty; the other tags are derived from the value
    u16 fop = 0;                  // opcode bits 10:0
    u64 fip = 0, fdp = 0;
    u16 fcs = 0, fds = 0;

    unsigned top() const { return status >> 11 & 7; }
    void set_top(unsigned n) { status = u16((status & ~0x3800) | (n & 7) << 11); }
    // An exception that its mask lets through: the next waiting instruction's #MF (SDM vol. 1, 8.7).
    bool error_pending() const { return status & ~control & 0x3f; }
    // ES and B follow from the exception flags and their masks (SDM vol. 1, 8.1.3.3).
    void update_summary() { status = u16(error_pending() ? status | 0x8080 : status & ~0x8080); }
    unsigned physical(unsigned st) const { return (top() + st) & 7; }

    void visit(Archive& a) {
        a("r", r);
        a("control", control);
        a("status", status);
        a("empty", empty);
        a("fop", fop);
        a("fip", fip);
        a("fdp", fdp);
        a("fcs", fcs);
        a("fds", fds);
    }
};
