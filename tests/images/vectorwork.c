// SPDX-License-Identifier: MIT
// Loops that compilers turn into vectors, and what the intrinsics of x86-64-v3 do: one source, compiled with
// -march=x86-64-v3 -O3 and for the plain x86-64 without optimization, where each intrinsic is a loop of its own.  Both
// print the same lines, each a digest of thousands of results.
#include <fenv.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#ifdef __AVX2__
#include <immintrin.h>
#endif

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t i8;
typedef int16_t i16;
typedef int32_t i32;
typedef int64_t i64;

static u64 seed = 88172645463325252u;
static u64 chance(void) {
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return seed * 0x2545f4914f6cdd1du;
}

static u64 digest = 14695981039346656037u;
static void mix(const void* bytes, size_t size) {
    for (size_t i = 0; i < size; i++) digest = (digest ^ ((const u8*)bytes)[i]) * 1099511628211u;
}
static void print_digest(const char* name) {
    printf("%-20s %016llx\n", name, (unsigned long long)digest);
    digest = 14695981039346656037u;
}

// ---- Loops: an odd count, so that what is left over after the last whole vector is done, too ----------------------
enum { N = 1027, ROUNDS = 12 };
static u8 b0[N], b1[N], b2[N];
static i8 sb0[N], sb1[N], sb2[N];
static u16 w0[N], w1[N], w2[N];
static i16 sw0[N], sw1[N], sw2[N];
static u32 d0[N], d1[N], d2[N];
static i32 sd0[N], sd1[N], sd2[N];
static u64 q0[N], q1[N], q2[N];
static i64 sq0[N], sq1[N], sq2[N];
static float f0[N], f1[N], f2[N], f3[N];
static double g0[N], g1[N], g2[N], g3[N];

#define KEEP __attribute__((noinline)) static void
#define LOOP for (int i = 0; i < N; i++)

KEEP fill(void* to, size_t size) {
    for (u8* p = to; size; size--) *p++ = (u8)(chance() >> 40);
}

// Finite numbers of all sizes, some denormal, some zero.
KEEP fill_floats(void) {
    LOOP {
        u64 r = chance();
        int wide = (r >> 8 & 3) == 0;
        float x = (float)((i32)r) * 0x1p-31f, y = (float)((i32)(r >> 32)) * 0x1p-31f;
        f0[i] = ldexpf(x, wide ? (int)(r >> 10 & 255) - 140 : (int)(r >> 10 & 7)), f1[i] = ldexpf(y, wide ? (int)(r >> 20 & 127) - 64 : 1);
        g0[i] = ldexp((double)(i64)chance() * 0x1p-63, wide ? (int)(r >> 10 & 2047) - 1060 : (int)(r >> 10 & 7));
        g1[i] = ldexp((double)(i64)chance() * 0x1p-63, wide ? (int)(r >> 24 & 1023) - 512 : 1);
    }
    f0[3] = 0, f1[7] = -0.0f, g0[3] = 0, g1[9] = -0.0;
}

static int clamp(int x, int low, int high) { return x < low ? low : x > high ? high : x; }

KEEP bytes(void) {
    LOOP b2[i] = (u8)(b0[i] + b1[i]);
    mix(b2, sizeof b2);
    LOOP b2[i] = (u8)clamp(b0[i] - b1[i], 0, 255);
    mix(b2, sizeof b2);
    LOOP b2[i] = (u8)((b0[i] + b1[i] + 1) >> 1);
    mix(b2, sizeof b2);
    LOOP sb2[i] = (i8)clamp(sb0[i] + sb1[i], -128, 127);
    mix(sb2, sizeof sb2);
    LOOP sb2[i] = sb0[i] > sb1[i] ? sb0[i] : sb1[i];
    mix(sb2, sizeof sb2);
    LOOP b2[i] = b0[i] < b1[i] ? (u8)(b0[i] * 3) : (u8)~b1[i];
    mix(b2, sizeof b2);
    u32 sum = 0, differences = 0, set = 0;
    LOOP sum += b0[i], differences += (u32)(b0[i] > b1[i] ? b0[i] - b1[i] : b1[i] - b0[i]), set += (u32)__builtin_popcount(b0[i]);
    mix(&sum, 4), mix(&differences, 4), mix(&set, 4);
    LOOP b2[i] = b0[N - 1 - i];
    mix(b2, sizeof b2);
}

