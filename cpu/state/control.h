// SPDX-License-Identifier: MIT
// Control and debug registers, EFER, XCR0, PKRU, and their bits by the manuals' names.
#pragma once
#include "base/archive.h"
#include <array>

namespace cr0 {
constexpr u64 pe = bit(0), mp = bit(1), em = bit(2), ts = bit(3), et = bit(4), ne = bit(5), wp = bit(16), am = bit(18),
              nw = bit(29), cd = bit(30), pg = bit(31);
}
namespace cr4 {
constexpr u64 vme = bit(0), pvi = bit(1), tsd = bit(2), de = bit(3), pse = bit(4), pae = bit(5), mce = bit(6),
              pge = bit(7), pce = bit(8), osfxsr = bit(9), osxmmexcpt = bit(10), umip = bit(11), la57 = bit(12),
              vmxe = bit(13), smxe = bit(14), fsgsbase = bit(16), pcide = bit(17), osxsave = bit(18), smep = bit(20),
              smap = bit(21), pke = bit(22), cet = bit(23), pks = bit(24);
}
namespace efer {
constexpr u64 sce = bit(0), lme = bit(8), lma = bit(10), nxe = bit(11), svme = bit(12), lmsle = bit(13), ffxsr = bit(14);
}
namespace rflags {
constexpr u64 cf = bit(0), one = bit(1), pf = bit(2), af = bit(4), zf = bit(6), sf = bit(7), tf = bit(8), if_ = bit(9),
              df = bit(10), of = bit(11), iopl = bit(12) | bit(13), nt = bit(14), rf = bit(16), vm = bit(17),
              ac = bit(18), vif = bit(19), vip = bit(20), id = bit(21);
constexpr u64 status = cf | pf | af | zf | sf | of;
}

// XCR0's components by their numbers (SDM vol. 3, 2.6).
namespace xcr0 {
constexpr u64 x87 = bit(0), sse = bit(1), avx = bit(2), pkru = bit(9);
}

struct Control {
    u64 cr0 = 0x60000010, cr2 = 0, cr3 = 0, cr4 = 0, efer = 0, xcr0 = 1;
    u32 pkru = 0;
    std::array<u64, 4> pdpte{};           // loaded with CR3 in PAE mode (SDM vol. 3, 4.4.1)
    std::array<u64, 8> dr{0, 0, 0, 0, 0, 0, 0xffff0ff0, 0x400};

    void visit(Archive& a) {
        a("cr0", cr0);
        a("cr2", cr2);
        a("cr3", cr3);
        a("cr4", cr4);
        a("efer", efer);
        a("xcr0", xcr0);
        a("pkru", pkru);
        a("pdpte", pdpte);
        a("dr", dr);
    }
};

// Whether the operating system has switched AVX on (SDM vol. 1, 14.3): else VEX-encoded vector instructions are #UD.
inline bool avx_enabled(const Control& c) {
    constexpr u64 both = xcr0::sse | xcr0::avx;
    return (c.cr4 & cr4::osxsave) && (c.xcr0 & both) == both;
}
