// SPDX-License-Identifier: MIT
// Tests of images on which a process or a host dies, at every write boundary, and of hosts that refuse: what was flushed is
// there, and the image can be used.
#include "base/log.h"
#include "tests/archive_roundtrip.h"
#include "tests/iodev/media/shadow.h"

namespace {
struct Row { ImageKind kind; Qcow2Shape shape; };
constexpr u64 small = 192 << 10;
const Row rows[] = {
    {ImageKind::raw, {small}},
    {ImageKind::qcow2, {small, 9, 3, 6}},
    {ImageKind::qcow2, {small, 10, 3, 0}},
    {ImageKind::qcow2, {small, 12, 2, 4}},
    {ImageKind::qcow2, {2 << 20, 16, 3, 4}},
    {ImageKind::compressed, {small, 9, 3, 4}},
    {ImageKind::compressed, {small, 12, 3, 4}},
    {ImageKind::qcow2_on_raw, {small, 9, 3, 6}},
    {ImageKind::qcow2_on_qcow2, {small, 12, 3, 4}},
};

// Whether the header is written near such a step.
bool moves(const std::vector<Disk::Step>& journal, std::size_t step) {
    for (std::size_t n = step > 12 ? step - 12 : 0; n < step + 12 && n < journal.size(); n++)
        if (!journal[n].flush && journal[n].at == qcow2::refcount_table_field) return true;
    return false;
}

struct Dying : testing::Test {
    Dying() { set_logging(false); }
    ~Dying() override { set_logging(true); }
};
}

TEST_F(Dying, a_process_that_dies_at_any_write_loses_nothing_flushed) {
    for (auto& row : rows) {
        TestRandom random{row.shape.cluster_bits + u64(row.kind)};
        ImageSession session(row.kind, row.shape, random, 28);
        EXPECT_EQ(session.live_wrong + session.closed_wrong, 0u);
        for (std::size_t steps = 0; steps <= session.stack.disk.journal.size(); steps++) {
            Disk state = session.after_process_death(steps, random);
            ASSERT_EQ(session.complaint(state, steps), "") << int(row.kind) << ", clusters of 2^" << row.shape.cluster_bits;
        }
    }
}

TEST_F(Dying, a_host_that_dies_at_any_write_loses_nothing_flushed_whatever_its_disk_took) {
    for (auto& row : rows) {
        TestRandom random{row.shape.cluster_bits * 3 + u64(row.kind)};
        ImageSession session(row.kind, row.shape, random, 28);
        for (std::size_t steps = 0; steps <= session.stack.disk.journal.size(); steps++) {
            Disk state = session.after_host_death(steps, random);
            ASSERT_EQ(session.complaint(state, steps), "") << int(row.kind) << ", clusters of 2^" << row.shape.cluster_bits;
        }
    }
}

// Every write and flush fails once, in some session, and then somebody dies.
TEST_F(Dying, a_host_that_refused_and_then_dies_loses_nothing_flushed) {
    for (auto& row : rows)
        for (u64 seed = 0; seed < 7; seed++) {
            TestRandom random{seed * 100 + row.shape.cluster_bits + u64(row.kind)};
            ImageSession session(row.kind, row.shape, random, 30, true);
            EXPECT_EQ(session.live_wrong, 0u) << seed;
            EXPECT_EQ(session.closed_wrong, 0u) << seed;
            for (std::size_t steps = seed; steps <= session.stack.disk.journal.size(); steps += 9) {
                Disk killed = session.after_process_death(steps, random), dead = session.after_host_death(steps, random);
                ASSERT_EQ(session.complaint(killed, steps), "") << int(row.kind) << ", seed " << seed;
                ASSERT_EQ(session.complaint(dead, steps), "") << int(row.kind) << ", seed " << seed;
            }
        }
}

