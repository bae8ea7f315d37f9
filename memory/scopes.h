// SPDX-License-Identifier: MIT
// What each operation makes the TLB forget: one row per operation, one column per vendor.
#pragma once
#include "memory/tlb.h"
#include <string_view>

namespace paging {

enum class Vendor : u8 { intel, amd };

enum class Operation : u8 {
    invlpg, invlpga, invpcid_address, invpcid_context, invpcid_all_and_globals, invpcid_all,
    mov_cr3, mov_cr3_keeping, clear_pg, change_pge, clear_pcide, change_pae, change_pse, set_smep,
    invvpid_address, invvpid_context, invvpid_all, invvpid_retaining_globals, invept_context, invept_all,
    vmrun_nothing, vmrun_all, vmrun_asid, vmrun_asid_retaining_globals,
    world_switch_untagged, world_switch, vmx_on_off, vmfunc_eptp,
    page_fault, second_stage_fault, wp_or_key_change, a20, mtrr, smm_enter, rsm, reset,
};

// What an operation names. The context is the current one, or that of the descriptor, register or VMCB.
struct Target {
    Context context;
    u64 address = 0;                         // linear
    u64 guest = 0;                           // guest-physical
};

// How far a row can reach: nowhere, to one page, or through every entry.
enum class Reach : u8 { nothing, page, any };

struct Scope {
    Operation operation;
    std::string_view name;
    Reach reach;
    bool (*intel)(const Tag&, const Target&);            // null: drops nothing, or is no operation of this vendor
    bool (*amd)(const Tag&, const Target&);
};

std::span<const Scope> scopes();
const Scope& scope(Operation);

// Drops what the row names and counts it; the number of entries dropped.
u64 invalidate(Tlb&, Operation, const Target&, Vendor);

}
