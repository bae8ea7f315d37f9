// SPDX-License-Identifier: MIT
// Templates from the handlers' own machine code, read by Zydis.
//
// What is followed: where Op's register (rsi, the second argument) points, in Ops from where it was, which registers hold
// the `run` of that Op, and which would hold another field. A jump to the `run` of a later Op of the same block is the end of main.
//
// A load of a field is left out at first. Where its register is but part of an address in the Cpu (rdi, the first argument) the
// field is made the displacement there; any other reader, or a way out behind which the register may be read, gets it as an
// immediate in front of itself.
#include "cpu/exec/fast/templates.h"
#include <Zydis/Zydis.h>
#include <array>
#include <cstring>
#include <deque>
#include <optional>
#include <utility>

namespace fast {
namespace {

constexpr std::size_t most_bytes = 256;            // of either part; larger handlers stay where they are
constexpr unsigned most_looked_at = 32;            // instructions, to see where a branch leads
constexpr int unknown = -1;
#if SLATE_TAIL_CALLS && defined(__x86_64__)
constexpr bool copyable = true;
#else
constexpr bool copyable = false;
#endif

struct Instruction {
    ZydisDecodedInstruction i;
    std::array<ZydisDecodedOperand, ZYDIS_MAX_OPERAND_COUNT> o;
    const u8* at;

    bool decode(const u8* from) {
        static const ZydisDecoder decoder = [] {
            ZydisDecoder d;
            ZydisDecoderInit(&d, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
            return d;
        }();
        at = from;
        return ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, from, ZYDIS_MAX_INSTRUCTION_LENGTH, &i, o.data()));
    }
    const u8* behind() const { return at + i.length; }
    bool to_run_of_op() const { return jump() && displacement_from_op(0) == s64{offsetof(Op, run)}; }
    bool relative() const { return i.raw.imm[0].is_relative; }
    const u8* target() const { return behind() + i.raw.imm[0].value.s; }
    bool jump() const { return i.mnemonic == ZYDIS_MNEMONIC_JMP; }
    bool conditional() const { return i.meta.category == ZYDIS_CATEGORY_COND_BR; }
    // Jcc, not JRCXZ or LOOP, which have no long form.
    bool long_form() const { return conditional() && (i.opcode_map == ZYDIS_OPCODE_MAP_0F || (i.opcode & 0xf0) == 0x70); }
    // Ends what can be copied: calls, returns, traps.
    bool leaves() const {
        auto c = i.meta.category;
        return c == ZYDIS_CATEGORY_CALL || c == ZYDIS_CATEGORY_RET || c == ZYDIS_CATEGORY_INTERRUPT || c == ZYDIS_CATEGORY_SYSTEM || i.mnemonic == ZYDIS_MNEMONIC_UD2;
    }
    bool rip_relative() const {
        for (unsigned n = 0; n < i.operand_count; n++)
            if (o[n].type == ZYDIS_OPERAND_TYPE_MEMORY && o[n].mem.base == ZYDIS_REGISTER_RIP) return true;
        return false;
    }
    // The displacement from Op's register, of a memory operand that has nothing else.
    std::optional<s64> displacement_from_op(unsigned n) const {
        auto& m = o[n];
        bool plain = m.type == ZYDIS_OPERAND_TYPE_MEMORY && m.mem.base == ZYDIS_REGISTER_RSI && m.mem.index == ZYDIS_REGISTER_NONE && m.mem.segment != ZYDIS_REGISTER_FS;
        return plain ? std::optional<s64>(m.mem.disp.value) : std::nullopt;
    }
};

unsigned number_of(ZydisRegister r) { return unsigned(ZydisRegisterGetId(ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, r))); }
bool general(ZydisRegister r) {
    return ZydisRegisterGetClass(ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, r)) == ZYDIS_REGCLASS_GPR64;
}
constexpr unsigned op_register = 6;

// No argument and nothing to keep: what they hold is of no matter to the next handler. Two of them carry `z` and `spare`.
constexpr u16 free_registers = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 10 | 1 << 11;
constexpr bool is_free(unsigned r) { return free_registers >> r & 1; }

