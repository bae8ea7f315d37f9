// SPDX-License-Identifier: MIT
// Guest, 32-bit: to real mode and back, interrupts and faults there, big segments in it; to IA-32e mode and back (SDM vol. 3, 9.8,
// 9.9 and ch. 21).
#include "guest.h"
#include "frame.h"

// What is to run in real mode lies at 7800h, its handlers at 7C00h, what it reports at 7400h.
extern "C" {
void to_real();
extern char blob[], blob_end[], handlers[], handlers_end[];
word saved_sp;
Pointer saved_idt;
}
asm(R"(
    .text
to_real:
    pusha
    mov %esp, saved_sp
    sidt saved_idt
    ljmp $0x40, $0x7000
back32:
    mov $0x10, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    xor %eax, %eax
    mov %eax, %fs
    mov %eax, %gs
    mov saved_sp, %esp
    lidt saved_idt
    popa
    ret
    .code16
blob:
    mov $0x48, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %fs
    mov %ax, %gs
    mov %ax, %ss
    mov %cr0, %eax
    and $0xfe, %al
    mov %eax, %cr0
    ljmp $0, $(real_start - blob + 0x7000)
real_start:
    xor %ax, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov $0x6f00, %sp
    lidtl %cs:(real_idt - blob + 0x7000)
    mov $0x7800, %ax
    call *%ax
    cli
    mov %cr0, %eax
    or $1, %al
    mov %eax, %cr0
    ljmpl $8, $back32
real_idt:
    .word 0x3ff
    .long 0
blob_end:
    .balign 16
handlers:
    .set v, 0
    .rept 48
    .balign 16
    movw $v, 0x7406
    jmp handler
    .set v, v + 1
    .endr
    .balign 16
handler:
    popw 0x7400
    popw 0x7402
    popw 0x7404
    pushf
    popw 0x7408
    jmp *0x7410
handlers_end:
    .code32
)");

