// SPDX-License-Identifier: MIT
// The decoder: prefixes, opcode, ModRM, SIB, displacement, immediates, in the order of SDM vol. 2, figure 2-1.
#include "cpu/decode/decoder.h"
#include <algorithm>
#include <map>
#include <vector>

namespace decode {
using namespace isa;

namespace {

// The rows of one opcode, the more exact ones first.
using Candidates = std::vector<const Row*>;

struct OpcodeTable {
    std::array<Candidates, 2 * 4 * 256> at;
    OpcodeTable() {
        for (auto family : families())
            for (auto& row : family)
                for (unsigned r = 0; r < (row.encoding.plus_r ? 8u : 1u); r++)
                    at[slot(row.encoding.vex, row.encoding.map, u8(row.encoding.opcode + r))].push_back(&row);
        for (auto& rows : at)
            std::ranges::stable_sort(rows, [](auto* a, auto* b) { return exactness(*a) > exactness(*b); });
    }
    static unsigned slot(bool vex, u8 map, u8 opcode) { return (unsigned(vex) * 4 + map) * 256 + opcode; }
    static int exactness(const Row& row) {
        auto& e = row.encoding;
        int prefix = e.prefix >= Prefix::pF3 ? 2 : e.prefix != Prefix::any ? 1 : 0;
        return prefix * 1000 + (e.l != VexL::any) * 200 + (e.w != RexW::any) * 100 + e.no_rex_b * 50 + std::popcount(e.modrm_mask) * 2 +
               (row.operands.mod() != ' ');
    }
};

const OpcodeTable& table() {
    static const OpcodeTable t;
    return t;
}

// Reads bytes until they end; `failed` then says how.
struct Reader {
    std::span<const u8> code;
    unsigned at = 0;
    Result failed = Result::ok;

    u8 byte() {
        if (at >= 15) return fail(Result::too_long);
        if (at >= code.size()) return fail(Result::truncated);
        return code[at++];
    }
    u64 number(unsigned width) {                   // little-endian, sign-extended
        u64 value = 0;
        for (unsigned i = 0; i < width; i++) value |= u64{byte()} << (i * 8);
        return width ? sign_extend(value, width * 8) : 0;
    }
    u8 fail(Result r) {
        if (failed == Result::ok) failed = r;
        return 0;
    }
};

struct Decoder {
    Reader in;
    Mode mode;
    Insn& insn;
    bool p67 = false, vex_l = false, vex_w = false, vvvv_absent = true, has_modrm = false, vsib = false;
    Prefix vex_prefix = Prefix::np;
    u8 map = 0, suffix = 0;
    int override_ = -1;                            // segment

    bool long_mode() const { return mode.size == CodeSize::bits64; }

    bool legacy_prefix(u8 b) {
        switch (b) {
        case 0x66: insn.p66 = true; return true;
        case 0x67: p67 = true; return true;
        case 0xf0: insn.lock = true; return true;
        case 0xf2: case 0xf3: insn.rep = b; return true;
        case 0x26: case 0x2e: case 0x36: case 0x3e:
            if (!long_mode()) override_ = b >> 3 & 3;
            return true;
        case 0x64: case 0x65: override_ = b - 0x60; return true;
        default: return false;
        }
    }

    // Returns the first byte that is no prefix.
    u8 prefixes() {
        for (;;) {
            u8 b = in.byte();
            if (in.failed != Result::ok) return 0;
            if (legacy_prefix(b)) insn.rex = 0;    // a REX counts only right before the opcode
            else if (long_mode() && (b & 0xf0) == 0x40) insn.rex = b;
            else return b;
        }
    }

    bool is_vex(u8 b) {
        if (b != 0xc4 && b != 0xc5) return false;
        if (long_mode()) return true;
        if (!mode.protected_mode) return false;
        if (in.at >= in.code.size() || in.at >= 15) return false;     // too short either way
        return in.code[in.at] >= 0xc0;
    }

