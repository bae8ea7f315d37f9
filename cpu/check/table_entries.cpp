// SPDX-License-Identifier: MIT
// Watching table entries that cached translations were made from.
#include "cpu/check/table_entries.h"
#include <cstring>

namespace check {

static u64 load(const u8* from, unsigned width) {
    u64 value = 0;
    std::memcpy(&value, from, width);
    return value;
}

TableEntries::~TableEntries() {
    for (auto& [page, in_it] : pages) map.watch_memory(const_cast<u8*>(page), false);
}

TableEntry* TableEntries::use(const Read& read) {
    u8* page = map.page_for_read(read.at);
    if (!page) return nullptr;
    auto [found, is_new] = pages.try_emplace(page);
    if (is_new) map.watch_memory(page, true);
    auto [slot, added] = found->second.try_emplace(u32(read.at.offset()));
    TableEntry& e = slot->second;
    if (added) {
        u64 now = load(page + read.at.offset(), read.width);
        e = {read.stage, read.level, read.width, read.at, read.flags, now, {}, 0, page};
        entries++;
    }
    e.users++;
    return &e;
}

// Its page stays watched until a store finds nothing in it: contexts that come and go would watch it anew each time.
void TableEntries::release(TableEntry& e) {
    if (--e.users) return;
    entries--;
    pages.find(e.page)->second.erase(u32(e.at.offset()));
}

bool TableEntries::note(TableEntry& e, u32 offset, const Writer& by) {
    u64 before = e.now;
    e.now = load(e.page + offset, e.width);
    if (!((before ^ e.now) & ~e.flags)) return false;
    e.by = by;
    return true;
}

bool TableEntries::written(const u8* bytes, u64 width, const Writer& by) {
    u64 start = reinterpret_cast<u64>(bytes) & (PhysicalMap::page_size - 1);
    auto found = pages.find(bytes - start);
    if (found == pages.end()) return false;
    auto& in_it = found->second;
    bool changed = false;
    if (in_it.empty()) {
        map.watch_memory(const_cast<u8*>(found->first), false);
        pages.erase(found);
    } else if (width > in_it.size()) {
        for (auto& [offset, e] : in_it) changed |= note(e, offset, by);
    } else {                              // entries are of 4 or 8 bytes at multiples of 4
        for (u64 at = start < 8 ? 0 : (start - 4) & ~u64{3}; at < start + width; at += 4)
            if (auto e = in_it.find(u32(at)); e != in_it.end()) changed |= note(e->second, u32(at), by);
    }
    return changed;
}

}
