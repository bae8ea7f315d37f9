// SPDX-License-Identifier: MIT
// A device whose port registers are bytes: wider accesses are made of them, lowest port first.
#pragma once
#include "iodev/device.h"

class ByteDevice : public Device {
public:
    virtual u8 get(u16 offset) = 0;
    virtual void put(u16 offset, u8 value) = 0;

    u32 in(u16 offset, unsigned width) override {
        u32 value = 0;
        for (unsigned i = 0; i < width; i++) value |= u32(get(u16(offset + i))) << (i * 8);
        return value;
    }
    void out(u16 offset, unsigned width, u32 value) override {
        for (unsigned i = 0; i < width; i++) put(u16(offset + i), u8(value >> (i * 8)));
    }
};
