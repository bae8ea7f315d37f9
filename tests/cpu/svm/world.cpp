// SPDX-License-Identifier: MIT
// VMRUN and #VMEXIT: what is saved and loaded where, clean bits, refused entries, the instructions beside VMRUN.
#include "cpu/cpuid/leaves.h"
#include "cpu/msr/access.h"
#include "tests/cpu/svm/host.h"

using namespace svm;

TEST(SvmWorld, a_guest_runs_to_its_exit_and_the_host_goes_on_behind_vmrun) {
    SvmHost m;
    m.cpu.rflags |= rflags::if_;
    m.cpu.control.dr[7] = 0x400;
    EXPECT_EQ(m.run_guest("b8 44 33 22 11 48 c7 c4 00 00 09 00 f4"), 0x78u);       // MOV EAX; MOV RSP; HLT
    EXPECT_EQ(m.get_field(Field::rip), m.guest_code + 12);
    EXPECT_EQ(m.get_field(Field::next_rip), m.guest_code + 13);
    EXPECT_EQ(m.get_field(Field::rax), 0x11223344u);
    EXPECT_EQ(m.get_field(Field::rsp), 0x90000u);
    EXPECT_EQ(m.cpu.rip(), m.code + 3);
    EXPECT_EQ(m.cpu.gpr[rax], m.vmcb);
    EXPECT_EQ(m.cpu.gpr[rsp], m.stack);
    EXPECT_TRUE(m.cpu.rflags & rflags::if_);
    EXPECT_EQ(m.cpu.control.dr[7], 0x400u);
    EXPECT_FALSE(m.layer().gif);
    EXPECT_EQ(m.layer().refused, nullptr);
}

TEST(SvmWorld, the_hosts_state_lies_in_the_save_area_while_the_guest_runs) {
    SvmHost m;
    m.put_code("f3 90", m.guest_code);
    m.enter();
    ASSERT_TRUE(m.cpu.guest);
    EXPECT_EQ(m.get_field(Field::rip, m.hsave), m.code + 3);
    EXPECT_EQ(m.get_field(Field::cr3, m.hsave), 0x1000u);
    EXPECT_EQ(m.get_field(Field::cs_selector, m.hsave), m.code64);
    // What software puts there comes back.
    m.set(Field::rsp, 0x12340, m.hsave);
    m.put_code("f4", m.guest_code);
    m.continue_guest();
    EXPECT_EQ(m.cpu.gpr[rsp], 0x12340u);
}

TEST(SvmWorld, a_save_area_that_holds_nonsense_shuts_the_processor_down) {
    SvmHost m;
    m.put_code("f4", m.guest_code);
    m.enter();
    m.set(Field::cr4, 0, m.hsave);                         // long mode without PAE
    m.continue_guest();
    EXPECT_EQ(m.cpu.activity, Activity::shutdown);
}

TEST(SvmWorld, a_refused_entry_leaves_the_guest_alone) {
    SvmHost m;
    m.set(Field::asid, 0);
    m.set(Field::rip, 0x1234);
    m.resume();
    EXPECT_EQ(m.get_field(Field::exit_code), ~u64{0});
    EXPECT_EQ(m.get_field(Field::rip), 0x1234u);
    EXPECT_EQ(m.cpu.rip(), m.code + 3);
    EXPECT_FALSE(m.layer().gif);
    ASSERT_TRUE(m.layer().refused);
    EXPECT_EQ(m.layer().refused->id, "asid.zero");
}

TEST(SvmWorld, bases_are_loaded_canonical_and_attributes_as_far_as_they_count) {
    SvmHost m;
    m.set(Field::ds_base, 0x0100000000001000);           // of 57 bits, whatever CR4.LA57
    m.set(Field::cs_attributes, 0xa83);                    // S and the type's code bit clear: it is code all the same
    m.set(Field::es_attributes, 0);
    EXPECT_EQ(m.run_guest("f4"), 0x78u);
    EXPECT_EQ(m.get_field(Field::ds_base), 0xff00000000001000u);
    EXPECT_EQ(m.get_field(Field::es_attributes) & 0x80, 0u);
}

// APM vol. 2, 15.15: a field whose clean bit is set need not be read again, and here it isn't.
TEST(SvmWorld, rip_has_32_bits_outside_64_bit_mode) {
    SvmHost m;
    m.set(Field::efer, efer::svme), m.set(Field::cr0, 0x11), m.set(Field::cr4, 0), m.set(Field::cs_attributes, 0xc9b);
    m.put_code("f4", m.guest_code);
    m.set(Field::rip, 0x700000000 | m.guest_code);
    EXPECT_EQ(m.resume(), 0x78u);
    EXPECT_EQ(m.get_field(Field::rip), m.guest_code);
    EXPECT_EQ(m.get_field(Field::next_rip), m.guest_code + 1);
}

