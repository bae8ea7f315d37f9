// SPDX-License-Identifier: MIT
// Guest, 64-bit: what VMX's capability MSRs say is so (SDM vol. 3, appendix A): each control bit that may be 1 is set and a guest entered,
// each that may not is set and the entry refused; likewise what must be 1, CR0's and CR4's fixed bits, and EPT's and VPID's abilities.
#include "inner.h"

using namespace vmx;

static Machine m;
static u64 root;

// ---- controls

struct Word { const char* name; Field field; u32 msr; };
static constexpr Word words[] = {
    {"pin-based controls", pin_controls, pin_msr}, {"primary controls", cpu_controls, cpu_msr}, {"secondary controls", cpu_controls_2, cpu2_msr},
    {"exit controls", exit_controls, exit_msr}, {"entry controls", entry_controls, entry_msr}};

static void also(Field field, u32 msr, u32 bits) { write(field, read(field) | adjusted(bits, msr)); }
static void secondary(u32 bits) { also(cpu_controls, cpu_msr, cpu_secondary), also(cpu_controls_2, cpu2_msr, bits); }
static u64 some_page() { static u64 page = new_page(); return page; }

// What a bit needs besides itself, from the checks of 27.2.1.
struct Need { Field field; u32 bit; void (*meet)(); };
static constexpr Need needs[] = {
    {pin_controls, pin_virtual_nmi, [] { also(pin_controls, pin_msr, pin_nmi); }},
    {pin_controls, pin_preemption_timer, [] { write(preemption_timer, 1u << 30); }},
    {pin_controls, pin_posted, [] {
        also(pin_controls, pin_msr, pin_interrupts), also(cpu_controls, cpu_msr, cpu_tpr_shadow), also(exit_controls, exit_msr, exit_acknowledge);
        secondary(cpu2_delivery), write(virtual_apic, some_page()), write(posted_descriptor, some_page()), write(notification_vector, 0xf2);
    }},
    {cpu_controls, cpu_tpr_shadow, [] { write(virtual_apic, some_page()), write(tpr_threshold, 0); }},
    {cpu_controls, cpu_nmi_window, [] { also(pin_controls, pin_msr, pin_nmi | pin_virtual_nmi); }},
    {cpu_controls, cpu_io_bitmaps, [] { write(io_bitmap_a, some_page()), write(io_bitmap_b, some_page()); }},
    {cpu_controls, cpu_msr_bitmaps, [] { write(msr_bitmaps, some_page()); }},
    {cpu_controls_2, cpu2_apic_accesses, [] { write(apic_access, some_page()); }},
    {cpu_controls_2, cpu2_ept, [] { write(eptp, ept_pointer(root)); }},
    {cpu_controls_2, cpu2_x2apic, [] { also(cpu_controls, cpu_msr, cpu_tpr_shadow), write(virtual_apic, some_page()), write(tpr_threshold, 0); }},
    {cpu_controls_2, cpu2_vpid, [] { write(vpid, 1); }},
    {cpu_controls_2, cpu2_unrestricted, [] { secondary(cpu2_ept), write(eptp, ept_pointer(root)); }},
    {cpu_controls_2, cpu2_apic_registers, [] { also(cpu_controls, cpu_msr, cpu_tpr_shadow), write(virtual_apic, some_page()), write(tpr_threshold, 0); }},
    {cpu_controls_2, cpu2_delivery, [] { also(pin_controls, pin_msr, pin_interrupts), also(cpu_controls, cpu_msr, cpu_tpr_shadow), write(virtual_apic, some_page()); }},
    {cpu_controls_2, cpu2_vm_functions, [] { write(vm_function_controls, 0); }},
    {cpu_controls_2, 1 << 14, [] { write(vmread_bitmap, some_page()), write(vmwrite_bitmap, some_page()); }},
    {cpu_controls_2, 1 << 17, [] { secondary(cpu2_ept), write(eptp, ept_pointer(root)), write(pml_address, some_page()), write(pml_index, 511); }},
    {cpu_controls_2, 1 << 18, [] { write(ve_information, some_page()); }},
    {cpu_controls_2, cpu2_mode_based_execute, [] { secondary(cpu2_ept), write(eptp, ept_pointer(root)); }},
    {cpu_controls_2, cpu2_sub_page, [] { secondary(cpu2_ept), write(eptp, ept_pointer(root)), write(sub_page_table, some_page()); }},
    {cpu_controls_2, 1 << 25, [] { write(tsc_multiplier, 1ull << 48); }},
    {exit_controls, exit_save_timer, [] { also(pin_controls, pin_msr, pin_preemption_timer), write(preemption_timer, 1u << 30); }},
};
static void meet(Field field, u32 bit) {
    for (auto& n : needs)
        if (n.field == field && n.bit == bit) n.meet();
}
// Bits that no entry outside SMM may have, though the MSR allows them to be 1: entry to SMM, deactivate dual-monitor treatment.
static bool of_smm(Field field, u32 bit) { return field == entry_controls && (bit == 1 << 10 || bit == 1 << 11); }

