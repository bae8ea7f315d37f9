// SPDX-License-Identifier: MIT
// Bus-master IDE: registers and descriptors.
#include "iodev/ide/bus_master.h"
#include <algorithm>
#include <array>

namespace ide {

void BusMasterRegisters::reset() {
    command = status = 0, table = 0;
    next = address = left = descriptors = 0, last = false;
}

void BusMasterRegisters::visit(Archive& a) {
    a("command", command), a("status", status), a("table", table), a("next", next),
        a("address", address);
    a("left", left), a("descriptors", descriptors), a("last", last);
}

u8 BusMasterRegisters::get(unsigned offset) const {
    if (offset == 0) return command;
    if (offset == 2) return status;
    return offset >= 4 ? u8(table >> (offset - 4) * 8) : 0;
}

void BusMasterRegisters::put(unsigned offset, u8 value) {
    if (offset == 0) {
        bool rises = (value & start) && !(command & start);
        command = value & (start | to_memory_bit);
        if (!(value & start)) status &= u8(~active);
        if (rises) begin();
    } else if (offset == 2) {             // error and interrupt are cleared by ones
        status =
            u8((status & active) | (value & capable) | (status & ~value & (error | interrupt_bit)));
    } else if (offset >= 4) {
        unsigned shift = (offset - 4) * 8;
        table = ((table & ~(0xffu << shift)) | u32(value) << shift) & ~3u;
    }
}

void BusMasterRegisters::begin() {
    status |= active;
    next = table, left = descriptors = 0, last = false;
    when_started();
}

// Address, then byte count (0 is 64 KiB) and in bit 31 the end of the table.
bool BusMasterRegisters::next_region() {
    std::array<u8, 8> raw;
    if (last || descriptors++ >= most_descriptors || !bus.read(Physical(next), raw)) return false;
    auto dword = [&](unsigned at) {
        return u32(raw[at]) | u32(raw[at + 1]) << 8 | u32(raw[at + 2]) << 16 |
               u32(raw[at + 3]) << 24;
    };
    address = dword(0) & ~1u, left = dword(4) & 0xfffe, last = dword(4) >> 31;
    if (left == 0) left = 0x10000;
    next = (next & 0xffff0000) | ((next + 8) & 0xffff);
    return true;
}

// Regions that end before the drive's data do: the transfer stops, not active, without an
// interrupt.
template <class Run> BusMasterRegisters::Moved BusMasterRegisters::move(std::size_t bytes, Run run) {
    std::size_t done = 0;
    for (unsigned cost = 0; done < bytes && cost < step_budget;) {
        if (left == 0 && !next_region()) return status &= u8(~active), std::nullopt;
        u32 some = u32(std::min<u64>(bytes - done, left));
        cost += bus.is_memory(Physical(address)) ? 1 : device_cost;
        if (!run(Physical(address), done, some))
            return status = u8((status & ~active) | error), std::nullopt;
        done += some, address += some, left -= some;
    }
    return done;
}

BusMasterRegisters::Moved BusMasterRegisters::write(std::span<const u8> data) {
    return move(data.size(), [&](Physical at, std::size_t from, u32 size) {
        return bus.write(at, data.subspan(from, size));
    });
}
BusMasterRegisters::Moved BusMasterRegisters::read(std::span<u8> data) {
    return move(data.size(), [&](Physical at, std::size_t to, u32 size) {
        return bus.read(at, data.subspan(to, size));
    });
}

// Regions larger than the data leave it active.
void BusMasterRegisters::finished() {
    if (last && left == 0) status &= u8(~active);
}

}  // namespace ide
