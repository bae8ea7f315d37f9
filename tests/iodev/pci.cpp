// SPDX-License-Identifier: MIT
// Tests of PCI configuration space, BARs, and the i440FX's bridges.
#include "iodev/pci.h"
#include "iodev/pci_bridges.h"
#include "tests/archive_roundtrip.h"

namespace {
struct Card final : PciFunction {
    Card()
        : PciFunction({.vendor = 0x1234,
                       .device = 0x5678,
                       .class_code = 0x020000,
                       .revision = 9,
                       .pin = 1}) {
        auto log = [this](const char* what) {
            return [this, what](u64 base, bool on) {
                maps.push_back(what + std::string(on ? "+" : "-") + std::to_string(base));
            };
        };
        add_bar(0, Bar::memory, 0x1000, log("m"));
        add_bar(1, Bar::io, 0x20, log("i"));
        add_bar(2, Bar::memory64, 0x10000, log("M"));
        msi = add_capability(0x05, 10);
        vendor = add_capability(0x09, 4);
    }
    std::string_view name() const override { return "card"; }
    std::vector<std::string> maps;
    u8 msi = 0, vendor = 0;
};
struct PciTest : testing::Test {
    std::array<bool, 4> pirqs{};
    PciBus bus{[this](unsigned n, bool level) { pirqs[n] = level; }};
    Card card, second;
    PciTest() { bus.attach(3, 0, card), bus.attach(7, 0, second); }
    void select(unsigned slot, unsigned at) {
        bus.out(0, 4, 0x80000000 | slot << 11 | (at & 0xfc));
    }
    u32 get(unsigned at, unsigned width = 4) {
        return select(3, at), bus.in(u16(4 + (at & 3)), width);
    }
    void put(unsigned at, u32 value, unsigned width = 4) {
        select(3, at), bus.out(u16(4 + (at & 3)), width, value);
    }
};
}

TEST_F(PciTest, the_header_is_readable_by_any_width) {
    EXPECT_EQ(get(0x00), 0x56781234u);
    EXPECT_EQ(get(0x02, 2), 0x5678u);
    EXPECT_EQ(get(0x0b, 1), 0x02u);
    EXPECT_EQ(get(0x08), 0x02000009u);
    EXPECT_EQ(get(0x3d, 1), 1u);
}

TEST_F(PciTest, nobody_there_reads_all_ones) {
    select(5, 0);
    EXPECT_EQ(bus.in(4, 4), 0xffffffffu);
    bus.out(0, 4, 0x80010000 | 3 << 11);    // bus 1
    EXPECT_EQ(bus.in(4, 4), 0xffffffffu);
    bus.out(0, 4, 3 << 11);                 // not enabled
    EXPECT_EQ(bus.in(4, 4), 0xffffffffu);
    EXPECT_EQ(bus.in(0, 4), u32(3 << 11));
    EXPECT_EQ(bus.in(0, 1), 0xffu) << "the address register is a dword";
}

TEST_F(PciTest, read_only_bits_stay) {
    put(0x00, 0), put(0x08, 0), put(0x3d, 0xff, 1), put(0x2c, 0xffffffff);
    EXPECT_EQ(get(0x00), 0x56781234u);
    EXPECT_EQ(get(0x08), 0x02000009u);
    EXPECT_EQ(get(0x3d, 1), 1u);
    EXPECT_EQ(get(0x2c), 0u);
    put(0x04, 0xffff, 2);
    EXPECT_EQ(get(0x04, 2), 0x0547u);
}

TEST_F(PciTest, bars_tell_their_size) {
    put(0x10, 0xffffffff), put(0x14, 0xffffffff), put(0x18, 0xffffffff), put(0x1c, 0xffffffff);
    EXPECT_EQ(get(0x10), 0xfffff000u);
    EXPECT_EQ(get(0x14), 0xffffffe1u);
    EXPECT_EQ(get(0x18), 0xffff0004u);
    EXPECT_EQ(get(0x1c), 0xffffffffu);
    EXPECT_EQ(get(0x20), 0u);
}

