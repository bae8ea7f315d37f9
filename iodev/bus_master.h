// SPDX-License-Identifier: MIT
// The one door through which devices reach memory. A dword written to FEExxxxxh is an interrupt's
// message instead. While a transfer is under way, one that it provokes (a device whose DMA hits a
// device's registers) is refused: no recursion, whatever a guest's descriptors say.
#pragma once
#include "base/archive.h"
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
        if (at.value >> 20 == 0xfee && at.value % 4 == 0 && from.size() == 4) {
            message(at.value, u32(from[0] | from[1] << 8 | from[2] << 16) | u32(from[3]) << 24);
            return true;
        }
        return transfer(at, from.size(), [&] { memory.write_bytes(at, from); });
    }
    bool is_memory(Physical at) const { return memory.backing(at) != Backing::mmio; }
    bool write_dword(u64 at, u32 value) {
        const u8 bytes[] = {u8(value), u8(value >> 8), u8(value >> 16), u8(value >> 24)};
        return write(Physical(at), bytes);
    }
    bool busy() const { return active; }
    // The secure loader's 64 KiB are closed to devices until the next reset (AMD's SL_DEV).
    void protect(u64 base) { closed = base, closes = true; }
    void reset() { closed = 0, closes = false; }
    void visit(Archive& a) { a("closed", closed), a("closes", closes); }
    std::function<void(u64 address, u32 data)> message = [](u64, u32) {};   // the board's

private:
    template <class Run> bool transfer(Physical at, u64 size, Run run) {
        if (active) log_once("DMA from within another device's DMA: dropped");
        if (active || at.value + size < at.value || hits_closed(at.value, size)) return false;
        active = true;
        run();
        active = false;
        return true;
    }

    bool hits_closed(u64 at, u64 size) const { return closes && at < closed + 0x10000 && at + size > closed; }

    PhysicalMap& memory;
    u64 closed = 0;
    bool closes = false;
    bool active = false;                    // only within a call, so no state to save
};
