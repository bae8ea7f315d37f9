// SPDX-License-Identifier: MIT
// Accesses through tables of both stages with any entries, in every format and mode: each must reach what the shadow model says
// and nothing else, whatever is cached.
#pragma once
#include "base/log.h"
#include "tests/cpu/machine.h"
#include "tests/cpu/shadow.h"
#include <bitset>

class RandomTables : public TestMachine {
public:
    std::string complaint;                       // the first access that was wrong
    u64 verdicts[4] = {};                        // how many of each

    explicit RandomTables(bool amd) : TestMachine(TestMode::long64, amd ? "max-amd" : "max-intel"), amd(amd) {
        set_logging(false);
        memory.unmap(Physical(ram_left), size - ram_left);
        for (u64 at = 0; at < ram_left; at += 8) put(at, at * 0x9e3779b97f4a7c15 + 1);
        pristine.assign(ram.begin(), ram.begin() + ram_left);
        shadow.memory = [this](u64 at, unsigned bytes) {
            if (at < ram_left) looked.set(at >> 12);
            return memory.read(Physical(at), bytes);
        };
        shadow.amd = amd, shadow.width = cpu.model.physical_bits;
    }

    // One input: tables, and accesses in some modes.
    template <class Chance> void run(Chance& chance) {
        std::copy(pristine.begin(), pristine.end(), ram.begin());
        cpu.memory_replaced();
        complaint.clear(), looked.reset();
        set_stages(chance);
        put_tables();
        for (u64 changes = chance.below(16); changes; changes--) change_entry(chance);
        std::copy_n(ram.begin(), ram_left, expected.begin());
        for (u64 modes = 1 + chance.below(4); modes; modes--) {
            set_mode(chance);
            for (u64 n = 1 + chance.below(24); n && complaint.empty(); n--) access(chance);
        }
        mmu.leave_guest();
        judge_memory();
        if (!mmu.banks_hold()) complain("a bank holds what the TLB does not", 0, 0);
    }

private:
    using Format = Shadow::Format;
    using Second = Shadow::Second;
    using Verdict = Shadow::Verdict;
    // The second stage's tables; the first 512 KiB of the guest's memory, with its tables at 1000h to 7FFFh.
    static constexpr u64 ram_left = 1 << 20, nested = 0x40000, nested_pae = 0x44000, nested_32 = 0x45000, pool = 0x80000;

    Mmu& mmu = *cpu.mmu;
    bool amd;
    std::vector<u8> pristine, expected = std::vector<u8>(ram_left);
    std::bitset<ram_left / 4096> looked;         // pages that entries have been read from
    Shadow shadow;
    static constexpr u64 flags = 0x0000006000000360;                       // accessed and dirty, in either half of a word
    u64 origin = 0;                              // where the guest's memory lies, if there is one stage only

