// SPDX-License-Identifier: MIT
// The host's instructions as Zydis reads them from handlers, and what each does with registers.
#pragma once
#include "cpu/exec/fast/op.h"
#include <Zydis/Zydis.h>
#include <array>
#include <optional>

namespace fast {

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

inline unsigned number_of(ZydisRegister r) { return unsigned(ZydisRegisterGetId(ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, r))); }
inline bool general(ZydisRegister r) {
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
inline Use use_of(const Instruction& x, unsigned r) {
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

}
