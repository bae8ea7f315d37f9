// SPDX-License-Identifier: MIT
// VMRUN at the boundaries with a fixed seed: what tests/fuzz/svm_entry.cpp goes on with.
#include "tests/cpu/svm/generator.h"
#include "tests/archive_roundtrip.h"
#include <gtest/gtest.h>

namespace {

TEST(SvmGenerator, entries_come_to_what_table_and_straight_checker_say_and_exits_bring_the_host_back) {
    SvmGenerator generator;
    TestRandom chance{1};
    for (unsigned n = 0; n < 6000; n++) {
        generator.run(chance);
        ASSERT_EQ(generator.complaint, "") << n;
    }
    for (auto* outcome : {"entered", "refused"}) EXPECT_GT(generator.seen[outcome], 500u) << outcome;
    for (auto* exit : {"exit 78", "exit 7f", "exit 400"}) EXPECT_GT(generator.seen[exit], 3u) << exit;      // HLT, shutdown, nested page fault
}

}
