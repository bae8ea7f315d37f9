// SPDX-License-Identifier: MIT
// VMRUN at the boundaries: valid VMCBs of every kind of guest with a field or two changed, or pages and tables of any bytes, are
// run by the real instruction. What comes of it is compared with the table of checks and with the checker written a second
// time; the guest then runs any code, and after each #VMEXIT the host must be as it was, and no memory may have changed but
// what the nested tables let the guest write.
#pragma once
#include "base/log.h"
#include "cpu/isa/control.h"
#include "cpu/svm/svm.h"
#include "tests/cpu/any_code.h"
#include "tests/cpu/frames.h"
#include "tests/cpu/machine.h"
#include "tests/cpu/svm/straight_checker.h"
#include <map>

class SvmGenerator : public TestMachine {
public:
    using F = svm::Field;
    static constexpr u64 ram_left = Frames::count * 4096;
    static constexpr u64 pae_host = 0x9000, table_32 = 0xb000, hsave = 0x50000, vmcb = 0x51000, iopm = 0x52000, msrpm = 0x55000, nested_cr3 = 0x60000,
                         nested_pae = 0x64000, nested_32 = 0x65000, pool = 0x80000, pool_size = 0x40000, guest_code = 0x10000, code_size = 0x4000;

    std::string complaint;                       // the first thing that was wrong
    std::map<std::string, u64> seen;             // what has come of VMRUNs

    explicit SvmGenerator(const char* model = "max-amd") : TestMachine(TestMode::long64, model) {
        set_logging(false);
        memory.unmap(Physical(ram_left), size - ram_left);
        cpu.wires.send = [this](const ApicMessage& m) { cpu.apic.accept(m); };
    }

    // One input: a state, entries and exits.
    template <class Chance> void run(Chance& chance) {
        power_on(chance);
        allowed.reset(), root = ~u64{0}, confined = true;
        set_guest(chance);
        if (chance.below(4) == 0) fill_tables(chance);
        if (chance.below(8) == 0) disturb_page(chance);
        if (chance.below(8) == 0) use_instructions(chance);
        for (u64 n = chance.below(3); n; n--) change_field(chance);
        put_guest_code(chance);
        frames.remember(ram);
        for (u64 rounds = 1 + chance.below(12); rounds && complaint.empty(); rounds--) {
            look_at_tables();
            if (!enter()) break;
            run_guest(chance);
            if (cpu.guest || cpu.activity == Activity::shutdown || layer().vmcb_address != vmcb) break;      // SKINIT starts the CPU anew
            after_exit(chance);
        }
        judge_memory();
        if (!cpu.mmu->banks_hold()) complain("a bank holds what the TLB does not");
    }

private:
    Frames frames;
    bool confined = false;                       // the guests so far have reached nothing but their pool
    u64 root = 0;                                // of the tables that were last looked at
    Frames::Set allowed;                         // what they may have written to
    struct Host {
        Gpr gpr;
        u64 rflags, pat;
        Control control;
        std::array<Segment, 4> seg;              // ES, CS, SS, DS
        u64 gdtr, idtr;
    } host{};

    svm::Svm& layer() { return svm::of(cpu); }
    u64 get_field(F f) const {
        u64 value = 0;
        std::memcpy(&value, ram.data() + vmcb + svm::row(f).offset, svm::row(f).bytes);
        return value;
    }
    void set(F f, u64 value) { std::memcpy(ram.data() + vmcb + svm::row(f).offset, &value, svm::row(f).bytes); }
    bool nested() const { return get_field(F::nested_control) & 1; }
    void complain(const std::string& what) {
        if (complaint.empty()) complaint = what;
    }
    static std::string number(u64 n) {
        char text[20];
        std::snprintf(text, sizeof text, "%llx", static_cast<unsigned long long>(n));
        return text;
    }
    static const Frames::Set& outside_pool() {
        static const Frames::Set set = [] {
            Frames::Set s;
            Frames::add(s, pool, pool_size);
            return ~s;
        }();
        return set;
    }

    // ---- the host: 64-bit, or PAE paging, 32-bit paging, no paging

