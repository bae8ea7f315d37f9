// SPDX-License-Identifier: MIT
// Valid VMCSs for guests of every mode, each with the chip, the memory and the mode it is entered from.
#pragma once
#include "cpu/vmx/entry_checks.h"
#include "tests/cpu/vmx/straight_checker.h"
#include <map>
#include <memory>

struct TestMemory : vmx::Memory {
    std::map<u64, u64> at;                // by address, as wide as it is read
    u64 read(u64 address, unsigned bytes) const override {
        auto found = at.find(address);
        return found == at.end() ? 0 : found->second & ones(bytes);
    }
};

// A chip as the tables see it, and as the straight-line checker does.
struct ChipPair {
    vmx::Limits limits;
    const straight::Chip* straight;
};

struct Scene {
    const char* name = "";
    const ChipPair* chip = nullptr;
    vmx::Vmcs vmcs;
    TestMemory memory;
    bool ia32e = true;
    u64 current = 0x7000;

    vmx::Surroundings around() const { return {&chip->limits, &memory, ia32e, current}; }
    vmx::EntryView view() const { return {vmcs, around()}; }
    void set(vmx::Field f, u64 value) { vmcs.set(f, value); }
    void flip(vmx::Field f, u64 bits) { vmcs.set(f, vmcs[f] ^ bits); }
};

const ChipPair& haswell_chip();
const ChipPair& nehalem_chip();
const ChipPair& early_chip();
const ChipPair& newest_chip();

Scene long_mode();            // 64-bit guest of a 64-bit host; EPT, VPID, bitmaps, TPR shadow, MSR lists
Scene user_mode();            // the same at CPL 3
Scene protected_mode();       // 32-bit paging, a 64-bit host
Scene virtual_8086_mode();
Scene real_mode();            // unrestricted guest
Scene pae_with_ept();         // PDPTEs in the VMCS
Scene pae_without_ept();      // PDPTEs in memory
Scene of_32_bit_host();       // entered from outside IA-32e mode
Scene on_nehalem();
Scene on_early_chip();        // no secondary controls
Scene on_newest_chip();       // 57-bit linear addresses
std::vector<Scene> scenes();

straight::State straight_state(const Scene&);
straight::Verdict verdict(const std::optional<vmx::Broken>&);
