// SPDX-License-Identifier: MIT
// Guest, 32-bit: the legacy modes over one page of hot code: real, protected with 16 and 32 bits, virtual-8086, paging off, 32-bit and PAE paging in
// turns; code that changes in each of them; tasks switched with their CR3; segments with bases and limits (SDM vol. 3, 3.2, 7.2, 9.9, ch. 21).
#include "guest.h"
#include "frame.h"

enum : word { P = 1, W = 2, U = 4, PSE = 0x80 };
static word directory[1024] __attribute__((aligned(4096))), table[1024] __attribute__((aligned(4096)));
static word directory2[1024] __attribute__((aligned(4096))), table2[1024] __attribute__((aligned(4096)));
static u64 pdpt[4] __attribute__((aligned(32))), pd[512] __attribute__((aligned(4096))), pd1[512] __attribute__((aligned(4096))), pt[512] __attribute__((aligned(4096)));
static u8 pages[4][4096] __attribute__((aligned(4096)));
static constexpr word va = 0x40000000;
static constexpr word low = 0x8000;       // the page that every mode can run: 0800:0000

template <class... B> static word bytes(word at, B... b) { return (poke<u8>(at++, u8(b)), ...), at; }
static u32 call(word f, word ecx = 0, word edi = 0) {
    word v;
    asm volatile("call *%3" : "=a"(v), "+c"(ecx), "+D"(edi) : "b"(f) : "edx", "esi", "memory", "cc");
    return v;
}
static bool gives(word f, u32 value, unsigned n = 10) {
    bool good = true;
    while (n--) good &= call(f) == value;
    return good;
}
static void put(word at, u32 v) { bytes(at, 0xb8, v, v >> 8, v >> 16, v >> 24, 0xc3); }

// ---- real mode and back: calls 0000:ECX (16-bit code) ESI times; EAX comes back

extern "C" {
u32 hot_real(word target, word times);
extern char hot_blob[], hot_blob_end[];
word hot_sp, hot_times, hot_target, hot_result;
Pointer hot_idt;
}
asm(R"(
    .text
hot_real:
    mov 4(%esp), %ecx
    mov 8(%esp), %edx
    pusha
    mov %esp, hot_sp
    sidt hot_idt
    ljmp $0x40, $0x7000
hot_back:
    mov $0x10, %ecx
    mov %ecx, %ds
    mov %ecx, %es
    mov %ecx, %ss
    mov %ecx, %fs
    mov %ecx, %gs
    mov hot_sp, %esp
    lidt hot_idt
    mov %eax, hot_result
    popa
    mov hot_result, %eax
    ret
    .code16
hot_blob:
    mov $0x48, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov %cr0, %eax
    and $0xfe, %al
    mov %eax, %cr0
    ljmp $0, $(1f - hot_blob + 0x7000)
1:  xor %ax, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov $0x6f00, %sp
    lidtl %cs:(hot_real_idt - hot_blob + 0x7000)
    xor %eax, %eax
    mov $0x7100, %bx
    xor %si, %si
2:  call *%cx
    dec %dx
    jnz 2b
    mov %eax, %ebx
    mov %cr0, %eax
    or $1, %al
    mov %eax, %cr0
    mov %ebx, %eax
    ljmpl $8, $hot_back
hot_real_idt:
    .word 0x3ff
    .long 0
hot_blob_end:
    .code32
)");

// ---- virtual-8086: a loop at 0800:0E00 calls BX, CX times, then INT3 (IOPL 3 would not trap it: UD2)

static word v86_result;
static Trap in_v86(word offset, word times) {
    static word o, t;
    o = offset, t = times;
    bytes(low + 0xe00, 0xff, 0xd7, 0x49, 0x75, 0xfb, 0x0f, 0x0b);         // call di; dec cx; jnz; ud2
    tss.ring[0].sp = top(6), tss.ring[0].ss = kdata;
    return trap([] {
        hook(UD, [](Frame& f) {
            v86_result = f.ax;
            hook(UD, nullptr);
            asm volatile("int $0x40");    // caught: ends the body
        });
        asm volatile("push $0; push $0; push $0; push $0; push $0x900; push $0x1000; push $0x20002; push $0x800; push $0xe00; xor %%eax, %%eax; xor %%esi, %%esi; "
                     "mov $0x100, %%ebx; iret"
                     :: "D"(o), "c"(t) : "eax", "memory");
    });
}

// ---- protected mode with 16 bits: a far call to the loop at 0E80h of a segment at `low`

