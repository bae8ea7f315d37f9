// SPDX-License-Identifier: MIT
// The physical map: what answers where, remaps, A20, device accesses, watched pages, state.
#include "memory/physical.h"
#include "base/hash.h"
#include "tests/memory/store.h"
#include <gtest/gtest.h>
#include <random>

namespace {

// Logs accesses as "r4@8"; reads give the offset in each byte.
struct Register final : Mmio {
    std::string log;
    u64 read(u64 offset, unsigned width) override {
        log += "r" + std::to_string(width) + "@" + std::to_string(offset) + " ";
        u64 value = 0;
        for (unsigned i = 0; i < width; i++) value |= ((offset + i) & 0xff) << i * 8;
        return value;
    }
    void write(u64 offset, unsigned width, u64 value) override {
        log += "w" + std::to_string(width) + "@" + std::to_string(offset) + "=" + std::to_string(value) + " ";
    }
};

struct Board {
    std::vector<u8> ram = std::vector<u8>(0x200000), rom = std::vector<u8>(0x10000, 0xea);
    Register device;
    PhysicalMap map{36};
    Board() {
        map.map_ram(Physical(0), ram);
        map.map_rom(Physical(0xf0000), rom);
        map.map_mmio(Physical(0xfee00000), 0x1000, device);
    }
};

}

TEST(PhysicalMap, flash_is_read_as_memory_and_its_device_is_told_of_writes) {
    Board b;
    b.map.map_rom(Physical(0xe0000), std::span(b.rom).first(0x1000), b.device);
    EXPECT_EQ(b.map.page_for_read(Physical(0xe0000)), b.rom.data());
    EXPECT_EQ(b.map.page_for_write(Physical(0xe0000)), nullptr);
    EXPECT_EQ(b.map.read(Physical(0xe0010), 1), 0xeau);
    b.map.write(Physical(0xe0010), 1, 7);
    b.map.write(Physical(0xe0022), 4, 0x00010002);
    EXPECT_EQ(b.device.log, "w1@16=7 w2@34=2 w2@36=1 ");
    EXPECT_EQ(b.map.read(Physical(0xe0010), 1), 0xeau);
}

TEST(PhysicalMap, a_device_tells_observers_of_what_it_changes_itself) {
    Board b;
    const u8* seen = nullptr;
    b.map.observe(&seen, [&](const u8* bytes, u64 width) { seen = bytes + width; });
    b.map.changed(std::span(b.rom).subspan(16, 4));
    EXPECT_EQ(seen, &b.rom[20]);
}

TEST(PhysicalMap, ram_keeps_what_is_written_at_any_width_and_alignment) {
    Board b;
    for (unsigned width = 1; width <= 8; width++)
        for (u64 at : {0x100, 0xffd, 0xfff, 0x1001}) {
            b.map.write(Physical(at), width, 0x8877665544332211);
            EXPECT_EQ(b.map.read(Physical(at), width), 0x8877665544332211 & ones(width)) << width << " at " << at;
        }
    EXPECT_EQ(b.ram[0x1001], 0x11);
}

TEST(PhysicalMap, rom_reads_and_drops_writes) {
    Board b;
    b.map.write(Physical(0xf0000), 4, 0);
    EXPECT_EQ(b.map.read(Physical(0xf0000), 4), 0xeaeaeaeau);
    EXPECT_EQ(b.map.backing(Physical(0xf0000)), Backing::rom);
    EXPECT_EQ(b.map.page_for_read(Physical(0xf1234)), b.rom.data() + 0x1000);
    EXPECT_EQ(b.map.page_for_write(Physical(0xf1234)), nullptr);
}

TEST(PhysicalMap, nothing_reads_all_ones_within_and_beyond_the_width) {
    Board b;
    for (u64 at : {u64{0x300000}, u64{0xfffffffff}, u64{1} << 36, ~u64{0} - 7}) {
        EXPECT_EQ(b.map.read(Physical(at), 8) >> 40, ~u64{0} >> 40) << at;
        EXPECT_EQ(b.map.backing(Physical(at)), Backing::none);
        EXPECT_EQ(b.map.page_for_read(Physical(at)), nullptr);
        b.map.write(Physical(at), 1, 0);
    }
    EXPECT_EQ(b.map.read(Physical(0x300000), 3), 0xffffffu);
}

