// SPDX-License-Identifier: MIT
// The CPU: reset state, derived modes, fetch, and the reference engine's loop.
#include "cpu/cpu.h"
#include "cpu/cpuid/model.h"
#include "cpu/event/debug.h"
#include "cpu/exec/fast/runner.h"
#include "cpu/execute.h"
#include "cpu/mmu.h"
#include "cpu/msr/access.h"
#include "cpu/virt/layer.h"
#include <algorithm>

// Decoded instructions by the host address of their first byte. An entry is used only while the bytes there are still
// the ones that were decoded, so stores to code need no bookkeeping in this engine.
struct Cpu::CodeCache {
    static constexpr unsigned entries = 1 << 16;
    struct Entry {
        u64 key = ~u64{0};                // of the address and the mode; none has this
        u64 byte[2]{}, keep[2]{};         // the instruction's bytes and which of the 16 are its own
        Insn insn;
        bool same(const u8* p) const {
            u64 now[2];
            std::memcpy(now, p, 16);
            return !(((now[0] ^ byte[0]) & keep[0]) | ((now[1] ^ byte[1]) & keep[1]));
        }
        void set(u64 new_key, const u8* p, const Insn& decoded) {
            key = new_key, insn = decoded;
            std::memcpy(byte, p, 16);
            keep[0] = ones(std::min<unsigned>(insn.length, 8));
            keep[1] = insn.length > 8 ? ones(insn.length - 8u) : 0;
        }
    };
    std::vector<Entry> entry{entries};
    Entry& of(const u8* p) {
        u64 h = reinterpret_cast<u64>(p);
        return entry[(h ^ h >> 16) % entries];
    }
    static u64 key(const u8* p, const decode::Mode& mode) { return key(reinterpret_cast<u64>(p), mode); }
    static u64 key(u64 p, const decode::Mode& mode) { return p << 3 | u64(mode.size) << 1 | mode.protected_mode; }
    // Instructions that lie across a page's end, by linear address.
    static constexpr unsigned crossing_entries = 256;
    std::vector<Entry> crossing{crossing_entries};
    Entry& of_crossing(u64 address) { return crossing[(address >> 12 ^ address) % crossing_entries]; }
};

Cpu::Cpu(unsigned number, const CpuModel& model, const FeatureSet& features, PhysicalMap& memory, Clock& clock, Wires wires)
    : apic(*this, clock), counters(*this, clock), wait_end(clock, [this] {
          if (!mwaiting) return;
          if (wait_limited) rflags |= rflags::cf;
          end_wait();
      }), number(number), model(model), features(features), memory(memory), clock(clock), wires(std::move(wires)),
      mmu(std::make_unique<Mmu>(*this)), cache(std::make_unique<CodeCache>()) {
    virt = virt::make_layer(*this);
    code.amd = !intel();
    code.features = &this->features;
    reset(false);
}
Cpu::~Cpu() = default;

bool Cpu::intel() const { return model.vendor == Vendor::intel; }

// SDM vol. 3, table 10-1: what power-on and INIT set, and what INIT keeps (FPU, vectors, MSRs, caches, CR0.CD and NW).
void Cpu::reset(bool init) {
    u64 kept_cache_bits = init ? control.cr0 & (cr0::cd | cr0::nw) : cr0::cd | cr0::nw;
    gpr = {};
    gpr[rdx] = model.signature();
    rip() = 0xfff0;
    rflags = rflags::one;
    for (auto s : {Seg::es, Seg::ss, Seg::ds, Seg::fs, Seg::gs}) seg[s] = {0, 0, 0xffff, {0x93}};
    seg[Seg::cs] = {0xf000, 0xffff0000, 0xffff, {0x9b}};
    seg[Seg::ldtr] = {0, 0, 0xffff, {0x82}};
    seg[Seg::tr] = {0, 0, 0xffff, {0x8b}};
    seg.gdtr = seg.idtr = {0, 0xffff};
    u64 xcr0 = control.xcr0;
    u32 pkru = control.pkru;
    control = {};
    control.cr0 = cr0::et | kept_cache_bits;
    cpl = 0;
    sti_shadow = mov_ss_shadow = nmi_blocked = false;
    pending_dr6 = 0;
    pending &= pending::intr | pending::sipi | pending::stop;
    activity = number == 0 ? Activity::active : Activity::wait_for_sipi;
    mwaiting = monitor_trap = wait_limited = false;
    wait_end.off();
    monitor = {};
    guest = nullptr, guest_tsc_offset = 0, guest_tsc_ratio = tsc_unscaled;
    waits_since = not_waiting;
    smm.reset(init);
    held = 0, if_masks = maskable, iret_unblocks_nmi = true;
    if (init) {
        control.xcr0 = xcr0, control.pkru = pkru;
    } else {
        fpu = {};
        fpu.control = 0x40, fpu.empty = 0;
        vector.mxcsr = 0x1f80;
        for (auto& v : vector.v) v.bytes.fill(0);
        msr = {};
        reset_msrs(*this);
        counters.reset();
    }
    apic.reset(init);
    smm::show(*this);
    if (virt) virt->reset(init);
    mmu->drop_all();
    mode_changed();
}

