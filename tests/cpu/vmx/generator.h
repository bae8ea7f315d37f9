// SPDX-License-Identifier: MIT
// VM entries at the boundaries: valid VMCSs of every kind of guest with a field or two changed, or regions and tables of any
// bytes, are entered by the real instructions. What comes of it is compared with the table of checks and with the checker
// written a second time; the guest then runs any code, and after each exit the host must be as its area says, and no memory
// may have changed but what the guest's EPT lets it write.
#pragma once
#include "base/log.h"
#include "cpu/vmx/vmx.h"
#include "tests/cpu/any_code.h"
#include "tests/cpu/frames.h"
#include "tests/cpu/machine.h"
#include "tests/cpu/vmx/boundary.h"
#include "tests/cpu/vmx/scenes.h"
#include <map>

class VmxGenerator : public TestMachine {
public:
    using F = vmx::Field;
    static constexpr u64 ram_left = Frames::count * 4096;
    static constexpr u64 host_code = 0x11000, pae_host = 0x9000, vmxon_region = 0x50000, region = 0x51000, io_bitmaps = 0x52000, msr_bitmap = 0x54000,
                         virtual_apic = 0x55000, lists = 0x56000, other_region = 0x59000, eptp_list = 0x5a000,
                         shadow_bitmaps = 0x5b000, page_log = 0x5d000, ve_area = 0x5e000, sub_page_table = 0x5f000, ept = 0x60000, posted = 0x7f000, pool = 0x80000,
                         pool_size = 0x40000, guest_code = 0x10000, code_size = 0x4000;

    std::string complaint;                       // the first thing that was wrong
    std::map<std::string, u64> seen;             // what has come of entries

    // haswell, nehalem-ep or max-intel
    explicit VmxGenerator(const char* model = "haswell")
        : TestMachine(TestMode::long64, model), chip(*chip_of(model).straight), valid(scenes_of(chip_of(model))) {
        set_logging(false);
        memory.unmap(Physical(ram_left), size - ram_left);
        cpu.wires.send = [this](const ApicMessage& m) { cpu.apic.accept(m); };
        chip.cr4_may = layer().limits.cr4.allowed;
    }

    // One input: a state, entries and exits.
    template <class Chance> void run(Chance& chance) {
        power_on(chance.below(8) == 0);
        set_scene(chance);
        if (chance.below(4) == 0) fill_tables(chance);
        if (chance.below(4) == 0) use_instructions(chance);
        if (chance.below(8) == 0) disturb_region(chance);
        for (u64 n = chance.below(3); n; n--) change_field(chance);
        put_guest_code(chance);
        frames.remember(ram);
        bool resume = chance.below(2);
        layer().launched = resume;
        for (u64 rounds = 1 + chance.below(12); rounds && complaint.empty(); rounds--) {
            look_at_tables();
            if (!enter(resume)) break;
            resume = true;
            run_guest(chance);
            if (cpu.guest || cpu.activity == Activity::shutdown) break;
            after_exit(chance);
        }
        judge_memory();
        if (!cpu.mmu->banks_hold()) complain("a bank holds what the TLB does not");
    }

private:
    Frames frames;
    straight::Chip chip;
    std::vector<Scene> valid;
    bool host_changed = false, nmi_sent = false;
    bool confined = false;                       // by EPT, in each entry so far
    u64 root = 0;                                // of the tables that were last looked at
    Frames::Set allowed;                         // what the guest may have written to

    vmx::Vmx& layer() { return static_cast<vmx::Vmx&>(*cpu.virt); }
    u64 field(F f) { return layer().vmcs[f]; }
    void set(F f, u64 value) { layer().vmcs.set(f, value); }
    void complain(const std::string& what) {
        if (complaint.empty()) complaint = what;
    }
    static std::string number(u64 n) {
        char text[20];
        std::snprintf(text, sizeof text, "%llx", static_cast<unsigned long long>(n));
        return text;
    }

    static const ChipPair& chip_of(std::string_view model) {
        return model == "haswell" ? haswell_chip() : model == "max-intel" ? newest_chip() : nehalem_chip();
    }
    // Every scene of the Haswell that this chip takes too.
    static std::vector<Scene> scenes_of(const ChipPair& chip) {
        std::vector<Scene> list;
        for (auto s : scenes()) {
            if (s.chip != &haswell_chip()) continue;
            s.chip = &chip;
            if (!vmx::first_broken(s.view())) list.push_back(s);
        }
        return list;
    }

