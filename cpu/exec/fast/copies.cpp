// SPDX-License-Identifier: MIT
// The row is written as two stretches: what runs mostly, then what is aside.
#include "cpu/exec/fast/copies.h"
#include <cstring>

namespace fast {

static constexpr std::size_t load_op_bytes = 10, jump_bytes = 5;
static void put_op(u8* written, const Op* op) {
    written[0] = 0x48, written[1] = 0xbe;      // MOV RSI, imm64
    std::memcpy(written + 2, &op, sizeof op);
}
static void put_jump(u8* written, const u8* executed, Handler target) {
    u32 displacement = u32(reinterpret_cast<u64>(target) - reinterpret_cast<u64>(executed) - jump_bytes);
    *written = 0xe9;                           // JMP rel32
    std::memcpy(written + 1, &displacement, sizeof displacement);
}
static constexpr u8 jump_through_op[] = {0xff, 0x26};      // JMP [RSI]
static_assert(offsetof(Op, run) == 0);

// The bytes between a step and the next, if that is not the Op where it goes on.
std::size_t Copies::way_on(const Step& step, const Op* next) {
    bool falls_into = !step.code || !step.code->next || step.op + step.code->next == next;
    return falls_into ? 0 : load_op_bytes + sizeof jump_through_op;
}

void Copies::plan(Handler handler, Op* op, Handler* run) {
    if (!steps.empty()) main += way_on(steps.back(), op);
    auto* code = handler ? templates.of(handler) : nullptr;
    steps.push_back({code, op, run, code ? code->main.size(op) : load_op_bytes + jump_bytes, code ? code->aside.size(op) : 0});
    main += steps.back().main, aside += steps.back().aside;
}

void Copies::write(Blocks::Code to) {
    std::size_t at = 0, beside = bytes() - aside;
    for (std::size_t n = 0; n < steps.size(); n++) {
        auto& step = steps[n];
        auto [code, op, run, main_bytes, aside_bytes] = step;
        auto* here = to.executed + at;
        if (code) {
            copy_part(*code, Part::main, op, to.written + at, here, here, to.executed + beside);
            copy_part(*code, Part::aside, op, to.written + beside, to.executed + beside, here, to.executed + beside);
            *run = reinterpret_cast<Handler>(reinterpret_cast<u64>(here));
            for (auto& s : code->sites) {
                std::size_t place = s.part == Part::main ? at + code->main.place(op, s.at, s.filled) : beside + code->aside.place(op, s.at, s.filled);
                std::size_t thunk = beside + code->aside.place(op, s.thunk, s.thunk_filled);
                sites.push_back({op + s.op, {to.written + place, to.executed + place, to.executed + thunk}});
            }
        } else {
            put_op(to.written + at, op);
            put_jump(to.written + at + load_op_bytes, here + load_op_bytes, *run);
        }
        at += main_bytes, beside += aside_bytes;
        if (!way_on(step, n + 1 < steps.size() ? steps[n + 1].op : nullptr)) continue;
        put_op(to.written + at, op + code->next);
        std::memcpy(to.written + at + load_op_bytes, jump_through_op, sizeof jump_through_op);
        at += load_op_bytes + sizeof jump_through_op;
    }
}

}
