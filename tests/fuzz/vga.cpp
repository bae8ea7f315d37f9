// SPDX-License-Identifier: MIT
// Fuzz target: any program of port, memory and configuration accesses to the VGA, saved state from the input, and the
// picture that comes of it.
#include "iodev/vga/vga.h"
#include "tests/fuzz/input.h"

namespace {

constexpr u16 hot_ports[] = {0x3c0, 0x3c2, 0x3c4, 0x3c5, 0x3c9, 0x3ce, 0x3cf, 0x3d4, 0x3d5, 0x3b4, 0x3b5, 0x3da};
constexpr unsigned widths[] = {1, 2, 4, 8};

// State as a hostile snapshot has it: numbers from the input.
class InputArchive final : public Archive {
public:
    explicit InputArchive(Input& in) : in(in) {}
    void number(std::string_view, u64& value, unsigned width) override { value = in.take<u64>() & ones(width / 8); }
    void memory(std::string_view, std::span<u8> bytes) override {
        auto some = in.bytes(std::min<std::size_t>(bytes.size(), 32));
        std::copy(some.begin(), some.end(), bytes.begin());
    }
    void enter(std::string_view) override {}
    void leave() override {}

private:
    Input& in;
};

u64 window_offset(Input& in) { return in.byte() & 1 ? in.below(VgaWindow::size) : VgaWindow::size - 1 - in.byte(); }

void access(Vga& vga, Clock& clock, Input& in) {
    u8 what = in.byte();
    unsigned width = widths[what >> 4 & 3];
    u16 port = what & 0x80 ? u16(hot_ports[in.byte() % std::size(hot_ports)] - VgaRegisters::first_port) : u16(in.below(VgaRegisters::ports));
    switch (what & 15) {
    case 0: case 1: case 2: case 3: vga.registers.out(port, std::min(width, 4u), in.take<u32>()); break;
    case 4: vga.registers.in(port, std::min(width, 4u)); break;
    case 5: case 6: vga.dispi.set(in.byte() & 15, in.take<u16>()); break;
    case 7: vga.dispi.set(Dispi::enable, in.byte()); break;
    case 8: vga.window.read(window_offset(in), width); break;
    case 9: case 10: {
        u64 at = window_offset(in);
        vga.window.write(at, width, in.take<u64>());
        break;
    }
    case 11: vga.read(in.below(Vga::page_size), width); break;
    case 12: {
        u64 at = in.below(Vga::page_size);
        vga.write(at, width, in.take<u64>());
        break;
    }
    case 13: vga.config_write(in.byte(), std::min(width, 4u), in.take<u32>()); break;
    case 14: clock.ticks += u64{1} << in.byte() % 40; break;
    case 15: {
        InputArchive archive(in);
        vga.visit(archive);
        break;
    }
    }
}

void look(const Vga& vga) {
    Frame frame = render(vga.scanout());
    require(frame.width >= 8 && frame.width <= 4608 && frame.height >= 1 && frame.height <= 1600);
    require(frame.dots.size() == std::size_t{frame.width} * frame.height);
    auto text = read_text(vga.scanout());
    require(!text || text->cells.size() == std::size_t{text->columns} * text->rows);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    Input in(data, size);
    Clock clock;
    unsigned mapped = 0;
    auto map = [&mapped](u64, bool on) { mapped += on; };
    Vga vga(clock, {map, map, map}, std::vector<u8>(100), in.byte() & 1 ? 1 << 18 : 1 << 20);
    for (unsigned n = 0; n < 200 && !in.empty(); n++) access(vga, clock, in);
    look(vga);
    return 0;
}