    void vex_fields(u8 last) {
        static constexpr Prefix pp[] = {Prefix::np, Prefix::p66, Prefix::pF3, Prefix::pF2};
        vex_prefix = pp[last & 3];
        vex_l = last & 4;
        vvvv_absent = (last & 0x78) == 0x78;
        insn.vvvv = ~last >> 3 & (long_mode() ? 15 : 7);
    }

    bool parse_vex(u8 first) {
        if (insn.p66 || insn.rep || insn.lock || insn.rex) return false;
        insn.vex = true;
        u8 second = in.byte();
        u8 rex = 0x40 | (second & 0x80 ? 0 : 4);
        map = 1;
        if (first == 0xc4) {
            rex |= (second & 0x40 ? 0 : 2) | (second & 0x20 ? 0 : 1);
            map = second & 31;
            u8 third = in.byte();
            vex_w = third & 0x80;
            rex |= vex_w ? 8 : 0;
            vex_fields(third);
        } else {
            vex_fields(second);
        }
        if (long_mode()) insn.rex = rex;
        insn.opcode = in.byte();
        return map >= 1 && map <= 3;
    }

    void parse_opcode(u8 b) {
        if (b != 0x0f) { insn.opcode = b; return; }
        map = 1;
        insn.opcode = in.byte();
        if (insn.opcode == 0x38 || insn.opcode == 0x3a) {
            map = insn.opcode == 0x38 ? 2 : 3;
            insn.opcode = in.byte();
        }
    }

    bool prefix_matches(const Row& row) const {
        if (insn.vex) return row.encoding.prefix == vex_prefix;
        switch (row.encoding.prefix) {
        case Prefix::any: return true;
        case Prefix::np: return !insn.p66 && !insn.rep;
        case Prefix::p66: return insn.p66 && !insn.rep;
        case Prefix::pF3: return insn.rep == 0xf3 && (!row.encoding.hint || has(row.gate.needs));
        case Prefix::pF2: return insn.rep == 0xf2;
        }
        return false;
    }
    bool has(Feature f) const { return !mode.features || mode.features->has(f); }

    bool matches(const Row& row) const {
        auto& e = row.encoding;
        if (row.gate.only64 && !long_mode()) return false;
        if (row.gate.not64 && long_mode()) return false;
        if (!prefix_matches(row) || (row.gate.no_rep && insn.rep)) return false;
        bool w = insn.vex ? vex_w : insn.rex_w();
        if (e.w == RexW::w1 && !w) return false;
        if (e.w == RexW::w0 && w) return false;
        if (e.l != VexL::any && (e.l == VexL::l1) != vex_l) return false;
        if (e.no_rex_b && insn.rex & 1) return false;
        if (!e.has_modrm) return true;
        if ((insn.modrm & e.modrm_mask) != e.modrm_value || (e.has_suffix && e.suffix != suffix)) return false;
        char mod = row.operands.mod();
        if (row.gate.mod_ignored || mod == ' ') return true;
        return (mod == 'R') == (insn.modrm >= 0xc0);
    }

    void set_address_size() {
        if (long_mode()) insn.address_size = p67 ? 4 : 8;
        else insn.address_size = (mode.size == CodeSize::bits16) != p67 ? 2 : 4;
    }
    // 3DNow!'s last opcode byte, read ahead.
    void look_at_suffix() {
        unsigned at = in.at;
        set_address_size();
        if (insn.modrm < 0xc0) address();
        suffix = in.byte();
        in.at = at;
    }

    const Row* find() {
        auto& rows = table().at[OpcodeTable::slot(insn.vex, map, insn.opcode)];
        if (rows.empty()) return nullptr;
        for (auto* row : rows)
            if (row->encoding.has_modrm) has_modrm = true;
        // AMD's UD0 and UD1 end with their opcode: no ModRM byte is fetched (Zen 5).
        if (mode.amd && !insn.vex && map == 1 && (insn.opcode == 0xff || insn.opcode == 0xb9)) has_modrm = false;
        if (has_modrm) insn.modrm = in.byte();
        if (rows.front()->encoding.has_suffix) look_at_suffix();
        if (in.failed != Result::ok) return nullptr;
        for (auto* row : rows)
            if (matches(*row)) return row;
        return nullptr;
    }

