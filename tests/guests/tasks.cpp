// SPDX-License-Identifier: MIT
// Guest, 32-bit: what a task switch may stumble over, 16-bit tasks, CR3 of a task, inner stacks, 16-bit gates (SDM vol. 3, ch. 7
// and 6.12.1; table 6-6).
#include "guest.h"
#include "frame.h"

struct [[gnu::packed]] Far { u32 ip; u16 cs; };
struct [[gnu::packed]] Tss16 { u16 link, sp0, ss0, sp1, ss1, sp2, ss2, ip, flags, ax, cx, dx, bx, sp, bp, si, di, es, cs, ss, ds, ldt; };
static Far to;
static Tss other, handler;
static Tss16 small;
static constexpr u16 other_selector = spare + 0x10, bad = spare + 0x18, ring1 = spare + 0x20, stack1 = spare + 0x28, handler_selector = spare + 0x30;
extern "C" {
word noted[8];
extern char body[], low16[], low16_end[], entry16[], entry16_end[], entry1[], fault_task[];
}
asm(R"(
    .pushsection .text.aside, "ax"
body:
    mov 0x40000000, %eax
    mov %eax, noted
    iret
low16:
    incl noted + 4
    mov %eax, noted + 8
    str noted + 12
    iret
low16_end:
entry16:
    mov %esp, noted
    mov (%esp), %eax
    mov %eax, noted + 4
    mov 4(%esp), %eax
    mov %eax, noted + 8
    mov 8(%esp), %eax
    mov %eax, noted + 12
    int $0x40
entry16_end:
entry1:
    mov %cs, noted
    mov %ss, noted + 4
    mov %esp, noted + 8
    int $0x41
fault_task:
    popl noted
    int $0x40
    .popsection
)");

static void fresh() {
    other = {};
    other.ip = 0x12340, other.flags = 2, other.sp = top(4), other.cs = kcode, other.ss = other.ds = other.es = kdata, other.io_map = sizeof other;
    at(other_selector) = descriptor(word(&other), 103, 0x89);
    to = {0, other_selector};
}
// Back to the guest's own task, whatever became of it.
static void home() {
    at(tss_selector) &= ~(1ull << 41);
    ltr(tss_selector);
    lldt(0);
    asm volatile("clts");
    set_flags(2);
}
static Trap jump() {
    Trap t = trap([] { asm volatile("ljmp *%0" :: "m"(to) : "memory"); });
    home();
    return t;
}
// The new task has no stack worth the name then: its faults have a task of their own, which notes the error code.
static void stumbles(const char* name, word vector, word code) {
    handler = {};
    handler.ip = word(fault_task), handler.flags = 2, handler.sp = top(5), handler.cs = kcode, handler.ss = handler.ds = handler.es = kdata;
    at(handler_selector) = descriptor(word(&handler), 103, 0x89);
    set_gate(vector, nullptr, handler_selector, 0x85);
    noted[0] = ~0u;
    faults(name, jump(), 0x40);
    is("  its error code", noted[0], code);
    is("  in the new task: EIP", other.ip, 0x12340), is("  whose link is", handler.link & 0xffff, other_selector);
    set_gate(vector, stub(vector));
}

