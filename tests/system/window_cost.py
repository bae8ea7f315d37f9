#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the debugger's window costs a guest that runs: the same instructions with all panels of a screen open, and without a window.

The guest computes in a virtual machine. What is compared is the CPU time of the threads that emulate, since other work of the host makes wall time
longer; and both run at the same time, since it makes caches colder for both. The window's own thread has to fit on another CPU: its share of one is
told. Medians count.
"""
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "run"))
import report
from machine import status_of
from report import Skip, expect
from window_screen import machine, until

arguments = report.options(__doc__).parse_args()
BUILD = Path(arguments.build)
GUEST = BUILD / "guests" / "exit_rate"
INSTRUCTIONS, FEW = 1_500_000_000, 100_000_000
ROUNDS, LEAST = 3, 0.90
SCREENS = ["run", "walk", "virtualization", "caches", "machine"]


def words(instructions, what):
    return ["--kernel", str(GUEST), "--append", f"what={what} n=2000000000", "--max-instructions", str(instructions)]


def start_headless(instructions, what):
    return subprocess.Popen([str(BUILD / "slate"), "--headless", "--serial", "null", *words(instructions, what)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def seconds_of(process):
    """Of CPU time, when it has ended; all of it is the emulation's."""
    usage = os.wait4(process.pid, 0)[2]
    return usage.ru_utime + usage.ru_stime


def on_cpu(process):
    """Seconds on a CPU of each thread; that of the emulation is the first."""
    tasks = Path(f"/proc/{process.pid}/task")
    return {int(t.name): int((t / "schedstat").read_text().split()[0]) / 1e9 for t in tasks.iterdir()}


def waits(process):
    for _ in range(6):
        if Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "R":
            return False
        time.sleep(0.1)
    return True


def with_window(what, screen_number):
    """CPU seconds without a window, with it, and what part of a CPU the window's threads have, from F5 to the end of the run."""
    with tempfile.TemporaryDirectory(prefix="slate-cost-") as name:
        with machine(arguments, Path(name), "--gui", *words(INSTRUCTIONS, what), size="1920x1080", environment={"XDG_CONFIG_HOME": name}) as (screen, slate):
            window = until(slate, lambda: screen.do("search", "--name", "^Slate").stdout.strip(), "window", 120).split()[0]
            screen.do("windowmove", window, "0", "0")
            screen.do("windowsize", "--sync", window, "1920", "1080")
            screen.do("mousemove", "960", "70")
            screen.do("key", f"alt+{screen_number}")
            time.sleep(0.5)
            until(slate, lambda: waits(slate), "pause", 120)
            before, begun = on_cpu(slate), time.monotonic()
            bare = start_headless(INSTRUCTIONS, what)
            screen.do("key", "F5")
            until(slate, lambda: on_cpu(slate)[slate.pid] > before[slate.pid] + 0.1, "start", 120)
            until(slate, lambda: waits(slate), "end of the run", 600)
            after, wall = on_cpu(slate), time.monotonic() - begun
            screen.close_window()
            expect(status_of(slate) in (0, 8), f"status {slate.returncode}")
    ours = after[slate.pid] - before[slate.pid]
    return seconds_of(bare), ours, (sum(after.values()) - sum(before.get(t, 0) for t in after) - ours) / wall


def share(what, number):
    if not GUEST.exists():
        raise Skip(f"{GUEST} is not built: make guests/built")
    ratios, others = [], []
    for _ in range(ROUNDS):
        start = seconds_of(start_headless(FEW, what))
        bare, seconds, window = with_window(what, number)
        ratios.append((bare - start) / (INSTRUCTIONS - FEW) * INSTRUCTIONS / seconds)
        others.append(window)
    ratio, other = statistics.median(ratios), statistics.median(others)
    print(f"    {what}, {SCREENS[number - 1]}: {100 * ratio:.1f} % of the speed without a window (of {', '.join(f'{100 * r:.1f}' for r in ratios)}); "
          f"the window's own thread takes {100 * other:.0f} % of a CPU", flush=True)
    expect(ratio >= LEAST, f"the guest keeps {100 * ratio:.1f} % of its speed, less than {100 * LEAST:.0f} %")
    expect(other < 0.5, f"the window's thread takes {100 * other:.0f} % of a CPU")


cases = {}
if arguments.long or arguments.cases:                # two CPUs to itself
    cases = {name: lambda number=number: share("compute", number) for number, name in enumerate(SCREENS, 1)}
sys.exit(report.main(arguments, cases))