TEST(PhysicalMap, a_read_may_cross_from_ram_to_nothing) {
    Board b;
    b.map.write(Physical(0x1ffffe), 2, 0x1234);
    EXPECT_EQ(b.map.read(Physical(0x1ffffe), 4), 0xffff1234u);
}

TEST(PhysicalMap, device_accesses_are_split_at_natural_alignment) {
    Board b;
    EXPECT_EQ(b.map.read(Physical(0xfee00010), 4), 0x13121110u);
    EXPECT_EQ(b.map.read(Physical(0xfee00012), 4), 0x15141312u);
    EXPECT_EQ(b.map.read(Physical(0xfee00008), 8), 0x0f0e0d0c0b0a0908u);
    EXPECT_EQ(b.device.log, "r4@16 r2@18 r2@20 r8@8 ");
    b.device.log.clear();
    b.map.write(Physical(0xfee00021), 4, 0x44332211);
    EXPECT_EQ(b.device.log, "w1@33=17 w2@34=13090 w1@36=68 ");
    b.device.log.clear();
    std::vector<u8> bytes(20);
    b.map.read_bytes(Physical(0xfee00004), bytes);
    EXPECT_EQ(b.device.log, "r4@4 r8@8 r8@16 ");
    EXPECT_EQ(bytes[19], 23);
}

TEST(PhysicalMap, later_mappings_hide_earlier_ones_and_unmap_leaves_nothing) {
    Board b;
    int changes = 0;
    b.map.map_changed = [&] { changes++; };
    b.map.write(Physical(0xc0000), 1, 0x55);
    std::vector<u8> shadow(0x4000, 0x77);
    b.map.map_ram(Physical(0xc0000), shadow);
    EXPECT_EQ(b.map.read(Physical(0xc0000), 1), 0x77u);
    EXPECT_EQ(b.map.read(Physical(0xc4000), 1), 0u);
    b.map.unmap(Physical(0xc0000), 0x1000);
    EXPECT_EQ(b.map.read(Physical(0xc0000), 1), 0xffu);
    EXPECT_EQ(b.map.read(Physical(0xc1000), 1), 0x77u);
    b.map.map_ram(Physical(0xc0000), std::span(b.ram).subspan(0xc0000, 0x4000));
    EXPECT_EQ(b.map.read(Physical(0xc0000), 1), 0x55u) << "what was hidden is as it was";
    EXPECT_EQ(changes, 3);
}

TEST(PhysicalMap, a_split_mapping_reads_here_and_writes_there) {
    Board b;
    b.map.map_split(Physical(0xe0000), b.rom, std::span(b.ram).subspan(0xe0000, 0x10000));
    b.map.write(Physical(0xe0010), 1, 0x12);
    EXPECT_EQ(b.map.read(Physical(0xe0010), 1), 0xeau);
    EXPECT_EQ(b.ram[0xe0010], 0x12);
}

TEST(PhysicalMap, ten_thousand_remaps_stay_cheap_and_right) {
    Board b;
    for (int i = 0; i < 10000; i++) {
        b.map.map_ram(Physical(0xc0000), std::span(b.ram).subspan(0xc0000, 0x4000));
        b.map.map_mmio(Physical(u64(i) << 21 & 0xfffe00000), 0x1000, b.device);
        b.map.unmap(Physical(u64(i) << 21 & 0xfffe00000), 0x1000);
    }
    EXPECT_EQ(b.map.read(Physical(0xc0000), 1), 0u);
}

TEST(PhysicalMap, a_mapping_that_passes_the_end_is_cut) {
    Board b;
    b.map.map_mmio(Physical(0xfffff0000), 0x100000, b.device);
    EXPECT_EQ(b.map.backing(Physical(0xfffff0000)), Backing::mmio);
    b.map.map_mmio(Physical(u64{1} << 60), 0x1000, b.device);
    EXPECT_EQ(b.map.backing(Physical(u64{1} << 60)), Backing::none);
}

TEST(PhysicalMap, a_closed_a20_gate_folds_odd_mebibytes_onto_even_ones) {
    Board b;
    EXPECT_TRUE(b.map.a20());
    b.map.write(Physical(0x500), 1, 1);
    b.map.write(Physical(0x100500), 1, 2);
    int changes = 0;
    b.map.map_changed = [&] { changes++; };
    b.map.set_a20(false);
    b.map.set_a20(false);
    EXPECT_EQ(changes, 1);
    EXPECT_EQ(b.map.read(Physical(0x100500), 1), 1u);
    EXPECT_EQ(b.map.page_for_read(Physical(0x100500)), b.ram.data());
    EXPECT_EQ(b.map.backing_page(Physical(0x100500)), b.map.backing_page(Physical(0x500)));
    b.map.set_a20(true);
    EXPECT_EQ(b.map.read(Physical(0x100500), 1), 2u);
}

