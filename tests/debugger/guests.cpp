// SPDX-License-Identifier: MIT
// VMCS, VMCB, exits and interrupts as the debugger tells them. Expected: SDM vol. 3, 25.9, 27.3.1, 28.2.1, 11.8; APM vol. 2, 15.5.1, 15.21.
#include "tests/cpu/svm/host.h"
#include "tests/cpu/vmx/host.h"
#include "tests/debugger/board.h"

using namespace debugger;

namespace {

struct Eyes {
    explicit Eyes(Cpu& cpu) : session(cpu, [](const Session::Drive&) { return false; }) {}
    Session session;
    Result command(const std::string& line) { return execute(session, line); }
};

const Line* line_with(const Result& r, const std::string& name, const std::string& value) {
    for (auto& l : r.lines)
        if (field(l, name) == value) return &l;
    return nullptr;
}
std::string of(const Result& r, const std::string& name, const std::string& value, const std::string& what) {
    auto* l = line_with(r, name, value);
    return l ? field(*l, what) : "none";
}

}

using GuestsLooked = VmxGuest;

TEST_F(GuestsLooked, AnExitIsDecodedAndMarked) {
    Eyes eyes(m.cpu);
    controls(0, 0);
    eyes.session.looking.remember(m.cpu);
    ASSERT_TRUE(run(Engine::slow, "0f a2"));             // CPUID
    auto r = eyes.command("vmcs exit_reason");
    EXPECT_EQ(of(r, "name", "exit_reason", "changed"), "true");
    auto rip = eyes.command("vmcs guest_rip");
    EXPECT_EQ(of(rip, "name", "guest_rip", "group"), "guest registers");
    auto controls = eyes.command("vmcs primary_controls");
    ASSERT_TRUE(line_with(controls, "kind", "bit"));
    EXPECT_EQ(of(controls, "name", "use MSR bitmaps", "bit"), "28");
}

TEST_F(GuestsLooked, TheQualificationIsDecodedByTheReason) {
    using vmx::Field;
    Eyes eyes(m.cpu);
    v.vmcs.set(Field::exit_reason, 48), v.vmcs.set(Field::exit_qualification, 0x182);
    auto r = eyes.command("vmcs exit_qualification");
    EXPECT_EQ(of(r, "name", "exit_qualification", "words"), "write linear address valid of the linear address itself");
    v.vmcs.set(Field::exit_reason, 30), v.vmcs.set(Field::exit_qualification, 0x00700048);      // IN AL, 70h: immediate
    r = eyes.command("vmcs exit_qualification");
    EXPECT_EQ(of(r, "name", "port", "value"), "0x70");
    EXPECT_EQ(of(r, "name", "in", "bit"), "3");
    EXPECT_EQ(of(r, "name", "immediate", "bit"), "6");
    EXPECT_EQ(of(r, "name", "rep", "bit"), "none");
    v.vmcs.set(Field::guest_cs_rights, 0xa09b);
    r = eyes.command("vmcs guest_cs_rights");
    EXPECT_EQ(of(r, "name", "type", "value"), "0xb");
    EXPECT_EQ(of(r, "name", "L", "bit"), "13");
}

TEST_F(GuestsLooked, WhatHasChangedSinceTheLastStopIsToldWithItsOldValue) {
    Eyes eyes(m.cpu);
    v.vmcs.set(vmx::Field::guest_rip, 0x1234);
    eyes.session.looking.remember(m.cpu);
    v.vmcs.set(vmx::Field::guest_rip, 0x1238);
    auto r = eyes.command("vmcs guest_rip");
    EXPECT_EQ(of(r, "name", "guest_rip", "changed_since_stop"), "true");
    EXPECT_EQ(of(r, "name", "guest_rip", "previous"), "0x1234");
    EXPECT_EQ(of(eyes.command("vmcs changed"), "name", "guest_rip", "value"), "0x1238");
}

// SDM vol. 3, 27.3.1.4: bit 1 of RFLAGS must be 1. A guest-state rule: the entry fails with reason 33.
TEST_F(GuestsLooked, AFailedEntryIsExplainedAfterTheFact) {
    using vmx::Field;
    Eyes eyes(m.cpu);
    EXPECT_TRUE(eyes.command("vmcs failed").failed);
    controls(0, 0);
    u64 good = v.vmcs[Field::guest_rflags];
    v.vmcs.set(Field::guest_rflags, good & ~u64{2});
    ASSERT_EQ(v.enter().outcome, Outcome::taken);
    ASSERT_FALSE(m.cpu.guest);
    v.vmcs.set(Field::guest_rflags, good);               // repaired: what was judged is kept
    auto r = eyes.command("vmcs failed");
    auto* rule = line_with(r, "kind", "rule");
    ASSERT_TRUE(rule);
    EXPECT_EQ(field(*rule, "verdict"), "broken");
    EXPECT_EQ(field(*rule, "group"), "guest state");
    EXPECT_NE(field(*rule, "section").find("27.3.1.4"), std::string::npos);
    EXPECT_NE(field(*rule, "outcome").find("reason 33"), std::string::npos);
    EXPECT_EQ(of(r, "name", "guest_rflags", "value"), hex(good & ~u64{2}));
    EXPECT_EQ(field(eyes.command("vmcs check").lines.back(), "broken"), "0");
    EXPECT_TRUE(line_with(eyes.command("vmcs check all"), "verdict", "holds"));
}

