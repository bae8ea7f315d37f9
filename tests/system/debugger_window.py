#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The debugger's window under a virtual X server, driven by keys: what it shows is what the same commands give as a picture without a display, and
what that says."""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "run"))
import report
from machine import status_of
from picture import read_png
from report import Skip, expect
from window_screen import machine, shown, until

arguments = report.options(__doc__).parse_args()
WIDTH, HEIGHT = 1280, 800
GRID, FIELDS, LEVELS = (8, 216, 1264, 316), (8, 120, 472, 430), (540, 0, 500, 46)       # left, top, width, height; the fields without what they were before


RULES = (650, 126, 620, 430)


def guest(name):
    path = Path(arguments.build) / "guests" / name
    if not path.exists():
        raise Skip(f"{path} is not built: make guests/built")
    return path


def layout(directory, kernel, name, commands, *options, size=f"{WIDTH}x{HEIGHT}"):
    """The picture of a layout behind some commands."""
    (directory / "commands").write_text("".join(line + "\n" for line in commands))
    run = subprocess.run([str(Path(arguments.build) / "slate"), "--headless", "--serial", "null", "--kernel", str(kernel), "--commands", str(directory / "commands"),
                          "--screenshot", str(directory / "layout.png"), "--layout", name, *options], capture_output=True, text=True, timeout=300)
    if "without the debugger's window" in run.stderr or "is missing" in run.stderr:
        raise Skip(run.stderr.strip())
    expect(run.returncode == 0, f"--layout {name}: status {run.returncode}: {run.stderr}")
    picture = read_png(directory / "layout.png")
    expect(f"{picture.width}x{picture.height}" == size, "the layout's size")
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
            shown(screen, slate, 300)
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


def failed_entry(vendor, kernel, said, *options):
    """A VM entry that a rule refuses: which rule, where the manual has it, and the fields that it read with their values."""
    kernel = guest(kernel)
    with tempfile.TemporaryDirectory(prefix="slate-gui-") as name:
        directory = Path(name)
        commands = ["stop entry-failure", "continue"]
        explained = layout(directory, kernel, f"virtualization@1280x800,words={directory}/words", commands, *options)
        words = " ".join((directory / "words").read_text().split())
        for text in said:
            expect(text in words, f"{vendor}: the window doesn't say {text!r}")
        with machine(arguments, directory, "--gui", "--kernel", str(kernel), *options, size=f"{WIDTH}x{HEIGHT}", environment={"XDG_CONFIG_HOME": name}) as (screen, slate):
            shown(screen, slate, 300)
            screen.do("key", "ctrl+p")
            screen.do("type", "--delay", "60", ">stop entry-failure")
            screen.do("key", "Return")
            screen.do("key", "F5")
            screen.do("key", "alt+3")
            until(slate, lambda: shows(screen, explained, RULES), f"{vendor}: the rule that refused the entry", 120)
            screen.close_window()
            expect(status_of(slate) == 0, f"closing the window ended the emulator with status {slate.returncode}")


# The first failures that the guests make: vmx_state.cpp injects an event of the reserved type 1, svm_capabilities.cpp clears EFER.SVME.
REFUSED = {
    "intel": ("vmx_state", ["27.2.1.3", "type is not the reserved one", "VMfail, error 7", "VM-entry interruption-information field", "80000161"]),
    "amd": ("svm_capabilities", ["15.5.1", "EFER.SVME is set", "VMEXIT_INVALID", "EFER", "d01"], "--cpu", "max-amd"),
}


def refusals():
    kernel = guest("vmx_ept")
    for name in ("nowhere", "run@1x1", "run@99999x800", "run,theme=blue", "run,nothing=1"):
        run = subprocess.run([str(Path(arguments.build) / "slate"), "--headless", "--serial", "null", "--kernel", str(kernel), "--screenshot", "/dev/null", "--layout", name],
                             capture_output=True, text=True, timeout=60)
        expect(run.returncode != 0 and "--layout" in run.stderr or "without" in run.stderr, f"{name} was taken: {run.stderr}")


def documented():
    """Each panel, and each of its tabs, has a picture in docs/gui.md."""
    page = (report.SOURCE / "docs/gui.md").read_text()
    pictures = dict(re.findall(r"!\[([^]]+)\]\((gui/panels/[^)]+)\)", page))
    titles = set()
    with tempfile.TemporaryDirectory(prefix="slate-gui-") as name:
        directory = Path(name)
        for kernel, options in (("vmx_exits", []), ("svm_exits", ["--cpu", "max-amd"])):
            for screen in ("run", "walk", "virtualization", "caches", "machine"):
                for size in ("1280x800", "1920x1080"):
                    layout(directory, guest(kernel), f"{screen}@{size},words={directory}/words", ["step --vmentry"], *options, size=size)
                    for line in (directory / "words").read_text().splitlines():
                        if line.startswith("panel "):
                            titles |= set(re.findall(r"\[([^]]+)\]", line))
    expect(len(titles) > 30, f"only {len(titles)} panels: {titles}")
    expect(not titles - set(pictures), f"no picture of {sorted(titles - set(pictures))}")
    missing = [file for file in pictures.values() if not (report.SOURCE / "docs" / file).exists()]
    expect(not missing, f"not there: {missing}")


sys.exit(report.main(arguments, {"intel": lambda: keys("Intel", "vmx_ept"), "amd": lambda: keys("AMD", "svm_exits", "--cpu", "max-amd"), "refusals": refusals, "documented": documented,
                        **{f"failed-entry-{vendor}": lambda row=row, vendor=vendor: failed_entry(vendor, row[0], row[1], *row[2:]) for vendor, row in REFUSED.items()}}))
