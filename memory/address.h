// SPDX-License-Identifier: MIT
// The three address spaces as types of their own: mixing them up does not compile.
#pragma once
#include "base/bits.h"

template <class Space> struct Address {
    u64 value = 0;
    constexpr Address() = default;
    constexpr explicit Address(u64 value) : value(value) {}
    constexpr Address operator+(u64 offset) const { return Address(value + offset); }
    constexpr u64 page() const { return value & ~u64{0xfff}; }
    constexpr u64 offset() const { return value & 0xfff; }
    constexpr auto operator<=>(const Address&) const = default;
};

using LinearAddress = Address<struct LinearSpace>;                 // LA; a guest's is its GVA
using GuestPhysical = Address<struct GuestPhysicalSpace>;          // GPA: what stage 1 yields
using Physical = Address<struct PhysicalSpace>;                    // PA: what the bus sees

namespace paging {

// In place of a physical address: the page that stands for a guest's local APIC. No bus reaches it, what runs the guest answers.
constexpr u64 virtual_apic_page = bit(52);

}
