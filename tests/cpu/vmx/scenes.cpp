// SPDX-License-Identifier: MIT
// The valid states.
#include "tests/cpu/vmx/scenes.h"
#include "cpu/cpuid/model.h"

using namespace vmx;

static ChipPair chip(const char* model, Capabilities capabilities, u64 cr4_bits, unsigned physical_bits, const straight::Chip& same) {
    return {limits(capabilities, find_model(model)->features, cr4_bits, physical_bits), &same};
}
const ChipPair& haswell_chip() {
    static const ChipPair pair = chip("haswell", haswell_capabilities, 0x1707ff, 39, straight::haswell);
    return pair;
}
const ChipPair& nehalem_chip() {
    static const ChipPair pair = chip("nehalem-ep", nehalem_capabilities, 0x7ff, 40, straight::nehalem);
    return pair;
}
const ChipPair& early_chip() {
    static const ChipPair pair = chip("nehalem-ep", Capabilities("vmx tpr_shadow virtual_nmis"), 0x7ff, 36, straight::early);
    return pair;
}
const ChipPair& newest_chip() {
    static const ChipPair pair = chip("max-intel", all_capabilities, 0x771fff, 46, straight::newest);
    return pair;
}

static void segment(Scene& s, Subject which, u64 selector, u64 base, u64 limit, u64 rights) {
    s.set(Field(0x800 + 2 * which), selector);
    s.set(Field(0x6806 + 2 * which), base);
    s.set(Field(0x4800 + 2 * which), limit);
    s.set(Field(0x4814 + 2 * which), rights);
}

static void controls(Scene& s) {
    s.set(Field::pin_controls, 0x3f);
    s.set(Field::primary_controls, 0x04006172 | bit(21) | bit(25) | bit(28) | bit(31));
    s.set(Field::secondary_controls, bit(1) | bit(5));
    s.set(Field::exit_controls, 0x36dfb | bit(2) | bit(9) | bit(15) | mask(21, 18));
    s.set(Field::entry_controls, 0x11fb | bit(2) | bit(9) | bit(14) | bit(15));
    s.set(Field::io_bitmap_a, 0x10000), s.set(Field::io_bitmap_b, 0x11000), s.set(Field::msr_bitmap, 0x12000);
    s.set(Field::virtual_apic_address, 0x13000);
    s.set(Field::vpid, 1), s.set(Field::ept_pointer, 0x14000 | 3 << 3 | 6);
    s.set(Field::exit_msr_store_address, 0x15000), s.set(Field::exit_msr_store_count, 1);
    s.set(Field::exit_msr_load_address, 0x15010), s.set(Field::exit_msr_load_count, 2);
    s.set(Field::entry_msr_load_address, 0x15030), s.set(Field::entry_msr_load_count, 3);
    s.set(Field::entry_instruction_length, 2);
    s.set(Field::cr3_target_count, 4);
    s.set(Field::vmcs_link_pointer, ~u64{0});
    s.memory.at[0x7000] = revision;
}

static void host(Scene& s) {
    s.set(Field::host_cr0, 0x80050033), s.set(Field::host_cr3, 0x1000), s.set(Field::host_cr4, 0x26f0);
    for (u64 f = 0xc00; f <= 0xc0c; f += 2) s.set(Field(f), 0x10);
    s.set(Field::host_tr_selector, 0x40);
    s.set(Field::host_pat, 0x0007040600070406), s.set(Field::host_efer, 0xd01);
    s.set(Field::host_gs_base, 0xffff888000000000), s.set(Field::host_fs_base, 0x7fffffff0000);
    s.set(Field::host_rip, 0xffffffff81000000), s.set(Field::host_rsp, 0xffffc90000000000);
}

static void guest(Scene& s) {
    s.set(Field::guest_cr0, 0x80050033), s.set(Field::guest_cr3, 0x2000), s.set(Field::guest_cr4, 0x26f0);
    s.set(Field::guest_pat, 0x0007040600070406), s.set(Field::guest_efer, 0xd01);
    s.set(Field::guest_dr7, 0x400), s.set(Field::guest_rflags, 2), s.set(Field::guest_rip, 0xffffffff81000000);
    for (Subject r : {ES, SS, DS, FS, GS}) segment(s, r, 0x18, 0, 0xffffffff, 0xc093);
    segment(s, CS, 0x10, 0, 0xffffffff, 0xa09b);
    segment(s, LDTR, 0x30, 0xffff888000001000, 0xfff, 0x82);
    segment(s, TR, 0x40, 0xffff888000002000, 0x67, 0x8b);
    s.set(Field::guest_gdtr_limit, 0xffff), s.set(Field::guest_idtr_limit, 0xfff);
}

Scene long_mode() {
    Scene s;
    s.name = "64-bit guest", s.chip = &haswell_chip();
    controls(s), host(s), guest(s);
    return s;
}