    // ---- VMX root operation

    void put_bytes(u64 at, std::initializer_list<u8> bytes) { std::copy(bytes.begin(), bytes.end(), ram.begin() + s64(at)); }
    // Runs one instruction of the host's: RAX holds an address or an encoding, RDX a value.
    void host_runs(std::initializer_list<u8> bytes) {
        put_bytes(code, bytes);
        cpu.rip() = code;
        cpu.run(cpu.clock.ticks + 1);
    }
    void host_runs_at(std::initializer_list<u8> bytes, u64 address) {
        put(data, address);
        cpu.gpr[rax] = data;
        host_runs(bytes);
    }
    bool succeeded() const { return !(cpu.rflags & (rflags::cf | rflags::zf)); }
    u64 error() { return cpu.rflags & rflags::zf ? field(F::instruction_error) : 0; }

    void power_on(bool legacy) {
        std::fill_n(ram.begin(), ram_left, u8(0));
        memory.set_a20(true);
        cpu.memory_replaced();
        cpu.reset(false);
        cpu.pending = 0, cpu.engine = Engine::slow;
        complaint.clear();
        host_changed = nmi_sent = false, confined = true;
        allowed.reset(), root = 0;
        cpu.msr.feature_control = 5;
        TestMachine::enter(TestMode::long64);
        if (legacy) become_legacy();
        cpu.control.cr4 |= cr4::vmxe;
        cpu.translation_mode_changed(), cpu.mode_changed();
        put(vmxon_region, vmx::revision), put(region, vmx::revision), put(other_region, vmx::revision);
        host_runs_at({0xf3, 0x0f, 0xc7, 0x30}, vmxon_region);
        host_runs_at({0x66, 0x0f, 0xc7, 0x30}, region);
        host_runs_at({0x0f, 0xc7, 0x30}, region);
        if (layer().current != region) complain("VMPTRLD has failed");
        put_bytes(host_code, {0xeb, 0xfe});
    }
    // The same memory by PAE paging.
    void become_legacy() {
        put(pae_host, u64{0xa001});
        put(0xa000, u64{0xe7});
        auto& c = cpu.control;
        c.efer &= ~(efer::lma | efer::lme), c.cr3 = pae_host, c.pdpte = {0xa001, 0, 0, 0};
        cpu.seg[Seg::cs] = {code32, 0, 0xffffffff, {0xc09b}};
    }

    // ---- a valid VMCS

