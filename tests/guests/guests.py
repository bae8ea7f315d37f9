#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the freestanding guests on each CPU model that matters; a guest that prints no verdict fails."""
import gzip
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "run"))
import report
from report import SOURCE, expect

INSTRUCTIONS, PATIENCE = 400_000_000, 600               # they only end what hangs
PASSED, TRIPLE_FAULT = 1, 6                             # exit statuses: port F4h written with 0; --no-reboot
MODELS = ["max-intel", "max-amd", "nehalem-ep", "haswell", "barcelona", "zen2"]
arguments = report.options(__doc__).parse_args()


def names(width):
    text = (SOURCE / "tests/guests/sources.mk").read_text().replace("\\\n", " ")
    return re.search(rf"^guests_{width} =(.*)$", text, re.M).group(1).split()


def run(kernel, model, *more):
    command = [arguments.emulator or str(Path(arguments.build) / "slate"), "--kernel", str(kernel), "--headless",
               "--serial", "null", "--debugcon", "stdio", "--no-reboot", "--memory", "64M", "--append", "hello",
               "--max-instructions", str(INSTRUCTIONS), "--cpu", model, *more]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                          timeout=PATIENCE)


def judge(done, status):
    lines = done.stdout.splitlines()
    wrong = [line for line in lines if line.startswith("FAILED")]
    good = sum(line.startswith("ok ") for line in lines)
    last = (lines or ["nothing"])[-1] + " " + done.stderr.strip()[-200:]
    expect(not wrong, f"{len(wrong)} of {len(wrong) + good}: {'; '.join(wrong[:5])}")
    expect(good, f"printed no verdict, status {done.returncode}; last: {last}")
    expect(done.returncode == status, f"status {done.returncode}, expected {status}, after {good} verdicts; last: {last}")
    expect(status == TRIPLE_FAULT or last.startswith("end"), f"did not come to its end; last: {last}")


def guest(name, model, status):
    judge(run(Path(arguments.build) / "guests" / name, model), status)


def packed(name, model):
    with tempfile.NamedTemporaryFile(prefix="slate-guest-") as file:
        file.write(gzip.compress((Path(arguments.build) / "guests" / name).read_bytes()))
        file.flush()
        judge(run(file.name, model), PASSED)


def with_module(name, model):
    with tempfile.NamedTemporaryFile(prefix="slate-module-") as file:
        file.write(b"MODULE!!")
        file.flush()
        done = run(Path(arguments.build) / "guests" / name, model, "--module", f"{file.name},hi")
        expect("ok with its string" in done.stdout, f"the guest saw no module: {done.stdout[-300:]} {done.stderr[-200:]}")
        judge(done, PASSED)


cases = {}
for name in names("32") + names("64") + names("boot"):
    for model in MODELS:
        status = TRIPLE_FAULT if name.startswith("triple") else PASSED
        cases[f"{name}-{model}"] = lambda name=name, model=model, status=status: guest(name, model, status)
for name in names("boot"):
    cases[f"{name}-gzip"] = lambda name=name: packed(name, "max-intel")
for name in ("boot_multiboot1", "boot_pvh"):
    cases[f"{name}-module"] = lambda name=name: with_module(name, "max-amd")
sys.exit(report.main(arguments, cases))