KEEP words(void) {
    LOOP w2[i] = (u16)((u32)w0[i] * w1[i] >> 16);
    mix(w2, sizeof w2);
    LOOP sw2[i] = (i16)clamp(sw0[i] + sw1[i], -32768, 32767);
    mix(sw2, sizeof sw2);
    LOOP sw2[i] = (i16)(sw0[i] * sw1[i]);
    mix(sw2, sizeof sw2);
    LOOP sw2[i] = (i16)((sw0[i] * sw1[i] + 0x4000) >> 15);
    mix(sw2, sizeof sw2);
    LOOP sw2[i] = sw0[i] < 0 ? (i16)-sw0[i] : sw0[i];
    mix(sw2, sizeof sw2);
    LOOP w2[i] = w0[i] < w1[i] ? w0[i] : w1[i];
    mix(w2, sizeof w2);
    LOOP w2[i] = (u16)(w0[i] << 5 | w0[i] >> 11);
    mix(w2, sizeof w2);
    i32 dot = 0;
    LOOP dot = (i32)((u32)dot + (u32)(sw0[i] * sw1[i]));
    mix(&dot, 4);
    LOOP b2[i] = (u8)clamp(sw0[i] >> 6, 0, 255);
    mix(b2, sizeof b2);
}

KEEP doublewords(void) {
    LOOP d2[i] = d0[i] * d1[i] + 0x9e3779b9u;
    mix(d2, sizeof d2);
    LOOP d2[i] = d0[i] >> (d1[i] & 31);
    mix(d2, sizeof d2);
    LOOP d2[i] = d0[i] << (d1[i] & 31);
    mix(d2, sizeof d2);
    LOOP sd2[i] = sd0[i] >> (d1[i] & 31);
    mix(sd2, sizeof sd2);
    LOOP sd2[i] = sd0[i] < sd1[i] ? sd0[i] : sd1[i];
    mix(sd2, sizeof sd2);
    LOOP d2[i] = d0[i] > d1[i] ? d0[i] : d1[i];
    mix(d2, sizeof d2);
    LOOP d2[i] = d0[d1[i] % N] ^ d0[i];
    mix(d2, sizeof d2);
    LOOP sd2[i] = sb0[i] * 7 + sw0[i];
    mix(sd2, sizeof sd2);
    for (int i = 0; i + 3 < N; i += 3) d2[i] = d0[i + 2], d2[i + 1] = d0[i], d2[i + 2] = d0[i + 1];
    mix(d2, sizeof d2);
    for (int i = 0; i < N / 2; i++) d2[i] = d0[2 * i] + d1[2 * i + 1];
    mix(d2, sizeof d2);
}

KEEP quadwords(void) {
    LOOP q2[i] = q0[i] * q1[i];
    mix(q2, sizeof q2);
    LOOP q2[i] = (u64)(u32)q0[i] * (u32)q1[i] + (q0[i] >> 7 ^ q1[i] << 9);
    mix(q2, sizeof q2);
    LOOP q2[i] = q0[i] >> (q1[i] & 63);
    mix(q2, sizeof q2);
    LOOP sq2[i] = sq0[i] > sq1[i] ? sq0[i] - sq1[i] : sq1[i];
    mix(sq2, sizeof sq2);
    LOOP q2[i] = q0[q1[i] % N] + (u64)__builtin_popcountll(q0[i]);
    mix(q2, sizeof q2);
    LOOP sq2[i] = (i64)sd0[i] * sd1[i];
    mix(sq2, sizeof sq2);
    LOOP q2[i] = __builtin_bswap64(q0[i]);
    mix(q2, sizeof q2);
}

