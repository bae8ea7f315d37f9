// SPDX-License-Identifier: MIT
// Reading and writing model-specific registers by the rows of cpu/msr/table.cpp.
#pragma once
#include "cpu/msr/msrs.h"
#include <string_view>

struct Cpu;

// False: #GP(0), nothing has changed. An index without a row is logged once.
bool read_msr(Cpu& cpu, u32 index, u64& value);
bool write_msr(Cpu& cpu, u32 index, u64 value);
// Power-on values, where the model decides them; INIT leaves these registers alone (SDM vol. 3, table 10-1).
void reset_msrs(Cpu& cpu);
// The manuals' name of one, for listings and logs; empty when there is no row.
std::string_view msr_name(const Cpu& cpu, u32 index);

u64 read_tsc(const Cpu& cpu);
u64 guest_scaled(const Cpu& cpu, u64 count);                  // by the guest's TSC ratio
u64 read_guest_tsc(const Cpu& cpu);       // the same where no guest runs
