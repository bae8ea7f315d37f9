// SPDX-License-Identifier: MIT
// The row is written as two stretches: what runs mostly, then what is aside.
#include "cpu/exec/fast/copies.h"
#include <cstring>

namespace fast {

static constexpr std::size_t jump_bytes = 5;
static void put_jump(u8* written, const u8* executed, Handler target) {
    u32 displacement = u32(reinterpret_cast<u64>(target) - reinterpret_cast<u64>(executed) - jump_bytes);
    *written = 0xe9;                           // JMP rel32
    std::memcpy(written + 1, &displacement, sizeof displacement);
}
static constexpr u8 jump_through_op[] = {0xff, 0x26};      // JMP [RSI]
static_assert(offsetof(Op, run) == 0);

void Copies::plan(Handler handler, const Op* op) {
    auto* code = handler ? templates.of(handler) : nullptr;
    steps.push_back({code});
    main += code ? code->main.size(op) + sizeof jump_through_op : jump_bytes;
    aside += code ? code->aside.size(op) : 0;
}

void Copies::write(Blocks::Code to) {
    std::size_t at = 0, beside = main;
    for (std::size_t n = 0; n < steps.size(); n++) {
        auto [code, op, run] = steps[n];
        auto* here = to.executed + at;
        if (!code) {
            put_jump(to.written + at, here, *run);
            at += jump_bytes;
            continue;
        }
        copy_part(*code, Part::main, op, to.written + at, here, here, to.executed + beside);
        copy_part(*code, Part::aside, op, to.written + beside, to.executed + beside, here, to.executed + beside);
        *run = reinterpret_cast<Handler>(reinterpret_cast<u64>(here));
        for (auto& s : code->sites) {
            auto& part = s.part == Part::main ? code->main : code->aside;
            std::size_t place = (s.part == Part::main ? at : beside) + part.place(op, s.at, s.filled);
            sites.push_back({op + s.op, {to.written + place, to.executed + place}});
        }
        at += code->main.size(op), beside += code->aside.size(op);
        bool falls_into = n + 1 < steps.size() && steps[n + 1].op == op + code->next;
        if (code->next && !falls_into) std::memcpy(to.written + at, jump_through_op, sizeof jump_through_op), at += sizeof jump_through_op;
    }
}

}
