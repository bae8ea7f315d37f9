// SPDX-License-Identifier: MIT
// Reading and writing the clusters of a qcow2 image.
#include "iodev/media/qcow2/image.h"
#include "base/log.h"
#include "iodev/media/qcow2/check.h"
#include <algorithm>
#include <zlib.h>

namespace qcow2 {

Qcow2Image::Qcow2Image(std::unique_ptr<File> given, std::unique_ptr<Image> backing, const Header& h)
    : file(std::move(given)),
      backing(std::move(backing)),
      header(h),
      refcounts(*file, header),
      l1(read_l1(*file, header)),
      l2(*file, header.cluster_size()) {
    check(*file, header, refcounts, l1);
}

Qcow2Image::~Qcow2Image() {
    try {
        commit(), commit();               // the second one: clusters that the first has freed
    } catch (const IoError& e) {
        log_line(e.what());
    }
}

u64 Qcow2Image::length_within(u64 at, u64 bytes) const {
    return std::min(bytes, cluster_size() - at % cluster_size());
}

void Qcow2Image::read(u64 at, std::span<u8> to) {
    while (!to.empty()) {
        u64 length = length_within(at, to.size());
        read_cluster(at, to.first(length));
        at += length, to = to.subspan(length);
    }
    l2.trim();
}

Entry Qcow2Image::entry(u64 at) {
    u64 cluster = at / cluster_size(),
        table = l1[cluster / header.l2_entries()] & Entry::offset_mask;
    if (table == 0) return {};
    return {big_endian(&l2.read(table)[cluster % header.l2_entries() * 8], 8)};
}

void Qcow2Image::read_cluster(u64 at, std::span<u8> to) {
    Entry e = entry(at);
    u64 within = at % cluster_size();
    if (e.compressed()) {
        inflate(e);
        std::copy_n(inflated.begin() + std::ptrdiff_t(within), to.size(), to.begin());
    } else if (e.zeros(header)) {
        std::ranges::fill(to, 0);
    } else if (e.offset()) {
        file->read(e.offset() + within, to);
    } else {
        read_backing(at, to);
    }
}

// A backing image may be shorter; behind its end are zeros.
void Qcow2Image::read_backing(u64 at, std::span<u8> to) {
    u64 there =
        backing && at < backing->size() ? std::min<u64>(to.size(), backing->size() - at) : 0;
    if (there) backing->read(at, to.first(there));
    std::ranges::fill(to.subspan(there), 0);
}

// A raw deflate stream with a window of 4 KiB that yields one cluster.
void Qcow2Image::inflate(Entry e) {
    if (e.value == inflated_entry) return;
    inflated_entry = 0;
    u64 offset = e.compressed_offset(header);
    std::vector<u8> packed(e.compressed_end(header) - offset);
    file->read(offset, packed);
    inflated.resize(cluster_size());
    z_stream stream{};
    stream.next_in = packed.data(), stream.avail_in = uInt(packed.size());
    stream.next_out = inflated.data(), stream.avail_out = uInt(inflated.size());
    if (inflateInit2(&stream, -12) != Z_OK)
        throw IoError("'" + file->name() + "': no memory to decompress a cluster");
    int result = ::inflate(&stream, Z_FINISH);
    inflateEnd(&stream);
    if (stream.avail_out != 0 || (result != Z_STREAM_END && result != Z_BUF_ERROR))
        throw IoError("'" + file->name() + "': the compressed cluster at " +
                      std::to_string(offset) + " is damaged");
    inflated_entry = e.value;
}

void Qcow2Image::write(u64 at, std::span<const u8> from) {
    forget_unknown_features();
    while (!from.empty()) {
        u64 length = length_within(at, from.size());
        write_cluster(at, from.first(length));
        at += length, from = from.subspan(length);
        if (l2.crowded() || refcounts.crowded()) commit();
    }
    l2.trim(), refcounts.trim();
}

// Bits of features that a writer who does not know them must clear (bitmaps, ...).
void Qcow2Image::forget_unknown_features() {
    if (header.autoclear_features == 0) return;
    constexpr u8 none[8] = {};
    file->write(autoclear_field, none);
    header.autoclear_features = 0;
}

void Qcow2Image::write_cluster(u64 at, std::span<const u8> from) {
    Entry old = entry(at);
    bool in_place = old.copied() && !old.compressed() && old.offset() && !old.zeros(header);
    if (in_place) file->write(old.offset() + at % cluster_size(), from);
    else fill_cluster(at, old, from);
}

// A whole cluster: what is written, and around it what was there.
void Qcow2Image::fill_cluster(u64 at, Entry old, std::span<const u8> from) {
    u64 within = at % cluster_size(), start = at - within;
    std::vector<u8> contents(cluster_size());
    if (from.size() < contents.size()) read_cluster(start, contents);
    std::ranges::copy(from, contents.begin() + std::ptrdiff_t(within));
    bool own =
        old.copied() && !old.compressed() && old.offset(); // zeros that have a cluster already
    u64 offset = own ? old.offset() : refcounts.allocate();
    try {
        file->write(offset, contents);
        set_entry(start, {offset | Entry::copied_bit});
    } catch (const IoError&) {
        if (!own) refcounts.release(offset);
        throw;
    }
    if (!own) release(old);
}

void Qcow2Image::release(Entry old) {
    if (old.compressed()) {
        u64 first = old.compressed_offset(header) / cluster_size(),
            last = (old.compressed_end(header) - 1) / cluster_size();
        for (u64 cluster = first; cluster <= last; cluster++)
            refcounts.release_later(cluster * cluster_size());
    } else if (old.offset()) {
        refcounts.release_later(old.offset());
    }
}

void Qcow2Image::set_entry(u64 at, Entry e) {
    u64 cluster = at / cluster_size(), table = l2_for_writing(cluster / header.l2_entries());
    put_big_endian(&l2.change(table)[cluster % header.l2_entries() * 8], 8, e.value);
}

// The offset of an L2 table that only the present state uses; a new one, or a copy of one that a
// snapshot uses, too.
u64 Qcow2Image::l2_for_writing(u64 index) {
    u64 old = l1[index] & Entry::offset_mask;
    if (old && (l1[index] & Entry::copied_bit)) return old;
    std::vector<u8> contents = old ? l2.read(old) : std::vector<u8>(cluster_size());
    u64 table = refcounts.allocate();
    l2.create(table) = std::move(contents);
    set_l1(index, table | Entry::copied_bit);
    if (old) refcounts.release_later(old);
    return table;
}

void Qcow2Image::set_l1(u64 index, u64 value) {
    l1[index] = value;
    changed_l1_first = std::min(changed_l1_first, index),
    changed_l1_last = std::max(changed_l1_last, index);
}

void Qcow2Image::flush() {
    if (dirty()) commit();
    else file->flush();
}

// The L1 table too: a step that failed is done again.
bool Qcow2Image::dirty() const {
    return l2.dirty() || refcounts.dirty() || changed_l1_first <= changed_l1_last;
}

void Qcow2Image::commit() {
    if (!dirty()) return;
    refcounts.write_back();
    file->flush();
    l2.write_back();
    file->flush();
    if (changed_l1_first <= changed_l1_last) write_l1(), file->flush();
    refcounts.apply_releases();
}

void Qcow2Image::write_l1() {
    std::vector<u8> raw((changed_l1_last - changed_l1_first + 1) * 8);
    for (u64 i = changed_l1_first; i <= changed_l1_last; i++)
        put_big_endian(&raw[(i - changed_l1_first) * 8], 8, l1[i]);
    file->write(header.l1_table_offset + changed_l1_first * 8, raw);
    changed_l1_first = ~u64{0}, changed_l1_last = 0;
}

}  // namespace qcow2