static void fresh() {
    make(m, inner_nothing);
    write(host_perf_global, 0), write(guest_perf_global, 0);
}
static bool enters(u64 reason) {          // any exit but a failed entry: an activated control may exit first
    return !(reason & failed) && !(reason >> 31);
}
static void tell(const char* word, unsigned bit, const char* what) { print("  "), print(word), print(" bit "), print_hex(bit), print(what), print("\n"); }
static void sweep(const Word& w) {
    u64 allowed = rdmsr(control_msr(w.msr));
    bool good[3] = {true, true, true};
    for (unsigned i = 0; i < 32; i++) {
        u32 bit = 1u << i;
        bool must = allowed >> i & 1, may = allowed >> (32 + i) & 1;
        fresh();
        if (w.field == cpu_controls_2) secondary(0);
        if (!may || of_smm(w.field, bit)) {
            write(w.field, read(w.field) | bit);
            if (enter(m) != (failed | 7)) good[0] = false, tell(w.name, i, " is accepted");
            continue;
        }
        if (must) {
            write(w.field, read(w.field) & ~u64(bit));
            if (enter(m) != (failed | 7)) good[1] = false, tell(w.name, i, " may be clear");
            continue;
        }
        write(w.field, read(w.field) | bit);
        meet(w.field, bit);
        u64 reason = enter(m);
        if (!enters(reason)) good[2] = false, tell(w.name, i, " is refused with all that it needs");
    }
    print(w.name), print("\n");
    holds("  what may not be 1 is refused", good[0]), holds("  what must be 1 is wanted", good[1]), holds("  what may be 1 is accepted", good[2]);
    holds("  allowed 0 settings are allowed 1 settings too", !(u32(allowed) & ~u32(allowed >> 32)));
}
// A need that is not met is noticed (27.2.1.1).
static void unmet(const char* name, Field field, u32 bits, u32 msr, void (*spoil)()) {
    if (msr == cpu2_msr ? !has_secondary(bits) : !allows(bits, msr)) return;
    fresh();
    if (msr == cpu2_msr) secondary(0);
    write(field, read(field) | bits);
    meet(field, bits);
    spoil();
    is(name, enter(m), failed | 7);
}
static void without_needs() {
    unmet("virtual NMIs without NMI exiting", pin_controls, pin_virtual_nmi, pin_msr, [] { write(pin_controls, read(pin_controls) & ~u64(pin_nmi)); });
    unmet("NMI window without virtual NMIs", cpu_controls, cpu_nmi_window, cpu_msr, [] { write(pin_controls, read(pin_controls) & ~u64(pin_virtual_nmi)); });
    unmet("I/O bitmaps of no page's beginning", cpu_controls, cpu_io_bitmaps, cpu_msr, [] { write(io_bitmap_a, some_page() + 8); });
    unmet("  the second", cpu_controls, cpu_io_bitmaps, cpu_msr, [] { write(io_bitmap_b, 1ull << 52); });
    unmet("MSR bitmaps of no page's beginning", cpu_controls, cpu_msr_bitmaps, cpu_msr, [] { write(msr_bitmaps, some_page() + 1); });
    unmet("virtual APIC of no page's beginning", cpu_controls, cpu_tpr_shadow, cpu_msr, [] { write(virtual_apic, some_page() + 8); });
    unmet("TPR threshold of more than 4 bits", cpu_controls, cpu_tpr_shadow, cpu_msr, [] { write(tpr_threshold, 0x10); });
    unmet("TPR threshold above the virtual TPR", cpu_controls, cpu_tpr_shadow, cpu_msr, [] { write(tpr_threshold, 1); });
    unmet("VPID 0", cpu_controls_2, cpu2_vpid, cpu2_msr, [] { write(vpid, 0); });
    unmet("unrestricted guest without EPT", cpu_controls_2, cpu2_unrestricted, cpu2_msr, [] { write(cpu_controls_2, read(cpu_controls_2) & ~u64(cpu2_ept)); });
    unmet("saving the timer that is not on", exit_controls, exit_save_timer, exit_msr, [] { write(pin_controls, read(pin_controls) & ~u64(pin_preemption_timer)); });
    auto no_shadow = [] { write(cpu_controls, read(cpu_controls) & ~u64(cpu_tpr_shadow)); };
    auto no_interrupts = [] { write(pin_controls, read(pin_controls) & ~u64(pin_interrupts)); };
    unmet("APIC-access page of no page's beginning", cpu_controls_2, cpu2_apic_accesses, cpu2_msr, [] { write(apic_access, some_page() + 8); });
    unmet("  beyond the physical addresses", cpu_controls_2, cpu2_apic_accesses, cpu2_msr, [] { write(apic_access, 1ull << 52); });
    unmet("x2APIC mode with virtualized APIC accesses", cpu_controls_2, cpu2_x2apic, cpu2_msr, [] { secondary(cpu2_apic_accesses), write(apic_access, some_page()); });
    unmet("APIC-register virtualization without TPR shadow", cpu_controls_2, cpu2_apic_registers, cpu2_msr, no_shadow);
    unmet("virtual-interrupt delivery without TPR shadow", cpu_controls_2, cpu2_delivery, cpu2_msr, no_shadow);
    unmet("  without external-interrupt exiting", cpu_controls_2, cpu2_delivery, cpu2_msr, no_interrupts);
    unmet("posted interrupts without virtual-interrupt delivery", pin_controls, pin_posted, pin_msr, [] { write(cpu_controls_2, read(cpu_controls_2) & ~u64(cpu2_delivery)); });
    unmet("  without acknowledge interrupt on exit", pin_controls, pin_posted, pin_msr, [] { write(exit_controls, read(exit_controls) & ~u64(exit_acknowledge)); });
    unmet("  with a vector of 9 bits", pin_controls, pin_posted, pin_msr, [] { write(notification_vector, 0x100); });
    unmet("  with a descriptor of no multiple of 64", pin_controls, pin_posted, pin_msr, [] { write(posted_descriptor, some_page() + 32); });
    unmet("  with one beyond the physical addresses", pin_controls, pin_posted, pin_msr, [] { write(posted_descriptor, 1ull << 52); });
    unmet("x2APIC mode without TPR shadow", cpu_controls_2, cpu2_x2apic, cpu2_msr, [] { write(cpu_controls, read(cpu_controls) & ~u64(cpu_tpr_shadow)); });
}

