// SPDX-License-Identifier: MIT
// Guest, 32-bit: rules of far returns, of call gates with conforming code, of task gates by CALL and JMP, and of the way back by IRET
// with NT, one row each (SDM vol. 2, RET, CALL, JMP, IRET; vol. 3, 5.8 and ch. 7 in 2024's numbering).
#include "guest.h"
#include "frame.h"

struct [[gnu::packed]] Far { u32 ip; u16 cs; };
static Far to;
static Tss other;
static constexpr u16 code = spare + 0x10, stack = spare + 0x18, other_selector = spare + 0x20, beyond = 0x1ff8;
static constexpr word there = 0x40;       // the vector that says: it got there
extern "C" {
word frame[4];
extern char far_landing[];
}
asm(R"(
    .pushsection .text.aside, "ax"
    .globl far_landing
far_landing:
    int $0x40
    jmp far_landing
    .popsection
)");

// ---- RET

static word return_to = 0;
static void leave_by_retf() {
    asm volatile("push frame + 12; push frame + 8; push frame + 4; push frame; lret" ::: "memory");
}
static Trap retf(word cs, word ss = udata, bool user = false) {
    frame[0] = return_to ? return_to : word(far_landing), frame[1] = cs, frame[2] = top(5), frame[3] = ss;
    return user ? trap_user(leave_by_retf) : trap(leave_by_retf);
}
static void returns() {
    print("RETF\n");
    constexpr u32 data3 = 0xc0f3, data0 = 0xc093;
    auto with_code = [](u32 rights, u32 limit = 0xfffff) { at(code) = descriptor(0, limit, rights); };
    auto with_stack = [](u32 rights) { at(stack) = descriptor(0, 0xfffff, rights); };
    Trap t = retf(kcode);
    faults("to the same ring", t, there), is("  CS", t.cs & 0xffff, kcode);
    t = retf(ucode32);
    faults("to ring 3", t, there), is("  CS", t.cs & 0xffff, ucode32), is("  SS", t.ss & 0xffff, udata), is("  ESP", t.sp, top(5));
    faults("#GP(0): CS null", retf(0), GP, 0), faults("  with RPL 3", retf(3), GP, 0);
    faults("#GP(CS): beyond the GDT", retf(beyond), GP, beyond), faults("#GP(CS): data", retf(kdata), GP, kdata);
    faults("#GP(CS): RPL below CPL", retf(kcode, udata, true), GP, kcode);
    faults("#GP(CS): DPL 0, RPL 3", retf(kcode | 3), GP, kcode), faults("#GP(CS): DPL 3, RPL 0", retf(ucode32 & ~3), GP, ucode32 & ~3);
    with_code(0xc01b), faults("#NP(CS): absent", retf(code), NP, code);
    with_code(0xc0ff), faults("#GP(CS): conforming of DPL 3 with RPL 0", retf(code), GP, code);
    with_code(0xc09f), t = retf(code | 3), faults("conforming code of DPL 0 with RPL 3: to ring 3", t, there), is("  CPL", t.cs & 3, 3);
    with_code(0x40fb, 0xff), return_to = 0x100, faults("#GP(0): EIP beyond the limit", retf(code | 3), GP, 0), return_to = 0;
    faults("#GP(0): SS null", retf(ucode32, 0), GP, 0), faults("#GP(SS): beyond the GDT", retf(ucode32, beyond | 3), GP, beyond);
    faults("#GP(SS): RPL unlike CS's", retf(ucode32, udata & ~3), GP, udata & ~3);
    with_stack(data0), faults("#GP(SS): DPL 0", retf(ucode32, stack | 3), GP, stack);
    with_stack(0xc0f1), faults("#GP(SS): read-only", retf(ucode32, stack | 3), GP, stack), with_stack(0xc0fb), faults("#GP(SS): code", retf(ucode32, stack | 3), GP, stack);
    with_stack(data3 & ~0x80u), faults("#SS(SS): absent", retf(ucode32, stack | 3), SS, stack);
    with_stack(data3), faults("a good one", retf(ucode32, stack | 3), there);
    with_code(0xc01b), with_stack(data0), faults("#NP(CS) before #GP(SS)", retf(code, stack | 3), NP, code);
}

// ---- gates to conforming code, and what else a gate's selector may be (5.8.4)

