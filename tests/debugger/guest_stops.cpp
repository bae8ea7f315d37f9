// SPDX-License-Identifier: MIT
// Run control across VM entries and exits, on both vendors, by blocks and by ticks.
#include "cpu/check/stale.h"
#include "tests/debugger/hosts.h"

using namespace debugger;

namespace {

constexpr u64 start = Hypervisor::start, empty = Hypervisor::empty, guest = Hypervisor::guest;
constexpr const char* looping = "0f a2 ff c1 eb fa";     // CPUID; inc ecx; jmp back

// What is the same on both, in each way to run.
template <class Test> void each(const char* code, Test&& test) {
    for (bool intel : {true, false})
        for (bool ticks : {false, true}) {
            SCOPED_TRACE(std::string(intel ? "VMX" : "SVM") + (ticks ? ", by ticks" : ""));
            std::unique_ptr<Hypervisor> h;
            if (intel) h = std::make_unique<VmxHypervisor>();
            else h = std::make_unique<SvmHypervisor>();
            h->session.by_ticks = ticks;
            h->m.put_code(code, guest);
            h->m.cpu.gpr[rcx] = 0;
            test(*h);
            if (::testing::Test::HasFailure()) return;
        }
}

}

TEST(GuestStops, AtEachEntryAndExit) {
    each(looping, [](Hypervisor& h) {
        h.command("stop vmentry"), h.command("stop vmexit CPUID"), h.command("stop vmexit HLT");
        for (u64 entered : {guest, guest + 2}) {
            EXPECT_EQ(h.stop("continue"), "vmentry");
            EXPECT_TRUE(h.m.cpu.guest);
            EXPECT_EQ(h.m.cpu.rip(), entered);
            auto stop = h.command("continue").lines[0];
            EXPECT_EQ(field(stop, "kind"), "vmexit");
            EXPECT_NE(field(stop, "said").find("CPUID"), std::string::npos);
            EXPECT_FALSE(h.m.cpu.guest);
            EXPECT_EQ(h.m.cpu.rip(), h.exits_to);
        }
        EXPECT_EQ(h.m.cpu.gpr[rcx], 1u);
    });
}

TEST(GuestStops, StepsToTheBorder) {
    each(looping, [](Hypervisor& h) {
        EXPECT_EQ(h.stop("step --vmentry", "why"), "reached");
        EXPECT_EQ(h.m.cpu.rip(), guest);
        h.command("step --vmexit");
        EXPECT_EQ(h.m.cpu.rip(), h.exits_to);
        h.command("step --vmentry");
        EXPECT_EQ(h.m.cpu.rip(), guest + 2);
        h.command("continue --exit CPUID");
        EXPECT_EQ(h.m.cpu.rip(), h.exits_to);
        EXPECT_EQ(h.m.cpu.gpr[rcx], 1u);
    });
}

// What the other level does between two steps goes by: an exit is one of the guest's, an entry one of the host's.
TEST(GuestStops, StepsOfOneLevel) {
    each(looping, [](Hypervisor& h) {
        h.command("step --l2");                          // CPUID, with all that the host makes of it
        EXPECT_EQ(h.m.cpu.rip(), guest + 2);
        EXPECT_TRUE(h.m.cpu.guest);
        h.command("step --l2 2");
        EXPECT_EQ(h.m.cpu.rip(), guest);
        EXPECT_EQ(h.m.cpu.gpr[rcx], 1u);
        h.command("step --l1");                          // CPUID exits; the call
        EXPECT_EQ(h.m.cpu.rip(), empty);
        EXPECT_FALSE(h.m.cpu.guest);
        h.command("step --l1");
        EXPECT_EQ(h.m.cpu.rip(), h.exits_to + 5);
        h.command("step --l2 4");                        // of the guest's: inc, jmp, CPUID, inc
        EXPECT_EQ(h.m.cpu.rip(), guest + 4);
        EXPECT_EQ(h.m.cpu.gpr[rcx], 3u);
        EXPECT_TRUE(h.command("step --l3").failed);
    });
}

// A call whose function exits: the host's calls and returns between are not its.
TEST(GuestStops, OutAndNextAcrossLevels) {
    each("e8 0b 00 00 00 90 eb f8", [](Hypervisor& h) {  // call 60010; nop; jmp back
        h.m.put_code("0f a2 c3", guest + 0x10);          // CPUID; ret
        h.command("break " + hex(guest + 0x10) + " level=2");
        EXPECT_EQ(h.stop("continue", "why"), "breakpoint");
        EXPECT_EQ(h.stop("out", "why"), "reached");
        EXPECT_EQ(h.m.cpu.rip(), guest + 5);
        EXPECT_TRUE(h.m.cpu.guest);
        h.command("delete all");
        h.command("step --l2 2");
        EXPECT_EQ(h.m.cpu.rip(), guest);
        EXPECT_EQ(h.stop("next", "why"), "reached");
        EXPECT_EQ(h.m.cpu.rip(), guest + 5);
        h.command("break " + hex(empty));
        EXPECT_EQ(h.stop("continue", "why"), "breakpoint");
        h.command("out");
        EXPECT_EQ(h.m.cpu.rip(), h.exits_to + 5);
    });
}

