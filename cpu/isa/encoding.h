// SPDX-License-Identifier: MIT
// An opcode's encoding and operands, written as the manuals write them and parsed at compile time.
//
//   "00 /r"  "0F 01 /2"  "0F 01 C1"  "50+r"  "D8 C0+i"  "NP 0F 58 /r"  "F3 0F B8 /r"  "REX.W 0F C7 /1"
//   "VEX.LZ.0F38.W0 F2 /r"  "VEX.LZ.F2.0F38 F5 /r"  "VEX.256.66.0F3A.W1 00 /r"
//   "0F 0F /r 9E" (3DNow!: the opcode's last byte follows the operand)
//
// Prefix words: NP (none of 66, F3, F2), 66, F3, F2 are part of the opcode; without one, 66 is the operand-size prefix and F2/F3 are ignored.
// VEX.128 and VEX.LZ want VEX.L = 0, VEX.256 wants 1; without one of them (or with LIG, where operands are scalars) L is free, and says how long
// operands of size "x" are. W is free without W0 or W1. "F3? ..." (a hint) is like F3, but a CPU without the row's feature executes the row
// without F3. "NB": only without REX.B.
#pragma once
#include "base/bits.h"
#include <array>
#include <string_view>

namespace isa {

enum class Prefix : u8 { any, np, p66, pF3, pF2 };
enum class RexW : u8 { any, w0, w1 };
enum class VexL : u8 { any, l0, l1 };

struct Encoding {
    Prefix prefix = Prefix::any;
    RexW w = RexW::any;
    bool hint = false;
    bool no_rex_b = false;        // not with REX.B (NOP, PAUSE; with it 90 is XCHG r8, rAX)
    bool vex = false;
    VexL l = VexL::any;
    u8 map = 0;                   // 0: one byte, 1: 0F, 2: 0F 38, 3: 0F 3A
    u8 opcode = 0;
    bool plus_r = false;          // the opcode's low three bits name a register
    bool has_modrm = false;
    u8 modrm_mask = 0, modrm_value = 0;
    bool has_suffix = false;
    u8 suffix = 0;                // the byte behind ModRM, SIB and displacement (3DNow!)

    consteval Encoding(const char* text) {
        std::string_view rest = text;
        auto word = next(rest);
        if (word.substr(0, 4) == "VEX.") parse_vex(word), word = next(rest);
        for (bool more = !vex; more;) {
            if (word == "NP") prefix = Prefix::np;
            else if (word == "66") prefix = Prefix::p66;
            else if (word == "F3" && !rest.empty() && rest[0] != '/') prefix = Prefix::pF3;
            else if (word == "F3?") prefix = Prefix::pF3, hint = true;
            else if (word == "F2" && !rest.empty() && rest[0] != '/') prefix = Prefix::pF2;
            else if (word == "REX.W") w = RexW::w1;
            else if (word == "W0") w = RexW::w0;
            else if (word == "NB") no_rex_b = true;
            else { more = false; break; }
            word = next(rest);
        }
        if (!vex && word == "0F") {
            map = 1, word = next(rest);
            if (word == "38") map = 2, word = next(rest);
            else if (word == "3A") map = 3, word = next(rest);
        }
        if (word.size() == 4 && word[2] == '+') plus_r = true, word = word.substr(0, 2);
        opcode = hex(word);
        if (rest.empty()) return;
        word = next(rest);
        has_modrm = true;
        if (word == "/r") {
            if (!rest.empty()) has_suffix = true, suffix = hex(rest);
            return;
        }
        if (word[0] == '/') modrm_mask = 0x38, modrm_value = u8(hex(word.substr(1)) << 3);
        else if (word.size() == 4 && word[2] == '+') modrm_mask = 0xf8, modrm_value = hex(word.substr(0, 2));
        else modrm_mask = 0xff, modrm_value = hex(word);
        if (!rest.empty()) throw "text behind the ModRM part";
    }

private:
    static consteval std::string_view next(std::string_view& rest) {
        auto word = rest.substr(0, rest.find(' '));
        rest.remove_prefix(word.size() + 1 < rest.size() ? word.size() + 1 : rest.size());
        return word;
    }
    static consteval u8 hex(std::string_view word) {
        if (word.empty() || word.size() > 2) throw "not a hexadecimal byte";
        unsigned v = 0;
        for (char c : word) v = v * 16 + (c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : throw "not a hexadecimal byte");
        return u8(v);
    }
    consteval void parse_vex(std::string_view word) {
        vex = true, prefix = Prefix::np;
        word.remove_prefix(4);
        while (!word.empty()) {
            auto part = word.substr(0, word.find('.'));
            word.remove_prefix(part.size() < word.size() ? part.size() + 1 : part.size());
            if (part == "66") prefix = Prefix::p66;
            else if (part == "F3") prefix = Prefix::pF3;
            else if (part == "F2") prefix = Prefix::pF2;
            else if (part == "0F") map = 1;
            else if (part == "0F38") map = 2;
            else if (part == "0F3A") map = 3;
            else if (part == "W0") w = RexW::w0;
            else if (part == "W1") w = RexW::w1;
            else if (part == "128" || part == "LZ") l = VexL::l0;
            else if (part == "256") l = VexL::l1;
            else if (part != "LIG" && part != "NP") throw "unknown part of a VEX encoding";
        }
    }
};

// Where an operand comes from; the letters of the manuals' opcode maps (SDM vol. 2, appendix A.2), and some of ours:
enum class From : u8 {
    none,
    E,      // ModRM.rm: general register or memory
    G,      // ModRM.reg: general register
    R,      // ModRM.rm: general register only
    M,      // ModRM.rm: memory only
    B,      // VEX.vvvv: general register
    H,      // VEX.vvvv: XMM or YMM register
    L,      // bits 7:4 of an immediate byte: XMM or YMM register
    VM,     // memory at base and displacement, plus elements of a vector register (VSIB); the size is an index's
    Z,      // opcode bits 2:0: general register
    S,      // ModRM.reg: segment register
    C, D,   // ModRM.reg: control, debug register
    I,      // immediate, sign-extended ("Ib" is extended too; who needs 8 bits takes 8)
    J,      // relative branch target
    A,      // far pointer in the instruction
    O,      // offset in the instruction
    X, Y,   // DS:rSI, ES:rDI
    V, W, U,// ModRM.reg XMM or YMM; ModRM.rm XMM, YMM or memory; ModRM.rm XMM or YMM only
    P, Q, N,// the same with MMX registers
    T,      // x87 stack register ST(i) of ModRM.rm; "ST0" is fixed
    fixed_gpr, fixed_segment, fixed_st, fixed_xmm, one,
    BD      // memory at DS:rDI, with segment overrides (MASKMOVQ, MASKMOVDQU)
};

// How wide: fixed, or by the instruction's operand size.
enum class Size : u8 {
    none, b, w, d, q, dq, t, qq,  // 1, 2, 4, 8, 16, 10, 32 bytes
    x, x2, x4, x8,                // 16 bytes, or 32 with VEX.L; a half, a quarter, an eighth of that
    v,                            // operand size: 2, 4, 8
    z,                            // 2, or 4 for operand sizes 4 and 8
    y,                            // 8 with REX.W (or in 64-bit default-64 forms), else 4
    a,                            // operand size (address of two of them: BOUND)
    p,                            // far pointer: operand size and a selector
    s,                            // pseudo-descriptor: 6 bytes, or 10 in 64-bit mode
};

struct Operand {
    From from = From::none;
    Size size = Size::none;
    u8 number = 0;                // of fixed registers
};

struct Operands {
    std::array<Operand, 4> o{};
    u8 count = 0;

