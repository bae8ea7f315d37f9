// SPDX-License-Identifier: MIT
// Compute kernels for the benchmark: one static program without a C library, run in each guest and on the host.
//   kernels NAME:ROUNDS...     for each: prepares, prints BENCH-BEGIN NAME, computes, prints
//                              BENCH-END NAME CHECKSUM TICKS MICROSECONDS (time-stamp counter and user time between)
//   kernels mark TEXT...       prints TEXT and waits until it has left the serial port
// Checksums depend on the rounds alone. All integer code but for matrix_double and vectors.c; bench.sh has the compiler's options.
#include "kernels.h"

// ---- Linux ---------------------------------------------------------------------------------------------------
static long system_call(long number, long a, long b, long c) {
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
}

static u64 ticks(void) {
    u32 low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (u64)high << 32 | low;
}

static u64 user_microseconds(void) {
    long usage[18];
    system_call(98, 0, (long)usage, 0);        // getrusage
    return (u64)usage[0] * 1000000 + (u64)usage[1];
}

static char line[256];
static u64 used;

static void put(const char* text) {
    while (*text && used < sizeof line - 1) line[used++] = *text++;
}

static void put_number(u64 value, u64 base, int digits) {
    char text[24];
    int at = 23;
    text[at] = 0;
    do text[--at] = "0123456789abcdef"[value % base], value /= base, digits--;
    while (value || digits > 0);
    put(text + at);
}

static void print(void) {
    line[used++] = '\n';
    system_call(1, 1, (long)line, (long)used);
    system_call(16, 1, 0x5409, 1);             // tcdrain: a terminal has sent it all
    used = 0;
}

// ---- What the kernels share ----------------------------------------------------------------------------------
static u64 seed;
u64 chance(void) {
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return seed;
}

u64 mixed(u64 sum, u64 value) { return (sum ^ value) * 0x100000001b3 + (sum >> 29); }

// ---- sha256: FIPS 180-4, 4 KiB a round -----------------------------------------------------------------------
u32 sha_constant[64];
static u32 sha_start[8];
static u8 message[4096 + 64];

// The first 32 bits of the fraction of the square (2) or cube (3) root of n.
static u32 root_fraction(u64 n, int power) {
    u64 low = 0, high = 1ull << 38;
    while (high - low > 1) {
        u64 middle = (low + high) / 2;
        u128 value = (u128)middle * middle, limit = (u128)n << 64;
        if (power == 3) value *= middle, limit <<= 32;
        if (value <= limit) low = middle;
        else high = middle;
    }
    return (u32)low;
}

void sha256_prepare(void) {
    u64 prime = 2;
    for (u64 n = 0; n < 64; prime++) {
        u64 divisor = 2;
        while (prime % divisor) divisor++;
        if (divisor < prime) continue;
        sha_constant[n] = root_fraction(prime, 3);
        if (n < 8) sha_start[n] = root_fraction(prime, 2);
        n++;
    }
    for (u64 i = 0; i < 4096; i++) message[i] = (u8)chance();
    message[4096] = 0x80, message[4096 + 62] = 4096 * 8 >> 8;
}

static u32 turned(u32 x, int by) { return x >> by | x << (32 - by); }

void sha256_block(u32* state, const u8* block) {
    u32 w[64], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
    for (int i = 0; i < 16; i++)
        w[i] = (u32)block[i * 4] << 24 | (u32)block[i * 4 + 1] << 16 | (u32)block[i * 4 + 2] << 8 | block[i * 4 + 3];
    for (int i = 16; i < 64; i++) {
        u32 x = w[i - 15], y = w[i - 2];
        w[i] = w[i - 16] + w[i - 7] + (turned(x, 7) ^ turned(x, 18) ^ x >> 3) + (turned(y, 17) ^ turned(y, 19) ^ y >> 10);
    }
    for (int i = 0; i < 64; i++) {
        u32 one = h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + (g ^ (e & (f ^ g))) + sha_constant[i] + w[i];
        u32 two = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) | (c & (a | b)));
        h = g, g = f, f = e, e = d + one, d = c, c = b, b = a, a = one + two;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

