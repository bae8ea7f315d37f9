// SPDX-License-Identifier: MIT
// Guest, 64-bit: the instructions of VMX and their ways to fail, in the manual's order: #UD, #GP(0), #PF, VMfailInvalid, VMfailValid with
// its error number (SDM vol. 3, chapter 31; numbers in 31.4).
#include "code.h"
#include "inner.h"

using namespace vmx;

static u64 region, first, second, unmapped = 0x180000000000, beyond = 1ull << 52;
static constexpr word arithmetic = 0x8d5;                  // CF, PF, AF, ZF, SF, OF

// RFLAGS behind an instruction before which all arithmetic flags were set.
#define FLAGS_AFTER(instruction, ...)                                                                                          \
    [&] {                                                                                                                      \
        word f_;                                                                                                               \
        asm volatile("pushf; orl $0x8d5, (%%rsp); popf; " instruction "; pushf; pop %0" : "=r"(f_) : __VA_ARGS__ : "memory", "cc"); \
        return f_ & arithmetic;                                                                                                \
    }()

// ---- each instruction, its operands good

static Descriptor zeros;
static constexpr struct { const char* name; void (*go)(); } instructions[] = {
    {"VMCLEAR", [] { asm volatile("vmclear operand_of_all(%%rip)" ::: "memory", "cc"); }},
    {"VMPTRLD", [] { asm volatile("vmptrld operand_of_all(%%rip)" ::: "memory", "cc"); }},
    {"VMPTRST", [] { asm volatile("vmptrst operand_of_all(%%rip)" ::: "memory", "cc"); }},
    {"VMREAD", [] { asm volatile("vmread %%rax, %%rcx" :: "a"(0x4402ull) : "rcx", "cc"); }},
    {"VMWRITE", [] { asm volatile("vmwrite %%rcx, %%rax" :: "a"(0x2010ull), "c"(0ull) : "cc"); }},
    {"VMLAUNCH", [] { asm volatile("vmlaunch" ::: "cc"); }}, {"VMRESUME", [] { asm volatile("vmresume" ::: "cc"); }},
    {"VMXOFF", [] { asm volatile("vmxoff" ::: "cc"); }}, {"VMCALL", [] { asm volatile("vmcall" ::: "cc"); }},
    {"INVEPT", [] { asm volatile("invept operand_of_all(%%rip), %%rax" :: "a"(2ull) : "memory", "cc"); }},
    {"INVVPID", [] { asm volatile("invvpid operand_of_all(%%rip), %%rax" :: "a"(2ull) : "memory", "cc"); }},
};
extern "C" { u64 operand_of_all[2]; }
static bool there(const char* name) {     // INVEPT and INVVPID come with EPT and VPID
    return name[0] != 'I' || has_secondary(name[3] == 'E' ? cpu2_ept : cpu2_vpid);
}
static void each(const char* title, Trap (*how)(void (*)()), word vector) {
    print(title), print("\n");
    for (auto& i : instructions)
        if (there(i.name)) faults(i.name, how(i.go), vector);
}
static void compatibility(void (*body)()) {   // the instruction's bytes behind a far return to 32-bit code
    asm volatile("push %0; push %1; lretq" :: "r"(word(kcode32)), "r"(word(body)) : "memory");
}

static void do_vmxon() { asm volatile("vmxon operand_of_all(%%rip)" ::: "memory", "cc"); }
static u32 vmxon_of(u64 address) { return vmxon(address); }

