// SPDX-License-Identifier: MIT
// Translation for the CPU: regime from the control registers, TLB, walk, page faults, banks.
#include "cpu/mmu.h"
#include "cpu/check/stale.h"
#include "cpu/cpuid/model.h"
#include "cpu/notice.h"
#include "cpu/virt/layer.h"
#include <algorithm>

using paging::Operation;

Mmu::Mmu(Cpu& cpu) : cpu(cpu) {
    tlb.data.removed = [this](const paging::Tag& tag) { banks.scrub(tag); };
    tlb.instruction.removed = [this](const paging::Tag& tag) { banks.scrub(tag), renew_stamps(tag); };
    tlb.guest_physical.removed = [this](const paging::Tag& tag) { banks.scrub(tag), renew_stamps(tag); };
    cpu.memory.observe_watches(this, [this](const u8* page) { strip_write(page); });
    auto& s = regime.stage1;
    s.maxphyaddr = u8(cpu.model.physical_bits);
    s.pse36 = cpu.features.has(Feature::pse36);
    s.gib_pages = cpu.features.has(Feature::page1gb);
    s.global_reserved = !cpu.intel();
    use_code_context(find_code_context());
    cpu.bank = &empty;
}
Mmu::~Mmu() { cpu.memory.leave(this); }

paging::Vendor Mmu::vendor() const { return cpu.intel() ? paging::Vendor::intel : paging::Vendor::amd; }

// SDM vol. 3, 4.1.1.
static paging::Mode mode(const Control& c) {
    using paging::Mode;
    if (!(c.cr0 & cr0::pg)) return Mode::off;
    if (!(c.cr4 & cr4::pae)) return Mode::bits32;
    if (!(c.efer & efer::lma)) return Mode::pae;
    return c.cr4 & cr4::la57 ? Mode::level5 : Mode::level4;
}

Mmu::Rules Mmu::Rules::of(const Control& c) {
    constexpr u64 in_cr0 = cr0::pg | cr0::wp, in_efer = efer::lma | efer::nxe;
    constexpr u64 in_cr4 = cr4::pse | cr4::pae | cr4::pge | cr4::la57 | cr4::smep | cr4::smap | cr4::pke;
    static_assert(!(in_cr0 & in_efer) && !((in_cr0 | in_efer | in_cr4) >> 32));
    return {(c.cr0 & in_cr0) | (c.efer & in_efer) | (c.cr4 & in_cr4) << 32, c.pkru};
}

void Mmu::take_rules(const Rules& rules) {
    auto& c = cpu.control;
    auto& s = regime.stage1;
    s.mode = mode(c);
    s.wp = c.cr0 & cr0::wp;
    s.pse = c.cr4 & cr4::pse;
    s.pge = c.cr4 & cr4::pge;
    s.smep = c.cr4 & cr4::smep;
    s.smap = c.cr4 & cr4::smap;
    s.pke = c.cr4 & cr4::pke;
    s.nxe = c.efer & efer::nxe;
    s.pkru = rules.pkru;
}

void Mmu::refresh_regime() {
    auto& c = cpu.control;
    auto& s = regime.stage1;
    s.root = c.cr3;
    s.pdpte = c.pdpte;
    s.pdptes_in_memory = regime.stage2.kind == paging::Nesting::npt;      // APM vol. 2, 15.25.10
    context.pcid = c.cr4 & cr4::pcide ? u16(c.cr3 & 0xfff) : u16(0);
    auto rules = Rules::of(c);
    if (rules != selection->rules) take_rules(rules);
    select_context(rules);
    if (stale) stale->regime_changed();
}

void Mmu::switch_context(u16 vpid_or_asid, u64 ept) {
    if (regime.stage2.apic_access != paging::Stage2::no_page) keep_from_banks(regime.stage2.apic_access);
    context.vpid = vpid_or_asid, context.ept = ept;
    refresh_regime();
    if (stale) stale->entered();
}

