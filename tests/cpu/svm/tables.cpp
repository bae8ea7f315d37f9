// SPDX-License-Identifier: MIT
// The VMCB's layout and the exit codes against literals from the manual (APM vol. 2, appendices B and C).
#include "cpu/svm/intercepts.h"
#include "cpu/svm/listing.h"
#include <algorithm>
#include <gtest/gtest.h>

using namespace svm;

TEST(SvmTables, fields_lie_where_the_manual_says) {
    struct { Field field; u16 offset; u8 bytes; } rows[] = {
        {Field::intercept_exception, 0x008, 4}, {Field::intercept_4, 0x010, 4}, {Field::pause_threshold, 0x03c, 2}, {Field::pause_count, 0x03e, 2},
        {Field::iopm_base, 0x040, 8}, {Field::tsc_offset, 0x050, 8}, {Field::asid, 0x058, 4}, {Field::tlb_control, 0x05c, 1},
        {Field::interrupt_control, 0x060, 8}, {Field::interrupt_shadow, 0x068, 8}, {Field::exit_code, 0x070, 8}, {Field::exit_int_info, 0x088, 8},
        {Field::nested_control, 0x090, 8}, {Field::event_injection, 0x0a8, 8}, {Field::nested_cr3, 0x0b0, 8}, {Field::clean, 0x0c0, 4},
        {Field::next_rip, 0x0c8, 8}, {Field::fetched_count, 0x0d0, 1}, {Field::fetched_low, 0x0d1, 8}, {Field::es_selector, 0x400, 2},
        {Field::cs_limit, 0x414, 4}, {Field::gdtr_base, 0x468, 8}, {Field::tr_base, 0x498, 8}, {Field::cpl, 0x4cb, 1}, {Field::efer, 0x4d0, 8},
        {Field::cr4, 0x548, 8}, {Field::cr3, 0x550, 8}, {Field::cr0, 0x558, 8}, {Field::dr7, 0x560, 8}, {Field::dr6, 0x568, 8},
        {Field::rflags, 0x570, 8}, {Field::rip, 0x578, 8}, {Field::rsp, 0x5d8, 8}, {Field::rax, 0x5f8, 8}, {Field::star, 0x600, 8},
        {Field::sysenter_eip, 0x638, 8}, {Field::cr2, 0x640, 8}, {Field::gpat, 0x668, 8}, {Field::debugctl, 0x670, 8}, {Field::branch_from, 0x678, 8},
        {Field::branch_to, 0x680, 8}, {Field::exception_from, 0x688, 8}, {Field::exception_to, 0x690, 8}, {Field::avic_apic_bar, 0x098, 8},
        {Field::avic_backing_page, 0x0e0, 8}, {Field::avic_logical_table, 0x0f0, 8}, {Field::avic_physical_table, 0x0f8, 8},
    };
    for (auto& r : rows) {
        EXPECT_EQ(svm::row(r.field).offset, r.offset) << svm::row(r.field).text;
        EXPECT_EQ(svm::row(r.field).bytes, r.bytes) << svm::row(r.field).text;
    }
}

TEST(SvmTables, clean_bits_are_the_manuals) {
    struct { Field field; unsigned bit; } rows[] = {
        {Field::intercept_cr, 0}, {Field::tsc_offset, 0}, {Field::pause_count, 0}, {Field::iopm_base, 1}, {Field::msrpm_base, 1}, {Field::asid, 2},
        {Field::interrupt_control, 3}, {Field::nested_cr3, 4}, {Field::gpat, 4}, {Field::cr0, 5}, {Field::cr3, 5}, {Field::cr4, 5}, {Field::efer, 5},
        {Field::dr6, 6}, {Field::dr7, 6}, {Field::gdtr_base, 7}, {Field::idtr_limit, 7}, {Field::cs_base, 8}, {Field::cpl, 8}, {Field::cr2, 9}, {Field::debugctl, 10},
        {Field::exception_to, 10}, {Field::avic_apic_bar, 11}, {Field::avic_physical_table, 11},
    };
    for (auto& r : rows) EXPECT_EQ(unsigned(svm::row(r.field).clean), r.bit) << svm::row(r.field).text;
    for (Field f : {Field::rip, Field::rsp, Field::rax, Field::rflags, Field::event_injection, Field::tlb_control, Field::interrupt_shadow})
        EXPECT_FALSE(has_clean_bit(svm::row(f).clean)) << svm::row(f).text;
}

