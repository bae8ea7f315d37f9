// SPDX-License-Identifier: MIT
// Guest, 64-bit: EPT beyond its violations: sizes of pages, accessed and dirty flags, what is misconfigured, EPTP switching by VMFUNC
// (SDM vol. 3, 26.5.6 and 29.3).
#include "inner.h"

using namespace vmx;

static Inner inner;
static u64 root, frame[4];                // pages whose first word is 0x100 + their number
static void fresh() { invept(2, {0, 0}), invvpid(2, {0, 0}); }
static u64& leaf(u64 frame_at) { return second_stage_entry(root, frame_at); }

// ---- sizes: the smaller of the two stages' counts, and the offset is the whole of the larger page's

static void sizes() {
    u64 caps = ept_vpid_capabilities();
    for (int level : {2, 3}) {
        if (!(caps >> (level == 2 ? 16 : 17) & 1)) continue;
        u64 large = ept_identity(4ull << 30, level);
        inner.set_root(large);
        fresh();
        entry(inner_va, 1) = frame[1] | P | U | ept_write;
        is(level == 2 ? "a page of 2 MiB" : "a page of 1 GiB", inner.read(inner_va), 0x101), is("  another word of it", inner.read(inner_va + 0x100), 0x1001);
        // Elsewhere: the large page that leads to the first one's memory. 3 GiB up there is no RAM, but the tables lead back.
        u64 step = 1ull << (level == 2 ? 21 : 30), from = 0x80000000;
        ept_entry(large, from, level) = (frame[1] & ~(step - 1)) | 0xb7;
        entry(inner_va, 1) = from | (frame[1] & (step - 1)) | P | U;
        fresh();
        is("  moved", inner.read(inner_va), 0x101);
        ept_entry(large, from, level) |= step >> 1;
        fresh();
        is("  reserved bits of its address: misconfiguration", inner.run(inner_read, inner_va), other_exit), is("  reason", inner.raw, on_ept_misconfiguration);
        inner.set_root(root);
    }
}

// ---- accessed and dirty flags (29.3.5): a walk's reads of the guest's tables count as writes

static void flags_of_entries() {
    if (!(ept_vpid_capabilities() >> 21 & 1)) return;
    inner.set_root(root);
    vmx::write(eptp, ept_pointer(root, true));
    constexpr u64 both = ept_accessed | ept_dirty;
    entry(inner_va, 1) = frame[2] | 0x67;
    u64 table = page_of(entry(inner_va, 2));
    auto clear = [&] { leaf(frame[2]) &= ~both, leaf(table) &= ~both, ept_entry(root, frame[2], 2) &= ~both, fresh(); };
    clear();
    is("a load", inner.read(inner_va), 0x102), is("  sets accessed", leaf(frame[2]) & both, ept_accessed), is("  and above", ept_entry(root, frame[2], 2) & both, ept_accessed);
    is("  the guest's table is dirty", leaf(table) & both, both);
    is("a store", inner.run(inner_write, inner_va, 0x102), exits_by_cpuid), is("  sets dirty", leaf(frame[2]) & both, both);
    leaf(frame[2]) &= ~both;
    is("while it is cached, not again", inner.run(inner_write, inner_va, 0x102), exits_by_cpuid), is("  none", leaf(frame[2]) & both, 0);
    clear();
    is("after INVEPT", inner.run(inner_write, inner_va, 0x102), exits_by_cpuid), is("  both", leaf(frame[2]) & both, both);
    leaf(table) &= ~u64(ept_write), fresh();
    is("a table that cannot be written", inner.run(inner_read, inner_va), other_exit), is("  reason", inner.raw, on_ept_violation);
    is("  qualification: read and write, of an entry", read(qualification) & 0x1bf, 0x80 | 0x20 | 8 | 2 | 1);
    leaf(table) |= ept_write;
    vmx::write(eptp, ept_pointer(root));
    clear();
    is("without them", inner.run(inner_write, inner_va, 0x102), exits_by_cpuid), is("  none is set", leaf(frame[2]) & both, 0);
    // Without them a guest's table is written only where its own flags change.
    entry(inner_va, 1) = frame[2] | 0x67, leaf(table) &= ~u64(ept_write), fresh();
    is("a table that cannot be written, whose flags are set", inner.read(inner_va), 0x102);
    entry(inner_va, 1) = frame[2] | 7, fresh();
    is("  whose flags are not", inner.run(inner_read, inner_va), other_exit), is("  reason", inner.raw, on_ept_violation);
    is("  qualification: a write of an entry", read(qualification) & 0x1b2, 0x80 | 0x20 | 2), is("  the flag is not set", entry(inner_va, 1) & A, 0);
    leaf(table) |= ept_write, fresh();
}

// ---- misconfigurations (29.3.3.1)