void Mmu::set_guest_aside() {
    aside = {regime.stage2, context.vpid, context.ept};
    leave_guest();
}

void Mmu::keep_from_banks(u64 apic_access) {
    constexpr std::size_t most = 8;
    if (std::ranges::count(apic_access_pages, apic_access)) return;
    if (apic_access_pages.size() == most) apic_access_pages.erase(apic_access_pages.begin());
    apic_access_pages.push_back(apic_access);
    memory_map_changed();
}

// Where what banks and stamps are by is another now: other siblings.
void Mmu::select_context(const Rules& rules) {
    auto is_it = [&](const Selection& s) { return s.rules == rules && s.context == context && s.second == regime.stage2.kind && s.execute_trap == regime.stage2.execute_trap; };
    if (is_it(*selection)) return;
    selection->taken = banks.taken();
    if (is_it(*before)) go_back();
    else select_another(rules);
}

void Mmu::go_back() {
    std::swap(selection, before);
    if (selection->taken != banks.taken()) selection->siblings = {};
    use_code_context(selection->code_context);
}

void Mmu::select_another(const Rules& rules) {
    note_use();
    std::swap(selection, before);
    *selection = {context, rules, regime.stage2.kind, regime.stage2.execute_trap, PermissionWord::of(regime, false, false)};
    use_code_context(find_code_context());
}

// The banks at hand are those selected last, whichever way; asked by who may take the one selected longest ago.
void Mmu::note_use() {
    for (auto* s : {before, selection})
        for (Bank* bank : s->siblings)
            if (bank) banks.used(bank);
}

Bank* Mmu::find_sibling(unsigned n) {
    note_use();
    return selection->siblings[n] = banks.select(context, PermissionWord::of(regime, n & 2, n & 1));
}

void Mmu::drop_all() {
    invalidate(Operation::reset);
    regime.stage2 = {}, context = {};
    refresh_regime();
    memory_map_changed();
}

void Mmu::memory_map_changed() {
    banks.drop();
    for (auto& c : code_contexts)
        if (c.stamp) c.stamp = ++last_stamp;
    stamp = code_contexts[selection->code_context].stamp;
}

// A context that is not known takes the slot of the one left longest ago.
unsigned Mmu::find_code_context() {
    PermissionWord rule{selection->word.execution()};
    auto found = std::ranges::find_if(code_contexts, [&](auto& c) { return c.stamp && c.rule == rule && c.context == selection->context; });
    if (found == code_contexts.end()) {
        found = std::ranges::min_element(code_contexts, {}, &CodeContext::order);
        *found = {selection->context, rule, ++last_stamp};
    }
    return unsigned(found - code_contexts.begin());
}
void Mmu::use_code_context(unsigned number) {
    code_contexts[before->code_context].order = ++code_order;
    code_contexts[number].order = ++code_order;
    selection->code_context = number;
    stamp = code_contexts[number].stamp;
}

// An instruction entry is gone: so is the word of those it served.
void Mmu::renew_stamps(const paging::Tag& tag) {
    auto same = [&](const paging::Tag& t) { return t.vpid == tag.vpid && t.pcid == tag.pcid && t.ept == tag.ept && t.global == tag.global && t.dimension == tag.dimension; };
    if (in_operation && renewed.valid() && same(renewed)) return;
    for (auto& c : code_contexts)
        if (c.stamp && c.rule.rests_on(tag, c.context)) c.stamp = ++last_stamp, counters.renewals++;
    stamp = code_contexts[selection->code_context].stamp;
    renewed = tag;
}

void Mmu::invalidate(Operation operation, const paging::Target& target) {
    if (stale) stale->invalidated(operation, target);
    auto reach = paging::scope(operation).reach;
    if (reach == paging::Reach::nothing) return void(tlb.counters.flushes[unsigned(operation)]++);
    in_operation = reach == paging::Reach::any;
    renewed = {};
    if (in_operation) banks.begin_operation();
    u64 dropped = paging::invalidate(tlb, operation, target, vendor());
    notice::tell(&cpu, {notice::Kind::tlb_drop, u64(operation), dropped, target.address});
    banks.end_operation();
    in_operation = false;
}