TEST(SvmWorld, a_clean_field_comes_from_the_cache_whatever_memory_says) {
    SvmHost m;
    m.intercept(Exit::cpuid);
    EXPECT_EQ(m.run_guest("0f a2 f4"), 0x72u);
    m.intercept(Exit::cpuid, false);
    m.set(Field::clean, 1);
    EXPECT_EQ(m.run_guest("0f a2 f4"), 0x72u) << "intercepts are clean";
    m.set(Field::clean, 0x3fe);
    EXPECT_EQ(m.run_guest("0f a2 f4"), 0x78u) << "all but intercepts are clean";
    m.set(Field::clean, 0x3ff);
    m.set(Field::asid, 0);
    EXPECT_EQ(m.run_guest("0f a2 f4"), 0x78u) << "the ASID in the cache is valid";
}

TEST(SvmWorld, clean_bits_are_about_the_vmcb_that_ran_last) {
    SvmHost m;
    m.intercept(Exit::cpuid);
    EXPECT_EQ(m.run_guest("0f a2 f4"), 0x72u);
    m.describe_guest(m.other_vmcb);
    m.set(Field::clean, ~u64{0}, m.other_vmcb);
    EXPECT_EQ(m.run_guest("0f a2 f4", m.other_vmcb), 0x78u);
}

TEST(SvmWorld, a_processor_without_clean_bits_reads_everything) {
    SvmHost m("barcelona");
    m.intercept(Exit::cpuid);
    EXPECT_EQ(m.run_guest("0f a2 f4"), 0x72u);
    m.intercept(Exit::cpuid, false);
    m.set(Field::clean, ~u64{0});
    EXPECT_EQ(m.run_guest("0f a2 f4"), 0x78u);
}

TEST(SvmWorld, vmsave_and_vmload_move_the_rest_of_the_state) {
    SvmHost m;
    auto& c = m.cpu;
    c.seg[Seg::fs] = {0x10, 0x1234, 0xfff, {0xc093}};
    c.seg[Seg::tr] = {0x50, 0x5678, 0x67, {0x8b}};
    c.msr.lstar = 0xffffffff81000000, c.msr.kernel_gs_base = 0x99, c.msr.sysenter_eip = 0x77;
    c.gpr[rax] = 0x58000;
    EXPECT_EQ(m.run_one("0f 01 db"), Outcome::changed);
    EXPECT_EQ(m.get_field(Field::fs_base, 0x58000), 0x1234u);
    EXPECT_EQ(m.get_field(Field::fs_attributes, 0x58000), 0xc93u);
    EXPECT_EQ(m.get_field(Field::tr_attributes, 0x58000), 0x8bu);
    EXPECT_EQ(m.get_field(Field::lstar, 0x58000), 0xffffffff81000000u);
    c.seg[Seg::fs] = {}, c.seg[Seg::tr] = {}, c.msr.lstar = c.msr.kernel_gs_base = c.msr.sysenter_eip = 0;
    m.set(Field::gs_base, 0x0100000000000000, 0x58000);
    EXPECT_EQ(m.run_one("0f 01 da"), Outcome::changed);
    EXPECT_EQ(c.seg[Seg::fs].base, 0x1234u);
    EXPECT_EQ(c.seg[Seg::tr].rights.value, 0x8bu);
    EXPECT_EQ(c.seg[Seg::gs].base, 0xff00000000000000u);
    EXPECT_EQ(c.msr.lstar, 0xffffffff81000000u);
    EXPECT_EQ(c.msr.kernel_gs_base, 0x99u);
    EXPECT_EQ(c.msr.sysenter_eip, 0x77u);
}

// APM vol. 3: #UD before #GP of the ring, before #GP of rAX.
TEST(SvmWorld, the_instructions_faults_come_in_the_manuals_order) {
    static constexpr const char* codes[] = {"0f 01 d8", "0f 01 da", "0f 01 db", "0f 01 dd", "0f 01 df"};
    for (auto* code : codes) {
        SvmHost m;
        m.cpu.gpr[rax] = 0x50001;
        m.cpu.control.efer &= ~efer::svme, m.cpu.cpl = 3;
        EXPECT_EQ(m.run_one(code), Outcome::fault) << code;
        EXPECT_EQ(m.cpu.fault_.vector, ud_vector) << code;
        m.cpu.control.efer |= efer::svme;
        EXPECT_EQ(m.run_one(code), Outcome::fault) << code;
        EXPECT_EQ(m.cpu.fault_.vector, gp_vector) << code;
    }
    for (auto* code : {"0f 01 d8", "0f 01 da", "0f 01 db"})
        for (u64 address : {u64{0x50001}, bit(48)}) {
            SvmHost m;
            m.cpu.gpr[rax] = address;
            EXPECT_EQ(m.run_one(code), Outcome::fault) << code;
            EXPECT_EQ(m.cpu.fault_.vector, gp_vector) << code;
        }
    SvmHost m;
    EXPECT_EQ(m.run_one("0f 01 d9"), Outcome::fault);
    EXPECT_EQ(m.cpu.fault_.vector, ud_vector) << "VMMCALL that nobody intercepts";
    m.cpu.control.efer &= ~efer::svme, m.cpu.cpl = 3;
    for (auto* code : {"0f 01 dc", "0f 01 de"}) {          // STGI and SKINIT need no EFER.SVME where there is SKINIT
        EXPECT_EQ(m.run_one(code), Outcome::fault) << code;
        EXPECT_EQ(m.cpu.fault_.vector, gp_vector) << code;
    }
    TestMachine real(TestMode::real16, "max-amd");
    real.cpu.control.efer |= efer::svme;
    EXPECT_EQ(real.run_one("0f 01 dd"), Outcome::fault);
    EXPECT_EQ(real.cpu.fault_.vector, ud_vector);
}

