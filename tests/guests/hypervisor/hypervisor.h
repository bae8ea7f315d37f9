// SPDX-License-Identifier: MIT
// A small hypervisor: what its parts know of each other. main.cpp answers exits, intel.cpp and amd.cpp enter the guest,
// shadow.cpp keeps shadow page tables, kernel.cpp is the guest. Read main.cpp first.
#pragma once
#include "hypercall.h"
#include "memory.h"

// Why the guest stopped, in words that both vendors share.
enum class Why { cpuid, port, halt, msr_read, msr_write, cr_read, cr_write, page_fault, invlpg, second_stage, interrupt, time_slice, window, hypercall,
                 shutdown, other, count };
struct Exit {
    Why why = Why::other;
    u64 detail = 0;                       // port, MSR or CR number; address of a fault; else the vendor's own number
    u64 error_code = 0;                   // of a page fault
    unsigned reg = 0, width = 0;          // general register of a MOV CR; bytes of a port access
    bool write = false;
    u64 length = 0;                       // of the instruction
};

// A virtual CPU: what its guest sees. How it runs is the vendor's.
struct Vcpu {
    unsigned number = 0;
    bool running = false, halted = false; // running: started by the guest or by us
    u32 pending[8] = {};                  // interrupt vectors that wait
    Registers registers{};
    u64 rip = 0, cr2 = 0;
    u64 cr0 = 0, cr3 = 0, cr4 = 0;        // as the guest believes; under shadow paging only
    u64 turn_ends = 0;                    // by the time-stamp counter, where the CPU can tell when that is
    u64 shadow_root = 0;
    u64 block = 0;                        // its VMCS or VMCB
    bool launched = false;                // VMX: VMRESUME from now on
};

enum EventType : u32 { external_interrupt = 0, hardware_exception = 3 };
struct Vendor {
    const char *name, *nested_name;
    bool (*available)();
    bool (*has_nested)();
    void (*start)();                                     // once
    void (*create)(Vcpu&, u64 rip, u64 rsp, u64 cr3);    // a vCPU in 64-bit mode
    Exit (*run)(Vcpu&);                                  // until the next exit
    void (*skip)(Vcpu&, u64 length);                     // the instruction that exited has been done for the guest
    bool (*can_interrupt)(Vcpu&);                        // is an interrupt possible at this very instruction?
    void (*inject)(Vcpu&, unsigned vector, EventType, bool has_code, u32 code);
    void (*want_window)(Vcpu&, bool);                    // exit as soon as an interrupt is possible
    void (*set_cr)(Vcpu&);                               // shadow paging: cr0 and cr4 have changed
    void (*flush)(Vcpu&);                                // drop all that the TLB holds of this vCPU
    void (*flush_page)(Vcpu&, u64 address);
    void (*flush_nested)();                              // rights in the nested tables were taken away
};
extern const Vendor intel, amd;

// ---- the machine that the guest sees
constexpr u64 guest_ram = 16 << 20, page_size = 4096;
constexpr unsigned most_vcpus = 8;
extern bool nested;                       // by EPT or NPT; else by shadow page tables
extern u64 nested_root;
extern const Vendor* vendor;
extern Vcpu all_vcpus[most_vcpus];
u64 host_page(u64 guest_physical);        // given at the first touch; 0 where the guest has no memory
[[noreturn]] void stop(const char* reason, u64 number = 0);

// ---- shadow.cpp
void shadow_flush(Vcpu&);
void shadow_flush_page(Vcpu&, u64 address);
void shadow_drop_all();                   // a page was taken away
bool shadow_fault(Vcpu&, u64 address, u64 error_code);               // false: the guest's own fault
u64 guest_walk(Vcpu&, u64 address);       // the guest-physical address, ~0 where nothing is mapped
