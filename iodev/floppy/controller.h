// SPDX-License-Identifier: MIT
// The floppy disk controller: Intel's 82077AA data sheet, as an AT has it, with DMA or without.
// Left out: status registers A and B (PS/2 modes), tape drives, data rates (any will do), sectors
// of other sizes than 512 bytes, deleted data (a disk image can't tell), the FIFO's threshold.
#pragma once
#include "base/clock.h"
#include "iodev/byte_device.h"
#include "iodev/dma.h"
#include "iodev/fifo.h"
#include "iodev/floppy/drive.h"
#include <array>

namespace floppy {

// Offsets from 3F0h: 2 digital output, 3 tape drive, 4 main status and data rate, 5 data.
class Controller final : public ByteDevice {
public:
    // A DMA channel both ways.
    using Moved = Dma::Moved;
    struct Wires {
        Line irq;
        std::function<Moved(std::span<const u8>)> to_memory;
        std::function<Moved(std::span<u8>)> from_memory;
    };
    Controller(Clock&, Wires);

    std::string_view name() const override { return "floppy"; }
    void reset(Reset) override;
    u8 get(u16 offset) override;
    void put(u16 offset, u8 value) override;
    void visit(Archive&) override;
    // Port 3F7h: digital input, configuration control. (3F6h is an IDE channel's.)
    class InputRegister final : public ByteDevice {
    public:
        explicit InputRegister(Controller& chip) : chip(chip) {}
        std::string_view name() const override { return "floppy-input"; }
        void reset(Reset) override {}
        u8 get(u16) override { return chip.digital_input(); }
        void put(u16, u8 value) override { chip.ccr = value & 3; }
        void visit(Archive&) override {}                // the controller holds the register
    private:
        Controller& chip;
    } input_register{*this};

    u8 cmos_types() const;                              // of the drives, by what is in them
    void insert(unsigned drive, Medium);                // throws Error when it has no floppy's size

private:
    enum class Phase : u8 { command, execution, result };
    enum class Work : u8 { none, after_reset, seek, sector, read_id, last };
    enum class Data : u8 { read, write, verify, format, scan };
    struct Command;
    static const Command commands[];
    static unsigned length_of(u8 command);             // in bytes, with the command itself

    void start_reset();
    void write_dor(u8 value);
    u8 main_status() const;
    u8 digital_input() const;
    u8 read_data();
    void write_data(u8 value);
    void begin_command();
    void fire();
    void later(Work what, u64 nanoseconds);
    void finish(std::initializer_list<u8> results);
    void interrupt() { wires.irq.set(dor & dma_gate); }

    void specify();
    void sense_drive_status();
    void sense_interrupt();
    void recalibrate();
    void seek();
    void relative_seek();
    void move_head(unsigned to);
    void version();
    void dumpreg();
    void perpendicular();
    void configure();
    void lock();
    void read_id();

    void transfer();
    void format_track();
    void start_sectors();
    bool find_sector();
    void sector();
    void data_error();
    void store_sector(bool terminal_count);
    void scan_sector(bool terminal_count);
    void sector_done(bool terminal_count);
    bool next_sector();
    void end_transfer(u8 st0, u8 st1, u8 st2);

    static constexpr u8 not_reset = 0x04, dma_gate = 0x08;             // DOR
    Drive& drive() { return drives[selected]; }
    u8 parameter(unsigned n) const { return parameters.peek(n); }
    bool without_dma() const { return specified[1] & 1; }

    Clock& clock;
    Wires wires;
    Timer timer;
    std::array<Drive, 4> drives;
    Phase phase = Phase::command;
    Work work = Work::none;
    Data data = Data::read;
    Fifo<u8, 16> parameters, results;
    std::array<u8, 512> buffer{};
    u16 passed = 0, wanted = 0;           // bytes of the buffer, without DMA
    u8 dor = 0, tdr = 0, dsr = 0, ccr = 0, selected = 0;
    u8 head = 0;                          // as the command names it
    u8 c = 0, h = 0, r = 0, n = 0, last_sector = 0, st2 = 0, scan_code = 0, filler = 0;
    std::array<u8, 2> specified{};
    std::array<u8, 3> configured{};
    u8 perpendicular_mode = 0, reset_senses = 0, seek_st0 = 0;
    bool locked = false, seek_done = false, multi_track = false;
    u8 seeking = 0;                       // drives that are, a bit each
};

}  // namespace floppy
