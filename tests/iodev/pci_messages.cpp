// SPDX-License-Identifier: MIT
// Tests of MSI and MSI-X, by the PCI Local Bus specification 3.0, 6.8, and of what a message asks of the APICs (SDM vol. 3, 11.11).
#include "iodev/edu.h"
#include "iodev/pci_test.h"
#include "tests/archive_roundtrip.h"
#include "tests/iodev/run_clock.h"

namespace {
using Message = std::pair<u64, u32>;

struct Card final : MessagingFunction {
    explicit Card(Send send) : MessagingFunction({.vendor = 0x1234, .device = 0x5678, .pin = 1}, std::move(send)) {
        add_msi(8);
        add_msix(70, 2, [](u64, bool) {});
        config_write(4, 2, 6);                                       // memory, bus master
    }
    std::string_view name() const override { return "card"; }
    using MessagingFunction::signal, PciFunction::set_interrupt;
};

struct MessagesTest : testing::Test {
    std::vector<Message> sent;
    Card card{[this](u64 address, u32 data) { sent.push_back({address, data}); }};
    bool intx = false;
    unsigned msi = find(5), msix = find(0x11);

    MessagesTest() {
        card.connect(Line([this](bool level) { intx = level; }));
    }
    unsigned find(u8 id) {
        unsigned at = card.config_read(0x34, 1);
        while (at && card.config_read(at, 1) != id) at = card.config_read(at + 1, 1);
        return at;
    }
    void set_msi(u64 address, u16 data, unsigned enabled_log2) {
        card.config_write(msi + 4, 4, u32(address)), card.config_write(msi + 8, 4, u32(address >> 32));
        card.config_write(msi + 12, 2, data), card.config_write(msi + 2, 2, 1 | enabled_log2 << 4);
    }
    void set_entry(unsigned n, u64 address, u32 data, u32 control) {
        card.table.write(n * 16, 8, address), card.table.write(n * 16 + 8, 4, data), card.table.write(n * 16 + 12, 4, control);
    }
    void set_msix(u16 control) { card.config_write(msix + 2, 2, control); }
};
}  // namespace

TEST_F(MessagesTest, the_capabilities_say_what_there_is) {
    EXPECT_EQ(card.config_read(6, 2) & 0x10, 0x10u);
    EXPECT_EQ(card.config_read(msi + 2, 2), 0x0186u);                // masks, 64-bit addresses, 8 messages; off
    EXPECT_EQ(card.config_read(msix + 2, 2), 69u);                   // N - 1; off
    EXPECT_EQ(card.config_read(msix + 4, 4), 2u);                    // the table: BAR 2, from 0 on
    EXPECT_EQ(card.config_read(msix + 8, 4), 0x802u);                // the pending bits: BAR 2, from 800h on
    card.config_write(msi + 2, 2, 0xffff), card.config_write(msi + 4, 4, 0xffffffff);
    EXPECT_EQ(card.config_read(msi + 2, 2), 0x01f7u);                // enable and how many: the only ones to be written
    EXPECT_EQ(card.config_read(msi + 4, 4), 0xfffffffcu);
}

TEST_F(MessagesTest, nothing_is_sent_while_both_are_off) {
    EXPECT_FALSE(card.signal(0));
    EXPECT_TRUE(sent.empty());
    card.set_interrupt(true);
    EXPECT_TRUE(intx);
    set_msi(0xfee00000, 0x40, 0);
    EXPECT_FALSE(intx) << "a function that uses messages has no INTx (6.8.1.3)";
    set_msi(0xfee00000, 0x40, 0), card.config_write(msi + 2, 2, 0);
    EXPECT_TRUE(intx);
}