// The checksum is the hash's first 64 bits; each hash is written over the start of the next message.
static u64 sha256(u64 rounds) {
    u32 state[8] = {0};
    for (u64 r = 0; r < rounds; r++) {
        for (int i = 0; i < 8; i++) state[i] = sha_start[i];
        for (int block = 0; block < 65; block++) sha256_block(state, message + block * 64);
        for (int i = 0; i < 32; i++) message[i] = (u8)(state[i / 4] >> (24 - i % 4 * 8));
    }
    return (u64)state[0] << 32 | state[1];
}

// ---- crc32: a table, byte by byte, 64 KiB a round ------------------------------------------------------------
static u32 crc_table[256];
static u8 bytes[65536];

static void crc32_prepare(void) {
    for (u32 n = 0; n < 256; n++) {
        u32 c = n;
        for (int bit = 0; bit < 8; bit++) c = c & 1 ? c >> 1 ^ 0xedb88320 : c >> 1;
        crc_table[n] = c;
    }
    for (u64 i = 0; i < sizeof bytes; i++) bytes[i] = (u8)chance();
}

static u64 crc32(u64 rounds) {
    u32 crc = 0;
    for (u64 r = 0; r < rounds; r++) {
        crc = ~crc;
        for (u64 i = 0; i < sizeof bytes; i++) crc = crc >> 8 ^ crc_table[(crc ^ bytes[i]) & 255];
        crc = ~crc;
    }
    return crc;
}

// ---- sort: quicksort, then insertion, of 4096 64-bit numbers a round -----------------------------------------
static u64 numbers[4096];

static void insertion_sort(u64* v, long n) {
    for (long i = 1; i < n; i++) {
        u64 x = v[i];
        long j = i;
        for (; j > 0 && v[j - 1] > x; j--) v[j] = v[j - 1];
        v[j] = x;
    }
}

static __attribute__((noinline)) void quicksort(u64* v, long n) {
    while (n > 12) {
        u64 pivot = v[n / 2];
        long i = -1, j = n;
        for (;;) {
            do i++; while (v[i] < pivot);
            do j--; while (v[j] > pivot);
            if (i >= j) break;
            u64 x = v[i];
            v[i] = v[j], v[j] = x;
        }
        quicksort(v, j + 1);
        v += j + 1, n -= j + 1;
    }
    insertion_sort(v, n);
}

static u64 sort(u64 rounds) {
    u64 sum = 0;
    for (u64 r = 0; r < rounds; r++) {
        for (int i = 0; i < 4096; i++) numbers[i] = chance();
        quicksort(numbers, 4096);
        for (int i = 0; i < 4096; i += 64) sum = mixed(sum, numbers[i]);
    }
    return sum;
}

// ---- list: a walk along 16384 nodes (256 KiB) in shuffled order, a round ---------------------------------------
struct Node { struct Node* next; u64 value; };
static struct Node nodes[16384];

static void list_prepare(void) {
    enum { count = sizeof nodes / sizeof *nodes };
    for (u64 i = 0; i < count; i++) nodes[i] = (struct Node){nodes + i, chance()};
    for (u64 i = count - 1; i > 0; i--) {      // Sattolo: one cycle through all
        u64 j = chance() % i;
        struct Node* next = nodes[i].next;
        nodes[i].next = nodes[j].next, nodes[j].next = next;
    }
}

static u64 list(u64 rounds) {
    u64 sum = 0, odd = 0;
    struct Node* node = nodes;
    for (u64 r = 0; r < rounds; r++)
        do {
            if (node->value & 1) odd++, node->value += sum;
            sum += node->value >> 3;
            node = node->next;
        } while (node != nodes);
    return mixed(sum, odd);
}

