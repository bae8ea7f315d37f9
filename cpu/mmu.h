// SPDX-License-Identifier: MIT
// The CPU's translation: the architectural TLB, the regime that the control registers ask for, and the banks over it.
#pragma once
#include "cpu/bank.h"
#include "cpu/cpu.h"
#include "memory/linear.h"

struct Mmu {
    explicit Mmu(Cpu& cpu);

    paging::Tlb tlb;
    paging::Context context;
    paging::Regime regime;
    u64 walks = 0;                // statistics, no state

    // What every invalidation goes through: the row of memory/scopes.cpp, then the banks.
    void invalidate(paging::Operation operation, const paging::Target& target);
    void invalidate(paging::Operation operation) { invalidate(operation, {context}); }

    void refresh_regime();        // from CR0, CR3, CR4, EFER, PKRU
    void select_bank();           // by CPL and AC; none while accesses are watched or alignment is checked
    void drop_banks();
    void drop_all();              // reset
    paging::Vendor vendor() const;

    // One page's part of an access: the verdict, with the bank filled where it may be.
    bool translate(u64 address, Kind kind, As as, Physical& at, u8*& host);
    void visit(Archive&);

private:
    paging::Access access(Kind kind, As as) const;
    void fill_bank(u64 address, Kind kind, u8* host);
    void forget(const paging::Tag& tag);

    Cpu& cpu;
    Bank user, supervisor, supervisor_ac, empty;
};
