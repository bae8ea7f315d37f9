// SPDX-License-Identifier: MIT
// Guest, 64-bit: what a VM entry of VMX loads, injects and starts, and what an exit saves and loads (SDM vol. 3, chapters 27 and 28).
#include "frame.h"
#include "inner.h"
#include "interrupts.h"

using namespace vmx;

static Machine m;
static Controls controls;
static u64 run(void (*code)(), void (*more)() = nullptr) {
    make(m, code);
    set(controls);
    if (more) more();
    return enter(m);
}
inline void to_host() { asm volatile("cpuid" ::: "eax", "ebx", "ecx", "edx", "memory"); }
static u64 again(void (*code)()) {
    write(guest_rip, word(code));
    return enter(m);
}

// ---- events injected (27.6), into handlers that the guest shares with us

CODE(exits, "nop; nop; nop; nop", "cpuid");
static struct { u64 vector, code, ip, times; } came;
static void note(Frame& f) { came = {f.vector, f.code, f.ip, came.times + 1}; }
static u64 event;
static void injected(const char* name, u64 what, u64 length, u64 code, word ip) {
    unsigned vector = what & 0xff;
    event = what | 1u << 31, came = {};
    hook(vector, note);
    static u64 with[2];
    with[0] = length, with[1] = code;
    is(name, run(exits, [] { write(guest_rflags, 0x202), write(entry_event, event), write(entry_instruction_length, with[0]), write(entry_error_code, with[1]); }), on_cpuid);
    is("  its vector", came.vector, vector), is("  once", came.times, 1), is("  RIP on the stack", came.ip, ip);
    if (what >> 11 & 1) is("  error code", came.code, code);
    is("  the field's valid bit is clear after the exit", read(entry_event) >> 31, 0);
    is("  no blocking is left", read(interruptibility), 0);
    hook(vector, nullptr);
}
static void refused(const char* name, u64 what, u64 length = 1, u64 code = 0, u64 flags = 0x202) {
    static u64 f[4];
    f[0] = what | 1u << 31, f[1] = length, f[2] = code, f[3] = flags;
    is(name, run(exits, [] { write(guest_rflags, f[3]), write(entry_event, f[0]), write(entry_instruction_length, f[1]), write(entry_error_code, f[2]); }), failed | 7);
}
static void injection() {
    word at = word(exits);
    injected("an interrupt", 0x61, 0, 0, at), injected("NMI", 0x202, 0, 0, at), injected("#UD", 0x306, 0, 0, at);
    injected("#GP with its error code", 0xb0d, 0, 0x1234, at), injected("INT n", 0x462, 2, 0, at + 2), injected("INT3", 0x603, 1, 0, at + 1);
    injected("INT1", 0x501, 1, 0, at + 1);
    refused("type 1", 0x161), refused("an NMI that is not vector 2", 0x203), refused("an exception above 31", 0x320);
    refused("an error code of #UD", 0xb06), refused("#GP without one", 0x30d), refused("an error code of an interrupt", 0x861);
    refused("reserved bits", 0x1061), refused("an error code of more than 16 bits", 0xb0d, 0, 0x10000);
    refused("INT n of 16 bytes", 0x462, 16);
    if (!(rdmsr(misc) >> 30 & 1)) refused("INT n of no bytes", 0x462, 0);
    if (allows(cpu_mtf, cpu_msr)) {
        is("type 7, vector 0: monitor trap flag", run(exits, [] { write(entry_event, 0x80000700); }), on_mtf);
        is("  before any instruction", read(guest_rip), at);
        refused("  other vectors", 0x701);
    } else refused("type 7", 0x700);
    is("an interrupt with IF clear: the entry fails", run(exits, [] { write(entry_event, 0x80000061); }), 1u << 31 | entry_failed_guest);
    is("an interrupt in STI's shadow", run(exits, [] { write(guest_rflags, 0x202), write(interruptibility, 1), write(entry_event, 0x80000061); }), 1u << 31 | entry_failed_guest);
    is("an NMI in MOV SS's", run(exits, [] { write(interruptibility, 2), write(entry_event, 0x80000202); }), 1u << 31 | entry_failed_guest);
}

