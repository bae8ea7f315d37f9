// SPDX-License-Identifier: MIT
// Flags of BMI1, BMI2 and ADX by the host: what cpu/isa/alu_bits.h computes, cheaper.
#pragma once
#include "cpu/exec/fast/host_flags.h"
#include "cpu/isa/alu_bits.h"

namespace fast {

// A logical result's flags, and CF.
template <Word T> [[gnu::always_inline]] inline Computed<T> logical(HostFlags in, T value, bool carry = false) {
    auto computed = host_compute(alu::And{}, in, value, value);
    return {value, HostFlags(computed.flags.value | (carry ? HostFlags::cf : 0))};
}
template <Word T> [[gnu::always_inline]] inline Computed<T> host_compute(alu::Andn, HostFlags in, T a, T b) { return logical(in, T(~a & b)); }
template <Word T> [[gnu::always_inline]] inline Computed<T> host_compute(alu::Blsi, HostFlags in, T a) { return logical(in, T(a & (0 - a)), a != 0); }
template <Word T> [[gnu::always_inline]] inline Computed<T> host_compute(alu::Blsmsk, HostFlags in, T a) { return logical(in, T(a ^ (a - 1)), a == 0); }
template <Word T> [[gnu::always_inline]] inline Computed<T> host_compute(alu::Blsr, HostFlags in, T a) { return logical(in, T(a & (a - 1)), a == 0); }
template <Word T> [[gnu::always_inline]] inline Computed<T> host_compute(alu::Bextr, HostFlags in, T a, T control) {
    return logical(in, alu::Bextr{}(a, control, Flags{}).value);
}
template <Word T> [[gnu::always_inline]] inline Computed<T> host_compute(alu::Bzhi, HostFlags in, T a, T index) {
    return logical(in, T(a & alu::low_bits<T>(index & 0xff)), (index & 0xff) >= alu::width<T>);
}
#if defined(__x86_64__) && defined(__GNUC__)
// A sum whose only flag is CF, or OF.
template <u64 carry, Wide T> [[gnu::always_inline]] inline Computed<T> host_compute(alu::AddWithOne<carry>, HostFlags in, T a, T b) {
    constexpr u64 flag = HostFlags(Flags(u32(carry))).value;
    bool out;
    asm("btl %[flag], %k[in]\n\tadc %[b], %[a]" : [a] "+&r"(a), "=@ccc"(out) : [b] "r"(b), [in] "r"(in.value), [flag] "i"(std::countr_zero(flag)) : "cc");
    return {a, HostFlags((in.value & ~flag) | u64{out} << std::countr_zero(flag))};
}
#endif

}
