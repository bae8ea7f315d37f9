// SPDX-License-Identifier: MIT
// The port space: 65536 ports, which device answers where. Unclaimed ports read all ones.
#pragma once
#include "iodev/device.h"
#include <array>
#include <vector>

class Ports {
public:
    // A later claim hides an earlier one; detach() uncovers nothing (PCI BARs re-attach what they move).
    void attach(u16 base, unsigned size, Device& device);
    void detach(u16 base, unsigned size);
    // width 1, 2 or 4 bytes; an access that no single device claims whole is split into bytes.
    u32 in(u16 port, unsigned width);
    void out(u16 port, unsigned width, u32 value);

    struct Range { u16 base; u32 size; Device* device; };
    std::vector<Range> ranges() const;      // for the debugger's device map

private:
    struct Claim { Device* device = nullptr; u16 base = 0; };
    std::array<Claim, 65536> claims{};
};
