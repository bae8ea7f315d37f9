// SPDX-License-Identifier: MIT
// Compute kernels of floating point, vectors and ciphers: as in kernels.c, and each function names the instructions it is made of.
// No multiply-adds but by name, and no vectors but these: the checksums are the same on every machine.
#include "kernels.h"
#include <immintrin.h>

#define WITH(features) __attribute__((target(features)))

// ---- One number at a time: Mandelbrot's set, 32 x 32 points of at most 64 steps, a round; bodies that attract each other -------
#define MANDELBROT(name, Number)                                                               \
    u64 name(u64 rounds) {                                                                     \
        u64 sum = 0;                                                                           \
        for (u64 r = 0; r < rounds; r++)                                                       \
            for (int y = 0; y < 32; y++)                                                       \
                for (int x = 0; x < 32; x++) {                                                 \
                    Number a = x / (Number)12 - 2, b = y / (Number)16 - 1, c = a, d = b;       \
                    int steps = 0;                                                             \
                    for (; steps < 64 && c * c + d * d < 4; steps++) {                         \
                        Number real = c * c - d * d + a;                                       \
                        d = 2 * c * d + b, c = real;                                           \
                    }                                                                          \
                    sum = mixed(sum, (u64)steps + (u64)(long)((c + d) * 1024));                \
                }                                                                              \
        return sum;                                                                            \
    }

MANDELBROT(x87_mandelbrot, long double)
MANDELBROT(sse_mandelbrot, double)

static long double root_x87(long double x) {
    __asm__("fsqrt" : "+t"(x));
    return x;
}

static double root_sse(double x) {
    __asm__("sqrtsd %0, %0" : "+x"(x));
    return x;
}

