// SPDX-License-Identifier: MIT
// What a freestanding guest has at hand: cases and their verdicts, traps caught, ports, registers, descriptors, tables.
#pragma once

using u8 = unsigned char;
using u16 = unsigned short;
using u32 = unsigned;
using u64 = unsigned long long;
using s64 = long long;
using word = unsigned long;               // as wide as the guest's registers

extern "C" void guest();                  // what each guest's own file is: all its cases

// ---- verdicts: one line per case, "ok NAME" or "FAILED NAME: ..."
void is(const char* name, u64 got, u64 expected);
inline void holds(const char* name, bool condition) { is(name, condition, true); }
void print(const char* text);
void print_hex(u64 value);
extern void (*put_byte)(u8);              // port E9h unless the guest says otherwise
[[noreturn]] void finish();

// ---- traps
enum : word { DE, DB, NMI, BP, OF, BR, UD, NM, DF, TS = 10, NP, SS, GP, PF, MF = 16, AC, MC, XM, none = 256 };
struct Trap {
    word vector = none, code = 0, ip = 0, cs = 0, flags = 0, sp = 0, ss = 0, cr2 = 0, dr6 = 0;
};
Trap trap(void (*body)());                // runs it in ring 0 until it returns (vector none) or is interrupted by a trap
Trap trap_user(void (*body)());           // the same in ring 3, with IOPL 0
void faults(const char* name, const Trap& got, word vector, word code = 0);
void page_faults(const char* name, const Trap& got, word code, word address);
inline void passes(const char* name, const Trap& got) { faults(name, got, none); }
inline volatile word marked;              // where a body says that its instruction at "1:" is expected to fault
void faults_there(const char* name, const Trap& got, word vector, word code = 0);      // and the pushed IP is `marked`

// What the entry stubs leave on the stack. With hooks a guest handles a vector itself and goes on.
struct Frame;
using Hook = void (*)(Frame&);
void hook(unsigned vector, Hook);         // nullptr: back to catching
extern word user_flags;                   // RFLAGS with which trap_user enters ring 3

// ---- descriptors
struct [[gnu::packed]] Pointer { u16 limit; word base; };
enum : u16 { kcode = 0x08, kdata = 0x10, ucode32 = 0x18 | 3, udata = 0x20 | 3, ucode64 = 0x28 | 3, kcode32 = 0x38, kcode16 = 0x40, kdata16 = 0x48,
             tss_selector = 0x50, spare = 0x60 };      // spare and up: free for the guest's own
extern "C" u64 gdt[512];
constexpr u64 descriptor(u32 base, u32 limit, u32 rights) {      // rights: type to P in bits 0-7, AVL to G in bits 12-15
    return (limit & 0xffffull) | (base & 0xffffffull) << 16 | u64(rights & 0xf0ff) << 40 | u64(limit >> 16 & 0xf) << 48 | u64(base >> 24) << 56;
}
inline u64& at(u16 selector) { return gdt[selector >> 3]; }
void set_gate(unsigned vector, void* handler, u16 selector = kcode, unsigned type = 0x8e, unsigned ist = 0);
void* stub(unsigned vector);              // the library's own handler
extern u8 stacks[8][4096];                // for the guest's own
inline word top(unsigned n) { return word(stacks[n] + 4096); }

// ---- instructions
inline void out8(u16 port, u8 v) { asm volatile("outb %0, %1" :: "a"(v), "Nd"(port)); }
inline void out16(u16 port, u16 v) { asm volatile("outw %0, %1" :: "a"(v), "Nd"(port)); }
inline void out32(u16 port, u32 v) { asm volatile("outl %0, %1" :: "a"(v), "Nd"(port)); }
inline u8 in8(u16 port) { u8 v; asm volatile("inb %1, %0" : "=a"(v) : "Nd"(port)); return v; }
inline u16 in16(u16 port) { u16 v; asm volatile("inw %1, %0" : "=a"(v) : "Nd"(port)); return v; }
inline u32 in32(u16 port) { u32 v; asm volatile("inl %1, %0" : "=a"(v) : "Nd"(port)); return v; }
inline u64 rdmsr(u32 n) { u32 l, h; asm volatile("rdmsr" : "=a"(l), "=d"(h) : "c"(n)); return u64(h) << 32 | l; }
inline void wrmsr(u32 n, u64 v) { asm volatile("wrmsr" :: "c"(n), "a"(u32(v)), "d"(u32(v >> 32)) : "memory"); }
inline u64 rdtsc() { u32 l, h; asm volatile("rdtsc" : "=a"(l), "=d"(h) :: "memory"); return u64(h) << 32 | l; }
struct Cpuid { u32 eax, ebx, ecx, edx; };
inline Cpuid cpuid(u32 leaf, u32 sub = 0) {
    Cpuid r;
    asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(sub));
    return r;
}
inline bool is_amd() { return cpuid(0).ebx == 0x68747541; }
#define REGISTER(name)                                                                                      \
    inline word get_##name() { word v; asm volatile("mov %%" #name ", %0" : "=r"(v) :: "memory"); return v; } \
    inline void set_##name(word v) { asm volatile("mov %0, %%" #name :: "r"(v) : "memory"); }
REGISTER(cr0) REGISTER(cr2) REGISTER(cr3) REGISTER(cr4)
REGISTER(dr0) REGISTER(dr1) REGISTER(dr2) REGISTER(dr3) REGISTER(dr6) REGISTER(dr7)
#undef REGISTER
inline word flags() { word v; asm volatile("pushf; pop %0" : "=r"(v) :: "memory"); return v; }
inline void set_flags(word v) { asm volatile("push %0; popf" :: "r"(v) : "memory", "cc"); }
inline void invlpg(word address) { asm volatile("invlpg (%0)" :: "r"(address) : "memory"); }
inline void lgdt(const Pointer& p) { asm volatile("lgdt %0" :: "m"(p)); }
inline void lidt(const Pointer& p) { asm volatile("lidt %0" :: "m"(p)); }
inline void ltr(u16 s) { asm volatile("ltr %0" :: "r"(s)); }
inline void lldt(u16 s) { asm volatile("lldt %0" :: "r"(s)); }
inline void cli() { asm volatile("cli" ::: "memory"); }
inline void sti() { asm volatile("sti" ::: "memory"); }
inline void halt() { asm volatile("sti; hlt; cli" ::: "memory"); }     // until one interrupt
template <class T> T peek(word address) { return *reinterpret_cast<volatile T*>(address); }
template <class T> void poke(word address, T value) { *reinterpret_cast<volatile T*>(address) = value; }

extern "C" void* memset(void* to, int value, word size);
extern "C" void* memcpy(void* to, const void* from, word size);
extern Pointer idt_pointer, gdt_pointer;