Scene user_mode() {
    Scene s = long_mode();
    s.name = "user mode";
    for (Subject r : {ES, SS, DS, FS, GS}) segment(s, r, 0x2b, 0, 0xffffffff, 0xc0f3);
    segment(s, CS, 0x33, 0, 0xffffffff, 0xa0fb);
    s.set(Field::guest_rflags, 0x202), s.set(Field::guest_rip, 0x401000);
    return s;
}

Scene protected_mode() {
    Scene s = long_mode();
    s.name = "32-bit guest";
    s.flip(Field::entry_controls, bit(9));
    s.set(Field::guest_cr4, 0x2010), s.set(Field::guest_efer, 0x801), s.set(Field::guest_rip, 0xc0100000);
    segment(s, CS, 0x10, 0, 0xffffffff, 0xc09b);
    segment(s, LDTR, 0, 0, 0, 0x10000);
    segment(s, TR, 0x40, 0xc0002000, 0x67, 0x8b);
    return s;
}

Scene virtual_8086_mode() {
    Scene s = protected_mode();
    s.name = "virtual-8086 mode";
    s.set(Field::guest_rflags, 0x23202), s.set(Field::guest_rip, 0x100);
    for (Subject r : {ES, CS, SS, DS, FS, GS}) segment(s, r, 0x1234, 0x12340, 0xffff, 0xf3);
    return s;
}

Scene real_mode() {
    Scene s = protected_mode();
    s.name = "real mode";
    s.flip(Field::secondary_controls, bit(7));
    s.set(Field::guest_cr0, 0x20), s.set(Field::guest_cr4, 0x2000), s.set(Field::guest_efer, 0), s.set(Field::guest_rip, 0xfff0);
    for (Subject r : {ES, SS, DS, FS, GS}) segment(s, r, 0x1003, 0x10030, 0xffff, 0x93);
    segment(s, CS, 0xf000, 0xffff0000, 0xffff, 0x9b);
    return s;
}

Scene pae_with_ept() {
    Scene s = protected_mode();
    s.name = "PAE, PDPTEs in the VMCS";
    s.set(Field::guest_cr4, 0x2030);
    for (u64 f = 0x280a; f <= 0x2810; f += 2) s.set(Field(f), 0x20001);
    s.set(Field::guest_pdpte3, 0x1e6);
    return s;
}

Scene pae_without_ept() {
    Scene s = pae_with_ept();
    s.name = "PAE, PDPTEs in memory";
    s.flip(Field::secondary_controls, bit(1));
    s.set(Field::guest_cr3, 0x2020);
    for (u64 n = 0; n < 4; n++) s.memory.at[0x2020 + 8 * n] = 0x20001;
    return s;
}

Scene of_32_bit_host() {
    Scene s = protected_mode();
    s.name = "32-bit host", s.ia32e = false;
    s.flip(Field::exit_controls, bit(9));
    s.set(Field::host_efer, 0), s.set(Field::host_rip, 0xc0100000);
    return s;
}

Scene on_nehalem() {
    Scene s = long_mode();
    s.name = "Nehalem", s.chip = &nehalem_chip();
    return s;
}

Scene on_early_chip() {
    Scene s = long_mode();
    s.name = "early chip", s.chip = &early_chip();
    s.flip(Field::primary_controls, bit(31));
    s.set(Field::secondary_controls, 0);
    s.set(Field::exit_controls, 0x36fff), s.set(Field::entry_controls, 0x13ff);
    return s;
}

Scene on_newest_chip() {
    Scene s = long_mode();
    s.name = "newest chip", s.chip = &newest_chip();
    s.flip(Field::host_cr4, bit(12)), s.flip(Field::guest_cr4, bit(12));
    for (Field f : {Field::host_fs_base, Field::host_rip, Field::guest_fs_base, Field::guest_rip, Field::guest_gdtr_base}) s.set(f, 0x00ff800000001000);
    return s;
}

std::vector<Scene> scenes() {
    return {long_mode(),    user_mode(),       protected_mode(), virtual_8086_mode(), real_mode(),     pae_with_ept(),
            pae_without_ept(), of_32_bit_host(), on_nehalem(),     on_early_chip(),     on_newest_chip()};
}

straight::State straight_state(const Scene& s) {
    straight::State state{s.chip->straight, {}, [&s](u64 at, int bytes) { return s.memory.read(at, unsigned(bytes)); }, s.ia32e, s.current, revision};
    for (auto& r : fields) state.field[u16(r.field)] = s.vmcs[r.field];
    return state;
}

straight::Verdict verdict(const std::optional<Broken>& broken) {
    if (!broken) return {};
    return {broken->outcome.number, broken->outcome.qualification};
}
