// SPDX-License-Identifier: MIT
// What every boot protocol uses while it plans: the kernel's bytes, free memory, the modules, the plan so far.
#pragma once
#include "bios/elf.h"
#include "bios/kernel.h"
#include "bios/memory_map.h"

struct Module {
    std::string file, arguments;
    Bytes bytes;                              // moved into the plan once placed
    u64 size = 0, address = 0;
    u64 end() const { return address + size; }
};

struct Loader {
    const BootRequest& request;
    const Bytes& kernel;
    MemoryMap map;
    Space space;
    std::vector<Module> modules;              // the initrd, where there is one, is the first
    u64 rsdp = 0;                             // its physical address, in the ROM
    BootPlan plan;

    // "kernel 'vmlinuz': is truncated; get it again"
    [[noreturn]] void refuse(const std::string& reason, const std::string& advice) const;

    // Takes the range that the kernel itself asks for and plans the bytes there, zeros after them.
    void place_at(u64 address, Bytes bytes, u64 zeros, const std::string& what);
    // Takes the lowest free range in [from, to) and plans the bytes there.
    u64 place_low(Bytes bytes, u64 alignment, u64 from, u64 to, const std::string& what);
    // Information for the kernel goes between 9000h and the EBDA, or, when that is full, above 1 MiB.
    u64 place_information(Bytes bytes, u64 alignment, const std::string& what);
    // Every module from the end of the kernel up, each on a page of its own.
    void place_modules(u64 kernel_end);
    // The loadable segments at their physical addresses; gives the end of the highest.
    u64 place_segments(const Elf&);

    // The file's name and what was said after it: multiboot's command lines.
    std::string command_line() const;
    static std::string command_line(const Module&);
    u64 mem_lower() const { return MemoryMap::ebda >> 10; }                  // KiB
    u64 mem_upper() const { return (map.tables() - 0x100000) >> 10; }        // KiB
};

// One protocol: says whether the file is its, and plans the boot.
struct Protocol {
    const char* name;
    bool (*recognises)(const Bytes& kernel);
    void (*load)(Loader&);
};
extern const Protocol linux_protocol, multiboot1_protocol, multiboot2_protocol, elf_protocol;   // elf: PVH too

inline std::string in_mib(u64 bytes) { return std::to_string((bytes + 0xfffff) >> 20) + " MiB"; }
std::string in_hex(u64 value);
