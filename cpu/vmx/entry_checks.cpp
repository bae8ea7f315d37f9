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
template <Field F, u64 Ones, u64 Zeros> bool fixed(View v) { return (v[F] & (Ones | Zeros)) == Ones; }

// ---- words: addresses

bool reaches(View v, u64 physical) { return !(physical >> v.limits.physical_bits); }
bool is_canonical(u64 address, unsigned width) { return sign_extend(address, width) == address; }
template <Field F> bool page_aligned(View v) { return !bits(v[F], 11, 0); }
template <Field F> bool within_reach(View v) { return reaches(v, v[F]); }
// Bases and MSRs are held to the widest linear address that the CPU has, whatever CR4.LA57.
template <Field F> bool canonical(View v) { return is_canonical(v[F], v.limits.linear_bits); }

// Lists of MSRs: 16 bytes an entry.
template <Field Address> bool list_aligned(View v) { return !bits(v[Address], 3, 0); }
template <Field Address> bool list_starts(View v) { return reaches(v, v[Address]); }
template <Field Address, Field Count> bool list_within(View v) { return v[Count] && reaches(v, v[Address]); }
template <Field Address, Field Count> bool list_ends(View v) {
    u128 last = u128(v[Address]) + u128(v[Count]) * 16 - 1;
    return !(last >> v.limits.physical_bits);
}

// ---- words: VM-execution controls

bool few_cr3_targets(View v) { return v[Field::cr3_target_count] <= v.limits.cr3_targets; }
// VTPR is read where the page can be.
bool vtpr_readable(View v) { return v[primary::tpr_shadow] && page_aligned<Field::virtual_apic_address>(v) && within_reach<Field::virtual_apic_address>(v); }
bool threshold_not_above_vtpr(View v) {
    u64 vtpr = v.read(v[Field::virtual_apic_address] + 0x80, 1);
    return bits(v[Field::tpr_threshold], 3, 0) <= bits(vtpr, 7, 4);
}
template <bool (*Good)(u64, const Limits&)> bool eptp(View v) { return Good(v[Field::ept_pointer], v.limits); }

// ---- words: the event to inject (SDM vol. 3, 25.8.3)

enum Type : unsigned { external_interrupt, reserved_type, nmi, hardware_exception, software_interrupt, privileged_software_exception, software_exception, other_event };

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
template <Field F> bool kernel_selector(View v) { return !bits(v[F], 2, 0); }
template <Field F, Settings Limits::*S> bool control_ones(View v) { return !((v.limits.*S).ones & ~v[F]); }
template <Field F, Settings Limits::*S> bool control_zeros(View v) { return !(v[F] & ~(v.limits.*S).allowed); }
template <Field F> bool efer_exists(View v) { return !(v[F] & ~v.limits.efer); }
template <Field F, unsigned Bit> bool set(View v) { return bits(v[F], Bit, Bit); }
template <Field F, unsigned Bit> bool clear(View v) { return !bits(v[F], Bit, Bit); }
template <Field F, unsigned Bit, Control C> bool equals(View v) { return bits(v[F], Bit, Bit) == v[C]; }
// Each byte a memory type: UC, WC, WT, WP, WB or UC-.
template <Field F> bool pat(View v) {
    for (u64 rest = v[F]; rest; rest >>= 8)
        if ((rest & 0xff) > 7 || (rest & 0xfe) == 2) return false;
    return true;
}
bool host_rip_canonical(View v) { return is_canonical(v[Field::host_rip], v[Field::host_cr4] & cr4::la57 ? 57 : 48); }

// ---- words: guest control registers and MSRs

bool restricted(View v) { return !v[secondary::unrestricted_guest]; }
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
bool plain_unrestricted(View v) { return not_8086(v) && !restricted(v); }

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
bool stack_of_data_cs_or_real_mode(View v) { return not_8086(v) && (cs_type(v) == 3 || !protected_mode(v)); }
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

bool guest_in_64_bit_code(View v) { return guest_64(v) && v[Field::guest_cs_rights] & bit(13); }
bool guest_not_in_64_bit_code(View v) { return !guest_in_64_bit_code(v); }
bool no_8086_here(View v) { return guest_64(v) || !protected_mode(v); }

// ---- words: non-register state

enum Activity : unsigned { active, halted, shutdown, wait_for_sipi };
constexpr u64 by_sti = bit(0), by_mov_ss = bit(1), by_smi = bit(2), by_nmi = bit(3);
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
bool not_both(View v) { return (blocking(v) & (by_sti | by_mov_ss)) != (by_sti | by_mov_ss); }
bool interrupts_enabled(View v) { return v[guest_bit::interrupts]; }
bool injects_nmi_with_virtual_nmis(View v) { return injects_a<nmi>(v) && v[pin::virtual_nmis]; }