    void put_bytes(u64 at, std::initializer_list<u8> bytes) { std::copy(bytes.begin(), bytes.end(), ram.begin() + s64(at)); }
    template <class Chance> void power_on(Chance& chance) {
        std::fill_n(ram.begin(), ram_left, u8(0));
        memory.set_a20(true);
        cpu.memory_replaced();
        cpu.reset(false);
        cpu.pending = 0, cpu.engine = Engine::slow;
        complaint.clear();
        TestMachine::enter(TestMode::long64);
        if (u64 kind = chance.below(16); kind < 3) become_legacy(kind);
        cpu.control.efer |= efer::svme;
        cpu.msr.vm_hsave_pa = hsave;
        cpu.translation_mode_changed(), cpu.mode_changed();
    }
    void become_legacy(u64 kind) {
        auto& c = cpu.control;
        put(pae_host, u64{0xa001}), put(0xa000, u64{0xe7}), put(table_32, u32{0xe7});
        c.efer &= ~(efer::lma | efer::lme);
        cpu.seg[Seg::cs] = {code32, 0, 0xffffffff, {0xc09b}};
        if (kind == 0) c.cr3 = pae_host, c.pdpte = {0xa001, 0, 0, 0};
        else c.cr3 = table_32, c.cr4 = (c.cr4 & ~cr4::pae) | cr4::pse;
        if (kind == 2) c.cr0 &= ~cr0::pg;
    }

    // ---- a valid VMCB

    void segment(F selector, u64 value, u64 base, u64 limit, u64 attributes) {
        u64 of[] = {value, attributes, limit, base};
        for (unsigned n = 0; n < 4; n++) set(F(unsigned(selector) + n), of[n]);
    }
    // Identity-mapped by the tables of its mode, at 1000h to 7FFFh of its memory.
    template <class Chance> void set_guest(Chance& chance) {
        enum Kind : u64 { wide, user, protected32, pae, unpaged, real, v86 };
        u64 kind = chance.below(7);
        bool with_nested = cpu.paging() && chance.below(4), is_wide = kind == wide || kind == user;
        u64 origin = with_nested ? 0 : pool, start = origin + guest_code + chance.below(code_size - 64);
        auto table = [&](u64 at, u64 entry) { put(pool + at, entry); };
        table(0x1000, (origin + 0x2000) | 7), table(0x2000, (origin + 0x3000) | 7), table(0x3000, 0xe7);
        table(0x4000, 0xe7);                                               // a 4-MiB page
        table(0x5020, (origin + 0x6000) | 1), table(0x6000, 0xe7);
        set(F::intercept_3, chance.below(4) ? u64{bit(24) | bit(31)} : chance.next());
        set(F::intercept_4, 3 | (chance.below(4) ? 0 : chance.next()));
        if (chance.below(4) == 0) set(F::intercept_exception, chance.next()), set(F::intercept_cr, chance.next()), set(F::intercept_dr,
            chance.next());
        set(F::asid, 1 + chance.below(3)), set(F::iopm_base, iopm), set(F::msrpm_base, msrpm);
        set(F::nested_control, with_nested), set(F::gpat, 0x0007040600070406);
        set(F::nested_cr3, cpu.long_mode() ? nested_cr3 : cpu.control.cr4 & cr4::pae ? nested_pae : nested_32);
        set(F::efer, is_wide ? 0x1d01 : 0x1000);
        set(F::cr0, kind == real ? 0x10 : kind == unpaged ? 0x11 : 0x80010031);
        set(F::cr3, origin + (is_wide ? 0x1000 : kind == pae ? 0x5020 : 0x4000));
        set(F::cr4, is_wide || kind == pae ? 0x620 : 0x610);
        set(F::dr6, 0xffff0ff0), set(F::dr7, 0x400), set(F::rflags, kind == v86 ? 0x23202 : 2);
        set(F::cpl, kind == user || kind == v86 ? 3 : 0);
        bool small = kind == real || kind == v86;
        if (small) start = chance.below(code_size - 64);
        for (F f : {F::es_selector, F::ss_selector, F::ds_selector}) segment(f, small ? 0x1000 : 0x18, small ? origin + guest_code : 0, small
            ? 0xffff : 0xffffffff, small ? 0xf3 : 0xc93);
        segment(F::cs_selector, small ? 0x1000 : 0x10, small ? origin + guest_code : 0, small ? 0xffff : 0xffffffff, is_wide ? 0xa9b : small
            ? 0xfb : 0xc9b);
        set(F::gdtr_base, origin + 0x18000), set(F::gdtr_limit, 0xff), set(F::idtr_base, origin + 0x19000), set(F::idtr_limit, 0xfff);
        set(F::rip, start), set(F::rsp, small ? 0xff0 : origin + 0x1f000), set(F::rax, chance.below(pool_size));
        put(pool + 0x18010, is_wide ? u64{0x00af9b000000ffff} : u64{0x00cf9b000000ffff}), put(pool + 0x18018, u64{0x00cf93000000ffff});
        for (u64 v = 0; v < 256; v++)
            put(pool + 0x19000 + v * (is_wide ? 16 : 8), (start & 0xffff) | 0x10 << 16 | u64{0x8e00} << 32 | start >> 16 << 48);
        put_nested(chance);
    }