static void switches() {
    fresh(), other.ss = 0;
    stumbles("SS null: #TS(0)", TS, 0);
    fresh(), other.ss = kdata | 3;
    stumbles("SS with another RPL: #TS(SS)", TS, kdata);
    fresh(), other.ss = kcode;
    stumbles("SS code: #TS(SS)", TS, kcode);
    at(bad) = descriptor(0, 0xfffff, 0xc013);
    fresh(), other.ss = bad;
    stumbles("SS absent: #SS(SS)", SS, bad);
    fresh(), other.ds = bad;
    stumbles("DS absent: #NP(DS)", NP, bad);
    fresh(), other.fs = 0x1ff8;
    stumbles("FS beyond the GDT: #TS(FS)", TS, 0x1ff8);
    at(bad) = descriptor(0, 0xfffff, 0xc099);
    fresh(), other.es = bad;
    stumbles("ES execute-only: #TS(ES)", TS, bad);
    fresh(), other.cs = kdata;
    stumbles("CS data: #TS(CS)", TS, kdata);
    at(bad) = descriptor(0, 0xfffff, 0xc01b);
    fresh(), other.cs = bad;
    stumbles("CS absent: #NP(CS)", NP, bad);
    fresh(), other.ldt = kdata;
    stumbles("LDT of another type: #TS(LDT)", TS, kdata);
    at(bad) = descriptor(0, 0xff, 0x02);
    fresh(), other.ldt = bad;
    stumbles("LDT absent: #TS(LDT)", TS, bad);
    at(bad) = descriptor(0, 0xff, 0x409b);
    fresh(), other.cs = bad, other.ip = 0x12340;
    stumbles("EIP beyond the limit: #GP(0)", GP, 0);
    fresh(), other.trap = 1, other.ip = word(body);
    Trap t = jump();
    faults("T flag: #DB", t, DB);
    is("  DR6.BT", t.dr6 & 0xe00f, 0x8000), is("  before the first instruction", t.ip, word(body));
    set_dr6(0xffff0ff0);
    set_dr7(get_dr7() | 0x1);             // L0, to be cleared by the switch
    fresh(), other.ip = word(entry1);
    hook(0x41, nullptr);
    faults("a plain JMP", jump(), 0x41);
    is("clears the local breakpoints", get_dr7() & 0x55, 0);
    fresh(), other.ip = word(entry1);
    trap([] { asm volatile("ljmp *%0" :: "m"(to) : "memory"); });
    is("JMP leaves the old task available", at(tss_selector) >> 41 & 1, 0), is("and makes the new one busy", at(other_selector) >> 41 & 1, 1);
    home();
}

static void bits16() {
    memcpy(reinterpret_cast<void*>(0x7800), low16, word(low16_end - low16));
    small = {};
    small.ip = 0x7800, small.flags = 2, small.sp = 0x7000, small.cs = kcode, small.ss = small.ds = small.es = kdata, small.ax = 0xabcd;
    at(other_selector) = descriptor(word(&small), 43, 0x81);
    to = {0, other_selector};
    memset(noted, 0, sizeof noted);
    asm volatile("lcall *%0" :: "m"(to) : "memory", "eax", "ebx", "ecx", "edx", "esi", "edi");
    is("a 16-bit task runs", noted[1], 1), is("its AX", noted[2] & 0xffff, 0xabcd), is("TR", noted[3] & 0xffff, other_selector);
    is("the link", small.link, tss_selector), is("its saved IP", small.ip, 0x7800u + word(low16_end - low16));
    asm volatile("clts");
    at(other_selector) = descriptor(word(&small), 42, 0x81);
    faults("#TS(TSS) of a limit below 2Bh", trap([] { asm volatile("lcall *%0" :: "m"(to) : "memory"); }), TS, other_selector);
}

static word directories[2][1024] __attribute__((aligned(4096)));
static void own_cr3() {
    for (auto& d : directories)
        for (word i = 0; i < 4; i++) d[i] = i << 22 | 0x87;
    directories[0][256] = 0x400087, directories[1][256] = 0x800087;
    poke<u32>(0x400000, 1), poke<u32>(0x800000, 2);
    set_cr4(get_cr4() | 0x10);
    set_cr3(word(directories[0]));
    set_cr0(get_cr0() | 0x80000000);
    fresh(), other.ip = word(body), other.cr3 = word(directories[1]);
    tss.cr3 = word(directories[0]);
    asm volatile("lcall *%0" :: "m"(to) : "memory", "eax", "ebx", "ecx", "edx", "esi", "edi");
    is("the task has its own CR3", noted[0], 2), is("and we have ours again", peek<u32>(0x40000000), 1), is("CR3", get_cr3(), word(directories[0]));
    set_cr0(get_cr0() & 0x7fffffff);
    asm volatile("clts");
}

