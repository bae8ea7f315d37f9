#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs that people start on a PC, seen on its screen: memtest86+ and Debian's installer (only with --long)."""
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "run"))
import report
from machine import emulator_command
from picture import read_png, read_text
from report import Skip, expect
from screen_text import font_in, read_screen
from window_screen import machine, title, until, window_picture

arguments = report.options(__doc__).parse_args()
MEMTEST = "/boot/memtest86+x64.bin"
INSTALLER = Path("/usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64")
HOURS = 4 * 3600                                        # only ends what hangs


def memtest(*words):
    """Its first pass with 4 CPUs and 128 MiB: no errors, and the second pass has begun or is about to."""
    if not Path(MEMTEST).exists():
        raise Skip("the package memtest86+ is not installed")
    with tempfile.TemporaryDirectory(prefix="slate-programs-") as directory:
        begun, end = Path(directory) / "begun.png", Path(directory) / "end.png"
        done = subprocess.run(emulator_command(arguments, [*words, "--smp", "4", "--memory", "128M", "--headless", "--serial", "null",
                                               "--screenshot", f"{begun},at=20", "--screenshot", str(end), "--max-instructions", str(PASS)]),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=HOURS)
        expect(done.returncode == 8, f"status {done.returncode}: {done.stderr[-300:]}")
        for shot, passes in ((begun, 0), (end, 1)):
            lines = read_text(read_png(shot))
            for said in ("Memtest86+ v6", "CPU: 4 Cores 4 Threads    SMP: 4T (PAR)", "Memory  :  128MB", f"Pass:  {passes}        Errors: 0"):
                expect(any(said in line for line in lines), f"no {said!r} on the screen: {lines}")


def lines_of(screen, glyphs):
    return read_screen(window_picture(screen, 1024, 768), glyphs)


def installer():
    """Its first dialogs, by the keyboard: language, country, keymap; then it loads its components."""
    if not INSTALLER.exists():
        raise Skip("the package debian-installer-12-netboot-amd64 is not installed")
    glyphs = font_in("/usr/share/seabios/vgabios-stdvga.bin") | latin()
    words = ["--kernel", str(INSTALLER / "linux"), "--initrd", str(INSTALLER / "initrd.gz"), "--append", "vga=791", "--memory", "1G"]
    with tempfile.TemporaryDirectory(prefix="slate-programs-") as name, machine(arguments, Path(name), *words) as (screen, slate):
        until(slate, lambda: "MIPS" in title(screen), "title with the speed", 120)
        screen.do("key", "ctrl+alt+s")
        for asks, keys in DIALOGS:
            until(slate, lambda: any(asks in line for line in lines_of(screen, glyphs)), f"{asks!r}; the screen: {lines_of(screen, glyphs)}", HOURS)
            screen.do("key", "--delay", "100", *keys)
