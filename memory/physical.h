// SPDX-License-Identifier: MIT
// The physical address map: RAM, ROM and MMIO ranges, what a page of it is, and who watches writes.
#pragma once
#include "base/archive.h"
#include "memory/address.h"
#include <bit>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

// What answers in an MMIO range. Offsets are from the range's base; width is 1, 2, 4 or 8 bytes.
class Mmio {
public:
    virtual ~Mmio() = default;
    virtual u64 read(u64 offset, unsigned width) = 0;
    virtual void write(u64 offset, unsigned width, u64 value) = 0;
};

enum class Backing : u8 { none, ram, rom, mmio };

// The page table of the bus: for each 4-KiB page, what lies there. Ranges mapped later hide earlier ones,
// so PAM, SMRAM and BARs are remaps. Reads of nothing give all ones; writes to nothing and ROM are dropped.
class PhysicalMap {
public:
    static constexpr unsigned page_bits = 12;
    static constexpr u64 page_size = 4096;

    explicit PhysicalMap(unsigned address_width = 40);      // MAXPHYADDR of the bus, in bits (32 to 52)
    ~PhysicalMap();
    PhysicalMap(const PhysicalMap&) = delete;
    PhysicalMap& operator=(const PhysicalMap&) = delete;

    // base and size are multiples of 4 KiB; `bytes` outlives the map and has size bytes.
    void map_ram(Physical base, std::span<u8> bytes);
    void map_rom(Physical base, std::span<u8> bytes);
    void map_rom(Physical base, std::span<u8> bytes, Mmio& writes);     // flash: what is written goes to a device
    void map_mmio(Physical base, u64 size, Mmio& target);
    void unmap(Physical base, u64 size);
    // Reads come from one place and writes go to another of the same size (PAM's write-only state).
    void map_split(Physical base, std::span<u8> reads, std::span<u8> writes);
    // Raised by each of the six above and by a change of A20: what was translated or decoded before may be wrong now.
    std::function<void()> map_changed = [] {};

    // Address bit 20 is forced to 0 while the A20 gate is closed.
    void set_a20(bool open);
    bool a20() const { return a20_mask == ~u64{0}; }

    Backing backing(Physical at) const;
    // The host bytes of the page that holds `at` (its start), or null where the bus must be asked:
    // for reading, RAM and ROM; for writing, RAM that no observer watches.
    u8* page_for_read(Physical at) const {
        u64 address = at.value & a20_mask;
        if (plain.holds(address)) return plain.page(address);
        const Page* page = find(address);
        return page ? page->reads : nullptr;
    }
    u8* page_for_write(Physical at) const {
        u64 address = at.value & a20_mask;
        if (plain.holds(address)) return plain.watched[(address - plain.first) >> page_bits] ? nullptr : plain.page(address);
        const Page* page = find(address);
        return page ? page->writes : nullptr;
    }
    // What names the memory behind a page whatever address it answers at: equal for aliases, 0 for no RAM or ROM.
    u64 backing_page(Physical at) const;

    // A table's entry of 4 or 8 bytes, aligned.
    u64 read_entry(Physical at, unsigned width) const {
        const u8* page = page_for_read(at);
        if (!page || std::endian::native != std::endian::little) return read(at, width);
        u64 value = 0;
        if (width == 8) std::memcpy(&value, page + at.offset(), 8);
        else std::memcpy(&value, page + at.offset(), 4);
        return value;
    }
    // Any width from 1 to 8 bytes, any alignment; MMIO accesses are split at natural alignment.
    u64 read(Physical at, unsigned width) const;
    void write(Physical at, unsigned width, u64 value);
    // Writes `desired` if the bytes (1 to 8) are still `expected`: what a locked update of a table entry does.
    bool replace(Physical at, unsigned width, u64 expected, u64 desired);
    // DMA, loaders, debugger. MMIO inside the range reads as the bus gives it.
    void read_bytes(Physical at, std::span<u8> to) const;
    void write_bytes(Physical at, std::span<const u8> from);

    // Writes to a watched RAM page go through write()/write_bytes(), which call `written` afterwards.
    // It is the memory that is watched, not the address: a write through an alias is seen too.
    void watch(Physical page, bool on);
    bool watched(Physical page) const;
    std::function<void(Physical at, unsigned width)> written = [](Physical, unsigned) {};
    // The same by host address, for those who keep something about the memory itself (decoded code): who asks with a key of
    // its own is told until it leaves.
    using Stored = std::function<void(const u8* bytes, u64 width)>;
    // By host address of the page, wherever it is mapped now or later; each `on` needs its `off`.
    void watch_memory(u8* page, bool on);
    void observe(const void* who, Stored stored);
    void changed(std::span<const u8> bytes) const;           // by a device whose memory is mapped: observers are told
    // For those who keep page_for_write()'s answers: told of each page that is watched from now on, until they leave.
    using Watched = std::function<void(const u8* page)>;
    void observe_watches(const void* who, Watched watched);
    void leave(const void* who);

    // RAM as one component: every map_ram'ed span, by its base (zero pages cost little).
    void visit(Archive&);

private:
    // Where a page's bytes are read and written; null where an access must ask the range.
    struct Page {
        u8* reads;
        u8* writes;
    };
    struct Leaf;
    struct Table;

    // One run of RAM, the longest that one map_ram() left whole: its host bytes are a sum. A lookup of each page is a miss in the
    // host's cache for each entry that a walk reads.
    struct Plain {
        u64 first = 0, size = 0;                            // bytes; 0: none
        u8* bytes = nullptr;
        const u16* watched = nullptr;                       // by page: not 0 where an observer watches

        bool holds(u64 address) const { return address - first < size; }
        u8* page(u64 address) const { return bytes + ((address - first) & ~(page_size - 1)); }
    };

    static constexpr unsigned leaf_bits = 18;               // pages in a leaf: 1 GiB
    const Page* find(u64 address) const {
        u64 top = address >> (page_bits + leaf_bits);
        if (top >= directory.size() || !directory[top]) return nullptr;
        return directory[top] + (address >> page_bits & (bit(leaf_bits) - 1));
    }

    struct Range;
    void put(Range range);
    void follow(const Range& shown, u64 start, u64 end);
    void show(u64 page, u32 slot);
    void let_go(u64 top);
    void spread(u8* page);
    void read_page(Physical at, std::span<u8> to) const;
    void write_page(Physical at, std::span<const u8> from);

    std::vector<std::pair<const void*, Stored>> observers;
    std::vector<std::pair<const void*, Watched>> watch_observers;
    std::vector<Page*> directory;                           // a leaf's pages, or null where nothing is mapped
    u64 a20_mask = ~u64{0};
    Plain plain;
    std::unique_ptr<Table> table;
};
