// SPDX-License-Identifier: MIT
// The generator of streams: instructions from rows, their surroundings in memory, and the tables that both need.
#include "tests/lockstep/stream.h"
#include "cpu/isa/families.h"
#include "tests/lockstep/clock.h"
#include "tests/lockstep/engines.h"
#include <algorithm>
#include <cstdio>
#include <cstring>

extern "C" const u8 handlers64[], handlers64_end[], handlers32[], handlers32_end[], handlers16[], handlers16_end[];

namespace lockstep {
namespace {
using isa::From;
using isa::Prefix;
using isa::RexW;

struct Family {
    unsigned weight;
    std::span<const isa::Row> (*rows)();
};
constexpr Family families[] = {
    {30, isa::integer}, {25, isa::move}, {10, isa::shift}, {6, isa::bitwise}, {3, isa::bmi}, {1, isa::bcd}, {2, isa::branch}, {9, isa::stack},
    {3, isa::string}, {3, isa::flags}, {2, isa::misc}, {1, isa::segment}, {1, isa::interrupt}, {1, isa::system}, {1, isa::io}, {4, isa::x87},
    {2, isa::mmx}, {5, isa::sse}, {5, isa::sse2}, {3, isa::avx}, {3, isa::avx_integer}, {2, isa::avx_sse4}, {1, isa::avx2}, {1, isa::fma},
    {1, isa::xsave},
};

template <class Rows> auto& weighted(Random& random, const Rows& rows) {
    unsigned sum = 0;
    for (auto& row : rows) sum += row.weight;
    u64 at = random.below(sum);
    for (auto& row : rows) {
        if (at < row.weight) return row;
        at -= row.weight;
    }
    return rows[0];
}

bool has(const isa::Row& row, std::initializer_list<From> list) {
    return std::ranges::any_of(row.operands.o, [&](auto& o) { return std::ranges::find(list, o.from) != list.end(); });
}

bool may_be_memory(const isa::Row& row) {
    if (!row.encoding.has_modrm || row.gate.mod_ignored) return false;
    if (row.encoding.modrm_mask >= 0xc0) return row.encoding.modrm_value < 0xc0;
    char mod = row.operands.mod();
    return mod == 'M' || (mod == ' ' && has(row, {From::E, From::W, From::Q}));
}
bool must_be_memory(const isa::Row& row) { return row.operands.mod() == 'M' || (row.encoding.modrm_mask >= 0xc0 && row.encoding.modrm_value < 0xc0); }

class Generator {
public:
    Generator(Random& random, Mode mode, const CpuModel& model) : random(random), mode(mode), model(model) {
        decoding.size = mode == Mode::long64 ? decode::CodeSize::bits64 : mode <= Mode::flat32 ? decode::CodeSize::bits32 : decode::CodeSize::bits16;
        decoding.protected_mode = mode != Mode::real16;
        decoding.amd = model.vendor == Vendor::amd;
        decoding.features = &model.features;
    }
    Setup make();

private:
    // ---- addresses
    u64 linear_of(u64 physical);          // one of the places where it shows
    u64 pointer();
    u64 rip_of(unsigned offset) const { return setup.rip_base + offset; }

    // ---- instructions
    void instruction();
    void from_row();
    bool assemble(const isa::Row& row, std::vector<u8>& out);
    void modrm(const isa::Row& row, std::vector<u8>& out, u8 rex, bool short_addresses);
    void add(std::vector<u8> bytes);
    void branch();
    void fused();
    void loop();
    void repeated();
    void store_into_code();
    void indirect();
    void return_changed();
    void remapped();
    void permission();
    void far();
    void resolve();

    void tables(Setup& s);
    void page_table(Setup& s);
    void descriptors(Setup& s);
    void registers(Setup& s);

    bool bits64() const { return mode == Mode::long64; }
    bool bits16() const { return mode >= Mode::protected16; }