// One page is refused by the second stage, and another before it.
TEST(GuestStops, AtAViolationInARange) {
    each("8b 06 8b 07 eb fa", [](Hypervisor& h) {        // mov eax, [rsi]; mov eax, [rdi]; jmp back
        h.take_away(0x800000), h.take_away(0x600000);
        h.m.cpu.gpr[rsi] = 0x800000, h.m.cpu.gpr[rdi] = 0x600008;
        h.command("stop violation 0x700000 0x100000"), h.command("stop violation 0x600000 9"), h.command("stop violation 0x600009");
        auto stop = h.command("continue").lines[0];
        EXPECT_EQ(field(stop, "kind"), "violation");
        EXPECT_EQ(field(stop, "id"), "2");
        EXPECT_NE(field(stop, "said").find("0x600008"), std::string::npos) << field(stop, "said");
        EXPECT_EQ(h.m.cpu.rip(), h.exits_to);
        h.command("delete all"), h.command("stop violation");
        h.command("continue");                           // the other one
        EXPECT_EQ(h.m.cpu.rip(), h.exits_to);
        EXPECT_EQ(h.stop("continue", "kind"), "violation");
    });
}

TEST(GuestStops, AtAFieldThatTheHostWrites) {
    each(looping, [](Hypervisor& h) {
        bool intel = h.m.cpu.intel();
        std::string kind = intel ? "vmwrite " : "vmcb ";
        h.command("stop " + kind + (intel ? "guest_rsp" : "rsp"));
        EXPECT_FALSE(h.command("stop " + kind + (intel ? "guest_rip" : "rip")).failed);
        auto stop = h.command("continue").lines[0];
        EXPECT_EQ(field(stop, "id"), "2");
        EXPECT_FALSE(h.m.cpu.guest);
        EXPECT_EQ(h.m.cpu.rip(), intel ? h.stores_rip : h.stores_rip + 8);       // before VMWRITE, behind ADD
        EXPECT_TRUE(h.command("stop " + kind + "nonsense").failed);
        EXPECT_TRUE(h.command(std::string("stop ") + (intel ? "vmcb rip" : "vmwrite guest_rip")).failed);
        EXPECT_NE(h.command("list").text().find(kind), std::string::npos);
    });
}

TEST(GuestStops, AtAFieldOfWhicheverVmcbIsRun) {
    SvmHypervisor h;
    h.put_code(looping, guest), h.describe_guest(SvmHost::other_vmcb), h.intercept(svm::Exit::cpuid, true, SvmHost::other_vmcb);
    h.command("stop vmcb rip");
    h.Hypervisor::stop("continue");
    EXPECT_EQ(h.session.last.why, Why::watchpoint);
    EXPECT_EQ(h.session.last.address, SvmHost::vmcb + 0x578);
    h.cpu.gpr[rax] = SvmHost::other_vmcb;
    h.Hypervisor::stop("continue");
    EXPECT_EQ(h.session.last.why, Why::watchpoint);
    EXPECT_EQ(h.session.last.address, SvmHost::other_vmcb + 0x578);
}

TEST(GuestStops, AtAnEntryThatFails) {
    using vmx::Field;
    struct { Field field; u64 value; u64 rip; } rows[] = {
        {Field::pin_controls, 0x16 | 1u << 31, start + 3},                       // a control that doesn't exist: VMfail, behind VMLAUNCH
        {Field::host_cr3, u64{1} << 60, start + 3},
        {Field::guest_rflags, 0, VmxGuest::host_code}};                          // an exit
    for (auto& r : rows) {
        VmxHypervisor h;
        h.v.vmcs.set(r.field, r.value);
        h.command("stop vmentry"), h.command("stop entry-failure");
        EXPECT_EQ(h.stop("continue"), "entry-failure");
        EXPECT_EQ(h.m().cpu.rip(), r.rip);
        EXPECT_FALSE(h.m().cpu.guest);
        EXPECT_FALSE(h.command("vmcs failed").failed);
    }
    SvmHypervisor h;
    h.set(svm::Field::asid, 0);
    h.command("stop vmentry"), h.command("stop entry-failure");
    EXPECT_EQ(h.Hypervisor::stop("continue"), "entry-failure");
    EXPECT_EQ(h.cpu.rip(), h.exits_to);
}

