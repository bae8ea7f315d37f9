// SPDX-License-Identifier: MIT
// Reading and judging a qcow2 header.
#include "iodev/media/qcow2/header.h"
#include "base/error.h"
#include <algorithm>
#include <array>
#include <vector>

namespace qcow2 {

void refuse(const File& file, const std::string& why) {
    throw Error("'" + file.name() + "': qcow2: " + why);
}

static constexpr unsigned header_bytes = 104;

// Everything up to the header extensions. Version 2 ends at byte 72.
static Header fields(File& file) {
    std::array<u8, header_bytes> raw{};
    file.read(0, raw);
    auto at = [&](unsigned offset, unsigned width) { return big_endian(&raw[offset], width); };
    Header h;
    h.version = u32(at(4, 4)), h.backing_file_offset = at(8, 8),
    h.backing_file_size = u32(at(16, 4));
    h.cluster_bits = u32(at(20, 4)), h.size = at(24, 8), h.crypt_method = u32(at(32, 4));
    h.l1_size = u32(at(36, 4)), h.l1_table_offset = at(40, 8), h.refcount_table_offset = at(48, 8);
    h.refcount_table_clusters = u32(at(56, 4)), h.nb_snapshots = u32(at(60, 4)),
    h.snapshots_offset = at(64, 8);
    if (h.version < 3) return h;
    h.incompatible_features = at(72, 8), h.compatible_features = at(80, 8),
    h.autoclear_features = at(88, 8);
    h.refcount_order = u32(at(96, 4)), h.header_length = u32(at(100, 4));
    return h;
}

// What an incompatible feature bit says, and what can be done about it.
static std::string feature_refusal(u64 features) {
    static constexpr struct { unsigned bit; const char* why; } known[] = {
        {0, "it was not closed properly and its refcounts may be wrong; repair it (qemu-img check -r all FILE)"},
        {1, "it is marked as corrupt; repair it (qemu-img check -r all FILE)"},
        {2, "its data lie in another file, which slate does not support; convert it (qemu-img convert -O qcow2)"},
        {3, "its clusters are not compressed by zlib, which slate does not support; convert it (qemu-img convert -O qcow2)"},
        {4, "it has extended L2 entries, which slate does not support; convert it (qemu-img convert -O qcow2)"},
    };
    for (auto& row : known)
        if (bits(features, row.bit, row.bit)) return row.why;
    return "it has a feature that slate does not know (incompatible bits " +
           std::to_string(features) + "); convert it (qemu-img convert -O qcow2)";
}

static void judge(File& file, const Header& h) {
    u64 end = file.size();
    auto inside = [&](u64 offset, u64 bytes) { return offset <= end && bytes <= end - offset; };
    if (h.version != 2 && h.version != 3)
        refuse(file, "version " + std::to_string(h.version) + " is not supported; 2 and 3 are");
    if (h.cluster_bits < 9 || h.cluster_bits > 21)
        refuse(file, "damaged: a cluster of 2^" + std::to_string(h.cluster_bits) + " bytes");
    if (h.crypt_method)
        refuse(file, "it is encrypted, which slate does not support; convert it (qemu-img convert "
                     "-O qcow2)");
    if (h.incompatible_features) refuse(file, feature_refusal(h.incompatible_features));
    if (h.version == 3 && h.header_length < header_bytes)
        refuse(file, "damaged: the header is too short");
    if (h.header_length > h.cluster_size())
        refuse(file, "damaged: the header is longer than a cluster");
    if (h.refcount_order > 6)
        refuse(file, "damaged: refcounts of 2^" + std::to_string(h.refcount_order) + " bits");
    if (h.size < 512 || h.size > bit(56))
        refuse(file, "damaged: a size of " + std::to_string(h.size) + " bytes");
    auto aligned = [&](u64 offset) {
        return offset % h.cluster_size() == 0 && offset >= h.cluster_size();
    };
    if (!aligned(h.l1_table_offset) || !aligned(h.refcount_table_offset))
        refuse(file, "damaged: a table is not where a table can be");
    constexpr u64 longest_l1 = 32 << 20, longest_refcount_table = 8 << 20; // QEMU's limits, too
    if (h.l1_entries() * 8 > longest_l1)
        refuse(file, "damaged: an L1 table of " + std::to_string(h.l1_entries()) + " entries");
    // The end of a file need not be the end of a cluster or of a sector.
    if (h.l1_entries() > h.l1_size || !inside(h.l1_table_offset, h.l1_entries() * 8))
        refuse(file, "damaged or truncated: the L1 table is too short for the size");
    u64 table = u64(h.refcount_table_clusters) * h.cluster_size();
    if (table == 0 || table > longest_refcount_table || !inside(h.refcount_table_offset, table))
        refuse(file, "damaged or truncated: no refcount table");
    if (h.backing_file_offset &&
        (h.backing_file_size > 1023 || !inside(h.backing_file_offset, h.backing_file_size)))
        refuse(file, "damaged: the backing file's name is not in the file");
}

static std::string text(File& file, u64 offset, u64 size) {
    std::string text(size, 0);
    file.read(offset, {reinterpret_cast<u8*>(text.data()), text.size()});
    return text;
}

// Header extensions: type, length, data padded to 8 bytes; they end before the backing file's name.
static std::string backing_format(File& file, const Header& h) {
    constexpr u32 end_of_extensions = 0, format_name = 0xe2792aca;
    u64 limit = h.backing_file_offset ? h.backing_file_offset : h.cluster_size();
    for (u64 at = h.header_length; at + 8 <= limit;) {
        std::array<u8, 8> head;
        file.read(at, head);
        u64 type = big_endian(&head[0], 4), length = big_endian(&head[4], 4);
        if (type == end_of_extensions) break;
        if (length > limit - at - 8)
            refuse(file, "damaged: a header extension is longer than the header");
        if (type == format_name) return text(file, at + 8, std::min<u64>(length, 15));
        at += 8 + align_up(length, 8);
    }
    return "";
}

Header read_header(File& file) {
    Header h = fields(file);
    judge(file, h);
    if (h.backing_file_offset && h.backing_file_size)
        h.backing_file = text(file, h.backing_file_offset, h.backing_file_size);
    h.backing_format = backing_format(file, h);
    h.size -= h.size % 512;
    return h;
}

}  // namespace qcow2