// A single-step trap is due after the instruction that blocks or halts, exactly where TF is set and BTF is not.
bool holds_traps_back(View v) { return blocks<by_sti | by_mov_ss>(v) || state<halted>(v); }
bool single_steps(View v) { return v[Field::guest_rflags] & rflags::tf && !(v[Field::guest_debugctl] & bit(1)); }
bool held_back_with_tf(View v) { return holds_traps_back(v) && single_steps(v); }
bool held_back_without_tf(View v) { return holds_traps_back(v) && !single_steps(v); }

// The VMCS that the link pointer names.
bool has_link(View v) { return v[Field::vmcs_link_pointer] != ~u64{0}; }
bool link_readable(View v) { return has_link(v) && page_aligned<Field::vmcs_link_pointer>(v) && within_reach<Field::vmcs_link_pointer>(v); }
u64 linked(View v) { return v.read(v[Field::vmcs_link_pointer], 4); }
bool linked_revision(View v) { return bits(linked(v), 30, 0) == revision; }
bool linked_is_no_shadow(View v) { return !(linked(v) & bit(31)); }
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
constexpr u8 all_six = each(ES, CS, SS, DS, FS, GS), data_four = each(ES, DS, FS, GS);

using F = Field;

// ---- the tables ----------------------------------------------------------------------------------

