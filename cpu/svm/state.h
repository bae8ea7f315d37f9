// SPDX-License-Identifier: MIT
// What VMRUN and #VMEXIT move between the CPU and a VMCB, for guest and host alike. The VMCB is read from a Vmcb or the page where
// it lies, and written to VmcbHeld, VmcbPage or VmcbTwice.
#pragma once
#include "cpu/cpu.h"
#include "cpu/svm/vmcb.h"

namespace svm {

// ES, CS, SS, DS, GDTR and IDTR (VMRUN); FS, GS, LDTR and TR with the MSRs of system calls (VMLOAD, VMSAVE).
template <class From> void load_segments(Cpu&, const From&);
template <class To> void save_segments(const Cpu&, To);
template <class From> void load_more(Cpu&, const From&);
template <class To> void save_more(const Cpu&, To);
// DEBUGCTL and the record of last branches.
constexpr Field last_branch_fields[] = {Field::debugctl, Field::branch_from, Field::branch_to, Field::exception_from, Field::exception_to};
void load_last_branches(Cpu&, const Vmcb&);
void save_last_branches(const Cpu&, VmcbHeld);
// CR0, CR3, CR4, EFER as they may be: bits that don't exist are dropped, LMA follows. The translation is selected later.
template <class From> void load_control(Cpu&, const From&, u64 cr4_bits, u64 efer_bits);
template <class To> void save_control(const Cpu&, To);

}