static void before() {
    set_cr4(get_cr4() & ~0x2000ull);
    faults("VMXON with CR4.VMXE clear", trap(do_vmxon), UD);
    faults("  in ring 3 too", trap_user(do_vmxon), UD);
    each("outside VMX operation: #UD", trap, UD);
    each("in ring 3 too", trap_user, UD);
    region = prepare();
    operand_of_all[0] = region;
    faults("VMXON in ring 3", trap_user(do_vmxon), GP);
    word cr0 = get_cr0();
    if (rdmsr(cr0_fixed0) & 0x20) {
        set_cr0(cr0 & ~0x20ull);
        faults("VMXON with CR0.NE clear", trap(do_vmxon), GP);
        set_cr0(cr0);
    }
    page_faults("VMXON's operand", trap([] { vmxon(*reinterpret_cast<u64*>(unmapped)); }), 0, unmapped);
    is("VMXON of no page's beginning", vmxon_of(region + 8), invalid), is("  beyond the physical addresses", vmxon_of(1ull << 52), invalid);
    poke<u32>(region, u32(rdmsr(basic)) ^ 1), is("  of another revision", vmxon_of(region), invalid);
    poke<u32>(region, u32(rdmsr(basic)) | 1u << 31), is("  with bit 31 of the revision", vmxon_of(region), invalid);
    poke<u32>(region, u32(rdmsr(basic)) & 0x7fffffff);
    is("VMXON: flags", FLAGS_AFTER("vmxon %1", "m"(region)), 0);
}

static void without_vmcs() {
    is("VMPTRST without a VMCS", vmptrst(), ~0ull);
    u64 v;
    is("VMREAD without one", try_read(exit_reason, v), invalid), is("VMWRITE", write(tsc_offset, 0), invalid);
    is("VMLAUNCH: flags", FLAGS_AFTER("vmlaunch", "r"(0)), 1), is("VMRESUME: flags", FLAGS_AFTER("vmresume", "r"(0)), 1);
    is("VMXON again", vmxon(region), invalid), is("VMCALL", vmcall(), invalid);
    is("VMCLEAR of no page's beginning", vmclear(region + 8), invalid), is("VMPTRLD of it", vmptrld(region + 8), invalid);
    if (there("INVEPT")) is("INVEPT of no type", invept(3, {0, 0}), invalid);
    // What VMX operation fixes.
    faults("CR4.VMXE cannot be cleared", trap([] { set_cr4(get_cr4() & ~0x2000ull); }), GP);
    if (rdmsr(cr0_fixed0) & 0x20) faults("nor CR0.NE", trap([] { set_cr0(get_cr0() & ~0x20ull); }), GP);
    faults("nor CR0.PG", trap([] { set_cr0(get_cr0() & ~0x80000000ull); }), GP);
}

static void addresses() {
    first = new_region(), second = new_region();
    is("VMCLEAR: flags", FLAGS_AFTER("vmclear %1", "m"(first)), 0), is("VMPTRLD: flags", FLAGS_AFTER("vmptrld %1", "m"(first)), 0);
    is("VMPTRST", vmptrst(), first);
    is("VMXON in VMX operation", vmxon(region), 15), is("  whatever its operand", vmxon_of(8), 15);
    is("VMCLEAR of no page's beginning", vmclear(first + 8), 2), is("  flags", FLAGS_AFTER("vmclear %1", "m"(beyond)), 0x40);
    is("  beyond the physical addresses", vmclear(1ull << 52), 2), is("  of VMXON's region", vmclear(region), 3);
    is("VMPTRLD of no page's beginning", vmptrld(first + 8), 9), is("  beyond the physical addresses", vmptrld(1ull << 52), 9);
    is("  of VMXON's region", vmptrld(region), 10);
    u64 bad = new_page();
    poke<u32>(bad, u32(rdmsr(basic)) ^ 1), is("  of another revision", vmptrld(bad), 11);
    if (!has_secondary(1 << 14)) poke<u32>(bad, u32(rdmsr(basic)) | 1u << 31), is("  of a shadow VMCS where there are none", vmptrld(bad), 11);
    is("  the VMCS has stayed current", vmptrst(), first);
    page_faults("VMCLEAR's operand", trap([] { vmclear(*reinterpret_cast<u64*>(unmapped)); }), 0, unmapped);
    page_faults("VMPTRLD's operand", trap([] { vmptrld(*reinterpret_cast<u64*>(unmapped)); }), 0, unmapped);
    page_faults("VMPTRST's operand", trap([] { asm volatile("vmptrst (%0)" :: "r"(unmapped) : "memory", "cc"); }), 2, unmapped);
    faults("a non-canonical operand", trap([] { vmclear(*reinterpret_cast<u64*>(1ull << 63)); }), GP);
}

