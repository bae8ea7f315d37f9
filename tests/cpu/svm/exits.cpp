// SPDX-License-Identifier: MIT
// What makes a guest exit, and what the VMCB says of it (APM vol. 2, 15.7 to 15.14).
#include "tests/cpu/svm/host.h"

using namespace svm;

namespace {

struct Intercepted {
    const char* code;
    Exit exit;
    unsigned length;
    u64 information1;
};

// Ring 0, 64-bit; RCX = 10h (an MSR), RBX = 20000h, RAX = 0.
const Intercepted instructions[] = {
    {"0f 20 d8", numbered(Exit::cr_read, 3), 3, 0x8000000000000000},       // MOV RAX, CR3
    {"0f 20 e7", numbered(Exit::cr_read, 4), 3, 0x8000000000000007},       // MOV RDI, CR4
    {"0f 22 d9", numbered(Exit::cr_write, 3), 3, 0x8000000000000001},      // MOV CR3, RCX
    {"44 0f 22 c0", numbered(Exit::cr_write, 8), 4, 0x8000000000000000},   // MOV CR8, RAX
    {"0f 01 e0", numbered(Exit::cr_read, 0), 3, 0},                        // SMSW EAX
    {"0f 06", numbered(Exit::cr_write, 0), 2, 0},                          // CLTS
    {"0f 21 f8", numbered(Exit::dr_read, 7), 3, 0},                        // MOV RAX, DR7
    {"0f 23 c2", numbered(Exit::dr_write, 0), 3, 2},                       // MOV DR0, RDX
    {"0f 01 0b", Exit::idtr_read, 3, 0},
    {"0f 01 03", Exit::gdtr_read, 3, 0},
    {"0f 00 c0", Exit::ldtr_read, 3, 0},
    {"0f 00 c8", Exit::tr_read, 3, 0},
    {"0f 01 1b", Exit::idtr_write, 3, 0},
    {"0f 01 13", Exit::gdtr_write, 3, 0},
    {"0f 00 d0", Exit::ldtr_write, 3, 0},
    {"0f 00 d8", Exit::tr_write, 3, 0},
    {"0f 31", Exit::rdtsc, 2, 0},
    {"9c", Exit::pushf, 1, 0},
    {"9d", Exit::popf, 1, 0},
    {"0f a2", Exit::cpuid, 2, 0},
    {"48 cf", Exit::iret, 2, 0},
    {"cd 21", Exit::software_int, 2, 0x21},
    {"0f 08", Exit::invd, 2, 0},
    {"f3 90", Exit::pause, 2, 0},
    {"f4", Exit::hlt, 1, 0},
    {"0f 01 7b 10", Exit::invlpg, 4, 0x20010},                             // INVLPG [RBX + 10h]
    {"0f 01 df", Exit::invlpga, 3, 0},
    {"0f 01 d9", Exit::vmmcall, 3, 0},
    {"0f 01 da", Exit::vmload, 3, 0},
    {"0f 01 db", Exit::vmsave, 3, 0},
    {"0f 01 dc", Exit::stgi, 3, 0},
    {"0f 01 dd", Exit::clgi, 3, 0},
    {"0f 01 de", Exit::skinit, 3, 0},
    {"0f 01 d8", Exit::vmrun, 3, 0},
    {"0f 01 f9", Exit::rdtscp, 3, 0},
    {"f1", Exit::icebp, 1, 0},
    {"0f 09", Exit::wbinvd, 2, 0},
    {"0f 01 c8", Exit::monitor, 3, 0},
    {"0f 01 c9", Exit::mwait, 3, 0},
    {"66 0f 38 82 03", Exit::invpcid, 5, 0x20000},
};

void prepare(SvmHost& m) {
    m.set(Field::rax, 0);
    m.cpu.gpr[rcx] = 0x10, m.cpu.gpr[rbx] = m.data, m.cpu.gpr[rdx] = 0;
}

}

