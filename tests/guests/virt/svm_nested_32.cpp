// SPDX-License-Identifier: MIT
// Guest, 32-bit: nested paging under a host with 32-bit paging and under one with PAE paging. The nested tables have the host's
// format, whatever the guest's own is (APM vol. 2, 15.25).
#include "svm.h"

using namespace svm;

static constexpr u64 P = 1, W = 2, U = 4, RSV = 8, ID = 0x10, A = 0x20, D = 0x40, all = P | W | U, final = 1ull << 32, walk = 1ull << 33;
static constexpr u64 memory = 64 << 20, window = 0x40000000;
static constexpr u32 in_host = 0x1111, in_guest = 0x2222;

// Tables of either format: memory mapped to itself by large pages, and a page at `window`.
struct Tables {
    bool pae;
    u64 root = new_page(), table = new_page(), high = new_page();

    explicit Tables(bool pae) : pae(pae) {
        if (!pae) {
            for (u64 i = 0; i < memory >> 22; i++) narrow(root, i) = u32(i << 22 | large | all);
            narrow(root, window >> 22) = u32(table | all);
            return;
        }
        u64 low = new_page();
        for (u64 i = 0; i < memory >> 21; i++) slot(low, i) = i << 21 | large | all;
        slot(high, 0) = table | all;
        slot(root, 0) = low | P, slot(root, window >> 30) = high | P;          // PDPTEs have neither W nor U
    }
    static u32& narrow(u64 table, u64 index) { return reinterpret_cast<u32*>(word(table))[index]; }
    u64 page() const { return pae ? slot(table, 0) : narrow(table, 0); }
    void set_page(u64 entry) const {
        if (pae) slot(table, 0) = entry;
        else narrow(table, 0) = u32(entry);
    }
    u64 cr4() const { return pae ? 0x20 : 0x10; }          // PAE; PSE
};

asm("do_read: mov (%ebx), %eax\n hlt\n"
    "do_write: mov %ecx, (%ebx)\n hlt\n"
    "do_jump: jmp *%ebx\n");
extern "C" const u8 do_read[], do_write[], do_jump[];

static Machine machine;
static u64 run(const u8* code, const Tables* own = nullptr, u64 cr3 = 0) {
    static const u64 stack = new_page() + 4080;
    Vmcb& b = *machine.vmcb;
    guest_state_32(b, u32(word(code)), u32(stack));
    if (own) b.cr0 = 0x80000011, b.cr4 = own->cr4(), b.cr3 = cr3 ? cr3 : own->root;
    machine.registers.r[rbx] = window, machine.registers.r[rcx] = in_guest;
    b.tlb_control = 1;
    return enter(machine);
}
static void npf(const char* name, const u8* code, u64 info, u64 address = window, const Tables* own = nullptr, u64 cr3 = 0) {
    is(name, run(code, own, cr3), on_npf), is("  EXITINFO1", machine.vmcb->exit_info_1, info);
    is("  EXITINFO2", machine.vmcb->exit_info_2, address);
}

// What an entry of the nested tables grants, and what is set in it.
static void entries(const Tables& nested, u64 frame) {
    constexpr u64 user = final | U;                        // each access of a guest is a user's
    nested.set_page(frame | all);
    is("a read", run(do_read), on_hlt), is("  its value", machine.vmcb->rax, in_guest), is("  sets A", nested.page() & (A | D), A);
    nested.set_page(frame | all);
    is("a write", run(do_write), on_hlt), is("  sets A and D", nested.page() & (A | D), A | D);
    poke<u32>(word(frame), 0xf4), is("a fetch", run(do_jump), on_hlt), is("  RIP", machine.vmcb->rip, window);
    poke<u32>(word(frame), in_guest);
    nested.set_page(0), npf("not present: a read", do_read, user), npf("  a write", do_write, user | W);
    nested.set_page(frame | P | U), npf("not writable", do_write, user | W | P);
    is("  but readable", run(do_read), on_hlt);
    nested.set_page(frame | P | W), npf("not the user's", do_read, user | P);
    if (!nested.pae) {
        u32& large_page = Tables::narrow(nested.root, window >> 22);
        u32 link = large_page;
        large_page = u32(large | all | 1 << 21), npf("a reserved bit of a 4-MiB page", do_read, user | RSV | P);
        large_page = link;
    } else {
        nested.set_page(frame | all | 1ull << 55), npf("a reserved bit", do_read, user | RSV | P);
        nested.set_page(frame | all | no_execute), npf("a fetch with NX", do_jump, user | ID | P);
        is("  a read", run(do_read), on_hlt);
    }
    nested.set_page(frame | all);
}

// The guest's own tables have the guest's format.
static void two_dimensions(const Tables& nested, u64 frame, bool pae) {
    Tables own(pae);
    own.set_page(window | all);
    is(pae ? "a guest with PAE" : "a guest with 32-bit paging", run(do_read, &own), on_hlt), is("  its value", machine.vmcb->rax, in_guest);
    is("  sets A in its entry", own.page() & (A | D), A);
    nested.set_page(0), npf("  missing below it", do_read, final | U, window, &own);
    own.set_page(0);
    machine.vmcb->exceptions = 1 << PF;
    is("  missing in its own tables", run(do_read, &own), on_exception + u64(PF)), is("  CR2", machine.vmcb->exit_info_2, window);
    machine.vmcb->exceptions = 0;
    // A walk of the guest's tables is a user's write (15.25.5). Its code lies in the first 4 MiB.
    if (!pae) npf("  its tables missing", do_read, walk | W | U, window, &own, window);
    nested.set_page(frame | all);
}

static void paging_off() { set_cr0(get_cr0() & 0x7fffffff); }
static void paging_on(const Tables& t) {
    set_cr4((get_cr4() & ~word(0x30)) | word(t.cr4()));
    set_cr3(word(t.root));
    set_cr0(get_cr0() | 0x80010000);
}
static void read_window() { peek<u32>(window); }

static void under(bool pae) {
    Tables ours(pae), nested(pae);
    u64 page = new_page(), frame = new_page();
    ours.set_page(page | all);
    poke<u32>(word(page), in_host), poke<u32>(word(frame), in_guest);
    paging_on(ours);
    use_nested(*machine.vmcb, nested.root);
    word cr0 = get_cr0(), cr3 = get_cr3(), cr4 = get_cr4();
    holds(pae ? "---- a host with PAE" : "---- a host with 32-bit paging", cr4 >> 5 & 1 ? pae : !pae);
    entries(nested, frame);
    two_dimensions(nested, frame, false), two_dimensions(nested, frame, true);
    is("the host's CR0", get_cr0(), cr0), is("  CR3", get_cr3(), cr3), is("  CR4", get_cr4(), cr4);
    is("  its own page", peek<u32>(window), in_host);
    if (pae) {
        slot(ours.root, window >> 30) = 0, set_cr3(cr3);
        page_faults("a PDPTE that is not there", trap(read_window), 0, window);
        slot(ours.root, window >> 30) = ours.high | P;
        is("a guest in between", run(do_read), on_hlt);
        passes("#VMEXIT has loaded it", trap(read_window));
    }
    paging_off();
}

extern "C" void guest() {
    start();
    wrmsr(0xc0000080, rdmsr(0xc0000080) | 1 << 11);        // EFER.NXE
    make(machine);
    machine.vmcb->intercepts = hlt;
    under(false);
    under(true);
}
