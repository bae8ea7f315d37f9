// SPDX-License-Identifier: MIT
// Fuzz target: a command line and a configuration file. Options come out, or one line with status 2.
#include "base/error.h"
#include "cpu/cpuid/model.h"
#include "machine/options.h"
#include "tests/fuzz/input.h"
#include <iostream>
#include <sys/mman.h>
#include <unistd.h>

namespace {
constexpr int max_words = 12;

// Lines up to an empty one are arguments; the rest is the file.
std::vector<std::string> lines_of(std::string& text) {
    std::vector<std::string> words;
    while (!text.empty() && words.size() < max_words) {
        auto end = text.find('\n');
        std::string line = text.substr(0, end);
        text.erase(0, end == text.npos ? text.size() : end + 1);
        if (line.empty()) break;
        words.push_back(line.c_str());
    }
    return words;
}

// A file that exists only in memory, with a name to open it by.
struct MemoryFile {
    int fd = memfd_create("config", 0);
    std::string name = "/proc/self/fd/" + std::to_string(fd);
    void fill(const std::string& text) {
        require(ftruncate(fd, 0) == 0 && pwrite(fd, text.data(), text.size(), 0) == ssize_t(text.size()));
    }
};

void judge(const std::vector<std::string>& words) {
    std::vector<const char*> argv{"slate"};
    for (auto& word : words) argv.push_back(word.c_str());
    try {
        auto options = parse_options(int(argv.size()), argv.data());
        if (!options) return;
        require(options->memory >= 1 << 20 && options->serial.size() >= 1 && options->serial.size() <= 2 && options->ips);
        parse_cpu(options->cpu);
    } catch (const Error& e) {
        std::string_view line = e.what();
        require(e.status == 2 && !line.empty());
        for (u8 c : line) require(c >= ' ' && c != 0x7f);
    }
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    static MemoryFile config;
    static std::streambuf* quiet = std::cout.rdbuf(nullptr);            // --help
    (void)quiet;
    std::string text(data, data + std::min<std::size_t>(size, 8192));
    auto words = lines_of(text);
    for (auto& word : words)
        if (word.find("--conf") == 0) return 0;                         // names a file of the host
    if (!text.empty()) config.fill(text), words.push_back("--config=" + config.name);
    judge(words);
    return 0;
}
