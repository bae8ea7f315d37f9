// SPDX-License-Identifier: MIT
// Fuzz target: a whole PC loaded with any state: it runs on without harm, and what was loaded can be saved.
#include "tests/fuzz/board.h"

namespace {
// Numbers from the input, now and then; the rest stays as it is, so that deep state is reached too.
class FuzzArchive final : public Archive {
public:
    FuzzArchive(Input& in, u64 pattern) : in(in), pattern(pattern) {}
    void number(std::string_view, u64& value, unsigned width) override {
        pattern = pattern >> 1 | pattern << 63;
        if (!in.empty() && (pattern & 1)) value = in.take<u64>() & (~u64{0} >> (64 - width));
    }
    void memory(std::string_view, std::span<u8> bytes) override {
        pattern = pattern >> 1 | pattern << 63;
        auto some = pattern & 1 ? in.bytes(bytes.size()) : std::span<const u8>{};
        std::copy(some.begin(), some.end(), bytes.begin());
    }
    void enter(std::string_view) override {}
    void leave() override {}

private:
    Input& in;
    u64 pattern;
};

// The first visit saves, every later one loads the same again.
class Snapshot final : public Archive {
public:
    void rewind() { loading = true, next_number = next_memory = 0; }
    void number(std::string_view, u64& value, unsigned) override {
        if (loading) value = numbers[next_number++];
        else numbers.push_back(value);
    }
    void memory(std::string_view, std::span<u8> bytes) override {
        if (!loading) return memories.push_back({bytes.begin(), bytes.end()});
        auto& saved = memories[next_memory++];
        std::copy(saved.begin(), saved.end(), bytes.begin());
    }
    void enter(std::string_view) override {}
    void leave() override {}

private:
    bool loading = false;
    std::size_t next_number = 0, next_memory = 0;
    std::vector<u64> numbers;
    std::vector<std::vector<u8>> memories;
};

Snapshot snapshot_of(Pc& pc) {
    Snapshot s;
    pc.visit(s);
    return s;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    static Pc pc(board::parts("max-amd"));
    static Snapshot power_on = snapshot_of(pc);
    power_on.rewind();
    pc.visit(power_on);
    pc.ended.reset();
    Input in(data, size);
    std::size_t most = in.below(256) * 8;
    u64 pattern = in.take<u64>();
    auto bytes = in.bytes(most);
    Input state(bytes.data(), bytes.size());
    FuzzArchive load(state, pattern);
    pc.visit(load);
    snapshot_of(pc);
    pc.cpu.run(pc.clock.ticks + 500);
    board::run_program(pc, in);
    return 0;
}
