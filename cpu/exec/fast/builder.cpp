// SPDX-License-Identifier: MIT
// Building blocks.
#include "cpu/exec/fast/builder.h"
#include "cpu/exec/fast/mode.h"
#include "cpu/isa/branch.h"
#include "cpu/isa/integer.h"
#include "cpu/isa/move.h"
#include <bit>
#include <unordered_map>
#include <utility>

namespace fast {
namespace {

// ---- the table of handlers

struct Wanted {
    const char* id;
    u8 word;
    Form form;
    Address address;
    u8 condition;
    bool is(const Key& k) const { return k.id == id && k.word == word && k.form == form && k.address == address && k.condition == condition; }
};

// Asked several times for each instruction built, mostly for what isn't there: slots by hash, each with a key's number.
class KeyTable {
public:
    KeyTable() {
        for (auto add : {add_move, add_cmov, add_add, add_carry, add_logic, add_compare, add_unary, add_shift, add_branch,
                         add_bits, add_vector, add_packed, add_float, add_float_compare, add_sse4, add_crypto,
                         add_vex_move, add_vex_integer, add_vex_order, add_vex_float, add_vex_convert,
                         add_vex_sse4, add_vex_crypto, add_vex_multiply_add,
                         add_fused_compare, add_fused_memory, add_fused_test})
            add(keys);
        slots.resize(std::bit_ceil(keys.size() * 4), none);
        for (std::size_t n = 0; n < keys.size(); n++) {
            auto& k = keys[n];
            u16& s = slots[slot({k.id, k.word, k.form, k.address, k.condition})];
            if (s == none) s = u16(n);
        }
    }
    const Key* find(const Wanted& wanted) const {
        u16 n = slots[slot(wanted)];
        return n == none ? nullptr : &keys[n];
    }

