// SPDX-License-Identifier: MIT
// Tests of base/hash.h: equal states have equal hashes, any difference shows.
#include "base/hash.h"
#include <array>
#include <gtest/gtest.h>
#include <set>
#include <vector>

namespace {
struct Inner {
    u16 word = 1;
    void visit(Archive& a) { a("word", word); }
};
struct Outer {
    u8 byte = 2;
    bool flag = false;
    Inner inner[2];
    std::array<u8, 16> memory{};
    void visit(Archive& a) { a("byte", byte), a("flag", flag), a("inner", inner), a("memory", memory); }
};
}

TEST(Hash, OfBytesDependsOnEachByteAndOnTheLength) {
    std::vector<u8> bytes(37);
    std::set<u64> seen{hash_bytes(bytes)};
    for (auto& byte : bytes) {
        byte = 1;
        EXPECT_TRUE(seen.insert(hash_bytes(bytes)).second);
        byte = 0;
    }
    for (size_t size = 0; size < bytes.size(); size++)
        EXPECT_TRUE(seen.insert(hash_bytes({bytes.data(), size})).second) << size;
}

TEST(Hash, OfBytesDependsOnTheirOrderAndOnTheSeed) {
    std::vector<u8> one(32), other(32);
    one[0] = 1, other[8] = 1;
    EXPECT_NE(hash_bytes(one), hash_bytes(other));
    EXPECT_NE(hash_bytes(one, 1), hash_bytes(one, 2));
}

TEST(Hash, OfEqualComponentsIsEqual) {
    Outer a, b;
    EXPECT_EQ(hash_of(a), hash_of(b));
}

TEST(Hash, OfAComponentDependsOnEachPartOfItsState) {
    Outer plain, byte, flag, inner, memory, other;
    byte.byte = 3, flag.flag = true, inner.inner[1].word = 2, memory.memory[15] = 1, other.inner[0].word = 2;
    std::set<u64> seen{hash_of(plain), hash_of(byte), hash_of(flag), hash_of(inner), hash_of(memory), hash_of(other)};
    EXPECT_EQ(seen.size(), 6u);
}

TEST(Hash, DoesNotChangeWhatItVisits) {
    Outer a;
    a.inner[0].word = 0xbeef, a.flag = true, a.memory[3] = 9;
    hash_of(a);
    EXPECT_EQ(a.inner[0].word, 0xbeef);
    EXPECT_TRUE(a.flag);
    EXPECT_EQ(a.memory[3], 9);
}
