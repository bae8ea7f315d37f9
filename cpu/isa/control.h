// SPDX-License-Identifier: MIT
// Writing control registers: the rules of MOV CRn and LMSW, without the instructions around them.
#pragma once
#include "cpu/cpu.h"

namespace control {

// False: a fault is pending and nothing has changed.
bool write_cr0(Cpu& cpu, u64 value);
bool write_cr3(Cpu& cpu, u64 value);
bool write_cr4(Cpu& cpu, u64 value);
bool write_cr8(Cpu& cpu, u64 value);
bool write_dr(Cpu& cpu, unsigned n, u64 value);

// Whether MOV to CR0, CR3, CR4 or CR8 (n) may bring this value, as far as no memory has to be read.
bool allowed(const Cpu& cpu, unsigned n, u64 value);

// The CR4 bits that this CPU has.
u64 cr4_bits(const Cpu& cpu);
// Those of EFER by the features, and without SVME while VM_CR.SVMDIS is set (APM vol. 2, 15.30.1).
u64 efer_bits(const FeatureSet& features);
inline u64 without_disabled(const Cpu& cpu, u64 efer) { return cpu.msr.vm_cr & bit(4) ? efer & ~efer::svme : efer; }
// Those of IA32_DEBUGCTL: LBR, BTF; with counters what freezes them (SDM vol. 3, table "IA32_DEBUGCTL Flag Encodings").
inline u64 debugctl_bits(const FeatureSet& f) { return mask(1, 0) | (f.has(Feature::perfmon) ? mask(12, 11) : 0) | (f.has(Feature::pdcm) ? bit(14) : 0); }
inline u64 efer_bits(const Cpu& cpu) { return without_disabled(cpu, efer_bits(cpu.features)); }

}
