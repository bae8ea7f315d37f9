// SPDX-License-Identifier: MIT
// A model of translation through two stages: random tables, random operations, and for each access a second opinion that is
// written straight down the manuals' pages, knows no cache, and says which physical page may be reached.
#pragma once
#include "tests/cpu/machine.h"

// Below 2 MiB a guest has 512 pages, above them one large page of the second stage. Its tables are guest-physical pages 1 to 4:
// linear 4 MiB to 6 MiB by 4-KiB pages, 6 MiB to 8 MiB one large page. Physical frames 10 MiB to 14 MiB hold their own address.
struct TwoStages : TestMachine {
    static constexpr u64 guest_tables = 0x800000, roots[2] = {0x400000, 0x500000}, frames = 0xa00000, frame_count = 1024;
    static constexpr unsigned root_pages = 4;
    enum class Verdict : u8 { reached, first, second };
    struct Opinion {
        Verdict verdict;
        u64 physical = 0;
    };
    struct World {
        u16 tag;
        unsigned root;
        bool paged;
    };
    // Two VPIDs under one root, one VPID under two roots; with AMD each ASID keeps to one root.
    static constexpr World intel_worlds[] = {{1, 0, true}, {2, 0, true}, {1, 1, true}, {1, 0, false}, {3, 1, false}};
    static constexpr World amd_worlds[] = {{1, 0, true}, {2, 0, true}, {3, 1, true}, {4, 0, false}, {3, 1, false}};

    Mmu& mmu = *cpu.mmu;
    bool amd, flags;                                 // EPT with accessed and dirty flags
    Control host;
    const World* world = nullptr;                    // null: the host
    std::string complaint;

    TwoStages(bool amd, bool flags) : TestMachine(TestMode::long64, amd ? "max-amd" : "max-intel"), amd(amd), flags(flags) { start(); }

    void start() {
        leave();
        cpu.cpl = 0, cpu.control.cr0 |= cr0::wp;
        cpu.translation_mode_changed();
        mmu.invalidate(paging::Operation::reset);
        complaint.clear();
        host = cpu.control;
        for (u64 n = 0; n < frame_count; n++) put(frames + n * 4096, frames + n * 4096), put(frames + n * 4096 + 8, u64{0});
        for (u64 root : roots) {
            put(root, (root + 0x1000) | second_link()), put(root + 0x1000, (root + 0x2000) | second_link());
            put(root + 0x2000, (root + 0x3000) | second_link()), put(root + 0x2008, u64{0});
            std::memset(ram.data() + root + 0x3000, 0, 4096);
            for (u64 at = 0; at < 8; at++) put(root + 0x3000 + at * 8, (guest_tables + at * 4096) | second_all());
        }
        std::memset(ram.data() + guest_tables, 0, 8 * 4096);
        put(guest_tables + 0x1000, u64{0x2007}), put(guest_tables + 0x2000, u64{0x3007}), put(guest_tables + 0x3010, u64{0x4007});
    }
    u64 second_link() const { return 7; }
    u64 second_all() const { return amd ? 0x67 : 0x37; }

    // ---- worlds
    void leave() {
        if (world) cpu.control = host;
        world = nullptr;
        mmu.leave_guest();
    }
    void enter(const World& to) {
        leave();
        world = &to;
        cpu.control.cr3 = 0x1000;
        if (!to.paged) cpu.control.cr0 &= ~cr0::pg, cpu.control.efer &= ~(efer::lma | efer::lme);
        paging::Stage2 s{.kind = amd ? paging::Nesting::npt : paging::Nesting::ept, .root = roots[to.root], .maxphyaddr = u8(cpu.model.physical_bits),
                         .accessed_dirty = flags && !amd, .nxe = true};
        mmu.enter_guest(s, to.tag, amd ? paging::Context::no_ept : roots[to.root]);
        cpu.mode_changed();
    }

