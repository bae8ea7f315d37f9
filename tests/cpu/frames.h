// SPDX-License-Identifier: MIT
// Which of the first 256 pages of memory a guest may have written to: those that its tables of the second stage lead to with a
// right to write, found by going through all of them, and the tables that get accessed and dirty flags.
#pragma once
#include "memory/physical.h"
#include <bitset>
#include <cstring>
#include <optional>
#include <set>
#include <tuple>

class Frames {
public:
    static constexpr u64 count = 256;
    using Set = std::bitset<count>;

    void remember(std::span<const u8> ram) { before.assign(ram.begin(), ram.begin() + count * 4096); }
    std::optional<u64> changed_outside(std::span<const u8> ram, const Set& allowed) const {
        for (u64 n = 0; n < count; n++)
            if (!allowed[n] && std::memcmp(ram.data() + n * 4096, before.data() + n * 4096, 4096)) return n;
        return {};
    }
    static void add(Set& set, u64 at, u64 bytes) {
        for (u64 page = at >> 12; bytes && page <= (at + bytes - 1) >> 12 && page < count; page++) set.set(page);
    }

    // SDM vol. 3, 29.3.2: any of bits 2:0 makes an entry present; a write needs bit 1 of each. Reserved bits are overlooked.
    static Set writable_by_ept(const PhysicalMap& memory, u64 eptp) { return Search{memory, 7, 2}.run(eptp, eptp & bit(6)); }
    // APM vol. 2, 5.3 and 15.25, long mode: bit 0 makes it present; bits 1 and 2 let a user write. Under GMET bit 2 is about fetches.
    static Set writable_by_npt(const PhysicalMap& memory, u64 ncr3, bool gmet) { return Search{memory, 1, gmet ? u64{2} : u64{6}}.run(ncr3, true); }

private:
    struct Search {
        const PhysicalMap& memory;
        u64 present, write;
        Set found{}, tables{};
        std::set<std::tuple<u64, int, bool>> done{};

        Set run(u64 root, bool flags) {
            descend(root & mask(51, 12), 4, true);
            if ((found & tables).any()) return Set().set();              // a guest that writes its own tables can reach anything
            return flags ? found | tables : found;
        }
        void descend(u64 table, int level, bool writable) {
            if (!done.emplace(table, level, writable).second) return;
            add(tables, table, 4096);
            for (u64 n = 0; n < 512; n++) {
                u64 e = memory.read(Physical(table + n * 8), 8), size = u64{4096} << 9 * (level - 1);
                if (!(e & present)) continue;
                bool may = writable && (e & write) == write, leaf = level == 1 || (level < 4 && e & 0x80);
                if (!leaf) descend(e & mask(51, 12), level - 1, may);
                else if (may) add(found, e & mask(51, 12) & ~(size - 1), size);
            }
        }
    };
    std::vector<u8> before;
};
