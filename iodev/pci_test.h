// SPDX-License-Identifier: MIT
// The test device as a PCI function (1234:5354) with messages: INTx, MSI or MSI-X, eight of each. It follows no chip.
// BAR 0 is the test device's page (test_device.h), whose line sends message 0; in it, at offset 8, a write of n sends message n.
// BAR 1 is MSI-X's table.
#pragma once
#include "iodev/bus_master.h"
#include "iodev/pci_messages.h"
#include "iodev/test_device.h"

class PciTest final : public MessagingFunction {
public:
    static constexpr unsigned messages = 8, trigger = 8;
    PciTest(Clock& clock, BusMaster& bus, Remap page, Remap table)
        : MessagingFunction({.vendor = 0x1234, .device = 0x5354, .class_code = 0xff0000, .revision = 1, .pin = 1},
                            [&bus](u64 address, u32 data) { bus.write_dword(address, data); }),
          device(clock, Line([this](bool level) { changed_line(level); })) {
        add_bar(0, Bar::memory, TestDevice::page_size, std::move(page));
        add_msi(messages);
        add_msix(messages, 1, std::move(table));
    }
    std::string_view name() const override { return "pci-test"; }
    void reset(Reset kind) override { device.reset(kind), MessagingFunction::reset(kind); }
    u64 read(u64 offset, unsigned width) override { return device.read(offset, width); }
    void write(u64 offset, unsigned width, u64 value) override {
        if (offset == trigger) signal(unsigned(value & (messages - 1)));
        else device.write(offset, width, value);
    }
    void visit(Archive& a) override { a("device", device), MessagingFunction::visit(a); }

private:
    void changed_line(bool level) {
        if (level && signal(0)) return;
        set_interrupt(level);
    }
    TestDevice device;
};
