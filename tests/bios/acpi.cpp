// SPDX-License-Identifier: MIT
// The ACPI, MP and SMBIOS tables: checksums, structure by the specifications' offsets, and what iasl says of them.
#include "bios/acpi/aml.h"
#include "bios/acpi/tables.h"
#include "bios/memory_map.h"
#include "tests/bios/support.h"
#include <algorithm>
#include <gtest/gtest.h>
#include <map>

namespace {

constexpr u64 base = 0x3fe0000, facs = 0x3ffe000, rsdp_at = 0xf4000;

u8 sum(std::span<const u8> bytes) {
    u8 s = 0;
    for (u8 b : bytes) s = u8(s + b);
    return s;
}

std::map<std::string, AcpiTable> placed_tables(const AcpiParameters& p = {}) {
    auto list = acpi_tables(p);
    EXPECT_TRUE(place_acpi(list, base, MemoryMap::kept - MemoryMap::nvs_size, facs, rsdp_at));
    std::map<std::string, AcpiTable> tables;
    for (auto& t : list) tables.emplace(t.name, t);
    return tables;
}

std::string text(const Bytes& b, u64 at, u64 size) { return {b.begin() + std::ptrdiff_t(at), b.begin() + std::ptrdiff_t(at + size)}; }

// MADT entries of one type, each as its bytes.
std::vector<Bytes> entries(const Bytes& madt, u8 type) {
    std::vector<Bytes> found;
    for (u64 at = 44; at + 2 <= madt.size(); at += madt[at + 1]) {
        if (madt[at + 1] < 2) return {};
        if (madt[at] == type) found.emplace_back(madt.begin() + std::ptrdiff_t(at), madt.begin() + std::ptrdiff_t(at) + madt[at + 1]);
    }
    return found;
}

}  // namespace

TEST(acpi_tables, sum_to_zero_and_say_their_length) {
    for (unsigned cpus : {1u, 2u, 64u, 255u, 256u, 400u}) {
        AcpiParameters p;
        p.cpus = cpus;
        for (auto& [name, t] : placed_tables(p)) {
            if (name == "RSDP") {
                EXPECT_EQ(sum(std::span(t.bytes).first(20)), 0);
                EXPECT_EQ(sum(t.bytes), 0);
                EXPECT_EQ(t.bytes.size(), 36u);
                continue;
            }
            EXPECT_EQ(text(t.bytes, 0, 4), name);
            EXPECT_EQ(number_at<u32>(t.bytes, 4), t.bytes.size()) << name;
            if (name != "FACS") { EXPECT_EQ(sum(t.bytes), 0) << name; }
        }
    }
}

TEST(acpi_tables, are_linked_from_the_rsdp_down) {
    auto t = placed_tables();
    const Bytes& rsdp = t["RSDP"].bytes;
    EXPECT_EQ(text(rsdp, 0, 8), "RSD PTR ");
    EXPECT_EQ(rsdp[15], 2);                                       // revision
    EXPECT_EQ(number_at<u32>(rsdp, 16), t["RSDT"].address);
    EXPECT_EQ(number_at<u64>(rsdp, 24), t["XSDT"].address);
    const std::vector<std::string> listed = {"FACP", "APIC", "HPET"};
    EXPECT_EQ(t["RSDT"].bytes.size(), 36 + 4 * listed.size());
    EXPECT_EQ(t["XSDT"].bytes.size(), 36 + 8 * listed.size());
    for (u64 i = 0; i < listed.size(); i++) {
        EXPECT_EQ(number_at<u32>(t["RSDT"].bytes, 36 + 4 * i), t[listed[i]].address);
        EXPECT_EQ(number_at<u64>(t["XSDT"].bytes, 36 + 8 * i), t[listed[i]].address);
    }
    EXPECT_EQ(number_at<u32>(t["FACP"].bytes, 36), facs);
    EXPECT_EQ(number_at<u32>(t["FACP"].bytes, 40), t["DSDT"].address);
    EXPECT_EQ(number_at<u64>(t["FACP"].bytes, 132), facs);
    EXPECT_EQ(number_at<u64>(t["FACP"].bytes, 140), t["DSDT"].address);
    EXPECT_EQ(facs % 64, 0u);
}