    // The guest's first 256 KiB are the pool; some pages lie elsewhere, or may not be touched in every way.
    template <class Chance> void put_nested(Chance& chance) {
        for (u64 level = 0; level < 3; level++) put(nested_cr3 + level * 0x1000, (nested_cr3 + level * 0x1000 + 0x1000) | 7);
        put(nested_pae, (nested_cr3 + 0x2000) | 1), put(nested_32, u32(nested_32 + 0x1007));
        for (u64 n = 0; n < pool_size / 4096; n++) put(nested_cr3 + 0x3000 + n * 8, (pool + n * 4096) | 0x67), put(nested_32 + 0x1000 + n * 4,
            u32((pool + n * 4096) | 0x67));
        for (u64 changes = chance.below(2) ? chance.below(24) : 0; changes; changes--) {
            u64 where = chance.below(8) ? nested_cr3 + 0x3000 + chance.below(pool_size / 4096 + 4) * 8 : nested_cr3 + chance.below(3) * 0x1000
                + chance.below(3) * 8;
            u64 target = chance.below(8) ? pool + chance.below(pool_size / 4096) * 4096 : chance.below(ram_left) & ~u64{0xfff};
            put(where, target | chance.below(8) | chance.below(64) << 3 | (chance.below(8) ? 0 : bit(63)) | (chance.below(64) ? 0 : chance.next()));
        }
    }

    // ---- changes

    void noise(u64 from, u64 bytes, u64 a, u64 b) {
        for (u64 at = from; at < from + bytes; at += 8) put(at, a = (a ^ a >> 29) * 0x9e3779b97f4a7c15 + b);
    }
    template <class Chance> void fill_tables(Chance& chance) {
        if (chance.below(2)) noise(iopm, 0x3000, chance.next(), chance.next());
        if (chance.below(2)) noise(msrpm, 0x2000, chance.next(), chance.next());
    }
    // The whole page, the control area or the state-save area of any bytes; what most entries would fail by is kept at times.
    template <class Chance> void disturb_page(Chance& chance) {
        u64 kind = chance.below(4), asid = get_field(F::asid), efer = get_field(F::efer);
        if (kind == 0) noise(vmcb, 0x1000, chance.next(), chance.next());
        if (kind == 1) noise(vmcb, 0x400, chance.next(), chance.next());
        if (kind == 2) noise(vmcb + 0x400, 0x280, chance.next(), chance.next());
        for (u64 n = chance.below(8); n; n--) ram[vmcb + chance.below(0x700)] = u8(chance.next());
        if (chance.below(4) == 0) return;
        set(F::asid, asid), set(F::efer, efer), set(F::iopm_base, iopm), set(F::msrpm_base, msrpm), set(F::event_injection, 0);
        set(F::cr0, u32(get_field(F::cr0)) & ~u64{bit(29)}), set(F::cr4, get_field(F::cr4) & control::cr4_bits(cpu)), set(F::cr3,
            get_field(F::cr3) & mask(30, 0));
        set(F::dr6, u32(get_field(F::dr6))), set(F::dr7, u32(get_field(F::dr7))), set(F::intercept_4, get_field(F::intercept_4) | 1);
        set(F::gpat, 0x0007040600070406);
    }
    // VMLOAD, VMSAVE, CLGI and INVLPGA of anything.
    template <class Chance> void use_instructions(Chance& chance) {
        auto registers = cpu.gpr;
        for (u64 n = chance.below(8); n; n--) {
            cpu.gpr[rax] = chance.below(4) ? pool + chance.below(16) * 4096 : chance.next() >> chance.below(64), cpu.gpr[rcx] = chance.next();
            static constexpr u8 last[] = {0xda, 0xdb, 0xdd, 0xdf};
            u64 page = cpu.gpr[rax] & ~u64{0xfff};
            if (page < pool) cpu.gpr[rax] = pool;                          // VMSAVE there would change the host
            put_bytes(code, {0x0f, 0x01, last[chance.below(4)]}), cpu.rip() = code;
            step();
        }
        cpu.gpr = registers;
    }
    template <class Chance> void change_field(Chance& chance) {
        static constexpr u64 edges[] = {0, 1, 2, 3, 4, 5, 6, 7, 0xf, 0x10, 0x11, 0x7f, 0x80, 0xff, 0xfff, 0x1000, 0x1d01, 0x1500, 0x7fff, 0x8000,
            0xffff, 0x10000,
                                        0x7fffffff, 0x80000000, 0xffffffff, bit(32), bit(40) - 0x3000, bit(40) - 0x2fff, bit(40) - 0x2000,
                                        bit(40) - 0x1000,
                                        bit(40), bit(47), bit(48) - 0x1000, bit(48), bit(51), bit(52), bit(63), ~u64{0}};
        F f = svm::fields[chance.below(std::size(svm::fields))].field;
        u64 now = get_field(f);
        if (f == F::event_injection && chance.below(4)) return set(f, bit(31) | chance.below(8) << 8 | chance.below(34)
            | chance.below(4) / 3 << 11 | chance.next() << 32);
        switch (chance.below(4)) {
        case 0: return set(f, edges[chance.below(std::size(edges))]);
        case 1: return set(f, now + (chance.below(2) ? 1 : ~u64{0}));
        case 2: return set(f, chance.next());
        default: return set(f, now ^ bit(unsigned(chance.below(svm::row(f).bytes * 8u))));
        }
    }
    template <class Chance> void put_guest_code(Chance& chance) {
        put_any_code(ram.subspan(pool + guest_code, code_size), chance);
        for (unsigned n = 0; n < 16; n++)
            if (n != rsp) cpu.gpr[n] = chance.below(2) ? chance.below(pool_size) : chance.next() >> chance.below(64);
        cpu.memory_replaced();
        cpu.engine = chance.below(2) ? Engine::fast : Engine::slow;
    }