    u8 operand_size(const Gate& gate, Prefix prefix) const {
        bool p66 = insn.p66 && prefix != Prefix::p66;
        if (long_mode()) {
            if (gate.force64 && !(gate.near_branch && mode.amd && p66 && !insn.rex_w())) return 8;
            if (insn.rex_w()) return 8;
            if (p66) return 2;
            return gate.default64 ? 8 : 4;
        }
        if (prefix == Prefix::p66 || insn.vex) return 4;
        return (mode.size == CodeSize::bits16) != p66 ? 2 : 4;
    }

    u8 vector_length() const { return vex_l ? 32 : 16; }
    u8 width(Size size) const {
        u8 v = insn.operand_size, z = std::min<u8>(v, 4);
        switch (size) {
        case Size::none: return 0;
        case Size::b: return 1;
        case Size::w: return 2;
        case Size::d: return 4;
        case Size::q: return 8;
        case Size::dq: return 16;
        case Size::t: return 10;
        case Size::qq: return 32;
        case Size::x: return vector_length();
        case Size::x2: return vector_length() / 2;
        case Size::x4: return vector_length() / 4;
        case Size::x8: return vector_length() / 8;
        case Size::v: return v;
        case Size::z: return z;
        case Size::y: return v == 8 ? 8 : 4;
        case Size::a: return u8(v * 2);
        case Size::p: return u8(v + 2);
        case Size::s: return long_mode() ? 10 : 6;
        }
        return 0;
    }

    u8 reg() const { return u8((insn.modrm >> 3 & 7) | (insn.rex & 4) << 1); }
    u8 rm() const { return u8((insn.modrm & 7) | (insn.rex & 1) << 3); }

    void default_segment(Seg seg) { insn.segment = override_ >= 0 ? Seg(override_) : seg; }

    void address16() {
        static constexpr u8 bases[] = {rbx, rbx, rbp, rbp, rsi, rdi, rbp, rbx};
        static constexpr u8 indexes[] = {rsi, rdi, rsi, rdi, no_reg, no_reg, no_reg, no_reg};
        u8 mod = insn.modrm >> 6, rm = insn.modrm & 7;
        bool absolute = mod == 0 && rm == 6;
        insn.base = absolute ? u8(no_reg) : bases[rm];
        insn.index = indexes[rm];
        insn.displacement = in.number(absolute ? 2 : mod);
        default_segment(insn.base == rbp ? Seg::ss : Seg::ds);
    }

    void sib() {
        u8 b = in.byte(), mod = insn.modrm >> 6;
        u8 index = u8((b >> 3 & 7) | (insn.rex & 2) << 2);
        insn.scale = b >> 6;
        vector_index = index;
        insn.index = index == rsp || vsib ? u8(no_reg) : index;
        bool no_base = (b & 7) == 5 && mod == 0;
        insn.base = no_base ? u8(no_reg) : u8((b & 7) | (insn.rex & 1) << 3);
        insn.displacement = in.number(no_base ? 4 : mod == 1 ? 1 : mod == 2 ? 4 : 0);
    }

    bool rip_relative = false;
    u8 immediates = 0, vector_index = 0;

    void address32() {
        u8 mod = insn.modrm >> 6, rm = insn.modrm & 7;
        if (rm == 4) {
            sib();
        } else if (mod == 0 && rm == 5) {
            rip_relative = long_mode();
            insn.base = rip_relative ? rip_reg : no_reg;
            insn.displacement = in.number(4);
        } else {
            insn.base = this->rm();
            insn.displacement = in.number(mod == 1 ? 1 : mod == 2 ? 4 : 0);
        }
        default_segment(insn.base == rsp || insn.base == rbp ? Seg::ss : Seg::ds);
    }

    void address() {
        if (insn.address_size == 2) address16();
        else address32();
    }

    DecodedOperand general(u8 number, u8 width) const {
        if (width == 1 && !insn.rex && number >= 4 && number < 8) return {Place::high_byte, u8(number - 4), 1};
        return {Place::gpr, number, width};
    }
    DecodedOperand rm_or_memory(DecodedOperand reg) const {
        return insn.modrm < 0xc0 ? DecodedOperand{Place::memory, 0, reg.width} : reg;
    }
    u8 opcode_reg() const { return u8((insn.opcode & 7) | (insn.rex & 1) << 3); }

