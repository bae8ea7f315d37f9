// SPDX-License-Identifier: MIT
// Where the guest stops: breakpoints on linear addresses, and watchpoints on what is read or written there.
#pragma once
#include "base/bits.h"
#include <optional>
#include <vector>

namespace debugger {

enum class On : u8 { execute, write, read, access };

struct StopPoint {
    unsigned id;
    On on;
    u64 address;
    u64 length;                   // bytes; 1 for execute
    u64 hits = 0;

    bool meets(u64 at, u64 width) const { return at - address < length || address - at < width; }
};

class StopPoints {
public:
    static constexpr std::size_t most = 256;

    // The new one's number, or 0 where there are too many.
    unsigned add(On on, u64 address, u64 length = 1);
    bool remove(unsigned id);
    bool remove(On on, u64 address, u64 length);
    void clear() { all.clear(); }

    bool empty() const { return all.empty(); }
    bool watches() const;
    StopPoint* at_code(u64 address);
    StopPoint* at_access(u64 address, u64 width, bool write);
    const std::vector<StopPoint>& list() const { return all; }

private:
    std::vector<StopPoint> all;
    unsigned last_id = 0;
};

}
