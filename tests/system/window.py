#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The window under a virtual X server: Linux shows its shell, keys are typed into it, and the answer is seen; closing it."""
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "run"))
import report
from machine import image, status_of
from picture import read_png
from report import Skip, expect
from window_screen import WIDTH, lines_of, machine, title, until

arguments = report.options(__doc__).parse_args()
def linux():
    path, complaint = image(arguments, "kernel.sh", "newest")
    if not path:
        raise Skip(f"kernel newest: {complaint}")
    initrd, complaint = image(arguments, "initramfs.sh")
    expect(initrd, f"no initramfs: {complaint}")
    return ["--kernel", path, "--initrd", initrd, "--append", "console=tty0 quiet", "--memory", "256M"]


def typing():
    """Whole dots by Ctrl+Alt+S; a command typed in; the mouse captured and released; poweroff."""
    with tempfile.TemporaryDirectory(prefix="slate-window-") as name, machine(arguments, Path(name), *linux()) as (screen, slate):
        until(slate, lambda: "MIPS" in title(screen), "title with the speed", 120)
        screen.do("mousemove", "200", "200")
        screen.do("key", "ctrl+alt+s")
        until(slate, lambda: any(line.startswith("/ #") for line in lines_of(screen)), "shell")
        screen.type("echo Typed_$((6*7)) | tr a-z A-Z")
        until(slate, lambda: any(line == "TYPED_42" for line in lines_of(screen)), f"answer; the screen: {lines_of(screen)}", 300)
        screen.do("click", "1")
        until(slate, lambda: "Ctrl+Alt+G releases the mouse" in title(screen), "capture of the mouse", 60)
        screen.do("key", "ctrl+alt+g")
        until(slate, lambda: "click captures the mouse" in title(screen), "release of the mouse", 60)
        screen.type("poweroff")
        expect(status_of(slate) == 0, f"poweroff ended the emulator with status {slate.returncode}")


def closing():
    """The guest is powered off: status 0, and a screenshot at the end."""
    with tempfile.TemporaryDirectory(prefix="slate-window-") as name, \
            machine(arguments, Path(name), *linux(), "--screenshot", f"{name}/end.png") as (screen, slate):
        until(slate, lambda: "MIPS" in title(screen), "title with the speed", 120)
        screen.close_window()
        expect(status_of(slate) == 0, f"closing the window ended the emulator with status {slate.returncode}")
        expect(read_png(f"{name}/end.png").width == WIDTH, "no screenshot at the end")


sys.exit(report.main(arguments, {"boot-typing": typing, "boot-closing": closing}))
