// SPDX-License-Identifier: MIT
// A bare CPU with a little memory, a device and a timer, set up anew for each generated stream.
#pragma once
#include "cpu/cpuid/model.h"
#include "tests/lockstep/layout.h"
#include "tests/lockstep/side.h"

namespace lockstep {

enum class Mode : u8 { long64, compatibility32, paged32, pae32, flat32, protected16, real16 };
constexpr unsigned modes = 7;
constexpr const char* mode_names[] = {"64-bit", "compatibility", "32-bit paged", "32-bit PAE", "32-bit unpaged", "16-bit protected", "real"};

// What a machine begins with: memory, and registers beyond those of the mode.
struct Setup {
    Mode mode;
    bool user;                    // CPL 3
    u64 code;                     // linear address of AT_CODE's first byte
    u64 rip;                      // of the first instruction
    std::array<u64, 16> gpr;
    u64 rflags;
    u64 cr0, cr4;                 // more bits of them
    bool nxe;
    u32 pkru, mxcsr;
    u16 fpu_control;
    std::array<Segment, 6> data;  // es, -, ss, ds, fs, gs, where the mode has such; CS is the mode's
    u64 chance;                   // of the vectors and of RDRAND
    u64 lstar;                    // where SYSCALL goes
    u64 period;                   // ticks between interrupts; 0: none
    std::vector<u8> image;        // of RAM
};

class Bare {
public:
    Bare(const CpuModel& model, u64 engine);               // one of tests/lockstep/engines.h
    void begin(const Setup& setup);

    // Reads as what was written last, turned a little.
    struct Register final : Mmio {
        u64 value = 0;
        u64 read(u64 offset, unsigned width) override { return (value = value * 5 + offset + 1) & ones(width); }
        void write(u64 offset, unsigned width, u64 v) override { value = (v & ones(width)) ^ offset; }
    };

    // Whole pages of the host, as the fast engine wants them.
    struct alignas(4096) Ram { std::array<u8, RAM_SIZE> bytes{}; };
    std::unique_ptr<Ram> memory_chips = std::make_unique<Ram>();
    std::span<u8> ram{memory_chips->bytes};
    PhysicalMap memory{40};
    Clock clock;
    Register device;
    u64 chance = 0, period = 0;
    Cpu cpu;
    Timer timer;
    Side side;

private:
    void map();
    void enter(const Setup& setup);
    void visit(Archive& a);
    Wires wires();
    u64 random() { return (chance = chance * 0x5851f42d4c957f2d + 0x14057b7ef767814f) >> 16; }
};

}
