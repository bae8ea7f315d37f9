// SPDX-License-Identifier: MIT
// The guests' library: verdicts on port E9h or where put_byte says, exit through port F4h, the IDT and what it catches.
#include "guest.h"
#include "frame.h"

// ---- verdicts

static unsigned passed, failed;
static void debug_port(u8 byte) { out8(0xe9, byte); }
void (*put_byte)(u8) = debug_port;

void print(const char* text) {
    for (; *text; text++) put_byte(u8(*text));
}

void print_hex(u64 value) {
    int digits = 1;
    while (digits < 16 && value >> 4 * digits) digits++;
    while (digits--) put_byte(u8("0123456789abcdef"[value >> 4 * digits & 15]));
}

static bool verdict(const char* name, bool good) {
    (good ? passed : failed)++;
    print(good ? "ok " : "FAILED ");
    print(name);
    if (good) print("\n");
    return good;
}

void is(const char* name, u64 got, u64 expected) {
    if (verdict(name, got == expected)) return;
    print(": expected "), print_hex(expected), print(", got "), print_hex(got), print("\n");
}

void finish() {
    print("end "), print_hex(passed), print(" ok "), print_hex(failed), print(" failed\n");
    out32(0xf4, failed || !passed);
    for (;;) asm volatile("cli; hlt");
}

// ---- traps

extern "C" {
u64 gdt[512];
word recovery;                            // the stack pointer to which a caught trap returns; 0: none
void run_caught(void (*body)(), word user_stack);
[[noreturn]] void recover();
void returned_from_user();
extern char stubs[];
}
u8 stacks[8][4096];
static u8 user_stack[8192] __attribute__((aligned(16)));
word user_flags = 2;
static Trap last;
static Hook hooks[256];
static u64 idt[256 * sizeof(word) / 4];
Pointer idt_pointer{sizeof idt - 1, word(idt)}, gdt_pointer{sizeof gdt - 1, word(gdt)};
static_assert(sizeof(Pointer) == 2 + sizeof(word));

void hook(unsigned vector, Hook h) { hooks[vector] = h; }
void* stub(unsigned vector) { return stubs + vector * 16; }

void set_gate(unsigned vector, void* handler, u16 selector, unsigned type, unsigned ist) {
    word address = word(handler);
    u64 low = (address & 0xffff) | u64(selector) << 16 | u64(ist) << 32 | u64(type) << 40 | u64(address >> 16 & 0xffff) << 48;
    if constexpr (sizeof(word) == 8) idt[vector * 2] = low, idt[vector * 2 + 1] = u64(address) >> 32;
    else idt[vector] = low;
}

static void tell(const Trap& t) {
    if (t.vector == none) return print("no trap");
    print("vector "), print_hex(t.vector), print(" code "), print_hex(t.code), print(" at "), print_hex(t.cs), print(":"), print_hex(t.ip);
    if (t.vector == PF) print(" cr2 "), print_hex(t.cr2);
}

extern "C" void trapped(Frame& f) {
    if (hooks[f.vector]) return hooks[f.vector](f);
    last = {f.vector, f.code, f.ip, f.cs, f.flags, f.sp, f.ss, get_cr2(), 0};
    if (f.vector == DB) last.dr6 = get_dr6();
    if (f.vector == 0x80 && f.ip == word(returned_from_user)) last.vector = none;
    if (recovery) recover();
    print("FAILED unexpected trap: "), tell(last), print("\n");
    failed++;
    finish();
}

static Trap caught(void (*body)(), word stack) {
    word before = recovery;
    last = {};
    run_caught(body, stack);
    recovery = before;
    return last;
}

Trap trap(void (*body)()) { return caught(body, 0); }
Trap trap_user(void (*body)()) { return caught(body, word(user_stack + sizeof user_stack - 64)); }

static bool same(const char* name, const Trap& got, bool good, word vector, word code) {
    if (verdict(name, good)) return true;
    print(": expected vector "), print_hex(vector), print(" code "), print_hex(code), print(", got "), tell(got);
    return false;
}

void faults(const char* name, const Trap& got, word vector, word code) {
    if (!same(name, got, got.vector == vector && (vector == none || got.code == code), vector, code)) print("\n");
}

void faults_there(const char* name, const Trap& got, word vector, word code) {
    if (!same(name, got, got.vector == vector && got.code == code && got.ip == marked, vector, code))
        print(", expected at "), print_hex(marked), print("\n");
}

void page_faults(const char* name, const Trap& got, word code, word address) {
    if (!same(name, got, got.vector == PF && got.code == code && got.cr2 == address, PF, code))
        print(", expected cr2 "), print_hex(address), print("\n");
}

extern "C" void* memset(void* to, int value, word size) {
    for (auto* p = static_cast<volatile u8*>(to); size--;) *p++ = u8(value);
    return to;
}
extern "C" void* memcpy(void* to, const void* from, word size) {
    auto* q = static_cast<const u8*>(from);
    for (auto* p = static_cast<volatile u8*>(to); size--;) *p++ = *q++;
    return to;
}

// ---- start

static void fill_gdt() {
    bool wide = sizeof(word) == 8;
    at(kcode) = descriptor(0, 0xfffff, wide ? 0xa09b : 0xc09b);
    at(kdata) = descriptor(0, 0xfffff, 0xc093);
    at(ucode32) = descriptor(0, 0xfffff, 0xc0fb);
    at(udata) = at(udata + 0x10) = descriptor(0, 0xfffff, 0xc0f3);
    at(ucode64) = descriptor(0, 0xfffff, 0xa0fb);
    at(kcode32) = descriptor(0, 0xfffff, 0xc09b);
    at(kcode16) = descriptor(0, 0xffff, 0x009b);
    at(kdata16) = descriptor(0, 0xffff, 0x0093);
    u64 tss = word(&::tss);
    at(tss_selector) = descriptor(u32(tss), sizeof(::tss) - 1, 0x0089);
    if (wide) at(tss_selector + 8) = tss >> 32;
}

extern "C" void start_guest() {
    fill_gdt();
    lgdt(gdt_pointer);
    for (unsigned v = 0; v < 256; v++) set_gate(v, stub(v), kcode, v == 3 || v == 4 || v == 0x80 ? 0xee : 0x8e);
    lidt(idt_pointer);
    ltr(tss_selector);
    out8(0x21, 0xff), out8(0xa1, 0xff);
    guest();
    finish();
}
