// SPDX-License-Identifier: MIT
// The tables of VM-entry checks, and the words they are written in.
#include "cpu/vmx/entry_checks.h"
#include "cpu/state/control.h"
#include <cstdio>

namespace vmx {

using View = const EntryView&;

// ---- words: fields and controls ------------------------------------------------------------------

namespace {

bool any(View) { return true; }
template <Control C> bool on(View v) { return v[C]; }
template <Control C> bool off(View v) { return !v[C]; }
// The capabilities say which bits of a word must be 1 and which may be.
template <Field F> bool has_ones(View v) { return !(v.limits.of(F).ones & ~v[F]); }
template <Field F> bool has_zeros(View v) { return !(v[F] & ~v.limits.of(F).allowed); }
template <Field F, unsigned High, unsigned Low> bool zero(View v) { return !bits(v[F], High, Low); }
template <Field F> bool nonzero(View v) { return v[F]; }

// ---- words: addresses

bool reaches(View v, u64 physical) { return !(physical >> v.limits.physical_bits); }
bool is_canonical(u64 address, unsigned width) { return sign_extend(address, width) == address; }
template <Field F> bool aligned(View v) { return !bits(v[F], 11, 0); }
template <Field F> bool within_reach(View v) { return reaches(v, v[F]); }
// Bases and MSRs are held to the widest linear address that the CPU has, whatever CR4.LA57.
template <Field F> bool canonical(View v) { return is_canonical(v[F], v.limits.linear_bits); }

// Lists of MSRs: 16 bytes an entry.
struct MsrList {
    Field address, count;
};
constexpr MsrList exit_store{Field::exit_msr_store_address, Field::exit_msr_store_count}, exit_load{Field::exit_msr_load_address, Field::exit_msr_load_count},
    entry_load{Field::entry_msr_load_address, Field::entry_msr_load_count};
template <MsrList L> bool listed(View v) { return v[L.count]; }
template <MsrList L> bool list_aligned(View v) { return !bits(v[L.address], 3, 0); }
template <MsrList L> bool list_starts(View v) { return reaches(v, v[L.address]); }
template <MsrList L> bool list_within(View v) { return listed<L>(v) && list_starts<L>(v); }
template <MsrList L> bool list_ends(View v) {
    u128 last = u128(v[L.address]) + u128(v[L.count]) * 16 - 1;
    return !(last >> v.limits.physical_bits);
}

// ---- words: VM-execution controls

constexpr auto secondary_active = on<primary::secondary_controls>, switches_eptp = on<function::eptp_switching>,
               saves_timer = on<exit::save_preemption_timer>, unrestricted = on<secondary::unrestricted_guest>,
               restricted = off<secondary::unrestricted_guest>;
bool few_cr3_targets(View v) { return v[Field::cr3_target_count] <= v.limits.cr3_targets; }
// VTPR is read where the page can be.
bool threshold_counts(View v) { return v[primary::tpr_shadow] && !v[secondary::interrupt_delivery]; }
bool vtpr_readable(View v) { return threshold_counts(v) && !v[secondary::virtualize_apic] && aligned<Field::virtual_apic_address>(v) && within_reach<Field::virtual_apic_address>(v); }
bool threshold_not_above_vtpr(View v) {
    u64 vtpr = v.read(v[Field::virtual_apic_address] + 0x80, 1);
    return bits(v[Field::tpr_threshold], 3, 0) <= bits(vtpr, 7, 4);
}
template <bool (*Good)(u64, const Limits&)> bool eptp(View v) { return Good(v[Field::ept_pointer], v.limits); }

// ---- words: the event to inject (SDM vol. 3, 25.8.3)

enum Type : unsigned {
    external_interrupt, reserved_type, nmi, hardware_exception, software_interrupt, privileged_software_exception, software_exception, other_event
};

u64 event(View v) { return v[Field::entry_interruption]; }
u64 type(View v) { return bits(event(v), 10, 8); }
u64 vector(View v) { return bits(event(v), 7, 0); }
bool injects(View v) { return event(v) & bit(31); }
template <Type T> bool injects_a(View v) { return injects(v) && type(v) == T; }
bool injects_software(View v) { return injects(v) && type(v) >= software_interrupt && type(v) <= software_exception; }
bool gives_error_code(View v) { return injects(v) && event(v) & bit(11); }
bool protected_mode(View v) { return v[guest_bit::protected_mode]; }

bool type_exists(View v) { return type(v) != reserved_type; }
bool has_monitor_trap_flag(View v) { return v.limits.allows(primary::monitor_trap_flag); }
bool vector_2(View v) { return vector(v) == 2; }
bool vector_0(View v) { return vector(v) == 0; }
bool exception_vector(View v) { return vector(v) <= 31; }
bool is_hardware_exception(View v) { return type(v) == hardware_exception; }
// #DF, #TS, #NP, #SS, #GP, #PF, #AC.
bool vector_has_error_code(View v) { return vector(v) < 32 && (bit(unsigned(vector(v))) & (bit(8) | mask(14, 10) | bit(17))); }
// A real-mode guest takes no error codes.
bool mode_has_error_codes(View v) { return !v[secondary::unrestricted_guest] || protected_mode(v); }
bool wants_error_code(View v) { return injects_a<hardware_exception>(v) && vector_has_error_code(v) && mode_has_error_codes(v); }
bool event_gives_error_code(View v) { return event(v) & bit(11); }
bool length_1_to_15(View v) { return v[Field::entry_instruction_length] >= 1 && v[Field::entry_instruction_length] <= 15; }

// ---- words: host state

bool host_64(View v) { return v[exit::host_address_space_size]; }
bool host_32(View v) { return !host_64(v); }
bool entered_from_ia32e(View v) { return v.ia32e; }
bool entered_from_legacy(View v) { return !v.ia32e; }
template <Field F> bool in_gdt(View v) { return !bits(v[F], 2, 0); }
constexpr bool is_cr0(Field f) { return f == Field::host_cr0 || f == Field::guest_cr0; }
template <Field F> const Settings& cr_settings(View v) { return is_cr0(F) ? v.limits.cr0 : v.limits.cr4; }
template <Field F> bool cr_ones(View v) { return !(cr_settings<F>(v).ones & ~v[F]); }
template <Field F> bool cr_zeros(View v) { return !(v[F] & ~cr_settings<F>(v).allowed); }
template <Field F> bool counters_exist(View v) { return !(v[F] & ~v.limits.perf_global); }
template <Field F> bool efer_exists(View v) { return !(v[F] & ~v.limits.efer); }
template <Field F, unsigned Bit> bool set(View v) { return bits(v[F], Bit, Bit); }
template <Field F, unsigned Bit> bool clear(View v) { return !bits(v[F], Bit, Bit); }
// Each byte a memory type: UC, WC, WT, WP, WB or UC-.
template <Field F> bool pat(View v) {
    for (u64 rest = v[F]; rest; rest >>= 8)
        if ((rest & 0xff) > 7 || (rest & 0xfe) == 2) return false;
    return true;
}
bool host_lma(View v) { return bits(v[Field::host_efer], 10, 10) == host_64(v); }
bool host_lme(View v) { return bits(v[Field::host_efer], 8, 8) == host_64(v); }
bool host_rip_canonical(View v) { return is_canonical(v[Field::host_rip], v[Field::host_cr4] & cr4::la57 ? 57 : 48); }

// ---- words: guest control registers and MSRs

bool paging(View v) { return v[guest_bit::paging]; }
bool guest_64(View v) { return v[entry::ia32e_guest]; }
bool guest_32(View v) { return !guest_64(v); }
// An unrestricted guest may have CR0.PE and CR0.PG clear.
bool guest_cr0_ones(View v) {
    u64 ones = v.limits.cr0.ones & ~(v[secondary::unrestricted_guest] ? cr0::pe | cr0::pg : 0);
    return !(ones & ~v[Field::guest_cr0]);
}
bool guest_debugctl(View v) { return !(v[Field::guest_debugctl] & ~v.limits.debugctl); }
bool loads_efer_with_paging(View v) { return v[entry::load_efer] && paging(v); }
bool guest_lma(View v) { return bits(v[Field::guest_efer], 10, 10) == guest_64(v); }
bool lma_equals_lme(View v) { return bits(v[Field::guest_efer], 10, 10) == bits(v[Field::guest_efer], 8, 8); }

// ---- words: segments; `v` is about one of them

bool virtual_8086(View v) { return v[guest_bit::virtual_8086]; }
bool not_8086(View v) { return !virtual_8086(v); }
bool usable(View v) { return !(v.rights() & bit(16)); }
bool in_use(View v) { return v.subject == CS || v.subject == TR || usable(v); }       // CS and TR always are
u64 segment_type(View v) { return bits(v.rights(), 3, 0); }
u64 dpl(View v) { return bits(v.rights(), 6, 5); }
u64 rpl(View v) { return bits(v.selector(), 1, 0); }
u64 cs_type(View v) { return bits(v[Field::guest_cs_rights], 3, 0); }
u64 ss_dpl(View v) { return bits(v[Field::guest_ss_rights], 6, 5); }
bool plain(View v) { return not_8086(v) && in_use(v); }
bool plain_restricted(View v) { return not_8086(v) && restricted(v); }
bool plain_unrestricted(View v) { return not_8086(v) && unrestricted(v); }

bool local_clear(View v) { return !(v.selector() & bit(2)); }
bool rpl_as_cs(View v) { return bits(v[Field::guest_ss_selector], 1, 0) == bits(v[Field::guest_cs_selector], 1, 0); }
bool base_of_selector(View v) { return v.base() == v.selector() << 4; }
bool base_canonical(View v) { return is_canonical(v.base(), v.limits.linear_bits); }
bool base_32(View v) { return !(v.base() >> 32); }
bool limit_64k(View v) { return v.limit() == 0xffff; }
bool rights_8086(View v) { return v.rights() == 0xf3; }

bool code_type(View v) { return (segment_type(v) & 9) == 9; }
bool code_type_or_3(View v) { return code_type(v) || segment_type(v) == 3; }
bool stack_type(View v) { return segment_type(v) == 3 || segment_type(v) == 7; }
bool accessed(View v) { return segment_type(v) & 1; }
bool in_use_code(View v) { return plain(v) && segment_type(v) & 8; }
bool readable(View v) { return segment_type(v) & 2; }
bool application(View v) { return v.rights() & bit(4); }
bool system_segment(View v) { return !(v.rights() & bit(4)); }
bool present(View v) { return v.rights() & bit(7); }
bool middle_clear(View v) { return !bits(v.rights(), 11, 8); }
bool high_clear(View v) { return !bits(v.rights(), 31, 17); }

bool cs_is_data(View v) { return not_8086(v) && cs_type(v) == 3; }
bool cs_nonconforming(View v) { return not_8086(v) && (cs_type(v) == 9 || cs_type(v) == 11); }
bool cs_conforming(View v) { return not_8086(v) && (cs_type(v) == 13 || cs_type(v) == 15); }
bool dpl_0(View v) { return dpl(v) == 0; }
bool dpl_as_ss(View v) { return dpl(v) == ss_dpl(v); }
bool dpl_not_above_ss(View v) { return dpl(v) <= ss_dpl(v); }
bool dpl_as_rpl(View v) { return dpl(v) == rpl(v); }
bool dpl_not_below_rpl(View v) { return dpl(v) >= rpl(v); }
bool data_cs_or_real_mode(View v) { return not_8086(v) && (cs_type(v) == 3 || !protected_mode(v)); }
bool privileged_data(View v) { return plain(v) && restricted(v) && segment_type(v) <= 11; }
bool long_code(View v) { return not_8086(v) && guest_64(v) && v.rights() & bit(13); }
bool db_clear(View v) { return !(v.rights() & bit(14)); }

// Granularity: which of the two it must be, by what the limit is.
bool ragged(View v) { return bits(v.limit(), 11, 0) != 0xfff; }
bool tall(View v) { return bits(v.limit(), 31, 20); }
bool plain_ragged(View v) { return plain(v) && ragged(v); }
bool plain_tall(View v) { return plain(v) && tall(v); }
bool used_ragged(View v) { return in_use(v) && ragged(v); }
bool used_tall(View v) { return in_use(v) && tall(v); }
bool in_bytes(View v) { return !(v.rights() & bit(15)); }
bool in_pages(View v) { return v.rights() & bit(15); }

bool busy_tss(View v) { return segment_type(v) == 11; }
bool busy_tss_of_any_kind(View v) { return segment_type(v) == 3 || segment_type(v) == 11; }
bool ldt_type(View v) { return segment_type(v) == 2; }

// ---- words: RIP and RFLAGS

bool in_64_bit_code(View v) { return guest_64(v) && v[Field::guest_cs_rights] & bit(13); }
bool outside_64_bit_code(View v) { return !in_64_bit_code(v); }
constexpr u64 reserved_flags = mask(63, 22) | bit(15) | bit(5) | bit(3);
bool flags_exist(View v) { return (v[Field::guest_rflags] & (reserved_flags | rflags::one)) == rflags::one; }
bool no_8086_here(View v) { return guest_64(v) || !protected_mode(v); }

// ---- words: non-register state

enum Activity : unsigned { active, halted, shutdown, wait_for_sipi };
constexpr u64 by_sti = bit(0), by_mov_ss = bit(1), by_smi = bit(2), by_nmi = bit(3), shadows = by_sti | by_mov_ss;
constexpr u64 reserved_pending = mask(11, 4) | bit(13) | mask(63, 15);

u64 activity(View v) { return v[Field::guest_activity]; }
u64 blocking(View v) { return v[Field::guest_interruptibility]; }
template <Activity A> bool state(View v) { return activity(v) == A; }
template <Activity A> bool injects_into(View v) { return activity(v) == A && injects(v); }
template <u64 Bits> bool blocks(View v) { return blocking(v) & Bits; }
template <u64 Bits> bool not_blocked(View v) { return !(blocking(v) & Bits); }

bool activity_exists(View v) { return activity(v) <= 3 && v.limits.activity_states[activity(v)]; }
bool is_active(View v) { return activity(v) == active; }
bool ss_dpl_0(View v) { return ss_dpl(v) == 0; }
bool never(View) { return false; }
bool is_nmi(View v) { return type(v) == nmi && vector(v) == 2; }
bool is_machine_check(View v) { return type(v) == hardware_exception && vector(v) == 18; }
bool is_debug_exception(View v) { return type(v) == hardware_exception && vector(v) == 1; }
bool is_pending_mtf(View v) { return type(v) == other_event && vector(v) == 0; }
bool ends_hlt(View v) { return type(v) == external_interrupt || is_nmi(v) || is_debug_exception(v) || is_machine_check(v) || is_pending_mtf(v); }
bool ends_shutdown(View v) { return is_nmi(v) || is_machine_check(v); }
bool not_both(View v) { return (blocking(v) & shadows) != shadows; }
bool interrupts_enabled(View v) { return v[guest_bit::interrupts]; }
bool injects_virtual_nmi(View v) { return injects_a<nmi>(v) && v[pin::virtual_nmis]; }

// A single-step trap is due after the instruction that blocks or halts, exactly where TF is set and BTF is not.
bool holds_traps_back(View v) { return blocks<shadows>(v) || state<halted>(v); }
bool pending_exists(View v) { return !(v[Field::guest_pending_debug] & reserved_pending); }
bool single_steps(View v) { return v[Field::guest_rflags] & rflags::tf && !(v[Field::guest_debugctl] & bit(1)); }
bool held_back_with_tf(View v) { return holds_traps_back(v) && single_steps(v); }
bool held_back_without_tf(View v) { return holds_traps_back(v) && !single_steps(v); }

// The VMCS that the link pointer names.
bool has_link(View v) { return v[Field::vmcs_link_pointer] != ~u64{0}; }
bool link_readable(View v) { return has_link(v) && aligned<Field::vmcs_link_pointer>(v) && within_reach<Field::vmcs_link_pointer>(v); }
u64 linked(View v) { return v.read(v[Field::vmcs_link_pointer], 4); }
bool linked_revision(View v) { return bits(linked(v), 30, 0) == revision; }
bool linked_is_as_shadowing_says(View v) { return bool(linked(v) & bit(31)) == v[secondary::vmcs_shadowing]; }
bool link_is_not_current(View v) { return v[Field::vmcs_link_pointer] != v.current_vmcs; }

// PDPTEs: fields with EPT, else what CR3 points to (SDM vol. 3, 4.4.1).
bool pae_paging(View v) { return paging(v) && v[guest_bit::pae] && guest_32(v); }
u64 pdpte(View v, unsigned n) {
    if (v[secondary::ept]) return v[Field(unsigned(Field::guest_pdpte0) + 2 * n)];
    return v.read((v[Field::guest_cr3] & mask(31, 5)) + 8 * n, 8);
}
template <unsigned N> bool pdpte_good(View v) {
    u64 reserved = mask(2, 1) | mask(8, 5) | ~mask(v.limits.physical_bits - 1, 0), e = pdpte(v, N);
    return !(e & 1) || !(e & reserved);
}

constexpr u8 each(auto... s) { return u8((bit(s) | ...)); }
constexpr u8 all_six = each(ES, CS, SS, DS, FS, GS), data_four = each(ES, DS, FS, GS), flat_four = each(ES, CS, SS, DS),
             far_three = each(FS, GS, TR), system_two = each(LDTR, TR);

using F = Field;

// ---- the tables ----------------------------------------------------------------------------------

//   manual: the section within the SDM's chapter on VM entries, 27: chapters move between editions, sections don't
//   id                        manual    rule                                                      applies                   holds
constexpr Check controls[] = {
    {"pin.ones",               "2.1.1",  "pin-based controls that must be 1 are",                  any,                      has_ones<F::pin_controls>},
    {"pin.reserved",           "2.1.1",  "pin-based controls that must be 0 are",                  any,                      has_zeros<F::pin_controls>},
    {"primary.ones",           "2.1.1",  "primary controls that must be 1 are",                    any,                      has_ones<F::primary_controls>},
    {"primary.reserved",       "2.1.1",  "primary controls that must be 0 are",                    any,                      has_zeros<F::primary_controls>},
    {"secondary.reserved",     "2.1.1",  "secondary controls that must be 0 are",                  secondary_active,         has_zeros<F::secondary_controls>},
    {"cr3-target.count",       "2.1.1",  "there are no more CR3 targets than the CPU takes",       any,                      few_cr3_targets},
    {"io-bitmap-a.aligned",    "2.1.1",  "I/O bitmap A is at a page boundary",                     on<primary::io_bitmaps>,  aligned<F::io_bitmap_a>},
    {"io-bitmap-a.reach",      "2.1.1",  "I/O bitmap A is within reach",                           on<primary::io_bitmaps>,  within_reach<F::io_bitmap_a>},
    {"io-bitmap-b.aligned",    "2.1.1",  "I/O bitmap B is at a page boundary",                     on<primary::io_bitmaps>,  aligned<F::io_bitmap_b>},
    {"io-bitmap-b.reach",      "2.1.1",  "I/O bitmap B is within reach",                           on<primary::io_bitmaps>,  within_reach<F::io_bitmap_b>},
    {"msr-bitmap.aligned",     "2.1.1",  "the MSR bitmaps are at a page boundary",                 on<primary::msr_bitmaps>, aligned<F::msr_bitmap>},
    {"msr-bitmap.reach",       "2.1.1",  "the MSR bitmaps are within reach",                       on<primary::msr_bitmaps>, within_reach<F::msr_bitmap>},
    {"virtual-apic.aligned",   "2.1.1",  "the virtual-APIC page is at a page boundary",            on<primary::tpr_shadow>,  aligned<F::virtual_apic_address>},
    {"virtual-apic.reach",     "2.1.1",  "the virtual-APIC page is within reach",                  on<primary::tpr_shadow>,  within_reach<F::virtual_apic_address>},
    {"tpr-threshold.reserved", "2.1.1",  "bits 31:4 of the TPR threshold are 0",                   threshold_counts,         zero<F::tpr_threshold, 31, 4>},
    {"tpr-threshold.vtpr",     "2.1.1",  "the TPR threshold is not above bits 7:4 of VTPR",        vtpr_readable,            threshold_not_above_vtpr},
    {"virtual-nmis",           "2.1.1",  "virtual NMIs need NMI exiting",                          on<pin::virtual_nmis>,    on<pin::nmi_exiting>},
    {"nmi-window",             "2.1.1",  "NMI-window exiting needs virtual NMIs",                  on<primary::nmi_window>,  on<pin::virtual_nmis>},
    {"apic-access.aligned",    "2.1.1",  "the APIC-access page is at a page boundary",             on<secondary::virtualize_apic>, aligned<F::apic_access_address>},
    {"apic-access.reach",      "2.1.1",  "the APIC-access page is within reach",                   on<secondary::virtualize_apic>, within_reach<F::apic_access_address>},
    {"virtual-x2apic.shadow",  "2.1.1",  "virtualize x2APIC mode needs the TPR shadow",            on<secondary::virtualize_x2apic>, on<primary::tpr_shadow>},
    {"apic-registers.shadow",  "2.1.1",  "APIC-register virtualization needs the TPR shadow",      on<secondary::apic_registers>, on<primary::tpr_shadow>},
    {"delivery.shadow",        "2.1.1",  "virtual-interrupt delivery needs the TPR shadow",        on<secondary::interrupt_delivery>, on<primary::tpr_shadow>},
    {"virtual-x2apic.page",    "2.1.1",  "virtualize x2APIC mode excludes virtualized APIC accesses", on<secondary::virtualize_x2apic>, off<secondary::virtualize_apic>},
    {"delivery.interrupts",    "2.1.1",  "virtual-interrupt delivery needs external-interrupt exiting", on<secondary::interrupt_delivery>, on<pin::external_interrupt_exiting>},
    {"posted.delivery",        "2.1.1",  "posted interrupts need virtual-interrupt delivery",      on<pin::posted_interrupts>, on<secondary::interrupt_delivery>},
    {"posted.acknowledge",     "2.1.1",  "posted interrupts need acknowledge interrupt on exit",   on<pin::posted_interrupts>, on<exit::acknowledge_interrupt>},
    {"posted.vector",          "2.1.1",  "the notification vector is one of 256",                  on<pin::posted_interrupts>, zero<F::notification_vector, 15, 8>},
    {"posted.aligned",         "2.1.1",  "the posted-interrupt descriptor is at a multiple of 64", on<pin::posted_interrupts>, zero<F::posted_descriptor, 5, 0>},
    {"posted.reach",           "2.1.1",  "the posted-interrupt descriptor is within reach",        on<pin::posted_interrupts>, within_reach<F::posted_descriptor>},
    {"vpid",                   "2.1.1",  "the VPID is not 0",                                      on<secondary::vpid>,      nonzero<F::vpid>},
    {"eptp.memory-type",       "2.1.1",  "the EPT pointer's memory type is one the CPU takes",     on<secondary::ept>,       eptp<eptp_memory_type>},
    {"eptp.levels",            "2.1.1",  "the EPT pointer asks for a walk length the CPU has",     on<secondary::ept>,       eptp<eptp_levels>},
    {"eptp.accessed-dirty",    "2.1.1",  "the EPT pointer asks for no A/D flags that there aren't", on<secondary::ept>,      eptp<eptp_accessed_dirty>},
    {"eptp.reserved",          "2.1.1",  "the EPT pointer's reserved bits are 0",                  on<secondary::ept>,       eptp<eptp_reserved>},
    {"unrestricted.ept",       "2.1.1",  "unrestricted guest needs EPT",                           unrestricted,             on<secondary::ept>},
    {"page-log.ept",           "2.1.1",  "PML needs EPT",                                          on<secondary::page_log>,  on<secondary::ept>},
    {"page-log.aligned",       "2.1.1",  "the PML address is at a page boundary",                  on<secondary::page_log>,  aligned<F::page_log_address>},
    {"page-log.reach",         "2.1.1",  "the PML address is within reach",                        on<secondary::page_log>,  within_reach<F::page_log_address>},
    {"mode-based-execute.ept", "2.1.1",  "mode-based execute control needs EPT",                   on<secondary::mode_based_execute>, on<secondary::ept>},
    {"sub-pages.ept",          "2.1.1",  "sub-page write permissions need EPT",                    on<secondary::sub_pages>, on<secondary::ept>},
    {"sub-pages.aligned",      "2.1.1",  "the sub-page-permission table is at a page boundary",    on<secondary::sub_pages>, aligned<F::sub_page_table>},
    {"sub-pages.reach",        "2.1.1",  "the sub-page-permission table is within reach",          on<secondary::sub_pages>, within_reach<F::sub_page_table>},
    {"vm-functions.reserved",  "2.1.1",  "VM-function controls that must be 0 are",                on<secondary::vm_functions>, has_zeros<F::vm_function_controls>},
    {"eptp-switching.ept",     "2.1.1",  "EPTP switching needs EPT",                               switches_eptp,            on<secondary::ept>},
    {"eptp-list.aligned",      "2.1.1",  "the EPTP list is at a page boundary",                    switches_eptp,            aligned<F::eptp_list_address>},
    {"eptp-list.reach",        "2.1.1",  "the EPTP list is within reach",                          switches_eptp,            within_reach<F::eptp_list_address>},
    {"ve-area.aligned",        "2.1.1",  "the #VE information area is at a page boundary",         on<secondary::violation_ve>, aligned<F::ve_information_address>},
    {"ve-area.reach",          "2.1.1",  "the #VE information area is within reach",               on<secondary::violation_ve>, within_reach<F::ve_information_address>},
    {"vmread-bitmap.aligned",  "2.1.1",  "the VMREAD bitmap is at a page boundary",                on<secondary::vmcs_shadowing>, aligned<F::vmread_bitmap>},
    {"vmread-bitmap.reach",    "2.1.1",  "the VMREAD bitmap is within reach",                      on<secondary::vmcs_shadowing>, within_reach<F::vmread_bitmap>},
    {"vmwrite-bitmap.aligned", "2.1.1",  "the VMWRITE bitmap is at a page boundary",               on<secondary::vmcs_shadowing>, aligned<F::vmwrite_bitmap>},
    {"vmwrite-bitmap.reach",   "2.1.1",  "the VMWRITE bitmap is within reach",                     on<secondary::vmcs_shadowing>, within_reach<F::vmwrite_bitmap>},
    {"tsc-multiplier",         "2.1.1",  "the TSC multiplier is not 0",                            on<secondary::tsc_scaling>, nonzero<F::tsc_multiplier>},
    {"exit.ones",              "2.1.2",  "VM-exit controls that must be 1 are",                    any,                      has_ones<F::exit_controls>},
    {"exit.reserved",          "2.1.2",  "VM-exit controls that must be 0 are",                    any,                      has_zeros<F::exit_controls>},
    {"exit.save-timer",        "2.1.2",  "saving the preemption timer needs the timer",            saves_timer,              on<pin::preemption_timer>},
    {"exit-store.aligned",     "2.1.2",  "the VM-exit MSR-store list is at a multiple of 16",      listed<exit_store>,       list_aligned<exit_store>},
    {"exit-store.reach",       "2.1.2",  "the VM-exit MSR-store list starts within reach",         listed<exit_store>,       list_starts<exit_store>},
    {"exit-store.end",         "2.1.2",  "the VM-exit MSR-store list ends within reach",           list_within<exit_store>,  list_ends<exit_store>},
    {"exit-load.aligned",      "2.1.2",  "the VM-exit MSR-load list is at a multiple of 16",       listed<exit_load>,        list_aligned<exit_load>},
    {"exit-load.reach",        "2.1.2",  "the VM-exit MSR-load list starts within reach",          listed<exit_load>,        list_starts<exit_load>},
    {"exit-load.end",          "2.1.2",  "the VM-exit MSR-load list ends within reach",            list_within<exit_load>,   list_ends<exit_load>},
    {"entry.ones",             "2.1.3",  "VM-entry controls that must be 1 are",                   any,                      has_ones<F::entry_controls>},
    {"entry.reserved",         "2.1.3",  "VM-entry controls that must be 0 are",                   any,                      has_zeros<F::entry_controls>},
    {"event.type",             "2.1.3",  "the injected event's type is not the reserved one",      injects,                  type_exists},
    {"event.other",            "2.1.3",  "an injected event of type 7 needs the monitor trap flag", injects_a<other_event>,  has_monitor_trap_flag},
    {"event.nmi-vector",       "2.1.3",  "an injected NMI has vector 2",                           injects_a<nmi>,           vector_2},
    {"event.exception-vector", "2.1.3",  "an injected hardware exception has a vector up to 31",   injects_a<hardware_exception>, exception_vector},
    {"event.other-vector",     "2.1.3",  "an injected event of type 7 has vector 0",               injects_a<other_event>,   vector_0},
    {"event.code-type",        "2.1.3",  "only hardware exceptions are injected with an error code", gives_error_code,       is_hardware_exception},
    {"event.code-vector",      "2.1.3",  "only exceptions that have error codes are injected so",  gives_error_code,         vector_has_error_code},
    {"event.code-mode",        "2.1.3",  "nothing is injected with an error code into real mode",  gives_error_code,         mode_has_error_codes},
    {"event.code-missing",     "2.1.3",  "an exception that has an error code is injected with it", wants_error_code,        event_gives_error_code},
    {"event.reserved",         "2.1.3",  "bits 30:12 of the interruption information are 0",       injects,                  zero<F::entry_interruption, 30, 12>},
    {"event.code-width",       "2.1.3",  "the injected error code has 16 bits",                    gives_error_code,         zero<F::entry_error_code, 31, 16>},
    {"event.length",           "2.1.3",  "a software event's instruction has 1 to 15 bytes",       injects_software,         length_1_to_15},
    {"entry-load.aligned",     "2.1.3",  "the VM-entry MSR-load list is at a multiple of 16",      listed<entry_load>,       list_aligned<entry_load>},
    {"entry-load.reach",       "2.1.3",  "the VM-entry MSR-load list starts within reach",         listed<entry_load>,       list_starts<entry_load>},
    {"entry-load.end",         "2.1.3",  "the VM-entry MSR-load list ends within reach",           list_within<entry_load>,  list_ends<entry_load>},
};

constexpr Check host[] = {
    {"host.cr0-ones",          "2.2",    "host CR0's fixed ones are 1",                            any,                      cr_ones<F::host_cr0>},
    {"host.cr0-reserved",      "2.2",    "host CR0 has no bit that doesn't exist",                 any,                      cr_zeros<F::host_cr0>},
    {"host.cr4-ones",          "2.2",    "host CR4's fixed ones are 1",                            any,                      cr_ones<F::host_cr4>},
    {"host.cr4-reserved",      "2.2",    "host CR4 has no bit that doesn't exist",                 any,                      cr_zeros<F::host_cr4>},
    {"host.cr3",               "2.2",    "host CR3 is within reach",                               any,                      within_reach<F::host_cr3>},
    {"host.sysenter-esp",      "2.2",    "host IA32_SYSENTER_ESP is canonical",                    any,                      canonical<F::host_sysenter_esp>},
    {"host.sysenter-eip",      "2.2",    "host IA32_SYSENTER_EIP is canonical",                    any,                      canonical<F::host_sysenter_eip>},
    {"host.pat",               "2.2",    "each byte of host IA32_PAT is a memory type",            on<exit::load_pat>,       pat<F::host_pat>},
    {"host.perf-global",       "2.2",    "host IA32_PERF_GLOBAL_CTRL has no bit that doesn't exist", on<exit::load_perf_global>, counters_exist<F::host_perf_global>},
    {"host.efer-reserved",     "2.2",    "host IA32_EFER has no bit that doesn't exist",           on<exit::load_efer>,      efer_exists<F::host_efer>},
    {"host.efer-lma",          "2.2",    "host EFER.LMA equals host address-space size",           on<exit::load_efer>,      host_lma},
    {"host.efer-lme",          "2.2",    "host EFER.LME equals host address-space size",           on<exit::load_efer>,      host_lme},
    {"host.es",                "2.3",    "host ES has RPL 0 and names the GDT",                    any,                      in_gdt<F::host_es_selector>},
    {"host.cs",                "2.3",    "host CS has RPL 0 and names the GDT",                    any,                      in_gdt<F::host_cs_selector>},
    {"host.ss",                "2.3",    "host SS has RPL 0 and names the GDT",                    any,                      in_gdt<F::host_ss_selector>},
    {"host.ds",                "2.3",    "host DS has RPL 0 and names the GDT",                    any,                      in_gdt<F::host_ds_selector>},
    {"host.fs",                "2.3",    "host FS has RPL 0 and names the GDT",                    any,                      in_gdt<F::host_fs_selector>},
    {"host.gs",                "2.3",    "host GS has RPL 0 and names the GDT",                    any,                      in_gdt<F::host_gs_selector>},
    {"host.tr",                "2.3",    "host TR has RPL 0 and names the GDT",                    any,                      in_gdt<F::host_tr_selector>},
    {"host.cs-null",           "2.3",    "host CS is not null",                                    any,                      nonzero<F::host_cs_selector>},
    {"host.tr-null",           "2.3",    "host TR is not null",                                    any,                      nonzero<F::host_tr_selector>},
    {"host.ss-null",           "2.3",    "host SS is not null outside 64-bit mode",                host_32,                  nonzero<F::host_ss_selector>},
    {"host.fs-base",           "2.3",    "host FS base is canonical",                              any,                      canonical<F::host_fs_base>},
    {"host.gs-base",           "2.3",    "host GS base is canonical",                              any,                      canonical<F::host_gs_base>},
    {"host.gdtr-base",         "2.3",    "host GDTR base is canonical",                            any,                      canonical<F::host_gdtr_base>},
    {"host.idtr-base",         "2.3",    "host IDTR base is canonical",                            any,                      canonical<F::host_idtr_base>},
    {"host.tr-base",           "2.3",    "host TR base is canonical",                              any,                      canonical<F::host_tr_base>},
    // That an entry from outside IA-32e mode is to a guest outside it follows from the first and the third.
    {"size.host-from-legacy",  "2.4",    "an entry from outside IA-32e mode exits to there",       entered_from_legacy,      host_32},
    {"size.host-from-ia32e",   "2.4",    "an entry from IA-32e mode exits to 64-bit mode",         entered_from_ia32e,       host_64},
    {"size.guest-of-32",       "2.4",    "a 32-bit host has no IA-32e mode guest",                 host_32,                  off<entry::ia32e_guest>},
    {"size.pcide",             "2.4",    "host CR4.PCIDE is 0 outside 64-bit mode",                host_32,                  clear<F::host_cr4, 17>},
    {"size.rip-32",            "2.4",    "host RIP has 32 bits outside 64-bit mode",               host_32,                  zero<F::host_rip, 63, 32>},
    {"size.pae",               "2.4",    "host CR4.PAE is 1 in 64-bit mode",                       host_64,                  set<F::host_cr4, 5>},
    {"size.rip-64",            "2.4",    "host RIP is canonical in 64-bit mode",                   host_64,                  host_rip_canonical},
};

constexpr Check guest[] = {
    {"guest.cr0-ones",         "3.1.1",  "guest CR0's fixed ones are 1, but PE, PG if unrestricted", any,                    guest_cr0_ones},
    {"guest.cr0-reserved",     "3.1.1",  "guest CR0 has no bit that doesn't exist",                any,                      cr_zeros<F::guest_cr0>},
    {"guest.cr0-pg",           "3.1.1",  "guest CR0.PG needs CR0.PE",                              paging,                   set<F::guest_cr0, 0>},
    {"guest.cr4-ones",         "3.1.1",  "guest CR4's fixed ones are 1",                           any,                      cr_ones<F::guest_cr4>},
    {"guest.cr4-reserved",     "3.1.1",  "guest CR4 has no bit that doesn't exist",                any,                      cr_zeros<F::guest_cr4>},
    {"guest.debugctl",         "3.1.1",  "guest IA32_DEBUGCTL has no bit that doesn't exist",      on<entry::load_debug_controls>, guest_debugctl},
    {"guest.ia32e-pg",         "3.1.1",  "an IA-32e mode guest has CR0.PG set",                    guest_64,                 set<F::guest_cr0, 31>},
    {"guest.ia32e-pae",        "3.1.1",  "an IA-32e mode guest has CR4.PAE set",                   guest_64,                 set<F::guest_cr4, 5>},
    {"guest.pcide",            "3.1.1",  "guest CR4.PCIDE is 0 outside IA-32e mode",               guest_32,                 clear<F::guest_cr4, 17>},
    {"guest.cr3",              "3.1.1",  "guest CR3 is within reach",                              any,                      within_reach<F::guest_cr3>},
    {"guest.dr7",              "3.1.1",  "guest DR7 has 32 bits",                                  on<entry::load_debug_controls>, zero<F::guest_dr7, 63, 32>},
    {"guest.sysenter-esp",     "3.1.1",  "guest IA32_SYSENTER_ESP is canonical",                   any,                      canonical<F::guest_sysenter_esp>},
    {"guest.sysenter-eip",     "3.1.1",  "guest IA32_SYSENTER_EIP is canonical",                   any,                      canonical<F::guest_sysenter_eip>},
    {"guest.pat",              "3.1.1",  "each byte of guest IA32_PAT is a memory type",           on<entry::load_pat>,      pat<F::guest_pat>},
    {"guest.perf-global",      "3.1.1",  "guest IA32_PERF_GLOBAL_CTRL has no bit that doesn't exist", on<entry::load_perf_global>, counters_exist<F::guest_perf_global>},
    {"guest.efer-reserved",    "3.1.1",  "guest IA32_EFER has no bit that doesn't exist",          on<entry::load_efer>,     efer_exists<F::guest_efer>},
    {"guest.efer-lma",         "3.1.1",  "guest IA32_EFER.LMA equals IA-32e mode guest",           on<entry::load_efer>,     guest_lma},
    {"guest.efer-lme",         "3.1.1",  "guest IA32_EFER.LME equals LMA with paging",             loads_efer_with_paging,   lma_equals_lme},

    {"seg.tr-ti",              "3.1.2",  "TR names the GDT",                                       any,                      local_clear,         each(TR)},
    {"seg.ldtr-ti",            "3.1.2",  "a usable LDTR names the GDT",                            usable,                   local_clear,         each(LDTR)},
    {"seg.ss-rpl",             "3.1.2",  "SS and CS have the same RPL in a restricted guest",      plain_restricted,         rpl_as_cs},
    {"seg.base-8086",          "3.1.2",  "in virtual-8086 mode the base is 16 times the selector", virtual_8086,             base_of_selector,    all_six},
    {"seg.base-canonical",     "3.1.2",  "the base is canonical",                                  any,                      base_canonical,      far_three},
    {"seg.ldtr-base",          "3.1.2",  "a usable LDTR's base is canonical",                      usable,                   base_canonical,      each(LDTR)},
    {"seg.base-32",            "3.1.2",  "the base has 32 bits",                                   in_use,                   base_32,             flat_four},
    {"seg.limit-8086",         "3.1.2",  "in virtual-8086 mode the limit is FFFFh",                virtual_8086,             limit_64k,           all_six},
    {"seg.rights-8086",        "3.1.2",  "in virtual-8086 mode the access rights are F3h",         virtual_8086,             rights_8086,         all_six},
    {"seg.cs-type",            "3.1.2",  "CS is accessed code in a restricted guest",              plain_restricted,         code_type,           each(CS)},
    {"seg.cs-type-free",       "3.1.2",  "CS is accessed code or type 3 in an unrestricted guest", plain_unrestricted,       code_type_or_3,      each(CS)},
    {"seg.ss-type",            "3.1.2",  "SS is accessed writable data",                           plain,                    stack_type,          each(SS)},
    {"seg.accessed",           "3.1.2",  "the segment is accessed",                                plain,                    accessed,            data_four},
    {"seg.readable",           "3.1.2",  "code is readable in a data-segment register",            in_use_code,              readable,            data_four},
    {"seg.application",        "3.1.2",  "the segment is code or data",                            plain,                    application,         all_six},
    {"seg.cs-dpl-data",        "3.1.2",  "a CS that is data has DPL 0",                            cs_is_data,               dpl_0,               each(CS)},
    {"seg.cs-dpl",             "3.1.2",  "a CS that doesn't conform has the DPL of SS",            cs_nonconforming,         dpl_as_ss,           each(CS)},
    {"seg.cs-dpl-conforming",  "3.1.2",  "a conforming CS has no DPL above that of SS",            cs_conforming,            dpl_not_above_ss,    each(CS)},
    {"seg.ss-dpl",             "3.1.2",  "SS has its RPL as DPL in a restricted guest",            plain_restricted,         dpl_as_rpl,          each(SS)},
    {"seg.ss-dpl-0",           "3.1.2",  "SS has DPL 0 in real mode and where CS is data",         data_cs_or_real_mode,     dpl_0,               each(SS)},
    {"seg.data-dpl",           "3.1.2",  "the DPL is not below the RPL in a restricted guest",     privileged_data,          dpl_not_below_rpl,   data_four},
    {"seg.present",            "3.1.2",  "the segment is present",                                 plain,                    present,             all_six},
    {"seg.reserved-middle",    "3.1.2",  "bits 11:8 of the access rights are 0",                   plain,                    middle_clear,        all_six},
    {"seg.cs-db",              "3.1.2",  "64-bit code has D clear",                                long_code,                db_clear,            each(CS)},
    {"seg.g-clear",            "3.1.2",  "a limit that doesn't end in FFFh is counted in bytes",   plain_ragged,             in_bytes,            all_six},
    {"seg.g-set",              "3.1.2",  "a limit of 1 MiB or more is counted in pages",           plain_tall,               in_pages,            all_six},
    {"seg.reserved-high",      "3.1.2",  "bits 31:17 of the access rights are 0",                  plain,                    high_clear,          all_six},
    {"tr.type",                "3.1.2",  "TR is a busy TSS",                                       guest_32,                 busy_tss_of_any_kind, each(TR)},
    {"tr.type-64",             "3.1.2",  "TR is a busy 64-bit TSS in an IA-32e mode guest",        guest_64,                 busy_tss,            each(TR)},
    {"tr.usable",              "3.1.2",  "TR is usable",                                           any,                      usable,              each(TR)},
    {"ldtr.type",              "3.1.2",  "a usable LDTR is an LDT",                                usable,                   ldt_type,            each(LDTR)},
    {"system.s",               "3.1.2",  "TR and a usable LDTR are system segments",               in_use,                   system_segment,      system_two},
    {"system.present",         "3.1.2",  "TR and a usable LDTR are present",                       in_use,                   present,             system_two},
    {"system.reserved-middle", "3.1.2",  "bits 11:8 of the access rights are 0",                   in_use,                   middle_clear,        system_two},
    {"system.g-clear",         "3.1.2",  "a limit that doesn't end in FFFh is counted in bytes",   used_ragged,              in_bytes,            system_two},
    {"system.g-set",           "3.1.2",  "a limit of 1 MiB or more is counted in pages",           used_tall,                in_pages,            system_two},
    {"system.reserved-high",   "3.1.2",  "bits 31:17 of the access rights are 0",                  in_use,                   high_clear,          system_two},

    {"guest.gdtr-base",        "3.1.3",  "guest GDTR base is canonical",                           any,                      canonical<F::guest_gdtr_base>},
    {"guest.idtr-base",        "3.1.3",  "guest IDTR base is canonical",                           any,                      canonical<F::guest_idtr_base>},
    {"guest.gdtr-limit",       "3.1.3",  "guest GDTR limit has 16 bits",                           any,                      zero<F::guest_gdtr_limit, 31, 16>},
    {"guest.idtr-limit",       "3.1.3",  "guest IDTR limit has 16 bits",                           any,                      zero<F::guest_idtr_limit, 31, 16>},

    {"guest.rip-32",           "3.1.4",  "guest RIP has 32 bits outside 64-bit code",              outside_64_bit_code,      zero<F::guest_rip, 63, 32>},
    {"guest.rip-64",           "3.1.4",  "guest RIP is canonical in 64-bit code",                  in_64_bit_code,           canonical<F::guest_rip>},
    {"guest.rflags",           "3.1.4",  "RFLAGS bits 63:22, 15, 5, 3 are 0, bit 1 is 1",          any,                      flags_exist},
    {"guest.rflags-vm",        "3.1.4",  "RFLAGS.VM is 0 in IA-32e mode and in real mode",         no_8086_here,             clear<F::guest_rflags, 17>},
    {"guest.rflags-if",        "3.1.4",  "RFLAGS.IF is 1 where an interrupt is injected",          injects_a<external_interrupt>, interrupts_enabled},

    {"activity.exists",        "3.1.5",  "the activity state is one the CPU has",                  any,                      activity_exists},
    {"activity.hlt-dpl",       "3.1.5",  "a halted guest has SS.DPL 0",                            state<halted>,            ss_dpl_0},
    {"activity.blocking",      "3.1.5",  "blocking by STI or MOV SS needs the active state",       blocks<shadows>,          is_active},
    {"activity.hlt-event",     "3.1.5",  "only interrupts, NMI, #DB, #MC, MTF are injected into HLT", injects_into<halted>,  ends_hlt},
    {"activity.shutdown-event", "3.1.5", "only an NMI or #MC is injected into shutdown",           injects_into<shutdown>,   ends_shutdown},
    {"activity.sipi-event",    "3.1.5",  "nothing is injected into wait-for-SIPI",                 injects_into<wait_for_sipi>, never},
    {"blocking.reserved",      "3.1.5",  "bits 31:4 of the interruptibility state are 0",          any,                      zero<F::guest_interruptibility, 31, 4>},
    {"blocking.both",          "3.1.5",  "STI and MOV SS don't both block",                        any,                      not_both},
    {"blocking.sti-if",        "3.1.5",  "blocking by STI needs RFLAGS.IF",                        blocks<by_sti>,           interrupts_enabled},
    {"blocking.interrupt",     "3.1.5",  "an interrupt is injected only without blocking",         injects_a<external_interrupt>, not_blocked<shadows>},
    {"blocking.nmi-mov-ss",    "3.1.5",  "an NMI is injected only where MOV SS doesn't block",     injects_a<nmi>,           not_blocked<by_mov_ss>},
    {"blocking.smi",           "3.1.5",  "SMIs aren't blocked outside SMM",                        any,                      not_blocked<by_smi>},
    {"blocking.virtual-nmi",   "3.1.5",  "a virtual NMI is injected only where NMIs aren't blocked", injects_virtual_nmi,    not_blocked<by_nmi>},
};

// Implementation-specific in the manual: a CPU may require it, and says so by its qualification.
constexpr Check guest_nmi[] = {
    {"blocking.nmi-sti",       "3.1.5",  "an NMI is injected only where STI doesn't block",        injects_a<nmi>,           not_blocked<by_sti>},
};

constexpr Check guest_debug[] = {
    {"pending.reserved",       "3.1.5",  "reserved bits of the pending debug exceptions are 0",    any,                      pending_exists},
    {"pending.bs-set",         "3.1.5",  "single-stepping with blocking or HLT has BS pending",    held_back_with_tf,        set<F::guest_pending_debug, 14>},
    {"pending.bs-clear",       "3.1.5",  "blocking or HLT without single-stepping has no BS pending", held_back_without_tf,  clear<F::guest_pending_debug, 14>},
};

constexpr Check link_pointer[] = {
    {"link.aligned",           "3.1.5",  "the linked VMCS is at a page boundary",                  has_link,                 aligned<F::vmcs_link_pointer>},
    {"link.reach",             "3.1.5",  "the linked VMCS is within reach",                        has_link,                 within_reach<F::vmcs_link_pointer>},
    {"link.revision",          "3.1.5",  "the linked VMCS has this CPU's revision identifier",     link_readable,            linked_revision},
    {"link.shadow",            "3.1.5",  "the linked VMCS is a shadow exactly with VMCS shadowing", link_readable,           linked_is_as_shadowing_says},
    {"link.current",           "3.1.5",  "the linked VMCS is not the current one",                 has_link,                 link_is_not_current},
};

constexpr Check pdptes[] = {
    {"pdpte.0",                "3.1.6",  "a present PDPTE 0 has no reserved bit set",              pae_paging,               pdpte_good<0>},
    {"pdpte.1",                "3.1.6",  "a present PDPTE 1 has no reserved bit set",              pae_paging,               pdpte_good<1>},
    {"pdpte.2",                "3.1.6",  "a present PDPTE 2 has no reserved bit set",              pae_paging,               pdpte_good<2>},
    {"pdpte.3",                "3.1.6",  "a present PDPTE 3 has no reserved bit set",              pae_paging,               pdpte_good<3>},
};

constexpr Group table[] = {
    {"VMX controls",              controls,     {Outcome::vmfail, 7}},
    {"host state",                host,         {Outcome::vmfail, 8}},
    {"guest state",               guest,        {Outcome::entry_failure, 33}},
    {"NMI injection",             guest_nmi,    {Outcome::entry_failure, 33, qualification::nmi}},
    {"pending debug exceptions",  guest_debug,  {Outcome::entry_failure, 33}},
    {"VMCS link pointer",         link_pointer, {Outcome::entry_failure, 33, qualification::link_pointer}},
    {"PDPTEs",                    pdptes,       {Outcome::entry_failure, 33, qualification::pdpte}},
};

}

std::span<const Group> entry_checks() { return table; }

// ---- what VMLAUNCH and VMRESUME ask --------------------------------------------------------------

std::optional<Broken> first_broken(const EntryView& view) {
    std::optional<Broken> found;
    virt::examine(entry_checks(), view, [&](auto& group, auto& check, auto& about, auto verdict) {
        if (verdict == virt::Verdict::broken) found = {&check, group.otherwise, about.subject};
        return !found;
    });
    return found;
}

// ---- what the debugger asks ----------------------------------------------------------------------

std::string_view subject_name(Subject s) {
    static constexpr std::string_view names[] = {"ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR"};
    return names[s & 7];
}

static std::string line(std::string_view text, u64 value) {
    char digits[20];
    std::snprintf(digits, sizeof digits, "%llx", static_cast<unsigned long long>(value));
    return "    " + std::string(text) + " = " + digits + "\n";
}

// Judges the broken rule again, this time with a log, and prints what it looked at.
std::string explain(const Broken& broken, const Vmcs& vmcs, const Surroundings& around) {
    auto& check = *broken.check;
    Looked log;
    virt::judge(check, EntryView(vmcs, around, &log).about(broken.subject));

    std::string out(check.id);
    if (check.over) out += " of " + std::string(subject_name(broken.subject));
    out += " (SDM vol. 3, 27." + std::string(check.manual) + "): " + std::string(check.rule) + "\n";
    FieldSet looked_at;                             // a named bit is shown with its field
    log.fields.each([&](unsigned part) { looked_at.add(field_of(part)); });
    looked_at.each([&](unsigned row) { out += line(fields[row].text, vmcs[fields[row].field]); });
    return out;
}

}
