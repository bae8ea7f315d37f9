// SPDX-License-Identifier: MIT
// The ranges of the MSR permissions map (APM vol. 2, 15.11).
#include "cpu/svm/permissions.h"

namespace svm {

struct MsrRange {
    u32 first, count;
    u64 byte;                     // of the map
};
constexpr MsrRange ranges[] = {
    {0x00000000, 0x2000, 0x0000},
    {0xc0000000, 0x2000, 0x0800},
    {0xc0010000, 0x2000, 0x1000},
};

std::optional<MapBits> msr_bits(u32 index, bool write) {
    for (auto& r : ranges)
        if (u32 n = index - r.first; n < r.count) return MapBits{r.byte + n / 4, n % 4 * 2 + write};
    return std::nullopt;
}

}