// What an instruction does with a register, whatever part of it.
struct Use {
    bool reads = false;           // its value, or leaves a part of it as it was
    bool addresses = false;       // as part of a memory operand's address
    bool writes = false;          // the whole
};
Use use_of(const Instruction& x, unsigned r) {
    Use use;
    auto is = [&](ZydisRegister named) { return named != ZYDIS_REGISTER_NONE && general(named) && number_of(named) == r; };
    for (unsigned n = 0; n < x.i.operand_count; n++) {
        auto& o = x.o[n];
        if (o.type == ZYDIS_OPERAND_TYPE_MEMORY) use.addresses |= is(o.mem.base) || is(o.mem.index);
        if (o.type != ZYDIS_OPERAND_TYPE_REGISTER || !is(o.reg.value)) continue;
        bool whole = o.actions == ZYDIS_OPERAND_ACTION_WRITE && o.size >= 32;
        use.writes |= whole, use.reads |= !whole;
    }
    return use;
}

// A field of an Op that a register stands for.
struct Field {
    int at = unknown;             // bytes from the handler's Op on
    Extension extension{};
    bool loaded = false;          // the register holds it
    bool operator==(const Field&) const = default;
};

// What is known at a point of a handler: by how many bytes Op's register has moved, and of which Op each register holds `run`.
struct Known {
    int op = 0;
    std::array<int, 16> run;
    std::array<Field, 16> field{};
    Known() { run.fill(unknown); }
    bool operator==(const Known&) const = default;

    // The field that an instruction only loads into a free register, of this Op or the next, but for those that change.
    std::optional<Field> load_of_field(const Instruction& x) const {
        if (op == unknown || x.i.operand_count_visible != 2 || x.o[0].type != ZYDIS_OPERAND_TYPE_REGISTER || !general(x.o[0].reg.value)) return {};
        auto d = x.displacement_from_op(1);
        unsigned from = x.o[1].size, to = x.o[0].size;
        if (!d || to < 32 || !is_free(number_of(x.o[0].reg.value))) return {};
        Field f{op + int(*d), {}, false};
        int within = f.at % int(sizeof(Op));
        if (f.at < 0 || f.at >= 2 * int(sizeof(Op)) || within < int(offsetof(Op, dst)) || within + int(from / 8) > int(offsetof(Op, link))) return {};
        if (x.i.mnemonic == ZYDIS_MNEMONIC_MOVZX) f.extension = from == 8 ? Extension::u8 : Extension::u16;
        else if (x.i.mnemonic == ZYDIS_MNEMONIC_MOV && from == 32) f.extension = Extension::u32;
        else if (x.i.mnemonic == ZYDIS_MNEMONIC_MOVSXD && from == 32 && to == 64) f.extension = Extension::s32;
        else return {};
        return f;
    }

    void pass(const Instruction& x) {
        int before = op, loaded = unknown;
        if (x.i.mnemonic == ZYDIS_MNEMONIC_MOV && x.o[0].type == ZYDIS_OPERAND_TYPE_REGISTER && x.o[0].size == 64 && op != unknown)
            if (auto d = x.displacement_from_op(1)) loaded = op + int(*d);
        for (unsigned n = 0; n < x.i.operand_count; n++) {
            if (x.o[n].type != ZYDIS_OPERAND_TYPE_REGISTER || !(x.o[n].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) || !general(x.o[n].reg.value)) continue;
            unsigned r = number_of(x.o[n].reg.value);
            run[r] = loaded, field[r] = {};
            if (r == op_register) op = unknown;
        }
        if (op == unknown && before != unknown) op = moved(x, before);
    }

private:
    static int moved(const Instruction& x, int before) {
        bool here = x.o[0].type == ZYDIS_OPERAND_TYPE_REGISTER && x.o[0].reg.value == ZYDIS_REGISTER_RSI;
        bool immediate = x.o[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
        if (here && immediate && x.i.mnemonic == ZYDIS_MNEMONIC_ADD) return before + int(x.o[1].imm.value.s);
        if (here && immediate && x.i.mnemonic == ZYDIS_MNEMONIC_SUB) return before - int(x.o[1].imm.value.s);
        if (here && x.i.mnemonic == ZYDIS_MNEMONIC_LEA)
            if (auto d = x.displacement_from_op(1)) return before + int(*d);
        return unknown;
    }
};

class Maker {
public:
    Maker(const std::unordered_set<const u8*>& handlers, bool fields) : handlers(handlers), fields(fields) {}

