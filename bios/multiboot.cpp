// SPDX-License-Identifier: MIT
// Multiboot 1 (specification 0.6.96): header search, loading by ELF or by the header's addresses, information structure.
#include "bios/loader.h"
#include <algorithm>

namespace {

constexpr u32 header_magic = 0x1badb002, handover_magic = 0x2badb002;
constexpr u64 search = 8192;

// Flags of the header (3.1.2): bits 15:0 must be understood, bits 31:16 may be.
enum : u32 { align_modules = 1 << 0, memory_info = 1 << 1, video_mode = 1 << 2, has_addresses = 1 << 16 };
// Flags of the information structure (3.3).
enum : u32 { has_memory = 1 << 0, has_command_line = 1 << 2, has_modules = 1 << 3, has_map = 1 << 6, has_loader = 1 << 9 };

std::optional<u64> find_header(const Bytes& k) {
    for (u64 at = 0; at + 12 <= std::min<u64>(k.size(), search); at += 4) {
        u32 magic = number_at<u32>(k, at);
        if (magic == header_magic && u32(magic + number_at<u32>(k, at + 4) + number_at<u32>(k, at + 8)) == 0) return at;
    }
    return {};
}

bool recognises(const Bytes& kernel) { return find_header(kernel).has_value(); }

// The information structure with all it points to, in one block; addresses follow from where it goes.
class Information {
public:
    explicit Information(const Loader& l) : l(l) {
        put_structure();
        put_map();
        put_modules();
        patch(b, 16, text(l.command_line()), 4);
        patch(b, 64, text("Slate"), 4);
    }
    // All pointers were offsets: move them to the address at which the block lies.
    Bytes at(u64 base) {
        Bytes moved = b;
        for (u64 field : pointers) patch(moved, field, number_at<u32>(b, field) + base, 4);
        return moved;
    }
    u64 size() const { return b.size(); }

private:
    void put_structure() {
        put32(b, has_memory | has_command_line | has_map | has_loader | (l.modules.empty() ? 0u : u32(has_modules)));
        put32(b, l.mem_lower()), put32(b, l.mem_upper());
        b.resize(120);
        pointers = {16, 48, 64};
        if (!l.modules.empty()) pointers.push_back(24);
    }
    void put_map() {                                                  // "size" does not count itself
        patch(b, 44, l.map.ranges.size() * 24, 4), patch(b, 48, b.size(), 4);
        for (auto& r : l.map.ranges) put32(b, 20), put64(b, r.base), put64(b, r.size), put32(b, u32(r.type));
    }
    void put_modules() {
        u64 list = b.size();
        patch(b, 20, l.modules.size(), 4), patch(b, 24, l.modules.empty() ? 0 : list, 4);
        b.resize(list + 16 * l.modules.size());
        for (auto& m : l.modules) {
            patch(b, list, m.address, 4), patch(b, list + 4, m.end(), 4);
            patch(b, list + 8, text(Loader::command_line(m)), 4);
            pointers.push_back(list + 8);
            list += 16;
        }
    }
    u64 text(const std::string& s) {
        u64 at = b.size();
        put_string(b, s);
        return at;
    }

    const Loader& l;
    Bytes b;
    std::vector<u64> pointers;
};

// The header's own addresses (3.1.3) say what to load where; gives the end of it in memory.
u64 place_by_addresses(Loader& l, u64 header) {
    auto field = [&](u64 offset) { return u64(number_at<u32>(l.kernel, header + offset)); };
    u64 header_address = field(12), load = field(16), load_end = field(20), bss_end = field(24), entry = field(28);
    u64 before = header_address - load;                               // bytes of the image in front of the header
    if (header + 32 > l.kernel.size() || load > header_address || before > header)
        l.refuse("has a multiboot header whose addresses make no sense", "get it again or link it again");
    u64 offset = header - before, available = l.kernel.size() - offset;
    u64 size = load_end ? load_end - load : available;
    if (load_end && (load_end < load || size > available))
        l.refuse("is truncated or its multiboot header is corrupt: it loads up to " + in_hex(load_end), "get it again");
    u64 end = std::max(load + size, bss_end);
    if (entry < load || entry >= end) l.refuse("has an entry point outside what it loads", "get it again or link it again");
    auto from = l.kernel.begin() + std::ptrdiff_t(offset);
    l.place_at(load, Bytes(from, from + std::ptrdiff_t(size)), end - load - size, "image");
    l.plan.entry = flat_protected(entry);
    return end;
}

u64 place_elf(Loader& l) {
    Elf elf;
    if (!looks_like_elf(l.kernel))
        l.refuse("has a multiboot header without load addresses and is no ELF file", "link it as ELF");
    if (auto problem = read_elf(l.kernel, elf)) l.refuse(problem->reason, problem->advice);
    if (elf.entry >= MemoryMap::four_gib) l.refuse("starts above 4 GiB", "link it below");
    l.plan.entry = flat_protected(elf.entry);
    return l.place_segments(elf);
}

void load(Loader& l) {
    u64 header = *find_header(l.kernel);
    u32 flags = number_at<u32>(l.kernel, header + 4);
    if (u32 unknown = flags & 0xffff & ~u32(align_modules | memory_info | video_mode))
        l.refuse("asks for unknown multiboot features (flags " + in_hex(unknown) + ")", "give another build of it");
    u64 end = flags & has_addresses ? place_by_addresses(l, header) : place_elf(l);
    l.place_modules(end);
    Information information(l);
    u64 base = l.place_information(Bytes(information.size()), 16, "multiboot information");
    l.plan.placements.back().bytes = information.at(base);
    l.plan.entry.rax = handover_magic, l.plan.entry.rbx = base;
    l.plan.protocol = "multiboot 1";
}

}  // namespace

const Protocol multiboot1_protocol = {"multiboot 1", recognises, load};