static u32 in_16(word offset, word times) {
    static struct [[gnu::packed]] { u32 ip; u16 cs; } to;
    at(spare) = descriptor(low, 0xffff, 0x009b);
    to = {0xe80, spare};
    bytes(low + 0xe80, 0xff, 0xd7, 0x49, 0x75, 0xfb, 0x66, 0xcb);         // call di; dec cx; jnz; far ret of 32 bits
    word v;
    asm volatile("xor %%eax, %%eax; lcall *%4" : "=&a"(v), "+D"(offset), "+c"(times) : "b"(0x7200), "m"(to), "S"(0) : "edx", "memory", "cc");
    return v;
}

// ---- paging

static void paging_on(word root, word cr4_bits) {
    set_cr4((get_cr4() & ~word(0x30)) | cr4_bits);
    set_cr3(root);
    set_cr0(get_cr0() | 0x80010000);
}
static void paging_off() { set_cr0(get_cr0() & 0x7fffffff); }
static void make_tables() {
    for (word i = 0; i < 4; i++) directory[i] = directory2[i] = i << 22 | PSE | P | W | U;
    directory[va >> 22] = word(table) | P | W | U, directory2[va >> 22] = word(table2) | P | W | U;
    for (word i = 0; i < 4; i++) table[i] = word(pages[i]) | P | W | U, table2[i] = word(pages[3 - i]) | P | W | U, pt[i] = word(pages[(i + 1) & 3]) | P | W | U;
    pdpt[0] = word(pd) | P, pdpt[1] = word(pd1) | P;
    for (word i = 0; i < 8; i++) pd[i] = u64(i) << 21 | PSE | P | W | U;
    pd1[0] = word(pt) | P | W | U;
}

// B8 05 00 00 00 40 90 C3: MOV EAX, 5; INC EAX: 6. In 16 bits MOV AX, 5; ADD [BX+SI], AL; INC AX: 6, and the memory counts.
static void modes() {
    memcpy(reinterpret_cast<void*>(0x7000), hot_blob, word(hot_blob_end - hot_blob));
    bytes(low + 0x10, 0xb8, 5, 0, 0, 0, 0x40, 0x90, 0xc3);
    bytes(low + 0x40, 0x66, 0xb8, 0x34, 0x12, 0x90, 0x90, 0xc3);          // MOV AX, 1234h; or MOV EAX, 90901234h
    bool good = true;
    for (u32 i = 0; i < 100; i++) {
        good &= gives(low + 0x10, 6);
        u8 before = peek<u8>(0x7100);
        good &= (hot_real(low + 0x10, 20) & 0xffff) == 6 && peek<u8>(0x7100) == u8(before + 100);
        before = peek<u8>(0x7200);
        good &= (in_16(0x10, 20) & 0xffff) == 6 && peek<u8>(0x7200) == u8(before + 100);
        in_v86(0x10, 20);
        good &= (v86_result & 0xffff) == 6;
        good &= (call(low + 0x40) & 0xffff) == 0x1234 && hot_real(low + 0x40, 3) == 0x90901234 && in_16(0x40, 3) == 0x90901234;
        in_v86(0x40, 3);
        good &= v86_result == 0x90901234;
        if (i % 10 == 5) {                // the immediate of all of them
            poke<u8>(low + 0x11, 7);
            good &= gives(low + 0x10, 8, 3) && (hot_real(low + 0x10, 3) & 0xffff) == 8 && (in_16(0x10, 3) & 0xffff) == 8;
            in_v86(0x10, 3);
            good &= (v86_result & 0xffff) == 8;
            poke<u8>(low + 0x11, 5);
        }
    }
    holds("32 bits, real mode, 16 bits, virtual-8086, in turns", good);
    // Where each runs: CALL to the next; POP AX. 16 bits see 13h, with their base; 32 bits the linear address.
    bytes(low + 0x10, 0xe8, 0, 0, 0, 0, 0x58, 0xc3);
    good = true;
    for (u32 i = 0; i < 50; i++) {
        good &= call(low + 0x10) == low + 0x15;
        good &= (hot_real(low + 0x10, 5) & 0xffff) == low + 0x13 && (in_16(0x10, 5) & 0xffff) == 0x13;
        in_v86(0x10, 5);
        good &= (v86_result & 0xffff) == 0x13;
    }
    holds("each sees its own IP", good);
    // What only ring 0 may: CLI, in v86 with IOPL 0.
    bytes(low + 0x80, 0xfa, 0xc3);
    good = true;
    for (u32 i = 0; i < 50; i++) {
        call(low + 0x80), in_16(0x80, 3), hot_real(low + 0x80, 3);
        Trap t = in_v86(0x80, 3);
        good &= t.vector == GP && t.code == 0 && t.ip == 0x80 && (t.flags >> 17 & 1);
        hook(UD, nullptr);
    }
    holds("CLI in ring 0 and in virtual-8086 mode", good);
    // Real mode stores over what protected mode runs, and the other way round.
    bytes(low + 0xc0, 0x66, 0xb8, 1, 0, 0, 0, 0xc3, 0);   // 16 bits: MOV EAX, 1; RET
    bytes(low + 0x100, 0x66, 0xff, 0x06, low + 0xc2, (low + 0xc2) >> 8, 0xc3);       // INC dword [low + C2h]
    good = true;
    for (u32 i = 0; i < 50; i++) {
        u32 now = peek<u32>(low + 0xc2);
        good &= hot_real(low + 0xc0, 5) == now && in_16(0xc0, 5) == now;
        hot_real(low + 0x100, 3);
        good &= hot_real(low + 0xc0, 5) == now + 3 && in_16(0xc0, 5) == now + 3;
        in_v86(0xc0, 2);
        good &= v86_result == now + 3;
        poke<u32>(low + 0xc2, now + 10);
        good &= hot_real(low + 0xc0, 5) == now + 10;
        in_v86(0xc0, 2);
        good &= v86_result == now + 10;
    }
    holds("code stored to from real mode and from protected mode", good);
}