    DecodedOperand operand(const Operand& o) {
        u8 w = width(o.size);
        switch (o.from) {
        case From::none: return {};
        case From::E: return rm_or_memory(general(rm(), w));
        case From::G: return general(reg(), w);
        case From::R: return general(rm(), w);
        case From::M: return {Place::memory, 0, w};
        case From::B: return {Place::gpr, insn.vvvv, w};
        case From::H: return {Place::xmm, insn.vvvv, w};
        case From::L: return {Place::xmm, 0, w};               // immediate() has the number
        case From::VM: return {Place::memory, vector_index, w};
        case From::Z: return general(opcode_reg(), w);
        case From::S: return {Place::segment, u8(insn.modrm >> 3 & 7), w};
        case From::C: return {Place::control, reg(), w};
        case From::D: return {Place::debug, reg(), w};
        case From::V: return {Place::xmm, reg(), w};
        case From::W: return rm_or_memory({Place::xmm, rm(), w});
        case From::U: return {Place::xmm, rm(), w};
        case From::P: return {Place::mmx, u8(insn.modrm >> 3 & 7), w};
        case From::Q: return rm_or_memory({Place::mmx, u8(insn.modrm & 7), w});
        case From::N: return {Place::mmx, u8(insn.modrm & 7), w};
        case From::T: return {Place::st, u8(insn.modrm & 7), w};
        case From::X: default_segment(Seg::ds); return {Place::string, 0, w};
        case From::Y: return {Place::string, 1, w};
        case From::fixed_gpr: return {Place::gpr, o.number, w};
        case From::fixed_segment: return {Place::segment, o.number, w};
        case From::BD: insn.base = rdi; default_segment(Seg::ds); return {Place::memory, 0, w};
        case From::fixed_xmm: return {Place::xmm, o.number, w};
        case From::fixed_st: return {Place::st, o.number, w};
        case From::one: insn.immediate = 1; return {Place::immediate, 0, 1};
        case From::I: case From::J: case From::A: return {Place::immediate, immediates++, w};
        case From::O:
            default_segment(Seg::ds);
            insn.base = insn.index = no_reg;
            return {Place::memory, 0, w};
        }
        return {};
    }

    void immediate(unsigned n, const Operand& o, unsigned& seen) {
        u64& value = seen == 0 ? insn.immediate : insn.immediate2;
        switch (o.from) {
        case From::I: case From::J: value = in.number(width(o.size)), seen++; break;
        case From::L: insn.operand[n].number = in.byte() >> 4 & (long_mode() ? 15 : 7); break;
        case From::A:
            insn.immediate = in.number(insn.operand_size) & ones(insn.operand_size);
            insn.immediate2 = in.number(2) & 0xffff;
            break;
        case From::O: {
            u64 offset = in.number(insn.address_size);
            insn.displacement = offset & ones(insn.address_size);
            break;
        }
        default: break;
        }
    }

    // Registers that don't exist.
    bool registers_exist(const Row& row) const {
        for (unsigned n = 0; n < row.operands.count; n++) {
            auto& o = insn.operand[n];
            if (o.place == Place::segment && o.number > 5) return false;
            if (o.place == Place::segment && row.operands.o[n].from == From::S && n == 0 && o.number == 1) return false;
            if (o.place == Place::control && !(0x11d >> o.number & 1)) return false;
            if (o.place == Place::debug && o.number > 7) return false;
        }
        return true;
    }

    // VPEXTRD and VPINSRD with W outside 64-bit mode: SDM vol. 2 has W ignored, AMD's are #UD (Zen 5).
    bool amd_refuses_w() const { return mode.amd && vex_w && !long_mode() && map == 3 && (insn.opcode == 0x16 || insn.opcode == 0x22); }

