// SPDX-License-Identifier: MIT
// VMCB fields to and from memory.
#include "cpu/svm/vmcb.h"

namespace svm {

namespace {

template <unsigned kind, std::size_t field> void load_field(Vmcb& vmcb, const u8* page) {
    if constexpr (unsigned(fields[field].clean) == kind) vmcb.value[field] = Vmcb::get<fields[field].bytes>(page + fields[field].offset);
}
template <unsigned kind> void load_kind(Vmcb& vmcb, const u8* page) {
    [&]<std::size_t... field>(std::index_sequence<field...>) {
        (load_field<kind, field>(vmcb, page), ...);
    }(std::make_index_sequence<std::size(fields)>());
}

}

void Vmcb::load(const PhysicalMap& memory, Physical at, u32 kinds) {
    if (const u8* page = memory.page_for_read(at))
        return [&]<unsigned... kind>(std::integer_sequence<unsigned, kind...>) {
            ((kinds >> kind & 1 ? load_kind<kind>(*this, page) : void()), ...);
        }(std::make_integer_sequence<unsigned, unsigned(Clean::loaded) + 1>());
    for (auto& r : fields)
        if (kinds >> unsigned(r.clean) & 1) (*this)[r.field] = memory.read(at + r.offset, r.bytes);
}

void Vmcb::store_elsewhere(PhysicalMap& memory, Physical at, std::span<const Field> which) const {
    for (Field f : which) memory.write(at + row(f).offset, row(f).bytes, (*this)[f]);
}

}
