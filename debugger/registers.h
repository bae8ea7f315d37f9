// SPDX-License-Identifier: MIT
// The CPU's registers by name: one table that listings, expressions, `set` and GDB read.
#pragma once
#include "cpu/cpu.h"
#include "cpu/msr/access.h"
#include "debugger/result.h"
#include <span>
#include <string_view>

namespace debugger {

enum class Group : u8 { general, segments, control, debug, x87 };

struct Register {
    std::string_view name;
    Group group;
    u8 bits;
    u8 number;                             // what get and set are told
    u64 (*get)(const Cpu&, unsigned number);
    // False: refused, nothing has changed. Null: only to be looked at.
    bool (*set)(Cpu&, unsigned number, u64 value);
};

std::span<const Register> registers();
const Register* find_register(std::string_view name);          // null: no such register
std::string_view name_of(Group group);

// Where MSRs can be: the ranges of the permission maps (SDM vol. 3, 25.6.9; APM vol. 2, 15.11).
struct MsrRange {
    u32 first, last;
};
inline constexpr MsrRange msr_ranges[] = {{0, 0x1fff}, {0xc0000000, 0xc0001fff}, {0xc0010000, 0xc0011fff}};

// Calls see(index, name, value) for each model-specific register that the model has and that can be read.
template <class See> void each_msr(Cpu& cpu, See&& see) {
    for (auto& range : msr_ranges)
        for (u32 index = range.first; index <= range.last; index++) {
            u64 value;
            auto name = msr_name(cpu, index);
            if (!name.empty() && read_msr(cpu, index, value)) see(index, name, value);
        }
}
bool msr_index(Cpu& cpu, std::string_view name, u32& index);   // by name or as a number

// "PE MP ET NE WP" of CR0, CR4, EFER, RFLAGS, DR6 by the register's name; empty for others.
std::string bit_names(std::string_view register_name, u64 value);
// The same a line each, with what they mean.
void add_register_bits(Result& result, std::string_view register_name, u64 value);

}
