// SPDX-License-Identifier: MIT
// Instructions that a guest has by its hypervisor's leave, one at a time: XSAVES and XRSTORS (SDM vol. 3, 26.1.3 and 26.3).
#include "tests/cpu/vmx/host.h"

namespace {

using vmx::Field;

struct VmxSaves : VmxHost {
    VmxSaves() : VmxHost("max-intel") {}
    // Of a guest with EDX:EAX = all that there is, RBX = an area: of zeros, then what XSAVES has stored.
    Outcome run(const char* code, bool enabled, u64 xss = 0, u64 bitmap = 0) {
        v.vmcs.set(Field::secondary_controls, enabled ? bit(20) : 0);
        v.vmcs.set(Field::xss_exiting_bitmap, bitmap);
        v.vmcs.set(Field::guest_cr4, 0x26f0 | cr4::osxsave);
        v.enter();
        EXPECT_TRUE(m.cpu.guest);
        m.cpu.msr.xss = xss, m.cpu.control.xcr0 = 3;
        m.cpu.gpr[rax] = m.cpu.gpr[rdx] = 0xffffffff, m.cpu.gpr[rbx] = TestMachine::data;
        Outcome outcome = m.run_one(code);
        if (outcome == Outcome::fault && m.cpu.fault_.exit) v.leave();
        else v.exit_now({.reason = vmx::Reason::cpuid});
        return outcome;
    }
};

TEST_F(VmxSaves, are_undefined_without_their_control) {
    for (auto code : {"0f c7 6b 40", "0f c7 5b 40"}) {
        EXPECT_EQ(run(code, false), Outcome::fault) << code;
        EXPECT_EQ(m.cpu.fault_.vector, ud_vector) << code;
    }
}

TEST_F(VmxSaves, exit_where_the_bitmap_names_a_component_of_ia32_xss_that_is_asked_for) {
    struct { const char* code; u64 reason; } rows[] = {{"0f c7 6b 40", 63}, {"0f c7 5b 40", 64}};
    for (auto& r : rows) {
        EXPECT_EQ(run(r.code, true, bit(8), bit(9)), Outcome::next) << r.code;
        EXPECT_EQ(v.vmcs[Field::exit_reason], 10u);
        EXPECT_EQ(run(r.code, true, bit(8), bit(8) | bit(9)), Outcome::fault);
        EXPECT_EQ(v.vmcs[Field::exit_reason], r.reason);
        EXPECT_EQ(v.vmcs[Field::exit_qualification], 0x40u) << "the displacement";
        EXPECT_EQ(v.vmcs[Field::exit_instruction_length], 4u);
        // Scaling 1, 64-bit addresses, DS, no index, base RBX.
        EXPECT_EQ(v.vmcs[Field::exit_instruction_information] & 0xfffffc3c, (2u << 7 | 3u << 15 | 1u << 22 | 3u << 23) & 0xfffffc3c);
    }
}

}
