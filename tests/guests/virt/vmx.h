// SPDX-License-Identifier: MIT
// VMX for freestanding guests: the instructions, the VMCS by encodings (SDM vol. 3, appendix B), states of guest and host, EPT.
#pragma once
#include "memory.h"

namespace vmx {

enum Field : u32 {
    vpid = 0x0000, notification_vector = 0x0002, eptp_index = 0x0004,
    guest_es = 0x0800, guest_cs = 0x0802, guest_ss = 0x0804, guest_ds = 0x0806, guest_fs = 0x0808, guest_gs = 0x080a, guest_ldtr = 0x080c,
    guest_tr = 0x080e, guest_interrupt_status = 0x0810, pml_index = 0x0812,
    host_es = 0x0c00, host_cs = 0x0c02, host_ss = 0x0c04, host_ds = 0x0c06, host_fs = 0x0c08, host_gs = 0x0c0a, host_tr = 0x0c0c,
    io_bitmap_a = 0x2000, io_bitmap_b = 0x2002, msr_bitmaps = 0x2004, exit_msr_store = 0x2006, exit_msr_load = 0x2008, entry_msr_load = 0x200a,
    executive_vmcs = 0x200c, pml_address = 0x200e, tsc_offset = 0x2010, virtual_apic = 0x2012, apic_access = 0x2014, posted_descriptor = 0x2016,
    vm_function_controls = 0x2018, eptp = 0x201a, eoi_exits0 = 0x201c, eoi_exits1 = 0x201e, eoi_exits2 = 0x2020, eoi_exits3 = 0x2022, eptp_list = 0x2024, vmread_bitmap = 0x2026, vmwrite_bitmap = 0x2028, ve_information = 0x202a, xss_bitmap = 0x202c,
    sub_page_table = 0x2030, tsc_multiplier = 0x2032,
    guest_physical_address = 0x2400,
    vmcs_link = 0x2800, guest_debugctl = 0x2802, guest_pat = 0x2804, guest_efer = 0x2806, guest_perf_global = 0x2808, guest_pdpte0 = 0x280a,
    guest_pdpte1 = 0x280c, guest_pdpte2 = 0x280e, guest_pdpte3 = 0x2810,
    host_pat = 0x2c00, host_efer = 0x2c02, host_perf_global = 0x2c04,
    pin_controls = 0x4000, cpu_controls = 0x4002, exception_bitmap = 0x4004, page_fault_mask = 0x4006, page_fault_match = 0x4008,
    cr3_target_count = 0x400a, exit_controls = 0x400c, exit_msr_store_count = 0x400e, exit_msr_load_count = 0x4010, entry_controls = 0x4012,
    entry_msr_load_count = 0x4014, entry_event = 0x4016, entry_error_code = 0x4018, entry_instruction_length = 0x401a, tpr_threshold = 0x401c,
    cpu_controls_2 = 0x401e, ple_gap = 0x4020, ple_window = 0x4022,
    instruction_error = 0x4400, exit_reason = 0x4402, exit_event = 0x4404, exit_error_code = 0x4406, vectoring_event = 0x4408,
    vectoring_error_code = 0x440a, instruction_length = 0x440c, instruction_information = 0x440e,
    guest_es_limit = 0x4800, guest_cs_limit = 0x4802, guest_ss_limit = 0x4804, guest_ds_limit = 0x4806, guest_fs_limit = 0x4808,
    guest_gs_limit = 0x480a, guest_ldtr_limit = 0x480c, guest_tr_limit = 0x480e, guest_gdtr_limit = 0x4810, guest_idtr_limit = 0x4812,
    guest_es_rights = 0x4814, guest_cs_rights = 0x4816, guest_ss_rights = 0x4818, guest_ds_rights = 0x481a, guest_fs_rights = 0x481c,
    guest_gs_rights = 0x481e, guest_ldtr_rights = 0x4820, guest_tr_rights = 0x4822, interruptibility = 0x4824, activity = 0x4826,
    guest_smbase = 0x4828, guest_sysenter_cs = 0x482a, preemption_timer = 0x482e,
    host_sysenter_cs = 0x4c00,
    cr0_mask = 0x6000, cr4_mask = 0x6002, cr0_shadow = 0x6004, cr4_shadow = 0x6006, cr3_target0 = 0x6008, cr3_target1 = 0x600a,
    cr3_target2 = 0x600c, cr3_target3 = 0x600e,
    qualification = 0x6400, io_rcx = 0x6402, io_rsi = 0x6404, io_rdi = 0x6406, io_rip = 0x6408, guest_linear_address = 0x640a,
    guest_cr0 = 0x6800, guest_cr3 = 0x6802, guest_cr4 = 0x6804, guest_es_base = 0x6806, guest_cs_base = 0x6808, guest_ss_base = 0x680a,
    guest_ds_base = 0x680c, guest_fs_base = 0x680e, guest_gs_base = 0x6810, guest_ldtr_base = 0x6812, guest_tr_base = 0x6814,
    guest_gdtr_base = 0x6816, guest_idtr_base = 0x6818, guest_dr7 = 0x681a, guest_rsp = 0x681c, guest_rip = 0x681e, guest_rflags = 0x6820,
    pending_debug = 0x6822, guest_sysenter_esp = 0x6824, guest_sysenter_eip = 0x6826,
    host_cr0 = 0x6c00, host_cr3 = 0x6c02, host_cr4 = 0x6c04, host_fs_base = 0x6c06, host_gs_base = 0x6c08, host_tr_base = 0x6c0a,
    host_gdtr_base = 0x6c0c, host_idtr_base = 0x6c0e, host_sysenter_esp = 0x6c10, host_sysenter_eip = 0x6c12, host_rsp = 0x6c14, host_rip = 0x6c16,
};

// Basic exit reasons (appendix C).
enum : u32 {
    on_exception, on_interrupt, on_triple_fault, on_init, on_sipi, on_interrupt_window = 7, on_nmi_window, on_task_switch, on_cpuid, on_getsec,
    on_hlt, on_invd, on_invlpg, on_rdpmc, on_rdtsc, on_rsm, on_vmcall, on_vmclear, on_vmlaunch, on_vmptrld, on_vmptrst, on_vmread, on_vmresume,
    on_vmwrite, on_vmxoff, on_vmxon, on_cr, on_dr, on_io, on_rdmsr, on_wrmsr, entry_failed_guest, entry_failed_msr, on_mwait = 36, on_mtf,
    on_monitor = 39, on_pause, entry_failed_machine_check, on_tpr = 43, on_apic_access, on_eoi, on_gdtr_idtr, on_ldtr_tr, on_ept_violation,
    on_ept_misconfiguration, on_invept, on_rdtscp, on_preemption_timer, on_invvpid, on_wbinvd, on_xsetbv, on_apic_write, on_rdrand, on_invpcid,
    on_vmfunc, on_rdseed = 61, on_pml_full, on_xsaves, on_xrstors, on_sub_page = 66, on_umwait, on_tpause,
};

// Controls by name: those that guests of ours ask for.
enum : u32 {
    pin_interrupts = 1 << 0, pin_nmi = 1 << 3, pin_virtual_nmi = 1 << 5, pin_preemption_timer = 1 << 6, pin_posted = 1 << 7,
    cpu_interrupt_window = 1 << 2, cpu_tsc_offset = 1 << 3, cpu_hlt = 1 << 7, cpu_invlpg = 1 << 9, cpu_mwait = 1 << 10, cpu_rdpmc = 1 << 11,
    cpu_rdtsc = 1 << 12, cpu_cr3_load = 1 << 15, cpu_cr3_store = 1 << 16, cpu_cr8_load = 1 << 19, cpu_cr8_store = 1 << 20, cpu_tpr_shadow = 1 << 21,
    cpu_nmi_window = 1 << 22, cpu_dr = 1 << 23, cpu_io = 1 << 24, cpu_io_bitmaps = 1 << 25, cpu_mtf = 1 << 27, cpu_msr_bitmaps = 1 << 28,
    cpu_monitor = 1 << 29, cpu_pause = 1 << 30, cpu_secondary = 1u << 31,
    cpu2_apic_accesses = 1 << 0, cpu2_ept = 1 << 1, cpu2_descriptor_tables = 1 << 2, cpu2_rdtscp = 1 << 3, cpu2_x2apic = 1 << 4, cpu2_vpid = 1 << 5,
    cpu2_wbinvd = 1 << 6, cpu2_unrestricted = 1 << 7, cpu2_apic_registers = 1 << 8, cpu2_delivery = 1 << 9, cpu2_pause_loop = 1 << 10, cpu2_rdrand = 1 << 11, cpu2_invpcid = 1 << 12,
    cpu2_vm_functions = 1 << 13, cpu2_vmcs_shadowing = 1 << 14, cpu2_rdseed = 1 << 16, cpu2_pml = 1 << 17, cpu2_ve = 1 << 18, cpu2_xsaves = 1 << 20,
    cpu2_mode_based_execute = 1 << 22, cpu2_sub_page = 1 << 23, cpu2_tsc_scaling = 1 << 25, cpu2_user_wait = 1 << 26,
    exit_save_debug = 1 << 2, exit_host_64 = 1 << 9, exit_load_perf_global = 1 << 12, exit_acknowledge = 1 << 15, exit_save_pat = 1 << 18, exit_load_pat = 1 << 19,
    exit_save_efer = 1 << 20, exit_load_efer = 1 << 21, exit_save_timer = 1 << 22,
    entry_load_debug = 1 << 2, entry_guest_64 = 1 << 9, entry_load_perf_global = 1 << 13, entry_load_pat = 1 << 14, entry_load_efer = 1 << 15,
};
enum : u32 { basic = 0x480, pin_msr = 0x481, cpu_msr, exit_msr, entry_msr, misc, cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1, vmcs_enum, cpu2_msr,
             ept_vpid, true_pin_msr, true_cpu_msr, true_exit_msr, true_entry_msr, vmfunc_msr };

// ---- instructions: 0 after VMsucceed, `invalid` after VMfailInvalid, else the error number of VMfailValid (chapter 31)
constexpr u32 invalid = 0xffff;
u64 read(Field);                          // 0 where it fails
u32 try_read(u64 encoding, u64& value);
u32 write(u64 encoding, u64 value);
u32 vmxon(const u64& address);
u32 vmxoff();
u32 vmclear(const u64& address);
u32 vmptrld(const u64& address);
u64 vmptrst();
u32 vmcall();
struct Descriptor { u64 low, high; };
u32 invept(u64 type, const Descriptor&);
u32 invvpid(u64 type, const Descriptor&);

// ---- root operation
bool available();                         // CPUID says VMX, and FEATURE_CONTROL lets it be turned on
u64 new_region();                         // a page with the revision identifier
u64 prepare();                            // FEATURE_CONTROL, CR0 and CR4 as VMXON wants them; a region for it
void start();                             // prepare() and VMXON
u32 control_msr(u32 msr);                 // the TRUE one where there is one
u32 adjusted(u32 wanted, u32 msr);        // with the bits that must be 1, without those that must be 0
bool allows(u32 control, u32 msr);        // may these bits be 1?
bool has_secondary(u32 control);
inline u64 ept_vpid_capabilities() { return has_secondary(cpu2_ept) || has_secondary(cpu2_vpid) ? rdmsr(ept_vpid) : 0; }

// ---- a virtual machine: the VMCS made current, with a valid host state, controls that ask for as few exits as may be,
// and a guest that shares our 64-bit mode, tables, descriptors and stack
struct Machine {
    u64 vmcs = 0;
    bool launched = false;
    Registers registers{};
};
struct Controls { u32 pin = 0, cpu = 0, cpu2 = 0, exit = exit_host_64, entry = entry_guest_64; };
void make(Machine&, void (*code)() = nullptr);
void set(const Controls&);                // each adjusted
void host_state();
void guest_state_64(u64 rip, u64 rsp);
void guest_state_32(u32 eip, u32 esp, bool paging);       // flat, ring 0; without paging it takes unrestricted guest
void guest_state_real(u16 cs, u16 ip, u16 sp);            // takes unrestricted guest
void guest_state_v86(u16 cs, u16 ip, u16 sp);
void segment(Field selector_field, u16 selector, u64 base, u32 limit, u32 rights);

constexpr u64 failed = 1ull << 32;        // | error number
u64 enter(Machine&);                      // the exit reason as it was recorded, or failed | error number
void skip();                              // the instruction that exited is done

// ---- EPT
enum : u64 { ept_read = 1, ept_write = 2, ept_execute = 4, ept_all = 7, ept_wb = 6 << 3, ept_large = 0x80, ept_accessed = 0x100, ept_dirty = 0x200 };
inline u64& ept_entry(u64 root, u64 address, int level) { return table_entry(root, address, level, 4, ept_all); }
u64 ept_identity(u64 size = 1ull << 32, int level = 2);   // a root; all of it readable, writable, executable, write-back
// Qualification bits 9 and 10 of a violation behind a user's writable page of the guest's, where the CPU tells them.
inline u64 of_user_page() { return ept_vpid_capabilities() >> 22 & 1 ? 0x600 : 0; }
inline u64 ept_pointer(u64 root, bool accessed_dirty = false) { return root | 3 << 3 | 6 | (accessed_dirty ? 0x40 : 0); }

}
