// SPDX-License-Identifier: MIT
// SSE4A, AMD's alone: bit fields, and scalar stores that go past the caches (APM vol. 4).
#include "cpu/isa/families.h"
#include "cpu/isa/sse/packed.h"

namespace isa {
namespace {

using namespace lanes;

// The field's length and place: two immediate bytes, or bytes of the second operand's that follow its low quadword for INSERTQ
// and its start for EXTRQ.
struct ExtractByImmediates {
    template <class X> static Outcome run(X& x) {
        x.set_vector(first, x.apply(ExtractField{}, x.vector(first), x.template read<u8>(second), x.template read<u8>(third)));
        return Outcome::next;
    }
};
struct ExtractByRegister {
    template <class X> static Outcome run(X& x) {
        auto by = x.vector(second);
        x.set_vector(first, x.apply(ExtractField{}, x.vector(first), by[0], by[1]));
        return Outcome::next;
    }
};
struct InsertByImmediates {
    template <class X> static Outcome run(X& x) {
        x.set_vector(first, x.apply(InsertField{}, x.vector(first), x.vector(second), x.template read<u8>(third), x.template read<u8>(fourth)));
        return Outcome::next;
    }
};
struct InsertByRegister {
    template <class X> static Outcome run(X& x) {
        auto b = x.vector(second);
        x.set_vector(first, x.apply(InsertField{}, x.vector(first), b, b[8], b[9]));
        return Outcome::next;
    }
};

constexpr Gate gate{.needs = Feature::sse4a, .unit = Unit::sse};

constexpr Row rows[] = {
    // name        encoding               operands            gate  event        run
    {"movntss",    "F3 0F 2B /r",          "Md, Vd",           gate, Event::none, single<MoveVector<4>>},
    {"movntsd",    "F2 0F 2B /r",          "Mq, Vq",           gate, Event::none, single<MoveVector<8>>},
    {"extrq",      "66 0F 78 /0",          "Udq, Ib, Ib",      gate, Event::none, single<ExtractByImmediates>},
    {"insertq",    "F2 0F 78 /r",          "Vdq, Udq, Ib, Ib", gate, Event::none, single<InsertByImmediates>},
    {"extrq",      "66 0F 79 /r",          "Vdq, Udq",         gate, Event::none, single<ExtractByRegister>},
    {"insertq",    "F2 0F 79 /r",          "Vdq, Udq",         gate, Event::none, single<InsertByRegister>},
};
static_assert(no_overlap(rows), "two rows claim the same bytes");

}
std::span<const Row> sse4a() { return rows; }
}
