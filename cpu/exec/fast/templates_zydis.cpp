// SPDX-License-Identifier: MIT
// Templates from the handlers' own machine code, read by Zydis.
//
// What is followed: where Op's register (rsi, the second argument) points, in Ops from where it was, which registers hold
// the `run` of that Op, and which would hold another field. A jump to the `run` of a later Op of the same block is the end of main.
//
// A load of a field is left out at first. Where its register is but part of an address in the Cpu (rdi, the first argument) the
// field is made the displacement there, where it is an operand it is made an immediate; any other reader, or a way out behind
// which the register may be read, gets it by a MOV in front of itself. The same with loads of `run`, which the row needs not, and
// with Op's register itself, wherever it is moved to: ways out have what they need aside.
#include "cpu/exec/fast/known.h"
#include <algorithm>
#include <bit>
#include <cstring>
#include <deque>
#include <utility>

namespace fast {
namespace {

constexpr std::size_t most_bytes = 256;            // of either part; larger handlers stay where they are
constexpr unsigned most_looked_at = 32;            // instructions, to see where a branch leads
#if SLATE_TAIL_CALLS && defined(__x86_64__)
constexpr bool copyable = true;
#else
constexpr bool copyable = false;
#endif

class Maker {
public:
    Maker(const std::unordered_set<const u8*>& handlers, bool fields) : handlers(handlers), fields(fields) {}

    std::unique_ptr<Template> make(const u8* handler) {
        follow(handler, Known{}, Part::main);
        if (too_much) return nullptr;
        while (!waiting.empty() && !too_much) {
            auto piece = waiting.front();
            waiting.pop_front();
            pieces[piece].start = t.aside.bytes.size(), pieces[piece].filled = t.aside.filled.size();
            auto [from, known, outside, start, filled] = pieces[piece];
            if (outside) leave_to(Part::aside, from, known);
            else if (from) follow(from, known, Part::aside);
            else go_by_link(known);
        }
        if (too_much) return nullptr;
        for (auto [part, fixup, piece] : to_pieces) {
            auto& f = code(part).fixups[fixup];
            f.target = pieces[piece].start, f.filled = u16(pieces[piece].filled);
        }
        for (std::size_t n = 0; n < t.sites.size(); n++) {
            auto& thunk = pieces[thunks[n]];
            t.sites[n].thunk = u16(thunk.start), t.sites[n].thunk_filled = u16(thunk.filled);
        }
        return std::make_unique<Template>(std::move(t));
    }

private:
    struct Piece {                // of the aside part
        const u8* from;           // null: goes through the link that Op's register is to be
        Known known;
        bool outside = false;     // goes there, and isn't copied
        std::size_t start = 0, filled = 0;
    };
    struct ToPiece {
        Part part;
        std::size_t fixup, piece;
    };

    Code& code(Part p) { return p == Part::main ? t.main : t.aside; }

    void put(Part part, std::span<const u8> more) {
        auto& b = code(part).bytes;
        b.insert(b.end(), more.begin(), more.end());
        too_much = too_much || b.size() + code(part).filled.size() * 8 > most_bytes;
    }
    void put(Part part, Filled f) {
        f.behind = u16(code(part).bytes.size());
        code(part).filled.push_back(f);
    }
    // An opcode and a displacement to be set.
    void branch(Part part, std::span<const u8> opcode, Fixup::To to, u64 target) {
        put(part, opcode);
        code(part).fixups.push_back({u16(code(part).bytes.size()), 0, to, target});
        put(part, std::array<u8, 4>{});
    }
    void jump_outside(Part part, const u8* target) { branch(part, std::array<u8, 1>{0xe9}, Fixup::To::outside, reinterpret_cast<u64>(target)); }