    Random& random;
    Mode mode;
    const CpuModel& model;
    decode::Mode decoding;
    struct { u64 rip_base = 0; } setup;
    std::vector<u8> code;                 // from `begin` on
    unsigned begin = 0;
    std::vector<unsigned> starts;         // of instructions, in `code`
    struct Fix {
        unsigned at, width;
        bool backwards_too;
    };
    std::vector<Fix> branches, self;      // displacements of branches; addresses of stores into the code
    unsigned loop_start = 0, loop_left = 0;
    bool user = false;
};

template <class T> void put(Setup& s, u64 at, T value) { std::memcpy(s.image.data() + at, &value, sizeof value); }

constexpr u64 aliases[] = {0, 0, 0, 0, 4 << 20, 8 << 20, 16 << 20, 32 << 20, 2 << 20};
constexpr u64 high_aliases[] = {0xffff800000000000, 0xffffffffc0000000, 0xffffffffc0400000, 0x0000008000000000};

u64 Generator::linear_of(u64 physical) {
    switch (mode) {
    case Mode::long64: return physical + (random.chance(20) ? random.pick(high_aliases) : random.pick(aliases));
    case Mode::compatibility32: case Mode::paged32: case Mode::pae32: return physical + random.pick(aliases);
    default: return physical;
    }
}

// Mostly near the end of a page.
u64 Generator::pointer() {
    static constexpr u64 pages[] = {AT_CODE, AT_CODE + 0x1000, 0xf000, AT_TARGETS, 0x25000, 0x26000, AT_DEVICE, AT_STACKS + 0x3000};
    u64 page = random.chance(75) ? AT_DATA + random.below(16) * 0x1000 : random.chance(15) ? 0x30000 + random.below(64) * 0x1000 : random.pick(pages);
    u64 offset = random.chance(35) ? 0x1000 - random.below(24) : random.chance(30) ? random.below(0x1000) : random.below(0x200) * 8;
    if (bits16()) return (page + offset) & 0xffff;
    return linear_of(page) + offset;
}

void Generator::add(std::vector<u8> bytes) {
    starts.push_back(unsigned(code.size()));
    code.insert(code.end(), bytes.begin(), bytes.end());
}

// ---- one row

void Generator::modrm(const isa::Row& row, std::vector<u8>& out, u8 rex, bool short_addresses) {
    auto& e = row.encoding;
    bool memory = may_be_memory(row) && (must_be_memory(row) || random.chance(55));
    u8 reg = random.chance(85) ? u8(random.below(3)) : u8(random.below(8));
    auto byte = [&](u8 mod, u8 rm) { return u8((((mod << 6) | (reg << 3) | rm) & ~e.modrm_mask) | e.modrm_value); };
    auto tail = [&](u64 value, unsigned bytes) { for (unsigned i = 0; i < bytes; i++) out.push_back(u8(value >> i * 8)); };
    if (!memory) return out.push_back(byte(3, random.chance(80) ? u8(random.below(3)) : u8(random.below(8))));
    u64 near = random.chance(60) ? random.below(16) * 4 : random.below(256) - 128;
    if (short_addresses) {
        u8 rm = u8(random.below(8)), mod = rm == 6 || random.chance(50) ? 1 : u8(random.below(3));
        out.push_back(byte(mod, rm));
        if (mod == 1) tail(near, 1);
        else if (mod == 2 || rm == 6) tail(random.flip() ? near : pointer(), 2);
        return;
    }
    if (random.chance(12)) {                               // an address in the instruction, or by RIP
        out.push_back(byte(0, 5));
        u64 target = pointer();
        if (bits64()) target = random.flip() ? target - rip_of(begin + unsigned(code.size())) : random.below(0x800) - 0x400;
        return tail(target, 4);
    }
    static constexpr u8 bases[] = {3, 5, 6, 7, 6, 7, 3, 1};
    u8 base = random.chance(4) ? 4 : random.pick(bases), mod = random.chance(70) ? 1 : random.chance(50) ? 2 : 0;
    if (rex & 1) base = u8(4 + random.below(3));           // R12 to R14
    bool indexed = base == 4 || random.chance(25);
    if (base == 5 && mod == 0) mod = 1;
    out.push_back(byte(mod, indexed ? 4 : base));
    if (indexed) out.push_back(u8(random.below(4) << 6 | (random.chance(30) ? 4 : random.below(3)) << 3 | base));
    if (mod == 1) tail(near, 1);
    if (mod == 2) tail(random.chance(80) ? near * 16 : random.next(), 4);
}

bool Generator::assemble(const isa::Row& row, std::vector<u8>& out) {
    auto& e = row.encoding;
    bool w = e.w == RexW::w1 || (e.w == RexW::any && bits64() && random.chance(40)), short_addresses = bits16();
    if (e.prefix == Prefix::p66 ? !e.vex : e.prefix == Prefix::any && random.chance(bits16() ? 40 : 12)) out.push_back(0x66);
    if (random.chance(bits16() ? 25 : 3)) out.push_back(0x67), short_addresses = !short_addresses && !bits64();
    if (row.gate.lock && may_be_memory(row) && random.chance(8)) out.push_back(0xf0);
    static constexpr u8 overrides[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x64, 0x65};
    if (random.chance(6)) out.push_back(random.pick(overrides));
    if (!e.vex && e.prefix == Prefix::pF3) out.push_back(0xf3);
    if (!e.vex && e.prefix == Prefix::pF2) out.push_back(0xf2);
    u8 rex = 0;
    if (e.vex) {
        static constexpr u8 pp[] = {0, 0, 1, 2, 3};
        bool l = e.l == isa::VexL::any ? random.flip() : e.l == isa::VexL::l1;
        out.push_back(0xc4);
        out.push_back(u8(0xe0 | e.map));
        out.push_back(u8((w ? 0x80 : 0) | (has(row, {From::B, From::H}) ? 8 + random.below(8) : 15) << 3 | (l ? 4 : 0) | pp[unsigned(e.prefix)]));
    } else {
        if (bits64() && (w || random.chance(40))) rex = u8(0x40 | (w ? 8 : 0) | random.below(8)), out.push_back(rex);
        if (e.map) out.push_back(0x0f);
        if (e.map == 2) out.push_back(0x38);
        if (e.map == 3) out.push_back(0x3a);
    }
    out.push_back(u8(e.opcode + (e.plus_r ? (random.chance(80) ? random.below(3) : random.below(8)) : 0)));
    if (e.has_modrm) modrm(row, out, rex, short_addresses);
    u64 tail = random.chance(50) ? random.below(256) - 128 : random.next();
    if (has(row, {From::O})) tail = pointer();
    for (unsigned i = 0; i < 8; i++) out.push_back(u8(tail >> i * 8));
    Insn insn;
    out.resize(std::max<std::size_t>(out.size(), 15));
    if (decode::decode({out.data(), 15}, decoding, insn) != decode::Result::ok || insn.row != &row) return false;
    out.resize(insn.length);
    // Registers with pointers, and the stack pointer, are seldom destinations.
    auto& o = insn.operand[0];
    bool pointers = o.place == Place::gpr && (o.number == rbx || (o.number >= rsp && o.number <= rdi) || o.number >= r12);
    return !pointers || row.name == "push" || row.name == "cmp" || row.name == "test" || random.chance(o.number == rsp || o.number == r15 ? 2 : 12);
}

void Generator::from_row() {
    for (unsigned tries = 0; tries < 20; tries++) {
        auto rows = weighted(random, families).rows();
        auto& row = rows[random.below(rows.size())];
        if (bits64() ? row.gate.not64 : row.gate.only64) continue;
        if (row.name == "hlt" && random.chance(95)) continue;
        std::vector<u8> bytes;
        if (assemble(row, bytes)) return add(bytes);
    }
}

// ---- patterns

// Whether displacements are of 2 bytes without an operand-size prefix.
void Generator::branch() {
    static constexpr u8 near_call_jump[] = {0xe8, 0xe9, 0xe8};
    unsigned wide = bits16() ? 2 : 4;
    starts.push_back(unsigned(code.size()));
    u8 condition = u8(random.below(16));
    switch (random.below(6)) {
    case 0: code.insert(code.end(), {0x0f, u8(0x80 | condition)}), branches.push_back({unsigned(code.size()), wide, random.chance(25)}); break;
    case 1: code.push_back(random.pick(near_call_jump)), branches.push_back({unsigned(code.size()), wide, random.chance(20)}); break;
    case 2: code.push_back(0xc3); return;
    case 3: code.push_back(u8(0xe0 + random.below(4))), branches.push_back({unsigned(code.size()), 1, random.chance(40)}); break;
    default: code.push_back(random.chance(80) ? u8(0x70 | condition) : 0xeb), branches.push_back({unsigned(code.size()), 1, random.chance(30)}); break;
    }
    code.resize(code.size() + branches.back().width);
}

// A comparison or arithmetic, its branch behind it, and now and then a second reader of the flags.
void Generator::fused() {
    static constexpr u8 operations[] = {0x38, 0x39, 0x3a, 0x3b, 0x84, 0x85, 0x00, 0x01, 0x28, 0x29, 0x20, 0x21, 0xfe, 0xff, 0x83, 0x80, 0xa8, 0x3c, 0x3d, 0xa9, 0xf6, 0xf7};
    for (unsigned tries = 0; tries < 10; tries++) {
        u8 opcode = random.pick(operations);
        std::vector<u8> out;
        if (bits64() && random.flip()) out.push_back(random.flip() ? 0x48 : 0x40);
        else if (random.chance(15)) out.push_back(0x66);
        out.push_back(opcode);
        bool immediate_only = opcode == 0xa8 || opcode == 0x3c || opcode == 0x3d || opcode == 0xa9;
        static constexpr u8 reg_of[] = {7, 0, 5, 4};
        u8 reg = opcode == 0x80 || opcode == 0x83 ? random.pick(reg_of) : opcode >= 0xfe ? u8(random.below(2)) : opcode >= 0xf6 ? 0 : u8(random.below(8));
        static constexpr u8 bases[] = {3, 5, 6, 7};
        bool memory = !bits16() && random.chance(35);
        if (!immediate_only) out.push_back(u8((memory ? 0x40 : 0xc0) | reg << 3 | (memory ? random.pick(bases) : random.below(3))));
        if (memory && !immediate_only) out.push_back(u8(random.below(16) * 4));
        u64 tail = random.flip() ? random.below(4) : random.next();
        for (unsigned i = 0; i < 8; i++) out.push_back(u8(tail >> i * 8));
        out.resize(15);
        Insn insn;
        if (decode::decode({out.data(), 15}, decoding, insn) != decode::Result::ok) continue;
        out.resize(insn.length);
        add(out);
        break;
    }
    if (random.chance(15)) from_row();
    starts.push_back(unsigned(code.size()));
    code.push_back(u8(0x70 | random.below(16)));
    branches.push_back({unsigned(code.size()), 1, random.chance(10)});
    code.push_back(0);
    if (random.chance(30)) add({0x0f, u8(0x90 | random.below(16)), u8(0xc0 | random.below(3))});
}

// Counts R15, EBP or BP down.
void Generator::loop() {
    u8 count = u8(2 + random.below(random.chance(20) ? 120 : 20));
    if (bits64()) add({0x41, 0xbf, count, 0, 0, 0});
    else if (bits16()) add({0xbd, count, 0});
    else add({0xbd, count, 0, 0, 0});
    loop_start = unsigned(code.size()), loop_left = unsigned(3 + random.below(14));
}
void close_loop(std::vector<u8>& code, unsigned start, bool bits64) {
    if (bits64) code.insert(code.end(), {0x41, 0xff, 0xcf});
    else code.push_back(0x4d);
    u64 distance = u64(start) - (code.size() + 2);
    if (distance >= ~u64{127}) code.insert(code.end(), {0x75, u8(distance)});
}

void Generator::repeated() {
    static constexpr u8 operations[] = {0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf, 0xa4, 0xaa, 0xab};
    u64 count = random.chance(15) ? 200 + random.below(4000) : random.below(40);
    if (random.chance(30)) add({u8(0xfc + random.below(2))});
    if (bits16()) add({0xb9, u8(count), u8(count >> 8)});
    else add({0xb9, u8(count), u8(count >> 8), 0, 0});
    std::vector<u8> out;
    if (random.chance(10)) out.push_back(0x66);
    if (!bits64() && random.chance(5)) out.push_back(0x67);
    out.push_back(random.chance(70) ? 0xf3 : 0xf2);
    if (bits64() && random.chance(40)) out.push_back(0x48);
    out.push_back(random.pick(operations));
    add(out);
}

// A store of a register or an immediate to an address within the code, decided on in the end.
void Generator::store_into_code() {
    starts.push_back(unsigned(code.size()));
    bool word = random.chance(15);
    if (bits16()) {
        code.insert(code.end(), {0x2e, u8(word ? 0x89 : 0x88), 0x06});
        self.push_back({unsigned(code.size()), 2, false});
        code.resize(code.size() + 2);
        return;
    }
    bool immediate = !word && random.flip();
    code.insert(code.end(), {u8(immediate ? 0xc6 : word ? 0x89 : 0x88), 0x05});
    self.push_back({unsigned(code.size()), 4, immediate});
    code.resize(code.size() + 4);
    if (immediate) code.push_back(u8(random.next()));
}

// Through the table of targets, or a register that has been loaded from it.
void Generator::indirect() {
    u8 slot = u8(random.below(16)), reg = u8(random.flip() ? 2 : 4);
    u64 table = AT_TARGETS + slot * 8;
    if (bits16() || mode == Mode::compatibility32) return branch();
    if (bits64()) {
        if (random.flip()) return add({0xff, u8(0x04 | reg << 3), 0x25, u8(table), u8(table >> 8), u8(table >> 16), 0});
        add({0x48, 0x8b, 0x04, 0x25, u8(table), u8(table >> 8), u8(table >> 16), 0});
    } else {
        if (random.flip()) return add({0xff, u8(0x05 | reg << 3), u8(table), u8(table >> 8), u8(table >> 16), 0});
        add({0xa1, u8(table), u8(table >> 8), u8(table >> 16), 0});
    }
    add({0xff, u8(0xc0 | reg << 3)});
}

// The return address on the stack is another one when RET comes.
void Generator::return_changed() {
    if (!bits64()) return branch();
    u64 table = AT_TARGETS + random.below(16) * 8;
    add({0xff, 0x34, 0x25, u8(table), u8(table >> 8), u8(table >> 16), 0});
    if (random.flip()) from_row();
    add({0xc3});
}

// An entry of the page table changes: the rights of some page, or where a page shows; then it is invalidated, or not.
void Generator::remapped() {
    if (mode > Mode::pae32 || user || mode == Mode::compatibility32) return from_row();
    unsigned width = mode == Mode::paged32 ? 4 : 8;
    u64 page = random.chance(25) ? (AT_CODE >> 12) + random.below(2) : random.chance(30) ? 0x30 + random.below(0x50) : 0x10 + random.below(16);
    u64 entry = AT_TABLES + 0x3000 + page * width;
    auto address = [&](std::vector<u8>& out, u8 reg, u64 at) {
        out.push_back(u8(reg << 3 | (bits64() ? 4 : 5)));
        if (bits64()) out.push_back(0x25);
        for (unsigned i = 0; i < 4; i++) out.push_back(u8(at >> i * 8));
    };
    static constexpr u8 flags[] = {2, 2, 0x20, 0x40, 0x60, 0x10, 1};
    std::vector<u8> out;
    if (page >= 0x30 && random.flip()) {                   // another page of the code or the data
        u64 other = random.chance(60) ? (AT_CODE >> 12) + random.below(2) : 0x10 + random.below(16);
        out = {0xc7}, address(out, 0, entry);
        for (u64 value = other << 12 | 0x67, i = 0; i < 4; i++) out.push_back(u8(value >> i * 8));
    } else {
        out = {0x80}, address(out, 6, entry);
        out.push_back(random.pick(flags));
    }
    add(out);
    if (random.chance(20)) return;
    if (random.chance(25)) return add({0x0f, 0x20, 0xd8}), add({0x0f, 0x22, 0xd8});           // MOV CR3
    out = {0x0f, 0x01}, address(out, 7, page << 12 | (random.chance(70) ? 0 : random.pick(aliases)));
    add(out);
}

// What decides about access changes without any invalidation: SMAP's AC, CR0.WP, PKRU.
void Generator::permission() {
    switch (random.below(bits64() ? 4 : 2)) {
    case 0: return add({0x0f, 0x01, u8(0xca + random.below(2))});                              // CLAC, STAC
    case 1: return add({0x0f, 0x20, 0xc0}), add({0x35, 0, 0, 1, 0}), add({0x0f, 0x22, 0xc0});  // CR0.WP
    case 2: return add({0x31, 0xc9}), add({0x31, 0xd2}), add({0xb8, u8(random.next() & 0xfc), 0, 0, 0}), add({0x0f, 0x01, 0xef});
    default: return add({0x9c}), add({0x81, 0x34, 0x24, 0, 0, 4, 0}), add({0x9d});             // PUSHF, AC, POPF
    }
}

// SYSCALL, SYSRET, IRET, and RETF to the same code in another mode.
void Generator::far() {
    if (!bits64()) return branch();
    u64 table = AT_TARGETS + random.below(16) * 8;
    u8 low = u8(table), middle = u8(table >> 8), high = u8(table >> 16);
    switch (random.below(4)) {
    case 0: return add({0x0f, 0x05});
    case 1: return add({0x48, 0x8b, 0x0c, 0x25, low, middle, high, 0}), add({0x48, 0x0f, 0x07});
    case 2:
        add({0x48, 0x89, 0xe0}), add({0x8c, 0xd2}), add({0x52}), add({0x50}), add({0x9c});
        add({0x8c, 0xca}), add({0x52}), add({0xff, 0x34, 0x25, low, middle, high, 0});
        return add({0x48, 0xcf});
    default: {
        u8 selector = random.chance(70) ? user ? 0x8b : 0x08 : user ? 0x9b : 0x18;
        add({0x68, selector, 0, 0, 0}), add({0xff, 0x34, 0x25, low, middle, high, 0});
        return add({0x48, 0xcb});
    }
    }
}

void Generator::instruction() {
    if (loop_left && --loop_left == 0) {
        starts.push_back(unsigned(code.size()));
        return close_loop(code, loop_start, bits64());
    }
    struct { unsigned weight; void (Generator::*make)(); } items[] = {
        {70, &Generator::from_row}, {8, &Generator::branch}, {10, &Generator::fused}, {loop_left ? 0u : 5u, &Generator::loop},
        {3, &Generator::repeated}, {2, &Generator::store_into_code}, {2, &Generator::indirect}, {1, &Generator::return_changed},
        {2, &Generator::remapped}, {2, &Generator::permission}, {2, &Generator::far},
    };
    (this->*weighted(random, items).make)();
}

// Branches get targets among the instructions; stores into the code the last byte of some instruction, where its immediate or
// displacement is, or any.
void Generator::resolve() {
    for (auto& b : branches) {
        u64 here = b.at + b.width;
        std::vector<unsigned> good;
        for (unsigned s : starts) {
            s64 distance = s64(s) - s64(here);
            if ((distance >= 0 || b.backwards_too) && distance < 120 && distance >= -120) good.push_back(s);
        }
        u64 distance = good.empty() ? 0 : good[random.below(std::min<u64>(good.size(), b.backwards_too ? good.size() : 8))] - here;
        for (unsigned i = 0; i < b.width; i++) code[b.at + i] = u8(distance >> i * 8);
    }
    for (auto& s : self) {
        unsigned n = unsigned(random.below(starts.size() - 1));
        u64 target = begin + (random.chance(80) ? starts[n + 1] - 1 : random.below(code.size()));
        u64 address = bits64() ? target - (begin + s.at + s.width + s.backwards_too) : bits16() ? rip_of(unsigned(target)) : rip_of(unsigned(target));
        for (unsigned i = 0; i < s.width; i++) code[s.at + i] = u8(address >> i * 8);
    }
}

// ---- memory

void Generator::descriptors(Setup& s) {
    auto gdt = [&](unsigned at, u64 value) {
        put(s, AT_GDT + at, value);
        put(s, AT_GDT + 0x80 + at, value | u64{0x60} << 40);       // the same for CPL 3
    };
    gdt(0x08, 0x00af9b000000ffff), gdt(0x10, 0x00cf93000000ffff), gdt(0x18, 0x00cf9b000000ffff), gdt(0x20, 0x00009b000000ffff);
    gdt(0x28, 0x000093000000ffff);
    put(s, AT_GDT + 0xb0, u64{0x00cffb000000ffff}), put(s, AT_GDT + 0xb8, u64{0x00cff3000000ffff}), put(s, AT_GDT + 0xc0, u64{0x00affb000000ffff});
    put(s, AT_GDT + 0x48, u64{0x0000890000000067} | u64{AT_TSS} << 16), put(s, AT_GDT + 0x50, u64{0});
    bool longs = mode <= Mode::compatibility32;
    if (longs) {
        put(s, AT_TSS + 4, u64{AT_STACKS + 0xff0}), put(s, AT_TSS + 0x24, u64{AT_STACKS + 0x1ff0});
    } else {
        put(s, AT_TSS + 4, u32{AT_STACKS + 0x1ff0}), put(s, AT_TSS + 8, u32{0x10});
    }
    put(s, AT_TSS + 0x66, u16{0x68});
    for (u64 v = 0; v < 256; v++) {
        u64 to = v < 32 ? AT_HANDLERS + v * 16 : INTERRUPT_HANDLER;
        if (v == 2) to = INTERRUPT_HANDLER;
        u64 gate = (to & 0xffff) | (longs ? 0x08 : 0x18) << 16 | u64{0xee} << 40 | to >> 16 << 48;
        if (mode == Mode::real16) put(s, v * 4, u32(to));
        else if (longs) put(s, AT_IDT + v * 16, gate | u64{1} << 32), put(s, AT_IDT + v * 16 + 8, u64{0});
        else put(s, AT_IDT + v * 8, gate);
    }
}

// The first 2 MiB by one table of 4-KiB pages (above RAM they show RAM again, in disorder), which shows at several addresses.
void Generator::page_table(Setup& s) {
    if (mode > Mode::pae32) return;
    unsigned width = mode == Mode::paged32 ? 4 : 8;
    auto entry = [&](u64 table, u64 n, u64 value) { std::memcpy(s.image.data() + table + n * width, &value, width); };
    for (u64 i = 0; i < 16; i++) put(s, AT_TABLES + i * 0x400, u64{0});
    std::fill_n(s.image.begin() + AT_TABLES, 0x4000, u8(0));
    constexpr u64 directory = AT_TABLES + 0x2000, table = AT_TABLES + 0x3000;
    bool spoil = random.chance(60);
    for (u64 n = 0; n < 0x80; n++) {
        u64 page = n < 0x30 ? n : random.chance(40) ? random.below(2) + (AT_CODE >> 12) : random.below(0x30);
        bool code_page = n == AT_CODE >> 12 || n == (AT_CODE >> 12) + 1, system = n < AT_CODE >> 12 || (n >= AT_STACKS >> 12 && n < (AT_STACKS >> 12) + 2);
        u64 flags = system ? 3 : code_page || n == (AT_STACKS >> 12) + 3 ? (user ? 7 : 3) : random.flip() ? 7 : user ? 7 : 3;
        if (random.chance(70)) flags |= 0x60;
        if (!system && !code_page && spoil) {
            static constexpr u64 spoilt[] = {1, 2, 4, 2, 1, 0x100};
            if (random.chance(35)) flags ^= random.pick(spoilt);
            if (width == 8 && random.chance(10)) flags |= s.nxe || random.chance(10) ? bit(63) : 0;
            if (width == 8 && random.chance(2)) flags |= bit(51);
            if (mode <= Mode::compatibility32 && random.chance(20)) flags |= random.below(4) << 59;
        }
        if (code_page && random.chance(6)) flags &= ~u64{2};
        entry(table, n, page << 12 | flags);
    }
    if (mode == Mode::paged32) {
        for (u64 n : {0, 1, 2, 4, 8}) entry(AT_TABLES, n, table | 0x67);
        entry(AT_TABLES, 0x300, table | 0x67);
        return;
    }
    for (u64 n : {0, 2, 4, 8, 16}) entry(directory, n, table | 0x67);
    entry(directory, 1, 0x83 | (user ? 4 : 0) | (random.flip() ? 0x60 : 0));
    entry(directory, 3, 0x81 | (s.nxe ? bit(63) : 0));
    if (mode == Mode::pae32) {
        for (u64 n : {0, 1, 3}) entry(AT_TABLES, n, directory | 1);
        return;
    }
    for (u64 n : {0, 1, 511}) entry(AT_TABLES + 0x1000, n, directory | 0x67);
    for (u64 n : {0, 1, 256, 511}) entry(AT_TABLES, n, (AT_TABLES + 0x1000) | 0x67);
}

void Generator::registers(Setup& s) {
    for (unsigned n = 0; n < 16; n++) s.gpr[n] = n < 3 || (n >= 8 && n < 12) ? (random.flip() ? random.below(64) : random.magnitude(64)) : pointer();
    s.gpr[r15] = random.below(16);
    s.gpr[rsp] = bits16() ? 0xe000 + random.below(0x800) * 2 : AT_STACKS + 0x3000 + random.below(0x1f0) * 8;
    if (mode == Mode::real16) s.gpr[rsp] -= 0x8000;
    if (!bits64()) for (auto& r : s.gpr) r = u32(r);
    if (bits16()) for (auto& r : s.gpr) r = u16(r);
    s.rflags = random.next() & (rflags::status | (random.chance(90) ? rflags::if_ : 0) | (random.chance(10) ? u64{rflags::df} : 0));
    if (random.chance(4)) s.rflags |= rflags::ac;
    if (random.chance(2)) s.rflags |= rflags::tf;
    s.cr0 = (random.chance(80) ? cr0::wp : 0) | (random.chance(20) ? cr0::am : 0) | (random.chance(2) ? cr0::ts : 0);
    s.cr4 = (random.chance(70) ? cr4::pge : 0) | (random.flip() ? cr4::fsgsbase : 0);
    if (!model.features.has(Feature::fsgsbase)) s.cr4 &= ~cr4::fsgsbase;
    if (mode <= Mode::pae32 && !user && model.features.has(Feature::smap) && random.chance(25)) s.cr4 |= cr4::smap;
    if (mode <= Mode::pae32 && !user && model.features.has(Feature::smep) && random.chance(25)) s.cr4 |= cr4::smep;
    if (mode <= Mode::compatibility32 && model.features.has(Feature::pku) && random.chance(25)) s.cr4 |= cr4::pke;
    s.pkru = u32(random.next()) & 0xfc;
    s.mxcsr = random.chance(80) ? 0x1f80 : u32(random.next() & 0xffbf);
    s.fpu_control = random.chance(80) ? 0x37f : u16((random.next() & 0x0f3f) | 0x40);
    u8 dpl = user ? 3 : 0;
    Segment flat{u16(0x10 + (user ? 0x83 : 0)), 0, 0xffffffff, {0xc093u | u32(dpl) << 5}};
    for (auto& d : s.data) d = flat;
    if (bits16())
        for (unsigned n : {0, 3, 4, 5}) {
            u64 base = random.flip() ? AT_DATA : random.flip() ? 0 : AT_CODE + random.below(0x100) * 16;
            if (mode == Mode::real16) s.data[n] = {u16(base >> 4), base, 0xffff, {0x93}};
            else s.data[n] = {0x28, base, 0xffff, {0x0093}};
        }
    if (mode == Mode::real16) s.data[2] = {0x800, 0x8000, 0xffff, {0x93}};
    if (mode == Mode::protected16) s.data[2] = {0x28, 0, 0xffff, {0x0093}};
    if (mode == Mode::long64)
        for (unsigned n : {4, 5}) s.data[n].base = random.flip() ? pointer() & ~u64{0xfff} : 0;
    bool split = mode >= Mode::compatibility32 && mode <= Mode::flat32 && random.chance(20);
    if (split)
        for (unsigned n : {0, 3, 4, 5})
            if (random.flip()) s.data[n].base = random.below(64) * 0x100, s.data[n].limit = random.flip() ? 0xffffffff : AT_DATA + u32(random.below(0x20000));
}

void Generator::tables(Setup& s) {
    auto handlers = mode <= Mode::compatibility32 ? std::span(handlers64, handlers64_end) : mode != Mode::real16 ? std::span(handlers32, handlers32_end)
                                                                                                                  : std::span(handlers16, handlers16_end);
    std::copy(handlers.begin(), handlers.end(), s.image.begin() + AT_HANDLERS);
    std::fill_n(s.image.begin() + AT_LENGTHS, CODE_SIZE, u8(0));
    for (std::size_t i = 0; i < starts.size(); i++)
        s.image[AT_LENGTHS + begin + starts[i]] = u8((i + 1 < starts.size() ? starts[i + 1] : code.size()) - starts[i]);
    std::copy(code.begin(), code.end(), s.image.begin() + AT_CODE + begin);
    put(s, AT_BASE, setup.rip_base), put(s, AT_START, rip_of(begin)), put(s, AT_INDEX, u64{0}), put(s, AT_EVENTS, u64{0});
    put(s, AT_STACK, s.gpr[rsp]);
    for (u64 n = 0; n <= SEEDS; n++) put(s, AT_SEEDS + n * 8, pointer());
    auto target = [&] {
        u64 at = rip_of(begin + starts[random.below(starts.size())]);
        return mode <= Mode::pae32 && random.chance(10) ? at + random.pick(aliases) : at;
    };
    s.lstar = target();
    for (u64 n = 0; n < 0x200; n++) put(s, AT_TARGETS + n * 8, target());
    unsigned width = bits64() ? 8 : bits16() ? 2 : 4;
    u64 stack = bits16() ? 0xe000 : AT_STACKS + 0x2000;
    for (u64 n = 0; n < 0x2000 / width && stack + n * width < RAM_SIZE; n++) {
        u64 value = target();
        if (bits16() && n * width >= 0x1000) break;
        std::memcpy(s.image.data() + stack + n * width, &value, width);
    }
}

// Random bytes and zeros, the same for every stream.
const std::vector<u8>& noise() {
    static const std::vector<u8> bytes = [] {
        std::vector<u8> b(RAM_SIZE);
        Random r{1};
        for (u64 i = 0; i < RAM_SIZE; i += 8) {
            u64 value = r.magnitude(64);
            std::memcpy(&b[i], &value, 8);
        }
        return b;
    }();
    return bytes;
}

Setup Generator::make() {
    Setup s{};
    s.mode = mode;
    s.user = user = mode <= Mode::flat32 && random.chance(45);
    s.nxe = random.chance(75);
    s.image = noise();
    s.code = mode == Mode::real16 ? 0 : mode <= Mode::pae32 && random.chance(30) ? linear_of(AT_CODE) : AT_CODE;
    setup.rip_base = s.code;
    begin = random.flip() ? 0x1000 - unsigned(random.below(120)) : unsigned(random.below(0x1800));
    for (u64 n = 6 + random.below(random.flip() ? 20 : 70); n; n--) instruction();
    if (loop_left) starts.push_back(unsigned(code.size())), close_loop(code, loop_start, bits64());
    unsigned wide = bits16() ? 2 : 4;
    starts.push_back(unsigned(code.size()));
    code.push_back(0xe9);                                  // and again from the start
    u64 back = 0 - u64(code.size() + wide);
    for (unsigned i = 0; i < wide; i++) code.push_back(u8(back >> i * 8));
    starts.push_back(unsigned(code.size()));
    code.push_back(0xf4);
    resolve();
    code.resize(std::min<std::size_t>(code.size(), CODE_SIZE - begin));
    std::erase_if(starts, [&](unsigned at) { return at >= code.size(); });
    registers(s);
    tables(s);
    page_table(s);
    descriptors(s);
    s.rip = rip_of(begin);
    s.chance = random.next(), s.period = random.chance(50) ? 1 + random.magnitude(11) : 0;
    return s;
}

}

Setup generate(Random& random, Mode mode, const CpuModel& model) { return Generator(random, mode, model).make(); }


namespace {

// Two machines of one model, and how a stream begins on them.
struct Pair {
    Pair(const char* model, u64 engine) : model(*find_model(model)), a(this->model, engine), b(this->model, slow_engine), twins(a.side, b.side) {}
    const CpuModel& model;
    Bare a, b;
    Twins twins;