    consteval Operands(const char* text) {
        std::string_view rest = text;
        while (!rest.empty()) {
            auto word = rest.substr(0, rest.find(','));
            rest.remove_prefix(word.size() == rest.size() ? word.size() : word.size() + 2);
            o[count++] = parse(word);
        }
    }

    // 'M'emory only, 'R'egister only, or either: what the operands ask of ModRM.mod.
    constexpr char mod() const {
        for (auto& x : o) {
            if (x.from == From::M || x.from == From::VM) return 'M';
            if (x.from == From::R || x.from == From::U || x.from == From::N || x.from == From::T) return 'R';
        }
        return ' ';
    }

    constexpr bool has(From from) const {
        for (auto& x : o) if (x.from == from) return true;
        return false;
    }
    // Whether VEX.L says how long the operands are.
    constexpr bool by_vector_length() const {
        for (auto& x : o) if (x.size >= Size::x && x.size <= Size::x8) return true;
        return false;
    }

private:
    static consteval Size size(std::string_view s) {
        struct { std::string_view text; Size size; } table[] = {
            {"", Size::none}, {"b", Size::b}, {"w", Size::w}, {"d", Size::d}, {"q", Size::q}, {"dq", Size::dq}, {"t", Size::t},
            {"v", Size::v}, {"z", Size::z}, {"y", Size::y}, {"a", Size::a}, {"p", Size::p}, {"s", Size::s},
            {"ps", Size::dq}, {"pd", Size::dq}, {"x", Size::x}, {"x/2", Size::x2}, {"x/4", Size::x4}, {"x/8", Size::x8}, {"qq", Size::qq},
            {"ss", Size::d}, {"sd", Size::q}, {"pi", Size::q}};
        for (auto& row : table) if (row.text == s) return row.size;
        throw "unknown operand size";
    }
    static consteval Operand parse(std::string_view word) {
        struct { std::string_view text; Operand operand; } table[] = {
            {"AL", {From::fixed_gpr, Size::b, 0}}, {"CL", {From::fixed_gpr, Size::b, 1}}, {"AX", {From::fixed_gpr, Size::w, 0}},
            {"DX", {From::fixed_gpr, Size::none, 2}}, {"EAX", {From::fixed_gpr, Size::d, 0}}, {"rAX", {From::fixed_gpr, Size::v, 0}}, {"eAX", {From::fixed_gpr, Size::z, 0}},
            {"ES", {From::fixed_segment, Size::w, 0}}, {"CS", {From::fixed_segment, Size::w, 1}}, {"SS", {From::fixed_segment, Size::w, 2}},
            {"DS", {From::fixed_segment, Size::w, 3}}, {"FS", {From::fixed_segment, Size::w, 4}}, {"GS", {From::fixed_segment, Size::w, 5}},
            {"ST0", {From::fixed_st, Size::t, 0}}, {"STi", {From::T, Size::t, 0}}, {"1", {From::one, Size::b, 1}},
            {"XMM0", {From::fixed_xmm, Size::dq, 0}}, {"BDq", {From::BD, Size::q}}, {"BDdq", {From::BD, Size::dq}},
            {"vm32", {From::VM, Size::d}}, {"vm64", {From::VM, Size::q}}};
        for (auto& row : table) if (row.text == word) return row.operand;
        constexpr std::string_view letters = "EGRMBHLZSCDIJAOXYVWUPQN";
        constexpr From from[] = {From::E, From::G, From::R, From::M, From::B, From::H, From::L, From::Z, From::S, From::C, From::D, From::I, From::J,
                                 From::A, From::O, From::X, From::Y, From::V, From::W, From::U, From::P, From::Q, From::N};
        auto at = letters.find(word[0]);
        if (at == letters.npos) throw "unknown operand";
        return {from[at], size(word.substr(1))};
    }
};

}
