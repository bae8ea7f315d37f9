#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the freestanding guests on each CPU model that matters, under each engine; a guest that prints no verdict fails."""
import gzip
import json
import re
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "run"))
import report
from report import SOURCE, expect

INSTRUCTIONS, PATIENCE = 400_000_000, 600               # they only end what hangs
PASSED, TRIPLE_FAULT = 1, 6                             # exit statuses: port F4h written with 0; --no-reboot
MODELS = ["max-intel", "max-amd", "nehalem-ep", "haswell", "barcelona", "zen2", "zen4"]
AMD = ["max-amd", "barcelona", "zen2", "zen4"]
arguments = report.options(__doc__).parse_args()


def names(width):
    text = (SOURCE / "tests/guests/sources.mk").read_text().replace("\\\n", " ")
    return re.search(rf"^guests_{width} =(.*)$", text, re.M).group(1).split()


def slate():
    return arguments.emulator or str(Path(arguments.build) / "slate")


def engines():
    """Each engine that there is to choose; [None] of an emulator that has no choice."""
    try:
        told = subprocess.run([slate(), "--help"], stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout
    except OSError:
        told = "--engine fast"                              # nothing built yet: what --list names
    return ["fast", "slow"] if re.search(r"--engine.*fast", told) else [None]


def run(kernel, model, engine, *more, append="hello"):
    command = [slate(), "--kernel", str(kernel), "--headless",
               "--serial", "null", "--debugcon", "stdio", "--no-reboot", "--memory", "64M", "--append", append,
               "--max-instructions", str(INSTRUCTIONS), "--cpu", model,
               *(["--engine", engine] if engine else []), *more]
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


def guest(name, model, engine, status):
    judge(run(Path(arguments.build) / "guests" / name, model, engine), status)


def packed(name, model, engine):
    with tempfile.NamedTemporaryFile(prefix="slate-guest-") as file:
        file.write(gzip.compress((Path(arguments.build) / "guests" / name).read_bytes()))
        file.flush()
        judge(run(file.name, model, engine), PASSED)


def with_module(name, model, engine):
    with tempfile.NamedTemporaryFile(prefix="slate-module-") as file:
        file.write(b"MODULE!!")
        file.flush()
        done = run(Path(arguments.build) / "guests" / name, model, engine, "--module", f"{file.name},hi")
        expect("ok with its string" in done.stdout, f"the guest saw no module: {done.stdout[-300:]} {done.stderr[-200:]}")
        judge(done, PASSED)


def hypervisor(model, engine, paging, vcpus):
    done = run(Path(arguments.build) / "guests/hypervisor", model, engine, append=f"paging={paging} vcpus={vcpus}")
    judge(done, PASSED)
    expect("ok the guest is content" in done.stdout, f"the hypervisor's guest never ended: {done.stdout[-300:]}")


def counters_of(words, model, engine):
    """What --stats counted in a run of slat_round_trips."""
    done = run(Path(arguments.build) / "guests/slat_round_trips", model, engine, "--stats=json", append=words)
    judge(done, PASSED)
    return json.loads(next(line for line in done.stderr.splitlines() if line.startswith("{")))


def references(words, model, engine):
    """Table entries read by walks of the first and of the second stage."""
    counters = counters_of(words, model, engine)
    return [int(counters[f"walk_references_stage_{stage}"]) for stage in (1, 2)]


# 200 pages on each side, by entries of the last of four levels. The guest's code is a page more, its tables are four, and the
# second stage maps each of those 205 by its own four. A hypervisor that has lost all walks for its 200 pages, and for its code
# and its data, three references each by their large page; on AMD its VMCB lies on another.
INNER, INNER_SECOND, OUTER = 201 * 4, 205 * 4, 200 * 4 + 2 * 3
TRIPS = {                                                   # of one trip: first stage, second stage
    ("on", "none"): lambda amd: (0, 0),
    ("on", "page"): lambda amd: (4, 0),
    ("on", "tag"): lambda amd: (INNER, INNER_SECOND if amd else 0),
    ("on", "root"): lambda amd: (INNER, INNER_SECOND),
    ("off", "none"): lambda amd: (INNER + OUTER + 3, INNER_SECOND) if amd else (INNER + OUTER, 0),
}


def round_trips(model, engine, tags, flush):
    few, many = 20, 1020
    before, after = (references(f"trips={n} tags={tags} flush={flush}", model, engine) for n in (few, many))
    wanted = list(TRIPS[tags, flush](model in AMD))
    got = [(b - a) / (many - few) for a, b in zip(before, after)]
    expect(got == wanted, f"table references of a trip: {got}, expected {wanted}")


# Exits by VPID or ASID, all and by CPUID, of slat_round_trips without trips: 50 rounds of what differs between the two sides.
EXITS = {1: (150, 100), 2: (150, 100), 3: (100, 50)}


def exits_by_context(model, engine):
    counters = counters_of("", model, engine)
    got = {int(name.split()[1]): (counts["vm_exits"], counts["exits: CPUID"]) for name, counts in counters["exits_by_context"].items()}
    expect(got == EXITS, f"exits by context: {got}, expected {EXITS}")
    expect(counters["vm_exits"] == sum(exits for exits, _ in EXITS.values()), f"{counters['vm_exits']} exits together")


def several(cpus, model, engine):
    judge(run(Path(arguments.build) / "guests/smp", model, engine, "--smp", str(cpus), append=f"cpus={cpus}"), PASSED)


def models_of(name):
    """VMX is Intel's, SVM is AMD's; all else is of both."""
    models = MODELS + ["icelake"] if name.startswith("vmx") else MODELS       # of all else it has what max-intel has
    return [model for model in models if not (name.startswith("vmx") and model in AMD or name.startswith("svm") and model not in AMD)]


cases = {}
for engine in engines():
    of = f"-{engine}" if engine else ""
    for name in names("32") + names("64") + names("virt") + names("virt_32") + names("boot"):
        for model in models_of(name):
            status = TRIPLE_FAULT if name.startswith("triple") else PASSED
            cases[f"{name}-{model}{of}"] = partial(guest, name, model, engine, status)
    for feature in ("nrip_save", "decodeassists", "flushbyasid"):
        less = f"max-amd,-{feature}"
        for name in ("svm_capabilities", "svm_exits", "svm_invalidation"):
            cases[f"{name}-{less}{of}"] = partial(guest, name, less, engine, PASSED)
        cases[f"hypervisor-shadow-3-{less}{of}"] = partial(hypervisor, less, engine, "shadow", 3)
    for model in MODELS:
        for paging in ("nested", "shadow"):
            for vcpus in (1, 3):
                cases[f"hypervisor-{paging}-{vcpus}-{model}{of}"] = partial(hypervisor, model, engine, paging, vcpus)
        for tags, flush in TRIPS:
            if flush in ("tag", "root") and model == "barcelona":
                continue                                    # it cannot flush by ASID
            cases[f"round_trips-{tags}-{flush}-{model}{of}"] = partial(round_trips, model, engine, tags, flush)
    for model in ("max-intel", "max-amd"):
        cases[f"exits_by_context-{model}{of}"] = partial(exits_by_context, model, engine)
    for model in MODELS:
        for cpus in (2, 3, 8) if model.startswith("max") else (4,):
            cases[f"smp-{cpus}-{model}{of}"] = partial(several, cpus, model, engine)
    for cpus in (17, 64):
        cases[f"smp-{cpus}-max-intel{of}"] = partial(several, cpus, "max-intel", engine)
    for name in names("boot"):
        cases[f"{name}-gzip{of}"] = partial(packed, name, "max-intel", engine)
    for name in ("boot_multiboot1", "boot_pvh"):
        cases[f"{name}-module{of}"] = partial(with_module, name, "max-amd", engine)
sys.exit(report.main(arguments, cases))
