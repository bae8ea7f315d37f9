// SPDX-License-Identifier: MIT
// Guest, 32-bit: 16-bit stacks, addresses and operands in 32-bit code, and 32-bit ones in 16-bit code (SDM vol. 1, 3.6 and 6.2).
#include "guest.h"

// Runs `text` with SS a 16-bit stack at 0 and ESP as given; ESP is left in EDX.
#define ON_SMALL_STACK(sp, text)                                                                          \
    asm volatile("mov %%esp, %%ebx; mov $0x48, %%eax; mov %%eax, %%ss; mov %1, %%esp; " text              \
                 "; mov %%esp, %%edx; mov $0x10, %%eax; mov %%eax, %%ss; mov %%ebx, %%esp"                \
                 : "=&d"(after) : "i"(sp) : "eax", "ebx", "ecx", "esi", "edi", "memory", "cc")

static word after;
static void stacks16() {
    ON_SMALL_STACK(0x57000, "push $0x11223344");
    is("PUSH on a 16-bit stack uses SP", peek<u32>(0x6ffc), 0x11223344), is("and keeps ESP's upper half", after, 0x56ffc);
    ON_SMALL_STACK(0x57000, "pushw $0x1234");
    is("PUSHW takes two", after, 0x56ffe);
    ON_SMALL_STACK(0x50000, "pushw $0x5678");
    is("SP wraps from 0 to FFFEh", after, 0x5fffe), is("where the word is", peek<u16>(0xfffe), 0x5678);
    ON_SMALL_STACK(0x5fffe, "popw %%cx");
    is("and back", after, 0x50000);
    ON_SMALL_STACK(0x57000, "pusha");
    is("PUSHA", after, 0x56fe0), is("holds ESP as it was", peek<u32>(0x6fec), 0x57000);
    ON_SMALL_STACK(0x57000, "call 1f; 1: pop %%eax");
    is("CALL and POP", after, 0x57000);
    ON_SMALL_STACK(0x57000, "push %%ebp; mov $0x97000, %%ebp; enter $0x10, $0; leave; pop %%ebp");
    is("ENTER and LEAVE", after, 0x57000);
    ON_SMALL_STACK(0x57000, "push $7; pop %%ds:-8(%%esp)");
    is("POP to memory by ESP counts from after it", peek<u32>(0x56ff8), 7);
}

static void addresses16() {
    u32 v;
    poke<u32>(0x7000, 0xaabbccdd);
    asm volatile("mov $0x18000, %%ebx; mov $0xf000, %%esi; addr16 mov (%%bx,%%si), %0" : "=a"(v) :: "ebx", "esi");
    is("BX + SI wraps at 64 KiB", v, 0xaabbccdd);
    word c, d, s;
    asm volatile("addr16 rep movsb" : "=c"(c), "=D"(d), "=S"(s) : "c"(0x30004), "D"(0x57100), "S"(0x67000) : "memory");
    is("a 16-bit REP MOVSB counts in CX", c, 0x30000), is("DI alone moves on", d, 0x57104), is("SI too", s, 0x67004), is("the bytes", peek<u32>(0x7100), 0xaabbccdd);
    asm volatile("addr16 stosw" : "=D"(d) : "a"(0x1234), "D"(0x5fffe) : "memory");
    is("DI wraps", d, 0x50000);
    asm volatile("xor %0, %0; jcxz 1f; inc %0; 1:" : "=&r"(v) : "c"(0x10000));
    is("JCXZ looks at CX", v, 0);
    asm volatile("xor %0, %0; 1: inc %0; addr16 loop 1b" : "=&r"(v), "=c"(c) : "c"(0x50003));
    is("LOOP with CX", v, 3), is("leaves ECX's upper half", c, 0x50000);
    asm volatile("addr16 lea 0x10(%%bx,%%si), %0" : "=a"(v) : "b"(0x1fff8), "S"(0x20010));
    is("LEA of a 16-bit address", v, 0x18);
    asm volatile("mov $0x11112222, %0; leaw 0x3456(%1), %w0" : "=&a"(v) : "b"(0x10000));
    is("LEA to a 16-bit register", v, 0x11113456);
    for (word a = 0x8000; a < 0x10000; a += 2) poke<u16>(a, 0x0b0f);
    for (word a = 0x1000; a < 0x8000; a += 2) poke<u16>(a, 0x0b0f);
    Trap t = trap([] { asm volatile("lea 1f, %%eax; mov %%eax, %0; .byte 0x66, 0xe9; .word 0; 1:" : "=m"(marked) :: "eax"); });
    faults("a 16-bit near JMP", t, UD);
    is("cuts EIP", t.ip, marked & 0xffff);
}

static void operands() {
    u32 v;
    asm volatile("mov $0x12345678, %0; movw %%ds, %w0" : "=&a"(v));
    is("MOV r16, DS keeps the upper half", v, 0x12340010);
    asm volatile("mov $0x12345678, %0; movl %%ds, %0" : "=&a"(v));
    is("MOV r32, DS clears it", v, 0x10);
    asm volatile("mov $0x1234ff80, %0; cbtw" : "=&a"(v));
    is("CBW", v, 0x1234ff80);
    asm volatile("pushw %%ds; pushw $0x7777; pop %0" : "=a"(v));
    is("two words are a doubleword", v, 0x00107777);
    asm volatile("mov $-1, %%eax; push %%eax; mov %%esp, %%ecx; add $4, %%esp; push %%ds; pop %0" : "=a"(v) :: "ecx", "memory");
    is("PUSH DS: the selector", v & 0xffff, 0x10);
}

extern "C" void guest() {
    stacks16();
    addresses16();
    operands();
}