TEST(PhysicalMap, a_watched_page_reports_writes_of_every_kind_and_no_other_page_does) {
    Board b;
    std::string seen;
    b.map.written = [&](Physical at, unsigned width) { seen += std::to_string(at.value) + "+" + std::to_string(width) + " "; };
    b.map.watch(Physical(0x2010), true);
    EXPECT_TRUE(b.map.watched(Physical(0x2fff)));
    EXPECT_EQ(b.map.page_for_write(Physical(0x2000)), nullptr);
    EXPECT_NE(b.map.page_for_read(Physical(0x2000)), nullptr);
    b.map.write(Physical(0x2004), 4, 1);
    b.map.write(Physical(0x1000), 4, 1);
    b.map.write(Physical(0x1ffe), 4, 1);                // two bytes of it
    std::vector<u8> block(0x3000);
    b.map.write_bytes(Physical(0x1000), block);
    b.map.replace(Physical(0x2008), 8, 0, 5);
    EXPECT_EQ(seen, "8196+4 8192+2 8192+4096 8200+8 ");
    EXPECT_EQ(b.map.read(Physical(0x2008), 8), 5u);
    b.map.watch(Physical(0x2000), false);
    EXPECT_EQ(b.map.page_for_write(Physical(0x2000)), b.ram.data() + 0x2000);
}

TEST(PhysicalMap, memory_is_watched_under_all_its_addresses_and_through_remaps) {
    Board b;
    auto part = std::span(b.ram).subspan(0x2000, 0x1000);
    b.map.map_ram(Physical(0x80000000), part);
    b.map.watch(Physical(0x2000), true);
    EXPECT_EQ(b.map.page_for_write(Physical(0x80000000)), nullptr);
    EXPECT_EQ(b.map.backing_page(Physical(0x80000000)), b.map.backing_page(Physical(0x2000)));
    EXPECT_NE(b.map.backing_page(Physical(0x80000000)), b.map.backing_page(Physical(0x3000)));
    b.map.unmap(Physical(0x2000), 0x1000);
    b.map.map_ram(Physical(0x2000), part);
    EXPECT_EQ(b.map.page_for_write(Physical(0x2000)), nullptr);
    b.map.watch(Physical(0x80000000), false);
    EXPECT_NE(b.map.page_for_write(Physical(0x2000)), nullptr);
}

TEST(PhysicalMap, rom_over_ram_is_other_memory_than_what_it_hides) {
    Board b;
    u64 rom = b.map.backing_page(Physical(0xf0000));
    b.map.map_ram(Physical(0xf0000), std::span(b.ram).subspan(0xf0000, 0x10000));
    EXPECT_NE(b.map.backing_page(Physical(0xf0000)), rom);
    EXPECT_EQ(b.map.backing_page(Physical(0xfee00000)), 0u);
}

TEST(PhysicalMap, a_page_that_dma_writes_to_a_device_reaches_the_device) {
    Board b;
    u8 bytes[] = {1, 2};
    b.map.write_bytes(Physical(0xfee00ffe), bytes);
    EXPECT_EQ(b.device.log, "w2@4094=513 ");
}

TEST(PhysicalMap, replace_writes_only_over_what_is_expected) {
    Board b;
    b.map.write(Physical(0x100), 4, 7);
    EXPECT_FALSE(b.map.replace(Physical(0x100), 4, 8, 9));
    EXPECT_EQ(b.map.read(Physical(0x100), 4), 7u);
    EXPECT_TRUE(b.map.replace(Physical(0x100), 4, 7, 9));
    EXPECT_EQ(b.map.read(Physical(0x100), 4), 9u);
}