    // Gathers: an address with a SIB byte, and three registers that differ (SDM vol. 2, 2.3.12 and VGATHERDPS).
    bool vsib_allowed() const {
        auto& o = insn.operand;
        if (insn.address_size == 2 || (insn.modrm & 7) != 4) return false;
        return o[0].number != o[1].number && o[0].number != o[2].number && o[1].number != o[2].number;
    }

    static bool is_port(const Operand& o) { return o.from == From::fixed_gpr && o.size == Size::w && o.number == rdx; }
    unsigned handler(const Row& row) const {
        if (row.operands.by_vector_length()) return vex_l ? 3 : 2;
        auto index = [](u8 w) { return unsigned(std::countr_zero(unsigned(w))); };
        for (unsigned n = 0; n < row.operands.count; n++) {
            Size s = row.operands.o[n].size;
            if (s == Size::v || s == Size::z || s == Size::y) return index(width(s));
        }
        for (unsigned n = 0; n < row.operands.count; n++)
            if (u8 w = width(row.operands.o[n].size); !is_port(row.operands.o[n]) && (w == 1 || w == 2 || w == 4 || w == 8)) return index(w);
        return index(insn.operand_size);
    }

    // AMD: LOCK MOV CR0 is MOV CR8 outside 64-bit mode (APM vol. 3, MOV CRn).
    bool alternative_cr8(const Row& row) {
        if (!row.gate.mod_ignored || !insn.lock || !mode.amd || !has(Feature::cr8_legacy)) return false;
        for (auto& o : insn.operand)
            if (o.place == Place::control && o.number == 0) return o.number = 8, true;
        return false;
    }

    bool lock_allowed(const Row& row) { return !insn.lock || (row.gate.lock && insn.is_memory(0)) || alternative_cr8(row); }

    bool body(const Row& row) {
        insn.operand_size = operand_size(row.gate, row.encoding.prefix);
        set_address_size();
        vsib = row.operands.has(From::VM);
        if (has_modrm && insn.modrm < 0xc0 && row.encoding.has_modrm && !row.gate.mod_ignored) address();
        bool uses_vvvv = row.operands.has(From::B) || row.operands.has(From::H);
        for (unsigned n = 0; n < row.operands.count; n++) insn.operand[n] = operand(row.operands.o[n]);
        unsigned seen = 0;
        for (unsigned n = 0; n < row.operands.count; n++) immediate(n, row.operands.o[n], seen);
        if (row.encoding.has_suffix) in.byte();
        if (rip_relative) insn.displacement += in.at;
        if (insn.vex && !uses_vvvv && !vvvv_absent) return false;
        if (vex_l && !has(row.gate.needs256)) return false;
        if (vsib && !vsib_allowed()) return false;
        if (amd_refuses_w()) return false;
        return registers_exist(row) && lock_allowed(row) && has(row.gate.needs) && (mode.protected_mode || !row.gate.protected_mode);
    }

    Result end(const Row* row) {
        insn.length = u8(in.at);
        if (in.failed != Result::ok) return in.failed;
        if (!row) return Result::undefined;
        insn.row = row;
        insn.word = u8(handler(*row));
        insn.run = row->run.slow[insn.word];
        insn.gated = row->gate.cpl < 3 || row->gate.umip || row->gate.unit != Unit::none ||
                     (row->event != Event::none && !row->gate.asks_itself);
        return Result::ok;
    }

    Result run() {
        u8 b = prefixes();
        if (in.failed != Result::ok) return end(nullptr);
        if (is_vex(b)) {
            if (!parse_vex(b)) return end(nullptr);
        } else {
            parse_opcode(b);
        }
        if (in.failed != Result::ok) return end(nullptr);
        const Row* row = find();
        if (!row) {
            insn.operand_size = operand_size({}, Prefix::any);
            return end(nullptr);
        }
        bool exists = body(*row);
        return end(exists ? row : nullptr);
    }
};

}

Result decode(std::span<const u8> code, Mode mode, Insn& insn) {
    insn = Insn{};
    return Decoder{{code}, mode, insn}.run();
}

std::span<const Row* const> rows_at(bool vex, u8 map, u8 opcode) {
    return table().at[OpcodeTable::slot(vex, map, opcode)];
}

}
