// SPDX-License-Identifier: MIT
// An opcode row: what the decoder, the gate, the intercepts, the debugger and the tests know about an instruction.
#pragma once
#include "cpu/cpuid/features.h"
#include "cpu/isa/encoding.h"
#include "cpu/outcome.h"
#include <span>

struct Cpu;
struct Insn;
class Slow;

namespace isa {

// What a hypervisor may ask to be told about; each vendor's intercept table says when (SDM vol. 3, 26.1; APM vol. 2, 15.9).
enum class Event : u8 {
    none, hlt, rdtsc, rdtscp, cpuid, invd, wbinvd, invlpg, invpcid, rdpmc, pause, rsm, io, rdmsr, wrmsr, mov_cr, mov_dr, clts, lmsw, smsw,
    descriptor_table, pushf, popf, iret, int_n, into, icebp, task_switch, xsetbv, xsaves, xrstors, rdrand, rdseed, mwait, monitor, umonitor, umwait, tpause, vmx, svm, getsec
};

// Which state an instruction needs before it may run (SDM vol. 1, 8.1.7, 11.6 and 14.3; vol. 3, 2.5): #UD, then #NM.
enum class Unit : u8 {
    none,
    x87,                          // CR0.EM or TS: #NM; a pending unmasked exception: #MF
    x87_no_wait,                  // as x87, without the look at pending exceptions (FNINIT, FNSTSW, ...)
    fwait,                        // CR0.MP and TS: #NM; then pending exceptions
    mmx,                          // CR0.EM: #UD; TS: #NM; pending x87 exceptions: #MF
    sse,                          // CR0.EM or not CR4.OSFXSR: #UD; TS: #NM
    sse_mmx,                      // sse, and pending x87 exceptions: #MF (CVTPI2PS, MOVQ2DQ, ...)
    avx,                          // not CR4.OSXSAVE, or XCR0 without SSE and AVX: #UD; TS: #NM
};

// What must be true before an instruction runs at all; absent means "no condition". Checked by cpu/gate.cpp in the manuals' order.
struct Gate {
    Feature needs = Feature::none;
    Feature needs256 = Feature::none;   // what VEX.L = 1 needs besides
    u8 cpl = 3;                   // least privileged ring that may run it: else #GP(0)
    bool lock = false;            // LOCK is allowed with a memory destination
    bool protected_mode = false;  // #UD in real and virtual-8086 mode
    bool only64 = false;          // #UD outside 64-bit mode ("o64" in the manual)
    bool not64 = false;           // #UD in 64-bit mode ("i64")
    bool default64 = false;       // operand size is 64 in 64-bit mode, 66 makes it 16 ("d64")
    bool force64 = false;         // operand size is 64 in 64-bit mode whatever 66 says ("f64"); AMD obeys 66 in near branches
    bool near_branch = false;     // ... and this row is one of those
    bool mod_ignored = false;     // ModRM.mod is taken as 3 (MOV to and from control and debug registers)
    bool umip = false;            // #GP(0) at CPL > 0 when CR4.UMIP is set
    bool asks_itself = false;     // the handler asks about VM exits, behind checks of its own
    bool no_rep = false;          // with F2 or F3 it is another instruction, or none (MOVBE, RDRAND)
    Unit unit = Unit::none;
};

using Handler = Outcome (*)(Cpu&, const Insn&);

// An instruction's semantics: the reference engine's handler for each operand width (8, 16, 32, 64 bits), and the identity
// by which cpu/exec/keys.def gives it handlers of the fast engine.
struct Semantics {
    std::array<Handler, 4> slow;
    const char* id;
};

struct Row {
    std::string_view name;        // Intel's mnemonic, lower case; "cbw/cwde/cdqe": by operand size
    Encoding encoding;
    Operands operands;
    Gate gate;
    Event event;
    Semantics run;
};

// Whether two rows claim the same bytes.
constexpr bool distinct(const Row& x, const Row& y) {
    const auto &a = x.encoding, &b = y.encoding;
    if (a.vex != b.vex || a.map != b.map) return true;
    if (a.l != b.l) return true;                           // a row with a length goes before one without
    u8 opcode_mask = a.plus_r || b.plus_r ? 0xf8 : 0xff;
    if ((a.opcode ^ b.opcode) & opcode_mask) return true;
    if (a.prefix != b.prefix) return true;                 // a row with a mandatory prefix goes before one without
    if (a.w != b.w) return true;                           // a row with a W goes before one without
    if (a.no_rex_b != b.no_rex_b || a.suffix != b.suffix) return true;
    u8 both = a.modrm_mask & b.modrm_mask;
    if ((a.modrm_value ^ b.modrm_value) & both) return true;
    if (a.modrm_mask != b.modrm_mask) return true;         // the more exact row goes before
    char m = x.operands.mod(), n = y.operands.mod();
    return m != n;                                         // 'M' and 'R' go before "either"
}
template <std::size_t N> constexpr bool no_overlap(const Row (&rows)[N]) {
    for (std::size_t i = 0; i < N; i++)
        for (std::size_t j = 0; j < i; j++)
            if (!distinct(rows[i], rows[j]) && rows[i].gate.only64 == rows[j].gate.only64 && rows[i].gate.not64 == rows[j].gate.not64) return false;
    return true;
}

// Every family's rows, in cpu/isa/table.cpp's order.
std::span<const std::span<const Row>> families();

}
