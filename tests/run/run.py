#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the tests of a build, side by side, and ends with one line: N passed, N failed, N skipped.

Two kinds of tests: GoogleTest programs, counted test by test, and scripts (tests/*/*.py, executable) that
report as tests/run/report.py says. A line `note TEXT` that either prints is repeated in the summary.
Results are written to BUILD/test-results: junit.xml, and a log for each job.
"""
import argparse
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as xml
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
CPUS = os.cpu_count() or 1
LIMIT = 5400                                   # seconds after which a job is stopped
# The layers in the order in which they start: the longest single jobs first.
LAYERS = ["system", "lockstep", "silicon", "decode", "sanitized", "fuzz", "guests", "handlers", "debugger", "unit", "tree"]


@dataclass
class Result:
    layer: str
    name: str
    verdict: str                               # passed, failed, skipped
    seconds: float = 0.0
    reason: str = ""


@dataclass
class Job:
    layer: str
    title: str
    command: list
    kind: str = "script"                       # script, gtest, command, absent
    environment: dict = field(default_factory=dict)


# What there is to run ------------------------------------------------------------------------------
def gtest(layer, program, shards):
    if not program.exists():
        return [Job(layer, program.name, [str(program)], "absent")]
    return [Job(layer, f"{program.name}-{shard + 1}-of-{shards}", [str(program)], "gtest",
                {"GTEST_TOTAL_SHARDS": str(shards), "GTEST_SHARD_INDEX": str(shard)}) for shard in range(shards)]


def cases(script, build, long):
    words = [str(script), "--list", "--build", str(build)] + (["--long"] if long else [])
    done = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return done.stdout.split() if done.returncode == 0 else [None]


def everything(script, name):
    return True


def scripts(layer, folder, build, long, wanted=everything):
    """One job for each case, or for a handful of cases where a script has very many."""
    jobs = []
    for script in sorted((SOURCE / "tests" / folder).glob("*.py")):
        if not os.access(script, os.X_OK):
            continue
        names = [name for name in cases(script, build, long) if name is None or wanted(script.stem, name)]
        size = 1 if len(names) <= 24 else -(-len(names) // (CPUS * 4))
        for i in range(0, len(names), size):
            chosen = [name for name in names[i:i + size] if name]
            jobs.append(Job(layer, f"{folder}.{script.stem}.{chosen[0] if len(chosen) == 1 else i}",
                            [str(script), "--build", str(build)] + (["--long"] if long else []) + chosen))
    return jobs


# Cases of tests/system for the build with sanitizers, by script, as patterns: those that boot no operating system; one boot is
# among the jobs beside them.
SANITIZED = {"bad_input": "*", "bochsrc": "[!b]*", "display": "*-refused", "firmware": "seabios-max-intel-1 *refused"}


def needs_no_boot(script, name):
    return any(fnmatch(name, pattern) for pattern in SANITIZED.get(script, "").split())


def on_largest_model(script, name):
    """Guests' cases for the build with sanitizers: a smaller CPU model runs less of the same code."""
    return not any(model in name for model in ("nehalem-ep", "haswell", "icelake", "barcelona", "zen2", "zen3", "zen4"))


def jobs_of(layer, build, sanitized, long):
    if layer == "unit":
        jobs = gtest(layer, build / "unit_tests", CPUS)
        for job in jobs if long else []:
            job.environment.setdefault("SLATE_SOFT_FLOAT_CASES", os.environ.get("SLATE_SOFT_FLOAT_CASES", "100000000"))
            job.environment.setdefault("SLATE_TRANSCENDENTAL_CASES", os.environ.get("SLATE_TRANSCENDENTAL_CASES", "1000000"))
        return jobs
    if layer in ("silicon", "decode"):
        jobs = gtest(layer, build / f"{layer}_tests", CPUS)
        for job in jobs if layer == "silicon" and long else []:
            job.environment.setdefault("SLATE_SILICON_CASES", os.environ.get("SLATE_SILICON_CASES", "4000"))
        return jobs
    if layer == "tree":
        return [Job(layer, "check-headers", ["make", "-s", "-C", str(build), "check-headers"], "command"),
                Job(layer, "sources", [str(SOURCE / "tests/run/sources.py")], "command")] + (
                [Job(layer, "distcheck", ["make", "-s", "-C", str(build), "distcheck"], "command")] if long else [])
    if layer == "sanitized":
        if not sanitized:
            return []
        marker = Job(layer, "system.boot_linux.marker", [str(SOURCE / "tests/system/boot_linux.py"), "--build",
                                                         str(sanitized), "marker-newest-max-intel"])
        lockstep = scripts(layer, "lockstep", sanitized, False, lambda script, name: "boot" not in name)
        for job in lockstep:
            job.environment["SLATE_LOCKSTEP_SECONDS"] = "120" if long else "15"
        return ([marker] + gtest(layer, sanitized / "unit_tests", CPUS) +
                scripts(layer, "guests", sanitized, long, everything if long else on_largest_model) +
                scripts(layer, "system", sanitized, False, needs_no_boot) + lockstep)
    if layer == "fuzz":
        return scripts(layer, "fuzz", sanitized or build, long)
    if layer == "handlers":
        return scripts(layer, "cpu", build, long)
    return scripts(layer, layer, build, long)


# Running one job -----------------------------------------------------------------------------------
def execute(job, results_directory):
    """Runs a job into its log file; returns (exit status or None at the limit, its standard output)."""
    log = results_directory / "logs" / f"{job.layer}.{job.title}.out"
    command = job.command + ([f"--gtest_output=xml:{log}.xml"] if job.kind == "gtest" else [])
    Path(f"{log}.xml").unlink(missing_ok=True)
    with open(log, "wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                   env={**os.environ, **job.environment}, cwd=results_directory, start_new_session=True)
        try:
            status = process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            status = None
    return status, log.read_text("utf-8", "replace"), f"{log}.xml"


def ended(status):
    if status is None:
        return f"stopped after {LIMIT} s"
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


def from_xml(job, file):
    out = []
    for test in xml.parse(file).getroot().iter("testcase"):
        if test.get("status") == "notrun":
            continue
        failure, skipped = test.find("failure"), test.find("skipped")
        verdict = "failed" if failure is not None else "skipped" if skipped is not None else "passed"
        note = failure if failure is not None else skipped
        reason = "" if note is None else (note.get("message") or note.text or "")
        out.append(Result(job.layer, f"{test.get('classname')}.{test.get('name')}", verdict,
                          float(test.get("time", 0)), reason))
    return out


def from_gtest_text(job, text, status):
    """A program that crashed wrote no XML: what it passed until then, and what it was doing."""
    passed = [Result(job.layer, name, "passed", int(ms) / 1000)
              for name, ms in re.findall(r"^\[       OK \] (\S+) \((\d+) ms\)", text, re.M)]
    passed += [Result(job.layer, name, "skipped", 0, "see the log")
               for name in re.findall(r"^\[  SKIPPED \] (\S+) \(", text, re.M)]
    begun = re.findall(r"^\[ RUN      \] (\S+)", text, re.M)
    tail = " / ".join(text.strip().splitlines()[-5:])[-500:]
    return passed + [Result(job.layer, begun[-1] if begun else job.title, "failed", 0, f"{ended(status)}: {tail}")]


def from_script_text(job, text, status):
    words = {"ok": "passed", "not ok": "failed", "skip": "skipped"}
    prefix = ".".join(job.title.split(".")[:-1])
    out = [Result(job.layer, f"{prefix}.{name}", words[verdict], float(seconds), reason or "")
           for verdict, name, seconds, reason in
           re.findall(r"^(ok|not ok|skip) (\S+) ([\d.]+)(?:: (.*))?$", text, re.M)]
    if not out or (status != 0 and all(result.verdict != "failed" for result in out)):
        tail = " / ".join(text.strip().splitlines()[-3:])[-500:]
        out.append(Result(job.layer, job.title, "failed", 0, f"{ended(status)}, reported {len(out)} cases: {tail}"))
    return out


def results_of(job, status, text, xml_file, seconds):
    if job.kind == "command":
        tail = " / ".join(text.strip().splitlines()[-8:])[-800:]
        return [Result(job.layer, job.title, "passed" if status == 0 else "failed", seconds,
                       "" if status == 0 else f"{ended(status)}: {tail}")]
    if job.kind == "script":
        return from_script_text(job, text, status)
    try:
        results = from_xml(job, xml_file)
    except (OSError, xml.ParseError):
        return from_gtest_text(job, text, status)
    if status != 0 and all(result.verdict != "failed" for result in results):
        results.append(Result(job.layer, job.title, "failed", 0, ended(status)))
    return results


def absent(job):
    """A program that configure left out: component tests must be there, campaigns may need what is not here."""
    reason = f"{job.title} was not built: configure's summary says what it needs"
    return [Result(job.layer, job.title, "failed" if job.title == "unit_tests" else "skipped", 0, reason)], []


def run(job, directory):
    if job.kind == "absent":
        return absent(job)
    start = time.monotonic()
    status, text, xml_file = execute(job, directory)
    seconds = time.monotonic() - start
    results = results_of(job, status, text, xml_file, seconds)
    failed = [result for result in results if result.verdict == "failed"]
    print(f"{'FAILED' if failed else 'done':6} {job.layer}.{job.title}: {len(results)} in {seconds:.0f} s", flush=True)
    for result in failed:
        print(f"       {result.name}: {' '.join(result.reason.split())[:600]}", flush=True)
    return results, [f"{job.layer}: {note}" for note in re.findall(r"^note (.*)$", text, re.M)]


# Telling -------------------------------------------------------------------------------------------
def junit(results, file):
    root = xml.Element("testsuites")
    for layer in LAYERS:
        mine = [result for result in results if result.layer == layer]
        suite = xml.SubElement(root, "testsuite", name=layer, tests=str(len(mine)),
                               failures=str(sum(r.verdict == "failed" for r in mine)),
                               skipped=str(sum(r.verdict == "skipped" for r in mine)),
                               time=f"{sum(r.seconds for r in mine):.3f}")
        for result in mine:
            case = xml.SubElement(suite, "testcase", classname=layer, name=result.name, time=f"{result.seconds:.3f}")
            reason = re.sub(r"[^\x20-\ud7ff\n]", "?", result.reason)
            if result.verdict == "failed":
                xml.SubElement(case, "failure", message=reason)
            elif result.verdict == "skipped":
                xml.SubElement(case, "skipped", message=reason)
    xml.ElementTree(root).write(file, encoding="utf-8", xml_declaration=True)


def summary(results, notes, seconds):
    print("\nlayer       passed  failed skipped   seconds")
    for layer in LAYERS:
        mine = [result for result in results if result.layer == layer]
        counts = [sum(r.verdict == verdict for r in mine) for verdict in ("passed", "failed", "skipped")]
        if mine:
            print(f"{layer:10} {counts[0]:7} {counts[1]:7} {counts[2]:7} {sum(r.seconds for r in mine):9.1f}")
    for note in notes:
        print(f"note: {note}")
    print(f"\nthe ten slowest, of {seconds:.0f} s in all:")
    for result in sorted(results, key=lambda r: -r.seconds)[:10]:
        print(f"{result.seconds:9.1f} s  {result.layer}: {result.name}")
    for verdict in ("skipped", "failed"):
        for result in results:
            if result.verdict == verdict:
                print(f"{verdict}: {result.layer}: {result.name}: {' '.join(result.reason.split())[:300]}")
    counts = {verdict: sum(r.verdict == verdict for r in results) for verdict in ("passed", "failed", "skipped")}
    print(f"\n{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped", flush=True)
    return 0 if counts["failed"] == 0 and counts["passed"] else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build", type=Path)
    parser.add_argument("--sanitized", default=None, type=Path, help="a build with --enable-sanitizers")
    parser.add_argument("--long", action="store_true", help="with the cases of check-long")
    parser.add_argument("--layer", action="append", choices=LAYERS, help="only this layer; repeatable")
    parser.add_argument("--jobs", default=CPUS, type=int, help="how many side by side")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    sanitized = arguments.sanitized.resolve() if arguments.sanitized else None
    directory = build / "test-results"
    (directory / "logs").mkdir(parents=True, exist_ok=True)

    chosen = [layer for layer in LAYERS if not arguments.layer or layer in arguments.layer]
    start = time.monotonic()
    jobs = [job for layer in chosen for job in jobs_of(layer, build, sanitized, arguments.long)]
    results, notes = [], []
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for some, said in pool.map(lambda job: run(job, directory), jobs):
            results += some
            notes += said
    junit(results, directory / "junit.xml")
    return summary(results, notes, time.monotonic() - start)


sys.exit(main())
