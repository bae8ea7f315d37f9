#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Disks of 16-bit programs (tests/guests/real), booted by SeaBIOS; what ends each is its exit status."""
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "run"))
import report
from report import expect

arguments = report.options(__doc__).parse_args()
INSTRUCTIONS, PATIENCE = 4_000_000_000, 600             # they only end what hangs
PASSED = 1
DRIVES = {"floppy": lambda file: ["--floppy", file], "disk": lambda file: ["--disk", f"{file},format=raw"]}
LEAST = {"dos": 50, "i286": 54}                         # verdicts


def boot(name, drive, model, engine):
    with tempfile.TemporaryDirectory(prefix="slate-real-") as directory:
        image = Path(directory) / "image"
        shutil.copy(Path(arguments.build) / "guests" / f"{name}.img", image)
        command = [arguments.emulator or str(Path(arguments.build) / "slate"), *DRIVES[drive](str(image)), "--headless", "--serial", "stdio",
                   "--memory", "64M", "--no-reboot", "--cpu", model, "--engine", engine, "--max-instructions", str(INSTRUCTIONS)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=PATIENCE)
    lines = done.stdout.splitlines()
    wrong = [line for line in lines if line.startswith("FAILED")]
    expect(not wrong, "; ".join(wrong[:5]))
    good = sum(line.startswith("ok ") for line in lines)
    expect(done.returncode == PASSED and good >= LEAST[name],
           f"status {done.returncode} after {good} verdicts; last: {(lines or ['nothing'])[-1]} {done.stderr[-200:]}")


cases = {}
for name in LEAST:
    for model in ("max-intel", "max-amd", "nehalem-ep", "barcelona"):
        for engine in ("fast", "slow"):
            for drive in DRIVES:
                if (engine == "fast" or model.startswith("max")) and (drive == "floppy" or engine == "fast"):
                    cases[f"{name}-{drive}-{model}-{engine}"] = partial(boot, name, drive, model, engine)
sys.exit(report.main(arguments, cases))