    template <class Chance> void set_scene(Chance& chance) {
        u64 first = chance.below(valid.size());
        const Scene* s = &valid[first];
        for (u64 n = first; s->ia32e != cpu.long_mode(); n++) s = &valid[n % valid.size()];
        for (auto& r : vmx::fields) set(r.field, s->vmcs[r.field]);
        set_host();
        set_addresses();
        if (chance.below(2)) vary_controls(chance);
        set_guest(chance);
        put_ept(chance);
    }
    void set_host() {
        bool wide = cpu.long_mode();
        set(F::host_cr3, wide ? 0x1000 : pae_host), set(F::host_rip, host_code), set(F::host_rsp, stack);
        set(F::host_gdtr_base, gdt), set(F::host_idtr_base, idt);
        set(F::host_cs_selector, wide ? code64 : code32);
    }
    void set_addresses() {
        set(F::io_bitmap_a, io_bitmaps), set(F::io_bitmap_b, io_bitmaps + 0x1000), set(F::msr_bitmap, msr_bitmap);
        set(F::virtual_apic_address, virtual_apic), set(F::ept_pointer, ept | 0x1e), set(F::eptp_list_address, eptp_list);
        set(F::vmread_bitmap, shadow_bitmaps), set(F::vmwrite_bitmap, shadow_bitmaps + 0x1000), set(F::page_log_address, page_log);
        set(F::apic_access_address, pool + 0x1e000), set(F::posted_descriptor, posted), set(F::notification_vector, 0xf2);
        set(F::ve_information_address, ve_area), set(F::sub_page_table, sub_page_table);
        set(F::exit_msr_store_address, lists), set(F::exit_msr_load_address, lists + 0x1000), set(F::entry_msr_load_address, lists + 0x2000);
        set(F::exit_msr_store_count, 0), set(F::exit_msr_load_count, 0), set(F::entry_msr_load_count, 0);
    }
    // More that exits, as far as the chip has it.
    template <class Chance> void vary_controls(Chance& chance) {
        set(F::primary_controls, field(F::primary_controls) | (chance.next() & chance.next() & chip.primary_may));
        set(F::secondary_controls, field(F::secondary_controls) | (chance.next() & chip.secondary_may & (chance.below(8) ? 0x1c4c : 0x3c4c)));
        set(F::secondary_controls, field(F::secondary_controls) | (chance.next() & chance.next() & chip.secondary_may & 0x02d74000));
        set(F::secondary_controls, field(F::secondary_controls) | (chance.next() & chance.next() & chip.secondary_may & 0x311));
        for (F f : {F::guest_interrupt_status, F::eoi_exit_bitmap0, F::eoi_exit_bitmap1, F::eoi_exit_bitmap2, F::eoi_exit_bitmap3}) set(f, chance.next());
        set(F::tsc_multiplier, chance.next()), set(F::page_log_index, chance.below(4) ? chance.below(513) : chance.next());
        if (chance.below(2) && shadowing()) set(F::vmcs_link_pointer, other_region), put(other_region, vmx::revision | u32(bit(31)));
        set(F::pin_controls, field(F::pin_controls) | (chance.next() & chip.pin_may));
        set(F::preemption_timer_value, chance.below(16));
        set(F::exception_bitmap, chance.next() & chance.next());
        set(F::cr0_mask, chance.next()), set(F::cr0_read_shadow, chance.next()), set(F::cr4_mask, chance.next()), set(F::cr4_read_shadow,
            chance.next());
        set(F::cr3_target_count, chance.below(5)), set(F::ple_window, chance.below(64)), set(F::ple_gap, chance.below(64));
    }
    // Identity-mapped by the tables of its mode, at 1000h to 7FFFh of its memory.
    template <class Chance> void set_guest(Chance& chance) {
        u64 origin = nested() ? 0 : pool, start = origin + guest_code + chance.below(code_size - 64);
        auto table = [&](u64 at, u64 entry) { put(pool + at, entry); };
        table(0x1000, (origin + 0x2000) | 7), table(0x2000, (origin + 0x3000) | 7), table(0x3000, 0xe7);
        table(0x4000, 0xe7);                                               // a 4-MiB page
        table(0x5020, (origin + 0x6000) | 1), table(0x6000, 0xe7);
        bool wide = field(F::entry_controls) & bit(9), pae = field(F::guest_cr4) & cr4::pae;
        set(F::guest_cr3, origin + (wide ? 0x1000 : pae ? 0x5020 : 0x4000));
        for (F f : {F::guest_pdpte0, F::guest_pdpte1, F::guest_pdpte2, F::guest_pdpte3}) set(f, pae ? (f == F::guest_pdpte0 ? 0x6001u : 0x1e6u) : 0u);
        bool real = !(field(F::guest_cr0) & 1), v86 = field(F::guest_rflags) & rflags::vm;
        if (real) set(F::guest_cs_selector, 0x1000), set(F::guest_cs_base, guest_code), start -= guest_code;
        if (v86) start = 0x100;
        set(F::guest_rip, start), set(F::guest_rsp, real || v86 ? 0xff0 : origin + 0x1f000);
        set(F::guest_gdtr_base, origin + 0x18000), set(F::guest_idtr_base, origin + (real ? 0 : 0x19000));
        for (u64 n = 1; n < 9; n++) put(pool + 0x18000 + n * 8, n < 3 && wide ? u64{0x00af9b000000ffff} : n == 2 ? u64{0x00cf9b000000ffff}
            : u64{0x00cf93000000ffff});
        for (u64 v = 0; v < 256 && wide; v++) put(pool + 0x19000 + v * 16, (start & 0xffff) | 0x10 << 16 | u64{0x8e00} << 32 | start >> 16 << 48);
        for (u64 v = 0; v < 256 && !wide && !real; v++) put(pool + 0x19000 + v * 8, (start & 0xffff) | 0x10 << 16 | u64{0x8e00} << 32
            | start >> 16 << 48);
    }
    bool shadowing() { return (field(F::primary_controls) >> 31 & 1) && (field(F::secondary_controls) >> 14 & 1); }
    bool nested() { return (field(F::primary_controls) >> 31 & 1) && (field(F::secondary_controls) & 2); }

