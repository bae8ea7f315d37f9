// SPDX-License-Identifier: MIT
// The physical address map: a two-level table of pages, the ranges that own them, and the memory behind these.
#include "memory/physical.h"
#include "base/error.h"
#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace {

// A piece of host memory that was mapped; later mappings of a part of it (PAM, SMRAM) refer to it.
struct Memory {
    std::span<u8> bytes;
    Physical base;                        // where it was first mapped
    u64 serial = 0;                       // never used again
    bool ram = false;                     // state, hence visited
    std::vector<u16> watched;             // by page: bit 0 of watch(), above it how many of watch_memory()

    bool holds(const u8* at) const { return at >= bytes.data() && at < bytes.data() + bytes.size(); }
    bool holds(std::span<u8> other) const {
        return !other.empty() && holds(other.data()) && holds(&other.back());
    }
};

constexpr u64 page_mask = PhysicalMap::page_size - 1;

bool is_zero(const u8* page) {
    return page[0] == 0 && std::memcmp(page, page + 1, PhysicalMap::page_size - 1) == 0;
}

std::string hexadecimal(u64 value) {
    std::string text;
    for (int shift = 60; shift >= 0; shift -= 4) text += "0123456789abcdef"[value >> shift & 15];
    return text;
}

u64 load(const u8* from, unsigned width) {
    u64 value = 0;
    for (unsigned i = 0; i < width; i++) value |= u64{from[i]} << i * 8;
    return value;
}
void store(u8* to, unsigned width, u64 value) {
    for (unsigned i = 0; i < width; i++) to[i] = u8(value >> i * 8);
}

// Which pages hold anything but zeros, and the bytes of those. A load clears the others.
void visit_pages(Archive& a, std::span<u8> bytes) {
    constexpr u64 size = PhysicalMap::page_size;
    u64 pages = bytes.size() / size;
    std::vector<u8> used((pages + 7) / 8);
    for (u64 i = 0; i < pages; i++)
        if (!is_zero(&bytes[i * size])) used[i / 8] |= u8(1 << i % 8);
    a("used", used);
    auto is_used = [&](u64 i) { return used[i / 8] >> i % 8 & 1; };
    for (u64 i = 0; i < pages;) {
        u64 end = i + 1;
        while (end < pages && is_used(end) == is_used(i)) end++;
        auto run = bytes.subspan(i * size, (end - i) * size);
        if (is_used(i))
            a.memory(hexadecimal(i * size), run);
        else
            for (u64 at = 0; at < run.size(); at += size)
                if (!is_zero(&run[at])) std::memset(&run[at], 0, size);
        i = end;
    }
}

// The widest naturally aligned piece at `at` that is no longer than `left`.
unsigned piece(u64 at, unsigned left) {
    unsigned width = 8;
    while (width > left || at % width) width /= 2;
    return width;
}

}

// One mapping, as long as a page of it shows.
struct PhysicalMap::Range {
    Backing backing = Backing::none;
    Physical base;
    u64 size = 0;
    u8* reads = nullptr;
    u8* writes = nullptr;
    Mmio* target = nullptr;
    u64 pages = 0;                        // that still show it; 0: the slot is free
};

// A leaf's pages as the fast path sees them, and behind them the range of each.
struct PhysicalMap::Leaf {
    static constexpr u64 count = bit(leaf_bits);
    struct Free {
        void operator()(void* block) const { std::free(block); }
    };
    std::unique_ptr<Page[], Free> pages{static_cast<Page*>(std::calloc(count, sizeof(Page)))};
    std::unique_ptr<u32[], Free> range{static_cast<u32*>(std::calloc(count, sizeof(u32)))};
    u64 used = 0;
};

struct PhysicalMap::Table {
    u64 limit = 0;                                    // the first address that does not exist
    std::vector<std::unique_ptr<Leaf>> leaves;
    std::vector<u64> empty;                           // leaves that were left empty; a few are kept
    std::vector<Range> ranges{1};                     // 0 is nothing
    std::vector<u32> free_ranges;
    std::vector<Memory> memories;
    u64 serial = 0;

