// SPDX-License-Identifier: MIT
// The CPU's translation: the architectural TLB, the regime that the control registers ask for, and the banks over it.
#pragma once
#include "cpu/banks.h"
#include "cpu/cpu.h"
#include "memory/linear.h"
#include <functional>

namespace check { class Stale; }

struct Mmu {
    explicit Mmu(Cpu& cpu);
    ~Mmu();
    Mmu(const Mmu&) = delete;
    Mmu& operator=(const Mmu&) = delete;

    paging::Tlb tlb;
    paging::Context context;
    paging::Regime regime;
    Banks banks;
    // Names what a fetch's translation depends on: while it is the same (and the CPL's class is), a linear page whose
    // code was translated to a host page is still translated to it. A context that comes back has its old one, if none of
    // its instruction entries went meanwhile. Never used twice.
    u64 stamp = 0;
    std::unique_ptr<check::Stale> stale;          // the detector of --check=tlb; null: off
    paging::Fault refused;        // the second stage's last fault; no state: for the debugger and tests

    struct Counters {             // statistics, no state
        u64 fill_hits = 0, fill_misses = 0, translations = 0, renewals = 0;
    } counters;

    // What every invalidation goes through: the row of memory/scopes.cpp; what goes there takes its part of the banks along.
    void invalidate(paging::Operation operation, const paging::Target& target);
    void invalidate(paging::Operation operation) { invalidate(operation, {context}); }

    // Into a guest, and back to the host: another context, with its second stage. Called once the control registers are the
    // new ones. Nothing is flushed here: the caller invalidates by the row of its world switch. A guest without VPID has
    // VPID 0; one without EPT has no_ept, and under nested paging the ASID stands for the root. Bits 11:0 of `ept`, whose
    // bits 51:12 are the root, keep apart what is cached under one root by different rules (EPTP[6:3], mode-based execute, sub-pages).
    void enter_guest(const paging::Stage2& second, u16 vpid_or_asid, u64 ept = paging::Context::no_ept) {
        regime.stage2 = second;
        switch_context(vpid_or_asid, ept);
        select_bank();
    }
    void leave_guest() {
        leave_context();
        select_bank();
    }
    // The same in parts, for world switches, which write regime.stage2 where it is: Cpu::mode_changed() or select_bank() comes next.
    void switch_context(u16 vpid_or_asid, u64 ept = paging::Context::no_ept);
    void leave_context() {
        regime.stage2.leave();
        switch_context(0);
    }
    // A guest that SMM interrupts.
    void set_guest_aside();
    void bring_guest_back() { enter_guest(aside.second, aside.vpid, aside.ept); }
    // A guest's local APIC: AVIC's page, or the APIC-access page.
    bool is_virtual_apic(Physical at) const { return at.page() == paging::virtual_apic_page || at.page() == regime.stage2.apic_access; }
    bool by_sub_pages() const { return regime.stage2.sub_pages; }      // writes may be granted by 128 bytes
    bool pdptes_in_memory() const { return regime.stage1.pdptes_in_memory; }       // read by each walk, not by MOV CR3

    // A debugger's: told of each access to data. While it is set no access is short; call select_bank() after a change.
    std::function<void(u64 linear, unsigned width, bool write)> accessed;

    void refresh_regime();        // from CR0, CR3, CR4, EFER, PKRU; select_bank() comes next
    // By CPL and AC; none while accesses are watched or alignment is checked.
    void select_bank() {
        unsigned n = (cpu.cpl == 3) << 1 | (cpu.rflags >> 18 & 1);
        bool watched = (cpu.control.dr[7] & 0xff) || accessed || (n == 3 && (cpu.control.cr0 & cr0::am));
        Bank* bank = watched ? &empty : selection->siblings[n];
        cpu.bank = bank ? bank : find_sibling(n);
    }
    void drop_banks() { banks.drop(); }
    void drop_all();              // reset
    void memory_map_changed();
    paging::Vendor vendor() const;

