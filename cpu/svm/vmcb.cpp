// SPDX-License-Identifier: MIT
// VMCB fields to and from memory.
#include "cpu/svm/vmcb.h"

namespace svm {

namespace {

template <unsigned kind, std::size_t field> void load_field(Vmcb& vmcb, VmcbPage<const u8> page) {
    if constexpr (unsigned(fields[field].clean) == kind) vmcb.value[field] = page.get<Field(field)>();
}
template <unsigned kind> void load_kind(Vmcb& vmcb, VmcbPage<const u8> page) {
    [&]<std::size_t... field>(std::index_sequence<field...>) {
        (load_field<kind, field>(vmcb, page), ...);
    }(std::make_index_sequence<std::size(fields)>());
}

}

u32 Vmcb::clean_bits(const PhysicalMap& memory, Physical at) {
    const u8* page = memory.page_for_read(at);
    return u32(page ? VmcbPage<const u8>{page}.get<Field::clean>() : memory.read(at + row(Field::clean).offset, row(Field::clean).bytes));
}

void Vmcb::load(const PhysicalMap& memory, Physical at, u32 kinds) {
    if (const u8* page = memory.page_for_read(at))
        return [&]<unsigned... kind>(std::integer_sequence<unsigned, kind...>) {
            ((kinds >> kind & 1 ? load_kind<kind>(*this, {page}) : void()), ...);
        }(std::make_integer_sequence<unsigned, unsigned(Clean::loaded) + 1>());
    for (auto& r : fields)
        if (kinds >> unsigned(r.clean) & 1) (*this)[r.field] = memory.read(at + r.offset, r.bytes);
}

void Vmcb::store_elsewhere(const VmcbTarget& to, std::span<const Field> which) const {
    for (Field f : which) to.memory.write(to.at + row(f).offset, row(f).bytes, (*this)[f]);
}

}
