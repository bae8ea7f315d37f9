// SPDX-License-Identifier: MIT
// Guest, 32-bit: a monitor that runs a program for the 8086 in virtual-8086 mode with IOPL 0, without VME: it emulates what traps,
// keeps an interrupt flag of the program's own, and reflects interrupts and exceptions to the program's vectors (SDM vol. 3, ch. 21).
#include "guest.h"
#include "frame.h"
#include "interrupts.h"

// The program; what it finds is in `facts`, a word each.
asm(R"(
    .pushsection .data
    .balign 16
    .globl program, program_end, facts
    .code16
program:
    mov %cs, %ax
    mov %ax, %ds
    xor %ax, %ax
    mov %ax, %es
    movw $(divided - program), %es:0*4
    mov %cs, %es:0*4+2
    movw $(stopped - program), %es:3*4
    mov %cs, %es:3*4+2
    movw $(tick - program), %es:8*4
    mov %cs, %es:8*4+2
    movw $(service - program), %es:0x60*4
    mov %cs, %es:0x60*4+2

    sti
    pushf
    popw fact0                            /* IF as STI left it */
    cli
    pushf
    popw fact1                            /* and CLI */
    pushw $0x0ed7
    popf
    pushf
    popw fact2                            /* all that an 8086 program may set, but TF */
    pushw $0x0202
    popf
    mov $21, %ax
    int $0x60
    mov %ax, fact3                        /* twice that */
    pushf
    popw fact4                            /* IF again, behind the handler's IRET */

    mov $0xe0, %dx                        /* a port of the monitor's */
    mov $0x55, %al
    out %al, %dx
    in %dx, %al
    mov %ax, fact5
    in $0xe0, %ax
    mov %ax, fact6

    mov $(text - program), %si
    cld
1:  lodsb
    test %al, %al
    jz 2f
    out %al, $0xe1
    jmp 1b

2:  movw $0, ticks - program              /* three ticks by HLT */
    sti
3:  hlt
    cmpw $3, ticks - program
    jb 3b
    cli
    movw $0, ticks - program
    mov $20000, %cx                       /* none with the flag clear, however long it takes */
4:  in $0xe0, %ax
    loop 4b
    mov ticks - program, %ax
    mov %ax, fact9
    sti                                   /* and then the one that waited */
    nop
    cli
    mov ticks - program, %ax
    mov %ax, fact10

    mov $100, %ax
    xor %bl, %bl
    div %bl                               /* its handler goes on behind it */
    mov %ax, fact11
    int3
    mov $0x1234, %ax                      /* a far call, and what 16-bit arithmetic gives */
    mov $0x5678, %bx
    lcall $0x1000, $(product - program)
    mov %dx, fact13
    mov %ax, fact14
    int $0xfe
    hlt

divided:
    push %bp
    mov %sp, %bp
    addw $2, 2(%bp)                       /* behind the DIV */
    pop %bp
    mov $0x0d0e, %ax
    iret
stopped:
    incw fact12
    iret
tick:
    incw ticks - program
    mov $0x20, %al                        /* the end of the interrupt, to a controller of the monitor's */
    out %al, $0x20
    pushf
    popw fact8
    iret
service:
    pushf
    popw fact7
    add %ax, %ax
    iret
product:
    mul %bx
    lret
text: .asciz "ok what the program prints\n"
ticks: .word 0
    .balign 2
facts: .skip 32
program_end:
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    .set fact\n, facts - program + \n * 2
    .endr
    .code32
    .popsection
)");
extern "C" const u8 program[], program_end[], facts[];

static constexpr word code = 0x10000, stack_segment = 0x2000;
static constexpr word IF = 0x200, VM = 1 << 17;
static bool virtual_if, pending;
static unsigned emulated[256], reflected, port_value, ended_interrupts;

static u8 byte_at(u16 segment, word offset) { return peek<u8>(segment * 16 + (offset & 0xffff)); }
static void push(Frame& f, u16 value) {
    f.sp = (f.sp - 2) & 0xffff;
    poke<u16>((f.ss & 0xffff) * 16 + f.sp, value);
}
static u16 pop(Frame& f) {
    u16 value = peek<u16>((f.ss & 0xffff) * 16 + f.sp);
    f.sp = (f.sp + 2) & 0xffff;
    return value;
}
static u16 flags_seen(const Frame& f) { return u16((f.flags & ~(IF | 0x3000)) | (virtual_if ? IF : 0)); }
static void set_flags_seen(Frame& f, u16 value) {
    f.flags = VM | IF | (value & 0xdd5) | 2;
    virtual_if = value & IF;
}

