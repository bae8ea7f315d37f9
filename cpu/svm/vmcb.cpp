// SPDX-License-Identifier: MIT
// VMCB fields to and from memory.
#include "cpu/svm/vmcb.h"
#include <cstring>

namespace svm {

void Vmcb::load(const PhysicalMap& memory, Physical at, u32 kinds) {
    const u8* page = memory.page_for_read(at);
    for (auto& r : fields) {
        if (!(kinds >> unsigned(r.clean) & 1)) continue;
        u64 now = 0;
        if (page) std::memcpy(&now, page + r.offset, r.bytes);
        else now = memory.read(at + r.offset, r.bytes);
        (*this)[r.field] = now;
    }
}

void Vmcb::store(PhysicalMap& memory, Physical at, std::span<const Field> which) const {
    u8* page = memory.page_for_write(at);
    for (Field f : which) {
        auto& r = row(f);
        if (page) std::memcpy(page + r.offset, &value[unsigned(f)], r.bytes);
        else memory.write(at + r.offset, r.bytes, (*this)[f]);
    }
}

}
