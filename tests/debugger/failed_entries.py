#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Why a VM entry of a guest of tests/guests has failed, as each face says it: the terminal (typed at a pseudo terminal), gdb's monitor, QMP.

The guests break one rule after the other: tests/guests/virt/vmx_instructions.cpp, entries(); svm_capabilities.cpp, checks()."""
import json
import os
import pty
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "run"))
import report
from report import Failed, Skip, expect

arguments = report.options(__doc__).parse_args()
BUILD = Path(arguments.build)
SLATE = arguments.emulator or str(BUILD / "slate")
PATIENCE = 120                                  # seconds; they only end what hangs

# What is said of each failure in its turn: the manual's section, the outcome, the field that is at fault with its value.
EXPECTED = {
    "vmx": ("vmx_instructions", "max-intel", "vmcs", [
        (r"SDM vol\. 3, 27\.2\.1\.1", r"VMfail.*7", r"in-based.* = 0x0$"),
        (r"SDM vol\. 3, 27\.2\.2", r"VMfail.*8", r"CR0.* = 0x0$"),
        (r"SDM vol\. 3, 27\.3\.1\.4", r"reason 33", r"RFLAGS = 0x0$")]),
    "svm": ("svm_capabilities", "max-amd", "vmcb", [
        (r"APM vol\. 2, 15\.5\.1", r"VMEXIT_INVALID", r"EFER = 0x(?!.*1...$)[0-9a-f]*$"),        # bit 12 is clear
        (r"APM vol\. 2, 15\.5\.1", r"VMEXIT_INVALID", r"EFER = 0x8[0-9a-f]{15}$"),
        (r"APM vol\. 2, 15\.5\.1", r"VMEXIT_INVALID", r"CR0 = 0x[0-9a-f]*[23ab][0-9a-f]{7}$")]),      # bit 29 is set, 30 is clear
}


def commands(control):
    return ["stop entry-failure"] + ["continue", f"{control} failed"] * 3


def words(guest, model, *more):
    return [SLATE, "--kernel", str(BUILD / "guests" / guest), "--cpu", model, "--memory", "64M", "--headless", "--serial", "null", "--no-reboot", *more]


def at_the_terminal(vendor):
    """Each command typed when the prompt has come; what was said to it."""
    guest, model, control, _ = EXPECTED[vendor]
    ours, theirs = pty.openpty()
    environment = {**os.environ, "XDG_STATE_HOME": "/dev/null", "TERM": "vt100", "COLUMNS": "400"}
    process = subprocess.Popen(words(guest, model, "--debug"), stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, env=environment)
    os.close(theirs)
    said, answers, left = b"", [], commands(control) + ["quit"]
    end = time.monotonic() + PATIENCE
    try:
        while time.monotonic() < end:
            try:
                said += os.read(ours, 65536)
            except OSError:                     # it has ended
                break
            if said.rstrip().endswith(b"(slate)") and left:
                answers.append(said.decode("latin-1").replace("\r", ""))
                said = b""
                os.write(ours, left.pop(0).encode() + b"\n")
        expect(process.wait(PATIENCE) == 0, "quit did not end it well")
    finally:
        process.kill()
        os.close(ours)
    return [answer.replace("(slate)", "") for answer in answers[3::2]]


def by_gdb(vendor):
    if not shutil.which("gdb"):
        raise Skip("gdb is not installed")
    guest, model, control, _ = EXPECTED[vendor]
    with tempfile.TemporaryDirectory(prefix="slate-failed-") as directory:
        process = subprocess.Popen(words(guest, model, "--gdb", f"unix:{directory}/gdb"), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            expect("waiting for gdb" in process.stderr.readline(), "it does not wait")
            done = ["gdb", "-nx", "-batch", "-ex", "set architecture i386:x86-64", "-ex", f"target remote {directory}/gdb"]
            for line in commands(control):
                done += ["-ex", f"monitor {line}"]
            said = subprocess.run([*done, "-ex", "kill"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
            return re.findall(r"the last [^\n]* that failed.*?in all:", said.stdout + said.stderr, re.S)
        finally:
            process.kill()
            process.communicate()


def by_qmp(vendor):
    guest, model, control, _ = EXPECTED[vendor]
    with tempfile.TemporaryDirectory(prefix="slate-failed-") as directory:
        process = subprocess.Popen(words(guest, model, "--control", f"unix:{directory}/qmp"), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            expect("listening" in process.stderr.readline(), "it does not listen")
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(PATIENCE)
                s.connect(f"{directory}/qmp")
                lines = s.makefile("r")
                s.sendall(b'{"execute": "qmp_capabilities"}')
                answers = [answer_of(s, lines, line) for line in commands(control)]
                return [as_text(answer["lines"]) for answer in answers[2::2]]
        finally:
            process.kill()
            process.communicate()


def answer_of(s, lines, command):
    s.sendall(json.dumps({"execute": "slate-command", "arguments": {"command-line": command}, "id": command}).encode())
    for text in lines:
        said = json.loads(text)
        if said.get("id") == command:
            expect(said.get("return", {}).get("ok"), said)
            return said["return"]
    raise Failed(f"it hung up at {command}")


def as_text(lines):
    """Of the fields alone, what the others say in words."""
    out = []
    for line in lines:
        if line["kind"] == "rule":
            out.append(f"{line['check']} ({line['section']}): {line['rule']}; else {line['outcome']}")
        if line["kind"] == "read":
            out.append(f"{line['text']} = {line['value']}")
    return "\n".join(out)


def explains(vendor, face):
    expected = EXPECTED[vendor][3]
    said = face(vendor)
    expect(len(said) == len(expected), f"{len(said)} explanations: {said}")
    for text, (section, outcome, field) in zip(said, expected):
        rule = next((line for line in text.splitlines() if "; else " in line), "")
        expect(re.search(section, rule) and re.search(outcome, rule), f"not {section}, {outcome}: {text}")
        expect(re.search(field, text, re.M), f"no {field}: {text}")


cases = {f"{vendor}-{name}": partial(explains, vendor, face)
         for vendor in EXPECTED for name, face in (("at-the-terminal", at_the_terminal), ("by-gdb", by_gdb), ("by-qmp", by_qmp))}
sys.exit(report.main(arguments, cases))