static void misconfigured(const char* name, u64& e, u64 value, u64 met_at = frame[2]) {
    u64 old = e;
    e = value, fresh();
    is(name, inner.run(inner_read, inner_va), other_exit), is("  reason", inner.raw, on_ept_misconfiguration), is("  guest-physical address", read(guest_physical_address), met_at);
    is("  no IDT-vectoring information", read(vectoring_event) >> 31, 0);
    e = old, fresh();
}
static void misconfigurations() {
    inner.set_root(root);
    entry(inner_va, 1) = frame[2] | 0x67;
    u64 &page_entry = leaf(frame[2]), &directory = ept_entry(root, frame[2], 2), &top = ept_entry(root, frame[2], 4);
    misconfigured("write-only", page_entry, frame[2] | 0x32), misconfigured("write and execute", page_entry, frame[2] | 0x36);
    for (u64 type : {2, 3, 7}) misconfigured("reserved memory types", page_entry, frame[2] | 7 | type << 3);
    misconfigured("an address beyond the physical ones", page_entry, page_entry | 1ull << 51);
    misconfigured("a directory's reserved bits", directory, directory | 0x10), misconfigured("  its address", directory, directory | 1ull << 51);
    // What the top table's entry leads to first is the guest's own top table, for the fetch.
    misconfigured("the top table's bit 7", top, top | 0x80, page_of(get_cr3())), misconfigured("  bit 3", top, top | 8, page_of(get_cr3()));
    if (!(ept_vpid_capabilities() & 1)) misconfigured("execute-only", page_entry, frame[2] | 0x34);
    page_entry = frame[2] | 0x37 | 0x3full << 52, fresh();             // bits 57:52
    is("ignored bits are ignored", inner.read(inner_va), 0x102);
    page_entry = frame[2] | 0x37, fresh();
    page_entry = 0xffffffffffff8 & ~7ull, fresh();         // not present: all else is ignored
    is("an entry without rights is a violation whatever it holds", inner.run(inner_read, inner_va), other_exit), is("  reason", inner.raw, on_ept_violation);
    page_entry = frame[2] | 0x37, fresh();
}

// ---- VMFUNC (26.5.6)

CODE(switch_root, "mov %edi, %eax; mov %esi, %ecx", ".byte 0x0f, 0x01, 0xd4; movabs $0x10000000000, %rbx; mov (%rbx), %rax; cpuid");
static u64 functions(u64 leaf_number, u64 index, void (*more)() = nullptr) {
    inner.select();
    if (more) more();
    return inner.run(switch_root, leaf_number, index);
}
static void vm_functions() {
    if (!has_secondary(cpu2_vm_functions)) return;
    u64 caps = rdmsr(vmfunc_msr), other = second_stage_identity(), list = new_page();
    inner.set_root(root);
    entry(inner_va, 1) = frame[2] | 0x67;
    second_stage_entry(other, frame[2]) = frame[3] | 0x37;
    slot(list, 0) = ept_pointer(root), slot(list, 1) = ept_pointer(other), slot(list, 2) = ept_pointer(other) | 7, slot(list, 511) = ept_pointer(other);
    fresh();
    inner.select();
    write(cpu_controls_2, read(cpu_controls_2) | cpu2_vm_functions);
    is("a function that does not exist is refused", (write(vm_function_controls, 1ull << 63), inner.run(inner_nothing), inner.raw), failed | 7);
    write(vm_function_controls, 0);
    is("VMFUNC of a leaf that is not on", functions(0, 1), other_exit), is("  reason", inner.raw, on_vmfunc), is("  length", read(instruction_length), 3), is("  qualification", read(qualification), 0);
    is("VMFUNC of a leaf above 63: #UD", functions(64, 0, [] { write(exception_bitmap, 1 << PF | 1 << UD); }), page_faults_to_us), is("  its vector", read(exit_event) & 0xff, UD);
    write(exception_bitmap, 1 << PF);
    write(vm_function_controls, 2), is("another function that does not exist", (inner.run(inner_nothing), inner.raw), caps & 2 ? u64(on_cpuid) : failed | 7), write(vm_function_controls, 0);
    if (!(caps & 1)) return;
    write(vm_function_controls, 1), write(eptp_list, list);
    is("EPTP switching", functions(0, 1), exits_by_cpuid), is("  the other root's page", inner.reg(rax), 0x103), is("  the VMCS has its pointer", read(eptp), ept_pointer(other));
    is("  it stays", inner.read(inner_va), 0x103);
    is("back", functions(0, 0), exits_by_cpuid), is("  the first root's page", inner.reg(rax), 0x102), is("  the pointer", read(eptp), ept_pointer(root));
    is("the last of the list", functions(0, 511), exits_by_cpuid), is("  its page", inner.reg(rax), 0x103), functions(0, 0);
    is("an index beyond the list", functions(0, 512), other_exit), is("  reason", inner.raw, on_vmfunc);
    is("an entry that is no EPT pointer", functions(0, 2), other_exit), is("  reason", inner.raw, on_vmfunc), is("  the pointer has stayed", read(eptp), ept_pointer(root));
    // Nothing is dropped by a switch: what was cached under the first root is used again.
    is("cached under the first root", inner.read(inner_va), 0x102);
    second_stage_entry(root, frame[2]) = frame[0] | 0x37;
    functions(0, 1), functions(0, 0);
    is("  after a switch to and fro", inner.reg(rax), 0x102);
    second_stage_entry(root, frame[2]) = frame[2] | 0x37;
    fresh();
    is("a list of no page's beginning", (write(eptp_list, list + 8), inner.run(inner_nothing), inner.raw), failed | 7);
    write(eptp_list, list), write(vm_function_controls, 0), write(cpu_controls_2, read(cpu_controls_2) & ~u64(cpu2_vm_functions));
}

extern "C" void guest() {
    if (!available() || !has_secondary(cpu2_ept | cpu2_vpid)) return holds("EPT and VPID", false);
    vmx::start();
    for (u64& f : frame) f = new_page(), poke<u64>(f, 0x100 + u64(&f - frame)), poke<u64>(f + 0x100, 0x1000 + u64(&f - frame));
    root = second_stage_identity();
    inner.make(1, root);
    entry(inner_va, 1) = frame[0] | 0x67;
    sizes();
    flags_of_entries();
    misconfigurations();
    vm_functions();
}
