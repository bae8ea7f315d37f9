// SPDX-License-Identifier: MIT
// How an instruction ends, and the fault or trap that it may leave pending.
#pragma once
#include "base/archive.h"

enum class Outcome : u8 {
    next,                     // go on behind this instruction
    taken,                    // RIP has been written: a branch
    again,                    // a repeated string instruction goes on with its next iterations: RIP stays
    changed,                  // go on behind; but the mode, a translation or the pending events may have changed
    fault,                    // nothing has been committed; Cpu::fault says what is to be delivered
    miss,                     // (Fast) run this instruction in Slow
};

// Vectors of the architecture's own exceptions (SDM vol. 3, table 6-1).
enum : u8 {
    de_vector = 0, db_vector = 1, nmi_vector = 2, bp_vector = 3, of_vector = 4, br_vector = 5, ud_vector = 6, nm_vector = 7,
    df_vector = 8, ts_vector = 10, np_vector = 11, ss_vector = 12, gp_vector = 13, pf_vector = 14, mf_vector = 16,
    ac_vector = 17, mc_vector = 18, xm_vector = 19, ve_vector = 20
};

struct Fault {
    u8 vector = 0;
    bool has_code = false;
    u32 code = 0;
    u64 address = 0;          // of #PF: what goes to CR2; of #DB: the DR6 bits to set
    u8 length = 0;            // of INT3, INTO, INT1 that ask for it
    bool exit = false;        // no exception at all: a VM exit that Cpu::guest has noted (cpu/virt/layer.h)
};

constexpr Fault de() { return {de_vector}; }
constexpr Fault ud() { return {ud_vector}; }
constexpr Fault nm() { return {nm_vector}; }
constexpr Fault br() { return {br_vector}; }
constexpr Fault mf() { return {mf_vector}; }
constexpr Fault xm() { return {xm_vector}; }
constexpr Fault ve() { return {ve_vector}; }
constexpr Fault ts(u32 code) { return {ts_vector, true, code}; }
constexpr Fault np(u32 code) { return {np_vector, true, code}; }
constexpr Fault ss(u32 code) { return {ss_vector, true, code}; }
constexpr Fault gp(u32 code) { return {gp_vector, true, code}; }
constexpr Fault ac() { return {ac_vector, true, 0}; }
constexpr Fault pf(u32 code, u64 address) { return {pf_vector, true, code, address}; }