TEST_F(MessagesTest, the_low_bits_of_the_data_are_the_messages_number) {
    set_msi(0x1'2345'6780, 0xabc7, 3);
    EXPECT_TRUE(card.signal(5));
    EXPECT_EQ(sent, (std::vector<Message>{{0x1'2345'6780, 0xabc5}}));
    sent.clear(), set_msi(0xfee01000, 0x41, 1);                      // two are enabled: they share
    card.signal(5), card.signal(4);
    EXPECT_EQ(sent, (std::vector<Message>{{0xfee01000, 0x41}, {0xfee01000, 0x40}}));
    sent.clear(), set_msi(0xfee01000, 0x47, 5);                      // 32 are more than it can
    card.signal(5);
    EXPECT_EQ(sent, (std::vector<Message>{{0xfee01000, 0x45}}));
}

TEST_F(MessagesTest, a_masked_message_is_pending_until_it_is_unmasked) {
    set_msi(0xfee00000, 0x40, 3);
    card.config_write(msi + 16, 4, 0x0a);
    for (unsigned n = 0; n < 4; n++) card.signal(n), card.signal(n);
    EXPECT_EQ(sent.size(), 4u);
    EXPECT_EQ(card.config_read(msi + 20, 4), 0x0au);
    card.config_write(msi + 20, 4, 0);
    EXPECT_EQ(card.config_read(msi + 20, 4), 0x0au) << "pending bits are read-only";
    sent.clear(), card.config_write(msi + 16, 4, 0x08);
    EXPECT_EQ(sent, (std::vector<Message>{{0xfee00000, 0x41}})) << "once, however often it was signalled";
    EXPECT_EQ(card.config_read(msi + 20, 4), 0x08u);
    card.reset(Reset::power);
    EXPECT_EQ(card.config_read(msi + 20, 4), 0u);
}

TEST_F(MessagesTest, without_bus_mastering_nothing_is_written) {
    set_msi(0xfee00000, 0x40, 0);
    card.config_write(4, 2, 2);
    EXPECT_TRUE(card.signal(0));
    EXPECT_TRUE(sent.empty());
}

TEST_F(MessagesTest, each_entry_of_the_table_has_its_message) {
    EXPECT_EQ(card.table.read(12, 4), 1u) << "masked from reset on (6.8.2.9)";
    set_entry(0, 0xfee00000, 0x31, 0), set_entry(69, 0x5'0000'1234, 0xdeadbeef, 0);
    set_msix(0x8000);
    EXPECT_TRUE(card.signal(0)); EXPECT_TRUE(card.signal(69));
    EXPECT_EQ(sent, (std::vector<Message>{{0xfee00000, 0x31}, {0x5'0000'1234, 0xdeadbeef}}));
    EXPECT_EQ(card.table.read(69 * 16, 8), 0x5'0000'1234u);
    EXPECT_EQ(card.table.read(69 * 16 + 8, 2), 0xbeefu);
    card.table.write(0, 1, 0xff), card.table.write(2, 4, ~0u);       // neither aligned dword nor qword
    EXPECT_EQ(card.table.read(0, 4), 0xfee00000u);
    EXPECT_EQ(card.table.read(70 * 16, 4), 0u);
    card.table.write(70 * 16, 4, 7), card.table.write(0xffc, 8, ~u64{0});
    EXPECT_EQ(card.table.read(70 * 16, 4), 0u);
}

TEST_F(MessagesTest, masks_of_the_entry_and_of_the_function_hold_messages_back) {
    set_entry(1, 0xfee00000, 0x31, 1), set_entry(65, 0xfee00000, 0x32, 0);
    set_msix(0xc000);
    card.signal(1), card.signal(65);
    EXPECT_TRUE(sent.empty());
    EXPECT_EQ(card.table.read(0x800, 8), 2u); EXPECT_EQ(card.table.read(0x808, 8), 2u);
    card.table.write(0x800, 8, 0);
    EXPECT_EQ(card.table.read(0x800, 4), 2u) << "pending bits are read-only";
    set_msix(0x8000);
    EXPECT_EQ(sent, (std::vector<Message>{{0xfee00000, 0x32}}));
    card.table.write(1 * 16 + 8, 4, 0x33), card.table.write(1 * 16 + 12, 4, 0);
    EXPECT_EQ(sent.back(), (Message{0xfee00000, 0x33}));
    EXPECT_EQ(card.table.read(0x800, 8), 0u); EXPECT_EQ(card.table.read(0x808, 8), 0u);
}

