// SPDX-License-Identifier: MIT
// Machine code that a 64-bit guest makes at run time, and loops that call it until any engine must have linked its blocks.
#pragma once
#include "tables.h"
#include <initializer_list>

struct Code {                             // written byte by byte at `at`, which advances
    word at;

    template <class... B> Code& bytes(B... b) { return (poke<u8>(at++, u8(b)), ...), *this; }
    Code& dword(u64 v) { return bytes(v, v >> 8, v >> 16, v >> 24); }
    Code& qword(u64 v) { return dword(v), dword(v >> 32); }
    Code& nops(unsigned n) { while (n--) bytes(0x90); return *this; }
    Code& eax(u32 v) { return bytes(0xb8).dword(v); }
    Code& rax(u64 v) { return bytes(0x48, 0xb8).qword(v); }
    Code& ret() { return bytes(0xc3); }
    Code& call(word to) { return bytes(0xe8).dword(to - (at + 4)); }
    Code& jump(word to) { return bytes(0xe9).dword(to - (at + 4)); }
    Code& jcc(unsigned condition, word to) { return bytes(0x0f, 0x80 + condition).dword(to - (at + 4)); }
    Code& call_far_away(word to) { return rax(to).bytes(0xff, 0xd0); }
    Code& fill(word end, u8 byte = 0x90) { while (at < end) bytes(byte); return *this; }
};
inline Code put(word at, u32 value) { return Code{at}.eax(value).ret(); }        // MOV EAX, value; RET: 6 bytes

// EAX of a call; the code may use all registers but RBX, RBP and RSP.
inline u32 call(word address, word rdi = 0, word rsi = 0, word rcx = 0) {
    word v;
    asm volatile("call *%1" : "=a"(v), "+r"(address), "+D"(rdi), "+S"(rsi), "+c"(rcx) :: "memory", "cc", "rdx", "r8", "r9", "r10", "r11");
    return u32(v);
}
inline bool gives(word address, u32 value, unsigned times = 20) {
    bool good = true;
    while (times--) good &= call(address) == value;
    return good;
}

// XOR EDX, EDX; 1: CALL target; ADD EDX, EAX; DEC ECX; JNZ 1b; MOV EAX, EDX; RET. Direct calls, so that blocks link.
struct Caller {
    word at, end;
    Caller(word at, word target) : at(at) {
        Code c{at};
        c.bytes(0x31, 0xd2);
        word again = c.at;
        c.call(target).bytes(0x01, 0xc2, 0xff, 0xc9).jcc(5, again).bytes(0x89, 0xd0).ret();
        end = c.at;
    }
    u32 operator()(u32 n) const { return call(at, 0, 0, n); }
    bool gives(u32 value, u32 n = 40) const { return (*this)(n) == value * n; }
};
