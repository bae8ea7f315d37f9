// SPDX-License-Identifier: MIT
// A small virtual machine monitor on /dev/kvm that tests the virtualization beneath it: kvmtest [N [CASE...]]
// N is the number of rounds of the cases that measure a rate (default 10000).  One line for each case,
//   KVM-NAME ok [key=value ...]     or     KVM-NAME failed: reason
// and at the end KVM-END failures=N.  The guests are in kvmguest.S.
#include "kvmguest.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define GUEST(name) extern const char guest_##name[], guest_##name##_end[];
GUEST(stubs) GUEST(real) GUEST(touch32) GUEST(touch) GUEST(switches) GUEST(ports) GUEST(out) GUEST(cpuid) GUEST(mmio)
GUEST(load) GUEST(msrs) GUEST(churn) GUEST(unmap) GUEST(accessed) GUEST(faults) GUEST(halt) GUEST(nmi) GUEST(window) GUEST(timer)
GUEST(ipi) GUEST(tsc) GUEST(stride) GUEST(sum) GUEST(count) GUEST(step) GUEST(vectors) GUEST(hypercall) GUEST(debug)
GUEST(shutdown) GUEST(passes) GUEST(undefined) GUEST(cr3)
extern const char guest_undefined_handler[];
extern const uint64_t fault_places[][2];

enum { PAGE = 4096, LARGE = 2 << 20, EXITS = 64 };
enum backing { SMALL, TRANSPARENT, HUGETLB };

struct exit {                                   // one port access or memory access as the exit told it
    int write, size;
    uint64_t address, data;
};

struct vm {
    int fd, cpu, second_cpu;
    uint8_t* memory;
    struct kvm_run *run, *second_run;
    size_t run_size, kept;
    struct exit exits[EXITS];
    unsigned marks;
};

static int kvm, failures;
static unsigned long rounds = 10000;
static char reason[200], figures[300];          // of the case that runs

static void fail(const char* format, ...) {
    va_list list;
    if (*reason) return;                        // the first reason counts
    va_start(list, format);
    vsnprintf(reason, sizeof reason, format, list);
    va_end(list);
}

static void expect(const char* what, uint64_t is, uint64_t wanted) {
    if (is != wanted) fail("%s is %#llx, not %#llx", what, (unsigned long long)is, (unsigned long long)wanted);
}

static void tell(const char* format, ...) {
    va_list list;
    size_t length = strlen(figures);
    va_start(list, format);
    vsnprintf(figures + length, sizeof figures - length, format, list);
    va_end(list);
}

static void must(long result, const char* what) {
    if (result >= 0) return;
    printf("KVM-setup failed: %s: %s\nKVM-END failures=1\n", what, strerror(errno));
    exit(1);
}
#define ASK(fd, request, argument) must(ioctl(fd, request, argument), #request)

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

// A number from a file of KVM's statistics or of /proc, -1 where there is none.
static long number_in(const char* path, const char* format) {
    char line[160];
    long value = -1;
    FILE* file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, format, &value) == 1) break;
    if (file) fclose(file);
    return value;
}

