// SPDX-License-Identifier: MIT
// Which drives media go into, and the order in which firmware is told to try them.
#include "machine/media.h"
#include "base/error.h"
#include "base/file.h"
#include "machine/pc.h"
#include <filesystem>
#include <gtest/gtest.h>
#include <unistd.h>

namespace {

struct MediaTest : testing::Test {
    std::filesystem::path place = std::filesystem::temp_directory_path() / ("slate-media-" + std::to_string(::getpid()));
    Parts parts;
    MediaTest() {
        std::filesystem::create_directory(place);
        parts.model = *find_model("max-intel"), parts.memory = u64{4} << 20;
    }
    ~MediaTest() override { std::filesystem::remove_all(place); }
    std::string file(const char* name, u64 size) {
        std::string path = place / name;
        write_file(path, std::vector<u8>(size));
        return path;
    }
    static std::string boot_order(const Pc& pc) {
        auto* found = pc.fw_cfg.file("bootorder");
        return found ? std::string(found->begin(), found->end()) : "";
    }
};

}

// QEMU's fw_cfg file "bootorder", as SeaBIOS and OVMF read it: Open Firmware's paths, a line each, with a zero at the end.
TEST_F(MediaTest, the_boot_order_names_each_drive_by_its_path) {
    Options o;
    o.disks = {{file("a", 4096), "raw"}, {file("b", 4096), "raw"}}, o.cdroms = {file("c", 4096)}, o.floppies[0].path = file("f", 1'474'560);
    o.boot = "dca";
    Pc pc(parts);
    insert_media(pc, o);
    std::string wanted = "/pci@i0cf8/ide@1,1/drive@1/disk@0\n/pci@i0cf8/ide@1,1/drive@0/disk@0\n/pci@i0cf8/ide@1,1/drive@0/disk@1\n"
                         "/pci@i0cf8/isa@1/fdc@03f0/floppy@0";
    EXPECT_EQ(boot_order(pc), wanted + '\0');
}

TEST_F(MediaTest, a_boot_order_holds_only_what_is_there_and_asked_for) {
    Options o;
    o.disks = {{file("a", 4096), "raw"}}, o.cdroms = {file("c", 4096)};
    o.boot = "ad";
    Pc with(parts), without(parts);
    insert_media(with, o), insert_media(without, Options());
    EXPECT_EQ(boot_order(with), std::string("/pci@i0cf8/ide@1,1/drive@1/disk@0") + '\0');
    EXPECT_EQ(boot_order(without), "");
}

TEST_F(MediaTest, variables_of_another_size_are_refused) {
    Options o;
    o.firmware_variables = file("v", 8192);
    parts.variables.resize(4096);
    Pc pc(parts);
    EXPECT_THROW(insert_media(pc, o), Error);
    parts.variables.resize(8192, 0xff);
    Pc other(parts);
    insert_media(other, o);
    EXPECT_EQ(other.flash.array()[0], 0);
}
