// SPDX-License-Identifier: MIT
// A test machine with gates, a TSS and rings.
#pragma once
#include "cpu/event/deliver.h"
#include "tests/cpu/machine.h"
#include <gtest/gtest.h>

// TSS at 8000h, a second one at 9000h; ring 0's stack ends at 50000h; handlers at 11000h.
struct EventMachine : TestMachine {
    static constexpr u64 tss = 0x8000, other_tss = 0x9000, inner = 0x50000, handler = 0x11000, other_code = 0x12000;
    static constexpr u16 tss_selector = 0x50, other_selector = 0x60, free_selector = 0x70;
    static constexpr u8 interrupt32 = 0x8e, trap32 = 0x8f, user_interrupt32 = 0xee, interrupt16 = 0x86, task = 0x85;

    explicit EventMachine(TestMode mode, const char* model = "max-intel") : TestMachine(mode, model), longs(mode == TestMode::long64 || mode == TestMode::compatibility32) {
        set_tss(0x67);
        put(tss + 4, u32(inner));
        put(tss + 8, u16(longs ? 0 : data_flat));
        cpu.wires.shutdown = [this] { shutdowns++; };
    }

    void descriptor(u16 selector, u64 low, u64 high = 0) {
        put(gdt + (selector & 0xfff8), low);
        if (high || longs) put(gdt + (selector & 0xfff8) + 8, high);
    }
    static constexpr u64 system(u64 base, u32 limit, u8 type) {
        return (limit & 0xffffu) | (base & 0xffffff) << 16 | u64{type} << 40 | u64{limit >> 16} << 48 | (base >> 24 & 0xff) << 56;
    }
    void set_tss(u32 limit, u8 type = 0x8b) {
        descriptor(tss_selector, system(tss, limit, type));
        cpu.seg[Seg::tr] = {tss_selector, tss, limit, {type}};
    }
    void gate(u8 vector, u8 type, u16 selector, u64 offset = handler, u8 ist = 0) {
        u64 low = (offset & 0xffff) | u64{selector} << 16 | u64{ist} << 32 | u64{type} << 40 | (offset >> 16 & 0xffff) << 48;
        put(idt + vector * (longs ? 16u : 8u), low);
        if (longs) put(idt + vector * 16u + 8, offset >> 32);
    }
    u16 kernel_code() const { return longs ? code64 : code32; }
    void gates(u8 type) {
        for (unsigned v = 0; v < 256; v++) gate(u8(v), type, kernel_code(), handler + v * 16);
    }
    void ring3() {
        cpu.seg[Seg::cs] = {user_code32, 0, 0xffffffff, {0xc0fb}};
        for (auto s : {Seg::ss, Seg::ds, Seg::es, Seg::fs, Seg::gs}) cpu.seg[s] = {user_data, 0, 0xffffffff, {0xc0f3}};
        cpu.cpl = 3;
        cpu.mode_changed();
    }
    void v86(u64 iopl) {
        cpu.cpl = 3;
        cpu.set_rflags(rflags::vm | rflags::if_ | iopl << 12);
        cpu.set_real_segment(Seg::cs, 0x1000);
        cpu.set_real_segment(Seg::ss, 0x3000);
        cpu.set_real_segment(Seg::es, 0x2001);
        cpu.set_real_segment(Seg::ds, 0x2002);
        cpu.set_real_segment(Seg::fs, 0x2003);
        cpu.set_real_segment(Seg::gs, 0x2004);
        cpu.mode_changed();
        cpu.rip() = 0;
        cpu.gpr[rsp] = 0xfff0;
    }
    unsigned vector() const { return unsigned(cpu.gpr[rip_reg] - handler) / 16; }      // which of gates() was taken
    u32 on_stack(unsigned n) const { return get<u32>(cpu.gpr[rsp] + n * 4); }
    u64 on_stack64(unsigned n) const { return get<u64>(cpu.gpr[rsp] + n * 8); }
    void run(u64 instructions) { cpu.run(clock.ticks + instructions); }

    bool longs;
    unsigned shutdowns = 0;
};

inline void expect_fault(const Fault& got, const Fault& wanted) {
    EXPECT_EQ(got.vector, wanted.vector);
    EXPECT_EQ(got.has_code, wanted.has_code);
    EXPECT_EQ(got.code, wanted.code);
}