// ---- NMIs

CODE(in_handler, "", "cpuid"); CODE(returns, "push $0x10; push $0; pushf; push $8; lea returns_after(%rip), %rax; push %rax; mov %rsp, %rbp; add $40, %rbp; mov %rbp, 24(%rsp)", "iretq");
static void nmis() {
    controls = {};
    if (!allows(pin_virtual_nmi, pin_msr)) return;
    controls.pin = pin_nmi | pin_virtual_nmi;
    hook(2, [](Frame&) { to_host(); });
    is("an injected NMI's handler exits", run(exits, [] { write(entry_event, 0x80000202); }), on_cpuid), is("  virtual NMIs are blocked", read(interruptibility), 8);
    hook(2, nullptr);
    controls.cpu = cpu_nmi_window;
    is("an NMI window waits", run(returns, [] { write(interruptibility, 8), write(exception_bitmap, 1 << UD); }), on_nmi_window), is("  for IRET", read(guest_rip), word(returns_after));
    controls.cpu = 0;
    is("virtual NMIs: IRET ends blocking", run(returns, [] { write(interruptibility, 8), write(exception_bitmap, 1 << UD); }), on_exception), is("  then", read(interruptibility), 0);
    controls.pin = pin_nmi;
    is("NMI exiting without virtual NMIs: it does not", run(returns, [] { write(interruptibility, 8), write(exception_bitmap, 1 << UD); }), on_exception), is("  then", read(interruptibility), 8);
    controls = {};
}

// ---- debug exceptions that were pending, activity states

