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

class Reader final : public Archive {
public:
    void number(std::string_view, u64& value, unsigned) override { sum += value; }
    void memory(std::string_view, std::span<u8>) override {}
    void enter(std::string_view) override {}
    void leave() override {}
    u64 sum = 0;
};
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    Pc pc(board::parts("max-amd"));
    Input in(data, size);
    std::size_t most = in.below(256) * 8;
    u64 pattern = in.take<u64>();
    auto bytes = in.bytes(most);
    Input state(bytes.data(), bytes.size());
    FuzzArchive load(state, pattern);
    pc.visit(load);
    Reader reader;
    pc.visit(reader);
    pc.cpu.run(pc.clock.ticks + 500);
    board::run_program(pc, in);
    return 0;
}