//   manual: the section of the SDM's chapter 27
//   id                         manual      rule                                                                      applies                         holds
constexpr Check controls[] = {
    {"pin.ones",                "27.2.1.1", "pin-based controls that must be 1 are",                                  any,                            has_ones<F::pin_controls>},
    {"pin.reserved",            "27.2.1.1", "pin-based controls that must be 0 are",                                  any,                            has_zeros<F::pin_controls>},
    {"primary.ones",            "27.2.1.1", "primary controls that must be 1 are",                                    any,                            has_ones<F::primary_controls>},
    {"primary.reserved",        "27.2.1.1", "primary controls that must be 0 are",                                    any,                            has_zeros<F::primary_controls>},
    {"secondary.reserved",      "27.2.1.1", "secondary controls that must be 0 are",                                  on<primary::secondary_controls>, has_zeros<F::secondary_controls>},
    {"cr3-target.count",        "27.2.1.1", "there are no more CR3 targets than the CPU takes",                       any,                            few_cr3_targets},
    {"io-bitmap-a.aligned",     "27.2.1.1", "I/O bitmap A is at a page boundary",                                     on<primary::io_bitmaps>,        page_aligned<F::io_bitmap_a>},
    {"io-bitmap-a.reach",       "27.2.1.1", "I/O bitmap A is within the physical-address width",                      on<primary::io_bitmaps>,        within_reach<F::io_bitmap_a>},
    {"io-bitmap-b.aligned",     "27.2.1.1", "I/O bitmap B is at a page boundary",                                     on<primary::io_bitmaps>,        page_aligned<F::io_bitmap_b>},
    {"io-bitmap-b.reach",       "27.2.1.1", "I/O bitmap B is within the physical-address width",                      on<primary::io_bitmaps>,        within_reach<F::io_bitmap_b>},
    {"msr-bitmap.aligned",      "27.2.1.1", "the MSR bitmaps are at a page boundary",                                 on<primary::msr_bitmaps>,       page_aligned<F::msr_bitmap>},
    {"msr-bitmap.reach",        "27.2.1.1", "the MSR bitmaps are within the physical-address width",                  on<primary::msr_bitmaps>,       within_reach<F::msr_bitmap>},
    {"virtual-apic.aligned",    "27.2.1.1", "the virtual-APIC page is at a page boundary",                            on<primary::tpr_shadow>,        page_aligned<F::virtual_apic_address>},
    {"virtual-apic.reach",      "27.2.1.1", "the virtual-APIC page is within the physical-address width",             on<primary::tpr_shadow>,        within_reach<F::virtual_apic_address>},
    {"tpr-threshold.reserved",  "27.2.1.1", "bits 31:4 of the TPR threshold are 0",                                   on<primary::tpr_shadow>,        zero<F::tpr_threshold, 31, 4>},
    {"tpr-threshold.vtpr",      "27.2.1.1", "the TPR threshold is not above bits 7:4 of VTPR",                        vtpr_readable,                  threshold_not_above_vtpr},
    {"virtual-nmis",            "27.2.1.1", "virtual NMIs need NMI exiting",                                          on<pin::virtual_nmis>,          on<pin::nmi_exiting>},
    {"nmi-window",              "27.2.1.1", "NMI-window exiting needs virtual NMIs",                                  on<primary::nmi_window>,        on<pin::virtual_nmis>},
    {"vpid",                    "27.2.1.1", "the VPID is not 0",                                                      on<secondary::vpid>,            nonzero<F::vpid>},
    {"eptp.memory-type",        "27.2.1.1", "the EPT pointer's memory type is one the CPU takes",                     on<secondary::ept>,             eptp<eptp_memory_type>},
    {"eptp.levels",             "27.2.1.1", "the EPT pointer asks for a walk of a length the CPU has",                on<secondary::ept>,             eptp<eptp_levels>},
    {"eptp.accessed-dirty",     "27.2.1.1", "the EPT pointer asks for accessed and dirty flags only where there are some", on<secondary::ept>,        eptp<eptp_accessed_dirty>},
    {"eptp.reserved",           "27.2.1.1", "the EPT pointer's reserved bits are 0",                                  on<secondary::ept>,             eptp<eptp_reserved>},
    {"unrestricted.ept",        "27.2.1.1", "unrestricted guest needs EPT",                                           on<secondary::unrestricted_guest>, on<secondary::ept>},
    {"vm-functions.reserved",   "27.2.1.1", "VM-function controls that must be 0 are",                                on<secondary::vm_functions>,    has_zeros<F::vm_function_controls>},
    {"eptp-switching.ept",      "27.2.1.1", "EPTP switching needs EPT",                                               on<function::eptp_switching>,   on<secondary::ept>},
    {"eptp-list.aligned",       "27.2.1.1", "the EPTP list is at a page boundary",                                    on<function::eptp_switching>,   page_aligned<F::eptp_list_address>},
    {"eptp-list.reach",         "27.2.1.1", "the EPTP list is within the physical-address width",                     on<function::eptp_switching>,   within_reach<F::eptp_list_address>},
    {"exit.ones",               "27.2.1.2", "VM-exit controls that must be 1 are",                                    any,                            has_ones<F::exit_controls>},
    {"exit.reserved",           "27.2.1.2", "VM-exit controls that must be 0 are",                                    any,                            has_zeros<F::exit_controls>},
    {"exit.save-timer",         "27.2.1.2", "saving the preemption timer needs the timer",                            on<exit::save_preemption_timer>, on<pin::preemption_timer>},
    {"exit-store.aligned",      "27.2.1.2", "the VM-exit MSR-store list is at a multiple of 16",                      nonzero<F::exit_msr_store_count>, list_aligned<F::exit_msr_store_address>},
    {"exit-store.reach",        "27.2.1.2", "the VM-exit MSR-store list starts within the physical-address width",    nonzero<F::exit_msr_store_count>, list_starts<F::exit_msr_store_address>},
    {"exit-store.end",          "27.2.1.2", "the VM-exit MSR-store list ends within the physical-address width",      list_within<F::exit_msr_store_address, F::exit_msr_store_count>, list_ends<F::exit_msr_store_address, F::exit_msr_store_count>},
    {"exit-load.aligned",       "27.2.1.2", "the VM-exit MSR-load list is at a multiple of 16",                       nonzero<F::exit_msr_load_count>, list_aligned<F::exit_msr_load_address>},
    {"exit-load.reach",         "27.2.1.2", "the VM-exit MSR-load list starts within the physical-address width",     nonzero<F::exit_msr_load_count>, list_starts<F::exit_msr_load_address>},
    {"exit-load.end",           "27.2.1.2", "the VM-exit MSR-load list ends within the physical-address width",       list_within<F::exit_msr_load_address, F::exit_msr_load_count>, list_ends<F::exit_msr_load_address, F::exit_msr_load_count>},
    {"entry.ones",              "27.2.1.3", "VM-entry controls that must be 1 are",                                   any,                            has_ones<F::entry_controls>},
    {"entry.reserved",          "27.2.1.3", "VM-entry controls that must be 0 are",                                   any,                            has_zeros<F::entry_controls>},
    {"event.type",              "27.2.1.3", "the injected event's type is not the reserved one",                      injects,                        type_exists},
    {"event.other",             "27.2.1.3", "an injected event of type 7 needs a CPU with the monitor trap flag",     injects_a<other_event>,         has_monitor_trap_flag},
    {"event.nmi-vector",        "27.2.1.3", "an injected NMI has vector 2",                                           injects_a<nmi>,                 vector_2},
    {"event.exception-vector",  "27.2.1.3", "an injected hardware exception has a vector of at most 31",              injects_a<hardware_exception>,  exception_vector},
    {"event.other-vector",      "27.2.1.3", "an injected event of type 7 has vector 0",                               injects_a<other_event>,         vector_0},
    {"event.code-type",         "27.2.1.3", "only hardware exceptions are injected with an error code",               gives_error_code,               is_hardware_exception},
    {"event.code-vector",       "27.2.1.3", "only exceptions that have error codes are injected with one",            gives_error_code,               vector_has_error_code},
    {"event.code-mode",         "27.2.1.3", "nothing is injected with an error code into real mode",                  gives_error_code,               mode_has_error_codes},
    {"event.code-missing",      "27.2.1.3", "an exception that has an error code is injected with one",               wants_error_code,               event_gives_error_code},
    {"event.reserved",          "27.2.1.3", "bits 30:12 of the interruption-information field are 0",                 injects,                        zero<F::entry_interruption, 30, 12>},
    {"event.code-width",        "27.2.1.3", "the injected error code has 16 bits",                                    gives_error_code,               zero<F::entry_error_code, 31, 16>},
    {"event.length",            "27.2.1.3", "an injected software event comes from an instruction of 1 to 15 bytes",  injects_software,               length_1_to_15},
    {"entry-load.aligned",      "27.2.1.3", "the VM-entry MSR-load list is at a multiple of 16",                      nonzero<F::entry_msr_load_count>, list_aligned<F::entry_msr_load_address>},
    {"entry-load.reach",        "27.2.1.3", "the VM-entry MSR-load list starts within the physical-address width",    nonzero<F::entry_msr_load_count>, list_starts<F::entry_msr_load_address>},
    {"entry-load.end",          "27.2.1.3", "the VM-entry MSR-load list ends within the physical-address width",      list_within<F::entry_msr_load_address, F::entry_msr_load_count>, list_ends<F::entry_msr_load_address, F::entry_msr_load_count>},
};

