// SPDX-License-Identifier: MIT
// Run control. Where nothing has to be looked at the CPU runs at full speed. Breakpoints are marks in the fast engine's blocks
// (cpu/exec/fast/marks.h); what they can't see, and all that the reference engine runs, goes tick by tick. The stops are the same.
#include "debugger/session.h"
#include "base/error.h"
#include "cpu/exec/fast/runner.h"
#include "cpu/mmu.h"
#include "cpu/smm/smm.h"
#include "debugger/look.h"
#include "machine/turns.h"
#include <algorithm>
#include <utility>

namespace debugger {

Session::Session(Cpu& cpu, Slice slice_) : cpu(cpu) { slice = std::move(slice_), cpus = {&cpu}; }
Session::Session(std::span<Cpu* const> cpus_, Turns& turns_, Slice slice_) : cpu(*cpus_[0]) {
    slice = std::move(slice_), cpus.assign(cpus_.begin(), cpus_.end()), turns = &turns_;
}
Session::~Session() = default;

u64 Session::code() const { return code_address(cpu); }

// A reference can't be bound anew; an object can be made anew where it is ([basic.life]).
void Session::select(Cpu& other) {
    if (goal) throw Error("the guest runs; stop it first");
    SessionState state = std::move(*this);
    auto* here = this;
    here->~Session();
    new (here) Session(std::move(state), other);
}

// While one of these lives, the CPUs tell of what is asked for.
struct Attached {
    explicit Attached(Session& s) : s(s) {
        refresh();
        notice::listener = [&s](Cpu* c, const notice::Event& e) { s.notice(c ? *c : *s.turn_of, e); };
    }
    ~Attached() {
        notice::wanted = 0, notice::listener = nullptr;
        for (auto* c : s.cpus) watch(*c, nullptr);
    }
    // Stop points come and go between slices, too.
    void refresh() {
        if (known == s.stops.changes) return;
        known = s.stops.changes;
        for (auto* c : s.cpus) {
            s.place_marks(*c);
            watch(*c, nullptr);
            if (s.stops.watches()) watch(*c, [&s = s, c](u64 linear, unsigned width, bool write) { s.accessed(*c, linear, width, write); });
        }
        notice::wanted = s.goal->notices | (s.trace ? EventTrace::notices : 0);
        for (auto& p : s.stops.list())
            if (p.kind->seen == Seen::notice) notice::wanted |= u32(p.kind->which);
    }
    static void watch(Cpu& cpu, std::function<void(u64, unsigned, bool)> accessed) {
        if (!cpu.mmu->accessed && !accessed) return;
        cpu.mmu->accessed = std::move(accessed);
        cpu.mmu->select_bank();
    }
    Session& s;
    u64 known = ~u64{0};
};

static void forget_way(Cpu&);

Stop Session::resume(const Goal& wanted) {
    if (goal) throw Error("the guest runs already; stop it first");
    if (wanted.of && wanted.of != &cpu) select(*wanted.of);
    Cpu& looked_at = cpu;
    runs++;
    looking.remember(cpu);
    said = {}, steps = 0, standing = cpus, told.clear(), least_stack = cpu.gpr[rsp];
    for (auto& p : stops.list()) p.seen.clear();
    do {
        goal = &wanted;
        run();
        goal = nullptr;
        if (turn_of != &cpu) select(*turn_of);
    } while (commands_go_on(looked_at));
    return last;
}

// Until something stops it.
void Session::run() {
    stopped = over, turn_of = &cpu, last = {Why::ended}, owed.clear();
    {
        Attached attached(*this);
        while (!stopped) {
            attached.refresh();
            over = !slice([this](u64 until) { drive(until); });
            if (over) stop_at(*turn_of, {Why::ended});
            else if (!stopped && interrupted()) stop_at(*turn_of, {Why::interrupted});
        }
    }
    if (over) last = {Why::ended};
    for (auto* c : cpus) c->pending &= ~pending::stop, forget_way(*c);
}

// The commands of stop points that another CPU has met than the one that was looked at.
void Session::stop_for_commands(Cpu& c) {
    if (!owed.empty()) stop_at(c, owed.front());
}
bool Session::commands_go_on(Cpu& before) {
    auto all = std::exchange(owed, {});
    if (over || all.empty()) return false;
    bool goes_on = last.id == all.front().id;            // no other has stopped it
    for (auto& stop : all) {
        auto point = std::ranges::find(stops.list(), stop.id, &StopPoint::id);
        if (point == stops.list().end() || commands(StopPoint(*point))) continue;
        if (goes_on) last = stop;
        goes_on = false;
    }
    if (goes_on) standing = {&cpu};
    if (goes_on && &before != &cpu) select(before);
    return goes_on;
}

void Session::stop_at(Cpu& c, const Stop& stop) {
    if (stopped) return;
    last = stop, stopped = true, turn_of = &c;
}

void Session::reset() {
    if (!start_anew) throw Error("there is no machine to reset");
    start_anew();
    runs++, over = false, last = {};
    if (!goal && cpus[0] != &cpu) select(*cpus[0]);
}

Goal steps_in_level(u64 steps, unsigned level) {
    auto borders = 1u << unsigned(notice::Kind::vm_entry) | 1u << unsigned(notice::Kind::vm_exit);
    return {.steps = steps, .level = level, .notices = borders, .told = [](auto&) { return false; }};
}

// ---- how it runs

bool Session::nothing_to_do() const { return stops.empty() && !covers() && !goal->steps && !goal->reached && !goal->notices && !goal->still; }
bool Session::stands(const Cpu& c) const { return std::ranges::find(standing, &c) != standing.end(); }
// Whether all that is asked for is seen by marks and notices.
bool Session::quick(const Cpu& c) const {
    bool asked = goal->reached && !goal->at && !goal->returns, counts = goal->steps && (!goal->level || goal->level == (c.guest ? 2u : 1u));
    return !by_ticks && !stops.watches() && !stops.any(Seen::change) && !((counts || asked) && &c == &cpu);
}

void Session::drive(u64 until) {
    bool alone = cpus.size() == 1;
    if (nothing_to_do()) return alone ? cpu.run(until) : turns->run(until);
    if (!alone) return turns->run(until, [this](Cpu& c, u64 end) { return !(goal->still >> c.number & 1) && turn(c, end); });
    cpu.pending &= ~pending::stop;
    do {
        if (stands(cpu) || !quick(cpu) || !blocks(cpu, until)) one_tick(cpu, until);
        if (!told.empty()) return judge_notices(cpu);
    } while (cpu.clock.ticks < until && !stopped && !(cpu.pending & pending::stop));
}

// As Cpu::run_turn(), and as exactly.
bool Session::turn(Cpu& c, u64 until) {
    turn_of = &c;
    u64 start = c.clock.ticks;
    c.pending &= ~(pending::stop | pending::yield);
    smm::show(c);
    do {
        if ((stands(c) || !quick(c) || !blocks(c, until)) && !one_tick(c, until)) break;
        if (!told.empty()) judge_notices(c);
        stop_for_commands(c);
        if (stopped) c.stop();                           // its turn isn't over
    } while (c.clock.ticks < until && !(c.pending & (pending::stop | pending::yield)));
    return c.clock.ticks != start;
}

// What blocks have to look for; those that a change concerns are built anew.
void Session::place_marks(Cpu& c) {
    fast::Marks wanted;
    for (auto& s : stops.list()) {
        if (s.kind->seen == Seen::instruction) wanted.events |= s.kind->which;
        if (s.kind->seen != Seen::code) continue;
        if (s.space == Space::linear) wanted.add(s.address);
        else wanted.asked.set(s.address & 0xfff);
    }
    if (goal->at) wanted.add(*goal->at);
    wanted.returns = goal->returns;
    if (covers()) wanted.asked |= coverage->offsets();
    if (wanted.none() && !c.runner) return;
    if (!c.runner) c.runner = std::make_unique<fast::Runner>(c);
    auto& now = c.runner->blocks;
    if (!(now.marks == wanted)) now.set_marks(wanted);
    now.marks.filter = wanted.filter;
    now.marks.least_stack = least_stack;
    now.marks.asks = [this, &c](u64 linear) { return asks(c, linear); };
}

// At a mark: whether the run ends there. Else the instruction begins now.
bool Session::asks(Cpu& c, u64 linear) {
    auto meets = [&](auto& s) {
        return s.kind->seen == Seen::code && s.space != Space::linear && !((s.address ^ linear) & 0xfff) && lies_at(c, s, linear, 1);
    };
    if (std::ranges::any_of(stops.list(), meets)) return true;
    if (covers() && coverage->wants(c, linear)) coverage->add(linear, running_level(c));
    return false;
}

// Lets blocks run where nothing but they have to be looked at, up to a mark at most. False: nothing has run.
bool Session::blocks(Cpu& c, u64 until) {
    bool free = c.engine == Engine::fast && c.unwatched() && !c.due() && c.activity == Activity::active && !c.mwaiting && c.waits_since == Cpu::not_waiting &&
                !c.tuning.drop_banks;
    u64 start = c.clock.ticks, end = std::min(until, c.clock.deadline());
    if (!free || end < start + fast::Blocks::most_instructions) return false;
    if (!c.runner) c.runner = std::make_unique<fast::Runner>(c);
    auto& marks = c.runner->blocks.marks;
    c.run_limit = until;
    marks.armed = true;
    c.runner->run(end - start - fast::Blocks::most_instructions);
    marks.armed = false;
    if (c.clock.ticks == start) return false;
    judge(c, true);
    return true;
}

bool Session::steps_done(const Cpu& c) const {
    return goal->steps && steps >= goal->steps && (!goal->level || goal->level == (c.guest ? 2u : 1u)) && &c == &cpu;
}

// The fast engine keeps which way led out of the last block, to link it to the next that it runs: not across what runs without it.
static void forget_way(Cpu& c) {
    if (c.runner) c.runner->unresolved = nullptr, c.runner->remember_target = false;
}

// Whether what a tick does begins with an instruction, as far as that is known before it: not an event, nor a fault of its fetch.
static bool begins_instruction(const Cpu& c) {
    if (c.activity != Activity::active || c.due() || c.clock.ticks >= c.clock.deadline()) return false;
    Viewpoint view(c);
    bool within = c.bits64() ? c.canonical(view.rip) : view.rip <= c.seg[Seg::cs].limit;
    paging::Access access{paging::Kind::execute, c.cpl == 3 ? paging::Privilege::user : paging::Privilege::supervisor, false, paging::Purpose::code};
    QuietTables tables{c};
    return within && paging::walk(c.mmu->regime, LinearAddress(view.code_address()), access, tables).translation();
}

// One instruction, one iteration of a repeated one, one event; alone and halted, the time to the next deadline. False: it waits.
bool Session::one_tick(Cpu& c, u64 until) {
    u64 now = c.clock.ticks, next = now + 1;
    bool alone = cpus.size() == 1, mine = !goal->level || goal->level == (c.guest ? 2u : 1u);
    if (alone && c.activity != Activity::active && !c.due()) next = std::max(next, std::min(until, c.clock.deadline()));
    u64 rip = c.rip(), retired = c.retired;
    forget_way(c);
    running = code_address(c);
    if (stops.any(Seen::change))
        for (auto& s : stops.list())
            if (s.kind->seen == Seen::change && s.seen.empty()) judge_changes(c);
    bool wanted = covers() && coverage->wants(c, running), begins = wanted && begins_instruction(c), ran = true;
    unsigned level = running_level(c);
    if (alone) c.run(next);
    else ran = c.run_turn(next);
    std::erase(standing, &c);
    if (wanted && (begins || c.retired != retired)) coverage->add(running, level);
    judge_accesses(c);
    steps += mine && &c == &cpu;
    if (steps_done(c)) stop_at(c, {Why::reached});
    judge_changes(c);
    judge(c, c.retired != retired || c.rip() != rip);
    return ran;
}

// ---- what comes of it

static std::optional<paging::Translation> translation_of(const Cpu& cpu, u64 linear) {
    auto regime = cpu.mmu->regime;
    regime.stage1.smap = regime.stage1.smep = regime.stage1.pke = regime.stage1.pks = false;
    QuietTables tables{cpu};
    if (cpu.long_mode() && !cpu.canonical(linear)) return {};
    for (auto kind : {paging::Kind::read, paging::Kind::execute}) {
        paging::Access access{kind, paging::Privilege::implicit, false, kind == paging::Kind::read ? paging::Purpose::data : paging::Purpose::code};
        auto done = paging::walk(regime, LinearAddress(linear), access, tables);
        if (auto* t = done.translation()) return *t;
    }
    return {};
}

// Whether bytes at a linear address are of the stop point's. An access is in one page or two: both ends are looked at.
bool Session::lies_at(const Cpu& c, const StopPoint& s, u64 linear, unsigned width) {
    if (s.space == Space::linear) return s.meets(c, linear, width);
    auto part = [&](u64 at, unsigned bytes) {
        auto t = translation_of(c, at);
        return t && s.meets(c, s.space == Space::physical ? t->physical.value : t->guest.value, bytes);
    };
    unsigned here = unsigned(std::min<u64>(width, 4096 - (linear & 0xfff)));
    return part(linear, here) || (here < width && part(linear + here, width - here));
}

// Context, condition, count, commands. False: the guest goes on.
bool Session::met(Cpu& c, StopPoint& s, Stop stop) {
    if (!s.context.holds(c)) return false;
    if (!s.holds(c, symbols)) return false;
    if (s.hits++ < s.ignore) return false;
    stop.id = s.id;
    bool has_commands = commands && !s.command.empty();
    if (has_commands && &c != &cpu) return owed.push_back(stop), false;
    if (has_commands && commands(s)) return false;
    return stop_at(c, stop), true;
}

std::optional<Insn> Session::next_instruction(Cpu& c) const {
    std::array<u8, 15> bytes{};
    u64 have = read_memory(c, {Space::linear, code_address(c)}, bytes);
    Insn insn;
    if (decode::decode({bytes.data(), have}, c.code, insn) != decode::Result::ok) return {};
    return insn;
}

// An instruction that is in the middle of its repetitions doesn't begin anew.
void Session::judge(Cpu& c, bool begins) {
    if (!begins || stopped) return;
    u64 at = code_address(c);
    for (auto& s : stops.list())
        if (s.kind->seen == Seen::code && (at & 0xfff) == (s.address & 0xfff) && lies_at(c, s, at, 1) &&
            met(c, s, {Why::breakpoint, s.id, On::execute, s.address})) return;
    if (stops.any(Seen::instruction)) judge_instruction(c);
    if (stopped || !goal->reached || &c != &cpu || (goal->at && *goal->at != at)) return;
    if (goal->returns) {
        auto insn = next_instruction(c);
        if (!insn || !insn->row->name.starts_with("ret")) return;
    }
    if (goal->reached()) stop_at(c, {Why::reached});
}

void Session::judge_instruction(Cpu& c) {
    auto insn = next_instruction(c);
    if (!insn) return;
    for (auto& s : stops.list()) {
        if (s.kind->seen != Seen::instruction || !(s.kind->which >> unsigned(insn->row->event) & 1) || !s.kind->meets(c, s, *insn)) continue;
        Stop stop{Why::event};
        stop.kind = s.kind->name, stop.said = std::string(insn->row->name) + " comes next";
        if (met(c, s, stop)) return;
    }
}

void Session::judge_changes(Cpu& c) {
    for (auto& s : stops.list()) {
        if (s.kind->seen != Seen::change) continue;
        u64 now = s.kind->looks_at(c, s);
        auto [known, fresh] = s.seen.try_emplace(c.number, now);
        if (fresh || known->second == now) continue;
        Stop stop{Why::event};
        stop.kind = s.kind->name, stop.said = "it was " + hex(known->second) + " and is " + hex(now);
        known->second = now;
        if (!stopped) met(c, s, stop);
    }
}

void Session::notice(Cpu& c, const notice::Event& e) {
    if (trace) trace->told(c, e);
    auto about = [&](auto& p) { return p.kind->seen == Seen::notice && p.kind->which >> unsigned(e.kind) & 1 && (!p.kind->means || p.kind->means(c, p, e)); };
    if (!(goal->notices >> unsigned(e.kind) & 1) && std::none_of(stops.list().begin(), stops.list().end(), about)) return;
    if (told.size() < 64) told.emplace_back(&c, e);
    turn_of->stop();
}

void Session::judge_notices(Cpu& c) {
    auto events = std::move(told);
    told.clear();
    for (auto& [who, e] : events) {
        if (stopped) return;
        for (auto& s : stops.list()) {
            if (s.kind->seen != Seen::notice || !(s.kind->which >> unsigned(e.kind) & 1) || (s.kind->means && !s.kind->means(*who, s, e))) continue;
            Stop stop{Why::event};
            stop.kind = s.kind->name, stop.said = notice_text(*who, e);
            if (met(c, s, stop)) return;
        }
        if (goal->notices >> unsigned(e.kind) & 1 && (!goal->told || goal->told(e))) stop_at(c, {Why::reached});
    }
    if (steps_done(c)) stop_at(c, {Why::reached});       // the last of them has led to the other level and back
}

void Session::accessed(Cpu& c, u64 linear, unsigned width, bool write) {
    if (stopped) return;
    for (auto& s : stops.list()) {
        if (s.kind->seen != Seen::access || s.on == (write ? On::read : On::write) || !lies_at(c, s, linear, width)) continue;
        bool known = std::any_of(accesses.begin(), accesses.end(), [&](auto& a) { return a.id == s.id; });
        if (!known) accesses.push_back({Why::watchpoint, s.id, s.on, linear, width, write, running});
    }
}

// Behind the instruction, so that conditions see what it has done.
void Session::judge_accesses(Cpu& c) {
    for (auto& stop : std::exchange(accesses, {}))
        for (auto& s : stops.list())
            if (s.id == stop.id && !stopped) met(c, s, stop);
}

bool Session::at_return() const {
    auto insn = next_instruction(cpu);
    return insn && insn->row->name.starts_with("ret");
}

bool Session::end_of_call(u64& linear) {
    auto insn = next_instruction(cpu);
    if (!insn) return false;
    std::string_view name = insn->row->name;
    linear = linear_in_mode(cpu, code() + insn->length);
    return name.starts_with("call") || name.starts_with("int") || insn->rep;
}

}
