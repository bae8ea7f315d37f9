#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The debugger at the terminal: commands from a file, from a pipe, and typed at a pseudo terminal."""
import json
import os
import pty
import re
import select
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


def words(guest, *more):
    return [SLATE, "--kernel", str(BUILD / "guests" / guest), "--memory", "64M", "--debugcon", "stdio", "--no-reboot", *more]


def run(commands, guest="flow", *more, by_file=False):
    """What the debugger says to these commands, and its exit status."""
    with tempfile.NamedTemporaryFile("w", prefix="slate-commands-") as file:
        file.write("\n".join(commands) + "\n")
        file.flush()
        how = ["--commands", file.name] if by_file else ["--debug"]
        done = subprocess.run(words(guest, *how, *more), input="" if by_file else "\n".join(commands) + "\n",
                              capture_output=True, text=True, errors="replace", timeout=PATIENCE)
    return done.stdout, done.returncode, done.stderr


def symbol(guest, name):
    """The address of a symbol of a guest."""
    done = subprocess.run(["nm", str(BUILD / "guests" / guest)], capture_output=True, text=True)
    found = re.search(rf"^([0-9a-f]+) \w {name}$", done.stdout, re.M)
    if not found:
        raise Skip(f"no symbol {name} in {guest}")
    return int(found[1], 16)


def facts(text):
    """The JSON lines of what was said."""
    return [json.loads(line) for line in text.splitlines() if line.startswith('{"ok"')]


def stops_and_goes_on(engine):
    main = symbol("flow", "start_guest")
    said, status, _ = run([f"break {main:#x}", "json continue", "json registers rip", "delete all", "continue"], "flow", "--engine", engine)
    stop, rip = facts(said)
    expect(stop["ok"] and stop["lines"][0]["why"] == "breakpoint", f"no breakpoint: {stop}")
    expect(int(rip["lines"][0]["value"], 16) == main, f"stopped at {rip}, not at {main:#x}")
    expect("the run is over" in said, f"did not come to its end: {said[-300:]}")
    expect(status == 1, f"status {status} instead of the guest's 1")


def by_commands_from_a_file():
    said, status, _ = run(["step 3", "registers control", "nonsense", "quit"], by_file=True)
    expect("(slate) step 3" in said and "cr0" in said and "error: no command" in said, said[-500:])
    expect(status == 0, f"status {status}")


def the_end_of_input_ends():
    _, status, complaint = run(["step"])
    expect(status == 0, f"status {status}: {complaint}")


def an_unreadable_file_is_one_line():
    done = subprocess.run(words("flow", "--commands", "/nonexistent"), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    expect(done.returncode == 2 and "/nonexistent" in done.stderr, f"status {done.returncode}: {done.stderr}")


def looking_changes_no_hash():
    """Two runs to the same instruction: one that looks at everything on its way, one that doesn't."""
    looks = ["registers all", "msr", "memory rsp 256", "memory p:0 256", "disassemble", "walk rip x", "walk 0 w u", "tlb all", "list", "help"]
    hashes = []
    for commands in (looks, []):
        said, status, text = run(["step 1000", *commands, "step 5000", *commands, "continue"], "flow", "--hash-every", "100000000")
        hashes.append(re.findall(r"^hash .*$", text, re.M))
        expect(status == 1, f"status {status}")
    expect(hashes[0] and hashes[0] == hashes[1], f"{hashes[0]} and {hashes[1]}")


class Typed:
    """The debugger at a pseudo terminal."""

    def __init__(self, *command, state=None):
        self.ours, theirs = pty.openpty()
        self.process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, preexec_fn=self.own_terminal,
                                        env={**os.environ, "XDG_STATE_HOME": state or "/dev/null", "TERM": "vt100"})
        os.close(theirs)
        self.text = ""

    @staticmethod
    def own_terminal():
        import fcntl
        import termios
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def expect(self, pattern):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = re.search(pattern, self.text)
            if found:
                self.text = self.text[found.end():]
                return found
            if select.select([self.ours], [], [], 1)[0]:
                try:
                    self.text += os.read(self.ours, 65536).decode("latin-1")
                except OSError:
                    break
        raise Failed(f"no {pattern!r}; last: {self.text[-300:]!r}")

    def type(self, text):
        os.write(self.ours, text.encode())


def control_c_stops_the_guest():
    forever = symbol("flow", "start_guest")
    typed = Typed(*words("flow", "--debug"))
    try:
        typed.expect(r"\(slate\) ")
        typed.type(f"write p:{forever:#x} eb fe\n")              # a loop on itself
        typed.expect(r"\(slate\) ")
        typed.type("continue\n")
        time.sleep(1)
        typed.type("\x03")
        typed.expect("interrupted")
        typed.expect(r"\(slate\) ")
        typed.type("registers rip\n")
        typed.expect(f"{forever:016x}")
        typed.type("quit\n")
        expect(typed.process.wait(PATIENCE) == 0, "quit did not end it well")
    finally:
        if typed.process.poll() is None:
            typed.process.kill()
        typed.process.wait()