TEST(acpi_tables, without_an_hpet_do_not_name_one) {
    AcpiParameters p;
    p.hpet_base = 0;
    auto t = placed_tables(p);
    EXPECT_EQ(t.count("HPET"), 0u);
    EXPECT_EQ(t["RSDT"].bytes.size(), 44u);
    EXPECT_EQ(text(t["DSDT"].bytes, 0, t["DSDT"].bytes.size()).find("HPET"), std::string::npos);
}

TEST(acpi_tables, too_large_for_their_room_are_told) {
    auto list = acpi_tables({});
    EXPECT_FALSE(place_acpi(list, base, 1000, facs, rsdp_at));
}

TEST(fadt, names_the_power_management_ports) {
    Bytes f = placed_tables()["FACP"].bytes;
    EXPECT_EQ(f.size(), 244u);                                    // revision 3
    EXPECT_EQ(f[8], 3);
    EXPECT_EQ(number_at<u16>(f, 46), 9u);                         // SCI_INT
    EXPECT_EQ(number_at<u32>(f, 48), 0xb2u);
    EXPECT_EQ(f[52], 0xf1);
    EXPECT_EQ(f[53], 0xf0);
    EXPECT_EQ(number_at<u32>(f, 56), 0x600u);
    EXPECT_EQ(number_at<u32>(f, 64), 0x604u);
    EXPECT_EQ(number_at<u32>(f, 76), 0x608u);
    EXPECT_EQ(number_at<u32>(f, 80), 0xafe0u);
    EXPECT_EQ(number_at<u16>(f, 109), 7u);                        // ISA devices, 8042, no VGA
    EXPECT_EQ(number_at<u32>(f, 112) >> 10 & 1, 1u);              // RESET_REG_SUP
    EXPECT_EQ(number_at<u32>(f, 112) >> 8 & 1, 0u);               // the PM timer has 24 bits
    EXPECT_EQ(f[116], 1);                                         // in I/O space
    EXPECT_EQ(number_at<u64>(f, 120), 0xcf9u);
    EXPECT_EQ(f[128], 6);
}

TEST(madt, has_each_cpu_the_ioapic_and_the_overrides) {
    AcpiParameters p;
    p.cpus = 3;
    Bytes m = placed_tables(p)["APIC"].bytes;
    EXPECT_EQ(number_at<u32>(m, 36), 0xfee00000u);
    EXPECT_EQ(number_at<u32>(m, 40), 1u);                         // PCAT_COMPAT
    ASSERT_EQ(entries(m, 0).size(), 3u);
    EXPECT_EQ(entries(m, 0)[2], (Bytes{0, 8, 2, 2, 1, 0, 0, 0}));
    EXPECT_EQ(entries(m, 1), (std::vector<Bytes>{{1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0}}));
    EXPECT_EQ(entries(m, 2)[0], (Bytes{2, 10, 0, 0, 2, 0, 0, 0, 0, 0}));
    EXPECT_EQ(entries(m, 2)[2], (Bytes{2, 10, 0, 9, 9, 0, 0, 0, 0x0d, 0}));
    EXPECT_EQ(entries(m, 4), (std::vector<Bytes>{{4, 6, 0xff, 0, 0, 1}}));
}

TEST(madt, cpus_beyond_254_are_x2apic_entries) {
    AcpiParameters p;
    p.cpus = 257;
    Bytes m = placed_tables(p)["APIC"].bytes;
    EXPECT_EQ(entries(m, 0).size(), 255u);
    ASSERT_EQ(entries(m, 9).size(), 2u);
    EXPECT_EQ(entries(m, 9)[1], (Bytes{9, 16, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0}));
    EXPECT_EQ(entries(m, 10).size(), 1u);
}

