// SPDX-License-Identifier: MIT
// What firmware finds in fw_cfg: QEMU's names and layouts (QEMU, docs/specs/fw_cfg; SMBIOS 2.8, 5.2.1).
#include "bios/firmware.h"
#include "base/error.h"
#include "base/file.h"
#include "memory/physical.h"
#include <algorithm>
#include <filesystem>
#include <gtest/gtest.h>
#include <numeric>
#include <unistd.h>

namespace {

struct Described {
    PhysicalMap memory;
    BusMaster bus{memory};
    FwCfg fw_cfg{bus};
    MemoryMap map;
    explicit Described(u64 ram, bool vmx = true, unsigned cpus = 1) : map(memory_map(ram)) {
        AcpiParameters acpi;
        acpi.cpus = cpus;
        firmware::describe(fw_cfg, {map, acpi, vmx});
    }
    const FwCfg::Bytes& file(const char* name) const {
        static const FwCfg::Bytes none;
        auto* found = fw_cfg.file(name);
        EXPECT_TRUE(found) << name;
        return found ? *found : none;
    }
};

u64 number(const FwCfg::Bytes& b, u64 at, unsigned width) {
    u64 value = 0;
    for (unsigned n = width; n-- > 0;) value = value << 8 | b.at(at + n);
    return value;
}
u8 sum(const FwCfg::Bytes& b, u64 from, u64 to) { return u8(std::accumulate(b.begin() + s64(from), b.begin() + s64(to), 0u)); }

TEST(firmware, is_told_of_ram_below_and_above_the_hole) {
    Described small(u64{64} << 20), large(u64{5} << 30);
    auto& one = small.file("etc/e820");
    ASSERT_EQ(one.size(), 20u);
    EXPECT_EQ(number(one, 0, 8), 0u);
    EXPECT_EQ(number(one, 8, 8), u64{64} << 20);
    EXPECT_EQ(number(one, 16, 4), 1u);
    auto& two = large.file("etc/e820");
    ASSERT_EQ(two.size(), 40u);
    EXPECT_EQ(number(two, 8, 8), u64{3} << 30);
    EXPECT_EQ(number(two, 20, 8), u64{4} << 30);
    EXPECT_EQ(number(two, 28, 8), u64{2} << 30);
    EXPECT_EQ(number(two, 36, 4), 1u);
}

TEST(firmware, gets_feature_control_only_where_there_is_vmx) {
    EXPECT_EQ(number(Described(u64{64} << 20).file("etc/msr_feature_control"), 0, 8), 5u);
    EXPECT_FALSE(Described(u64{64} << 20, false).fw_cfg.file("etc/msr_feature_control"));
}

TEST(firmware, gets_smbios_in_two_files) {
    Described d(u64{64} << 20);
    auto &anchor = d.file("etc/smbios/smbios-anchor"), &tables = d.file("etc/smbios/smbios-tables");
    ASSERT_EQ(anchor.size(), 0x1fu);
    EXPECT_EQ(std::string(anchor.begin(), anchor.begin() + 4), "_SM_");
    EXPECT_EQ(sum(anchor, 0, 0x1f), 0);
    EXPECT_EQ(sum(anchor, 0x10, 0x1f), 0);
    EXPECT_EQ(number(anchor, 0x16, 2), tables.size());
    EXPECT_EQ(tables.at(0), 0);                        // BIOS information is the first
}

// The loader's commands are 128 bytes each; the first two allocate the two files.
TEST(firmware, gets_acpi_tables_and_how_to_place_them) {
    Described d(u64{64} << 20, true, 3);
    auto &loader = d.file("etc/table-loader"), &tables = d.file("etc/acpi/tables"), &rsdp = d.file("etc/acpi/rsdp");
    ASSERT_GE(loader.size(), 4u * 128);
    EXPECT_EQ(loader.size() % 128, 0u);
    for (unsigned n : {0, 1}) EXPECT_EQ(number(loader, n * 128, 4), 1u);
    EXPECT_EQ(std::string(rsdp.begin(), rsdp.begin() + 8), "RSD PTR ");
    std::string all(tables.begin(), tables.end());
    for (auto* name : {"FACS", "DSDT", "FACP", "APIC", "HPET", "XSDT"}) EXPECT_NE(all.find(name), all.npos) << name;
}

TEST(firmware, interrupt_0_is_overridden_and_no_menu_is_shown) {
    Described d(u64{64} << 20);
    ASSERT_TRUE(d.fw_cfg.item(FwCfg::irq0_override));
    EXPECT_EQ(*d.fw_cfg.item(FwCfg::irq0_override), FwCfg::Bytes{1});
    EXPECT_EQ(*d.fw_cfg.item(FwCfg::boot_menu), (FwCfg::Bytes{0, 0}));
}

// Platform Initialization 1.7, vol. 3, 3.2.1.1: a volume's header has its kind's GUID at 10h, its length at 20h, "_FVH" at 28h.
struct ImageTest : testing::Test {
    std::filesystem::path place = std::filesystem::temp_directory_path() / ("slate-firmware-" + std::to_string(::getpid()));
    ImageTest() { std::filesystem::create_directory(place); }
    ~ImageTest() override { std::filesystem::remove_all(place); }
    static std::vector<u8> volume(u64 bytes, u64 length) {
        static constexpr u8 guid[] = {0x8d, 0x2b, 0xf1, 0xff, 0x96, 0x76, 0x8b, 0x4c, 0xa9, 0x85, 0x27, 0x47, 0x07, 0x5b, 0x4f, 0x50};
        std::vector<u8> b(bytes, 0xff);
        std::ranges::copy(guid, b.begin() + 0x10);
        for (unsigned n = 0; n < 8; n++) b[0x20 + n] = u8(length >> n * 8);
        std::ranges::copy(std::string_view("_FVH"), b.begin() + 0x28);
        return b;
    }
    std::string file(const char* name, const std::vector<u8>& bytes) {
        write_file(place / name, bytes);
        return place / name;
    }
};

TEST_F(ImageTest, variables_are_split_off_an_image_or_found_beside_its_code) {
    auto whole = volume(0x20000, 0x4000);
    auto one = firmware::read_image(file("whole.fd", whole));
    EXPECT_EQ(one.variables.size(), 0x4000u);
    EXPECT_EQ(one.code.size(), 0x1c000u);
    auto code = file("X_CODE_4M.fd", std::vector<u8>(0x1c000, 1));
    EXPECT_THROW(firmware::read_image(code), Error) << "no whole 64 KiB without its variables";
    file("X_VARS_4M.fd", volume(0x4000, 0x4000));
    auto two = firmware::read_image(code);
    EXPECT_EQ(two.variables, volume(0x4000, 0x4000));
    EXPECT_EQ(two.code, std::vector<u8>(0x1c000, 1));
    EXPECT_TRUE(firmware::read_image(file("bios.bin", std::vector<u8>(0x20000))).variables.empty());
}

TEST_F(ImageTest, a_volume_with_a_length_that_cannot_be_is_refused) {
    for (u64 length : {u64{0x20000}, u64{0x18000}, u64{0x4001}, ~u64{0}, u64{1} << 63})
        EXPECT_THROW(firmware::read_image(file("bad.fd", volume(0x20000, length))), Error) << length;
}

TEST_F(ImageTest, the_file_of_variables_is_made_once_and_must_fit) {
    firmware::Image image{volume(0x4000, 0x4000), std::vector<u8>(0x1c000)};
    std::string path = place / "mine.fd";
    firmware::prepare_variables(path, image);
    EXPECT_EQ(read_file(path, 1 << 20), image.variables);
    auto changed = image.variables;
    changed[0x100] = 0x42;
    write_file(path, changed);
    firmware::prepare_variables(path, image);
    EXPECT_EQ(read_file(path, 1 << 20), changed);
    for (auto& bytes : {volume(0x3000, 0x3000), volume(0x4000, 0x3000), std::vector<u8>(0x4000), std::vector<u8>(), volume(0x5000, 0x5000)}) {
        write_file(path, bytes);
        EXPECT_THROW(firmware::prepare_variables(path, image), Error);
        EXPECT_EQ(read_file(path, 1 << 20), bytes);
    }
    EXPECT_THROW(firmware::prepare_variables(place / "new.fd", {{}, image.code}), Error);
    EXPECT_FALSE(std::filesystem::exists(place / "new.fd"));
}

}