TEST_F(PciTest, bars_are_mapped_while_decoding_is_on) {
    put(0x10, 0xe0000000), put(0x14, 0xc000), put(0x18, 0), put(0x1c, 1);
    EXPECT_TRUE(card.maps.empty());
    put(0x04, 3, 2);
    EXPECT_EQ(card.maps, (std::vector<std::string>{"m+3758096384", "i+49152", "M+4294967296"}));
    card.maps.clear();
    put(0x10, 0xffffffff);                  // sizing with decoding on
    put(0x10, 0xe0001000);
    EXPECT_EQ(card.maps, (std::vector<std::string>{"m-3758096384", "m+3758100480"}));
    card.maps.clear();
    put(0x04, 0, 2);
    EXPECT_EQ(card.maps.size(), 3u);
    card.maps.clear();
    card.reset(Reset::warm);
    EXPECT_TRUE(card.maps.empty());
    EXPECT_EQ(get(0x10), 0u);
}

TEST_F(PciTest, capabilities_are_linked) {
    EXPECT_EQ(card.msi, 0x40);
    EXPECT_EQ(card.vendor, 0x4c);
    EXPECT_EQ(get(0x34, 1), 0x40u);
    EXPECT_EQ(get(0x40, 2), 0x4c05u);
    EXPECT_EQ(get(0x4c, 2), 0x0009u);
    EXPECT_EQ(get(0x06, 2) & 0x10, 0x10u);
}

TEST_F(PciTest, intx_goes_to_the_pirq_of_slot_and_pin) {
    EXPECT_EQ(PciBus::pirq_of(1, 1), 0u);
    EXPECT_EQ(PciBus::pirq_of(3, 1), 2u);
    EXPECT_EQ(PciBus::pirq_of(3, 4), 1u);
    card.set_interrupt(true);
    EXPECT_EQ(pirqs, (std::array<bool, 4>{false, false, true, false}));
    EXPECT_EQ(get(0x06, 2) & 8, 8u) << "interrupt status";
    second.set_interrupt(true);             // slot 7: the same PIRQ
    card.set_interrupt(false);
    EXPECT_TRUE(pirqs[2]);
    second.set_interrupt(false);
    EXPECT_FALSE(pirqs[2]);
}

TEST_F(PciTest, the_command_register_can_disable_intx) {
    card.set_interrupt(true);
    put(0x04, 0x0400, 2);
    EXPECT_FALSE(pirqs[2]);
    EXPECT_EQ(get(0x06, 2) & 8, 8u);
    put(0x04, 0, 2);
    EXPECT_TRUE(pirqs[2]);
}

TEST_F(PciTest, state_survives_saving) {
    put(0x10, 0xe0000000), put(0x04, 7, 2);
    card.set_interrupt(true);
    Card other;
    expect_roundtrip(card, other);
    EXPECT_EQ(other.maps, (std::vector<std::string>{"m+3758096384"})) << "loading maps the BARs";
    PciBus other_bus([](unsigned, bool) {});
    expect_roundtrip(bus, other_bus);
}

namespace {
struct HostBridgeTest : testing::Test {
    std::vector<HostBridge::Pam> changes;
    std::vector<bool> smram_open;
    HostBridge bridge{[this](const HostBridge::Pam& pam) { changes.push_back(pam); },
                      [this](HostBridge::Smram smram) { smram_open.push_back(smram.open); }};
};
}

TEST_F(HostBridgeTest, it_is_an_82441fx) {
    EXPECT_EQ(bridge.config_read(0, 4), 0x12378086u);
    EXPECT_EQ(bridge.config_read(8, 4), 0x06000002u);
}