void Cpu::visit(Archive& a) {
    a("gpr", gpr), a("rflags", rflags), a("seg", seg), a("control", control), a("fpu", fpu), a("vector", vector), a("msr", msr);
    a("apic", apic), a("cpl", cpl), a("activity", activity);
    a("sti_shadow", sti_shadow), a("mov_ss_shadow", mov_ss_shadow), a("nmi_blocked", nmi_blocked);
    a("mwaiting", mwaiting), a("monitor", monitor), a("held", held), a("if_masks", if_masks), a("monitor_trap", monitor_trap);
    a("guest_tsc_offset", guest_tsc_offset), a("guest_tsc_ratio", guest_tsc_ratio), a("iret_unblocks_nmi", iret_unblocks_nmi);
    if (virt) a("virt", *virt);
    monitor_trap = monitor_trap && guest;
    a("pending_dr6", pending_dr6), a("pending", pending), a("retired", retired), a("startup_vector", startup_vector);
    a("line_wakes", line_wakes), a("wait_limited", wait_limited), a("wait_end", wait_end);
    a("waited", waited), a("waits_since", waits_since), a("counters", counters), a("smm", smm);
    a("tlb", *mmu);
    smm::show(*this);
    mode_changed();
    memory_replaced();
}

void Cpu::memory_replaced() {
    if (runner) runner->forget();
}

void Cpu::mode_changed() {
    using enum decode::CodeSize;
    auto& cs = seg[Seg::cs].rights;
    code.size = long_mode() && cs.l() ? bits64 : cs.db() ? bits32 : bits16;
    code.protected_mode = !real_or_v86();
    stack_bytes = code.size == bits64 ? 8 : seg[Seg::ss].rights.db() ? 4 : 2;
    mmu->select_bank();
}

void Cpu::set_rflags(u64 value, u64 which) {
    constexpr u64 exist = rflags::status | rflags::tf | rflags::if_ | rflags::df | rflags::iopl | rflags::nt | rflags::rf | rflags::vm |
                          rflags::ac | rflags::vif | rflags::vip | rflags::id;
    u64 old = rflags;
    rflags = ((old & ~which) | (value & which & exist)) | rflags::one;
    if ((rflags ^ old) & (rflags::vm | rflags::ac)) mode_changed();
}

bool Cpu::alignment_checked() const {
    return cpl == 3 && (rflags & rflags::ac) && (control.cr0 & cr0::am);
}

// The host's address of code whose page is in the bank, or null.
[[gnu::always_inline]] static inline u8* code_in_bank(Bank& bank, u64 address) {
    auto& e = bank.at(address, 1);
    return e.execute_tag == (address & ~u64{0xfff}) ? reinterpret_cast<u8*>(address + e.addend) : nullptr;
}

// The bytes at RIP where an instruction ends near its page's or its segment's end: as many as the decoder asks for.
const Insn* Cpu::fetch_slowly(u64 address, u64 room) {
    std::array<u8, 16> bytes{};
    unsigned have = 0;
    u64 want = std::min<u64>(room, 15);
    auto take = [&](u64 upto) {
        Physical at;
        u64 from = bits64() ? address + have : u32(address + have);
        u8* host = code_in_bank(*bank, from);
        if (!host && !probe_piece(from, Kind::execute, As::current, at, host)) return false;
        if (!host && !virtual_apic_allows(at, 1, Kind::execute)) return false;
        for (unsigned i = 0; have < upto; i++, have++) bytes[have] = host ? host[i] : u8(memory.read(at + i, 1));
        return true;
    };
    if (!take(std::min<u64>(want, 4096 - (address & 0xfff)))) return nullptr;
    auto& entry = cache->of_crossing(address);
    u64 key = CodeCache::key(address, code);
    bool expected = entry.key == key && entry.insn.length <= want && !std::memcmp(entry.byte, bytes.data(), std::min<u64>(have, entry.insn.length));
    if (expected && entry.insn.length <= have) return &entry.insn;
    auto result = expected ? decode::Result::truncated : decode::decode({bytes.data(), have}, code, scratch);
    if (result == decode::Result::truncated && have < want) {
        if (bits64() && !canonical(address + have)) return raise(gp(0)), nullptr;
        if (!take(want)) return nullptr;
        if (expected && entry.same(bytes.data())) return &entry.insn;
        result = decode::decode({bytes.data(), have}, code, scratch);
    }
    if (result == decode::Result::ok) entry.set(key, bytes.data(), scratch);
    return judge_decoded(result, scratch);
}