paging::Access Mmu::access(Kind kind, As as) const {
    paging::Access a;
    a.kind = kind == Kind::read ? paging::Kind::read : kind == Kind::write ? paging::Kind::write : paging::Kind::execute;
    a.purpose = kind == Kind::execute ? paging::Purpose::code : paging::Purpose::data;
    a.ac = cpu.rflags & rflags::ac;
    a.privilege = as == As::supervisor ? paging::Privilege::implicit : cpu.cpl == 3 ? paging::Privilege::user : paging::Privilege::supervisor;
    return a;
}

// Plain memory for this kind of access, or null: the local APIC's page, MMIO, nothing, ROM or watched memory to write to.
u8* Mmu::host_page(Physical at, Kind kind) const {
    if (cpu.apic.claims(at) || std::ranges::count(apic_access_pages, at.page())) return nullptr;
    return kind == Kind::write ? cpu.memory.page_for_write(at) : cpu.memory.page_for_read(at);
}

static unsigned tag_of(Kind kind) { return kind == Kind::read ? Banks::reads : kind == Kind::write ? Banks::writes : Banks::executes; }

static unsigned tags_asked(bool fetches) { return fetches ? Banks::executes : Banks::reads | Banks::writes; }

// What the architectural TLB serves of a page to accesses as they stand, by tags of banks; without any translation all.
Mmu::Served Mmu::served(u64 address, bool fetches) const {
    if (!selection->word.translated()) return {Physical(address), tags_asked(fetches), false};
    auto* entry = paging::find(tlb, context, regime, LinearAddress(address), fetches);
    if (!entry || (stale && !stale->clean(*entry, fetches))) return {};
    return served_by(*entry, address, fetches);
}

Mmu::Served Mmu::served_by(const paging::Entry& entry, u64 address, bool fetches) const {
    unsigned asked = tags_asked(fetches), tags = 0;
    for (auto kind : {Kind::read, Kind::write, Kind::execute})
        if (asked & tag_of(kind) && paging::serves(entry, regime, access(kind, As::current))) tags |= tag_of(kind);
    return {entry.physical(address), tags, entry.tag.shift > 12};
}

bool Mmu::same_page(u64 stored, u64 fetched) const {
    auto &data = cpu.bank->at(stored, 1), &code = cpu.bank->at(fetched, 1);                       // whose tags say that the TLB has them
    if (data.read_tag == (stored & ~u64{0xfff}) && code.execute_tag == (fetched & ~u64{0xfff})) return data.read_tag + data.addend == code.execute_tag + code.addend;
    auto host = [&](const paging::TlbArray& array, u64 address) -> const u8* {
        auto* entry = selection->word.paged() ? array.find(context, address) : tlb.find_guest_physical(context, GuestPhysical(address));
        if (selection->word.translated() && !entry) return nullptr;
        return cpu.memory.page_for_read(entry ? entry->physical(address) : Physical(address));
    };
    const u8* page = host(tlb.data, stored);
    return page && page == host(tlb.instruction, fetched);
}

// The tag for this access, and that of the other kind of data access where it would be granted as it is.
void Mmu::fill_bank(u64 address, Kind kind, u8* host, const Served& by) {
    unsigned tags = tag_of(kind);
    Kind other = kind == Kind::read ? Kind::write : Kind::read;
    if (kind != Kind::execute && by.tags & tag_of(other) && host_page(by.at, other) == host) tags |= tag_of(other);
    banks.fill(cpu.bank, address & ~u64{0xfff}, tags, host, by.piece);
}

bool Mmu::may_be_in_bank(u64 address, unsigned width) const {
    bool in_reach = cpu.bits64() ? cpu.canonical(address) : !(address >> 32);
    return cpu.bank != &empty && in_reach && (address & 0xfff) + width <= 4096;
}

