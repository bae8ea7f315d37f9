// SPDX-License-Identifier: MIT
// Multiboot 2 (specification 2.0): header and its tags in, information tags out.
#include "bios/loader.h"
#include <algorithm>

namespace {

constexpr u32 header_magic = 0xe85250d6, handover_magic = 0x36d76289;
constexpr u64 search = 32768;

// Header tags (3.1.4 on) and information tags (3.6).
enum HeaderTag : u16 { end_of_header, information_request, load_addresses, entry_address, console_flags, framebuffer,
                       align_modules, efi_boot_services, efi32_entry, efi64_entry, relocatable };
enum Tag : u32 { end_of_tags, command_line, loader_name, module, basic_memory, boot_device, memory_map_tag, vbe, framebuffer_info,
                 elf_sections, apm, efi32, efi64, smbios, old_rsdp, new_rsdp, network, efi_map, efi_not_terminated, efi32_handle,
                 efi64_handle, load_base };
// What the information has for those who must have it.
constexpr u32 given = 1u << command_line | 1u << loader_name | 1u << module | 1u << basic_memory | 1u << memory_map_tag |
                      1u << old_rsdp | 1u << new_rsdp;

std::optional<u64> find_header(const Bytes& k) {
    for (u64 at = 0; at + 16 <= std::min<u64>(k.size(), search); at += 8) {
        u32 sum = 0;
        for (u64 i = 0; i < 16; i += 4) sum += number_at<u32>(k, at + i);
        if (number_at<u32>(k, at) == header_magic && sum == 0) return at;
    }
    return {};
}

bool recognises(const Bytes& kernel) { return find_header(kernel).has_value(); }

// What the header's tags ask for.
struct Wishes {
    std::optional<u64> addresses, entry;               // offsets of these tags in the file
    bool load_base = false;
};

void check_request(const Loader& l, u64 tag, u32 size) {
    for (u64 at = tag + 8; at + 4 <= tag + size; at += 4) {
        u32 type = number_at<u32>(l.kernel, at);
        if (type >= 32 || !(given >> type & 1))
            l.refuse("requires multiboot 2 information of type " + std::to_string(type) + ", which this machine lacks",
                     "give another build of it");
    }
}

void read_tag(const Loader& l, u64 at, u16 type, bool optional, u32 size, Wishes& wishes) {
    switch (type) {
    case information_request: if (!optional) check_request(l, at, size); break;
    case load_addresses:      wishes.addresses = at; break;
    case entry_address:       wishes.entry = at; break;
    case relocatable:         wishes.load_base = true; break;
    case console_flags: case framebuffer: case align_modules:
    case efi_boot_services: case efi32_entry: case efi64_entry: break;
    default:
        if (!optional)
            l.refuse("requires the unknown multiboot 2 feature " + std::to_string(type), "give another build of it");
    }
}

Wishes read_header(const Loader& l, u64 header) {
    if (u32 architecture = number_at<u32>(l.kernel, header + 4))
        l.refuse("is a multiboot 2 kernel for architecture " + std::to_string(architecture), "give one for i386");
    u64 end = header + number_at<u32>(l.kernel, header + 8);
    Wishes wishes;
    for (u64 at = header + 16;;) {
        u16 type = number_at<u16>(l.kernel, at);
        u32 size = number_at<u32>(l.kernel, at + 4);
        if (size < 8 || at + size > end || !within(l.kernel, at, size))
            l.refuse("has a corrupt multiboot 2 header", "get it again");
        if (type == end_of_header) return wishes;
        if ((type == load_addresses && size < 24) || (type == entry_address && size < 12))
            l.refuse("has a corrupt multiboot 2 header", "get it again");
        read_tag(l, at, type, number_at<u16>(l.kernel, at + 2) & 1, size, wishes);
        at += align_up(size, 8);
    }
}

struct Image { u64 base, end, entry; };

Image place_by_addresses(Loader& l, u64 header, u64 tag, u64 entry) {
    auto field = [&](u64 offset) { return u64(number_at<u32>(l.kernel, tag + offset)); };
    u64 header_address = field(8), load = field(12), load_end = field(16), bss_end = field(20);
    bool whole = load == 0xffffffff;                                  // from the file's start
    u64 before = whole ? header : header_address - load;
    if (whole) load = header_address - header;
    if (load > header_address || before > header)
        l.refuse("has multiboot 2 load addresses that make no sense", "get it again or link it again");
    u64 offset = header - before, available = l.kernel.size() - offset, size = load_end ? load_end - load : available;
    if (load_end && (load_end < load || size > available))
        l.refuse("is truncated or its multiboot 2 header is corrupt: it loads up to " + in_hex(load_end), "get it again");
    u64 end = std::max(load + size, bss_end);
    auto from = l.kernel.begin() + std::ptrdiff_t(offset);
    l.place_at(load, Bytes(from, from + std::ptrdiff_t(size)), end - load - size, "image");
    return {load, end, entry};
}

Image place_elf(Loader& l, std::optional<u64> entry) {
    Elf elf;
    if (!looks_like_elf(l.kernel))
        l.refuse("has a multiboot 2 header without load addresses and is no ELF file", "link it as ELF");
    if (auto problem = read_elf(l.kernel, elf)) l.refuse(problem->reason, problem->advice);
    u64 base = ~u64{0};
    for (auto& s : elf.segments) base = std::min(base, s.physical_address);
    return {base, l.place_segments(elf), entry.value_or(elf.entry)};
}

Image place_image(Loader& l, u64 header, const Wishes& wishes) {
    std::optional<u64> entry;
    if (wishes.entry) entry = number_at<u32>(l.kernel, *wishes.entry + 8);
    if (wishes.addresses && !entry)
        l.refuse("has multiboot 2 load addresses but no entry address", "get it again or link it again");
    Image image = wishes.addresses ? place_by_addresses(l, header, *wishes.addresses, *entry) : place_elf(l, entry);
    if (image.entry < image.base || image.entry >= std::min(image.end, MemoryMap::four_gib))
        l.refuse("has an entry point outside what it loads", "get it again or link it again");
    return image;
}

Bytes tag(u32 type, const Bytes& content) {
    Bytes b;
    put32(b, type), put32(b, 8 + content.size()), put_bytes(b, content), pad_to(b, 8);
    return b;
}

Bytes text(const std::string& s) {
    Bytes b;
    put_string(b, s);
    return b;
}

Bytes memory_entries(const MemoryMap& map) {
    Bytes b;
    put32(b, 24), put32(b, 0);                                        // size and version of an entry
    for (auto& r : map.ranges) put64(b, r.base), put64(b, r.size), put32(b, u32(r.type)), put32(b, 0);
    return b;
}

Bytes module_entry(const Module& m) {
    Bytes b;
    put32(b, m.address), put32(b, m.end()), put_string(b, Loader::command_line(m));
    return b;
}

Bytes numbers(std::initializer_list<u64> values) {
    Bytes b;
    for (u64 v : values) put32(b, v);
    return b;
}

Bytes build_information(const Loader& l, const Wishes& wishes, const Image& image) {
    Bytes b(8);
    put_bytes(b, tag(command_line, text(l.command_line())));
    put_bytes(b, tag(loader_name, text("Slate")));
    for (auto& m : l.modules) put_bytes(b, tag(module, module_entry(m)));
    put_bytes(b, tag(basic_memory, numbers({l.mem_lower(), l.mem_upper()})));
    put_bytes(b, tag(memory_map_tag, memory_entries(l.map)));
    Bytes rsdp(l.plan.rom.begin() + std::ptrdiff_t(l.rsdp & 0xffff), l.plan.rom.begin() + std::ptrdiff_t((l.rsdp & 0xffff) + 36));
    put_bytes(b, tag(old_rsdp, Bytes(rsdp.begin(), rsdp.begin() + 20)));
    put_bytes(b, tag(new_rsdp, rsdp));
    if (wishes.load_base) put_bytes(b, tag(load_base, numbers({image.base})));
    put_bytes(b, tag(end_of_tags, {}));
    patch(b, 0, b.size(), 4);
    return b;
}

void load(Loader& l) {
    u64 header = *find_header(l.kernel);
    Wishes wishes = read_header(l, header);
    Image image = place_image(l, header, wishes);
    l.place_modules(image.end);
    l.plan.entry = flat_protected(image.entry);
    l.plan.entry.rax = handover_magic;
    l.plan.entry.rbx = l.place_information(build_information(l, wishes, image), 8, "multiboot 2 information");
    l.plan.protocol = "multiboot 2";
}

}  // namespace

const Protocol multiboot2_protocol = {"multiboot 2", recognises, load};
