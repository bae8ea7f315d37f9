// SPDX-License-Identifier: MIT
// The processor's state as it goes to the state-save area of SMRAM and comes back from it.
#pragma once
#include "cpu/cpu.h"

namespace smm {

struct Image {
    struct Part {                 // a segment; its attributes as the VMCB and AMD's area have them
        u16 selector = 0, attributes = 0;
        u32 limit = 0;
        u64 base = 0;
    };
    u64 cr0 = 0, cr3 = 0, cr4 = 0, efer = 0, rflags = 0, rip = 0, dr6 = 0, dr7 = 0;
    std::array<u64, 16> gpr{};
    std::array<Part, 8> segment{};
    TableRegister gdtr, idtr;
    u32 revision = 0, smbase = 0;
    u16 auto_halt = 0, io_restart = 0;
    u32 io = 0;                   // IO_MISC, AMD's I/O trap offset
    u64 io_address = 0, io_rip = 0, io_rcx = 0, io_rsi = 0, io_rdi = 0;

    Part& of(Seg s) { return segment[unsigned(s)]; }
    // One half of a register that an area holds in two places.
    struct Half {
        u64& whole;
        unsigned shift;
        operator u64() const { return u32(whole >> shift); }
        void operator=(u64 value) { whole = (whole & ~(ones(4) << shift)) | u64{u32(value)} << shift; }
    };
    static Half low(u64& whole) { return {whole, 0}; }
    static Half high(u64& whole) { return {whole, 32}; }
};

enum class Layout : u8 { intel64, intel32, amd64 };
Layout layout(const Cpu& cpu);

void store(Cpu& cpu, Image& image);               // to the area at SMBASE
void load(Cpu& cpu, Image& image);

// The rule that a state breaks, for the log; empty if a processor may be in it.
std::string_view broken(const Cpu& cpu, Image& image);

}
