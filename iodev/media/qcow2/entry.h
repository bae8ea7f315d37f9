// SPDX-License-Identifier: MIT
// An L2 entry: where a cluster of the medium lies in a qcow2 file.
#pragma once
#include "iodev/media/qcow2/header.h"

namespace qcow2 {

//  63     62           61 .. 56   55 .. 9           8 .. 1     0
//  copied compressed   reserved   offset            reserved   zeros (version 3)
struct Entry {
    u64 value = 0;

    static constexpr u64 copied_bit = bit(63), compressed_bit = bit(62), zeros_bit = 1,
                         offset_mask = mask(55, 9);
    bool copied() const { return value & copied_bit; }         // used once: may be written in place
    bool compressed() const { return value & compressed_bit; }
    bool zeros(const Header& h) const {
        return !compressed() && h.version >= 3 && (value & zeros_bit);
    }
    u64 offset() const {
        return value & offset_mask;
    } // of a cluster that isn't compressed; 0: none

    // Compressed: the offset of the first byte, and of the end of the last 512 bytes that belong to
    // it.
    u64 compressed_offset(const Header& h) const { return bits(value, offset_bits(h) - 1, 0); }
    u64 compressed_end(const Header& h) const {
        return (compressed_offset(h) & ~mask(8, 0)) + (bits(value, 61, offset_bits(h)) + 1) * 512;
    }

private:
    static unsigned offset_bits(const Header& h) { return 62 - (h.cluster_bits - 8); }
};

}  // namespace qcow2
