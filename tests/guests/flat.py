#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Multiboot 1 guests by the conventions of public conformance programs, started as those are: what ends each is its exit status."""
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "run"))
import report
from report import expect

arguments = report.options(__doc__).parse_args()
INSTRUCTIONS, PATIENCE = 400_000_000, 600               # they only end what hangs
PASSED, FAILED = 1, 3
DEVICES = [word for name in ("pc-testdev", "edu", "pci-test") for word in ("--device", name)]
ALONE = ("msrs", "lines", "scratch", "edu", "messages", "resets", "sleep")


def run(name, words, *more, environment=None):
    with tempfile.NamedTemporaryFile(prefix="slate-environment-") as file:
        file.write(environment.encode() if environment else b"")
        file.flush()
        command = [arguments.emulator or str(Path(arguments.build) / "slate"), "--kernel", str(Path(arguments.build) / "guests" / f"{name}.flat"),
                   "--append", words, *(["--initrd", file.name] if environment else []), "--headless",
                   "--max-instructions", str(INSTRUCTIONS), *more]
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=PATIENCE)


def ends(done, status, said=""):
    expect(done.returncode == status, f"status {done.returncode}, expected {status}; said {done.stdout[-300:]!r} {done.stderr[-200:]!r}")
    expect(said in done.stdout, f"{said!r} is not in {done.stdout[-300:]!r}")


def passes(name, words, *more, environment=None):
    done = run(name, words, *more, environment=environment)
    ends(done, PASSED, "ok ")
    expect("FAILED" not in done.stdout, done.stdout)


def told(name, memory, cpus):
    """The module's word counts; then there is none, and fw_cfg's."""
    text = f"FIRST=1\nMEMSIZE={memory}\nNR_CPUS={cpus}\nLAST=x\n"
    passes(name, "run=boot tail=x  y", "--memory", f"{memory}M", "--smp", str(cpus), environment=text)
    passes(name, "run=boot tail=x  y", "--memory", f"{memory}M", "--smp", str(cpus))


def several(name, cpus, model):
    passes(name, "run=smp", "--smp", str(cpus), "--cpu", model, environment=f"NR_CPUS={cpus}\nMEMSIZE=1024\n")
    passes(name, "run=smp", "--smp", str(cpus), "--cpu", model)


def too_few(name):
    """A module that promises a CPU more than there is: the program sees it, and fails."""
    ends(run(name, "run=smp", "--smp", "2", environment="NR_CPUS=3\n"), FAILED, "FAILED all CPUs have come")


def statuses(name):
    """Of the byte (code << 1) | 1, whatever the code."""
    for code, status in ((0, 1), (1, 3), (38, 77), (63, 127), (77, 155), (127, 255), (0x12345600, 1)):
        ends(run(name, f"exit={code}"), status)
    ends(run(name, "run=msrs fail"), FAILED, "FAILED what is to fail: expected 2, got 1")
    ends(run(name, "run=shutdown"), 0)


def without_device(name):
    """What wasn't asked for isn't there."""
    ends(run(name, "run=scratch"), FAILED, "FAILED E0h keeps a dword: expected 11223344, got ffffffff")
    ends(run(name, "run=edu"), FAILED, "FAILED edu is there")
    done = run(name, "run=resets", "--no-reboot")
    ends(done, 0)


def unknown_device():
    done = run("flat", "run=msrs", "--device", "warp-drive")
    ends(done, 2)
    expect("warp-drive" in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr)


cases = {"realmode": lambda: ends(run("realmode", ""), PASSED, "ok real mode\n"), "unknown-device": unknown_device}
for name in ("flat", "flat_32"):
    for memory, cpus in ((64, 1), (1024, 2), (9216, 4)):
        cases[f"{name}-told-{memory}"] = partial(told, name, memory, cpus)
    for model in ("max-intel", "max-amd"):
        for cpus in (1, 2, 4):
            cases[f"{name}-smp-{cpus}-{model}"] = partial(several, name, cpus, model)
        for what in ALONE:
            cases[f"{name}-{what}-{model}"] = partial(passes, name, f"run={what}", *DEVICES, "--cpu", model)
    cases[f"{name}-too-few"] = partial(too_few, name)
    cases[f"{name}-statuses"] = partial(statuses, name)
    cases[f"{name}-without-device"] = partial(without_device, name)
sys.exit(report.main(arguments, cases))