    std::string begin(Random& random) {
        Mode mode = Mode(random.chance(40) ? 0 : random.below(modes));
        Setup s = generate(random, mode, model);
        a.begin(s), b.begin(s);
        return std::string(mode_names[unsigned(mode)]) + (s.user ? ", CPL 3" : "");
    }
};

}

bool run_streams(const StreamCourse& course, u64& streams, u64& instructions) {
    static constexpr const char* models[] = {"max-intel", "max-amd", "nehalem-ep", "max-intel", "max-amd"};
    std::vector<std::unique_ptr<Pair>> pairs;
    for (u64 n = 0; n < std::size(tunings); n++) pairs.push_back(std::make_unique<Pair>(models[n % std::size(models)], n));
    Random random{course.seed};
    while (host_seconds() < course.until) {
        u64 n = random.below(pairs.size());
        Pair& pair = *pairs[n];
        pair.twins.watch_stores(random.chance(25));
        std::vector<Play> plays(100);
        for (auto& p : plays) {
            p.seed = random.next(), p.steps = unsigned(20 + random.magnitude(7)), p.biggest = 9, p.phase = 5;
            p.each = random.chance(30) ? 30 : 0;
            p.state = random.chance(20);
            p.begin = [&pair](Random& r, Twins&) { return pair.begin(r); };
        }
        u64 before = pair.b.cpu.retired;
        if (!play_on(pair.twins, plays)) {
            std::fprintf(stderr, "  a stream on %s, engine %llu\n", std::string(pair.model.name).c_str(), static_cast<unsigned long long>(n));
            return false;
        }
        streams += plays.size(), instructions += pair.b.cpu.retired - before;
    }
    return true;
}

}
