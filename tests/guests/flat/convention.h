// SPDX-License-Identifier: MIT
// The conventions of public conformance programs, as our guests use them: multiboot 1's information, a module of KEY=VALUE lines,
// fw_cfg, a polled UART, application processors started at physical page 0.
#pragma once
#include "frame.h"
#include "guest.h"
#include "interrupts.h"

extern "C" word start_info;

inline u32 info(u32 offset) { return peek<u32>(word(u32(start_info)) + offset); }

// ---- output

inline void uart_put(u8 byte) {
    while (!(in8(0x3fd) & 0x20)) {}
    out8(0x3f8, byte);
}
inline void uart_start() {
    out8(0x3fb, in8(0x3fb) | 0x80);
    out8(0x3f8, 1), out8(0x3f9, 0);                     // 115200 baud
    out8(0x3fb, in8(0x3fb) & 0x7f);
    out8(0x3f9, 0), out8(0x3fb, 3), out8(0x3fa, 0), out8(0x3fc, 3);
    put_byte = uart_put;
}

// ---- text

inline bool starts(const char* text, const char* with) {
    for (; *with; text++, with++)
        if (*text != *with) return false;
    return true;
}
inline u64 number(const char* text) {
    u64 value = 0;
    for (; *text >= '0' && *text <= '9'; text++) value = value * 10 + u64(*text - '0');
    return value;
}
inline const char* command_line() { return reinterpret_cast<const char*>(word(info(16))); }
// What follows "KEY=" on the command line, behind the file's name; null: it isn't there.
inline const char* argument(const char* key) {
    for (auto* at = command_line(); *at; at++)
        if (at[0] == ' ' && starts(at + 1, key)) {
            at++;
            for (; *key; key++) at++;
            return at;
        }
    return nullptr;
}

// ---- the environment: the only module, else nothing

inline const char* environment(const char* key) {
    if (info(20) != 1) return nullptr;
    auto* at = reinterpret_cast<const char*>(word(peek<u32>(info(24))));
    auto* end = reinterpret_cast<const char*>(word(peek<u32>(info(24) + 4)));
    for (bool line = true; at < end; line = *at++ == '\n') {
        auto* a = at;
        auto* k = key;
        while (line && a < end && *k && *a == *k) a++, k++;
        if (line && !*k && a < end && *a == '=') return a + 1;
    }
    return nullptr;
}
inline u64 fw_cfg(u16 key, unsigned bytes) {
    u64 value = 0;
    out16(0x510, key);
    for (unsigned i = 0; i < bytes; i++) value |= u64(in8(0x511)) << 8 * i;
    return value;
}
inline unsigned cpu_count() {
    auto* said = environment("NR_CPUS");
    return said ? unsigned(number(said)) : unsigned(fw_cfg(5, 2));
}
inline u64 memory_size() {
    auto* said = environment("MEMSIZE");
    return said ? number(said) << 20 : fw_cfg(3, 8);
}

// ---- the others (flat/others.S)

extern "C" {
extern char page_zero_begin[], page_zero_end[];
extern char woken_begin[], woken_end[];                  // for 1000h: ends with what is at 1100h
extern volatile u32 online;                              // those that have come to their waiting
void start_others(unsigned expected);                    // INIT and a start-up IPI to all but self, vector 0; waits for them
void other_cpu();
}
