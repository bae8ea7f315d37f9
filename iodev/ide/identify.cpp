// SPDX-License-Identifier: MIT
// The words of IDENTIFY DEVICE and IDENTIFY PACKET DEVICE (ATA/ATAPI-6, 8.15 and 8.16).
#include "iodev/ide/cd.h"
#include "iodev/ide/disk.h"
#include <algorithm>

namespace ide {

// Text has the first character of each pair in the high byte, padded with spaces.
static void put_text(std::span<u16> words, const std::string& text) {
    auto at = [&](std::size_t i) { return i < text.size() ? u8(text[i]) : u8(' '); };
    for (std::size_t i = 0; i < words.size(); i++) words[i] = u16(at(i * 2) << 8 | at(i * 2 + 1));
}

// Word 255: a signature, and in the high byte what makes the sum of all bytes zero.
static void seal(std::span<u16, 256> words) {
    words[255] = 0xa5;
    u8 sum = 0;
    for (u16 word : words) sum = u8(sum + word + (word >> 8));
    words[255] = u16(words[255] | u8(-sum) << 8);
}

std::array<u16, 256> Disk::identity() const {
    std::array<u16, 256> w{};
    u64 total = sectors(), lba28 = std::min<u64>(total, 0x0fffffff);
    u32 current = cylinders() * heads * spt;
    struct { unsigned word; u64 value; } rows[] = {
        {0, 0x0040},                                   // fixed drive
        {1, default_cylinders()}, {3, default_heads}, {6, default_spt},
        {47, 0x8000 | most_multiple}, {49, 0x0f00},    // standby timer no; IORDY, LBA, DMA
        {50, 0x4000}, {51, 0x0200}, {53, 7},
        {54, cylinders()}, {55, heads}, {56, spt}, {57, current & 0xffff}, {58, current >> 16},
        {59, multiple ? 0x100 | multiple : 0}, {60, lba28 & 0xffff}, {61, lba28 >> 16},
        {63, 0x07u | mwdma * 0x100u}, {64, 0x03}, {65, 120}, {66, 120}, {67, 120}, {68, 120},
        {80, 0x0070},                                  // ATA/ATAPI-4 to -6
        {82, 0x0068}, {83, 0x7400}, {84, 0x4000},      // look-ahead, write cache, power management; FLUSH CACHE, EXT, LBA48
        {85, 0x0008u | write_cache << 5 | look_ahead << 6}, {86, 0x3400}, {87, 0x4000},
        {88, 0x3fu | udma * 0x100u}, {93, 0x600b},          // ultra DMA 0-5; 80-conductor cable, device 0 present
        {100, total & 0xffff}, {101, total >> 16 & 0xffff}, {102, total >> 32 & 0xffff}, {103, total >> 48},
    };
    for (auto& row : rows) w[row.word] = u16(row.value);
    put_text(std::span(w).subspan(10, 10), serial);
    put_text(std::span(w).subspan(23, 4), "1.0");
    put_text(std::span(w).subspan(27, 20), "SLATE DISK");
    seal(w);
    return w;
}

std::array<u16, 256> Cd::identity() const {
    std::array<u16, 256> w{};
    struct { unsigned word; u64 value; } rows[] = {
        {0, 0x8580},                                   // ATAPI, CD, removable, DRQ within 50 us, 12-byte packets
        {49, 0x0f00}, {50, 0x4000}, {51, 0x0200}, {53, 6},
        {63, 0x07u | mwdma * 0x100u}, {64, 0x03}, {65, 120}, {66, 120}, {67, 120}, {68, 120},
        {80, 0x0070}, {82, 0x0210}, {83, 0x4000}, {84, 0x4000},        // DEVICE RESET, PACKET
        {85, 0x0210}, {87, 0x4000}, {88, 0x3fu | udma * 0x100u}, {93, 0x600b},
    };
    for (auto& row : rows) w[row.word] = u16(row.value);
    put_text(std::span(w).subspan(10, 10), serial);
    put_text(std::span(w).subspan(23, 4), "1.0");
    put_text(std::span(w).subspan(27, 20), "SLATE CD-ROM");
    seal(w);
    return w;
}

}  // namespace ide