    std::unique_ptr<Template> make(const u8* handler) {
        follow(handler, Known{}, Part::main);
        if (too_much) return nullptr;
        while (!waiting.empty() && !too_much) {
            auto piece = waiting.front();
            waiting.pop_front();
            pieces[piece].start = bytes(Part::aside).size();
            follow(pieces[piece].from, pieces[piece].known, Part::aside);
        }
        if (too_much) return nullptr;
        for (auto [part, fixup, piece] : to_pieces) fixups(part)[fixup].target = pieces[piece].start;
        return std::make_unique<Template>(std::move(t));
    }

private:
    struct Piece {                // of the aside part
        const u8* from;
        Known known;
        u64 start = 0;
    };
    struct ToPiece {
        Part part;
        std::size_t fixup, piece;
    };

    std::vector<u8>& bytes(Part p) { return p == Part::main ? t.main : t.aside; }
    std::vector<Fixup>& fixups(Part p) { return p == Part::main ? t.main_fixups : t.aside_fixups; }
    std::vector<Hole>& holes(Part p) { return p == Part::main ? t.main_holes : t.aside_holes; }

    void put(Part part, std::span<const u8> code) {
        auto& b = bytes(part);
        b.insert(b.end(), code.begin(), code.end());
        too_much = too_much || b.size() > most_bytes;
    }
    // An opcode and a displacement to be set.
    void branch(Part part, std::span<const u8> opcode, Fixup::To to, u64 target) {
        put(part, opcode);
        fixups(part).push_back({u16(bytes(part).size()), 0, to, target});
        put(part, std::array<u8, 4>{});
    }
    void jump_outside(Part part, const u8* target) { branch(part, std::array<u8, 1>{0xe9}, Fixup::To::outside, reinterpret_cast<u64>(target)); }

    // Where jumps that do nothing else end.
    const u8* final_target(const u8* at) const {
        Instruction x;
        for (unsigned n = 0; n < 4 && x.decode(at) && x.jump() && x.relative(); n++) at = x.target();
        return at;
    }
    // Whether the code at a branch's target goes on with an Op of its own accord, and not by way of a function behind handlers.
    bool goes_on(const u8* at) const {
        Instruction x;
        for (unsigned n = 0; n < most_looked_at; n++, at = x.behind()) {
            if (!x.decode(at) || x.leaves()) return false;
            if (!x.jump()) continue;
            if (!x.relative()) return true;
            if (!handlers.count(x.target())) return false;
        }
        return false;
    }
    std::size_t piece_at(const u8* from, const Known& known) {
        for (std::size_t n = 0; n < pieces.size(); n++)
            if (pieces[n].from == from && pieces[n].known == known) return n;
        pieces.push_back({from, known});
        waiting.push_back(pieces.size() - 1);
        return pieces.size() - 1;
    }
    void conditional(Part part, const Instruction& x, Known& known) {
        std::array<u8, 2> opcode{0x0f, u8(0x80 | (x.i.opcode & 15))};
        const u8* target = final_target(x.target());
        if (!goes_on(target) && !handlers.count(target)) {
            load_for(part, target, known);
            return branch(part, opcode, Fixup::To::outside, reinterpret_cast<u64>(target));
        }
        to_pieces.push_back({part, fixups(part).size(), piece_at(target, known)});
        branch(part, opcode, Fixup::To::aside, 0);
    }
    // Whether a jump through memory or a register goes to an Op of this block, and to which, counted from the handler's own.
    unsigned op_jumped_to(const Instruction& x, const Known& known) const {
        if (known.op == unknown || known.op <= 0 || known.op % int(sizeof(Op))) return 0;
        auto& o = x.o[0];
        bool loaded = o.type == ZYDIS_OPERAND_TYPE_REGISTER && known.run[number_of(o.reg.value)] == known.op + int(offsetof(Op, run));
        return x.to_run_of_op() || loaded ? unsigned(known.op) / unsigned(sizeof(Op)) : 0;
    }
    void jump_to_op(Part part, const Instruction& x, Known& known) {
        unsigned n = op_jumped_to(x, known);
        if (!n || (t.next && t.next != n)) {
            if (!x.to_run_of_op()) load_all(part, known);
            return copy(part, x);
        }
        t.next = n;
        if (part == Part::aside) branch(part, std::array<u8, 1>{0xe9}, Fixup::To::end, 0);
    }
    void copy(Part part, const Instruction& x) {
        std::size_t start = bytes(part).size();
        put(part, {x.at, x.i.length});
        if (!x.rip_relative()) return;
        unsigned at = x.i.raw.disp.offset;
        fixups(part).push_back({u16(start + at), u8(x.i.length - at - 4), Fixup::To::outside, reinterpret_cast<u64>(x.behind()) + u64(x.i.raw.disp.value)});
    }

