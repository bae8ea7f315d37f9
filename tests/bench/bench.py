#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures the build, the rebuild of one instruction family, and a Linux boot against QEMU's TCG.

Figures are medians; slate and QEMU boot the same images by turns. Prints a table and appends it to
BUILD/bench/history.tsv. Nothing here passes or fails.
"""
import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
FAMILY = "cpu/isa/integer"
NO_CACHE = {**os.environ, "CCACHE_DISABLE": "1"}


def timed(command, **how):
    start = time.monotonic()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", **how)
    return time.monotonic() - start, done


def must(command, **how):
    seconds, done = timed(command, **how)
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(map(str, command))}: {done.stderr.strip()[-500:]}")
    return seconds


def built(directory):
    """Seconds of a full build of slate from nothing, and of a rebuild after one family changed."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    must([SOURCE / "configure", "-q"], cwd=directory)
    full = must(["make", "-s", "-j2", "slate"], cwd=directory, env=NO_CACHE)
    objects = list(directory.glob(f"{FAMILY}*.o"))
    for file in objects:
        file.unlink()                          # the same to make as a touched source
    again = must(["make", "-s", "-j2", "slate"], cwd=directory, env=NO_CACHE)
    return [("full build, -j2", full, "s"), (f"rebuild after {FAMILY}.cpp changed", again, "s")]


def image(build, *words):
    done = subprocess.run(["sh", str(SOURCE / "tests/images" / words[0]), str(build / "images"), *words[1:]],
                          capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"bench: {done.stderr.strip()[-300:]}")
    return done.stdout.strip()


def boots(build, runs):
    """Linux from start to power-off, slate and QEMU by turns: medians, their ratio, instructions per second."""
    kernel, initrd = image(build, "kernel.sh", "stable"), image(build, "initramfs.sh")
    words = "console=ttyS0 quiet wl=stop"
    slate = [build / "slate", "--kernel", kernel, "--initrd", initrd, "--append", words, "--headless", "--stats=json"]
    qemu = ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", "1024", "-nographic", "-no-reboot", "-net",
            "none", "-kernel", kernel, "-initrd", initrd, "-append", words]
    ours, theirs, rates = [], [], []
    for _ in range(runs):
        seconds, done = timed(slate)
        if done.returncode != 0 or "BOOT-READY" not in done.stdout:
            sys.exit(f"bench: slate did not boot (status {done.returncode}): {done.stderr.strip()[-300:]}")
        ours.append(seconds)
        stats = re.search(r"^\{.*\}$", done.stderr, re.M)
        if stats and "instructions" in json.loads(stats.group()):
            rates.append(json.loads(stats.group())["instructions"] / seconds / 1e6)
        if shutil.which(qemu[0]):
            theirs.append(timed(qemu)[0])
    rows = [("Linux boot and power-off, slate", statistics.median(ours), "s")]
    if rates:
        rows.append(("  guest instructions per second", statistics.median(rates), "million/s"))
    if theirs:
        rows += [("Linux boot and power-off, QEMU TCG", statistics.median(theirs), "s"),
                 ("  slate's time / QEMU's", statistics.median(ours) / statistics.median(theirs), "")]
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build", type=Path)
    parser.add_argument("--runs", default=5, type=int, help="boots of each emulator (default 5)")
    parser.add_argument("--only", choices=["build", "boot"])
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    (build / "bench").mkdir(parents=True, exist_ok=True)
    rows = []
    if arguments.only != "boot":
        rows += built(build / "bench" / "tree")
    if arguments.only != "build":
        rows += boots(build, arguments.runs)
    for name, value, unit in rows:
        print(f"{name:45} {value:10.2f} {unit}")
    commit = subprocess.run(["git", "-C", SOURCE, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    with open(build / "bench" / "history.tsv", "a") as history:
        for name, value, unit in rows:
            history.write(f"{time.strftime('%F %T')}\t{commit.stdout.strip()}\t{name.strip()}\t{value:.3f}\t{unit}\n")


main()
