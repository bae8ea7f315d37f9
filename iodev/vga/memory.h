// SPDX-License-Identifier: MIT
// The VGA's legacy window at A0000h-BFFFFh: how an address finds its planes, and what the graphics controller does with
// data on its way (IBM's VGA XGA technical reference, "Graphics Controller"). Left out: the odd/even page bit.
#pragma once
#include "iodev/vga/dispi.h"
#include "iodev/vga/registers.h"
#include <span>

// Video memory as the VGA sees it: the four planes' bytes of one address lie side by side.
//   byte     0        1        2        3        4        5 ...
//            plane 0  plane 1  plane 2  plane 3  plane 0  plane 1
//            '------------- address 0 --------'  '----- address 1
class VideoMemory {
public:
    explicit VideoMemory(std::span<u8> bytes) : bytes(bytes) {}      // a power of two, at least 256 KiB
    u32 addresses() const { return u32(bytes.size() / 4); }
    u32 planes(u32 address) const {
        const u8* at = &bytes[(address & (addresses() - 1)) * u64{4}];
        return at[0] | at[1] << 8 | at[2] << 16 | u32(at[3]) << 24;
    }
    void set_planes(u32 address, u32 value) {
        u8* at = &bytes[(address & (addresses() - 1)) * u64{4}];
        for (unsigned plane = 0; plane < 4; plane++) at[plane] = u8(value >> plane * 8);
    }
    u8& byte(u64 at) const { return bytes[at & (bytes.size() - 1)]; }
    std::span<u8> all() const { return bytes; }

private:
    std::span<u8> bytes;
};

class VgaWindow final : public Mmio {
public:
    static constexpr u64 base = 0xa0000, size = 0x20000;

    VgaWindow(const VgaRegisters& registers, const Dispi& dispi, VideoMemory memory)
        : registers(registers), dispi(dispi), memory(memory) {}
    u64 read(u64 offset, unsigned width) override;
    void write(u64 offset, unsigned width, u64 value) override;
    void reset() { latches = 0; }
    void visit(Archive& a) { a("latches", latches); }

private:
    struct Place { u32 address; u8 planes, plane; };      // those written, as a mask, and the one read
    bool inside(u64& offset) const;
    Place place(u32 offset) const;
    u8 read_byte(u64 offset);
    void write_byte(u64 offset, u8 value);
    u32 combined(u8 value) const;

    const VgaRegisters& registers;
    const Dispi& dispi;
    VideoMemory memory;
    u32 latches = 0;
};
