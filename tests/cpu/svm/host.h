// SPDX-License-Identifier: MIT
// A 64-bit host with one guest for tests of SVM: identity-mapped nested tables, a VMCB, a save area and permissions maps.
#pragma once
#include "cpu/svm/svm.h"
#include "tests/cpu/machine.h"
#include <gtest/gtest.h>

struct SvmHost : TestMachine {
    static constexpr u64 vmcb = 0x50000, hsave = 0x51000, iopm = 0x52000, msrpm = 0x55000, guest_code = 0x60000, nested_cr3 = 0x70000;
    static constexpr u64 guest_idt = 0x80000, guest_stack = 0x90000, other_vmcb = 0x5f000;

    explicit SvmHost(const char* model = "max-amd") : TestMachine(TestMode::long64, model) {
        cpu.engine = Engine::slow;
        cpu.control.efer |= efer::svme;
        cpu.msr.vm_hsave_pa = hsave;
        map_nested();
        describe_guest(vmcb);
        put_code("0f 01 d8 f4");                           // VMRUN, HLT
        cpu.gpr[rax] = vmcb, cpu.rip() = code;
    }

    svm::Svm& layer() { return svm::of(cpu); }
    u64 get_field(svm::Field f, u64 at = vmcb) {
        u64 value = 0;
        std::memcpy(&value, ram.data() + at + svm::row(f).offset, svm::row(f).bytes);
        return value;
    }
    void set(svm::Field f, u64 value, u64 at = vmcb) { std::memcpy(ram.data() + at + svm::row(f).offset, &value, svm::row(f).bytes); }
    void intercept(svm::Exit e, bool on = true, u64 at = vmcb) {
        auto f = svm::intercept_field(e);
        u64 flag = bit(u16(e) % 32), now = get_field(f, at);
        set(f, on ? now | flag : now & ~flag, at);
    }

    // 1 GiB by 2-MiB pages, all of them user and writable.
    void map_nested() {
        put(nested_cr3, nested_cr3 + 0x1007);
        put(nested_cr3 + 0x1000, nested_cr3 + 0x2007);
        for (u64 i = 0; i < 512; i++) put(nested_cr3 + 0x2000 + i * 8, i << 21 | 0xe7);
    }
    // 4-KiB pages for the first 2 MiB, so that single ones can be taken away.
    void split_nested() {
        put(nested_cr3 + 0x2000, nested_cr3 + 0x3007);
        for (u64 i = 0; i < 512; i++) put(nested_cr3 + 0x3000 + i * 8, i << 12 | 0x67);
    }
    u64 nested_entry(u64 page) const { return nested_cr3 + 0x3000 + (page >> 12) * 8; }

    // 64-bit ring 0 with the host's page tables, that exits by VMRUN, VMMCALL and HLT.
    void describe_guest(u64 at) {
        using svm::Field;
        for (auto& r : svm::fields) set(r.field, 0, at);
        intercept(svm::Exit::vmrun, true, at), intercept(svm::Exit::vmmcall, true, at), intercept(svm::Exit::hlt, true, at);
        set(Field::asid, 1, at), set(Field::iopm_base, iopm, at), set(Field::msrpm_base, msrpm, at);
        set(Field::nested_control, 1, at), set(Field::nested_cr3, nested_cr3, at), set(Field::gpat, 0x0007040600070406, at);
        set(Field::cs_selector, code64, at), set(Field::cs_attributes, 0xa9b, at), set(Field::cs_limit, 0xffffffff, at);
        for (Field f : {Field::ss_selector, Field::ds_selector, Field::es_selector}) {
            set(f, data_flat, at), set(Field(unsigned(f) + 1), 0xc93, at), set(Field(unsigned(f) + 2), 0xffffffff, at);
        }
        set(Field::gdtr_base, gdt, at), set(Field::gdtr_limit, 0xfff, at), set(Field::idtr_base, guest_idt, at), set(Field::idtr_limit, 0xfff, at);
        set(Field::efer, efer::svme | efer::lme | efer::lma | efer::sce | efer::nxe, at);
        set(Field::cr0, 0x80010031, at), set(Field::cr3, 0x1000, at), set(Field::cr4, 0x620, at);
        set(Field::dr6, 0xffff0ff0, at), set(Field::dr7, 0x400, at), set(Field::rflags, 2, at);
        set(Field::rip, guest_code, at), set(Field::rsp, guest_stack, at);
    }

    // The guest runs from its start, as its VMCB says; returns EXITCODE.
    u64 run_guest(const std::string& hex, u64 at = vmcb) {
        put_code(hex, guest_code);
        set(svm::Field::rip, guest_code, at);
        return resume(at);
    }
    u64 resume(u64 at = vmcb, unsigned budget = 200) {
        enter(at);
        return continue_guest(at, budget);
    }
    void enter(u64 at = vmcb) {
        cpu.gpr[rax] = at, cpu.rip() = code;
        cpu.run(cpu.clock.ticks + 1);
    }
    u64 continue_guest(u64 at = vmcb, unsigned budget = 200) {
        while (cpu.guest && budget--) cpu.run(cpu.clock.ticks + 1);
        EXPECT_FALSE(cpu.guest) << "the guest has not exited";
        return get_field(svm::Field::exit_code, at);
    }
    // A 64-bit interrupt gate of the guest; its handler begins with the bytes given.
    void handler(u8 vector, u64 at, const std::string& hex) {
        put(guest_idt + vector * 16, u64(at & 0xffff) | u64{code64} << 16 | u64{0x8e00} << 32 | (at >> 16 & 0xffff) << 48);
        put(guest_idt + vector * 16 + 8, u64(at >> 32));
        put_code(hex, at);
    }
};
