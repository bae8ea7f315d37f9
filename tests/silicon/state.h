// SPDX-License-Identifier: MIT
// What both sides of a case share: the layout of the sandbox, the segments, and the state before and after one instruction.
#pragma once
#include "base/bits.h"
#include "cpu/decode/decoder.h"
#include "cpu/state/control.h"
#include <array>
#include <cstring>

namespace silicon {

// The sandbox, at the same linear addresses on both sides. Everything else below 4 GiB is not present.
namespace sandbox {
constexpr u64 start = 0x20000000, code = start + 0x1000, code_size = 0x1000;       // execute and read
constexpr u64 data = start + 0x9000, data_size = 0x4000;                           // three pages to write, one to read
constexpr u64 read_only = data + 0x3000, end = data + data_size;
}

enum class Mode : u8 { bits64, compatibility32, compatibility16 };
constexpr const char* mode_names[] = {"64-bit", "compatibility, 32-bit code", "compatibility, 16-bit code"};

// Entries of the LDT; selectors are entry * 8 + 7.
struct LdtEntry {
    const char* text;
    u32 base, limit;              // the limit in bytes, or pages
    bool pages, wide, present, writable_or_readable;
    u8 contents;                  // descriptor type bits 3:2: data, expand-down data, code, conforming code
};
constexpr LdtEntry ldt[] = {
    // text                       base                     limit    pages  wide   present access contents
    {"code, 32 bits",             sandbox::start - 0x3000, 0xfffff, true,  true,  true,   true,  2},
    {"code, 16 bits",             sandbox::start,          0xffff,  false, false, true,   true,  2},
    {"data, flat",                0,                       0xfffff, true,  true,  true,   true,  0},
    {"data, 64 KiB",              sandbox::start,          0xffff,  false, true,  true,   true,  0},
    {"data, with base",           sandbox::start + 0x4000, 0xfffff, true,  true,  true,   true,  0},
    {"data, expand-down",         sandbox::start,          0xafff,  false, true,  true,   true,  1},
    {"data, read-only",           sandbox::start + 0x1000, 0xfffff, true,  true,  true,   false, 0},
    {"data, ends in the sandbox", sandbox::start + 0x2000, 0x8fff,  false, true,  true,   true,  0},
    {"data, 16 bits",             sandbox::start + 0x3000, 0xffff,  false, false, true,   true,  0},
    {"data, expand-down 16 bits", sandbox::start,          0x9fff,  false, false, true,   true,  1},
    {"data, not present",         sandbox::start,          0xffff,  false, true,  false,  true,  0},
    {"code, execute-only",        sandbox::start,          0xffff,  false, true,  true,   false, 2},
};
constexpr u16 selector(unsigned entry) { return u16(entry * 8 + 7); }
constexpr u16 code64 = 0x33, stack64 = 0x2b;                  // Linux' own
constexpr u16 code32 = selector(0), code16 = selector(1), flat = selector(2);
constexpr u16 code_selector(Mode m) { return m == Mode::bits64 ? code64 : m == Mode::compatibility32 ? code32 : code16; }
constexpr u64 code_base(Mode m) { return m == Mode::bits64 ? 0 : ldt[code_selector(m) >> 3].base; }

// The FXSAVE image (SDM vol. 1, table 10-2).
struct alignas(64) Fx {
    std::array<u8, 512> bytes{};
    template <class T> T get(unsigned at) const {
        T value;
        std::memcpy(&value, bytes.data() + at, sizeof value);
        return value;
    }
    template <class T> void put(unsigned at, const T& value) { std::memcpy(bytes.data() + at, &value, sizeof value); }
    static constexpr unsigned control = 0, status = 2, tags = 4, mxcsr = 24, st = 32, xmm = 160;
};

struct State {
    std::array<u64, 16> gpr{};
    u64 rip = 0, rflags = 0x202;
    std::array<u16, 6> selector{};        // by Seg
    u64 fs_base = 0, gs_base = 0;         // in 64-bit mode
    Fx fx;
    std::array<std::array<u8, 16>, 16> upper{};     // bits 255:128 of the YMM registers
};

constexpr int stepped = -1;
struct End {
    State state;
    int vector = stepped;                 // of the fault, or stepped
    u32 error = 0;
    u64 cr2 = 0;
};

using Data = std::array<u8, sandbox::data_size>;

}
