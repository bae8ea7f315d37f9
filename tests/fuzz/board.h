// SPDX-License-Identifier: MIT
// A whole PC for fuzz targets, and programs of accesses to it: ports, physical memory, time, keys, serial bytes.
#pragma once
#include "machine/pc.h"
#include "tests/fuzz/input.h"

namespace board {

constexpr u64 flash_size = 4 * Flash::block_size;
inline Parts parts(const char* model) {
    Parts p;
    p.model = *find_model(model);
    p.memory = u64{2} << 20, p.vga_memory = 256 << 10, p.variables.resize(flash_size, 0xff);
    p.devices = Pc::optional_devices();
    return p;
}

// Where something answers; any other port as often as one of these.
inline u16 port(Input& in) {
    static constexpr u16 base[] = {0x00, 0x20, 0x40, 0x60, 0x61, 0x70, 0x80, 0x92, 0xa0, 0xb2, 0xc0, 0xe9, 0xf0, 0xf4, 0x2f8, 0x3f8, 0x402,
                                   0x4d0, 0x510, 0x514, 0x600, 0xafe0, 0xb000, 0xcf8, 0xcfc, 0xcf9, 0x8900, 0xe800, 0x1ce, 0x3c0, 0x3c8, 0x3d4, 0xe0, 0x378, 0x2008};
    u8 which = in.byte();
    return which < 250 ? u16(base[which % std::size(base)] + (which >> 5) * (in.byte() & 1) + (in.byte() & 1) * 8) : in.take<u16>();
}

inline Physical address(Input& in) {
    static constexpr u64 base[] = {0xfec00000, 0xfec00010, 0xfed00000, 0xfed00100, 0xfee00000, 0xfee00300, Pc::test_page, 0x1000,
                                   0xfea00060, 0xfea00080, 0xfe9fe000, 0xfe9ff000, 0xff000000, 0x9fff0, 0xa0000, 0xc0000, 0xf0000, 0xffff0, 0xffff0000, 0x1ffff0, 0xfffffff0};
    u8 which = in.byte();
    return Physical(which < 240 ? base[which % std::size(base)] + in.take<u16>() % 0x1010 : in.take<u64>() & mask(51, 0));
}

inline void pass_time(Pc& pc, Input& in) {
    u8 how = in.byte();
    if (how < 128) pc.clock.ticks += u64{1} << how % 40;
    if (pc.clock.ticks >= pc.clock.deadline()) pc.clock.run_due();
    if (how & 1) pc.cpu.run(pc.clock.ticks + 50);
}

inline void outside(Pc& pc, Input& in) {
    u8 what = in.byte(), value = in.byte();
    switch (what % 6) {
    case 0: if (pc.com1.can_receive()) pc.com1.receive(value); break;
    case 1: pc.com1.receive(value); break;
    case 2: pc.com1.set_modem(value); break;
    case 3: pc.keyboard.key(value, what & 8); break;
    case 4: pc.keyboard.move_mouse(s8(value), s8(what), s8(value >> 4), value & 7); break;
    case 5: pc.com1.receive_break(); break;
    }
}

// One channel of the 8237s, as a floppy or sound chip would use it.
inline void isa_dma(Pc& pc, Input& in) {
    std::vector<u8> buffer(in.take<u16>());
    unsigned channel = in.byte() & 7;
    if (in.byte() & 1) pc.dma.to_memory(channel, buffer);
    else pc.dma.from_memory(channel, buffer);
}

inline void access(Pc& pc, Input& in) {
    static constexpr unsigned widths[] = {1, 2, 4, 8, 3, 5, 6, 7};
    u8 what = in.byte();
    unsigned width = widths[what >> 4 & 7], port_width = widths[(what >> 4) % 3];
    switch (what & 15) {
    case 0: case 1: case 2: pc.ports.in(port(in), port_width); break;
    case 3: case 4: case 5: case 6: {
        u16 to = port(in);
        pc.ports.out(to, port_width, in.take<u32>());
        break;
    }
    case 7: pc.memory.read(address(in), width); break;
    case 8: case 9: {
        Physical to = address(in);
        pc.memory.write(to, width, in.take<u64>());
        break;
    }
    case 10: pc.cpu.read_physical(address(in), width); break;
    case 11: {
        Physical to = address(in);
        pc.cpu.write_physical(to, width, in.take<u64>());
        break;
    }
    case 12: case 13: pass_time(pc, in); break;
    case 14: outside(pc, in); break;
    case 15: isa_dma(pc, in); break;
    }
    if (pc.ended) pc.ended.reset();
}

// What firmware does for the cards: BARs, memory decoding, bus mastering.
inline void place_cards(Pc& pc) {
    for (auto& bar : pc.acpi().bars) {
        auto* card = pc.pci.function(bar.slot, 0);
        card->config_write(0x10 + bar.number * 4u, 4, bar.base), card->config_write(4, 2, 6);
    }
}

inline void run_program(Pc& pc, Input& in) {
    place_cards(pc);
    for (unsigned n = 0; n < 400 && !in.empty(); n++) access(pc, in);
    pc.cpu.run(pc.clock.ticks + 200);
}

}