    // One page's part of an access: the verdict, with the bank filled where it may be.
    bool translate(u64 address, Kind kind, As as, Physical& at, u8*& host);
    // A guest-physical address for an access of the CPU's own: false leaves the second stage's fault pending.
    bool guest_physical(u64 address, Kind kind, Physical& at);
    // Fills the current bank for an access of `width` bytes by the current privilege from the architectural TLB alone.
    // False, with nothing changed, where the access has to go the long way: a miss there, a fault, a page that isn't plain
    // memory, one that is watched, a crossing, a non-canonical address, the empty bank.
    bool fill(u64 address, unsigned width, Kind kind);
    // The same for one byte, with a walk where the TLB has no entry. A fault is left to the access itself: nothing has happened.
    bool reach(u64 address, Kind kind);
    // The host's page (4 KiB) has no write tag from now on; PhysicalMap::watch keeps new ones from appearing.
    // Whether a store to one linear address has changed the page that another is fetched from: by the entries that the
    // architectural TLB has for both, so that every engine says the same.
    bool same_page(u64 stored, u64 fetched) const;
    void strip_write(const u8* host_page) { banks.strip_write(host_page); }
    // Whether every bank entry is what the architectural TLB would give: for tests.
    bool banks_hold() const;
    void visit(Archive&);

private:
    // Whose instruction entries a stamp is about.
    struct CodeContext {
        paging::Context context;
        PermissionWord rule;      // its part that execution() names
        u64 stamp = 0;            // 0: a free slot
        u64 order = 0;
    };

    // What the control registers say of the first stage besides the root of its tables.
    struct Rules {
        u64 bits = 0;             // of CR0 and EFER, of CR4 in the high half
        u32 pkru = 0;
        static Rules of(const Control&);
        bool operator==(const Rules&) const = default;
    };

    // What banks and stamps are by, and where those were found.
    struct Selection {
        paging::Context context;
        Rules rules;
        paging::Nesting second{};
        bool execute_trap = false;
        PermissionWord word;                  // of these rules, as a supervisor without AC
        std::array<Bank*, 4> siblings{};      // by CPL 3 and AC; null: not asked for yet
        unsigned code_context = 0;
        u64 taken = 0;                        // banks that had got another owner when it was left
    };

    bool raise(const paging::Fault& fault);
    paging::CountingObserver counting() { return {tlb.counts(context)}; }
    paging::Access access(Kind kind, As as) const;
    u8* host_page(Physical at, Kind kind) const;
    struct Served {
        Physical at;
        unsigned tags = 0;        // of Banks
        bool piece = false;       // of a page larger than 4 KiB
    };
    Served served(u64 address, bool fetches) const;
    Served served_by(const paging::Entry&, u64 address, bool fetches) const;
    bool may_be_in_bank(u64 address, unsigned width) const;
    bool fill_as_served(u64 address, Kind kind, const Served& by);
    void fill_bank(u64 address, Kind kind, u8* host, const Served& by);
    void keep_from_banks(u64 apic_access);
    void take_rules(const Rules&);
    void select_context(const Rules&);
    void go_back();
    void select_another(const Rules&);
    void note_use();
    Bank* find_sibling(unsigned n);
    unsigned find_code_context();
    void use_code_context(unsigned number);
    void renew_stamps(const paging::Tag& tag);
    bool tag_holds(const paging::Context& c, PermissionWord w, const BankEntry& e, Kind kind) const;

    struct Aside {
        paging::Stage2 second;
        u16 vpid = 0;
        u64 ept = paging::Context::no_ept;
    } aside;

    Cpu& cpu;
    Bank empty;
    Selection selections[2];
    Selection* selection = &selections[0];
    Selection* before = &selections[1];   // the one before this: entries and exits of guests go to and fro
    std::array<CodeContext, 32> code_contexts;
    u64 last_stamp = 0, code_order = 0;
    // APIC-access pages of the guests so far: no bank has them, whoever runs, so that entries and exits change nothing in any.
    std::vector<u64> apic_access_pages;
    paging::Tag renewed;                  // in the operation that is going on: whose stamps are new already
    bool in_operation = false;
};
