// SPDX-License-Identifier: MIT
// Direct kernel boot: recognises a kernel file and plans how a machine without firmware starts it.
#pragma once
#include "bios/acpi/parameters.h"
#include "bios/plan.h"
#include <string>
#include <vector>

// --kernel, --initrd, --append, --module and what of the machine the loader must know.
struct BootRequest {
    std::string kernel;
    std::string initrd;                       // empty: none
    std::string append;
    std::vector<std::string> modules;         // "FILE[,ARGS]" each
    u64 memory = u64{1} << 30;                // RAM in bytes, laid out as bios/memory_map.h says
    bool long_mode = true;                    // the CPU model has it
    unsigned physical_bits = 40;              // MAXPHYADDR, for the MTRRs
    AcpiParameters acpi;                      // CPUs, ports and addresses of the board
};

// The protocols, in the order in which they are tried on a file (gzip'ed ones are unpacked before).
//
//   Linux bzImage     boot protocol 2.02 and later. With XLF_KERNEL_64 and a CPU with long mode the 64-bit entry point
//                     (+200h), else the 32-bit one. The file's real-mode part never runs. RSI: the zero page.
//   multiboot 1       header in the first 8 KiB; ELF32, ELF64 or the header's own addresses. EAX 2BADB002h, EBX information.
//   multiboot 2       header in the first 32 KiB; likewise. EAX 36D76289h, EBX information.
//   PVH               ELF with Xen's note 18 (PHYS32_ENTRY). EBX: the start information structure.
//   plain ELF32       32-bit protected mode, paging off; EBX and [ESP+4]: the PVH start information structure.
//   plain ELF64       long mode, 0 to 4 GiB identity-mapped by 2-MiB pages, writable and executable;
//                     RDI and RBX: the PVH start information structure.
//
// In each, segments are flat, interrupts are off and the GDT lies in the ROM. Plain ELF starts with a stack of 16 KiB, aligned
// as after a call from C whose return address is 0; the other protocols promise no stack. ELF segments go to their physical
// addresses; an entry point that lies in a segment's virtual range is translated likewise.
// Left out: a.out symbols and ELF section headers for multiboot kernels, VBE and frame buffer information (they find text mode 3),
// relocation of multiboot 2 and PVH kernels (they are loaded where they are linked), multiboot 2 on EFI.
//
// Throws Error with one line that names the file, the reason and what to do.
BootPlan plan_boot(const BootRequest&);

// What a machine has before any kernel is looked at: ROM with tables, data in RAM, writes to chips. Depends on memory,
// physical_bits and acpi only.
struct Firmware {
    BootPlan plan;                            // without protocol and entry
    u64 rsdp = 0;                             // its physical address, in the ROM
};
Firmware build_firmware(const BootRequest&);

// The same in parts, the kernel's file at hand; `request.kernel` is only its name. What the fuzz target calls.
BootPlan plan_boot(const BootRequest&, const Firmware&, Bytes kernel);

// A gzip'ed file unpacked, anything else as it is. No more than `limit` bytes are made.
Bytes gunzip(const std::string& name, Bytes file, u64 limit);
