// SPDX-License-Identifier: MIT
// Linux bzImage by the x86 boot protocol (Documentation/arch/x86/boot.rst): setup header in, zero page out.
#include "bios/loader.h"
#include <algorithm>

namespace {

// The setup header, by its offset in the file and in the zero page alike.
namespace setup {
constexpr u64 first = 0x1f1, sects = 0x1f1, syssize = 0x1f4, vid_mode = 0x1fa, boot_flag = 0x1fe, jump_length = 0x201,
              magic = 0x202, version = 0x206, type_of_loader = 0x210, loadflags = 0x211, code32_start = 0x214,
              ramdisk_image = 0x218, ramdisk_size = 0x21c, cmd_line_ptr = 0x228, initrd_addr_max = 0x22c,
              relocatable_kernel = 0x234, xloadflags = 0x236, cmdline_size = 0x238, payload_offset = 0x248,
              payload_length = 0x24c, pref_address = 0x258, init_size = 0x260, end = 0x290;
}
// The rest of the zero page.
namespace zero_page {
constexpr u64 screen_info = 0x000, ext_mem_k = 0x002, acpi_rsdp_addr = 0x070, alt_mem_k = 0x1e0, e820_entries = 0x1e8, e820_table = 0x2d0,
              size = 0x1000;
}
// Where it goes; the kernel itself lies at 1 MiB or above.
constexpr u64 boot_params = 0x10000, page_tables = 0x11000, cmdline = 0x20000, cmdline_end = 0x30000;

constexpr u8 loaded_high = 1, relocatable = 1;
constexpr u16 kernel_64 = 1;                                          // XLF_KERNEL_64

struct Header {
    const Bytes& file;
    u8 byte(u64 at) const { return number_at<u8>(file, at); }
    u16 word(u64 at) const { return number_at<u16>(file, at); }
    u32 dword(u64 at) const { return number_at<u32>(file, at); }
    bool since(u16 version) const { return word(setup::version) >= version; }
    u64 code() const { return ((byte(setup::sects) ? byte(setup::sects) : 4) + u64{1}) * 512; }
    u64 size() const { return file.size() - code(); }
    bool is64() const { return since(0x20c) && (word(setup::xloadflags) & kernel_64); }
    bool moves() const { return since(0x205) && byte(setup::relocatable_kernel) == relocatable; }
};

bool recognises(const Bytes& kernel) {
    Header h{kernel};
    return h.word(setup::boot_flag) == 0xaa55 && h.dword(setup::magic) == 0x53726448;        // "HdrS"
}

std::string version_text(u16 version) { return std::to_string(version >> 8) + "." + std::to_string(version & 0xff); }

void check(const Loader& l, const Header& h) {
    if (!h.since(0x202))
        l.refuse("speaks Linux boot protocol " + version_text(h.word(setup::version)),
                 "2.02 is needed, give a kernel of 2.4 or later");
    if (!(h.byte(setup::loadflags) & loaded_high)) l.refuse("is a zImage", "build a bzImage");
    if (h.file.size() <= h.code()) l.refuse("is truncated: only its real-mode part is there", "get it again");
    u64 needed = h.since(0x204) ? u64(h.dword(setup::syssize)) * 16 : 0;
    if ((h.size() + 15) / 16 * 16 < needed)                           // syssize counts paragraphs
        l.refuse("is truncated: " + std::to_string(h.size()) + " of " + std::to_string(needed) + " bytes of code",
                 "get it again");
    u64 payload_end = h.since(0x208) ? u64(h.dword(setup::payload_offset)) + h.dword(setup::payload_length) : 0;
    if (payload_end > h.size()) l.refuse("has a corrupt setup header: its payload lies beyond the file", "get it again");
    if (h.is64() && h.size() < 0x201) l.refuse("is truncated before its 64-bit entry point", "get it again");
    if (h.is64() && !l.request.long_mode)
        l.refuse("is a 64-bit kernel and the CPU model has no long mode", "choose another with --cpu");
    if (!l.request.modules.empty())
        l.refuse("is a Linux bzImage, which takes no --module", "give an --initrd");
}

// Where the kernel goes: where it prefers to run when it can be moved, else at 1 MiB. Its room is kept free of the initrd.
u64 place_kernel(Loader& l, const Header& h) {
    Bytes code(h.file.begin() + std::ptrdiff_t(h.code()), h.file.end());
    bool knows_room = h.since(0x20a);
    u64 prefers = knows_room ? number_at<u64>(h.file, setup::pref_address) : 0, room = knows_room ? h.dword(setup::init_size) : 0;
    if (knows_room && (prefers < 0x100000 || prefers >= MemoryMap::four_gib))
        l.refuse("has a corrupt setup header: it prefers to lie at " + in_hex(prefers), "get it again");
    u64 at = h.moves() && knows_room ? prefers : 0x100000;
    u64 size = std::max<u64>(code.size(), at == prefers ? room : 0);
    l.place_at(at, std::move(code), 0, "code");
    u64 filled = l.plan.placements.back().bytes.size();
    bool fits = l.space.take(at + filled, size - filled);
    if (at != prefers && room) {                                      // it will unpack itself there
        u64 from = std::max(prefers, at + filled), to = prefers + room;
        fits = l.map.is_ram(prefers, room) && (from >= to || l.space.take(from, to - from));
    }
    if (!fits)
        l.refuse("needs " + in_mib(room) + " of RAM at " + in_hex(prefers) + " to unpack itself", "give more with --memory");
    return at;
}

u64 place_initrd(Loader& l, const Header& h) {
    Module& initrd = l.modules.front();
    if (initrd.size == 0) l.refuse("the initrd '" + initrd.file + "' is empty", "give another or none");
    u64 last = h.since(0x203) ? h.dword(setup::initrd_addr_max) : 0x37ff'ffff;
    auto at = l.space.highest(initrd.size, 0x1000, 0x100000, std::min(last + 1, MemoryMap::four_gib));
    if (!at)
        l.refuse("there is no room of " + in_mib(initrd.size) + " for the initrd '" + initrd.file + "' below " + in_hex(last + 1),
                 "give more with --memory or a smaller initrd");
    l.plan.placements.push_back({*at, std::move(initrd.bytes), 0, "initrd"});
    return *at;
}

void place_command_line(Loader& l, const Header& h) {
    u64 most = std::min<u64>(h.since(0x206) ? h.dword(setup::cmdline_size) : 255, cmdline_end - cmdline - 1);
    if (l.request.append.size() > most)
        l.refuse("takes a command line of at most " + std::to_string(most) + " characters and --append has " +
                     std::to_string(l.request.append.size()), "shorten it");
    Bytes text;
    put_string(text, l.request.append);
    l.place_at(cmdline, std::move(text), 0, "command line");
}

// struct screen_info (Documentation/arch/x86/zero-page.rst): text mode 3 of a VGA, as bios/text_mode.h leaves it.
constexpr struct { u8 at, width; u16 value; } screen_info[] = {
    {0x00, 1, 0}, {0x01, 1, 0},                                       // cursor: column, row
    {0x06, 1, 3}, {0x07, 1, 80},                                      // mode, columns
    {0x0a, 2, 3},                                                     // INT 10h AH=12h BL=10h: colour, 256 KiB
    {0x0e, 1, 25}, {0x0f, 1, 1},                                      // rows; it is a VGA
    {0x10, 2, 16},                                                    // lines of a character
};

Bytes build_zero_page(const Loader& l, const Header& h, u64 code, u64 initrd, u64 initrd_size) {
    Bytes z(zero_page::size);
    u64 end = std::clamp<u64>(setup::magic + h.byte(setup::jump_length), setup::magic + 0x26, setup::end);
    for (u64 at = setup::first; at < end; at++) z[at] = h.byte(at);
    patch(z, setup::vid_mode, 0xffff, 2);                             // "normal"
    patch(z, setup::type_of_loader, 0xff, 1);                         // a loader without a number of its own
    patch(z, setup::code32_start, code, 4);
    patch(z, setup::cmd_line_ptr, cmdline, 4);
    patch(z, setup::ramdisk_image, initrd, 4);
    patch(z, setup::ramdisk_size, initrd_size, 4);
    if (h.since(0x20e)) patch(z, zero_page::acpi_rsdp_addr, l.rsdp, 8);
    if (l.request.acpi.vga)
        for (auto& d : screen_info) patch(z, zero_page::screen_info + d.at, d.value, d.width);
    patch(z, zero_page::ext_mem_k, std::min<u64>(l.mem_upper(), 0xffff), 2);
    patch(z, zero_page::alt_mem_k, l.mem_upper(), 4);
    patch(z, zero_page::e820_entries, l.map.ranges.size(), 1);
    u64 at = zero_page::e820_table;
    for (auto& r : l.map.ranges) {
        patch(z, at, r.base, 8), patch(z, at + 8, r.size, 8), patch(z, at + 16, u32(r.type), 4);
        at += 20;
    }
    return z;
}

void load(Loader& l) {
    Header h{l.kernel};
    check(l, h);
    u64 code = place_kernel(l, h);
    u64 initrd_size = l.modules.empty() ? 0 : l.modules.front().size;
    u64 initrd = l.modules.empty() ? 0 : place_initrd(l, h);
    place_command_line(l, h);
    l.place_at(boot_params, build_zero_page(l, h, code, initrd, initrd_size), 0, "zero page");
    if (h.is64()) {
        l.place_at(page_tables, identity_tables(page_tables), 0, "page tables");
        l.plan.entry = flat_long(code + 0x200, page_tables);
    } else {
        l.plan.entry = flat_protected(code);
    }
    l.plan.entry.rsi = boot_params;
    l.plan.protocol = "Linux " + version_text(h.word(setup::version)) + (h.is64() ? ", 64-bit entry" : ", 32-bit entry");
}

}  // namespace

const Protocol linux_protocol = {"Linux", recognises, load};