bool Mmu::fill_as_served(u64 address, Kind kind, const Served& by) {
    u8* host = by.tags & tag_of(kind) ? host_page(by.at, kind) : nullptr;
    if (host) fill_bank(address, kind, host, by);
    return host;
}

bool Mmu::fill(u64 address, unsigned width, Kind kind) {
    if (!may_be_in_bank(address, width)) return false;
    bool filled = fill_as_served(address, kind, served(address, kind == Kind::execute));
    (filled ? counters.fill_hits : counters.fill_misses)++;
    return filled;
}

bool Mmu::reach(u64 address, Kind kind) {
    if (!may_be_in_bank(address, 1)) return false;
    auto by = served(address, kind == Kind::execute);
    bool filled = fill_as_served(address, kind, by);
    bool walks = selection->word.translated() && !stale && !by_sub_pages() && !(by.tags & tag_of(kind));
    if (!walks) return (filled ? counters.fill_hits : counters.fill_misses)++, filled;
    counters.translations++;
    auto asked = access(kind, As::current);
    paging::LaterCountingObserver see;
    const paging::Entry* kept = nullptr;
    auto result = paging::walk_and_fill(regime, tlb, context, vendor(), cpu.memory, LinearAddress(address), asked, see, paging::OnFault::left, &kept);
    if (!std::holds_alternative<Physical>(result)) return false;
    see.count(tlb.counts(context));
    tlb.count_miss(context, asked);
    bool fetches = kind == Kind::execute;
    return fill_as_served(address, kind, kept ? served_by(*kept, address, fetches) : served(address, fetches));
}

// What faults have made the TLB forget, so far.
static u64 dropped_by_faults(const paging::Tlb& tlb) {
    return tlb.counters.dropped[unsigned(Operation::page_fault)] + tlb.counters.dropped[unsigned(Operation::second_stage_fault)];
}
static void tell_drops(Cpu& cpu, u64 dropped, const paging::Fault& fault) {
    auto cause = fault.event == paging::Event::page_fault ? Operation::page_fault : Operation::second_stage_fault;
    if (dropped) notice::tell(&cpu, {notice::Kind::tlb_drop, u64(cause), dropped, fault.linear.value});
}

bool Mmu::raise(const paging::Fault& fault) {
    if (stale) stale->faulted(fault);
    if (fault.stage == paging::Stage::second) refused = fault, cpu.second_stage_fault(fault);
    else cpu.raise(pf(u32(fault.information), fault.linear.value));
    return false;
}

bool Mmu::guest_physical(u64 address, Kind kind, Physical& at) {
    auto asked = access(kind, As::supervisor);
    u64 before = dropped_by_faults(tlb);
    auto result = stale ? stale->translate_guest_physical(GuestPhysical(address), asked)
                        : paging::translate_guest_physical(regime, tlb, context, vendor(), cpu.memory, GuestPhysical(address), asked, counting());
    if (auto* fault = std::get_if<paging::Fault>(&result)) return tell_drops(cpu, dropped_by_faults(tlb) - before, *fault), raise(*fault);
    at = std::get<Physical>(result);
    return true;
}

bool Mmu::translate(u64 address, Kind kind, As as, Physical& at, u8*& host) {
    counters.translations += selection->word.translated();
    auto asked = access(kind, as);
    u64 before = dropped_by_faults(tlb);
    auto result = stale ? stale->translate(LinearAddress(address), asked)
                        : paging::translate(regime, tlb, context, vendor(), cpu.memory, LinearAddress(address), asked, counting());
    if (auto* fault = std::get_if<paging::Fault>(&result)) return tell_drops(cpu, dropped_by_faults(tlb) - before, *fault), raise(*fault);
    at = std::get<Physical>(result);
    u8* page = host_page(at, kind);
    host = page ? page + at.offset() : nullptr;
    if (!page || as != As::current || cpu.bank == &empty) return true;
    auto by = served(address, kind == Kind::execute);
    // Not there: a part of a page whose rest may not be written to, or an entry that the detector watches.
    if (by.tags & tag_of(kind)) fill_bank(address, kind, page, by);
    return true;
}

