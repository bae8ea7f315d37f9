// SPDX-License-Identifier: MIT
// A bare CPU with 16 MiB of RAM for tests: flat 64-bit (paged 1:1), 32-bit, 16-bit protected or real mode.
#pragma once
#include "cpu/cpu.h"
#include "cpu/cpuid/model.h"
#include "cpu/mmu.h"
#include <sstream>
#include <string>

enum class TestMode : u8 { real16, protected16, protected32, long64, compatibility32 };

inline std::vector<u8> hex_bytes(const std::string& text) {
    std::istringstream in(text);
    std::vector<u8> out;
    for (unsigned b; in >> std::hex >> b;) out.push_back(u8(b));
    return out;
}

// Layout: page tables at 1000h-5FFFh (long mode), GDT at 6000h, IDT at 7000h, code at 10000h, data at 20000h, stack below 40000h.
struct TestMachine {
    static constexpr u64 size = 16 << 20, gdt = 0x6000, idt = 0x7000, code = 0x10000, data = 0x20000, stack = 0x40000;
    static constexpr u16 code64 = 0x08, data_flat = 0x10, code32 = 0x18, code16 = 0x20, data16 = 0x28, user_code64 = 0x33, user_data = 0x3b, user_code32 = 0x43;

    std::vector<u8> bytes = std::vector<u8>(size + 4096);
    std::span<u8> ram{bytes.data() + (0 - reinterpret_cast<u64>(bytes.data())) % 4096, size};      // the fast engine wants whole pages
    PhysicalMap memory{40};
    Clock clock;
    Cpu cpu;

    explicit TestMachine(TestMode mode = TestMode::long64, const char* model = "max-intel")
        : cpu(0, *find_model(model), find_model(model)->features, memory, clock, {}) {
        memory.map_ram(Physical(0), ram);
        enter(mode);
    }

    template <class T> void put(u64 at, const T& value) { std::memcpy(ram.data() + at, &value, sizeof value); }
    template <class T> T get(u64 at) const {
        T value;
        std::memcpy(&value, ram.data() + at, sizeof value);
        return value;
    }
    void put_code(const std::string& hex, u64 at = code) {
        auto bytes = hex_bytes(hex);
        std::copy(bytes.begin(), bytes.end(), ram.begin() + s64(at));
    }

    // Runs the instruction at RIP without delivering what it raises; `cpu.fault_` has the fault.
    Outcome step() {
        const Insn* insn = cpu.fetch();
        cpu.clock.ticks++;
        return insn ? cpu.execute(*insn) : Outcome::fault;
    }
    Outcome run_one(const std::string& hex) {
        put_code(hex);
        cpu.rip() = cpu.real_mode() ? 0 : code;
        return step();
    }

    void enter(TestMode mode) {
        put(gdt + code64, u64{0x00af9b000000ffff});
        put(gdt + data_flat, u64{0x00cf93000000ffff});
        put(gdt + code32, u64{0x00cf9b000000ffff});
        put(gdt + code16, u64{0x008f9b000000ffff});
        put(gdt + data16, u64{0x008f93000000ffff});
        put(gdt + (user_code64 & ~3), u64{0x00affb000000ffff});
        put(gdt + (user_data & ~3), u64{0x00cff3000000ffff});
        put(gdt + (user_code32 & ~3), u64{0x00cffb000000ffff});
        cpu.seg.gdtr = {gdt, 0xfff};
        bool real = mode == TestMode::real16, longs = mode == TestMode::long64 || mode == TestMode::compatibility32;
        cpu.seg.idtr = {real ? 0 : idt, 0xfff};
        if (real) {
            cpu.seg[Seg::cs] = {u16(code >> 4), code, 0xffff, {0x9b}};
            cpu.seg[Seg::ss] = {u16((stack - 0x10000) >> 4), stack - 0x10000, 0xffff, {0x93}};
            cpu.rip() = 0;
            cpu.gpr[rsp] = 0xfff0;
        } else {
            cpu.control.cr0 |= cr0::pe;
            bool wide = mode != TestMode::protected16;
            u16 cs = mode == TestMode::long64 ? code64 : wide ? code32 : code16;
            u32 rights = mode == TestMode::long64 ? 0xa09b : wide ? 0xc09b : 0x809b;
            cpu.seg[Seg::cs] = {cs, 0, 0xffffffff, {rights}};
            for (auto s : {Seg::ss, Seg::ds, Seg::es, Seg::fs, Seg::gs}) cpu.seg[s] = {wide ? data_flat : data16, 0, 0xffffffff, {wide ? 0xc093u : 0x8093u}};
            cpu.rip() = code;
            cpu.gpr[rsp] = mode == TestMode::protected16 ? 0xfff0 : stack;
        }
        if (longs) {
            // 1 GiB by 2-MiB pages, user and writable.
            put(0x1000, u64{0x2007});
            put(0x2000, u64{0x3007});
            for (u64 i = 0; i < 512; i++) put(0x3000 + i * 8, i << 21 | 0xe7);
            cpu.control.cr3 = 0x1000;
            cpu.control.cr4 |= cr4::pae;
            cpu.control.efer |= efer::lme | efer::lma | efer::sce | efer::nxe;
            cpu.control.cr0 |= cr0::pg | cr0::wp;
        }
        cpu.control.cr0 = (cpu.control.cr0 | cr0::ne) & ~(cr0::cd | cr0::nw);
        cpu.control.cr4 |= cr4::osfxsr | cr4::osxmmexcpt;
        cpu.translation_mode_changed();
        cpu.mode_changed();
    }
};
