// SPDX-License-Identifier: MIT
// VMRUN at the boundaries with a fixed seed: what tests/fuzz/svm_entry.cpp goes on with.
#include "tests/cpu/svm/generator.h"
#include "tests/archive_roundtrip.h"
#include <gtest/gtest.h>

namespace {

void go(const char* model, unsigned inputs, u64 seed) {
    SvmGenerator generator(model);
    TestRandom chance{seed};
    for (unsigned n = 0; n < inputs; n++) {
        generator.run(chance);
        ASSERT_EQ(generator.complaint, "") << n << " on " << model;
    }
    for (auto* outcome : {"entered", "refused"}) EXPECT_GT(generator.seen[outcome], 200u) << outcome;
    for (auto* exit : {"exit 78", "exit 7f", "exit 400"}) EXPECT_GT(generator.seen[exit], 3u) << exit;      // HLT, shutdown, nested page fault
}

TEST(SvmGenerator, entries_come_to_what_table_and_straight_checker_say_and_exits_bring_the_host_back) {
    go("max-amd", 4000, 1);
    go("barcelona", 2000, 2);
}

}
