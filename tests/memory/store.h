// SPDX-License-Identifier: MIT
// An archive that keeps what it is shown by path, and gives it back.
#pragma once
#include "base/archive.h"
#include <map>
#include <vector>

struct Store final : Archive {
    std::map<std::string, std::vector<u8>> kept;
    std::string path;
    bool loading = false;

    void number(std::string_view name, u64& value, unsigned) override { memory(name, {reinterpret_cast<u8*>(&value), 8}); }
    void memory(std::string_view name, std::span<u8> bytes) override {
        // A name that comes again (elements of a list) is another value.
        std::string full = path + std::string(name);
        std::string key = full + "#" + std::to_string(seen[full]++);
        auto& slot = kept[key];
        if (!loading) return slot.assign(bytes.begin(), bytes.end());
        for (std::size_t i = 0; i < bytes.size() && i < slot.size(); i++) bytes[i] = slot[i];
    }
    void enter(std::string_view name) override { path += std::string(name) + "/"; }
    void leave() override { path.erase(path.rfind('/', path.size() - 2) + 1); }
    void rewind() { loading = true, seen.clear(); }

private:
    std::map<std::string, unsigned> seen;
};
