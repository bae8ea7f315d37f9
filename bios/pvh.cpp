// SPDX-License-Identifier: MIT
// ELF kernels without a multiboot header: by Xen's PVH entry point where a note names one, else plain.
#include "bios/loader.h"
#include <algorithm>

namespace {

constexpr u32 start_info_magic = 0x336ec578;
constexpr u64 start_info_size = 56, stack_size = 0x4000;

bool recognises(const Bytes& kernel) { return looks_like_elf(kernel); }

// Xen's public/arch-x86/hvm/start_info.h, version 1, with lists and strings behind it in one block.
class StartInfo {
public:
    StartInfo(const Loader& l, u64 base) : base(base) {
        put32(b, start_info_magic), put32(b, 1), put32(b, 0), put32(b, l.modules.size());
        b.resize(start_info_size);
        patch(b, 32, l.rsdp, 8);
        put_memory(l.map);
        put_modules(l);
        patch(b, 24, text(l.request.append), 8);
    }
    Bytes b;

private:
    void put_memory(const MemoryMap& map) {
        patch(b, 40, base + b.size(), 8), patch(b, 48, map.ranges.size(), 4);
        for (auto& r : map.ranges) put64(b, r.base), put64(b, r.size), put32(b, u32(r.type)), put32(b, 0);
    }
    void put_modules(const Loader& l) {
        if (l.modules.empty()) return;
        u64 list = b.size();
        patch(b, 16, base + list, 8);
        for (auto& m : l.modules) put64(b, m.address), put64(b, m.size), put64(b, 0), put64(b, 0);
        for (auto& m : l.modules) patch(b, list + 16, text(m.arguments), 8), list += 32;
    }
    u64 text(const std::string& s) {
        u64 at = base + b.size();
        put_string(b, s);
        return at;
    }
    u64 base;
};

// A stack as C code finds it on entry to a function of one argument that must not return.
u64 place_stack(Loader& l, bool is64, u64 argument) {
    Bytes stack(stack_size);
    u64 top = stack_size - (is64 ? 8 : 20);                           // 16-byte alignment before the call
    if (!is64) patch(stack, top + 4, argument, 4);
    return l.place_information(std::move(stack), 0x1000, "stack") + top;
}

void enter_plain(Loader& l, const Elf& elf, u64 info) {
    if (elf.is64) {
        u64 tables = l.place_information(Bytes(6 * 0x1000), 0x1000, "page tables");
        l.plan.placements.back().bytes = identity_tables(tables);
        l.plan.entry = flat_long(elf.entry, tables);
        l.plan.entry.rdi = info;
    } else {
        l.plan.entry = flat_protected(elf.entry);
    }
    l.plan.entry.rsp = place_stack(l, elf.is64, info);
    l.plan.protocol = elf.is64 ? "plain ELF64" : "plain ELF32";
}

void load(Loader& l) {
    Elf elf;
    if (auto problem = read_elf(l.kernel, elf)) l.refuse(problem->reason, problem->advice);
    if (!elf.pvh_entry && elf.entry >= MemoryMap::four_gib) l.refuse("starts above 4 GiB", "link it below");
    if (!elf.pvh_entry && elf.is64 && !l.request.long_mode)
        l.refuse("is a 64-bit kernel and the CPU model has no long mode", "choose another with --cpu");
    l.place_modules(l.place_segments(elf));
    u64 info = l.place_information(Bytes(StartInfo(l, 0).b.size()), 16, "start information");
    l.plan.placements.back().bytes = StartInfo(l, info).b;
    if (elf.pvh_entry) {
        l.plan.entry = flat_protected(*elf.pvh_entry);
        l.plan.protocol = "PVH";
    } else {
        enter_plain(l, elf, info);
    }
    l.plan.entry.rbx = info;
}

}  // namespace

const Protocol elf_protocol = {"ELF", recognises, load};
