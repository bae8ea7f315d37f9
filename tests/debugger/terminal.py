#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The debugger at the terminal: commands from a file, from a pipe, and typed at a pseudo terminal."""
import json
import os
import pty
import re
import select
import shutil
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


COVERED = r"""
__attribute__((section(".head"), used)) static const unsigned header[] = {0x1badb002, 0, -0x1badb002u};    /* multiboot 1 */
__attribute__((aligned(16), used)) static char stack[4096];
__asm__(".globl start\nstart: mov $stack + 4096, %esp\n call run\n");
static int twice(int x)
{
    if (x > 100)
        return 0;
    return 2 * x;
}
int never(int x)
{
    return x + 1;
}
void the_end(void)
{
    for (;;)
        ;
}
void run(void)
{
    volatile int sum = 0;
    for (int n = 0; n < 3; n++)
        sum += twice(n);
    if (sum == 7)
        sum = never(sum);
    the_end();
}
"""


def built_with_lines(directory, dwarf):
    source, program = Path(directory) / "covered.c", Path(directory) / "covered"
    source.write_text(COVERED)
    if not shutil.which("cc") or not shutil.which("addr2line"):
        raise Skip("cc and addr2line are missing: install gcc and binutils")
    flags = "-m32 -O0 -ffreestanding -fno-stack-protector -fno-pic -no-pie -static -nostdlib -fcf-protection=none -Wl,--build-id=none"
    done = subprocess.run(["cc", *flags.split(), f"-gdwarf-{dwarf}", "-T", str(report.SOURCE / "tests/guests/guest.ld"), "-o", str(program), str(source)],
                          capture_output=True, text=True, cwd=directory)
    if done.returncode:
        raise Skip(f"cc makes no 32-bit program: {done.stderr.strip().splitlines()[-1]}")
    return program


def tracefile(text):
    """Of lcov's: by source file the lines that have run, and all; and each function with whether it has."""
    run_lines, lines, functions, source = set(), set(), {}, ""
    for line in text.splitlines():
        kind, _, rest = line.partition(":")
        if kind == "SF":
            source = Path(rest).name
        elif kind == "DA":
            number, count = rest.split(",")
            lines.add((source, int(number)))
            if int(count):
                run_lines.add((source, int(number)))
        elif kind == "FNDA":
            count, name = rest.split(",")
            functions[name] = int(count)
    return run_lines, lines, functions


def coverage_has_the_lines_of_addr2line(dwarf):
    """What lcov's file says has run is what addr2line makes of the addresses that have."""
    with tempfile.TemporaryDirectory(prefix="slate-coverage-") as directory:
        program, info, ran = built_with_lines(directory, dwarf), Path(directory) / "info", Path(directory) / "ran"
        commands = [f"symbols {program}", "coverage start", "break the_end", "continue", "coverage stop", f"coverage write {info}", f"coverage write {ran} addresses", "quit"]
        done = subprocess.run([SLATE, "--kernel", str(program), "--memory", "64M", "--headless", "--debug"], input="\n".join(commands) + "\n",
                              capture_output=True, text=True, timeout=PATIENCE)
        expect(info.exists() and ran.exists(), f"nothing was written: {done.stdout[-500:]} {done.stderr}")
        addresses = [line.split()[0] for line in ran.read_text().splitlines()]
        inside = [address for address in addresses if 0x100000 <= int(address, 16) < 0x200000]         # the firmware's are others
        told = subprocess.run(["addr2line", "-e", str(program), *inside], capture_output=True, text=True, check=True).stdout
        named = [re.match(r"(.*):(\d+)", line) for line in told.splitlines()]
        wanted = {(Path(m[1]).name, int(m[2])) for m in named if m}
        run_lines, lines, functions = tracefile(info.read_text())
    expect(len(inside) > 20 and run_lines == wanted, f"has run: {sorted(run_lines)}, by addr2line {sorted(wanted)}")
    begins = COVERED.splitlines().index("    return x + 1;") + 1
    expect(("covered.c", begins) in lines - run_lines, f"line {begins} is not among {sorted(lines - run_lines)}")
    expect(functions == {"twice": 1, "never": 0, "the_end": 0, "run": 1}, f"functions: {functions}")


cases = {
    "events-are-a-trace-vmx": partial(events_are_a_trace, "vmx_exits"),
    "events-are-a-trace-svm": partial(events_are_a_trace, "svm_exits", "--cpu", "max-amd"),
    "several-cpus-are-several-tracks": several_cpus_are_several_tracks,
    "traces-change-no-run": traces_change_no_run,
    "coverage-has-the-lines-of-addr2line-dwarf4": partial(coverage_has_the_lines_of_addr2line, 4),
    "coverage-has-the-lines-of-addr2line-dwarf5": partial(coverage_has_the_lines_of_addr2line, 5),
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
