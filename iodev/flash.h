// SPDX-License-Identifier: MIT
// A NOR flash chip, 8 bits wide, by Intel's command set (28F128J3A's data sheet; CFI 1.4, JEP137's command set 0001h): the part of
// the board's flash that keeps firmware's variables, in blocks of 4 KiB as QEMU's board has them. An operation has ended when the
// guest looks at the status. Left out: locks of blocks, suspension, the protection register, the STS pin.
#pragma once
#include "iodev/device.h"
#include "iodev/media/medium.h"
#include <array>
#include <functional>
#include <vector>

class Flash final : public Device {
public:
    static constexpr u64 block_size = 4096, most = u64{8} << 20;
    static constexpr unsigned buffer_size = 256;             // of the command "write to buffer"
    struct Wires {
        std::function<void(bool)> array;                     // reads are the array's bytes; or the chip must be asked
        std::function<void(std::span<const u8>)> changed;    // these bytes of the array
    };
    // Whole blocks; what it holds at first.
    Flash(Wires, std::vector<u8> contents);

    // From now on it is the medium's contents, and what changes is written there before the status says so. False: it has another size
    // or cannot be read.
    bool insert(Medium);

    std::span<u8> array() { return bytes; }
    std::string_view name() const override { return "flash"; }
    void reset(Reset) override;                              // the contents stay
    u64 read(u64 offset, unsigned width) override;
    void write(u64 offset, unsigned width, u64 value) override;
    void visit(Archive&) override;

private:
    enum class Mode : u8 { array, status, identifier, query };
    enum class Next : u8 { command, program, erase_confirm, count, data, confirm };   // what a write is

    u8 get(u64 offset) const;
    void put(u64 offset, u8 value);
    void command(u64 offset, u8 code);
    void show(Mode);
    void finish(u8 problems);
    void program(u64 offset, std::span<const u8> values);
    void erase(u64 offset);
    void begin_buffer(u8 count);
    void take(u64 offset, u8 value);
    void write_buffer(u8 code);
    bool store(u64 offset, std::span<const u8> values);

    Wires wires;
    Medium medium;
    std::vector<u8> bytes;
    Mode mode = Mode::array;
    Next next = Next::command;
    u8 status = 0x80;
    std::array<u8, buffer_size> buffer{};
    u64 buffer_start = 0;                                    // where the first of them goes
    u16 expected = 0, taken = 0;
};