#define CODE16(name, text)                                                                                    \
    extern "C" char name##_begin[], name##_end[];                                                             \
    asm(".pushsection .text.aside, \"ax\"\n.code16\n" #name "_begin:\n" text "\n" #name "_end:\n.code32\n.popsection\n");
#define REAL(name) real(name##_begin, name##_end)

static void real(const char* from, const char* to) {
    memcpy(reinterpret_cast<void*>(0x7000), blob, word(blob_end - blob));
    memcpy(reinterpret_cast<void*>(0x7c00), handlers, word(handlers_end - handlers));
    memcpy(reinterpret_cast<void*>(0x7800), from, word(to - from));
    memset(reinterpret_cast<void*>(0x7400), 0, 64);
    for (word v = 0; v < 48; v++) poke<u32>(v * 4, 0x7c00 + v * 16);
    poke<u16>(0x7406, 0xffff);
    to_real();
}
static word report(unsigned n) { return peek<u16>(0x7400 + n * 2); }     // 0 IP, 1 CS, 2 FLAGS, 3 vector, 4 FLAGS in the handler, 16...

// Each: where to go after a fault, then the instruction in question at `1:`.
#define FAULTING(text) "movw $(2f - 0b + 0x7800), 0x7410\n movw $(1f - 0b + 0x7800), 0x7420\n" text "\n2: ret"
CODE16(plain, "mov %cr0, %eax; mov %ax, 0x7420; mov %cs, 0x7422; pushf; popw 0x7424; ret")
CODE16(divide, "0: " FAULTING("xor %cx, %cx\n1: div %cx"))
CODE16(undefined, "0: " FAULTING("1: lldt %ax"))
CODE16(arpl_, "0: " FAULTING("1: .byte 0x63, 0xc0"))
CODE16(wrap, "0: " FAULTING("mov $0xffff, %bx\n1: mov (%bx), %ax"))
CODE16(offset32, "0: " FAULTING("mov $0x10000, %ebx\n1: movb (%ebx), %al"))
CODE16(int21, "0: " FAULTING("sti\n1: int $0x21"))
CODE16(bound_, "0: " FAULTING("movw $1, 0x7430; movw $2, 0x7432; mov $3, %ax\n1: bound %ax, 0x7430"))
CODE16(high, "mov $0xffff, %ax; mov %ax, %fs; mov %fs:0x10, %eax; mov %eax, 0x7420; ret")
#define WAIT "9: in $0x64, %al; test $2, %al; jnz 9b; "
CODE16(a20, "mov $0xffff, %ax; mov %ax, %fs; in $0x92, %al; and $0xfc, %al; out %al, $0x92; " WAIT "mov $0xd1, %al; out %al, $0x64; " WAIT
            "mov $0xdd, %al; out %al, $0x60; " WAIT
            "mov %fs:0x10, %eax; mov %eax, 0x7420; in $0x92, %al; or $2, %al; out %al, $0x92; mov %fs:0x10, %eax; mov %eax, 0x7424; " WAIT
            "mov $0xd1, %al; out %al, $0x64; " WAIT "mov $0xdf, %al; out %al, $0x60; " WAIT "ret")
CODE16(unreal, "0: mov %cr0, %eax; or $1, %al; mov %eax, %cr0; mov $0x10, %bx; mov %bx, %fs; and $0xfe, %al; mov %eax, %cr0\n"
               "mov $0x200000, %ebx; movl $0x600df00d, %fs:(%ebx); xor %ax, %ax; mov %ax, %fs; mov %fs:(%ebx), %eax; mov %eax, 0x7420; ret")
CODE16(lmsw_, "smsw %ax; mov %ax, 0x7420; mov $8, %ax; lmsw %ax; smsw %ax; mov %ax, 0x7422; clts; smsw %ax; mov %ax, 0x7424; ret")
CODE16(iret_, "pushf; popw %ax; or $0x3000, %ax; push %ax; push %cs; call 1f; 1: pop %ax; add $(2f - 1b), %ax; push %ax; iret; 2: pushf; "
              "popw 0x7420; ret")
CODE16(sregs, "mov $0x1234, %ax; mov %ax, %gs; mov %gs:8, %eax; mov %eax, 0x7420; ret")

static void real_mode() {
    REAL(plain);
    is("CR0.PE is clear", report(16) & 1, 0), is("CS", report(17), 0), is("IF is clear", report(18) & 0x200, 0);
    auto fault = [](const char* name, word vector) {
        is(name, report(3), vector);
        is("  IP", report(0), report(16));
    };
    REAL(divide);
    fault("DIV by 0: vector 0, at the instruction", DE);
    is("no TF, IF in the handler", report(4) & 0x300, 0);
    REAL(undefined);
    fault("LLDT is #UD", UD);
    REAL(arpl_);
    fault("ARPL is #UD", UD);
    REAL(wrap);
    fault("a word at FFFFh is #GP", GP);
    REAL(offset32);
    fault("an offset of 10000h is #GP", GP);
    REAL(bound_);
    fault("BOUND: vector 5", BR);
    REAL(int21);
    is("INT 21h", report(3), 0x21), is("  IP behind it", report(0), report(16) + 2), is("  IF was set", report(2) & 0x200, 0x200),
        is("  and is clear", report(4) & 0x200, 0);
    REAL(high);
    is("FFFF:0010 is 1 MiB with A20 open", peek<u32>(0x7420), peek<u32>(0x100000));
    REAL(a20);
    is("A20 closed by port 92h and the 8042: it is 0", peek<u32>(0x7420), peek<u32>(0));
    is("A20 open by either", peek<u32>(0x7424), peek<u32>(0x100000));
    poke<u32>(0x200000, 0);
    REAL(unreal);
    is("a segment keeps its limit in real mode", peek<u32>(0x200000), 0x600df00d), is("also when loaded there", peek<u32>(0x7420), 0x600df00d);
    REAL(lmsw_);
    is("LMSW sets TS", report(17) & 9, 8), is("CLTS clears it", report(18) & 8, 0);
    REAL(iret_);
    is("IRET and PUSHF: IOPL may be set", report(16) & 0x3000, 0x3000);
    poke<u32>(0x12348, 0xabcd1234);
    REAL(sregs);
    is("GS * 16 + offset", peek<u32>(0x7420), 0xabcd1234);
    faults("LMSW does not clear PE", trap([] { asm volatile("smsw %%ax; and $0xfffe, %%ax; lmsw %%ax" ::: "eax"); }), none);
    is("CR0.PE", get_cr0() & 1, 1);
}

// ---- IA-32e mode

static u64 pml4[512] __attribute__((aligned(4096))), pdpt[512] __attribute__((aligned(4096))), pd[512] __attribute__((aligned(4096)));
extern "C" {
void long_trip();
u64 wide, efer_seen;
word compatible, root;
}
asm(R"(
long_trip:
    pusha
    mov %cr4, %eax
    or $0x20, %eax
    mov %eax, %cr4
    mov root, %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx
    rdmsr
    or $0x100, %eax
    wrmsr
    mov %cr0, %eax
    or $0x80000000, %eax
    mov %eax, %cr0
    rdmsr
    mov %eax, efer_seen
    mov $0x12345678, %eax
    .byte 0x48, 0x90                      /* compatibility mode: DEC EAX, NOP */
    mov %eax, compatible
    mov $wide, %ebx
    mov $2f, %esi
    ljmp $0x60, $1f
    .code64
1:  mov $0x123456789abcdef0, %r8
    mov %r8, (%rbx)
    pushq $8
    pushq %rsi
    lretq
    .code32
2:  mov %cr0, %eax
    and $0x7fffffff, %eax
    mov %eax, %cr0
    rdmsr
    mov %eax, efer_seen + 4
    and $~0x100, %eax
    wrmsr
    mov %cr4, %eax
    and $~0x20, %eax
    mov %eax, %cr4
    popa
    ret
)");

static void long_mode() {
    print("IA-32e\n");
    for (u64 i = 0; i < 512; i++) pd[i] = i << 21 | 0x83;
    pdpt[0] = word(pd) | 3, pml4[0] = word(pdpt) | 3, root = word(pml4);
    at(spare) = descriptor(0, 0xfffff, 0xa09b);
    for (int i = 0; i < 2; i++) {
        long_trip();
        is("EFER.LMA in compatibility mode", efer_seen & 0x500, 0x500);
        is("LMA is clear without paging", efer_seen >> 32 & 0x500, 0x100);
        is("40h to 4Fh are INC and DEC there", compatible, 0x12345677);
        is("64-bit mode has 64-bit registers", wide, 0x123456789abcdef0);
    }
    faults("#GP(0) of PG with LME without PAE", trap([] {
        wrmsr(0xc0000080, rdmsr(0xc0000080) | 0x100);
        set_cr0(get_cr0() | 0x80000000);
    }), GP);
    wrmsr(0xc0000080, rdmsr(0xc0000080) & ~0x100ull);
    is("still without paging", get_cr0() >> 31, 0);
}

extern "C" void guest() {
    real_mode();
    long_mode();
}