KEEP singles(void) {
    LOOP f2[i] = f0[i] * f1[i] + f0[i];
    mix(f2, sizeof f2);
    LOOP f2[i] = f0[i] / (f1[i] + 3) - f1[i];
    mix(f2, sizeof f2);
    LOOP f2[i] = sqrtf(fabsf(f0[i]));
    mix(f2, sizeof f2);
    LOOP f2[i] = f0[i] < f1[i] ? f0[i] : f1[i];
    mix(f2, sizeof f2);
    LOOP f2[i] = f0[i] >= f1[i] ? f0[i] - f1[i] : -f0[i];
    mix(f2, sizeof f2);
    LOOP f2[i] = floorf(f1[i] * 100), f3[i] = ceilf(f1[i] * 100);
    mix(f2, sizeof f2), mix(f3, sizeof f3);
    LOOP f2[i] = truncf(f1[i] * 100), f3[i] = rintf(f1[i] * 100);
    mix(f2, sizeof f2), mix(f3, sizeof f3);
    LOOP sd2[i] = (i32)(f1[i] * 0x1p20f), f2[i] = (float)sd0[i];
    mix(sd2, sizeof sd2), mix(f2, sizeof f2);
    LOOP g2[i] = (double)f0[i], f2[i] = (float)g1[i];
    mix(g2, sizeof g2), mix(f2, sizeof f2);
    LOOP f2[i] = f0[d1[i] % N] * f1[i];
    mix(f2, sizeof f2);
    float sum = 0, largest = f0[0];
    LOOP sum += f1[i], largest = f0[i] > largest ? f0[i] : largest;
    mix(&sum, 4), mix(&largest, 4);
}

KEEP doubles(void) {
    LOOP g2[i] = g0[i] * g1[i] - g1[i];
    mix(g2, sizeof g2);
    LOOP g2[i] = g0[i] / (g1[i] + 3) + g1[i];
    mix(g2, sizeof g2);
    LOOP g2[i] = sqrt(fabs(g0[i]));
    mix(g2, sizeof g2);
    LOOP g2[i] = g0[i] > g1[i] ? g0[i] : g1[i];
    mix(g2, sizeof g2);
    LOOP g2[i] = g0[i] <= g1[i] ? g0[i] + g1[i] : -g1[i];
    mix(g2, sizeof g2);
    LOOP g2[i] = floor(g1[i] * 1000), g3[i] = ceil(g1[i] * 1000);
    mix(g2, sizeof g2), mix(g3, sizeof g3);
    LOOP g2[i] = trunc(g1[i] * 1000), g3[i] = rint(g1[i] * 1000);
    mix(g2, sizeof g2), mix(g3, sizeof g3);
    LOOP sd2[i] = (i32)(g1[i] > -4 && g1[i] < 4 ? g1[i] * 0x1p28 : 1), g2[i] = (double)sd0[i];
    mix(sd2, sizeof sd2), mix(g2, sizeof g2);
    LOOP sq2[i] = (i64)(g1[i] > -4 && g1[i] < 4 ? g1[i] * 0x1p60 : 1), g2[i] = (double)sq0[i];
    mix(sq2, sizeof sq2), mix(g2, sizeof g2);
    LOOP g2[i] = g0[d1[i] % N] * g1[i];
    mix(g2, sizeof g2);
    LOOP g2[i] = copysign(g0[i], g1[i]);
    mix(g2, sizeof g2);
    double sum = 0;
    LOOP sum += g1[i] * f1[i];
    mix(&sum, 8);
}