TEST(SvmExits, each_intercept_makes_its_instructions_exit_with_nrip_and_decode_assists) {
    for (auto& r : instructions) {
        SvmHost m;
        prepare(m);
        m.intercept(r.exit);
        EXPECT_EQ(m.run_guest(r.code), u16(r.exit)) << r.code;
        EXPECT_EQ(m.get_field(Field::rip), m.guest_code) << r.code;
        EXPECT_EQ(m.get_field(Field::next_rip), m.guest_code + r.length) << r.code;
        EXPECT_EQ(m.get_field(Field::exit_info1), r.information1) << r.code;
        EXPECT_EQ(m.get_field(Field::exit_int_info), 0u) << r.code;
    }
}

TEST(SvmExits, without_decode_assists_there_is_no_information) {
    for (auto& r : instructions) {
        if (r.exit == Exit::invpcid) continue;             // no such instruction there
        SvmHost m("barcelona");
        prepare(m);
        m.intercept(r.exit);
        EXPECT_EQ(m.run_guest(r.code), u16(r.exit)) << r.code;
        EXPECT_EQ(m.get_field(Field::exit_info1), 0u) << r.code;
        EXPECT_EQ(m.get_field(Field::next_rip), m.guest_code + r.length) << r.code;
    }
}

TEST(SvmExits, invpcid_exits_with_its_type) {
    SvmHost m;
    prepare(m);
    m.intercept(Exit::invpcid);
    EXPECT_EQ(m.run_guest("b9 02 00 00 00 66 0f 38 82 4b 10"), 0xa2u);     // MOV ECX, 2; INVPCID RCX, [RBX + 10h]
    EXPECT_EQ(m.get_field(Field::exit_info1), 0x20010u);
    EXPECT_EQ(m.get_field(Field::exit_info2), 2u);
}

TEST(SvmExits, what_is_not_intercepted_does_not_exit) {
    for (auto* code : {"0f 31 f4", "0f a2 f4", "9c 9d f4", "0f 20 d8 f4", "0f 21 f8 f4", "0f 06 f4", "f3 90 f4", "0f 09 f4", "0f 01 3b f4"}) {
        SvmHost m;
        prepare(m);
        EXPECT_EQ(m.run_guest(code), 0x78u) << code;
    }
    SvmHost m;
    m.intercept(Exit::software_int), m.intercept(Exit::rdtscp);
    m.handler(3, 0x61000, "f4");
    EXPECT_EQ(m.run_guest("f3 0f c7 f8 cc"), 0x78u) << "RDPID and INT3";
    EXPECT_EQ(m.get_field(Field::rip), 0x61000u);
}

// APM vol. 2, 15.9: CPL and CR4.TSD come before the intercept, #UD anyway.
TEST(SvmExits, exceptions_come_before_the_intercept) {
    struct { const char* code; Exit exit; bool tsd; u64 want; } rows[] = {
        {"f4", Exit::hlt, false, 0x4d},        {"0f 09", Exit::wbinvd, false, 0x4d},    {"0f 01 3b", Exit::invlpg, false, 0x4d},
        {"0f 32", Exit::msr, false, 0x4d},     {"0f 31", Exit::rdtsc, true, 0x4d},      {"0f 31", Exit::rdtsc, false, 0x6e},
        {"0f a2", Exit::cpuid, false, 0x72},   {"0f 01 dd", Exit::clgi, false, 0x4d},   {"0f 01 d9", Exit::vmmcall, false, 0x81},
        {"0f 20 c0", Exit::cr_read, false, 0x4d}, {"0f 01 c8", Exit::monitor, false, 0x46},
    };
    for (auto& r : rows) {
        SvmHost m;
        m.set(Field::cpl, 3), m.set(Field::cs_attributes, 0xafb), m.set(Field::ss_attributes, 0xcf3);
        m.set(Field::cs_selector, m.user_code64), m.set(Field::ss_selector, m.user_data);
        if (r.tsd) m.set(Field::cr4, 0x624);
        m.intercept(r.exit), m.intercept(numbered(Exit::exception, 13)), m.intercept(numbered(Exit::exception, 6));
        EXPECT_EQ(m.run_guest(r.code), r.want) << r.code;
        EXPECT_EQ(m.get_field(Field::cpl), 3u);
    }
}