// ---- bytecode: an interpreter with a switch, running a program of its own ------------------------------------
enum { op_set, op_move, op_add, op_sub, op_shift, op_odd, op_triple, op_if_zero, op_if_less, op_jump, op_load, op_store, op_end };
struct Op { u8 op, a, b, c; };

// Longest Collatz run below 200; the counts are kept in memory: r0 number, r1 value, r2 steps, r3 best, r4 limit, r5 test.
static const struct Op program[] = {
    {op_set, 0, 1, 0},          {op_set, 3, 0, 0},          {op_set, 4, 200, 0},        {op_set, 6, 1, 0},
    {op_move, 1, 0, 0},         {op_set, 2, 0, 0},                                             // 4: next number
    {op_sub, 5, 1, 6},          {op_if_zero, 5, 15, 0},     {op_add, 2, 2, 6},                 // 6: step
    {op_odd, 5, 1, 0},          {op_if_zero, 5, 13, 0},     {op_triple, 1, 1, 0},       {op_jump, 6, 0, 0},
    {op_shift, 1, 1, 1},        {op_jump, 6, 0, 0},                                            // 13: even
    {op_store, 2, 0, 0},        {op_if_less, 2, 3, 18},     {op_move, 3, 2, 0},                // 15: one
    {op_load, 7, 0, 0},         {op_add, 8, 8, 7},          {op_add, 0, 0, 6},          {op_if_less, 0, 4, 4},
    {op_add, 8, 8, 3},          {op_end, 0, 0, 0},
};
static u64 cells[256], r[16];

static __attribute__((noinline)) u64 interpret(const struct Op* code, u64 start) {
    for (int i = 0; i < 16; i++) r[i] = 0;
    r[8] = start;
    for (const struct Op* p = code;;) {
        struct Op o = *p++;
        switch (o.op) {
        case op_set: r[o.a & 15] = o.b; break;
        case op_move: r[o.a & 15] = r[o.b & 15]; break;
        case op_add: r[o.a & 15] = r[o.b & 15] + r[o.c & 15]; break;
        case op_sub: r[o.a & 15] = r[o.b & 15] - r[o.c & 15]; break;
        case op_shift: r[o.a & 15] = r[o.b & 15] >> (o.c & 63); break;
        case op_odd: r[o.a & 15] = r[o.b & 15] & 1; break;
        case op_triple: r[o.a & 15] = r[o.b & 15] * 3 + 1; break;
        case op_if_zero: if (!r[o.a & 15]) p = code + o.b; break;
        case op_if_less: if (r[o.a & 15] < r[o.b & 15]) p = code + o.c; break;
        case op_jump: p = code + o.a; break;
        case op_load: r[o.a & 15] = cells[r[o.b & 15] & 255]; break;
        case op_store: cells[r[o.b & 15] & 255] = r[o.a & 15]; break;
        default: return r[8];
        }
    }
}

static u64 bytecode(u64 rounds) {
    u64 sum = 0;
    for (u64 r = 0; r < rounds; r++) sum = mixed(sum, interpret(program, r));
    return sum;
}

// ---- strings: split, upper case, search, compare, count of 16 KiB of words, a round --------------------------
static char text[16384], shouted[16384], word[64];
static char dictionary[64][16];

static u64 length_of(const char* s) {
    const char* end = s;
    while (*end) end++;
    return (u64)(end - s);
}

static int compare(const char* a, const char* b) {
    while (*a && *a == *b) a++, b++;
    return (u8)*a - (u8)*b;
}

static const char* find(const char* s, const char* wanted) {
    for (; *s; s++) {
        const char *a = s, *b = wanted;
        while (*b && *a == *b) a++, b++;
        if (!*b) return s;
    }
    return 0;
}

static void random_word(char* to, u64 longest) {
    u64 n = 2 + chance() % (longest - 1);
    for (u64 i = 0; i < n; i++) to[i] = (char)('a' + chance() % (i & 1 ? 6 : 20));
    to[n] = 0;
}

