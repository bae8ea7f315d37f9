#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""--check=tlb on guests of ours: each planted bug is reported with its place, each planted legal window counted as in flight."""
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "run"))
import report
from report import expect

arguments = report.options(__doc__).parse_args()
MODELS = {"max-intel": "intel", "max-amd": "amd", "nehalem-ep": "intel", "zen2": "amd"}
SUMMARY = re.compile(r"check tlb: (\d+) stale uses reported, (\d+) in flight, (\d+) undecided")
BUGS = {                                                    # how a report ends
    "page": "within 1000000 instructions", "tables": "within 1000000 instructions", "second": "within 1000000 instructions",
    "entry": "before the VM entry of another context", "address": "within 1000000 instructions", "tag": "within 1000000 instructions"}


def run(name, model, engine, *more, guest="stale"):
    command = [arguments.emulator or str(Path(arguments.build) / "slate"), "--kernel", str(Path(arguments.build) / "guests" / guest),
               "--headless", "--serial", "null", "--debugcon", "stdio", "--no-reboot", "--memory", "64M", "--append", f"case={name}",
               "--max-instructions", "400000000", "--cpu", model, "--engine", engine, "--check=" + ",".join(("tlb", *more))]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=600)
    expect(done.returncode == 1 and "FAILED" not in done.stdout, f"status {done.returncode}: {done.stdout[-300:]} {done.stderr[-200:]}")
    counts = SUMMARY.search(done.stderr)
    expect(counts, f"no summary: {done.stderr[-300:]}")
    return done, tuple(map(int, counts.groups()))


def reports(done):
    """Each with its lines."""
    return [text for text in re.split(r"(?m)^slate: ", done.stderr) if text.startswith("stale use")]


def bug(name, model, engine):
    done, counts = run(f"{name}-bug", model, engine)
    expect(counts[0] == 1 and counts[2] == 0, f"{counts} reported, in flight, undecided: {done.stderr}")
    text, = reports(done)
    rip, address, entry, writer = (int(word, 16) for word in re.search(r"expect (.*)", done.stdout).group(1).split())
    expect(f"at RIP {rip:x} " in text and f" {address:x}\n" in text, f"not at {rip:x}, or not of {address:x}: {text}")
    if entry:
        expect(f"at {entry:x}, was " in text, f"not the entry at {entry:x}: {text}")
        expect(f"written by CPU 0 at RIP {writer:x} of the host" in text, f"not written at {writer:x}: {text}")
    else:                                                   # a root: by VMRUN, somewhere in the function
        expect("nCR3 was " in text, f"not nCR3: {text}")
        by = int(re.search(r"written by CPU 0 at RIP (\w+) of the host", text).group(1), 16)
        expect(writer <= by < writer + 256, f"not written by VMRUN behind {writer:x}: {text}")
    expect(text.rstrip().endswith(BUGS[name]), f"another end: {text}")


def legal(name, model, engine):
    done, counts = run(f"{name}-legal", model, engine)
    expect(counts[0] == 0 and counts[2] == 0, f"{counts} reported, in flight, undecided: {done.stderr}")
    expect(counts[1] >= 1, "nothing was in flight")


def silent(name, model, engine, *more):
    done, counts = run(name, model, engine, *more)
    expect(counts == (0, 0, 0), f"{counts} reported, in flight, undecided: {done.stderr}")


def short_grace(model, engine):
    """A window that is longer than the grace is a bug."""
    done, counts = run("page-legal", model, engine, "grace=0")
    expect(counts[:2] == (1, 0), f"{counts}: {done.stderr}")


def long_grace(model, engine):
    """Longer than the run: nothing is decided, and that is said."""
    done, counts = run("page-bug", model, engine, "grace=1000000000")
    expect(counts == (0, 0, 1) and "undecided at the end of the run" in done.stderr, f"{counts}: {done.stderr}")


def same_state(guest, every, model, engine):
    """The guest sees no difference: all state is the same, every so many instructions."""
    def hashes(*more):
        command = [arguments.emulator or str(Path(arguments.build) / "slate"), "--kernel", str(Path(arguments.build) / "guests" / guest),
                   "--headless", "--serial", "null", "--debugcon", "stdio", "--no-reboot", "--memory", "64M", "--append", "hello",
                   "--hash-every", str(every), "--cpu", model, "--engine", engine, *more]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=600)
        return [line for line in done.stderr.splitlines() if line.startswith("hash ")]
    without, with_it = hashes(), hashes("--check=tlb")
    expect(len(without) > 2 and without == with_it, f"{len(without)} and {len(with_it)} hashes; first to differ: "
           f"{next((pair for pair in zip(without, with_it) if pair[0] != pair[1]), 'none')}")


cases = {}
for model, vendor in MODELS.items():
    for engine in ("fast", "slow"):
        for name in BUGS:
            if name == "tag" and vendor == "intel":
                cases[f"tag-fresh-{model}-{engine}"] = partial(silent, "tag-bug", model, engine)
                continue
            cases[f"{name}-bug-{model}-{engine}"] = partial(bug, name, model, engine)
            cases[f"{name}-legal-{model}-{engine}"] = partial(legal, name, model, engine)
        for guest, every in (("stale", 1_000_000), ("tlb", 10_000), ("vmx_invalidation" if vendor == "intel" else "svm_invalidation", 100_000)):
            cases[f"same-state-{guest}-{model}-{engine}"] = partial(same_state, guest, every, model, engine)
        cases[f"nothing-{model}-{engine}"] = partial(silent, "nothing", model, engine)
        cases[f"short-grace-{model}-{engine}"] = partial(short_grace, model, engine)
        cases[f"long-grace-{model}-{engine}"] = partial(long_grace, model, engine)
sys.exit(report.main(arguments, cases))