// CR0's own rules are before the intercept; the selective one is about more than TS and MP.
TEST(SvmExits, writes_of_cr0) {
    struct { u64 rcx; const char* code; bool all, selective; u64 want; } rows[] = {
        {0x80010031 ^ 0x80000000 ^ 1, "0f 22 c1 f4", true, false, 0x10},   // off
        {0x80010030, "0f 22 c1 f4", true, false, 0x4d},                    // PG without PE
        {0x80010039, "0f 22 c1 f4", false, true, 0x78},                    // TS
        {0x80010033, "0f 22 c1 f4", false, true, 0x78},                    // MP
        {0x80010035, "0f 22 c1 f4", false, true, 0x65},                    // EM
        {0x80010035, "0f 22 c1 f4", true, true, 0x10},
        {0xa, "0f 01 f1 f4", false, true, 0x78},                           // LMSW: MP and TS, PE stays
        {0x4, "0f 01 f1 f4", false, true, 0x65},                           // LMSW: EM
    };
    for (auto& r : rows) {
        SvmHost m;
        if (r.want == 0x10 && !(r.rcx & 0x80000000)) m.set(Field::cs_attributes, 0xc9b);   // paging can't end in 64-bit mode
        m.cpu.gpr[rcx] = r.rcx;
        m.intercept(numbered(Exit::exception, 13));
        m.intercept(numbered(Exit::cr_write, 0), r.all), m.intercept(Exit::cr0_sel_write, r.selective);
        EXPECT_EQ(m.run_guest(r.code), r.want) << std::hex << r.rcx;
    }
}

TEST(SvmExits, an_exception_exits_with_its_code_before_anything_is_recorded) {
    SvmHost m;
    m.intercept(numbered(Exit::exception, 14));
    m.cpu.gpr[rbx] = 0x40000000, m.cpu.control.cr2 = 0;
    m.set(Field::cr2, 0x777);
    EXPECT_EQ(m.run_guest("90 88 03 f4"), 0x4eu);          // MOV [RBX], AL: not present
    EXPECT_EQ(m.get_field(Field::rip), m.guest_code + 1);
    EXPECT_EQ(m.get_field(Field::exit_info1), 2u);
    EXPECT_EQ(m.get_field(Field::exit_info2), 0x40000000u);
    EXPECT_EQ(m.get_field(Field::cr2), 0x777u);
    EXPECT_EQ(m.get_field(Field::next_rip), 0u);
    EXPECT_EQ(m.get_field(Field::fetched_count), 15u);
    EXPECT_EQ(m.get_field(Field::fetched_low) & 0xffffff, 0xf40388u);
}

TEST(SvmExits, int3_exits_with_the_address_behind_it) {
    SvmHost m;
    m.intercept(numbered(Exit::exception, 3));
    EXPECT_EQ(m.run_guest("90 cc"), 0x43u);
    EXPECT_EQ(m.get_field(Field::rip), m.guest_code + 1);
    EXPECT_EQ(m.get_field(Field::next_rip), m.guest_code + 2);
}

TEST(SvmExits, a_debug_exception_exits_with_dr6_as_its_handler_would_see_it) {
    SvmHost m;
    m.intercept(numbered(Exit::exception, 1));
    m.set(Field::rflags, 0x102);
    EXPECT_EQ(m.run_guest("90 90"), 0x41u);
    EXPECT_EQ(m.get_field(Field::rip), m.guest_code + 1);
    EXPECT_EQ(m.get_field(Field::dr6), 0xffff4ff0u);
}

