// SPDX-License-Identifier: MIT
// Fuzz target: the flash chip on the board, by commands at any addresses and of any width, while the host's file fails now and then.
#include "iodev/media/raw.h"
#include "tests/fuzz/board.h"
#include "tests/iodev/media/memory_file.h"

using board::flash_size;

namespace {
struct Board {
    Disk disk{std::vector<u8>(flash_size, 0xff)};
    Pc pc{board::parts("max-intel")};
    Physical base{MemoryMap::four_gib - pc.rom.all().size() - flash_size};

    Board() {
        set_logging(false);
        pc.flash.insert(Medium(std::make_unique<RawImage>(std::make_unique<MemoryFile>(disk), RawImage::Because::named)));
    }
    void start(Input& in) {
        pc.reset();
        u8 mood = in.byte();
        disk.dead = false, disk.fail_in = mood < 64 ? mood : 0;
    }
};
}

static void step(Board& b, Input& in) {
    static constexpr u8 codes[] = {0x10, 0x20, 0x40, 0x50, 0x70, 0x90, 0x98, 0xd0, 0xe8, 0xff};
    u8 how = in.byte();
    Physical at = b.base + in.take<u16>() % (flash_size + 8);
    unsigned width = 1u << (how >> 2 & 3);
    switch (how & 3) {
    case 0: b.pc.memory.write(at, width, codes[in.byte() % std::size(codes)]); break;
    case 1: b.pc.memory.write(at, width, in.take<u64>()); break;
    case 2: b.pc.memory.read(at, width); break;
    case 3: board::access(b.pc, in); break;
    }
}

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t bytes) {
    static Board b;
    Input in(data, bytes);
    b.start(in);
    for (unsigned n = 0; n < 400 && !in.empty(); n++) step(b, in);
    if (!std::ranges::equal(b.disk.contents, b.pc.flash.array())) __builtin_trap();      // the file is what the guest sees
    return 0;
}
