// SPDX-License-Identifier: MIT
// Translation tables as a test writes them: sparse memory, chains of entries, identity maps.
#pragma once
#include "memory/walk.h"
#include <unordered_map>

namespace tables {

using namespace paging;

// Memory that is zero where nothing was written; counts what is read.
struct Sparse {
    std::unordered_map<u64, u32> word;       // by address / 4
    unsigned loads = 0;

    u64 peek(u64 at, unsigned width) const {
        auto part = [&](u64 a) { auto it = word.find(a / 4); return it == word.end() ? u64{0} : u64{it->second}; };
        return width == 4 ? part(at) : part(at) | part(at + 4) << 32;
    }
    u64 load(Physical at, unsigned width) { return loads++, peek(at.value, width); }
    bool replace(Physical at, unsigned width, u64 expected, u64 desired) {
        if (peek(at.value, width) != expected) return false;
        put(at.value, desired, width);
        return true;
    }
    void put(u64 at, u64 value, unsigned width = 8) {
        word[at / 4] = u32(value);
        if (width == 8) word[at / 4 + 1] = u32(value >> 32);
    }
};

// Long-mode tables for linear page 0: one table per 4 KiB from root; the entry at `leaf_level` is `leaf`, those above link.
inline void chain(Sparse& memory, u64 root, int levels, u64 leaf, u64 link = 7, int leaf_level = 1) {
    for (int level = levels; level > leaf_level; level--, root += 0x1000) memory.put(root, (root + 0x1000) | link);
    memory.put(root, leaf);
}
// Where chain() put the entry of a level.
inline u64 entry_at(u64 root, int levels, int level) { return root + u64(levels - level) * 0x1000; }

// Tables of 4-KiB pages that translate the first 2 MiB to themselves.
inline void identity(Sparse& memory, u64 root, int levels, u64 flags, u64 link) {
    chain(memory, root, levels, 0, link);
    u64 last = entry_at(root, levels, 1);
    for (u64 page = 0; page < 512; page++) memory.put(last + page * 8, page << 12 | flags);
}

constexpr Access access(Kind kind, Privilege privilege = Privilege::supervisor, bool ac = false) {
    return {kind, privilege, ac, kind == Kind::execute ? Purpose::code : Purpose::data};
}
constexpr Access reading = access(Kind::read), writing = access(Kind::write), fetching = access(Kind::execute);
constexpr Access user_read = access(Kind::read, Privilege::user), user_write = access(Kind::write, Privilege::user),
                 user_fetch = access(Kind::execute, Privilege::user);

// Long mode as a kernel has it, tables at 1000h.
inline Regime long_mode(Mode mode = Mode::level4) {
    Regime r;
    r.stage1.mode = mode;
    r.stage1.root = 0x1000;
    r.stage1.wp = r.stage1.nxe = r.stage1.pge = true;
    return r;
}

}