    // A register gets the field that it stands for.
    void load(Part part, unsigned r, Known& known) {
        auto& f = known.field[r];
        if (f.at == unknown || std::exchange(f.loaded, true)) return;
        u8 low = u8(r & 7), high = u8(r >> 3);
        if (f.extension == Extension::s32) put(part, std::array<u8, 3>{u8(0x48 | high), 0xc7, u8(0xc0 | low)});    // MOV r64, imm32
        else if (high) put(part, std::array<u8, 2>{0x41, u8(0xb8 | low)});                                         // MOV r32, imm32
        else put(part, std::array<u8, 1>{u8(0xb8 | low)});
        hole(part, f, 0);
    }
    void hole(Part part, const Field& f, s32 more) {
        holes(part).push_back({u16(bytes(part).size()), u8(f.at), f.extension, more});
        put(part, std::array<u8, 4>{});
    }
    void load_all(Part part, Known& known) {
        for (unsigned r = 0; r < known.field.size(); r++) load(part, r, known);
    }
    // What the code there may read of registers that haven't been loaded.
    void load_for(Part part, const u8* at, Known& known) {
        for (unsigned r = 0; r < known.field.size(); r++)
            if (known.field[r].at != unknown && !known.field[r].loaded && may_read(at, r)) load(part, r, known);
    }
    // Whether code reads a free register before it writes it; if it isn't clear, it does.
    static bool may_read(const u8* at, unsigned r, unsigned looks = most_looked_at) {
        Instruction x;
        for (; looks; looks--) {
            if (!x.decode(at)) return true;
            if (x.i.mnemonic == ZYDIS_MNEMONIC_RET) return false;
            Use use = use_of(x, r);
            if (use.reads || use.addresses) return true;
            if (x.jump() && !x.relative()) return !x.to_run_of_op();
            if (x.leaves()) return true;
            if (use.writes) return false;
            if (x.conditional() && may_read(x.target(), r, looks / 2)) return true;
            at = x.jump() ? x.target() : x.behind();
        }
        return true;
    }

    // The register that stands for a small field and is one half of an address in the Cpu, the other being rdi.
    static std::optional<unsigned> half_of_address(const ZydisDecodedOperand& o, const Known& known) {
        if (o.type != ZYDIS_OPERAND_TYPE_MEMORY || o.mem.base == ZYDIS_REGISTER_NONE || o.mem.index == ZYDIS_REGISTER_NONE || o.mem.scale != 1) return {};
        if (o.mem.base != ZYDIS_REGISTER_RDI && o.mem.index != ZYDIS_REGISTER_RDI) return {};
        unsigned r = number_of(o.mem.base == ZYDIS_REGISTER_RDI ? o.mem.index : o.mem.base);
        auto& f = known.field[r];
        bool small = f.at != unknown && (f.extension == Extension::u8 || f.extension == Extension::u16);
        return small ? std::optional(r) : std::nullopt;
    }
    // The instruction with the field for a displacement instead.
    bool copy_with_field(Part part, const Instruction& x, unsigned n, const Field& f) {
        constexpr s32 wide = 0x10000000;              // takes 32 bits
        ZydisEncoderRequest request;
        if (ZYAN_FAILED(ZydisEncoderDecodedInstructionToEncoderRequest(&x.i, x.o.data(), x.i.operand_count_visible, &request))) return false;
        auto& m = request.operands[n].mem;
        m.base = ZYDIS_REGISTER_RDI, m.index = ZYDIS_REGISTER_NONE, m.scale = 0, m.displacement = wide;
        std::array<u8, ZYDIS_MAX_INSTRUCTION_LENGTH> code;
        ZyanUSize length = code.size();
        Instruction now;
        if (ZYAN_FAILED(ZydisEncoderEncodeInstruction(&request, code.data(), &length)) || !now.decode(code.data())) return false;
        if (now.i.raw.disp.size != 32 || now.i.raw.disp.value != wide || now.i.length != length) return false;
        holes(part).push_back({u16(bytes(part).size() + now.i.raw.disp.offset), u8(f.at), f.extension, s32(x.o[n].mem.disp.value)});
        put(part, {code.data(), length});
        return true;
    }
    void copy_using_fields(Part part, const Instruction& x, Known& known) {
        std::optional<unsigned> memory, half;
        for (unsigned n = 0; n < x.i.operand_count_visible && !half; n++)
            if ((half = half_of_address(x.o[n], known))) memory = n;
        for (unsigned r = 0; r < known.field.size(); r++) {
            if (known.field[r].at == unknown || known.field[r].loaded) continue;
            Use use = use_of(x, r);
            if (use.reads || (use.addresses && half != r)) load(part, r, known);
        }
        if (half && copy_with_field(part, x, *memory, known.field[*half])) return;
        if (half) load(part, *half, known);
        copy(part, x);
    }

