// SPDX-License-Identifier: MIT
// VMCB fields to and from memory: several times in each VMRUN and #VMEXIT, so that rows are kept by kind and widths are constants.
#include "cpu/svm/vmcb.h"
#include <bit>
#include <cstring>

namespace svm {

namespace {

struct Piece {
    u16 offset;
    u8 bytes, field;
};
constexpr unsigned kinds_of_fields = unsigned(Clean::loaded) + 1;
struct Pieces {
    std::array<Piece, std::size(fields)> all{};
    std::array<u8, kinds_of_fields + 1> begin{};          // those of kind k are from begin[k] to begin[k + 1]
};
constexpr Pieces sorted() {
    Pieces p;
    u8 n = 0;
    for (unsigned kind = 0; kind < kinds_of_fields; kind++) {
        p.begin[kind] = n;
        for (auto& r : fields)
            if (unsigned(r.clean) == kind) p.all[n++] = {r.offset, r.bytes, u8(r.field)};
    }
    p.begin[kinds_of_fields] = n;
    return p;
}
constexpr Pieces pieces = sorted();

constexpr auto places = [] {              // by field
    std::array<Piece, std::size(fields)> by_field{};
    for (auto& r : fields) by_field[unsigned(r.field)] = {r.offset, r.bytes, u8(r.field)};
    return by_field;
}();

template <class T> u64 get_as(const u8* from) {
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
}
u64 get(const u8* from, unsigned bytes) {
    switch (bytes) {
    case 8: return get_as<u64>(from);
    case 4: return get_as<u32>(from);
    case 2: return get_as<u16>(from);
    case 1: return *from;
    default: {
        u64 value = 0;
        std::memcpy(&value, from, bytes);
        return value;
    }
    }
}
void put(u8* to, u64 value, unsigned bytes) {
    switch (bytes) {
    case 8: std::memcpy(to, &value, 8); break;
    case 4: std::memcpy(to, &value, 4); break;
    case 2: std::memcpy(to, &value, 2); break;
    case 1: *to = u8(value); break;
    default: std::memcpy(to, &value, bytes);
    }
}

}

void Vmcb::load(const PhysicalMap& memory, Physical at, u32 kinds) {
    const u8* page = memory.page_for_read(at);
    for (; kinds; kinds &= kinds - 1) {
        unsigned kind = unsigned(std::countr_zero(kinds));
        for (unsigned i = pieces.begin[kind]; i < pieces.begin[kind + 1]; i++) {
            auto [offset, bytes, field] = pieces.all[i];
            value[field] = page ? get(page + offset, bytes) : memory.read(at + offset, bytes);
        }
    }
}

void Vmcb::store(PhysicalMap& memory, Physical at, std::span<const Field> which) const {
    u8* page = memory.page_for_write(at);
    for (Field f : which) {
        auto [offset, bytes, field] = places[unsigned(f)];
        if (page) put(page + offset, value[field], bytes);
        else memory.write(at + offset, bytes, value[field]);
    }
}

}
