// SPDX-License-Identifier: MIT
// How often each cluster of a qcow2 file is used: the refcount table and its blocks, and where free
// clusters come from.
#pragma once
#include "iodev/media/qcow2/header.h"
#include "iodev/media/qcow2/tables.h"

namespace qcow2 {

class Refcounts {
public:
    Refcounts(File&, const Header&);

    u64 get(u64 cluster);
    u64 allocate(); // the offset of a cluster that was free and now is used once
    // One use less, after the next commit: until then the file may still say that it is used.
    void release_later(u64 offset) { released.push_back(offset); }
    void release(u64 offset);
    // Everything changed goes to the file, the blocks before the table entries that lead to them.
    void write_back();
    void apply_releases();                // when no reference to them is left in the file
    bool dirty() const { return blocks.dirty() || !new_blocks.empty() || table_moved; }
    bool crowded() const { return blocks.crowded(); }
    void trim() { blocks.trim(); }
    const std::vector<u64>& table() const { return block_offsets; }

private:
    u64 cluster_size() const { return bit(header.cluster_bits); }
    void set(u64 cluster, u64 uses);
    void add_block(u64 cluster);
    void grow_table();
    void write_table();
    void write_table_field();

    File& file;
    const Header& header;
    u64 table_offset;
    std::vector<u64> block_offsets;       // the refcount table
    std::vector<u64> new_blocks;          // entries of it that the file does not have yet
    std::vector<u64> released;
    bool table_moved = false;             // the header does not lead to it yet
    Tables blocks;
    u64 next = 1;                         // no cluster below is free
};

}  // namespace qcow2