TEST(SvmTables, intercept_bits_are_the_manuals) {
    struct { Exit exit; u16 offset; unsigned bit; } rows[] = {
        {numbered(Exit::cr_read, 3), 0x000, 3}, {numbered(Exit::cr_write, 0), 0x000, 16}, {numbered(Exit::dr_write, 7), 0x004, 23},
        {numbered(Exit::exception, 14), 0x008, 14}, {Exit::intr, 0x00c, 0}, {Exit::vintr, 0x00c, 4}, {Exit::cpuid, 0x00c, 18}, {Exit::hlt, 0x00c, 24},
        {Exit::ioio, 0x00c, 27}, {Exit::msr, 0x00c, 28}, {Exit::shutdown, 0x00c, 31}, {Exit::vmrun, 0x010, 0}, {Exit::xsetbv, 0x010, 13},
        {Exit::invpcid, 0x014, 2},
    };
    for (auto& r : rows) {
        Vmcb vmcb;
        EXPECT_FALSE(intercepts(vmcb, r.exit));
        for (auto& f : fields)
            if (f.offset == r.offset) vmcb[f.field] = bit(r.bit);
        EXPECT_TRUE(intercepts(vmcb, r.exit)) << std::hex << unsigned(r.exit);
    }
}

TEST(SvmTables, each_code_has_one_row) {
    for (u64 code = 0; code < 0x500; code++) {
        unsigned rows = 0;
        for (auto& r : exits) rows += code - u16(r.exit) < r.count;
        EXPECT_LE(rows, 1u) << std::hex << code;
        EXPECT_EQ(exit_row(code) != nullptr, rows == 1) << std::hex << code;
    }
    EXPECT_EQ(exit_row(0x1f)->text, "CR0-15 write");
    EXPECT_EQ(exit_of(isa::Event::hlt)->exit, Exit::hlt);
    EXPECT_EQ(exit_of(isa::Event::none), nullptr);
}

TEST(SvmTables, attributes_are_the_descriptors_bits_together) {
    EXPECT_EQ(rights_of(0xa9b), 0xa09bu);
    EXPECT_EQ(attributes_of(0xc093), 0xc93u);
}

// A VMCB in memory that no RAM backs is read as the bus gives it, and in RAM field by field.
TEST(SvmTables, a_vmcb_goes_to_memory_and_comes_back) {
    alignas(4096) static std::array<u8, 8192> ram{};
    PhysicalMap memory{40};
    memory.map_ram(Physical(0), ram);
    Vmcb out, in;
    out[Field::rip] = 0x1122334455667788, out[Field::cpl] = 3, out[Field::asid] = 7;
    static constexpr Field which[] = {Field::rip, Field::cpl};
    out.store<which>({memory, Physical(0x1000)});
    EXPECT_EQ(ram[0x1000 + 0x578], 0x88);
    EXPECT_EQ(ram[0x1000 + 0x4cb], 3);
    EXPECT_EQ(ram[0x1000 + 0x58], 0);
    in.load(memory, Physical(0x1000), of(Clean::seg));
    EXPECT_EQ(in[Field::cpl], 3u);
    EXPECT_EQ(in[Field::rip], 0u);
    in.load(memory, Physical(0x100000), of(Clean::fetched));
    EXPECT_EQ(in[Field::rip], ~u64{0});
    EXPECT_EQ(in[Field::tlb_control], 0xffu);
}

TEST(SvmTables, listings_have_a_line_for_each_row) {
    auto lines = [](const std::string& s) { return std::ranges::count(s, '\n'); };
    EXPECT_EQ(lines(list_exits()), s64(std::size(exits)) + 5);
    EXPECT_EQ(lines(list_fields()), s64(std::size(fields)) + 4);
    EXPECT_NE(list_checks().find("| asid.zero | 15.5.1 | the ASID is not the host's, 0 | Breaks/VmrunCheck.breaks_alone/asid_zero |"), std::string::npos);
    EXPECT_NE(list_capabilities().find("| 0 | npt |"), std::string::npos);
}