// Ring 3 calls into ring 1, whose stack is what the TSS says.
static void inner_stacks() {
    at(ring1) = descriptor(0, 0xfffff, 0xc0bb);
    word ip = word(entry1);
    at(spare) = (ip & 0xffff) | u64(ring1) << 16 | 0xecull << 40 | u64(ip >> 16) << 48;
    to = {0, spare | 3};
    auto with = [](word ss, word sp, u64 d) {
        at(stack1) = d, tss.ring[1] = {sp, ss};
        return trap_user([] { asm volatile("lcall *%0" :: "m"(to) : "memory"); });
    };
    constexpr u64 good = descriptor(0, 0xfffff, 0xc0b3);
    set_gate(0x41, stub(0x41), kcode, 0xee);
    faults("ring 1", with(stack1 | 1, top(3), good), 0x41);
    is("CS", noted[0] & 0xffff, ring1 | 1), is("SS", noted[1] & 0xffff, stack1 | 1), is("ESP", noted[2], top(3) - 16);
    faults("SS1 null: #TS(0)", with(0, top(3), good), TS, 0);
    faults("SS1 with RPL 0: #TS(SS1)", with(stack1, top(3), good), TS, stack1);
    faults("SS1 of DPL 0: #TS(SS1)", with(stack1 | 1, top(3), descriptor(0, 0xfffff, 0xc093)), TS, stack1);
    faults("SS1 read-only: #TS(SS1)", with(stack1 | 1, top(3), descriptor(0, 0xfffff, 0xc0b1)), TS, stack1);
    faults("SS1 absent: #SS(SS1)", with(stack1 | 1, top(3), descriptor(0, 0xfffff, 0xc033)), SS, stack1);
    faults("SS1 beyond the GDT: #TS(SS1)", with(0x1ff9, top(3), good), TS, 0x1ff8);
    faults("no room: #SS(SS1)", with(stack1 | 1, 0x1010, descriptor(0, 0xfff, 0x40b3)), SS, stack1);
    faults("by INT: no room: #SS(SS1)", (set_gate(0x50, entry1, ring1, 0xee), trap_user([] { asm volatile("int $0x50"); })), SS, stack1);
    // A task of its own with a short limit: ESP0 and SS0 (bytes 4 to 9) are within, ESP1 and SS1 (12 to 17) are not.
    at(tss_selector) = descriptor(word(&tss), 15, 0x89), ltr(tss_selector);
    faults("a TSS too short for SS1: #TS(TSS)", with(stack1 | 1, top(3), good), TS, tss_selector);
}

static void gates16() {
    memcpy(reinterpret_cast<void*>(0x7900), entry16, word(entry16_end - entry16));
    set_gate(0x51, reinterpret_cast<void*>(0x7900), kcode, 0xe6);
    faults("a 16-bit interrupt gate from ring 3", trap_user([] {
        asm volatile("lea 1f, %%eax; mov %%eax, marked; int $0x51; 1:" ::: "eax", "memory");
    }),
        0x40);
    is("pushes five words", noted[0], tss.ring[0].sp - 10);
    is("IP and CS", noted[1], (marked & 0xffff) | ucode32 << 16), is("SS", noted[3] & 0xffff, udata);
    at(spare) = 0x7900 | u64(kcode) << 16 | 1ull << 32 | 0xe4ull << 40;
    to = {0, spare | 3};
    faults("a 16-bit call gate with a parameter",
        trap_user([] { asm volatile("push $0x77; lea 1f, %%eax; mov %%eax, marked; lcall *%0; 1:" ::"m"(to)
                                    : "eax", "memory"); }), 0x40);
    is("pushes five words", noted[0], tss.ring[0].sp - 10), is("IP and CS", noted[1], (marked & 0xffff) | ucode32 << 16),
        is("the parameter", noted[2] & 0xffff, 0x77);
}

// ---- task gates of the IDT: what is wrong with the TSS (6.12.2, 6.13), faults of the new task, double faults, virtual-8086 tasks

