// SPDX-License-Identifier: MIT
// Reading and writing what is in a drive.
#include "iodev/media/medium.h"
#include "base/log.h"
#include <utility>

template <class Run> bool Medium::attempt(Run run) {
    try {
        run();
        return true;
    } catch (const IoError& e) {
        if (!std::exchange(told, true))
            log_line(std::string(e.what()) + "; the guest sees an I/O error");
        return false;
    }
}

bool Medium::read(u64 at, std::span<u8> to) {
    return image && inside(at, to.size()) && attempt([&] { image->read(at, to); });
}
bool Medium::write(u64 at, std::span<const u8> from) {
    return image && !protect && inside(at, from.size()) && attempt([&] { image->write(at, from); });
}
bool Medium::flush() {
    return !image || protect || attempt([&] { image->flush(), told = false; });
}
