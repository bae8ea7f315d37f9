// SPDX-License-Identifier: MIT
// No access of a guest and no event of a device costs more than some milliseconds of the host, however the guest arranges it.
#include "base/log.h"
#include "iodev/media/raw.h"
#include "machine/pc.h"
#include "tests/archive_roundtrip.h"
#include "tests/fuzz/devices.h"
#include <ctime>

namespace {
// Of this thread, so that a busy host counts for nothing; a build with sanitizers is several times slower.
double milliseconds() {
    timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return double(now.tv_sec) * 1e3 + double(now.tv_nsec) / 1e6;
}
constexpr double most = 150;

Parts parts() {
    Parts p;
    p.model = *find_model("max-intel");
    p.memory = u64{4} << 20;
    p.devices = Pc::optional_devices();
    return p;
}

struct Work : testing::Test {
    Pc pc{parts()};
    Disk disk{std::vector<u8>(48 << 20)};
    static constexpr u16 master = 0xc040;
    static constexpr u32 vga_page = devices::vga_page, table = 0x10000;

    Work() {
        set_logging(false);
        pc.ide.channel(0).attach(0, ide::Channel::Kind::disk,
                                 Medium(std::make_unique<RawImage>(std::make_unique<MemoryFile>(disk), RawImage::Because::named)), "1");
        pc.ide.config_write(0x40, 4, 0x80008000), pc.ide.config_write(0x20, 4, master), pc.ide.config_write(4, 2, 5);
        devices::place_functions(pc);
    }
    ~Work() override { set_logging(true); }
    void command48(u8 code, u16 sectors) {
        for (u8 half : {u8(sectors >> 8), u8(sectors)}) {
            pc.ports.out(0x1f6, 1, 0xe0), pc.ports.out(0x1f2, 1, half);
            for (u16 port : {0x1f3, 0x1f4, 0x1f5}) pc.ports.out(port, 1, 0);
        }
        pc.ports.out(0x1f7, 1, code);
    }
    // The longest of the events until the drive has ended, or has had its time.
    double longest_event(unsigned events) {
        double longest = 0;
        for (unsigned n = 0; n < events && pc.clock.deadline() != Clock::never; n++) {
            pc.clock.ticks = std::max(pc.clock.ticks, pc.clock.deadline());
            double begin = milliseconds();
            pc.clock.run_due();
            longest = std::max(longest, milliseconds() - begin);
        }
        return longest;
    }
};
}

TEST_F(Work, verifying_65536_sectors_goes_in_steps) {
    command48(0x42, 0);
    EXPECT_LT(longest_event(2000), most);
    while (pc.ports.in(0x3f6, 1) & 0x80) longest_event(100);
    EXPECT_EQ(pc.ports.in(0x1f7, 1), 0x50u);
}

// Each pair of regions turns DISPI off and on, which clears 16 MiB.
TEST_F(Work, descriptors_onto_registers_that_clear_video_memory_go_in_steps) {
    constexpr u32 dispi_enable = 0x500 + 4 * 2, regions = 0x2000;
    pc.memory.write(Physical(vga_page + 0x500 + 2), 2, 2560), pc.memory.write(Physical(vga_page + 0x500 + 4), 2, 1600);
    pc.memory.write(Physical(vga_page + 0x500 + 6), 2, 32);
    for (u32 n = 0; n < regions; n++) {
        pc.memory.write(Physical(table + n * 8), 4, vga_page + dispi_enable);
        pc.memory.write(Physical(table + n * 8 + 4), 4, n + 1 < regions ? 2 : 0x80000002);
    }
    for (u64 n = 0; n < regions; n++) disk.contents[n * 2] = n & 1;
    pc.ports.out(master + 4, 4, table);
    pc.memory.write(Physical(0xe0000000), 8, ~u64{0});
    command48(0x25, regions * 2 / 512), pc.ports.out(master, 1, 9);
    EXPECT_LT(longest_event(30), most);
    EXPECT_EQ(pc.memory.read(Physical(0xe0000000), 8), 0u) << "cleared";
    EXPECT_EQ(pc.ports.in(0x3f6, 1) & 0x80, 0x80u) << "it goes on";
}

TEST_F(Work, a_transfer_in_steps_moves_every_byte) {
    constexpr u32 regions = 1000, size = 66;
    for (u64 i = 0; i < regions * size; i++) disk.contents[i] = u8(i * 7 + (i >> 8));
    for (u32 n = 0; n < regions; n++) {
        pc.memory.write(Physical(table + n * 8), 4, 0x100000 + n * 100);
        pc.memory.write(Physical(table + n * 8 + 4), 4, n + 1 < regions ? size : 0x80000000 | size);
    }
    pc.ports.out(master + 4, 4, table);
    command48(0x25, regions * size / 512), pc.ports.out(master, 1, 9);
    longest_event(100);
    std::vector<u8> got(size);
    for (u32 n = 0; n < regions * size / 512 * 512 / size; n++) {
        pc.memory.read_bytes(Physical(0x100000 + n * 100), got);
        ASSERT_TRUE(std::equal(got.begin(), got.end(), disk.contents.begin() + n * size)) << n;
    }
    std::fill_n(disk.contents.begin(), regions * size, u8(0));
    pc.ports.out(master, 1, 0), command48(0x35, regions * size / 512), pc.ports.out(master, 1, 1);
    longest_event(100);
    for (u64 i = 0; i < regions * size / 512 * 512; i++) ASSERT_EQ(disk.contents[i], u8(i * 7 + (i >> 8))) << i;
}

TEST_F(Work, every_device_of_the_board_has_its_fuzz_target) {
    EXPECT_EQ(devices::left_out(pc), "") << "name it in tests/fuzz/devices.h";
}

// Whatever is written wherever: the longest of many accesses, each by itself.
TEST_F(Work, no_random_access_takes_long) {
    TestRandom random{3};
    double longest = 0;
    for (int i = 0; i < 60'000; i++) {
        auto& range = pc.ports.ranges()[random.below(pc.ports.ranges().size())];
        u16 port = u16(range.base + random.below(range.size));
        double begin = milliseconds();
        if (random.below(3)) pc.ports.out(port, 1u << random.below(3), u32(random.next()));
        else pc.ports.in(port, 1u << random.below(3));
        if (random.below(4) == 0) pc.clock.ticks += random.next() >> (24 + random.below(40)), pc.clock.run_due();
        longest = std::max(longest, milliseconds() - begin);
    }
    EXPECT_LT(longest, most);
}
