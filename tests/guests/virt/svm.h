// SPDX-License-Identifier: MIT
// SVM for freestanding guests: the instructions, the VMCB's layout (APM vol. 2, appendix B), states of a guest, nested tables.
#pragma once
#include "memory.h"

namespace svm {

struct Segment { u16 selector, rights; u32 limit; u64 base; };     // rights: type to P in bits 0-7, AVL to G in bits 8-11
struct Vmcb {
    u16 cr_read, cr_write, dr_read, dr_write;                                      // 000h: intercepts
    u32 exceptions, intercepts, intercepts_2, intercepts_3;
    u8 reserved_18[0x3c - 0x18];
    u16 pause_threshold, pause_count;
    u64 iopm, msrpm, tsc_offset;
    u32 asid;
    u8 tlb_control, reserved_5d[3];
    u64 interrupt_control, interrupt_shadow;                                       // 060h
    u64 exit_code, exit_info_1, exit_info_2, vectoring_event;                      // 070h
    u64 nested_paging, avic_bar, ghcb, event, nested_cr3, lbr_virtualization;      // 090h
    u32 clean, reserved_c4;
    u64 next_rip;
    u8 fetched, bytes[15];                                                         // 0D0h
    u64 avic_backing_page, reserved_e8, avic_logical_table, avic_physical_table;   // 0E0h
    u8 reserved_100[0x400 - 0x100];
    Segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;                          // 400h
    u8 reserved_4a0[0x4cb - 0x4a0];
    u8 cpl;
    u32 reserved_4cc;
    u64 efer;
    u8 reserved_4d8[0x548 - 0x4d8];
    u64 cr4, cr3, cr0, dr7, dr6, rflags, rip;
    u8 reserved_580[0x5d8 - 0x580];
    u64 rsp, s_cet, ssp, isst, rax, star, lstar, cstar, sfmask, kernel_gs_base, sysenter_cs, sysenter_esp, sysenter_eip, cr2;
    u8 reserved_648[0x668 - 0x648];
    u64 pat, debugctl, last_branch_from, last_branch_to, last_exception_from, last_exception_to;
    u8 reserved_698[0x1000 - 0x698];
};
static_assert(sizeof(Vmcb) == 0x1000);
static_assert(__builtin_offsetof(Vmcb, iopm) == 0x40 && __builtin_offsetof(Vmcb, exit_code) == 0x70 && __builtin_offsetof(Vmcb, event) == 0xa8);
static_assert(__builtin_offsetof(Vmcb, next_rip) == 0xc8 && __builtin_offsetof(Vmcb, tr) == 0x490 && __builtin_offsetof(Vmcb, efer) == 0x4d0);
static_assert(__builtin_offsetof(Vmcb, rip) == 0x578 && __builtin_offsetof(Vmcb, rax) == 0x5f8 && __builtin_offsetof(Vmcb, cr2) == 0x640);

// Intercepts of 00Ch and 010h by their bits; the exit code is 60h and 80h plus the bit.
enum : u32 {
    intr = 1 << 0, nmi = 1 << 1, smi = 1 << 2, init = 1 << 3, vintr = 1 << 4, cr0_selective = 1 << 5, idtr_read = 1 << 6, gdtr_read = 1 << 7,
    ldtr_read = 1 << 8, tr_read = 1 << 9, idtr_write = 1 << 10, gdtr_write = 1 << 11, ldtr_write = 1 << 12, tr_write = 1 << 13, rdtsc_ = 1 << 14,
    rdpmc = 1 << 15, pushf = 1 << 16, popf = 1 << 17, cpuid_ = 1 << 18, rsm = 1 << 19, iret = 1 << 20, int_n = 1 << 21, invd = 1 << 22,
    pause = 1 << 23, hlt = 1 << 24, invlpg_ = 1 << 25, invlpga_ = 1 << 26, ioio = 1 << 27, msr_prot = 1 << 28, task_switch = 1 << 29,
    ferr_freeze = 1 << 30, shutdown = 1u << 31,
    vmrun_2 = 1 << 0, vmmcall_2 = 1 << 1, vmload_2 = 1 << 2, vmsave_2 = 1 << 3, stgi_2 = 1 << 4, clgi_2 = 1 << 5, skinit_2 = 1 << 6,
    rdtscp_2 = 1 << 7, icebp_2 = 1 << 8, wbinvd_2 = 1 << 9, monitor_2 = 1 << 10, mwait_2 = 1 << 11, mwait_armed_2 = 1 << 12, xsetbv_2 = 1 << 13,
};
// Exit codes (appendix C).
enum Code : u64 {
    on_cr_read = 0x00, on_cr_write = 0x10, on_dr_read = 0x20, on_dr_write = 0x30, on_exception = 0x40, on_intr = 0x60, on_nmi, on_smi, on_init,
    on_vintr, on_cr0_selective, on_idtr_read, on_gdtr_read, on_ldtr_read, on_tr_read, on_idtr_write, on_gdtr_write, on_ldtr_write, on_tr_write,
    on_rdtsc, on_rdpmc, on_pushf, on_popf, on_cpuid, on_rsm, on_iret, on_int_n, on_invd, on_pause, on_hlt, on_invlpg, on_invlpga, on_ioio, on_msr,
    on_task_switch, on_ferr_freeze, on_shutdown, on_vmrun, on_vmmcall, on_vmload, on_vmsave, on_stgi, on_clgi, on_skinit, on_rdtscp, on_icebp,
    on_wbinvd, on_monitor, on_mwait, on_mwait_armed, on_xsetbv, on_npf = 0x400, on_incomplete_ipi, on_noaccel, on_invalid = ~0ull,
};
enum : u64 { v_irq = 1 << 8, v_nmi = 1 << 11, v_nmi_mask = 1 << 12, v_ign_tpr = 1 << 20, v_intr_masking = 1 << 24, v_nmi_enable = 1 << 26,
             avic_enable = 1u << 31 };      // of interrupt_control; V_INTR_VECTOR in bits 39:32
enum : u64 { event_interrupt = 0, event_nmi = 2 << 8, event_exception = 3 << 8, event_software = 4 << 8, event_error_code = 1 << 11,
             event_valid = 1u << 31 };                                             // | vector; the error code in bits 63:32
enum : u32 { feature_nested_paging = 1 << 0, feature_lbr = 1 << 1, feature_lock = 1 << 2, feature_next_rip = 1 << 3, feature_tsc_rate = 1 << 4,
             feature_clean = 1 << 5, feature_flush_asid = 1 << 6, feature_decode = 1 << 7, feature_pause_filter = 1 << 10,
             feature_pause_threshold = 1 << 12, feature_avic = 1 << 13, feature_vgif = 1 << 16, feature_gmet = 1 << 17, feature_vnmi = 1 << 25 };

bool available();                         // CPUID says SVM, and VM_CR lets it be turned on
inline u32 features() { return cpuid(0x8000000a).edx; }
inline u32 asids() { return cpuid(0x8000000a).ebx; }
void start();                             // EFER.SVME, a host save area
inline void vmload(u64 vmcb) { asm volatile("vmload %%rax" :: "a"(vmcb) : "memory"); }
inline void vmsave(u64 vmcb) { asm volatile("vmsave %%rax" :: "a"(vmcb) : "memory"); }
inline void invlpga(u64 address, u32 asid) { asm volatile("invlpga %%rax, %%ecx" :: "a"(address), "c"(asid) : "memory"); }

// ---- a virtual machine: nothing intercepted but what its owner adds (VMRUN must be), a guest that shares our 64-bit mode,
// tables, descriptors and stack
struct Machine {
    Vmcb* vmcb = nullptr;
    Registers registers{};                // RAX and RSP are the VMCB's
};
void make(Machine&, void (*code)() = nullptr, u32 asid = 1);
void guest_state_64(Vmcb&, u64 rip, u64 rsp);
void guest_state_32(Vmcb&, u32 eip, u32 esp);             // flat, ring 0, no paging
void guest_state_real(Vmcb&, u16 cs, u16 ip, u16 sp);
u64 enter(Machine&);                      // the exit code

// ---- nested tables have the host's format; the guest's accesses are a user's (15.25.5)
enum : u64 { present = 1, writable = 2, user = 4, npt_all = 7, large = 0x80, no_execute = 1ull << 63 };
inline u64& npt_entry(u64 root, u64 address, int level) { return table_entry(root, address, level, 4, npt_all); }
u64 npt_identity(u64 size = 1ull << 32, int level = 2);   // a root
inline void use_nested(Vmcb& b, u64 root) { b.nested_paging = 1, b.nested_cr3 = root, b.pat = rdmsr(0x277); }

// ---- permission maps: two bits to an MSR, one to a port
u64 new_msr_map(bool intercepted = false);
u64 new_port_map(bool intercepted = false);
void intercept_msr(u64 map, u32 msr, bool reads, bool writes);
void intercept_port(u64 map, u16 port, bool on = true);

}
