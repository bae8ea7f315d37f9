// SPDX-License-Identifier: MIT
// Tiny kernels of each format, built by hand, and a directory to keep them in.
#pragma once
#include "base/error.h"
#include "bios/kernel.h"
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

namespace test {

// A directory that is gone afterwards.
class Directory {
public:
    Directory() {
        std::string name = (std::filesystem::temp_directory_path() / "slate-XXXXXX").string();
        path = mkdtemp(name.data());
    }
    ~Directory() { std::filesystem::remove_all(path); }
    std::string file(const std::string& name, const Bytes& bytes) const {
        std::ofstream(path + "/" + name, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()),
                                                                 std::streamsize(bytes.size()));
        return path + "/" + name;
    }
    std::string path;
};

struct ElfPart { u64 physical, virtual_address; Bytes bytes; u64 zeros = 0; u32 type = 1; };

// An executable: headers, program headers, then the parts one after the other.
inline Bytes elf(bool is64, u64 entry, const std::vector<ElfPart>& parts) {
    unsigned w = is64 ? 8 : 4;
    u64 header = is64 ? 64 : 52, program = is64 ? 56 : 32, at = header + program * parts.size();
    Bytes b{0x7f, 'E', 'L', 'F', u8(is64 ? 2 : 1), 1, 1};
    b.resize(16);
    put16(b, 2), put16(b, is64 ? 62 : 3), put32(b, 1), put(b, entry, w), put(b, header, w), put(b, 0, w), put32(b, 0);
    put16(b, header), put16(b, program), put16(b, parts.size()), put16(b, 0), put16(b, 0), put16(b, 0);
    for (auto& p : parts) {
        u64 size = p.bytes.size();
        put32(b, p.type);
        if (is64) put32(b, 7);
        for (u64 v : {at, p.virtual_address, p.physical, size, size + p.zeros}) put(b, v, w);
        if (!is64) put32(b, 7);
        put(b, p.type == 4 ? 4 : 0x1000, w);
        at += size;
    }
    for (auto& p : parts) put_bytes(b, p.bytes);
    return b;
}

inline Bytes pvh_note(u32 entry) {
    Bytes b;
    put32(b, 4), put32(b, 4), put32(b, 18), put_string(b, "Xen"), put32(b, entry);
    return b;
}

inline Bytes multiboot1_header(u32 flags) {
    Bytes b;
    put32(b, 0x1badb002), put32(b, flags), put32(b, u32(-(0x1badb002 + flags)));
    return b;
}

inline Bytes multiboot2_header(const Bytes& tags) {
    Bytes b;
    u32 length = u32(16 + tags.size());
    put32(b, 0xe85250d6), put32(b, 0), put32(b, length), put32(b, u32(-(0xe85250d6 + length))), put_bytes(b, tags);
    return b;
}
inline Bytes header_tag(u16 type, u16 flags, const std::vector<u32>& words) {
    Bytes b;
    put16(b, type), put16(b, flags), put32(b, 8 + 4 * words.size());
    for (u32 w : words) put32(b, w);
    pad_to(b, 8);
    return b;
}
inline Bytes end_tag() { return header_tag(0, 0, {}); }

// Boot protocol 2.15, four sectors of setup and 4 KiB of code that is all 90h.
inline Bytes bzimage(bool is64 = true) {
    Bytes b(5 * 512);
    patch(b, 0x1f1, 4, 1), patch(b, 0x1f4, 4096 / 16, 4), patch(b, 0x1fe, 0xaa55, 2), patch(b, 0x200, 0x66eb, 2);
    patch(b, 0x202, 0x53726448, 4), patch(b, 0x206, 0x20f, 2), patch(b, 0x211, 1, 1), patch(b, 0x214, 0x100000, 4);
    patch(b, 0x22c, 0x7fffffff, 4), patch(b, 0x230, 0x200000, 4), patch(b, 0x234, 1, 1), patch(b, 0x236, is64 ? 1 : 0, 2);
    patch(b, 0x238, 2047, 4), patch(b, 0x248, 0x300, 4), patch(b, 0x24c, 0x100, 4), patch(b, 0x258, 0x1000000, 8);
    patch(b, 0x260, 0x800000, 4);
    b.resize(b.size() + 4096, 0x90);
    return b;
}

constexpr u64 mib = 1 << 20;

inline BootRequest request(u64 memory = 64 * mib) {
    BootRequest r;
    r.kernel = "k";
    r.memory = memory;
    return r;
}

inline BootPlan plan_boot(const BootRequest& r, const Bytes& kernel) { return ::plan_boot(r, build_firmware(r), kernel); }

// The line of the Error that planning ends with; empty when it succeeds.
inline std::string refusal(const BootRequest& r, const Bytes& kernel) {
    try {
        plan_boot(r, kernel);
    } catch (const Error& e) {
        return e.what();
    }
    return {};
}

// What the plan puts at an address; bytes that nothing places are absent.
inline std::optional<u64> placed(const BootPlan& plan, u64 address, unsigned width) {
    for (auto p = plan.placements.rbegin(); p != plan.placements.rend(); ++p) {
        if (address < p->address || address + width > p->address + p->size()) continue;
        u64 value = 0;
        for (unsigned i = 0; i < width; i++) {
            u64 at = address - p->address + i;
            value |= u64(at < p->bytes.size() ? p->bytes[at] : 0) << (8 * i);
        }
        return value;
    }
    return {};
}

inline std::string text_at(const BootPlan& plan, u64 address) {
    std::string s;
    for (auto c = placed(plan, address, 1); c && *c; c = placed(plan, ++address, 1)) s += char(*c);
    return s;
}

inline const Placement* find(const BootPlan& plan, const std::string& what) {
    for (auto& p : plan.placements)
        if (p.what == what) return &p;
    return nullptr;
}

}  // namespace test
