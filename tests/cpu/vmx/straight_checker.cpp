// SPDX-License-Identifier: MIT
// The plain conditions.
#include "tests/cpu/vmx/straight_checker.h"

namespace straight {

// Core i7 of 2013: without APIC-register virtualization and virtual-interrupt delivery.
const Chip haswell{
    .pin_must = 0x00000016, .pin_may = 0x0000007f,
    .primary_must = 0x04006172, .primary_may = 0xfff9fffe,
    .secondary_may = 0x00007cff,
    .exit_must = 0x00036dfb, .exit_may = 0x007fffff,
    .entry_must = 0x000011fb, .entry_may = 0x0000f3ff,
    .function_may = 1,
    .cr4_may = 0x001727ff,
    .ept_vpid = 0x00000f0106334141,
    .debugctl_may = 0x5803,
    .physical_bits = 39, .linear_bits = 48,
};

// Xeon of 2009.
const Chip nehalem{
    .pin_must = 0x00000016, .pin_may = 0x0000007f,
    .primary_must = 0x04006172, .primary_may = 0xfff9fffe,
    .secondary_may = 0x0000006f,
    .exit_must = 0x00036dfb, .exit_may = 0x007fffff,
    .entry_must = 0x000011fb, .entry_may = 0x0000f3ff,
    .function_may = 0,
    .cr4_may = 0x000027ff,
    .ept_vpid = 0x00000f0106114141,
    .debugctl_may = 0x1803,
    .physical_bits = 40, .linear_bits = 48,
};

// A chip of 2006: no secondary controls, no monitor trap flag, no preemption timer, no PAT and EFER.
const Chip early{
    .pin_must = 0x00000016, .pin_may = 0x0000003f,
    .primary_must = 0x04006172, .primary_may = 0x77f9fffe,
    .secondary_may = 0,
    .exit_must = 0x00036dfb, .exit_may = 0x0003efff,
    .entry_must = 0x000011fb, .entry_may = 0x000013ff,
    .function_may = 0,
    .cr4_may = 0x000027ff,
    .ept_vpid = 0,
    .debugctl_may = 0x1803,
    .physical_bits = 36, .linear_bits = 48,
};

// All that the emulator can do, with five-level paging.
const Chip newest{
    .pin_must = 0x00000016, .pin_may = 0x000000ff,
    .primary_must = 0x04006172, .primary_may = 0xfff9fffe,
    .secondary_may = 0x06d77fff,
    .exit_must = 0x00036dfb, .exit_may = 0x007fffff,
    .entry_must = 0x000011fb, .entry_may = 0x0000f3ff,
    .function_may = 1,
    .cr4_may = 0x00773fff,
    .ept_vpid = 0x00000f0106734141,
    .debugctl_may = 0x5803,
    .physical_bits = 46, .linear_bits = 57,
};

namespace {

class Checker {
public:
    explicit Checker(const State& s) : s(s), chip(*s.chip) {}

    Verdict judge() {
        if (!controls()) return {7, 0};
        if (!host()) return {8, 0};
        if (!registers()) return {33, 0};
        if (!segments()) return {33, 0};
        if (!tables_and_flags()) return {33, 0};
        if (!states()) return {33, 0};
        if (injecting(2) && (get(0x4824) & 1)) return {33, 3};
        if (!pending()) return {33, 0};
        if (!link()) return {33, 4};
        if (!pdptes()) return {33, 2};
        return {};
    }

private:
    const State& s;
    const Chip& chip;

    uint64_t get(int encoding) const {
        auto found = s.field.find(uint16_t(encoding));
        return found == s.field.end() ? 0 : found->second;
    }
    bool reachable(uint64_t address) const { return address < (uint64_t(1) << chip.physical_bits); }
    bool page(uint64_t address) const { return address % 4096 == 0 && reachable(address); }
    static bool canonical_in(uint64_t address, int width) {
        uint64_t top = address >> (width - 1);
        return top == 0 || top == (~uint64_t(0) >> (width - 1));
    }
    bool canonical(uint64_t address) const { return canonical_in(address, chip.linear_bits); }
    bool list(int address, int count) const {
        uint64_t at = get(address), entries = get(count);
        if (entries == 0) return true;
        return at % 16 == 0 && reachable(at) && reachable(at + entries * 16 - 1);
    }

    bool pin(int bit) const { return get(0x4000) >> bit & 1; }
    bool primary(int bit) const { return get(0x4002) >> bit & 1; }
    bool secondary(int bit) const { return primary(31) && (get(0x401e) >> bit & 1); }
    bool exits(int bit) const { return get(0x400c) >> bit & 1; }
    bool enters(int bit) const { return get(0x4012) >> bit & 1; }
    bool unrestricted() const { return secondary(7); }

