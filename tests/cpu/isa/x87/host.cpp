// SPDX-License-Identifier: MIT
// One stub per x87 opcode, between FXRSTOR and FXSAVE (SDM vol. 1, 10.5.1 for the image).
#include "tests/cpu/isa/x87/host.h"
#include <cstring>
#include <utility>

namespace x87 {
namespace {

struct alignas(16) Image {
    u16 control, status;
    u8 valid, reserved;
    u16 fop;
    u64 fip, fdp;
    u32 mxcsr, mxcsr_mask;
    u8 st[8][16];
    u8 rest[512 - 160];
};
static_assert(sizeof(Image) == 512);

using Stub = void (*)(Image*, void*);

template <u8 Opcode, u8 Modrm> void stub(Image* image, void* memory) {
    asm volatile("fxrstor64 %0\n\t.byte %c2, %c3\n\tfxsave64 %0\n\tfninit"
                 : "+m"(*image)
                 : "a"(memory), "i"(Opcode), "i"(Modrm)
                 : "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
                   "xmm13", "xmm14", "xmm15");
}

// Per opcode: 8 memory forms (operand at RAX), then the 64 register forms.
constexpr u8 modrm_of(unsigned n) { return n < 8 ? u8(n << 3) : u8(0xc0 + n - 8); }
template <unsigned... N> constexpr std::array<Stub, sizeof...(N)> make(std::integer_sequence<unsigned, N...>) {
    return {stub<u8(0xd8 + N / 72), modrm_of(N % 72)>...};
}
constexpr auto stubs = make(std::make_integer_sequence<unsigned, 8 * 72>{});

}

void run_on_host(Fpu& fpu, u8 opcode, u8 modrm, void* memory) {
    Image image;
    std::memset(&image, 0, sizeof image);
    // With an exception already pending (CR0.NE = 0 let it pass) the host would be the one to fault: all are masked then.
    u16 kept = fpu.control;
    if (fpu.status & ~fpu.control & 0x3f) fpu.control |= 0x3f;
    image.control = fpu.control, image.status = fpu.status, image.valid = u8(~fpu.empty), image.mxcsr = 0x1f80;
    for (unsigned i = 0; i < 8; i++) {
        auto& r = fpu.r[fpu.physical(i)];
        std::memcpy(image.st[i], &r.significand, 8);
        std::memcpy(image.st[i] + 8, &r.sign_exponent, 2);
    }
    unsigned form = modrm >= 0xc0 ? modrm - 0xc0u + 8 : modrm >> 3 & 7;
    stubs[(opcode - 0xd8u) * 72 + form](&image, memory);
    fpu.control = kept, fpu.status = image.status, fpu.empty = u8(~image.valid);
    for (unsigned i = 0; i < 8; i++) {
        auto& r = fpu.r[fpu.physical(i)];
        std::memcpy(&r.significand, image.st[i], 8);
        std::memcpy(&r.sign_exponent, image.st[i] + 8, 2);
    }
}

}
