// SPDX-License-Identifier: MIT
// The header of a qcow2 file, versions 2 and 3, as its specification (QEMU's
// docs/interop/qcow2.txt) lays it out.
#pragma once
#include "iodev/media/file.h"

namespace qcow2 {

struct Header {
    u32 version = 0;
    u64 backing_file_offset = 0;
    u32 backing_file_size = 0, cluster_bits = 0;
    u64 size = 0;
    u32 crypt_method = 0, l1_size = 0;
    u64 l1_table_offset = 0, refcount_table_offset = 0;
    u32 refcount_table_clusters = 0, nb_snapshots = 0;
    u64 snapshots_offset = 0;
    // Version 3; what version 2 means by their absence.
    u64 incompatible_features = 0, compatible_features = 0, autoclear_features = 0;
    u32 refcount_order = 4, header_length = 72;
    // Not fields of their own: what the offsets and header extensions lead to.
    std::string backing_file, backing_format;

    u64 cluster_size() const { return bit(cluster_bits); }
    u64 l2_entries() const { return cluster_size() / 8; }
    u64 l1_entries() const {                  // that the size needs
        u64 reach = cluster_size() * l2_entries();
        return size / reach + (size % reach != 0);
    }
    unsigned refcount_bits() const { return 1u << refcount_order; }
    u64 refcounts_in_block() const { return cluster_size() * 8 / refcount_bits(); }
};

// Where fields lie that are written again while the image is in use.
inline constexpr u64 refcount_table_field = 48, autoclear_field = 88;

Header read_header(File&);                    // throws Error when we can't use such an image
[[noreturn]] void refuse(const File&, const std::string& why);

// Numbers in the file are big-endian.
constexpr u64 big_endian(const u8* at, unsigned width) {
    u64 value = 0;
    for (unsigned i = 0; i < width; i++) value = value << 8 | at[i];
    return value;
}
constexpr void put_big_endian(u8* at, unsigned width, u64 value) {
    while (width--) at[width] = u8(value), value >>= 8;
}

}  // namespace qcow2
