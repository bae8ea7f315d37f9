// SPDX-License-Identifier: MIT
// A hypervisor of a few instructions under a debugger's session, for both vendors: it calls an empty function, lets its guest skip two bytes, and
// enters it again. Each has VMLAUNCH or VMRUN at 10000h, and its empty function at 10900h.
#pragma once
#include "tests/cpu/svm/host.h"
#include "tests/cpu/vmx/host.h"
#include "tests/debugger/board.h"

// What both have.
struct Hypervisor {
    static constexpr u64 start = TestMachine::code, empty = start + 0x900, guest = SvmHost::guest_code;

    Hypervisor(TestMachine& m, u64 exits_to, u64 stores_rip) : m(m), exits_to(exits_to), stores_rip(stores_rip) {
        m.put_code("c3", empty);
        m.cpu.engine = Engine::fast;
        m.cpu.rip() = start;
    }
    virtual ~Hypervisor() = default;

    // The second stage refuses everything in these 2 MiB.
    virtual void take_away(u64 guest_physical) = 0;

    debugger::Result command(const std::string& line) { return debugger::execute(session, line); }
    std::string stop(const std::string& line, const char* what = "kind") { return field(command(line).lines[0], what); }

    TestMachine& m;
    const u64 exits_to, stores_rip;            // the first instruction behind an exit; the one that stores the guest's RIP
    unsigned slices = 100;
    debugger::Session session{m.cpu, [this](const debugger::Session::Drive& drive) {
        drive(m.clock.ticks + 1000);
        return --slices > 0;
    }};
};

struct VmxParts : VmxGuest {
    void TestBody() override {}
};
struct VmxHypervisor : VmxParts, Hypervisor {
    VmxHypervisor() : Hypervisor(VmxGuest::m, host_code, host_code + 0x11) {
        using vmx::Field;
        auto& m = VmxGuest::m;
        m.put_code("0f 01 c2 f4");                       // VMLAUNCH, HLT
        // call 10900; mov eax, guest_rip; vmread rbx, rax; add rbx, 2; vmwrite rax, rbx; vmresume; hlt
        m.put_code("e8 fb 00 00 00 b8 1e 68 00 00 0f 78 c3 48 83 c3 02 0f 79 c3 0f 01 c3 f4", host_code);
        // EPT: 1 GiB by 2-MiB pages.
        m.put(0x400000, u64{0x401007}), m.put(0x401000, u64{0x402007});
        for (u64 i = 0; i < 512; i++) m.put(0x402000 + i * 8, i << 21 | 0xb7);
        controls(0, 0x2 | 0x80);
        v.vmcs.set(Field::ept_pointer, 0x40001e);
        v.vmcs.set(Field::guest_rip, guest), v.vmcs.set(Field::guest_rsp, SvmHost::guest_stack), v.vmcs.set(Field::guest_interruptibility, 0);
    }
    void take_away(u64 guest_physical) override { m().put(0x402000 + (guest_physical >> 21) * 8, u64{0}); }
    TestMachine& m() { return VmxGuest::m; }
};

struct SvmHypervisor : SvmHost, Hypervisor {
    SvmHypervisor() : Hypervisor(*this, start + 3, start + 8) {
        put_code("0f 01 d8", start);                     // VMRUN
        // call 10900; add qword [rax+578h], 2: RIP of the VMCB; jmp 10000
        put_code("e8 f8 08 00 00 48 83 80 78 05 00 00 02 eb ee", start + 3);
        intercept(svm::Exit::cpuid);
    }
    void take_away(u64 guest_physical) override { put(nested_cr3 + 0x2000 + (guest_physical >> 21) * 8, u64{0}); }
};