    const Keys& all() const { return keys; }

private:
    static constexpr u16 none = 0xffff;
    // Where it is, or would be.
    u64 slot(const Wanted& w) const {
        u64 rest = u64{w.word} | u64(w.form) << 8 | u64(w.address) << 16 | u64{w.condition} << 24;
        u64 at = reinterpret_cast<u64>(w.id) * 0x9e3779b97f4a7c15 ^ rest * 0xc2b2ae3d27d4eb4f;
        at ^= at >> 32;
        while (slots[at &= slots.size() - 1] != none && !w.is(keys[slots[at]])) at++;
        return at;
    }
    Keys keys;
    std::vector<u16> slots;
};
const KeyTable& table_of_keys() {
    static const KeyTable table;
    return table;
}
const Key* find(const Wanted& wanted) { return table_of_keys().find(wanted); }

struct HashPair {
    std::size_t operator()(const std::pair<Handler, Handler>& p) const {
        return (reinterpret_cast<u64>(p.first) * 31 ^ reinterpret_cast<u64>(p.second)) * 0x9e3779b97f4a7c15 >> 20;
    }
};
using PairTable = std::unordered_map<std::pair<Handler, Handler>, Handler, HashPair>;
PairTable make_pairs() {
    std::vector<Pair> pairs;
    add_pairs(pairs);
    PairTable table;
    for (auto& p : pairs) table.emplace(std::pair{p.first, p.second}, p.both);
    return table;
}
const PairTable& table_of_pairs() {
    static const PairTable table = make_pairs();
    return table;
}

// ---- instructions

constexpr u8 slot(unsigned n) { return u8(n * 8); }
constexpr u8 page_slot = u8(offsetof(Gpr, page));
static_assert(page_slot == reg_slots * 8);

u8 slot(const DecodedOperand& o) { return u8(o.number * 8 + (o.place == Place::high_byte)); }
bool fits(u64 value) { return u64(s64(s32(value))) == value; }

// A conditional branch's code (0 to 15), or no_condition.
u8 condition_of(const ::Insn& insn) {
    static const char* const codes[] = {
        &isa::identity<isa::Jcc<0>>, &isa::identity<isa::Jcc<1>>, &isa::identity<isa::Jcc<2>>, &isa::identity<isa::Jcc<3>>,
        &isa::identity<isa::Jcc<4>>, &isa::identity<isa::Jcc<5>>, &isa::identity<isa::Jcc<6>>, &isa::identity<isa::Jcc<7>>,
        &isa::identity<isa::Jcc<8>>, &isa::identity<isa::Jcc<9>>, &isa::identity<isa::Jcc<10>>, &isa::identity<isa::Jcc<11>>,
        &isa::identity<isa::Jcc<12>>, &isa::identity<isa::Jcc<13>>, &isa::identity<isa::Jcc<14>>, &isa::identity<isa::Jcc<15>>};
    for (u8 n = 0; n < 16; n++)
        if (insn.row->run.id == codes[n]) return n;
    return no_condition;
}
bool is(const ::Insn& insn, const char* id) { return insn.row->run.id == id; }
bool relative_branch(const ::Insn& insn) { return insn.row->gate.near_branch && insn.row->operands.o[0].from == isa::From::J; }

// Behind these nothing is decoded: as good as always they leave.
bool leaves(const ::Insn& insn) {
    using isa::Event;
    Event e = insn.row->event;
    if (e == Event::hlt || e == Event::iret || e == Event::int_n || e == Event::icebp || e == Event::rsm) return true;
    if (insn.row->gate.near_branch) {
        bool conditional = condition_of(insn) != no_condition || insn.row->name.starts_with("loop") || insn.row->name.starts_with("jcxz");
        return !conditional;
    }
    for (std::string_view name : {"jmpf", "callf", "retf", "syscall", "sysret", "sysenter", "sysexit", "int3", "ud2", "ud1", "ud0"})
        if (insn.row->name.starts_with(name)) return true;
    return false;
}

// The forms by what the operands are: r, m or i for each.
Form form_of(const ::Insn& insn) {
    u32 shape = 0;
    for (unsigned n = 0; n < insn.row->operands.count; n++) {
        u32 c;
        switch (insn.operand[n].place) {
        case Place::gpr: case Place::high_byte: case Place::xmm: case Place::segment: c = 'r'; break;
        case Place::memory: case Place::string: c = 'm'; break;
        case Place::immediate: c = 'i'; break;
        default: return Form::count;
        }
        shape = shape << 8 | c;
    }
    switch (shape) {
    case 0: return Form::none;
    case 'r': return Form::d;
    case 'm': return Form::m;
    case 'i': return Form::i;
    case 'r' << 8 | 'r': return Form::dd;
    case 'r' << 8 | 'i': return fits(insn.immediate) ? Form::di : Form::dq;
    case 'r' << 8 | 'm': return Form::dm;
    case 'm' << 8 | 'r': return Form::md;
    case 'm' << 8 | 'i': return Form::mi;
    case 'm' << 8 | 'm': return Form::mm;
    case 'r' << 16 | 'r' << 8 | 'i': return Form::ddi;
    case 'r' << 16 | 'm' << 8 | 'i': return Form::dmi;
    case 'r' << 16 | 'r' << 8 | 'r': return Form::ddd;
    case 'r' << 16 | 'r' << 8 | 'm': return Form::ddm;
    case 'r' << 16 | 'm' << 8 | 'r': return Form::dmd;
    case 'm' << 16 | 'r' << 8 | 'i': return Form::mdi;
    case 'r' << 24 | 'r' << 16 | 'r' << 8 | 'i': return Form::dddi;
    case 'r' << 24 | 'r' << 16 | 'm' << 8 | 'i': return Form::ddmi;
    case 'r' << 24 | 'r' << 16 | 'r' << 8 | 'r': return Form::dddd;
    case 'r' << 24 | 'r' << 16 | 'm' << 8 | 'r': return Form::ddmd;
    default: return Form::count;
    }
}

Next go_on(OP_ARGUMENTS) { TAIL return follow<0>(cpu, op, z, spare, bank, flags); }

std::unordered_set<const u8*> all_handlers() {
    std::unordered_set<const u8*> handlers;
    auto add = [&](Handler h) { handlers.insert(reinterpret_cast<const u8*>(h)); };
    for (auto& key : table_of_keys().all()) add(key.live), add(key.dead);
    for (auto& [two, both] : table_of_pairs()) add(both);
    add(go_on), add(cross_page);
    return handlers;
}
Templates& all_templates() {
    static Templates templates(all_handlers());
    return templates;
}

}

bool Builder::place_memory(const ::Insn& insn, u32 mode, bool only_address, Draft& draft, Address& address) {
    bool bits64 = (mode & mode::size) == u32(decode::CodeSize::bits64);
    bool based = insn.segment == Seg::fs || insn.segment == Seg::gs;
    auto& op = draft.op;
    u64 displacement = insn.displacement;
    op.base = slot(insn.base), op.index = slot(insn.index), op.shape = u8(insn.scale);
    bool flat = mode & mode::flat && (bits64 || !(based || insn.segment == Seg::cs));
    if (insn.address_size == 2 || !(flat || only_address) || address == Address::limited) {
        address = Address::limited, op.displacement = s32(u32(displacement));
        op.shape = u8(op.shape | u8(insn.segment) << 2 | (insn.address_size == 2 ? offsets16 : 0));
        return true;
    }
    if (insn.base == rip_reg) {
        if (insn.address_size != 8) return false;
        op.base = page_slot, displacement += op.offset;
    }
    bool segment = based && bits64 && !only_address;
    if (insn.address_size == 4) {
        if (segment) return false;
        address = Address::bits32, op.displacement = s32(u32(displacement));
        return true;
    }
    if (!fits(displacement)) return false;
    op.displacement = s32(displacement);
    if (segment) address = Address::segment, op.shape |= u8(u8(insn.segment) << 2);
    else if (insn.index == no_reg) address = Address::base;
    else address = Address(unsigned(Address::index1) + insn.scale);
    return true;
}

Builder::Builder(Cpu& cpu, Blocks& blocks) : cpu(cpu), blocks(blocks), copies(all_templates()) {}

// Whether nothing keeps the instruction from running where the mode word is this one (cpu/gate.cpp).
static bool open(const ::Insn& insn, u32 mode) {
    auto& gate = insn.row->gate;
    if (insn.row->event != isa::Event::none && (mode & mode::guest)) return false;
    using isa::Unit;
    bool ready = gate.unit == Unit::none || (gate.unit == Unit::sse && (mode & mode::sse)) || (gate.unit == Unit::avx && (mode & mode::avx));
    return ready && gate.cpl == 3 && !gate.umip;
}

static bool zeroes(const ::Insn& insn) {
    auto &a = insn.operand[0], &b = insn.operand[1];
    return a.place == b.place && a.number == b.number && (is(insn, &isa::identity<isa::Binary<alu::Xor>>) || is(insn, &isa::identity<isa::Binary<alu::Sub>>));
}

// A string instruction without REP in flat memory.
static bool flat_string(const ::Insn& insn, u32 mode, Address& address) {
    bool bits64 = (mode & mode::size) == u32(decode::CodeSize::bits64);
    bool other_segment = insn.segment == Seg::fs || insn.segment == Seg::gs || (!bits64 && insn.segment == Seg::cs);
    if (insn.rep || other_segment || !(mode & mode::flat) || insn.address_size == 2) return false;
    address = insn.address_size == 8 ? Address::base : Address::bits32;
    return true;
}

const Key* Builder::choose(const ::Insn& insn, u32 mode, Draft& draft) {
    auto& row = *insn.row;
    if (!cpu.tuning.fast_handlers || !open(insn, mode)) return nullptr;
    if (!cpu.tuning.return_stack && is(insn, &isa::identity<isa::Ret>)) return nullptr;
    Form form = form_of(insn);
    if (form == Form::count) return nullptr;
    const char* id = row.run.id;
    if (form == Form::dd && zeroes(insn)) id = &isa::identity<isa::Zero>, form = Form::d;
    bool single = row.run.slow.front() == row.run.slow.back();       // one handler for every width
    Wanted wanted{id, single ? u8(3) : insn.word, form, Address::none, no_condition};
    auto& op = draft.op;
    if (row.gate.near_branch || row.gate.default64) {
        bool plain = relative_branch(insn) && !is(insn, &isa::identity<isa::Call>);
        if (row.gate.near_branch && !(mode & mode::direct)) return nullptr;
        auto size = decode::CodeSize(mode & mode::size);
        bool as_code = (insn.operand_size == 2) == (size == decode::CodeSize::bits16);
        bool flat = as_code && mode & mode::flat;
        if (plain ? !as_code : !flat && size == decode::CodeSize::bits64) return nullptr;
        if (!plain && !flat) wanted.address = Address::limited;
        wanted.word = plain ? 3 : u8(std::countr_zero(unsigned(insn.operand_size)));
    }
    for (unsigned n = 0; n < row.operands.count; n++) {
        auto& o = insn.operand[n];
        switch (where_of(form, n)) {
        case Where::dst: op.dst = slot(o); break;
        case Where::src: op.src = slot(o); break;
        case Where::third: op.index = slot(o); break;
        case Where::fourth: op.immediate = slot(o); break;
        case Where::wide_immediate: op.value = insn.immediate; break;
        case Where::immediate:
            if (!fits(insn.immediate)) return nullptr;
            op.immediate = s32(insn.immediate);
            break;
        case Where::memory:
            if (o.place == Place::string ? !flat_string(insn, mode, wanted.address) : !place_memory(insn, mode, is(insn, &isa::identity<isa::Lea>), draft, wanted.address)) return nullptr;
            break;
        default: break;
        }
    }
    const Key* key = find(wanted);
    if (!key && wanted.address >= Address::index1 && wanted.address <= Address::index8) {
        wanted.address = Address::scaled;
        key = find(wanted);
    }
    return key;
}

bool Builder::decode_next(const u8* start, unsigned at) {
    unsigned room = 4096 - at;
    if (!room) return false;
    auto& insn = insns[count];
    if (decode::decode({start + (at - offset), std::min(room, 15u)}, cpu.code, insn) != decode::Result::ok) return false;
    offsets[count] = u16(at);
    length += insn.length;
    return true;
}

void Builder::draft_one(unsigned n, u32 mode) {
    auto& insn = insns[n];
    auto& draft = drafts[n];
    draft = {};
    draft.insn = u8(n);
    draft.op.offset = offsets[n], draft.op.before = u8(n);
    draft.marked = blocks.marks.at(offsets[n], mode >> mode::page_shift, *insn.row);
    draft.key = choose(insn, mode, draft);
    if (!draft.key) return;
    draft.op.run = draft.key->live;
    unsigned next = offsets[n] + insn.length;
    bool call = is(insn, &isa::identity<isa::Call>), limited = draft.key->address == Address::limited;
    if (call && limited) draft.op.displacement = s32(insn.immediate);
    if (relative_branch(insn) && !limited) {
        draft.branches = true;
        draft.relative = next + insn.immediate;
        draft.cut = ones(insn.operand_size);
    }
    call |= is(insn, &isa::identity<isa::CallIndirect>);
    if (call) draft.op.immediate = s32(next);
    draft.returns = call && !limited;
}

// Whether nothing but registers and flags is concerned: no miss, no fault, no way out of the block.
static bool quiet(const ::Insn& insn, const Key& key) {
    if (insn.row->gate.near_branch || insn.row->gate.default64) return false;
    if (insn.row->gate.unit != isa::Unit::none) return false;          // floating point may raise
    if (is(insn, &isa::identity<isa::Divide<alu::Div>>) || is(insn, &isa::identity<isa::Divide<alu::Idiv>>)) return false;
    return key.address == Address::none || is(insn, &isa::identity<isa::Lea>);
}

// Backwards: flags that are written again before anything reads them, misses, faults or leaves the block are not computed.
void Builder::drop_dead_flags() {
    u32 wanted = status::OSZAPC;
    for (unsigned n = count; n-- > 0;) {
        auto& d = drafts[n];
        if (!d.key) {
            wanted = status::OSZAPC;
            continue;
        }
        bool dead = !(d.key->may & wanted);
        if (dead) d.op.run = d.key->dead;
        wanted = (dead ? wanted : wanted & ~u32{d.key->writes}) | d.key->reads;
        if (!quiet(insns[n], *d.key) || d.marked) wanted = status::OSZAPC;
    }
}

void Builder::fuse() {
    for (unsigned n = 0; n + 1 < count; n++) {
        auto &d = drafts[n], &branch = drafts[n + 1];
        if (!d.key || !branch.key || !branch.branches || branch.marked) continue;
        u8 condition = condition_of(insns[n + 1]);
        if (condition == no_condition) continue;
        Address address = d.key->address;
        if (address >= Address::index1 && address <= Address::index8) address = Address::scaled;
        const Key* pair = find({d.key->id, d.key->word, d.key->form, address, condition});
        if (!pair) continue;
        d.op.run = pair->live;
        d.branches = true, d.relative = branch.relative, d.cut = branch.cut;
        branch.alone = true;
    }
}

void Builder::pair() {
    auto& table = table_of_pairs();
    for (unsigned n = 0; n + 1 < count; n++) {
        auto found = table.find({drafts[n].op.run, drafts[n + 1].op.run});
        if (found == table.end() || drafts[n + 1].marked) continue;
        drafts[n].op.run = found->second;
        drafts[++n].alone = true;
    }
}

// Its Ops stay where they are, and what they say; only which handlers run them changes.
void Builder::copy_handlers(Block& block) {
    static_assert(most_ops + 2 <= 64);            // a call, which has an Op for its return point, ends a block
    copies.clear();
    for (u64 left = block.handlers; left; left &= left - 1) {
        Op& op = block.ops()[std::countr_zero(left)];
        copies.plan(op.run == call_slow ? nullptr : op.run, &op, &op.run);
    }
    for (Stub* s = block.stubs; s; s = s->sibling)
        if (s->leaves_page()) copies.plan(cross_page, &s->op, &s->crossing);
    if (!blocks.has_room_for_code(copies.bytes())) return;
    copies.write(blocks.allocate_code(copies.bytes()));
    for (Stub* s = block.stubs; s; s = s->sibling) {
        if (s->op.run == cross_page) s->op.run = s->crossing;
        for (auto& site : copies.sites) {
            if (site.op == s->source) s->site = site.site;
            if (site.op == &s->op) s->crossing_site = site.site;
        }
        blocks.aim(*s);
    }
    for (Stub* s = block.incoming; s; s = s->next) blocks.aim(*s);
}

void Builder::count_runs(Block& block) {
    block.first = std::exchange(block.ops()->run, count_run);
    block.runs_left = cpu.tuning.copy_at;
}

static void put_mark(Op* op, u8 kind, u32 mode, unsigned before, u16 where) {
    new (op) Op;
    op->run = look_at_mark, op->before = u8(before), op->offset = where, op->src = kind;
    op->dst = (mode & mode::size) != u32(decode::CodeSize::bits64);          // the segment may begin anywhere
}

Block* Builder::emit(const u8* start, u32 mode) {
    bool one = count == 0;                     // nothing that a block can hold
    u8 one_marked = one ? blocks.marks.of_unknown(offset, mode >> mode::page_shift) : 0;
    unsigned ops = one ? 1 + bool(one_marked) : 0, stubs = 0, outside = 0;
    bool open = !one && !(drafts[count - 1].key && leaves(insns[count - 1]));
    for (unsigned n = 0; n < count; n++) {
        ops += 1u + drafts[n].returns + bool(drafts[n].marked);
        stubs += drafts[n].branches + drafts[n].returns;
        outside += !drafts[n].key;
    }
    if (open) ops++, stubs++;
    std::size_t size = sizeof(Block) + ops * sizeof(Op), rounded = 32;
    blocks.reserve(size + stubs * sizeof(Stub) + outside * sizeof(::Insn) + 3 * rounded);
    auto* block = new (blocks.allocate(size)) Block;
    auto* stub = stubs ? static_cast<Stub*>(blocks.allocate(stubs * sizeof(Stub))) : nullptr;
    auto* kept = outside ? static_cast<::Insn*>(blocks.allocate(outside * sizeof(::Insn))) : nullptr;
    block->start = start, block->mode = mode, block->count = u16(ops);
    block->length = u16(one ? std::min(15u, 4096 - offset) : length);
    Op* op = block->ops();
    auto lead = [&](Op* from, u64 relative, u64 cut, u16 where) {
        auto* s = new (stub++) Stub;
        s->op.run = resolve, s->op.offset = where, s->op.dst = Stub::mark;
        s->relative = relative, s->cut = cut, s->source = from, s->owner = block;
        s->sibling = block->stubs, block->stubs = s;
        from->link = &s->op;
    };
    u64 fall_through = (mode & mode::size) == u32(decode::CodeSize::bits64) ? ~u64{0} : 0xffffffff;
    for (unsigned n = 0; n < count; n++) {
        auto& d = drafts[n];
        if (d.marked) {
            block->handlers |= bit(unsigned(op - block->ops()));
            put_mark(op++, d.marked, mode, n, d.op.offset);
        }
        new (op) Op(d.op);
        if (!d.key) op->run = call_slow, op->decoded = new (kept++) ::Insn(insns[n]);
        if (d.branches) lead(op, d.relative, d.cut, op->offset);
        if (!d.alone) block->handlers |= bit(unsigned(op - block->ops()));
        op++;
        if (!d.returns) continue;
        new (op) Op;
        op->run = leave, op->offset = u16(d.op.immediate), op->before = 0;
        lead(op, u64(d.op.immediate), fall_through, op->offset);
        op++;
    }
    if (open) {
        new (op) Op;
        op->run = go_on, op->before = u8(count), op->offset = u16(offset + length);
        lead(op, offset + length, fall_through, op->offset);
        block->handlers |= bit(unsigned(op - block->ops()));
    }
    if (one_marked) put_mark(op++, one_marked, mode, 0, u16(offset));
    if (one) new (op) Op, op->run = one_in_slow, op->offset = u16(offset);
    else if (blocks.copying()) count_runs(*block);
    blocks.counters.instructions += count;
    blocks.add(block, const_cast<u8*>(start) - offset);
    return block;
}

Block* Builder::build(const u8* start, u32 mode) {
    unsigned ops = 0;
    count = 0, length = 0;
    offset = unsigned(reinterpret_cast<u64>(start) & 0xfff);
    while (count < Blocks::most_instructions && ops < most_ops && decode_next(start, offset + length)) {
        draft_one(count, mode);
        ops += 1u + bool(drafts[count].marked);
        count++;
        if (leaves(insns[count - 1])) break;
    }
    if (cpu.tuning.dead_flags) drop_dead_flags();
    if (cpu.tuning.fusion) fuse(), pair();
    return emit(start, mode);
}

}