    const Range& range_at(u64 address) const {
        u64 top = address >> (page_bits + leaf_bits);
        if (address >= limit || !leaves[top]) return ranges[0];
        return ranges[leaves[top]->range[address >> page_bits & (Leaf::count - 1)]];
    }

    Memory* memory_of(const u8* at) {
        auto found = std::ranges::find_if(memories, [&](const Memory& m) { return m.holds(at); });
        return at && found != memories.end() ? &*found : nullptr;
    }

    // Makes `bytes` known, unless it is part of what is known; what it swallows goes.
    void remember(Physical base, std::span<u8> bytes, bool ram) {
        if (bytes.empty()) return;
        for (Memory& m : memories)
            if (m.holds(bytes)) return void(m.ram |= ram);
        Memory added{bytes, base, ++serial, ram, std::vector<u16>(bytes.size() / page_size)};
        std::erase_if(memories, [&](const Memory& old) {
            if (!added.holds(old.bytes)) return false;
            u64 first = u64(old.bytes.data() - bytes.data()) / page_size;
            for (u64 i = 0; i < old.watched.size(); i++) added.watched[first + i] = old.watched[i];
            return true;
        });
        memories.push_back(std::move(added));
    }

    // The words of watched pages, from that of the page at `at` on.
    const u16* watched_from(const u8* at) {
        const Memory* memory = memory_of(at);
        return memory ? &memory->watched[u64(at - memory->bytes.data()) / page_size] : nullptr;
    }

    bool watched(const u8* page) {
        const u16* word = watched_from(page);
        return word && *word;
    }

    u32 new_range(const Range& range) {
        if (free_ranges.empty()) return ranges.push_back(range), u32(ranges.size() - 1);
        u32 slot = free_ranges.back();
        free_ranges.pop_back();
        ranges[slot] = range;
        return slot;
    }
    void release_page(u32 slot) {
        if (slot && --ranges[slot].pages == 0) ranges[slot] = {}, free_ranges.push_back(slot);
    }

    // What the fast path may use of the range's page at `offset`.
    Page page_of(const Range& range, u64 offset) {
        u8* to = range.writes ? range.writes + offset : nullptr;
        return {range.reads ? range.reads + offset : nullptr, watched(to) ? nullptr : to};
    }
};

PhysicalMap::PhysicalMap(unsigned address_width) : table(std::make_unique<Table>()) {
    address_width = std::clamp(address_width, 32u, 52u);
    directory.resize(bit(address_width - page_bits - leaf_bits));
    table->leaves.resize(directory.size());
    table->limit = bit(address_width);
}
PhysicalMap::~PhysicalMap() = default;

void PhysicalMap::map_ram(Physical base, std::span<u8> bytes) {
    table->remember(base, bytes, true);
    put({Backing::ram, base, bytes.size(), bytes.data(), bytes.data()});
}
void PhysicalMap::map_rom(Physical base, std::span<u8> bytes) {
    table->remember(base, bytes, false);
    put({Backing::rom, base, bytes.size(), bytes.data(), nullptr});
}
void PhysicalMap::map_rom(Physical base, std::span<u8> bytes, Mmio& writes) {
    table->remember(base, bytes, false);
    put({Backing::rom, base, bytes.size(), bytes.data(), nullptr, &writes});
}
void PhysicalMap::map_split(Physical base, std::span<u8> reads, std::span<u8> writes) {
    if (reads.size() != writes.size()) throw Error("internal: a split mapping with two sizes", 4);
    table->remember(base, reads, false);
    table->remember(base, writes, true);
    put({Backing::rom, base, reads.size(), reads.data(), writes.data()});
}
void PhysicalMap::map_mmio(Physical base, u64 size, Mmio& target) {
    put({Backing::mmio, base, size, nullptr, nullptr, &target});
}
void PhysicalMap::unmap(Physical base, u64 size) { put({Backing::none, base, size, nullptr, nullptr}); }

// Lets `range` show in each of its pages that exist.
void PhysicalMap::put(Range range) {
    if ((range.base.value | range.size) & page_mask) throw Error("internal: a mapping that is not of whole pages", 4);
    u64 start = std::min(range.base.value, table->limit);
    u64 end = start + std::min(range.size, table->limit - start);
    follow(range, start, end);
    if (start == end) return;
    u32 slot = range.backing == Backing::none ? 0 : table->new_range(range);
    for (u64 page = start; page < end; page += page_size) show(page, slot);
    map_changed();
}

