// SPDX-License-Identifier: MIT
// The opcode table: every family's rows.
#include "cpu/isa/families.h"

namespace isa {

std::span<const std::span<const Row>> families() {
    static const std::span<const Row> all[] = {
        integer(), move(), shift(), bitwise(), bmi(), bcd(), branch(), stack(), string(), flags(), misc(),
        segment(), interrupt(), system(), io(), x87(), mmx(), sse(), sse2(), sse3(), ssse3(), sse41(), sse42(),
        sse4a(), amd3dnow(), crypto(), avx(), avx_integer(), avx_sse4(), avx2(), fma(), wait(), xsave(), vmx(), svm(),
    };
    return all;
}

}