TEST(aml, integers_names_and_lengths_are_encoded_as_the_specification_says) {
    EXPECT_EQ(aml::integer(0), (Bytes{0}));
    EXPECT_EQ(aml::integer(1), (Bytes{1}));
    EXPECT_EQ(aml::integer(2), (Bytes{0x0a, 2}));
    EXPECT_EQ(aml::integer(0x1234), (Bytes{0x0b, 0x34, 0x12}));
    EXPECT_EQ(aml::integer(0x12345678), (Bytes{0x0c, 0x78, 0x56, 0x34, 0x12}));
    EXPECT_EQ(aml::integer(0x100000000), (Bytes{0x0e, 0, 0, 0, 0, 1, 0, 0, 0}));
    EXPECT_EQ(aml::path("PCI0"), (Bytes{'P', 'C', 'I', '0'}));
    EXPECT_EQ(aml::path("\\_SB"), (Bytes{'\\', '_', 'S', 'B', '_'}));
    EXPECT_EQ(aml::path("A.B"), (Bytes{0x2e, 'A', '_', '_', '_', 'B', '_', '_', '_'}));
    EXPECT_EQ(aml::path("\\A.B.C").size(), 3u + 12);
    EXPECT_EQ(aml::path("\\A.B.C")[1], 0x2f);
    EXPECT_EQ(aml::eisa_id("PNP0A03"), (Bytes{0x0c, 0x41, 0xd0, 0x0a, 0x03}));
    EXPECT_EQ(aml::package({aml::integer(0), aml::integer(5)}), (Bytes{0x12, 5, 2, 0, 0x0a, 5}));
    // One byte of length up to 63, itself included; then 4 bits and a byte, up to 4095.
    EXPECT_EQ(aml::scope("X", Bytes(58))[1], 63);
    Bytes two = aml::scope("X", Bytes(59));
    EXPECT_EQ(two[1], 0x41);                                      // 65 = 41h: low nibble 1
    EXPECT_EQ(two[2], 0x04);
    EXPECT_EQ(two.size(), 66u);
    Bytes three = aml::scope("X", Bytes(5000));
    EXPECT_EQ(three[1], 0x80 | (5007 & 15));
    EXPECT_EQ(three[2] | three[3] << 8, 5007 >> 4);
}

TEST(dsdt, passes_through_iasl_without_errors) {
    if (std::system("command -v iasl >/dev/null 2>&1") != 0) GTEST_SKIP() << "iasl is not installed (acpica-tools)";
    for (unsigned cpus : {1u, 300u}) {
        AcpiParameters p;
        p.cpus = cpus, p.vga = true, p.pci_window64 = 0x200000000, p.pci_window64_size = 0x100000000;
        test::Directory d;
        for (auto& [name, t] : placed_tables(p))
            if (name != "RSDP") d.file(name + ".dat", t.bytes);
        std::string in = "cd " + d.path + " && ";
        EXPECT_EQ(std::system((in + "for t in *.dat; do iasl -d $t || exit 1; done >log 2>&1; ! grep -i error log").c_str()), 0);
        EXPECT_EQ(std::system((in + "iasl -p again DSDT.dsl >log 2>&1 && grep -q ' 0 Errors' log").c_str()), 0);
        EXPECT_NE(std::system((in + "grep -iE 'invalid|unknown' *.dsl >/dev/null").c_str()), 0);
    }
}

