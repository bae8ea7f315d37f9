// SPDX-License-Identifier: MIT
// The registers are kept each time the guest is let go.
#include "debugger/looking.h"
#include "cpu/svm/svm.h"
#include "cpu/vmx/vmx.h"
#include "debugger/registers.h"

namespace debugger {

static void remember_guest(const Cpu& cpu, Looking::Before& before) {
    before.region = ~u64{0};
    if (!cpu.virt) return;
    if (cpu.intel()) {
        auto& v = static_cast<const vmx::Vmx&>(*cpu.virt);
        before.region = v.current;
        if (v.current != vmx::Vmx::none) before.vmcs = std::make_unique<vmx::Vmcs>(v.vmcs);
        return;
    }
    u64 at = static_cast<const svm::Svm&>(*cpu.virt).vmcb_address;
    if (at == svm::Svm::none || !QuietTables{cpu}.plain(Physical(at))) return;
    before.region = at, before.vmcb = std::make_unique<svm::Vmcb>();
    before.vmcb->load(cpu.memory, Physical(at), ~u32{0});
}

const vmx::Vmcs* Looking::vmcs_before(const Cpu& cpu) const {
    auto* b = before_of(cpu);
    return b && cpu.intel() && b->vmcs && b->region == static_cast<const vmx::Vmx&>(*cpu.virt).current ? b->vmcs.get() : nullptr;
}
const svm::Vmcb* Looking::vmcb_before(const Cpu& cpu, u64 address) const {
    auto* b = before_of(cpu);
    return b && !cpu.intel() && b->vmcb && b->region == address ? b->vmcb.get() : nullptr;
}

void Looking::remember(const Cpu& cpu) {
    if (!before) before = std::make_unique<Before>();
    before->cpu = cpu.number;
    before->registers.clear();
    for (auto& r : registers()) before->registers.push_back(r.get(cpu, r.number));
    remember_guest(cpu, *before);
    before->segments = cpu.seg, before->fpu = cpu.fpu, before->vector = cpu.vector;
}

DropLog& Looking::drops_of(Cpu& cpu) {
    if (!drops || &drops->cpu != &cpu) drops.reset(), drops = std::make_unique<DropLog>(cpu);
    return *drops;
}

}