    // The guest's first 256 KiB are the pool; some pages lie elsewhere, or may not be touched in every way.
    template <class Chance> void put_ept(Chance& chance) {
        for (u64 level = 0; level < 3; level++) put(ept + level * 0x1000, (ept + level * 0x1000 + 0x1000) | 7);
        for (u64 n = 0; n < pool_size / 4096; n++) put(ept + 0x3000 + n * 8, (pool + n * 4096) | 0x37);
        for (u64 changes = chance.below(2) ? chance.below(24) : 0; changes; changes--) {
            u64 where = chance.below(8) ? ept + 0x3000 + chance.below(pool_size / 4096 + 4) * 8 : ept + chance.below(3) * 0x1000
                + chance.below(3) * 8;
            u64 target = chance.below(8) ? pool + chance.below(pool_size / 4096) * 4096 : chance.below(ram_left) & ~u64{0xfff};
            put(where, target | chance.below(8) | (chance.below(4) ? 0x30 : chance.below(16) << 3) | (chance.below(64) ? 0 : chance.next()));
        }
        if (chip.ept_vpid & bit(21) && chance.below(2)) set(F::ept_pointer, field(F::ept_pointer) | 0x40);
        put(eptp_list, field(F::ept_pointer) ^ (chance.below(2) << 6));
    }

    // ---- changes

    template <class Chance> void fill_tables(Chance& chance) {
        auto noise = [&](u64 from, u64 bytes) {
            u64 a = chance.next(), b = chance.next();
            for (u64 at = from; at < from + bytes; at += 8) put(at, a = (a ^ a >> 29) * 0x9e3779b97f4a7c15 + b);
        };
        if (chance.below(2)) noise(io_bitmaps, 0x2000);
        if (chance.below(2)) noise(msr_bitmap, 0x1000);
        if (chance.below(2)) noise(virtual_apic, 0x1000);
        if (chance.below(2)) noise(posted, 64);
        if (chance.below(2)) noise(eptp_list + 8, 0xff8);
        if (chance.below(2)) noise(shadow_bitmaps, 0x2000);
        if (chance.below(2)) noise(sub_page_table, 0x1000);
        static constexpr u32 msrs[] = {0x10, 0x1b, 0x3a, 0x79, 0x8b, 0x9b, 0x9e, 0x174, 0x175, 0x176, 0x1d9, 0x277, 0x2ff, 0x480, 0x6e0, 0x808, 0x830,
                                       0xc0000080, 0xc0000081, 0xc0000082, 0xc0000084, 0xc0000100, 0xc0000101, 0xc0000102, 0xc0000103};
        static constexpr std::pair<F, F> all[] = {{F::exit_msr_store_address, F::exit_msr_store_count}, {F::exit_msr_load_address,
            F::exit_msr_load_count},
                                                  {F::entry_msr_load_address, F::entry_msr_load_count}};
        for (auto [address, count] : all) {
            if (chance.below(2)) continue;
            u64 n = chance.below(16) ? chance.below(4) : chance.below(600);
            for (u64 i = 0; i < std::min<u64>(n, 256); i++) {
                put(field(address) + i * 16, chance.below(16) ? u64{msrs[chance.below(std::size(msrs))]} : chance.next());
                put(field(address) + i * 16 + 8, chance.below(2) ? chance.below(0x10000) : chance.next());
            }
            set(count, n);
        }
    }