// ---- A virtual machine -------------------------------------------------------------------------------------------
// `size` bytes at a multiple of 2 MiB, so that huge pages can back them; NULL where there are none.
static uint8_t* allocate(size_t size, enum backing backing) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | (backing == HUGETLB ? MAP_HUGETLB : MAP_NORESERVE);
    uint8_t* found = mmap(NULL, size + LARGE, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (found == MAP_FAILED) return NULL;
    size_t before = -(uintptr_t)found & (LARGE - 1);
    if (before) munmap(found, before);
    munmap(found + before + size, LARGE - before);
    if (backing != HUGETLB) madvise(found + before, size, backing == TRANSPARENT ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    return found + before;
}

static void set_slot(struct vm* vm, int slot, uint64_t physical, void* memory, size_t size, int flags) {
    struct kvm_userspace_memory_region region = {slot, flags, physical, size, (uintptr_t)memory};
    ASK(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);
}

// A leaf of ours, in front because KVM searches the list from there, and what KVM supports.
static struct kvm_cpuid2* cpuid_table(void) {
    static struct {
        struct kvm_cpuid2 head;
        struct kvm_cpuid_entry2 entries[256];
    } table;
    table.head.nent = 250;
    ASK(kvm, KVM_GET_SUPPORTED_CPUID, &table.head);
    memmove(table.entries + 1, table.entries, table.head.nent++ * sizeof *table.entries);
    table.entries[0] = (struct kvm_cpuid_entry2){
        .function = CPUID_LEAF, .eax = CPUID_EAX, .ebx = CPUID_EBX, .ecx = CPUID_ECX, .edx = CPUID_EDX};
    return &table.head;
}

static int add_cpu(struct vm* vm, int number, struct kvm_run** run) {
    int cpu = ioctl(vm->fd, KVM_CREATE_VCPU, number);
    must(cpu, "KVM_CREATE_VCPU");
    *run = mmap(NULL, vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
    must(*run == MAP_FAILED ? -1 : 0, "mmap of a vCPU");
    ASK(cpu, KVM_SET_CPUID2, cpuid_table());
    return cpu;
}

static int create(struct vm* vm, enum backing backing, int irqchip) {
    memset(vm, 0, sizeof *vm);
    vm->memory = allocate(MEMORY, backing);
    if (!vm->memory) return fail("no memory"), 0;
    vm->fd = ioctl(kvm, KVM_CREATE_VM, 0);
    must(vm->fd, "KVM_CREATE_VM");
    uint64_t identity = 0xfffbc000;             // what VMX without unrestricted guest needs for real mode
    ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity);
    ioctl(vm->fd, KVM_SET_TSS_ADDR, 0xfffbd000ul);
    if (irqchip) ASK(vm->fd, KVM_CREATE_IRQCHIP, 0);
    set_slot(vm, 0, 0, vm->memory, MEMORY, 0);
    vm->run_size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    vm->cpu = add_cpu(vm, 0, &vm->run);
    return 1;
}

static void destroy(struct vm* vm) {
    if (!vm->memory) return;
    munmap(vm->run, vm->run_size);
    if (vm->second_run) munmap(vm->second_run, vm->run_size), close(vm->second_cpu);
    close(vm->cpu);
    close(vm->fd);
    munmap(vm->memory, MEMORY);
}

static uint64_t* word(struct vm* vm, uint64_t address) { return (uint64_t*)(vm->memory + address); }

static struct kvm_segment segment(int selector, int type, int l, int db) {
    return (struct kvm_segment){.limit = 0xffffffff, .selector = selector, .type = type, .present = 1, .s = 1, .g = 1,
                                .l = l, .db = db};
}

static void set_segments(struct kvm_sregs* s, int selector, int l, int db) {
    s->cs = segment(selector, 11, l, db);
    s->ds = s->es = s->fs = s->gs = s->ss = segment(SEGMENT_DATA, 3, 0, 1);
    s->gdt.base = GDT, s->gdt.limit = 63;
    s->idt.base = IDT, s->idt.limit = 0xfff;
}

static void set_gate(struct vm* vm, unsigned vector, uint64_t entry) {
    word(vm, IDT)[vector * 2] = (entry & 0xffff) | SEGMENT_CODE64 << 16 | 0x8eull << 40 | (entry >> 16) << 48;
}

// Descriptor table, interrupt table and 64-bit page tables.
static void fill_tables(struct vm* vm) {
    static const uint64_t descriptors[] = {0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cf9b000000ffff,
                                           0x00009b000000ffff, 0x000093000000ffff};
    memcpy(word(vm, GDT), descriptors, sizeof descriptors);
    memcpy(word(vm, STUBS), guest_stubs, guest_stubs_end - guest_stubs);
    for (unsigned vector = 0; vector < 256; vector++) set_gate(vm, vector, STUBS + vector * 16);
    *word(vm, PML4) = PDPT | 3;
    word(vm, PML4)[1] = PDPT_RESERVED | 0x83;
    word(vm, PDPT)[0] = PD_LOW | 3;
    word(vm, PDPT)[1] = PD_HIGH | 3;
    for (uint64_t i = 0; i < MEMORY / LARGE; i++) word(vm, PD_LOW)[i] = (PTS + i * PAGE) | 3;
    for (uint64_t i = 0; i < MEMORY / PAGE; i++) word(vm, PTS)[i] = i * PAGE | 3;
    word(vm, PD_HIGH)[0] = PT_WINDOW | 3;
    word(vm, PD_HIGH)[1] = ABSENT_PHYSICAL | 0x83;
    word(vm, PD_HIGH)[2] = 0xfee00000 | 0x9b;
    word(vm, PD_HIGH)[3] = PT_FAULTS | 3;
    word(vm, PT_FAULTS)[1] = POOL | 1;
    word(vm, PT_FAULTS)[2] = POOL | 3 | 1ull << 63;
}

static void set_registers(int cpu, struct kvm_regs registers) {
    registers.rflags = 2;
    if (!registers.rip) registers.rip = CODE;
    if (!registers.rsp) registers.rsp = STACK;
    ASK(cpu, KVM_SET_REGS, &registers);
}

static struct kvm_regs registers_of(struct vm* vm) {
    struct kvm_regs registers;
    ASK(vm->cpu, KVM_GET_REGS, &registers);
    return registers;
}

static void enter_long_mode(int cpu) {
    struct kvm_sregs s;
    ASK(cpu, KVM_GET_SREGS, &s);
    set_segments(&s, SEGMENT_CODE64, 1, 0);
    s.cr3 = PML4;
    s.cr4 = 0x620;                              // PAE, OSFXSR, OSXMMEXCPT
    s.cr0 = 0x80010033;                         // PG WP NE ET MP PE
    s.efer = 0xd00;                             // NXE LMA LME
    ASK(cpu, KVM_SET_SREGS, &s);
}

#define LOAD(vm, name) memcpy((vm)->memory + CODE, guest_##name, guest_##name##_end - guest_##name)

// A virtual machine in 64-bit mode at the beginning of a guest.
#define LONG_MODE(vm, name, ...) \
    (fill_tables(vm), LOAD(vm, name), enter_long_mode((vm)->cpu), set_registers((vm)->cpu, (struct kvm_regs){__VA_ARGS__}))

// ---- Running -----------------------------------------------------------------------------------------------------
static void keep(struct vm* vm, int write, int size, uint64_t address, uint64_t data) {
    if (vm->kept < EXITS) vm->exits[vm->kept] = (struct exit){write, size, address, data};
    vm->kept++;
}

// What is read: bytes that count up, so that a shifted or repeated one shows.
static uint8_t next_byte = 1;

static void port_access(struct vm* vm, struct kvm_run* run) {
    uint8_t* data = (uint8_t*)run + run->io.data_offset;
    for (unsigned i = 0; i < run->io.count; i++, data += run->io.size) {
        uint64_t value = 0;
        for (int at = 0; run->io.direction == KVM_EXIT_IO_IN && at < run->io.size; at++) data[at] = next_byte++;
        memcpy(&value, data, run->io.size);
        keep(vm, run->io.direction == KVM_EXIT_IO_OUT, run->io.size, run->io.port, value);
    }
}

static void memory_access(struct vm* vm, struct kvm_run* run) {
    uint64_t value = 0;
    for (unsigned i = 0; !run->mmio.is_write && i < run->mmio.len; i++) run->mmio.data[i] = next_byte++;
    memcpy(&value, run->mmio.data, run->mmio.len <= 8 ? run->mmio.len : 8);
    keep(vm, run->mmio.is_write, run->mmio.len, run->mmio.phys_addr, value);
}

static void unexpected(int cpu, struct kvm_run* run) {
    struct kvm_regs r;
    ioctl(cpu, KVM_GET_REGS, &r);
    fail("exit reason %u, suberror %u, hardware reason %#llx, RIP %#llx RAX %#llx RCX %#llx", run->exit_reason,
         run->internal.suberror, run->hw.hardware_exit_reason, r.rip, r.rax, r.rcx);
}

// Runs until an exit that is none of a port or of memory; returns its reason, 0 where KVM itself failed.
static unsigned run_on(struct vm* vm, int cpu, struct kvm_run* run, int stop_at_mark) {
    for (;;) {
        if (ioctl(cpu, KVM_RUN, 0) < 0) {
            if (errno == EINTR) continue;
            return fail("KVM_RUN: %s", strerror(errno)), 0;
        }
        if (run->exit_reason == KVM_EXIT_MMIO) {
            memory_access(vm, run);
        } else if (run->exit_reason != KVM_EXIT_IO) {
            return run->exit_reason;
        } else if (run->io.port == PORT_END) {
            return KVM_EXIT_IO;
        } else if (run->io.port == PORT_MARK) {
            vm->marks++;
            if (stop_at_mark) return KVM_EXIT_IO;
        } else {
            port_access(vm, run);
        }
    }
}

static int runs_to(struct vm* vm, unsigned wanted, int stop_at_mark) {
    unsigned why = run_on(vm, vm->cpu, vm->run, stop_at_mark);
    if (why != wanted && why) unexpected(vm->cpu, vm->run);
    return why == wanted;
}

static int to_halt(struct vm* vm) { return runs_to(vm, KVM_EXIT_HLT, 0); }
static int to_mark(struct vm* vm) { return runs_to(vm, KVM_EXIT_IO, 1); }

static void rate(double since, unsigned long n) { tell(" n=%lu ns_each=%.0f", n, (now() - since) * 1e9 / n); }

// To HLT; RBX must be `wanted`.  Tells the rate.
static void measure(struct vm* vm, unsigned long n, uint64_t wanted) {
    double begun = now();
    if (!to_halt(vm)) return;
    rate(begun, n);
    expect("RBX", registers_of(vm).rbx, wanted);
}

static void expect_exits(struct vm* vm, const struct exit* wanted, size_t count) {
    for (size_t i = 0; i < count && i < vm->kept && !*reason; i++) {
        struct exit is = vm->exits[i], w = wanted[i];
        if (is.write != w.write || is.size != w.size || is.address != w.address || is.data != w.data)
            fail("exit %zu is write=%d size=%d address=%#llx data=%#llx, not %d %d %#llx %#llx", i, is.write, is.size,
                 (unsigned long long)is.address, (unsigned long long)is.data, w.write, w.size, (unsigned long long)w.address,
                 (unsigned long long)w.data);
    }
    expect("number of exits", vm->kept, count);
}

struct record {
    uint64_t vector, error, rip, cr2;
};
static uint64_t recorded(struct vm* vm) { return *word(vm, RECORDS); }
static struct record* record(struct vm* vm, unsigned i) { return (struct record*)(vm->memory + RECORDS + 32) + i; }

static void expect_interrupts(struct vm* vm, uint64_t count, uint64_t vector) {
    expect("number of interrupts", recorded(vm), count);
    for (unsigned i = 0; i < count && i < 64; i++) expect("vector", record(vm, i)->vector, vector);
}

// ---- Modes -------------------------------------------------------------------------------------------------------
static void start_real(struct vm* vm, const char* code, size_t size, struct kvm_regs registers) {
    struct kvm_sregs s;
    memcpy(vm->memory + REAL_CODE, code, size);
    ASK(vm->cpu, KVM_GET_SREGS, &s);
    s.cs.selector = 0, s.cs.base = 0;
    ASK(vm->cpu, KVM_SET_SREGS, &s);
    registers.rip = REAL_CODE, registers.rsp = 0x800;
    set_registers(vm->cpu, registers);
}

static void real_mode(struct vm* vm) {
    enum { TIMES = 1000 };
    start_real(vm, guest_real, guest_real_end - guest_real, (struct kvm_regs){.rcx = TIMES});
    double begun = now();
    next_byte = 1;
    uint64_t sum = 0;
    for (unsigned i = 1; i <= TIMES; i++) sum += i & 0xff;
    if (!to_halt(vm)) return;
    rate(begun, 2 * TIMES);
    expect("BX", registers_of(vm).rbx & 0xffff, sum & 0xffff);
    expect("number of exits", vm->kept, 2 * TIMES);
    for (unsigned i = 0; i < EXITS; i += 2) expect("port", vm->exits[i].address, 0x3f8), expect("data", vm->exits[i].data, 0x41);
}

static void switches(struct vm* vm) {
    fill_tables(vm);
    start_real(vm, guest_switches, guest_switches_end - guest_switches, (struct kvm_regs){.rsi = 40});
    double begun = now();
    if (!to_halt(vm)) return;
    rate(begun, 40);
    expect("times in 64-bit mode", *word(vm, RECORDS), 40);
    expect("exits from 64-bit mode", vm->marks, 40);
}

// 32-bit code without paging, with 32-bit paging (4 MiB pages and a table of 4 KiB ones), with PAE paging.
static void protected_mode(struct vm* vm, uint64_t cr0, uint64_t cr4) {
    enum { PASSES = 4, PAGES = 1024 };
    struct kvm_sregs s;
    fill_tables(vm);
    uint32_t* directory = (uint32_t*)word(vm, PML4);
    memset(directory, 0, PAGE);
    for (uint32_t i = 0; i < MEMORY >> 22; i++) directory[i] = i << 22 | 0x83;
    directory[TOUCH >> 22] = PTS | 3;
    for (uint32_t i = 0; i < 1024; i++) ((uint32_t*)word(vm, PTS))[i] = (TOUCH + i * PAGE) | 3;
    word(vm, PDPT)[0] = PD_LOW | 1, word(vm, PDPT)[1] = 0;
    for (uint64_t i = 0; i < MEMORY / LARGE; i++) word(vm, PD_LOW)[i] = i * LARGE | 0x83;

    LOAD(vm, touch32);
    ASK(vm->cpu, KVM_GET_SREGS, &s);
    set_segments(&s, SEGMENT_CODE32, 0, 1);
    s.cr0 = cr0, s.cr4 = cr4, s.cr3 = cr4 & 0x20 ? PDPT : PML4, s.efer = 0;
    ASK(vm->cpu, KVM_SET_SREGS, &s);
    set_registers(vm->cpu, (struct kvm_regs){.rdi = TOUCH, .rsi = PAGES, .rdx = PASSES});
    measure(vm, PAGES * PASSES, 0);
    for (uint64_t i = 0; i < PAGES; i++) expect("count in a page", *word(vm, TOUCH + i * PAGE), PASSES);
}
static void protected_flat(struct vm* vm) { protected_mode(vm, 0x11, 0); }
static void protected_32(struct vm* vm) { protected_mode(vm, 0x80010011, 0x10); }
static void protected_pae(struct vm* vm) { protected_mode(vm, 0x80010011, 0x20); }

// ---- Memory ------------------------------------------------------------------------------------------------------
// How much memory KVM maps by pages of 2 MiB, and the kernel to this process.
static void tell_huge(void) {
    tell(" pages_2m=%ld huge_kib=%ld", number_in("/sys/kernel/debug/kvm/pages_2m", "%ld"),
         number_in("/proc/self/smaps_rollup", "AnonHugePages: %ld"));
}

static void memory(struct vm* vm, int touched_before, int large_pages) {
    enum { PASSES = 5, SIZE = MEMORY - TOUCH, PAGES = SIZE / PAGE };
    // A first read by KVM would map the huge zero page, which a write then splits.
    for (unsigned at = 0; touched_before && at < SIZE; at += LARGE) *(volatile uint64_t*)word(vm, TOUCH + at) = 0;
    LONG_MODE(vm, touch, .rdi = TOUCH, .rsi = PAGES, .rdx = PASSES);
    for (uint64_t i = TOUCH / LARGE; large_pages && i < MEMORY / LARGE; i++) word(vm, PD_LOW)[i] = i * LARGE | 0x83;
    double begun = now();
    if (!to_mark(vm)) return;
    double first = now();
    if (!to_halt(vm)) return;
    tell(" first_ns=%.0f later_ns=%.0f", (first - begun) * 1e9 / PAGES, (now() - first) * 1e9 / (PAGES * PASSES));
    tell_huge();
    expect("wrong values seen by the guest", registers_of(vm).rbx, 0);
    for (uint64_t at = TOUCH; at < MEMORY; at += PAGE) expect("word in a page", *word(vm, at), at + PASSES);
    expect("passes", vm->marks, PASSES + 1);
}
static void memory_small(struct vm* vm) { memory(vm, 0, 0); }
static void memory_large(struct vm* vm) { memory(vm, 0, 1); }
static void memory_huge(struct vm* vm) { memory(vm, 1, 0); }
static void memory_both(struct vm* vm) { memory(vm, 1, 1); }

// The first pass takes the second level's faults, or the shadow's; the others take walks.
static void passes(struct vm* vm, int touched_before) {
    enum { PASSES = 9, SIZE = MEMORY - TOUCH, PAGES = SIZE / PAGE };
    for (unsigned at = 0; touched_before && at < SIZE; at += LARGE) *(volatile uint64_t*)word(vm, TOUCH + at) = 0;
    LONG_MODE(vm, passes, .rdi = TOUCH, .rsi = PAGES, .rdx = PASSES);
    measure(vm, PAGES * PASSES, 0);
    for (uint64_t at = TOUCH; at < MEMORY; at += PAGE) expect("count in a page", *word(vm, at), PASSES);
    expect("marks", vm->marks, PASSES);
}
static void passes_small(struct vm* vm) { passes(vm, 0); }
static void passes_huge(struct vm* vm) { passes(vm, 1); }

static uint8_t* add_slot(struct vm* vm, int flags, uint64_t content) {
    uint8_t* memory = allocate(LARGE, SMALL);
    must(memory ? 0 : -1, "memory of a slot");
    for (unsigned at = 0; content && at < LARGE; at += PAGE) *(uint64_t*)(memory + at) = content;
    set_slot(vm, 1, SLOT_PHYSICAL, memory, LARGE, flags);
    return memory;
}

static void map_window(struct vm* vm, uint64_t physical) {
    for (uint64_t i = 0; i < 512; i++) word(vm, PT_WINDOW)[i] = (physical + i * PAGE) | 3;
}

static void expect_sum(struct vm* vm, uint64_t wanted, const char* what) {
    set_registers(vm->cpu, (struct kvm_regs){.rdi = WINDOW, .rsi = 512});
    if (!*reason && to_halt(vm)) expect(what, registers_of(vm).rbx, wanted);
}

// The same guest-physical pages get other memory: nothing of the old may be seen.
static void moved(struct vm* vm) {
    enum { TIMES = 8 };
    LONG_MODE(vm, sum, 0);
    map_window(vm, SLOT_PHYSICAL);
    double begun = now();
    for (uint64_t i = 1; i <= TIMES; i++) {
        uint8_t* memory = add_slot(vm, 0, i);
        expect_sum(vm, i * 512, "sum");
        *(uint64_t*)(memory + 5 * PAGE) += 1000;
        expect_sum(vm, i * 512 + 1000, "sum after a word changed");
        madvise(memory, LARGE, MADV_DONTNEED);
        expect_sum(vm, 0, "sum after MADV_DONTNEED");
        *(uint64_t*)(memory + 7 * PAGE) = 77;
        expect_sum(vm, 77, "sum after one page came back");
        set_slot(vm, 1, SLOT_PHYSICAL, NULL, 0, 0);
        munmap(memory, LARGE);
    }
    rate(begun, TIMES);
}

static void expect_dirty(struct vm* vm, unsigned stride) {
    uint64_t bits[8] = {0};
    struct kvm_dirty_log log = {.slot = 1, .dirty_bitmap = bits};
    ASK(vm->fd, KVM_GET_DIRTY_LOG, &log);
    for (unsigned i = 0; i < 512; i++)
        if ((bits[i / 64] >> i % 64 & 1) != (stride && i % stride == 0))
            fail("page %u is %s after every %uth was written", i, stride && i % stride == 0 ? "clean" : "dirty", stride);
}

static void dirty_log(struct vm* vm) {
    static const unsigned strides[] = {3, 1, 7, 64, 2};
    LONG_MODE(vm, stride, 0);
    map_window(vm, SLOT_PHYSICAL);
    uint8_t* memory = add_slot(vm, KVM_MEM_LOG_DIRTY_PAGES, 0);
    expect_dirty(vm, 0);
    for (unsigned i = 0; i < sizeof strides / sizeof *strides && !*reason; i++) {
        unsigned stride = strides[i], pages = (511 + stride) / stride;
        set_registers(vm->cpu, (struct kvm_regs){.rdi = WINDOW, .rsi = pages, .rdx = stride});
        if (to_halt(vm)) expect_dirty(vm, stride), expect_dirty(vm, 0);
    }
    expect("count in page 0", *(uint64_t*)memory, 5);
    expect("count in page 6", *(uint64_t*)(memory + 6 * PAGE), 3);
    munmap(memory, LARGE);
}

static void fill_pool(struct vm* vm) {
    map_window(vm, POOL);
    for (uint64_t i = 0; i < 512; i++) *word(vm, POOL + i * PAGE) = i;
}

static void churn(struct vm* vm) {
    LONG_MODE(vm, churn, .rdi = WINDOW, .rsi = rounds, .r8 = PT_WINDOW, .r9 = POOL);
    fill_pool(vm);
    measure(vm, rounds, 0);
}

static void churn_cr3(struct vm* vm) {
    LONG_MODE(vm, churn, .rdi = WINDOW, .rsi = rounds, .r8 = PT_WINDOW, .r9 = POOL, .r12 = 1);
    fill_pool(vm);
    measure(vm, rounds, 0);
}

static void unmap(struct vm* vm) {
    LONG_MODE(vm, unmap, .rdi = WINDOW, .rsi = rounds / 4 + 1, .r8 = PT_WINDOW, .r9 = POOL);
    fill_pool(vm);
    measure(vm, rounds / 4 + 1, 0);
    expect_interrupts(vm, rounds / 4 + 1, 14);
}

static void accessed(struct vm* vm) {
    LONG_MODE(vm, accessed, .rdi = WINDOW, .rsi = 3, .r8 = PT_WINDOW);
    fill_pool(vm);
    measure(vm, 3 * 512, 0);
}

// ---- Exits -------------------------------------------------------------------------------------------------------
static void ports(struct vm* vm) {
    static const struct exit wanted[] = {
        {1, 1, 0x1234, 0x07}, {1, 2, 0x1234, 0xf607}, {1, 4, 0x1234, 0xd4e5f607}, {1, 1, 0x42, 0x07},
        {0, 1, 0x1234, 0x01}, {0, 2, 0x1234, 0x0302}, {0, 4, 0x1234, 0x07060504}, {0, 1, 0x43, 0x08},
        {1, 1, 0x1234, 'p'},  {1, 1, 0x1234, 'o'},    {1, 1, 0x1234, 'r'},        {1, 1, 0x1234, 't'},
        {1, 1, 0x1234, 's'},  {0, 2, 0x1234, 0x0a09}, {0, 2, 0x1234, 0x0c0b},     {0, 2, 0x1234, 0x0e0d}};
    LONG_MODE(vm, ports, 0);
    next_byte = 1;
    if (!to_halt(vm)) return;
    expect_exits(vm, wanted, sizeof wanted / sizeof *wanted);
    for (unsigned i = 0; i < 14; i++) expect("byte read", vm->memory[RESULTS + i], i + 1);
}

static void out(struct vm* vm) {
    LONG_MODE(vm, out, .rsi = rounds);
    double begun = now();
    if (!to_halt(vm)) return;
    rate(begun, rounds);
    expect("number of exits", vm->marks, rounds);
}

static void cpuid(struct vm* vm) {
    LONG_MODE(vm, cpuid, .rsi = rounds);
    measure(vm, rounds, 0);
}

static void mmio(struct vm* vm) {
    enum { A = ABSENT_PHYSICAL };
    static const struct exit wanted[] = {
        {0, 1, A, 0x01ull},
        {0, 2, A + 0x12ull, 0x0302},
        {0, 4, A + 0x24ull, 0x07060504},
        {0, 8, A + 0x48ull, 0x0f0e0d0c0b0a0908},
        {1, 1, A + 0x80ull, 0x11},
        {1, 2, A + 0x82ull, 0x2211},
        {1, 4, A + 0x84ull, 0x44332211},
        {1, 8, A + 0x88ull, 0x8877665544332211},
        {0, 4, A + 0x90ull, 0x13121110},
        {1, 4, A + 0x90ull, 0x13131110},
        {0, 4, A + 0x1000ull, 0x17161514},
        {0, 4, A + 0x1004ull, 0x1b1a1918}};
    static const uint8_t read[] = {0x01, 0,    0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b,
                                   0x0c, 0x0d, 0x0e, 0x0f, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b};
    LONG_MODE(vm, mmio, .rdi = ABSENT_MEMORY);
    next_byte = 1;
    if (!to_halt(vm)) return;
    expect_exits(vm, wanted, sizeof wanted / sizeof *wanted);
    for (unsigned i = 0; i < sizeof read; i++) expect("byte read", vm->memory[RESULTS + i], read[i]);
}

static void mmio_rate(struct vm* vm) {
    uint64_t sum = 0;
    LONG_MODE(vm, load, .rdi = ABSENT_MEMORY + 0x40, .rsi = rounds);
    for (unsigned long i = 0; i < rounds; i++)
        for (unsigned at = 0; at < 4; at++) sum += (uint64_t)(uint8_t)(1 + i * 4 + at) << at * 8;
    next_byte = 1;
    measure(vm, rounds, sum);
    expect("number of exits", vm->kept, rounds);
}

// KVM intercepts #UD, looks at the instruction and injects it.
static void undefined(struct vm* vm) {
    LONG_MODE(vm, undefined, .rsi = rounds);
    set_gate(vm, 6, CODE + (guest_undefined_handler - guest_undefined));
    measure(vm, rounds, rounds);
}

static void cr3(struct vm* vm) {
    LONG_MODE(vm, cr3, .rsi = rounds);
    measure(vm, rounds, 0);
}

static void msrs(struct vm* vm) {
    LONG_MODE(vm, msrs, .rsi = 200);
    measure(vm, 800, 0);
}

static void faults(struct vm* vm) {
    // Vector, error code, CR2 where it is a page fault; `after` where the saved RIP is that behind the instruction.
    static const struct {
        uint64_t vector, error, cr2;
        int after;
    } wanted[] = {{14, 0x00, FAULT_ABSENT, 0},
                  {14, 0x02, FAULT_ABSENT, 0},
                  {14, 0x03, FAULT_READ_ONLY, 0},
                  {14, 0x11, FAULT_NO_EXECUTE, 0},
                  {14, 0x09, FAULT_RESERVED, 0},
                  {6, 0, 0, 0},
                  {13, 0, 0, 0},
                  {13, 0x88, 0, 0},
                  {3, 0, 0, 1},
                  {0, 0, 0, 0},
                  {13, 0, 0, 0},
                  {0x21, 0, 0, 1},
                  {13, 0, 0, 0}};
    enum { COUNT = sizeof wanted / sizeof *wanted };
    LONG_MODE(vm, faults, 0);
    if (!to_halt(vm)) return;
    expect("number of exceptions", recorded(vm), COUNT);
    for (unsigned i = 0; i < COUNT && !*reason; i++) {
        struct record is = *record(vm, i);
        uint64_t rip = wanted[i].error == 0x11 ? FAULT_NO_EXECUTE : CODE + fault_places[i][wanted[i].after];
        expect("vector", is.vector, wanted[i].vector);
        expect("error code", is.error, wanted[i].error);
        expect("RIP", is.rip, rip);
        if (is.vector == 14) expect("CR2", is.cr2, wanted[i].cr2);
        if (*reason) snprintf(reason + strlen(reason), 40, " (exception %u)", i);
    }
}

static void shutdown(struct vm* vm) {
    LONG_MODE(vm, shutdown, 0);
    runs_to(vm, KVM_EXIT_SHUTDOWN, 0);
}

// A number that KVM doesn't know gives -KVM_ENOSYS; KVM replaces the other vendor's instruction by its own.
static void hypercall(struct vm* vm) {
    for (unsigned vmmcall = 0; vmmcall < 2 && !*reason; vmmcall++) {
        LONG_MODE(vm, hypercall, .rsi = vmmcall);
        if (to_halt(vm)) expect("RAX", registers_of(vm).rax, (uint64_t)-1000);
    }
}

// ---- Events ------------------------------------------------------------------------------------------------------
static void inject(struct vm* vm, unsigned vector) {
    struct kvm_interrupt interrupt = {vector};
    ASK(vm->cpu, KVM_INTERRUPT, &interrupt);
}

static void halt(struct vm* vm) {
    unsigned long n = rounds / 4 + 1;
    LONG_MODE(vm, halt, .rsi = n);
    double begun = now();
    for (unsigned long i = 0; i < n && to_halt(vm); i++) {
        expect("interrupt flag at HLT", vm->run->if_flag, 1);
        inject(vm, 0x40);
    }
    if (*reason || !to_halt(vm)) return;
    rate(begun, n);
    expect("interrupt flag at the last HLT", vm->run->if_flag, 0);
    expect_interrupts(vm, n, 0x40);
}

static void window(struct vm* vm) {
    unsigned long n = rounds / 8 + 1;
    LONG_MODE(vm, window, .rsi = n);
    double begun = now();
    for (unsigned long i = 0; i < n && to_mark(vm); i++) {
        expect("interrupt flag", vm->run->if_flag, 0);
        vm->run->request_interrupt_window = 1;
        if (!runs_to(vm, KVM_EXIT_IRQ_WINDOW_OPEN, 0)) return;
        expect("ready for an interrupt", vm->run->ready_for_interrupt_injection, 1);
        vm->run->request_interrupt_window = 0;
        inject(vm, 0x43);
    }
    if (*reason || !to_halt(vm)) return;
    rate(begun, n);
    expect_interrupts(vm, n, 0x43);
}

// Two non-maskable interrupts at once: the second waits for the first one's IRET.
static void nmi(struct vm* vm) {
    enum { TIMES = 30 };
    LONG_MODE(vm, nmi, .rsi = TIMES);
    for (unsigned i = 0; i < TIMES && to_mark(vm); i++) {
        expect("number of interrupts", recorded(vm), 2 * i);
        ASK(vm->cpu, KVM_NMI, 0);
        ASK(vm->cpu, KVM_NMI, 0);
    }
    if (!*reason && to_halt(vm)) expect_interrupts(vm, 2 * TIMES, 2);
}

static void with_irqchip(struct vm* vm, unsigned long n, unsigned vector) {
    double begun = now();
    if (!runs_to(vm, KVM_EXIT_IO, 0)) return;
    rate(begun, n);
    expect_interrupts(vm, n, vector);
}

static void timer(struct vm* vm) {
    LONG_MODE(vm, timer, .rdi = LOCAL_APIC, .rsi = 100);
    with_irqchip(vm, 100, 0x41);
}

static void ipi(struct vm* vm) {
    LONG_MODE(vm, ipi, .rdi = LOCAL_APIC, .rsi = rounds / 8 + 1);
    with_irqchip(vm, rounds / 8 + 1, 0x42);
}

static uint64_t tsc_of(struct vm* vm, int set, uint64_t value) {
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry entry;
    } msr = {{.nmsrs = 1}, {.index = 0x10, .data = value}};
    expect("number of registers", ioctl(vm->cpu, set ? KVM_SET_MSRS : KVM_GET_MSRS, &msr), 1);
    return msr.entry.data;
}

