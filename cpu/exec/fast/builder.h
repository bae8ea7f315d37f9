// SPDX-License-Identifier: MIT
// From bytes to a block: decoding, the choice of handlers, dead flags, pairs, links to be.
#pragma once
#include "cpu/exec/fast/copies.h"
#include "cpu/exec/fast/keys.h"

namespace fast {

Next look_at_mark(OP_ARGUMENTS);          // op has no instruction: it asks whether the run ends before that of the next

class Builder {
public:
    Builder(Cpu& cpu, Blocks& blocks);
    // The block of the code at a host address of readable memory.
    Block* build(const u8* start, u32 mode);
    // A block that runs often: its handlers are copied into a row. It stays as it is where the current chunk has no room for
    // them.
    void copy_handlers(Block& block);

private:
    static constexpr unsigned most_ops = 60;              // of a block's instructions and their marks, before the last

    // An Op in the making.
    struct Draft {
        Op op;
        const Key* key = nullptr;     // null: the reference engine's handler
        u8 insn = 0;                  // which of `insns`
        bool branches = false;        // has a link: to
        u64 relative = 0, cut = ~u64{0};
        bool returns = false;         // a call: a return point follows
        bool alone = false;           // runs only when the one in front, which includes it, has missed
        u8 marked = 0;                // a mark comes in front of it, of this kind (Marks)
    };

    bool decode_next(const u8* start, unsigned at);
    void draft_one(unsigned n, u32 mode);
    const Key* choose(const ::Insn& insn, u32 mode, Draft& draft);
    bool place_memory(const ::Insn& insn, u32 mode, bool only_address, Draft& draft, Address& address);
    void drop_dead_flags();
    void fuse();
    void pair();
    Block* emit(const u8* start, u32 mode);
    void count_runs(Block& block);

    Cpu& cpu;
    Blocks& blocks;
    Copies copies;
    unsigned count = 0;               // instructions
    unsigned offset = 0, length = 0;  // of the block in its page; in bytes
    ::Insn insns[Blocks::most_instructions];
    u16 offsets[Blocks::most_instructions];
    Draft drafts[Blocks::most_instructions];
};

}
