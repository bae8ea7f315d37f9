// SPDX-License-Identifier: MIT
// Guest RAM in a file: others see what is written, and clearing clears it for them too.
#include "machine/ram.h"
#include "base/error.h"
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

namespace {

constexpr u64 size = 4 << 20;

int byte_at(const std::string& path, u64 offset) {
    std::ifstream in(path, std::ios::binary);
    in.seekg(std::streamoff(offset));
    return in.get();
}

struct Folder {
    Folder() { path = ::mkdtemp(path.data()); }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string path = (std::filesystem::temp_directory_path() / "slate-ram-XXXXXX").string();
};

void is_shared(Ram& ram) {
    ram.all()[0x123456] = 0x5a;
    EXPECT_EQ(byte_at(ram.path(), 0x123456), 0x5a);
    EXPECT_EQ(std::filesystem::file_size(ram.path()), size);
    ram.clear();
    EXPECT_EQ(ram.all()[0x123456], 0);
    EXPECT_EQ(byte_at(ram.path(), 0x123456), 0);
}

}

TEST(Ram, IsInNoFileUnlessAsked) { EXPECT_EQ(Ram(size).path(), ""); }

TEST(Ram, AFileOfMemoryIsShared) {
    Ram ram(size, "");
    is_shared(ram);
}

TEST(Ram, AFileWithANameIsSharedAndIsClearToBeginWith) {
    Folder folder;
    std::string name = folder.path + "/ram";
    {
        Ram ram(size, name);
        is_shared(ram);
        ram.all()[7] = 7;
    }
    EXPECT_EQ(byte_at(name, 7), 7);                      // it stays
    EXPECT_EQ(Ram(size, name).all()[7], 0);
    EXPECT_THROW(Ram(2 * size, name), Error);            // another size: somebody else's
    EXPECT_THROW(Ram(size, folder.path), Error);
    EXPECT_THROW(Ram(size, "/dev/null"), Error);
    EXPECT_THROW(Ram(size, folder.path + "/none/ram"), Error);
}
