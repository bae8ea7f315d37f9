// SPDX-License-Identifier: MIT
// Copying a template for an Op.
#include "cpu/exec/fast/templates.h"
#include <cstring>

namespace fast {

s32 Hole::value(const Op* op) const {
    auto* at = reinterpret_cast<const u8*>(op) + field;
    u32 value = 0;
    std::memcpy(&value, at, extension == Extension::u8 ? 1 : extension == Extension::u16 ? 2 : 4);
    value = ((value & mask) << shift) + u32(more);
    return s32(inverted ? ~value : value);
}

const Encoding* Filled::encoding_for(const Op* op) const {
    unsigned n = 0;
    for (unsigned i = 0; i < holes; i++) {
        s32 value = hole[i].value(op);
        n |= unsigned{value == s8(value)} << i;
        if (unless_zero && i == 0 && value == 0) return nullptr;
    }
    return &encoding[n];
}

std::size_t Code::place(const Op* op, std::size_t byte, std::size_t filled_before) const {
    for (std::size_t n = 0; n < filled_before; n++)
        if (auto* e = filled[n].encoding_for(op)) byte += e->length;
    return byte;
}

void copy_part(const Template& t, Part part, const Op* op, u8* written, const u8* executed, const u8* main_at, const u8* aside_at) {
    auto& code = part == Part::main ? t.main : t.aside;
    u8* to = written;
    std::size_t done = 0;
    auto fixup = code.fixups.begin();
    auto target = [&](const Fixup& f) {
        switch (f.to) {
        case Fixup::To::aside: return reinterpret_cast<u64>(aside_at) + t.aside.place(op, f.target, f.filled);
        case Fixup::To::end: return reinterpret_cast<u64>(main_at) + t.main.size(op);
        default: return f.target;
        }
    };
    auto copy_until = [&](std::size_t end) {
        std::memcpy(to, code.bytes.data() + done, end - done);
        for (; fixup != code.fixups.end() && fixup->at < end; ++fixup) {
            u8* at = to + (fixup->at - done);
            if (fixup->to == Fixup::To::op) {
                u64 address = reinterpret_cast<u64>(op) + fixup->target;
                std::memcpy(at, &address, sizeof address);
                continue;
            }
            u32 displacement = u32(target(*fixup) - (reinterpret_cast<u64>(executed) + u64(at - written) + 4 + fixup->behind));
            std::memcpy(at, &displacement, sizeof displacement);
        }
        to += end - done, done = end;
    };
    for (auto& f : code.filled) {
        copy_until(f.behind);
        auto* e = f.encoding_for(op);
        if (!e) continue;
        std::memcpy(to, e->code.data(), e->length);
        for (unsigned n = 0; n < f.holes; n++) {
            s32 value = f.hole[n].value(op);
            std::memcpy(to + e->at[n], &value, e->bytes[n]);
        }
        to += e->length;
    }
    copy_until(code.bytes.size());
}

}