    bool injecting() const { return get(0x4016) & 0x80000000; }
    unsigned type() const { return (get(0x4016) & 0x700) >> 8; }
    unsigned vector() const { return get(0x4016) & 0xff; }
    bool injecting(unsigned t) const { return injecting() && type() == t; }

    static bool within(uint64_t value, uint64_t must, uint64_t may) { return (value | must) == value && (value & may) == value; }
    static bool memory_types(uint64_t pat) {
        for (int i = 0; i < 8; i++, pat >>= 8) {
            int t = pat & 0xff;
            if (t != 0 && t != 1 && t != 4 && t != 5 && t != 6 && t != 7) return false;
        }
        return true;
    }

    // 27.2.1
    bool controls() const {
        if (!within(get(0x4000), chip.pin_must, chip.pin_may)) return false;
        if (!within(get(0x4002), chip.primary_must, chip.primary_may)) return false;
        if (primary(31) && !within(get(0x401e), 0, chip.secondary_may)) return false;
        if (get(0x400a) > 4) return false;
        if (primary(25) && (!page(get(0x2000)) || !page(get(0x2002)))) return false;
        if (primary(28) && !page(get(0x2004))) return false;
        if (primary(21)) {
            if (!page(get(0x2012))) return false;
            if (!secondary(9) && get(0x401c) > 15) return false;
            if (!secondary(9) && !secondary(0) && get(0x401c) > s.memory(get(0x2012) + 128, 1) / 16) return false;
        } else if (secondary(4) || secondary(8) || secondary(9)) {
            return false;
        }
        if (secondary(0) && (secondary(4) || !page(get(0x2014)))) return false;
        if (secondary(9) && !pin(0)) return false;
        if (pin(7)) {
            if (!secondary(9) || !exits(15)) return false;
            if (get(0x0002) > 255 || get(0x2016) % 64 || !reachable(get(0x2016))) return false;
        }
        if (!pin(3) && pin(5)) return false;
        if (!pin(5) && primary(22)) return false;
        if (secondary(5) && get(0x0000) == 0) return false;
        if (secondary(1) && !ept_pointer(get(0x201a))) return false;
        if (unrestricted() && !secondary(1)) return false;
        if (secondary(17) && (!secondary(1) || !page(get(0x200e)))) return false;
        if (secondary(18) && !page(get(0x202a))) return false;
        if ((secondary(22) || secondary(23)) && !secondary(1)) return false;
        if (secondary(23) && !page(get(0x2030))) return false;
        if (secondary(14) && (!page(get(0x2026)) || !page(get(0x2028)))) return false;
        if (secondary(25) && get(0x2032) == 0) return false;
        if (secondary(13)) {
            if (get(0x2018) & ~chip.function_may) return false;
            if ((get(0x2018) & 1) && (!secondary(1) || !page(get(0x2024)))) return false;
        }

        if (!within(get(0x400c), chip.exit_must, chip.exit_may)) return false;
        if (exits(22) && !pin(6)) return false;
        if (!list(0x2006, 0x400e) || !list(0x2008, 0x4010)) return false;

        if (!within(get(0x4012), chip.entry_must, chip.entry_may)) return false;
        if (injecting() && !event()) return false;
        return list(0x200a, 0x4014);
    }

    bool ept_pointer(uint64_t p) const {
        if ((p & 7) != 0 && (p & 7) != 6) return false;
        if ((p >> 3 & 7) != 3) return false;
        if ((p & 0x40) && !(chip.ept_vpid & 0x200000)) return false;
        return (p & 0xf80) == 0 && reachable(p);
    }

    bool event() const {
        uint64_t info = get(0x4016);
        if (type() == 1) return false;
        if (type() == 2 && vector() != 2) return false;
        if (type() == 3 && vector() > 31) return false;
        if (type() == 7 && (vector() != 0 || !(chip.primary_may & 0x08000000))) return false;
        bool coded = vector() == 8 || vector() == 10 || vector() == 11 || vector() == 12 || vector() == 13 || vector() == 14 || vector() == 17;
        bool due = type() == 3 && coded && (!unrestricted() || (get(0x6800) & 1));
        if (due != bool(info & 0x800)) return false;
        if (info & 0x7ffff000) return false;
        if ((info & 0x800) && get(0x4018) > 0xffff) return false;
        if (type() == 4 || type() == 5 || type() == 6) return get(0x401a) > 0 && get(0x401a) < 16;
        return true;
    }