    // ---- VMRUN

    bool straight_accepts() {
        straight::Page page;
        std::copy_n(ram.begin() + vmcb, page.size(), page.begin());
        straight::Processor p{cpu.model.physical_bits, cpu.model.asids, control::efer_bits(cpu), control::cr4_bits(cpu), true, cpu.paging(),
            cpu.long_mode(), {}, cpu.features.has(Feature::vnmi), cpu.features.has(Feature::avic)};
        for (u64 n = 0; n < 4; n++) p.pdptes[n] = memory.read(Physical((get_field(F::cr3) & 0xffffffe0) + n * 8), 8);
        return straight::accepts(page, p);
    }
    void remember_host() {
        host = {cpu.gpr, cpu.rflags, cpu.msr.pat, cpu.control, {cpu.seg[Seg::es], cpu.seg[Seg::cs], cpu.seg[Seg::ss], cpu.seg[Seg::ds]},
            cpu.seg.gdtr.base, cpu.seg.idtr.base};
    }

    // True if it has led into the guest, who may have left again.
    bool enter() {
        bool right = straight_accepts(), cached = layer().vmcb_address == vmcb && get_field(F::clean);
        u64 entries = layer().log.entries, failed = layer().log.failed_entries;
        svm::Vmcb asked;
        asked.load(memory, Physical(vmcb), svm::vmrun_reads | svm::of(svm::Clean::avic));
        put_bytes(code, {0x0f, 0x01, 0xd8, 0xeb, 0xfe}), cpu.rip() = code, cpu.gpr[rax] = vmcb;
        remember_host();
        for (unsigned n = 0; n < 3 && cpu.rip() == code && !cpu.guest; n++) cpu.run(cpu.clock.ticks + 1);      // an event dropped takes a tick
        bool entered = layer().log.entries == entries + 1, refused = layer().log.failed_entries == failed + 1;
        if (entered == refused && confined) complain("VMRUN has neither entered nor failed");
        if (entered == refused) return false;
        auto* broken = svm::first_broken({asked, layer().around});
        std::string by = broken ? std::string(broken->id) : "nothing";
        if (!cached && bool(broken) == right) complain("broken is " + by + "; the straight checker says another");
        if (!cached && entered != right) complain("VMRUN and the straight checker differ; broken is " + by);
        seen[entered ? "entered" : "refused"]++;
        if (!entered && get_field(F::exit_code) != ~u64{0}) complain("the exit code of a refusal is " + number(get_field(F::exit_code)));
        if (!entered) judge_host();
        return entered;
    }

    // ---- the guest