static void pagings() {
    make_tables();
    for (u32 n = 0; n < 4; n++) put(word(pages[n]) + 0x123, n + 1);
    bool good = true;
    for (u32 i = 0; i < 200; i++) {
        paging_on(word(directory), 0x10);
        for (u32 n = 0; n < 4; n++) good &= gives(va + n * 4096 + 0x123, n + 1, 3) && gives(word(pages[n]) + 0x123, n + 1, 3);
        set_cr3(word(directory2));
        for (u32 n = 0; n < 4; n++) good &= gives(va + n * 4096 + 0x123, 4 - n, 3);
        paging_off();
        for (u32 n = 0; n < 4; n++) good &= gives(word(pages[n]) + 0x123, n + 1, 3);
        paging_on(word(pdpt), 0x20);
        for (u32 n = 0; n < 4; n++) good &= gives(va + n * 4096 + 0x123, ((n + 1) & 3) + 1, 3);
        paging_off();
    }
    holds("paging off, 32-bit, PAE, two directories, in turns", good);
    good = true;
    for (u32 i = 0; i < 100; i++) {       // the paging changes under the running code, at one and the same linear address
        paging_on(word(directory), 0x10);
        // At va + 200h in every page: MOV CR3, EDI; MOV EAX, n; RET.
        if (i == 0) for (u32 n = 0; n < 4; n++) bytes(word(pages[n]) + 0x200, 0x0f, 0x22, 0xdf, 0xb8, n, 0, 0, 0, 0xc3);
        good &= call(va + 0x200, 0, word(directory2)) == 3 && call(va + 0x200, 0, word(directory)) == 0;
        good &= call(va + 0x200, 0, word(directory)) == 0 && call(va + 0x1200, 0, word(directory2)) == 2;
        paging_off();
    }
    holds("MOV to CR3 under the running code", good);
    good = true;
    paging_on(word(directory), 0x10);
    for (u32 i = 0; i < 200; i++) {
        table[0] = word(pages[i & 3]) | P | W | U, invlpg(va);
        good &= gives(va + 0x123, (i & 3) + 1, 5);
        table[0] = 0, invlpg(va);
        Trap t = trap([] { call(va + 0x123); });
        good &= t.vector == PF && t.code == 0 && t.cr2 == va + 0x123 && t.ip == va + 0x123;
    }
    holds("INVLPG, present and not", good);
    table[0] = word(pages[0]) | P | W | U, invlpg(va);
    // A store by its other address, by WP and its absence.
    good = true;
    for (u32 i = 0; i < 200; i++) {
        poke<u32>(va + 0x124, i), good &= gives(word(pages[0]) + 0x123, i, 3);
        poke<u32>(word(pages[0]) + 0x124, i + 1), good &= gives(va + 0x123, i + 1, 3);
        table[0] &= ~W, invlpg(va);
        Trap t = trap([] { poke<u32>(va + 0x124, 0); });
        good &= t.vector == PF && t.code == 3 && gives(va + 0x123, i + 1, 3);
        set_cr0(get_cr0() & ~word(0x10000));
        poke<u32>(va + 0x124, i + 2), good &= gives(va + 0x123, i + 2, 3);
        set_cr0(get_cr0() | 0x10000);
        table[0] |= W, invlpg(va);
    }
    holds("stores through both addresses, CR0.WP", good);
    paging_off();
}

