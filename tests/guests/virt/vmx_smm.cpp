// SPDX-License-Identifier: MIT
// Guest, 64-bit: SMIs in VMX operation under the default treatment (SDM vol. 3, "Default Treatment of SMI Delivery" and "of RSM"): in
// root operation and in a guest, with and without EPT.
#include "frame.h"
#include "inner.h"
#include "smm.h"

using namespace vmx;

CODE(do_smi, "mov $0x77, %eax; out %al, $0xb2; mov $0x1234, %ebx", "cpuid");
CODE(do_rsm, "", "rsm");

static Machine m;
static u64 run(void (*code)(), u64 root = 0) {
    make(m, code);
    Controls c;
    if (root) c.cpu = cpu_secondary, c.cpu2 = cpu2_ept;
    set(c);
    if (root) write(eptp, ept_pointer(root));
    write(exception_bitmap, 1 << UD);
    notes.count = 0;
    return enter(m);
}

extern "C" void guest() {
    if (!available()) return holds("VMX", false);
    memset(reinterpret_cast<void*>(0x500), 0, sizeof(Notes));
    install_handler(reset_smbase);
    smi_on();
    vmx::start();
    make(m, do_smi);
    u64 current = vmptrst();
    notes.count = 0;
    raise_smi();
    is("31.14.1: an SMI in root operation", notes.count, 1), is("  CR4 is 0 in SMM", notes.cr4, 0);
    is("  CR4.VMXE is back behind RSM", get_cr4() >> 13 & 1, 1), is("  the current VMCS too", vmptrst(), current);
    is("  VMREAD works", write(guest_rip, 0x123456), 0), is("  on it", read(guest_rip), 0x123456);
    faults("RSM outside SMM: #UD", trap([] { asm volatile("rsm"); }), UD);

    is("in a guest: no exit, the guest goes on", run(do_smi), on_cpuid), is("  the SMI has been handled", notes.count, 1);
    is("  RBX", m.registers.r[rbx], 0x1234), is("  CS", notes.cs & 0xffff, reset_smbase >> 4), is("  CR3 was the guest's", saved(at_cr3, 8), read(guest_cr3));
    if (has_secondary(cpu2_ept)) {
        u64 root = ept_identity(64 << 20, 1);
        ept_entry(root, reset_smbase + smi_entry, 1) = 0, ept_entry(root, 0, 1) = 0;      // the guest has no such memory: SMM does
        is("with EPT: SMM is outside the second stage", run(do_smi, root), on_cpuid), is("  handled", notes.count, 1);
        is("  RBX", m.registers.r[rbx], 0x1234);
    }
    is("RSM in a guest: #UD", run(do_rsm), on_exception), is("  its vector", read(exit_event) & 0xff, UD);
    is("VMXOFF", vmxoff(), 0);
}
