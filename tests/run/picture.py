# SPDX-License-Identifier: MIT
"""Pictures that the emulator writes: PNG files decoded, and their text read by the glyphs of our font."""
import re
import struct
import zlib
from pathlib import Path

from report import SOURCE, expect


class Picture:
    """Rows of (red, green, blue)."""

    def __init__(self, width, height, rows):
        self.width, self.height, self.rows = width, height, rows

    def at(self, x, y):
        return self.rows[y][x]

    def is_filled(self, left, top, right, bottom, color):
        """Whether each dot from (left, top) up to, but without, (right, bottom) has that colour."""
        return all(dot == color for row in self.rows[top:bottom] for dot in row[left:right])


def chunks(data):
    expect(data[:8] == b"\x89PNG\r\n\x1a\n", "no PNG signature")
    at = 8
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        expect(struct.pack(">I", zlib.crc32(kind + body)) == data[at + 8 + size:at + 12 + size], f"{kind}: wrong checksum")
        yield kind, body
        at += 12 + size


def read_png(path):
    """A picture of 8 bits per component, red, green and blue, without filters: what base/png.cpp writes."""
    found = dict(chunks(Path(path).read_bytes()))
    width, height, *form = struct.unpack(">IIBBBBB", found[b"IHDR"])
    expect(form == [8, 2, 0, 0, 0], f"{path}: another form than expected: {form}")
    data, line = zlib.decompress(found[b"IDAT"]), 1 + width * 3
    expect(len(data) == line * height, f"{path}: {len(data)} bytes of picture")
    rows = []
    for y in range(height):
        expect(data[y * line] == 0, f"{path}: line {y} has a filter")
        part = data[y * line + 1:(y + 1) * line]
        rows.append(list(zip(part[0::3], part[1::3], part[2::3])))
    return Picture(width, height, rows)


def font():
    """By the 16 lines of a glyph: its character of code page 437; of two that look alike, the printable one."""
    glyphs = {}
    text = (SOURCE / "bios/font.cpp").read_text()
    for number, row in enumerate(re.findall(r"^    \{((?:0x\w\w,? ?){16})\}", text, re.M)):
        lines = tuple(int(byte, 16) for byte in row.split(","))
        if lines not in glyphs or 0x20 <= number < 0x7f:
            glyphs[lines] = bytes([number]).decode("cp437")
    expect(len(glyphs) > 200, "the font was not understood")
    return glyphs


def read_text(picture, across=9):
    """The lines of text of a picture of text mode; cells are `across` dots wide and 16 high. What is no glyph is a ?."""
    glyphs, lines = font(), []
    for top in range(0, picture.height, 16):
        line = ""
        for left in range(0, picture.width, across):
            cell = [picture.rows[top + y][left:left + 8] for y in range(16)]
            paper = picture.at(left + across - 1, top) if across == 9 else cell[0][0]
            shape = tuple(sum(0x80 >> x for x in range(8) if row[x] != paper) for row in cell)
            line += glyphs.get(shape) or glyphs.get(tuple(byte ^ 0xff for byte in shape)) or "?"
        lines.append(line.rstrip())
    return lines
