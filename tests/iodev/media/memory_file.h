// SPDX-License-Identifier: MIT
// A file in memory for tests of image formats: it remembers every write and flush, and fails when told to.
#pragma once
#include "iodev/media/file.h"
#include <algorithm>
#include <memory>
#include <vector>

struct Disk {
    struct Step { u64 at; std::vector<u8> bytes; bool flush; };
    Disk() = default;
    Disk(std::vector<u8> contents) : contents(std::move(contents)) {}
    std::vector<u8> contents;
    std::vector<Step> journal;
    bool recording = false;
    u64 fail_in = 0;                      // the n-th write or flush from now fails, 0: none; once
    bool full = false;                    // nothing grows
    bool dead = false;                    // nothing works

    void apply(const Step& step) {
        if (step.flush) return;
        contents.resize(std::max<u64>(contents.size(), step.at + step.bytes.size()));
        std::copy(step.bytes.begin(), step.bytes.end(), contents.begin() + std::ptrdiff_t(step.at));
    }
    void take(Step step) {
        bool grows = full && !step.flush && step.at + step.bytes.size() > contents.size();
        if (dead || grows || (fail_in && --fail_in == 0)) throw IoError("injected");
        apply(step);
        if (recording) journal.push_back(std::move(step));
    }
};

class MemoryFile final : public File {
public:
    explicit MemoryFile(Disk& disk) : disk(disk) {}
    const std::string& name() const override { return title; }
    u64 size() override { return disk.contents.size(); }
    void read(u64 at, std::span<u8> to) override {
        if (disk.dead) throw IoError("injected");
        u64 there = at < size() ? std::min<u64>(to.size(), size() - at) : 0;
        std::copy_n(disk.contents.begin() + std::ptrdiff_t(there ? at : 0), there, to.begin());
        std::ranges::fill(to.subspan(there), 0);
    }
    void write(u64 at, std::span<const u8> from) override { disk.take({at, {from.begin(), from.end()}, false}); }
    void flush() override { disk.take({0, {}, true}); }

private:
    Disk& disk;
    std::string title = "memory";
};
