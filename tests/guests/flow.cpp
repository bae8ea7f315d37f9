// SPDX-License-Identifier: MIT
// Guest, 64-bit: where control goes: calls and returns that do not pair, stacks switched, deep recursion, indirect jumps to targets that change,
// straight code longer than any block, branches over the end of a page, instructions that overlap (SDM vol. 1, 6.4; vol. 2, each instruction).
#include "code.h"
#include "frame.h"

static constexpr word va = 0x8000000000;
static constexpr u32 rounds = 2000;

// ---- returns

asm(R"(
    .pushsection .text.aside, "ax"
flow_skip:                                # returns two bytes behind where it should
    addq $2, (%rsp)
    mov $1, %eax
    ret
flow_elsewhere:                           # returns to what RDI says
    mov %rdi, (%rsp)
    ret
flow_turns:                               # returns to RDI and RSI in turns, by the low bit of RCX
    test $1, %cl
    cmovz %rsi, %rdi
    mov %rdi, (%rsp)
    ret
flow_deep:                                # EDI levels: returns the sum of 1 to EDI
    test %edi, %edi
    jz 1f
    push %rdi
    dec %edi
    call flow_deep
    pop %rdi
    add %edi, %eax
    ret
1:  xor %eax, %eax
    ret
flow_even:                                # mutual recursion: EDI is even?
    test %edi, %edi
    mov $1, %eax
    jz 1f
    dec %edi
    call flow_odd
1:  ret
flow_odd:
    xor %eax, %eax
    test %edi, %edi
    jz 1b
    dec %edi
    call flow_even
    ret
flow_fib:                                 # naive Fibonacci
    mov %edi, %eax
    cmp $2, %edi
    jb 1f
    push %rdi
    dec %edi
    call flow_fib
    pop %rdi
    push %rax
    sub $2, %edi
    call flow_fib
    pop %rdx
    add %edx, %eax
1:  ret
flow_leave:                               # throws away RSI return addresses below its own, like longjmp
    lea (%rsp, %rsi, 8), %rsp
    ret
flow_nested:                              # RCX levels, then leaves all of them at once
    dec %ecx
    jz 1f
    call flow_nested
    ud2
1:  jmp flow_leave
flow_imm:                                 # RET imm16
    mov 8(%rsp), %rax
    add 16(%rsp), %rax
    ret $16
flow_thunk:                               # a retpoline through RDX
    call 1f
2:  pause
    lfence
    jmp 2b
1:  mov %rdx, (%rsp)
    ret
    .popsection
)");
extern "C" char flow_skip[], flow_elsewhere[], flow_deep[], flow_even[], flow_fib[];

static void returns() {
    u32 n = rounds, sum = 0;
    asm volatile("1: call flow_skip; .byte 0x0f, 0x0b; add %%eax, %1; dec %0; jnz 1b" : "+r"(n), "+r"(sum) :: "rax", "memory", "cc");
    is("a return address that the callee has moved on", sum, rounds);
    n = rounds, sum = 0;
    asm volatile("lea 2f(%%rip), %%rdi; 1: call flow_elsewhere; .byte 0x0f, 0x0b; 2: inc %1; dec %0; jnz 1b" : "+r"(n), "+r"(sum) :: "rdi", "memory", "cc");
    is("or changed", sum, rounds);
    sum = 0;
    asm volatile("mov %1, %%ecx; 1: lea 2f(%%rip), %%rdi; lea 3f(%%rip), %%rsi; call flow_turns; .byte 0x0f, 0x0b; 2: add $1000, %0; 3: inc %0; dec %%ecx; jnz 1b"
                 : "+r"(sum)
                 : "r"(rounds)
                 : "rcx", "rdi", "rsi", "memory", "cc");
    is("to either of two places", sum, rounds / 2 * 1002);
    n = rounds, sum = 0;
    asm volatile("1: lea 2f(%%rip), %%rax; push %%rax; ret; .byte 0x0f, 0x0b; 2: inc %1; dec %0; jnz 1b" : "+r"(n), "+r"(sum) :: "rax", "memory", "cc");
    is("PUSH and RET", sum, rounds);
    n = rounds, sum = 0;
    asm volatile("1: call 2f; 2: pop %%rax; lea 2b(%%rip), %%rdx; cmp %%rax, %%rdx; jne 3f; inc %1; 3: dec %0; jnz 1b" : "+r"(n), "+r"(sum) :: "rax", "rdx", "memory", "cc");
    is("CALL and POP", sum, rounds);
}

