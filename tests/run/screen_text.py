# SPDX-License-Identifier: MIT
"""Text read off a picture by the glyphs of the font that drew it: fonts of 8 by 16 dots found in the program that has them
(SeaVGABIOS, Linux), and GRUB's font files."""
import struct
from pathlib import Path

from report import expect

# An A in the font that VGA cards have had since 1987, and that Linux and SeaVGABIOS have too: 16 lines of 8 dots.
AN_A = bytes.fromhex("000010386cc6c6fec6c6c6c600000000")
HEIGHT = 16


def font_in(path):
    """By the 16 lines of a glyph its character; the font is found by its A and the blanks before it."""
    data = Path(path).read_bytes()
    at = -1
    while (at := data.find(AN_A, at + 1)) >= 0:
        first = at - ord("A") * HEIGHT
        font = data[first:first + 256 * HEIGHT]
        if first >= 0 and len(font) == 256 * HEIGHT and not any(font[32 * HEIGHT:33 * HEIGHT]):
            break
    expect(at >= 0, f"{path} has no font of 8 by 16")
    glyphs = {}
    for number in [*range(0x20, 0x7f), *range(0x20), *range(0x7f, 256)]:      # of two that look alike, the printable one
        glyphs.setdefault(tuple(font[number * HEIGHT:(number + 1) * HEIGHT]), bytes([number]).decode("cp437"))
    return glyphs


def grub_font(path):
    """The printable characters of a font in GRUB's format (PFF2): named sections, an index of glyphs, their bits."""
    data = Path(path).read_bytes()
    sections, at = {}, 0
    while at + 8 <= len(data):
        name, size = data[at:at + 4], int.from_bytes(data[at + 4:at + 8], "big")
        sections[name] = data[at + 8:] if name == b"DATA" else data[at + 8:at + 8 + size]
        if name == b"DATA":
            break
        at += 8 + size
    ascent, glyphs = int.from_bytes(sections[b"ASCE"], "big"), {}
    for code, _, offset in struct.iter_unpack(">IBI", sections[b"CHIX"]):
        if not (0x20 <= code < 0x7f or code in (0x2191, 0x2193)):             # arrows: the menu's help
            continue
        width, height, left, below, _ = struct.unpack(">HHhhh", data[offset:offset + 10])
        bits = int.from_bytes(data[offset + 10:offset + 10 + (width * height + 7) // 8], "big") >> (-width * height % 8)
        lines = [0] * HEIGHT
        for y in range(height):
            row = bits >> (height - 1 - y) * width & (1 << width) - 1
            lines[ascent - height - below + y] = row << (8 - width) >> left
        glyphs.setdefault(tuple(lines), chr(code))
    return glyphs


def shape(picture, left, top, paper):
    return tuple(sum(0x80 >> x for x in range(8) if picture.rows[top + y][left + x] != paper) for y in range(HEIGHT))


def read_screen(picture, glyphs, across=8, origin=(0, 0)):
    """The lines of text: cells are `across` dots wide, of which a glyph has the first eight. What is no glyph is a ?."""
    lines = []
    for top in range(origin[1], picture.height - HEIGHT + 1, HEIGHT):
        line = ""
        for left in range(origin[0], picture.width - across + 1, across):
            dots = shape(picture, left, top, picture.at(left, top))
            line += glyphs.get(dots) or glyphs.get(tuple(byte ^ 0xff for byte in dots)) or "?"
        lines.append(line.rstrip())
    return lines


def differs(picture, golden, regions):
    """The first of the regions (left, top, right, bottom) in which two pictures differ, or None."""
    if (picture.width, picture.height) != (golden.width, golden.height):
        return f"{picture.width} by {picture.height} dots instead of {golden.width} by {golden.height}"
    for left, top, right, bottom in regions:
        for y in range(top, bottom):
            if picture.rows[y][left:right] != golden.rows[y][left:right]:
                return f"line {y} of the region {(left, top, right, bottom)}"
    return None
