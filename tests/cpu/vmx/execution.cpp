// SPDX-License-Identifier: MIT
// What happens to a guest's accesses and to its VMREAD without its hypervisor's knowledge, the same in both engines: sub-page write
// permissions, page-modification logging, virtualization exceptions, VMCS shadowing (SDM vol. 3, ch. 26 and 29.3).
#include "tests/cpu/vmx/host.h"

namespace {

using vmx::Field;

constexpr auto engines = {Engine::slow, Engine::fast};

// All memory is mapped to itself, 4 MiB to 6 MiB by 4-KiB pages; RBX is the first of them.
struct VmxExecution : VmxGuest {
    static constexpr u64 ept = 0x60000, pages = 0x63000, permissions = 0x64000, log_page = 0x68000, area = 0x69000, target = 0x400000;
    static constexpr u64 use_ept = bit(1), page_log = bit(17), violation_ve = bit(18), sub_pages = bit(23);

    VmxExecution() {
        m.put(ept, (ept + 0x1000) | 7), m.put(ept + 0x1000, (ept + 0x2000) | 7);
        map();
        v.vmcs.set(Field::ept_pointer, ept | 0x1e);
    }
    void map() {
        for (u64 n = 0; n < 512; n++) m.put(ept + 0x2000 + n * 8, n << 21 | 0xb7), m.put(pages + n * 8, (target + n * 4096) | 0x37);
        m.put(ept + 0x2010, pages | 7);
        m.cpu.mmu->invalidate(paging::Operation::invept_all);
    }
    u64& leaf(u64 n = 0) { return *reinterpret_cast<u64*>(m.ram.data() + pages + n * 8); }
    bool go(Engine engine, const char* code) {
        m.cpu.gpr[rbx] = target;
        return run(engine, code);
    }
    u64 field(Field f) const { return v.vmcs[f]; }
};

// A thousand stores where it may, one where it may not.
TEST_F(VmxExecution, a_sub_page_that_can_be_written_opens_no_way_to_its_neighbour) {
    controls(0, use_ept | sub_pages);
    v.vmcs.set(Field::sub_page_table, permissions);
    m.put(permissions, (permissions + 0x1000) | 1), m.put(permissions + 0x1000, (permissions + 0x2000) | 1);
    m.put(permissions + 0x2000 + 2 * 8, (permissions + 0x3000) | 1), m.put(permissions + 0x3000, u64{1});
    for (auto engine : engines) {
        map(), leaf() = target | 0x31 | bit(61);
        m.put(target, u64{0}), m.put(target + 0x80, u64{7});
        // mov ecx, 1000; 1: mov [rbx], rcx; dec ecx; jnz 1b; mov [rbx+80h], rcx; vmcall
        ASSERT_TRUE(go(engine, "b9 e8 03 00 00 48 89 0b ff c9 75 f9 48 89 8b 80 00 00 00 0f 01 c1"));
        EXPECT_EQ(field(Field::exit_reason), 48u);
        EXPECT_EQ(field(Field::guest_rip), TestMachine::code + 12);
        EXPECT_EQ(field(Field::guest_physical_address), target + 0x80);
        EXPECT_EQ(m.get<u64>(target), 1u);
        EXPECT_EQ(m.get<u64>(target + 0x80), 7u);
        EXPECT_TRUE(m.cpu.mmu->banks_hold());
        // A store of 8 bytes that begins in the one and ends in the other.
        m.put(target + 0x7c, u64{0x5555});
        ASSERT_TRUE(go(engine, "48 89 0b 48 89 4b 7c 0f 01 c1"));
        EXPECT_EQ(field(Field::exit_reason), 48u);
        EXPECT_EQ(field(Field::guest_rip), TestMachine::code + 3);
        EXPECT_EQ(m.get<u64>(target + 0x7c), 0x5555u);
    }
}

TEST_F(VmxExecution, a_page_is_logged_once_and_the_guests_tables_are_too) {
    controls(0, use_ept | page_log);
    v.vmcs.set(Field::ept_pointer, ept | 0x5e), v.vmcs.set(Field::page_log_address, log_page);
    for (auto engine : engines) {
        map(), v.vmcs.set(Field::page_log_index, 511);
        // mov [rbx], rcx; mov [rbx+1000h], rcx; mov [rbx+8], rcx; mov rax, [rbx+2000h]; vmcall
        ASSERT_TRUE(go(engine, "48 89 0b 48 89 8b 00 10 00 00 48 89 4b 08 48 8b 83 00 20 00 00 0f 01 c1"));
        EXPECT_EQ(field(Field::exit_reason), 18u);
        EXPECT_EQ(field(Field::page_log_index), 508u);
        EXPECT_EQ(m.get<u64>(log_page + 511 * 8), 0x1000u) << "the guest's top table, in a large page with the others";
        EXPECT_EQ(m.get<u64>(log_page + 510 * 8), target);
        EXPECT_EQ(m.get<u64>(log_page + 509 * 8), target + 0x1000);
        EXPECT_EQ(leaf(2) & 0x300, 0x100u);
        v.vmcs.set(Field::page_log_index, 512);
        ASSERT_TRUE(go(engine, "48 89 0b 48 89 8b 00 20 00 00 0f 01 c1"));
        EXPECT_EQ(field(Field::exit_reason), 62u);
        EXPECT_EQ(field(Field::guest_rip), TestMachine::code + 3) << "the store that would make another page dirty";
        EXPECT_EQ(leaf(2) & 0x300, 0x100u);
    }
}

TEST_F(VmxExecution, a_violation_becomes_a_virtualization_exception_while_the_area_is_free) {
    controls(0, use_ept | violation_ve);
    v.vmcs.set(Field::ve_information_address, area), v.vmcs.set(Field::eptp_index, 0x321);
    constexpr u64 handler = 0x9000;
    m.put(TestMachine::idt + 20 * 16, handler | u64{TestMachine::code64} << 16 | u64{0x8e00} << 32);
    m.put_code("0f 01 c1", handler);
    for (auto engine : engines) {
        map(), leaf() = 0, m.put(area + 4, u32{0});
        ASSERT_TRUE(go(engine, "90 48 89 0b 0f 01 c1"));
        EXPECT_EQ(field(Field::exit_reason), 18u);
        EXPECT_EQ(field(Field::guest_rip), handler);
        EXPECT_EQ(m.get<u64>(field(Field::guest_rsp)), TestMachine::code + 1);
        EXPECT_EQ(m.get<u32>(area), 48u);
        EXPECT_EQ(m.get<u32>(area + 4), 0xffffffffu);
        EXPECT_EQ(m.get<u64>(area + 8), 0x782u) << "a write, to a user's writable page of the guest's";
        EXPECT_EQ(m.get<u64>(area + 16), target);
        EXPECT_EQ(m.get<u64>(area + 24), target);
        EXPECT_EQ(m.get<u16>(area + 32), 0x321);
        ASSERT_TRUE(go(engine, "90 48 89 0b 0f 01 c1"));
        EXPECT_EQ(field(Field::exit_reason), 48u) << "busy";
        EXPECT_EQ(field(Field::guest_rip), TestMachine::code + 1);
        m.put(area + 4, u32{0}), leaf() = bit(63);
        ASSERT_TRUE(go(engine, "90 48 89 0b 0f 01 c1"));
        EXPECT_EQ(field(Field::exit_reason), 48u) << "suppressed";
        EXPECT_EQ(m.get<u32>(area + 4), 0u);
    }
}

// Elements that a string instruction would like to store at once, and then one by one.
TEST_F(VmxExecution, a_repeated_store_is_told_of_once_and_where_it_stopped) {
    controls(0, use_ept | violation_ve);
    v.vmcs.set(Field::ve_information_address, area);
    constexpr u64 handler = 0x9000;
    m.put(TestMachine::idt + 20 * 16, handler | u64{TestMachine::code64} << 16 | u64{0x8e00} << 32);
    m.put_code("0f 01 c1", handler);
    for (auto engine : engines) {
        map(), leaf(1) = 0, m.put(area + 4, u32{0});
        // mov rdi, rbx; mov ecx, 1000h; rep stosd; vmcall
        ASSERT_TRUE(go(engine, "48 89 df b9 00 10 00 00 f3 ab 0f 01 c1"));
        EXPECT_EQ(field(Field::exit_reason), 18u);
        EXPECT_EQ(field(Field::guest_rip), handler);
        EXPECT_EQ(m.get<u64>(area + 16), target + 0x1000);
        EXPECT_EQ(m.cpu.gpr[rcx], 0x1000u - 0x400);
    }
}

TEST_F(VmxExecution, vmread_and_vmwrite_reach_the_linked_vmcs) {
    constexpr u64 linked = 0x70000, read_bits = 0x71000, write_bits = 0x72000;
    m.put(linked, vmx::revision | u32(bit(31))), m.put(region, vmx::revision);
    v.make_current(linked);
    EXPECT_TRUE(v.is_shadow);
    v.vmcs.set(Field::guest_rip, 0x1234);
    v.clear(linked);
    v.make_current(region);
    EXPECT_FALSE(v.is_shadow);
    controls(0, bit(14));
    v.vmcs.set(Field::vmcs_link_pointer, linked), v.vmcs.set(Field::vmread_bitmap, read_bits), v.vmcs.set(Field::vmwrite_bitmap, write_bits);
    for (auto engine : engines) {
        m.cpu.gpr[rdx] = 0x681e, m.put(read_bits + 0x681e / 8, u8(0));
        // mov ecx, 3; 1: vmread rax, rdx; inc rax; vmwrite rdx, rax; dec ecx; jnz 1b; vmcall
        ASSERT_TRUE(run(engine, "b9 03 00 00 00 0f 78 d0 48 ff c0 0f 79 d0 ff c9 75 f3 0f 01 c1"));
        EXPECT_EQ(field(Field::exit_reason), 18u);
        EXPECT_EQ(m.cpu.gpr[rax], engine == Engine::slow ? 0x1237u : 0x123au);
        EXPECT_NE(field(Field::guest_rip), 0x1237u) << "its own field";
        m.put(read_bits + 0x681e / 8, u8(1 << (0x681e & 7)));
        m.cpu.gpr[rdx] = 0x681e;
        ASSERT_TRUE(run(engine, "0f 78 d0 0f 01 c1"));
        EXPECT_EQ(field(Field::exit_reason), 23u);
    }
}

}
