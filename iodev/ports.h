// SPDX-License-Identifier: MIT
// The port space: 65536 ports, which device answers where. Unclaimed ports read all ones.
#pragma once
#include "iodev/device.h"
#include <array>
#include <vector>

class Ports {
public:
    struct Range { u16 base; u32 size; Device* device; };

    Ports();
    // A later claim hides an earlier one; detaching it (same base, size and device) uncovers what
    // it hid.
    void attach(u16 base, unsigned size, Device& device);
    void detach(u16 base, unsigned size, Device& device);
    // width 1, 2 or 4 bytes. An access belongs to the claim that answers at its first port, if that
    // claim reaches to its end (so a dword at CF8h is whole though CF9h is another's); else it is
    // split into bytes.
    u32 in(u16 port, unsigned width);
    void out(u16 port, unsigned width, u32 value);

    // for the debugger's device map, oldest first
    const std::vector<Range>& ranges() const { return claims; }

private:
    static constexpr u16 nobody = 0xffff;
    void lay_out();
    const Range* claim(u16 port, unsigned width) const;

    std::vector<Range> claims;
    std::array<u16, 65536> owner;           // the claim that answers at each port
};