// An entry's tag is right: an access of that kind, under that word, finds its architectural entry and this host page.
bool Mmu::tag_holds(const paging::Context& c, PermissionWord w, const BankEntry& e, Kind kind) const {
    u64 page = kind == Kind::read ? e.read_tag : kind == Kind::write ? e.write_tag : e.execute_tag;
    if (page == ~u64{0}) return true;
    paging::Regime by;
    auto& s = by.stage1;
    s.mode = paging::Mode(bits(w.value, 2, 0));
    s.wp = w.value & bit(5), s.smep = w.value & bit(6), s.smap = w.value & bit(7), s.nxe = w.value & bit(8);
    s.pke = w.value & bit(9), s.pks = w.value & bit(10), s.pkru = u32(w.value >> 32);
    auto asked = access(kind, As::current);
    asked.privilege = w.value & bit(3) ? paging::Privilege::user : paging::Privilege::supervisor;
    asked.ac = w.value & bit(4);
    auto* entry = w.translated() ? paging::hit(tlb, c, by, LinearAddress(page), asked) : nullptr;
    if (w.translated() && !entry) return false;
    u8* host = host_page(entry ? entry->physical(page) : Physical(page), kind);
    return host && reinterpret_cast<u64>(host) == page + e.addend && !(page & 0xfff);
}

bool Mmu::banks_hold() const {
    bool hold = true;
    banks.each([&](const paging::Context& c, PermissionWord w, const Bank& bank, const BankEntry& e) {
        u64 index = u64(&e - bank.e.data());
        for (u64 tag : {e.read_tag, e.write_tag, e.execute_tag}) hold &= tag == ~u64{0} || Bank::index(tag) == index;
        for (auto kind : {Kind::read, Kind::write, Kind::execute}) hold &= tag_holds(c, w, e, kind);
    });
    return hold;
}

// A saved state may say anything.
static void visit_second_stage(Archive& a, paging::Stage2& s) {
    a("nesting", s.kind), a("mode", s.mode), a("root", s.root), a("maxphyaddr", s.maxphyaddr);
    a("gib_pages", s.gib_pages), a("large_pages", s.large_pages), a("accessed_dirty", s.accessed_dirty), a("execute_only", s.execute_only);
    a("mode_based_execute", s.mode_based_execute), a("advanced_information", s.advanced_information);
    a("nxe", s.nxe), a("pse36", s.pse36), a("global_reserved", s.global_reserved), a("execute_trap", s.execute_trap), a("apic_page", s.apic_page), a("apic_access", s.apic_access);
    a("sub_pages", s.sub_pages), a("sub_page_table", s.sub_page_table);
    s.kind = std::min(s.kind, paging::Nesting::npt), s.mode = std::min(s.mode, paging::Mode::level5);
    s.maxphyaddr = std::clamp<u8>(s.maxphyaddr, 32, 52);
}

void Mmu::visit(Archive& a) {
    a("entries", tlb);            // what is replaced scrubs banks and renews stamps
    a("vpid", context.vpid), a("ept", context.ept);
    visit_second_stage(a, regime.stage2);
    a("aside_vpid", aside.vpid), a("aside_ept", aside.ept);
    visit_second_stage(a, aside.second);
    refresh_regime();
}

// ---- Cpu's part

bool Cpu::probe_piece(u64 address, Kind kind, As as, Physical& at, u8*& host) { return mmu->translate(address, kind, as, at, host); }

void Cpu::translation_mode_changed() {
    mmu->refresh_regime();
    mmu->select_bank();
}

void Cpu::memory_map_changed() { mmu->memory_map_changed(); }

