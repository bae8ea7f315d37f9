// SPDX-License-Identifier: MIT
// How addresses are translated right now, what an access asks, and whether the rights found grant it.
#pragma once
#include "memory/address.h"
#include <array>
#include <optional>

namespace paging {

// The format of a set of tables (SDM vol. 3, 4.1.1; APM vol. 2, 5.1).
enum class Mode : u8 { off, bits32, pae, level4, level5 };

// The first stage: linear to guest-physical, or to physical where there is no second.
struct Stage1 {
    Mode mode = Mode::off;
    u64 root = 0;                            // CR3 as it is; each format takes its bits of it
    std::array<u64, 4> pdpte{};              // PAE: the four registers, loaded and checked by MOV CR3 ...
    bool pdptes_in_memory = false;           // ... or (AMD, nested paging on) read at each walk
    bool wp = false;                         // CR0.WP
    bool pse = false;                        // CR4.PSE: 4-MiB pages with 32-bit tables
    bool pge = false;                        // CR4.PGE
    bool smep = false, smap = false;
    bool pke = false, pks = false;
    bool nxe = false;                        // EFER.NXE
    u32 pkru = 0, pkrs = 0;
    u8 maxphyaddr = 40;
    bool pse36 = true;                       // the model has PSE-36
    bool gib_pages = true;                   // the model has 1-GiB pages
    bool global_reserved = false;            // AMD: bit 8 of PML4 and PML5 entries must be 0
    bool operator==(const Stage1&) const = default;
};

enum class Nesting : u8 { none, ept, npt };

// Asked before a flag is set in an entry of the second stage, and told of each page that becomes dirty: VMX's page-modification
// log (SDM vol. 3, 29.3.6).
struct PageLog {
    virtual bool full() const = 0;           // the access that needs the flag does not happen
    virtual void add(GuestPhysical) = 0;

protected:
    ~PageLog() = default;
};

// The second stage: guest-physical to physical.
struct Stage2 {
    Nesting kind = Nesting::none;
    Mode mode = Mode::level4;                // EPT: level4 or level5; NPT: the host's paging mode at VMRUN
    u64 root = 0;                            // EPTP or nCR3 as it is
    u8 maxphyaddr = 40;
    bool gib_pages = true;
    bool large_pages = true;                 // EPT: 2-MiB pages; NPT, 32-bit: the host's CR4.PSE
    // EPT
    bool accessed_dirty = false;             // EPTP bit 6
    bool execute_only = true;                // the model has execute-only translations
    bool mode_based_execute = false;         // "mode-based execute control for EPT"
    bool advanced_information = false;       // exit qualification bits 9 to 11
    bool sub_pages = false;                  // "sub-page write permissions for EPT": ...
    u64 sub_page_table = 0;                  // ... the sub-page-permission-table pointer
    PageLog* log = nullptr;                  // "enable PML", with accessed and dirty flags
    // NPT
    bool nxe = false;                        // the host's EFER.NXE
    bool pse36 = true;
    bool global_reserved = false;
    bool execute_trap = false;               // GMET
    static constexpr u64 no_page = ~u64{0};
    u64 apic_page = no_page;                 // AVIC: linear accesses to this guest-physical page are virtual_apic_page's
    // "virtualize APIC accesses", with EPT and without: the APIC-access address. The walk's own accesses to it end it.
    u64 apic_access = no_page;
    // No guest: what counts without nested paging, too, is as it was at first; the rest counts with a kind alone.
    void leave() {
        kind = Nesting::none, log = nullptr;
        sub_pages = execute_trap = false;
        apic_page = apic_access = no_page;
    }
    bool operator==(const Stage2&) const = default;
};

struct Regime {
    Stage1 stage1;
    Stage2 stage2;
    bool operator==(const Regime&) const = default;
};

// The values are bits 2:0 of an EPT violation's exit qualification.
enum class Kind : u8 { read = 1, write = 2, read_write = 3, execute = 4 };
// Implicit: a supervisor's access whatever the CPL (descriptor tables, TSS, event delivery).
enum class Privilege : u8 { supervisor, user, implicit };
// Table: the read of a first-stage entry; accessed_dirty: the update of one; probe: a look that leaves no trace.
enum class Purpose : u8 { data, code, table, accessed_dirty, probe };

struct Access {
    Kind kind = Kind::read;
    Privilege privilege = Privilege::supervisor;
    bool ac = false;                         // RFLAGS.AC, which suspends SMAP for explicit accesses
    Purpose purpose = Purpose::data;

