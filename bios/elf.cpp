// SPDX-License-Identifier: MIT
// An ELF executable as a loader sees it: what goes where, where it starts, and Xen's PVH note.
#include "bios/elf.h"
#include <algorithm>

namespace {

// Where the fields lie, by class (System V ABI, "Object files": ELF header and program header).
struct Fields {
    unsigned word;                                                    // bytes of an address
    u64 entry, phoff, phentsize, phnum, header;                       // in the ELF header
    u64 offset, vaddr, paddr, filesz, memsz, align, program_header;   // in a program header
};
constexpr Fields class32 = {4, 24, 28, 42, 44, 52, 4, 8, 12, 16, 20, 28, 32};
constexpr Fields class64 = {8, 24, 32, 54, 56, 64, 8, 16, 24, 32, 40, 48, 56};

constexpr u32 pt_load = 1, pt_note = 4;
constexpr unsigned most_program_headers = 1024;
constexpr u32 xen_phys32_entry = 18;

u64 word(std::span<const u8> file, u64 at, unsigned width) {
    return width == 4 ? number_at<u32>(file, at) : number_at<u64>(file, at);
}

// Notes: name size, descriptor size, type; then the two, each padded to 4 bytes (or 8 where the segment asks for it).
std::optional<u32> find_pvh(std::span<const u8> notes, u64 unit) {
    for (u64 at = 0; within(notes, at, 12);) {
        u64 name_size = number_at<u32>(notes, at), size = number_at<u32>(notes, at + 4);
        u64 name = at + 12, descriptor = at + align_up(12 + name_size, unit);
        if (!within(notes, name, name_size) || !within(notes, descriptor, size)) return {};
        bool xen = name_size == 4 && number_at<u32>(notes, name) == 0x006e6558;       // "Xen\0"
        if (xen && number_at<u32>(notes, at + 8) == xen_phys32_entry && size >= 4)
            return number_at<u32>(notes, descriptor);
        at = descriptor + align_up(size, unit);
    }
    return {};
}

u64 to_physical(const Elf& elf, u64 entry) {
    for (auto& s : elf.segments)
        if (entry >= s.virtual_address && entry - s.virtual_address < s.memory_size)
            return s.physical_address + (entry - s.virtual_address);
    return entry;
}

bool in_a_segment(const Elf& elf, u64 physical) {
    return std::any_of(elf.segments.begin(), elf.segments.end(), [&](const ElfSegment& s) {
        return physical >= s.physical_address && physical - s.physical_address < s.memory_size;
    });
}

std::optional<ElfProblem> check_machine(std::span<const u8> file) {
    u8 file_class = file[4];
    u16 type = number_at<u16>(file, 16), machine = number_at<u16>(file, 18);
    if (file[5] != 1 || (file_class != 1 && file_class != 2))
        return ElfProblem{"its ELF header is corrupt or of another byte order", "give an x86 executable"};
    if (machine != (file_class == 2 ? 62 : 3))                        // EM_X86_64, EM_386
        return ElfProblem{"is an ELF file for another machine (" + std::to_string(machine) + ")",
                          "give one for i386 (ELF32) or x86-64 (ELF64)"};
    if (type != 2 && type != 3)                                       // ET_EXEC, ET_DYN
        return ElfProblem{"is an ELF file but no executable (type " + std::to_string(type) + ")",
                          "link it first"};
    return {};
}

ElfProblem truncated() { return {"is a truncated or corrupt ELF file: a part lies beyond its end", "get it again"}; }

}  // namespace

bool looks_like_elf(std::span<const u8> file) { return number_at<u32>(file, 0) == 0x464c457f; }

std::optional<ElfProblem> read_elf(std::span<const u8> file, Elf& elf) {
    if (!within(file, 0, 52)) return truncated();
    if (auto problem = check_machine(file)) return problem;
    elf.is64 = file[4] == 2;
    const Fields& f = elf.is64 ? class64 : class32;
    if (!within(file, 0, f.header)) return truncated();
    u64 phoff = word(file, f.phoff, f.word), step = number_at<u16>(file, f.phentsize), count = number_at<u16>(file, f.phnum);
    if (step < f.program_header || count > most_program_headers)
        return ElfProblem{"its ELF program headers are corrupt", "get it again"};
    if (!within(file, phoff, step * count)) return truncated();

    for (u64 i = 0; i < count; i++) {
        u64 at = phoff + i * step;
        u32 type = number_at<u32>(file, at);
        auto field = [&](u64 offset) { return word(file, at + offset, f.word); };
        ElfSegment s{field(f.offset), field(f.vaddr), field(f.paddr), field(f.filesz), field(f.memsz)};
        if ((type != pt_load && type != pt_note) || (s.file_size == 0 && s.memory_size == 0)) continue;
        if (!within(file, s.offset, s.file_size)) return truncated();
        if (type == pt_note && !elf.pvh_entry)
            elf.pvh_entry = find_pvh(file.subspan(s.offset, s.file_size), field(f.align) == 8 ? 8 : 4);
        if (type != pt_load) continue;
        if (s.memory_size < s.file_size)
            return ElfProblem{"a segment of it is smaller in memory than in the file", "get it again"};
        elf.segments.push_back(s);
    }
    if (elf.segments.empty()) return ElfProblem{"has no loadable segments", "link it as an executable"};
    elf.entry = to_physical(elf, word(file, f.entry, f.word));
    if (!elf.pvh_entry && !in_a_segment(elf, elf.entry))
        return ElfProblem{"its entry point lies outside its segments", "get it again or link it again"};
    if (elf.pvh_entry && !in_a_segment(elf, *elf.pvh_entry))
        return ElfProblem{"its PVH entry point lies outside its segments", "get it again or link it again"};
    return {};
}