static void retpoline() {
    u32 n = rounds, sum = 0;
    asm volatile("1: lea 2f(%%rip), %%rdx; call flow_thunk; inc %1; dec %0; jnz 1b; jmp 3f; 2: add $2, %1; ret; 3:" : "+r"(n), "+r"(sum) :: "rax", "rdx", "memory", "cc");
    is("retpolines", sum, rounds * 3);
    n = rounds, sum = 0;
    asm volatile("1: push $7; push $5; call flow_imm; add %%eax, %1; dec %0; jnz 1b" : "+r"(n), "+r"(sum) :: "rax", "memory", "cc");
    is("RET 16", sum, rounds * 12);
}

static void depth() {
    auto run = [](const char* f, u32 n) { return call(word(f), n); };
    bool good = true;
    for (u32 n : {1u, 2u, 7u, 8u, 15u, 16u, 17u, 31u, 32u, 33u, 63u, 64u, 65u, 255u, 256u, 257u, 300u, 700u})
        for (u32 i = 0; i < 10; i++) good &= run(flow_deep, n) == n * (n + 1) / 2;
    holds("recursion of 1 to 700 levels", good);
    holds("mutual recursion", run(flow_even, 500) == 1 && run(flow_even, 501) == 0);
    is("Fibonacci of 20", run(flow_fib, 20), 6765);
    u32 sum = 0;
    for (u32 i = 1; i <= 300; i++) {
        asm volatile("mov %1, %%ecx; lea -1(%%rcx), %%rsi; call flow_nested; inc %0" : "+r"(sum) : "r"(i) : "rcx", "rsi", "memory", "cc");
        sum += call(word(flow_fib), 3);
    }
    is("1 to 300 levels left at once", sum, 900);
    // 500 returns in a row, without a call.
    u64* stack = reinterpret_cast<u64*>(page(20));
    extern char flow_link[] asm("flow_link"), flow_chain_end[] asm("flow_chain_end");
    for (u32 i = 0; i < 500; i++) stack[i] = word(flow_link);
    stack[500] = word(flow_chain_end);
    sum = 0;
    for (u32 i = 0; i < 5; i++)
        asm volatile("mov %%rsp, %%rbx; mov %1, %%rsp; ret; flow_link: inc %0; ret; flow_chain_end: mov %%rbx, %%rsp" : "+r"(sum) : "r"(stack) : "rbx", "memory", "cc");
    is("500 returns without a call", sum, 2500);
}

// Two coroutines on stacks of their own, switched in the midst of calls.
asm(R"(
    .pushsection .text.aside, "ax"
flow_switch:                              # saves RSP where RDI points, takes it from where RSI points
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rdi)
    mov (%rsi), %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret
    .popsection
)");
extern "C" void flow_switch(word* from, word* to);
static word main_stack, routine_stack[3];
static volatile u64 trace;
static void depths(unsigned routine, unsigned depth) {
    trace = trace * 31 + routine * 10 + depth;
    flow_switch(&routine_stack[routine], &main_stack);
    if (depth < 5) depths(routine, depth + 1);
    trace = trace * 31 + routine + 100;
    flow_switch(&routine_stack[routine], &main_stack);
}
static void routine_body() {
    static unsigned next;
    unsigned mine = next++ % 3;
    for (;;) depths(mine, 0);
}
static void coroutines() {
    for (unsigned i = 0; i < 3; i++) {
        word* s = reinterpret_cast<word*>(top(i + 2) - 64);
        *--s = 0, *--s = word(routine_body), s -= 6;
        routine_stack[i] = word(s);
    }
    u64 expected = 0;
    trace = 0;
    for (u32 i = 0; i < 600; i++) {       // each routine: 0 to 5 down, then six times 100 up; 12 steps
        unsigned routine = i % 3, step = i / 3 % 12;
        flow_switch(&main_stack, &routine_stack[routine]);
        expected = expected * 31 + (step < 6 ? routine * 10 + step : routine + 100);
    }
    is("three coroutines, 600 switches in the midst of calls", trace, expected);
}

// ---- indirect jumps

