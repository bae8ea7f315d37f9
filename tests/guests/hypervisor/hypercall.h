// SPDX-License-Identifier: MIT
// What the small hypervisor does for its guest: VMCALL or VMMCALL with the number in RAX, arguments in RBX, RCX, RDX; RAX is 0 after success.
#pragma once
#include "guest.h"

enum Hypercall : u64 {
    start_vcpu = 1,                       // RBX: which; RCX: its RIP; RDX: its RSP
    send_interrupt,                       // RBX: to which vCPUs, a bit each; RCX: the vector
    yield,                                // another vCPU's turn
    give_back,                            // RBX: a page of memory that the guest needs no more
    done,                                 // RBX: 1 if all went well
};
