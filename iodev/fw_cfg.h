// SPDX-License-Identifier: MIT
// The firmware configuration device: items of bytes chosen by a key, read through ports or by DMA,
// as QEMU's fw_cfg specification describes it (signature, id, file directory, DMA interface). Left
// out: writing through the data port. A DMA read past an item's end gives zeros, but at most 64 KiB
// of them: beyond, it is an error.
#pragma once
#include "iodev/bus_master.h"
#include "iodev/device.h"
#include <map>
#include <string>

class FwCfg final : public Device {
public:
    using Bytes = std::vector<u8>;
    enum Key : u16 {
        signature = 0x00, id = 0x01, uuid = 0x02, ram_size = 0x03, no_graphic = 0x04,
        cpu_count = 0x05, kernel_address = 0x07, kernel_size = 0x08, initrd_address = 0x0a,
        initrd_size = 0x0b, boot_device = 0x0c, boot_menu = 0x0e, max_cpus = 0x0f,
        kernel_entry = 0x10, kernel_data = 0x11, initrd_data = 0x12, cmdline_address = 0x13,
        cmdline_size = 0x14, cmdline_data = 0x15, setup_address = 0x16, setup_size = 0x17,
        setup_data = 0x18, directory = 0x19, first_file = 0x20,
        acpi_tables = 0x8000, smbios = 0x8001, irq0_override = 0x8002, e820 = 0x8003,
    };
    struct E820 { u64 address, length; u32 type; };

    explicit FwCfg(BusMaster&);

    // By the board, before the machine runs. A second add of a key or name replaces the first.
    void add(u16 key, Bytes);
    void add16(u16 key, u16 value);
    void add32(u16 key, u32 value);
    void add64(u16 key, u64 value);
    void add(const std::string& name, Bytes);            // name: at most 55 characters
    // A file that the guest may write (by DMA); its contents are part of the machine's state.
    void add_writable(const std::string& name, Bytes,
                      std::function<void(const Bytes&)> written = {});
    void add_kernel(Bytes setup, Bytes kernel, Bytes initrd, const std::string& command_line);
    void add_memory_map(const std::vector<E820>&);       // item e820 and file etc/e820
    const Bytes* item(u16 key) const;
    const Bytes* file(const std::string& name) const;

    std::string_view name() const override { return "fw_cfg"; }
    void reset(Reset) override;
    u32 in(u16 offset, unsigned width) override;   // 12 ports: 0 selector, 1 data, 4-11 DMA address
    void out(u16 offset, unsigned width, u32 value) override;
    void visit(Archive&) override;

private:
    struct Item {
        Bytes bytes;
        bool writable = false;
        std::function<void(const Bytes&)> written;
    };
    struct Control { u32 flags, length; u64 address; };
    void select(u16 key);
    u8 next_byte();
    void run_dma();
    bool transfer(const Control&);
    bool dma_read(const Item*, const Control&);
    bool dma_write(Item*, const Control&);
    void list_files();

    BusMaster& bus;
    std::map<u16, Item> items;
    std::map<std::string, u16> files;                    // in order of name, as the directory is
    u16 selected = 0;
    u32 offset = 0;
    u64 dma_address = 0;
};
