// SPDX-License-Identifier: MIT
// VMRUN's checks a second time, straight from the manual over the bytes of a VMCB (APM vol. 2, 15.5.1, 15.20, 15.25); it knows
// nothing of cpu/.
#pragma once
#include <array>
#include <cstdint>

namespace straight {

using Page = std::array<std::uint8_t, 4096>;

struct Processor {
    unsigned physical_bits;
    std::uint64_t asids, efer_exist, cr4_exist;
    bool long_mode, host_pg, host_lma;
    std::array<std::uint64_t, 4> pdptes;
    bool vnmi, avic;
};

// Whether VMRUN would start the guest.
bool accepts(const Page& vmcb, const Processor& p);

}
