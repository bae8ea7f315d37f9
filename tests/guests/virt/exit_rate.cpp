// SPDX-License-Identifier: MIT
// Guest, 64-bit: what entries, exits, computing and walks of a guest cost; tests/bench/bench.py compares two runs that differ in
// the number of rounds. The command line (without it: a few rounds of each):
//   what=cpuid n=N             N round trips of a CPUID exit, to a handler that steps over the instruction and resumes
//   what=compute|native n=N    N rounds over a table of 32 KiB, by the guest, by us in user mode
//   what=walks|walks-native n=N    N pages read, more of them than any TLB holds, by the guest under a second stage, by us; they lie
//                              on few pages of memory, so that guest-physical mappings are known
#include "inner.h"
#include "words.h"

extern "C" {
u64 rate_vmx(u64 trips);
u64 rate_svm(u64 trips, svm::Vmcb*, void* guest_code);
void rate_guest();
void rate_compute();
void rate_walks();
u64 rate_rounds;
u32 rate_table[8192];
u64 rate_sum;
}

// ---- round trips

// Both return how many there were: trips, if each exit was the one expected. The host's stack pointer is where it was at entry.
asm(R"(
    .text
rate_guest:
    cpuid
    jmp rate_guest
rate_vmx:
    push %rbx
    push %rbp
    xor %ebp, %ebp
    mov $0x6c14, %eax                       /* host RSP */
    vmwrite %rsp, %rax
    lea 1f(%rip), %rcx
    mov $0x6c16, %eax                       /* host RIP */
    vmwrite %rcx, %rax
    vmlaunch
    jmp 2f
1:  mov $0x4402, %eax                       /* exit reason: CPUID */
    vmread %rax, %rbx
    cmp $10, %rbx
    jne 2f
    inc %rbp
    mov $0x440c, %eax                       /* instruction length */
    vmread %rax, %rcx
    mov $0x681e, %eax                       /* guest RIP */
    vmread %rax, %rbx
    add %rcx, %rbx
    vmwrite %rbx, %rax
    cmp %rdi, %rbp
    je 2f
    vmresume
2:  mov %rbp, %rax
    pop %rbp
    pop %rbx
    ret
rate_svm:
    push %rbp
    xor %ebp, %ebp
    mov %rsi, %rax
    mov %rdx, 0x578(%rax)                   /* RIP */
    clgi
1:  vmrun %rax
    cmpq $0x72, 0x70(%rax)                  /* EXITCODE: CPUID */
    jne 2f
    inc %rbp
    addq $2, 0x578(%rax)
    cmp %rdi, %rbp
    jne 1b
2:  stgi
    mov %rbp, %rax
    pop %rbp
    ret
)");

static void round_trips(u64 n, u64 root) {
    Inner inner;
    inner.make(1, root);
    if (is_amd()) return is("round trips of CPUID", rate_svm(n, inner.amd.vmcb, reinterpret_cast<void*>(rate_guest)), n);
    vmx::write(vmx::guest_rip, word(rate_guest));
    is("round trips of CPUID", rate_vmx(n), n);
}

// ---- computing: registers, loads and stores, branches that depend on data

extern "C" void rate_work() {
    u32 sum = 1;
    for (u64 round = 0; round < rate_rounds; round++)
        for (u32 i = 0; i < 8192; i++) {
            sum = (sum << 5 | sum >> 27) ^ rate_table[(i * 5 + sum % 64) & 8191];
            if (sum & 8) rate_table[i] += sum;
            else sum += i;
        }
    rate_sum = sum;
}
asm(R"(
rate_compute:
    call rate_work
    cpuid
)");
static u64 work_by_us(u64 n) {
    memset(rate_table, 7, sizeof rate_table);
    rate_rounds = n;
    passes("we compute", trap_user(rate_work));
    return rate_sum;
}
static u64 work_by_guest(u64 n, u64 root) {
    memset(rate_table, 7, sizeof rate_table);
    rate_rounds = n, rate_sum = 0;
    Inner inner;
    inner.make(1, root);
    is("the guest computes", inner.run(rate_compute), exits_by_cpuid);
    return rate_sum;
}

// ---- walks

static constexpr u64 pages = 16384, behind = 16;

// RDI: pages to read, RSI: where they begin, RDX: how far they go.
asm(R"(
rate_walks:
    call rate_read
    cpuid
rate_read:
    mov %rsi, %rcx
    lea (%rsi, %rdx), %r8
1:  mov (%rcx), %rax
    add $0x1000, %rcx
    cmp %r8, %rcx
    cmove %rsi, %rcx
    dec %rdi
    jnz 1b
    ret
)");
extern "C" void rate_read(u64 count, u64 from, u64 bytes);

static void map_pages() {
    u64 memory = new_page(behind);
    for (u64 i = 0; i < pages; i++)
        table_entry(get_cr3() & ~0xfffull, outer_va + i * 4096, 1, 4, P | W | U) = (memory + i % behind * 4096) | P | W | U | A | D;
}
static void walks(u64 n, u64 root) {
    Inner inner;
    inner.make(1, root);
    inner.reg(rdx) = pages * 4096;
    is("the guest reads pages", inner.run(rate_walks, n, outer_va), exits_by_cpuid);
}

extern "C" void guest() {
    const char* what = word_after("what=");
    u64 n = number(word_after(" n="));
    start_virtualization();
    u64 root = second_stage_identity();
    map_pages();
    if (says(what, "cpuid")) round_trips(n, root);
    else if (says(what, "compute")) work_by_guest(n, root);
    else if (says(what, "native")) work_by_us(n);
    else if (says(what, "walks")) walks(n, root);
    else if (says(what, "walks-native")) rate_read(n, outer_va, pages * 4096), holds("we read pages", true);
    else {
        round_trips(10, root);
        is("the guest computes what we do", work_by_guest(1, root), work_by_us(1));
        walks(100, root);
    }
}
