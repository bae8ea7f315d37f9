// SPDX-License-Identifier: MIT
// The table of the fast engine's handlers, made from cpu/exec/keys.def in several files so that they compile side by side.
#pragma once
#include "cpu/exec/fast/context.h"
#include <vector>

namespace fast {

constexpr u8 no_condition = 255;

struct Key {
    const char* id;               // isa::identity of the semantics
    u8 word;                      // log2 of the operand width
    Form form;
    Address address;
    u8 condition;                 // of the branch fused with it, or no_condition
    u16 reads, writes, may;       // status flags in RFLAGS's layout: read, always written, perhaps written
    Handler live, dead;           // dead: without the flags; the same where there are none
};
using Keys = std::vector<Key>;

// Each file of fast/keys_*.cpp adds its own.
void add_move(Keys&);
void add_cmov(Keys&);
void add_add(Keys&);
void add_carry(Keys&);
void add_logic(Keys&);
void add_compare(Keys&);
void add_unary(Keys&);
void add_shift(Keys&);
void add_branch(Keys&);
void add_bits(Keys&);
void add_vector(Keys&);
void add_packed(Keys&);
void add_float(Keys&);
void add_sse4(Keys&);
void add_crypto(Keys&);
void add_float_compare(Keys&);
void add_vex_move(Keys&);
void add_vex_integer(Keys&);
void add_vex_order(Keys&);
void add_vex_float(Keys&);
void add_vex_convert(Keys&);
void add_vex_sse4(Keys&);                 // these, as sse4 and crypto, none where the host has not the instructions
void add_vex_crypto(Keys&);
void add_vex_multiply_add(Keys&);
void add_fused_compare(Keys&);
void add_fused_memory(Keys&);
void add_fused_test(Keys&);

// Two handlers, and the one for both in a row.
struct Pair {
    Handler first, second, both;
};
void add_pairs(std::vector<Pair>&);

// ---- the words of keys.def
namespace words {
constexpr unsigned b = 1, w = 2, d = 4, q = 8, bwdq = 15, wdq = 14, dq = 12, bdq = 13, wd = 6;
}
namespace forms {
constexpr unsigned of(Form f) { return 1u << unsigned(f); }
constexpr unsigned none = of(Form::none), d = of(Form::d), m = of(Form::m), i = of(Form::i), dd = of(Form::dd), di = of(Form::di),
    dq = of(Form::dq), dm = of(Form::dm), md = of(Form::md), mi = of(Form::mi), mm = of(Form::mm), ddi = of(Form::ddi), dmi = of(Form::dmi),
    ddd = of(Form::ddd), ddm = of(Form::ddm), dmd = of(Form::dmd), mdi = of(Form::mdi), dddi = of(Form::dddi), ddmi = of(Form::ddmi),
    dddd = of(Form::dddd), ddmd = of(Form::ddmd);
}
namespace addresses {
constexpr unsigned of(Address a) { return 1u << unsigned(a); }
constexpr unsigned few = of(Address::base) | of(Address::scaled) | of(Address::bits32) | of(Address::segment),
    all = (few & ~of(Address::scaled)) | of(Address::index1) | of(Address::index2) | of(Address::index4) | of(Address::index8),
    limited = of(Address::limited), two = of(Address::base) | of(Address::scaled),
    strings = of(Address::base) | of(Address::bits32);
}
namespace status {
constexpr u16 C = 1, P = 4, A = 0x10, Z = 0x40, S = 0x80, O = 0x800, OSZAPC = 0x8d5, OSZAP = 0x8d4, SZAPC = 0xd5;
}
namespace conditions {
constexpr unsigned unsigned_order = 0x00cc, equality = 0x0030, sign = 0x0300, signed_order = 0xf000, all_conditions = 0xffff;
}

// ---- from a line to its handlers
template <unsigned word> struct WordOf;
template <> struct WordOf<0> { using type = u8; };
template <> struct WordOf<1> { using type = u16; };
template <> struct WordOf<2> { using type = u32; };
template <> struct WordOf<3> { using type = u64; };

// Calls f with each index of a mask's bits, as a constant.
template <unsigned mask, unsigned n = 0, class F> void each(F&& f) {
    if constexpr ((mask >> n) != 0) {
        if constexpr (mask >> n & 1) f(std::integral_constant<unsigned, n>{});
        each<mask, n + 1>(f);
    }
}
// Calls f with the type of each width, each form, and each address the form can have. Limited ones have no 64 bits, and a line of
// those alone is about the stack.
template <unsigned words, unsigned forms, unsigned addresses, class F> void each_shape(F&& f) {
    each<words>([&](auto word) {
        each<forms>([&](auto form) {
            constexpr unsigned exist = word() == 3 ? addresses & ~addresses::limited : addresses;
            constexpr unsigned has = has_memory(Form(form())) || addresses == addresses::limited ? exist : addresses::of(Address::none);
            each<has>([&](auto address) { f(word, form, address); });
        });
    });
}

template <class S, unsigned words, unsigned forms, unsigned addresses, u16 reads, u16 writes, u16 may, class Table> void add(Table& keys) {
    each_shape<words, forms, addresses>([&](auto word, auto form, auto address) {
        using T = typename WordOf<word()>::type;
        constexpr Form F = Form(form());
        constexpr Address A = Address(address());
        Handler dead = handler<S, Fast<T, F, A, Live::no>>, live = dead;
        if constexpr (may != 0) live = handler<S, Fast<T, F, A, Live::yes>>;
        keys.push_back(Key{&isa::identity<S>, u8(word()), F, A, no_condition, reads, writes, may, live, dead});
    });
}

template <class S, unsigned words, unsigned forms, unsigned conditions, class Table> void fuse(Table& keys) {
    each_shape<words, forms, addresses::few>([&](auto word, auto form, auto address) {
        each<conditions>([&](auto code) {
            using T = typename WordOf<word()>::type;
            constexpr Form F = Form(form());
            constexpr Address A = Address(address());
            Handler h = fused_handler<S, Fused<code(), T, F, A>>;
            keys.push_back(Key{&isa::identity<S>, u8(word()), F, A, u8(code()), 0, 0, 0, h, h});
        });
    });
}

// A line of keys.def or keys_vex.def, where `shard` is the one wanted and `keys` the table.
#define WORD_OF(space, expression) [] { using namespace space; return expression; }()
#define ADD_KEY(name, S, widths, operands, modes, reads, writes, may)                                                \
    if constexpr (shard == decltype(shard)::name)                                                                    \
        add<S, WORD_OF(words, widths), WORD_OF(forms, operands), WORD_OF(addresses, modes), WORD_OF(status, reads),  \
            WORD_OF(status, writes), WORD_OF(status, may)>(keys);

}