TEST_F(MessagesTest, state_survives_saving) {
    set_entry(1, 0xfee00000, 0x31, 1), set_msix(0x8000), card.signal(1);
    set_msi(0xfee00000, 0x40, 3);
    std::vector<Message> later;
    Card other([&](u64 address, u32 data) { later.push_back({address, data}); });
    expect_roundtrip(card, other);
    other.table.write(1 * 16 + 12, 4, 0);
    EXPECT_EQ(later, (std::vector<Message>{{0xfee00000, 0x31}}));
}

// 11.11.1: bits 19:12 destination, 3 redirection hint, 2 mode; 11.11.2: 15 level, 14 asserted, 10:8 delivery mode, 7:0 vector.
TEST(InterruptMessage, address_and_data_are_taken_apart) {
    auto fixed = interrupt_message(0xfee07000, 0x4041);
    EXPECT_EQ(fixed.destination, 7u); EXPECT_EQ(fixed.vector, 0x41); EXPECT_FALSE(fixed.logical); EXPECT_FALSE(fixed.level);
    EXPECT_EQ(fixed.mode, DeliveryMode::fixed);
    auto logical = interrupt_message(0xfee0300c, 0xc055);
    EXPECT_EQ(logical.destination, 3u); EXPECT_TRUE(logical.logical); EXPECT_TRUE(logical.level); EXPECT_TRUE(logical.asserted);
    EXPECT_EQ(logical.mode, DeliveryMode::lowest) << "the hint: one of them";
    EXPECT_FALSE(interrupt_message(0xfee00000, 0x8055).asserted);
    EXPECT_EQ(interrupt_message(0xfee00000, 0x0400).mode, DeliveryMode::nmi);
}