// ---- CR0 and CR4 (A.7, A.8), of guest and host

static void fixed(const char* name, Field guest_field, Field host_field, u32 msr0, u32 msr1) {
    u64 must = rdmsr(msr0), may = rdmsr(msr1);
    bool good = true;
    for (unsigned i = 0; i < 64; i++) {
        u64 bit = 1ull << i;
        bool wrong_when_clear = must & bit, wrong_when_set = !(may & bit);
        if (!wrong_when_clear && !wrong_when_set) continue;
        for (Field f : {guest_field, host_field}) {
            fresh();
            write(f, wrong_when_clear ? read(f) & ~bit : read(f) | bit);
            u64 expected = f == host_field ? failed | 8 : 1u << 31 | entry_failed_guest;
            if (enter(m) != expected) good = false, tell(name, i, f == host_field ? " of the host" : " of the guest");
        }
    }
    print(name), print("\n");
    holds("  fixed bits are fixed", good);
    holds("  what is fixed to 1 may be 1", !(must & ~may));
}

// ---- EPT and VPID (A.10)

static u64 enter_with_eptp(u64 value) {
    fresh();
    secondary(cpu2_ept), write(eptp, value);
    return enter(m);
}
static void ept() {
    if (!has_secondary(cpu2_ept)) return;
    u64 bits = ept_vpid_capabilities();
    print("EPT\n");
    for (u64 type = 0; type < 8; type++) {
        bool may = (type == 0 && bits >> 8 & 1) || (type == 6 && bits >> 14 & 1);
        is("  memory types of the tables", enter_with_eptp((ept_pointer(root) & ~7ull) | type), may ? u64(on_cpuid) : failed | 7);
    }
    for (u64 levels = 0; levels < 8; levels++) {
        bool may = (levels == 3 && bits >> 6 & 1) || (levels == 4 && bits >> 7 & 1);
        u64 got = enter_with_eptp((ept_pointer(root) & ~0x38ull) | levels << 3);
        if (levels == 4 && may) continue;              // five levels: these tables have four
        is("  lengths of the walk", got, may ? u64(on_cpuid) : failed | 7);
    }
    is("  accessed and dirty flags", enter_with_eptp(ept_pointer(root, true)), bits >> 21 & 1 ? u64(on_cpuid) : failed | 7);
    for (unsigned i = 8; i < 12; i++) is("  reserved bits of the pointer", enter_with_eptp(ept_pointer(root) | 1ull << i), failed | 7);
    is("  a pointer beyond the physical addresses", enter_with_eptp(ept_pointer(root) | 1ull << 51), failed | 7);
    u64 large = ept_identity(1ull << 32, 2), huge = ept_identity(4ull << 30, 3);
    is("  pages of 2 MiB", enter_with_eptp(ept_pointer(large)), bits >> 16 & 1 ? on_cpuid : on_ept_misconfiguration);
    is("  pages of 1 GiB", enter_with_eptp(ept_pointer(huge)), bits >> 17 & 1 ? on_cpuid : on_ept_misconfiguration);
    u64 only = second_stage_identity();
    second_stage_entry(only, word(inner_nothing)) = (word(inner_nothing) & ~0xfffull) | 0x34;
    is("  pages that may only be executed", enter_with_eptp(ept_pointer(only)), bits & 1 ? on_cpuid : on_ept_misconfiguration);
    holds("  INVEPT has a type", !(bits >> 20 & 1) || bits >> 25 & 3);
    if (has_secondary(cpu2_unrestricted)) {
        fresh();
        secondary(cpu2_ept | cpu2_unrestricted), write(eptp, ept_pointer(root));
        constexpr u32 low = 0x7000;
        poke<u16>(low, 0xa20f);           // CPUID
        guest_state_real(low >> 4, 0, 0x1000);
        is("  a guest in real mode", enter(m), on_cpuid), is("    and not paging", read(guest_cr0) & 0x80000001, 0);
        guest_state_32(low, 0x1000, false);
        m.launched = true;
        is("  a guest in protected mode without paging", enter(m), on_cpuid);
    }
}

