// SPDX-License-Identifier: MIT
// Message-signalled interrupts of a PCI function: MSI and MSI-X, after the PCI Local Bus specification 3.0, 6.8. A message is
// a write of a dword; where it goes, and what an address at FEExxxxxh means, is the board's to know.
#pragma once
#include "cpu/apic/message.h"
#include "iodev/pci.h"

// What a dword written to FEExxxxxh asks of the local APICs (SDM vol. 3, 11.11.1 and 11.11.2).
ApicMessage interrupt_message(u64 address, u32 data);
constexpr bool is_interrupt_address(u64 address) { return address >> 20 == 0xfee; }

class MessagingFunction : public PciFunction {
public:
    using Send = std::function<void(u64 address, u32 data)>;
    MessagingFunction(Id id, Send send) : PciFunction(id), send(std::move(send)) {}

    void reset(Reset) override;
    void visit(Archive&) override;

    // What MSI-X's BAR shows: the table from 0 on, the pending bits from 800h on.
    class Table final : public Mmio {
    public:
        static constexpr u32 size = 0x1000, pending_at = 0x800;
        explicit Table(MessagingFunction& function) : function(function) {}
        u64 read(u64 offset, unsigned width) override;
        void write(u64 offset, unsigned width, u64 value) override;
    private:
        u32 read_dword(unsigned n) const;
        void write_dword(unsigned n, u32 value);
        MessagingFunction& function;
    } table{*this};

protected:
    static constexpr unsigned most_msi = 32, most_msix = Table::pending_at / 16;
    void add_msi(unsigned messages);                    // a power of two, up to 32; 64-bit addresses, masks for each
    void add_msix(unsigned messages, unsigned bar, Remap);     // up to 128; the BAR is its own

    // Message n, or its pending bit while it is masked; with fewer messages enabled than there are, those share.
    // False: neither is enabled, and the function's INTx is what interrupts.
    bool signal(unsigned n);
    bool uses_messages() const override { return msi_on() || msix_on(); }
    void written(unsigned offset, unsigned width) override;
    void changed() override { show_pending(); }

private:
    struct Entry {
        u64 address = 0;
        u32 data = 0, control = 1;                      // bit 0: masked
        void visit(Archive& a) { a("address", address), a("data", data), a("control", control); }
    };
    bool msi_on() const { return msi && config[msi + 2u] & 1; }
    bool msix_on() const { return msix && config[msix + 3u] & 0x80; }
    bool msix_masked(unsigned n) const { return config[msix + 3u] & 0x40 || entries[n].control & 1; }
    unsigned enabled_msi() const;
    u32 field(unsigned offset) const;
    void post(u64 address, u32 data);
    void send_msi(unsigned n);
    void send_msix(unsigned n);
    void send_unmasked();
    void show_pending();

    Send send;
    u8 msi = 0, msix = 0;                               // the capabilities' offsets; 0: none
    unsigned msi_messages = 0;
    u32 msi_pending = 0;
    std::vector<Entry> entries;
    std::array<u64, most_msix / 64> msix_pending{};
};
