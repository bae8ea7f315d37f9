// SPDX-License-Identifier: MIT
// Floating-point work with deterministic results, printed exactly: run in the guest and on the host, the
// lines must be the same.
#include <fenv.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

// Values that the compiler cannot see through.
static volatile float volatile_float;
static volatile double volatile_double;
static volatile long double volatile_long;
static float f(float x) { return volatile_float = x, volatile_float; }
static double d(double x) { return volatile_double = x, volatile_double; }
static long double l(long double x) { return volatile_long = x, volatile_long; }

static uint64_t seed = 88172645463325252u;
static uint64_t chance(void) {
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return seed;
}
static double unit(void) { return (double)(chance() >> 11) * 0x1p-53; }

// Mixes the bits of each result into one number, so that a single wrong bit of thousands shows.
static uint64_t digest;
static void mix(const void* bytes, size_t size) {
    uint64_t parts[2] = {0, 0};
    memcpy(parts, bytes, size);
    for (int i = 0; i < 2; i++) digest = (digest ^ parts[i]) * 1099511628211u;
}
static void mix_float(float x) { mix(&x, sizeof x); }
static void mix_double(double x) { mix(&x, sizeof x); }
static void mix_long(long double x) { mix(&x, 10); }
static void print_digest(const char* name) {
    printf("%-22s %016llx\n", name, (unsigned long long)digest);
    digest = 14695981039346656037u;
}

static void arithmetic(void) {
    float a = f(1.0f), b = f(3.0f);
    double c = d(1.0), e = d(3.0);
    long double g = l(1.0L), h = l(3.0L);
    for (int i = 0; i < 2000; i++) {
        a = a * f(1.25f) / b - f(0.3f), b = sqrtf(b + f((float)i)) + f(0.5f), mix_float(a), mix_float(b);
        c = c * d(1.25) / e - d(0.3), e = sqrt(e + i) + d(0.5), mix_double(c), mix_double(e);
        g = g * l(1.25L) / h - l(0.3L), h = sqrtl(h + i) + l(0.5L), mix_long(g), mix_long(h);
    }
    printf("float %a %a  double %a %a  long double %La %La\n", a, b, c, e, g, h);
    print_digest("arithmetic");
}

static void chaos(void) {
    float a = f(0.3f);
    double b = d(0.3);
    long double c = l(0.3L);
    for (int i = 0; i < 5000; i++) a = f(3.9f) * a * (1 - a), b = d(3.9) * b * (1 - b), c = l(3.9L) * c * (1 - c);
    printf("logistic %a %a %La\n", a, b, c);
}

#define SIZE 8
static void matrix(void) {
    double m[SIZE][SIZE * 2] = {{0}};
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) m[i][j] = 1.0 / d(i + j + 1), m[i][SIZE + j] = i == j;
    for (int i = 0; i < SIZE; i++) {
        double pivot = m[i][i];
        for (int j = 0; j < SIZE * 2; j++) m[i][j] /= pivot;
        for (int k = 0; k < SIZE; k++) {
            double factor = m[k][i];
            for (int j = 0; k != i && j < SIZE * 2; j++) m[k][j] -= factor * m[i][j];
        }
    }
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) mix_double(m[i][SIZE + j]);
    printf("hilbert inverse corner %.10e\n", m[SIZE - 1][SIZE * 2 - 1]);
    print_digest("matrix");
}

