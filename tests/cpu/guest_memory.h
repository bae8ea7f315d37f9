// SPDX-License-Identifier: MIT
// A CPU with a guest for tests: guest-physical g lies at physical 8 MiB + g, the host translates 1:1.
#pragma once
#include "tests/cpu/machine.h"

struct GuestMachine : TestMachine {
    static constexpr u64 base = 8 << 20, guest_size = 4 << 20;            // where the guest's memory lies
    static constexpr u64 root = 0x400000, last = 0x403000;                // second stage: PML4, PDPT, PD, two PTs
    static constexpr u64 window = 0x400000, frames = 0x100000;            // linear pages, and the guest-physical ones behind them
    static constexpr u64 guest_table = 0x8000;                            // their page table, guest-physical

    Mmu& mmu = *cpu.mmu;
    paging::Stage2 second;
    u16 tag = 1;
    Control host;

    explicit GuestMachine(paging::Nesting kind = paging::Nesting::ept, const char* model = "max-intel") : TestMachine(TestMode::long64, model) {
        using namespace paging;
        host = cpu.control;
        bool npt = kind == Nesting::npt;
        second = {.kind = kind, .root = root, .maxphyaddr = u8(cpu.model.physical_bits), .nxe = true};
        put(root, (root + 0x1000) | 7), put(root + 0x1000, (root + 0x2000) | 7);
        for (u64 n = 0; n < 2; n++) put(root + 0x2000 + n * 8, (last + n * 0x1000) | 7);
        for (u64 at = 0; at < guest_size; at += 4096) map_second(at, (base + at) | (npt ? 0x67 : 0x37));
        for (u64 at : {0x1000, 0x2000}) put_guest(at, (at + 0x1000) | 0x27);
        put_guest(0x3000, 0xe7), put_guest(0x3000 + 2 * 8, guest_table | 0x27);       // the first 2 MiB to themselves
        for (u64 n = 0; n < 512; n++) map_first(window + n * 4096, (frames + n * 4096) | 0x67);
    }

    // ---- tables
    template <class T> void put_guest(u64 at, const T& value) { put(base + at, value); }
    u64& second_entry(u64 guest) { return *reinterpret_cast<u64*>(ram.data() + last + (guest >> 12) * 8); }
    void map_second(u64 guest, u64 entry) { second_entry(guest) = entry; }
    void map_first(u64 linear, u64 entry) { put_guest(guest_table + (linear >> 12 & 511) * 8, entry); }

    // ---- worlds
    u64 ept() const { return second.kind == paging::Nesting::ept ? root : paging::Context::no_ept; }
    void enter() { mmu.enter_guest(second, tag, ept()); }
    void leave() {
        cpu.control = host;
        mmu.leave_guest();
    }
    // With paging off, in 32-bit protected mode.
    void enter_unpaged() {
        cpu.control.cr0 &= ~cr0::pg, cpu.control.efer &= ~(efer::lma | efer::lme);
        cpu.seg[Seg::cs] = {code32, 0, 0xffffffff, {0xc09b}};
        enter();
        cpu.mode_changed();
    }

    // ---- accesses, false if they are refused
    bool read(u64 at) {
        u8 value;
        return cpu.load(at, value);
    }
    bool write(u64 at, u8 value = 1) { return cpu.store(at, value); }
    bool fetch(u64 at) {
        Physical physical;
        u8* host;
        return mmu.translate(at, Kind::execute, As::current, physical, host);
    }
    u64 physical(u64 at, Kind kind = Kind::read) {
        Physical found;
        u8* host;
        return mmu.translate(at, kind, As::current, found, host) ? found.value : ~u64{0};
    }
    bool in_bank(u64 at) { return cpu.bank->at(at, 1).read_tag == (at & ~u64{0xfff}); }
    bool writable_in_bank(u64 at) { return cpu.bank->at(at, 1).write_tag == (at & ~u64{0xfff}); }
    void invalidate(paging::Operation operation, u64 linear = 0, u64 guest = 0) { mmu.invalidate(operation, {mmu.context, linear, guest}); }
    // Table entries read from memory by walks, of both stages, so far.
    u64 references(paging::Stage stage) { return mmu.tlb.counters.contexts.total().references_of(stage); }
    u64 references() { return references(paging::Stage::first) + references(paging::Stage::second); }
    u64 misses() { return mmu.tlb.counters.data_misses + mmu.tlb.counters.instruction_misses; }
};