TEST_F(HostBridgeTest, pam_registers_steer_segments) {
    bridge.config_write(0x59, 1, 0x30);
    ASSERT_EQ(changes.size(), 1u);
    EXPECT_EQ(changes[0].base, 0xf0000u);
    EXPECT_EQ(changes[0].size, 0x10000u);
    EXPECT_TRUE(changes[0].read_ram && changes[0].write_ram);
    changes.clear();
    bridge.config_write(0x5a, 1, 0x21);
    ASSERT_EQ(changes.size(), 2u);
    EXPECT_EQ(changes[0].base, 0xc0000u);
    EXPECT_TRUE(changes[0].read_ram && !changes[0].write_ram);
    EXPECT_EQ(changes[1].base, 0xc4000u);
    EXPECT_TRUE(!changes[1].read_ram && changes[1].write_ram);
    changes.clear();
    bridge.config_write(0x5c, 4, 0x30000000);
    ASSERT_EQ(changes.size(), 1u);
    EXPECT_EQ(changes[0].base, 0xec000u);
    changes.clear();
    bridge.config_write(0x5c, 4, 0x30000000);
    EXPECT_TRUE(changes.empty()) << "nothing has changed";
    bridge.reset(Reset::power);
    EXPECT_EQ(changes.size(), 4u);
}

TEST_F(HostBridgeTest, smram_can_be_locked_until_reset) {
    bridge.config_write(0x72, 1, 0x4a);
    EXPECT_EQ(smram_open, (std::vector<bool>{true}));
    bridge.config_write(0x72, 1, 0x5a);
    EXPECT_FALSE(bridge.smram().open);
    EXPECT_TRUE(bridge.smram().locked);
    bridge.config_write(0x72, 1, 0x4a);
    EXPECT_FALSE(bridge.smram().open);
    bridge.reset(Reset::power);
    bridge.config_write(0x72, 1, 0x4a);
    EXPECT_TRUE(bridge.smram().open);
}

TEST_F(HostBridgeTest, loading_tells_the_board_what_differs) {
    bridge.config_write(0x5f, 1, 0x03);
    std::vector<u32> told;
    HostBridge other([&](const HostBridge::Pam& pam) { told.push_back(pam.base); },
                     [](HostBridge::Smram) {});
    expect_roundtrip(bridge, other);
    EXPECT_EQ(told, (std::vector<u32>{0xe8000}));
}

namespace {
struct IsaBridgeTest : testing::Test {
    std::array<bool, 16> irqs{};
    IsaBridge bridge{[this](unsigned irq, bool level) { irqs[irq] = level; }};
};
}

TEST_F(IsaBridgeTest, it_is_a_multifunction_piix3) {
    EXPECT_EQ(bridge.config_read(0, 4), 0x70008086u);
    EXPECT_EQ(bridge.config_read(0x0e, 1), 0x80u);
    EXPECT_EQ(bridge.config_read(0x60, 4), 0x80808080u);
}

TEST_F(IsaBridgeTest, pirqs_go_where_their_routes_say) {
    bridge.set_pirq(2, true);
    EXPECT_EQ(irqs, (std::array<bool, 16>{}));
    bridge.config_write(0x62, 1, 11);
    EXPECT_TRUE(irqs[11]);
    bridge.config_write(0x63, 1, 11);
    bridge.set_pirq(3, true), bridge.set_pirq(2, false);
    EXPECT_TRUE(irqs[11]) << "shared";
    bridge.config_write(0x63, 1, 10);
    EXPECT_TRUE(irqs[10]);
    EXPECT_FALSE(irqs[11]);
    bridge.config_write(0x63, 1, 0x8a);
    EXPECT_FALSE(irqs[10]);
    bridge.config_write(0x63, 1, 2);
    EXPECT_FALSE(irqs[2]) << "the cascade is no target";
}

TEST_F(IsaBridgeTest, state_survives_saving) {
    bridge.config_write(0x61, 1, 5);
    bridge.set_pirq(1, true);
    IsaBridge other{[](unsigned, bool) {}};
    expect_roundtrip(bridge, other);
}
