// SPDX-License-Identifier: MIT
// Tables of any entries with a fixed seed: what tests/fuzz/random_tables.cpp goes on with.
#include "tests/cpu/random_tables.h"
#include "tests/archive_roundtrip.h"
#include <gtest/gtest.h>

namespace {

TEST(RandomTables, an_access_reaches_what_the_shadow_model_says_and_nothing_else) {
    for (bool amd : {false, true}) {
        RandomTables tables(amd);
        TestRandom chance{amd};
        for (unsigned n = 0; n < 3000; n++) {
            tables.run(chance);
            ASSERT_EQ(tables.complaint, "") << n << (amd ? " AMD" : " Intel");
        }
        for (unsigned verdict = 0; verdict < 4; verdict++) EXPECT_TRUE((amd && verdict == 3) || tables.verdicts[verdict] > 300) << verdict;
    }
}

}
