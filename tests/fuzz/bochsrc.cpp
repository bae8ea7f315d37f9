// SPDX-License-Identifier: MIT
// Fuzz target: a configuration file of Bochs'. A machine comes out, or one line with status 2; warnings are one line each.
#include "base/error.h"
#include "cpu/cpuid/model.h"
#include "machine/bochsrc.h"
#include "tests/fuzz/input.h"
#include <string_view>
#include <sys/mman.h>
#include <unistd.h>

namespace {
// A file that exists only in memory, with a name to open it by.
struct MemoryFile {
    int fd = memfd_create("bochsrc", 0);
    std::string name = "/proc/self/fd/" + std::to_string(fd);
    void fill(std::string_view text) {
        require(ftruncate(fd, 0) == 0 && pwrite(fd, text.data(), text.size(), 0) == ssize_t(text.size()));
    }
};

bool is_one_line(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return u8(c) >= ' ' && c != 0x7f; });
}

void judge(const Bochsrc& file) {
    auto& o = file.options;
    require(o.memory >= u64{2} << 20 && o.memory <= u64{64} << 30 && o.cpus >= 1 && o.cpus <= 64 && o.ips >= 1'000'000);
    require(o.serial.size() <= 2 && o.drives.size() <= 4 && o.boot.size() <= 3 && o.rtc >= 0);
    require(find_model(o.cpu) != nullptr);
    unsigned places = 0;
    for (auto& drive : o.drives) require(drive.place < 4 && !(places >> drive.place & 1)), places |= 1u << drive.place;
    for (auto& line : file.warnings) require(is_one_line(line));
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    static MemoryFile file;
    std::string_view text(reinterpret_cast<const char*>(data), size);
    if (text.find('/') != text.npos) return 0;                          // names a file of the host
    file.fill(text);
    try {
        judge(read_bochsrc(file.name));
    } catch (const Error& e) {
        require(e.status == 2 && is_one_line(e.what()));
    }
    return 0;
}
