#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian's SeaBIOS starts on the board by itself, and a GRUB CD from there; firmware that can't be is refused with one line."""
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "run"))
import report
from machine import PATIENCE, emulator_command, image
from picture import read_png
from report import Skip, expect

arguments = report.options(__doc__).parse_args()
SEABIOS = "/usr/share/seabios/bios-256k.bin"
BLACK = (0, 0, 0)


def run(*words, patience=PATIENCE):
    return subprocess.run(emulator_command(arguments, [*words, "--headless"]), stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, errors="replace", timeout=patience)


def need_seabios():
    if not Path(SEABIOS).exists():
        raise Skip("the package seabios is not installed")


def lines_with_text(picture):
    """How many of the 25 lines of mode 3 have dots."""
    height = picture.height // 25
    return sum(not picture.is_filled(0, n * height, picture.width, (n + 1) * height, BLACK) for n in range(25))


def alone(model, cpus, directory):
    """Its own words on the debug port: fw_cfg, the tables it was given, the display's option ROM, each CPU, nothing to boot from."""
    need_seabios()
    log, shot = directory / "debug.log", directory / "screen.png"
    done = run("--firmware", SEABIOS, "--debugcon", str(log), "--serial", "null", "--memory", "64M", "--cpu", model, "--smp", str(cpus),
               "--screenshot", str(shot), "--max-instructions", str(1_000_000_000))
    expect(done.returncode == 8, f"status {done.returncode}: {done.stderr[-300:]}")
    said = log.read_text(errors="replace")
    for words in ("Found QEMU fw_cfg", "QEMU fw_cfg DMA interface supported", "len 0x0000000004000000 [RAM]", f"Found {cpus} cpu(s)", "Copying SMBIOS",
                  "ACPI: parse DSDT", "Running option rom at c000:0003", "PS2 keyboard initialized", "Booting from"):
        expect(words in said, f"SeaBIOS never said {words!r}: {said[-500:]}")
    expect(lines_with_text(read_png(shot)) >= 1, "SeaBIOS wrote nothing on the screen")


def cd(model, cpus, directory):
    """From the reset vector to Linux's power-off, with text on the VGA at the end."""
    need_seabios()
    path, complaint = image(arguments, "cd.sh", "linux")
    if not path:
        raise Skip(complaint)
    shot = directory / "end.png"
    done = run(path, "--serial", "stdout", "--memory", "256M", "--cpu", model, "--smp", str(cpus), "--screenshot", str(shot))
    expect(done.returncode == 0, f"status {done.returncode}: {done.stdout[-300:]} {done.stderr[-300:]}")
    for words in ("Run /init", "BOOT-READY ", f"Brought up 1 node, {cpus} CPU", "DMI: Slate", "reboot: Power down"):
        expect(words in done.stdout, f"no {words!r} on the serial line: {done.stdout[-500:]}")
    expect(lines_with_text(read_png(shot)) >= 20, "the screen is not full of Linux's words")


def refused(directory):
    odd, large = directory / "odd.bin", directory / "large.bin"
    odd.write_bytes(b"x" * 1000), large.write_bytes(bytes(9 << 20)), (directory / "empty.bin").touch()
    for name, words in ((odd, "no multiple of 64 KiB"), (large, "at most 8 MiB"), (directory / "empty.bin", "no multiple of 64 KiB"), (directory / "none.bin", "No such file")):
        done = run("--firmware", str(name), "--timeout", "60", patience=120)
        expect(done.returncode == 2 and words in done.stderr and len(done.stderr.splitlines()) == 1, f"{name}: status {done.returncode}, {done.stderr!r}")


def in_directory(function, *words):
    def case():
        with tempfile.TemporaryDirectory(prefix="slate-firmware-") as directory:
            function(*words, Path(directory))
    return case


cases = {"seabios-max-intel-1": in_directory(alone, "max-intel", 1), "seabios-max-amd-3": in_directory(alone, "max-amd", 3),
         "cd-max-intel-1": in_directory(cd, "max-intel", 1), "cd-max-amd-4": in_directory(cd, "max-amd", 4), "refused": in_directory(refused)}
sys.exit(report.main(arguments, cases))
