// SPDX-License-Identifier: MIT
// SKINIT, and STGI before SVM is enabled (APM vol. 3, SKINIT and STGI; vol. 2, 15.27).
#include "cpu/msr/access.h"
#include "tests/cpu/svm/host.h"

using namespace svm;

namespace {

constexpr u64 loader = 0x100000;
constexpr const char* skinit = "0f 01 de";
constexpr const char* stgi = "0f 01 dc";

void without_svme(TestMachine& m) { m.cpu.control.efer &= ~efer::svme; }

}

TEST(SvmSkinit, the_loader_starts_in_flat_32_bit_code_with_its_block_as_the_stack) {
    SvmHost m;
    u64 closed = 0;
    m.cpu.wires.protect = [&](u64 base) { closed = base; };
    m.put(loader, u16{0x1234}), m.put(loader + 2, u16{0x2000});
    m.cpu.gpr[rbx] = 5, m.cpu.gpr[rax] = 0xdead00000010abcd;               // only EAX[31:16] count
    EXPECT_EQ(m.run_one(skinit), Outcome::taken);
    auto& c = m.cpu;
    EXPECT_EQ(c.rip(), loader + 0x1234);
    EXPECT_EQ(c.gpr[rax], loader);
    EXPECT_EQ(c.gpr[rsp], loader + 0x10000);
    EXPECT_EQ(c.gpr[rdx], c.model.signature());
    EXPECT_EQ(c.gpr[rbx], 0u);
    EXPECT_EQ(c.control.cr0 & (cr0::pe | cr0::pg), cr0::pe);
    EXPECT_EQ(c.control.efer, 0u);
    EXPECT_EQ(c.seg[Seg::cs].selector, 8); EXPECT_EQ(c.seg[Seg::ss].selector, 0x10);
    EXPECT_EQ(c.seg[Seg::cs].limit, 0xffffffffu); EXPECT_EQ(c.seg[Seg::cs].base, 0u);
    EXPECT_EQ(c.code.size, decode::CodeSize::bits32);
    EXPECT_EQ(c.stack_width(), 4u);
    EXPECT_EQ(c.msr.vm_cr & 7, 7u);                                        // DPD, R_INIT, DIS_A20M
    EXPECT_FALSE(m.layer().gif);
    EXPECT_EQ(closed, loader);
}

// GIF stays clear though EFER.SVME is, whatever else is written to EFER; STGI sets it.
TEST(SvmSkinit, gif_stays_clear_until_stgi) {
    SvmHost m;
    m.put(loader, u16{0x100});
    m.cpu.gpr[rax] = loader;
    m.run_one(skinit);
    EXPECT_TRUE(write_msr(m.cpu, 0xc0000080, efer::nxe));
    EXPECT_FALSE(m.layer().gif);
    m.put_code(stgi, loader + 0x100);
    EXPECT_EQ(m.step(), Outcome::changed);
    EXPECT_TRUE(m.layer().gif);
}

TEST(SvmSkinit, where_it_is_no_instruction) {
    for (bool svme : {false, true})
        for (auto* code : {skinit, stgi}) {
            SvmHost m;
            if (!svme) without_svme(m);
            m.cpu.gpr[rax] = loader;
            EXPECT_NE(m.run_one(code), Outcome::fault) << svme << " " << code;
        }
    for (auto* code : {"0f 01 dd", "0f 01 d8"}) {                          // CLGI and VMRUN need EFER.SVME
        SvmHost m;
        without_svme(m);
        EXPECT_EQ(m.run_one(code), Outcome::fault);
        EXPECT_EQ(m.cpu.fault_.vector, ud_vector);
    }
    TestMachine real(TestMode::real16, "max-amd");
    EXPECT_EQ(real.run_one(skinit), Outcome::fault);
    EXPECT_EQ(real.cpu.fault_.vector, ud_vector);
}

TEST(SvmSkinit, ring_3_has_no_right_to_it) {
    SvmHost m;
    m.cpu.cpl = 3;
    m.cpu.mode_changed();
    m.cpu.gpr[rax] = loader;
    EXPECT_EQ(m.run_one(skinit), Outcome::fault);
    EXPECT_EQ(m.cpu.fault_.vector, gp_vector);
}