    // ---- the second opinion
    bool second_step(u64 at, u64& e, u64& all) const {
        e = get<u64>(at);
        all &= amd ? e ^ bit(63) : e;
        return amd ? e & 1 : e & 7 && (e & 3) != 2;                      // EPT: something allowed, and no write without read
    }
    // kind: 1 read, 2 write, 4 fetch.
    bool second(u64 guest, unsigned kind, u64& physical) const {
        u64 root = roots[world->root], e, all = ~u64{0};
        if (!second_step(root, e, all) || !second_step(root + 0x1000, e, all)) return false;
        if (guest >> 22 || !second_step(root + 0x2000 + (guest >> 21) * 8, e, all)) return false;
        if (guest >> 21) {
            physical = (e & 0xffffe00000) | (guest & 0x1fffff);
        } else {
            if (!second_step(root + 0x3000 + (guest >> 12) * 8, e, all)) return false;
            physical = (e & 0xfffffff000) | (guest & 0xfff);
        }
        if (!amd) return (all & kind) == kind;
        return (all & 4) && (!(kind & 2) || all & 2) && (!(kind & 4) || all >> 63);
    }
    Opinion opinion(u64 linear, unsigned kind) const {
        u64 physical = linear;
        if (!world) return {Verdict::reached, physical};
        if (!world->paged) return second(linear, kind, physical) ? Opinion{Verdict::reached, physical} : Opinion{Verdict::second};
        u64 table = 0x1000, at[4], entry[4], all = ~u64{0}, any = 0, page = 0;
        unsigned levels = 0, look = amd || flags ? 3 : 1;
        for (unsigned shift : {39, 30, 21, 12}) {
            if (!second(table + (linear >> shift & 511) * 8, look, at[levels])) return {Verdict::second};
            u64 e = entry[levels] = get<u64>(at[levels]);
            levels++;
            if (!(e & 1)) return {Verdict::first};
            all &= e, any |= e;
            bool large = shift == 21 && e & 0x80;
            page = (e & (large ? 0xffffe00000 : 0xfffffff000)) | (linear & (large ? 0x1fffff : 0xfff));
            if (large) break;
            table = e & 0xfffffff000;
        }
        bool user = cpu.cpl == 3;
        if (user && !(all & 4)) return {Verdict::first};
        if (kind == 4 && any >> 63) return {Verdict::first};
        if (kind == 2 && !(all & 2) && (user || cpu.control.cr0 & cr0::wp)) return {Verdict::first};
        for (unsigned n = 0; n < levels; n++) {
            bool mark = !(entry[n] & 0x20) || (n + 1 == levels && kind == 2 && !(entry[n] & 0x40));
            u64 shift = 39 - 9 * n, of = n ? entry[n - 1] & 0xfffffff000 : 0x1000, ignored;
            if (mark && !second(of + (linear >> shift & 511) * 8, 3, ignored)) return {Verdict::second};
        }
        return second(page, kind, physical) ? Opinion{Verdict::reached, physical} : Opinion{Verdict::second};
    }

    // ---- an access, judged
    void complain(const char* what, u64 linear, unsigned kind, const Opinion& right) {
        if (!complaint.empty()) return;
        char text[200];
        std::snprintf(text, sizeof text, "%s: kind %u of %llx in world %d, CPL %u; verdict %d, physical %llx", what, kind,
                      static_cast<unsigned long long>(linear), world ? int(world - (amd ? amd_worlds : intel_worlds)) : -1, cpu.cpl, int(right.verdict),
                      static_cast<unsigned long long>(right.physical));
        complaint = text;
    }
    void access(u64 linear, unsigned kind, u64 value) {
        Opinion right = opinion(linear, kind);
        mmu.refused = {};
        bool done;
        u64 found = 0;
        Physical at;
        u8* bytes = nullptr;
        if (kind == 1) done = cpu.load(linear, found);
        else if (kind == 2) done = cpu.store(linear + 8, value);
        else done = mmu.translate(linear, Kind::execute, As::current, at, bytes);
        if (done != (right.verdict == Verdict::reached)) return complain(done ? "let through" : "refused", linear, kind, right);
        if (!done) {
            bool by_second = mmu.refused.event != paging::Event::page_fault;
            if (by_second != (right.verdict == Verdict::second)) complain("the other stage refused", linear, kind, right);
            return;
        }
        if (kind == 1 && found != get<u64>(right.physical)) complain("another page read", linear, kind, right);
        if (kind == 2 && get<u64>(right.physical + 8) != value) complain("another page written", linear, kind, right);
        if (kind == 4 && (at.value != right.physical || bytes != ram.data() + right.physical)) complain("another page fetched", linear, kind, right);
    }