namespace {
// A bus with RAM below 64 KiB, and the messages that cards write to it.
struct BusTest : testing::Test {
    Clock clock;
    std::vector<u8> ram = std::vector<u8>(0x10000);
    PhysicalMap memory;
    BusMaster bus{memory};
    std::vector<Message> sent;
    bool intx = false;
    BusTest() {
        memory.map_ram(Physical(0), ram);
        bus.message = [this](u64 address, u32 data) { sent.push_back({address, data}); };
    }
};
struct EduTest : BusTest {
    Edu edu{clock, bus, [](u64, bool) {}};
    EduTest() {
        edu.connect(Line([this](bool level) { intx = level; }));
        edu.config_write(4, 2, 6);
    }
    void dma(u64 from, u64 to, u64 count, u32 command) {
        edu.write(0x80, 8, from), edu.write(0x88, 4, to), edu.write(0x90, 8, count), edu.write(0x98, 4, command);
        run_for(clock, 10'000);
    }
};
}  // namespace

TEST_F(BusTest, a_dword_at_feexxxxxh_is_a_message_and_nothing_else_is) {
    const std::array<u8, 4> four{1, 2, 3, 4};
    EXPECT_TRUE(bus.write(Physical(0xfee12340), four));
    EXPECT_EQ(sent, (std::vector<Message>{{0xfee12340, 0x04030201}}));
    bus.write(Physical(0xfee12342), four), bus.write(Physical(0xfee12340), std::span(four).first(2)), bus.write(Physical(0xfed00000), four);
    EXPECT_EQ(sent.size(), 1u);
    bus.write_dword(0x100, 0xa1b2c3d4);
    EXPECT_EQ(ram[0x100], 0xd4); EXPECT_EQ(ram[0x103], 0xa1);
}

TEST_F(EduTest, its_registers_are_as_published) {
    EXPECT_EQ(edu.config_read(0, 4), 0x11e81234u);
    EXPECT_EQ(edu.read(0, 4), 0x010000edu);
    edu.write(4, 4, 0x0f0f0f0f);
    EXPECT_EQ(edu.read(4, 4), 0xf0f0f0f0u);
    edu.write(8, 4, 12);
    EXPECT_EQ(edu.read(0x20, 4) & 1, 1u);
    run_for(clock, 1000);
    EXPECT_EQ(edu.read(0x20, 4), 0u); EXPECT_EQ(edu.read(8, 4), 479001600u);
    edu.write(0x20, 4, 0x80), edu.write(8, 4, 0xffffffff);
    run_for(clock, 1000);
    EXPECT_EQ(edu.read(8, 4), 0u) << "beyond 32 bits";
    EXPECT_TRUE(intx); EXPECT_EQ(edu.read(0x24, 4), 1u);
    edu.write(0x64, 4, 1);
    EXPECT_FALSE(intx); EXPECT_EQ(edu.read(0x24, 4), 0u);
    EXPECT_EQ(edu.read(4, 1), 0xffu) << "registers are dwords";
    EXPECT_EQ(edu.read(4, 8), ~u64{0}) << "and qwords from 80h on";
}

TEST_F(EduTest, dma_goes_both_ways_within_its_buffer) {
    for (unsigned n = 0; n < 4096; n++) ram[0x1000 + n] = u8(n * 3);
    dma(0x1000, 0x40000, 4096, 1);
    EXPECT_EQ(edu.read(0x98, 4), 0u);
    dma(0x40100, 0x8000, 16, 3);
    EXPECT_EQ(ram[0x8000], u8(0x100 * 3)); EXPECT_EQ(ram[0x800f], u8(0x10f * 3)); EXPECT_EQ(ram[0x8010], 0);
    for (auto [from, count] : {std::pair<u64, u64>{0x40ff1, 16}, {0x3ffff, 16}, {0x40000, 4097}, {0x40001, ~u64{0}}}) {
        dma(from, 0x9000, count, 3);
        EXPECT_EQ(ram[0x9000], 0) << std::hex << from;
    }
    edu.config_write(4, 2, 2);
    dma(0x40100, 0x9000, 16, 3);
    EXPECT_EQ(ram[0x9000], 0) << "without bus mastering";
}

TEST_F(EduTest, a_message_takes_the_place_of_intx) {
    unsigned msi = edu.config_read(0x34, 1);
    edu.config_write(msi + 4, 4, 0xfee00000), edu.config_write(msi + 12, 2, 0x30), edu.config_write(msi + 2, 2, 1);
    dma(0x1000, 0x40000, 16, 5);
    EXPECT_FALSE(intx);
    EXPECT_EQ(sent, (std::vector<Message>{{0xfee00000, 0x30}})); EXPECT_EQ(edu.read(0x24, 4), 0x100u);
    dma(0x40000, 0xfee00000 & Edu::reach, 4, 3);
    EXPECT_EQ(sent.size(), 1u) << "its DMA reaches 256 MiB";
    Edu other(clock, bus, [](u64, bool) {});
    expect_roundtrip(edu, other);
}

TEST_F(BusTest, the_test_function_sends_what_it_is_told) {
    PciTest card{clock, bus, [](u64, bool) {}, [](u64, bool) {}};
    card.connect(Line([this](bool level) { intx = level; }));
    card.config_write(4, 2, 6);
    card.write(0, 4, 1);
    EXPECT_TRUE(intx);
    card.write(0, 4, 0);
    EXPECT_FALSE(intx);
    unsigned msi = card.config_read(0x34, 1);
    card.config_write(msi + 4, 4, 0xfee00000), card.config_write(msi + 12, 2, 0x48), card.config_write(msi + 2, 2, 1 | 3 << 4);
    card.write(PciTest::trigger, 4, 6), card.write(0, 4, 1);
    EXPECT_EQ(sent, (std::vector<Message>{{0xfee00000, 0x4e}, {0xfee00000, 0x48}}));
    EXPECT_FALSE(intx);
    PciTest other{clock, bus, [](u64, bool) {}, [](u64, bool) {}};
    expect_roundtrip(card, other);
}
