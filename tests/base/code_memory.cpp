// SPDX-License-Identifier: MIT
// Memory for machine code: reach, no page that can be both written and executed, a fork that keeps to itself.
#include "base/code_memory.h"
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <gtest/gtest.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace {

int here() { return 1; }
const void* near = reinterpret_cast<const void*>(&here);

// MOV EAX, value; RET.
void put_function(CodeMemory& m, u64 at, u8 value) {
    const u8 code[] = {0xb8, value, 0, 0, 0, 0xc3};
    std::memcpy(m.written().data() + at, code, sizeof code);
}
int call(const CodeMemory& m, u64 at) { return reinterpret_cast<int (*)()>(reinterpret_cast<u64>(m.executed()) + at)(); }

TEST(code_memory, a_displacement_reaches_both_ways) {
    CodeMemory m(u64{64} << 20, near);
    ASSERT_FALSE(m.empty());
    s64 distance = s64(reinterpret_cast<u64>(m.executed()) - reinterpret_cast<u64>(near));
    s64 size = s64(m.written().size());
    EXPECT_GE(size, s64{64} << 20);
    EXPECT_GT(distance, -(s64{1} << 31));
    EXPECT_LT(distance + size, s64{1} << 31);
}

TEST(code_memory, nothing_is_mapped_to_be_written_and_executed) {
    CodeMemory m(1 << 20, near);
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) EXPECT_EQ(line.find(" rwx"), std::string::npos) << line;
}

TEST(code_memory, nothing_is_had_of_nothing) { EXPECT_TRUE(CodeMemory(0, near).empty()); }

#if defined(__x86_64__)
TEST(code_memory, what_is_written_is_executed) {
    CodeMemory m(1 << 20, near);
    ASSERT_FALSE(m.empty());
    for (u8 n = 0; n < 100; n++) {
        put_function(m, 64, n);
        EXPECT_EQ(call(m, 64), n);
    }
}

TEST(code_memory, a_fork_has_its_own) {
    CodeMemory m(1 << 20, near), other(1 << 20, near);
    ASSERT_FALSE(m.empty() || other.empty());
    put_function(m, 0, 1), put_function(m, 900000, 2), put_function(other, 64, 3);
    pid_t child = ::fork();
    if (child == 0) {
        bool kept = call(m, 0) == 1 && call(m, 900000) == 2 && call(other, 64) == 3;
        put_function(m, 0, 10), put_function(other, 64, 30);
        ::_exit(kept && call(m, 0) == 10 && call(other, 64) == 30 ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(call(m, 0), 1);
    EXPECT_EQ(call(other, 64), 3);
}
#endif

}