// With 67h the address is EAX.
TEST(SvmWorld, rax_is_taken_by_the_address_size) {
    SvmHost m;
    m.cpu.gpr[rax] = 0xffffffff00000000 | m.vmcb;
    m.put_code("f4", m.guest_code);
    m.run_one("67 0f 01 d8");
    EXPECT_TRUE(m.cpu.guest);
}

TEST(SvmWorld, efer_svme_and_vm_cr_guard_each_other) {
    TestMachine m(TestMode::long64, "max-amd");
    u64 efer = m.cpu.control.efer, value;
    EXPECT_TRUE(write_msr(m.cpu, 0xc0000080, efer | efer::svme));
    EXPECT_FALSE(write_msr(m.cpu, 0xc0010114, 0x10)) << "SVMDIS while SVME is set";
    EXPECT_TRUE(write_msr(m.cpu, 0xc0000080, efer));
    EXPECT_TRUE(write_msr(m.cpu, 0xc0010118, 0x1234)) << "the key";
    EXPECT_TRUE(write_msr(m.cpu, 0xc0010114, 0x18));
    EXPECT_FALSE(write_msr(m.cpu, 0xc0000080, efer | efer::svme));
    EXPECT_TRUE(write_msr(m.cpu, 0xc0010114, 0));
    EXPECT_TRUE(read_msr(m.cpu, 0xc0010114, value) && value == 0x18) << "locked";
    EXPECT_TRUE(write_msr(m.cpu, 0xc0010118, 0x4321));
    EXPECT_TRUE(read_msr(m.cpu, 0xc0010114, value) && value == 0x18) << "another key";
    EXPECT_TRUE(write_msr(m.cpu, 0xc0010118, 0x1234));
    EXPECT_TRUE(read_msr(m.cpu, 0xc0010114, value) && value == 0x10) << "the key unlocks";
    EXPECT_FALSE(write_msr(m.cpu, 0xc0010114, 0x20));
    EXPECT_TRUE(read_msr(m.cpu, 0xc0010118, value) && value == 0);
    EXPECT_TRUE(write_msr(m.cpu, 0xc0010117, 0x7000));
    EXPECT_FALSE(write_msr(m.cpu, 0xc0010117, 0x7008));
    EXPECT_FALSE(write_msr(m.cpu, 0xc0010117, bit(48)));
}

TEST(SvmWorld, cpuid_says_what_works) {
    struct { const char* model; u32 asids, features; } rows[] = {{"max-amd", 0x8000, 0x203b4ff}, {"zen2", 0x8000, 0x3b4ff}, {"zen3", 0x8000, 0x3b4ff},
                                                                         {"zen4", 0x8000, 0x203b4ff}, {"barcelona", 64, 0xf}};
    for (auto& r : rows) {
        auto& model = *find_model(r.model);
        auto leaf = cpuid(model, model.features, {}, 0x8000000a, 0);
        EXPECT_EQ(leaf.eax, 1u) << r.model;
        EXPECT_EQ(leaf.ebx, r.asids) << r.model;
        EXPECT_EQ(leaf.edx, r.features) << r.model;
        EXPECT_TRUE(cpuid(model, model.features, {}, 0x80000001, 0).ecx & 4) << r.model;
    }
    auto without = parse_cpu("max-amd,-svm");
    EXPECT_EQ(cpuid(without.model, without.features, {}, 0x8000000a, 0), CpuidLeaf{});
    TestMachine intel(TestMode::long64, "max-intel");
    EXPECT_EQ(intel.run_one("0f 01 dc"), Outcome::fault);
    EXPECT_EQ(intel.cpu.fault_.vector, ud_vector);
}

TEST(SvmWorld, init_ends_the_guest_and_its_translations) {
    SvmHost m;
    m.set(Field::tsc_offset, 0x1000);
    m.set(Field::interrupt_control, interrupt::irq | 5ull << 16 | 0x40ull << 32);
    m.put_code("f3 90", m.guest_code);
    m.enter();
    EXPECT_TRUE(m.cpu.guest);
    EXPECT_EQ(m.cpu.guest_tsc_offset, 0x1000u);
    EXPECT_EQ(m.cpu.mmu->context.vpid, 1);
    EXPECT_EQ(m.cpu.mmu->regime.stage2.kind, paging::Nesting::npt);
    m.cpu.reset(true);
    EXPECT_FALSE(m.cpu.guest);
    EXPECT_TRUE(m.layer().gif);
    EXPECT_EQ(m.cpu.mmu->context.vpid, 0);
    EXPECT_EQ(m.cpu.mmu->regime.stage2.kind, paging::Nesting::none);
}