// A multiply-add by name is one on every machine; without the instruction the C library computes it.
KEEP fused(void) {
    LOOP f2[i] = fmaf(f0[i], f1[i], f1[N - 1 - i]), f3[i] = fmaf(-f0[i], f1[i], f0[i]);
    mix(f2, sizeof f2), mix(f3, sizeof f3);
    LOOP g2[i] = fma(g0[i], g1[i], -g1[N - 1 - i]), g3[i] = fma(-g0[i], g1[i], -g0[i]);
    mix(g2, sizeof g2), mix(g3, sizeof g3);
    LOOP g2[i] = fma(fma(fma(0.125, g1[i], 0.3), g1[i], -1.7), g1[i], 2.1);
    mix(g2, sizeof g2);
    double dot = 0;
    float dot_float = 0;
    LOOP dot = fma(g1[i], g1[N - 1 - i], dot), dot_float = fmaf(f1[i], f1[N - 1 - i], dot_float);
    mix(&dot, 8), mix(&dot_float, 4);
}

KEEP halves(void) {
    static _Float16 h[N];
    LOOP h[i] = (_Float16)f1[i];
    mix(h, sizeof h);
    LOOP h[i] = (_Float16)f0[i];
    mix(h, sizeof h);
    LOOP f2[i] = (float)h[i];
    mix(f2, sizeof f2);
}

// A product of matrices, side odd; with a multiply-add where the compiler may make one (see vectors.sh).
enum { SIDE = 37 };
static double m0[SIDE][SIDE], m1[SIDE][SIDE], m2[SIDE][SIDE];
KEEP matrices(void) {
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) m0[i][j] = (double)(i64)chance() * 0x1p-63, m1[i][j] = (double)(i64)chance() * 0x1p-63, m2[i][j] = 0;
    for (int i = 0; i < SIDE; i++)
        for (int k = 0; k < SIDE; k++)
            for (int j = 0; j < SIDE; j++) m2[i][j] += m0[i][k] * m1[k][j];
    mix(m2, sizeof m2);
}

// ---- Intrinsics, each beside what it computes ----------------------------------------------------------------------
typedef union {
    u8 b[32];
    i8 sb[32];
    u16 w[16];
    i16 sw[16];
    u32 d[8];
    i32 sd[8];
    u64 q[4];
    i64 sq[4];
    float f[8];
    double g[4];
#ifdef __AVX2__
    __m256i y;
    __m256 yf;
    __m256d yg;
#endif
} Y;

// The last argument of each says in C what the intrinsic before it computes.
#ifdef __AVX2__
#define OP(name, result, intrinsic, count, ...) \
    static Y name(Y a, Y b, Y c) {              \
        Y r = c;                                \
        (void)a, (void)b;                       \
        r.result = intrinsic;                   \
        return r;                               \
    }
#else
#define OP(name, result, intrinsic, count, ...)         \
    static Y name(Y a, Y b, Y c) {                      \
        Y r = c;                                        \
        (void)a, (void)b;                               \
        for (int i = 0; i < count; i++) { __VA_ARGS__; } \
        return r;                                       \
    }
#endif

__attribute__((unused)) static int least(const u16* w) {
    int at = 0;
    for (int i = 1; i < 8; i++) at = w[i] < w[at] ? i : at;
    return at;
}
__attribute__((unused)) static int apart(u8 a, u8 b) { return a < b ? b - a : a - b; }

