// SPDX-License-Identifier: MIT
// The fast engine's entry, and what handlers go to when they can't go on by themselves.
#include "cpu/exec/fast/runner.h"
#include "cpu/exec/fast/context.h"
#include "cpu/exec/fast/mode.h"
#include "cpu/execute.h"
#include "cpu/mmu.h"

namespace fast {

Runner::Runner(Cpu& cpu) : blocks(cpu), builder(cpu, blocks), cpu(cpu), targets(std::make_unique<Target[]>(State::targets)) {
    cpu.fast = {};
    cpu.fast.target = targets.get();
    cpu.memory.observe(this, [this](const u8* bytes, u64 width) { blocks.written(bytes, width); });
}
Runner::~Runner() {
    cpu.memory.leave(this);
    forget();
}

void Runner::forget() {
    blocks.drop_all();
    unresolved = nullptr;
}

// RIP's linear address. False: its page does not lie within the segment as a whole.
static bool whole_page(const Cpu& cpu, u64& linear) {
    u64 rip = cpu.gpr[rip_reg];
    linear = rip;
    if (cpu.bits64()) return true;
    auto& cs = cpu.seg[Seg::cs];
    linear = u32(rip + cs.base);
    u64 offset = linear & 0xfff;
    return rip >= offset && rip - offset + 0xfff <= cs.limit;
}

// What targets are remembered by where RIP is not the linear address: the latter, marked so that no RIP is taken for it.
static u64 key_by_linear(u64 linear) { return linear | bit(62); }

// The host's address of the code, if its page can be translated.
u8* Runner::code_at_rip(u64& linear) const {
    if (!whole_page(cpu, linear)) return nullptr;
    auto& e = cpu.bank->at(linear, 1);
    if (e.execute_tag != (linear & ~u64{0xfff}) && !cpu.mmu->reach(linear, Kind::execute)) return nullptr;
    return e.addend & 0xfff ? nullptr : reinterpret_cast<u8*>(linear + e.addend);
}

// Makes the way that led here the short one.
void Runner::connect(Block* block, u64 page, u64 linear) {
    u32 mode = block->mode;
    if (remember_target && cpu.tuning.indirect_cache) {
        u64 key = mode & mode::anywhere ? cpu.gpr[rip_reg] : key_by_linear(linear);
        target_of(&cpu, key) = {key, cpu.fast.stamp, page, block->ops()};
    }
    bool alive = unresolved && unresolved_epoch == blocks.epoch && !unresolved->owner->dead;
    u32 differs = alive ? unresolved->owner->mode ^ mode : 0;
    if (alive && !(differs & ~mode::page) && cpu.tuning.linking) {
        bool here = unresolved->owner->page == block->page && !unresolved->leaves_page();
        if (here ? !differs : bool(mode & mode::anywhere)) blocks.link(unresolved, block, cpu.fast.stamp, unresolved_page);
    }
    unresolved = nullptr, remember_target = false;
}

// What was at a target under whatever stamp: a flush leaves it there mostly, and the hash is far away.
Block* Runner::remembered(u64 target) const {
    auto& t = target_of(&cpu, target);
    return t.rip == target && t.op ? &Block::of_first(t.op) : nullptr;
}

// The block at a RIP, with the way that led here made short; null where its page can't be had, or where it would have to be built.
Block* Runner::find(u64 rip, Building building) {
    u64 linear;
    cpu.gpr[rip_reg] = rip;
    const u8* code = code_at_rip(linear);
    if (!code) return nullptr;
    u32 mode = mode_word(cpu), key = mode | blocks.marks.page_of(linear) << mode::page_shift;
    Block* block = remembered(mode & mode::anywhere ? rip : key_by_linear(linear));
    if (!block || block->dead || block->start != code || block->mode != key) block = blocks.find(code, key);
    if (!block && building == Building::no) return nullptr;
    if (!block) block = builder.build(code, key);
    cpu.fast.stamp = cpu.mmu->stamp << 16 | mode;
    u64 page = rip - (linear & 0xfff);
    connect(block, page, linear);
    cpu.gpr.page = page;
    return block;
}

void Runner::start(Block* block) {
    Op* op = block->ops();
    u64 flags = HostFlags(Flags(u32(cpu.rflags))).value;
#if SLATE_TAIL_CALLS
    op->run(&cpu, op, 0, 0, cpu.bank->e.data(), flags);
#else
    cpu.fast.flags = flags;
    for (const Op* next = op; next;) next = next->run(&cpu, next, 0, 0, cpu.bank->e.data(), cpu.fast.flags);
#endif
}

bool Runner::run(u64 budget) {
    Block* block = find(cpu.gpr[rip_reg], Building::yes);
    if (!block) return unresolved = nullptr, remember_target = false, false;
    auto& f = cpu.fast;
    f.budget = s64(budget), f.tick_end = cpu.clock.ticks + budget, f.retired_end = cpu.retired + budget;
    f.deadline = cpu.clock.deadline();
    cpu.stepping = false;
    counters.entries++;
    start(block);
    return true;
}

// ---- out of the handlers

static void count(Cpu& cpu, u64 before) {
    auto& f = cpu.fast;
    cpu.clock.ticks = f.tick_end - u64(f.budget) + before;
    cpu.retired = f.retired_end - u64(f.budget) + before;
}
static void settle(Cpu& cpu, u64 rip, u64 before, u64 flags) {
    cpu.rflags = (cpu.rflags & ~rflags::status) | HostFlags(flags).in_rflags().value;
    cpu.gpr[rip_reg] = rip;
    count(cpu, before);
}

Next leave(OP_ARGUMENTS) {
    settle(*cpu, cpu->gpr.page + op->offset, op->before, flags);
    LEAVE;
}

Next leave_to(OP_ARGUMENTS) {
    settle(*cpu, z, 0, flags);
    LEAVE;
}

Next return_elsewhere(OP_ARGUMENTS) { TAIL return follow_indirect(cpu, op, z, spare, bank, flags); }
Next call_indirect(OP_ARGUMENTS) {
    remember_return(cpu, op);
    TAIL return follow_indirect(cpu, op, z, spare, bank, flags);
}

// z: RIP. A block that nothing led to yet, but is there; else the run loop translates and builds.
static Next search(OP_ARGUMENTS) {
    Block* block = cpu->runner->find(z, Runner::Building::no);
    if (!block) [[unlikely]] TO(leave_to, z);
    op = block->ops();
    GO(op);
}

Next find_indirect(OP_ARGUMENTS) {
    cpu->runner->remember_target = true;
    TO(search, z);
}

static Next go_on(OP_ARGUMENTS);

Next resolve(OP_ARGUMENTS) {
    auto* stub = const_cast<Stub*>(reinterpret_cast<const Stub*>(op));
    auto& runner = *cpu->runner;
    if (stub->leaves_page() && !(stub->owner->mode & mode::anywhere)) {          // never linked
        settle(*cpu, stub->rip(cpu->gpr.page), 0, flags);
        TO(go_on, any_z());
    }
    runner.unresolved = stub, runner.unresolved_epoch = runner.blocks.epoch, runner.unresolved_page = cpu->gpr.page;
    z = stub->rip(cpu->gpr.page);
    TO(search, z);
}

Next out_of_budget(OP_ARGUMENTS) {
    z = op->dst == Stub::mark ? reinterpret_cast<const Stub*>(op)->rip(cpu->gpr.page) : cpu->gpr.page + op->offset;
    TO(leave_to, z);
}

Next look_at_mark(OP_ARGUMENTS) {
    auto& marks = cpu->runner->blocks.marks;
    if (marks.armed) {
        u64 linear = cpu->gpr.page + op->offset;
        if (op->dst) linear = u32(linear + cpu->seg[Seg::cs].base);
        bool meets = op->src & Marks::always || (op->src & Marks::by_filter && marks.may_be(linear)) || (op->src & Marks::by_asking && marks.asks(linear)) ||
                     (op->src & Marks::by_stack && cpu->gpr[rsp] >= marks.least_stack);
        if (meets) {
            marks.met = true;
            TO(leave, z);
        }
    }
    op++;
    GO(op);
}

// What is seldom run stays out of what often is: its registers would be saved there.
#define SELDOM [[gnu::noinline, gnu::cold]]

// The last of the runs that are counted.
SELDOM static Next run_enough(OP_ARGUMENTS) {
    Block& block = Block::of_first(op);
    block.ops()->run = block.first;
    cpu->runner->builder.copy_handlers(block);
    GO(op);
}

Next count_run(OP_ARGUMENTS) {
    Block& block = Block::of_first(op);
    if (--block.runs_left == 0) [[unlikely]] TO(run_enough, z);
    TAIL return block.first(cpu, op, z, spare, bank, flags);
}

// Another translation may hold now, or this code runs at another address: asks the bank, then whoever remembers targets.
SELDOM static Next check_crossing(OP_ARGUMENTS) {
    auto* stub = const_cast<Stub*>(reinterpret_cast<const Stub*>(op));
    cpu->runner->counters.cross_checks++;
    u64 rip = stub->rip(cpu->gpr.page), offset = reinterpret_cast<u64>(stub->start) & 0xfff;
    auto& e = cpu->bank->at(rip, 1);
    bool same_mode = !cpu->bits64() || far_from_edges(*cpu, rip) == bool(stub->mode & mode::direct);
    same_mode &= cpu->runner->blocks.marks.page_of(rip) == stub->mode >> mode::page_shift;
    bool translated = same_mode && (e.execute_tag == (rip & ~u64{0xfff}) || cpu->mmu->reach(rip, Kind::execute));
    if (translated && reinterpret_cast<const u8*>(rip + e.addend) == stub->start) {
        stub->stamp = cpu->fast.stamp, stub->page = cpu->gpr.page, stub->to = rip - offset;
        cpu->gpr.page = stub->to;
        op = stub->op.link;
        GO(op);
    }
    auto& t = target_of(cpu, rip);
    if (t.rip != rip || t.stamp != cpu->fast.stamp) TO(find_indirect, rip);
    cpu->gpr.page = t.page;
    op = t.op;
    GO(op);
}

Next cross_page(OP_ARGUMENTS) {
    auto* stub = reinterpret_cast<const Stub*>(op);
    if (stub->stamp != cpu->fast.stamp || stub->page != cpu->gpr.page) [[unlikely]] TO(check_crossing, z);
    cpu->gpr.page = stub->to;
    op = op->link;
    GO(op);
}

// ---- through the reference engine

// Whether the run loop has nothing to do but to go on where RIP is, perhaps in a shadow.
[[gnu::always_inline]] static inline bool calm_but_for_shadows(Cpu& cpu) {
    if (!cpu.runner->yields) cpu.pending &= ~pending::yield;
    bool due = cpu.pending && cpu.due();
    return !due && cpu.clock.deadline() == cpu.fast.deadline && cpu.activity == Activity::active && cpu.unwatched_but_for_shadows();
}
[[gnu::always_inline]] static inline bool calm(Cpu& cpu) { return !cpu.in_shadow() && calm_but_for_shadows(cpu); }

// Iterations of a REP: each but the first is a tick more.
static bool pay(Cpu& cpu, u64 iterations) {
    auto& f = cpu.fast;
    f.budget -= s64(iterations), f.retired_end -= iterations;
    return f.budget >= 0;
}

// Whether the block may go on behind an instruction that ran in Slow, up to a tick at least: it may have done anything.
[[gnu::always_inline]] static inline bool undisturbed(Cpu& cpu, Outcome outcome, u64 tick) {
    if (outcome != Outcome::next && outcome != Outcome::changed) return false;
    if (cpu.pending_dr6) [[unlikely]] return false;
    if (u64 more = cpu.clock.ticks - tick; more && !pay(cpu, more)) return false;
    u64 stamp = cpu.fast.stamp;
    if (!calm(cpu) || cpu.mmu->stamp != stamp >> 16) return false;
    return outcome == Outcome::next || mode_word(cpu) == u32(stamp & 0xffff);
}

// Goes on where RIP is, which may be anywhere and in another mode or translation, if the block there is remembered.
static Next go_on(OP_ARGUMENTS) {
    auto& f = cpu->fast;
    f.budget = s64(f.tick_end - cpu->clock.ticks);
    if (cpu->in_shadow() && f.budget >= 0 && !cpu->runner->blocks.marks.armed && calm_but_for_shadows(*cpu)) {
        cpu->step_watched();
        f.budget = s64(f.tick_end - cpu->clock.ticks);
    }
    if (f.budget < 0 || !calm(*cpu)) LEAVE;
    f.retired_end = cpu->retired + u64(f.budget);
    f.stamp = cpu->mmu->stamp << 16 | mode_word(*cpu);
    u64 key = cpu->gpr[rip_reg];
    bool anywhere = f.stamp & mode::anywhere;
    if (!anywhere) [[unlikely]] {
        u64 linear;
        if (!whole_page(*cpu, linear)) LEAVE;
        key = key_by_linear(linear);
    }
    auto& t = target_of(cpu, key);
    op = t.op;
    if (t.rip != key || t.stamp != f.stamp) {
        cpu->runner->remember_target = true;
        Block* block = cpu->runner->find(cpu->gpr[rip_reg], Runner::Building::no);
        if (!block) LEAVE;
        op = block->ops();
    } else {
        cpu->gpr.page = anywhere ? t.page : cpu->gpr[rip_reg] - (key & 0xfff);
    }
    flags = HostFlags(Flags(u32(cpu->rflags))).value;
    bank = cpu->bank->e.data();
    GO(op);
}

Next go_to(OP_ARGUMENTS) {
    settle(*cpu, z, op->before + 1u, flags);
    TO(go_on, any_z());
}

// Faults are delivered, traps noted.
static void finish(Cpu& cpu, Outcome outcome) {
    if (outcome == Outcome::fault) return cpu.deliver(cpu.fault_);
    if (outcome == Outcome::again) cpu.rflags |= rflags::rf;
    if (cpu.pending_dr6) cpu.pending |= pending::debug;
}

SELDOM static Next finish_and_go_on(OP_ARGUMENTS) {
    finish(*cpu, Outcome(z));
    TO(go_on, z);
}

// z: the outcome, spare: the tick behind the instruction, of its first iteration.
[[gnu::always_inline]] static inline Next behind(OP_ARGUMENTS) {
    if (!undisturbed(*cpu, Outcome(z), spare)) TO(finish_and_go_on, z);
    flags = HostFlags(Flags(u32(cpu->rflags))).value;
    bank = cpu->bank->e.data();
    op++;
    GO(op);
}

Next call_slow(OP_ARGUMENTS) {
    cpu->runner->counters.slow_calls++;
    settle(*cpu, cpu->gpr.page + op->offset, op->before, flags);
    spare = ++cpu->clock.ticks;
    z = u64(cpu->execute_inline(*op->decoded));
    TAIL return behind(cpu, op, z, spare, bank, flags);
}

static Outcome fetch_and_execute(Cpu& cpu) {
    const ::Insn* insn = cpu.fetch();
    cpu.clock.ticks++;
    return insn ? cpu.execute(*insn) : Outcome::fault;
}

Next run_in_slow(OP_ARGUMENTS) {
    cpu->runner->counters.misses++;
    settle(*cpu, cpu->gpr.page + op->offset, op->before, flags);
    spare = cpu->clock.ticks + 1;
    z = u64(fetch_and_execute(*cpu));
    TAIL return behind(cpu, op, z, spare, bank, flags);
}

Next one_in_slow(OP_ARGUMENTS) {
    settle(*cpu, cpu->gpr.page + op->offset, op->before, flags);
    finish(*cpu, fetch_and_execute(*cpu));
    TO(go_on, any_z());
}

// An access that crosses a page misses whatever the bank holds; two accesses of one instruction may push each other out.
static bool refill(Cpu* cpu, const Op* op, u64 address, Kind kind) {
    constexpr unsigned widest = 16;
    auto& runner = *cpu->runner;
    bool again = runner.refilled == op && runner.refilled_budget == cpu->fast.budget;
    runner.refilled = op, runner.refilled_budget = cpu->fast.budget;
    if (again || (address & 0xfff) > 4096 - widest || !cpu->mmu->reach(address, kind)) {
        runner.refilled = nullptr;
        return false;
    }
    runner.counters.refills++;
    return true;
}
Next miss_read(OP_ARGUMENTS) {
    if (refill(cpu, op, z, Kind::read)) GO(op);
    TO(run_in_slow, z);
}
Next miss_write(OP_ARGUMENTS) {
    if (refill(cpu, op, z, Kind::write)) GO(op);
    TO(run_in_slow, z);
}

}