// ---- tasks: each has its own CR3; the same code runs in both, other code at one address

static Tss other;
static constexpr u16 other_selector = spare + 0x10;
static struct [[gnu::packed]] { u32 ip; u16 cs; } to_other{0, other_selector};
asm(R"(
    .pushsection .text.aside, "ax"
hot_task:
    mov $0x40000123, %eax
    call *%eax
    add %eax, hot_task_sum
    incl hot_task_count
    iret
    jmp hot_task
    .popsection
    .pushsection .data
    .globl hot_task_sum, hot_task_count
hot_task_sum: .long 0
hot_task_count: .long 0
    .popsection
)");
extern "C" u32 hot_task_sum, hot_task_count;
static void tasks() {
    extern char entry[] asm("hot_task");
    make_tables();
    for (u32 n = 0; n < 4; n++) put(word(pages[n]) + 0x123, n + 1);
    paging_on(word(directory), 0x10);
    other = {};
    other.ip = word(entry), other.flags = 2, other.sp = top(4), other.cs = kcode, other.ss = other.ds = other.es = kdata, other.io_map = sizeof other;
    other.cr3 = word(directory2);
    tss.cr3 = word(directory);
    at(other_selector) = descriptor(u32(word(&other)), 103, 0x89);
    bool good = true;
    for (u32 i = 0; i < 300; i++) {
        good &= gives(va + 0x123, 1, 3);
        asm volatile("lcall *%0" :: "m"(to_other) : "eax", "memory", "cc");
        good &= hot_task_count == i + 1 && hot_task_sum == 4 * (i + 1);
        good &= gives(va + 0x123, 1, 3) && get_cr3() == word(directory);
    }
    holds("300 task switches, with two address spaces", good);
    paging_off();
    tss.cr3 = 0;
}

// ---- self-modification in 32 bits without paging, and ESP-relative forms

static void changes() {
    word f = word(pages[2]) + 0xff0;      // over the end of the page
    word c = bytes(f, 0x31, 0xc0);        // xor eax,eax; 1: mov [next],ecx; add eax,imm32; dec ecx; jnz 1b; ret
    word again = c, target = c + 6 + 1;
    c = bytes(c, 0x89, 0x0d, target, target >> 8, target >> 16, target >> 24, 0x05, 0, 0, 0, 0, 0x49, 0x75, u8(again - (c + 14)), 0xc3);
    bool good = true;
    for (u32 i = 1; i < 50; i++) good &= call(f, i * 20) == i * 20 * (i * 20 + 1) / 2;
    holds("an addend stored before it is added, over the end of a page", good);
    u32 sum = 0;
    good = true;
    for (u32 i = 0; i < 500; i++) {
        asm volatile("push %1; call 1f; 1: pop %%edx; addl $3f - 1b, %%edx; push %%edx; mov $5, %0; ret; mov $9, %0; 3: add (%%esp), %0; pop %%edx" : "=&a"(sum) : "r"(i) : "edx", "memory", "cc");
        good &= sum == i + 5;
    }
    holds("POP and PUSH of return addresses", good);
    // Segments: DS and SS with a base over hot code; CS with one.
    static u32 data[4] = {11, 22, 33, 44};
    at(spare + 0x20) = descriptor(4, 0xfffff, 0xc093), at(spare + 0x28) = descriptor(8, 0xfffff, 0xc093);
    word g = word(pages[3]) + 0x40;
    bytes(g, 0x8b, 0x07, 0xc3);           // mov eax,[edi]
    good = true;
    for (u32 i = 0; i < 300; i++) {
        u16 selector = i % 3 == 0 ? kdata : i % 3 == 1 ? spare + 0x20 : spare + 0x28;
        word v;
        asm volatile("mov %w3, %%ds; call *%2; mov %w4, %%ds" : "=&a"(v) : "D"(data), "b"(g), "r"(u32(selector)), "r"(u32(kdata)) : "memory");
        good &= v == data[i % 3];
    }
    holds("DS with three bases under hot code", good);
}

extern "C" void guest() {
    modes();
    pagings();
    tasks();
    changes();
}
