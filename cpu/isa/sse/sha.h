// SPDX-License-Identifier: MIT
// SHA-1 and SHA-256: rounds and message schedule, by the words of FIPS 180-4, 4.1, 6.1 and 6.2 (SDM vol. 2 for where they lie).
#pragma once
#include "cpu/isa/sse/lanes.h"

namespace isa::sha {

// Words by their lane, the lowest first.
using Words = std::array<u32, 4>;
constexpr Words words(const Xmm& v) { return as<Words>(v); }
constexpr Xmm vector(const Words& w) { return as<Xmm>(w); }

constexpr u32 choose(u32 x, u32 y, u32 z) { return (x & y) ^ (~x & z); }
constexpr u32 majority(u32 x, u32 y, u32 z) { return (x & y) ^ (x & z) ^ (y & z); }
constexpr u32 parity(u32 x, u32 y, u32 z) { return x ^ y ^ z; }

// ---- SHA-1: A to D lie from the top lane down, E is where A was four rounds ago.
struct Rounds1 {                  // SHA1RNDS4: immediate bits 1:0 say which twenty rounds these are of
    constexpr Xmm operator()(const Xmm& state, const Xmm& message, u8 which) const {
        constexpr u32 constants[] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
        constexpr u32 (*functions[])(u32, u32, u32) = {choose, parity, majority, parity};
        auto [d, c, b, a] = words(state);
        auto w = words(message);
        u32 e = 0;                // the first word has it already: SHA1NEXTE
        for (int n = 3; n >= 0; n--) {
            u32 next = std::rotl(a, 5) + functions[which & 3](b, c, d) + e + constants[which & 3] + w[unsigned(n)];
            e = d, d = c, c = std::rotl(b, 30), b = a, a = next;
        }
        return vector({d, c, b, a});
    }
};
struct NextE {                    // SHA1NEXTE
    constexpr Xmm operator()(const Xmm& state, const Xmm& message) const {
        auto w = words(message);
        w[3] += std::rotl(words(state)[3], 30);
        return vector(w);
    }
};
struct Message1First {            // SHA1MSG1
    constexpr Xmm operator()(const Xmm& a, const Xmm& b) const {
        auto [w3, w2, w1, w0] = words(a);
        auto w5 = words(b)[2], w4 = words(b)[3];
        return vector({w5 ^ w3, w4 ^ w2, w3 ^ w1, w2 ^ w0});
    }
};
struct Message1Second {           // SHA1MSG2
    constexpr Xmm operator()(const Xmm& a, const Xmm& b) const {
        auto x = words(a), y = words(b);
        u32 w16 = std::rotl(x[3] ^ y[2], 1), w17 = std::rotl(x[2] ^ y[1], 1), w18 = std::rotl(x[1] ^ y[0], 1);
        return vector({std::rotl(x[0] ^ w16, 1), w18, w17, w16});
    }
};

// ---- SHA-256: A, B, E, F are in one register from the top lane down, C, D, G, H in the other.
constexpr u32 big0(u32 x) { return std::rotr(x, 2) ^ std::rotr(x, 13) ^ std::rotr(x, 22); }
constexpr u32 big1(u32 x) { return std::rotr(x, 6) ^ std::rotr(x, 11) ^ std::rotr(x, 25); }
constexpr u32 small0(u32 x) { return std::rotr(x, 7) ^ std::rotr(x, 18) ^ x >> 3; }
constexpr u32 small1(u32 x) { return std::rotr(x, 17) ^ std::rotr(x, 19) ^ x >> 10; }

struct Rounds256 {                // SHA256RNDS2: two words of the message with their constants in the third operand
    constexpr Xmm operator()(const Xmm& cdgh, const Xmm& abef, const Xmm& message) const {
        auto [h, g, d, c] = words(cdgh);
        auto [f, e, b, a] = words(abef);
        for (unsigned n = 0; n < 2; n++) {
            u32 t1 = h + big1(e) + choose(e, f, g) + words(message)[n], t2 = big0(a) + majority(a, b, c);
            h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
        }
        return vector({f, e, b, a});
    }
};
struct Message256First {          // SHA256MSG1
    constexpr Xmm operator()(const Xmm& a, const Xmm& b) const {
        auto w = words(a);
        u32 w4 = words(b)[0];
        return vector({w[0] + small0(w[1]), w[1] + small0(w[2]), w[2] + small0(w[3]), w[3] + small0(w4)});
    }
};
struct Message256Second {         // SHA256MSG2
    constexpr Xmm operator()(const Xmm& a, const Xmm& b) const {
        auto x = words(a), y = words(b);
        u32 w16 = x[0] + small1(y[2]), w17 = x[1] + small1(y[3]);
        return vector({w16, w17, x[2] + small1(w16), x[3] + small1(w17)});
    }
};

}
