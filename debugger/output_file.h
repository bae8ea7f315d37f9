// SPDX-License-Identifier: MIT
// A file of the host that a command writes: what can't be written is an Error with its name.
#pragma once
#include "base/error.h"
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

namespace debugger {

class OutputFile {
public:
    explicit OutputFile(std::string path_) : path(std::move(path_)), file(std::fopen(path.c_str(), "we")) {
        if (!file) throw Error(path + ": " + std::strerror(errno));
    }
    void put(const std::string& text) { std::fwrite(text.data(), 1, text.size(), file.get()); }
    void finish() {
        if (std::fflush(file.get()) || std::ferror(file.get())) throw Error(path + ": " + std::strerror(errno));
    }
    bool bad() const { return std::ferror(file.get()); }

    const std::string path;

private:
    struct Close {
        void operator()(std::FILE* f) const { std::fclose(f); }
    };
    std::unique_ptr<std::FILE, Close> file;
};

}