// name, member, intrinsic, count of elements, what element i is
OP(pshufb, y, _mm256_shuffle_epi8(a.y, b.y), 32, r.b[i] = b.b[i] & 128 ? 0 : a.b[(i & 16) + (b.b[i] & 15)])
OP(palignr, y, _mm256_alignr_epi8(a.y, b.y, 5), 32, r.b[i] = (i & 15) + 5 < 16 ? b.b[i + 5] : a.b[i - 11])
OP(pmaddubsw, y, _mm256_maddubs_epi16(a.y, b.y), 16, r.sw[i] = (i16)clamp(a.b[2 * i] * b.sb[2 * i] + a.b[2 * i + 1] * b.sb[2 * i + 1], -32768, 32767))
OP(pmaddwd, y, _mm256_madd_epi16(a.y, b.y), 8, r.d[i] = (u32)(a.sw[2 * i] * b.sw[2 * i]) + (u32)(a.sw[2 * i + 1] * b.sw[2 * i + 1]))
OP(pmulhrsw, y, _mm256_mulhrs_epi16(a.y, b.y), 16, r.sw[i] = (i16)((a.sw[i] * b.sw[i] + 0x4000) >> 15))
OP(psignd, y, _mm256_sign_epi32(a.y, b.y), 8, r.d[i] = b.sd[i] < 0 ? 0 - a.d[i] : b.sd[i] ? a.d[i] : 0)
OP(phaddw, y, _mm256_hadd_epi16(a.y, b.y), 16, const u16* s = (i & 4 ? b.w : a.w) + (i & 8) + (i & 3) * 2; r.w[i] = (u16)(s[0] + s[1]))
OP(psadbw, y, _mm256_sad_epu8(a.y, b.y), 4, r.q[i] = 0; for (int n = 0; n < 8; n++) r.q[i] += (u64)apart(a.b[8 * i + n], b.b[8 * i + n]))
OP(mpsadbw, y, _mm256_mpsadbw_epu8(a.y, b.y, 0x15), 16, int low = i & 8 ? 2 : 5; r.w[i] = 0;
   for (int n = 0; n < 4; n++) r.w[i] = (u16)(r.w[i] + apart(a.b[(i & 8) * 2 + (low >> 2 & 1) * 4 + (i & 7) + n], b.b[(i & 8) * 2 + (low & 3) * 4 + n])))
OP(packusdw, y, _mm256_packus_epi32(a.y, b.y), 16, r.w[i] = (u16)clamp((i & 4 ? b.sd : a.sd)[(i >> 3) * 4 + (i & 3)], 0, 65535))
OP(packsswb, y, _mm256_packs_epi16(a.y, b.y), 32, r.sb[i] = (i8)clamp((i & 8 ? b.sw : a.sw)[(i >> 4) * 8 + (i & 7)], -128, 127))
OP(punpckhbw, y, _mm256_unpackhi_epi8(a.y, b.y), 32, r.b[i] = (i & 1 ? b.b : a.b)[(i & 16) + 8 + (i & 15) / 2])
OP(pblendvb, y, _mm256_blendv_epi8(a.y, b.y, c.y), 32, r.b[i] = c.b[i] & 128 ? b.b[i] : a.b[i])
OP(pmuldq, y, _mm256_mul_epi32(a.y, b.y), 4, r.sq[i] = (i64)a.sd[2 * i] * b.sd[2 * i])
OP(pcmpgtq, y, _mm256_cmpgt_epi64(a.y, b.y), 4, r.q[i] = a.sq[i] > b.sq[i] ? ~(u64)0 : 0)
OP(pmovsxbw, y, _mm256_cvtepi8_epi16(_mm256_extracti128_si256(a.y, 1)), 16, r.sw[i] = a.sb[16 + i])
OP(pmovzxwq, y, _mm256_cvtepu16_epi64(_mm256_castsi256_si128(a.y)), 4, r.q[i] = a.w[i])
OP(vpermd, y, _mm256_permutevar8x32_epi32(a.y, b.y), 8, r.d[i] = a.d[b.d[i] & 7])
OP(vpermq, y, _mm256_permute4x64_epi64(a.y, 0x1b), 4, r.q[i] = a.q[3 - i])
OP(vperm2i128, y, _mm256_permute2x128_si256(a.y, b.y, 0x83), 4, r.q[i] = i < 2 ? b.q[2 + i] : 0)
OP(vpsllvd, y, _mm256_sllv_epi32(a.y, _mm256_srli_epi32(b.y, 26)), 8, u32 n = b.d[i] >> 26; r.d[i] = n > 31 ? 0 : a.d[i] << n)
OP(vpsravd, y, _mm256_srav_epi32(a.y, _mm256_srli_epi32(b.y, 26)), 8, u32 n = b.d[i] >> 26; r.sd[i] = a.sd[i] >> (n > 31 ? 31 : n))
OP(vpsrlvq, y, _mm256_srlv_epi64(a.y, _mm256_srli_epi64(b.y, 57)), 4, u64 n = b.q[i] >> 57; r.q[i] = n > 63 ? 0 : a.q[i] >> n)
OP(pslldq, y, _mm256_slli_si256(a.y, 3), 32, r.b[i] = (i & 15) < 3 ? 0 : a.b[i - 3])
OP(vpbroadcastw, y, _mm256_broadcastw_epi16(_mm256_castsi256_si128(a.y)), 16, r.w[i] = a.w[0])
OP(vpgatherdd, y, _mm256_mask_i32gather_epi32(a.y, (const int*)d0, _mm256_srli_epi32(b.y, 22), c.y, 4), 8, r.d[i] = c.d[i] >> 31 ? d0[b.d[i] >> 22] : a.d[i])
OP(vpgatherdq, y, _mm256_i32gather_epi64((const long long*)q0, _mm256_castsi256_si128(_mm256_srli_epi32(b.y, 22)), 8), 4, r.q[i] = q0[b.d[i] >> 22])
OP(vpgatherqq, y, _mm256_mask_i64gather_epi64(a.y, (const long long*)q0, _mm256_srli_epi64(b.y, 54), c.y, 8), 4,
   r.q[i] = c.q[i] >> 63 ? q0[b.q[i] >> 54] : a.q[i])