// Keeps `plain` to what shows now that `shown` does from start to end: what lies over it leaves the larger of its two sides,
// unless that is the same RAM again.
void PhysicalMap::follow(const Range& shown, u64 start, u64 end) {
    u64 after = plain.first + plain.size;
    bool ram = shown.backing == Backing::ram;
    bool same = ram && plain.holds(start) && end <= after && shown.reads == plain.bytes + (start - plain.first);
    if (start < after && end > plain.first && !same) {
        u64 below = start > plain.first ? start - plain.first : 0, above = after > end ? after - end : 0;
        if (above > below) plain.bytes += end - plain.first, plain.first = end;
        plain.size = std::max(above, below);
    }
    if (ram && end - start > plain.size) plain = {start, end - start, shown.reads, nullptr};
    plain.watched = table->watched_from(plain.bytes);       // also where the same memory is known by a new name
}

void PhysicalMap::show(u64 page, u32 slot) {
    u64 top = page >> (page_bits + leaf_bits), index = page >> page_bits & (Leaf::count - 1);
    auto& leaf = table->leaves[top];
    if (!leaf && slot == 0) return;
    if (!leaf) leaf = std::make_unique<Leaf>(), directory[top] = leaf->pages.get();

    u32 before = leaf->range[index];
    leaf->used += (slot != 0) - (before != 0);
    leaf->range[index] = slot;
    Range& range = table->ranges[slot];
    range.pages += slot != 0;
    leaf->pages[index] = table->page_of(range, page - range.base.value);
    table->release_page(before);
    if (leaf->used == 0) let_go(top);
}

// A BAR that comes and goes shall not cost a leaf each time, nor shall one that wanders leave them all behind.
void PhysicalMap::let_go(u64 top) {
    auto& empty = table->empty;
    if (std::ranges::find(empty, top) == empty.end()) empty.push_back(top);
    if (empty.size() < 8) return;
    for (u64 each : empty)
        if (table->leaves[each]->used == 0) directory[each] = nullptr, table->leaves[each].reset();
    empty.clear();
}

void PhysicalMap::set_a20(bool open) {
    u64 before = std::exchange(a20_mask, open ? ~u64{0} : ~bit(20));
    if (before != a20_mask) map_changed();
}

Backing PhysicalMap::backing(Physical at) const { return table->range_at(at.value & a20_mask).backing; }

u64 PhysicalMap::backing_page(Physical at) const {
    const u8* page = page_for_read(at);
    const Memory* memory = table->memory_of(page);
    if (!memory) return 0;
    return memory->serial << 40 | u64(page - memory->bytes.data()) / page_size;
}

u64 PhysicalMap::read(Physical at, unsigned width) const {
    if (const u8* page = page_for_read(at); page && at.offset() + width <= page_size)
        return load(page + at.offset(), width);
    std::array<u8, 8> bytes;
    read_bytes(at, std::span(bytes).first(width));
    return load(bytes.data(), width);
}

void PhysicalMap::write(Physical at, unsigned width, u64 value) {
    if (u8* page = page_for_write(at); page && at.offset() + width <= page_size)
        return store(page + at.offset(), width, value);
    std::array<u8, 8> bytes;
    store(bytes.data(), width, value);
    write_bytes(at, std::span(bytes).first(width));
}

bool PhysicalMap::replace(Physical at, unsigned width, u64 expected, u64 desired) {
    if (read(at, width) != expected) return false;
    write(at, width, desired);
    return true;
}

void PhysicalMap::read_bytes(Physical at, std::span<u8> to) const {
    while (!to.empty()) {
        auto part = to.first(std::min<u64>(to.size(), page_size - at.offset()));
        read_page(at, part);
        at = at + part.size();
        to = to.subspan(part.size());
    }
}

void PhysicalMap::write_bytes(Physical at, std::span<const u8> from) {
    while (!from.empty()) {
        auto part = from.first(std::min<u64>(from.size(), page_size - at.offset()));
        write_page(at, part);
        at = at + part.size();
        from = from.subspan(part.size());
    }
}

