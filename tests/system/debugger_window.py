#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The debugger's window under a virtual X server, driven by keys: what it shows is what the same commands give as a picture without a display."""
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "run"))
import report
from machine import status_of
from picture import read_png
from report import Skip, expect
from window_screen import machine, until

arguments = report.options(__doc__).parse_args()
WIDTH, HEIGHT = 1280, 800
GRID, FIELDS, LEVELS = (8, 216, 1264, 316), (8, 120, 472, 430), (540, 0, 500, 46)       # left, top, width, height; the fields without what they were before


def guest(name):
    path = Path(arguments.build) / "guests" / name
    if not path.exists():
        raise Skip(f"{path} is not built: make guests/built")
    return path


def layout(directory, kernel, name, commands, *options):
    """The picture of a layout behind some commands."""
    (directory / "commands").write_text("".join(line + "\n" for line in commands))
    run = subprocess.run([str(Path(arguments.build) / "slate"), "--headless", "--serial", "null", "--kernel", str(kernel), "--commands", str(directory / "commands"),
                          "--screenshot", str(directory / "layout.png"), "--layout", name, *options], capture_output=True, text=True, timeout=300)
    if "without the debugger's window" in run.stderr or "is missing" in run.stderr:
        raise Skip(run.stderr.strip())
    expect(run.returncode == 0, f"--layout {name}: status {run.returncode}: {run.stderr}")
    picture = read_png(directory / "layout.png")
    expect((picture.width, picture.height) == (WIDTH, HEIGHT), "the layout's size")
    return picture


def region(picture, box):
    left, top, width, height = box
    return [row[left:left + width] for row in picture.rows[top:top + height]]


def shows(screen, picture, box):
    return screen.picture(*box).rows == region(picture, box)


def keys(vendor, kernel, *options):
    kernel = guest(kernel)
    with tempfile.TemporaryDirectory(prefix="slate-gui-") as name:
        directory = Path(name)
        commands = ["step --vmentry"]
        walk = layout(directory, kernel, "walk@1280x800,walk.address=rip,walk.access=x,focus=walk", commands, *options)
        fields = layout(directory, kernel, "virtualization@1280x800,focus=fields", commands, *options)
        words = ["--gui", "--kernel", str(kernel), *options]
        with machine(arguments, directory, *words, size=f"{WIDTH}x{HEIGHT}", environment={"XDG_CONFIG_HOME": name}) as (screen, slate):
            until(slate, lambda: screen.do("search", "--name", "^Slate").stdout.strip(), "window", 120)
            screen.do("mousemove", "640", "70")
            screen.do("key", "shift+F8")
            screen.do("key", "alt+2")
            until(slate, lambda: shows(screen, walk, LEVELS), f"{vendor}: the guest at its level", 120)
            screen.do("key", "g")
            screen.do("key", "ctrl+u")
            screen.do("type", "--delay", "60", "rip")
            screen.do("key", "Return")
            until(slate, lambda: shows(screen, walk, GRID), f"{vendor}: the walk of RIP", 120)
            screen.do("key", "Home")
            until(slate, lambda: not shows(screen, walk, GRID), "first reference")
            screen.do("key", "End")
            until(slate, lambda: shows(screen, walk, GRID), "last reference")
            screen.do("key", "alt+3")
            until(slate, lambda: shows(screen, fields, FIELDS), f"{vendor}: the control structure's fields", 120)
            screen.close_window()
            expect(status_of(slate) == 0, f"closing the window ended the emulator with status {slate.returncode}")


def refusals():
    kernel = guest("vmx_ept")
    for name in ("nowhere", "run@1x1", "run@99999x800", "run,theme=blue", "run,nothing=1"):
        run = subprocess.run([str(Path(arguments.build) / "slate"), "--headless", "--serial", "null", "--kernel", str(kernel), "--screenshot", "/dev/null", "--layout", name],
                             capture_output=True, text=True, timeout=60)
        expect(run.returncode != 0 and "--layout" in run.stderr or "without" in run.stderr, f"{name} was taken: {run.stderr}")


sys.exit(report.main(arguments, {"intel": lambda: keys("Intel", "vmx_ept"), "amd": lambda: keys("AMD", "svm_exits", "--cpu", "max-amd"), "refusals": refusals}))
