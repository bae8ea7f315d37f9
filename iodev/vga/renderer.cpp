// SPDX-License-Identifier: MIT
// Rendering: VGA scan lines as CRTC, graphics controller and attribute controller make them, and DISPI's packed pixels.
#include "iodev/vga/renderer.h"
#include <algorithm>

namespace {

// ---- CRTC: which lines show what

// What a scan line shows: where the address counter starts, which line of its cells, and how many dots to the left.
struct Line { u16 counter; u8 row_scan, pan; };

// Runs down the frame: cells of some height, lines drawn twice, and the part below the line compare that starts anew.
template <class See> void each_line(const VgaRegisters& r, See&& see) {
    u16 start = u16(r.start_address() + (r.crtc[0x08] >> 5 & 3));
    Line line{start, u8(r.crtc[0x08] & 0x1f), u8(r.attribute[0x13])};
    bool again = r.double_scan();
    for (unsigned n = 0; n < r.lines(); n++) {
        see(n, line);
        if (n == r.line_compare()) {
            bool pans_only_above = r.attribute[0x10] & 0x20;
            line = {0, 0, pans_only_above ? u8(0) : line.pan};
            again = r.double_scan();
        } else if (again) {
            again = false;
        } else {
            bool last = line.row_scan == r.cell_height() - 1;
            line.row_scan = last ? 0 : (line.row_scan + 1) & 0x1f;
            if (last) line.counter = u16(line.counter + r.row_pitch());
            again = r.double_scan();
        }
    }
}

// CRTC 14h and 17h: the address counter as doublewords, words or bytes; CGA and Hercules take bits from the row scan counter.
u32 memory_address(const VgaRegisters& r, u16 counter, unsigned row_scan) {
    u8 mode = r.crtc[0x17];
    u32 address = counter;
    if (r.crtc[0x14] & 0x40) address = u32(counter) << 2 | counter >> 14;
    else if (!(mode & 0x40)) address = u32(counter) << 1 | (counter >> (mode & 0x20 ? 15 : 13) & 1);
    if (!(mode & 1)) address = (address & ~0x2000u) | (row_scan & 1) << 13;
    if (!(mode & 2)) address = (address & ~0x4000u) | (row_scan & 2) << 13;
    return address & 0xffff;
}

// ---- graphics controller: eight dots of four bits from the four planes' bytes

void planar(u32 planes, u8* dots) {
    for (unsigned n = 0; n < 8; n++) {
        u32 column = planes >> (7 - n) & 0x01010101;
        dots[n] = u8((column | column >> 7 | column >> 14 | column >> 21) & 15);
    }
}
// Two bits per dot: planes 0 and 2 hold the first four, planes 1 and 3 the others.
void interleaved(u32 planes, u8* dots) {
    for (unsigned n = 0; n < 8; n++) {
        u32 pair = planes >> (n / 4 * 8) >> (6 - n % 4 * 2);
        dots[n] = u8((pair & 3) | (pair >> 16 & 3) << 2);
    }
}
void by_nibbles(u32 planes, u8* dots) {
    for (unsigned n = 0; n < 8; n++) dots[n] = u8(planes >> (n / 2 * 8) >> (n % 2 ? 0 : 4) & 15);
}

void graphics_dots(const Scanout& s, u32 address, u8* dots) {
    u32 planes = s.memory.planes(address);
    u8 mode = s.registers.graphics[5];
    (mode & 0x40 ? by_nibbles : mode & 0x20 ? interleaved : planar)(planes, dots);
}

// ---- text: a character's dots

// Sequencer 03h: the 8-KiB piece of plane 2 that holds the font of attribute bit 3 (set: map A, bits 5 and 3:2).
u32 font_base(const VgaRegisters& r, bool map_a) {
    u8 select = r.sequencer[3];
    unsigned map = map_a ? (select >> 2 & 3) | (select >> 3 & 4) : (select & 3) | (select >> 2 & 4);
    return (map & 3) * 0x4000 + (map & 4 ? 0x2000 : 0);
}

bool cursor_at(const Scanout& s, u16 counter, unsigned row_scan) {
    auto& c = s.registers.crtc;
    bool on = !(c[0x0a] & 0x20) && !(s.frame & 8);
    return on && counter == s.registers.cursor_address() && row_scan >= (c[0x0a] & 0x1fu) && row_scan <= (c[0x0b] & 0x1fu);
}

void text_dots(const Scanout& s, u16 counter, u32 address, unsigned row_scan, u8* dots) {
    auto& r = s.registers;
    u32 planes = s.memory.planes(address);
    u8 character = u8(planes), attribute = u8(planes >> 8), mode = r.attribute[0x10];
    bool blinks = mode & 8;
    u8 ink = attribute & 15, paper = attribute >> 4 & (blinks ? 7 : 15);
    u8 shape = u8(s.memory.planes(font_base(r, attribute & 8) + character * 32u + row_scan) >> 16);
    if (blinks && (attribute & 0x80) && (s.frame & 16)) shape = 0;
    bool underlined = (attribute & 0x77) == 1 && row_scan == (r.crtc[0x14] & 0x1fu);
    bool solid = underlined || cursor_at(s, counter, row_scan);
    for (unsigned n = 0; n < 8; n++) dots[n] = solid || (shape >> (7 - n) & 1) ? ink : paper;
    bool joins = (mode & 4) && character >= 0xc0 && character <= 0xdf;      // line graphics go on into the ninth dot
    dots[8] = solid || (joins && (shape & 1)) ? ink : paper;
}

// ---- attribute controller: dots to colours

std::array<u32, 256> colors(const VgaRegisters& r) {
    std::array<u32, 256> table;
    u8 mode = r.attribute[0x10], select = r.attribute[0x14];
    for (unsigned n = 0; n < 256; n++) {
        u8 index = u8(n);
        if (!(mode & 0x40)) {
            index = r.attribute[n & r.attribute[0x12] & 15] & 0x3f;
            if (mode & 0x80) index = u8((index & 15) | (select & 3) << 4);
            index |= u8((select & 12) << 4);
        }
        table[n] = r.dac.color(index);
    }
    return table;
}

// Attribute 10h bit 6: two dots of four bits are one colour of eight.
void join_pairs(std::span<u8> dots) {
    for (std::size_t n = 0; n + 1 < dots.size(); n += 2) dots[n] = dots[n + 1] = u8(dots[n] << 4 | dots[n + 1]);
}

unsigned pan_of(const VgaRegisters& r, u8 pan) {
    if (r.attribute[0x10] & 0x40) return pan & 6;
    return r.dots_per_character() == 9 ? (pan >= 8 ? 0 : pan + 1) : pan & 7;
}

Frame render_vga(const Scanout& s) {
    auto& r = s.registers;
    unsigned cell = r.dots_per_character(), wide = r.half_dot_clock() ? 2 : 1, across = r.columns() * cell;
    Frame frame{across * wide, r.lines(), false, std::vector<u32>(std::size_t{across} * wide * r.lines())};
    if (r.blanked()) return frame;
    auto table = colors(r);
    std::vector<u8> dots(across + 2 * cell);              // a character more than is seen, for panning
    each_line(r, [&](unsigned y, const Line& line) {
        for (unsigned column = 0; column <= r.columns(); column++) {
            u16 counter = u16(line.counter + column);
            u32 address = memory_address(r, counter, line.row_scan);
            u8* to = &dots[column * cell];
            r.text_mode() ? text_dots(s, counter, address, line.row_scan, to) : graphics_dots(s, address, to);
        }
        if (r.attribute[0x10] & 0x40) join_pairs(std::span(dots).first(across + cell));
        unsigned pan = pan_of(r, line.pan);
        u32* to = &frame.dots[std::size_t{y} * frame.width];
        for (unsigned x = 0; x < frame.width; x++) to[x] = table[dots[x / wide + pan]];
    });
    return frame;
}

// ---- DISPI: packed pixels of 8 to 32 bits, or planes

u32 five_bits(u32 value) { return (value & 31) << 3 | (value & 31) >> 2; }
u32 six_bits(u32 value) { return (value & 63) << 2 | (value & 63) >> 4; }

u32 pixel(const Scanout& s, u64 at, unsigned bytes) {
    u32 value = 0;
    for (unsigned i = 0; i < bytes; i++) value |= u32(s.memory.byte(at + i)) << i * 8;
    switch (s.dispi.bits()) {
    case 8: return s.registers.dac.color(u8(value));
    case 15: return five_bits(value >> 10) << 16 | five_bits(value >> 5) << 8 | five_bits(value);
    case 16: return five_bits(value >> 11) << 16 | six_bits(value >> 5) << 8 | five_bits(value);
    default: return value & 0xffffff;
    }
}

void packed_line(const Scanout& s, u64 at, std::span<u32> to) {
    unsigned bytes = (s.dispi.bits() + 7) / 8;
    for (std::size_t x = 0; x < to.size(); x++) to[x] = pixel(s, at + x * bytes, bytes);
}

void planar_line(const Scanout& s, u64 at, const std::array<u32, 256>& table, std::span<u32> to) {
    u8 dots[8];
    for (std::size_t x = 0; x < to.size(); x++) {
        if (x % 8 == 0) planar(s.memory.planes(u32(at / 4 + x / 8)), dots);
        to[x] = table[dots[x % 8]];
    }
}

Frame render_dispi(const Scanout& s) {
    auto& d = s.dispi;
    Frame frame{d.width(), d.height(), true, std::vector<u32>(std::size_t{d.width()} * d.height())};
    auto table = colors(s.registers);
    for (unsigned y = 0; y < frame.height; y++) {
        u64 at = d.start() + u64{y} * d.pitch();
        auto to = std::span(frame.dots).subspan(std::size_t{y} * frame.width, frame.width);
        d.bits() == 4 ? planar_line(s, at, table, to) : packed_line(s, at, to);
    }
    return frame;
}

}  // namespace

Frame render(const Scanout& s) { return s.dispi.enabled() ? render_dispi(s) : render_vga(s); }

std::optional<Text> read_text(const Scanout& s) {
    auto& r = s.registers;
    if (s.dispi.enabled() || !r.text_mode()) return {};
    unsigned height = r.cell_height() * (r.double_scan() ? 2 : 1);
    Text text{r.columns(), r.lines() / height, {}};
    for (unsigned row = 0; row < text.rows; row++)
        for (unsigned column = 0; column < text.columns; column++) {
            u32 planes = s.memory.planes(memory_address(r, u16(r.start_address() + row * r.row_pitch() + column), 0));
            text.cells.push_back({u8(planes), u8(planes >> 8)});
        }
    return text;
}

std::string Text::row(unsigned n) const {
    std::string line;
    for (unsigned column = 0; column < columns; column++) line += char(cells[std::size_t{n} * columns + column].character);
    while (!line.empty() && (line.back() == ' ' || line.back() == 0)) line.pop_back();
    return line;
}