// Within one page: from host memory, from the device in natural pieces, or all ones.
void PhysicalMap::read_page(Physical at, std::span<u8> to) const {
    if (const u8* page = page_for_read(at))
        return void(std::memcpy(to.data(), page + at.offset(), to.size()));
    u64 address = at.value & a20_mask;
    Range range = table->range_at(address);               // a copy: the device may remap itself
    for (unsigned done = 0, width; done < to.size(); done += width) {
        width = piece(address + done, unsigned(std::min<std::size_t>(to.size() - done, 8)));
        u64 value = range.target ? range.target->read(address + done - range.base.value, width) : ones(width);
        store(&to[done], width, value);
    }
}

void PhysicalMap::write_page(Physical at, std::span<const u8> from) {
    u64 address = at.value & a20_mask;
    Range range = table->range_at(address);
    if (range.writes) {
        std::memcpy(range.writes + (address - range.base.value), from.data(), from.size());
        if (page_for_write(at)) return;
        written(Physical(address), unsigned(from.size()));
        for (auto& [who, stored] : observers) stored(range.writes + (address - range.base.value), from.size());
        return;
    }
    for (unsigned done = 0, width; range.target && done < from.size(); done += width) {
        width = piece(address + done, unsigned(std::min<std::size_t>(from.size() - done, 8)));
        range.target->write(address + done - range.base.value, width, load(&from[done], width));
    }
}

void PhysicalMap::observe(const void* who, Stored stored) { observers.emplace_back(who, std::move(stored)); }
void PhysicalMap::changed(std::span<const u8> bytes) const {
    for (auto& [who, stored] : observers) stored(bytes.data(), bytes.size());
}
void PhysicalMap::observe_watches(const void* who, Watched watched) { watch_observers.emplace_back(who, std::move(watched)); }
void PhysicalMap::leave(const void* who) {
    std::erase_if(observers, [&](auto& o) { return o.first == who; });
    std::erase_if(watch_observers, [&](auto& o) { return o.first == who; });
}

void PhysicalMap::watch(Physical at, bool on) {
    u64 address = at.value & a20_mask & ~page_mask;
    const Range& range = table->range_at(address);
    if (!range.writes) return;
    u8* page = range.writes + (address - range.base.value);
    Memory* memory = table->memory_of(page);
    u16& watched = memory->watched[u64(page - memory->bytes.data()) / page_size];
    watched = u16((watched & ~1) | on);
    spread(page);
}

void PhysicalMap::watch_memory(u8* page, bool on) {
    Memory* memory = table->memory_of(page);
    if (!memory) return;
    u16& watched = memory->watched[u64(page - memory->bytes.data()) / page_size];
    watched = u16(on ? watched + 2 : watched - 2);
    spread(page);
    if (!on) return;
    for (auto& [who, begun] : watch_observers) begun(page);
}

bool PhysicalMap::watched(Physical at) const {
    u64 address = at.value & a20_mask & ~page_mask;
    const Range& range = table->range_at(address);
    return range.writes && table->watched(range.writes + (address - range.base.value));
}

// Brings what is now known of a page of host memory to every address at which it can be written.
void PhysicalMap::spread(u8* page) {
    for (u32 slot = 1; slot < table->ranges.size(); slot++) {
        const Range& range = table->ranges[slot];
        if (!range.writes || page < range.writes || page >= range.writes + range.size) continue;
        u64 at = range.base.value + u64(page - range.writes);
        if (&table->range_at(at) != &range) continue;
        directory[at >> (page_bits + leaf_bits)][at >> page_bits & (Leaf::count - 1)] =
            table->page_of(range, at - range.base.value);
    }
}

// Each RAM span by its base: which pages are not zero, then those, in runs.
void PhysicalMap::visit(Archive& a) {
    bool open = a20();
    a("a20", open);
    set_a20(open);

    std::vector<Memory*> spans;
    for (Memory& m : table->memories)
        if (m.ram) spans.push_back(&m);
    std::ranges::stable_sort(spans, {}, [](const Memory* m) { return m->base.value; });
    for (Memory* m : spans) {
        a.enter(hexadecimal(m->base.value));
        visit_pages(a, m->bytes);
        a.leave();
    }
}
