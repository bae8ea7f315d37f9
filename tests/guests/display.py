#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Screenshots of the guest `display` at times of the machine's own: its modes, compared by region and by glyph."""
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "run"))
import report
from picture import read_png, read_text
from report import expect

arguments = report.options(__doc__).parse_args()
SLOT = 0.008                                            # seconds that a mode is shown
MODES = ["text", "planes", "bytes", "mode-x", "true-color", "banks", "high-color"]


@cache
def pictures():
    with tempfile.TemporaryDirectory(prefix="slate-display-") as directory:
        files = [Path(directory) / f"{mode}.png" for mode in MODES]
        shots = [word for n, file in enumerate(files) for word in ("--screenshot", f"{file},at={SLOT * (n + 1) - 0.001:.3f}")]
        done = subprocess.run([str(Path(arguments.build) / "slate"), "--kernel", str(Path(arguments.build) / "guests/display"), "--headless",
                               "--serial", "null", "--debugcon", "stdio", "--no-reboot", "--memory", "64M", *shots],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
        expect(done.returncode == 1, f"the guest failed: {done.stdout[-300:]} {done.stderr[-300:]}")
        return {mode: read_png(file) for mode, file in zip(MODES, files)}


def shaped(mode, width, height):
    picture = pictures()[mode]
    expect((picture.width, picture.height) == (width, height), f"{mode} is {picture.width} by {picture.height}")
    return picture


def filled(picture, left, top, right, bottom, color):
    expect(picture.is_filled(left, top, right, bottom, color),
           f"({left}, {top}) to ({right}, {bottom}) is not all {color}; it begins with {picture.at(left, top)}")


def full(six):
    return six << 2 | six >> 4


def color(n):
    """What display.cpp's set_colors() makes of colour n."""
    return full(n % 16 * 4), full(63 - n % 16 * 4), full(n // 16 * 21)


def text():
    picture = shaped("text", 720, 400)
    lines = read_text(picture)
    expect(lines[0] == "Slate shows text: {[(|/\\)]} 0123456789", f"line 0 is {lines[0]!r}")
    expect([line.strip() for line in lines[12:14]] == ["╔═╗", "╚═╝"], f"the box is {lines[12:14]}")
    expect(lines[24] == " " * 73 + "the end", f"the last line is {lines[24]!r}")
    expect(not any(lines[n] for n in range(25) if n not in (0, 12, 13, 24)), f"there is more text: {lines}")
    filled(picture, 720 - 9, 384, 720, 386, (0xaa, 0, 0))
    filled(picture, 342, 192, 351, 196, (0, 0, 0xaa))


def planes():
    picture = shaped("planes", 640, 480)
    for n in range(16):
        filled(picture, n * 40, 0, n * 40 + 40, 480, color(n))


def bytes_():
    picture = shaped("bytes", 640, 400)
    for n in range(16):
        filled(picture, n * 40, 0, n * 40 + 40, 200, color(n))
        filled(picture, n * 40, 200, n * 40 + 40, 400, color(n + 16))


def mode_x():
    picture = shaped("mode-x", 640, 480)
    for column in range(320):
        filled(picture, column * 2, 0, column * 2 + 2, 478, color(column % 4 + 1))
    filled(picture, 0, 478, 640, 480, color(5))


def true_color():
    picture = shaped("true-color", 640, 480)
    for left, top, shade in ((0, 0, (255, 0, 0)), (320, 0, (0, 255, 0)), (0, 240, (0, 0, 255)), (320, 240, (255, 255, 255))):
        filled(picture, left, top, left + 320, top + 240, shade)


def banks():
    picture = shaped("banks", 640, 480)
    for n in range(12):
        filled(picture, 0, n * 40, 640, n * 40 + 40, color(n))


def high_color():
    picture = shaped("high-color", 1024, 768)
    filled(picture, 0, 0, 1024, 384, (255, 0, 0))
    filled(picture, 0, 384, 1024, 768, (0, 255, 0))


functions = [text, planes, bytes_, mode_x, true_color, banks, high_color]
sys.exit(report.main(arguments, {f"shows-{mode}": function for mode, function in zip(MODES, functions)}))