    // VMREAD and VMWRITE of any encoding: what is written is read again, as wide as the encoding says.
    template <class Chance> void use_instructions(Chance& chance) {
        for (u64 n = chance.below(16); n && complaint.empty(); n--) {
            u64 encoding = chance.below(4) ? u16(vmx::fields[chance.below(vmx::field_count)].field) | (chance.below(8) == 0)
                : chance.next() >> chance.below(64);
            write_and_read(encoding, chance.next());
        }
    }
    void write_and_read(u64 encoding, u64 value) {
        if (!cpu.bits64()) encoding = u32(encoding), value = u32(value);
        auto before = layer().vmcs.value;
        cpu.gpr[rax] = encoding, cpu.gpr[rdx] = value;
        host_runs({0x0f, 0x79, 0xc2});
        bool written = succeeded();
        u64 why = error();
        if (written) layer().vmcs.value = before, cpu.gpr[rax] = encoding, cpu.gpr[rdx] = value, host_runs({0x0f, 0x79, 0xc2});
        bool information = (encoding >> 10 & 3) == 1 && !(chip.secondary_may >> 14 & 1), malformed = encoding >> 15 || encoding & 0x1380;
        if (written && (information || malformed)) complain("VMWRITE has taken " + number(encoding));
        if (!written && why != (information && why == 13 ? 13u : 12u)) complain("VMWRITE of " + number(encoding) + ": error " + number(why));
        cpu.gpr[rax] = encoding, cpu.gpr[rdx] = 0;
        host_runs({0x0f, 0x78, 0xc2});
        if (succeeded() != (written || why == 13)) complain("VMREAD and VMWRITE disagree on " + number(encoding));
        if (!written) return;
        static constexpr u64 widths[] = {0xffff, ~u64{0}, 0xffffffff, ~u64{0}};
        u64 right = value & (encoding & 1 ? 0xffffffff : widths[encoding >> 13 & 3]);
        if (cpu.gpr[rdx] != right) complain("VMREAD of " + number(encoding) + " gives " + number(cpu.gpr[rdx]) + ", not " + number(right));
        layer().vmcs.value = before, layer().vmcs.all_changed();
    }

    // The region written back, some of its bytes or all of them changed, and made current again.
    template <class Chance> void disturb_region(Chance& chance) {
        host_runs_at({0x66, 0x0f, 0xc7, 0x30}, region);
        u64 changes = chance.below(4) ? 1 + chance.below(8) : 0x400, spread = changes < 16 ? 0 : chance.next();
        for (u64 n = 0; n < changes; n++) {
            u64 at = spread ? n * 4 : chance.below(0x480), value = spread ? (spread = spread * 0x5851f42d4c957f2d + 0x14057b7ef767814f) >> 32
                : chance.next();
            if (at < 12) continue;
            if (spread) put(region + at, u32(value));
            else put(region + at, u8(value));
        }
        if (chance.below(16) == 0) put(region, u32(chance.next()));
        bool right = get<u32>(region) == vmx::revision;
        host_runs_at({0x0f, 0xc7, 0x30}, region);
        if (right != (layer().current == region)) complain("VMPTRLD by the revision identifier");
        if (!right) put(region, vmx::revision), host_runs_at({0x0f, 0xc7, 0x30}, region);
        host_changed = true;
    }
    template <class Chance> void change_field(Chance& chance) {
        F f = vmx::fields[chance.below(vmx::field_count)].field;
        if (chance.below(16) == 0 && field(F::vmcs_link_pointer) == ~u64{0}) set(F::vmcs_link_pointer, other_region);
        set(f, boundary_value(chance, f, field(f)));
        host_changed |= vmx::area(f) == vmx::Area::host || f == F::exit_controls;
    }
    template <class Chance> void put_guest_code(Chance& chance) {
        put_any_code(ram.subspan(pool + guest_code, code_size), chance);
        for (unsigned n = 0; n < 16; n++)
            if (n != rsp) cpu.gpr[n] = chance.below(2) ? chance.below(pool_size) : chance.next() >> chance.below(64);
        cpu.memory_replaced();
        cpu.engine = chance.below(2) ? Engine::fast : Engine::slow;
    }

    // ---- entry

    straight::Verdict straight_verdict() {
        straight::State s{&chip, {}, [this](u64 at, int bytes) { return memory.read(Physical(at), unsigned(bytes)); }, cpu.long_mode(),
            layer().current, vmx::revision};
        for (auto& r : vmx::fields) s.field[u16(r.field)] = field(r.field);
        return straight::judge(s);
    }
    static std::string text(straight::Verdict v) { return std::to_string(v.result) + "/" + std::to_string(v.qualification); }

