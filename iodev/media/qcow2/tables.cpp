// SPDX-License-Identifier: MIT
// The tables of a qcow2 file in memory.
#include "iodev/media/qcow2/tables.h"

namespace qcow2 {

std::vector<u8>& Tables::read(u64 offset) {
    auto found = tables.find(offset);
    if (found != tables.end()) return found->second.bytes;
    std::vector<u8> bytes(cluster_size);
    file.read(offset, bytes);
    return (tables[offset].bytes = std::move(bytes));
}

std::vector<u8>& Tables::change(u64 offset) {
    auto& bytes = read(offset);
    auto& table = tables[offset];
    if (!table.dirty) dirty_tables++;
    table.dirty = true;
    return bytes;
}

std::vector<u8>& Tables::create(u64 offset) {
    auto& table = tables[offset];
    if (!table.dirty) dirty_tables++;
    table.dirty = true;
    table.bytes.assign(cluster_size, 0);
    return table.bytes;
}

void Tables::write_back() {
    for (auto& [offset, table] : tables) {
        if (!table.dirty) continue;
        file.write(offset, table.bytes);
        table.dirty = false, dirty_tables--;
    }
}

void Tables::trim() {
    if (tables.size() * cluster_size < most_bytes) return;
    std::erase_if(tables, [](auto& row) { return !row.second.dirty; });
}

}  // namespace qcow2