TEST(PhysicalMap, its_state_is_ram_hidden_or_not_and_the_gate) {
    Board a, b;
    a.map.write(Physical(0x1234), 8, 0x123456789abcdef);
    a.ram[0xf0001] = 9;                                 // behind the ROM
    a.map.set_a20(false);
    b.map.write(Physical(0x7000), 1, 1);                // to be cleared by the load
    EXPECT_NE(hash_of(a.map), hash_of(b.map));
    Store store;
    a.map.visit(store);
    u64 before = hash_of(a.map);
    store.rewind();
    b.map.visit(store);
    EXPECT_EQ(b.ram, a.ram);
    EXPECT_FALSE(b.map.a20());
    EXPECT_EQ(hash_of(b.map), before);
    EXPECT_EQ(hash_of(a.map), before) << "looking changes nothing";
    u64 bytes = 0;
    for (auto& [name, value] : store.kept) bytes += value.size();
    EXPECT_LT(bytes, 3u * 4096) << "two pages are used, the rest costs little";
}

TEST(PhysicalMap, a_remap_of_a_part_adds_no_state) {
    Board a;
    u64 before = hash_of(a.map);
    a.map.map_ram(Physical(0xf0000), std::span(a.ram).subspan(0xf0000, 0x10000));
    EXPECT_EQ(hash_of(a.map), before);
}

TEST(PhysicalMap, ram_that_swallows_known_memory_keeps_what_is_watched) {
    std::vector<u8> ram(0x20000);
    PhysicalMap map(32);
    map.map_ram(Physical(0x100000), std::span(ram).first(0x8000));
    map.watch_memory(&ram[0x3000], true);
    map.map_ram(Physical(0x200000), ram);
    EXPECT_EQ(map.page_for_write(Physical(0x203000)), nullptr);
    EXPECT_EQ(map.page_for_write(Physical(0x103000)), nullptr);
    EXPECT_EQ(map.page_for_write(Physical(0x204000)), &ram[0x4000]);
    map.watch_memory(&ram[0x9000], true);
    map.unmap(Physical(0x200000), 0x8000);
    EXPECT_EQ(map.page_for_read(Physical(0x207fff)), nullptr);
    EXPECT_EQ(map.page_for_read(Physical(0x208000)), &ram[0x8000]);
    EXPECT_EQ(map.page_for_write(Physical(0x209000)), nullptr);
}

TEST(PhysicalMap, random_remaps_agree_with_a_list_searched_from_its_end) {
    constexpr u64 pages = 64;
    std::vector<u8> memory(pages * 4096);
    Register device;
    PhysicalMap map(32);
    struct Placed {
        int kind;                               // 0 nothing, 1 RAM, 2 ROM, 3 device
        u64 first, count, from;                 // page, pages, page of `memory`
    };
    std::vector<Placed> list;
    std::mt19937_64 random(11);
    std::vector<bool> watched(pages);
    map.map_ram(Physical(u64{1} << 31), memory);         // known as a whole; elsewhere only parts of it
    map.unmap(Physical(u64{1} << 31), memory.size());    // so that the longest run of RAM is among what is probed
    for (int step = 0; step < 10000; step++) {
        u64 first = random() % pages, count = 1 + random() % (pages - first);
        Placed p{int(random() % 4), first, count, random() % (pages - count + 1)};
        auto part = std::span(memory).subspan(p.from * 4096, count * 4096);
        Physical base(first * 4096 + 0x3ffe0000);        // across the border of two leaves
        if (p.kind == 0) map.unmap(base, count * 4096);
        if (p.kind == 1) map.map_ram(base, part);
        if (p.kind == 2) map.map_rom(base, part);
        if (p.kind == 3) map.map_mmio(base, count * 4096, device);
        list.push_back(p);
        if (u64 page = random() % pages; step % 3 == 0) {
            watched[page] = !watched[page];
            map.watch_memory(&memory[page * 4096], watched[page]);
        }
        for (int probe = 0; probe < 8; probe++) {
            u64 page = random() % pages;
            Physical at(page * 4096 + 0x3ffe0000 + random() % 4096);
            Placed found{};
            for (auto it = list.rbegin(); it != list.rend() && found.count == 0; ++it)
                if (page >= it->first && page < it->first + it->count) found = *it;
            u64 shown = found.from + page - found.first;
            u8* host = memory.data() + shown * 4096;
            ASSERT_EQ(map.page_for_read(at), found.kind == 1 || found.kind == 2 ? host : nullptr);
            ASSERT_EQ(map.page_for_write(at), found.kind == 1 && !watched[shown] ? host : nullptr);
            ASSERT_EQ(int(map.backing(at)), found.kind);
        }
    }
}
