// SPDX-License-Identifier: MIT
// Fuzz target: a session of writes, flushes, failures and reopenings on an image of each kind against a shadow of it, cut off
// at write boundaries by the death of the process or of the host.
#include "base/log.h"
#include "tests/fuzz/choices.h"
#include "tests/iodev/media/shadow.h"

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    set_logging(false);
    Choices choices{Input(data, size)};
    auto kind = ImageKind(choices.below(5));
    u8 how = u8(choices.below(256));
    Qcow2Shape shape{64 << 10, 9u + (how & 3), how & 4 ? 2u : 3u, how & 4 ? 4u : (how >> 3) % 7u};
    ImageSession session(kind, shape, choices, int(4 + choices.below(20)), how & 0x80);
    require(session.live_wrong == 0 && session.closed_wrong == 0);
    std::size_t end = session.stack.disk.journal.size(), every = end / 12 + 1;
    for (std::size_t steps = choices.below(every); steps <= end; steps += every) {
        Disk killed = session.after_process_death(steps, choices), dead = session.after_host_death(steps, choices);
        require(session.complaint(killed, steps));
        require(session.complaint(dead, steps));
    }
    return 0;
}
