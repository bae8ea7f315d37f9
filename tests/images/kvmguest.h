// SPDX-License-Identifier: MIT
// Where things are in the memory of kvmtest's guests; read by C and by the assembler.
#pragma once

#define REAL_CODE        0x1000
#define GDT              0x2000
#define IDT              0x3000
#define STUBS            0x4000
#define STACK            0x9000
#define RECORDS          0xa000             // a count, then 64 records of 32 bytes from +32
#define RESULTS          0xb000
#define CODE             0x10000
#define PML4             0x100000
#define PDPT             0x101000
#define PD_LOW           0x102000           // 0 to MEMORY, identity, by 4 KiB
#define PD_HIGH          0x103000           // from 1 GiB: window, memory that isn't there, local APIC, places that fault
#define PT_WINDOW        0x104000
#define PT_FAULTS        0x105000
#define PDPT_RESERVED    0x106000
#define PTS              0x110000
#define POOL             0x800000           // 512 pages
#define TOUCH            0x1000000
#define MEMORY           0x5000000

#define WINDOW           0x40000000         // virtual addresses, 2 MiB each
#define ABSENT_MEMORY    0x40200000
#define LOCAL_APIC       0x40400000
#define FAULTS           0x40600000
#define FAULT_ABSENT     0x40600123
#define FAULT_READ_ONLY  0x40601000
#define FAULT_NO_EXECUTE 0x40602000
#define FAULT_RESERVED   0x8000000000       // its PML4 entry says "page size"

#define SLOT_PHYSICAL    0x10000000         // of the second memory slot
#define ABSENT_PHYSICAL  0xd0000000

#define SEGMENT_CODE64   8
#define SEGMENT_DATA     16
#define SEGMENT_CODE32   24
#define SEGMENT_CODE16   32
#define SEGMENT_DATA16   40

#define PORT_MARK        0x10
#define PORT_END         0x99

#define CPUID_LEAF       0x40000077
#define CPUID_EAX        0x11223344
#define CPUID_EBX        0x55667788
#define CPUID_ECX        0x1a2b3c4d
#define CPUID_EDX        0x5e6f7a8b