static void indirect() {
    static word targets[256];
    for (u32 n = 0; n < 256; n++) targets[n] = page(n & 3) + (n >> 2) * 64 + (n & 15), put(targets[n], n);
    Code c{page(8)};
    c.bytes(0x31, 0xd2);                  // edx = 0; loop: eax = ecx * 97 & esi; call [rdi + rax * 8]; edx = edx * 3 + eax
    word again = c.at;
    c.bytes(0x6b, 0xc1, 97, 0x21, 0xf0, 0xff, 0x14, 0xc7, 0x8d, 0x14, 0x52, 0x01, 0xc2, 0xff, 0xc9).jcc(5, again).bytes(0x89, 0xd0).ret();
    bool good = true;
    for (u32 mask : {0u, 1u, 3u, 7u, 15u, 63u, 255u}) {
        u32 expected = 0;
        for (u32 i = rounds; i; i--) expected = expected * 3 + (i * 97 & mask);
        good &= call(page(8), word(targets), mask, rounds) == expected;
    }
    holds("CALL through a table of 1 to 256 targets", good);
    // A jump through a register, as a bytecode loop has it; each target jumps on by itself.
    word ops = page(9);
    for (u32 n = 0; n < 16; n++) {
        Code o{ops + n * 128 + n};        // lodsb [rsi]; edx = edx * 5 + n; jmp [rdi + rax * 8]
        o.bytes(0x0f, 0xb6, 0x06, 0x48, 0xff, 0xc6, 0x8d, 0x14, 0x92, 0x83, 0xc2, n, 0xff, 0x24, 0xc7);
        targets[n] = ops + n * 128 + n;
    }
    Code end{ops + 0x900};
    end.bytes(0x89, 0xd0).ret();
    targets[16] = ops + 0x900;
    static u8 program[1001];
    u32 expected = 0, x = 12345;
    for (u32 i = 0; i < 1000; i++) x = x * 1103515245 + 12345, program[i] = u8(x >> 16 & 15);
    program[1000] = 16;
    for (u32 i = 0; i < 1000; i++) expected = expected * 5 + program[i];
    Code start{ops + 0xa00};
    start.bytes(0x31, 0xd2, 0x31, 0xc0, 0x0f, 0xb6, 0x06, 0x48, 0xff, 0xc6, 0xff, 0x24, 0xc7);
    good = true;
    for (u32 i = 0; i < 5; i++) good &= call(ops + 0xa00, word(targets), word(program)) == expected;
    holds("a bytecode loop with a jump per operation", good);
    // One target at two linear addresses, two targets at one address after a remap, all through one jump.
    word f = page(10) + 0x77;
    put(f, 0);
    Code{f}.bytes(0x48, 0x8d, 0x05, 0xf9, 0xff, 0xff, 0xff).ret();        // lea rax,[rip - 7]: its own address
    map(va, page(10) | P | W | U), map(va + (4ul << 20), page(10) | P | W | U);
    targets[0] = f, targets[1] = va + 0x77, targets[2] = va + (4ul << 20) + 0x77;
    good = true;
    for (u32 i = 0; i < 300; i++) {
        word got;
        asm volatile("call *%1" : "=a"(got) : "r"(targets[i % 3]) : "memory");
        good &= got == targets[i % 3];
        asm volatile("call *%1" : "=a"(got) : "m"(targets[i / 3 % 3]) : "memory");
        good &= got == targets[i / 3 % 3];
    }
    holds("the same code at three addresses: RIP is each one's", good);
    // Far returns and IRET as jumps.
    u32 sum = 0;
    for (u32 i = 0; i < 300; i++) {
        asm volatile("push $8; lea 1f(%%rip), %%rax; push %%rax; lretq; ud2; 1: inc %0" : "+r"(sum) :: "rax", "memory", "cc");
        asm volatile("mov %%rsp, %%rdx; push $0x10; push %%rdx; pushf; push $8; lea 1f(%%rip), %%rax; push %%rax; iretq; ud2; 1: inc %0" : "+r"(sum) :: "rax", "rdx", "memory", "cc");
    }
    is("far RET and IRET", sum, 600);
}

// ---- blocks