TEST_F(Dying, what_was_cut_off_can_be_written_on) {
    for (auto& row : rows) {
        TestRandom random{5};
        ImageSession session(row.kind, row.shape, random, 28);
        for (std::size_t cut = 1; cut < session.stack.disk.journal.size(); cut += 13) {
            Disk state = session.after_process_death(cut, random);
            Shadow shadow(row.shape.size);
            {
                auto image = session.stack.open(state);
                image->write(0, std::vector<u8>(row.shape.size));
                for (int i = 0; i < 20; i++) shadow.write(*image, random);
            }
            EXPECT_EQ(shadow.wrong(*session.stack.open(state)), 0u) << cut;
        }
    }
}

// 64 refcount blocks of 64 clusters each are what the first table leads to: the session needs more.
TEST_F(Dying, nothing_flushed_is_lost_while_the_refcount_table_moves) {
    for (bool failures : {false, true}) {
        TestRandom random{failures};
        ImageSession session(ImageKind::qcow2, {u64{3} << 20, 9, 3, 6}, random, 12, failures, 3850);
        EXPECT_EQ(session.live_wrong + session.closed_wrong, 0u);
        auto& disk = session.stack.disk;
        EXPECT_GT(qcow2::big_endian(&disk.contents[56], 4), qcow2::big_endian(&session.start[56], 4)) << "clusters of the table";
        for (std::size_t steps = 0; steps <= disk.journal.size(); steps++) {
            if (steps % 64 && !moves(disk.journal, steps)) continue;
            Disk killed = session.after_process_death(steps, random), dead = session.after_host_death(steps, random);
            ASSERT_EQ(session.complaint(killed, steps), "");
            ASSERT_EQ(session.complaint(dead, steps), "");
        }
    }
}

// The refcount table moves while steps fail: each of the first writes and flushes of the move, in turn.
TEST_F(Dying, a_refcount_table_that_moves_on_a_host_that_refuses_is_never_lost) {
    constexpr u64 size = u64{3} << 20;
    for (u64 fails = 1; fails < 40; fails++) {
        Shadow shadow(size);
        TestRandom random{fails};
        ImageStack stack = ImageStack::make(ImageKind::qcow2, {size, 9, 3, 6}, shadow, random);
        {
            auto image = stack.open();
            for (u64 first = 0; first < 3968; first += 31) shadow.write(*image, first, 31);     // almost all that 64 blocks count
            shadow.flush(*image);
            stack.disk.recording = true, stack.disk.fail_in = fails;
            for (u64 first = 3968; first < size / 512; first += 16) {
                try {
                    shadow.write(*image, first, 16);
                    shadow.flush(*image);
                } catch (const IoError&) {
                    shadow.write(*image, first, 16);
                    shadow.flush(*image);
                }
            }
            EXPECT_EQ(shadow.wrong(*image), 0u) << fails;
            Disk state{stack.disk.contents};
            EXPECT_EQ(Shadow::wrong(*stack.open(state), shadow.flushed, shadow.written), 0u) << fails << ", killed";
        }
        EXPECT_EQ(shadow.wrong(*stack.open()), 0u) << fails << ", closed";
    }
}

// The last steps of a flush write the L1 table; when one of them fails, the next flush must do it.
TEST_F(Dying, a_flush_that_failed_at_any_step_is_made_up_by_the_next) {
    for (u64 fails = 1; fails < 20; fails++) {
        TestRandom random{1};
        Shadow shadow(small);
        ImageStack stack = ImageStack::make(ImageKind::qcow2, {small, 9, 3, 4}, shadow, random);
        auto image = stack.open();
        shadow.write(*image, 100, 50);
        stack.disk.fail_in = fails;
        try {
            shadow.flush(*image);
        } catch (const IoError&) {
            stack.disk.fail_in = 0;
            shadow.flush(*image);
        }
        Disk killed{stack.disk.contents};
        EXPECT_EQ(Shadow::wrong(*stack.open(killed), shadow.flushed, shadow.written), 0u) << fails;
    }
}
