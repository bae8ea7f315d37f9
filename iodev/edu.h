// SPDX-License-Identifier: MIT
// The educational PCI device of QEMU's kind (edu, 1234:11E8), by its public description: liveness, factorials, interrupts that
// software raises, DMA to and from a buffer of 4 KiB, INTx or one MSI. A factorial takes a nanosecond for each factor, a DMA one
// for each byte; DMA reaches the first 256 MiB. Registers in BAR 0, dwords, and from 80h on qwords too:
//   00h identification    04h liveness: reads give the complement    08h factorial    20h status: bit 0 busy, bit 7 interrupt when done
//   24h interrupt status  60h raise these bits of it    64h acknowledge these
//   80h DMA source        88h destination    90h count    98h command: bit 0 start, bit 1 from the device, bit 2 interrupt when done
#pragma once
#include "base/clock.h"
#include "iodev/bus_master.h"
#include "iodev/pci_messages.h"

class Edu final : public MessagingFunction {
public:
    static constexpr u32 bar_size = 1 << 20, buffer_at = 0x40000, buffer_size = 4096;
    static constexpr u64 reach = mask(27, 0);
    Edu(Clock&, BusMaster&, Remap);

    std::string_view name() const override { return "edu"; }
    void reset(Reset) override;
    u64 read(u64 offset, unsigned width) override;
    void write(u64 offset, unsigned width, u64 value) override;
    void visit(Archive&) override;

private:
    enum Index : unsigned { source, destination, count, command };
    void write_dma(Index, u64 value);
    void transfer();
    void calculate();
    void raise(u32 bits);
    void acknowledge(u32 bits);

    Clock& clock;
    BusMaster& bus;
    Timer calculation, dma;
    std::array<u64, 4> dma_registers{};
    std::array<u8, buffer_size> buffer{};
    u32 complement = 0, factorial = 0, wanted = 0, status = 0, interrupts = 0;
};
