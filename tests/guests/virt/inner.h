// SPDX-License-Identifier: MIT
// A guest of VMX or SVM for tests of translations: one instruction at a time, under its own tag and its own two sets of tables.
#pragma once
#include "svm.h"
#include "tables.h"
#include "vmx.h"
#include <initializer_list>

extern "C" {
void inner_read();
void inner_write();
void inner_invlpg();
void inner_cr3();
void inner_cr4();
void inner_invpcid();
void inner_nothing();
void inner_pages();
}

constexpr word outer_va = 0x8000000000, inner_va = 0x10000000000;      // where tests map pages: of the hypervisor, of its guest
constexpr u64 exits_by_cpuid = 1, page_faults_to_us = 2, other_exit = 3;

// Its tables are ours unless its CR3 says otherwise; all memory is mapped to itself by 4-KiB entries of the second stage.
struct Inner {
    vmx::Machine intel;
    svm::Machine amd;
    u64 raw = 0;                          // the last exit's own number

    void make(u16 tag, u64 second_stage_root);           // tag 0: no VPID; root 0: no second stage
    void select();                        // VMX: its VMCS is current from here on
    void set_cr3(u64), set_cr4(u64), set_cr0(u64), set_flags(u64);
    void set_root(u64 second_stage_root);
    u64 run(void (*code)(), u64 rdi = 0, u64 rsi = 0);   // one of the three above
    u64& reg(unsigned n) { return is_amd() ? n == rax ? amd.vmcb->rax : amd.registers.r[n] : intel.registers.r[n]; }
    u64 read(u64 address) { return run(inner_read, address) == exits_by_cpuid ? reg(rax) : ~0ull; }
};
u64 second_stage_identity(u64 size = 64 << 20);
u64& second_stage_entry(u64 root, u64 address);          // of 4 KiB
constexpr u64 second_stage_leaf(bool amd, u64 page) { return page | (amd ? 7 : 0x37); }
void start_virtualization();

// name: `setup`, then the instruction that exits, at name_at; what follows it is at name_after.
#define CODE(name, setup, instruction)                                                                                         \
    extern "C" void name();                                                                                                    \
    extern "C" char name##_at[], name##_after[];                                                                               \
    asm(".pushsection .text.inner, \"ax\"; " #name ": " setup "; " #name "_at: " instruction "; " #name "_after: ud2; .popsection")
#define WHERE(name) name, word(name##_at), word(name##_after)
#define CODE32(name, setup, instruction) CODE(name, ".code32; " setup, instruction "; .code64")
struct Place { void (*code)(); word at, after; };

// A 32-bit guest's world for task switches: all memory by 4-MiB pages, a task at `spare`, a gate to it at vector 42h.
struct TaskWorld { u64 cr3, idt, current, other; };
TaskWorld make_task_world();
