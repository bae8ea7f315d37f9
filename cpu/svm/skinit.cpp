// SPDX-License-Identifier: MIT
// SKINIT: the processor starts anew in a loader that no device can reach (APM vol. 3, SKINIT; vol. 2, 15.27). There is no TPM on
// the board to take the loader's image.
#include "cpu/svm/svm.h"

namespace svm {

namespace {

constexpr u64 block = 0x10000;                             // of the secure loader
constexpr u64 dpd = bit(0), r_init = bit(1), dis_a20m = bit(2);       // of VM_CR

Segment flat(u16 selector, u32 rights) { return {selector, 0, 0xffffffff, {rights}}; }

}

// As INIT leaves the processor, but in flat 32-bit protected mode; the first word of the loader is its entry's offset.
Outcome Svm::skinit(u64 rax_value) {
    u64 base = u32(rax_value) & ~(block - 1);
    u64 entry = cpu.read_physical(Physical(base), 2);
    cpu.reset(true);
    cpu.activity = Activity::active;
    cpu.control.cr0 |= cr0::pe;
    cpu.seg[Seg::cs] = flat(0x08, 0xc09b);
    cpu.seg[Seg::ss] = flat(0x10, 0xc093);
    cpu.gpr[rax] = base, cpu.gpr[rsp] = base + block;
    cpu.gpr[rip_reg] = u32(base + entry);
    cpu.msr.vm_cr |= dpd | r_init | dis_a20m;
    cpu.wires.protect(base);
    gif = false;
    update_events();
    cpu.translation_mode_changed();
    cpu.mode_changed();
    return Outcome::taken;
}

}
