// SPDX-License-Identifier: MIT
// The blocks of decoded code: where they are found, how they are linked, and when they die.
//
// A block's key is the host address of its first byte (so aliases share it, and what lies behind A20, PAM or a BAR is told
// apart) and the mode word. A page of memory that holds blocks is watched: no bank has a write tag for it, so that every store
// there passes PhysicalMap's observer, which looks at the page's map of 64-byte lines. A block that dies keeps its memory: its
// Ops are overwritten with `leave`, so that a running block is left behind the store that killed it. Memory is reused a chunk
// at a time, the oldest first, and only between blocks.
#pragma once
#include "base/code_memory.h"
#include "base/host_memory.h"
#include "cpu/exec/fast/marks.h"
#include "cpu/exec/fast/op.h"
#include <memory>
#include <unordered_map>
#include <vector>

namespace fast {

struct Block;

// Finds a branch's target. An Op first, so that a link may lead here; behind it what resolving needs.
struct Stub {
    Op op;                        // run: resolve, or `crossing` with link = the target's first Op
    u64 relative = 0;             // the target's RIP less the page's
    u64 cut = ~u64{0};            // of RIP: 16, 32 or 64 bits
    u64 stamp = 0;                // of a crossing: under which it holds,
    u64 page = 0, to = 0;         // and from which page to which (RIP of their starts)
    const u8* start = nullptr;    // the target's, here because that is far away
    u32 mode = 0;                 // likewise
    Op* source = nullptr;         // whose link leads here until it is resolved
    Block* owner = nullptr;
    Block* target = nullptr;      // where it is linked to
    Stub *next = nullptr, *previous = nullptr;       // linked to the same block
    Stub* sibling = nullptr;      // of the same owner
    Handler crossing = cross_page;       // or its copy
    struct Copied {               // a site (templates.h), if there is one
        u8* written = nullptr;    // the JMP's displacement
        const u8* executed = nullptr;
        const u8* thunk = nullptr;
    };
    Copied site, crossing_site;   // in the source's copy and in that of the crossing
    u64 rip(u64 from) const { return (from + relative) & cut; }
    static bool leaves_page(u64 relative) { return relative >= 4096; }
    bool leaves_page() const { return leaves_page(relative); }
    static constexpr u8 mark = 0xff;     // in Op::dst: this Op is a stub's
};

struct CodePage {
    u8* bytes = nullptr;          // host address of the page
    u64 lines = 0;                // which 64 bytes hold code
    Block* blocks = nullptr;
    unsigned misses = 0;          // stores that hit no block
    unsigned patience = 64;       // so many of them give the page's blocks up
    bool watched = false;
};

struct alignas(32) Block {
    const u8* start = nullptr;    // host address
    u32 mode = 0;
    u16 length = 0;               // bytes
    u16 count = 0;                // Ops
    bool dead = false;
    CodePage* page = nullptr;
    Block* next_of_page = nullptr;
    Block* next_of_hash = nullptr;
    Stub* incoming = nullptr;     // linked to this block
    Stub* stubs = nullptr;        // its own
    u64 handlers = 0;             // bit n: Op n's is entered from the one in front or from a link, so it can be copied
    Handler first = nullptr;      // of Op 0, while that is `count_run`
    u8 runs_left = 0;             // until the handlers are copied
    Op* ops() { return reinterpret_cast<Op*>(this + 1); }
    static Block& of_first(const Op* op) { return *(reinterpret_cast<Block*>(const_cast<Op*>(op)) - 1); }
};
static_assert(sizeof(Block) % sizeof(Op) == 0);

class Blocks {
public:
    static constexpr unsigned most_instructions = 32;
    static constexpr std::size_t most_chunks = 16, smallest_chunk = 32 << 10;
    static constexpr unsigned most_patience = 16384;

    explicit Blocks(Cpu& cpu);
    ~Blocks();

    Block* find(const u8* start, u32 mode) const {
        for (Block* b = heads[hash(start, mode)]; b; b = b->next_of_hash)
            if (b->start == start && b->mode == mode) return b;
        return nullptr;
    }
    // Memory for a block and what belongs to it; may evict the oldest chunk. 32-byte aligned.
    void* allocate(std::size_t bytes);
    void reserve(std::size_t bytes);      // the next allocations of so many bytes in all evict nothing
    // Memory for machine code, if there is room for it: where it is written, and where executed. It is given up after the blocks that
    // were there before it.
    struct Code {
        u8* written;
        const u8* executed;
    };
    Code allocate_code(std::size_t bytes);
    bool has_room_for_code(std::size_t bytes) const { return code_used + bytes + 32 <= code_chunk_bytes; }
    bool copying() const { return !code.empty(); }
    void add(Block* block, u8* page_bytes);

    void link(Stub* stub, Block* target, u64 stamp, u64 page);
    // The copies' jumps along a stub's way go straight to where it leads now.
    void aim(Stub& stub) const;
    void written(const u8* bytes, u64 width);
    void drop_all();                      // between blocks only
    void set_marks(const Marks&);         // likewise; what they change in blocks is built anew
    Marks marks;
    u64 epoch = 0;                        // moves when a block's memory may have been given up

    struct Counters {                     // statistics
        u64 built = 0, instructions = 0, links = 0, copied_bytes = 0, killed = 0, evicted_chunks = 0, stores_to_code_pages = 0, pages_given_up = 0;
    } counters;

private:
    static constexpr unsigned heads_bits = 16;
    static u32 hash(const u8* start, u32 mode) {
        u64 h = (reinterpret_cast<u64>(start) ^ u64{mode} << 48) * 0x9e3779b97f4a7c15;
        return u32(h >> (64 - heads_bits));
    }
    bool is_copy(Handler) const;
    void aim(const Stub::Copied& site, const Op* link) const;
    void kill(Block* block);
    void unlink(Stub* stub);
    bool kill_touched(CodePage& page, unsigned first, unsigned last);
    void look_at_lines(CodePage& page);
    void give_up(CodePage& page);
    void next_chunk();

    Cpu& cpu;
    std::vector<Block*> heads;
    std::unordered_map<const u8*, CodePage> pages;       // by the page's host address
    std::size_t chunk_bytes;
    HostMemory memory;                    // in chunks
    std::vector<std::vector<Block*>> chunks;      // the blocks of each that has been used
    std::size_t current = 0, used = 0;
    std::size_t code_chunk_bytes;         // of machine code, one chunk of it beside each
    CodeMemory code;
    std::size_t code_used = 0;
};

}
