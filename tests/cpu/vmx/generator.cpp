// SPDX-License-Identifier: MIT
// VM entries at the boundaries with a fixed seed: what tests/fuzz/vmx_entry.cpp goes on with.
#include "tests/cpu/vmx/generator.h"
#include "tests/archive_roundtrip.h"
#include <gtest/gtest.h>

namespace {

void go(const char* model, unsigned inputs, u64 seed) {
    VmxGenerator generator(model);
    TestRandom chance{seed};
    for (unsigned n = 0; n < inputs; n++) {
        generator.run(chance);
        ASSERT_EQ(generator.complaint, "") << n << " on " << model;
    }
    for (auto* outcome : {"0/0", "7/0", "8/0", "33/0", "33/4", "34/0"}) EXPECT_GT(generator.seen[outcome], 3u) << outcome;
    // Exceptions, triple faults, control registers, the monitor trap flag, EPT violations and misconfigurations.
    for (auto* exit : {"exit 0", "exit 2", "exit 28", "exit 37", "exit 48", "exit 49"}) EXPECT_GT(generator.seen[exit], 3u) << exit;
}

TEST(VmxGenerator, entries_come_to_what_table_and_straight_checker_say_and_exits_bring_the_host_back) {
    go("haswell", 4000, 1);
    go("nehalem-ep", 2000, 2);
    go("max-intel", 3000, 3);
}

}
