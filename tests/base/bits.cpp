// SPDX-License-Identifier: MIT
// Tests of base/bits.h: naming bits as the manuals do.
#include "base/bits.h"
#include <gtest/gtest.h>

TEST(Bits, AreNamedFromHighToLowBothIncluded) {
    EXPECT_EQ(bits(0x1234'5678, 15, 8), 0x56u);
    EXPECT_EQ(bits(0x8000'0000'0000'0000, 63, 63), 1u);
    EXPECT_EQ(bits(0xfedc'ba98'7654'3210, 63, 0), 0xfedc'ba98'7654'3210u);
    EXPECT_EQ(bits(0xfedc'ba98'7654'3210, 51, 12), 0xcba'9876'543u);
}

TEST(Bits, MaskIsOneFromHighToLow) {
    EXPECT_EQ(mask(51, 12), 0x000f'ffff'ffff'f000u);
    EXPECT_EQ(mask(63, 0), ~u64{0});
    EXPECT_EQ(mask(0, 0), 1u);
    EXPECT_EQ(mask(63, 63), bit(63));
}

TEST(Bits, SignExtensionCopiesTheTopBitOfTheWidth) {
    EXPECT_EQ(sign_extend(0x80, 8), 0xffff'ffff'ffff'ff80u);
    EXPECT_EQ(sign_extend(0x17f, 8), 0x7fu);
    EXPECT_EQ(sign_extend(0x8000'0000'0000, 48), 0xffff'8000'0000'0000u);
    EXPECT_EQ(sign_extend(0x8000'0000'0000'0000, 64), 0x8000'0000'0000'0000u);
}

TEST(Bits, OnesFillOneToEightBytes) {
    EXPECT_EQ(ones(1), 0xffu);
    EXPECT_EQ(ones(4), 0xffff'ffffu);
    EXPECT_EQ(ones(8), ~u64{0});
}

TEST(Bits, AligningUpKeepsWhatIsAligned) {
    EXPECT_EQ(align_up(0, 16), 0u);
    EXPECT_EQ(align_up(1, 16), 16u);
    EXPECT_EQ(align_up(16, 16), 16u);
    EXPECT_EQ(align_up(4097, 4096), 8192u);
}
