// SPDX-License-Identifier: MIT
// One instruction on the host: rt_sigreturn with TF set, and a handler that takes the registers out of the signal's frame.
#include "tests/silicon/host.h"
#include <asm/ldt.h>
#include <cpuid.h>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <unistd.h>

namespace silicon {
namespace {

// What the assembly below reads and writes; offsets are used there.
struct Crossing {
    u64 host_stack = 0;           // 0
    u64 host_fs_base = 0;         // 8
    u64 fs_base = 0, gs_base = 0; // 16, 24: to load, and found
    u16 ds = 0, es = 0, fs = 0, gs = 0;   // 32, 34, 36, 38
    u8 active = 0;                // 40
    u8 with_bases = 0;            // 41: 64-bit mode: load the bases too
};

}
}

extern "C" {
silicon::Crossing silicon_crossing;
void silicon_enter(ucontext_t*);
void silicon_handler(int, siginfo_t*, void*);
void silicon_capture(int, siginfo_t*, ucontext_t*);
}

// Nothing between silicon_enter's loading of FS and the handler's restoring of its base may use thread-local storage.
asm(R"(
    .text
    .globl silicon_enter
silicon_enter:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    lea silicon_crossing(%rip), %rcx
    mov %rsp, (%rcx)
    rdfsbase %rax
    mov %rax, 8(%rcx)
    movb $1, 40(%rcx)
    movw 32(%rcx), %ds
    movw 34(%rcx), %es
    movw 36(%rcx), %fs
    movw 38(%rcx), %gs
    cmpb $0, 41(%rcx)
    je 1f
    mov 16(%rcx), %rax
    wrfsbase %rax
    mov 24(%rcx), %rax
    wrgsbase %rax
1:  mov %rdi, %rsp
    mov $15, %eax
    syscall
    ud2

    .globl silicon_handler
silicon_handler:
    pushq $0x202
    popfq
    lea silicon_crossing(%rip), %rcx
    cmpb $0, 40(%rcx)
    je 2f
    rdfsbase %rax
    mov %rax, 16(%rcx)
    rdgsbase %rax
    mov %rax, 24(%rcx)
    movw %ds, 32(%rcx)
    movw %es, 34(%rcx)
    movw %fs, 36(%rcx)
    movw %gs, 38(%rcx)
    xor %eax, %eax
    movw %ax, %fs
    movw %ax, %gs
    mov 8(%rcx), %rax
    wrfsbase %rax
2:  push %rcx
    call silicon_capture
    lea silicon_crossing(%rip), %rcx
    movb $0, 40(%rcx)
    mov (%rcx), %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret
)");