    template <class Chance> void run_guest(Chance& chance) {
        if (chance.below(16) == 0) happen(chance);
        for (u64 slices = 1 + chance.below(40); slices && cpu.guest; slices--) cpu.run(cpu.clock.ticks + 1 + chance.below(4));
        if (chance.below(8) == 0 && cpu.guest) happen(chance), cpu.run(cpu.clock.ticks + 50);
        if (cpu.guest) judge_guest();
        else if (layer().vmcb_address == vmcb && cpu.activity != Activity::shutdown) judge_host();
    }
    template <class Chance> void happen(Chance& chance) {
        switch (chance.below(3)) {
        case 0: return cpu.set_intr(true);
        case 1: return cpu.request_nmi();
        default: return cpu.request_startup(0x10);
        }
    }
    template <class Chance> void after_exit(Chance& chance) {
        seen["exit " + number(get_field(F::exit_code))]++;
        cpu.set_intr(false);
        u64 rip = get_field(F::rip), next = get_field(F::next_rip);
        if (chance.below(4)) set(F::rip, next && chance.below(2) ? next : (rip & ~u64{0x3fff}) | ((rip + chance.below(code_size - 64)) & 0x3fff));
        if (chance.below(2)) return;
        if (chance.below(2)) change_field(chance), set(F::tlb_control, 1);
        set(F::clean, 0);
    }

    // ---- what must hold

    void judge_guest() {
        if (!(cpu.rflags & rflags::one) || cpu.rflags >> 22 || cpu.cpl > 3) complain("the guest's RFLAGS or CPL");
        if (cpu.long_mode() && !cpu.paging()) complain("the guest is in long mode without paging");
        if (!cpu.bits64() && cpu.rip() >> 32) complain("the guest's RIP");
    }

    // APM vol. 2, 15.6, where the guest can't have written to the save area.
    void judge_host() {
        if (!confined) return;
        auto& c = cpu.control;
        auto want = [&](const char* what, u64 is, u64 right) {
            if (is != right) complain(std::string("after #VMEXIT: ") + what + " is " + number(is) + ", not " + number(right));
        };
        want("activity", u64(cpu.activity), 0);
        want("guest mode", cpu.guest != nullptr, false);
        want("GIF", layer().gif, false);
        want("RIP", cpu.rip(), code + 3);
        want("RSP", cpu.gpr[rsp], host.gpr[rsp]);
        want("RAX", cpu.gpr[rax], host.gpr[rax]);
        want("RFLAGS", cpu.rflags, host.rflags);
        want("CR0", c.cr0, host.control.cr0);
        want("CR3", c.cr3, host.control.cr3);
        want("CR4", c.cr4, host.control.cr4);
        want("EFER", c.efer, host.control.efer);
        want("DR7", c.dr[7], 0x400);
        want("PAT", cpu.msr.pat, host.pat);
        want("CPL", cpu.cpl, 0);
        want("GDTR", cpu.seg.gdtr.base, host.gdtr);
        want("IDTR", cpu.seg.idtr.base, host.idtr);
        static constexpr Seg all[] = {Seg::es, Seg::cs, Seg::ss, Seg::ds};
        for (unsigned n = 0; n < 4; n++) {
            auto &is = cpu.seg[all[n]], &right = host.seg[n];
            want("a selector", is.selector, right.selector);
            want("a base", is.base, right.base);
            want("a limit", is.limit, right.limit);
            want("rights", is.rights.value, right.rights.value);
        }
    }

    // Nothing but what the nested tables allow has been written to, and what the CPU itself writes.
    void look_at_tables() {
        bool avic = get_field(F::interrupt_control) & bit(31), gmet = get_field(F::nested_control) & bit(3);
        if (!nested() || !cpu.long_mode() || avic) return void(confined = false);         // AVIC's pages may lie anywhere
        if (u64 now = get_field(F::nested_cr3) | gmet; root != now) {
            root = now;
            allowed |= Frames::writable_by_npt(memory, now & ~u64{1}, gmet);
        }
        confined = confined && !(allowed & outside_pool() & ~tables()).any();
    }
    static Frames::Set tables() {
        Frames::Set s;
        Frames::add(s, nested_cr3, 0x4000);
        return s;
    }
    void judge_memory() {
        if (!confined) return;
        for (u64 own : {u64{0x1000}, u64{0x2000}, u64{0x3000}, code, vmcb, hsave}) allowed.set(own >> 12);       // flags of its tables too
        if (auto page = frames.changed_outside(ram, allowed)) complain("the guest has changed page " + number(*page * 4096));
    }
};