    template <class Chance> void set_stages(Chance& chance) {
        auto& s = shadow;
        s.second = chance.below(4) == 0 ? Second::none : amd ? Second::npt : Second::ept;
        s.nested_format = amd ? Format(1 + std::min<u64>(chance.below(6), 2)) : Format::level4;
        s.flags = chance.below(2), s.nested_pse = chance.below(4), s.nested_nxe = s.nested_format != Format::bits32 && chance.below(4);
        s.nested_root = s.nested_format == Format::level4 ? nested : s.nested_format == Format::pae ? nested_pae : nested_32;
        origin = s.second == Second::none ? pool : 0;
    }
    void put_tables() {
        u64 link = 7, leaf = amd ? 0x67 : 0x37;
        for (u64 n = 0; n < 4; n++) {
            put(nested + n * 8, (nested + 0x1000) | link), put(nested + 0x1000 + n * 8, n ? leaf | 0x80 : (nested + 0x2000) | link);
            put(nested + 0x2000 + n * 8, n ? leaf | 0x80 : (nested + 0x3000) | link), put(nested_pae + n * 8, (nested + 0x2000) | 1);
            put(nested_32 + n * 4, n ? u32(0xe7) : u32(nested_32 + 0x1007));
        }
        for (u64 n = 0; n < 512; n++) put(nested + 0x3000 + n * 8, (pool + n % 128 * 4096) | leaf);
        for (u64 n = 0; n < 1024; n++) put(nested_32 + 0x1000 + n * 4, u32((pool + n % 128 * 4096) | 0x67));
        auto table = [&](u64 at, auto entry) { put(pool + at, entry); };
        for (u64 n = 0; n < 4; n++) {
            table(0x1000 + n * 8, (origin + 0x2000) | 7), table(0x2000 + n * 8, n ? u64{0xe7} : (origin + 0x3000) | 7);
            table(0x3000 + n * 8, n ? u64{0xe7} : (origin + 0x4000) | 7), table(0x5000 + n * 8, (origin + 0x3000) | 1);
            table(0x6000 + n * 4, n ? u32(0xe7) : u32((origin + 0x7000) | 7));
        }
        for (u64 n = 0; n < 512; n++) table(0x4000 + n * 8, (origin + n % 128 * 4096) | 0x67);
        for (u64 n = 0; n < 1024; n++) table(0x7000 + n * 4, u32((origin + n % 128 * 4096) | 0x67));
    }
    // Of the few entries that most walks meet, or of any; a bit, the rights, or everything.
    template <class Chance> void change_entry(Chance& chance) {
        static constexpr u64 tables[] = {nested, nested + 0x1000, nested + 0x2000, nested + 0x3000, nested_pae, nested_32, nested_32 + 0x1000,
            pool + 0x1000,
                                         pool + 0x2000, pool + 0x3000, pool + 0x4000, pool + 0x5000, pool + 0x6000, pool + 0x7000};
        u64 at = tables[chance.below(std::size(tables))] + chance.below(chance.below(2) ? 4 : 128) * 8, e = get<u64>(at);
        switch (chance.below(5)) {
        case 0: e ^= bit(unsigned(chance.below(64))); break;
        case 1: e = (e & ~u64{7}) | chance.below(8); break;
        case 2: e ^= chance.below(256); break;
        case 3: e = chance.below(0x400) << 12 | chance.below(256); break;
        default: e = chance.next() >> chance.below(64);
        }
        put(at, e);
    }

    template <class Chance> void set_mode(Chance& chance) {
        auto& s = shadow;
        auto& c = cpu.control;
        s.format = Format(chance.below(4));
        s.wp = chance.below(2), s.pse = chance.below(4), s.smep = chance.below(4) == 0, s.smap = chance.below(4) == 0, s.nxe = chance.below(4);
        s.user = chance.below(2), s.ac = chance.below(2);
        bool wide = s.format == Format::level4;
        s.cr3 = origin + (wide ? 0x1000 : s.format == Format::pae ? 0x5000 : 0x6000);
        for (u64 n = 0; n < 4; n++) s.pdpte[n] = c.pdpte[n] = get<u64>(pool + 0x5000 + n * 8);
        c.cr3 = s.cr3;
        c.cr0 = cr0::pe | cr0::ne | cr0::et | (s.wp ? cr0::wp : 0) | (s.format == Format::none ? 0 : cr0::pg);
        c.cr4 = (s.format >= Format::pae ? cr4::pae : 0) | (s.pse ? cr4::pse : 0) | (s.smep ? cr4::smep : 0) | (s.smap ? cr4::smap : 0);
        c.efer = (s.nxe ? efer::nxe : 0) | (wide ? efer::lme | efer::lma : 0);
        cpu.set_rflags(s.ac ? rflags::ac : 0, rflags::ac);
        cpu.seg[Seg::cs] = {code64, 0, 0xffffffff, {wide ? 0xa09bu : 0xc09bu}};
        cpu.cpl = s.user ? 3 : 0;
        enter();
    }
    void enter() {
        using namespace paging;
        Stage2 s;
        if (shadow.second != Second::none) {
            static constexpr Mode modes[] = {Mode::off, Mode::bits32, Mode::pae, Mode::level4};
            s = {.kind = amd ? Nesting::npt : Nesting::ept, .mode = modes[unsigned(shadow.nested_format)], .root = shadow.nested_root | (amd ? 0
                : 0x1e),
                 .maxphyaddr = u8(cpu.model.physical_bits), .large_pages = !amd || shadow.nested_pse, .accessed_dirty = !amd && shadow.flags,
                 .nxe = shadow.nested_nxe, .global_reserved = amd};
        }
        mmu.enter_guest(s, 1, s.kind == Nesting::ept ? shadow.nested_root : Context::no_ept);
        cpu.mode_changed();
        mmu.invalidate(Operation::reset);
        mmu.select_bank();
    }

