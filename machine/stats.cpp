// SPDX-License-Identifier: MIT
// The counters behind --stats. None of them is state, and none changes what the guest sees.
#include "machine/stats.h"
#include "base/log.h"
#include "cpu/exec/fast/runner.h"
#include "cpu/mmu.h"
#include "cpu/virt/layer.h"
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

using Rows = std::vector<std::pair<std::string, double>>;

static void add_invalidations(Rows& rows, const paging::Tlb& tlb) {
    for (auto& scope : paging::scopes()) {
        u64 times = tlb.counters.flushes[unsigned(scope.operation)];
        if (!times) continue;
        rows.emplace_back("flushes: " + std::string(scope.name), double(times));
        rows.emplace_back("dropped: " + std::string(scope.name), double(tlb.counters.dropped[unsigned(scope.operation)]));
    }
}

// What a context's counts say, without what never happened.
static Rows rows_of(const paging::ContextCounts& c) {
    static constexpr const char* sizes[] = {"none", "4K", "2M", "4M", "1G"};
    Rows rows;
    auto add = [&](const std::string& name, u64 count) {
        if (count) rows.emplace_back(name, double(count));
    };
    add("data_misses", c.data_misses), add("instruction_misses", c.instruction_misses);
    add("page_faults", c.page_faults), add("second_stage_faults", c.second_stage_faults);
    add("guest_physical_hits", c.guest_physical_hits);
    for (unsigned stage : {1, 2})
        for (unsigned level = 1; level <= c.levels; level++)
            add("references_stage_" + std::to_string(stage) + "_level_" + std::to_string(level), c.references[stage][level]);
    for (unsigned first = 0; first < c.sizes; first++)
        for (unsigned second = 0; second < c.sizes; second++)
            add(std::string("misses_") + sizes[first] + "_on_" + sizes[second], c.by_size[first][second]);
    for (auto& scope : paging::scopes()) add("dropped: " + std::string(scope.name), c.dropped[unsigned(scope.operation)]);
    return rows;
}

static std::string name_of(const paging::CountedContext& c) {
    if (c.others) return "others";
    char root[32] = "";
    if (c.ept != paging::Context::no_ept) std::snprintf(root, sizeof root, " ept %llx", static_cast<unsigned long long>(c.ept));
    return "vpid " + std::to_string(c.vpid) + root;
}

static void print_rows(const Rows& rows, bool json, const std::string& indent = "") {
    const char* separator = "";
    for (auto& [name, value] : rows) {
        if (json) std::fprintf(stderr, "%s\"%s\": %.15g", separator, name.c_str(), value), separator = ", ";
        else std::fprintf(stderr, "%-40s %18.15g\n", (indent + name).c_str(), value);
    }
}

// A group of rows for each context of each CPU.
static void print_contexts(const Pc& pc, auto&& table, auto&& rows, const char* key, const char* heading, bool json) {
    const char* separator = "";
    if (json) std::fprintf(stderr, ", \"%s\": {", key);
    for (Cpu* cpu : pc.cpus) {
        std::string of = pc.cpus.size() > 1 ? "cpu " + std::to_string(cpu->number) + " " : "";
        for (auto& c : table(*cpu)) {
            std::string name = of + name_of(c);
            if (json) std::fprintf(stderr, "%s\"%s\": {", separator, name.c_str()), separator = ", ";
            else std::fprintf(stderr, "%s %s\n", heading, name.c_str());
            print_rows(rows(*cpu, c), json, "  ");
            if (json) std::fprintf(stderr, "}");
        }
    }
    if (json) std::fprintf(stderr, "}");
}

static void add_exits_by_reason(Rows& rows, const virt::Layer& virt, auto&& count) {
    for (u64 reason = 0; reason < virt.log.kinds; reason++) {
        u64 n = count(reason);
        if (!n) continue;
        std::string name = virt.exit_text(reason);
        rows.emplace_back("exits: " + (name.empty() ? std::to_string(reason) : name), double(n));
    }
}

static Rows exits_of(const virt::Layer& virt, const virt::ContextExits& c) {
    Rows rows{{"vm_exits", double(c.exits())}, {"ticks_in_guests", double(c.inside)}};
    add_exits_by_reason(rows, virt, [&](u64 reason) { return c.count[reason]; });
    return rows;
}

static void add_exits(Rows& rows, const virt::Layer& virt) {
    auto& log = virt.log;
    if (!log.entries && !log.failed_entries) return;
    rows.emplace_back("vm_entries", double(log.entries));
    rows.emplace_back("vm_entries_failed", double(log.failed_entries));
    rows.emplace_back("vm_exits", double(log.exits));
    rows.emplace_back("ticks_in_guests", double(log.inside()));
    add_exits_by_reason(rows, virt, [&](u64 reason) { return log.count(reason); });
}

