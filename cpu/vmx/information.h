// SPDX-License-Identifier: MIT
// What VM exits say of the instruction that caused them: qualification and VM-exit instruction information (SDM vol. 3, 28.2.1 and 28.2.5).
#pragma once
#include "cpu/cpu.h"

namespace vmx {

// The memory operand's displacement, of a RIP-relative one with the next instruction's address.
u64 displacement(const Cpu&, const Insn&);

// MOV DR's qualification (table 28-4).
u64 debug_register_access(const Cpu&, const Insn&);

// INVEPT, INVVPID, INVPCID and the VMX instructions (tables 28-10, 28-13 and 28-14): the memory operand, or register operand
// 0 or 1; in bits 31:28 the other register.
u64 memory_information(const Cpu&, const Insn&);
u64 table_information(const Cpu&, const Insn&);        // LGDT ... STR (tables 28-11 and 28-12)
u64 random_information(const Cpu&, const Insn&);       // RDRAND, RDSEED (table 28-13)
u64 wait_information(const Cpu&, const Insn&);         // TPAUSE, UMWAIT
u64 string_information(const Insn&);                   // INS, OUTS (table 28-9)
bool is_string(const Insn&);                           // INS, OUTS

}
