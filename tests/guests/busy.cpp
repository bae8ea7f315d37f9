// SPDX-License-Identifier: MIT
// Guest, 64-bit: work as programs do it, a page of code for each kind: sorting, a list, a table of words, a machine in bytecode, matrices.
// What each must give follows from arithmetic. tests/system/debugger_cost.py counts what it costs under a debugger; the labels are for its breakpoints.
#include "guest.h"

#define PAGE_OF_ITS_OWN [[gnu::noinline, gnu::noclone, gnu::aligned(4096)]]
#define LABEL(name) asm volatile(#name ":")
#define COLD(name) asm volatile(#name ": nop")       // where the guest never comes by

static u32 random_state = 1;
static u32 random() { return random_state = random_state * 1664525 + 1013904223; }

// ---- sorting: in order afterwards, and the sum is the same
static constexpr int numbers = 2000;
static u32 number[numbers];

PAGE_OF_ITS_OWN static void sort(u32* a, int n) {
    while (n > 1) {
        if (!a) COLD(busy_cold_sort);
        u32 middle = a[n / 2];
        int i = 0, j = n - 1;
        while (i <= j) {
            LABEL(busy_inner);
            while (a[i] < middle) i++;
            while (a[j] > middle) j--;
            if (i > j) break;
            u32 other = a[i];
            a[i++] = a[j], a[j--] = other;
        }
        sort(a, j + 1);
        a += i, n -= i;
    }
}
static bool sorts() {
    u64 before = 0, after = 0;
    for (auto& x : number) x = random(), before += x;
    sort(number, numbers);
    bool good = true;
    for (int i = 0; i < numbers; i++) after += number[i], good &= !i || number[i - 1] <= number[i];
    return good && before == after;
}

// ---- a list in a random order: its numbers are 1 to n
static constexpr int nodes = 4096;
static struct Node {
    Node* next;
    u64 value;
} node[nodes];

PAGE_OF_ITS_OWN static u64 sum_of_list(const Node* n) {
    u64 sum = 0;
    for (; n; n = n->next) {
        if (n->value > nodes) COLD(busy_cold_list);
        sum += n->value;
    }
    return sum;
}
static const Node* make_list() {
    static u16 order[nodes];
    for (int i = 0; i < nodes; i++) order[i] = u16(i);
    for (int i = nodes - 1; i > 0; i--) {
        int j = int(random() % u32(i + 1));
        u16 other = order[i];
        order[i] = order[j], order[j] = other;
    }
    for (int i = 0; i < nodes; i++) node[order[i]] = {i + 1 < nodes ? &node[order[i + 1]] : nullptr, u64(i + 1)};
    return &node[order[0]];
}

// ---- a table of words: each of 256 is counted as often as it is put in
static struct { u32 hash, count; } slot[1024];

PAGE_OF_ITS_OWN static void count_word(const char* word, int length) {
    u32 hash = 2166136261;
    for (int i = 0; i < length; i++) hash = (hash ^ u8(word[i])) * 16777619;
    u32 n = hash & 1023;
    while (slot[n].count && slot[n].hash != hash) n = (n + 1) & 1023;
    if (slot[n].count > 100) COLD(busy_cold_words);
    slot[n].hash = hash, slot[n].count++;
}
static bool counts_words() {
    for (auto& s : slot) s = {};
    for (int i = 0; i < 512; i++) {
        char word[8] = {'w', 'o', 'r', 'd', '-', char('a' + (i & 15)), char('a' + (i >> 4 & 15)), 0};
        count_word(word, 7);
    }
    int used = 0;
    bool good = true;
    for (auto& s : slot)
        if (s.count) used++, good &= s.count == 2;
    return good && used == 256;
}

// ---- a machine in bytecode that adds 1 to n
enum Code : u8 { load, add, decrement, jump_if, stop };

PAGE_OF_ITS_OWN static u64 interpret(const u8* code, u64 n) {
    u64 sum = 0;
    for (const u8* at = code;;) {
        switch (*at++) {
        case load: sum = *at++; break;
        case add: sum += n; break;
        case decrement: n--; break;
        case jump_if: at = n ? code + *at : at + 1; break;
        case stop: return sum;
        default: COLD(busy_cold_machine); return 0;
        }
    }
}

// ---- matrices: one with its rows exchanged
static constexpr int size = 24;
static int left[size][size], right[size][size], product[size][size];

PAGE_OF_ITS_OWN static void multiply() {
    for (int i = 0; i < size; i++)
        for (int j = 0; j < size; j++) {
            int sum = 0;
            for (int k = 0; k < size; k++) sum += left[i][k] * right[k][j];
            product[i][j] = sum;
        }
}
static bool multiplies() {
    for (int i = 0; i < size; i++)
        for (int j = 0; j < size; j++) left[i][j] = (i * 5 + 3) % size == j, right[i][j] = int(random());
    multiply();
    bool good = true;
    for (int i = 0; i < size; i++)
        for (int j = 0; j < size; j++) good &= product[i][j] == right[(i * 5 + 3) % size][j];
    return good;
}

PAGE_OF_ITS_OWN static int round(int wrong) {
    LABEL(busy_round);
    static constexpr u8 program[] = {load, 0, add, decrement, jump_if, 2, stop};
    wrong += !sorts();
    wrong += sum_of_list(make_list()) != u64{nodes} * (nodes + 1) / 2;
    wrong += !counts_words();
    wrong += interpret(program, 2000) != 2001000;
    wrong += !multiplies();
    LABEL(busy_round_ends);
    return wrong;
}

extern "C" void guest() {
    int wrong = 0;
    for (int n = 0; n < 12; n++) wrong = round(wrong);
    is("rounds of work with wrong results", u64(wrong), 0);
}
