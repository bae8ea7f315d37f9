// SPDX-License-Identifier: MIT
// Archives for tests: state into memory and back, and hostile state; a saved, loaded and saved
// component must give the same bytes.
#pragma once
#include "base/archive.h"
#include <cstring>
#include <gtest/gtest.h>
#include <string>
#include <vector>

// splitmix64: the same numbers on every host.
struct TestRandom {
    u64 state;
    u64 next() {
        u64 z = state += 0x9e3779b97f4a7c15;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        return z ^ z >> 31;
    }
    u64 below(u64 n) { return next() % n; }
};

// One line per value: path, width, contents.
struct Saved {
    std::vector<std::string> lines;
    bool operator==(const Saved&) const = default;
};

class TestArchive : public Archive {
public:
    void enter(std::string_view name) override { path += "/" + std::string(name); }
    void leave() override { path.resize(path.rfind('/')); }

protected:
    std::string at(std::string_view name, unsigned width) const {
        return path + "/" + std::string(name) + ":" + std::to_string(width) + "=";
    }
    std::string path;
};

class SaveArchive final : public TestArchive {
public:
    void number(std::string_view name, u64& value, unsigned width) override {
        saved.lines.push_back(at(name, width) + std::to_string(value));
    }
    void memory(std::string_view name, std::span<u8> bytes) override {
        saved.lines.push_back(at(name, 0) + std::string(bytes.begin(), bytes.end()));
    }
    Saved saved;
};

class LoadArchive final : public TestArchive {
public:
    explicit LoadArchive(const Saved& saved) : saved(saved) {}
    void number(std::string_view name, u64& value, unsigned width) override {
        value = std::stoull(contents(at(name, width)));
    }
    void memory(std::string_view name, std::span<u8> bytes) override {
        auto text = contents(at(name, 0));
        ASSERT_EQ(text.size(), bytes.size()) << path << "/" << name;
        if (!text.empty()) std::memcpy(bytes.data(), text.data(), text.size());
    }

private:
    std::string contents(const std::string& where) {
        std::string line = next < saved.lines.size() ? saved.lines[next++] : "";
        EXPECT_EQ(line.substr(0, where.size()), where);
        return line.size() > where.size() ? line.substr(where.size()) : "0";
    }
    const Saved& saved;
    std::size_t next = 0;
};

// What a damaged snapshot could hold.
class HostileArchive final : public TestArchive {
public:
    explicit HostileArchive(u64 seed) : random{seed} {}
    void number(std::string_view, u64& value, unsigned width) override {
        value = random.below(4) ? random.next() : random.below(2) ? ~u64{0} : random.below(16);
        value &= ~u64{0} >> (64 - width);
    }
    void memory(std::string_view, std::span<u8> bytes) override {
        for (auto& byte : bytes) byte = u8(random.next());
    }

private:
    TestRandom random;
};

template <class T> Saved save(T& component) {
    SaveArchive archive;
    component.visit(archive);
    return archive.saved;
}
template <class T> void load(T& component, const Saved& saved) {
    LoadArchive archive(saved);
    component.visit(archive);
}
// `from` as it is, loaded into `into` (another one, in any state), is saved as the same bytes.
template <class T> void expect_roundtrip(T& from, T& into) {
    Saved first = save(from);
    EXPECT_EQ(first, save(from)) << "saving changed the state";
    load(into, first);
    Saved second = save(into);
    ASSERT_EQ(first.lines.size(), second.lines.size());
    for (std::size_t i = 0; i < first.lines.size(); i++) EXPECT_EQ(first.lines[i], second.lines[i]);
}
