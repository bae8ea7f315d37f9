#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian's kernels write to the VGA's text screen, and a picture of it holds what they wrote; screenshots' own rules."""
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "run"))
import report
from machine import PATIENCE, emulator_command, image
from picture import read_png, read_text
from report import Skip, expect

arguments = report.options(__doc__).parse_args()


def run(*words, patience=PATIENCE):
    return subprocess.run(emulator_command(arguments, [*words, "--headless", "--serial", "null"]), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, errors="replace", timeout=patience)


def console(kernel, directory):
    """The kernel's own words on tty0, as it boots and at its end."""
    path, complaint = image(arguments, "kernel.sh", kernel)
    if not path:
        raise Skip(f"kernel {kernel}: {complaint}")
    initrd, complaint = image(arguments, "initramfs.sh")
    expect(initrd, f"no initramfs: {complaint}")
    shots = [directory / "early.png", directory / "end.png"]
    done = run("--kernel", path, "--initrd", initrd, "--append", "console=tty0 wl=stop", "--memory", "256M",
               "--screenshot", f"{shots[0]},at=0.001", "--screenshot", str(shots[1]))
    expect(done.returncode == 0, f"poweroff ended the emulator with status {done.returncode}: {done.stderr[-300:]}")
    early, end = (read_text(read_png(shot)) for shot in shots)
    expect(len(end) == 25, f"{len(end)} lines")
    expect(not any(early), f"the screen is not blank at first: {early}")
    text = "\n".join(end)
    for words in ("BOOT-READY ", "reboot: Power down", "Run /init as init process"):
        expect(words in text, f"no {words!r} on the screen: {text}")
    expect("?" not in text, f"glyphs that are not in the font: {text}")


def refused(directory):
    """Screenshots that cannot be: one line each, status 2."""
    kernel = str(Path(arguments.build) / "guests/boot_elf64")
    for shot, words in ((f"{directory}/no/where.png", "No such file"), (",at=1", "names no file"), (f"{directory}/x.png,at=-1", "no time"),
                        (f"{directory}/x.png,at=soon", "no time"), (f"{directory}/x.png,at=1s", "no time")):
        done = run("--kernel", kernel, "--no-reboot", "--screenshot", shot, patience=120)
        expect(done.returncode == 2 and words in done.stderr and len(done.stderr.splitlines()) == 1,
               f"--screenshot {shot}: status {done.returncode}, {done.stderr!r}")


def in_directory(function, *words):
    def case():
        with tempfile.TemporaryDirectory(prefix="slate-display-") as directory:
            function(*words, Path(directory))
    return case


cases = {"boot-console-newest": in_directory(console, "newest"), "screenshot-refused": in_directory(refused)}
if arguments.long:
    cases["boot-console-stable"] = in_directory(console, "stable")
sys.exit(report.main(arguments, cases))
