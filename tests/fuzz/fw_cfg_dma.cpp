// SPDX-License-Identifier: MIT
// Fuzz target: DMA of fw_cfg by descriptors from the input, anywhere, onto anything, itself included.
#include "tests/fuzz/board.h"

static void put_big(std::vector<u8>& to, u64 value, unsigned width) {
    while (width--) to.push_back(u8(value >> width * 8));
}

// The descriptor: control, length, address, all big-endian; then its address into the two registers.
static void transfer(Pc& pc, Input& in) {
    std::vector<u8> descriptor;
    u32 flags = (in.byte() & 0x1f) | (u32(in.byte() & 0x7f) % 0x24) << 16;
    u8 how = in.byte();
    put_big(descriptor, flags, 4);
    put_big(descriptor, how & 1 ? in.take<u16>() : in.take<u32>(), 4);
    put_big(descriptor, how & 2 ? in.take<u64>() : board::address(in).value, 8);
    Physical at = board::address(in);
    pc.memory.write_bytes(at, descriptor);
    pc.ports.out(0x514, 4, __builtin_bswap32(u32(at.value >> 32)));
    pc.ports.out(0x518, 4, __builtin_bswap32(u32(at.value)));
}

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    static Pc pc(board::parts("max-intel"));
    Input in(data, size);
    pc.reset();
    pc.fw_cfg.add("fuzz/small", {1, 2, 3});
    pc.fw_cfg.add_writable("fuzz/writable", std::vector<u8>(5000));
    for (unsigned n = 0; n < 20 && !in.empty(); n++) transfer(pc, in);
    return 0;
}