static u64 gate(u16 cs, word ip, unsigned type) { return (ip & 0xffff) | u64(cs) << 16 | u64(type) << 40 | u64(ip >> 16) << 48; }
static Trap call(u16 selector, bool user = true) {
    to = {0xdeadbeef, selector};
    auto body = [] { asm volatile("lcall *%0" :: "m"(to) : "memory"); };
    return user ? trap_user(body) : trap(body);
}
static Trap jump(u16 selector, bool user = true) {
    to = {0xdeadbeef, selector};
    auto body = [] { asm volatile("ljmp *%0" :: "m"(to) : "memory"); };
    return user ? trap_user(body) : trap(body);
}
static void call_gates() {
    print("call gates\n");
    word ip = word(far_landing);
    at(code) = descriptor(0, 0xfffff, 0xc09f), at(spare) = gate(code, ip, 0xec);
    Trap t = call(spare | 3);
    faults("CALL to conforming code of DPL 0 from ring 3", t, there), is("  CPL stays 3", t.cs & 0xffff, code | 3), is("  on the same stack", t.ss & 0xffff, udata);
    t = jump(spare | 3), faults("JMP too", t, there), is("  CPL", t.cs & 3, 3);
    at(code) = descriptor(0, 0xfffff, 0xc0ff);
    faults("#GP(CS): conforming code of DPL 3 from ring 0", call(spare, false), GP, code);
    at(spare) = gate(ucode32, ip, 0xec), faults("#GP(CS): outwards, from ring 0 to DPL 3", call(spare, false), GP, ucode32 & ~3u);
    at(spare) = gate(beyond, ip, 0xec), faults("#GP(CS): beyond the GDT", call(spare | 3), GP, beyond);
    at(spare) = gate(tss_selector, ip, 0xec), faults("#GP(CS): a TSS", call(spare | 3), GP, tss_selector);
    at(spare) = gate(kcode, ip, 0x8c), faults("#GP(gate): DPL below the selector's RPL", call(spare | 3, false), GP, spare), faults("  with RPL 0", call(spare, false), there);
    at(spare) = gate(kcode | 3, ip, 0xec), t = call(spare | 3), faults("the RPL of its CS means nothing", t, there), is("  CS", t.cs & 0xffff, kcode);
    at(spare) = gate(kcode, ip, 0x0c), faults("#GP(gate) before #NP(gate)", call(spare | 3), GP, spare);
    at(spare) = gate(kcode, ip, 0xee), faults("#GP(sel) of CALL to an interrupt gate", call(spare | 3), GP, spare);
}

// ---- task gates (7.2.5), and IRET with NT (7.3, 7.4)

static void home() {
    at(tss_selector) &= ~(1ull << 41);
    ltr(tss_selector);
    asm volatile("clts");
    set_flags(2);
}
static void fresh(u32 rights = 0x89, u32 limit = 103) {
    other = {};
    other.ip = word(far_landing), other.flags = 2, other.sp = top(4), other.cs = kcode, other.ss = other.ds = other.es = kdata, other.io_map = sizeof other;
    at(other_selector) = descriptor(word(&other), limit, rights);
}
static Trap switched(Trap t) { return home(), t; }
static void task_gates() {
    print("task gates\n");
    fresh(), at(spare) = gate(other_selector, 0, 0xe5);
    Trap t = switched(call(spare, false));
    faults("CALL runs the task", t, there), is("  NT is set", t.flags >> 14 & 1, 1), is("  its link", other.link & 0xffff, tss_selector), is("  it is busy", at(other_selector) >> 41 & 1, 1);
    fresh(), t = switched(call(spare | 3));
    faults("from ring 3: the gate's DPL counts, not the TSS's", t, there);
    fresh(), t = jump(spare, false);
    faults("JMP", t, there), is("  NT is clear", t.flags >> 14 & 1, 0), is("  the old task is not busy", at(tss_selector) >> 41 & 1, 0);
    home();
    at(spare) = gate(other_selector, 0, 0x85), fresh();
    faults("#GP(gate): DPL below CPL", call(spare | 3), GP, spare), faults("#GP(gate): DPL below RPL", call(spare | 3, false), GP, spare);
    at(spare) = gate(other_selector, 0, 0x65), faults("#NP(gate): absent", call(spare | 3), NP, spare);
    at(spare) = gate(0, 0, 0xe5), faults("#GP: TSS null", call(spare | 3), GP, 0);
    at(spare) = gate(other_selector | 4, 0, 0xe5), faults("#GP(TSS): in the LDT", call(spare | 3), GP, other_selector | 4);
    at(spare) = gate(beyond, 0, 0xe5), faults("#GP(TSS): beyond the GDT", call(spare | 3), GP, beyond);
    at(spare) = gate(kdata, 0, 0xe5), faults("#GP(TSS): data", call(spare | 3), GP, kdata);
    at(spare) = gate(other_selector, 0, 0xe5);
    fresh(0x8b), faults("#GP(TSS): busy", call(spare | 3), GP, other_selector);
    fresh(0x09), faults("#NP(TSS): absent", call(spare | 3), NP, other_selector);
    fresh(0x89, 102), faults("#TS(TSS): a limit below 67h", call(spare | 3), TS, other_selector);
}
static Trap iret_nested(word link) {
    tss.link = link;
    Trap t = trap([] { asm volatile("pushf; orl $0x4000, (%%esp); popf; iret" ::: "memory", "cc"); });
    set_flags(2);
    return t;
}
static void way_back() {
    print("IRET with NT\n");
    fresh(0x8b);
    faults("#TS: the link is null", iret_nested(0), TS, 0), faults("#TS(link): in the LDT", iret_nested(other_selector | 4), TS, other_selector | 4);
    faults("#TS(link): beyond the GDT", iret_nested(beyond), TS, beyond), faults("#TS(link): data", iret_nested(kdata), TS, kdata);
    fresh(0x89), faults("#TS(link): not busy", iret_nested(other_selector), TS, other_selector);
    fresh(0x0b), faults("#NP(link): absent", iret_nested(other_selector), NP, other_selector);
    fresh(0x8b, 102), faults("#TS(link): a limit below 67h", iret_nested(other_selector), TS, other_selector);
    fresh(0x8b), faults("a good one", iret_nested(other_selector), there);
    is("  the task that ended is not busy", at(tss_selector) >> 41 & 1, 0), is("  NT in its saved flags is clear", tss.flags >> 14 & 1, 0);
    home();
}

extern "C" void guest() {
    set_gate(there, stub(there), kcode, 0xee);
    tss.ring[0].sp = top(6), tss.ring[0].ss = kdata;
    returns();
    call_gates();
    task_gates();
    way_back();
}
