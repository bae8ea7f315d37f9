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
// other fields as immediates, of 8 bits where they fit. That makes a third of the loads unnecessary and the code shorter.
//
// The Op itself is known too: RSI is set where something reads it or the copies are left. Between copies it holds anything, so
// that none has to move it; who enters a copy needs not set it.
//
// Needs Zydis, x86-64 and tail calls; elsewhere no handler has a template.
#pragma once
#include "cpu/exec/fast/op.h"
#include <array>
#include <memory>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace fast {

// A template's two parts: what runs mostly, which lies in the row, and the rest, behind the row.
enum class Part : u8 { main, aside };

// What is set when a part is copied: a 32-bit displacement, or an Op's address of 64 bits.
struct Fixup {
    u16 at;                       // where in its part's bytes
    u8 behind;                    // bytes from the displacement's end to the instruction's
    enum class To : u8 { aside, end, outside, op } to;    // end: of main, where the next Op's code is
    u64 target;                   // outside: an address; op: bytes from the handler's Op on; aside: where in that part's bytes ...
    u16 filled = 0;               // ... and how many filled-in instructions lie in front of that
};

// How a field of an Op becomes a register's value.
enum class Extension : u8 { u8, u16, u32, s32 };
// What a displacement or an immediate is set to: some bits of a field's value, shifted, and something more; or all bits of that inverted.
struct Hole {
    u8 field = 0;                 // bytes from the handler's Op on
    Extension extension{};
    u8 shift = 0;
    s32 more = 0;
    bool inverted = false;
    u32 mask = ~u32{0};
    s32 value(const Op*) const;
};
// An instruction with holes in it, in one of its encodings.
struct Encoding {
    std::array<u8, 15> code{};
    u8 length = 0;
    std::array<u8, 2> at{}, bytes{};      // of each hole
};
struct Filled {
    u16 behind = 0;               // so many bytes of its part are in front of it
    u8 holes = 0;
    bool unless_zero = false;     // it does nothing where the first hole's value is 0, and is left out
    std::array<Hole, 2> hole;
    std::array<Encoding, 4> encoding;     // bit n of the number: hole n's value fits into 8 bits
    const Encoding* encoding_for(const Op*) const;      // null: left out
};

struct Code {
    std::vector<u8> bytes;        // what is the same in each copy
    std::vector<Fixup> fixups;
    std::vector<Filled> filled;
    std::size_t size(const Op* op) const { return place(op, bytes.size(), filled.size()); }
    // Where in the copy for an Op this byte is, with so many filled-in instructions in front of it.
    std::size_t place(const Op*, std::size_t byte, std::size_t filled_before) const;
};

// A jump to what an Op's `link` leads to. It goes there directly while that is a copy; else by way of the thunk, aside, which loads
// the link and jumps through it. Blocks keep it aimed (Blocks::aim).
struct Site {
    Part part;
    u8 op;                        // whose link, counted from the handler's own
    u16 at, filled;               // of the JMP's displacement: where in its part's bytes, and how many filled-in instructions are in front of it
    u16 thunk, thunk_filled;      // likewise of the thunk
};

struct Template {
    Code main, aside;
    std::vector<Site> sites;
    unsigned next = 0;            // main's end stands for this many Ops on; 0: main ends with a jump
};

class Templates {
public:
    // `handlers`: all that a copied handler's jump may be followed into.
    explicit Templates(std::unordered_set<const u8*> handlers) : handlers(std::move(handlers)) {}
    // Null: this handler isn't copied.
    const Template* of(Handler handler) {
        auto& r = recent[reinterpret_cast<u64>(handler) >> 4 & (recent.size() - 1)];
        if (r.handler != handler) r = {handler, find_or_make(handler)};
        return r.made;
    }

private:
    std::unordered_set<const u8*> handlers;
    std::unordered_map<const u8*, std::unique_ptr<Template>> made;
    struct Recent {
        Handler handler = nullptr;
        const Template* made = nullptr;
    };
    std::array<Recent, 4096> recent{};    // asked for each Op that is copied: by hash, as remembered
    const Template* find_or_make(Handler handler);
};

// Writes a part for an Op that will be executed at `executed`; main_at and aside_at are where both parts will be executed.
void copy_part(const Template& t, Part part, const Op* op, u8* written, const u8* executed, const u8* main_at, const u8* aside_at);

}
