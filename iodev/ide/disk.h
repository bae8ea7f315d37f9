// SPDX-License-Identifier: MIT
// An ATA hard disk: the mandatory commands of ATA/ATAPI-6 with LBA48, multiword and ultra DMA, and
// the older ones by cylinder, head and sector. Left out, and not claimed in IDENTIFY DEVICE: SMART,
// security, host protected area, queueing, power management beyond the mandatory commands.
#pragma once
#include "iodev/ide/drive.h"

namespace ide {

class Disk final : public Drive {
public:
    // `serial` tells apart the disks of a machine.
    Disk(Clock&, BusMasterRegisters&, Medium, std::string serial,
         std::function<void()> interrupt_changed);
    void visit(Archive&) override;

private:
    enum class Way : u8 { sector, multiple, dma };
    struct Command;
    static const Command commands[];

    void execute(u8 code) override;
    void reset_state() override;
    void signature() override;
    bool fetch(std::span<u8>) override;
    bool store(std::span<const u8>) override;
    u32 block_size() const override { return sectors_in_block * 512; }
    void data_done() override;
    void work() override;                              // of VERIFY

    bool locate(const Command&);
    void show_address(u64 lba);
    void read(const Command&);
    void write(const Command&);
    void verify(const Command&);
    void seek(const Command&);
    void nothing(const Command&) { finish(); }
    void flush(const Command&);
    void identify(const Command&);
    void set_features(const Command&);
    void set_transfer_mode(u8 mode);
    void set_multiple(const Command&);
    void initialize_parameters(const Command&);
    void check_power(const Command&);
    void read_native_max(const Command&);

    u64 sectors() const { return medium.size() / 512; }
    u32 default_cylinders() const;
    u32 cylinders() const;
    std::array<u16, 256> identity() const;

    static constexpr u32 default_heads = 16, default_spt = 63, most_multiple = 16;
    const std::string serial;
    u64 position = 0, start = 0; // bytes: where the next piece lies, where the command began
    u32 count = 0;                        // sectors of the command
    u32 sectors_in_block = 1, multiple = 0, heads = default_heads, spt = default_spt;
    u8 mwdma = 0, udma = 0;               // modes selected, a bit each
    bool write_cache = true, look_ahead = true, address48 = false, identifying = false,
         writing = false;
};

}  // namespace ide