    template <class Chance> u64 address(Chance& chance) {
        u64 at = chance.below(4) ? chance.below(128) << 12 : chance.below(8) << 12 | chance.below(4) << 21 | chance.below(4) << 30
            | chance.below(4) << 39;
        if (chance.below(8) == 0) at ^= chance.next() & ~u64{0xfff};
        at |= chance.below(512) * 8;
        return shadow.format == Format::level4 ? sign_extend(at, 48) : u32(at);
    }
    void complain(const char* what, u64 linear, unsigned kind, Verdict right = Verdict::reached, u64 physical = 0) {
        if (!complaint.empty()) return;
        char text[240];
        std::snprintf(text, sizeof text, "%s: kind %u of %llx; verdict %d, physical %llx; formats %d over %d, second %d, CR0 %llx, "
                      "CR4 %llx, EFER %llx, CPL %u", what, kind,
                      static_cast<unsigned long long>(linear), int(right), static_cast<unsigned long long>(physical), int(shadow.format),
                          int(shadow.nested_format),
                      int(shadow.second), static_cast<unsigned long long>(cpu.control.cr0), static_cast<unsigned long long>(cpu.control.cr4),
                      static_cast<unsigned long long>(cpu.control.efer), cpu.cpl);
        complaint = text;
    }
    template <class Chance> void access(Chance& chance) {
        static constexpr unsigned kinds[] = {Shadow::read, Shadow::write, Shadow::fetch};
        u64 linear = address(chance), physical = 0, found = 0, value = chance.next();
        unsigned kind = kinds[chance.below(3)];
        Verdict right = shadow.access(linear, kind, physical);
        verdicts[unsigned(right)]++;
        if (physical >> 12 == 0xfee00) return;                             // the local APIC's page
        Physical at;
        u8* bytes;
        mmu.refused = {};
        u64 before = memory.read(Physical(physical), 8);
        bool done = kind == Shadow::read ? cpu.load(linear, found) : kind == Shadow::write ? cpu.store(linear, value) : mmu.translate(linear,
            Kind::execute, As::current, at, bytes);
        if (done != (right == Verdict::reached)) return complain(done ? "let through" : "refused", linear, kind, right, physical);
        if (!done) return judge_refusal(linear, kind, right);
        if (kind == Shadow::read && (found ^ before) & ~flags) complain("another word read", linear, kind, right, physical);
        if (kind == Shadow::fetch && at.value != physical) complain("another page fetched", linear, kind, right, physical);
        if (kind == Shadow::write) judge_write(linear, physical, value);
    }
    void judge_refusal(u64 linear, unsigned kind, Verdict right) {
        using paging::Event;
        Event event = mmu.refused.event, wanted = right == Verdict::page_fault ? Event::page_fault : right == Verdict::misconfigured
            ? Event::ept_misconfiguration
                                                : amd ? Event::nested_page_fault : Event::ept_violation;
        if (event != wanted) complain("refused for another reason", linear, kind, right);
    }
    void judge_write(u64 linear, u64 physical, u64 value) {
        if (physical >= ram_left) return;
        if (get<u64>(physical) != value) complain("not written", linear, Shadow::write, Verdict::reached, physical);
        std::memcpy(expected.data() + physical, &value, 8);
        if (looked[physical >> 12]) mmu.invalidate(paging::Operation::reset);
    }
    // Nothing else has changed, but for flags.
    void judge_memory() {
        for (u64 at = 0; at < ram_left; at += 8) {
            u64 right;
            std::memcpy(&right, expected.data() + at, 8);
            if ((get<u64>(at) ^ right) & ~flags) return complain("a word has changed", at, Shadow::write);
        }
    }
};