    // The way to what isn't copied: with all in registers that may be read there.
    void leave_to(Part part, const u8* target, Known known) {
        load_for(part, target, known);
        put_op(part, known);
        jump_outside(part, target);
    }
    void go_by_link(Known known) {
        put_op(Part::aside, known);
        put(Part::aside, std::array<u8, 2>{0xff, 0x26});          // JMP [RSI]
    }
    // Op's register gets what it stands for: MOV RSI, imm64 and, for a link, MOV RSI, [RSI + disp8].
    void put_op(Part part, Known& known) {
        if (std::exchange(known.in_register, true)) return;
        put(part, std::array<u8, 2>{0x48, 0xbe});
        int to = known.op != unknown ? known.op : known.link * int(sizeof(Op));
        code(part).fixups.push_back({u16(code(part).bytes.size()), 0, Fixup::To::op, u64(s64(to))});
        put(part, std::array<u8, 8>{});
        if (known.op == unknown) put(part, std::array<u8, 4>{0x48, 0x8b, 0x76, u8(offsetof(Op, link))});
    }

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
            if (x.conditional() && soon_goes_on(x.target())) return true;
            if (!x.jump()) continue;
            if (!x.relative()) return true;
            if (!handlers.count(x.target())) return false;
        }
        return false;
    }
    std::size_t piece_at(const u8* from, const Known& known, bool outside = false) {
        for (std::size_t n = 0; n < pieces.size(); n++)
            if (pieces[n].from == from && pieces[n].known == known && pieces[n].outside == outside) return n;
        pieces.push_back({from, known, outside});
        waiting.push_back(pieces.size() - 1);
        return pieces.size() - 1;
    }
    void branch_to_piece(Part part, std::span<const u8> opcode, std::size_t piece) {
        to_pieces.push_back({part, code(part).fixups.size(), piece});
        branch(part, opcode, Fixup::To::aside, 0);
    }
    // Whether what is there does little more than to go on with an Op.
    static bool soon_goes_on(const u8* at) {
        Instruction x;
        for (unsigned n = 0; n < 4 && x.decode(at) && !x.leaves() && !x.conditional(); n++, at = x.behind())
            if (x.jump()) return !x.relative();
        return false;
    }
    // Whether what is there is a jump to what isn't copied.
    bool jumps_outside(const u8* at) const {
        Instruction x;
        if (!x.decode(at) || !x.jump() || !x.relative()) return false;
        const u8* target = final_target(at);
        return !handlers.count(target) && !goes_on(target);
    }
    // A branch around a jump outside; false: it is none.
    bool turned_round(Part part, const Instruction& x, const Known& known) {
        if (!soon_goes_on(x.target()) || !jumps_outside(x.behind())) return false;
        branch_to_piece(part, std::array<u8, 2>{0x0f, u8(0x80 | ((x.i.opcode & 15) ^ 1))}, piece_at(final_target(x.behind()), known, true));
        return true;
    }
    void conditional(Part part, const Instruction& x, const Known& known) {
        const u8* target = final_target(x.target());
        bool outside = !goes_on(target) && !handlers.count(target);
        branch_to_piece(part, std::array<u8, 2>{0x0f, u8(0x80 | (x.i.opcode & 15))}, piece_at(target, known, outside));
    }
    // Whether a jump through memory or a register goes to an Op of this block, and to which, counted from the handler's own.
    unsigned op_jumped_to(const Instruction& x, const Known& known) const {
        if (known.op == unknown || known.op <= 0 || known.op % int(sizeof(Op))) return 0;
        auto& o = x.o[0];
        bool loaded = o.type == ZYDIS_OPERAND_TYPE_REGISTER && known.run[number_of(o.reg.value)] == known.op + int(offsetof(Op, run));
        return x.to_run_of_op() || loaded ? unsigned(known.op) / unsigned(sizeof(Op)) : 0;
    }
    // A jump by an Op's link. Where a way out is branched to just in front of it, the condition is inverted, so that what mostly
    // happens is one branch: JS out, JMP becomes JNS, JMP out.
    void site(Part part, int link, std::size_t thunk) {
        auto& c = code(part);
        std::size_t end = c.bytes.size(), other = thunk;
        if (ends_with_branch(part)) c.bytes[end - 5] ^= 1, other = std::exchange(to_pieces.back().piece, thunk), end -= 5;
        t.sites.push_back({part, u8(link), u16(end + 1), u16(c.filled.size()), 0, 0});
        thunks.push_back(thunk);
        branch_to_piece(part, std::array<u8, 1>{0xe9}, other);
    }
    // Whether the last instruction so far is a conditional branch to a piece.
    bool ends_with_branch(Part part) {
        auto& c = code(part);
        if (to_pieces.empty() || to_pieces.back().part != part || (!c.filled.empty() && c.filled.back().behind == c.bytes.size())) return false;
        std::size_t end = c.bytes.size();
        return c.fixups[to_pieces.back().fixup].at + 4u == end && end >= 6 && c.bytes[end - 6] == 0x0f && (c.bytes[end - 5] & 0xf0) == 0x80;
    }
    void jump_to_op(Part part, const Instruction& x, Known& known) {
        unsigned n = op_jumped_to(x, known);
        if (!n || (t.next && t.next != n)) {
            if (!x.to_run_of_op()) load_all(part, known);
            if (!x.to_run_of_op() || known.link == unknown) return put_op(part, known), copy(part, x);
            Known by_link;
            by_link.op = unknown, by_link.link = known.link;
            return site(part, known.link, piece_at(nullptr, by_link));
        }
        t.next = n;
        if (part == Part::aside) branch(part, std::array<u8, 1>{0xe9}, Fixup::To::end, 0);
    }
    void copy(Part part, const Instruction& x) {
        std::size_t start = code(part).bytes.size();
        put(part, {x.at, x.i.length});
        if (!x.rip_relative()) return;
        unsigned at = x.i.raw.disp.offset;
        code(part).fixups.push_back({u16(start + at), u8(x.i.length - at - 4), Fixup::To::outside, reinterpret_cast<u64>(x.behind()) + u64(x.i.raw.disp.value)});
    }

