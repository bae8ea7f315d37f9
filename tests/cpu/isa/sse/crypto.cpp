// SPDX-License-Identifier: MIT
// AES-NI, PCLMULQDQ, SHA, GFNI and CRC32 against published vectors: FIPS 197, FIPS 180-4, RFC 3720, Intel's paper on carry-less
// multiplication. The instructions run on a CPU; what chains them is written here by the standards.
#include "tests/cpu/isa/sse/example.h"
#include <gtest/gtest.h>
#include <random>
#include <string>

namespace {

using Block = std::array<u8, 16>;

Block block(std::string_view hex) {
    Block b{};
    for (std::size_t n = 0; n < b.size(); n++) b[n] = u8(std::stoul(std::string(hex.substr(2 * n, 2)), nullptr, 16));
    return b;
}

// One instruction on XMM0 and XMM1 (XMM2 being zero), which gives XMM0.
struct Machine : TestMachine {
    Block operator()(const char* code, const Block& a, const Block& b) {
        cpu.vector.v[0].set(0, a), cpu.vector.v[1].set(0, b);
        EXPECT_EQ(run_one(code), Outcome::next) << code;
        return cpu.vector.v[0].get<Block>();
    }
    Block operator()(const std::string& code, const Block& a, const Block& b) { return (*this)(code.c_str(), a, b); }
};

std::string with(const char* code, unsigned immediate) {
    char text[4];
    std::snprintf(text, sizeof text, " %02x", immediate);
    return code + std::string(text);
}
std::array<u32, 4> words(const Block& b) { return std::bit_cast<std::array<u32, 4>>(b); }
Block blocks(std::array<u32, 4> w) { return std::bit_cast<Block>(w); }

// ---- AES (FIPS 197, 5.2), with Nk words of key; the round constants are powers of x.
std::vector<Block> expand_key(Machine& m, std::vector<u32> w, unsigned rounds) {
    std::size_t nk = w.size();
    u8 constant = 1;
    for (std::size_t i = nk; i < 4 * (rounds + 1); i++) {
        u32 t = w[i - 1];
        auto assist = words(m(with("66 0f 3a df c1", i % nk == 0 ? constant : 0), {}, blocks({0, t, 0, 0})));
        if (i % nk == 0) t = assist[1], constant = u8(constant << 1 ^ (constant & 0x80 ? 0x1b : 0));
        else if (nk > 6 && i % nk == 4) t = assist[0];
        w.push_back(w[i - nk] ^ t);
    }
    std::vector<Block> keys;
    for (unsigned n = 0; n <= rounds; n++) keys.push_back(blocks({w[4 * n], w[4 * n + 1], w[4 * n + 2], w[4 * n + 3]}));
    return keys;
}
Block exclusive_or(Block a, const Block& b) {
    for (std::size_t n = 0; n < a.size(); n++) a[n] ^= b[n];
    return a;
}
Block encrypt(Machine& m, const std::vector<Block>& keys, Block state) {
    state = exclusive_or(state, keys[0]);
    for (std::size_t n = 1; n + 1 < keys.size(); n++) state = m("66 0f 38 dc c1", state, keys[n]);
    return m("66 0f 38 dd c1", state, keys.back());
}
// The equivalent inverse cipher (FIPS 197, 5.3.5).
Block decrypt(Machine& m, const std::vector<Block>& keys, Block state) {
    state = exclusive_or(state, keys.back());
    for (std::size_t n = keys.size() - 2; n; n--) state = m("66 0f 38 de c1", state, m("66 0f 38 db c1", {}, keys[n]));
    return m("66 0f 38 df c1", state, keys[0]);
}

struct Cipher {
    const char* text;
    unsigned rounds;
    const char *key, *plain, *secret;
};
constexpr Cipher ciphers[] = {
    {"FIPS 197, B",   10, "2b7e151628aed2a6abf7158809cf4f3c", "3243f6a8885a308d313198a2e0370734", "3925841d02dc09fbdc118597196a0b32"},
    {"FIPS 197, C.1", 10, "000102030405060708090a0b0c0d0e0f", "00112233445566778899aabbccddeeff", "69c4e0d86a7b0430d8cdb78070b4c55a"},
    {"FIPS 197, C.2", 12, "000102030405060708090a0b0c0d0e0f1011121314151617", "00112233445566778899aabbccddeeff", "dda97ca4864cdfe06eaf70a0ec0d7191"},
    {"FIPS 197, C.3", 14, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "00112233445566778899aabbccddeeff",
     "8ea2b7ca516745bfeafc49904b496089"},
};

// ---- SHA: one padded block of a message shorter than 56 bytes (FIPS 180-4, 5.1.1); words by their number.
std::array<u32, 16> padded(std::string_view text) {
    std::array<u32, 16> w{};
    for (std::size_t n = 0; n <= text.size(); n++) w[n / 4] |= u32(n < text.size() ? u8(text[n]) : 0x80) << (24 - n % 4 * 8);
    w[15] = u32(text.size() * 8);
    return w;
}
Block up(const std::array<u32, 16>& w, unsigned at) { return blocks({w[at], w[at + 1], w[at + 2], w[at + 3]}); }
Block down(const std::array<u32, 16>& w, unsigned at) { return blocks({w[at + 3], w[at + 2], w[at + 1], w[at]}); }
Block sum(const Block& a, const Block& b) {
    auto x = words(a), y = words(b);
    for (unsigned n = 0; n < 4; n++) x[n] += y[n];
    return blocks(x);
}

std::string hex(std::initializer_list<u32> w) {
    std::string text;
    char part[9];
    for (u32 v : w) std::snprintf(part, sizeof part, "%08x", v), text += part;
    return text;
}

std::string sha1(Machine& m, std::string_view text) {
    const Block start = blocks({0x10325476, 0x98badcfe, 0xefcdab89, 0x67452301});
    const u32 start_e = 0xc3d2e1f0;
    auto w = padded(text);
    std::vector<Block> message;
    for (unsigned n = 0; n < 4; n++) message.push_back(down(w, 4 * n));
    for (unsigned n = 4; n < 20; n++) {
        Block t = exclusive_or(m("0f 38 c9 c1", message[n - 4], message[n - 3]), message[n - 2]);
        message.push_back(m("0f 38 ca c1", t, message[n - 1]));
    }
    Block state = start, before{};
    for (unsigned n = 0; n < 20; n++) {
        Block next = n ? m("0f 38 c8 c1", before, message[n]) : sum(message[0], blocks({0, 0, 0, start_e}));
        before = state;
        state = m(with("0f 3a cc c1", n / 5), state, next);
    }
    auto e = words(m("0f 38 c8 c1", before, blocks({0, 0, 0, start_e})))[3];
    auto s = words(sum(state, start));
    return hex({s[3], s[2], s[1], s[0], e});
}

// The constants are the first 32 bits of the fractional parts of cube roots of the first 64 primes (FIPS 180-4, 4.2.2), the start
// those of square roots of the first eight (5.3.3).
std::vector<unsigned> primes(std::size_t count) {
    std::vector<unsigned> p;
    for (unsigned n = 2; p.size() < count; n++)
        if (std::none_of(p.begin(), p.end(), [&](unsigned d) { return n % d == 0; })) p.push_back(n);
    return p;
}
// floor(root * 2^32) by bisection, in integers.
u32 fraction_of_root(unsigned n, int power) {
    u64 low = 0, high = u64{32} << 32;
    while (high - low > 1) {
        u64 middle = low + (high - low) / 2;
        // middle^power <= n * 2^(32 * power), by halves where 128 bits don't suffice
        u128 square = u128{middle} * middle;
        bool below = power == 2 ? square <= u128{n} << 64 : (square >> 32) * middle + ((square & 0xffffffff) * middle >> 32) < u128{n} << 64;
        (below ? low : high) = middle;
    }
    return u32(low);
}
std::string sha256(Machine& m, std::string_view text) {
    std::array<u32, 8> start;
    std::array<u32, 64> k;
    auto p = primes(64);
    for (unsigned n = 0; n < 8; n++) start[n] = fraction_of_root(p[n], 2);
    for (unsigned n = 0; n < 64; n++) k[n] = fraction_of_root(p[n], 3);
    auto w = padded(text);
    std::vector<Block> message;
    for (unsigned n = 0; n < 4; n++) message.push_back(up(w, 4 * n));
    for (unsigned n = 4; n < 16; n++) {
        auto x = words(message[n - 2]), y = words(message[n - 1]);
        Block t = sum(m("0f 38 cc c1", message[n - 4], message[n - 3]), blocks({x[1], x[2], x[3], y[0]}));     // W(t-7)
        message.push_back(m("0f 38 cd c1", t, message[n - 1]));
    }
    auto& s = start;
    Block abef = blocks({s[5], s[4], s[1], s[0]}), cdgh = blocks({s[7], s[6], s[3], s[2]});
    for (unsigned n = 0; n < 32; n++) {
        auto part = words(message[n / 2]);
        // SHA256RNDS2 XMM2, XMM1: the message's two words are in XMM0.
        Block wk = blocks({part[n % 2 * 2] + k[2 * n], part[n % 2 * 2 + 1] + k[2 * n + 1], 0, 0});
        m.cpu.vector.v[2].set(0, cdgh);
        m("0f 38 cb d1", wk, abef);
        cdgh = abef;
        abef = m.cpu.vector.v[2].get<Block>();
    }
    auto x = words(abef), y = words(cdgh);
    return hex({x[3] + s[0], x[2] + s[1], y[3] + s[2], y[2] + s[3], x[1] + s[4], x[0] + s[5], y[1] + s[6], y[0] + s[7]});
}

u32 crc32c(TestMachine& m, const std::vector<u8>& data) {
    m.cpu.gpr[rax] = ~u32{0};
    for (std::size_t n = 0; n < data.size();) {
        u64 value = 0;
        std::size_t step = data.size() - n >= 8 ? 8 : 1;
        std::memcpy(&value, &data[n], step);
        m.cpu.gpr[rcx] = value;
        EXPECT_EQ(m.run_one(step == 8 ? "f2 48 0f 38 f1 c1" : "f2 0f 38 f0 c1"), Outcome::next);
        n += step;
    }
    return ~u32(m.cpu.gpr[rax]);
}

}

