// SPDX-License-Identifier: MIT
// VMREAD and VMWRITE in blocks of the fast engine do what the reference engine does, whatever becomes of the current VMCS.
#include "tests/cpu/vmx/host.h"

namespace {

using vmx::Field;

// RAX := VMREAD(RDX), VMWRITE(RDX) := RCX, RBX := RFLAGS, HLT; #UD ends in HLT with its frame on the stack.
struct Side : VmxHost {
    static constexpr u64 handler = 0x9000, pushed_flags = TestMachine::stack - 24;       // of a frame of #UD

    explicit Side(Engine engine) {
        m.cpu.engine = engine;
        m.put_code("0f 78 d0 0f 79 d1 9c 5b f4");
        m.put_code("f4", handler);
        m.put(m.idt + ud_vector * 16, handler | u64{m.code64} << 16 | u64{0x8e00} << 32);
    }
    void TestBody() override {}

    void run(u64 encoding, u64 value) {
        auto& cpu = m.cpu;
        cpu.rip() = m.code, cpu.gpr[rsp] = m.stack;
        cpu.gpr[rax] = 0x1111, cpu.gpr[rbx] = 0x2222, cpu.gpr[rcx] = value, cpu.gpr[rdx] = encoding;
        cpu.set_rflags(0x8d5, rflags::status);
        cpu.activity = Activity::active;
        cpu.run(cpu.clock.ticks + 1000);
    }
};

struct FieldsAtHand : ::testing::Test {
    Side reference{Engine::slow}, fast{Engine::fast};

    template <class Act> void both(Act&& act) { act(reference), act(fast); }
    void expect_the_same(u64 encoding, u64 value) {
        both([&](Side& s) { s.run(encoding, value); });
        auto &a = reference.m.cpu, &b = fast.m.cpu;
        for (unsigned n : {rax, rbx, rsp}) EXPECT_EQ(a.gpr[n], b.gpr[n]) << std::hex << encoding << " register " << n;
        EXPECT_EQ(a.rip(), b.rip()) << std::hex << encoding;
        EXPECT_EQ(reference.m.get<u64>(Side::pushed_flags), fast.m.get<u64>(Side::pushed_flags)) << std::hex << encoding;
        EXPECT_EQ(reference.v.vmcs.value, fast.v.vmcs.value) << std::hex << encoding;
        EXPECT_EQ(reference.v.vmcs.changed_now(), fast.v.vmcs.changed_now()) << std::hex << encoding;
    }
    void expect_the_same() {
        for (u64 encoding = 0; encoding < 0x8000; encoding++)
            if (vmx::find(encoding) || encoding % 128 == 0) expect_the_same(encoding, 0x123456789abcdef0 ^ encoding);
        for (u64 encoding : {u64{0x8000} | 0x681e, bit(32) | 0x681e, ~u64{0}}) expect_the_same(encoding, 5);
    }
};

TEST_F(FieldsAtHand, of_a_current_vmcs) {
    both([](Side& s) { s.v.vmcs.take_changed(); });
    expect_the_same();
}

TEST_F(FieldsAtHand, are_none_behind_vmclear_and_come_back_with_vmptrld) {
    expect_the_same(0x681e, 1);
    both([](Side& s) { s.v.clear(s.region); });
    expect_the_same(0x681e, 2);
    both([](Side& s) { s.v.make_current(s.region + 0x1000); });
    expect_the_same(0x681e, 3);
    both([](Side& s) { s.v.make_current(s.region); });
    expect_the_same(0x681e, 4);
    EXPECT_EQ(fast.m.cpu.gpr[rax], 1u) << "what was written to it before";
}

TEST_F(FieldsAtHand, are_none_outside_vmx_operation) {
    expect_the_same(0x681e, 1);
    both([](Side& s) { s.v.leave_operation(); });
    expect_the_same(0x681e, 2);
    EXPECT_EQ(fast.m.cpu.rip(), Side::handler + 1);
    both([](Side& s) { s.v.enter_operation(0x50000); });
    expect_the_same(0x681e, 3);
    both([](Side& s) { s.v.make_current(s.region); });
    expect_the_same(0x681e, 4);
    both([](Side& s) { s.m.cpu.reset(false), s.m.enter(TestMode::long64); });
    expect_the_same(0x681e, 5);
}

}