static void tsc(struct vm* vm) {
    const uint64_t start = 1ull << 44;
    LONG_MODE(vm, tsc, 0);
    tsc_of(vm, 1, start);
    if (!to_halt(vm)) return;
    uint64_t after = tsc_of(vm, 0, 0);
    struct kvm_regs r = registers_of(vm);
    if (!(start <= r.rbx && r.rbx < r.rcx && r.rcx < after && after < start + (1ull << 42)))
        fail("set to %#llx, read %#llx, %#llx and then %#llx", (unsigned long long)start, r.rbx, r.rcx, (unsigned long long)after);
}

// ---- The rest of the state ---------------------------------------------------------------------------------------
struct other {
    struct vm* vm;
    unsigned why;
};

static void* other_cpu(void* argument) {
    struct other* other = argument;
    struct vm shadow = *other->vm;              // its exits are counted apart
    other->why = run_on(&shadow, shadow.second_cpu, shadow.second_run, 0);
    return NULL;
}

static void two_cpus(struct vm* vm) {
    struct other other = {vm, 0};
    pthread_t thread;
    vm->second_cpu = add_cpu(vm, 1, &vm->second_run);
    LONG_MODE(vm, count, .rdi = POOL, .rsi = rounds * 2);
    enter_long_mode(vm->second_cpu);
    set_registers(vm->second_cpu, (struct kvm_regs){.rdi = POOL, .rsi = rounds * 2});
    double begun = now();
    if (pthread_create(&thread, NULL, other_cpu, &other)) return fail("no thread");
    to_halt(vm);
    pthread_join(thread, NULL);
    rate(begun, rounds * 4);
    if (other.why != KVM_EXIT_HLT && other.why) unexpected(vm->second_cpu, vm->second_run);
    expect("count", *word(vm, POOL), rounds * 4);
}

