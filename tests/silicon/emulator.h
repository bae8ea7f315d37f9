// SPDX-License-Identifier: MIT
// Runs one instruction in the emulator, in the surroundings that the host gives it.
#pragma once
#include "cpu/cpu.h"
#include "cpu/cpuid/model.h"
#include "cpu/mmu.h"
#include "tests/silicon/state.h"

namespace silicon {

class Emulator {
public:
    explicit Emulator(const char* model);
    u8* data() { return sandbox_data.bytes.data(); }
    u8* code() { return sandbox_code.bytes.data(); }
    void enter(Mode mode);                // what holds for all cases of a mode
    void run(const State& start, End& end);
    const decode::Mode& decode_mode() const { return cpu.code; }
    const CpuModel& model;
    // Where a segment register would lead with that selector.
    static Segment segment(u16 selector);

private:
    template <unsigned N> struct alignas(4096) Bytes {
        std::array<u8, N> bytes{};
    };
    Bytes<0x20000> tables;
    Bytes<sandbox::code_size> sandbox_code;
    Bytes<sandbox::data_size> sandbox_data;
    PhysicalMap memory{40};
    Clock clock;
    Cpu cpu;
    Mode mode = Mode::bits64;
    void build_tables();
    void take(const State& start);
    void give(State& end) const;
};

}
