// SPDX-License-Identifier: MIT
// Guest, 64-bit: SYSCALL and SYSRET, SYSENTER and SYSEXIT, IRET, far transfers, IST and inner stacks, the segment registers
// of 64-bit mode (SDM vol. 2; vol. 3, 5.8).
#include "guest.h"
#include "frame.h"

extern "C" word seen[8];
word seen[8];
static constexpr u32 EFER = 0xc0000080, STAR = 0xc0000081, LSTAR = 0xc0000082, CSTAR = 0xc0000083, FMASK = 0xc0000084;

// The kernel's side: notes what it was entered with, then leaves through the trap that ends the body.
asm(R"(
    .globl syscall_entry, sysenter_entry
syscall_entry:
    mov %rcx, seen
    mov %r11, seen + 8
    mov %cs, seen + 16
    mov %ss, seen + 24
    mov %rsp, seen + 40
    pushf
    pop seen + 32
    test %eax, %eax
    jnz 1f
    int $0x40
1:  cmp $2, %eax
    je 2f
    sysretq
2:  sysretl
sysenter_entry:
    mov %rsp, seen
    mov %cs, seen + 16
    mov %ss, seen + 24
    pushf
    pop seen + 32
    test %eax, %eax
    jnz 1f
    int $0x40
1:  sysexitq
)");
extern "C" char syscall_entry[], sysenter_entry[];

static void syscall_() {
    wrmsr(STAR, u64(kcode) << 32 | u64(0x18) << 48);
    wrmsr(LSTAR, word(syscall_entry)), wrmsr(CSTAR, word(syscall_entry)), wrmsr(FMASK, 0x40701);
    user_flags = 0x843;                   // OF, ZF, CF
    faults("SYSCALL runs the handler", trap_user([] {
        asm volatile("lea 1f(%%rip), %%rbx; mov %%rbx, marked(%%rip); xor %%eax, %%eax; stc; .byte 0x0f, 5; 1:" ::
                         : "rax", "rbx", "rcx", "r11", "memory");
    }),
        0x40);
    is("RCX is the next instruction", seen[0], marked);
    is("R11 is RFLAGS", seen[1] & 1, 1);
    is("RFLAGS without FMASK", seen[4] & 0x40701, 0);
    is("CS", seen[2] & 0xffff, kcode);
    is("SS", seen[3] & 0xffff, kdata);
    passes("SYSRETQ returns to ring 3", trap_user([] {
        word cs, ss;
        asm volatile("mov $1, %%eax; .byte 0x0f, 5; mov %%cs, %0; mov %%ss, %1" : "=&r"(cs), "=&r"(ss) :: "rax", "rcx", "r11", "memory");
        seen[5] = cs, seen[6] = ss;
    }));
    is("to CS", seen[5] & 0xffff, ucode64);
    is("and SS", seen[6] & 0xffff, udata);
    user_flags = 2;
    faults("#UD of SYSCALL without EFER.SCE", trap_user([] {
        asm volatile(".byte 0x0f, 5" ::: "rcx", "r11");
    }),
        trap([] { wrmsr(EFER, rdmsr(EFER) & ~1ull); }).vector == none ? UD : UD);
    wrmsr(EFER, rdmsr(EFER) | 1);
    faults("#GP(0) of SYSRET in ring 3", trap_user([] { asm volatile("sysretq"); }), GP);
    if (!is_amd())
        faults("#GP(0) of SYSRETQ to a non-canonical address, in ring 0", trap([] {
            asm volatile("mov $0x800000000000, %%rcx; sysretq" ::: "rcx", "r11");
        }),
            GP);
}

static void sysenter() {
    if (is_amd()) {
        faults("#UD of SYSENTER in long mode (AMD)", trap_user([] { asm volatile("sysenter"); }), UD);
        return;
    }
    wrmsr(0x174, 0);
    faults("#GP(0) of SYSENTER while SYSENTER_CS is 0", trap_user([] { asm volatile("sysenter"); }), GP);
    wrmsr(0x174, kcode), wrmsr(0x175, top(0)), wrmsr(0x176, word(sysenter_entry));
    faults("SYSENTER runs the handler", trap_user([] { asm volatile("xor %%eax, %%eax; sysenter" ::: "rax"); }), 0x40);
    is("RSP is SYSENTER_ESP", seen[0], top(0));
    is("CS is SYSENTER_CS", seen[2] & 0xffff, kcode);
    is("SS is SYSENTER_CS + 8", seen[3] & 0xffff, kdata);
    is("IF and VM are clear", seen[4] & 0x20200, 0);
    passes("SYSEXIT returns to ring 3", trap_user([] {
        word cs, ss;
        asm volatile("mov %%rsp, %%rcx; lea 1f(%%rip), %%rdx; mov $1, %%eax; sysenter; 1: mov %%cs, %0; mov %%ss, %1"
                     : "=&r"(cs), "=&r"(ss)::"rax", "rcx", "rdx", "memory");
        seen[5] = cs, seen[6] = ss;
    }));
    is("to CS + 32", seen[5] & 0xffff, ucode64);
    is("and SS + 40", seen[6] & 0xffff, 0x33);
    faults("#GP(0) of SYSEXIT in ring 3", trap_user([] { asm volatile("sysexitl"); }), GP);
}

