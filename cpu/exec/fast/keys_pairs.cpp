// SPDX-License-Identifier: MIT
// The fast engine's handlers of the lines of keys.def that name two instructions in a row.
#include "cpu/exec/fast/keys_lines.h"

namespace fast {
namespace {

using b = u8;
using w = u16;
using d = u32;
using q = u64;

constexpr Address address_of(Form f) { return has_memory(f) ? Address::base : Address::none; }
template <Word T, Form F> using Context = Fast<T, F, address_of(F), Live::no>;

template <class S, class X, class S2, class X2> Pair pair() {
    return {handler<S, X>, handler<S2, X2>, pair_handler<S, X, handler<S2, X2>>};
}
template <class S, class X, class S2, Word T2, Form F2, unsigned conditions> void add_fused(std::vector<Pair>& pairs) {
    each<conditions>([&](auto code) {
        using X2 = Fused<code(), T2, F2, address_of(F2)>;
        pairs.push_back({handler<S, X>, fused_handler<S2, X2>, pair_handler<S, X, fused_handler<S2, X2>>});
    });
}

}

void add_pairs(std::vector<Pair>& pairs) {
#define KEY(...)
#define FUSE(...)
#define PAIR(first, T, F, second, T2, F2) pairs.push_back(pair<first, Context<T, Form::F>, second, Context<T2, Form::F2>>());
#define PAIR_FUSED(first, T, F, second, T2, F2, which) \
    add_fused<first, Context<T, Form::F>, second, T2, Form::F2, [] { using namespace conditions; return which; }()>(pairs);
#include "cpu/exec/keys.def"
}

}