    // 27.2.2 to 27.2.4
    bool host() const {
        uint64_t cr0 = get(0x6c00), cr4 = get(0x6c04), rip = get(0x6c16), efer = get(0x2c02);
        bool wide = exits(9);
        if (!within(cr0, 0x80000021, 0xffffffff)) return false;
        if (!within(cr4, 0x2000, chip.cr4_may)) return false;
        if (!reachable(get(0x6c02))) return false;
        if (!canonical(get(0x6c10)) || !canonical(get(0x6c12))) return false;
        if (exits(19) && !memory_types(get(0x2c00))) return false;
        if (exits(12) && (get(0x2c04) & ~uint64_t(0x7000000ff))) return false;
        if (exits(21)) {
            if (efer & ~uint64_t(0xd01)) return false;
            if (bool(efer & 0x400) != wide || bool(efer & 0x100) != wide) return false;
        }
        for (int selector = 0xc00; selector <= 0xc0c; selector += 2)
            if (get(selector) & 7) return false;
        if (get(0xc02) == 0 || get(0xc0c) == 0) return false;
        if (!wide && get(0xc04) == 0) return false;
        for (int base = 0x6c06; base <= 0x6c0e; base += 2)
            if (!canonical(get(base))) return false;

        if (!s.in_ia32e_mode && (enters(9) || wide)) return false;
        if (s.in_ia32e_mode && !wide) return false;
        if (!wide) return !enters(9) && !(cr4 & 0x20000) && rip < 0x100000000;
        return (cr4 & 0x20) && canonical_in(rip, cr4 & 0x1000 ? 57 : 48);
    }

    // 27.3.1.1
    bool registers() const {
        uint64_t cr0 = get(0x6800), cr4 = get(0x6804), efer = get(0x2806);
        if (!within(cr0, unrestricted() ? 0x20 : 0x80000021, 0xffffffff)) return false;
        if ((cr0 & 0x80000000) && !(cr0 & 1)) return false;
        if (!within(cr4, 0x2000, chip.cr4_may)) return false;
        if (enters(2) && (get(0x2802) & ~chip.debugctl_may)) return false;
        if (enters(9) && (!(cr0 & 0x80000000) || !(cr4 & 0x20))) return false;
        if (!enters(9) && (cr4 & 0x20000)) return false;
        if (!reachable(get(0x6802))) return false;
        if (enters(2) && get(0x681a) > 0xffffffff) return false;
        if (!canonical(get(0x6824)) || !canonical(get(0x6826))) return false;
        if (enters(14) && !memory_types(get(0x2804))) return false;
        if (enters(13) && (get(0x2808) & ~uint64_t(0x7000000ff))) return false;
        if (enters(15)) {
            if (efer & ~uint64_t(0xd01)) return false;
            if (bool(efer & 0x400) != enters(9)) return false;
            if ((cr0 & 0x80000000) && bool(efer & 0x400) != bool(efer & 0x100)) return false;
        }
        return true;
    }

    // 27.3.1.2. Registers are numbered ES, CS, SS, DS, FS, GS, LDTR, TR as their fields are.
    uint64_t selector(int r) const { return get(0x800 + 2 * r); }
    uint64_t base(int r) const { return get(0x6806 + 2 * r); }
    uint64_t limit(int r) const { return get(0x4800 + 2 * r); }
    uint64_t rights(int r) const { return get(0x4814 + 2 * r); }
    bool unusable(int r) const { return rights(r) & 0x10000; }
    int dpl(int r) const { return rights(r) >> 5 & 3; }
    bool granularity(int r) const {
        bool g = rights(r) & 0x8000;
        if (g && (limit(r) & 0xfff) != 0xfff) return false;
        return g || (limit(r) & 0xfff00000) == 0;
    }

    bool segments() const {
        bool vm = get(0x6820) & 0x20000;
        if (selector(7) & 4) return false;
        if (!unusable(6) && (selector(6) & 4)) return false;
        if (!vm && !unrestricted() && (selector(2) & 3) != (selector(1) & 3)) return false;

        if (!canonical(base(7)) || !canonical(base(4)) || !canonical(base(5))) return false;
        if (!unusable(6) && !canonical(base(6))) return false;
        if (base(1) > 0xffffffff) return false;
        for (int r : {0, 2, 3})
            if (!unusable(r) && base(r) > 0xffffffff) return false;

        if (vm) {
            for (int r = 0; r < 6; r++)
                if (base(r) != selector(r) * 16 || limit(r) != 0xffff || rights(r) != 0xf3) return false;
        } else {
            if (!code() || !stack()) return false;
            for (int r : {0, 3, 4, 5})
                if (!unusable(r) && !data(r)) return false;
        }
        return task() && (unusable(6) || local());
    }

    bool code() const {
        int type = rights(1) & 15;
        switch (type) {
        case 3:
            if (!unrestricted() || dpl(1) != 0) return false;
            break;
        case 9: case 11:
            if (dpl(1) != dpl(2)) return false;
            break;
        case 13: case 15:
            if (dpl(1) > dpl(2)) return false;
            break;
        default:
            return false;
        }
        if (!(rights(1) & 0x10) || !(rights(1) & 0x80)) return false;
        if (rights(1) & 0xfffe0f00) return false;
        if (enters(9) && (rights(1) & 0x2000) && (rights(1) & 0x4000)) return false;
        return granularity(1);
    }

