// SPDX-License-Identifier: MIT
// Guest, 32-bit: call, interrupt, trap and task gates, stack switches, RETF and IRET to outer rings, task switches
// (SDM vol. 3, 5.8, 6.12 and ch. 7).
#include "guest.h"
#include "frame.h"

struct [[gnu::packed]] Far { u32 ip; u16 cs; };
static Far to;
extern "C" {
word noted[16];
extern char gate_code[], return_code[], note_frame[], task_code[], task_fault_code[];
}

// gate_code: notes CS, SS, ESP and what lies on the new stack. return_code: RETF 8 to the caller.
asm(R"(
    .pushsection .text.aside, "ax"
gate_code:
    mov %cs, noted
    mov %ss, noted + 4
    mov %esp, noted + 8
    mov (%esp), %eax
    mov %eax, noted + 12
    mov 4(%esp), %eax
    mov %eax, noted + 16
    mov 8(%esp), %eax
    mov %eax, noted + 20
    mov 12(%esp), %eax
    mov %eax, noted + 24
    mov 16(%esp), %eax
    mov %eax, noted + 28
    mov 20(%esp), %eax
    mov %eax, noted + 32
    pushf
    pop noted + 36
    int $0x40
return_code:
    mov %cs, noted
    lret $8
note_frame:
    mov %esp, noted + 8
    pushf
    pop noted
    iret
task_code:
    str noted
    pushf
    pop noted + 4
    mov %esp, noted + 8
    mov %cr0, %eax
    mov %eax, noted + 12
    incl noted + 16
    clts
    iret
    incl noted + 20
    jmp task_code
task_fault_code:
    pop noted + 24
    str noted
    incl noted + 28
    addl $2, tss + 32
    iret
    jmp task_fault_code
    .popsection
)");

static u64 call_gate(u16 cs, word ip, unsigned type, unsigned count = 0) {
    return (ip & 0xffff) | u64(cs) << 16 | u64(count) << 32 | u64(type) << 40 | u64(ip >> 16) << 48;
}

static void call_gates() {
    auto through = [](u64 gate) {
        at(spare) = gate, to = {0xdeadbeef, spare | 3};
        return trap_user([] {
            asm volatile("push $0x11; push $0x22; lea 1f, %%eax; mov %%eax, marked; lcall *%0; 1:" ::"m"(to) : "eax", "memory");
        });
    };
    word ip = word(gate_code);
    faults("a far CALL through a gate to ring 0 with 2 parameters", through(call_gate(kcode, ip, 0xec, 2)), 0x40);
    is("CS", noted[0] & 0xffff, kcode);
    is("SS is SS0 of the TSS", noted[1] & 0xffff, kdata);
    is("ESP: ESP0 less six doublewords", noted[2], tss.ring[0].sp - 24);
    is("EIP", noted[3], marked), is("CS", noted[4] & 0xffff, ucode32);
    is("the last parameter first", noted[5], 0x22), is("then the one before", noted[6], 0x11);
    is("SS", noted[8] & 0xffff, udata);
    is("ESP", noted[7] & 3, 0);
    faults("without parameters", through(call_gate(kcode, ip, 0xec)), 0x40);
    is("four doublewords", noted[2], tss.ring[0].sp - 16);
    passes("RETF 8 returns to ring 3 and drops both", [&] {
        at(spare) = call_gate(kcode, word(return_code), 0xec, 2), to = {0, spare | 3};
        return trap_user([] {
            asm volatile(
                "mov %%esp, %%ebx; push $0x11; push $0x22; lcall *%0; sub %%esp, %%ebx; mov %%ebx, noted + 40; mov %%cs, noted + 44" ::"m"(
                    to)
                : "ebx", "memory");
        });
    }());
    is("ESP as before the parameters", noted[10], 0), is("CS", noted[11] & 0xffff, ucode32);
    faults("#GP(gate): DPL below CPL", through(call_gate(kcode, ip, 0x8c)), GP, spare);
    faults("#NP(gate): absent", through(call_gate(kcode, ip, 0x6c)), NP, spare);
    faults("#GP(0): a null CS", through(call_gate(0, ip, 0xec)), GP, 0);
    faults("#GP(CS): data", through(call_gate(kdata, ip, 0xec)), GP, kdata);
    at(spare + 8) = descriptor(0, 0xfffff, 0xc01b);
    faults("#NP(CS): absent code", through(call_gate(spare + 8, ip, 0xec)), NP, spare + 8);
    at(spare + 8) = descriptor(0, 0xff, 0x409b);
    faults("#GP(0): EIP beyond the limit", through(call_gate(spare + 8, 0x100, 0xec)), GP, 0);
    // JMP may not go inwards; a conforming target stays in the ring.
    at(spare) = call_gate(kcode, ip, 0xec), to = {0, spare | 3};
    faults("#GP(CS) of a far JMP through it", trap_user([] { asm volatile("ljmp *%0" :: "m"(to)); }), GP, kcode);
    faults("a far JMP through it in ring 0", trap([] { asm volatile("ljmp *%0" :: "m"(to)); }), 0x40);
}