TEST(crypto, aes_is_the_cipher_of_fips_197) {
    Machine m;
    for (auto& e : ciphers) {
        SCOPED_TRACE(e.text);
        std::vector<u32> key;
        for (std::string_view rest = e.key; !rest.empty(); rest.remove_prefix(8)) key.push_back(words(block(std::string(rest.substr(0, 8)) + std::string(24, '0')))[0]);
        auto keys = expand_key(m, key, e.rounds);
        EXPECT_EQ(encrypt(m, keys, block(e.plain)), block(e.secret));
        EXPECT_EQ(decrypt(m, keys, block(e.secret)), block(e.plain));
    }
}

TEST(crypto, sha_gives_the_digests_of_fips_180) {
    Machine m;
    EXPECT_EQ(sha1(m, "abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
    EXPECT_EQ(sha1(m, ""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    EXPECT_EQ(sha256(m, "abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256(m, ""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

// Gueron and Kounavis, "Intel Carry-Less Multiplication Instruction and its Usage for Computing the GCM Mode", figure 4 and on.
TEST(crypto, pclmulqdq_multiplies_without_carries) {
    Machine m;
    using vector_examples::Wide;
    constexpr Wide a{0x7b5b546573745665, 0x63746f725d53475d}, b{0x4869285368617929, 0x5b477565726f6e5d};
    struct { unsigned halves; Wide product; } table[] = {
        {0x00, {0x1d4d84c85c3440c0, 0x929633d5d36f0451}},
        {0x10, {0x1bd17c8d556ab5a1, 0x7fa540ac2a281315}},
        {0x01, {0x1a2bf6db3a30862f, 0xbabf262df4b7d5c9}},
        {0x11, {0x1d1e1f2c592e7c45, 0xd66ee03e410fd4ed}},
    };
    for (auto& e : table) {
        vector_examples::put(m, {a, b});
        ASSERT_EQ(m.run_one(with("66 0f 3a 44 c1", e.halves).c_str()), Outcome::next);
        EXPECT_EQ(vector_examples::xmm(m, 0), e.product) << e.halves;
    }
}

// AES's SubBytes is an affine map of the inverse (FIPS 197, 5.1.1); its values are those of figure 7.
TEST(crypto, gfni_computes_in_the_field_of_aes) {
    Machine m;
    auto matrix = std::bit_cast<Block>(std::array<u64, 2>{0xf1e3c78f1f3e7cf8, 0xf1e3c78f1f3e7cf8});
    EXPECT_EQ(m("66 0f 3a cf c1 63", block("0001101953ff808f0052fe0f0e0d0c0b"), matrix), block("637cca" "d4" "ed16cd73" "6300bb76" "abd7fe2b"));
    auto identity = std::bit_cast<Block>(std::array<u64, 2>{0x0102040810204080, 0x0102040810204080});
    EXPECT_EQ(m("66 0f 3a ce c1 00", block("00010203040506070809fafbfcfdfeff"), identity), block("00010203040506070809fafbfcfdfeff"));
    EXPECT_EQ(m("66 0f 3a ce c1 ff", block("00010203040506070809fafbfcfdfeff"), identity), block("fffefdfcfbfaf9f8f7f6050403020100"));
    auto product = m("66 0f 38 cf c1", block("57575702ff000000" "0000000000000000"), block("8313028001ff0000" "0000000000000000"));     // FIPS 197, 4.2
    EXPECT_EQ(product, block("c1feae1bff000000" "0000000000000000"));
}

// Products by logarithms to the base x + 1, which generates the field; maps bit by bit as the manual writes them (SDM vol. 2,
// GF2P8AFFINEQB: row i of the matrix is its byte 7 - i).
TEST(crypto, gfni_agrees_with_logarithms_and_parities) {
    std::array<u8, 256> power{}, logarithm{};
    for (unsigned n = 0, v = 1; n < 255; n++) power[n] = u8(v), logarithm[v] = u8(n), v ^= v << 1, v ^= v & 0x100 ? 0x11b : 0;
    auto product = [&](u8 a, u8 b) { return a && b ? power[(logarithm[a] + logarithm[b]) % 255] : u8(0); };
    auto inverse = [&](u8 a) { return a ? power[(255 - logarithm[a]) % 255] : u8(0); };
    auto affine = [](const u8* matrix, u8 x, u8 constant) {
        u8 r = 0;
        for (unsigned i = 0; i < 8; i++) {
            bool bit = constant >> i & 1;
            for (unsigned k = 0; k < 8; k++) bit ^= (matrix[7 - i] >> k & 1) && (x >> k & 1);
            r |= u8(bit << i);
        }
        return r;
    };
    Machine m;
    std::mt19937_64 random{1};
    for (unsigned round = 0; round < 200; round++) {
        Block a, b;
        for (auto* v : {&a, &b}) *v = std::bit_cast<Block>(std::array<u64, 2>{random(), random()});
        u8 constant = u8(random());
        auto products = m("66 0f 38 cf c1", a, b), mapped = m(with("66 0f 3a ce c1", constant), a, b), inverted = m(with("66 0f 3a cf c1", constant), a, b);
        for (unsigned n = 0; n < 16; n++) {
            ASSERT_EQ(products[n], product(a[n], b[n]));
            ASSERT_EQ(mapped[n], affine(&b[n & 8], a[n], constant));
            ASSERT_EQ(inverted[n], affine(&b[n & 8], inverse(a[n]), constant));
        }
    }
}

TEST(crypto, crc32_is_castagnolis) {                  // RFC 3720, B.4
    TestMachine m;
    std::vector<u8> ascending(32), descending(32);
    for (u8 n = 0; n < 32; n++) ascending[n] = n, descending[n] = u8(31 - n);
    EXPECT_EQ(crc32c(m, std::vector<u8>(32, 0)), 0x8a9136aau);
    EXPECT_EQ(crc32c(m, std::vector<u8>(32, 0xff)), 0x62a8ab43u);
    EXPECT_EQ(crc32c(m, ascending), 0x46dd794eu);
    EXPECT_EQ(crc32c(m, descending), 0x113fdb5cu);
    std::string_view digits = "123456789";
    EXPECT_EQ(crc32c(m, {digits.begin(), digits.end()}), 0xe3069283u);
}