const Insn* Cpu::judge_decoded(decode::Result result, const Insn& insn) {
    switch (result) {
    case decode::Result::ok: return &insn;
    case decode::Result::undefined: return raise(ud()), nullptr;
    default: return raise(gp(0)), nullptr;              // longer than 15 bytes, or beyond the segment's limit
    }
}

// RIP's linear address where the whole of any instruction lies within its page and segment; no_address where the slow way
// has to look closer.
static constexpr u64 no_address = ~u64{0};
[[gnu::always_inline]] inline u64 Cpu::simple_fetch_address() {
    u64 at = rip();
    if (bits64()) return (at & 0xfff) > 4080 ? no_address : at;
    auto& cs = seg[Seg::cs];
    u32 address = u32(at + cs.base);
    return at + 14 > cs.limit || (address & 0xfff) > 4080 ? no_address : address;
}

// The decoded instruction at RIP, if its page is in the bank and its bytes are as they were.
[[gnu::always_inline]] inline const Insn* Cpu::fetch_cached() {
    u64 address = simple_fetch_address();
    if (address == no_address) [[unlikely]] return nullptr;
    auto* host = code_in_bank(*bank, address);
    if (!host) [[unlikely]] return nullptr;
    auto& entry = cache->of(host);
    return entry.key == CodeCache::key(host, code) && entry.same(host) ? &entry.insn : nullptr;
}

const Insn* Cpu::fetch() {
    if (auto* insn = fetch_cached()) [[likely]] return insn;
    return fetch_uncached();
}

const Insn* Cpu::fetch_uncached() {
    u64 at = rip(), address = at, room = 15;
    if (!bits64()) {
        u64 limit = seg[Seg::cs].limit;
        if (at > limit) return raise(gp(0)), nullptr;
        room = limit - at + 1;
        address = u32(at + seg[Seg::cs].base);
    } else if (!canonical(at)) {
        return raise(gp(0)), nullptr;
    }
    if ((address & 0xfff) > 4080 || room < 15) return fetch_slowly(address, room);

    Physical physical;
    u8* host = code_in_bank(*bank, address);
    if (!host && !probe_piece(address, Kind::execute, As::current, physical, host)) return nullptr;
    if (!host) return fetch_slowly(address, room);
    auto& entry = cache->of(host);
    u64 key = CodeCache::key(host, code);
    if (entry.key == key && entry.same(host)) return &entry.insn;
    auto result = decode::decode({host, 15}, code, scratch);
    if (result == decode::Result::ok) entry.set(key, host, scratch);
    return judge_decoded(result, scratch);
}

Outcome Cpu::execute(const Insn& insn) { return execute_inline(insn); }

// Whether an instruction that has written RIP is a branch: not where it had an event delivered, or led into or out of a guest.
static bool branches(const Insn& insn) {
    using enum isa::Event;
    switch (insn.row->event) {
    case int_n: case into: case icebp: case vmx: case svm: return false;
    default: return true;
    }
}

// One instruction, or a batch of iterations of a repeated one, where TF, RF, a breakpoint, a shadow or branches have to be watched.
void Cpu::step_watched() {
    stepping = rflags & rflags::tf;
    bool resuming = rflags & rflags::rf;
    if (debug_trap_armed() && !resuming && code_breakpoint()) return void(clock.ticks++);
    const Insn* insn = fetch();
    clock.ticks++;
    bool sti = sti_shadow, mov_ss = mov_ss_shadow, was_guest = guest;
    u64 from = rip();
    u8 ring = cpl;
    rflags &= ~rflags::rf;
    Outcome outcome = insn ? execute(*insn) : Outcome::fault;
    if (counters.watching()) counters.stepped(insn, outcome, ring);
    if (was_guest == bool(guest)) {         // a shadow holds for one instruction; a second STI or MOV SS starts none
        if (sti) sti_shadow = false;
        if (mov_ss) mov_ss_shadow = false;
    }
    if (outcome == Outcome::again || (resuming && outcome == Outcome::fault)) rflags |= rflags::rf;
    if (outcome == Outcome::fault) {
        pending_dr6 = 0;
        return deliver(fault_);
    }
    if (monitor_trap && was_guest && guest) guest->stepped();
    bool branch = outcome == Outcome::taken && branches(*insn);
    if (branch) debug::record_branch(*this, from);
    bool traps = stepping && (branch || !(msr.debugctl & debug::btf));       // BTF: SDM vol. 3, 18.4.4
    if (traps && !mov_ss_shadow) pending_dr6 |= debug::bs;       // none behind a load of SS (SDM vol. 3, 6.8.3)
    if (pending_dr6) pending |= pending::debug;
}

