// SPDX-License-Identifier: MIT
// Guest, 64-bit: SMIs under SVM (APM vol. 2, 15.13.3 and 15.22): intercepted, not intercepted, GIF, HWCR.SMMLOCK; RSM of a guest.
#include "frame.h"
#include "inner.h"
#include "smm.h"

using namespace svm;

CODE(do_smi, "mov $0x77, %eax; out %al, $0xb2; mov $0x1234, %ebx", "cpuid");
CODE(do_rsm, "", "rsm");

static Machine m;
static u64 run(void (*code)(), u32 more, u64 root = 0) {
    make(m, code);
    m.vmcb->intercepts |= cpuid_ | more;
    m.vmcb->exceptions = 1 << UD;
    if (root) use_nested(*m.vmcb, root);
    notes.count = 0;
    return enter(m);
}

extern "C" void guest() {
    if (!available()) return holds("SVM", false);
    memset(reinterpret_cast<void*>(0x500), 0, sizeof(Notes));
    install_handler(reset_smbase);
    svm::start();
    smi_on();

    is("15.22: without the intercept the guest goes on behind it", run(do_smi, 0), on_cpuid), is("  the SMI has been handled", notes.count, 1);
    is("  RBX", m.registers.r[rbx], 0x1234), is("  in real mode, without EFER.SVME", notes.efer, 0), is("  CS", notes.cs & 0xffff, reset_smbase >> 4);
    is("  CR0 was the guest's", saved(at_cr0, 8), m.vmcb->cr0), is("  EFER.SVME too", saved(at_efer, 8) & 0x1000, 0x1000);
    if (features() & feature_nested_paging) {
        u64 root = npt_identity(64 << 20, 1);
        npt_entry(root, reset_smbase + smi_entry, 1) = 0, npt_entry(root, 0, 1) = 0;      // the guest has no such memory: SMM does
        is("the same with nested paging", run(do_smi, 0, root), on_cpuid), is("  handled", notes.count, 1);
        is("  the guest's translation is back", m.registers.r[rbx], 0x1234);
    }
    is("15.13.3: intercepted", run(do_smi, smi), on_smi), is("  RIP behind OUT", m.vmcb->rip, word(do_smi) + 7);
    is("  and then taken by the host, once GIF is 1", notes.count, 1);
    asm volatile("clgi");
    notes.count = 0;
    raise_smi();
    is("15.17: GIF 0 holds an SMI", notes.count, 0);
    asm volatile("stgi");
    is("  until STGI", notes.count, 1);
    is("RSM of a guest outside SMM: #UD before the intercept", run(do_rsm, rsm), u64(on_exception) + u64(UD));
    wrmsr(0xc0010015, rdmsr(0xc0010015) | 1);
    is("HWCR.SMMLOCK: the intercept has no effect", run(do_smi, smi), on_cpuid), is("  the SMI has been handled", notes.count, 1);
}
