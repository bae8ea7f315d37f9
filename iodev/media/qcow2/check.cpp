// SPDX-License-Identifier: MIT
// Walking all tables of a qcow2 file, counting uses.
#include "iodev/media/qcow2/check.h"
#include "iodev/media/qcow2/entry.h"
#include <map>

namespace qcow2 {

std::vector<u64> read_l1(File& file, const Header& header) {
    std::vector<u8> raw(header.l1_entries() * 8);
    file.read(header.l1_table_offset, raw);
    std::vector<u64> l1(header.l1_entries());
    for (u64 i = 0; i < l1.size(); i++) l1[i] = big_endian(&raw[i * 8], 8);
    return l1;
}

namespace {
struct Walk {
    File& file;
    const Header& header;
    Refcounts& refcounts;
    u64 end = file.size();
    static constexpr u64 page = 4096; // a file may be much larger than what is used of it
    std::map<u64, std::vector<u32>> uses{};         // of each cluster, by pages

    void use(u64 offset, u64 bytes) {
        u64 size = header.cluster_size();
        if (offset >= end || bytes > align_up(end, size) - offset)
            refuse(file, "damaged or truncated: it refers to byte " +
                             std::to_string(offset + bytes - 1) + " of " + std::to_string(end));
        for (u64 n = offset / size; n <= (offset + bytes - 1) / size; n++) use_once(n);
    }
    // Compared at once: a file may refer to one cluster as often as it has room for references.
    void use_once(u64 cluster) {
        auto& counts = uses[cluster / page];
        counts.resize(page);
        if (++counts[cluster % page] > refcounts.get(cluster))
            refuse(file,
                   "damaged: the cluster at " + std::to_string(cluster * header.cluster_size()) +
                       " is used more often than counted; repair it (qemu-img check -r all FILE)");
        refcounts.trim();
    }
    void use_cluster(u64 offset, bool copied) {
        if (offset % header.cluster_size())
            refuse(file, "damaged: a cluster at byte " + std::to_string(offset));
        use(offset, header.cluster_size());
        if (copied && refcounts.get(offset / header.cluster_size()) != 1)
            refuse(
                file,
                "damaged: the cluster at " + std::to_string(offset) +
                    " is marked as used once and is not; repair it (qemu-img check -r all FILE)");
    }
    void use_entry(Entry entry) {
        if (entry.compressed())
            use(entry.compressed_offset(header),
                std::min(entry.compressed_end(header), end) - entry.compressed_offset(header));
        else if (entry.offset()) use_cluster(entry.offset(), entry.copied());
    }
    // Two places never share a table, whatever its count: reading each once bounds the walk by the file's size.
    void use_table(u64 offset, bool copied) {
        use_cluster(offset, copied);
        u64 cluster = offset / header.cluster_size();
        if (uses[cluster / page][cluster % page] > 1)
            refuse(file, "damaged: the table at " + std::to_string(offset) +
                             " is referred to twice; repair it (qemu-img check -r all FILE)");
    }
    void use_l2(u64 entry) {
        u64 offset = entry & Entry::offset_mask;
        if (offset == 0) return;
        use_table(offset, entry & Entry::copied_bit);
        std::vector<u8> table(header.cluster_size());
        file.read(offset, table);
        for (u64 i = 0; i < header.l2_entries(); i++) use_entry({big_endian(&table[i * 8], 8)});
    }
};
}  // namespace

void check(File& file, const Header& header, Refcounts& refcounts, const std::vector<u64>& l1) {
    Walk walk{file, header, refcounts};
    walk.use(0, header.cluster_size());
    if (!l1.empty()) walk.use(header.l1_table_offset, l1.size() * 8);
    walk.use(header.refcount_table_offset, refcounts.table().size() * 8);
    for (u64 block : refcounts.table())
        if (block) walk.use_table(block, false);
    for (u64 entry : l1) walk.use_l2(entry);
}

}  // namespace qcow2