OP(vgatherdps, yf, _mm256_i32gather_ps(f1, _mm256_srli_epi32(b.y, 22), 4), 8, r.f[i] = f1[b.d[i] >> 22])
OP(vgatherqpd, yg, _mm256_mask_i64gather_pd(a.yg, g1, _mm256_srli_epi64(b.y, 54), c.yg, 8), 4, r.q[i] = a.q[i]; if (c.q[i] >> 63) r.g[i] = g1[b.q[i] >> 54])
OP(vpmaskmovd, y, _mm256_maskload_epi32((const int*)d1 + 5, c.y), 8, r.d[i] = c.d[i] >> 31 ? d1[5 + i] : 0)
OP(vblendps, yf, _mm256_blend_ps(a.yf, b.yf, 0xa6), 8, r.d[i] = 0xa6 >> i & 1 ? b.d[i] : a.d[i])
OP(vshufpd, yg, _mm256_shuffle_pd(a.yg, b.yg, 0x6), 4, r.q[i] = (i & 1 ? b.q : a.q)[(i & 2) + (0x6 >> i & 1)])
OP(vpermilps, yf, _mm256_permutevar_ps(a.yf, b.y), 8, r.d[i] = a.d[(i & 4) + (b.d[i] & 3)])
OP(vcvtdq2ps, yf, _mm256_cvtepi32_ps(a.y), 8, r.f[i] = (float)a.sd[i])
OP(vcvtdq2pd, yg, _mm256_cvtepi32_pd(_mm256_castsi256_si128(a.y)), 4, r.g[i] = (double)a.sd[i])
OP(vaddsubps, yf, _mm256_addsub_ps(_mm256_cvtepi32_ps(a.y), _mm256_cvtepi32_ps(b.y)), 8,
   r.f[i] = i & 1 ? (float)a.sd[i] + (float)b.sd[i] : (float)a.sd[i] - (float)b.sd[i])
OP(vhaddpd, yg, _mm256_hadd_pd(_mm256_cvtepi32_pd(_mm256_castsi256_si128(a.y)), _mm256_cvtepi32_pd(_mm256_castsi256_si128(b.y))), 4,
   const i32* s = (i & 1 ? b.sd : a.sd) + (i & 2); r.g[i] = (double)s[0] + (double)s[1])