    // ---- changes, with the least invalidation that the manuals ask for
    void root_changed(unsigned root) {
        using paging::Operation;
        if (!amd) return mmu.invalidate(Operation::invept_context, {{0, 0, roots[root]}});
        for (auto& w : amd_worlds)
            if (w.root == root) mmu.invalidate(Operation::vmrun_asid, {{w.tag, 0, paging::Context::no_ept}});
    }
    void page_changed(u64 linear) {
        using paging::Operation;
        for (u16 tag = 1; tag <= 3; tag++) mmu.invalidate(amd ? Operation::invlpga : Operation::invvpid_address, {{tag, 0, mmu.context.ept}, linear});
    }
    // An entry that was not present is not cached, so nothing has to be dropped for it.
    template <class Chance> void change_second(Chance& chance) {
        unsigned root = unsigned(chance.below(2));
        bool large = !chance.below(16);
        u64 page = chance.below(6) ? 16 + chance.below(64) : 1 + chance.below(4);
        u64 at = large ? roots[root] + 0x2008 : roots[root] + 0x3000 + page * 8, old = get<u64>(at);
        u64 target = large ? 0xa00000 + (chance.below(2) << 21) : page < 5 ? guest_tables + page * 4096 : frames + chance.below(frame_count) * 4096;
        u64 rights = chance.below(3) ? 7 : chance.below(8);
        if (page < 5 && !large && chance.below(4)) rights = 7;
        u64 entry = target | rights | (large ? 0x80 : 0);
        entry |= amd ? (chance.below(4) ? 0 : bit(63)) : u64{0x30};
        cpu.write_physical(Physical(at), 8, entry);
        if (old & (amd ? 1 : 7)) root_changed(root);
    }
    template <class Chance> void change_first(Chance& chance) {
        bool large = !chance.below(16);
        u64 n = chance.below(64), at = guest_tables + (large ? 0x3018 : 0x4000 + n * 8), old = get<u64>(at);
        u64 entry = large ? chance.below(2) << 21 | 0x80 : (16 + chance.below(64)) << 12;
        entry |= chance.below(8) | (chance.below(4) ? 1 : 0) | chance.below(4) << 5 | (chance.below(6) ? 0 : bit(63));
        cpu.write_physical(Physical(at), 8, entry);
        if (old & 1) page_changed(large ? 0x600000 + chance.below(512) * 4096 : 0x400000 + n * 4096);
    }

    u64 address(auto& chance) {
        if (!world) return frames + chance.below(frame_count) * 4096;
        if (!world->paged) return (chance.below(8) ? 16 + chance.below(70) : 512 + chance.below(600)) * 4096;
        return chance.below(3) ? 0x400000 + chance.below(66) * 4096 : 0x610000 + chance.below(80) * 4096;
    }
    template <class Chance> void turn(Chance& chance) {
        constexpr unsigned kinds[] = {1, 2, 4};
        switch (chance.below(24)) {
        case 0: change_second(chance); break;
        case 1: change_first(chance); break;
        case 2: case 3: enter((amd ? amd_worlds : intel_worlds)[chance.below(5)]); break;
        case 4: leave(); break;
        case 5: cpu.cpl = chance.below(2) ? 3 : 0, cpu.mode_changed(); break;
        case 6:
            cpu.control.cr0 ^= cr0::wp;
            cpu.translation_mode_changed();
            break;
        case 7: mmu.fill(address(chance), 1, Kind(chance.below(3))); break;
        default: access(address(chance), kinds[chance.below(3)], chance.below(~0u));
        }
    }
};
