// SPDX-License-Identifier: MIT
// What is known of the host's registers at a point of a handler: what of an Op they hold, or stand for.
#pragma once
#include "cpu/exec/fast/host_code.h"
#include "cpu/exec/fast/templates.h"

namespace fast {

constexpr int unknown = -1;

// A field of an Op that a register stands for, or the address in the Cpu at that distance.
struct Field {
    int at = unknown;             // bytes from the handler's Op on
    Extension extension{};
    bool address = false;
    bool loaded = false;          // the register holds it
    s32 more = 0;                 // added to it; then,
    bool inverted = false;        // all bits
    u32 mask = ~u32{0};           // of these bits of it alone
    bool whole() const { return !more && !inverted && mask == ~u32{0}; }
    bool small() const { return (extension == Extension::u8 || extension == Extension::u16) && whole(); }
    Hole hole() const { return {u8(at), extension, 0, more, inverted, mask}; }
    bool operator==(const Field&) const = default;
};

// What is known at a point of a handler: by how many bytes Op's register has moved, and of which Op each register holds `run`.
struct Known {
    int op = 0;
    int link = unknown;           // the Op whose link Op's register is
    bool in_register = false;     // it holds that, and doesn't only stand for it
    std::array<int, 16> run;
    u16 run_left_out = 0;         // registers whose load of it has been left out
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
            run[r] = loaded, field[r] = {}, run_left_out &= u16(~(1 << r));
            if (r == op_register) op = unknown, link = link_loaded(x, before);
        }
        if (op == unknown && before != unknown) op = moved(x, before);
    }

    // Whether an instruction does nothing but load an Op's `run` into a free register.
    bool loads_run(const Instruction& x) const {
        if (x.i.mnemonic != ZYDIS_MNEMONIC_MOV || x.o[0].type != ZYDIS_OPERAND_TYPE_REGISTER || x.o[0].size != 64 || op == unknown) return false;
        auto d = x.displacement_from_op(1);
        return d && op + *d >= 0 && (op + *d) % s64(sizeof(Op)) == s64(offsetof(Op, run)) && is_free(number_of(x.o[0].reg.value));
    }
    // Whether a register doesn't hold yet what it stands for.
    bool stands_for_something(unsigned r) const { return run_left_out >> r & 1 || (field[r].at != unknown && !field[r].loaded); }
    // Whether an instruction does nothing but move Op's register to where it can be said.
    bool moves_op(const Instruction& x) const {
        if (op == unknown || x.o[0].type != ZYDIS_OPERAND_TYPE_REGISTER || x.o[0].reg.value != ZYDIS_REGISTER_RSI) return false;
        return moved(x, op) != unknown || link_loaded(x, op) != unknown;
    }
    // The bits of a field that an AND leaves of it in a free register, to be shifted by.
    std::optional<Field> some_bits(const Instruction& x) const {
        bool by_immediate = x.i.mnemonic == ZYDIS_MNEMONIC_AND && x.o[0].type == ZYDIS_OPERAND_TYPE_REGISTER && x.o[0].size >= 32 && x.o[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
        if (!by_immediate || !is_free(number_of(x.o[0].reg.value))) return {};
        Field f = field[number_of(x.o[0].reg.value)];
        if (f.at == unknown || !f.small() || f.address || x.o[1].imm.value.s < 0) return {};
        f.loaded = false, f.mask = u32(x.o[1].imm.value.u);
        return f;
    }
    // The field less or more something, or inverted, that an instruction makes of a field in a free register.
    std::optional<Field> derived(const Instruction& x) const {
        if (x.o[0].type != ZYDIS_OPERAND_TYPE_REGISTER || x.o[0].size != 64 || !is_free(number_of(x.o[0].reg.value))) return {};
        bool lea = x.i.mnemonic == ZYDIS_MNEMONIC_LEA && x.o[1].mem.index == ZYDIS_REGISTER_NONE && x.o[1].mem.base != ZYDIS_REGISTER_NONE && general(x.o[1].mem.base);
        if (!lea && x.i.mnemonic != ZYDIS_MNEMONIC_NOT) return {};
        Field f = field[number_of(lea ? x.o[1].mem.base : x.o[0].reg.value)];
        if (f.at == unknown || !f.small() || f.address) return {};
        f.loaded = false;
        if (lea) f.more = s32(x.o[1].mem.disp.value);
        else f.inverted = true;
        return f;
    }

private:
    static int link_loaded(const Instruction& x, int before) {
        if (x.i.mnemonic != ZYDIS_MNEMONIC_MOV || x.o[0].reg.value != ZYDIS_REGISTER_RSI || before == unknown) return unknown;
        auto d = x.displacement_from_op(1);
        int at = d ? before + int(*d) - int(offsetof(Op, link)) : unknown;
        return at >= 0 && at % int(sizeof(Op)) == 0 ? at / int(sizeof(Op)) : unknown;
    }
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

}
