// SPDX-License-Identifier: MIT
// Counts kept for each context.
#include "memory/by_context.h"
#include <gtest/gtest.h>

using namespace paging;

namespace {

struct Counted : CountedContext {
    u64 n = 0;
};
using Table = ByContext<Counted>;

TEST(ByContext, a_context_is_a_vpid_and_an_ept_root) {
    Table table;
    table.of(1, 0x1000).n++, table.of(1, 0x2000).n++, table.of(2, 0x1000).n++, table.of(1, 0x1000).n++;
    ASSERT_EQ(table.all().size(), 3u);
    EXPECT_EQ(table.of(1, 0x1000).n, 2u);
    EXPECT_EQ(table.of(1, 0x2000).n, 1u);
    EXPECT_EQ(table.of(2, 0x1000).n, 1u);
}

TEST(ByContext, those_that_come_too_late_share_the_last) {
    Table table;
    for (u16 vpid = 0; vpid < 1000; vpid++) table.of(vpid, 0).n++;
    ASSERT_EQ(table.all().size(), Table::most);
    for (u16 vpid = 0; vpid < 1000; vpid++) table.of(vpid, 0).n++;
    ASSERT_EQ(table.all().size(), Table::most);
    for (auto& counted : table.all()) {
        bool late = counted.vpid == Table::most - 1;
        EXPECT_EQ(counted.others, late) << counted.vpid;
        EXPECT_EQ(counted.n, late ? 2 * (1000 - u64{Table::most} + 1) : 2u) << counted.vpid;
    }
}

}
