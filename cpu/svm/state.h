// SPDX-License-Identifier: MIT
// What VMRUN and #VMEXIT move between the CPU and a VMCB, for guest and host alike.
#pragma once
#include "cpu/cpu.h"
#include "cpu/svm/vmcb.h"

namespace svm {

// ES, CS, SS, DS, GDTR and IDTR (VMRUN); FS, GS, LDTR and TR with the MSRs of system calls (VMLOAD, VMSAVE).
void load_segments(Cpu&, const Vmcb&);
void save_segments(const Cpu&, Vmcb&);
void load_more(Cpu&, const Vmcb&);
void save_more(const Cpu&, Vmcb&);
// CR0, CR3, CR4, EFER as they may be: bits that don't exist are dropped, LMA follows. The translation is selected later.
void load_control(Cpu&, const Vmcb&, u64 cr4_bits, u64 efer_bits);
void save_control(const Cpu&, Vmcb&);

}
