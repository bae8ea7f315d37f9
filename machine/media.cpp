// SPDX-License-Identifier: MIT
// Which image goes into which drive.
#include "machine/media.h"
#include "base/error.h"
#include "iodev/media/open.h"
#include <algorithm>
#include <array>
#include <optional>

using In = ide::Channel::Kind;           // the drive that an image goes into

namespace {
using Places = std::array<std::optional<In>, 4>;        // which kind a place on the two channels has

struct Inserted {
    In kind;
    std::string path, format;
    bool discard = false;
};
}

static std::vector<Inserted> images(const Options& options) {
    std::vector<Inserted> all;
    for (auto& disk : options.disks) all.push_back({In::disk, disk.path, disk.format});
    for (auto& path : options.media) all.push_back({is_iso9660(path) ? In::cd : In::disk, path, ""});
    for (auto& path : options.cdroms) all.push_back({In::cd, path, "raw"});
    return all;
}

static Medium medium(const Inserted& image, bool discard) {
    if (image.kind == In::cd && image.path.empty()) return Medium();
    if (image.kind == In::cd) return Medium(open_image(image.path, "raw", Access::read), true);
    return Medium(open_image(image.path, image.format, discard || image.discard ? Access::discard : Access::write));
}

// The boot order as SeaBIOS reads it from the CMOS: three nibbles, 1 floppy, 2 disk, 3 CD; and whether a floppy needs a signature.
static void set_boot_order(Cmos& cmos, const std::string& order, bool boots_any_floppy) {
    auto nibble = [&](std::size_t n) { return n < order.size() ? u8(std::string_view("acd").find(order[n]) + 1) : u8(0); };
    cmos.poke(0x3d, u8(nibble(0) | nibble(1) << 4));
    cmos.poke(0x38, u8(nibble(2) << 4 | boots_any_floppy));
}

// The same for what reads fw_cfg's "bootorder", device by device: Open Firmware's paths, a line each, ended by a zero.
static void describe_boot_order(Pc& pc, const std::string& order, const Places& taken) {
    std::string paths;
    for (char kind : order) {
        if (kind == 'a' && pc.floppy.cmos_types()) paths += "/pci@i0cf8/isa@1/fdc@03f0/floppy@0\n";
        for (unsigned place = 0; place < taken.size(); place++)
            if (taken[place] == (kind == 'c' ? In::disk : In::cd) && kind != 'a')
                paths += "/pci@i0cf8/ide@1,1/drive@" + std::to_string(place / 2) + "/disk@" + std::to_string(place % 2) + "\n";
    }
    if (paths.empty()) return;
    paths.back() = 0;
    pc.fw_cfg.add("bootorder", {paths.begin(), paths.end()});
}

static void insert_floppy(Pc& pc, unsigned n, const Options::Floppy& floppy, bool discard) {
    Access access = floppy.write_protected ? Access::read : discard ? Access::discard : Access::write;
    pc.floppy.insert(n, Medium(open_image(floppy.path, "raw", access), floppy.write_protected));
    pc.cmos.set_floppies(pc.floppy.cmos_types());
}

// The places on the two channels that a kind takes, in order: as other PCs have them, a CD is the
// secondary channel's first drive.
static std::vector<unsigned> places(In kind) {
    return kind == In::cd ? std::vector<unsigned>{2, 3, 1, 0} : std::vector<unsigned>{0, 1, 3, 2};
}

static void insert_variables(Pc& pc, const Options& options) {
    auto image = open_image(options.firmware_variables, "raw", options.discard_writes ? Access::discard : Access::write);
    if (!pc.flash.insert(Medium(std::move(image))))
        throw Error("'" + options.firmware_variables + "': cannot be read, or has changed just now; check the file");
}

void insert_media(Pc& pc, const Options& options) {
    Places taken;
    if (!options.firmware_variables.empty()) insert_variables(pc, options);
    set_boot_order(pc.cmos, options.boot, options.boots_any_floppy);
    for (unsigned n : {0, 1})
        if (!options.floppies[n].path.empty()) insert_floppy(pc, n, options.floppies[n], options.discard_writes);
    auto attach = [&](unsigned place, const Inserted& image) {
        taken[place] = image.kind;
        std::string serial = "SLATE" + std::to_string(place + 1);
        pc.ide.channel(place / 2).attach(place % 2, image.kind, medium(image, options.discard_writes), serial);
    };
    for (auto& d : options.drives) attach(d.place, {d.cd ? In::cd : In::disk, d.path, d.format, d.discard_writes});
    for (auto& image : images(options)) {
        auto order = places(image.kind);
        auto free = std::ranges::find_if(order, [&](unsigned place) { return !taken[place]; });
        if (free == order.end()) throw Error("'" + image.path + "': the IDE channels have room for four disks and CDs in all");
        attach(*free, image);
    }
    describe_boot_order(pc, options.boot, taken);
}