constexpr Check host[] = {
    {"host.cr0-ones",           "27.2.2",   "host CR0's fixed ones are 1",                                            any,                            control_ones<F::host_cr0, &Limits::cr0>},
    {"host.cr0-reserved",       "27.2.2",   "host CR0 has no bit that doesn't exist",                                 any,                            control_zeros<F::host_cr0, &Limits::cr0>},
    {"host.cr4-ones",           "27.2.2",   "host CR4's fixed ones are 1",                                            any,                            control_ones<F::host_cr4, &Limits::cr4>},
    {"host.cr4-reserved",       "27.2.2",   "host CR4 has no bit that doesn't exist",                                 any,                            control_zeros<F::host_cr4, &Limits::cr4>},
    {"host.cr3",                "27.2.2",   "host CR3 is within the physical-address width",                          any,                            within_reach<F::host_cr3>},
    {"host.sysenter-esp",       "27.2.2",   "host IA32_SYSENTER_ESP is canonical",                                    any,                            canonical<F::host_sysenter_esp>},
    {"host.sysenter-eip",       "27.2.2",   "host IA32_SYSENTER_EIP is canonical",                                    any,                            canonical<F::host_sysenter_eip>},
    {"host.pat",                "27.2.2",   "each byte of host IA32_PAT is a memory type",                            on<exit::load_pat>,             pat<F::host_pat>},
    {"host.efer-reserved",      "27.2.2",   "host IA32_EFER has no bit that doesn't exist",                           on<exit::load_efer>,            efer_exists<F::host_efer>},
    {"host.efer-lma",           "27.2.2",   "host IA32_EFER.LMA equals host address-space size",                      on<exit::load_efer>,            equals<F::host_efer, 10, exit::host_address_space_size>},
    {"host.efer-lme",           "27.2.2",   "host IA32_EFER.LME equals host address-space size",                      on<exit::load_efer>,            equals<F::host_efer, 8, exit::host_address_space_size>},
    {"host.es",                 "27.2.3",   "host ES has RPL 0 and names the GDT",                                    any,                            kernel_selector<F::host_es_selector>},
    {"host.cs",                 "27.2.3",   "host CS has RPL 0 and names the GDT",                                    any,                            kernel_selector<F::host_cs_selector>},
    {"host.ss",                 "27.2.3",   "host SS has RPL 0 and names the GDT",                                    any,                            kernel_selector<F::host_ss_selector>},
    {"host.ds",                 "27.2.3",   "host DS has RPL 0 and names the GDT",                                    any,                            kernel_selector<F::host_ds_selector>},
    {"host.fs",                 "27.2.3",   "host FS has RPL 0 and names the GDT",                                    any,                            kernel_selector<F::host_fs_selector>},
    {"host.gs",                 "27.2.3",   "host GS has RPL 0 and names the GDT",                                    any,                            kernel_selector<F::host_gs_selector>},
    {"host.tr",                 "27.2.3",   "host TR has RPL 0 and names the GDT",                                    any,                            kernel_selector<F::host_tr_selector>},
    {"host.cs-null",            "27.2.3",   "host CS is not null",                                                    any,                            nonzero<F::host_cs_selector>},
    {"host.tr-null",            "27.2.3",   "host TR is not null",                                                    any,                            nonzero<F::host_tr_selector>},
    {"host.ss-null",            "27.2.3",   "host SS is not null outside 64-bit mode",                                host_32,                        nonzero<F::host_ss_selector>},
    {"host.fs-base",            "27.2.3",   "host FS base is canonical",                                              any,                            canonical<F::host_fs_base>},
    {"host.gs-base",            "27.2.3",   "host GS base is canonical",                                              any,                            canonical<F::host_gs_base>},
    {"host.gdtr-base",          "27.2.3",   "host GDTR base is canonical",                                            any,                            canonical<F::host_gdtr_base>},
    {"host.idtr-base",          "27.2.3",   "host IDTR base is canonical",                                            any,                            canonical<F::host_idtr_base>},
    {"host.tr-base",            "27.2.3",   "host TR base is canonical",                                              any,                            canonical<F::host_tr_base>},
    // That an entry from outside IA-32e mode is to a guest outside it follows from the first and the third.
    {"size.host-from-legacy",   "27.2.4",   "an entry from outside IA-32e mode exits to outside it",                  entered_from_legacy,            host_32},
    {"size.host-from-ia32e",    "27.2.4",   "an entry from IA-32e mode exits to 64-bit mode",                         entered_from_ia32e,             host_64},
    {"size.guest-of-32",        "27.2.4",   "a host without 64-bit address-space size has no IA-32e mode guest",      host_32,                        off<entry::ia32e_guest>},
    {"size.pcide",              "27.2.4",   "host CR4.PCIDE is 0 outside 64-bit mode",                                host_32,                        clear<F::host_cr4, 17>},
    {"size.rip-32",             "27.2.4",   "host RIP has 32 bits outside 64-bit mode",                               host_32,                        zero<F::host_rip, 63, 32>},
    {"size.pae",                "27.2.4",   "host CR4.PAE is 1 in 64-bit mode",                                       host_64,                        set<F::host_cr4, 5>},
    {"size.rip-64",             "27.2.4",   "host RIP is canonical in 64-bit mode",                                   host_64,                        host_rip_canonical},
};

