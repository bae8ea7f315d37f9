// SPDX-License-Identifier: MIT
// What changes the machine from outside: registers, MSRs, RAM, the TLB.
#include "cpu/mmu.h"
#include "debugger/commands.h"
#include "debugger/expression.h"
#include "debugger/look.h"
#include "debugger/registers.h"

namespace debugger::change {

Result set_register(Session& session, Words words) {
    auto* r = find_register(words[0]);
    if (!r) return refused("no register '" + words[0] + "'");
    u64 value = evaluate(session.cpu, words[1], &session.symbols);
    if (!r->set) return refused(words[0] + " can't be changed from here");
    if (!r->set(session.cpu, r->number, value)) return refused(words[0] + " can't have this value (reserved bits, or the mode would change)");
    return look::registers(session, words.first(1));
}

Result set_msr(Session& session, Words words) {
    u32 index = 0;
    if (!msr_index(session.cpu, words[0], index) || msr_name(session.cpu, index).empty()) return refused("the model has no MSR '" + words[0] + "'");
    if (!write_msr(session.cpu, index, evaluate(session.cpu, words[1], &session.symbols))) return refused("WRMSR would raise #GP(0)");
    return {};
}

Result write(Session& session, Words words) {
    Place place = parse_place(session.cpu, words[0], &session.symbols);
    std::vector<u8> bytes;
    for (auto& word : words.subspan(1)) {
        u64 value = 0x100;
        if (!parse_number("0x" + word, value) || value > 0xff) return refused("'" + word + "' is no byte: two hexadecimal digits");
        bytes.push_back(u8(value));
    }
    return write_memory(session.cpu, place, bytes) ? Result{} : refused("not all of it is RAM; nothing was written");
}

// By the operations that reach all of a vendor's TLB: those of a hypervisor, then its own translations.
Result invalidate(Session& session, Words) {
    using enum paging::Operation;
    u64 dropped = 0;
    auto held = [](Cpu& cpu) { return cpu.mmu->tlb.data.size() + cpu.mmu->tlb.instruction.size() + cpu.mmu->tlb.guest_physical.size(); };
    for (auto* cpu : session.all_cpus()) {
        dropped += held(*cpu);
        if (!cpu->intel()) cpu->mmu->invalidate(vmrun_all);
        else
            for (auto operation : {invept_all, invvpid_all, invpcid_all_and_globals}) cpu->mmu->invalidate(operation, {});
        dropped -= held(*cpu);
    }
    Result result;
    result.add(format("%llu translations dropped", 0ull + dropped)).count("dropped", dropped);
    return result;
}

}