static void through_idt(word vector) { set_gate(vector, nullptr, other_selector, 0x85); }
static void events() {
    print("task gates of the IDT\n");
    auto ud2 = [] { return trap([] { asm volatile("ud2"); }); };
    auto int30 = [] { return trap([] { asm volatile("int $0x30"); }); };
    struct { const char* name; u64 tss; word vector; } bad_tss[] = {
        {"a busy TSS: #GP(TSS)", descriptor(word(&other), 103, 0x8b), GP}, {"an absent TSS: #NP(TSS)", descriptor(word(&other), 103, 0x09), NP},
        {"a limit below 67h: #TS(TSS)", descriptor(word(&other), 102, 0x89), TS}, {"a 16-bit one below 2Bh: #TS(TSS)", descriptor(word(&small), 42, 0x81), TS},
        {"no TSS: #GP", descriptor(0, 0xff, 0x82), GP}, {"data: #GP", descriptor(0, 0xff, 0x4093), GP},
    };
    for (auto& b : bad_tss) {
        fresh(), at(other_selector) = b.tss;
        through_idt(UD), faults(b.name, ud2(), b.vector, other_selector | 1);
        set_gate(UD, stub(UD));
        through_idt(0x30), faults("  by INT n: EXT is clear", int30(), b.vector, other_selector);
    }
    fresh();
    faults("INT n in ring 3 through one of DPL 0: #GP(IDT)", trap_user([] { asm volatile("int $0x30"); }), GP, 0x30 * 8 + 2);
    set_gate(0x30, nullptr, other_selector, 0x05);
    faults("an absent one: #NP(IDT)", int30(), NP, 0x30 * 8 + 2);
    set_gate(0x30, nullptr, other_selector | 4, 0x85);
    faults("a TSS in the LDT: #GP", int30(), GP, other_selector | 4);

    // The new task's own faults while an exception is on its way: EXT is set.
    fresh(), other.ss = 0;
    handler = {};
    handler.ip = word(fault_task), handler.flags = 2, handler.sp = top(5), handler.cs = kcode, handler.ss = handler.ds = handler.es = kdata;
    at(handler_selector) = descriptor(word(&handler), 103, 0x89);
    set_gate(TS, nullptr, handler_selector, 0x85);
    through_idt(UD);
    noted[0] = ~0u;
    faults("#UD to a task with SS null: its #TS", ud2(), 0x40);
    home();
    is("  with EXT", noted[0], 1), is("  of the new task", handler.link & 0xffff, other_selector);
    set_gate(UD, stub(UD));

    // #NP in #GP is a double fault, and that has a task of its own (6.15, vector 8).
    fresh();
    handler.link = 0, handler.ip = word(fault_task), handler.sp = top(5), handler.flags = 2;
    at(handler_selector) = descriptor(word(&handler), 103, 0x89);
    set_gate(DF, nullptr, handler_selector, 0x85), set_gate(GP, stub(GP), kcode, 0x0e), set_gate(TS, stub(TS));
    noted[0] = ~0u;
    extern char twice[] asm("tasks_twice");
    faults("#DF through a task gate", trap([] { asm volatile("mov $0x1ff8, %%eax; tasks_twice: mov %%eax, %%fs" ::: "eax"); }), 0x40);
    home();
    is("  its error code is 0", noted[0], 0), is("  the old task's EIP", tss.ip, word(twice)), is("  with RF", tss.flags >> 16 & 1, 1), is("  the link", handler.link & 0xffff, tss_selector);
    set_gate(DF, stub(DF)), set_gate(GP, stub(GP));

    // A task in virtual-8086 mode: VM in its EFLAGS (21.2.5).
    fresh();
    poke<u16>(0x8000, 0x0b0f);
    other.flags = 0x20002, other.cs = 0x800, other.ip = 0, other.ss = 0x900, other.sp = 0x100, other.ds = 0x1111, other.es = 0x2222, other.fs = other.gs = 0;
    other.ring[0].sp = top(6), other.ring[0].ss = kdata;
    Trap t = jump();
    faults("a virtual-8086 task", t, UD);
    is("  VM", t.flags >> 17 & 1, 1), is("  CS", t.cs & 0xffff, 0x800), is("  SS", t.ss & 0xffff, 0x900);
    other.flags = 0x20002;
    fresh(), other.flags = 0x20002, other.cs = 0x800, other.ip = 0x10000, other.ring[0].sp = top(6), other.ring[0].ss = kdata;
    faults("  its EIP beyond 64 KiB: #GP(0)", jump(), GP, 0);
}

extern "C" void guest() {
    switches();
    events();
    bits16();
    own_cr3();
    gates16();
    inner_stacks();
}
