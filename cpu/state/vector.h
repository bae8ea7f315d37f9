// SPDX-License-Identifier: MIT
// The vector registers (room for 32 of 512 bits; a model exposes what it has) and MXCSR.
#pragma once
#include "base/archive.h"
#include <array>
#include <cstring>

struct alignas(64) VectorRegister {
    std::array<u8, 64> bytes{};
    template <class T> T get(unsigned element = 0) const {
        T value;
        std::memcpy(&value, bytes.data() + element * sizeof(T), sizeof(T));
        return value;
    }
    template <class T> void set(unsigned element, const T& value) {
        std::memcpy(bytes.data() + element * sizeof(T), &value, sizeof(T));
    }
};

struct Vector {
    std::array<VectorRegister, 32> v;
    u32 mxcsr = 0x1f80;

    void visit(Archive& a) {
        for (unsigned i = 0; i < v.size(); i++) a(std::to_string(i), v[i].bytes);
        a("mxcsr", mxcsr);
    }
};
