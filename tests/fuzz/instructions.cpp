// SPDX-License-Identifier: MIT
// Fuzz target: any bytes as code: the CPU comes back, and its state is one that it could have.
#include "tests/fuzz/code.h"

using namespace code;

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    static Machine intel("max-intel"), amd("max-amd");
    Input in(data, size);
    u8 how = in.byte(), options = in.byte();
    Machine& m = how & 0x80 ? amd : intel;
    m.cpu.engine = options & 0x80 ? Engine::slow : Engine::fast;
    set_up(m, in, TestMode(how % 5), options);
    u8 events[4] = {in.byte(), in.byte(), in.byte(), in.byte()};
    put_code(m, in.bytes(4096));
    for (u8 event : events) {
        m.cpu.run(m.clock.ticks + 150);
        judge(m.cpu);
        happen(m, event);
    }
    return 0;
}
