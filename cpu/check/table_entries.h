// SPDX-License-Identifier: MIT
// The table entries that cached translations were made from: each as it was read, as it is now, and who has changed it since.
#pragma once
#include "memory/linear.h"
#include <unordered_map>
#include <vector>

namespace check {

// Who stored: a CPU at an instruction, in a context; no CPU: a device.
struct Writer {
    static constexpr unsigned nobody = ~0u;
    unsigned cpu = nobody;
    u64 rip = 0, tick = 0;
    paging::Context context;
};

// A table entry in memory that something cached rests on.
struct TableEntry {
    paging::Stage stage = paging::Stage::first;
    u8 level = 0, width = 8;
    Physical at;
    u64 flags = 0;                // accessed and dirty flags: their change changes no translation
    u64 now = 0;
    Writer by;                    // of the last change
    u64 users = 0;
    const u8* page = nullptr;     // of the host's memory
};

// What a walk read.
struct Read {
    paging::Stage stage;
    u8 level, width;
    u64 input;                    // the address that the stage translated
    Physical at;
    u64 entry, flags;
};

// What one cached translation rests on.
struct Sources {
    struct Source {
        TableEntry* entry;
        u64 was;                  // as the walk read it
        bool changed() const { return (was ^ entry->now) & ~entry->flags; }
    };
    std::vector<Source> list;     // in the order of the walk
    u64 first_root = 0, second_root = 0;      // the first stage's and, where the tag doesn't have it, the second's; 0: any
};

// All entries in use, by the host's memory that they lie in. Their pages are watched.
class TableEntries {
public:
    explicit TableEntries(PhysicalMap& map) : map(map) {}
    ~TableEntries();
    TableEntries(const TableEntries&) = delete;
    TableEntries& operator=(const TableEntries&) = delete;

    // Null: not in RAM.
    TableEntry* use(const Read&);
    void release(TableEntry&);
    // Something was stored there. True: an entry in use has changed.
    bool written(const u8* bytes, u64 width, const Writer&);
    u64 size() const { return entries; }

private:
    using Page = std::unordered_map<u32, TableEntry>;                  // by offset
    static bool note(TableEntry&, u32 offset, const Writer&);
    PhysicalMap& map;
    std::unordered_map<const u8*, Page> pages;
    u64 entries = 0;
};

}