static void functions(void) {
    for (int i = 0; i < 300; i++) {
        double x = d((unit() - 0.5) * 20), y = d(unit() * 10 + 0.01);
        mix_double(sin(x)), mix_double(cos(x)), mix_double(tan(x)), mix_double(exp(x)), mix_double(log(y));
        mix_double(pow(y, x)), mix_double(atan2(x, y)), mix_double(sinh(x)), mix_double(tanh(x));
        mix_double(cbrt(x)), mix_double(erf(x)), mix_double(lgamma(y)), mix_double(log1p(y)), mix_double(expm1(x));
        mix_double(fmod(x, y)), mix_double(remainder(x, y)), mix_double(hypot(x, y)), mix_double(asin(y / 11));
    }
    print_digest("libm double");
    for (int i = 0; i < 300; i++) {
        float x = f((float)((unit() - 0.5) * 20)), y = f((float)(unit() * 10 + 0.01));
        mix_float(sinf(x)), mix_float(cosf(x)), mix_float(tanf(x)), mix_float(expf(x)), mix_float(logf(y));
        mix_float(powf(y, x)), mix_float(atan2f(x, y)), mix_float(sinhf(x)), mix_float(cbrtf(x)), mix_float(fmodf(x, y));
    }
    print_digest("libm float");
    for (int i = 0; i < 300; i++) {
        long double x = l((unit() - 0.5L) * 20), y = l(unit() * 10 + 0.01L);
        mix_long(sinl(x)), mix_long(cosl(x)), mix_long(tanl(x));
        // By the x87's own functions, which each design has as exact as it likes: their last bits are left out.
        mix_float((float)expl(x)), mix_float((float)logl(y)), mix_float((float)powl(y, x)), mix_float((float)atan2l(x, y));
        mix_float((float)log2l(y)), mix_float((float)exp2l(x)), mix_float((float)log10l(y));
        mix_long(fmodl(x, y)), mix_long(remainderl(x, y)), mix_long(scalbnl(x, i - 150)), mix_long(rintl(x));
    }
    print_digest("libm long double");
}

static void roundings(void) {
    static const int modes[] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
    for (int i = 0; i < 4; i++) {
        fesetround(modes[i]);
        float a = f(1.0f) / f(3.0f);
        double b = d(-2.0) / d(3.0), c = rint(d(2.5)), e = nearbyint(d(-3.5));
        long double g = l(1.0L) / l(10.0L);
        printf("mode %d: %a %a %a %a %La %ld %ld\n", i, a, b, c, e, g, lrint(d(6.5)), lrintl(l(-7.5L)));
    }
    fesetround(FE_TONEAREST);
}

static void flags(const char* name) {
    int raised = fetestexcept(FE_ALL_EXCEPT);
    printf("%-12s%s%s%s%s%s\n", name, raised & FE_INVALID ? " invalid" : "", raised & FE_DIVBYZERO ? " zero" : "",
           raised & FE_OVERFLOW ? " overflow" : "", raised & FE_UNDERFLOW ? " underflow" : "",
           raised & FE_INEXACT ? " inexact" : "");
    feclearexcept(FE_ALL_EXCEPT);
}

static void exceptions(void) {
    feclearexcept(FE_ALL_EXCEPT);
    mix_double(d(1) / d(0)), flags("1/0");
    mix_double(d(0) / d(0)), flags("0/0");
    mix_double(d(0x1p1023) * d(4)), flags("overflow");
    mix_double(d(0x1p-1022) / d(3)), flags("underflow");
    mix_double(d(0x1p-1022) / d(4)), flags("denormal");
    mix_double(sqrt(d(-1))), flags("sqrt -1");
    mix_float(f(0x1p127f) * f(4)), flags("float");
    mix_long(l(0x1p-16382L) / l(3)), flags("long");
    mix_long(l(1) / l(0)), flags("long 1/0");
    mix_double((double)lrint(d(0x1p70))), flags("lrint 2^70");
    print_digest("exceptions");
}

static void conversions(void) {
    for (int i = 0; i < 500; i++) {
        int64_t n = (int64_t)chance() >> (chance() & 63);
        mix_float((float)n), mix_double((double)n), mix_long((long double)n);
        mix_float((float)(uint64_t)n), mix_double((double)(uint64_t)n), mix_long((long double)(uint64_t)n);
        mix_float((float)(int32_t)n), mix_double((double)(int16_t)n);
        double x = d((double)n * unit());
        int64_t whole = (int64_t)d(x / 4), half = (int64_t)(float)(x / 8);
        mix(&whole, 8), mix(&half, 8), mix_float((float)x), mix_long((long double)x);
        int32_t small = (int32_t)d(fmod(x, 1e9)), smaller = (int32_t)lrintl(l(fmod(x, 1e6)));
        mix(&small, 4), mix(&smaller, 4);
    }
    print_digest("conversions");
    char text[128];
    snprintf(text, sizeof text, "%.17g %.9g %.21Lg", d(0.1), (double)f(0.1f), l(0.1L));
    puts(text);
    printf("%d %d %d\n", isnan(d(NAN)) != 0, fpclassify(d(0x1p-1070)) == FP_SUBNORMAL, signbit(d(-0.0)) != 0);
}

int main(void) {
    digest = 14695981039346656037u;
    arithmetic(), chaos(), matrix(), functions(), roundings(), exceptions(), conversions();
    return 0;
}