constexpr Check guest[] = {
    {"guest.cr0-ones",          "27.3.1.1", "guest CR0's fixed ones are 1 (PE and PG may be 0 in an unrestricted guest)", any,                        guest_cr0_ones},
    {"guest.cr0-reserved",      "27.3.1.1", "guest CR0 has no bit that doesn't exist",                                any,                            control_zeros<F::guest_cr0, &Limits::cr0>},
    {"guest.cr0-pg",            "27.3.1.1", "guest CR0.PG needs CR0.PE",                                              paging,                         set<F::guest_cr0, 0>},
    {"guest.cr4-ones",          "27.3.1.1", "guest CR4's fixed ones are 1",                                           any,                            control_ones<F::guest_cr4, &Limits::cr4>},
    {"guest.cr4-reserved",      "27.3.1.1", "guest CR4 has no bit that doesn't exist",                                any,                            control_zeros<F::guest_cr4, &Limits::cr4>},
    {"guest.debugctl",          "27.3.1.1", "guest IA32_DEBUGCTL has no bit that doesn't exist",                      on<entry::load_debug_controls>, guest_debugctl},
    {"guest.ia32e-pg",          "27.3.1.1", "an IA-32e mode guest has CR0.PG set",                                    guest_64,                       set<F::guest_cr0, 31>},
    {"guest.ia32e-pae",         "27.3.1.1", "an IA-32e mode guest has CR4.PAE set",                                   guest_64,                       set<F::guest_cr4, 5>},
    {"guest.pcide",             "27.3.1.1", "guest CR4.PCIDE is 0 outside IA-32e mode",                               guest_32,                       clear<F::guest_cr4, 17>},
    {"guest.cr3",               "27.3.1.1", "guest CR3 is within the physical-address width",                         any,                            within_reach<F::guest_cr3>},
    {"guest.dr7",               "27.3.1.1", "guest DR7 has 32 bits",                                                  on<entry::load_debug_controls>, zero<F::guest_dr7, 63, 32>},
    {"guest.sysenter-esp",      "27.3.1.1", "guest IA32_SYSENTER_ESP is canonical",                                   any,                            canonical<F::guest_sysenter_esp>},
    {"guest.sysenter-eip",      "27.3.1.1", "guest IA32_SYSENTER_EIP is canonical",                                   any,                            canonical<F::guest_sysenter_eip>},
    {"guest.pat",               "27.3.1.1", "each byte of guest IA32_PAT is a memory type",                           on<entry::load_pat>,            pat<F::guest_pat>},
    {"guest.efer-reserved",     "27.3.1.1", "guest IA32_EFER has no bit that doesn't exist",                          on<entry::load_efer>,           efer_exists<F::guest_efer>},
    {"guest.efer-lma",          "27.3.1.1", "guest IA32_EFER.LMA equals IA-32e mode guest",                           on<entry::load_efer>,           equals<F::guest_efer, 10, entry::ia32e_guest>},
    {"guest.efer-lme",          "27.3.1.1", "guest IA32_EFER.LME equals LMA with paging",                             loads_efer_with_paging,         lma_equals_lme},

    {"seg.tr-ti",               "27.3.1.2", "TR names the GDT",                                                       any,                            local_clear,              each(TR)},
    {"seg.ldtr-ti",             "27.3.1.2", "a usable LDTR names the GDT",                                            usable,                         local_clear,              each(LDTR)},
    {"seg.ss-rpl",              "27.3.1.2", "SS and CS have the same RPL in a restricted guest",                      plain_restricted,               rpl_as_cs},
    {"seg.base-8086",           "27.3.1.2", "in virtual-8086 mode the base is the selector times 16",                 virtual_8086,                   base_of_selector,         all_six},
    {"seg.base-canonical",      "27.3.1.2", "the base is canonical",                                                  any,                            base_canonical,           each(FS, GS, TR)},
    {"seg.ldtr-base",           "27.3.1.2", "a usable LDTR's base is canonical",                                      usable,                         base_canonical,           each(LDTR)},
    {"seg.base-32",             "27.3.1.2", "the base has 32 bits",                                                   in_use,                         base_32,                  each(ES, CS, SS, DS)},
    {"seg.limit-8086",          "27.3.1.2", "in virtual-8086 mode the limit is FFFFh",                                virtual_8086,                   limit_64k,                all_six},
    {"seg.rights-8086",         "27.3.1.2", "in virtual-8086 mode the access rights are F3h",                         virtual_8086,                   rights_8086,              all_six},
    {"seg.cs-type",             "27.3.1.2", "CS is accessed code in a restricted guest",                              plain_restricted,               code_type,                each(CS)},
    {"seg.cs-type-unrestricted", "27.3.1.2", "CS is accessed code, or accessed writable data, in an unrestricted guest", plain_unrestricted,          code_type_or_3,           each(CS)},
    {"seg.ss-type",             "27.3.1.2", "SS is accessed writable data",                                           plain,                          stack_type,               each(SS)},
    {"seg.accessed",            "27.3.1.2", "the segment is accessed",                                                plain,                          accessed,                 data_four},
    {"seg.readable",            "27.3.1.2", "code is readable in a data-segment register",                            in_use_code,                    readable,                 data_four},
    {"seg.application",         "27.3.1.2", "the segment is code or data",                                            plain,                          application,              all_six},
    {"seg.cs-dpl-data",         "27.3.1.2", "a CS that is data has DPL 0",                                            cs_is_data,                     dpl_0,                    each(CS)},
    {"seg.cs-dpl",              "27.3.1.2", "a CS that doesn't conform has the DPL of SS",                            cs_nonconforming,               dpl_as_ss,                each(CS)},
    {"seg.cs-dpl-conforming",   "27.3.1.2", "a conforming CS has a DPL not above that of SS",                         cs_conforming,                  dpl_not_above_ss,         each(CS)},
    {"seg.ss-dpl",              "27.3.1.2", "SS has its RPL as DPL in a restricted guest",                            plain_restricted,               dpl_as_rpl,               each(SS)},
    {"seg.ss-dpl-0",            "27.3.1.2", "SS has DPL 0 in real mode and where CS is data",                         stack_of_data_cs_or_real_mode,  dpl_0,                    each(SS)},
    {"seg.data-dpl",            "27.3.1.2", "data and code that doesn't conform have no DPL below the RPL in a restricted guest", privileged_data,    dpl_not_below_rpl,        data_four},
    {"seg.present",             "27.3.1.2", "the segment is present",                                                 plain,                          present,                  all_six},
    {"seg.reserved-middle",     "27.3.1.2", "bits 11:8 of the access rights are 0",                                   plain,                          middle_clear,             all_six},
    {"seg.cs-db",               "27.3.1.2", "64-bit code has D clear",                                                long_code,                      db_clear,                 each(CS)},
    {"seg.g-clear",             "27.3.1.2", "a limit that doesn't end in FFFh is counted in bytes",                   plain_ragged,                   in_bytes,                 all_six},
    {"seg.g-set",               "27.3.1.2", "a limit of 1 MiB or more is counted in pages",                           plain_tall,                     in_pages,                 all_six},
    {"seg.reserved-high",       "27.3.1.2", "bits 31:17 of the access rights are 0",                                  plain,                          high_clear,               all_six},
    {"tr.type",                 "27.3.1.2", "TR is a busy TSS",                                                       guest_32,                       busy_tss_of_any_kind,     each(TR)},
    {"tr.type-64",              "27.3.1.2", "TR is a busy 64-bit TSS in an IA-32e mode guest",                        guest_64,                       busy_tss,                 each(TR)},
    {"tr.usable",               "27.3.1.2", "TR is usable",                                                           any,                            usable,                   each(TR)},
    {"ldtr.type",               "27.3.1.2", "a usable LDTR is an LDT",                                                usable,                         ldt_type,                 each(LDTR)},
    {"system.s",                "27.3.1.2", "TR and a usable LDTR are system segments",                               in_use,                         system_segment,           each(LDTR, TR)},
    {"system.present",          "27.3.1.2", "TR and a usable LDTR are present",                                       in_use,                         present,                  each(LDTR, TR)},
    {"system.reserved-middle",  "27.3.1.2", "bits 11:8 of TR's and a usable LDTR's access rights are 0",              in_use,                         middle_clear,             each(LDTR, TR)},
    {"system.g-clear",          "27.3.1.2", "a limit of TR or LDTR that doesn't end in FFFh is counted in bytes",     used_ragged,                    in_bytes,                 each(LDTR, TR)},
    {"system.g-set",            "27.3.1.2", "a limit of TR or LDTR of 1 MiB or more is counted in pages",             used_tall,                      in_pages,                 each(LDTR, TR)},
    {"system.reserved-high",    "27.3.1.2", "bits 31:17 of TR's and a usable LDTR's access rights are 0",             in_use,                         high_clear,               each(LDTR, TR)},

    {"guest.gdtr-base",         "27.3.1.3", "guest GDTR base is canonical",                                           any,                            canonical<F::guest_gdtr_base>},
    {"guest.idtr-base",         "27.3.1.3", "guest IDTR base is canonical",                                           any,                            canonical<F::guest_idtr_base>},
    {"guest.gdtr-limit",        "27.3.1.3", "guest GDTR limit has 16 bits",                                           any,                            zero<F::guest_gdtr_limit, 31, 16>},
    {"guest.idtr-limit",        "27.3.1.3", "guest IDTR limit has 16 bits",                                           any,                            zero<F::guest_idtr_limit, 31, 16>},

    {"guest.rip-32",            "27.3.1.4", "guest RIP has 32 bits outside 64-bit code",                              guest_not_in_64_bit_code,       zero<F::guest_rip, 63, 32>},
    {"guest.rip-64",            "27.3.1.4", "guest RIP is canonical in 64-bit code",                                  guest_in_64_bit_code,           canonical<F::guest_rip>},
    {"guest.rflags",            "27.3.1.4", "RFLAGS bits 63:22, 15, 5, 3 are 0 and bit 1 is 1",                       any,                            fixed<F::guest_rflags, bit(1), mask(63, 22) | bit(15) | bit(5) | bit(3)>},
    {"guest.rflags-vm",         "27.3.1.4", "RFLAGS.VM is 0 in IA-32e mode and in real mode",                         no_8086_here,                   clear<F::guest_rflags, 17>},
    {"guest.rflags-if",         "27.3.1.4", "RFLAGS.IF is 1 where an external interrupt is injected",                 injects_a<external_interrupt>,  interrupts_enabled},

    {"activity.exists",         "27.3.1.5", "the activity state is one the CPU has",                                  any,                            activity_exists},
    {"activity.hlt-dpl",        "27.3.1.5", "a halted guest has SS.DPL 0",                                            state<halted>,                  ss_dpl_0},
    {"activity.blocking",       "27.3.1.5", "blocking by STI or MOV SS needs the active state",                       blocks<by_sti | by_mov_ss>,     is_active},
    {"activity.hlt-event",      "27.3.1.5", "only an interrupt, NMI, #DB, #MC or pending MTF is injected into HLT",   injects_into<halted>,           ends_hlt},
    {"activity.shutdown-event", "27.3.1.5", "only an NMI or #MC is injected into shutdown",                           injects_into<shutdown>,         ends_shutdown},
    {"activity.sipi-event",     "27.3.1.5", "nothing is injected into wait-for-SIPI",                                 injects_into<wait_for_sipi>,    never},
    {"blocking.reserved",       "27.3.1.5", "bits 31:4 of the interruptibility state are 0",                          any,                            zero<F::guest_interruptibility, 31, 4>},
    {"blocking.both",           "27.3.1.5", "STI and MOV SS don't both block",                                        any,                            not_both},
    {"blocking.sti-if",         "27.3.1.5", "blocking by STI needs RFLAGS.IF",                                        blocks<by_sti>,                 interrupts_enabled},
    {"blocking.interrupt",      "27.3.1.5", "an external interrupt is injected only where neither STI nor MOV SS blocks", injects_a<external_interrupt>, not_blocked<by_sti | by_mov_ss>},
    {"blocking.nmi-mov-ss",     "27.3.1.5", "an NMI is injected only where MOV SS doesn't block",                     injects_a<nmi>,                 not_blocked<by_mov_ss>},
    {"blocking.smi",            "27.3.1.5", "SMIs aren't blocked outside SMM",                                        any,                            not_blocked<by_smi>},
    {"blocking.virtual-nmi",    "27.3.1.5", "with virtual NMIs an NMI is injected only where NMIs aren't blocked",    injects_nmi_with_virtual_nmis,  not_blocked<by_nmi>},
};

