#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the debugger costs a guest that works, in instructions of the host, counted by valgrind: the difference between two lengths of one run,
so that start and end don't count. The guest (tests/guests/busy.cpp) sorts, walks a list, counts words, interprets bytecode and multiplies
matrices, a page of code for each, with paging on. With nothing set at most 1 % more than a build with --disable-debugger takes, with ten
breakpoints at most 5 % more:

  four in pages that run, where the guest doesn't come by; three in a function that runs once in about 400,000 instructions, under a
  condition, a count and another CR3, so that each is met and lets go on; one at a physical address; two at the offset in its page of an
  instruction of the hottest loop, in other pages, so that each pass of the loop has to tell them apart.

A breakpoint in a loop, whose condition is asked for at each pass, is none of these: what a pass then costs is printed and judged by nothing.

For the comparison BUILD-without-debugger is made beside BUILD, where ccache finds the objects of BUILD: by --long alone, since it takes minutes.
"""
import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "run"))
import report
from report import SOURCE, Skip, expect

SHORT, LONG = 1_500_000, 4_500_000              # instructions of the guest; its start takes some 50,000
PATIENCE, BUILD_PATIENCE = 900, 5400            # seconds; they only end what hangs
LIMIT = 8                                       # the exit status at --max-instructions
arguments = report.options(__doc__).parse_args()
BUILD = Path(arguments.build).resolve()
GUEST = BUILD / "guests" / "busy"


@functools.cache
def symbols():
    done = subprocess.run(["nm", str(GUEST)], capture_output=True, text=True)
    found = {name: int(address, 16) for address, name in re.findall(r"^([0-9a-f]+) \w (\S+)$", done.stdout, re.M)}
    if not found:
        raise Skip(f"no symbols in {GUEST}: {done.stderr.strip()}")
    return found


def at(name):
    where = [address for symbol, address in symbols().items() if symbol == name or symbol.startswith(f"_ZL{len(name)}{name}")]
    expect(len(where) == 1, f"{GUEST} has {len(where)} symbols for {name}")
    return where[0]


def run(slate, instructions, commands):
    """The host's instructions of one run, and what it printed."""
    with tempfile.NamedTemporaryFile("w", prefix="slate-commands-") as file:
        file.write("".join(line + "\n" for line in commands or []))
        file.flush()
        words = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null", str(slate), "--kernel", str(GUEST),
                 "--headless", "--serial", "null", "--no-reboot", "--memory", "64M",
                 "--max-instructions", str(instructions), *(["--commands", file.name] if commands else [])]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=PATIENCE)
    counted = re.search(r"I\s+refs:\s+([\d,]+)", done.stderr)
    expect(counted, f"valgrind counted nothing: {done.stderr.strip()[-300:]}")
    expect(done.returncode == LIMIT, f"status {done.returncode}, not {LIMIT}: {done.stdout[-300:]} {done.stderr.strip()[-300:]}")
    return int(counted[1].replace(",", "")), done.stdout


@functools.cache
def cost(slate, *commands):
    """The host's instructions for one of the guest's, and what the longer run printed."""
    if not shutil.which("valgrind"):
        raise Skip("valgrind is not installed")
    (few, _), (many, said) = (run(slate, n, commands) for n in (SHORT, LONG))
    return (many - few) / (LONG - SHORT), said


def with_debugger():
    return arguments.emulator or str(BUILD / "slate")


def ten_breakpoints():
    inner, word = at("busy_inner"), at("count_word")
    return [*(f"break {at(f'busy_cold_{page}'):#x}" for page in ("sort", "list", "words", "machine")),
            f"break {at('busy_round'):#x} if rdi == 99", f"break {at('busy_round_ends'):#x} count 1000000", f"break {at('multiply'):#x} cr3=0x1000",
            f"break p:{at('busy_cold_sort') + 0x800:#x}", f"break {inner + 0x100000:#x}", f"break {word + 0x100000:#x}"]


def judge(what, more, base, percent):
    ratio = more / base
    print(f"note {what}: {more:.3f} instructions of the host for one of the guest's, {base:.3f} without: {(ratio - 1) * 100:+.2f} % (at most {percent})")
    expect(ratio <= 1 + percent / 100, f"{what}: {(ratio - 1) * 100:+.2f} %, more than {percent}")


def nothing_set():
    """A debugger that is there and waits for nothing, beside a run without one."""
    judge("nothing set", cost(with_debugger(), "continue")[0], cost(with_debugger())[0], 1)


def breakpoints():
    commands = [*ten_breakpoints(), "list"]
    _, said = cost(with_debugger(), *commands, "continue", "list")
    met = [int(n) for n in re.findall(r"met (\d+) times", said)]
    expect(len(met) == 20, f"{len(met)} breakpoints were listed, not twice ten: {said[-500:]}")
    judge("ten breakpoints", cost(with_debugger(), *commands, "continue", "list")[0], cost(with_debugger())[0], 5)
    per_pass = cost(with_debugger(), f"break {at('count_word'):#x} if rsi == 99", "continue")[0]
    print(f"note a condition in a function that runs 512 times a round: {per_pass / cost(with_debugger())[0]:.2f} times the host's instructions")


@functools.cache
def build_without():
    """A slate without the debugger."""
    folder = BUILD.with_name(BUILD.name + "-without-debugger")
    folder.mkdir(exist_ok=True)
    if not (folder / "Makefile").exists():
        words = [str(SOURCE / "configure"), "-q", "--disable-debugger"]
        subprocess.run(words, cwd=folder, check=True, timeout=PATIENCE, capture_output=True)
    done = subprocess.run(["make", "-s", f"-j{os.cpu_count()}", "slate"], cwd=folder, timeout=BUILD_PATIENCE, capture_output=True, text=True,
                          env={**os.environ, "CCACHE_NOHASHDIR": "1"})
    expect(done.returncode == 0, f"a build without the debugger fails: {done.stderr.strip()[-500:]}")
    return folder / "slate"


def left_out():
    judge("nothing set, beside a build without a debugger", cost(with_debugger())[0], cost(build_without())[0], 1)


def left_out_says_so():
    """The options that need it are refused by a message."""
    for option in (["--debug"], ["--gdb", ":0"], ["--control", ":0"], ["--commands", "/dev/null"]):
        done = subprocess.run([str(build_without()), "--kernel", str(GUEST), "--headless", *option], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=PATIENCE)
        expect(done.returncode == 2 and "--disable-debugger" in done.stderr, f"{option[0]}: status {done.returncode}, {done.stderr.strip()[-200:]}")


def left_out_runs():
    done = subprocess.run([str(build_without()), "--kernel", str(GUEST), "--headless", "--serial", "null", "--debugcon", "stdio", "--no-reboot"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    expect("ok rounds of work" in done.stdout and done.returncode == 1, f"status {done.returncode}: {done.stdout[-200:]} {done.stderr[-200:]}")


cases = {"nothing-set": nothing_set, "ten-breakpoints": breakpoints}
if arguments.long:
    cases |= {"left-out": left_out, "left-out-says-so": left_out_says_so, "left-out-runs": left_out_runs}
sys.exit(report.main(arguments, cases))
