#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs that people start on a PC, seen on its screen and operated by its keys: memtest86+, Debian's installer (with --long)."""
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "run"))
import report
from machine import emulator_command
from picture import read_png, read_text
from report import Skip, expect
from window_screen import lines_of, machine, title, until

arguments = report.options(__doc__).parse_args()
MEMTEST = "/boot/memtest86+x64.bin"          # its CD draws letters of its own, which nobody here can read
INSTALLER = Path("/usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64")
PATIENCE = 4 * 3600                                     # seconds; only ends what hangs
LOOKS = range(20, 800, 20)                              # when memtest's screen is looked at, in the machine's seconds


def text_of(shot):
    try:
        return read_text(read_png(shot))
    except Exception:                                   # not there yet, or not all of it
        return []


def memtest():
    """Its first pass with 4 CPUs and 128 MiB ends without errors."""
    if not Path(MEMTEST).exists():
        raise Skip("the package memtest86+ is not installed")
    with tempfile.TemporaryDirectory(prefix="slate-programs-") as directory:
        shots = [Path(directory) / f"{at}.png" for at in LOOKS]
        times = [word for shot in shots for word in ("--screenshot", f"{shot},at={shot.stem}")]
        slate = subprocess.Popen(emulator_command(arguments, ["--kernel", MEMTEST, "--smp", "4", "--memory", "128M", "--headless", "--serial", "null", *times,
                                                              "--max-instructions", str(LOOKS[-1] * 1_000_000_000)]),
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            end, lines = time.monotonic() + PATIENCE, []
            while not any("Pass:  1" in line for line in lines):
                time.sleep(2)
                lines = next((text for text in map(text_of, reversed(shots)) if text), [])
                expect(slate.poll() is None and time.monotonic() < end, f"no first pass; the screen: {lines}")
                expect(not any("Errors:" in line and "Errors: 0" not in line for line in lines), f"errors: {lines}")
            for said in ("Memtest86+ v6", "CPU: 4 Cores 4 Threads    SMP: 4T (PAR)", "Memory  :  128MB", "Errors: 0"):
                expect(any(said in line for line in lines), f"no {said!r} on the screen: {lines}")
        finally:
            slate.kill()
            slate.wait(60)


# What a dialog asks, and the keys that answer it.
DIALOGS = (("Select a language", ["Return"]),
           ("Select your location", ["Return"]),
           ("Configure the keyboard", ["Return"]),
           ("Detect network hardware", []))


def installer():
    """Its first dialogs on the VGA's text screen, by the keyboard; the last is its complaint that there is no network card."""
    if not INSTALLER.exists():
        raise Skip("the package debian-installer-12-netboot-amd64 is not installed")
    words = ["--kernel", str(INSTALLER / "linux"), "--initrd", str(INSTALLER / "initrd.gz"), "--append", "vga=normal fb=false module_blacklist=bochs", "--memory", "1G"]
    with tempfile.TemporaryDirectory(prefix="slate-programs-") as name, machine(arguments, Path(name), *words) as (screen, slate):
        until(slate, lambda: "MIPS" in title(screen), "title with the speed", PATIENCE)
        screen.do("mousemove", "200", "200")
        screen.do("key", "ctrl+alt+s")
        for asks, keys in DIALOGS:
            until(slate, lambda: any(asks in line for line in lines_of(screen)), f"{asks!r}", PATIENCE)
            for key in keys:
                screen.do("key", key)


cases = {}
if arguments.long or arguments.cases:
    cases = {"memtest": memtest, "installer": installer}
sys.exit(report.main(arguments, cases))
