// SPDX-License-Identifier: MIT
// Translation for the CPU: regime from the control registers, TLB, walk, page faults, banks.
#include "cpu/mmu.h"
#include "cpu/cpuid/model.h"

using paging::Operation;

Mmu::Mmu(Cpu& cpu) : cpu(cpu) {
    for (auto* array : {&tlb.data, &tlb.instruction}) array->removed = [this](const paging::Tag& tag) { forget(tag); };
    cpu.bank = &empty;
}

paging::Vendor Mmu::vendor() const { return cpu.intel() ? paging::Vendor::intel : paging::Vendor::amd; }

// SDM vol. 3, 4.1.1.
static paging::Mode mode(const Control& c) {
    using paging::Mode;
    if (!(c.cr0 & cr0::pg)) return Mode::off;
    if (!(c.cr4 & cr4::pae)) return Mode::bits32;
    if (!(c.efer & efer::lma)) return Mode::pae;
    return c.cr4 & cr4::la57 ? Mode::level5 : Mode::level4;
}

void Mmu::refresh_regime() {
    auto& c = cpu.control;
    auto& s = regime.stage1;
    s.mode = mode(c);
    s.root = c.cr3;
    s.pdpte = c.pdpte;
    s.wp = c.cr0 & cr0::wp;
    s.pse = c.cr4 & cr4::pse;
    s.pge = c.cr4 & cr4::pge;
    s.smep = c.cr4 & cr4::smep;
    s.smap = c.cr4 & cr4::smap;
    s.pke = c.cr4 & cr4::pke;
    s.nxe = c.efer & efer::nxe;
    s.pkru = c.pkru;
    s.maxphyaddr = u8(cpu.model.physical_bits);
    s.pse36 = cpu.features.has(Feature::pse36);
    s.gib_pages = cpu.features.has(Feature::page1gb);
    s.global_reserved = !cpu.intel();
    context.pcid = c.cr4 & cr4::pcide ? u16(c.cr3 & 0xfff) : u16(0);
}

void Mmu::select_bank() {
    bool watched = cpu.alignment_checked() || cpu.debug_trap_armed();
    cpu.bank = watched ? &empty : cpu.cpl == 3 ? &user : cpu.rflags & rflags::ac ? &supervisor_ac : &supervisor;
}

void Mmu::drop_banks() {
    user.drop();
    supervisor.drop();
    supervisor_ac.drop();
}

void Mmu::drop_all() {
    invalidate(Operation::reset);
    refresh_regime();
}

// An entry is gone from the architectural TLB: so are its pages from the banks.
void Mmu::forget(const paging::Tag& tag) {
    if (tag.shift > 12) return drop_banks();
    for (auto* bank : {&user, &supervisor, &supervisor_ac}) bank->drop_page(tag.page);
}

void Mmu::invalidate(Operation operation, const paging::Target& target) {
    paging::invalidate(tlb, operation, target, vendor());
    if (!cpu.paging()) drop_banks();
}

paging::Access Mmu::access(Kind kind, As as) const {
    paging::Access a;
    a.kind = kind == Kind::read ? paging::Kind::read : kind == Kind::write ? paging::Kind::write : paging::Kind::execute;
    a.purpose = kind == Kind::execute ? paging::Purpose::code : paging::Purpose::data;
    a.ac = cpu.rflags & rflags::ac;
    a.privilege = as == As::supervisor ? paging::Privilege::implicit : cpu.cpl == 3 ? paging::Privilege::user : paging::Privilege::supervisor;
    return a;
}

void Mmu::fill_bank(u64 address, Kind kind, u8* host) {
    if (cpu.bank == &empty) return;
    u64 page = address & ~u64{0xfff}, addend = reinterpret_cast<u64>(host) - page;
    auto& e = cpu.bank->at(page, 1);
    bool same = (e.read_tag == page || e.write_tag == page || e.execute_tag == page) && e.addend == addend;
    if (!same) e = {};
    e.addend = addend;
    (kind == Kind::read ? e.read_tag : kind == Kind::write ? e.write_tag : e.execute_tag) = page;
}

bool Mmu::translate(u64 address, Kind kind, As as, Physical& at, u8*& host) {
    auto result = paging::translate(regime, tlb, context, vendor(), cpu.memory, LinearAddress(address), access(kind, as));
    if (auto* fault = std::get_if<paging::Fault>(&result)) {
        cpu.raise(pf(u32(fault->information), address));
        return false;
    }
    at = std::get<Physical>(result);
    host = nullptr;
    if (cpu.apic.claims(at)) return true;
    u8* page = kind == Kind::write ? cpu.memory.page_for_write(at) : cpu.memory.page_for_read(at);
    if (!page) return true;
    host = page + at.offset();
    if (as == As::current) fill_bank(address, kind, page);
    return true;
}

void Mmu::visit(Archive& a) {
    a("entries", tlb);
    refresh_regime();
    drop_banks();
}

// ---- Cpu's part

bool Cpu::probe_piece(u64 address, Kind kind, As as, Physical& at, u8*& host) { return mmu->translate(address, kind, as, at, host); }

void Cpu::translation_mode_changed() {
    mmu->refresh_regime();
    mmu->drop_banks();
    mmu->select_bank();
}

void Cpu::memory_map_changed() { mmu->drop_banks(); }

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

void Cpu::efer_written(u64) {
    translation_mode_changed();
    mode_changed();
}

// SDM vol. 3, 4.4.1: a present PDPTE with a reserved bit set is #GP(0), and nothing is loaded.
bool Cpu::load_pdptes(u64 cr3) {
    std::array<u64, 4> loaded;
    u64 reserved = mask(2, 1) | mask(8, 5) | mask(63, model.physical_bits);
    for (unsigned i = 0; i < 4; i++) {
        loaded[i] = memory.read(Physical((cr3 & mask(31, 5)) + i * 8), 8);
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

u64 Cpu::read_physical(Physical at, unsigned width) {
    return apic.claims(at) ? apic.read(unsigned(at.offset()), width) : memory.read(at, width);
}

void Cpu::write_physical(Physical at, unsigned width, u64 value) {
    if (apic.claims(at)) apic.write(unsigned(at.offset()), width, value);
    else memory.write(at, width, value);
}