def names_are_completed_and_lines_kept():
    """A tab completes commands and registers; the next run has the lines of the one before."""
    if "libedit" not in subprocess.run(["ldd", SLATE], capture_output=True, text=True).stdout:
        raise Skip("built without libedit")
    with tempfile.TemporaryDirectory(prefix="slate-state-") as state:
        for keys in ("regi\tgs.b\t\n", "\x1b[A\x1b[A\n"):
            typed = Typed(*words("flow", "--debug"), state=state)
            try:
                typed.expect(r"\(slate\) ")
                typed.type(keys)
                typed.expect(r"gs\.base +0{16}")
                typed.expect(r"\(slate\) ")
                typed.type("step\n")
                typed.expect(r"=> ")
                typed.expect(r"\(slate\) ")
                typed.type("\x04")                              # the end of input
                expect(typed.process.wait(PATIENCE) == 0, "the end of input did not end it well")
            finally:
                if typed.process.poll() is None:
                    typed.process.kill()
                typed.process.wait()


def events_are_a_trace(guest, *more):
    """A trace of a whole run: JSON as Perfetto and Chrome read it, in order, slices in pairs, as many exits as --stats counts."""
    with tempfile.TemporaryDirectory(prefix="slate-trace-") as folder:
        file = Path(folder) / "trace.json"
        said, _, complaint = run([f"trace start {file}", "continue", "json trace stop"], guest, "--stats", *more)
        events = json.loads(file.read_text())["traceEvents"]
    summary = facts(said)[-1]["lines"][0]
    last, open_slices, exits = {}, {}, 0
    for event in events:
        expect({"ph", "ts", "pid", "tid", "name"} <= event.keys() and event["ph"] in "BEiM", f"no event of this format: {event}")
        track = event["tid"]
        if event["ph"] == "M":
            continue
        expect(event["ts"] >= last.get(track, 0), f"an event before the one in front of it: {event}")
        last[track] = event["ts"]
        open_slices[track] = open_slices.get(track, 0) + {"B": 1, "E": -1}.get(event["ph"], 0)
        expect(open_slices[track] in (0, 1), f"slices overlap: {event}")
        exits += event["ph"] == "B" and event["cat"] == "exit"
    expect(set(open_slices.values()) <= {0}, "a slice doesn't end")
    counted = int((re.search(r'^vm_exits +(\d+)$', complaint, re.M) or [0, 0])[1])
    expect(exits == summary["exits"] == counted, f"{exits} exits in the file, {summary['exits']} told, {counted} counted by --stats")
    moments = sum(event["ph"] == "i" for event in events)
    expect(moments >= summary["exceptions"] + summary["interrupts"] > 0, f"{moments} moments: {summary}")
    return len(last)


def traces_change_no_run():
    """The hash of a run that is traced is that of one that isn't."""
    hashes = []
    for commands in (["trace start /dev/null", "continue", "trace stop"], ["continue"]):
        _, _, text = run(commands, "svm_exits", "--cpu", "max-amd", "--hash-every", "100000000")
        hashes.append(re.findall(r"^hash .*$", text, re.M))
    expect(hashes[0] and hashes[0] == hashes[1], f"{hashes[0]} and {hashes[1]}")


def several_cpus_are_several_tracks():
    tracks = events_are_a_trace("smp", "--smp", "2")
    expect(tracks == 2, f"{tracks} tracks")


cases = {
    "events-are-a-trace-vmx": partial(events_are_a_trace, "vmx_exits"),
    "events-are-a-trace-svm": partial(events_are_a_trace, "svm_exits", "--cpu", "max-amd"),
    "several-cpus-are-several-tracks": several_cpus_are_several_tracks,
    "traces-change-no-run": traces_change_no_run,
    "names-are-completed-and-lines-kept": names_are_completed_and_lines_kept,
    "stops-and-goes-on-fast": partial(stops_and_goes_on, "fast"),
    "stops-and-goes-on-slow": partial(stops_and_goes_on, "slow"),
    "by-commands-from-a-file": by_commands_from_a_file,
    "the-end-of-input-ends": the_end_of_input_ends,
    "an-unreadable-file-is-one-line": an_unreadable_file_is_one_line,
    "looking-changes-no-hash": looking_changes_no_hash,
    "control-c-stops-the-guest": control_c_stops_the_guest,
}
sys.exit(report.main(arguments, cases))