    // True if it has led into the guest, who may have left again.
    bool enter(bool resume) {
        auto broken = vmx::first_broken({layer().vmcs, layer().surroundings()});
        auto right = straight_verdict(), table = verdict(broken);
        if (right != table) complain("the table says " + text(table) + ", the straight checker " + text(right));
        u64 entries = layer().log.entries, failures = layer().log.failed_entries;
        set(F::exit_reason, 0);
        put(code, u32(resume ? 0xc3010f : 0xc2010f)), cpu.rip() = code;
        for (unsigned n = 0; n < 3 && cpu.rip() == code && !cpu.guest; n++) cpu.run(cpu.clock.ticks + 1);      // an event dropped takes a tick
        if (layer().log.entries == entries && layer().log.failed_entries == failures) {
            bool excused = nmi_sent || host_changed || field(F::exit_msr_load_count);         // a fault of the host's
            if (!excused) complain("the instruction has done nothing");
            return false;
        }
        u64 reason = field(F::exit_reason);
        straight::Verdict found;
        if (reason >> 31) found = {int(u16(reason)), int(field(F::exit_qualification))};
        else if (layer().log.entries == entries) found = {int(error()), 0};
        bool by_msr = found.result == 34 && right == straight::Verdict{};
        if (by_msr && (found.qualification < 1 || u64(found.qualification) > field(F::entry_msr_load_count))) complain("an entry of no list has failed");
        seen[text(by_msr ? straight::Verdict{34, 0} : found)]++;
        if (!by_msr && found != right) complain("the instruction comes to " + text(found) + ", the straight checker to " + text(right)
            + "; broken is " + std::string(broken ? broken->check->id : "nothing"));
        if (found.result == 0) return true;
        if (found.result >= 33) judge_host();
        return false;
    }

    // ---- the guest

    template <class Chance> void run_guest(Chance& chance) {
        u64 exits = layer().log.exits;
        if (chance.below(16) == 0) happen(chance);
        for (u64 slices = 1 + chance.below(40); slices && cpu.guest; slices--) cpu.run(cpu.clock.ticks + 1 + chance.below(4));
        if (chance.below(8) == 0 && cpu.guest) happen(chance), cpu.run(cpu.clock.ticks + 50);
        judge_fields();
        if (layer().log.exits != exits && !cpu.guest) judge_host();
        if (cpu.guest) judge_guest();
    }
    template <class Chance> void happen(Chance& chance) {
        switch (chance.below(4)) {
        case 0: return cpu.set_intr(true);
        case 1: nmi_sent = true; return cpu.request_nmi();
        case 2: return cpu.request_init();
        default: return cpu.request_startup(0x10);
        }
    }
    // What the host does about an exit: past the instruction, elsewhere, or back to where it was; and a field changed now and then.
    template <class Chance> void after_exit(Chance& chance) {
        seen["exit " + std::to_string(u16(field(F::exit_reason)))]++;
        cpu.set_intr(false);
        u64 length = field(F::exit_instruction_length) & 15;
        u64 step = chance.below(2) ? length : chance.below(code_size - 64);
        if (chance.below(4)) set(F::guest_rip, (field(F::guest_rip) & ~u64{0x3fff}) | ((field(F::guest_rip) + step) & 0x3fff));
        if (chance.below(4) == 0) change_field(chance);
    }

    // ---- what must hold

    void judge_fields() {
        for (auto& r : vmx::fields)
            if (vmx::truncate(r.field, field(r.field)) != field(r.field)) complain("too wide: " + std::string(r.text));
    }
    void judge_guest() {
        if (!(cpu.rflags & rflags::one) || cpu.rflags >> 22 || cpu.cpl > 3) complain("the guest's RFLAGS or CPL");
        if (cpu.long_mode() && !cpu.paging()) complain("the guest is in IA-32e mode without paging");
        if (cpu.paging() && !cpu.protected_mode()) complain("the guest has paging without protection");
        if (!cpu.bits64() && cpu.rip() >> 32) complain("the guest's RIP");
    }

