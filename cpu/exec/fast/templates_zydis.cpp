// SPDX-License-Identifier: MIT
// Templates from the handlers' own machine code, read by Zydis.
//
// What is followed: where Op's register (rsi, the second argument) points, in Ops from where it was, and which registers hold
// the `run` of that Op. A jump to the `run` of a later Op of the same block is the end of main.
#include "cpu/exec/fast/templates.h"
#include <Zydis/Zydis.h>
#include <array>
#include <cstring>
#include <deque>
#include <optional>

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

// What is known at a point of a handler: by how many bytes Op's register has moved, and of which Op each register holds `run`.
struct Known {
    int op = 0;
    std::array<int, 16> run;
    Known() { run.fill(unknown); }

    void pass(const Instruction& x) {
        int before = op, loaded = unknown;
        if (x.i.mnemonic == ZYDIS_MNEMONIC_MOV && x.o[0].type == ZYDIS_OPERAND_TYPE_REGISTER && x.o[0].size == 64 && op != unknown)
            if (auto d = x.displacement_from_op(1)) loaded = op + int(*d);
        for (unsigned n = 0; n < x.i.operand_count; n++) {
            if (x.o[n].type != ZYDIS_OPERAND_TYPE_REGISTER || !(x.o[n].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) || !general(x.o[n].reg.value)) continue;
            unsigned r = number_of(x.o[n].reg.value);
            run[r] = loaded;
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
    explicit Maker(const std::unordered_set<const u8*>& handlers) : handlers(handlers) {}

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
            if (pieces[n].from == from && pieces[n].known.op == known.op && pieces[n].known.run == known.run) return n;
        pieces.push_back({from, known});
        waiting.push_back(pieces.size() - 1);
        return pieces.size() - 1;
    }
    void conditional(Part part, const Instruction& x, const Known& known) {
        std::array<u8, 2> opcode{0x0f, u8(0x80 | (x.i.opcode & 15))};
        const u8* target = final_target(x.target());
        if (!goes_on(target) && !handlers.count(target)) return branch(part, opcode, Fixup::To::outside, reinterpret_cast<u64>(target));
        to_pieces.push_back({part, fixups(part).size(), piece_at(target, known)});
        branch(part, opcode, Fixup::To::aside, 0);
    }
    // Whether a jump through memory or a register goes to an Op of this block, and to which, counted from the handler's own.
    unsigned op_jumped_to(const Instruction& x, const Known& known) const {
        if (known.op == unknown || known.op <= 0 || known.op % int(sizeof(Op))) return 0;
        auto& o = x.o[0];
        bool memory = o.type == ZYDIS_OPERAND_TYPE_MEMORY && x.displacement_from_op(0) == s64{offsetof(Op, run)};
        bool loaded = o.type == ZYDIS_OPERAND_TYPE_REGISTER && known.run[number_of(o.reg.value)] == known.op + int(offsetof(Op, run));
        return memory || loaded ? unsigned(known.op) / unsigned(sizeof(Op)) : 0;
    }
    void jump_to_op(Part part, const Instruction& x, const Known& known) {
        unsigned n = op_jumped_to(x, known);
        if (!n || (t.next && t.next != n)) return copy(part, x);
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

    // Copies from here to a jump that leaves.
    void follow(const u8* at, Known known, Part part) {
        Instruction x;
        while (!too_much) {
            if (!x.decode(at) || x.leaves() || (x.conditional() && !x.long_form())) return jump_outside(part, at);
            if (x.jump() && !x.relative()) return jump_to_op(part, x, known);
            if (x.jump()) {
                at = final_target(x.target());
                if (!handlers.count(at) && !goes_on(at)) return jump_outside(part, at);
                continue;
            }
            if (x.conditional()) conditional(part, x, known);
            else copy(part, x);
            known.pass(x);
            at = x.behind();
        }
    }

    const std::unordered_set<const u8*>& handlers;
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
    if (fresh && copyable) found->second = Maker(handlers).make(at);
    return found->second.get();
}

void copy_part(const Template& t, Part part, u8* written, const u8* executed, const u8* main_at, const u8* aside_at) {
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
}

}
