// SPDX-License-Identifier: MIT
// Fuzz target: the same bytes as code in both engines: after each slice of instructions all state and all memory are the same.
#include "base/hash.h"
#include "tests/fuzz/code.h"

using namespace code;

namespace {
constexpr Tuning tunings[] = {
    {}, {}, {.drop_banks = 20}, {.linking = false}, {.fusion = false}, {.dead_flags = false}, {.indirect_cache = false}, {.return_stack = false},
};

struct Pair {
    Machine fast, slow;
    explicit Pair(const char* model) : fast(model), slow(model) { slow.cpu.engine = Engine::slow; }
    template <class F> void both(F&& f) { f(fast), f(slow); }
    void compare() {
        require(fast.clock.ticks == slow.clock.ticks && fast.cpu.rip() == slow.cpu.rip());
        require(fast.device.value == slow.device.value && fast.chance == slow.chance);
        require(hash_of(fast.cpu) == hash_of(slow.cpu));
        require(std::memcmp(fast.ram.data(), slow.ram.data(), ram_left) == 0);
    }
};
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    static Pair intel("max-intel"), amd("max-amd");
    u8 how = size ? data[0] : 0, options = size > 1 ? data[1] : 0;
    Pair& pair = how & 0x80 ? amd : intel;
    pair.fast.cpu.tuning = tunings[options >> 5];
    u64 start = std::max(pair.fast.clock.ticks, pair.slow.clock.ticks);
    Input in(data, size);
    pair.both([&](Machine& m) {
        in = Input(data, size);
        in.take<u16>();
        m.clock.ticks = start;
        set_up(m, in, TestMode(how % 5), options);
    });
    u8 events[4] = {in.byte(), in.byte(), in.byte(), in.byte()};
    auto bytes = in.bytes(4096);
    pair.both([&](Machine& m) { put_code(m, bytes); });
    for (u8 event : events) {
        pair.both([](Machine& m) { m.cpu.run(m.clock.ticks + 150); });
        pair.compare();
        pair.both([&](Machine& m) { happen(m, event); });
    }
    return 0;
}
