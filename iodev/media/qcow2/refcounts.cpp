// SPDX-License-Identifier: MIT
// Refcounts of a qcow2 file.
#include "iodev/media/qcow2/refcounts.h"
#include <array>

namespace qcow2 {

static std::vector<u64> read_numbers(File& file, u64 offset, u64 count) {
    std::vector<u8> raw(count * 8);
    file.read(offset, raw);
    std::vector<u64> numbers(count);
    for (u64 i = 0; i < count; i++) numbers[i] = big_endian(&raw[i * 8], 8);
    return numbers;
}

Refcounts::Refcounts(File& file, const Header& header)
    : file(file),
      header(header),
      table_offset(header.refcount_table_offset),
      block_offsets(
          read_numbers(file, table_offset, header.refcount_table_clusters * header.l2_entries())),
      blocks(file, header.cluster_size()) {
    for (u64& offset : block_offsets) offset &= mask(63, 9);
    for (u64 offset : block_offsets)
        if (offset % header.cluster_size() || offset >= file.size())
            refuse(file, "damaged or truncated: a refcount block is not in the file");
}

// Refcounts narrower than a byte fill it from its low bits up.
static u64 get_refcount(const std::vector<u8>& block, u64 n, unsigned width) {
    if (width >= 8) return big_endian(&block[n * width / 8], width / 8);
    return bits(block[n * width / 8], unsigned(n * width % 8) + width - 1, unsigned(n * width % 8));
}
static void put_refcount(std::vector<u8>& block, u64 n, unsigned width, u64 uses) {
    if (width >= 8) return put_big_endian(&block[n * width / 8], width / 8, uses);
    unsigned low = unsigned(n * width % 8);
    u8& byte = block[n * width / 8];
    byte = u8((byte & ~mask(low + width - 1, low)) | uses << low);
}

u64 Refcounts::get(u64 cluster) {
    u64 n = cluster / header.refcounts_in_block();
    if (n >= block_offsets.size() || block_offsets[n] == 0) return 0;
    return get_refcount(blocks.read(block_offsets[n]), cluster % header.refcounts_in_block(),
                        header.refcount_bits());
}

void Refcounts::set(u64 cluster, u64 uses) {
    auto& block = blocks.change(block_offsets[cluster / header.refcounts_in_block()]);
    put_refcount(block, cluster % header.refcounts_in_block(), header.refcount_bits(), uses);
}

u64 Refcounts::allocate() {
    for (;;) {
        while (get(next) != 0) next++;
        u64 n = next / header.refcounts_in_block();
        if (n >= block_offsets.size()) grow_table();
        else if (block_offsets[n] == 0) add_block(next);
        else break;
    }
    set(next, 1);
    return next++ * cluster_size();
}

// The block's own cluster is the first that it counts.
void Refcounts::add_block(u64 cluster) {
    u64 n = cluster / header.refcounts_in_block();
    blocks.create(cluster * cluster_size());
    block_offsets[n] = cluster * cluster_size();
    new_blocks.push_back(n);
    set(cluster, 1);
}

// A table of twice the size, behind all that the old one can count, with the blocks that count it.
// It is complete in the file before the header leads to it (write_back).
void Refcounts::grow_table() {
    write_back();
    u64 in_block = header.refcounts_in_block(), first_block = block_offsets.size(),
        first = first_block * in_block;
    u64 clusters = (first_block * 2 * 8 + cluster_size() - 1) / cluster_size(), new_ones = 1;
    while (new_ones * in_block < new_ones + clusters) new_ones++;
    while (first_block + new_ones > clusters * header.l2_entries()) clusters++;

    std::vector<u64> larger = block_offsets;
    larger.resize(clusters * header.l2_entries());
    for (u64 i = 0; i < new_ones; i++) {
        larger[first_block + i] = (first + i) * cluster_size();
        std::vector<u8> block(cluster_size());
        for (u64 n = 0; n < in_block && i * in_block + n < new_ones + clusters; n++)
            put_refcount(block, n, header.refcount_bits(), 1);
        file.write(larger[first_block + i], block);
    }
    std::vector<u8> raw(clusters * cluster_size());
    for (u64 i = 0; i < larger.size(); i++) put_big_endian(&raw[i * 8], 8, larger[i]);
    u64 offset = (first + new_ones) * cluster_size();
    file.write(offset, raw);
    u64 old_clusters = first_block / header.l2_entries();
    for (u64 i = 0; i < old_clusters; i++) release_later(table_offset + i * cluster_size());
    table_offset = offset, block_offsets = std::move(larger), next = first + new_ones + clusters;
    table_moved = true;
}

void Refcounts::write_table_field() {
    std::array<u8, 12> fields;
    put_big_endian(&fields[0], 8, table_offset);
    put_big_endian(&fields[8], 4, block_offsets.size() / header.l2_entries());
    file.flush();
    file.write(refcount_table_field, fields);
    table_moved = false;
}

void Refcounts::write_back() {
    blocks.write_back();
    if (!new_blocks.empty()) write_table();
    if (table_moved) write_table_field();
}

void Refcounts::write_table() {
    file.flush();
    for (; !new_blocks.empty(); new_blocks.pop_back()) {
        std::array<u8, 8> entry;
        put_big_endian(&entry[0], 8, block_offsets[new_blocks.back()]);
        file.write(table_offset + new_blocks.back() * 8, entry);
    }
}

void Refcounts::release(u64 offset) {
    u64 cluster = offset / cluster_size(), uses = get(cluster);
    if (uses == 0) return;
    set(cluster, uses - 1);
    if (uses == 1) next = std::min(next, cluster);
}

void Refcounts::apply_releases() {
    for (; !released.empty(); released.pop_back()) release(released.back());
}

}  // namespace qcow2