    // Copies from here to a jump that leaves.
    void follow(const u8* at, Known known, Part part) {
        Instruction x;
        while (!too_much) {
            if (!x.decode(at) || x.leaves() || (x.conditional() && !x.long_form())) return load_for(part, at, known), jump_outside(part, at);
            if (x.jump() && !x.relative()) return jump_to_op(part, x, known);
            if (x.jump()) {
                at = final_target(x.target());
                if (!handlers.count(at) && !goes_on(at)) return load_for(part, at, known), jump_outside(part, at);
                continue;
            }
            auto field = fields ? known.load_of_field(x) : std::nullopt;
            if (x.conditional()) conditional(part, x, known);
            else if (!field) copy_using_fields(part, x, known);
            known.pass(x);
            if (field) known.field[number_of(x.o[0].reg.value)] = *field;
            at = x.behind();
        }
    }

    const std::unordered_set<const u8*>& handlers;
    bool fields;                  // are as they are for good
    Template t;
    bool too_much = false;
    std::vector<Piece> pieces;
    std::vector<ToPiece> to_pieces;
    std::deque<std::size_t> waiting;
};

}

const Template* Templates::of(Handler handler) {
    auto* at = reinterpret_cast<const u8*>(handler);
    auto [found, fresh] = made.try_emplace(at);
    // A stub changes, and is more than an Op.
    if (fresh && copyable) found->second = Maker(handlers, handler != cross_page).make(at);
    return found->second.get();
}

static u32 value_of(const Hole& h, const Op* op) {
    auto* at = reinterpret_cast<const u8*>(op) + h.field;
    u32 value = 0;
    std::memcpy(&value, at, h.extension == Extension::u8 ? 1 : h.extension == Extension::u16 ? 2 : 4);
    return value + u32(h.more);
}

void copy_part(const Template& t, Part part, const Op* op, u8* written, const u8* executed, const u8* main_at, const u8* aside_at) {
    auto& bytes = part == Part::main ? t.main : t.aside;
    std::memcpy(written, bytes.data(), bytes.size());
    for (auto& f : part == Part::main ? t.main_fixups : t.aside_fixups) {
        u64 target = f.target;
        switch (f.to) {
        case Fixup::To::aside: target += reinterpret_cast<u64>(aside_at); break;
        case Fixup::To::end: target = reinterpret_cast<u64>(main_at) + t.main.size(); break;
        case Fixup::To::outside: break;
        }
        u32 displacement = u32(target - (reinterpret_cast<u64>(executed) + f.at + 4 + f.behind));
        std::memcpy(written + f.at, &displacement, sizeof displacement);
    }
    for (auto& h : part == Part::main ? t.main_holes : t.aside_holes) {
        u32 value = value_of(h, op);
        std::memcpy(written + h.at, &value, sizeof value);
    }
}

}
