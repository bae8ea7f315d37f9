// SPDX-License-Identifier: MIT
// The permissions maps: which bit of which byte each port and MSR has (APM vol. 2, 15.10.1 and 15.11).
#include "cpu/svm/permissions.h"
#include <gtest/gtest.h>
#include <map>

using namespace svm;

namespace {

// Memory of which single bits are set, by physical address.
struct Bits {
    std::map<u64, u8> bytes;
    u8 operator()(Physical at) const {
        auto found = bytes.find(at.value);
        return found == bytes.end() ? u8(0) : found->second;
    }
};

}

TEST(SvmPermissions, a_port_has_the_bit_of_its_number) {
    Bits memory{{{0x10000 + 0x70 / 8, 1 << 1}}};
    EXPECT_TRUE(io_intercepted(0x10000, 0x71, 1, memory));
    EXPECT_FALSE(io_intercepted(0x10000, 0x70, 1, memory));
    EXPECT_FALSE(io_intercepted(0x10000, 0x72, 1, memory));
}

TEST(SvmPermissions, a_wide_access_asks_for_each_of_its_ports) {
    Bits memory{{{0x10000 + 0x78 / 8, 1}}};
    EXPECT_TRUE(io_intercepted(0x10000, 0x75, 4, memory));
    EXPECT_FALSE(io_intercepted(0x10000, 0x74, 4, memory));
    EXPECT_TRUE(io_intercepted(0x10000, 0x77, 2, memory));
    EXPECT_FALSE(io_intercepted(0x10000, 0x76, 2, memory));
}

TEST(SvmPermissions, the_third_page_is_for_accesses_beyond_port_ffff) {
    Bits memory{{{0x12000, 1 << 2}}};
    EXPECT_TRUE(io_intercepted(0x10000, 0xffff, 4, memory));
    EXPECT_FALSE(io_intercepted(0x10000, 0xffff, 2, memory));
    EXPECT_FALSE(io_intercepted(0x10000, 0xfffe, 4, memory));
}

TEST(SvmPermissions, the_low_bits_of_a_base_mean_nothing) {
    Bits memory{{{0x10000, 1}, {0x20000, 1}}};
    EXPECT_TRUE(io_intercepted(0x10fff, 0, 1, memory));
    EXPECT_TRUE(msr_intercepted(0x20fff, 0, false, memory));
}

TEST(SvmPermissions, msrs_have_two_bits_in_three_ranges) {
    struct { u32 index; bool write; u64 byte; unsigned bit; } rows[] = {
        {0x0, false, 0, 0},          {0x0, true, 0, 1},           {0x10, false, 4, 0},         {0x1b, true, 6, 7},
        {0x1fff, true, 0x7ff, 7},    {0xc0000000, false, 0x800, 0}, {0xc0000080, true, 0x820, 1}, {0xc0001fff, true, 0xfff, 7},
        {0xc0010000, false, 0x1000, 0}, {0xc0010114, false, 0x1045, 0}, {0xc0011fff, true, 0x17ff, 7},
    };
    for (auto& r : rows) EXPECT_EQ(msr_bits(r.index, r.write), (MapBits{r.byte, r.bit})) << std::hex << r.index;
}

TEST(SvmPermissions, an_msr_outside_the_ranges_always_exits) {
    for (u32 index : {0x2000u, 0x40000000u, 0xbfffffffu, 0xc0002000u, 0xc000ffffu, 0xc0012000u, 0xffffffffu}) {
        EXPECT_EQ(msr_bits(index, false), std::nullopt) << std::hex << index;
        EXPECT_TRUE(msr_intercepted(0, index, false, Bits{})) << std::hex << index;
    }
    EXPECT_FALSE(msr_intercepted(0, 0x10, false, Bits{}));
}