OP(phminposuw, y, _mm256_zextsi128_si256(_mm_minpos_epu16(_mm256_castsi256_si128(a.y))), 4, int at = least(a.w); r.q[i] = i ? 0 : a.w[at] | (u64)at << 16)

#define ROW(name) {#name, name}
static const struct { const char* name; Y (*run)(Y, Y, Y); } intrinsics[] = {
    ROW(pshufb), ROW(palignr), ROW(pmaddubsw), ROW(pmaddwd), ROW(pmulhrsw), ROW(psignd), ROW(phaddw), ROW(psadbw), ROW(mpsadbw), ROW(packusdw),
    ROW(packsswb), ROW(punpckhbw), ROW(pblendvb), ROW(pmuldq), ROW(pcmpgtq), ROW(pmovsxbw), ROW(pmovzxwq), ROW(vpermd), ROW(vpermq), ROW(vperm2i128),
    ROW(vpsllvd), ROW(vpsravd), ROW(vpsrlvq), ROW(pslldq), ROW(vpbroadcastw), ROW(vpgatherdd), ROW(vpgatherdq), ROW(vpgatherqq), ROW(vgatherdps),
    ROW(vgatherqpd), ROW(vpmaskmovd), ROW(vblendps), ROW(vshufpd), ROW(vpermilps), ROW(vcvtdq2ps), ROW(vcvtdq2pd), ROW(vaddsubps), ROW(vhaddpd),
    ROW(phminposuw),
};

static void all_intrinsics(void) {
    for (size_t n = 0; n < sizeof intrinsics / sizeof *intrinsics; n++) {
        for (int round = 0; round < 200; round++) {
            Y operand[3], result;
            fill(operand, sizeof operand);
            result = intrinsics[n].run(operand[0], operand[1], operand[2]);
            mix(&result, 32);
        }
        print_digest(intrinsics[n].name);
    }
}

// ---- General registers: BMI1, BMI2, LZCNT --------------------------------------------------------------------------
#ifdef __AVX2__
#define SCALAR(name, intrinsic, ...) static u64 name(u64 a, u64 b) { (void)b; return intrinsic; }
#else
#define SCALAR(name, intrinsic, ...) static u64 name(u64 a, u64 b) { (void)b; __VA_ARGS__; }
#endif

SCALAR(andn, ~a & b, return b - (a & b))
SCALAR(bextr, _bextr_u64(a, (u32)b & 63, (u32)(b >> 8) & 63), u32 low = b & 63, n = b >> 8 & 63; return a >> low & (((u64)1 << n) - 1))
SCALAR(blsi, _blsi_u64(a), for (int i = 0; i < 64; i++) if (a >> i & 1) return (u64)1 << i; return 0)
SCALAR(blsmsk, _blsmsk_u64(a), u64 r = 0; for (int i = 0; i < 64; i++) { r |= (u64)1 << i; if (a >> i & 1) break; } return r)
SCALAR(blsr, _blsr_u64(a), for (int i = 0; i < 64; i++) if (a >> i & 1) return a - ((u64)1 << i); return 0)
SCALAR(tzcnt, _tzcnt_u64(a), u64 n = 0; while (n < 64 && !(a >> n & 1)) n++; return n)
SCALAR(lzcnt, _lzcnt_u64(a), u64 n = 0; while (n < 64 && !(a >> (63 - n) & 1)) n++; return n)
SCALAR(bzhi, _bzhi_u64(a, (u32)b & 127), u32 n = b & 127; return n > 63 ? a : a & (((u64)1 << n) - 1))
SCALAR(pdep, _pdep_u64(a, b), u64 r = 0; for (int i = 0; i < 64; i++) if (b >> i & 1) { r |= (a & 1) << i; a >>= 1; } return r)
SCALAR(pext, _pext_u64(a, b), u64 r = 0; for (int i = 0, n = 0; i < 64; i++) if (b >> i & 1) r |= (a >> i & 1) << n++; return r)
SCALAR(mulx, ({ unsigned long long high, low = _mulx_u64(a, b, &high); low ^ high << 1; }),
       u64 low = (u32)a * (b & 0xffffffff), m0 = (a >> 32) * (b & 0xffffffff) + (low >> 32), m1 = (a & 0xffffffff) * (b >> 32) + (m0 & 0xffffffff);
       return a * b ^ ((a >> 32) * (b >> 32) + (m0 >> 32) + (m1 >> 32)) << 1)