static void interrupt_gates() {
    set_gate(0x50, note_frame);
    sti();
    asm volatile("int $0x50" ::: "memory");
    is("an interrupt gate clears IF", noted[0] & 0x200, 0);
    set_gate(0x50, note_frame, kcode, 0x8f);
    asm volatile("int $0x50" ::: "memory");
    is("a trap gate does not", noted[0] & 0x200, 0x200);
    is("IRET restores it", flags() & 0x200, 0x200);
    cli();
    set_gate(0x50, gate_code, kcode, 0xee);
    user_flags = 0x4002 | 0x200;          // NT is cleared by delivery
    faults("from ring 3", trap_user([] { asm volatile("lea 1f, %%eax; mov %%eax, marked; int $0x50; 1:" ::: "eax", "memory"); }), 0x40);
    user_flags = 2;
    is("five doublewords on ESP0's stack", noted[2], tss.ring[0].sp - 20);
    is("EIP", noted[3], marked), is("CS", noted[4] & 0xffff, ucode32), is("EFLAGS", noted[5] & 0x4200, 0x4200), is("SS", noted[7] & 0xffff, udata);
    is("NT and IF are clear inside", noted[9] & 0x4200, 0);
    at(spare) = descriptor(0, 0xfffff, 0xc09f);
    set_gate(0x50, gate_code, spare, 0xee);
    faults("conforming code: the same ring and stack", trap_user([] { asm volatile("int $0x50" ::: "memory"); }), GP, 0x40 * 8 + 2);
    is("CPL 3", noted[0] & 3, 3);
    faults("#NP of an absent gate", (set_gate(0x50, gate_code, kcode, 0x6e), trap([] { asm volatile("int $0x50"); })), NP, 0x50 * 8 + 2);
    faults("#GP of INT n with DPL below CPL", (set_gate(0x50, gate_code), trap_user([] { asm volatile("int $0x50"); })), GP, 0x50 * 8 + 2);
    faults("#GP before #NP: DPL and absent", (set_gate(0x50, gate_code, kcode, 0x0e), trap_user([] { asm volatile("int $0x50"); })), GP,
        0x50 * 8 + 2);
    faults("#OF of INTO", trap_user([] { asm volatile("mov $0x7f, %%al; inc %%al; into" ::: "eax", "cc"); }), OF);
    static int bounds[2] = {-5, 5};
    faults("#BR of BOUND", trap_user([] { asm volatile("bound %0, %1" :: "r"(6), "m"(bounds)); }), BR);
    passes("at the bound", trap_user([] { asm volatile("bound %0, %1" :: "r"(5), "m"(bounds)); }));
}

#define OUT_IRET(ip, cs, fl, sp, ss)                                                                                                       \
    asm volatile(                                                                                                                          \
        "push %0; push %1; push %2; push %3; push %4; iret" ::"r"(word(ss)), "r"(word(sp)), "r"(word(fl)), "r"(word(cs)), "r"(word(ip))    \
        : "memory")
static void returns() {
    faults("#GP(0) of IRET to null", trap([] { OUT_IRET(0x100000, 0, 2, top(0), udata); }), GP);
    faults("#GP(CS) of IRET to RPL below CPL", trap_user([] { OUT_IRET(0x100000, kcode, 2, top(0), udata); }), GP, kcode);
    faults("#GP(CS) of IRET to RPL unlike DPL", trap([] { OUT_IRET(0x100000, kcode | 3, 2, top(0), udata); }), GP, kcode);
    faults("#GP(SS) of IRET to SS of DPL 0", trap([] { OUT_IRET(0x100000, ucode32, 2, top(0), kdata | 3); }), GP, kdata);
    faults("#GP(SS) of IRET to SS of another RPL", trap([] { OUT_IRET(0x100000, ucode32, 2, top(0), udata & ~3); }), GP, udata & ~3);
    faults("#GP(0) of IRET to SS null", trap([] { OUT_IRET(0x100000, ucode32, 2, top(0), 0); }), GP);
    at(spare) = descriptor(0, 0xfffff, 0xc073);
    faults("#SS(SS) of IRET to SS absent", trap([] { OUT_IRET(0x100000, ucode32, 2, top(0), spare | 3); }), SS, spare);
    faults("#NP(CS) of IRET to absent code",
        (at(spare) = descriptor(0, 0xfffff, 0xc07b), trap([] { OUT_IRET(0x100000, spare | 3, 2, top(0), udata); })), NP, spare);
    faults("going outwards, DS of DPL 0 becomes null", trap([] {
        asm volatile("mov %0, %%fs; mov %1, %%gs" :: "r"(kdata), "r"(udata));
        asm volatile(".pushsection .text.aside, \"ax\"; fs_code: mov %fs, noted; mov %gs, noted + 4; int $0x80; .popsection");
        extern char fs_code[] asm("fs_code");
        asm volatile("mov %0, %%ds" :: "r"(udata));
        OUT_IRET(fs_code, ucode32, 2, top(0), udata);
    }), 0x80);
    is("FS", noted[0] & 0xffff, 0), is("GS of DPL 3 stays", noted[1] & 0xffff, udata);
    asm volatile("mov %0, %%fs; mov %0, %%gs" :: "r"(0));
    // Ring 3 may not change IOPL, and IF only by IOPL (SDM vol. 2, POPF).
    user_flags = 0x202;
    faults("POPF in ring 3", trap_user([] { asm volatile("push $0x3002; popf; pushf; pop noted; int $0x40" ::: "memory"); }), GP, 0x40 * 8 + 2);
    is("leaves IOPL and IF", noted[0] & 0x3200, 0x200);
    user_flags = 2;
}

