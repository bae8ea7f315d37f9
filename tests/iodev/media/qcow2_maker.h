// SPDX-License-Identifier: MIT
// An empty qcow2 image as bytes: header, refcount table, one block, L1 table; each in its own clusters.
#pragma once
#include "iodev/media/qcow2/header.h"
#include <vector>

struct Qcow2Shape {
    u64 size = 1 << 20;
    unsigned cluster_bits = 16, version = 3, refcount_order = 4;
};

inline std::vector<u8> make_qcow2(const Qcow2Shape& shape) {
    using qcow2::put_big_endian;
    u64 cluster = bit(shape.cluster_bits), reach = cluster * cluster / 8;
    u64 l1_entries = (shape.size + reach - 1) / reach, l1_clusters = (l1_entries * 8 + cluster - 1) / cluster;
    std::vector<u8> image((3 + l1_clusters) * cluster);
    auto put = [&](u64 at, unsigned width, u64 value) { put_big_endian(&image[at], width, value); };
    put(0, 4, 0x514649fb), put(4, 4, shape.version), put(20, 4, shape.cluster_bits), put(24, 8, shape.size);
    put(36, 4, l1_entries), put(40, 8, 3 * cluster), put(48, 8, cluster), put(56, 4, 1);
    if (shape.version >= 3) put(96, 4, shape.refcount_order), put(100, 4, 104);
    put(cluster, 8, 2 * cluster);
    unsigned width = 1u << shape.refcount_order;
    for (u64 n = 0; n < image.size() / cluster; n++) {
        if (width >= 8) put(2 * cluster + n * width / 8, width / 8, 1);
        else image[2 * cluster + n * width / 8] |= u8(1 << n * width % 8);
    }
    return image;
}
