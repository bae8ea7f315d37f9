// SPDX-License-Identifier: MIT
// Blocks: memory in chunks, the hash, links and their back-lists, and what a store to a code page does.
#include "cpu/exec/fast/blocks.h"
#include "cpu/exec/fast/templates.h"
#include "cpu/mmu.h"
#include <algorithm>
#include <cstring>
#include <iterator>

namespace fast {

// Bits first to last.
static u64 ones_from(unsigned first, unsigned last) { return mask(last, first); }

static const u8* page_of(const u8* at) { return reinterpret_cast<const u8*>(reinterpret_cast<u64>(at) & ~u64{0xfff}); }

Blocks::Blocks(Cpu& cpu)
    : cpu(cpu), heads(std::size_t{1} << heads_bits), chunk_bytes(std::max<std::size_t>(cpu.tuning.code_memory / most_chunks, smallest_chunk) & ~std::size_t{63}),
      memory(chunk_bytes * most_chunks), code_chunk_bytes(chunk_bytes * 2),
      code(cpu.tuning.copying ? code_chunk_bytes * most_chunks : 0, reinterpret_cast<const void*>(&leave)) {}
Blocks::~Blocks() = default;

// ---- memory

void Blocks::next_chunk() {
    if (chunks.size() < most_chunks) {
        chunks.emplace_back();
        current = chunks.size() - 1;
    } else {
        current = (current + 1) % chunks.size();
        for (Block* block : chunks[current])
            if (!block->dead) kill(block);
        chunks[current].clear();
        counters.evicted_chunks++;
        epoch++;
        for (auto& t : cpu.fast.back) t = {};
        for (unsigned n = 0; n < State::targets; n++) cpu.fast.target[n] = {};
    }
    used = code_used = 0;
}

void Blocks::reserve(std::size_t bytes) {
    if (chunks.empty() || used + bytes > chunk_bytes) next_chunk();
}

void* Blocks::allocate(std::size_t bytes) {
    reserve(bytes);
    void* at = memory.all().data() + current * chunk_bytes + used;
    used += (bytes + 31) & ~std::size_t{31};
    return at;
}

Blocks::Code Blocks::allocate_code(std::size_t bytes) {
    std::size_t at = current * code_chunk_bytes + code_used;
    code_used += (bytes + 31) & ~std::size_t{31};
    counters.copied_bytes += bytes;
    return {code.written().data() + at, code.executed() + at};
}

void Blocks::add(Block* block, u8* bytes) {
    auto& head = heads[hash(block->start, block->mode)];
    block->next_of_hash = head, head = block;
    auto& page = pages[bytes];
    if (!page.blocks) page.bytes = bytes, page.misses = 0;
    block->page = &page, block->next_of_page = page.blocks, page.blocks = block;
    unsigned first = unsigned(block->start - bytes) >> 6, last = std::min(63u, unsigned(block->start - bytes + block->length - 1) >> 6);
    page.lines |= ones_from(first, last);
    if (!page.watched) {
        page.watched = true;
        cpu.memory.watch_memory(bytes, true);
    }
    chunks[current].push_back(block);
    counters.built++;
}

// ---- links

void Blocks::link(Stub* stub, Block* target, u64 stamp, u64 page) {
    if (stub->target) unlink(stub);
    stub->target = target, stub->start = target->start, stub->mode = target->mode, stub->next = target->incoming, stub->previous = nullptr;
    if (stub->next) stub->next->previous = stub;
    target->incoming = stub;
    stub->op.link = target->ops();
    counters.links++;
    bool here = stub->owner->page == target->page && !stub->leaves_page();
    if (here) {
        stub->source->link = target->ops();
    } else {
        stub->op.run = stub->crossing, stub->stamp = stamp, stub->page = page;
        stub->to = stub->rip(page) - (reinterpret_cast<u64>(target->start) & 0xfff);
    }
    aim(*stub);
}

bool Blocks::is_copy(Handler run) const {
    u64 at = reinterpret_cast<u64>(run) - reinterpret_cast<u64>(code.executed());
    return at < code.written().size();
}
// A link that leads nowhere for good, or to what isn't a copy, is looked at each time.
void Blocks::aim(const Stub::Copied& site, const Op* link) const {
    if (!site.written) return;
    u64 to = reinterpret_cast<u64>(link && is_copy(link->run) ? reinterpret_cast<const u8*>(reinterpret_cast<u64>(link->run)) : site.thunk);
    u32 displacement = u32(to - (reinterpret_cast<u64>(site.executed) + sizeof displacement));
    std::memcpy(site.written, &displacement, sizeof displacement);
}
void Blocks::aim(Stub& stub) const {
    aim(stub.site, stub.source->link);
    aim(stub.crossing_site, stub.target ? stub.op.link : nullptr);
}

void Blocks::unlink(Stub* stub) {
    (stub->previous ? stub->previous->next : stub->target->incoming) = stub->next;
    if (stub->next) stub->next->previous = stub->previous;
    stub->target = nullptr;
    stub->op.run = resolve;
    stub->source->link = &stub->op;
    aim(*stub);
}

// ---- death

void Blocks::kill(Block* block) {
    block->dead = true;
    counters.killed++;
    while (block->incoming) unlink(block->incoming);
    for (Stub* stub = block->stubs; stub; stub = stub->sibling)
        if (stub->target) unlink(stub);
    for (unsigned n = 0; n < block->count; n++) block->ops()[n].run = leave;
    Block** at = &heads[hash(block->start, block->mode)];
    while (*at != block) at = &(*at)->next_of_hash;
    *at = block->next_of_hash;
    at = &block->page->blocks;
    while (*at != block) at = &(*at)->next_of_page;
    *at = block->next_of_page;
}

static u64 lines_of(const Block& block) {
    u64 offset = reinterpret_cast<u64>(block.start) & 0xfff;
    return ones_from(unsigned(offset >> 6), unsigned(std::min<u64>(63, (offset + block.length - 1) >> 6)));
}

// Of the bytes first to last of the page. False: no block has any of them.
bool Blocks::kill_touched(CodePage& page, unsigned first, unsigned last) {
    bool any = false;
    for (Block *block = page.blocks, *next; block; block = next) {
        next = block->next_of_page;
        unsigned from = unsigned(block->start - page.bytes);
        if (from <= last && first < from + block->length) kill(block), any = true;
    }
    if (any) look_at_lines(page);
    return any;
}

void Blocks::look_at_lines(CodePage& page) {
    page.lines = 0;
    for (Block* block = page.blocks; block; block = block->next_of_page) page.lines |= lines_of(*block);
}

// Stores go the fast way again.
void Blocks::give_up(CodePage& page) {
    kill_touched(page, 0, 4095);
    page.watched = false;
    cpu.memory.watch_memory(page.bytes, false);
    counters.pages_given_up++;
}

void Blocks::written(const u8* bytes, u64 width) {
    for (u64 done = 0; done < width;) {
        const u8* start = bytes + done;
        u64 offset = reinterpret_cast<u64>(start) & 0xfff, here = std::min(width - done, 4096 - offset);
        done += here;
        auto found = pages.find(page_of(start));
        if (found == pages.end() || !found->second.watched) continue;
        CodePage& page = found->second;
        counters.stores_to_code_pages++;
        u64 lines = ones_from(unsigned(offset >> 6), unsigned((offset + here - 1) >> 6));
        bool killed = page.lines & lines && kill_touched(page, unsigned(offset), unsigned(offset + here - 1));
        if (!killed && ++page.misses >= page.patience) {
            page.patience = std::min(page.patience * 2, most_patience);        // what lives there with code may be data for good
            give_up(page);
        } else if (!page.lines) {
            give_up(page);
        }
    }
}

void Blocks::set_marks(const Marks& wanted) {
    if (wanted.events != marks.events || wanted.returns != marks.returns || wanted.pages != marks.pages) drop_all();
    auto moved = marks.asked ^ wanted.asked;
    std::vector<u64> changed;
    std::ranges::set_symmetric_difference(marks.addresses, wanted.addresses, std::back_inserter(changed));
    for (u64 address : changed) moved.set(address & 0xfff);
    marks = wanted;
    for (std::size_t at = moved._Find_first(); at < moved.size(); at = moved._Find_next(at))
        for (auto& [bytes, page] : pages)
            if (page.lines >> (at >> 6) & 1) kill_touched(page, unsigned(at), unsigned(at));
}

void Blocks::drop_all() {
    for (auto& chunk : chunks)
        for (Block* block : chunk)
            if (!block->dead) kill(block);
    for (auto& [bytes, page] : pages) {
        page.lines = 0;
        if (page.watched) page.watched = false, cpu.memory.watch_memory(page.bytes, false);
    }
    epoch++;
}

}
