// SPDX-License-Identifier: MIT
// The one door through which devices reach memory. While a transfer is under way, one that it
// provokes (a device whose DMA hits a device's registers) is refused: no recursion, whatever a
// guest's descriptors say.
#pragma once
#include "base/log.h"
#include "memory/physical.h"

class BusMaster {
public:
    explicit BusMaster(PhysicalMap& memory) : memory(memory) {}

    // False, and nothing transferred, when refused or when the range wraps around.
    bool read(Physical at, std::span<u8> to) {
        return transfer(at, to.size(), [&] { memory.read_bytes(at, to); });
    }
    bool write(Physical at, std::span<const u8> from) {
        return transfer(at, from.size(), [&] { memory.write_bytes(at, from); });
    }
    bool is_memory(Physical at) const { return memory.backing(at) != Backing::mmio; }
    bool busy() const { return active; }

private:
    template <class Run> bool transfer(Physical at, u64 size, Run run) {
        if (active) log_once("DMA from within another device's DMA: dropped");
        if (active || at.value + size < at.value) return false;
        active = true;
        run();
        active = false;
        return true;
    }

    PhysicalMap& memory;
    bool active = false;                    // only within a call, so no state to save
};