void Cpu::invalidate_page(u64 address) { mmu->invalidate(Operation::invlpg, {mmu->context, address}); }

// INVPCID's four types (SDM vol. 2, INVPCID).
void Cpu::invalidate_pcid(unsigned type, u64 pcid, u64 address) {
    static constexpr Operation operations[] = {Operation::invpcid_address, Operation::invpcid_context, Operation::invpcid_all_and_globals, Operation::invpcid_all};
    auto context = mmu->context;
    context.pcid = u16(pcid);
    mmu->invalidate(operations[type & 3], {context, address});
}

void Cpu::cr3_written(bool no_flush) {
    translation_mode_changed();
    mmu->invalidate(no_flush ? Operation::mov_cr3_keeping : Operation::mov_cr3);
}

void Cpu::cr0_written(u64 old) {
    if ((old & cr0::pg) && !paging()) mmu->invalidate(Operation::clear_pg);
    translation_mode_changed();
}

void Cpu::cr4_written(u64 old) {
    u64 now = control.cr4, changed = old ^ now;
    translation_mode_changed();
    if (changed & cr4::pge) mmu->invalidate(Operation::change_pge);
    if (old & ~now & cr4::pcide) mmu->invalidate(Operation::clear_pcide);
    if (changed & cr4::pae) mmu->invalidate(Operation::change_pae);
    if (changed & cr4::pse) mmu->invalidate(Operation::change_pse);
    if (~old & now & cr4::smep) mmu->invalidate(Operation::set_smep);
}

void Cpu::efer_written(u64 old) {
    if (virt) virt->efer_changed(old);
    translation_mode_changed();
    mode_changed();
}

// SDM vol. 3, 4.4.1: a present PDPTE with a reserved bit set is #GP(0), and nothing is loaded. With nested paging each walk
// reads them instead (APM vol. 2, 15.25.10).
bool Cpu::load_pdptes(u64 cr3) {
    if (mmu->pdptes_in_memory()) return true;
    std::array<u64, 4> loaded;
    Physical table;
    if (!mmu->guest_physical(cr3 & mask(31, 5), Kind::read, table)) return false;
    u64 reserved = mask(2, 1) | mask(8, 5) | mask(63, model.physical_bits);
    for (unsigned i = 0; i < 4; i++) {
        loaded[i] = memory.read(table + i * 8, 8);
        if ((loaded[i] & 1) && (loaded[i] & reserved)) return raise(gp(0)), false;
    }
    control.pdpte = loaded;
    return true;
}

bool Cpu::peek(u64 address, u64& physical) {
    paging::Access look{.purpose = paging::Purpose::probe};
    look.privilege = paging::Privilege::implicit;
    auto regime = mmu->regime;
    regime.stage1.smap = false;
    auto result = paging::translate(regime, mmu->tlb, mmu->context, mmu->vendor(), memory, LinearAddress(address), look);
    if (auto* at = std::get_if<Physical>(&result)) return physical = at->value, true;
    return false;
}

static bool virtual_apic(const Cpu& cpu, Physical at) { return cpu.guest && cpu.mmu->is_virtual_apic(at); }

bool Cpu::virtual_apic_allows(Physical at, unsigned width, Kind kind) {
    return !virtual_apic(*this, at) || guest->virtual_apic_access(unsigned(at.offset()), width, kind);
}

u64 Cpu::read_physical(Physical at, unsigned width) {
    if (virtual_apic(*this, at)) return guest->read_virtual_apic(unsigned(at.offset()), width);
    return apic.claims(at) ? apic.read(unsigned(at.offset()), width) : memory.read(at, width);
}

void Cpu::write_physical(Physical at, unsigned width, u64 value) {
    if (virtual_apic(*this, at)) guest->write_virtual_apic(unsigned(at.offset()), width, value);
    else if (apic.claims(at)) apic.write(unsigned(at.offset()), width, value);
    else if (mmu->stale) mmu->stale->write(at, width, value);
    else memory.write(at, width, value);
}