CODE(mwaits, "lea mwaits(%rip), %rax; xor %ecx, %ecx; xor %edx, %edx; monitor; xor %eax, %eax", "mwait");
static void pending() {
    is("a pending single-step trap", run(exits, [] { write(exception_bitmap, ~0u), write(pending_debug, 1 << 14), write(guest_rflags, 0x102); }), on_exception);
    is("  #DB", read(exit_event) & ~0x1000ull, 0x80000301), is("  qualification: BS", read(qualification), 1 << 14), is("  before any instruction", read(guest_rip), word(exits));
    is("a pending data breakpoint", run(exits, [] { write(exception_bitmap, ~0u), write(pending_debug, 0x1002); }), on_exception), is("  qualification: B1", read(qualification), 2);
    is("in HLT: an injected interrupt wakes", run(exits, [] {
        hook(0x61, note), write(activity, 1), write(guest_rflags, 0x202), write(entry_event, 0x80000061);
    }), on_cpuid), is("  activity", read(activity), 0);
    hook(0x61, nullptr);
    controls.pin = pin_interrupts;
    is("in HLT: an interrupt exits", run(exits, [] { write(activity, 1), write(guest_rflags, 0x202), apic(icr, 0x40055); }), on_interrupt), is("  still in HLT", read(activity), 1);
    hook(0x55, [](Frame&) { apic(eoi, 0); });
    asm volatile("sti; nop; cli" ::: "memory");
    if (cpuid(1).ecx >> 3 & 1) {
        is("in MWAIT: an interrupt exits", run(mwaits, [] { write(guest_rflags, 0x202), apic(lvt_timer, 0x55), apic(timer_divide, 0xb), apic(timer_initial, 50'000); }), on_interrupt);
        is("  behind MWAIT", read(guest_rip), word(mwaits_after)), is("  25.4.2: no activity state tells of it", read(activity), 0);
        asm volatile("sti; nop; cli" ::: "memory");
    }
    hook(0x55, nullptr);
    controls = {};
}

// ---- debug registers and MSRs

static u64 seen[8];
static void read_msrs() {
    seen[0] = rdmsr(0x277), seen[1] = rdmsr(0xc0000080), seen[2] = rdmsr(0x174), seen[3] = rdmsr(0x175), seen[4] = rdmsr(0x176), seen[5] = rdmsr(0xc0000102);
    seen[6] = get_dr7(), seen[7] = rdmsr(0x1d9);
    to_host();
}
static u64 no_msr_exits() { static u64 page = new_page(); return page; }
static void with_msrs() {
    if (allows(cpu_msr_bitmaps, cpu_msr)) controls.cpu |= cpu_msr_bitmaps;
}
static void use_msrs() { write(msr_bitmaps, no_msr_exits()); }

static void state() {
    if (!allows(cpu_msr_bitmaps, cpu_msr)) return;
    u64 our_pat = rdmsr(0x277);
    controls = {}, with_msrs();
    controls.entry |= entry_load_debug, controls.exit |= exit_save_debug;
    is("entry", run(read_msrs, [] {
        use_msrs(), write(guest_sysenter_cs, 0x1234), write(guest_sysenter_esp, 0x5678), write(guest_sysenter_eip, 0x9abc);
        write(guest_dr7, 0x455), write(guest_debugctl, 1);
    }), on_cpuid);
    is("  loads SYSENTER_CS", seen[2], 0x1234), is("  SYSENTER_ESP", seen[3], 0x5678), is("  SYSENTER_EIP", seen[4], 0x9abc);
    is("  DR7", seen[6], 0x455), is("  DEBUGCTL", seen[7], 1);
    is("exit loads ours: SYSENTER_CS", rdmsr(0x174), 0), is("  DR7", get_dr7(), 0x400), is("  DEBUGCTL", rdmsr(0x1d9), 0);
    is("and saves DR7", read(guest_dr7), 0x455), is("  DEBUGCTL", read(guest_debugctl), 1);
    if (!(rdmsr(control_msr(entry_msr)) & entry_load_debug)) {
        controls = {}, with_msrs();
        run(read_msrs, [] { use_msrs(), write(guest_dr7, 0x455), write(guest_debugctl, 1); });
        is("without load debug controls: DR7 is what it was", seen[6], 0x400), is("  DEBUGCTL too", seen[7], 0);
    }
    if (allows(entry_load_pat, entry_msr) && allows(exit_load_pat | exit_save_pat, exit_msr)) {
        controls = {}, with_msrs();
        controls.entry |= entry_load_pat, controls.exit |= exit_load_pat | exit_save_pat;
        run(read_msrs, [] { use_msrs(), write(guest_pat, 0x0606060606060606); });
        is("PAT is loaded", seen[0], 0x0606060606060606), is("  ours comes back", rdmsr(0x277), our_pat);
        auto changes = [] { wrmsr(0x277, 0x0404040404040404); to_host(); };
        run(changes, use_msrs), is("  the guest's is saved", read(guest_pat), 0x0404040404040404);
    }
    if (allows(entry_load_perf_global, entry_msr) && allows(exit_load_perf_global, exit_msr)) {
        controls = {}, with_msrs();
        controls.entry |= entry_load_perf_global, controls.exit |= exit_load_perf_global;
        u64 ours = rdmsr(0x38f);
        static u64 in_guest;
        auto look = [] { in_guest = rdmsr(0x38f), to_host(); };
        run(look, [] { use_msrs(), write(guest_perf_global, 3), write(host_perf_global, 5); });
        is("PERF_GLOBAL_CTRL is loaded", in_guest, 3), is("  the host's on the exit", rdmsr(0x38f), 5);
        is("  and not saved", read(guest_perf_global), 3);
        is("27.2.2: a bit without a counter in the host's", run(look, [] { use_msrs(), write(host_perf_global, 1 << 8); }), failed | 8);
        is("27.3.1.1: in the guest's: the entry fails", run(look, [] { use_msrs(), write(guest_perf_global, 1ull << 35); }), 1u << 31 | entry_failed_guest);
        controls.entry &= ~entry_load_perf_global, controls.exit &= ~exit_load_perf_global;
        is("without the controls they aren't looked at", run(look, [] { use_msrs(), write(guest_perf_global, ~0ull), write(host_perf_global, ~0ull); }), on_cpuid);
        wrmsr(0x38f, ours);
    }
    if (allows(entry_load_efer, entry_msr) && allows(exit_load_efer | exit_save_efer, exit_msr)) {
        controls = {}, with_msrs();
        controls.entry |= entry_load_efer, controls.exit |= exit_load_efer | exit_save_efer;
        run(read_msrs, [] { use_msrs(), write(guest_efer, rdmsr(0xc0000080) & ~1ull); });
        is("EFER is loaded", seen[1], rdmsr(0xc0000080) & ~1ull), is("  ours comes back", rdmsr(0xc0000080) & 1, 1), is("  the guest's is saved", read(guest_efer) & 1, 0);
    }
    controls = {};
}

// ---- MSR areas (27.4, 28.4, 28.6)

struct Entry { u32 index, reserved; u64 value; };
static Entry* area[3];
static void areas() {
    for (auto& a : area) a = reinterpret_cast<Entry*>(new_page());
    auto all = [] {
        use_msrs();
        write(entry_msr_load, word(area[0])), write(entry_msr_load_count, 1), write(exit_msr_store, word(area[1])), write(exit_msr_store_count, 1);
        write(exit_msr_load, word(area[2])), write(exit_msr_load_count, 1);
    };
    controls = {}, with_msrs();
    constexpr u32 kernel_gs = 0xc0000102;
    *area[0] = {kernel_gs, 0, 0x111}, *area[1] = {kernel_gs, 0, 0}, *area[2] = {kernel_gs, 0, 0x333};
    auto changes = [] { seen[5] = rdmsr(kernel_gs), wrmsr(kernel_gs, 0x222); to_host(); };
    is("MSR areas", run(changes, all), on_cpuid), is("  loaded at entry", seen[5], 0x111), is("  stored at exit", area[1]->value, 0x222), is("  loaded at exit", rdmsr(kernel_gs), 0x333);
    auto fails = [&](const char* name, u32 index, u32 reserved, u64 value) {
        area[0][0] = {kernel_gs, 0, 1}, area[0][1] = {index, reserved, value};
        is(name, run(changes, [] { use_msrs(), write(entry_msr_load, word(area[0])), write(entry_msr_load_count, 2); }), 1u << 31 | entry_failed_msr);
        is("  qualification: the second entry", read(qualification), 2);
    };
    fails("FS.base is not for the entry's area", 0xc0000100, 0, 0), fails("GS.base neither", 0xc0000101, 0, 0), fails("nor x2APIC's", 0x802, 0, 0);
    fails("reserved bits", kernel_gs, 1, 0), fails("a value that WRMSR refuses", kernel_gs, 0, 1ull << 63), fails("no such MSR", 0x12345678, 0, 0);
    is("an area that is not on 16 bytes", run(exits, [] { write(entry_msr_load, word(area[0]) + 8), write(entry_msr_load_count, 1); }), failed | 7);
    is("  at exit", run(exits, [] { write(exit_msr_store, word(area[0]) + 8), write(exit_msr_store_count, 1); }), failed | 7);
    controls = {};
}

// ---- time

CODE(spins, "1: pause; jmp 1b", "nop");
static void time() {
    static u64 got;
    auto reads = [] { got = rdtsc(); to_host(); };
    controls = {}, controls.cpu = cpu_tsc_offset;
    u64 before = rdtsc();
    run(reads, [] { write(tsc_offset, 1ull << 50); });
    u64 after = rdtsc();
    holds("the TSC's offset", got >= before + (1ull << 50) && got <= after + (1ull << 50));
    if (!allows(pin_preemption_timer, pin_msr)) return void(controls = {});
    controls = {}, controls.pin = pin_preemption_timer;
    unsigned rate = rdmsr(misc) & 31;
    static u64 started;
    is("the preemption timer", run(spins, [] { write(preemption_timer, 5000), started = rdtsc(); }), on_preemption_timer);
    u64 took = rdtsc() - started;
    holds("  counts by the TSC's bit that MISC names", took >= 4999ull << rate && took <= (5000ull << rate) + 100000);
    is("  without its save it keeps its value", read(preemption_timer), 5000);
    if (allows(exit_save_timer, exit_msr)) {
        controls.exit |= exit_save_timer;
        is("saved", run(spins, [] { write(preemption_timer, 5000); }), on_preemption_timer), is("  it is 0", read(preemption_timer), 0);
        is("saved at another exit", run(exits, [] { write(preemption_timer, 1u << 30); }), on_cpuid);
        holds("  it is less by little", read(preemption_timer) <= 1u << 30 && read(preemption_timer) > (1u << 30) - 100000);
    }
    controls = {};
}

// ---- loops of PAUSE (26.1.3)

CODE(pause_loop, "mov $100000, %ecx; 1: pause; dec %ecx; jnz 1b", "cpuid");
static void pauses() {
    if (!has_secondary(cpu2_pause_loop)) return;
    controls = {}, controls.cpu2 = cpu2_pause_loop;
    is("a loop of PAUSE longer than the window", run(pause_loop, [] { write(ple_gap, 1000), write(ple_window, 5000); }), on_pause);
    is("one whose PAUSEs are further apart than the gap", run(pause_loop, [] { write(ple_gap, 0), write(ple_window, 5000); }), on_cpuid);
    is("one in ring 3", run(pause_loop, [] {
        write(ple_gap, 1000), write(ple_window, 5000), segment(guest_cs, ucode64, 0, ~0u, 0xa0fb), segment(guest_ss, udata, 0, ~0u, 0xc0f3);
    }), on_cpuid);
    controls = {};
}

// ---- a guest in each mode: entered, and at CPUID it is still in it

static constexpr u32 low = 0x7000;        // where CPUID lies
static u64 tables;                        // 32-bit: all memory by 4-MiB pages
static void mode(const char* name, void (*state)(), u64 base = 0) {
    is(name, run(exits, state), on_cpuid), is("  RIP", read(guest_rip) + base, low);
}
static void modes() {
    poke<u16>(low, 0xa20f);
    tables = make_task_world().cr3;
    mode("protected mode", [] { guest_state_32(low, 0x1000, true), write(guest_cr3, tables), write(guest_cr4, read(guest_cr4) | 0x10); });
    mode("virtual-8086 mode", [] { guest_state_v86(low >> 4, 0, 0x1000), write(guest_cr3, tables), write(guest_cr4, read(guest_cr4) | 0x10); }, low);
    is("  RFLAGS.VM", read(guest_rflags) & 0x20000, 0x20000);
    mode("compatibility mode", [] { write(guest_cs_rights, 0xc09b), write(guest_rip, low); });
    // PAE: the four entries are loaded from memory, under EPT from the VMCS.
    static u64 top, directory;
    top = new_page(), directory = new_page();
    for (u64 i = 0; i < 512; i++) slot(directory, i) = i << 21 | 0x87;
    slot(top, 0) = directory | 1;
    mode("PAE paging", [] { guest_state_32(low, 0x1000, true), write(guest_cr3, top), write(guest_cr4, read(guest_cr4) | 0x20); });
    is("  with reserved bits in an entry: the entry fails", run(exits, [] {
        guest_state_32(low, 0x1000, true), write(guest_cr3, top), write(guest_cr4, read(guest_cr4) | 0x20), slot(top, 1) = 1 | 2;
    }), 1u << 31 | entry_failed_guest), is("  qualification", read(qualification), 2);
    slot(top, 1) = 0;
    if (!has_secondary(cpu2_ept)) return;
    static u64 root;
    root = second_stage_identity(), controls.cpu2 = cpu2_ept;
    auto under_ept = [] {
        guest_state_32(low, 0x1000, true), write(guest_cr3, top), write(guest_cr4, read(guest_cr4) | 0x20), write(eptp, ept_pointer(root));
        write(guest_pdpte0, directory | 1), write(guest_pdpte1, 0), write(guest_pdpte2, 0), write(guest_pdpte3, 0);
        slot(top, 0) = 0;
    };
    mode("PAE paging under EPT", under_ept), is("  the entry is saved", read(guest_pdpte0), directory | 1);
    controls = {};
}

// ---- TPR shadow

CODE(tpr_up, "mov $7, %eax; mov %rax, %cr8; mov %cr8, %rbx", "cpuid"); CODE(tpr_down, "mov $2, %eax; mov %rax, %cr8", "nop");
static void tpr_shadow() {
    if (!allows(cpu_tpr_shadow, cpu_msr)) return;
    static u64 page;
    page = new_page();
    controls.cpu = cpu_tpr_shadow;
    is("CR8 in the virtual APIC page", run(tpr_up, [] { write(virtual_apic, page), write(tpr_threshold, 0); }), on_cpuid), is("  is in bits 7:4 there", peek<u32>(page + 0x80), 0x70);
    is("  reads give it", m.registers.r[rbx], 7);
    is("below the threshold", run(tpr_down, [] { write(virtual_apic, page), poke<u32>(page + 0x80, 0x50), write(tpr_threshold, 4); }), on_tpr), is("  behind MOV to CR8", read(guest_rip), word(tpr_down_at));
    is("  which is done", peek<u32>(page + 0x80), 0x20);
    controls = {};
}

// ---- the guest's state comes back as it was left

CODE(changes_all, "movabs $0x1122334455667788, %r15; mov %rsp, %rbx; sub $64, %rsp; mov $0x20, %eax; mov %ax, %ds; mov $0x77, %ecx; mov %rcx, %cr2; stc", "cpuid");
static void saved() {
    run(changes_all);
    is("registers", m.registers.r[r15], 0x1122334455667788), is("  RSP", read(guest_rsp), m.registers.r[rbx] - 64), is("  RFLAGS", read(guest_rflags) & 1, 1);
    is("  DS", read(guest_ds), 0x20), is("  its rights", read(guest_ds_rights), 0xc0f3), is("  CR2 is nobody's but the CPU's", get_cr2(), 0x77);
    u16 ds;
    asm("mov %%ds, %0" : "=r"(ds));
    is("ours: DS", ds, kdata), is("  RFLAGS after an exit", flags() & ~0x8d5ull, 2);
    is("VMRESUME goes on", again(exits), on_cpuid), is("  DS is still the guest's", read(guest_ds), 0x20);
    // A failed entry has loaded nothing of the guest's into what we see, and says why.
    is("a link pointer that is none", run(exits, [] { write(vmcs_link, 0x1000); }), 1u << 31 | entry_failed_guest), is("  qualification", read(qualification), 4);
    is("NMI with virtual-NMI blocking", (controls.pin = pin_nmi | pin_virtual_nmi, allows(controls.pin, pin_msr)) ? run(exits, [] {
        write(interruptibility, 8), write(entry_event, 0x80000202);
    }) : 1u << 31 | entry_failed_guest, 1u << 31 | entry_failed_guest);
    controls = {};
}

extern "C" void guest() {
    if (!available()) return holds("VMX", false);
    vmx::start();
    apic(svr, 0x1ff);
    injection();
    nmis();
    pending();
    state();
    areas();
    time();
    pauses();
    modes();
    tpr_shadow();
    saved();
}
