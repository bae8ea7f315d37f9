// SPDX-License-Identifier: MIT
// The registers that a host and an IDE drive talk through (ATA/ATAPI-6, 7), and their bits.
#pragma once
#include "base/archive.h"

namespace ide {

enum Status : u8 { err = 0x01, drq = 0x08, dsc = 0x10, df = 0x20, drdy = 0x40, bsy = 0x80 };
enum Error : u8 { abrt = 0x04, idnf = 0x10, unc = 0x40 };
// PACKET's interrupt reason, in the sector count register.
enum Reason : u8 { cd = 0x01, io = 0x02 };
enum Control : u8 { nien = 0x02, srst = 0x04, hob = 0x80 };

// A register that remembers what it held before: 48-bit addresses are written in two halves.
struct Twice {
    u8 now = 0, before = 0;
    void write(u8 value) { before = now, now = value; }
    void clear() { now = before = 0; }
    u16 both() const { return u16(before << 8 | now); }
    void visit(Archive& a) { a("now", now), a("before", before); }
};

struct TaskFile {
    Twice features, count, lba_low, lba_mid, lba_high;
    u8 device = 0, status = 0, error = 0;

    bool lba() const { return device & 0x40; }
    unsigned head() const { return device & 0x0f; }
    u64 lba28() const {
        return u64(head()) << 24 | lba_high.now << 16 | lba_mid.now << 8 | lba_low.now;
    }
    u64 lba48() const {
        return u64(lba_high.before) << 40 | u64(lba_mid.before) << 32 | u64(lba_low.before) << 24 |
               (lba28() & 0xffffff);
    }
    void visit(Archive& a) {
        a("features", features), a("count", count), a("lba_low", lba_low), a("lba_mid", lba_mid),
            a("lba_high", lba_high);
        a("device", device), a("status", status), a("error", error);
    }
};

}  // namespace ide