static void stacks_() {
    static word sp, old;
    hook(0x50, [](Frame& f) { sp = word(&f.ss + 1), old = f.sp; });
    asm volatile("mov %%rsp, %%rbx; mov %%rsp, %0; sub $5, %%rsp; int $0x50; mov %%rbx, %%rsp" : "=m"(seen[0]) :: "rbx", "memory");
    is("the same ring: the frame is aligned down to 16", sp & 15, 0);
    is("and holds the old RSP", old, seen[0] - 5);
    tss.ist[2] = top(1) - 8;
    set_gate(0x50, stub(0x50), kcode, 0x8e, 3);
    asm volatile("int $0x50");
    is("IST 3: its stack, aligned", sp, top(1) - 16);
    set_gate(0x50, stub(0x50), kcode, 0xee);
    passes("from ring 3: INT 50h through a DPL-3 gate", trap_user([] { asm volatile("int $0x50"); }));
    is("RSP0's stack", sp, tss.sp[0]);
    hook(0x50, nullptr);
    // A new inner SS is null with RPL = CPL.
    static word ss;
    asm volatile(".pushsection .text.aside, \"ax\"; ss_handler: mov %%ss, %%rax; int $0x40; .popsection" ::: );
    extern char ss_handler[] asm("ss_handler");
    set_gate(0x51, ss_handler, kcode, 0xee);
    static word got;
    hook(0x40, nullptr);
    Trap t = trap_user([] { asm volatile("int $0x51" ::: "rax"); });
    faults("the handler is reached", t, 0x40);
    is("SS is null there", t.ss & 0xffff, 0);
    (void)ss, (void)got;
}

#define IRET(rip, cs, flags, rsp, ss)                                                                                                      \
    asm volatile("push %0; push %1; push %2; push %3; push %4; iretq" ::"r"(word(ss)), "r"(word(rsp)), "r"(word(flags)), "r"(word(cs)),    \
                 "r"(word(rip))                                                                                                            \
                 : "memory")
static void iret() {
    faults("IRETQ to compatibility mode: INT3 there", trap([] {
        asm volatile(".pushsection .text.aside, \"ax\"; int3_code: int3; .popsection");
        extern char int3_code[] asm("int3_code");
        IRET(int3_code, ucode32, 2, top(0), udata);
    }),
        BP);
    faults("#GP(0) of IRETQ to a null CS", trap([] { IRET(0x100000, 0, 2, top(0), udata); }), GP);
    faults("#GP(CS) of IRETQ to data", trap([] { IRET(0x100000, kdata, 2, top(0), kdata); }), GP, kdata);
    faults("#GP(CS) of IRETQ with RPL below CPL", trap_user([] { IRET(0x100000, kcode, 2, top(0), kdata); }), GP, kcode);
    faults("#GP(SS) of IRETQ to SS of another RPL", trap([] { IRET(0x100000, ucode64, 2, top(0), kdata); }), GP, kdata);
    faults("#GP(0) of IRETQ to a null SS in ring 3", trap([] { IRET(0x100000, ucode64, 2, top(0), 3); }), GP);
    faults("#GP(0) of IRETQ to a non-canonical RIP", trap([] { IRET(0x800000000000, kcode, 2, top(0), kdata); }), GP);
    at(spare) = descriptor(0, 0xfffff, 0xa07b);
    faults("#NP(CS) of IRETQ to absent code", trap([] { IRET(0x100000, spare | 3, 2, top(0), udata); }), NP, spare);
    at(spare) = descriptor(0, 0xfffff, 0xe0fb);
    faults("#GP(CS) of IRETQ to code with L and D", trap([] { IRET(0x100000, spare | 3, 2, top(0), udata); }), GP, spare);
    faults("#GP(0) of IRETQ with NT", trap([] { set_flags(flags() | 0x4000); IRET(0x100000, kcode, 2, top(0), kdata); }), GP);
    set_flags(2);
    passes("IRETQ in ring 0 takes a null SS", trap([] {
        asm volatile("mov %%rsp, %%rbx; push $0; push %%rbx; push $2; push $8; lea 1f(%%rip), %%rax; push %%rax; iretq; 1:" ::
                         : "rax", "rbx", "memory");
    }));
}

