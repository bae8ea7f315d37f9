// SPDX-License-Identifier: MIT
// Guest RAM: host memory that costs nothing until it is touched, private or in a file that other programs may map.
#pragma once
#include "base/host_memory.h"
#include <optional>
#include <string>

// The file that RAM is in: its name; empty: one of memory, without a name. Nothing: RAM is in none.
using RamFile = std::optional<std::string>;

class Ram {
public:
    explicit Ram(u64 size, const RamFile& file = {});            // throws Error when the host gives no such range, or no file
    std::span<u8> bytes(u64 from, u64 size) { return memory.all().subspan(from, size); }
    std::span<u8> all() { return memory.all(); }
    void clear() { memory.clear(); }
    const std::string& path() const { return file.path; }         // by which others open it; empty: it is in no file

private:
    struct File {
        File(const RamFile& name, u64 size);
        ~File();
        File(const File&) = delete;
        File& operator=(const File&) = delete;
        int fd = -1;
        std::string path;
    };

    File file;
    HostMemory memory;
};