enum { BODIES = 6 };
#define BODY(name, Number, root)                                                                             \
    static struct name##_body { Number at[3], speed[3], mass; } name##_all[BODIES];                          \
    static void name##_step(void) {                                                                          \
        for (int i = 0; i < BODIES; i++)                                                                     \
            for (int j = i + 1; j < BODIES; j++) {                                                           \
                struct name##_body *one = name##_all + i, *two = name##_all + j;                             \
                Number x = one->at[0] - two->at[0], y = one->at[1] - two->at[1], z = one->at[2] - two->at[2]; \
                Number square = x * x + y * y + z * z + (Number)0.01, pull = (Number)0.001 / (square * root(square)); \
                one->speed[0] -= x * pull * two->mass, two->speed[0] += x * pull * one->mass;                \
                one->speed[1] -= y * pull * two->mass, two->speed[1] += y * pull * one->mass;                \
                one->speed[2] -= z * pull * two->mass, two->speed[2] += z * pull * one->mass;                \
            }                                                                                                \
        for (int i = 0; i < BODIES; i++)                                                                     \
            for (int k = 0; k < 3; k++) name##_all[i].at[k] += name##_all[i].speed[k] * (Number)0.001;       \
    }                                                                                                        \
    u64 name(u64 rounds) {                                                                                   \
        u64 sum = 0;                                                                                         \
        for (int i = 0; i < BODIES; i++) {                                                                   \
            name##_all[i].mass = 1 + i;                                                                      \
            for (int k = 0; k < 3; k++) name##_all[i].at[k] = (Number)((i + 1) * (k + 2) % 7), name##_all[i].speed[k] = 0; \
        }                                                                                                    \
        for (u64 r = 0; r < rounds; r++) name##_step();                                                      \
        for (int i = 0; i < BODIES; i++) sum = mixed(sum, (u64)(long)(name##_all[i].at[i % 3] * 1000000));   \
        return sum;                                                                                          \
    }

BODY(x87_bodies, long double, root_x87)
BODY(sse_bodies, double, root_sse)

// ---- Vectors of floats: a * x + y, limits, a dot product of 1024 numbers, a round --------------------------------------------
enum { COUNT = 1024 };
static float float_a[COUNT] __attribute__((aligned(32))), float_b[COUNT] __attribute__((aligned(32))), float_c[COUNT] __attribute__((aligned(32)));

void floats_prepare(void) {
    for (int i = 0; i < COUNT; i++) float_a[i] = (float)(int)chance() * 0x1p-31f, float_b[i] = (float)(int)chance() * 0x1p-31f, float_c[i] = 0;
}

static u64 of_float(float x) { return (u64)(long)(x * 65536); }

u64 sse_float(u64 rounds) {
    u64 sum = 0;
    for (u64 r = 0; r < rounds; r++) {
        __m128 factor = _mm_set1_ps((float)(r % 17) * 0.0625f), low = _mm_set1_ps(-0.75f), high = _mm_set1_ps(0.75f), dot = _mm_setzero_ps();
        for (int i = 0; i < COUNT; i += 4) {
            __m128 x = _mm_load_ps(float_a + i), y = _mm_add_ps(_mm_mul_ps(x, factor), _mm_load_ps(float_b + i));
            y = _mm_min_ps(_mm_max_ps(y, low), high);
            _mm_store_ps(float_c + i, y);
            dot = _mm_add_ps(dot, _mm_mul_ps(y, _mm_sub_ps(x, _mm_shuffle_ps(y, y, 0x1b))));
        }
        dot = _mm_add_ps(dot, _mm_movehl_ps(dot, dot));
        sum = mixed(sum, of_float(_mm_cvtss_f32(_mm_add_ss(dot, _mm_shuffle_ps(dot, dot, 1)))));
    }
    return sum;
}

// A product of 32 x 32 matrices by multiply-adds, four vectors at a time, and limits to what it gives.
WITH("avx2,fma") u64 avx_float(u64 rounds) {
    u64 sum = 0;
    for (u64 r = 0; r < rounds; r++) {
        __m256 low = _mm256_set1_ps(-4), high = _mm256_set1_ps(4);
        for (int i = 0; i < 32; i++) {
            __m256 row[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
            for (int k = 0; k < 32; k++) {
                __m256 factor = _mm256_broadcast_ss(float_a + i * 32 + k);
                for (int j = 0; j < 4; j++) row[j] = _mm256_fmadd_ps(factor, _mm256_load_ps(float_b + k * 32 + j * 8), row[j]);
            }
            for (int j = 0; j < 4; j++) _mm256_store_ps(float_c + i * 32 + j * 8, _mm256_min_ps(_mm256_max_ps(row[j], low), high));
        }
        float_a[r % COUNT] = float_c[r * 7 % COUNT] * 0.25f;
        sum = mixed(sum, of_float(float_c[r % COUNT]));
    }
    return sum;
}

// ---- Vectors of integers: 1024 pixels laid over others by their alpha, a search, a sum of differences, a round ----------------
static u32 pixels_a[COUNT] __attribute__((aligned(32))), pixels_b[COUNT] __attribute__((aligned(32))), pixels_c[COUNT] __attribute__((aligned(32)));

void pixels_prepare(void) {
    for (int i = 0; i < COUNT; i++) pixels_a[i] = (u32)chance(), pixels_b[i] = (u32)chance(), pixels_c[i] = 0;
}

static __m128i blended4(__m128i a, __m128i b) {
    __m128i alpha = _mm_shufflehi_epi16(_mm_shufflelo_epi16(a, 0xff), 0xff), rest = _mm_sub_epi16(_mm_set1_epi16(255), alpha);
    __m128i both = _mm_add_epi16(_mm_mullo_epi16(a, alpha), _mm_mullo_epi16(b, rest));
    return _mm_srli_epi16(_mm_add_epi16(both, _mm_set1_epi16(128)), 8);
}

u64 sse_integer(u64 rounds) {
    u64 sum = 0;
    for (u64 r = 0; r < rounds; r++) {
        __m128i zero = _mm_setzero_si128(), apart = zero, wanted = _mm_set1_epi8((char)r);
        u32 found = 0;
        for (int i = 0; i < COUNT; i += 4) {
            __m128i a = _mm_load_si128((__m128i*)(pixels_a + i)), b = _mm_load_si128((__m128i*)(pixels_b + i));
            __m128i low = blended4(_mm_unpacklo_epi8(a, zero), _mm_unpacklo_epi8(b, zero));
            __m128i high = blended4(_mm_unpackhi_epi8(a, zero), _mm_unpackhi_epi8(b, zero)), c = _mm_packus_epi16(low, high);
            _mm_store_si128((__m128i*)(pixels_c + i), c);
            apart = _mm_add_epi64(apart, _mm_sad_epu8(c, b));
            found += (u32)_mm_movemask_epi8(_mm_cmpeq_epi8(c, wanted));
        }
        pixels_a[r % COUNT] = pixels_c[r * 7 % COUNT];
        sum = mixed(sum, (u64)_mm_cvtsi128_si64(apart) + found);
    }
    return sum;
}

WITH("avx2") static __m256i blended8(__m256i a, __m256i b) {
    __m256i alpha = _mm256_shufflehi_epi16(_mm256_shufflelo_epi16(a, 0xff), 0xff), rest = _mm256_sub_epi16(_mm256_set1_epi16(255), alpha);
    __m256i both = _mm256_add_epi16(_mm256_mullo_epi16(a, alpha), _mm256_mullo_epi16(b, rest));
    return _mm256_srli_epi16(_mm256_add_epi16(both, _mm256_set1_epi16(128)), 8);
}

WITH("avx2") u64 avx_integer(u64 rounds) {
    u64 sum = 0;
    const __m256i turn = _mm256_set_epi8(12, 15, 14, 13, 8, 11, 10, 9, 4, 7, 6, 5, 0, 3, 2, 1, 12, 15, 14, 13, 8, 11, 10, 9, 4, 7, 6, 5, 0, 3, 2, 1);
    for (u64 r = 0; r < rounds; r++) {
        __m256i zero = _mm256_setzero_si256(), apart = zero, wanted = _mm256_set1_epi8((char)r);
        u32 found = 0;
        for (int i = 0; i < COUNT; i += 8) {
            __m256i a = _mm256_load_si256((__m256i*)(pixels_a + i)), b = _mm256_load_si256((__m256i*)(pixels_b + i));
            __m256i low = blended8(_mm256_unpacklo_epi8(a, zero), _mm256_unpacklo_epi8(b, zero));
            __m256i high = blended8(_mm256_unpackhi_epi8(a, zero), _mm256_unpackhi_epi8(b, zero)), c = _mm256_packus_epi16(low, high);
            _mm256_store_si256((__m256i*)(pixels_c + i), _mm256_shuffle_epi8(c, turn));
            apart = _mm256_add_epi64(apart, _mm256_sad_epu8(c, b));
            found += (u32)_mm256_movemask_epi8(_mm256_cmpeq_epi8(c, wanted));
        }
        pixels_a[r % COUNT] = pixels_c[r * 7 % COUNT];
        sum = mixed(sum, (u64)_mm256_extract_epi64(apart, 0) + (u64)_mm256_extract_epi64(apart, 3) + found);
    }
    return sum;
}

// ---- AES-128 in counter mode, 4 KiB a round (FIPS 197, SP 800-38A) ----------------------------------------------------------
static __m128i round_keys[11], stream[256];

#define NEXT_KEY(n, constant) round_keys[n] = next_key(round_keys[n - 1], _mm_aeskeygenassist_si128(round_keys[n - 1], constant))
static __m128i next_key(__m128i key, __m128i made) {
    key = _mm_xor_si128(key, _mm_slli_si128(key, 4)), key = _mm_xor_si128(key, _mm_slli_si128(key, 8));
    return _mm_xor_si128(key, _mm_shuffle_epi32(made, 0xff));
}

WITH("aes") void aes_prepare(void) {
    round_keys[0] = _mm_set_epi64x((long long)chance(), (long long)chance());
    NEXT_KEY(1, 1), NEXT_KEY(2, 2), NEXT_KEY(3, 4), NEXT_KEY(4, 8), NEXT_KEY(5, 16), NEXT_KEY(6, 32), NEXT_KEY(7, 64), NEXT_KEY(8, 128);
    NEXT_KEY(9, 27), NEXT_KEY(10, 54);
}

WITH("aes,sse4.1") u64 aes_ctr(u64 rounds) {
    __m128i counter = _mm_set_epi64x(0, 1), one = _mm_set_epi64x(0, 1);
    u64 sum = 0;
    for (u64 r = 0; r < rounds; r++) {
        for (int i = 0; i < 256; i += 4) {
            __m128i a = _mm_xor_si128(counter, round_keys[0]), b, c, d;
            counter = _mm_add_epi64(counter, one), b = _mm_xor_si128(counter, round_keys[0]);
            counter = _mm_add_epi64(counter, one), c = _mm_xor_si128(counter, round_keys[0]);
            counter = _mm_add_epi64(counter, one), d = _mm_xor_si128(counter, round_keys[0]);
            counter = _mm_add_epi64(counter, one);
            for (int k = 1; k < 10; k++)
                a = _mm_aesenc_si128(a, round_keys[k]), b = _mm_aesenc_si128(b, round_keys[k]),
                c = _mm_aesenc_si128(c, round_keys[k]), d = _mm_aesenc_si128(d, round_keys[k]);
            stream[i] = _mm_xor_si128(stream[i], _mm_aesenclast_si128(a, round_keys[10]));
            stream[i + 1] = _mm_xor_si128(stream[i + 1], _mm_aesenclast_si128(b, round_keys[10]));
            stream[i + 2] = _mm_xor_si128(stream[i + 2], _mm_aesenclast_si128(c, round_keys[10]));
            stream[i + 3] = _mm_xor_si128(stream[i + 3], _mm_aesenclast_si128(d, round_keys[10]));
        }
        sum = mixed(sum, (u64)_mm_cvtsi128_si64(stream[r % 256]));
    }
    return sum;
}

// ---- GHASH's kind of sum: products in GF(2)[x] taken modulo a polynomial of degree 128, 4 KiB a round ------------------------------
WITH("pclmul,sse4.1") u64 ghash(u64 rounds) {
    const __m128i key = _mm_set_epi64x(0x66e94bd4ef8a2c3b, (long long)0x884cfa59ca342b2e), polynomial = _mm_set_epi64x(0, 0x87);
    __m128i state = _mm_setzero_si128();
    u64 sum = 0;
    for (u64 r = 0; r < rounds; r++) {
        for (int i = 0; i < 256; i++) {
            state = _mm_xor_si128(state, stream[i]);
            __m128i low = _mm_clmulepi64_si128(state, key, 0x00), high = _mm_clmulepi64_si128(state, key, 0x11);
            __m128i middle = _mm_xor_si128(_mm_clmulepi64_si128(state, key, 0x10), _mm_clmulepi64_si128(state, key, 0x01));
            low = _mm_xor_si128(low, _mm_slli_si128(middle, 8)), high = _mm_xor_si128(high, _mm_srli_si128(middle, 8));
            __m128i fold = _mm_clmulepi64_si128(high, polynomial, 0x01);               // x^128 is x^7 + x^2 + x + 1
            high = _mm_xor_si128(high, _mm_srli_si128(fold, 8)), low = _mm_xor_si128(low, _mm_slli_si128(fold, 8));
            state = _mm_xor_si128(low, _mm_clmulepi64_si128(high, polynomial, 0x00));
        }
        stream[r % 256] = state;
        sum = mixed(sum, (u64)_mm_cvtsi128_si64(state));
    }
    return sum;
}

// ---- SHA-256 of 64 blocks a round (FIPS 180-4); where the processor has no SHA instructions, by general registers --------------
static u8 blocks[4096] __attribute__((aligned(16)));

static int has_sha(void) {
    u32 a = 7, b, c = 0, d;
    __asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return b >> 29 & 1;
}

WITH("sha,sse4.1") static void sha_block(u32* state, const u8* block) {
    const __m128i order = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
    __m128i first = _mm_shuffle_epi32(_mm_loadu_si128((__m128i*)state), 0xb1), second = _mm_shuffle_epi32(_mm_loadu_si128((__m128i*)(state + 4)), 0x1b), w[4];
    __m128i abef = _mm_alignr_epi8(first, second, 8), cdgh = _mm_blend_epi16(second, first, 0xf0), abef_before = abef, cdgh_before = cdgh;
    for (int i = 0; i < 4; i++) w[i] = _mm_shuffle_epi8(_mm_loadu_si128((__m128i*)(block + i * 16)), order);
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
        __m128i added = _mm_add_epi32(w[i & 3], _mm_loadu_si128((__m128i*)(sha_constant + i * 4)));
        cdgh = _mm_sha256rnds2_epu32(cdgh, abef, added);
        abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(added, 0x0e));
        __m128i next = _mm_add_epi32(_mm_sha256msg1_epu32(w[i & 3], w[(i + 1) & 3]), _mm_alignr_epi8(w[(i + 3) & 3], w[(i + 2) & 3], 4));
        w[i & 3] = _mm_sha256msg2_epu32(next, w[(i + 3) & 3]);
    }
    abef = _mm_add_epi32(abef, abef_before), cdgh = _mm_add_epi32(cdgh, cdgh_before);
    first = _mm_shuffle_epi32(abef, 0x1b), second = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128((__m128i*)state, _mm_blend_epi16(first, second, 0xf0));
    _mm_storeu_si128((__m128i*)(state + 4), _mm_alignr_epi8(second, first, 8));
}

u64 sha_ni(u64 rounds) {
    void (*block)(u32*, const u8*) = has_sha() ? sha_block : sha256_block;
    u32 state[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    for (u64 r = 0; r < rounds; r++) {
        for (int i = 0; i < 64; i++) block(state, blocks + i * 64);
        blocks[r % sizeof blocks] = (u8)state[r % 8];
    }
    return (u64)state[0] << 32 | state[1];
}