struct [[gnu::packed]] Far { u32 ip; u16 cs; };         // m16:32, which both vendors have
static void far() {
    static Far to;
    auto jump = [](u16 cs, word ip) {
        to = {u32(ip), cs};
        return trap([] { asm volatile("ljmpl *%0" :: "m"(to)); });
    };
    faults("#GP(0) of a far JMP to null", jump(0, 0x100000), GP);
    faults("#GP(data) of one to data", jump(kdata, 0x100000), GP, kdata);
    faults("#GP(ring 3) of one to ring 3", jump(ucode64, 0x100000), GP, ucode64 & ~3);
    at(spare) = descriptor(0, 0xfffff, 0xa01b);
    faults("#NP of one to absent code", jump(spare, 0x100000), NP, spare);
    faults("#GP beyond the GDT's limit", jump(0x1000, 0x100000), GP, 0x1000);
    faults("#GP of a TSS in 64-bit mode", jump(tss_selector, 0x100000), GP, tss_selector);
    // A call gate of 16 bytes to ring 0 from ring 3, and its refusals.
    asm volatile(".pushsection .text.aside, \"ax\"; gate_code: mov %cs, seen; mov %rsp, seen + 8; int $0x40; .popsection");
    extern char gate_code[] asm("gate_code");
    word g = word(gate_code);
    auto gate = [&](u16 cs, u8 type, u64 high = 0) {
        at(spare) = (g & 0xffff) | u64(cs) << 16 | u64(type) << 40 | u64(g >> 16 & 0xffff) << 48, at(spare + 8) = high;
    };
    auto call = [] { return trap_user([] { to = {0, spare | 3}; asm volatile("lcalll *%0" :: "m"(to) : "memory"); }); };
    gate(kcode, 0xec);
    faults("a far CALL through a gate to ring 0", call(), 0x40);
    is("CS is ring 0's", seen[0] & 0xffff, kcode);
    is("on RSP0's stack: SS, RSP, CS, RIP", seen[1], tss.sp[0] - 32);
    gate(kcode, 0x8c);
    faults("#GP(gate) of a gate with DPL 0 from ring 3", call(), GP, spare);
    gate(kcode, 0x6c);
    faults("#NP(gate) of an absent gate", call(), NP, spare);
    gate(0, 0xec);
    faults("#GP(0) of a gate to null", call(), GP);
    gate(kcode32, 0xec);
    faults("#GP(CS) of a gate to 32-bit code", call(), GP, kcode32);
    gate(kcode, 0xec, 0x1f00ull << 32);
    faults("#GP(gate) of a type in the upper half", call(), GP, spare);
    gate(kcode, 0xe4);
    faults("#GP of a 16-bit call gate in IA-32e mode", call(), GP, spare);
}

static void segments() {
    auto load = [](u16 s) { static u16 which; which = s; return trap([] { asm volatile("mov %0, %%fs" :: "r"(which)); }); };
    passes("null in FS", load(0)), passes("null with RPL 3", load(3));
    faults("#GP of FS with code that can't be read", (at(spare) = descriptor(0, 0xfffff, 0xa099), load(spare)), GP, spare);
    faults("#NP of FS absent", (at(spare) = descriptor(0, 0xfffff, 0xc013), load(spare)), NP, spare);
    faults("#GP of FS beyond the GDT", load(0x2000), GP, 0x2000);
    faults("#GP of FS in an LDT that is not there", load(0x14), GP, 0x14);
    auto stack = [](u16 s) { static u16 which; which = s; return trap([] { asm volatile("mov %0, %%ss" :: "r"(which)); }); };
    passes("null in SS in ring 0", stack(0));
    faults("#GP(0) of null in SS with RPL 3", stack(3), GP);
    faults("#SS of SS absent", (at(spare) = descriptor(0, 0xfffff, 0xc013), stack(spare)), SS, spare);
    faults("#GP of SS read-only", (at(spare) = descriptor(0, 0xfffff, 0xc091), stack(spare)), GP, spare);
    faults("#GP of SS with another RPL", stack(kdata | 1), GP, kdata);
    at(spare) = descriptor(0x12345678, 0xfffff, 0xc093);
    load(spare);
    is("a base below 4 GiB from the descriptor", rdmsr(0xc0000100), 0x12345678);
    wrmsr(0xc0000100, 0x8000000000);
    if (is_amd()) {
        load(0);
        holds("null in FS leaves or clears the base (AMD)", rdmsr(0xc0000100) == 0 || rdmsr(0xc0000100) == 0x8000000000);
    } else {
        load(0);
        is("null in FS clears the base (Intel)", rdmsr(0xc0000100), 0);
    }
    wrmsr(0xc0000101, 0x1111), wrmsr(0xc0000102, 0x2222);
    asm volatile("swapgs");
    is("SWAPGS: GS.base", rdmsr(0xc0000101), 0x2222);
    is("SWAPGS: KERNEL_GS_BASE", rdmsr(0xc0000102), 0x1111);
    faults("#GP(0) of SWAPGS in ring 3", trap_user([] { asm volatile("swapgs"); }), GP);
    faults("#GP of LTR with a busy TSS", trap([] { ltr(tss_selector); }), GP, tss_selector);
    faults("#GP(0) of LTR with null", trap([] { ltr(0); }), GP);
    faults("#GP of LLDT with a TSS", trap([] { lldt(tss_selector); }), GP, tss_selector);
    passes("LLDT with null", trap([] { lldt(0); }));
    faults("#UD of WRFSBASE without CR4.FSGSBASE", trap([] { asm volatile("wrfsbase %%rax" ::: "memory"); }), UD);
}

extern "C" void guest() {
    syscall_();
    sysenter();
    stacks_();
    iret();
    far();
    segments();
}
