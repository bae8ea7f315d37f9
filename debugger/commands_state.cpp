// SPDX-License-Identifier: MIT
// Where the machine stands, in one line; what its translation caches have done so far; a hash of all of it.
#include "base/error.h"
#include "cpu/mmu.h"
#include "cpu/svm/svm.h"
#include "cpu/virt/layer.h"
#include "cpu/vmx/vmx.h"
#include "debugger/commands.h"
#include "memory/scopes.h"

namespace debugger::look {

// SDM vol. 3, 2.2: the modes by name, with the size of the code's operands.
static std::string mode_text(const Cpu& cpu) {
    unsigned size = cpu.code.size == decode::CodeSize::bits64 ? 64 : cpu.code.size == decode::CodeSize::bits32 ? 32 : 16;
    if (cpu.long_mode()) return size == 64 ? "long 64" : format("compatibility %u", size);
    return cpu.real_mode() ? "real" : cpu.v86() ? "virtual 8086" : format("protected %u", size);
}

static bool in_operation(const Cpu& cpu) {
    if (!cpu.virt) return false;
    return cpu.intel() ? static_cast<const vmx::Vmx&>(*cpu.virt).on : (cpu.control.efer & efer::svme) != 0;
}

Result state(Session& session, Words) {
    Result result;
    Cpu& cpu = session.cpu;
    auto& context = cpu.mmu->context;
    bool guest = cpu.guest, nested = cpu.mmu->regime.stage2.kind != paging::Nesting::none;
    auto mode = mode_text(cpu);
    Line& line = result.add(format("%s, CPL %u, RIP %s; %llu instructions%s%s", mode.c_str(), cpu.cpl, hex(session.code()).c_str(),
                                   0ull + cpu.retired, guest ? "; a guest runs" : "",
                                   cpu.activity != Activity::active ? "; halted" : ""));
    line.with("mode", mode).count("cpl", cpu.cpl).address("linear", session.code()).flag("guest", guest).flag("halted", cpu.activity != Activity::active);
    line.count("cpu", cpu.number).count("cpus", session.all_cpus().size()).count("instructions", cpu.retired).count("ticks", cpu.clock.ticks)
        .count("nanoseconds", cpu.clock.count(1'000'000'000));
    line.flag("interrupts", cpu.rflags & rflags::if_).address("cr3", cpu.control.cr3);
    line.with("virtualization", !cpu.virt ? "none" : cpu.intel() ? "vmx" : "svm").flag("operation", in_operation(cpu))
        .count("entries", cpu.virt ? cpu.virt->log.entries : 0);
    if (guest) line.count("vpid", context.vpid);
    if (cpu.control.cr4 & cr4::pcide) line.count("pcid", context.pcid);
    if (nested) line.address("second_stage", cpu.mmu->regime.stage2.root);
    return result;
}

static void add_context(Result& result, const paging::ContextCounts& c) {
    bool nested = c.references_of(paging::Stage::second) || c.ept != paging::Context::no_ept;
    u64 misses = c.data_misses + c.instruction_misses, first = c.references_of(paging::Stage::first), second = c.references_of(paging::Stage::second);
    if (!misses && !first) return;
    result.add(format("tag %04x%s: %llu misses, %llu references of the first stage, %llu of the second; %llu page faults, "
                      "%llu faults of the second stage", c.vpid,
                      c.ept == paging::Context::no_ept ? "" : (" EPT " + hex(c.ept)).c_str(), 0ull + misses, 0ull + first, 0ull + second,
                      0ull + c.page_faults, 0ull + c.second_stage_faults))
        .with("kind", "context").count("vpid", c.vpid).with("ept", c.ept == paging::Context::no_ept ? "" : hex(c.ept)).flag("nested", nested)
        .count("misses", misses)
        .count("first_stage_references", first).count("second_stage_references", second).count("spared", c.guest_physical_hits)
        .count("page_faults", c.page_faults).count("second_stage_faults", c.second_stage_faults);
}

Result caches(Session& session, Words) {
    Result result;
    auto& tlb = session.cpu.mmu->tlb;
    u64 held[3] = {}, dropped = 0;
    auto count = [&](const paging::TlbArray& entries) { entries.each([&](const paging::Entry& e) { held[unsigned(e.tag.dimension)]++; }); };
    count(tlb.data), count(tlb.instruction), count(tlb.guest_physical);
    for (auto& scope : paging::scopes()) dropped += tlb.counters.dropped[unsigned(scope.operation)];
    result.add(format("%llu translations are cached: %llu linear, %llu combined, %llu guest-physical; %llu were dropped", 0ull + held[0] + held[1] + held[2],
                      0ull + held[0], 0ull + held[1], 0ull + held[2], 0ull + dropped))
        .with("kind", "summary").count("linear", held[0]).count("combined", held[1]).count("guest_physical", held[2]).count("dropped", dropped);
    for (auto& c : tlb.counters.contexts.all()) add_context(result, c);
    for (auto& scope : paging::scopes())
        if (u64 n = tlb.counters.dropped[unsigned(scope.operation)])
            result.add(format("%12llu dropped by %s", 0ull + n, std::string(scope.name).c_str())).with("kind", "cause").with("cause", scope.name)
                .count("dropped", n);
    return result;
}

// A hash goes through the VMCS as loading does, which marks each field as changed: the marks are put back.
static u64 hash_of_all(Session& session) {
    std::vector<std::pair<vmx::Vmcs*, vmx::Vmcs>> kept;
    for (auto* cpu : session.all_cpus())
        if (cpu->virt && cpu->intel()) {
            auto& vmcs = static_cast<vmx::Vmx&>(*cpu->virt).vmcs;
            kept.emplace_back(&vmcs, vmcs);
        }
    u64 value = session.hash();
    for (auto& [vmcs, as_it_was] : kept) *vmcs = as_it_was;
    return value;
}

Result hash(Session& session, Words) {
    if (!session.hash) throw Error("there is no whole machine here to take a hash of");
    u64 value = hash_of_all(session);
    Result result;
    result.add(format("%016llx at tick %llu", 0ull + value, 0ull + session.cpu.clock.ticks)).address("hash", value).count("ticks", session.cpu.clock.ticks);
    return result;
}

}