static void straight() {
    bool good = true;
    for (u32 n : {1u, 30u, 31u, 32u, 33u, 63u, 64u, 65u, 200u, 1000u}) {       // INC EAX, n times, over pages
        Code c{page(0) + 0x800};
        c.bytes(0x31, 0xc0);
        for (u32 i = 0; i < n; i++) c.bytes(0xff, 0xc0);
        c.ret();
        good &= gives(page(0) + 0x800, n, 10);
    }
    holds("straight code of 1 to 1000 instructions", good);
    good = true;
    for (u32 n : {1u, 31u, 32u, 33u, 100u}) {              // a branch not taken behind each
        Code c{page(0) + 0xc00};
        c.bytes(0x31, 0xc0);
        for (u32 i = 0; i < n; i++) c.bytes(0xff, 0xc0).jcc(4, page(0));        // INC never gives 0 here
        c.ret();
        good &= gives(page(0) + 0xc00, n, 10);
    }
    holds("with branches not taken", good);
    // The loop's branch at each place about the end of a page.
    for (word at = page(1) - 24; at < page(1) + 8; at++) {
        Code c{at - 40};
        c.bytes(0x31, 0xc0).fill(at);
        word again = c.at;
        c.bytes(0x83, 0xc0, 3, 0xff, 0xc9).jcc(5, again).ret();
        good &= call(at - 40, 0, 0, 100) == 300;
    }
    holds("a loop at each place about the end of a page", good);
    // Two readings of the same bytes: B8 imm32 whose immediate is code, entered at each of both in turns.
    Code o{page(2) + 0x10};
    o.bytes(0xb8, 0xb0, 0x07, 0xc3, 0x90).bytes(0x05).dword(1).ret();      // mov eax,90c307b0h; add eax,1; ret | mov al,7; ret
    for (u32 i = 0; i < 100; i++) good &= call(page(2) + 0x10) == 0x90c307b1 && (call(page(2) + 0x11) & 0xff) == 7;
    holds("instructions that overlap, entered at either", good);
    // A block entered at each of its instructions.
    Code m{page(2) + 0x100};
    for (u32 i = 0; i < 20; i++) m.bytes(0x83, 0xc7, 1);   // add edi,1
    m.bytes(0x89, 0xf8).ret();
    for (u32 round = 0; round < 10; round++)
        for (u32 i = 0; i < 20; i++) good &= call(page(2) + 0x100 + 3 * i) == 20 - i;
    holds("a block entered at each of its instructions", good);
    // 15 bytes are the longest, 16 are #GP, however often they run.
    word f = page(2) + 0x200;
    for (u32 i = 0; i < 14; i++) poke<u8>(f + i, 0x66);
    Code{f + 14}.bytes(0x90).eax(15).ret();
    good = gives(f, 15, 50);
    static word at;
    at = f;
    for (u32 i = 0; i < 20; i++) {
        Code{f + 14}.bytes(0x66, 0x90).eax(16).ret();
        Trap t = trap([] { call(at); });
        good &= t.vector == GP && t.ip == at;
        Code{f + 14}.bytes(0x90).eax(15).ret();
        good &= gives(f, 15, 5);
    }
    holds("15 bytes, and 16 in turns", good);
}

static void branches() {
    u32 n = rounds, sum = 0;
    asm volatile("1: test $1, %0; jz 2f; add $3, %1; jmp 3f; 2: add $5, %1; 3: test $2, %0; jnz 4f; add $7, %1; 4: dec %0; jnz 1b" : "+r"(n), "+r"(sum) :: "cc");
    is("branches both ways", sum, rounds / 2 * 15);
    sum = 0;
    asm volatile("mov %1, %%ecx; 1: inc %0; loop 1b; mov %1, %%ecx; 2: inc %0; jrcxz 3f; dec %%ecx; jmp 2b; 3:" : "+r"(sum) : "r"(rounds) : "rcx", "cc");
    is("LOOP and JRCXZ", sum, 2 * rounds + 1);
    sum = 0;
    asm volatile("mov %1, %%ecx; cmp %%eax, %%eax; 1: lea 1(%q0), %q0; loope 1b; mov %1, %%ecx; test %%rsp, %%rsp; 2: lea 1(%q0), %q0; loopne 2b; mov %1, %%ecx; "
                 "cmp %%eax, %%eax; 3: lea 1(%q0), %q0; loopne 3b" : "+r"(sum) : "r"(rounds) : "rcx", "cc");
    is("LOOPE and LOOPNE", sum, 2 * rounds + 1);
    // The Collatz steps of 1 to 300: data decides each branch. 27 alone takes 111.
    u32 steps = 0, alone = 0;
    for (u32 i = 1; i <= 300; i++) {
        u32 s = 0, v = i;
        asm volatile("1: cmp $1, %0; je 3f; inc %1; test $1, %b0; jnz 2f; shr %0; jmp 1b; 2: lea 1(%q0,%q0,2), %0; jmp 1b; 3:" : "+a"(v), "+r"(s) :: "cc");
        steps += s;
        if (i == 27) alone = s;
    }
    is("Collatz: 27", alone, 111);
    u32 again = 0;
    for (u32 i = 1; i <= 300; i++)
        for (u32 v = i; v != 1; again++) v = v & 1 ? 3 * v + 1 : v / 2;
    is("and 1 to 300, by other code", steps, again);
}

extern "C" void guest() {
    returns();
    retpoline();
    depth();
    coroutines();
    indirect();
    straight();
    branches();
}