    // SDM vol. 3, 28.5. What MSRs of a list have become is not looked at; a changed host may have gone on to a fault.
    void judge_host() {
        if (cpu.activity == Activity::shutdown) return;
        if (cpu.rip() != field(F::host_rip)) {
            if (!host_changed && !nmi_sent) complain("the host runs at " + number(cpu.rip()));
            return;
        }
        auto& c = cpu.control;
        bool wide = field(F::exit_controls) & bit(9), listed = field(F::exit_msr_load_count);
        auto want = [&](const char* what, u64 is, u64 right) {
            if (is != right) complain(std::string("after an exit: ") + what + " is " + number(is) + ", not " + number(right));
        };
        want("guest mode", cpu.guest != nullptr, false);
        want("CR0", c.cr0 & 0x8005002f, field(F::host_cr0) & 0x8005002f);
        want("CR3", c.cr3, field(F::host_cr3));
        u64 cr4 = field(F::host_cr4);
        want("CR4", c.cr4, wide ? cr4 | 0x20 : cr4 & ~u64{0x20000});
        want("DR7", c.dr[7], 0x400);
        want("RSP", cpu.gpr[rsp], field(F::host_rsp));
        want("RFLAGS", cpu.rflags, 2);
        want("CPL", cpu.cpl, 0);
        if (!listed) {
            want("LMA", c.efer >> 10 & 1, wide);
            want("LME", c.efer >> 8 & 1, wide);
            if (field(F::exit_controls) & bit(21)) want("EFER", c.efer, field(F::host_efer));
            if (field(F::exit_controls) & bit(19)) want("PAT", cpu.msr.pat, field(F::host_pat));
            want("DEBUGCTL", cpu.msr.debugctl, 0);
            want("SYSENTER_CS", cpu.msr.sysenter_cs, field(F::host_sysenter_cs));
            want("SYSENTER_ESP", cpu.msr.sysenter_esp, field(F::host_sysenter_esp));
            want("SYSENTER_EIP", cpu.msr.sysenter_eip, field(F::host_sysenter_eip));
        }
        judge_host_segments(wide, want);
    }
    template <class Want> void judge_host_segments(bool wide, Want&& want) {
        struct Row { const char* name; Seg seg; F selector; u64 base; };
        const Row rows[] = {{"ES", Seg::es, F::host_es_selector, 0}, {"CS", Seg::cs, F::host_cs_selector, 0}, {"SS", Seg::ss, F::host_ss_selector, 0},
                            {"DS", Seg::ds, F::host_ds_selector, 0}, {"FS", Seg::fs, F::host_fs_selector, field(F::host_fs_base)},
                            {"GS", Seg::gs, F::host_gs_selector, field(F::host_gs_base)}};
        for (auto& r : rows) {
            auto& s = cpu.seg[r.seg];
            bool is_code = r.seg == Seg::cs, null = !field(r.selector) && !is_code;
            want(r.name, s.selector, field(r.selector));
            want("unusable", s.rights.unusable(), null);
            if (null && r.seg != Seg::fs && r.seg != Seg::gs) continue;
            want("a base", s.base, r.base);
            if (null) continue;
            want("a limit", s.limit, 0xffffffff);
            want("rights", s.rights.value, is_code ? (wide ? 0xa09bu : 0xc09bu) : 0xc093u);
        }
        want("TR", cpu.seg[Seg::tr].selector, field(F::host_tr_selector));
        want("TR's base", cpu.seg[Seg::tr].base, field(F::host_tr_base));
        want("TR's limit", cpu.seg[Seg::tr].limit, 0x67);
        want("LDTR", cpu.seg[Seg::ldtr].rights.unusable(), true);
        want("GDTR", cpu.seg.gdtr.base, field(F::host_gdtr_base));
        want("IDTR", cpu.seg.idtr.base, field(F::host_idtr_base));
        want("GDTR's limit", cpu.seg.gdtr.limit, 0xffff);
        want("IDTR's limit", cpu.seg.idtr.limit, 0xffff);
    }

    // Nothing but what EPT allows has been written to, and what the CPU itself writes.
    void look_at_tables() {
        confined = confined && nested() && !(field(F::secondary_controls) & (bit(13) | bit(23)));       // VMFUNC may switch, sub-pages grant
        if (!confined) return;
        if (root != field(F::ept_pointer)) allowed |= Frames::writable_by_ept(memory, root = field(F::ept_pointer));
        if (field(F::primary_controls) & bit(21)) Frames::add(allowed, field(F::virtual_apic_address), 4096);
        if (field(F::pin_controls) & bit(7)) Frames::add(allowed, field(F::posted_descriptor), 64);
        if (shadowing() && field(F::vmcs_link_pointer) != ~u64{0}) Frames::add(allowed, field(F::vmcs_link_pointer), 4096);
        if (field(F::secondary_controls) & bit(17)) Frames::add(allowed, field(F::page_log_address), 4096);
        if (field(F::secondary_controls) & bit(18)) Frames::add(allowed, field(F::ve_information_address), 4096);
        Frames::add(allowed, field(F::exit_msr_store_address), field(F::exit_msr_store_count) * 16);
    }
    void judge_memory() {
        if (host_changed || nmi_sent || !confined) return;
        allowed.set(code >> 12), allowed.set(region >> 12);
        if (auto page = frames.changed_outside(ram, allowed)) complain("the guest has changed page " + number(*page * 4096));
    }
};