TEST(SvmExits, ports_by_the_permissions_map) {
    struct { const char* code; u64 information; unsigned length; } rows[] = {
        {"e4 70", 0x00700211, 2},                          // IN AL, 70h: IN, 8 bits, 64-bit addresses
        {"e7 70", 0x00700240, 2},                          // OUT 70h, EAX
        {"66 ed", 0x00700221, 2},                          // IN AX, DX
        {"6c", 0x00700215, 1},                             // INSB: ES
        {"f3 67 66 6f", 0x00700d2c, 4},                    // REP OUTSW with 32-bit addresses: DS
        {"64 6f", 0x00701244, 2},                          // OUTSD FS:
    };
    for (auto& r : rows) {
        SvmHost m;
        m.intercept(Exit::ioio);
        m.put(m.iopm + 0x70 / 8, u8(1));
        m.cpu.gpr[rdx] = 0x70, m.cpu.gpr[rcx] = 2, m.cpu.gpr[rsi] = m.cpu.gpr[rdi] = m.data;
        EXPECT_EQ(m.run_guest(r.code), 0x7bu) << r.code;
        EXPECT_EQ(m.get_field(Field::exit_info1), r.information) << r.code;
        EXPECT_EQ(m.get_field(Field::exit_info2), m.guest_code + r.length) << r.code;
        EXPECT_EQ(m.get_field(Field::rip), m.guest_code) << r.code;
    }
    SvmHost m;
    m.intercept(Exit::ioio);
    m.put(m.iopm + 0x70 / 8, u8(1));
    EXPECT_EQ(m.run_guest("e4 71 f4"), 0x78u);
}

TEST(SvmExits, msrs_by_the_permissions_map) {
    SvmHost m;
    m.intercept(Exit::msr);
    m.put(m.msrpm + 4, u8(2));                             // writes of MSR 10h
    m.cpu.gpr[rcx] = 0x10;
    EXPECT_EQ(m.run_guest("0f 32 f4"), 0x78u);
    EXPECT_EQ(m.run_guest("0f 30 f4"), 0x7cu);
    EXPECT_EQ(m.get_field(Field::exit_info1), 1u);
    m.cpu.gpr[rcx] = 0x40000000;
    EXPECT_EQ(m.run_guest("0f 32 f4"), 0x7cu) << "outside the map";
    EXPECT_EQ(m.get_field(Field::exit_info1), 0u);
}

TEST(SvmExits, pauses_are_filtered_by_count_and_threshold) {
    SvmHost m;
    m.intercept(Exit::pause);
    m.set(Field::pause_count, 2);
    EXPECT_EQ(m.run_guest("f3 90 f3 90 f4"), 0x78u);
    EXPECT_EQ(m.run_guest("f3 90 f3 90 f3 90 f4"), 0x77u);
    EXPECT_EQ(m.get_field(Field::rip), m.guest_code + 4);
    m.set(Field::pause_threshold, 2);
    EXPECT_EQ(m.run_guest("f3 90 f3 90 90 90 90 f3 90 f4"), 0x78u) << "the third comes late: the count starts again";
    SvmHost old("barcelona");
    old.intercept(Exit::pause);
    old.set(Field::pause_count, 2);
    EXPECT_EQ(old.run_guest("f3 90 f4"), 0x77u);
}

TEST(SvmExits, a_triple_fault_exits_or_shuts_down) {
    SvmHost m;
    m.intercept(Exit::shutdown);
    m.set(Field::idtr_limit, 0);
    EXPECT_EQ(m.run_guest("0f 0b"), 0x7fu);
    EXPECT_EQ(m.cpu.activity, Activity::active);
    SvmHost other;
    other.set(Field::idtr_limit, 0);
    other.put_code("0f 0b", other.guest_code);
    other.enter();
    other.cpu.run(other.cpu.clock.ticks + 2);
    EXPECT_EQ(other.cpu.activity, Activity::shutdown);
}

// JMP to a TSS in 32-bit code.
TEST(SvmExits, a_task_switch_exits_before_it_happens) {
    SvmHost m;
    m.intercept(Exit::task_switch);
    m.set(Field::efer, efer::svme), m.set(Field::cr0, 0x11), m.set(Field::cr4, 0), m.set(Field::cs_attributes, 0xc9b), m.set(Field::cs_selector, m.code32);
    m.put(m.gdt + 0x50, u64{0x00008900a0000067});          // TSS at A000h
    EXPECT_EQ(m.run_guest("ea 00 00 00 00 50 00"), 0x7du);
    EXPECT_EQ(m.get_field(Field::exit_info1), 0x50u);
    EXPECT_EQ(m.get_field(Field::exit_info2), bit(38));
    EXPECT_EQ(m.get_field(Field::rip), m.guest_code);
}
