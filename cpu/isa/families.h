// SPDX-License-Identifier: MIT
// Each family's rows, collected by table.cpp.
#pragma once
#include "cpu/isa/row.h"

namespace isa {
std::span<const Row> integer();       // ADD ... CMP, TEST, INC, DEC, NEG, NOT, MUL, DIV, XADD, CMPXCHG, ADCX, ADOX
std::span<const Row> move();          // MOV, XCHG, MOVZX, MOVSX, CMOV, SETcc, LEA, BSWAP, MOVBE, XLAT, CBW, CWD
std::span<const Row> shift();         // ROL ... SAR, SHLD, SHRD
std::span<const Row> bitwise();       // BT, BTS, BTR, BTC, BSF, BSR, LZCNT, TZCNT, POPCNT
std::span<const Row> bmi();           // BMI1, BMI2
std::span<const Row> bcd();           // DAA ... AAD
std::span<const Row> branch();        // JMP, Jcc, CALL, RET near, LOOP, JCXZ
std::span<const Row> stack();         // PUSH, POP, PUSHA, POPA, ENTER, LEAVE, PUSHF, POPF
std::span<const Row> string();        // MOVS, CMPS, STOS, LODS, SCAS
std::span<const Row> flags();         // CLC ... SAHF, LAHF, CLI, STI
std::span<const Row> misc();          // NOP, PAUSE, UD, prefetches, fences, CLFLUSH, BOUND, RDRAND, RDSEED
std::span<const Row> segment();       // MOV Sreg, LxS, LAR, LSL, VERR, VERW, ARPL, far JMP, CALL, RET, PUSH/POP Sreg
std::span<const Row> interrupt();     // INT, INTO, IRET, ICEBP
std::span<const Row> system();        // MOV CR/DR, LGDT ..., HLT, INVLPG, RDMSR, CPUID, RDTSC, SYSCALL, SYSENTER, SWAPGS
std::span<const Row> io();            // IN, OUT, INS, OUTS
std::span<const Row> x87();           // all of x87
std::span<const Row> mmx();           // MMX, with the MMX forms of SSE and SSE2
std::span<const Row> sse();           // SSE, LDMXCSR, STMXCSR
std::span<const Row> sse2();
std::span<const Row> sse3();
std::span<const Row> ssse3();         // on MMX and XMM registers
std::span<const Row> sse41();
std::span<const Row> sse42();         // with CRC32
std::span<const Row> sse4a();
std::span<const Row> amd3dnow();      // 3DNow! and its extensions
std::span<const Row> crypto();        // AES-NI, PCLMULQDQ, SHA, GFNI
std::span<const Row> avx();           // AVX: moves and floating point
std::span<const Row> avx_integer();   // AVX and AVX2: SSE2's integers
std::span<const Row> avx_sse4();      // VEX forms of SSE3 to SSE4.2, AES, PCLMULQDQ, GFNI
std::span<const Row> avx2();          // what AVX2 has new
std::span<const Row> fma();           // FMA, F16C
std::span<const Row> vmx();
std::span<const Row> svm();           // VMRUN, VMMCALL, VMLOAD, VMSAVE, STGI, CLGI, INVLPGA
std::span<const Row> wait();          // UMONITOR, UMWAIT, TPAUSE, MONITORX, MWAITX
std::span<const Row> xsave();         // FXSAVE, FXRSTOR, XSAVE, XRSTOR, XGETBV, XSETBV
}