    bool stack() const {
        if (!unrestricted() && uint64_t(dpl(2)) != (selector(2) & 3)) return false;
        if (((rights(1) & 15) == 3 || !(get(0x6800) & 1)) && dpl(2) != 0) return false;
        if (unusable(2)) return true;
        if ((rights(2) & 15) != 3 && (rights(2) & 15) != 7) return false;
        if (!(rights(2) & 0x10) || !(rights(2) & 0x80)) return false;
        return !(rights(2) & 0xfffe0f00) && granularity(2);
    }

    bool data(int r) const {
        int type = rights(r) & 15;
        if (!(type & 1)) return false;
        if ((type & 8) && !(type & 2)) return false;
        if (!(rights(r) & 0x10) || !(rights(r) & 0x80)) return false;
        if (!unrestricted() && type < 12 && uint64_t(dpl(r)) < (selector(r) & 3)) return false;
        return !(rights(r) & 0xfffe0f00) && granularity(r);
    }

    bool task() const {
        int type = rights(7) & 15;
        if (type != 11 && (enters(9) || type != 3)) return false;
        if ((rights(7) & 0x90) != 0x80) return false;
        return !(rights(7) & 0xffff0f00) && granularity(7);
    }

    bool local() const { return (rights(6) & 0x9f) == 0x82 && !(rights(6) & 0xfffe0f00) && granularity(6); }

    // 27.3.1.3 and 27.3.1.4
    bool tables_and_flags() const {
        uint64_t flags = get(0x6820), rip = get(0x681e);
        if (!canonical(get(0x6816)) || !canonical(get(0x6818))) return false;
        if (get(0x4810) > 0xffff || get(0x4812) > 0xffff) return false;
        if (enters(9) && (rights(1) & 0x2000)) {
            if (!canonical(rip)) return false;
        } else if (rip > 0xffffffff) {
            return false;
        }
        if ((flags & 0xffffffffffc0802a) != 2) return false;
        if ((flags & 0x20000) && (enters(9) || !(get(0x6800) & 1))) return false;
        return !injecting(0) || (flags & 0x200);
    }

    // 27.3.1.5, activity and interruptibility
    bool states() const {
        uint64_t activity = get(0x4826), blocking = get(0x4824);
        bool sti = blocking & 1, mov_ss = blocking & 2, smi = blocking & 4, nmi = blocking & 8;
        if (activity > 3) return false;
        if (activity == 1 && dpl(2) != 0) return false;
        if (activity != 0 && (sti || mov_ss)) return false;
        if (injecting()) {
            bool is_nmi = type() == 2, machine_check = type() == 3 && vector() == 18, debug = type() == 3 && vector() == 1;
            if (activity == 1 && type() != 0 && !is_nmi && !machine_check && !debug && type() != 7) return false;
            if (activity == 2 && !is_nmi && !machine_check) return false;
            if (activity == 3) return false;
        }
        if (blocking > 15) return false;
        if (sti && mov_ss) return false;
        if (sti && !(get(0x6820) & 0x200)) return false;
        if (injecting(0) && (sti || mov_ss)) return false;
        if (injecting(2) && mov_ss) return false;
        if (smi) return false;
        return !(injecting(2) && pin(5) && nmi);
    }

    // 27.3.1.5, pending debug exceptions
    bool pending() const {
        uint64_t p = get(0x6822);
        if (p & ~uint64_t(0x500f)) return false;
        if ((get(0x4824) & 3) == 0 && get(0x4826) != 1) return true;
        bool steps = (get(0x6820) & 0x100) && !(get(0x2802) & 2);
        return steps == bool(p & 0x4000);
    }

    // 27.3.1.5, VMCS link pointer
    bool link() const {
        uint64_t p = get(0x2800);
        if (p == ~uint64_t(0)) return true;
        return page(p) && s.memory(p, 4) == (secondary(14) ? s.revision | 0x80000000 : s.revision) && p != s.current_vmcs;
    }

    // 27.3.1.6
    bool pdptes() const {
        if (!(get(0x6800) & 0x80000000) || !(get(0x6804) & 0x20) || enters(9)) return true;
        uint64_t reserved = (~uint64_t(0) << chip.physical_bits) | 0x1e6;
        for (int i = 0; i < 4; i++) {
            uint64_t e = secondary(1) ? get(0x280a + 2 * i) : s.memory((get(0x6802) & 0xffffffe0) + 8 * uint64_t(i), 8);
            if ((e & 1) && (e & reserved)) return false;
        }
        return true;
    }
};

}

Verdict judge(const State& state) { return Checker(state).judge(); }

}