static void fields() {
    u64 v = 0;
    is("VMWRITE: flags", FLAGS_AFTER("vmwrite %1, %2", "r"(0x123456789abcdefull), "r"(u64(tsc_offset))), 0);
    is("VMREAD", try_read(tsc_offset, v), 0), is("  gives it", v, 0x123456789abcdef);
    is("VMREAD of the high half", try_read(tsc_offset + 1, v), 0), is("  gives it", v, 0x1234567);
    is("VMWRITE of the high half", write(tsc_offset + 1, 0xffffffff00000011), 0), is("  writes 32 bits", read(tsc_offset), 0x1189abcdef);
    is("a 16-bit field takes 16 bits", (write(guest_es, 0xabcd1234), read(guest_es)), 0x1234), is("a 32-bit field 32", (write(guest_es_limit, 0x1ffffffff), read(guest_es_limit)), 0xffffffff);
    is("VMREAD of no field", try_read(0x6ffe, v), 12), is("VMWRITE of no field", write(0x6ffe, 0), 12);
    is("VMREAD: bits beyond 14", try_read(0x8000 | exit_reason, v), 12), is("  beyond 32", try_read(1ull << 32 | exit_reason, v), 12);
    is("the high half of a 32-bit field", try_read(exit_reason + 1, v), 12);
    bool writable = rdmsr(misc) >> 29 & 1;
    is("VMWRITE of a read-only field", write(qualification, 5), writable ? 0 : 13);
    page_faults("VMREAD's operand", trap([] { asm volatile("vmread %1, (%0)" :: "r"(unmapped), "r"(u64(exit_reason)) : "memory", "cc"); }), 2, unmapped);
    page_faults("VMWRITE's operand", trap([] { asm volatile("vmwrite (%0), %1" :: "r"(unmapped), "r"(u64(tsc_offset)) : "memory", "cc"); }), 0, unmapped);
    write(tsc_offset, 0);
    // Fields belong to the VMCS, which another may take the place of.
    vmclear(second), vmptrld(second), write(tsc_offset, 77), vmptrld(first), is("another VMCS's field is its own", read(tsc_offset), 0);
    vmptrld(second), is("  and is there again", read(tsc_offset), 77);
    vmclear(second), is("VMCLEAR of the current VMCS leaves none", vmptrst(), ~0ull);
    vmptrld(second), is("  but its fields", read(tsc_offset), 77);
    u64 copy = new_page();
    vmclear(second), memcpy(reinterpret_cast<void*>(copy), reinterpret_cast<void*>(second), 4096), vmptrld(copy), is("a cleared VMCS copied is another with the same fields", read(tsc_offset), 77);
    vmptrld(first), vmclear(second), is("VMCLEAR of another leaves the current", vmptrst(), first);
}

static void entries() {
    static Machine m;
    make(m, inner_nothing);
    u64 code = read(guest_rip);
    auto resume = [] { m.launched = true; return enter(m); };
    auto launch = [] { m.launched = false; return enter(m); };
    is("VMRESUME of a clear VMCS", resume(), failed | 5);
    is("VMLAUNCH", launch(), on_cpuid), write(guest_rip, code);
    is("VMLAUNCH of a launched one", launch(), failed | 4), is("VMRESUME of it", resume(), on_cpuid), write(guest_rip, code);
    is("blocking by MOV SS", FLAGS_AFTER("mov %1, %%ss; vmlaunch", "r"(u32(kdata))), 0x40), is("  comes before the launch state", read(instruction_error), 26);
    u64 pin = read(pin_controls);
    write(pin_controls, 0), write(host_cr0, 0);
    is("controls before host state", resume(), failed | 7), write(pin_controls, pin), is("  host state", resume(), failed | 8);
    is("the launch state before both", launch(), failed | 4);
    write(host_cr0, get_cr0()), write(guest_rflags, 0);
    is("guest state: the entry fails", resume(), 1u << 31 | entry_failed_guest), is("  qualification", read(qualification), 0);
    write(guest_rflags, 2), is("  still launched", resume(), on_cpuid), write(guest_rip, code);
    vmclear(m.vmcs), vmptrld(m.vmcs), is("VMCLEAR makes it clear", resume(), failed | 5), is("  to be launched", launch(), on_cpuid);
    is("VMCALL", vmcall(), 1), is("  flags", FLAGS_AFTER("vmcall", "r"(0)), 0x40);
    vmclear(m.vmcs), vmptrld(first);
}

