// SPDX-License-Identifier: MIT
// System instructions: the rules of control and debug registers, MSRs, time, fast system calls, bases, keys.
#include "base/log.h"
#include "tests/cpu/machine.h"
#include <gtest/gtest.h>

namespace {

struct System : testing::Test {
    TestMachine m;
    Cpu& cpu = m.cpu;
    System() { set_logging(false); }
    ~System() { set_logging(true); }
    static void to_ring3(TestMachine& m) {
        m.cpu.cpl = 3;
        m.cpu.mode_changed();
    }
    static testing::AssertionResult faults(TestMachine& m, const char* code, u8 vector) {
        u64 cr0 = m.cpu.control.cr0, cr3 = m.cpu.control.cr3, cr4 = m.cpu.control.cr4, flags = m.cpu.rflags;
        if (m.run_one(code) != Outcome::fault) return testing::AssertionFailure() << code << " raises nothing";
        if (m.cpu.fault_.vector != vector) return testing::AssertionFailure() << code << " raises vector " << int(m.cpu.fault_.vector);
        if (m.cpu.fault_.code) return testing::AssertionFailure() << code << " has error code " << m.cpu.fault_.code;
        bool same = cr0 == m.cpu.control.cr0 && cr3 == m.cpu.control.cr3 && cr4 == m.cpu.control.cr4 && flags == m.cpu.rflags;
        return same ? testing::AssertionSuccess() : testing::AssertionFailure() << code << " changed something";
    }
    testing::AssertionResult gp(const char* code) { return faults(m, code, gp_vector); }
    testing::AssertionResult gp_with(const char* code, u64 value) { return cpu.gpr[rax] = value, gp(code); }
    void run_with(const char* code, u64 value) {
        cpu.gpr[rax] = value;
        ASSERT_NE(m.run_one(code), Outcome::fault) << code << " raises vector " << int(cpu.fault_.vector);
    }
};

constexpr const char *to_cr0 = "0f 22 c0", *to_cr3 = "0f 22 d8", *to_cr4 = "0f 22 e0", *to_cr8 = "44 0f 22 c0";

TEST_F(System, cr0_refuses_what_cannot_be) {
    u64 now = cpu.control.cr0;
    EXPECT_TRUE(gp_with(to_cr0, now & ~cr0::pe));            // PG without PE
    EXPECT_TRUE(gp_with(to_cr0, now | cr0::nw));             // NW without CD
    EXPECT_TRUE(gp_with(to_cr0, now & ~cr0::pg));            // PG cleared in 64-bit mode
    EXPECT_TRUE(gp_with(to_cr0, now | bit(32)));
    run_with(to_cr0, now | cr0::ts | bit(6));                // reserved bits of the low half are ignored
    EXPECT_EQ(cpu.control.cr0, now | cr0::ts);
    m.run_one("0f 06");
    EXPECT_EQ(cpu.control.cr0, now);
    run_with(to_cr0, now & ~cr0::et);
    EXPECT_EQ(cpu.control.cr0, now | cr0::et);
}

TEST_F(System, long_mode_begins_and_ends_with_paging) {
    TestMachine c(TestMode::compatibility32);
    c.cpu.gpr[rax] = c.cpu.control.cr0 & ~cr0::pg;
    ASSERT_EQ(c.run_one(to_cr0), Outcome::changed);
    EXPECT_EQ(c.cpu.control.efer & (efer::lma | efer::lme), efer::lme);
    c.cpu.control.cr4 &= ~cr4::pae;
    c.cpu.gpr[rax] = c.cpu.control.cr0 | cr0::pg;
    EXPECT_TRUE(faults(c, to_cr0, gp_vector));               // LME needs PAE
    c.cpu.control.cr4 |= cr4::pae;
    c.cpu.gpr[rax] = c.cpu.control.cr0 | cr0::pg;
    ASSERT_EQ(c.run_one(to_cr0), Outcome::changed);
    EXPECT_TRUE(c.cpu.control.efer & efer::lma);
}

TEST_F(System, pae_paging_loads_its_four_entries_or_refuses) {
    TestMachine p(TestMode::protected32);
    p.put(0x5000, u64{0x6001});
    p.put(0x5008, u64{0x7000});                              // not present: anything goes
    p.put(0x5010, u64{0x8003});                              // R/W is reserved here
    p.cpu.control.cr4 |= cr4::pae;
    p.cpu.control.cr3 = 0x5000;
    p.cpu.gpr[rax] = p.cpu.control.cr0 | cr0::pg;
    EXPECT_TRUE(faults(p, to_cr0, gp_vector));
    p.put(0x5010, u64{0x8001});
    p.cpu.gpr[rax] = p.cpu.control.cr0 | cr0::pg;
    ASSERT_EQ(p.run_one(to_cr0), Outcome::changed);
    EXPECT_EQ(p.cpu.control.pdpte, (std::array<u64, 4>{0x6001, 0x7000, 0x8001, 0}));
}

TEST_F(System, cr3_reserves_the_bits_beyond_physical_addresses) {
    EXPECT_TRUE(gp_with(to_cr3, 0x1000 | bit(46)));
    EXPECT_TRUE(gp_with(to_cr3, 0x1000 | bit(63)));          // without PCIDE
    run_with(to_cr3, 0x1000 | 0x18);
    EXPECT_EQ(cpu.control.cr3, 0x1018u);
    run_with(to_cr3, 0x1000);
    run_with(to_cr4, cpu.control.cr4 | cr4::pcide);
    run_with(to_cr3, 0x1005 | bit(63));
    EXPECT_EQ(cpu.control.cr3, 0x1005u);
}

TEST_F(System, cr4_refuses_what_cannot_be) {
    u64 now = cpu.control.cr4;
    EXPECT_TRUE(gp_with(to_cr4, now & ~cr4::pae));
    EXPECT_TRUE(gp_with(to_cr4, now ^ cr4::la57));
    EXPECT_TRUE(gp_with(to_cr4, now | cr4::smxe));           // not in CPUID
    EXPECT_TRUE(gp_with(to_cr4, now | bit(15)));
    cpu.control.cr3 |= 1;
    EXPECT_TRUE(gp_with(to_cr4, now | cr4::pcide));          // CR3[11:0] must be 0
    cpu.control.cr3 &= ~u64{1};
    run_with(to_cr4, now | cr4::pcide | cr4::smep | cr4::fsgsbase);
    EXPECT_EQ(cpu.control.cr4, now | cr4::pcide | cr4::smep | cr4::fsgsbase);
}

TEST_F(System, cr8_is_the_task_priority_class) {
    EXPECT_TRUE(gp_with(to_cr8, 16));
    run_with(to_cr8, 9);
    EXPECT_EQ(cpu.apic.read(0x80, 4), 0x90u);
    ASSERT_EQ(m.run_one("44 0f 20 c3"), Outcome::next);      // mov rbx, cr8
    EXPECT_EQ(cpu.gpr[rbx], 9u);
}

TEST_F(System, lmsw_sets_pe_and_never_clears_it) {
    TestMachine r(TestMode::real16);
    r.cpu.gpr[rax] = 0x000f;
    ASSERT_EQ(r.run_one("0f 01 f0"), Outcome::changed);
    EXPECT_EQ(r.cpu.control.cr0 & 15, 15u);
    u64 now = cpu.control.cr0;
    run_with("0f 01 f0", 0);
    EXPECT_EQ(cpu.control.cr0, (now & ~u64{15}) | 1);
}

TEST_F(System, smsw_stores_two_bytes_or_the_operand_size) {
    cpu.gpr[rax] = ~u64{0};
    m.run_one("66 0f 01 e0");
    EXPECT_EQ(cpu.gpr[rax], 0xffffffffffff0000 | u16(cpu.control.cr0));
    m.run_one("48 0f 01 e0");
    EXPECT_EQ(cpu.gpr[rax], cpu.control.cr0);
    m.put(TestMachine::data, ~u64{0});
    cpu.gpr[rbx] = TestMachine::data;
    m.run_one("48 0f 01 23");
    EXPECT_EQ(m.get<u64>(TestMachine::data), 0xffffffffffff0000 | u16(cpu.control.cr0));
}

TEST_F(System, privileged_instructions_are_refused_in_ring_3) {
    to_ring3(m);
    for (auto code : {"0f 20 c0", "0f 22 c0", "0f 21 c0", "0f 23 c0", "0f 06", "0f 01 f0", "0f 01 13", "0f 01 1b", "0f 01 3b", "66 0f 38 82 03",
                      "0f 08", "0f 09", "f4", "0f 32", "0f 30", "0f 01 f8", "48 0f 07", "0f 35", "0f 01 d1"})
        EXPECT_TRUE(gp(code));
    cpu.control.cr4 |= cr4::tsd;
    EXPECT_TRUE(gp("0f 31"));
    EXPECT_TRUE(gp("0f 01 f9"));
    EXPECT_TRUE(gp("0f 33"));
    cpu.control.cr4 |= cr4::umip;
    for (auto code : {"0f 01 e0", "0f 01 03", "0f 01 0b"}) EXPECT_TRUE(gp(code));
    for (auto code : {"0f 01 ca", "0f 01 cb"}) EXPECT_TRUE(faults(m, code, ud_vector));
}

TEST_F(System, debug_registers) {
    run_with("0f 23 f8", 0xffffffff);                        // mov dr7, rax
    EXPECT_EQ(cpu.control.dr[7], 0xffff27ffu);
    Fault before{};
    cpu.fault_ = before;
    ASSERT_EQ(m.run_one("0f 21 c0"), Outcome::fault);        // GD
    EXPECT_EQ(cpu.fault_.vector, db_vector);
    EXPECT_EQ(cpu.fault_.address, bit(13));
    cpu.control.dr[7] = 0x400;
    cpu.mode_changed();
    run_with("0f 23 f0", 0xffffffff);
    EXPECT_EQ(cpu.control.dr[6], 0xffffefffu);
    EXPECT_TRUE(gp_with("0f 23 f0", bit(32)));
    ASSERT_EQ(m.run_one("0f 21 e3"), Outcome::next);         // mov rbx, dr4: DR6
    EXPECT_EQ(cpu.gpr[rbx], 0xffffefffu);
    cpu.control.cr4 |= cr4::de;
    EXPECT_TRUE(faults(m, "0f 21 e3", ud_vector));
}

TEST_F(System, descriptor_table_registers) {
    cpu.gpr[rbx] = TestMachine::data;
    m.put(TestMachine::data, u16{0x1ff});
    m.put(TestMachine::data + 2, u64{0xffff800000123456});
    ASSERT_EQ(m.run_one("0f 01 1b"), Outcome::next);
    EXPECT_EQ(cpu.seg.idtr.base, 0xffff800000123456);
    EXPECT_EQ(cpu.seg.idtr.limit, 0x1ff);
    m.put(TestMachine::data, u64{0});
    m.put(TestMachine::data + 8, ~u64{0});
    ASSERT_EQ(m.run_one("0f 01 0b"), Outcome::next);
    EXPECT_EQ(m.get<u16>(TestMachine::data), 0x1ff);
    EXPECT_EQ(m.get<u64>(TestMachine::data + 2), 0xffff800000123456);
    EXPECT_EQ(m.get<u8>(TestMachine::data + 10), 0xff);
    // This CPU has 57-bit linear addresses: what it keeps of them may be that wide without CR4.LA57.
    m.put(TestMachine::data + 2, u64{0x0100000000000000});
    EXPECT_TRUE(gp("0f 01 13"));
    m.put(TestMachine::data + 2, u64{0x0000800000000000});
    EXPECT_EQ(m.run_one("0f 01 13"), Outcome::next);
    TestMachine narrow(TestMode::long64, "haswell");
    narrow.cpu.gpr[rbx] = TestMachine::data;
    narrow.put(TestMachine::data + 2, u64{0x0000800000000000});
    EXPECT_EQ(narrow.run_one("0f 01 13"), Outcome::fault);
    TestMachine p(TestMode::protected32);
    p.cpu.gpr[rbx] = TestMachine::data;
    p.put(TestMachine::data, u64{0x000089abcdef01ff});
    ASSERT_EQ(p.run_one("66 0f 01 1b"), Outcome::next);      // 24 bits of base
    EXPECT_EQ(p.cpu.seg.idtr.base, 0xabcdefu);
}

TEST_F(System, invpcid_checks_its_descriptor) {
    cpu.gpr[rbx] = TestMachine::data;
    auto run = [&](u64 type, u64 pcid, u64 address) {
        m.put(TestMachine::data, pcid), m.put(TestMachine::data + 8, address);
        cpu.gpr[rax] = type;
        return m.run_one("66 0f 38 82 03");
    };
    EXPECT_EQ(run(0, 0, 0x1000), Outcome::changed);
    EXPECT_EQ(run(0, 0, 0x0000800000000000), Outcome::changed);      // 57 bits wide, whatever CR4.LA57
    EXPECT_EQ(run(0, 0, 0x0100000000000000), Outcome::fault);
    EXPECT_EQ(run(1, 0, 0x0100000000000000), Outcome::changed);
    EXPECT_EQ(run(1, 5, 0), Outcome::fault);                 // without PCIDE only 0
    EXPECT_EQ(run(2, 5, 0), Outcome::changed);
    EXPECT_EQ(run(2, 0x1000, 0), Outcome::fault);
    EXPECT_EQ(run(4, 0, 0), Outcome::fault);
    EXPECT_EQ(run(bit(32), 0, 0), Outcome::fault);           // all 64 bits count
}

TEST_F(System, hlt_halts_behind_itself) {
    ASSERT_EQ(m.run_one("f4"), Outcome::changed);
    EXPECT_EQ(cpu.activity, Activity::halted);
    EXPECT_EQ(cpu.rip(), TestMachine::code + 1);
}

TEST_F(System, msr_values_are_split_over_edx_and_eax) {
    cpu.gpr[rcx] = 0xffffffffc0000082, cpu.gpr[rax] = ~u64{0}, cpu.gpr[rdx] = 0xffff8000;
    ASSERT_EQ(m.run_one("0f 30"), Outcome::changed);
    EXPECT_EQ(cpu.msr.lstar, 0xffff8000ffffffffu);
    cpu.gpr[rax] = cpu.gpr[rdx] = ~u64{0};
    ASSERT_EQ(m.run_one("0f 32"), Outcome::next);
    EXPECT_EQ(cpu.gpr[rax], 0xffffffffu);
    EXPECT_EQ(cpu.gpr[rdx], 0xffff8000u);
    cpu.gpr[rcx] = 0x7777;
    EXPECT_TRUE(gp("0f 32"));
    EXPECT_TRUE(gp("0f 30"));
}

TEST_F(System, time) {
    m.clock.ticks = 0x123456789;
    ASSERT_EQ(m.run_one("0f 31"), Outcome::next);
    EXPECT_EQ(cpu.gpr[rdx] << 32 | cpu.gpr[rax], m.clock.ticks);
    cpu.msr.tsc_aux = 0x55;
    ASSERT_EQ(m.run_one("0f 01 f9"), Outcome::next);
    EXPECT_EQ(cpu.gpr[rcx], 0x55u);
    ASSERT_EQ(m.run_one("f3 0f c7 fb"), Outcome::next);
    EXPECT_EQ(cpu.gpr[rbx], 0x55u);
}

TEST_F(System, syscall_and_sysret_as_intel_has_them) {
    cpu.msr.star = u64{0x33} << 48 | u64{0x08} << 32;
    cpu.msr.lstar = 0xffff800000000000, cpu.msr.fmask = rflags::if_ | rflags::df;
    to_ring3(m);
    cpu.rflags = 2 | rflags::if_ | rflags::cf;
    ASSERT_EQ(m.run_one("0f 05"), Outcome::taken);
    EXPECT_EQ(cpu.gpr[rcx], TestMachine::code + 2);
    EXPECT_EQ(cpu.gpr[r11], 2 | rflags::if_ | rflags::cf);
    EXPECT_EQ(cpu.rip(), 0xffff800000000000);
    EXPECT_EQ(cpu.rflags, 2 | rflags::cf);
    EXPECT_EQ(cpu.cpl, 0);
    EXPECT_EQ(cpu.seg[Seg::cs].selector, 0x08);
    EXPECT_EQ(cpu.seg[Seg::cs].rights.value, 0xa09bu);
    EXPECT_EQ(cpu.seg[Seg::ss].selector, 0x10);
    EXPECT_EQ(cpu.seg[Seg::ss].rights.value, 0xc093u);

    cpu.gpr[rcx] = 0x0000800000000000;
    EXPECT_TRUE(gp("48 0f 07"));
    cpu.gpr[rcx] = 0x12345, cpu.gpr[r11] = ~u64{0};
    ASSERT_EQ(m.run_one("48 0f 07"), Outcome::taken);
    EXPECT_EQ(cpu.rip(), 0x12345u);
    EXPECT_EQ(cpu.rflags, 0x3c7fd7u);
    EXPECT_EQ(cpu.cpl, 3);
    EXPECT_EQ(cpu.seg[Seg::cs].selector, 0x43);
    EXPECT_EQ(cpu.seg[Seg::cs].rights.value, 0xa0fbu);
    EXPECT_EQ(cpu.seg[Seg::ss].selector, 0x3b);
}

TEST_F(System, sysret_to_compatibility_mode) {
    cpu.msr.star = u64{0x43} << 48;
    cpu.gpr[rcx] = 0xabcdef0012345678, cpu.gpr[r11] = 2;
    ASSERT_EQ(m.run_one("0f 07"), Outcome::taken);
    EXPECT_EQ(cpu.rip(), 0x12345678u);
    EXPECT_EQ(cpu.seg[Seg::cs].selector, 0x43);
    EXPECT_EQ(cpu.seg[Seg::cs].rights.value, 0xc0fbu);
    EXPECT_FALSE(cpu.bits64());
}

TEST_F(System, syscall_needs_sce_and_on_intel_64_bit_mode) {
    TestMachine c(TestMode::compatibility32), a(TestMode::compatibility32, "max-amd");
    EXPECT_TRUE(faults(c, "0f 05", ud_vector));
    a.cpu.msr.star = u64{0x08} << 32, a.cpu.msr.cstar = 0x4444;
    ASSERT_EQ(a.run_one("0f 05"), Outcome::taken);
    EXPECT_EQ(a.cpu.rip(), 0x4444u);
    EXPECT_TRUE(a.cpu.bits64());
    cpu.control.efer &= ~efer::sce;
    EXPECT_TRUE(faults(m, "0f 05", ud_vector));
}

TEST_F(System, amds_sysret_leaves_the_hidden_part_of_ss) {
    TestMachine a(TestMode::long64, "max-amd");
    a.cpu.msr.star = u64{0x33} << 48;
    a.cpu.seg[Seg::ss].rights.value = Rights::unusable_bit;
    a.cpu.gpr[rcx] = 0x0000800000000000, a.cpu.gpr[r11] = 2;
    ASSERT_EQ(a.run_one("48 0f 07"), Outcome::taken);        // not checked there
    EXPECT_EQ(a.cpu.seg[Seg::ss].selector, 0x3b);
    EXPECT_TRUE(a.cpu.seg[Seg::ss].rights.unusable());
}

TEST_F(System, sysenter_and_sysexit) {
    EXPECT_TRUE(gp("0f 34"));                                // SYSENTER_CS is 0
    cpu.msr.sysenter_cs = 0x08, cpu.msr.sysenter_esp = 0xffff800000001000, cpu.msr.sysenter_eip = 0xffff800000002000;
    to_ring3(m);
    cpu.rflags = 2 | rflags::if_;
    ASSERT_EQ(m.run_one("0f 34"), Outcome::taken);
    EXPECT_EQ(cpu.rip(), 0xffff800000002000);
    EXPECT_EQ(cpu.gpr[rsp], 0xffff800000001000);
    EXPECT_EQ(cpu.rflags, 2u);
    EXPECT_EQ(cpu.seg[Seg::cs].selector, 0x08);
    cpu.gpr[rcx] = 0x7000, cpu.gpr[rdx] = 0x0000800000000000;
    EXPECT_TRUE(gp("48 0f 35"));
    cpu.gpr[rdx] = 0x8000;
    ASSERT_EQ(m.run_one("48 0f 35"), Outcome::taken);
    EXPECT_EQ(cpu.rip(), 0x8000u);
    EXPECT_EQ(cpu.gpr[rsp], 0x7000u);
    EXPECT_EQ(cpu.seg[Seg::cs].selector, 0x2b);
    EXPECT_EQ(cpu.seg[Seg::ss].selector, 0x33);
    TestMachine a(TestMode::long64, "max-amd");
    EXPECT_TRUE(faults(a, "0f 34", ud_vector));
    EXPECT_TRUE(faults(a, "0f 35", ud_vector));
}

TEST_F(System, bases_of_fs_and_gs) {
    EXPECT_TRUE(faults(m, "f3 48 0f ae d0", ud_vector));     // CR4.FSGSBASE is clear
    cpu.control.cr4 |= cr4::fsgsbase;
    run_with("f3 48 0f ae d0", 0xffff800000000000);
    EXPECT_EQ(cpu.seg[Seg::fs].base, 0xffff800000000000);
    EXPECT_TRUE(gp_with("f3 48 0f ae d8", 0x0100000000000000));
    run_with("f3 0f ae d8", 0xffffffff12345678);
    EXPECT_EQ(cpu.seg[Seg::gs].base, 0x12345678u);
    m.run_one("f3 48 0f ae c3");
    EXPECT_EQ(cpu.gpr[rbx], 0xffff800000000000);
    cpu.msr.kernel_gs_base = 0x77;
    m.run_one("0f 01 f8");
    EXPECT_EQ(cpu.seg[Seg::gs].base, 0x77u);
    EXPECT_EQ(cpu.msr.kernel_gs_base, 0x12345678u);
}

TEST_F(System, protection_keys_and_smap_switches) {
    EXPECT_TRUE(faults(m, "0f 01 ee", ud_vector));
    cpu.control.cr4 |= cr4::pke;
    cpu.gpr[rcx] = 1;
    EXPECT_TRUE(gp("0f 01 ee"));
    cpu.gpr[rcx] = 0, cpu.gpr[rdx] = 1;
    EXPECT_TRUE(gp("0f 01 ef"));
    cpu.gpr[rdx] = 0;
    run_with("0f 01 ef", 0x55555554);
    EXPECT_EQ(cpu.control.pkru, 0x55555554u);
    m.run_one("0f 01 cb");
    EXPECT_TRUE(cpu.rflags & rflags::ac);
    m.run_one("0f 01 ca");
    EXPECT_FALSE(cpu.rflags & rflags::ac);
}

}