    // A register gets what it stands for.
    void load(Part part, unsigned r, Known& known) {
        u8 low = u8(r & 7), high = u8(r >> 3);
        if (known.run_left_out >> r & 1) {
            known.run_left_out &= u16(~(1 << r));
            put(part, std::array<u8, 2>{u8(0x48 | high), u8(0xb8 | low)});                                         // MOV r64, imm64
            code(part).fixups.push_back({u16(code(part).bytes.size()), 0, Fixup::To::op, u64(s64(known.run[r]))});
            put(part, std::array<u8, 8>{});
            put(part, std::array<u8, 3>{u8(0x48 | high | high << 2), 0x8b, u8(low | low << 3)});                   // MOV r64, [r64]: none is RSP, RBP, R12 or R13
        }
        auto& f = known.field[r];
        if (f.at == unknown || std::exchange(f.loaded, true)) return;
        Encoding e;
        auto opcode = [&](std::initializer_list<u8> bytes) {
            std::ranges::copy(bytes, e.code.begin());
            e.at[0] = u8(bytes.size()), e.bytes[0] = 4, e.length = u8(bytes.size() + 4);
        };
        if (f.address) opcode({u8(0x48 | high << 2), 0x8d, u8(0x87 | low << 3)});                                  // LEA r64, [RDI + disp32]
        else if (f.extension == Extension::s32 || f.inverted) opcode({u8(0x48 | high), 0xc7, u8(0xc0 | low)});                   // MOV r64, imm32
        else if (high) opcode({0x41, u8(0xb8 | low)});                                                             // MOV r32, imm32
        else opcode({u8(0xb8 | low)});
        Filled filled;
        filled.holes = 1, filled.hole[0] = f.hole();
        filled.encoding.fill(e);
        put(part, filled);
    }
    void load_all(Part part, Known& known) {
        for (unsigned r = 0; r < known.field.size(); r++) load(part, r, known);
    }
    // What the code there may read of registers that haven't been loaded.
    void load_for(Part part, const u8* at, Known& known) {
        for (unsigned r = 0; r < known.field.size(); r++)
            if (known.stands_for_something(r) && may_read(at, r)) load(part, r, known);
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

    // The register that stands for a small field and makes, with rdi, an address in the Cpu; and by how much its value is shifted.
    struct InAddress {
        unsigned operand, r;
        u8 shift;
    };
    static std::optional<InAddress> in_address(const Instruction& x, const Known& known) {
        for (unsigned n = 0; n < x.i.operand_count_visible; n++) {
            auto& o = x.o[n];
            if (o.type != ZYDIS_OPERAND_TYPE_MEMORY || o.mem.segment == ZYDIS_REGISTER_FS) continue;
            auto base = o.mem.base, index = o.mem.index;
            if (index == ZYDIS_REGISTER_NONE && base != ZYDIS_REGISTER_NONE && general(base)) {
                auto& f = known.field[number_of(base)];
                if (f.at != unknown && f.address && !f.loaded) return InAddress{n, number_of(base), 0};
            }
            if (base == ZYDIS_REGISTER_NONE || index == ZYDIS_REGISTER_NONE || !general(base) || !general(index)) continue;
            if (index == ZYDIS_REGISTER_RDI && o.mem.scale == 1) std::swap(base, index);
            if (base != ZYDIS_REGISTER_RDI) continue;
            auto& f = known.field[number_of(index)];
            if (f.at != unknown && f.small() && !f.address) return InAddress{n, number_of(index), u8(std::countr_zero(unsigned(o.mem.scale)))};
        }
        return {};
    }
    // Of two operands, the second of which may be an immediate.
    static bool arithmetic(const Instruction& x) {
        switch (x.i.mnemonic) {
        case ZYDIS_MNEMONIC_ADD: case ZYDIS_MNEMONIC_OR: case ZYDIS_MNEMONIC_ADC: case ZYDIS_MNEMONIC_SBB: case ZYDIS_MNEMONIC_AND:
        case ZYDIS_MNEMONIC_SUB: case ZYDIS_MNEMONIC_XOR: case ZYDIS_MNEMONIC_CMP: case ZYDIS_MNEMONIC_TEST: return true;
        default: return false;
        }
    }
    // The register that stands for a field and is but the second operand of an instruction that may have an immediate there.
    static std::optional<unsigned> as_immediate(const Instruction& x, const Known& known) {
        if (!arithmetic(x) && !(x.i.mnemonic == ZYDIS_MNEMONIC_MOV && x.o[0].type == ZYDIS_OPERAND_TYPE_MEMORY)) return {};
        auto& source = x.o[1];
        bool plain = x.i.operand_count_visible == 2 && source.type == ZYDIS_OPERAND_TYPE_REGISTER && general(source.reg.value) && !(x.i.attributes & ZYDIS_ATTRIB_HAS_LOCK);
        if (!plain || source.size != x.o[0].size || source.size == 16) return {};
        if (source.reg.value >= ZYDIS_REGISTER_AH && source.reg.value <= ZYDIS_REGISTER_BH) return {};
        unsigned r = number_of(source.reg.value);
        auto& f = known.field[r];
        if (f.at == unknown || f.address || f.loaded || (source.size == 64 && f.extension == Extension::u32)) return {};
        if (x.o[0].type == ZYDIS_OPERAND_TYPE_REGISTER && number_of(x.o[0].reg.value) == r) return {};
        return use_of(x, r).addresses ? std::nullopt : std::optional(r);
    }
    static ZydisEncoderRequest request_of(const Instruction& x) {
        ZydisEncoderRequest request{};
        if (ZYAN_FAILED(ZydisEncoderDecodedInstructionToEncoderRequest(&x.i, x.o.data(), x.i.operand_count_visible, &request))) request.mnemonic = ZYDIS_MNEMONIC_INVALID;
        return request;
    }
    // Encodes a request whose displacement in operand `memory`, immediate in operand 1, or both are holes, in this order, in all lengths.
    static bool encode(ZydisEncoderRequest request, std::optional<unsigned> memory, bool immediate, Filled& f) {
        constexpr s32 wide = 0x10000000, narrow = 0x10;       // no hole's value: what takes 32 bits, what takes 8
        bool bytes = request.operands[0].type == ZYDIS_OPERAND_TYPE_MEMORY ? request.operands[0].mem.size == 1 : ZydisRegisterGetClass(request.operands[0].reg.value) == ZYDIS_REGCLASS_GPR8;
        f.holes = u8(memory.has_value() + immediate);
        for (unsigned n = 0; n < f.encoding.size(); n++) {
            unsigned hole = 0;
            auto value = [&] { return n >> hole++ & 1 ? narrow : wide; };
            if (memory) request.operands[*memory].mem.displacement = value();
            if (immediate) request.operands[1].imm.s = bytes ? narrow : value();
            Encoding& e = f.encoding[n];
            ZyanUSize length = e.code.size();
            Instruction now;
            if (request.mnemonic == ZYDIS_MNEMONIC_INVALID || ZYAN_FAILED(ZydisEncoderEncodeInstruction(&request, e.code.data(), &length)) || !now.decode(e.code.data())) return false;
            if (now.i.length != length || now.i.mnemonic != request.mnemonic) return false;
            e.length = u8(length);
            hole = 0;
            if (memory) e.at[hole] = now.i.raw.disp.offset, e.bytes[hole++] = u8(now.i.raw.disp.size / 8);
            if (immediate) e.at[hole] = now.i.raw.imm[0].offset, e.bytes[hole++] = u8(now.i.raw.imm[0].size / 8);
            for (hole = 0; hole < f.holes; hole++) {
                bool one_byte_will_do = n >> hole & 1 || (bytes && immediate && hole + 1 == f.holes);
                if (e.bytes[hole] != 4 && !(e.bytes[hole] == 1 && one_byte_will_do)) return false;
            }
        }
        return true;
    }
    static void make_address(ZydisEncoderRequest& request, const Instruction& x, const InAddress& a, const Known& known, Hole& hole) {
        auto& m = request.operands[a.operand].mem;
        m.base = ZYDIS_REGISTER_RDI, m.index = ZYDIS_REGISTER_NONE, m.scale = 0;
        hole = {u8(known.field[a.r].at), known.field[a.r].extension, a.shift, s32(x.o[a.operand].mem.disp.value)};
    }
    // The instruction with fields for its displacement and its immediate.
    bool copy_with_fields(Part part, const Instruction& x, const std::optional<InAddress>& address, std::optional<unsigned> immediate, const Known& known) {
        auto request = request_of(x);
        Filled f;
        unsigned n = 0;
        if (address) make_address(request, x, *address, known, f.hole[n++]);
        if (immediate) request.operands[1] = {}, request.operands[1].type = ZYDIS_OPERAND_TYPE_IMMEDIATE, f.hole[n++] = known.field[*immediate].hole();
        if (!encode(request, address ? std::optional(address->operand) : std::nullopt, immediate.has_value(), f)) return false;
        bool nothing_by_zero = x.i.mnemonic == ZYDIS_MNEMONIC_ADD || x.i.mnemonic == ZYDIS_MNEMONIC_SUB || x.i.mnemonic == ZYDIS_MNEMONIC_OR || x.i.mnemonic == ZYDIS_MNEMONIC_XOR;
        bool alone = !address && immediate && x.o[0].type == ZYDIS_OPERAND_TYPE_REGISTER && x.o[0].size == 64;
        f.unless_zero = nothing_by_zero && alone && flags_are_dead(x.behind());
        put(part, f);
        return true;
    }
    // ADD of memory to a register that stands for a field: MOV, then ADD of an immediate, which has the same result and flags.
    bool copy_addition(Part part, const Instruction& x, const std::optional<InAddress>& address, const Known& known) {
        bool sum = x.i.mnemonic == ZYDIS_MNEMONIC_ADD && x.o[0].type == ZYDIS_OPERAND_TYPE_REGISTER && x.o[0].size == 64 && x.o[1].type == ZYDIS_OPERAND_TYPE_MEMORY;
        if (!sum) return false;
        unsigned r = number_of(x.o[0].reg.value);
        auto& f = known.field[r];
        if (f.at == unknown || f.loaded || f.address || f.extension == Extension::u32 || use_of(x, r).addresses) return false;
        auto load = request_of(x), add = load;
        load.mnemonic = ZYDIS_MNEMONIC_MOV;
        add.operands[1] = {}, add.operands[1].type = ZYDIS_OPERAND_TYPE_IMMEDIATE;
        Filled moved, added;
        if (address) make_address(load, x, *address, known, moved.hole[0]);
        added.hole[0] = f.hole();
        added.unless_zero = flags_are_dead(x.behind());
        if (!address || !encode(load, address->operand, false, moved) || !encode(add, {}, true, added)) return false;
        put(part, moved), put(part, added);
        return true;
    }
    // Whether no status flag is read before all have been written; if it isn't clear, one is.
    static bool flags_are_dead(const u8* at) {
        constexpr u32 status = ZYDIS_CPUFLAG_CF | ZYDIS_CPUFLAG_PF | ZYDIS_CPUFLAG_AF | ZYDIS_CPUFLAG_ZF | ZYDIS_CPUFLAG_SF | ZYDIS_CPUFLAG_OF;
        Instruction x;
        u32 live = status;
        for (unsigned n = 0; n < most_looked_at && x.decode(at); n++, at = x.behind()) {
            if (x.leaves() || (x.jump() && !x.relative())) return true;        // what is called or jumped to finds nothing in them
            if (x.conditional()) return false;
            if (x.jump()) {
                at = x.target() - x.i.length;
                continue;
            }
            if (!x.i.cpu_flags) continue;
            if (x.i.cpu_flags->tested & live) return false;
            live &= ~(x.i.cpu_flags->modified | x.i.cpu_flags->set_0 | x.i.cpu_flags->set_1 | x.i.cpu_flags->undefined);
            if (!live) return true;
        }
        return false;
    }
    // A field becomes the address in the Cpu that it says, by ADD r64, RDI.
    static bool makes_address(const Instruction& x, const Known& known) {
        if (x.i.mnemonic != ZYDIS_MNEMONIC_ADD || x.o[0].type != ZYDIS_OPERAND_TYPE_REGISTER || x.o[0].size != 64) return false;
        if (x.o[1].type != ZYDIS_OPERAND_TYPE_REGISTER || x.o[1].reg.value != ZYDIS_REGISTER_RDI) return false;
        auto& f = known.field[number_of(x.o[0].reg.value)];
        return f.at != unknown && f.small() && !f.address && !f.loaded && flags_are_dead(x.behind());
    }
    // LAHF, SETO AL and MOVZX of AX, as host flags are taken: RAX is new as a whole, though the first two write parts of it.
    static bool takes_flags(const Instruction& x) {
        Instruction second, third;
        return x.i.mnemonic == ZYDIS_MNEMONIC_LAHF && second.decode(x.behind()) && second.i.mnemonic == ZYDIS_MNEMONIC_SETO && second.o[0].reg.value == ZYDIS_REGISTER_AL &&
               third.decode(second.behind()) && third.i.mnemonic == ZYDIS_MNEMONIC_MOVZX && third.o[1].reg.value == ZYDIS_REGISTER_AX && third.o[0].size >= 32 &&
               (number_of(third.o[0].reg.value) == 0 || !may_read(third.behind(), 0));
    }
    // A shift of 64 bits to the left by CL, where that is a field, becomes one by an immediate, or none.
    bool copy_shift(Part part, const Instruction& x, const Known& known) {
        constexpr unsigned rcx = 1;
        auto& f = known.field[rcx];
        bool shift = x.i.mnemonic == ZYDIS_MNEMONIC_SHL && x.o[0].type == ZYDIS_OPERAND_TYPE_REGISTER && x.o[0].size == 64 && x.o[1].reg.value == ZYDIS_REGISTER_CL;
        if (!shift || f.at == unknown || f.loaded || f.address || f.inverted || f.more || (f.mask & ~u32{63})) return false;
        unsigned r = number_of(x.o[0].reg.value);
        if (r == rcx || known.stands_for_something(r)) return false;
        Encoding e;
        e.code = {u8(0x48 | r >> 3), 0xc1, u8(0xe0 | (r & 7))};
        e.length = 4, e.at[0] = 3, e.bytes[0] = 1;
        Filled filled;
        filled.holes = 1, filled.hole[0] = f.hole(), filled.unless_zero = true;        // by 0 it changes not even a flag
        filled.encoding.fill(e);
        put(part, filled);
        return true;
    }
    // An operand of 32 bits in the Op becomes an immediate, where the other one is a register.
    bool copy_with_operand(Part part, const Instruction& x, const Known& known) {
        auto d = known.op != unknown && x.i.operand_count_visible == 2 ? x.displacement_from_op(1) : std::nullopt;
        bool field = d && x.o[1].size == 32 && known.op + *d == s64{offsetof(Op, immediate)} && arithmetic(x) && x.o[0].type == ZYDIS_OPERAND_TYPE_REGISTER;
        if (!field || number_of(x.o[0].reg.value) == op_register || known.stands_for_something(number_of(x.o[0].reg.value))) return false;
        auto request = request_of(x);
        request.operands[1] = {}, request.operands[1].type = ZYDIS_OPERAND_TYPE_IMMEDIATE;
        Filled f;
        f.hole[0] = {u8(offsetof(Op, immediate)), Extension::u32};
        if (!encode(request, {}, true, f)) return false;
        put(part, f);
        return true;
    }
    void copy_using_fields(Part part, const Instruction& x, Known& known) {
        if (fields && (takes_flags(x) ? copy(part, x), true : copy_with_operand(part, x, known))) return;
        auto address = in_address(x, known);
        auto immediate = as_immediate(x, known);
        if (Use use = use_of(x, op_register); use.reads || use.addresses) put_op(part, known);
        if (copy_addition(part, x, address, known) || copy_shift(part, x, known)) return;
        for (unsigned r = 0; r < known.field.size(); r++) {
            if (!known.stands_for_something(r)) continue;
            Use use = use_of(x, r);
            bool by_address = address && address->r == r;
            if ((use.reads && immediate != r) || (use.addresses && !by_address)) load(part, r, known);
        }
        if ((address || immediate) && copy_with_fields(part, x, address, immediate, known)) return;
        if (immediate) load(part, *immediate, known);
        if (immediate && address && copy_with_fields(part, x, address, {}, known)) return;
        if (address) load(part, address->r, known);
        copy(part, x);
    }

    // Copies from here to a jump that leaves.
    void follow(const u8* at, Known known, Part part) {
        Instruction x;
        while (!too_much) {
            if (!x.decode(at) || x.leaves() || (x.conditional() && !x.long_form())) return leave_to(part, at, known);
            if (x.jump() && !x.relative()) return jump_to_op(part, x, known);
            if (x.jump()) {
                at = final_target(x.target());
                if (!handlers.count(at) && !goes_on(at)) return leave_to(part, at, known);
                continue;
            }
            auto field = fields ? known.load_of_field(x) : std::nullopt;
            if (x.conditional() && turned_round(part, x, known)) {
                at = x.target();
                continue;
            }
            bool run = fields && known.loads_run(x);
            bool moves = known.moves_op(x) && (x.i.mnemonic == ZYDIS_MNEMONIC_MOV || x.i.mnemonic == ZYDIS_MNEMONIC_LEA || flags_are_dead(x.behind()));
            if (!field && makes_address(x, known)) field = known.field[number_of(x.o[0].reg.value)], field->address = true;
            if (!field) field = known.derived(x);
            if (!field && flags_are_dead(x.behind())) field = known.some_bits(x);
            bool left_out = field || run || moves;
            if (x.conditional()) conditional(part, x, known);
            else if (!left_out) copy_using_fields(part, x, known);
            known.pass(x);
            if (field) known.field[number_of(x.o[0].reg.value)] = *field;
            if (run) known.run_left_out |= u16(1 << number_of(x.o[0].reg.value));
            if (moves) known.in_register = false;
            else if (use_of(x, op_register).writes) known.in_register = true;
            at = x.behind();
        }
    }

    const std::unordered_set<const u8*>& handlers;
    bool fields;                  // are as they are for good
    Template t;
    bool too_much = false;
    std::vector<Piece> pieces;
    std::vector<ToPiece> to_pieces;
    std::vector<std::size_t> thunks;      // of each site, its piece
    std::deque<std::size_t> waiting;
};

}

const Template* Templates::find_or_make(Handler handler) {
    auto* at = reinterpret_cast<const u8*>(handler);
    auto [found, fresh] = made.try_emplace(at);
    // A stub changes, and is more than an Op.
    if (fresh && copyable) found->second = Maker(handlers, handler != cross_page).make(at);
    return found->second.get();
}

}
