// SPDX-License-Identifier: MIT
// What ATA and ATAPI drives have in common (ATA/ATAPI-6): registers, and how a command's data move,
// by PIO through a buffer of one DRQ block or by bus-master DMA, each step a while after the one
// before.
#pragma once
#include "base/clock.h"
#include "iodev/ide/bus_master.h"
#include "iodev/ide/task_file.h"
#include "iodev/media/medium.h"
#include <array>

namespace ide {

class Drive {
public:
    Drive(Clock&, BusMasterRegisters&, Medium, std::function<void()> interrupt_changed);
    virtual ~Drive() = default;

    TaskFile registers;
    bool interrupt() const { return pending; }
    void acknowledge();                                // the host has read the status register
    void begin_reset();
    void end_reset();                                  // the drive shows what it is
    void end_diagnostic();                             // and tells that it has done so
    void command(u8 code);
    u32 read_data(unsigned width);
    void write_data(unsigned width, u32 value);
    void dma_started();
    bool busy() const { return registers.status & (bsy | drq); }
    virtual void visit(Archive&);
    Medium medium;

protected:
    static constexpr u32 buffer_size = 0x10000, packet_size = 12;

    virtual void execute(u8 code) = 0;
    virtual void reset_state() = 0;
    virtual void signature() = 0;
    // The next bytes of the command's data. False: the command has ended with an error.
    virtual bool fetch(std::span<u8>) = 0;
    virtual bool store(std::span<const u8>) = 0;
    virtual void packet(std::span<const u8, packet_size>) {}
    virtual u32 block_size() const = 0;                // of the next DRQ block, at most buffer_size
    virtual void block_ready() {}                      // registers that go with it
    virtual void data_done() = 0;                      // all has been moved
    virtual void work() {}                             // the next step of a command without data

    // How a command's handler ends.
    void finish();                                     // done, a while later
    void fail(u8 error, u8 more_status = 0);
    void pio_in(u64 bytes);
    void pio_out(u64 bytes);
    void dma(u64 bytes, bool to_host);
    void take_packet();
    void work_later(u64 bytes);
    u32 bytes_in_block() const { return filled; }

private:
    // What happens when the timer fires.
    enum class Next : u8 { nothing, end, fill, drain, packet, dma_in, dma_out, work, last };
    void later(Next, u64 bytes);
    void fire();
    void show(u8 status);
    void fill();
    void drain();
    void open_for_host(u32 bytes);
    void dma_step();
    bool dma_move();
    void end_command();

    Clock& clock;
    BusMasterRegisters& bus_master;
    std::function<void()> interrupt_changed;
    Timer timer;
    std::array<u8, buffer_size> buffer{};
    u32 filled = 0, passed = 0;                        // bytes of the DRQ block, and of it by now
    u64 left = 0;                                      // bytes of the command's data
    Next next = Next::nothing;
    bool host_reads = false, takes_packet = false, waits_for_dma = false, pending = false;
};

}  // namespace ide
