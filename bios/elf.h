// SPDX-License-Identifier: MIT
// An ELF executable as a loader sees it: what goes where, where it starts, and Xen's PVH note.
#pragma once
#include "bios/bytes.h"
#include <optional>
#include <string>

struct ElfSegment {
    u64 offset = 0, virtual_address = 0, physical_address = 0, file_size = 0, memory_size = 0;
};

struct Elf {
    bool is64 = false;
    u64 entry = 0;                            // physical: translated where it lies in a segment's virtual range
    std::vector<ElfSegment> segments;         // PT_LOAD with a size, each with its bytes inside the file
    std::optional<u32> pvh_entry;             // note "Xen" 18
};

// Why a file that starts like ELF cannot be loaded: reason and advice for the error line.
struct ElfProblem { std::string reason, advice; };

bool looks_like_elf(std::span<const u8> file);
// Reads headers only; nothing is copied.
std::optional<ElfProblem> read_elf(std::span<const u8> file, Elf& elf);