static void strings_prepare(void) {
    for (int i = 0; i < 64; i++) {
        random_word(dictionary[i], 10);
        for (int j = i; j > 0 && compare(dictionary[j - 1], dictionary[j]) > 0; j--)
            for (int k = 0; k < 16; k++) {
                char c = dictionary[j][k];
                dictionary[j][k] = dictionary[j - 1][k], dictionary[j - 1][k] = c;
            }
    }
    for (u64 at = 0; at + 16 < sizeof text; text[at++] = ' ') {
        if (chance() % 3) random_word(text + at, 10);
        else for (u64 i = 0, from = chance() % 64; i < 16; i++) text[at + i] = dictionary[from][i];
        at += length_of(text + at);
    }
}

static u64 look_up(const char* wanted) {
    int low = 0, high = 63;
    while (low <= high) {
        int middle = (low + high) / 2, order = compare(wanted, dictionary[middle]);
        if (order == 0) return (u64)middle;
        if (order < 0) high = middle - 1;
        else low = middle + 1;
    }
    return 64;
}

static u64 counts[65];

static u64 strings(u64 rounds) {
    u64 sum = 0;
    for (u64 r = 0; r < rounds; r++) {
        const char* p = text;
        char* out = shouted;
        while (*p) {
            u64 n = 0;
            while (*p && *p != ' ') word[n++] = *p++;
            word[n] = 0;
            counts[look_up(word)]++;
            for (u64 i = 0; i < n; i++) *out++ = word[n - 1 - i] >= 'a' && word[n - 1 - i] <= 'z' ? (char)(word[n - 1 - i] - 32) : '-';
            while (*p == ' ') p++, *out++ = ' ';
        }
        *out = 0;
        const char* found = find(shouted, "QAQAQA");
        sum = mixed(sum, length_of(shouted) + (found ? (u64)(found - shouted) : 0) + counts[r % 65]);
        text[r % 1000] = text[r % 1000] == ' ' ? ' ' : (char)('a' + r % 26);
    }
    return sum;
}

// ---- sieve: primes below 262144, a round ---------------------------------------------------------------------
static u8 composite[262144];

static u64 sieve(u64 rounds) {
    u64 sum = 0;
    for (u64 r = 0; r < rounds; r++) {
        u64 count = 0;
        for (u64 i = 0; i < sizeof composite; i++) composite[i] = i < 2 + (r & 1);
        for (u64 i = 2; i < sizeof composite; i++) {
            if (composite[i]) continue;
            count++;
            for (u64 j = i * 2; j < sizeof composite; j += i) composite[j] = 1;
        }
        sum = mixed(sum, count);
    }
    return sum;
}

// ---- matrix and matrix_double: 64 x 64, u64 and IEEE double, a product a round --------------------------------
enum { side = 64 };
static u64 left[side][side], right[side][side], product[side][side];
static double left_double[side][side], right_double[side][side], product_double[side][side];

static void matrix_prepare(void) {
    for (int i = 0; i < side; i++)
        for (int j = 0; j < side; j++) left[i][j] = chance(), right[i][j] = chance();
}

static u64 matrix(u64 rounds) {
    u64 sum = 0;
    for (u64 r = 0; r < rounds; r++) {
        for (int i = 0; i < side; i++)
            for (int j = 0; j < side; j++) {
                u64 dot = 0;
                for (int k = 0; k < side; k++) dot += left[i][k] * right[k][j];
                product[i][j] = dot;
            }
        left[r % side][r / side % side] = product[r / side % side][r % side];
        sum = mixed(sum, product[side - 1][r % side]);
    }
    return sum;
}

static double unit(void) { return (double)(long)(chance() >> 11) * 0x1p-53; }

static void matrix_double_prepare(void) {
    for (int i = 0; i < side; i++)
        for (int j = 0; j < side; j++) left_double[i][j] = unit() - 0.5, right_double[i][j] = unit() - 0.5;
}

