// SPDX-License-Identifier: MIT
// Where things are in the memory of the bare machines that run generated streams; for C++ and the assembler.
#pragma once
#define AT_TABLES 0x1000
#define AT_GDT 0x6000
#define AT_IDT 0x7000
#define AT_TSS 0x8000
#define AT_BASE 0x8800       /* variables: RIP of the code's first byte */
#define AT_START 0x8808      /* RIP of the stream's first instruction */
#define AT_INDEX 0x8810      /* of the next seed */
#define AT_COUNT 0x8814      /* of exceptions */
#define AT_EVENTS 0x8818     /* of interrupts */
#define AT_STACK 0x8820      /* rSP to begin with */
#define AT_SEEDS 0x8840      /* 32 pointers, and the first again */
#define SEEDS 32
#define AT_HANDLERS 0x9000
#define INTERRUPT_HANDLER 0x9200
#define AT_LENGTHS 0xa000    /* of the instruction at each byte of the code; 0: none begins there */
#define AT_CODE 0xc000
#define CODE_SIZE 0x2000
#define AT_DATA 0x10000
#define AT_STACKS 0x20000    /* of the handlers: 8 KiB, then of the streams: 8 KiB */
#define AT_TARGETS 0x24000   /* RIPs of instructions */
#define AT_DEVICE 0x28000
#define RAM_SIZE 0x30000
#define EXCEPTION_LIMIT 200
