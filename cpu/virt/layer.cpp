// SPDX-License-Identifier: MIT
// Which virtualization extension a CPU has, and the seams between it and the CPU.
#include "cpu/virt/layer.h"
#include "base/log.h"
#include "cpu/cpu.h"
#include "cpu/mmu.h"
#include "cpu/notice.h"
#include "cpu/svm/svm.h"
#include "cpu/vmx/vmx.h"
#include <cstdio>

namespace virt {

Outcome Layer::raise() {
    Fault f;
    f.exit = true;
    return cpu.raise(f);
}

void Layer::record_exit(u64 reason, u64 information, u64 address) {
    auto& context = cpu.mmu->context;
    log.exit(reason, information, address, cpu.rip(), cpu.clock.ticks, log.contexts.of(context.vpid, context.ept));
    notice::tell(&cpu, {notice::Kind::vm_exit, reason, information, address});
    if (!explain) return;
    using Number = unsigned long long;
    char line[200];
    std::snprintf(line, sizeof line, "VM exit %lld (%s) at RIP %llx: %llx, %llx", static_cast<long long>(reason), exit_text(reason).c_str(),
                  Number(cpu.rip()), Number(information), Number(address));
    log_line(line);
}

std::unique_ptr<Layer> make_layer(Cpu& cpu) {
    if (cpu.intel() && cpu.features.has(Feature::vmx)) return std::make_unique<vmx::Vmx>(cpu);
    if (!cpu.intel() && cpu.features.has(Feature::svm)) return std::make_unique<svm::Svm>(cpu);
    return nullptr;
}

}

// Only a damaged saved state has a second stage and no guest.
Outcome Cpu::second_stage_fault(const paging::Fault& fault) { return guest ? guest->second_stage_fault(fault) : raise(gp(0)); }
