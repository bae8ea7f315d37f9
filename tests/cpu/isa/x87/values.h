// SPDX-License-Identifier: MIT
// x87 states and operands of every class, for comparing ways of running an instruction.
#pragma once
#include "cpu/state/fpu.h"
#include <array>
#include <bit>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace x87_cases {

constexpr u16 c0_c2_c3 = 0x4500, all_codes = 0x4700;

struct Form {
    u8 opcode, modrm;
    bool compares() const {
        unsigned reg = modrm >> 3 & 7;
        if (modrm < 0xc0) return !(opcode & 1) && (reg == 2 || reg == 3) && opcode != 0xdf;
        if (opcode == 0xd9) return modrm == 0xe4 || modrm == 0xe5 || modrm == 0xf8 || modrm == 0xf5;
        if (opcode == 0xdf) return false;
        return modrm == 0xe9 ? opcode == 0xda || opcode == 0xdd : reg == 2 || reg == 3 ? opcode != 0xdd : opcode == 0xdd && reg >= 4;
    }
    bool transcendental() const {
        if (opcode != 0xd9) return false;
        for (unsigned m : {0xf0, 0xf1, 0xf2, 0xf3, 0xf9, 0xfb, 0xfe, 0xff})
            if (modrm == m) return true;
        return false;
    }
};

// Left out: FLDENV, FLDCW, FNSTENV, FNSTCW, FRSTOR, FNSAVE, FNSTSW, FCMOV, FCOMI, and what is #UD.
inline bool computes(u8 opcode, u8 modrm) {
    if (modrm < 0xc0) {
        unsigned reg = modrm >> 3 & 7, bit = 1u << reg;
        if (opcode == 0xd9 || opcode == 0xdd) return bit & 0x0d;
        if (opcode == 0xdb) return bit & 0xad;
        if (opcode == 0xdf) return bit & 0xfd;
        return true;
    }
    switch (opcode) {
    case 0xd9: return modrm < 0xd0 || (modrm >= 0xd8 && modrm <= 0xe1) || modrm == 0xe4 || modrm == 0xe5 || (modrm >= 0xe8 && modrm != 0xef);
    case 0xda: return modrm == 0xe9;
    case 0xdb: return false;
    case 0xdd: return modrm < 0xf0;
    case 0xde: return modrm < 0xd8 || modrm == 0xd9 || modrm >= 0xe0;
    case 0xdf: return modrm < 0xe0;
    default: return true;
    }
}

inline std::vector<Form> forms() {
    std::vector<Form> all;
    for (unsigned opcode = 0xd8; opcode <= 0xdf; opcode++) {
        for (unsigned reg = 0; reg < 8; reg++)
            if (computes(u8(opcode), u8(reg << 3))) all.push_back({u8(opcode), u8(reg << 3)});
        for (unsigned modrm = 0xc0; modrm < 0x100; modrm++)
            if (computes(u8(opcode), u8(modrm))) all.push_back({u8(opcode), u8(modrm)});
    }
    return all;
}

// Values of every class, near the borders of every format.
struct Values {
    std::mt19937_64 random;
    unsigned below(unsigned n) { return unsigned(random() % n); }

    F80 extended() {
        constexpr u64 significands[] = {0, 1, 1ull << 63, 3ull << 62, ~0ull, 1ull << 63 | 1, 0xa000000000000000, 0xfffffffffffff800,
                                        0xfffffffffffffc00, 0xffffff0000000000, 0xffffff8000000000, 1ull << 62, ~0ull >> 1, 0xffff000000000000};
        constexpr u16 exponents[] = {0, 1, 2, 0x3bcc, 0x3bcd, 0x3c00, 0x3c01, 0x3f69, 0x3f6a, 0x3f80, 0x3f81, 0x3ffd, 0x3ffe, 0x3fff, 0x4000, 0x400d,
                                     0x400e, 0x401d, 0x401e, 0x403d, 0x403e, 0x407e, 0x407f, 0x43fe, 0x43ff, 0x7ffd, 0x7ffe, 0x7fff};
        u64 significand = below(2) ? significands[below(std::size(significands))] : random() | (below(8) ? 1ull << 63 : 0);
        unsigned exponent = below(3) == 0 ? exponents[below(std::size(exponents))] : below(2) ? 0x3fff + below(140) - 70 : below(0x8000);
        return {significand, u16(exponent | below(2) << 15)};
    }
    u64 quad() {
        constexpr u64 doubles[] = {0, 1, 1ull << 63, 0x7ff0000000000000, 0x7ff8000000000000, 0x7ff0000000000001, 0xfff0000000000000,
                                   0xffffffffffffffff, 0x000fffffffffffff, 0x0010000000000000, 0x7fefffffffffffff, 0x8000000000000001};
        constexpr u32 singles[] = {0, 1, 1u << 31, 0x7f800000, 0x7fc00000, 0x7f800001, 0xff800000, 0xffffffff, 0x007fffff, 0x00800000, 0x7f7fffff};
        switch (below(5)) {
        case 0: return doubles[below(std::size(doubles))];
        case 1: return singles[below(std::size(singles))] | random() << 32;
        case 2: return std::bit_cast<u64>(double(int(below(2000)) - 1000));
        case 3: return std::bit_cast<u32>(float(int(below(2000)) - 1000) / 3);
        default: return random();
        }
    }
    Fpu state() {
        Fpu f;
        f.control = u16(0x40 | below(16) << 8 | (below(4) ? 0x3f : below(64)));
        f.status = u16((below(8) << 11) | (random() & all_codes) | (below(2) ? 0 : random() & 0x7f & f.control));
        if (f.status & ~f.control & 0x3f) f.status |= 0x8080;
        f.empty = below(4) ? u8(1 << ((f.top() + 7) & 7)) : below(2) ? 0 : u8(random());
        for (auto& r : f.r) r = extended();
        if (below(16) == 0) f.r[0] = f.r[1];
        if (below(16) == 0) f.r[1] = f.r[2], f.r[1].sign_exponent ^= 0x8000;
        return f;
    }
    // Digits above 9 have no defined value (SDM vol. 2, FBLD).
    void make_bcd(std::array<u8, 16>& bytes) {
        for (unsigned n = 0; n < 9; n++) bytes[n] = u8(below(10) << 4 | below(10));
    }
    std::array<u8, 16> operand() {
        std::array<u8, 16> bytes{};
        F80 value = extended();
        std::memcpy(bytes.data(), &value, 10);
        u64 low = quad();
        if (below(2)) std::memcpy(bytes.data(), &low, 8);
        return bytes;
    }
};

inline std::string text(const Form& form, const Fpu& before) {
    char line[160];
    std::snprintf(line, sizeof line, "opcode %02x modrm %02x control %04x status %04x empty %02x", form.opcode, form.modrm,
                  before.control, before.status, before.empty);
    std::string all = line;
    for (unsigned i = 0; i < 8; i++) {
        auto& r = before.r[before.physical(i)];
        std::snprintf(line, sizeof line, "\nST%u %04x %016llx", i, r.sign_exponent, static_cast<unsigned long long>(r.significand));
        all += line;
    }
    return all;
}

}