// Implementation-specific in the manual: a CPU may require it, and says so by its qualification.
constexpr Check guest_nmi[] = {
    {"blocking.nmi-sti",        "27.3.1.5", "an NMI is injected only where STI doesn't block",                        injects_a<nmi>,                 not_blocked<by_sti>},
};

constexpr Check guest_debug[] = {
    {"pending.reserved",        "27.3.1.5", "reserved bits of the pending debug exceptions are 0",                    any,                            fixed<F::guest_pending_debug, 0, reserved_pending>},
    {"pending.bs-set",          "27.3.1.5", "a guest that single-steps and blocks or halts has BS pending",           held_back_with_tf,              set<F::guest_pending_debug, 14>},
    {"pending.bs-clear",        "27.3.1.5", "a guest that doesn't single-step and blocks or halts has no BS pending", held_back_without_tf,           clear<F::guest_pending_debug, 14>},
};

constexpr Check link_pointer[] = {
    {"link.aligned",            "27.3.1.5", "the linked VMCS is at a page boundary",                                  has_link,                       page_aligned<F::vmcs_link_pointer>},
    {"link.reach",              "27.3.1.5", "the linked VMCS is within the physical-address width",                   has_link,                       within_reach<F::vmcs_link_pointer>},
    {"link.revision",           "27.3.1.5", "the linked VMCS has this CPU's revision identifier",                     link_readable,                  linked_revision},
    {"link.shadow",             "27.3.1.5", "the linked VMCS is no shadow without VMCS shadowing",                    link_readable,                  linked_is_no_shadow},
    {"link.current",            "27.3.1.5", "the linked VMCS is not the current one",                                 has_link,                       link_is_not_current},
};

constexpr Check pdptes[] = {
    {"pdpte.0",                 "27.3.1.6", "a present PDPTE 0 has no reserved bit set",                              pae_paging,                     pdpte_good<0>},
    {"pdpte.1",                 "27.3.1.6", "a present PDPTE 1 has no reserved bit set",                              pae_paging,                     pdpte_good<1>},
    {"pdpte.2",                 "27.3.1.6", "a present PDPTE 2 has no reserved bit set",                              pae_paging,                     pdpte_good<2>},
    {"pdpte.3",                 "27.3.1.6", "a present PDPTE 3 has no reserved bit set",                              pae_paging,                     pdpte_good<3>},
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
    out += " (SDM vol. 3, " + std::string(check.manual) + "): " + std::string(check.rule) + "\n";
    FieldSet looked_at;                             // a named bit is shown with its field
    log.fields.each([&](unsigned part) { looked_at.add(field_of(part)); });
    looked_at.each([&](unsigned row) { out += line(fields[row].text, vmcs[fields[row].field]); });
    return out;
}

}