static u64 matrix_double(u64 rounds) {
    union { double number; u64 bits; } corner;
    u64 sum = 0;
    for (u64 r = 0; r < rounds; r++) {
        for (int i = 0; i < side; i++)
            for (int j = 0; j < side; j++) {
                double dot = 0;
                for (int k = 0; k < side; k++) dot += left_double[i][k] * right_double[k][j];
                product_double[i][j] = dot;
            }
        left_double[r % side][r / side % side] = unit() - 0.5;
        corner.number = product_double[side - 1][r % side];
        sum = mixed(sum, corner.bits);
    }
    return sum;
}

// ---- large: about 300 KB of code, each function once or not at all, a round -----------------------------------
static u64 scratch[256];

static void large_prepare(void) {
    for (int i = 0; i < 256; i++) scratch[i] = 0;
}

static u64 large(u64 rounds) {
    u64 sum = 0;
    for (u64 r = 0; r < rounds; r++) sum = mixed(sum, large_round(sum + r, scratch));
    return sum;
}

// ---- The program ----------------------------------------------------------------------------------------------
static void nothing(void) {}

static const struct Kernel { const char* name; void (*prepare)(void); u64 (*run)(u64 rounds); } kernels[] = {
    {"sha256", sha256_prepare, sha256},    {"crc32", crc32_prepare, crc32},       {"sort", nothing, sort},
    {"list", list_prepare, list},          {"bytecode", nothing, bytecode},       {"strings", strings_prepare, strings},
    {"sieve", nothing, sieve},             {"matrix", matrix_prepare, matrix},    {"matrix_double", matrix_double_prepare, matrix_double},
    {"large", large_prepare, large},
    {"x87_mandelbrot", nothing, x87_mandelbrot},  {"x87_bodies", nothing, x87_bodies},
    {"sse_mandelbrot", nothing, sse_mandelbrot},  {"sse_bodies", nothing, sse_bodies},
    {"sse_float", floats_prepare, sse_float},     {"sse_integer", pixels_prepare, sse_integer},
    {"avx_float", floats_prepare, avx_float},     {"avx_integer", pixels_prepare, avx_integer},
    {"aes_ctr", aes_prepare, aes_ctr},            {"ghash", nothing, ghash},
    {"sha_ni", sha256_prepare, sha_ni},
};

static void measure(const struct Kernel* kernel, u64 rounds) {
    seed = 88172645463325252u;
    kernel->prepare();
    put("BENCH-BEGIN "), put(kernel->name), print();
    u64 time = user_microseconds(), start = ticks(), sum = kernel->run(rounds), end = ticks();
    time = user_microseconds() - time;
    put("BENCH-END "), put(kernel->name), put(" "), put_number(sum, 16, 16), put(" "), put_number(end - start, 10, 1);
    put(" "), put_number(time, 10, 1), print();
}

// NAME:ROUNDS; false if there is no such kernel.
static int measured(const char* request) {
    for (u64 n = 0; n < sizeof kernels / sizeof *kernels; n++) {
        const char *a = request, *b = kernels[n].name;
        while (*b && *a == *b) a++, b++;
        if (*b || *a != ':') continue;
        u64 rounds = 0;
        for (a++; *a >= '0' && *a <= '9'; a++) rounds = rounds * 10 + (u64)(*a - '0');
        return measure(kernels + n, rounds), 1;
    }
    put("no such kernel: "), put(request), print();
    return 0;
}

__attribute__((used)) static void start(long* stack) {
    long count = stack[0];
    char** words = (char**)(stack + 1);
    int good = count > 1;
    if (good && compare(words[1], "mark") == 0)
        for (long n = 2; n < count; n++) put(words[n]), n + 1 < count ? put(" ") : print();
    else
        for (long n = 1; n < count; n++) good &= measured(words[n]);
    system_call(231, !good, 0, 0);             // exit_group
}

__asm__(".globl _start\n_start: xor %ebp, %ebp\n mov %rsp, %rdi\n and $-16, %rsp\n call start\n");