// ---- miscellaneous (A.1, A.6, A.9)

static void others() {
    u64 b = rdmsr(basic), more = rdmsr(misc);
    print("basic and miscellaneous\n");
    holds("  a VMCS has up to 4096 bytes", (b >> 32 & 0x1fff) > 0 && (b >> 32 & 0x1fff) <= 4096), is("  bit 31 of the revision is 0", b >> 31 & 1, 0);
    is("  physical addresses are not limited to 32 bits", b >> 48 & 1, 0), is("  write-back memory", b >> 50 & 15, 6);
    for (u64 state = 0; state < 5; state++) {
        fresh();
        write(activity, state);
        if (state == 1) also(pin_controls, pin_msr, pin_preemption_timer), write(preemption_timer, 1000);
        if (state == 2) also(pin_controls, pin_msr, pin_preemption_timer), write(preemption_timer, 1000);
        bool may = state == 0 || (state < 4 && more >> (5 + state) & 1);
        bool ends = state == 0 || (state < 3 && allows(pin_preemption_timer, pin_msr));     // else the CPU would sleep on
        if (may && !ends) continue;
        u64 reason = enter(m);
        if (may) is("  activity states", reason, state ? on_preemption_timer : on_cpuid);
        else is("  activity states that there are not", reason, 1u << 31 | entry_failed_guest);
    }
    u64 targets = more >> 16 & 0x1ff;
    fresh(), write(cr3_target_count, targets), is("  as many CR3 targets", enter(m), on_cpuid);
    fresh(), write(cr3_target_count, targets + 1), is("  one more", enter(m), failed | 7);
    u64 highest = rdmsr(vmcs_enum) >> 1 & 0x1ff, seen = 0;
    bool odd = false;
    fresh();
    for (u64 width = 0; width < 4; width++)
        for (u64 type = 0; type < 4; type++)
            for (u64 index = 0; index < 64; index++) {
                u64 v, encoding = width << 13 | type << 10 | index << 1;
                if (try_read(encoding, v) != 0) continue;
                seen = index > seen ? index : seen;
                odd |= (try_read(encoding | 1, v) == 0) != (width == 1);
            }
    holds("  no field has a higher index than VMCS_ENUM says", seen <= highest);
    holds("  64-bit fields alone have a high half", !odd);
    // Fields of what there is not are not there either.
    u64 v;
    is("  the VPID's field", try_read(vpid, v) == 0, has_secondary(cpu2_vpid)), is("  the EPT pointer's", try_read(eptp, v) == 0, has_secondary(cpu2_ept));
    is("  the secondary controls'", try_read(cpu_controls_2, v) == 0, allows(cpu_secondary, cpu_msr));
    is("  the preemption timer's", try_read(preemption_timer, v) == 0, allows(pin_preemption_timer, pin_msr));
    is("  IA32_EFER's", try_read(guest_efer, v) == 0, allows(entry_load_efer, entry_msr) || allows(exit_save_efer, exit_msr));
    is("  IA32_PAT's", try_read(guest_pat, v) == 0, allows(entry_load_pat, entry_msr) || allows(exit_save_pat, exit_msr));
    for (u32 n = basic; n <= true_entry_msr; n++) {
        static u32 msr;
        msr = n;
        Trap t = trap([] { wrmsr(msr, rdmsr(msr)); });
        if (t.vector != GP) is("  a capability MSR can be written", n, 0);
    }
}

extern "C" void guest() {
    if (!available()) return holds("VMX", false);
    vmx::start();
    if (has_secondary(cpu2_ept)) root = second_stage_identity();
    for (auto& w : words)
        if (w.msr != cpu2_msr || allows(cpu_secondary, cpu_msr)) sweep(w);
    without_needs();
    fixed("CR0", guest_cr0, host_cr0, cr0_fixed0, cr0_fixed1), fixed("CR4", guest_cr4, host_cr4, cr4_fixed0, cr4_fixed1);
    ept();
    others();
}