static void set_debug(struct vm* vm, unsigned control, uint64_t address) {
    struct kvm_guest_debug debug = {.control = control};
    debug.arch.debugreg[0] = address, debug.arch.debugreg[7] = address ? 0x402 : 0x400;
    ASK(vm->cpu, KVM_SET_GUEST_DEBUG, &debug);
}

static void step(struct vm* vm) {
    static const unsigned offsets[] = {3, 6, 0};    // after INC, after DEC, after the jump taken
    enum { TIMES = 50 };
    LONG_MODE(vm, step, .rsi = TIMES);
    set_debug(vm, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP, 0);
    for (unsigned i = 0; i < 3 * TIMES && runs_to(vm, KVM_EXIT_DEBUG, 0); i++)
        expect("RIP", vm->run->debug.arch.pc, CODE + (i == 3 * TIMES - 1 ? 8 : offsets[i % 3]));
    set_debug(vm, 0, 0);
    if (!*reason && to_halt(vm)) expect("RBX", registers_of(vm).rbx, TIMES);
}

static void breakpoint(struct vm* vm) {
    LONG_MODE(vm, step, .rsi = 20);
    set_debug(vm, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP, CODE + 8);
    if (!runs_to(vm, KVM_EXIT_DEBUG, 0)) return;
    expect("RIP", vm->run->debug.arch.pc, CODE + 8);
    expect("RBX", registers_of(vm).rbx, 20);
    expect("DR6.B0", vm->run->debug.arch.dr6 & 15, 1);
    set_debug(vm, 0, 0);
    to_halt(vm);
}

