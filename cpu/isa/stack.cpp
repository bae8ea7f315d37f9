// SPDX-License-Identifier: MIT
// The stack: PUSH, POP, PUSHA, POPA, ENTER, LEAVE, PUSHF, POPF (SDM vol. 2). Segment registers are in segment.cpp.
#include "cpu/isa/families.h"
#include "cpu/isa/stack.h"

namespace isa {
namespace {

// rAX, rCX, rDX, rBX, the old rSP, rBP, rSI, rDI, in the order of their numbers downwards.
struct Pusha {
    template <class X> static Outcome run(X& x) {
        unsigned width = x.insn.operand_size;
        decltype(x.probe_push(0, 1)) slots[8];
        for (unsigned n = 0; n < 8; n++) slots[n] = x.probe_push((n + 1) * width, width);
        if (x.stopped()) return x.why();
        for (unsigned n = 0; n < 8; n++) x.write(slots[n], x.reg_any(n, width));
        x.move_rsp(-s64(8 * width));
        return Outcome::next;
    }
};
struct Popa {
    template <class X> static Outcome run(X& x) {
        unsigned width = x.insn.operand_size;
        u64 values[8];
        for (unsigned n = 8; n-- > 0;) values[n] = x.peek_stack_any((7 - n) * width, width);      // from the top on
        if (x.stopped()) return x.why();
        for (unsigned n = 0; n < 8; n++)
            if (n != rsp) x.set_reg_any(n, values[n], width);
        x.move_rsp(s64(8 * width));
        return Outcome::next;
    }
};

// ENTER's frame pointers of the enclosing procedures: copied from the old frame, then this frame's own.
// Restart: they are written as they are read, below rSP, where no instruction before this one left anything that counts; rSP
// and rBP change last, so that a fault runs all of it again.
template <class X> void push_display(X& x, unsigned levels, u64 frame) {
    unsigned width = x.insn.operand_size;
    for (unsigned n = 1; n <= levels && !x.stopped(); n++) {
        u64 pointer = frame;
        if (n < levels) {
            u64 at = (x.template reg<u64>(rbp) - u64(n) * width) & ones(x.cpu.stack_bytes);
            pointer = x.read_at(Seg::ss, at, width);
        }
        auto slot = x.probe_push(u64(n + 1) * width, width);
        if (!x.stopped()) x.write(slot, pointer);
    }
}
struct Enter {
    template <class X> static Outcome run(X& x) {
        unsigned width = x.insn.operand_size, levels = x.insn.immediate2 & 31;
        u64 below = u64(levels + 1) * width + u16(x.insn.immediate);
        // The stack's part of the frame pointer moves; of a wider operand the rest is ESP's.
        u64 frame = (x.template reg<u64>(rsp) & ~ones(x.cpu.stack_bytes)) | x.stack_offset(width);
        auto slot = x.probe_push(width, width);
        if (x.stopped()) return x.why();
        x.write(slot, x.template reg<u64>(rbp));
        push_display(x, levels, frame);
        x.probe_push(below, width);               // the new top must be writable, though nothing is written there
        if (x.stopped()) return x.why();
        x.move_rsp(-s64(below));
        x.set_reg_any(rbp, frame, width);
        return Outcome::next;
    }
};
// ---- PUSHF, POPF (SDM vol. 2; vol. 3, 20.3 for virtual-8086 mode with CR4.VME)
constexpr u64 virtual_if(u64 flags) { return flags & rflags::vif ? rflags::if_ : 0; }

Outcome pushf(Slow& x) {
    auto& cpu = x.cpu;
    u64 image = cpu.rflags & ~(rflags::vm | rflags::rf);
    if (cpu.v86() && cpu.iopl() < 3) {
        if (!(cpu.control.cr4 & cr4::vme) || x.insn.operand_size != 2) return x.raise(gp(0));
        image = (image & ~rflags::if_) | rflags::iopl | virtual_if(cpu.rflags);
    }
    return push(x, image);
}

// In virtual-8086 mode with IOPL < 3 and CR4.VME: IF's place in the image is VIF.
Outcome popf_virtual(Slow& x, u64 image) {
    auto& cpu = x.cpu;
    if (!(cpu.control.cr4 & cr4::vme) || x.insn.operand_size != 2) return x.raise(gp(0));
    if ((image & rflags::tf) || ((image & rflags::if_) && (cpu.rflags & rflags::vip))) return x.raise(gp(0));
    x.move_rsp(2);
    u64 value = image | (image & rflags::if_ ? rflags::vif : 0);
    cpu.set_rflags(value, rflags::status | rflags::tf | rflags::df | rflags::nt | rflags::vif);
    return Outcome::changed;
}

Outcome popf(Slow& x) {
    auto& cpu = x.cpu;
    bool guarded = cpu.v86() && cpu.iopl() < 3;
    if (guarded && (!(cpu.control.cr4 & cr4::vme) || x.insn.operand_size != 2)) return x.raise(gp(0));
    u64 image = x.peek_stack_any(0, x.insn.operand_size);
    if (x.stopped()) return x.why();
    if (guarded) return popf_virtual(x, image);
    u64 which = rflags::status | rflags::tf | rflags::df | rflags::nt;
    if (cpu.cpl == 0) which |= rflags::iopl;
    if (cpu.cpl <= cpu.iopl()) which |= rflags::if_;
    if (x.insn.operand_size > 2) which |= rflags::ac | rflags::id | rflags::rf;
    x.move_rsp(x.insn.operand_size);
    cpu.set_rflags(image & ~rflags::rf, which);
    return Outcome::changed;
}

constexpr Gate d64 = {.default64 = true}, not64 = {.not64 = true};

constexpr Row rows[] = {
    // name                   encoding   operands   gate    event          run
    {"push",                 "50+r",    "Zv",      d64,    Event::none,   run<Push>},
    {"push",                 "68",      "Iz",      d64,    Event::none,   run<PushImmediate>},
    {"push",                 "6A",      "Ib",      d64,    Event::none,   run<PushImmediate>},
    {"push",                 "FF /6",   "Ev",      d64,    Event::none,   run<Push>},
    {"pop",                  "58+r",    "Zv",      d64,    Event::none,   run<Pop>},
    {"pop",                  "8F /0",   "Ev",      d64,    Event::none,   run<Pop>},
    {"pusha/pushad",         "60",      "",        not64,  Event::none,   run<Pusha>},
    {"popa/popad",           "61",      "",        not64,  Event::none,   run<Popa>},
    {"enter",                "C8",      "Iw, Ib",  d64,    Event::none,   run<Enter>},
    {"leave",                "C9",      "",        d64,    Event::none,   run<Leave>},
    {"pushf/pushfd/pushfq",  "9C",      "",        d64,    Event::pushf,  plain_or<pushf, PushFlags>},
    {"popf/popfd/popfq",     "9D",      "",        d64,    Event::popf,   plain<popf>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> stack() { return rows; }
}