static void invalidations() {
    u64 bits = ept_vpid_capabilities();
    if (has_secondary(cpu2_ept)) {
        u64 root = ept_pointer(new_page());
        is("INVEPT: flags", FLAGS_AFTER("invept %1, %2", "m"(zeros), "r"(2ull)), 0);
        for (u64 type = 0; type < 5; type++) is("INVEPT's types", invept(type, {root, 0}), (type == 1 && bits >> 25 & 1) || (type == 2 && bits >> 26 & 1) ? 0 : 28);
        is("  beyond 32 bits", invept(1ull << 32 | 2, {root, 0}), 28);
        is("INVEPT of no valid EPTP: its length", invept(1, {root & ~0x38ull, 0}), 28), is("  its memory type", invept(1, {(root & ~7ull) | 1, 0}), 28);
        is("  reserved bits", invept(1, {root | 1ull << 11, 0}), 28), is("  all-context does not look", invept(2, {root | 1ull << 11, 0}), 0);
        page_faults("INVEPT's operand", trap([] { invept(2, *reinterpret_cast<Descriptor*>(unmapped)); }), 0, unmapped);
    }
    if (has_secondary(cpu2_vpid)) {
        is("INVVPID: flags", FLAGS_AFTER("invvpid %1, %2", "m"(zeros), "r"(2ull)), 0);
        for (u64 type = 0; type < 6; type++) is("INVVPID's types", invvpid(type, {1, 0}), type < 4 && bits >> (40 + type) & 1 ? 0 : 28);
        for (u64 type : {0, 1, 3})
            if (bits >> (40 + type) & 1) is("INVVPID of VPID 0", invvpid(type, {0, 0}), 28);
        is("  of VPID 0, type 2", invvpid(2, {0, 0}), 0);
        is("  reserved bits", invvpid(2, {1 << 16, 0}), 28);
        if (bits >> 40 & 1) is("  a non-canonical address", invvpid(0, {1, 1ull << 63}), 28);
        is("  which type 1 does not look at", invvpid(1, {1, 1ull << 63}), 0);
        page_faults("INVVPID's operand", trap([] { invvpid(2, *reinterpret_cast<Descriptor*>(unmapped)); }), 0, unmapped);
    }
}

static void in_compatibility_mode() {
    Code{page(7)}.bytes(0x0f, 0x01, 0xc4, 0x0f, 0x0b);    // VMXOFF; UD2
    Code{page(7) + 16}.bytes(0x0f, 0x01, 0xc1);           // VMCALL
    Code{page(7) + 32}.bytes(0x0f, 0xc7, 0x3d, 0, 0, 0, 0);       // VMPTRST [0]
    for (word at : {0, 16, 32}) {
        static word there_at;
        there_at = page(7) + at;
        Trap t = trap([] { compatibility(reinterpret_cast<void (*)()>(there_at)); });
        faults("in compatibility mode", t, UD), is("  at the instruction", t.ip, there_at);
    }
}

extern "C" void guest() {
    if (!available()) return holds("VMX", false);
    before();
    without_vmcs();
    addresses();
    fields();
    entries();
    invalidations();
    operand_of_all[0] = first, operand_of_all[1] = 0;
    each("in ring 3: #GP(0)", trap_user, GP);
    faults("VMXON", trap_user(do_vmxon), GP);
    in_compatibility_mode();
    is("VMXOFF: flags", FLAGS_AFTER("vmxoff", "r"(0)), 0);
    each("after VMXOFF: #UD", trap, UD);
    passes("and CR4.VMXE can be cleared", trap([] { set_cr4(get_cr4() & ~0x2000ull); }));
}
