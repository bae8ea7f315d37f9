// SPDX-License-Identifier: MIT
// Which image goes into which drive.
#include "machine/media.h"
#include "base/error.h"
#include "iodev/media/open.h"
#include <algorithm>

using In = ide::Channel::Kind;           // the drive that an image goes into

namespace {
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

void insert_media(Pc& pc, const Options& options) {
    bool taken[4] = {};
    set_boot_order(pc.cmos, options.boot, options.boots_any_floppy);
    for (unsigned n : {0, 1})
        if (!options.floppies[n].path.empty()) insert_floppy(pc, n, options.floppies[n], options.discard_writes);
    auto attach = [&](unsigned place, const Inserted& image) {
        taken[place] = true;
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
}