// The monitor uses the same registers between the exits.
static void vectors(struct vm* vm) {
    volatile double mine = 0.5;
    LONG_MODE(vm, vectors, .rsi = 300);
    for (unsigned i = 0; i < 300 && to_mark(vm); i++) mine = mine * 1.5 + now();
    if (!*reason && to_halt(vm)) expect("wrong values", registers_of(vm).rbx, 0);
}

static void debug_registers(struct vm* vm) {
    LONG_MODE(vm, debug, .rsi = 300);
    measure(vm, 300, 0);
}

// ---- The whole ---------------------------------------------------------------------------------------------------
static const struct {
    const char* name;
    void (*run)(struct vm*);
    enum backing backing;
    int irqchip;
} cases[] = {{"real", real_mode, SMALL, 0},
             {"switches", switches, SMALL, 0},
             {"protected", protected_flat, SMALL, 0},
             {"protected-32", protected_32, SMALL, 0},
             {"protected-pae", protected_pae, SMALL, 0},
             {"memory-4k", memory_small, SMALL, 0},
             {"memory-huge", memory_huge, TRANSPARENT, 0},
             {"memory-large", memory_large, SMALL, 0},
             {"memory-huge-large", memory_both, TRANSPARENT, 0},
             {"memory-hugetlb", memory_huge, HUGETLB, 0},
             {"passes-4k", passes_small, SMALL, 0},
             {"passes-huge", passes_huge, TRANSPARENT, 0},
             {"moved", moved, SMALL, 0},
             {"dirty-log", dirty_log, SMALL, 0},
             {"churn", churn, SMALL, 0},
             {"churn-huge", churn, TRANSPARENT, 0},
             {"churn-cr3", churn_cr3, SMALL, 0},
             {"unmap", unmap, SMALL, 0},
             {"accessed", accessed, SMALL, 0},
             {"ports", ports, SMALL, 0},
             {"out", out, SMALL, 0},
             {"cpuid", cpuid, SMALL, 0},
             {"mmio", mmio, SMALL, 0},
             {"mmio-rate", mmio_rate, SMALL, 0},
             {"ud", undefined, SMALL, 0},
             {"cr3", cr3, SMALL, 0},
             {"msrs", msrs, SMALL, 0},
             {"faults", faults, SMALL, 0},
             {"hypercall", hypercall, SMALL, 0},
             {"shutdown", shutdown, SMALL, 0},
             {"halt", halt, SMALL, 0},
             {"window", window, SMALL, 0},
             {"nmi", nmi, SMALL, 0},
             {"timer", timer, SMALL, 1},
             {"ipi", ipi, SMALL, 1},
             {"tsc", tsc, SMALL, 0},
             {"two-cpus", two_cpus, SMALL, 0},
             {"step", step, SMALL, 0},
             {"breakpoint", breakpoint, SMALL, 0},
             {"vectors", vectors, SMALL, 0},
             {"debug-registers", debug_registers, SMALL, 0}};

static int asked_for(int count, char** names, const char* name) {
    for (int i = 0; i < count; i++)
        if (!strcmp(names[i], name)) return 1;
    return count == 0;
}

int main(int argc, char** argv) {
    if (argc > 1) rounds = strtoul(argv[1], NULL, 0);
    if (rounds < 16) rounds = 16;
    kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    must(kvm, "open /dev/kvm");
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("KVM-BEGIN version=%d\n", ioctl(kvm, KVM_GET_API_VERSION, 0));
    double begun = now();
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct vm vm;
        if (!asked_for(argc - 2 > 0 ? argc - 2 : 0, argv + 2, cases[i].name)) continue;
        *reason = *figures = 0;
        if (create(&vm, cases[i].backing, cases[i].irqchip)) cases[i].run(&vm);
        destroy(&vm);
        printf("KVM-%s %s%s\n", cases[i].name, *reason ? "failed: " : "ok", *reason ? reason : figures);
        failures += *reason != 0;
    }
    printf("KVM-END failures=%d seconds=%.2f\n", failures, now() - begun);
    return failures != 0;
}
