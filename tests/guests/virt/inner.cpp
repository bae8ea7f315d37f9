// SPDX-License-Identifier: MIT
// A guest of VMX or SVM for tests of translations.
#include "inner.h"

void start_virtualization() {
    if (is_amd()) svm::start();
    else vmx::start();
}
u64 second_stage_identity(u64 size) {
    u64 root = new_page();
    identity(root, size, 1, 4, 7, is_amd() ? 7 : 0x37);
    return root;
}
u64& second_stage_entry(u64 root, u64 address) { return table_entry(root, address, 1, 4, 7); }

static void make_intel(Inner& i, u16 tag, u64 root) {
    vmx::make(i.intel, inner_nothing);
    vmx::Controls c;
    c.cpu2 = (tag ? u32(vmx::cpu2_vpid) : 0) | (root ? u32(vmx::cpu2_ept) : 0);
    if (vmx::has_secondary(vmx::cpu2_invpcid)) c.cpu2 |= c.cpu2 ? u32(vmx::cpu2_invpcid) : 0;
    vmx::set(c);
    vmx::write(vmx::exception_bitmap, 1 << PF);
    if (tag) vmx::write(vmx::vpid, tag);
    if (root) vmx::write(vmx::eptp, vmx::ept_pointer(root));
}
static void make_amd(Inner& i, u16 tag, u64 root) {
    svm::make(i.amd, inner_nothing, tag);
    svm::Vmcb& b = *i.amd.vmcb;
    b.intercepts = svm::cpuid_ | svm::shutdown, b.exceptions = 1 << PF;
    if (root) svm::use_nested(b, root);
}
void Inner::make(u16 tag, u64 root) {
    if (is_amd()) make_amd(*this, tag, root);
    else make_intel(*this, tag, root);
}
void Inner::select() {
    if (!is_amd() && vmx::vmptrst() != intel.vmcs) vmx::vmptrld(intel.vmcs);
}
#define SETTER(name, field, member)                                          \
    void Inner::name(u64 v) {                                                \
        select();                                                            \
        if (is_amd()) amd.vmcb->member = v;                                  \
        else vmx::write(vmx::field, v);                                      \
    }
SETTER(set_cr3, guest_cr3, cr3) SETTER(set_cr4, guest_cr4, cr4) SETTER(set_cr0, guest_cr0, cr0) SETTER(set_flags, guest_rflags, rflags)
#undef SETTER
void Inner::set_root(u64 root) {
    select();
    if (is_amd()) amd.vmcb->nested_cr3 = root;
    else vmx::write(vmx::eptp, vmx::ept_pointer(root));
}

u64 Inner::run(void (*code)(), u64 operand, u64 second) {
    select();
    reg(rdi) = operand, reg(rsi) = second;
    if (is_amd()) {
        amd.vmcb->rip = word(code);
        raw = svm::enter(amd);
        return raw == svm::on_cpuid ? exits_by_cpuid : raw == u64(svm::on_exception) + u64(PF) ? page_faults_to_us : other_exit;
    }
    vmx::write(vmx::guest_rip, word(code));
    raw = vmx::enter(intel);
    return raw == vmx::on_cpuid ? exits_by_cpuid : raw == vmx::on_exception ? page_faults_to_us : other_exit;
}

TaskWorld make_task_world() {
    TaskWorld w{new_page(), new_page(), new_page(), new_page()};
    for (u32 i = 0; i < 1024; i++) poke<u32>(w.cr3 + i * 4, i << 22 | 0x87);
    poke<u64>(w.idt + 0x42 * 8, u64(0x85) << 40 | spare << 16);
    at(spare) = descriptor(u32(w.other), 0x67, 0x89);
    poke<u16>(w.current, spare);          // the back link
    return w;
}