static Tss other, third;
static void fresh_task(Tss& t, void* ip, unsigned stack) {
    t = {};
    t.ip = word(ip), t.flags = 2, t.sp = top(stack), t.cs = kcode, t.ss = t.ds = t.es = kdata, t.io_map = sizeof t;
}
static constexpr u16 other_selector = spare + 0x10, third_selector = spare + 0x18;
static bool busy(u16 s) { return at(s) >> 41 & 1; }

static void tasks() {
    fresh_task(other, task_code, 4);
    at(other_selector) = descriptor(word(&other), 103, 0x89);
    to = {0, other_selector};
    memset(noted, 0, sizeof noted);
    set_flags(2);
    asm volatile("lcall *%0" :: "m"(to) : "memory", "eax", "ebx", "ecx", "edx", "esi", "edi");
    is("CALL to a TSS runs the task", noted[4], 1);
    is("TR", noted[0] & 0xffff, other_selector);
    is("NT is set in it", noted[1] & 0x4000, 0x4000);
    is("its stack", noted[2], top(4));
    is("CR0.TS is set", noted[3] & 8, 8);
    is("the link names the caller", other.link & 0xffff, tss_selector);
    is("IRET leaves it available", busy(other_selector), 0);
    is("the caller stayed busy", busy(tss_selector), 1);
    is("NT is clear again", flags() & 0x4000, 0);
    is("its saved EIP is behind IRET", other.ip > word(task_code), 1);
    is("its saved NT is clear", other.flags & 0x4000, 0);
    is("TS again on the way back", get_cr0() & 8, 8);
    asm volatile("clts");
    asm volatile("lcall *%0" :: "m"(to) : "memory", "eax", "ebx", "ecx", "edx", "esi", "edi");
    is("a second CALL goes on behind IRET", noted[5], 1);
    asm volatile("clts");
    auto call = [] { return trap([] { asm volatile("lcall *%0" :: "m"(to) : "memory"); }); };
    at(other_selector) = descriptor(word(&other), 103, 0x8b);
    faults("#GP(TSS) of a busy one", call(), GP, other_selector);
    at(other_selector) = descriptor(word(&other), 102, 0x89);
    faults("#TS(TSS) of a limit below 67h", call(), TS, other_selector);
    at(other_selector) = descriptor(word(&other), 103, 0x09);
    faults("#NP(TSS) of an absent one", call(), NP, other_selector);
    to.cs = other_selector | 3;
    at(other_selector) = descriptor(word(&other), 103, 0x89);
    faults("#GP(TSS): DPL below RPL", call(), GP, other_selector);
    to.cs = other_selector;
    faults("#GP(TSS): DPL below CPL", trap_user([] { asm volatile("lcall *%0" :: "m"(to)); }), GP, other_selector);
    faults("#TS of IRET with NT to a task that is not busy", trap([] {
        tss.link = other_selector;
        set_flags(flags() | 0x4000);
        asm volatile("iret");
    }),
        TS, other_selector);
    set_flags(2);
    // A task gate, from ring 3 and in the IDT; error codes go to the new task's stack.
    fresh_task(other, task_code, 4);
    at(spare) = u64(other_selector) << 16 | u64(0xe5) << 40;
    to = {0, spare | 3};
    memset(noted, 0, sizeof noted);
    passes("a task gate of DPL 3 from ring 3", trap_user([] {
        asm volatile("lcall *%0" ::"m"(to) : "memory", "eax", "ebx", "ecx", "edx", "esi", "edi");
    }));
    is("runs the task", noted[4], 1);
    asm volatile("clts");
    fresh_task(third, task_fault_code, 5);
    at(third_selector) = descriptor(word(&third), 103, 0x89);
    set_gate(GP, nullptr, third_selector, 0x85);
    memset(noted, 0, sizeof noted);
    // The task skips the faulting instruction for its caller: two bytes, MOV FS, EAX.
    asm volatile("mov $0x1ff8, %%eax; mov %%eax, %%fs" ::: "eax", "memory");
    is("a #GP through a task gate runs the task", noted[7], 1);
    is("with the error code on its stack", noted[6], 0x1ff8);
    set_gate(GP, stub(GP));
    asm volatile("clts");
}

extern "C" void guest() {
    call_gates();
    interrupt_gates();
    returns();
    tasks();
}