    constexpr bool reads() const { return u8(kind) & 1; }
    constexpr bool writes() const { return u8(kind) & 2; }
    constexpr bool fetches() const { return kind == Kind::execute; }
    constexpr bool user() const { return privilege == Privilege::user; }
    constexpr bool probes() const { return purpose == Purpose::probe; }
};

// What the entries of both stages allow, before CR0, CR4, EFER, PKRU and RFLAGS have their say.
struct Rights {
    enum : u8 {
        write = 1, user = 2, execute = 4,                          // first stage; execute: no entry has XD/NX
        read2 = 8, write2 = 16, execute2 = 32, user_execute2 = 64, // second stage
        by_page = 128,                       // whose page it is says which of them counts; else (GMET) whose fetch
        first = 7, second = 0xf8, all = 0xff,
    };
    u8 allowed = all;
    u8 key = 0;                              // protection key of the leaf

    constexpr bool has(u8 rights) const { return (allowed & rights) == rights; }
    constexpr Rights operator&(Rights o) const { return {u8(allowed & o.allowed), u8(key | o.key)}; }
    constexpr bool operator==(const Rights&) const = default;
};

enum class Stage : u8 { first = 1, second = 2 };

// Why a walk ends without a translation. From `misconfigured` on: EPT misconfigurations besides reserved bits.
enum class Reason : u8 {
    none, not_present, reserved, user, write, execute, smep, smap, protection_key, read, too_wide,
    log_full, apic_access, sub_page_miss, sub_page_misconfigured, misconfigured, memory_type,
};

// Whether the protection key refuses (SDM vol. 3, 4.6.2): PKRU for user pages, PKRS for supervisor pages; never a fetch.
constexpr bool key_refuses(Rights rights, Access access, const Stage1& s) {
    bool user_page = rights.has(Rights::user);
    if (s.mode < Mode::level4 || access.fetches() || !(user_page ? s.pke : s.pks)) return false;
    u32 bits = (user_page ? s.pkru : s.pkrs) >> rights.key * 2;
    bool access_disable = bits & 1, write_disable = bits & 2;
    return access_disable || (write_disable && access.writes() && (access.user() || s.wp));
}

constexpr Reason fetch_refusal(Rights rights, Access access, const Stage1& s) {
    bool user_page = rights.has(Rights::user);
    if (access.user() && !user_page) return Reason::user;
    if (!access.user() && user_page && s.smep) return Reason::smep;
    return rights.has(Rights::execute) ? Reason::none : Reason::execute;
}

constexpr Reason data_refusal(Rights rights, Access access, const Stage1& s) {
    bool user_page = rights.has(Rights::user), explicitly = access.privilege == Privilege::supervisor;
    if (access.user() && !user_page) return Reason::user;
    if (!access.user() && user_page && s.smap && !(explicitly && access.ac)) return Reason::smap;
    if (access.writes() && !rights.has(Rights::write) && (access.user() || s.wp)) return Reason::write;
    return key_refuses(rights, access, s) ? Reason::protection_key : Reason::none;
}

// The first stage's verdict (SDM vol. 3, 4.6.1). A page with XD that was cached under EFER.NXE has a reserved bit
// set once NXE is clear.
constexpr Reason refusal(Rights rights, Access access, const Stage1& s) {
    if (s.mode == Mode::off) return Reason::none;
    if (!rights.has(Rights::execute) && !s.nxe) return Reason::reserved;
    return access.fetches() ? fetch_refusal(rights, access, s) : data_refusal(rights, access, s);
}

// The second stage's verdict. With mode-based execute control a page that the first stage gives to user mode
// (any page, with paging off) needs the user-execute right; with GMET a fetch at CPL 3.
constexpr Reason second_refusal(Rights rights, Access access) {
    Kind kind = access.kind;
    if (kind == Kind::execute) {
        bool user = rights.has(Rights::by_page) ? rights.has(Rights::user) : access.user();
        return rights.has(user ? Rights::user_execute2 : Rights::execute2) ? Reason::none : Reason::execute;
    }
    if (u8(kind) & 1 && !rights.has(Rights::read2)) return Reason::read;
    if (u8(kind) & 2 && !rights.has(Rights::write2)) return Reason::write;
    return Reason::none;
}

// The one question that a walk and a TLB hit ask.
constexpr bool permits(Rights rights, Access access, const Stage1& s) {
    return refusal(rights, access, s) == Reason::none && second_refusal(rights, access) == Reason::none;
}

}