SCALAR(rorx, a >> 17 | a << 47, u64 r = a; for (int i = 0; i < 17; i++) r = r / 2 + (r % 2 ? (u64)1 << 63 : 0); return r)
SCALAR(sarx, (u64)((i64)a >> (b & 63)), u64 r = a; for (u64 i = 0; i < (b & 63); i++) r = r / 2 + (r & (u64)1 << 63); return r)

static const struct { const char* name; u64 (*run)(u64, u64); } scalars[] = {
    ROW(andn), ROW(bextr), ROW(blsi), ROW(blsmsk), ROW(blsr), ROW(tzcnt), ROW(lzcnt), ROW(bzhi), ROW(pdep), ROW(pext), ROW(mulx), ROW(rorx), ROW(sarx),
};

static void all_scalars(void) {
    for (size_t n = 0; n < sizeof scalars / sizeof *scalars; n++) {
        for (int round = 0; round < 200; round++) {
            u64 a = chance() << (round & 63), b = round & 1 ? chance() : chance() & chance(), result = scalars[n].run(round ? a : 0, b);
            mix(&result, 8);
        }
        print_digest(scalars[n].name);
    }
}

// ---- The C library's, which chooses by CPUID -----------------------------------------------------------------------
static void strings(void) {
    static char text[4096], copy[4096 + 64];
    for (int round = 0; round < 300; round++) {
        size_t at = chance() % 70, length = chance() % (round % 3 ? 90 : 3000);
        for (size_t i = 0; i < sizeof text; i++) text[i] = (char)('a' + (i * 7 + (size_t)round) % 23);
        text[at + length] = 0;
        memset(copy, round, sizeof copy);
        memmove(copy + round % 33, text + at, length + 1);
        char* found = strchr(copy + round % 33, 'q');
        char* last = strrchr(copy + round % 33, 'c');
        void* byte = memchr(text + at, 'z' - round % 30, length);
        u64 facts[6] = {strlen(copy + round % 33), found ? (u64)(found - copy) : ~(u64)0, last ? (u64)(last - copy) : ~(u64)0,
                        byte ? (u64)((char*)byte - text) : ~(u64)0, (u64)(memcmp(copy + round % 33, text + at, length) == 0),
                        (u64)(strcmp(text, text + at) > 0)};
        mix(facts, sizeof facts);
        mix(copy, sizeof copy);
    }
    print_digest("strings");
}

int main(void) {
    static void (*const loops[])(void) = {bytes, words, doublewords, quadwords, singles, doubles, fused, halves, matrices};
    static const char* const names[] = {"bytes", "words", "doublewords", "quadwords", "singles", "doubles", "fused", "halves", "matrices"};
    for (size_t n = 0; n < sizeof loops / sizeof *loops; n++) {
        for (int round = 0; round < ROUNDS; round++) {
            fill(b0, N), fill(b1, N), fill(sb0, N), fill(sb1, N);
            fill(w0, sizeof w0), fill(w1, sizeof w1), fill(sw0, sizeof sw0), fill(sw1, sizeof sw1);
            fill(d0, sizeof d0), fill(d1, sizeof d1), fill(sd0, sizeof sd0), fill(sd1, sizeof sd1);
            fill(q0, sizeof q0), fill(q1, sizeof q1), fill(sq0, sizeof sq0), fill(sq1, sizeof sq1);
            fill_floats();
            loops[n]();
        }
        print_digest(names[n]);
    }
    all_intrinsics();
    all_scalars();
    strings();
    return 0;
}
