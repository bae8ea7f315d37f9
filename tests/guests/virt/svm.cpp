// SPDX-License-Identifier: MIT
// SVM for freestanding guests: turned on, a VMCB filled, entered.
#include "svm.h"
#include "frame.h"

extern "C" void svm_enter(u64* registers, u64 vmcb, u64 host_vmcb);

namespace svm {

static u64 host_vmcb;                     // where VMSAVE keeps what #VMEXIT does not bring back

bool available() {
    if (cpuid(0x80000000).eax < 0x8000000a || !(cpuid(0x80000001).ecx >> 2 & 1)) return false;
    return !(rdmsr(0xc0010114) >> 4 & 1);                 // VM_CR.SVMDIS
}
void start() {
    wrmsr(0xc0000080, rdmsr(0xc0000080) | 1 << 12);       // EFER.SVME
    wrmsr(0xc0010117, new_page());                        // VM_HSAVE_PA
    host_vmcb = new_page();
}

static void flat(Vmcb& b, u16 code, u16 code_rights) {
    b.cs = {code, code_rights, ~0u, 0};
    b.es = b.ss = b.ds = b.fs = b.gs = {kdata, 0xc93, ~0u, 0};
    b.tr = {tss_selector, 0x8b, sizeof(Tss) - 1, word(&tss)};
    b.ldtr = {};
    b.gdtr = {0, 0, gdt_pointer.limit, gdt_pointer.base}, b.idtr = {0, 0, idt_pointer.limit, idt_pointer.base};
}
static void common_state(Vmcb& b, u64 rip, u64 rsp) {
    b.rip = rip, b.rsp = rsp, b.rflags = 2, b.dr6 = 0xffff0ff0, b.dr7 = 0x400, b.cpl = 0, b.rax = 0;
    b.interrupt_shadow = 0, b.event = 0;
}
static constexpr u64 svme = 1 << 12;
void guest_state_64(Vmcb& b, u64 rip, u64 rsp) {
    common_state(b, rip, rsp);
    flat(b, kcode, 0xa9b);
    b.cr0 = get_cr0(), b.cr3 = get_cr3(), b.cr4 = get_cr4(), b.efer = rdmsr(0xc0000080);
}
void guest_state_32(Vmcb& b, u32 eip, u32 esp) {
    common_state(b, eip, esp);
    flat(b, kcode32, 0xc9b);
    b.cr0 = 0x11, b.cr3 = 0, b.cr4 = 0, b.efer = svme;
}
void guest_state_real(Vmcb& b, u16 cs, u16 ip, u16 sp) {
    guest_state_32(b, ip, sp);
    b.cs = {cs, 0x9b, 0xffff, u64(cs) << 4};
    b.es = b.ss = b.ds = b.fs = b.gs = {0, 0x93, 0xffff, 0};
    b.idtr = {0, 0, 0x3ff, 0};
    b.cr0 = 0x10;
}

void make(Machine& m, void (*code)(), u32 asid) {
    m = {};
    m.vmcb = reinterpret_cast<Vmcb*>(word(new_page()));
    m.vmcb->asid = asid, m.vmcb->intercepts_2 = vmrun_2;
    guest_state_64(*m.vmcb, word(code), new_page() + 4088);
}
u64 enter(Machine& m) {
    svm_enter(m.registers.r, word(m.vmcb), host_vmcb);
    return m.vmcb->exit_code;
}

u64 npt_identity(u64 size, int level) {
    u64 root = new_page();
    identity(root, size, level, 4, npt_all, npt_all);
    return root;
}

static u64 map_of(unsigned pages, bool intercepted) {
    u64 map = new_page(pages);
    if (intercepted) memset(reinterpret_cast<void*>(word(map)), 0xff, pages * 4096ull);
    return map;
}
u64 new_msr_map(bool intercepted) { return map_of(2, intercepted); }
u64 new_port_map(bool intercepted) { return map_of(3, intercepted); }
void intercept_msr(u64 map, u32 msr, bool reads, bool writes) {
    u32 byte = (msr >> 30 == 3 ? (msr >> 16 == 0xc001 ? 0x1000 : 0x800) : 0) + (msr & 0x1fff) / 4, shift = msr % 4 * 2;
    u8 bits = u8((reads | writes << 1) << shift);
    poke<u8>(map + byte, u8((peek<u8>(map + byte) & ~(3 << shift)) | bits));
}
void intercept_port(u64 map, u16 port, bool on) {
    u8 bit = u8(1 << port % 8), old = peek<u8>(map + port / 8);
    poke<u8>(map + port / 8, on ? old | bit : old & ~bit);
}

}