static void add_blocks(Rows& rows, const fast::Runner& runner) {
    auto& b = runner.blocks.counters;
    auto& r = runner.counters;
    std::pair<const char*, u64> counters[] = {
        {"blocks_built", b.built},
        {"blocks_instructions", b.instructions},
        {"blocks_linked", b.links},
        {"blocks_entered_from_the_run_loop", r.entries},
        {"blocks_copied_bytes", b.copied_bytes},
        {"blocks_killed", b.killed},
        {"block_chunks_reused", b.evicted_chunks},
        {"links_across_pages_checked", r.cross_checks},
        {"stores_to_code_pages", b.stores_to_code_pages},
        {"code_pages_given_up", b.pages_given_up},
        {"instructions_by_reference_handlers", r.slow_calls},
        {"instructions_run_again_after_a_miss", r.misses},
        {"bank_misses_filled", r.refills},
    };
    for (auto& [name, count] : counters) rows.emplace_back(name, double(count));
}

static Rows counters_of(Cpu& cpu) {
    auto& tlb = cpu.mmu->tlb;
    auto& c = cpu.mmu->counters;
    auto& b = cpu.mmu->banks.counters;
    auto total = tlb.counters.contexts.total();
    u64 misses = tlb.counters.data_misses + tlb.counters.instruction_misses;
    Rows rows{
        {"tlb_lookups", double(c.translations + c.fill_hits + c.fill_misses)},         // accesses that no bank answered
        {"tlb_hits", double(c.translations - misses + c.fill_hits)},
        {"tlb_data_misses", double(tlb.counters.data_misses)},
        {"tlb_instruction_misses", double(tlb.counters.instruction_misses)},
        {"page_walks", double(misses)},
        {"page_faults", double(total.page_faults)},
        {"second_stage_faults", double(total.second_stage_faults)},
        {"walk_references_stage_1", double(total.references_of(paging::Stage::first))},
        {"walk_references_stage_2", double(total.references_of(paging::Stage::second))},
        {"guest_physical_hits", double(total.guest_physical_hits)},
        {"tlb_data_fills", double(tlb.data.fills)},
        {"tlb_instruction_fills", double(tlb.instruction.fills)},
        {"tlb_evictions", double(tlb.data.evictions + tlb.instruction.evictions)},
        {"bank_fills", double(b.fills)},
        {"bank_entries_scrubbed", double(b.scrubbed)},
        {"bank_write_tags_stripped", double(b.stripped)},
        {"banks_dropped", double(b.drops)},
        {"banks_selected", double(b.selected)},
        {"banks_reused", double(b.reused)},
        {"banks_evicted", double(b.evicted)},
        {"stamps_renewed", double(c.renewals)},
    };
    add_invalidations(rows, tlb);
    if (cpu.virt) add_exits(rows, *cpu.virt);
    if (cpu.runner) add_blocks(rows, *cpu.runner);
    return rows;
}

static void add_up(Rows& sums, const Rows& rows) {
    for (auto& row : rows) {
        auto found = std::ranges::find(sums, row.first, &Rows::value_type::first);
        if (found == sums.end()) sums.push_back(row);
        else found->second += row.second;
    }
}

static void add_stale_uses(Rows& rows, const check::StaleUses& s) {
    auto& c = s.counters;
    rows.emplace_back("stale_uses_reported", double(c.reported));
    rows.emplace_back("stale_uses_in_flight", double(c.in_flight));
    rows.emplace_back("stale_uses_undecided", double(c.undecided));
    rows.emplace_back("stale_uses_overlooked", double(c.overlooked));
    rows.emplace_back("stale_accesses", double(c.stale));
    rows.emplace_back("changed_translations_walked", double(c.walks));
}

void print_stale_uses(Pc& pc) {
    for (Cpu* cpu : pc.cpus) cpu->mmu->stale->finish();
    auto& c = pc.stale_uses->counters;
    log_line("check tlb: " + std::to_string(c.reported) + " stale uses reported, " + std::to_string(c.in_flight) + " in flight, " +
             std::to_string(c.undecided) + " undecided at the end" + (c.overlooked ? ", " + std::to_string(c.overlooked) + " overlooked" : ""));
}

void print_stats(Pc& pc, double seconds, bool json) {
    double retired = double(pc.retired());
    Rows rows{
        {"instructions", retired},
        {"ticks", double(pc.clock.ticks)},
        {"host_seconds", seconds},
        {"instructions_per_second", retired / seconds},
    };
    for (Cpu* cpu : pc.cpus) add_up(rows, counters_of(*cpu));
    if (pc.stale_uses) add_stale_uses(rows, *pc.stale_uses);
    if (json) std::fprintf(stderr, "{");
    print_rows(rows, json);
    auto contexts = [](Cpu& cpu) -> auto& { return cpu.mmu->tlb.counters.contexts.all(); };
    print_contexts(pc, contexts, [](Cpu&, auto& c) { return rows_of(c); }, "contexts", "context", json);
    if (pc.cpu.virt) {
        auto exits = [](Cpu& cpu) -> auto& { return cpu.virt->log.contexts.all(); };
        print_contexts(pc, exits, [](Cpu& cpu, auto& c) { return exits_of(*cpu.virt, c); }, "exits_by_context", "exits of context", json);
    }
    if (json) std::fprintf(stderr, "}\n");
}