static void reflect(Frame& f, u8 vector) {
    push(f, flags_seen(f)), push(f, u16(f.cs)), push(f, u16(f.ip));
    virtual_if = false, f.flags &= ~word(0x100);
    f.ip = peek<u16>(vector * 4), f.cs = peek<u16>(vector * 4 + 2);
    reflected++;
}

static void deliver(Frame& f) {
    if (!virtual_if || !pending) return;
    pending = false;
    reflect(f, 8);
}

static void out(u16 port, u8 value) {
    if (port == 0xe1) put_byte(value);
    else if (port == 0x20) ended_interrupts += value == 0x20;
    else port_value = value;
}

// One instruction that #GP(0) has ended; false: not one of those.
static bool emulate(Frame& f) {
    u8 op = byte_at(u16(f.cs), f.ip), next = byte_at(u16(f.cs), f.ip + 1);
    word length = 1;
    switch (op) {
    case 0x9c: push(f, flags_seen(f)); break;
    case 0x9d: set_flags_seen(f, pop(f)); break;
    case 0xfa: virtual_if = false; break;
    case 0xfb: virtual_if = true; break;
    case 0xcf: f.ip = pop(f), f.cs = pop(f), set_flags_seen(f, pop(f)), length = 0; break;
    case 0xcd:
        if (next == 0xfe) return false;
        f.ip += 2, length = 0;
        reflect(f, next);
        break;
    case 0xe4: f.ax = (f.ax & ~0xffu) | (port_value & 0xff), length = 2; break;
    case 0xe5: f.ax = (f.ax & ~0xffffu) | (port_value << 8 & 0xff00) | (port_value & 0xff), length = 2; break;
    case 0xe6: out(next, u8(f.ax)), length = 2; break;
    case 0xec: f.ax = (f.ax & ~0xffu) | (port_value & 0xff); break;
    case 0xee: out(u16(f.dx), u8(f.ax)); break;
    case 0xf4:
        while (!pending) halt();
        break;
    default: return false;
    }
    emulated[op]++;
    f.ip = (f.ip + length) & 0xffff;
    return true;
}

static void enter() {
    asm volatile("push $0; push $0; push $0; push $0; push %0; push $0x1000; push %1; push $0x1000; push $0; iret"
                 :: "i"(stack_segment), "i"(VM | IF | 2) : "memory");
}

extern "C" void guest() {
    memcpy(reinterpret_cast<void*>(code), program, word(program_end - program));
    tss.ring[0].sp = top(6), tss.ring[0].ss = kdata;
    set_gate(BP, stub(BP), kcode, 0xee);
    hook(GP, [](Frame& f) {
        if (!(f.flags & VM) || !emulate(f)) return hook(GP, nullptr);              // met again, it ends the program
        deliver(f);
    });
    hook(DE, [](Frame& f) { reflect(f, 0); });
    hook(BP, [](Frame& f) { reflect(f, 3); });
    hook(0x20, [](Frame& f) {
        pic_eoi(0);
        pending = true;
        if (f.flags & VM) deliver(f);
    });
    pics_on(1);
    out8(0x43, 0x34), out8(0x40, 0x00), out8(0x40, 0x08);                          // some 600 a second
    Trap t = trap(enter);
    pics_on(0);

    faults("the program ends itself", t, GP);
    is("by INT FEh", peek<u16>(code + t.ip), 0xfecd), is("in its segment", t.cs & 0xffff, code / 16), is("with its stack level", t.sp, 0x1000);
    auto fact = [](unsigned n) { return peek<u16>(code + word(facts - program) + n * 2); };
    is("PUSHF after STI shows IF", fact(0) & 0x3200, 0x200), is("after CLI it does not", fact(1) & 0x3200, 0);
    is("POPF sets the program's flags", fact(2), 0x0ed7);
    is("INT 60h comes to its handler", fact(3), 42), is("with IF clear", fact(7) & 0x200, 0), is("whose IRET sets it", fact(4) & 0x200, 0x200);
    is("OUT and IN by DX", fact(5) & 0xff, 0x55), is("IN of a word", fact(6), 0x5555);
    is("a tick's handler runs with IF clear", fact(8) & 0x200, 0), is("no tick comes while it is clear", fact(9), 0), is("and one behind STI", fact(10), 1);
    is("#DE comes to vector 0", fact(11), 0x0d0e), is("INT3 to vector 3", fact(12), 1);
    is("MUL, high word", fact(13), 0x626), is("low word", fact(14), 0x0060);
    holds("each tick's end was told", ended_interrupts >= 4);
    is("the monitor emulated INT", emulated[0xcd], 1), is("STI", emulated[0xfb], 3), is("CLI", emulated[0xfa], 3);
    holds("IRET of each", emulated[0xcf] == reflected);
    holds("HLT", emulated[0xf4] >= 3);
}
