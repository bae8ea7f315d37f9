// SPDX-License-Identifier: MIT
// What every device is: a name, reset, port and MMIO accesses by offset, and its state in visit().
#pragma once
#include "base/archive.h"
#include "iodev/line.h"
#include "memory/physical.h"
#include <string_view>

enum class Reset : u8 { power, warm };

class Device : public Mmio {
public:
    virtual std::string_view name() const = 0;
    virtual void reset(Reset) = 0;
    // Port accesses: offset from the attached base; width 1, 2 or 4 bytes. Nothing there reads all
    // ones.
    virtual u32 in(u16 offset, unsigned width) { return (void)offset, u32(ones(width)); }
    virtual void out(u16 offset, unsigned width, u32 value) {
        (void)offset, (void)width, (void)value;
    }
    // MMIO accesses: offset from the mapped base; width 1, 2, 4 or 8 bytes.
    u64 read(u64 offset, unsigned width) override { return (void)offset, ones(width); }
    void write(u64 offset, unsigned width, u64 value) override {
        (void)offset, (void)width, (void)value;
    }
    // State both ways. After loading, a value that the chip could not hold must be made harmless
    // here.
    virtual void visit(Archive&) = 0;
};
