// SPDX-License-Identifier: MIT
// A floppy drive: its medium, what the medium's size says about its tracks, and where the head is.
#pragma once
#include "base/archive.h"
#include "iodev/media/medium.h"

namespace floppy {

struct Geometry {
    u64 bytes;
    u8 cylinders, heads, sectors;
    u8 cmos_type;                         // of the drive that takes it, as the CMOS byte 10h has it
};
inline constexpr Geometry geometries[] = {
    //  bytes    cyl  heads  sectors  type
    {368'640,    40,  2,     9,       1},
    {737'280,    80,  2,     9,       3},
    {1'228'800,  80,  2,     15,      2},
    {1'474'560,  80,  2,     18,      4},
    {1'720'320,  80,  2,     21,      4},
    {2'949'120,  80,  2,     36,      5},
};

struct Drive {
    Medium medium;
    const Geometry* geometry = nullptr;   // of the medium; none: the drive is empty
    u8 cylinder = 0;                      // under the head
    bool changed = true;                  // the disk change line

    bool ready() const { return geometry != nullptr; }
    u64 offset(u8 c, u8 h, u8 sector) const {
        return ((u64{c} * geometry->heads + h) * geometry->sectors + sector - 1) * 512;
    }
    void visit(Archive& a) { a("cylinder", cylinder), a("changed", changed); }
};

}  // namespace floppy
