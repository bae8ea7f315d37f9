// SPDX-License-Identifier: MIT
// A qcow2 image: the medium's clusters by way of L1 and L2 tables; what it lacks comes from the
// backing image. Left out: encryption, external data files, extended L2 entries, other compression
// than zlib (all refused); internal snapshots and bitmaps are kept, and neither made nor shown.
//
// No reference reaches the file before its cluster has been counted and filled, and no cluster is
// counted less before the last reference to it has gone: whenever the process or the host dies, the
// worst that is left are clusters that nobody uses. A flush therefore goes in steps, each on the
// disk before the next: data and refcounts, L2 tables, L1 entries; freed clusters come after.
#pragma once
#include "iodev/media/image.h"
#include "iodev/media/qcow2/entry.h"
#include "iodev/media/qcow2/refcounts.h"
#include <memory>

namespace qcow2 {

class Qcow2Image final : public Image {
public:
    // backing may be null. Throws Error when the file is damaged: every table is looked at.
    Qcow2Image(std::unique_ptr<File>, std::unique_ptr<Image> backing, const Header&);
    ~Qcow2Image() override;               // what was not flushed goes to the file, if it can

    u64 size() const override { return header.size; }
    void read(u64 at, std::span<u8> to) override;
    void write(u64 at, std::span<const u8> from) override;
    void flush() override;

private:
    u64 cluster_size() const { return header.cluster_size(); }
    u64 length_within(u64 at, u64 bytes) const;        // up to the end of the cluster
    Entry entry(u64 at);
    void set_entry(u64 at, Entry);
    u64 l2_for_writing(u64 index);
    void set_l1(u64 index, u64 value);
    void read_cluster(u64 at, std::span<u8> to);
    void read_backing(u64 at, std::span<u8> to);
    void inflate(Entry);
    void write_cluster(u64 at, std::span<const u8> from);
    void fill_cluster(u64 at, Entry old, std::span<const u8> from);
    void release(Entry);
    void forget_unknown_features();
    bool dirty() const;
    void commit();
    void write_l1();

    std::unique_ptr<File> file;
    std::unique_ptr<Image> backing;
    Header header;
    Refcounts refcounts;
    std::vector<u64> l1;
    u64 changed_l1_first = ~u64{0}, changed_l1_last = 0;
    Tables l2;
    std::vector<u8> inflated;             // the compressed cluster read last
    u64 inflated_entry = 0;
};

}  // namespace qcow2