// The guest's translations: cached by its instructions, and dropped by the host.
TEST(GuestStops, AtADropByItsCause) {
    VmxHypervisor vmx;
    vmx.m().put_code(looping, guest);
    vmx.m().put_code("66 0f 38 80 06 c3", empty);        // INVEPT rax, [rsi]: all contexts; ret
    vmx.m().put_code("b8 02 00 00 00 48 be 00 00 02 00 00 00 00 00 e8 ec 00 00 00 b8 1e 68 00 00 0f 78 c3 48 83 c3 02 0f 79 c3 0f 01 c3 f4", VmxGuest::host_code);
    vmx.command("stop tlb-drop INVVPID"), vmx.command("stop tlb-drop INVEPT");
    auto stop = vmx.command("continue").lines[0];
    EXPECT_EQ(field(stop, "id"), "2");
    EXPECT_NE(field(stop, "said").find("INVEPT all-context has dropped"), std::string::npos);
    EXPECT_EQ(vmx.m().cpu.rip(), empty + 5);

    SvmHypervisor svm;
    svm.put_code(looping, guest);
    svm.set(svm::Field::tlb_control, 3);
    svm.command("stop tlb-drop INVLPGA"), svm.command("stop tlb-drop VMRUN_TLB_CONTROL_3");
    stop = svm.command("continue").lines[0];             // the second VMRUN: the first has nothing to drop
    EXPECT_EQ(field(stop, "id"), "2");
    EXPECT_EQ(svm.cpu.rip(), guest + 2);
    EXPECT_TRUE(svm.command("stop tlb-drop NOTHING").failed);
}

TEST(GuestStops, AtAPageFaultsDrop) {
    for (bool ticks : {false, true}) {
        Debugged m;
        m.session.by_ticks = ticks;
        m.put(0x3008, u64{0x2000e5});                    // 2 MiB: read-only
        m.put_code("8b 06 89 06 eb fe");                 // mov eax, [rsi]; mov [rsi], eax
        m.put(TestMachine::idt + 14 * 16, u64{0x00008e0000081000} | u64{1} << 48), m.put(TestMachine::idt + 14 * 16 + 8, u64{0});
        m.put_code("eb fe", 0x11000);
        m.cpu.gpr[rsi] = 0x200000;
        m.command("stop tlb-drop page_fault");
        EXPECT_EQ(field(m.command("continue").lines[0], "kind"), "tlb-drop");
        EXPECT_EQ(m.cpu.rip(), 0x11000u);
    }
}

TEST(GuestStops, AtATripleFault) {
    for (bool ticks : {false, true}) {
        Debugged m;
        m.session.by_ticks = ticks;
        m.put_code("90 0f 0b");
        m.cpu.seg.idtr.limit = 0;
        m.command("stop shutdown");
        auto stop = m.command("continue").lines[0];
        EXPECT_EQ(field(stop, "kind"), "shutdown");
        EXPECT_EQ(m.cpu.rip(), 0x10001u);
    }
    each("0f 0b", [](Hypervisor& h) {                    // the guest's own is an exit, reason 2, where SVM intercepts it (7Fh)
        using vmx::Field;
        auto* amd = dynamic_cast<SvmHypervisor*>(&h);
        if (amd) amd->intercept(svm::Exit::shutdown), amd->set(svm::Field::idtr_limit, 0);
        else static_cast<VmxHypervisor&>(h).v.vmcs.set(Field::guest_idtr_limit, 0);
        h.command("stop shutdown"), h.command(amd ? "stop vmexit 0x7f" : "stop vmexit 2");
        EXPECT_EQ(h.stop("continue"), "vmexit");
        EXPECT_EQ(h.m.cpu.rip(), h.exits_to);
    });
}

// A translation is used after its entry has changed, and no invalidation comes within a hundred instructions: found when one of another page does.
TEST(GuestStops, AtAStaleUse) {
    for (bool ticks : {false, true}) {
        Debugged m;
        m.session.by_ticks = ticks;
        check::StaleUses shared({.grace = 100});
        unsigned reports = 0;
        shared.report = [&](const std::string&) { reports++; };
        m.cpu.mmu->stale = std::make_unique<check::Stale>(m.cpu, shared);
        // mov eax, [rsi]; mov [rbx], rdx; mov eax, [rsi]; mov ecx, 200; dec ecx; jnz; invlpg [rdi]; jmp $
        m.put_code("8b 06 48 89 13 8b 06 b9 c8 00 00 00 ff c9 75 fc 0f 01 3f eb fe");
        m.cpu.gpr[rsi] = 0x600000, m.cpu.gpr[rbx] = 0x3018, m.cpu.gpr[rdx] = 0xa000e7, m.cpu.gpr[rdi] = 0x20000;
        m.command("stop stale");
        EXPECT_EQ(field(m.command("continue").lines[0], "kind"), "stale");
        EXPECT_EQ(m.cpu.rip(), 0x10013u);
        EXPECT_EQ(reports, 1u);
        m.cpu.mmu->stale.reset();
    }
}
