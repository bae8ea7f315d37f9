// SPDX-License-Identifier: MIT
// VMX for freestanding guests: instructions with their three ways to end, the states that a VM entry wants, and the entry itself.
#include "vmx.h"
#include "frame.h"

extern "C" u32 vmx_enter(u64* registers, bool resume);

namespace vmx {

// ---- instructions

static u32 verdict(bool carry, bool zero) {
    return carry ? invalid : zero ? u32(read(instruction_error)) : 0;
}
u32 try_read(u64 encoding, u64& value) {
    bool carry, zero;
    u64 got = value;
    asm volatile("vmread %3, %2" : "=@ccc"(carry), "=@ccz"(zero), "+r"(got) : "r"(encoding));
    value = got;
    return verdict(carry, zero);
}
u64 read(Field field) {
    u64 value = 0;
    asm volatile("vmread %1, %0" : "+r"(value) : "r"(u64(field)) : "cc");
    return value;
}
u32 write(u64 encoding, u64 value) {
    bool carry, zero;
    asm volatile("vmwrite %3, %2" : "=@ccc"(carry), "=@ccz"(zero) : "r"(encoding), "r"(value));
    return verdict(carry, zero);
}
#define WITH_ADDRESS(name)                                                                                              \
    u32 name(const u64& address) {                                                                                      \
        bool carry, zero;                                                                                               \
        asm volatile(#name " %2" : "=@ccc"(carry), "=@ccz"(zero) : "m"(address) : "memory");                            \
        return verdict(carry, zero);                                                                                    \
    }
WITH_ADDRESS(vmclear) WITH_ADDRESS(vmptrld)
#undef WITH_ADDRESS
// Outside VMX operation there is no VMCS from which an error could be read.
u32 vmxon(const u64& address) {
    bool carry, zero;
    asm volatile("vmxon %2" : "=@ccc"(carry), "=@ccz"(zero) : "m"(address) : "memory");
    return verdict(carry, zero);
}
u32 vmxoff() {
    bool carry, zero;
    asm volatile("vmxoff" : "=@ccc"(carry), "=@ccz"(zero) :: "memory");
    return carry || zero ? invalid : 0;
}
u64 vmptrst() {
    u64 address;
    asm volatile("vmptrst %0" : "=m"(address) :: "memory", "cc");
    return address;
}
u32 vmcall() {
    bool carry, zero;
    asm volatile("vmcall" : "=@ccc"(carry), "=@ccz"(zero) :: "memory");
    return verdict(carry, zero);
}
u32 invept(u64 type, const Descriptor& descriptor) {
    bool carry, zero;
    asm volatile("invept %2, %3" : "=@ccc"(carry), "=@ccz"(zero) : "m"(descriptor), "r"(type) : "memory");
    return verdict(carry, zero);
}
u32 invvpid(u64 type, const Descriptor& descriptor) {
    bool carry, zero;
    asm volatile("invvpid %2, %3" : "=@ccc"(carry), "=@ccz"(zero) : "m"(descriptor), "r"(type) : "memory");
    return verdict(carry, zero);
}

// ---- root operation (24.7)

static constexpr u32 feature_control = 0x3a;
bool available() {
    if (!(cpuid(1).ecx >> 5 & 1)) return false;
    u64 now = rdmsr(feature_control);
    return !(now & 1) || now & 4;
}
u64 new_region() {
    u64 region = new_page();
    poke<u32>(region, u32(rdmsr(basic)) & 0x7fffffff);
    return region;
}
u64 prepare() {
    if (!(rdmsr(feature_control) & 1)) wrmsr(feature_control, rdmsr(feature_control) | 5);
    set_cr0((get_cr0() | rdmsr(cr0_fixed0)) & rdmsr(cr0_fixed1));
    set_cr4((get_cr4() | rdmsr(cr4_fixed0)) & rdmsr(cr4_fixed1));
    return new_region();
}
void start() { vmxon(prepare()); }

// ---- controls (appendix A)

u32 control_msr(u32 msr) {
    bool exact = rdmsr(basic) >> 55 & 1;
    return exact && msr <= entry_msr ? msr + (true_pin_msr - pin_msr) : msr;
}
u32 adjusted(u32 wanted, u32 msr) {
    u64 allowed = rdmsr(control_msr(msr));
    return (wanted | u32(allowed)) & u32(allowed >> 32);
}
bool allows(u32 control, u32 msr) { return (rdmsr(control_msr(msr)) >> 32 & control) == control; }
bool has_secondary(u32 control) { return allows(cpu_secondary, cpu_msr) && allows(control, cpu2_msr); }

void set(const Controls& c) {
    write(pin_controls, adjusted(c.pin, pin_msr));
    write(cpu_controls, adjusted(c.cpu | (c.cpu2 ? u32(cpu_secondary) : 0), cpu_msr));
    if (allows(cpu_secondary, cpu_msr)) write(cpu_controls_2, c.cpu2 ? adjusted(c.cpu2, cpu2_msr) : 0);
    write(exit_controls, adjusted(c.exit, exit_msr));
    write(entry_controls, adjusted(c.entry, entry_msr));
}

// ---- states

static u16 selector_of(const char which) {
    u16 v = 0;
    switch (which) {
    case 'c': asm("mov %%cs, %0" : "=r"(v)); break;
    case 's': asm("mov %%ss, %0" : "=r"(v)); break;
    case 't': asm("str %0" : "=r"(v)); break;
    }
    return v;
}
void host_state() {
    write(host_cr0, get_cr0()), write(host_cr3, get_cr3()), write(host_cr4, get_cr4());
    write(host_cs, selector_of('c')), write(host_ss, selector_of('s')), write(host_tr, selector_of('t'));
    write(host_ds, kdata), write(host_es, kdata), write(host_fs, 0), write(host_gs, 0);
    write(host_fs_base, 0), write(host_gs_base, 0), write(host_tr_base, word(&tss));
    write(host_gdtr_base, gdt_pointer.base), write(host_idtr_base, idt_pointer.base);
    write(host_sysenter_cs, 0), write(host_sysenter_esp, 0), write(host_sysenter_eip, 0);
    if (allows(exit_load_efer, exit_msr)) write(host_efer, rdmsr(0xc0000080));
    if (allows(exit_load_pat, exit_msr)) write(host_pat, rdmsr(0x277));
}

// The fields of a segment lie at like distances from each other.
void segment(Field field, u16 selector, u64 base, u32 limit, u32 rights) {
    u32 n = field - guest_es;
    write(field, selector), write(guest_es_base + n, base), write(guest_es_limit + n, limit), write(guest_es_rights + n, rights);
}
static constexpr u32 unusable = 0x10000;
static constexpr Field data_segments[] = {guest_es, guest_ds, guest_fs, guest_gs, guest_ss};

static void common_state(u64 rip, u64 rsp) {
    segment(guest_ldtr, 0, 0, 0, unusable);
    write(guest_gdtr_base, gdt_pointer.base), write(guest_gdtr_limit, gdt_pointer.limit);
    write(guest_idtr_base, idt_pointer.base), write(guest_idtr_limit, idt_pointer.limit);
    write(guest_rip, rip), write(guest_rsp, rsp), write(guest_rflags, 2), write(guest_dr7, 0x400);
    write(guest_sysenter_cs, 0), write(guest_sysenter_esp, 0), write(guest_sysenter_eip, 0), write(guest_debugctl, 0);
    write(interruptibility, 0), write(activity, 0), write(pending_debug, 0), write(vmcs_link, ~0ull);
    if (allows(entry_load_pat, entry_msr)) write(guest_pat, rdmsr(0x277));
    write(cr0_mask, 0), write(cr4_mask, 0), write(cr0_shadow, 0), write(cr4_shadow, 0);
}
static void entry_mode(u64 efer, bool wide) {
    u32 controls = u32(read(entry_controls));
    write(entry_controls, wide ? controls | entry_guest_64 : controls & ~entry_guest_64);
    if (allows(entry_load_efer, entry_msr)) write(guest_efer, efer);
}
void guest_state_64(u64 rip, u64 rsp) {
    common_state(rip, rsp);
    segment(guest_cs, kcode, 0, ~0u, 0xa09b);
    for (Field f : data_segments) segment(f, kdata, 0, ~0u, 0xc093);
    segment(guest_tr, tss_selector, word(&tss), sizeof(Tss) - 1, 0x8b);
    write(guest_cr0, get_cr0()), write(guest_cr3, get_cr3()), write(guest_cr4, get_cr4());
    entry_mode(rdmsr(0xc0000080), true);
}
void guest_state_32(u32 eip, u32 esp, bool paging) {
    common_state(eip, esp);
    segment(guest_cs, kcode32, 0, ~0u, 0xc09b);
    for (Field f : data_segments) segment(f, kdata, 0, ~0u, 0xc093);
    segment(guest_tr, tss_selector, word(&tss), sizeof(Tss) - 1, 0x8b);
    write(guest_cr0, paging ? get_cr0() : get_cr0() & ~0x80000000ull);
    write(guest_cr3, 0), write(guest_cr4, rdmsr(cr4_fixed0));
    entry_mode(0, false);
}
static void segments_86(u16 cs, u32 rights) {
    segment(guest_cs, cs, cs << 4, 0xffff, rights);
    for (Field f : data_segments) segment(f, 0, 0, 0xffff, rights);
}
void guest_state_real(u16 cs, u16 ip, u16 sp) {
    common_state(ip, sp);
    segments_86(cs, 0x93);
    write(guest_cs_rights, 0x9b);
    segment(guest_tr, 0, 0, 0xffff, 0x8b);
    write(guest_idtr_base, 0), write(guest_idtr_limit, 0x3ff);
    write(guest_cr0, get_cr0() & ~0x80000001ull), write(guest_cr3, 0), write(guest_cr4, rdmsr(cr4_fixed0));
    entry_mode(0, false);
}
void guest_state_v86(u16 cs, u16 ip, u16 sp) {
    guest_state_32(ip, sp, true);
    segments_86(cs, 0xf3);
    write(guest_rflags, 0x20002);
}

void make(Machine& m, void (*code)()) {
    m = {};
    m.vmcs = new_region();
    vmclear(m.vmcs), vmptrld(m.vmcs);
    write(exception_bitmap, 0), write(page_fault_mask, 0), write(page_fault_match, 0), write(cr3_target_count, 0);
    write(exit_msr_store_count, 0), write(exit_msr_load_count, 0), write(entry_msr_load_count, 0), write(entry_event, 0);
    host_state();
    set({});
    guest_state_64(word(code), new_page() + 4088);
}

u64 enter(Machine& m) {
    switch (vmx_enter(m.registers.r, m.launched)) {
    case 0: break;
    case 1: return failed | invalid;
    default: return failed | read(instruction_error);
    }
    u64 reason = read(exit_reason);
    if (!(reason >> 31)) m.launched = true;
    return reason;
}

void skip() {
    write(guest_rip, read(guest_rip) + read(instruction_length));
    write(interruptibility, read(interruptibility) & ~3ull);
}

u64 ept_identity(u64 size, int level) {
    u64 root = new_page();
    identity(root, size, level, 4, ept_all, ept_all | ept_wb);
    return root;
}

}