[[gnu::always_inline]] inline void Cpu::step() {
    if (!unwatched()) [[unlikely]] return step_watched();
    stepping = false;
    const Insn* insn = fetch_cached();
    if (!insn) [[unlikely]] insn = fetch_uncached();
    clock.ticks++;
    Outcome outcome = insn ? execute_inline(*insn) : Outcome::fault;
    if (outcome == Outcome::fault) [[unlikely]] deliver(fault_);
    else if (outcome == Outcome::again) [[unlikely]] rflags |= rflags::rf;
    else if (pending_dr6) [[unlikely]] pending |= pending::debug;
}

// Runs something of the active CPU: blocks where that is possible, else one instruction by the reference engine.
void Cpu::advance(u64 until, bool one_block) {
    if (engine == Engine::slow || !unwatched()) return step();
    u64 stop = std::min(until, clock.deadline());
    if (tuning.drop_banks) [[unlikely]] {
        if (clock.ticks >= next_bank_drop) {
            mmu->drop_banks();
            next_bank_drop = clock.ticks + 1 + (clock.ticks * 0x9e3779b97f4a7c15 >> 33) % (2 * tuning.drop_banks);
        }
        stop = std::min(stop, next_bank_drop);
    }
    u64 left = stop - clock.ticks;
    if (left < fast::Blocks::most_instructions) return step();
    if (!runner) runner = std::make_unique<fast::Runner>(*this);
    u64 budget = one_block ? 0 : left - fast::Blocks::most_instructions;
    if (!runner->run(budget)) step();
}

void Cpu::run(u64 until) {
    pending &= ~pending::stop;
    run_limit = until;
    if (runner) runner->yields = false;
    while (clock.ticks < until && !(pending & pending::stop)) {
        pending &= ~pending::yield;
        if (!turn(until, false)) clock.ticks = std::max(clock.ticks, std::min(until, clock.deadline()));
    }
}

bool Cpu::run_turn(u64 until) {
    u64 start = clock.ticks;
    pending &= ~(pending::stop | pending::yield);
    run_limit = until;
    if (runner) runner->yields = true;
    smm::show(*this);
    while (clock.ticks < until && !(pending & (pending::stop | pending::yield)) && turn(until, false)) {}
    return clock.ticks != start;
}

void Cpu::run_block(u64 until) {
    run_limit = until;
    pending &= ~pending::yield;
    if (clock.ticks < until && !turn(until, true)) clock.ticks = std::max(clock.ticks, std::min(until, clock.deadline()));
}

// MWAIT and its kin. Where the clock can't come to the end's tick, the wait has none.
void Cpu::wait_for(bool line, u64 until, bool limited) {
    activity = Activity::halted;
    mwaiting = true;
    line_wakes = line, wait_limited = limited;
    wait_end.at(until);
}
void Cpu::end_wait() {
    activity = Activity::active, mwaiting = false, monitor.armed = false;
    wait_end.off();
}

// Whether what MWAIT waits for has come, or MONITOR never was.
bool Cpu::woken() const {
    if (pending & ~(pending::stop | pending::yield)) return true;
    if (!line_wakes) return false;
    if (!monitor.armed) return true;
    std::array<u8, Monitor::width> now;
    memory.read_bytes(Physical(monitor.line), now);
    return now != monitor.bytes;
}

// The ticks of a CPU that waits are not its cycles.
void Cpu::wait() {
    if (waits_since == not_waiting) waits_since = clock.ticks;
}
void Cpu::resume() {
    waited += clock.ticks - waits_since;
    waits_since = not_waiting;
    counters.resumed();
}

// Events first, then instructions. False: it waits, and nothing is due.
[[gnu::always_inline]] inline bool Cpu::turn(u64 until, bool one_block) {
    if (clock.ticks >= clock.deadline()) clock.run_due();
    if (due()) {
        if (pending & (pending::stop | pending::yield)) return true;
        // An event takes a tick: time passes even where the guest lets nothing but events follow each other.
        if (service_pending()) return clock.ticks++, true;
    }
    if (mwaiting && woken()) end_wait();
    if (activity != Activity::active) [[unlikely]] return wait(), false;
    if (waits_since != not_waiting) [[unlikely]] resume();
    advance(until, one_block);
    return true;
}
