// SPDX-License-Identifier: MIT
// Handlers' machine code as templates, so that a block's handlers can be copied into a row (selective inlining: Piumarta and
// Riccardi, 1998).
//
// A handler ends by jumping through the next Op. Hosts predict such jumps as long as there are fewer than some 1,500 on the
// way; a system call's way through a kernel, or a VM exit's through a hypervisor, is longer than that, and then each costs 8 ns
// instead of 1. In a row of copies most handlers fall into the next one instead, and what jumps remain stand apart.
//
// A copy runs on the same registers as the handler, so every part that isn't worth copying, or isn't understood, is left
// where it is and jumped to. That makes any copy right, whatever the compiler has made of the handler.
//
// What a handler loads from its Op is known when it is copied, so the copy has it in the code: registers' places as displacements,
// other fields as immediates. That makes a third of the loads unnecessary.
//
// Needs Zydis, x86-64 and tail calls; elsewhere no handler has a template.
#pragma once
#include "cpu/exec/fast/op.h"
#include <memory>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace fast {

// A template's two parts: what runs mostly, which lies in the row, and the rest, behind the row.
enum class Part : u8 { main, aside };

// A 32-bit displacement to be set when a part is copied.
struct Fixup {
    u16 at;                       // where in its part
    u8 behind;                    // bytes from the displacement's end to the instruction's
    enum class To : u8 { aside, end, outside } to;    // end: of main, where the next Op's code is
    u64 target;                   // offset in the aside part; an address, if outside
};

// How a field of an Op becomes a register's value.
enum class Extension : u8 { u8, u16, u32, s32 };
// 32 bits in a part that are set to a field's value and something more.
struct Hole {
    u16 at;                       // where in its part
    u8 field;                     // bytes from the handler's Op on
    Extension extension;
    s32 more;
};

struct Template {
    std::vector<u8> main, aside;
    std::vector<Fixup> main_fixups, aside_fixups;
    std::vector<Hole> main_holes, aside_holes;
    unsigned next = 0;            // main's end stands for this many Ops on; 0: main ends with a jump
};

class Templates {
public:
    // `handlers`: all that a copied handler's jump may be followed into.
    explicit Templates(std::unordered_set<const u8*> handlers) : handlers(std::move(handlers)) {}
    // Null: this handler isn't copied.
    const Template* of(Handler handler);

private:
    std::unordered_set<const u8*> handlers;
    std::unordered_map<const u8*, std::unique_ptr<Template>> made;
};

// Writes a part for an Op that will be executed at `executed`; main_at and aside_at are where both parts will be executed.
void copy_part(const Template& t, Part part, const Op* op, u8* written, const u8* executed, const u8* main_at, const u8* aside_at);

}
