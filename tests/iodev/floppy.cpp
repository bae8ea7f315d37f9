// SPDX-License-Identifier: MIT
// Tests of the floppy controller at its registers, by the 82077AA's data sheet.
#include "iodev/floppy/controller.h"
#include "base/error.h"
#include "base/log.h"
#include "iodev/dma.h"
#include "iodev/media/raw.h"
#include "tests/archive_roundtrip.h"
#include "tests/iodev/media/memory_file.h"
#include "tests/iodev/run_clock.h"

namespace floppy {
namespace {
using Bytes = std::vector<u8>;

struct FloppyTest : testing::Test {
    Clock clock;
    bool irq = false;
    Bytes ram = Bytes(1 << 20);
    PhysicalMap memory;
    BusMaster bus{memory};
    Dma dma{bus};
    Controller chip{clock,
                    {Line([this](bool on) { irq = on; }),
                     [this](std::span<const u8> data) { return dma.to_memory(2, data); },
                     [this](std::span<u8> data) { return dma.from_memory(2, data); }}};
    ::Disk disk;

    FloppyTest() {
        set_logging(false);
        memory.map_ram(Physical(0), ram);
        insert(0, 1'474'560);
        start();
    }
    ~FloppyTest() override { set_logging(true); }
    // Sector n is filled with n's low byte.
    void insert(unsigned drive, u64 size, bool write_protected = false) {
        disk.contents.resize(size);
        for (u64 i = 0; i < size; i++) disk.contents[i] = u8(i / 512);
        chip.insert(drive, Medium(std::make_unique<RawImage>(std::make_unique<MemoryFile>(disk), RawImage::Because::named), write_protected));
    }
    void start() {
        chip.reset(Reset::power);
        chip.put(2, 0x1c), wait();
        for (int i = 0; i < 4; i++) command({0x08});
    }
    void wait() {
        for (int i = 0; i < 1000 && !irq && clock.deadline() != Clock::never; i++) run_to(clock, clock.deadline());
    }
    Bytes results() {
        Bytes bytes;
        while ((chip.get(4) & 0xd0) == 0xd0 && bytes.size() < 20) bytes.push_back(chip.get(5));
        return bytes;
    }
    Bytes command(std::initializer_list<u8> bytes, bool waits = false) {
        for (u8 byte : bytes) chip.put(5, byte);
        if (waits) wait();
        return results();
    }
    void program_dma(u32 address, u16 count, bool to_memory) {
        dma.low.put(12, 0), dma.low.put(11, to_memory ? 0x46 : 0x4a);
        dma.low.put(4, u8(address)), dma.low.put(4, u8(address >> 8)), dma.pages.put(1, u8(address >> 16));
        dma.low.put(5, u8(count - 1)), dma.low.put(5, u8((count - 1) >> 8)), dma.low.put(10, 2);
    }
    Bytes sectors(u64 first, u64 count) const {
        return {disk.contents.begin() + std::ptrdiff_t(first * 512), disk.contents.begin() + std::ptrdiff_t((first + count) * 512)};
    }
    Bytes at(u32 address, u32 size) const { return {ram.begin() + address, ram.begin() + address + size}; }
    void seek(u8 cylinder) { command({0x0f, 0, cylinder}), wait(), command({0x08}); }
};
}

TEST_F(FloppyTest, a_reset_is_told_for_four_drives) {
    chip.put(2, 0x08), chip.put(2, 0x0c);
    EXPECT_EQ(chip.get(4), 0) << "not ready yet";
    wait();
    EXPECT_TRUE(irq);
    for (u8 drive = 0; drive < 4; drive++) EXPECT_EQ(command({0x08}), (Bytes{u8(0xc0 | drive), 0}));
    EXPECT_FALSE(irq);
    EXPECT_EQ(command({0x08}), (Bytes{0x80})) << "nothing more to tell";
    EXPECT_EQ(chip.get(4), 0x80);
}

TEST_F(FloppyTest, control_commands_answer) {
    EXPECT_EQ(command({0x10}), (Bytes{0x90}));
    EXPECT_EQ(command({0x03, 0xaf, 0x02}), Bytes());
    EXPECT_EQ(command({0x13, 0, 0x57, 0}), Bytes());
    EXPECT_EQ(command({0x94}), (Bytes{0x10}));
    EXPECT_EQ(command({0x04, 0}), (Bytes{0x38}));
    EXPECT_EQ(command({0x0e}), (Bytes{0, 0, 0, 0, 0xaf, 0x02, 0, 0x80, 0x57, 0}));
    EXPECT_EQ(command({0x14}), (Bytes{0}));
    EXPECT_EQ(command({0x1f}), (Bytes{0x80})) << "unknown";
}

TEST_F(FloppyTest, seeks_move_the_head_and_interrupt) {
    command({0x0f, 0, 5});
    EXPECT_EQ(chip.get(4) & 1, 1) << "drive 0 is seeking";
    EXPECT_FALSE(irq);
    wait();
    EXPECT_EQ(command({0x08}), (Bytes{0x20, 5}));
    command({0xcf, 0, 3}), wait();
    EXPECT_EQ(command({0x08}), (Bytes{0x20, 8}));
    command({0x07, 0}), wait();
    EXPECT_EQ(command({0x08}), (Bytes{0x20, 0}));
}

TEST_F(FloppyTest, a_changed_disk_is_told_until_the_head_steps) {
    EXPECT_EQ(chip.input_register.get(0) & 0x80, 0x80);
    seek(1);
    EXPECT_EQ(chip.input_register.get(0) & 0x80, 0);
    insert(0, 737'280);
    EXPECT_EQ(chip.input_register.get(0) & 0x80, 0x80);
}

TEST_F(FloppyTest, sectors_are_read_by_dma_up_to_the_terminal_count) {
    seek(2), program_dma(0x10000, 1024, true);
    auto r = command({0xe6, 0x04, 2, 1, 3, 2, 18, 0x1b, 0xff}, true);
    EXPECT_EQ(r, (Bytes{0x04, 0, 0, 2, 1, 5, 2}));
    EXPECT_EQ(at(0x10000, 1024), sectors((2 * 2 + 1) * 18 + 2, 2));
}

TEST_F(FloppyTest, both_sides_are_read_with_mt) {
    program_dma(0x10000, 36 * 512, true);
    EXPECT_EQ(command({0xe6, 0, 0, 0, 1, 2, 18, 0x1b, 0xff}, true), (Bytes{0x04, 0, 0, 1, 0, 1, 2}));
    EXPECT_EQ(at(0x10000, 36 * 512), sectors(0, 36));
    program_dma(0x10000, 37 * 512, true);
    EXPECT_EQ(command({0xe6, 0, 0, 0, 1, 2, 18, 0x1b, 0xff}, true)[1], 0x80) << "end of cylinder";
}

TEST_F(FloppyTest, sectors_are_written) {
    for (u32 i = 0; i < 1024; i++) ram[0x20000 + i] = u8(i * 3);
    program_dma(0x20000, 1024, false);
    EXPECT_EQ(command({0xc5, 0, 0, 0, 17, 2, 18, 0x1b, 0xff}, true), (Bytes{0x04, 0, 0, 0, 1, 1, 2}));
    EXPECT_EQ(sectors(16, 2), at(0x20000, 1024));
}

TEST_F(FloppyTest, without_dma_each_byte_passes_the_data_register) {
    command({0x03, 0xaf, 0x03});
    for (u8 byte : {0x46, 0, 0, 0, 18, 2, 18, 0x1b, 0xff}) chip.put(5, byte);
    wait();
    EXPECT_EQ(chip.get(4), 0xf0);
    Bytes data;
    while (data.size() < 512) data.push_back(chip.get(5));
    EXPECT_EQ(data, sectors(17, 1));
    wait();
    EXPECT_EQ(results()[1], 0x80) << "no terminal count: end of cylinder";
    for (u8 byte : {0x45, 0, 0, 0, 18, 2, 18, 0x1b, 0xff}) chip.put(5, byte);
    wait();
    EXPECT_EQ(chip.get(4), 0xb0);
    for (int i = 0; i < 512; i++) chip.put(5, 0x99);
    wait();
    EXPECT_EQ(results().size(), 7u);
    EXPECT_EQ(sectors(17, 1), Bytes(512, 0x99));
}

TEST_F(FloppyTest, what_is_not_on_the_track_is_an_error) {
    program_dma(0x10000, 512, true);
    struct { std::initializer_list<u8> command; u8 st1, st2; } rows[] = {
        {{0x46, 0, 1, 0, 1, 2, 18, 0x1b, 0xff}, 0x04, 0x10},           // another cylinder
        {{0x46, 0, 0, 0, 19, 2, 19, 0x1b, 0xff}, 0x04, 0},             // no such sector
        {{0x46, 0, 0, 0, 0, 2, 18, 0x1b, 0xff}, 0x04, 0},
        {{0x46, 0, 0, 1, 1, 2, 18, 0x1b, 0xff}, 0x04, 0},              // another head
        {{0x46, 0, 0, 0, 1, 3, 18, 0x1b, 0xff}, 0x04, 0},              // another size
        {{0x46, 1, 0, 0, 1, 2, 18, 0x1b, 0xff}, 0x01, 0},              // an empty drive
    };
    for (auto& row : rows) {
        auto r = command(row.command, true);
        ASSERT_EQ(r.size(), 7u);
        EXPECT_EQ(r[0] & 0xc0, 0x40);
        EXPECT_EQ(r[1], row.st1);
        EXPECT_EQ(r[2], row.st2);
    }
    dma.low.put(10, 6);
    EXPECT_EQ(command({0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff}, true)[1], 0x10) << "overrun: no DMA";
}

TEST_F(FloppyTest, errors_of_the_host_and_write_protection) {
    program_dma(0x10000, 512, true);
    disk.dead = true;
    EXPECT_EQ(command({0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff}, true)[1], 0x20);
    disk.dead = false;
    insert(0, 1'474'560, true);
    program_dma(0x10000, 512, false);
    EXPECT_EQ(command({0x45, 0, 0, 0, 1, 2, 18, 0x1b, 0xff}, true)[1], 0x02);
    EXPECT_EQ(command({0x04, 0})[0] & 0x40, 0x40);
}

TEST_F(FloppyTest, a_track_is_formatted) {
    for (u8 i = 0; i < 18; i++) {
        u8 id[4] = {0, 0, u8(i + 1), 2};
        std::memcpy(&ram[0x10000 + i * 4u], id, 4);
    }
    program_dma(0x10000, 72, false);
    EXPECT_EQ(command({0x4d, 0, 2, 18, 0x54, 0xf6}, true)[0], 0);
    EXPECT_EQ(sectors(0, 18), Bytes(18 * 512, 0xf6));
    EXPECT_EQ(sectors(18, 1), Bytes(512, 18));
}

TEST_F(FloppyTest, scan_and_verify_and_read_id) {
    std::fill_n(ram.begin() + 0x10000, 512, u8(4));
    program_dma(0x10000, 512, false);
    EXPECT_EQ(command({0x51, 0, 0, 0, 5, 2, 18, 0x1b, 1}, true)[2], 0x08) << "sector 5 holds fours";
    program_dma(0x10000, 512, false);
    EXPECT_EQ(command({0x51, 0, 0, 0, 6, 2, 18, 0x1b, 1}, true)[2], 0x04);
    EXPECT_EQ(command({0x56, 0, 0, 0, 1, 2, 18, 0x1b, 0xff}, true)[0], 0);
    seek(7);
    EXPECT_EQ(command({0x4a, 4}, true), (Bytes{4, 0, 0, 7, 1, 1, 2}));
}

TEST_F(FloppyTest, every_format_has_its_geometry) {
    for (auto& geometry : geometries) {
        insert(0, geometry.bytes), start();
        program_dma(0x10000, 512, true);
        seek(u8(geometry.cylinders - 1));
        auto r = command({0x46, 4, u8(geometry.cylinders - 1), 1, geometry.sectors, 2, geometry.sectors, 0x1b, 0xff}, true);
        EXPECT_EQ(r[0], 4) << geometry.bytes;
        EXPECT_EQ(at(0x10000, 512), sectors(geometry.bytes / 512 - 1, 1));
    }
    EXPECT_THROW(insert(0, 1'000'448), Error);
}

// CVE-2015-3456: READ ID, or DRIVE SPECIFICATION COMMAND, and then far more bytes than a command has.
TEST_F(FloppyTest, a_command_that_never_ends_writes_nowhere) {
    for (u8 code : {u8(0x4a), u8(0x0a), u8(0x8e)}) {
        start();
        chip.put(5, code);
        for (int i = 0; i < 100'000; i++) chip.put(5, u8(i & 0x7f));
        start();
        EXPECT_EQ(command({0x10}), Bytes{0x90}) << int(code);
    }
}

TEST_F(FloppyTest, a_host_that_refuses_a_write_is_a_data_error_and_nothing_is_lost) {
    auto before = disk.contents;
    std::fill_n(ram.begin() + 0x10000, 512, u8(0xee));
    program_dma(0x10000, 512, false);
    disk.dead = true;
    auto r = command({0x45, 0, 0, 0, 3, 2, 18, 0x1b, 0xff}, true);
    EXPECT_EQ(r[0] & 0xc0, 0x40) << "abnormal termination";
    EXPECT_EQ(r[1] & 0x20, 0x20);
    EXPECT_EQ(disk.contents, before);
    disk.dead = false;
    program_dma(0x10000, 512, false);
    EXPECT_EQ(command({0x45, 0, 0, 0, 3, 2, 18, 0x1b, 0xff}, true)[0], 0);
    EXPECT_EQ(sectors(2, 1), Bytes(512, 0xee));
}

TEST_F(FloppyTest, any_bytes_for_any_command_keep_within_bounds) {
    TestRandom random{1};
    for (unsigned code = 0; code < 256; code++) {
        start();
        for (int i = 0; i < 300; i++) {
            chip.put(5, i ? u8(random.next()) : u8(code));
            if (random.below(16) == 0) wait(), chip.get(5);
        }
        for (int i = 0; i < 50; i++) run_for(clock, 1'000'000), chip.get(5);
    }
}

TEST_F(FloppyTest, state_survives_saving_in_the_middle_of_a_transfer) {
    command({0x03, 0xaf, 0x03});
    for (u8 byte : {0x46, 0, 0, 0, 4, 2, 18, 0x1b, 0xff}) chip.put(5, byte);
    wait(), chip.get(5);
    Controller other(clock, {Line(), [](std::span<const u8>) { return Controller::Moved{}; }, [](std::span<u8>) { return Controller::Moved{}; }});
    expect_roundtrip(chip, other);
}
}  // namespace floppy
