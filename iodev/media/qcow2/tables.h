// SPDX-License-Identifier: MIT
// Clusters that hold tables (L2 tables, refcount blocks), kept in memory until they are written
// back.
#pragma once
#include "iodev/media/file.h"
#include <map>
#include <vector>

namespace qcow2 {

class Tables {
public:
    Tables(File& file, u64 cluster_size) : file(file), cluster_size(cluster_size) {}

    // Good until trim().
    std::vector<u8>& read(u64 offset);              // from the file, when it is not here
    std::vector<u8>& change(u64 offset);            // the same, to be written back
    std::vector<u8>& create(u64 offset);            // zeros, whatever the file holds

    void write_back();
    bool dirty() const { return dirty_tables != 0; }
    bool crowded() const {
        return dirty_tables * cluster_size >= most_bytes / 2 && dirty_tables > 2;
    }
    void trim();                                    // forgets what is clean, when there is much

private:
    static constexpr u64 most_bytes = 16 << 20;
    struct Table {
        std::vector<u8> bytes;
        bool dirty = false;
    };
    File& file;
    const u64 cluster_size;
    std::map<u64, Table> tables;
    u64 dirty_tables = 0;
};

}  // namespace qcow2