namespace silicon {
namespace {

End* captured;
constexpr int gpr_places[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                              REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
constexpr unsigned long strict_restore_ss = 6;         // UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS
alignas(64) u8 signal_stack[64 << 10];
alignas(64) u8 frame_fx[4096];

// The frame's XSAVE image in the standard format, as Linux wants it described in software's bytes (its uapi/asm/sigcontext.h).
constexpr unsigned software = 464, header = 512, upper_halves = 576, image_size = 832;
constexpr u32 magic1 = 0x46505853, magic2 = 0x46505845;
constexpr u64 avx_component = 4;

void put_upper(const State& s) {
    auto put = [](unsigned at, auto value) { std::memcpy(frame_fx + at, &value, sizeof value); };
    std::memset(frame_fx + software, 0, upper_halves - software);
    if (!host_has(Feature::avx)) return;                  // legacy state only
    put(software, magic1), put(software + 4, u32(image_size + 4)), put(software + 8, u64{7}), put(software + 16, u32(image_size));
    put(header, u64{7});
    std::memcpy(frame_fx + upper_halves, s.upper.data(), sizeof s.upper);
    put(image_size, magic2);
}
void take_upper(State& s, const u8* image) {
    u32 described;
    u64 stored;
    std::memcpy(&described, image + software, 4), std::memcpy(&stored, image + header, 8);
    s.upper = {};
    if (described == magic1 && (stored & avx_component)) std::memcpy(s.upper.data(), image + upper_halves, sizeof s.upper);
}

void capture(ucontext_t* uc) {
    auto& c = silicon_crossing;
    auto& s = captured->state;
    auto* regs = uc->uc_mcontext.gregs;
    for (unsigned i = 0; i < 16; i++) s.gpr[i] = u64(regs[gpr_places[i]]);
    s.rip = u64(regs[REG_RIP]), s.rflags = u64(regs[REG_EFL]);
    u64 packed = u64(regs[REG_CSGSFS]);
    s.selector = {c.es, u16(packed), u16(packed >> 48), c.ds, c.fs, c.gs};
    s.fs_base = c.fs_base, s.gs_base = c.gs_base;
    std::memcpy(s.fx.bytes.data(), uc->uc_mcontext.fpregs, 512);
    take_upper(s, reinterpret_cast<const u8*>(uc->uc_mcontext.fpregs));
    int trap = int(regs[REG_TRAPNO]);
    captured->vector = trap == 1 ? stepped : trap;
    captured->error = u32(regs[REG_ERR]);
    captured->cr2 = u64(regs[REG_CR2]);
}

}
}

void silicon_capture(int number, siginfo_t*, ucontext_t* uc) {
    if (silicon_crossing.active) return silicon::capture(uc);
    std::fprintf(stderr, "signal %d outside of a case, at %llx\n", number, uc->uc_mcontext.gregs[REG_RIP]);
    std::signal(number, SIG_DFL);
    raise(number);
    _exit(1);
}

namespace silicon {
namespace {

void* map_at(u64 address, u64 size, int protection, int fd, u64 offset) {
    void* p = mmap(reinterpret_cast<void*>(address), size, protection, MAP_SHARED | MAP_POPULATE | (address ? MAP_FIXED_NOREPLACE : 0), fd, off_t(offset));
    if (p == MAP_FAILED) std::perror("silicon: mmap"), std::abort();
    return p;
}

void map_sandbox(Host& host) {
    int fd = memfd_create("sandbox", 0);
    u64 size = sandbox::code_size + sandbox::data_size;
    if (fd < 0 || ftruncate(fd, off_t(size)) != 0) std::perror("silicon: memfd"), std::abort();
    host.code = static_cast<u8*>(map_at(0, size, PROT_READ | PROT_WRITE, fd, 0));
    host.data = host.code + sandbox::code_size;
    std::memset(host.code, 0xcc, size);
    map_at(sandbox::code, sandbox::code_size, PROT_READ | PROT_EXEC, fd, 0);
    u64 writable = sandbox::read_only - sandbox::data;
    map_at(sandbox::data, writable, PROT_READ | PROT_WRITE, fd, sandbox::code_size);
    map_at(sandbox::read_only, sandbox::data_size - writable, PROT_READ, fd, sandbox::code_size + writable);
    close(fd);
}

void install_handlers() {
    stack_t stack{};
    stack.ss_sp = signal_stack, stack.ss_size = sizeof signal_stack;
    sigaltstack(&stack, nullptr);
    struct sigaction action{};
    action.sa_sigaction = silicon_handler;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    for (int number : {SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE}) sigaction(number, &action, nullptr);
}

}

bool install_ldt(std::string& why) {
    for (unsigned i = 0; i < std::size(ldt); i++) {
        auto& e = ldt[i];
        user_desc d{};
        d.entry_number = i, d.base_addr = e.base, d.limit = e.limit;
        d.seg_32bit = e.wide, d.contents = e.contents, d.read_exec_only = !e.writable_or_readable;
        d.limit_in_pages = e.pages, d.seg_not_present = !e.present, d.useable = 0;
        if (int error = int(syscall(SYS_modify_ldt, 0x11, &d, sizeof d))) return why = std::strerror(error == -1 ? errno : -error), false;
    }
    return true;
}

Host::Host() {
    map_sandbox(*this);
    install_handlers();
    std::string why;
    install_ldt(why);
}

void Host::run(const State& start, bool bits64, End& end) {
    static ucontext_t uc;
    uc.uc_flags = strict_restore_ss;
    uc.uc_stack.ss_sp = signal_stack, uc.uc_stack.ss_size = sizeof signal_stack;
    auto* regs = uc.uc_mcontext.gregs;
    for (unsigned i = 0; i < 16; i++) regs[gpr_places[i]] = greg_t(start.gpr[i]);
    regs[REG_RIP] = greg_t(start.rip);
    regs[REG_EFL] = greg_t(start.rflags | 0x100);
    auto& sel = start.selector;
    regs[REG_CSGSFS] = greg_t(u64(sel[1]) | u64(sel[2]) << 48);
    std::memcpy(frame_fx, start.fx.bytes.data(), software);
    put_upper(start);
    uc.uc_mcontext.fpregs = reinterpret_cast<fpregset_t>(frame_fx);
    auto& c = silicon_crossing;
    c.es = sel[0], c.ds = sel[3], c.fs = sel[4], c.gs = sel[5];
    c.fs_base = start.fs_base, c.gs_base = start.gs_base, c.with_bases = bits64;
    captured = &end;
    silicon_enter(&uc);
}

bool host_has(Feature feature) {
    if (feature == Feature::none) return true;
    for (auto& row : feature_rows)
        if (row.feature == feature) {
            unsigned r[4] = {};
            if (!__get_cpuid_count(row.leaf, row.subleaf, &r[0], &r[1], &r[2], &r[3])) return false;
            return r[unsigned(row.reg)] >> row.position & 1;
        }
    return false;
}

bool host_is_amd() {
    unsigned a, b = 0, c, d;
    __get_cpuid(0, &a, &b, &c, &d);
    return b == 0x68747541;                // "Auth"
}

}