TEST_F(GuestsLooked, ExitsAreFilteredByReason) {
    Eyes eyes(m.cpu);
    controls(0, 0);
    ASSERT_TRUE(run(Engine::slow, "0f a2"));             // CPUID
    ASSERT_TRUE(run(Engine::slow, "0f a2"));
    ASSERT_TRUE(run(Engine::slow, "0f 01 c1"));          // VMCALL
    auto all = eyes.command("exits");
    EXPECT_EQ(field(all.lines[0], "reason"), "0xa");
    EXPECT_EQ(field(all.lines[2], "reason"), "0x12");
    auto r = eyes.command("exits cpuid");
    EXPECT_EQ(of(r, "kind", "reason", "count"), "2");
    EXPECT_FALSE(line_with(r, "reason", "0x12"));
    EXPECT_EQ(field(eyes.command("exits 1 18").lines[0], "reason_text"), "VMCALL");
}

TEST(Guests, AFailedVmrunIsExplainedAfterTheFact) {
    SvmHost m;
    Eyes eyes(m.cpu);
    m.set(svm::Field::asid, 0);
    m.enter();
    ASSERT_FALSE(m.cpu.guest);
    m.set(svm::Field::asid, 1);
    auto r = eyes.command("vmcb failed");
    auto* rule = line_with(r, "kind", "rule");
    ASSERT_TRUE(rule);
    EXPECT_EQ(field(*rule, "check"), "asid.zero");
    EXPECT_EQ(field(*rule, "section"), "APM vol. 2, 15.5.1");
    EXPECT_EQ(of(r, "name", "guest ASID", "value"), "0x0");
}

TEST(Guests, TheVmcbIsDecoded) {
    SvmHost m;
    Eyes eyes(m.cpu);
    m.set(svm::Field::interrupt_control, bit(8) | u64{3} << 16 | u64{0x41} << 32);
    auto r = eyes.command("vmcb p:0x50000 V_TPR");
    EXPECT_EQ(of(r, "name", "V_INTR_VECTOR", "value"), "0x41");
    EXPECT_EQ(of(r, "name", "V_INTR_PRIO", "value"), "0x3");
    EXPECT_EQ(of(r, "name", "V_IRQ", "bit"), "8");
}

// SDM vol. 3, 11.8.3.1: a vector of class 5 waits while the task priority is of class 5 or above.
TEST(Guests, WhyAnInterruptWaits) {
    Debugged m;
    m.cpu.apic.write(0xf0, 4, 0x1ff);                    // enabled by software
    m.cpu.apic.write(0x300, 4, 0x44051);                 // to itself: fixed, vector 51h
    m.cpu.set_rflags(2);
    auto r = m.command("why vector 0x51");
    EXPECT_EQ(of(r, "rule", "it is requested", "verdict"), "passes");
    EXPECT_EQ(of(r, "rule", "interrupts are enabled", "verdict"), "holds");
    EXPECT_EQ(field(r.lines.back(), "held"), "1");
    m.cpu.set_rflags(0x202);
    EXPECT_EQ(field(m.command("why vector 0x51").lines.back(), "delivered"), "true");
    m.cpu.apic.set_cr8(5);
    r = m.command("why vector 0x51");
    EXPECT_EQ(of(r, "rule", "its class is above the processor's priority", "verdict"), "holds");
    r = m.command("why vector 0x52");
    EXPECT_EQ(of(r, "rule", "it is requested", "verdict"), "holds");
    EXPECT_TRUE(m.command("why vector 3").failed);
    EXPECT_TRUE(m.command("why nothing").failed);
    EXPECT_EQ(of(m.command("apic"), "name", "IRR", "vectors"), "51");
    EXPECT_EQ(of(m.command("why nmi"), "rule", "an NMI is pending", "verdict"), "holds");
}

TEST(Guests, WhyAVirtualInterruptWaits) {
    SvmHost m;
    m.put_code("90 eb fd", SvmHost::guest_code);
    m.set(svm::Field::interrupt_control, bit(8) | u64{3} << 16 | u64{0x41} << 32 | 7);       // priority 3 under V_TPR 7
    m.set(svm::Field::rflags, 0x202);
    m.enter();
    ASSERT_TRUE(m.cpu.guest);
    Eyes eyes(m.cpu);
    auto r = eyes.command("why vector 0x41");
    EXPECT_EQ(of(r, "rule", "its priority is above V_TPR", "verdict"), "holds");
    EXPECT_EQ(of(r, "rule", "V_INTR_VECTOR is this vector", "verdict"), "passes");
    EXPECT_EQ(field(r.lines.back(), "what"), "virtual interrupt");
    EXPECT_EQ(field(r.lines.back(), "held"), "1");
}