// What firmware does with the three fw_cfg files (QEMU's docs on the table loader).
TEST(acpi_files, loaded_by_their_commands_give_tables_that_sum_to_zero) {
    AcpiFiles files = acpi_files({});
    std::map<std::string, Bytes*> by_name{{"etc/acpi/tables", &files.tables}, {"etc/acpi/rsdp", &files.rsdp}};
    std::map<std::string, u64> where{{"etc/acpi/tables", 0x3fe0000}, {"etc/acpi/rsdp", 0xf4000}};
    ASSERT_EQ(files.loader.size() % 128, 0u);
    auto name = [&](u64 at) { return std::string(text(files.loader, at, 56).c_str()); };
    for (u64 at = 0; at < files.loader.size(); at += 128) {
        u32 command = number_at<u32>(files.loader, at);
        ASSERT_TRUE(by_name.count(name(at + 4))) << name(at + 4);
        Bytes& file = *by_name[name(at + 4)];
        auto number = [&](u64 offset) { return number_at<u32>(files.loader, at + offset); };
        if (command == 1) { EXPECT_EQ(number(60) & (number(60) - 1), 0u); }
        if (command == 2) {
            u32 offset = number(116);
            u8 width = files.loader[at + 120];
            ASSERT_TRUE(within(file, offset, width));
            u64 value = width == 8 ? number_at<u64>(file, offset) : number_at<u32>(file, offset);
            ASSERT_LT(value, by_name[name(at + 60)]->size());
            patch(file, offset, value + where[name(at + 60)], width);
        }
        if (command == 3) {
            ASSERT_TRUE(within(file, number(64), number(68)));
            file[number(60)] = checksum(std::span(file).subspan(number(64), number(68)));
        }
        ASSERT_TRUE(command >= 1 && command <= 3);
    }
    EXPECT_EQ(sum(std::span(files.rsdp).first(20)), 0);
    EXPECT_EQ(sum(files.rsdp), 0);
    u64 xsdt = number_at<u64>(files.rsdp, 24) - 0x3fe0000;
    EXPECT_EQ(text(files.tables, xsdt, 4), "XSDT");
    u64 fadt = number_at<u64>(files.tables, xsdt + 36) - 0x3fe0000;
    EXPECT_EQ(text(files.tables, fadt, 4), "FACP");
    EXPECT_EQ(sum(std::span(files.tables).subspan(fadt, 244)), 0);
    EXPECT_EQ(number_at<u32>(files.tables, fadt + 36) % 64, 0u);
    EXPECT_EQ(text(files.tables, number_at<u32>(files.tables, fadt + 36) - 0x3fe0000, 4), "FACS");
}

TEST(mp_table, is_well_formed_and_names_every_cpu) {
    AcpiParameters p;
    p.cpus = 4;
    Bytes m = mp_table(p, 0xf5000);
    EXPECT_EQ(text(m, 0, 4), "_MP_");
    EXPECT_EQ(sum(std::span(m).first(16)), 0);
    EXPECT_EQ(number_at<u32>(m, 4), 0xf5010u);
    EXPECT_EQ(text(m, 16, 4), "PCMP");
    EXPECT_EQ(number_at<u16>(m, 20), m.size() - 16);
    EXPECT_EQ(sum(std::span(m).subspan(16)), 0);
    u64 at = 16 + 44;
    std::map<unsigned, unsigned> counts;
    for (unsigned i = 0; i < number_at<u16>(m, 16 + 34); i++) {
        ASSERT_LT(at, m.size());
        counts[m[at]]++;
        at += m[at] == 0 ? 20 : 8;
    }
    EXPECT_EQ(at, m.size());
    EXPECT_EQ(counts[0], 4u);
    EXPECT_EQ(counts[1], 2u);
    EXPECT_EQ(counts[2], 1u);
    EXPECT_EQ(counts[3], 13u + 31 * 4);                           // ISA without 2, 10 and 11; PCI slots 1 to 31
    EXPECT_EQ(counts[4], 2u);
    p.cpus = 255;
    EXPECT_TRUE(mp_table(p, 0xf5000).empty());
}

TEST(smbios, has_the_structures_that_systems_read) {
    for (u64 memory : {u64{64} << 20, u64{1} << 30, u64{100} << 30}) {
        Bytes s = smbios({}, memory, 0xf5000);
        EXPECT_EQ(text(s, 0, 4), "_SM_");
        EXPECT_EQ(sum(std::span(s).first(31)), 0);
        EXPECT_EQ(text(s, 16, 5), "_DMI_");
        EXPECT_EQ(sum(std::span(s).subspan(16, 15)), 0);
        EXPECT_EQ(number_at<u32>(s, 24), 0xf5020u);
        EXPECT_EQ(number_at<u16>(s, 22), s.size() - 32);
        std::vector<unsigned> types;
        u64 largest = 0;
        for (u64 at = 32; at < s.size();) {
            types.push_back(s[at]);
            u64 end = at + s[at + 1];
            while (number_at<u16>(s, end)) end++;
            largest = std::max(largest, end + 2 - at);
            at = end + 2;
            EXPECT_LE(at, s.size());
        }
        EXPECT_EQ(types, (std::vector<unsigned>{0, 1, 4, 16, 17, 19, 32, 127}));
        EXPECT_EQ(number_at<u16>(s, 28), types.size());
        EXPECT_EQ(number_at<u16>(s, 8), largest);
    }
}
