#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures slate beside Debian's qemu-system-x86_64 (TCG) and the host: `make bench`, or tests/bench/bench.py --build DIR.

  build    a full build from nothing, and a rebuild after one instruction family changed: wall seconds
  boot     Debian's kernels by --kernel, from the start of the process until the guest has powered itself off
  work     md5sum, gzip, sort, ... of busybox in the guest (tests/bench/work), without the boot
  screen   a boot with its messages on the VGA's text screen, then 20,000 lines there
  cpus     boots on 1, 2 and 4 CPUs
  idle     what a guest that waits at its shell costs by --clock realtime
  kernels  small compute kernels and 300 KB of generated code (tests/bench/kernels.c, large.py)
  vectors  kernels of x87, scalar SSE, vectors and ciphers (tests/bench/vectors.c). TCG 7.2 has no SHA instructions: there the
           kernel computes the same by general registers
  kvm      KVM in the guest: a mix of cases of tests/images/kvmtest.c under nested and shadow paging, and a kernel booted by
           Debian's QEMU; slate with VMX, slate with SVM and TCG's SVM by turns. The exit status is 1 where the three kernels
           don't list the same vulnerabilities and mitigations
  xen      from a CD: SeaBIOS, GRUB, Xen, its dom0, which creates a PVH domU, to the power-off
  exits    the guest tests/guests/virt/exit_rate.cpp: a round trip of a CPUID exit, in time and in instructions of the host (by
           valgrind), computing in a guest and outside, walks of two stages and of one; VMX beside SVM
  interrupts  VM exits of a kernel with two CPUs under QEMU in KVM, with virtual-interrupt delivery and posted interrupts, and
           without: counts, not times. The exit status is 1 where there are no fewer with than without
  disk     writing with a sync and reading again, in Linux by IDE's DMA, a raw and a qcow2 disk: MiB a second of wall time

Seconds are user CPU seconds of the emulator's process: of all of it by wait4 (boot), else the difference between two
lines on the serial port, read from /proc/PID/stat (10 ms steps) as they come. Slate and QEMU run by turns, on the same
kernel, initramfs and static programs; figures are medians of --runs. The host runs the same programs; what they print
must be the same in all three places, or the exit status is 1. Times pass or fail nothing.

Instructions are slate's ticks between the same points, by RDTSC in the program: slate counts one for each instruction
retired, one more for each further iteration of a REP (there is none in the kernels), and those of the guest's timer
interrupts (under 1 %). The MIPS of the others are that count over their seconds.

Everything is appended to BUILD/bench/history.tsv: time, commit, name, value, unit, conditions. What the runs printed is in
BUILD/bench/logs. The images come from tests/images by way of BUILD/images.

  bench.py --build . --only kernels --runs 1 --scale 0.05 --engine slow     a quick look at the slow engine
  bench.py --build . --only kernels --names sha256,sort --no-qemu           two kernels, slate and the host alone
  bench.py --build . --only kernels --names sha256 --commands               the command lines, for a profiler
  bench.py --build . --only work --options "--without linking"              any other options for slate
"""
import argparse
import json
import math
import os
import re
import selectors
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests/run"))
from machine import image as image_of

FAMILY = "cpu/isa/integer"
NO_CACHE = {**os.environ, "CCACHE_DISABLE": "1"}
QEMU = "qemu-system-x86_64"
PATIENCE = 7200                               # seconds; only ends what hangs
TICK = os.sysconf("SC_CLK_TCK")

# Rounds of each compute kernel at --scale 1: about 1.5 billion instructions, large 0.5 billion.
KERNELS = {"sha256": 5400, "crc32": 2500, "sort": 2700, "list": 11200, "bytecode": 1800, "strings": 1700, "sieve": 260,
           "matrix": 820, "matrix_double": 600, "large": 10000}
# The same of vectors.c, 200 to 900 million instructions; at most so much of TCG's time.
VECTORS = {"x87_mandelbrot": 400, "x87_bodies": 180000, "sse_mandelbrot": 1200, "sse_bodies": 500000, "sse_float": 200000, "sse_integer": 80000,
           "avx_float": 20000, "avx_integer": 180000, "aes_ctr": 120000, "ghash": 100000, "sha_ni": 60000}
SCALAR, SCALAR_LINE, VECTOR_LINE = ["x87_mandelbrot", "x87_bodies", "sse_mandelbrot", "sse_bodies"], 2.0, 1.2
# Rounds of each case of kvmtest at --scale 1; what isn't a rate takes what it takes. The mix is what the lines below are
# about; the other cases run by --names.
KVM_MIX = {"real": 1, "passes-4k": 1, "passes-huge": 1, "out": 200000, "cpuid": 200000, "ud": 20000, "cr3": 200000,
           "mmio-rate": 20000, "churn": 100000}
KVM_CASES = {**KVM_MIX, "switches": 1, "memory-4k": 1, "memory-huge": 1, "memory-large": 1, "moved": 1, "churn-cr3": 40000,
             "unmap": 40000, "halt": 20000, "window": 20000}
KVM_PAGING = {"nested": "", "shadow": "kvm_intel.ept=0 kvm_amd.npt=0"}
# TCG's "max" is a processor without IBRS, so the others are, too. No bit of CPUID says that a processor is free of vmscape:
# all are taken for affected. What else a kernel mitigates is its own choice, the same on all three.
KVM_EMULATORS = {"slate VMX": "max-intel,-spec_ctrl,-stibp", "slate SVM": "max-amd,-auto_ibrs,-ibrs,-ibpb,-amd_stibp"}
KVM_WORDS = "cryptomgr.notests vmscape=force"
QEMU_SVM = "TCG SVM"
# Rounds of each case of exit_rate at --scale 1: about a second.
RATES = {"cpuid": 2000000, "native": 6000, "compute": 6000, "walks-native": 4000000, "walks": 4000000}
RATES_FEW, COUNTED = 1000, (1000, 3000)
MEAN = ["sha256", "crc32", "sort", "list", "bytecode", "strings", "sieve", "matrix"]
WORK = ["md5sum", "sha256sum", "gzip", "sort", "awk", "fork", "pipes", "fp"]
# Work and kernels are compared on equal terms: no tests of ciphers in the background for a second or two after the boot,
# and no mitigations, which depend on what each emulator's CPU reports. The boots are of the kernel as it comes.
QUIET = "cryptomgr.notests mitigations=off"
LINES = {"boot": "first line 1.2, aim 0.8", "work": "first line 1.8, aim 1.0",
         "nested whole": "0.5, aim 0.3", "nested guest tests": "0.25, aim 0.12", "nested a CPUID exit": "0.12, aim 0.06",
         "shadow whole": "0.5, aim 0.3", "xen": "0.25, aim 0.12"}

MARK = re.compile(rb"BENCH-(BEGIN|END|NOTE) (\S+)(?: ([^\r\n]*))?\r?$|BOOT-READY|Kernel panic|no such kernel")


class Wrong(Exception):
    pass


class Shown(Exception):
    """Nothing is to be run."""


# ---- Running one emulator ----------------------------------------------------------------------------------------
def user_seconds(pid, system=False):
    fields = Path(f"/proc/{pid}/stat").read_bytes().rsplit(b")", 1)[1].split()
    return (int(fields[11]) + (int(fields[12]) if system else 0)) / TICK


class Run:
    """What one emulator's run printed: seconds, results and ticks by name, notes, user seconds of the whole process."""

    def __init__(self, name, command, log):
        self.seconds, self.results, self.ticks, self.own, self.wall = {}, {}, {}, {}, {}
        self.notes, self.booted = [], False
        self.name, self.begun, self.rest = name, {}, b""
        with open(log, "wb") as self.log, tempfile.TemporaryFile("w+b") as errors:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)
            try:
                self.listen(process)
                _, status, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
            finally:
                if process.returncode is None:
                    process.kill()
                    process.wait()
            self.total = usage.ru_utime
            errors.seek(0)
            self.errors = errors.read().decode(errors="replace")
        if process.returncode != 0 or not self.booted:
            raise Wrong(f"{name} ended with status {process.returncode}: {self.errors.strip()[-300:]} (log: {log})")

    def listen(self, process):
        end, output = time.monotonic() + PATIENCE, process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            while time.monotonic() < end:
                if not selector.select(5):
                    continue
                data = os.read(output, 65536)
                if not data:
                    return
                now = user_seconds(process.pid)
                self.log.write(data)
                *lines, self.rest = (self.rest + data).split(b"\n")
                for line in lines:
                    self.take(line, now)
        raise Wrong(f"{self.name}: not finished after {PATIENCE} s")

    def take(self, line, now):
        found = MARK.search(line)
        if not found:
            return
        if not found[1]:
            if b"BOOT-READY" not in line:
                raise Wrong(f"{self.name}: {line.decode(errors='replace').strip()}")
            self.booted = True
            return
        kind, name, rest = found[1], found[2].decode(), (found[3] or b"").decode(errors="replace").strip()
        if kind == b"NOTE":
            self.notes.append(f"{name} {rest}")
        elif kind == b"BEGIN":
            self.begun[name], self.wall[name] = now, -time.monotonic()
        else:
            words = rest.split()
            self.wall[name] = self.wall.get(name, 0) + time.monotonic()
            self.seconds[name] = now - self.begun.get(name, now)
            self.results[name] = words[0] if words else ""
            if len(words) > 2:
                self.ticks[name], self.own[name] = int(words[1]), int(words[2])


class Bench:
    def __init__(self, arguments):
        self.arguments, self.build = arguments, arguments.build.resolve()
        self.rows, self.good = [], True       # rows: name, value, unit
        self.logs = self.build / "bench" / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.emulators = ["slate"] + ([QEMU] if shutil.which(QEMU) and not arguments.no_qemu else [])
        self.qemu = len(self.emulators) > 1

    def image(self, *words):
        path, complaint = image_of(self.arguments, *words)
        if not path:
            raise Wrong(f"{' '.join(words)}: {complaint}")
        return str(Path(path).resolve())

    def command(self, emulator, kernel, initrd, words, disk=None):
        """disk: a path and a format."""
        words = " ".join(filter(None, ["console=ttyS0 quiet", self.arguments.append, words]))
        if emulator in (QEMU, QEMU_SVM):
            cpu = "max" if emulator == QEMU else "max,+svm"
            return [QEMU, "-accel", "tcg", "-cpu", cpu, "-m", "1024", "-nographic", "-no-reboot", "-net", "none",
                    "-kernel", kernel, "-initrd", initrd, "-append", words,
                    *(["-drive", f"file={disk[0]},format={disk[1]},if=ide"] if disk else [])]
        engine = ["--engine", self.arguments.engine] if self.arguments.engine else []
        engine += ["--cpu", KVM_EMULATORS[emulator]] if emulator in KVM_EMULATORS else []
        return [str(self.build / "slate"), "--kernel", kernel, "--initrd", initrd, "--append", words, "--headless",
                "--memory", "1G", "--stats=json", *engine, *(["--disk", f"{disk[0]},format={disk[1]}"] if disk else []), *shlex.split(self.arguments.options)]

    def alternate(self, what, *image_and_words, emulators=None):
        """Runs of each emulator, by turns."""
        emulators = emulators or self.emulators
        if self.arguments.commands:
            for emulator in emulators:
                print(shlex.join(self.command(emulator, *image_and_words)))
            raise Shown
        runs = {emulator: [] for emulator in emulators}
        for n in range(self.arguments.runs):
            for emulator in emulators:
                log = self.logs / f"{what}-{emulator.replace(' ', '-')}-{n}.log"
                runs[emulator].append(Run(f"{what}: {emulator}", self.command(emulator, *image_and_words), log))
        return runs

    def row(self, name, value, unit):
        self.rows.append((name, value, unit))

    def same(self, what, name, native, runs):
        """Complains of each result that is not the host's."""
        for emulator, list_of_runs in runs.items():
            for result in {run.results.get(name, "nothing") for run in list_of_runs} - {native}:
                print(f"WRONG: {what} {name}: {emulator} computed {result}, the host {native}")
                self.good = False

    def no_qemu(self):
        if not self.qemu:
            print(f"  ({'QEMU was not asked for' if self.arguments.no_qemu else QEMU + ' is not installed'}: no ratios)")


# ---- What is printed ---------------------------------------------------------------------------------------------
def figure(value, digits=2):
    return "-" if value is None else f"{value:.{digits}f}"


def over(a, b):
    return a / b if a and b else None


def table(title, columns, rows):
    print(f"\n{title}")
    widths = [max(len(c), *(len(r[n]) for r in rows)) for n, c in enumerate(columns)]
    for cells in [columns, *rows]:
        print("  " + "  ".join(c.ljust(w) if n == 0 else c.rjust(w) for n, (c, w) in enumerate(zip(cells, widths))))


def median(runs, value):
    return statistics.median(value(run) for run in runs) if runs else None


def geometric_mean(values):
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values)) if values and all(values) else None


# ---- build -------------------------------------------------------------------------------------------------------
def timed(command, **how):
    start = time.monotonic()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", **how)
    if done.returncode != 0:
        raise Wrong(f"{' '.join(map(str, command))}: {done.stderr.strip()[-500:]}")
    return time.monotonic() - start


def builds(bench):
    """Seconds of a full build of slate from nothing, and of a rebuild after one family changed."""
    directory = bench.build / "bench" / "tree"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    timed([SOURCE / "configure", "-q"], cwd=directory)
    full = timed(["make", "-s", "-j2", "slate"], cwd=directory, env=NO_CACHE)
    for file in directory.glob(f"{FAMILY}*.o"):
        file.unlink()                          # the same to make as a touched source
    again = timed(["make", "-s", "-j2", "slate"], cwd=directory, env=NO_CACHE)
    print(f"\nbuild -j2: {full:.1f} s; after {FAMILY}.cpp changed: {again:.1f} s")
    bench.row("full build, -j2", full, "s")
    bench.row(f"rebuild after {FAMILY}.cpp changed", again, "s")


# ---- boot --------------------------------------------------------------------------------------------------------
def instructions(run):
    stats = re.search(r"^\{.*\}$", run.errors, re.M)
    return json.loads(stats[0]).get("instructions", 0) if stats else 0


def boots(bench):
    initrd, rows = bench.image("initramfs.sh"), []
    for kernel in bench.arguments.kernel or ["newest", "stable"]:
        runs = bench.alternate(f"boot-{kernel}", bench.image("kernel.sh", kernel), initrd, "wl=stop")
        ours, theirs = median(runs["slate"], lambda r: r.total), median(runs.get(QEMU), lambda r: r.total)
        retired = median(runs["slate"], instructions)
        rows.append([kernel, figure(theirs), figure(ours), figure(over(ours, theirs)), figure(retired / 1e6, 0),
                     figure(over(retired / 1e6, ours), 0)])
        for name, value, unit in (("slate", ours, "s"), ("TCG", theirs, "s"), ("slate/TCG", over(ours, theirs), ""),
                                  ("instructions", retired / 1e6, "million")):
            bench.row(f"boot {kernel}, {name}", value, unit)
    table(f"boot, start to power-off, user CPU seconds (slate/TCG: {LINES['boot']})",
          ["kernel", "TCG s", "slate s", "slate/TCG", "million instr.", "slate MIPS"], rows)
    bench.no_qemu()


# ---- work --------------------------------------------------------------------------------------------------------
def native_work(bench, names, permille):
    """Results and user seconds of the same static programs on this host, with busybox for a shell."""
    images, seconds, results = bench.build / "images", {}, {}
    with tempfile.TemporaryDirectory(prefix="slate-bench-") as directory:
        tools = Path(directory) / "bin"
        tools.mkdir()
        subprocess.run([images / "busybox", "--install", "-s", tools], check=True)
        for program in ("kernels", "fpwork"):
            (tools / program).symlink_to(images / program)
        for name in names:
            process = subprocess.Popen([images / "busybox", "sh", SOURCE / "tests/bench/work", str(permille), name],
                                       cwd=directory, env={"PATH": str(tools)}, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE)
            output = process.stdout.read().decode()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            found = re.search(rf"^BENCH-END {name} (\S*)$", output, re.M)
            if process.returncode != 0 or not found:
                raise Wrong(f"work: {name} failed on the host: {output[-200:]}")
            seconds[name], results[name] = usage.ru_utime + usage.ru_stime, found[1]
    return seconds, results


def different_notes(runs):
    """Mitigations that one guest kernel has and the other has not: a comparison is fair only where both have the same."""
    notes = {emulator: [n for n in list_of_runs[0].notes if "Mitigation" in n] for emulator, list_of_runs in runs.items()}
    if len(notes) > 1:
        for note in sorted(set(notes["slate"]) ^ set(notes[QEMU])):
            print(f"  mitigations differ: {'slate' if note in notes['slate'] else 'TCG'}: {note}")


def works(bench):
    permille, names = max(1, round(bench.arguments.scale * 1000)), chosen(bench, WORK)
    runs = bench.alternate("work", bench.image("kernel.sh", (bench.arguments.kernel or ["newest"])[0]), bench.image("bench.sh"),
                           f"{QUIET} wl=run,benchwork," + ",".join([str(permille), "notes", *names]))
    native, results = native_work(bench, names, permille)
    rows = []
    for name in [*names, "together"]:
        value = (lambda r: sum(r.seconds.values())) if name == "together" else (lambda r, n=name: r.seconds.get(n, 0))
        ours, theirs = median(runs["slate"], value), median(runs.get(QEMU), value)
        host = sum(native.values()) if name == "together" else native[name]
        rows.append([name, figure(host), figure(theirs), figure(ours), figure(over(ours, theirs))])
        for emulator, amount, unit in (("slate", ours, "s"), ("TCG", theirs, "s"), ("slate/TCG", over(ours, theirs), "")):
            bench.row(f"work {name}, {emulator}", amount, unit)
        if name != "together":
            bench.same("work", name, results[name], runs)
    table(f"user work without the boot, user CPU seconds (slate/TCG, together: {LINES['work']})",
          ["work", "native s", "TCG s", "slate s", "slate/TCG"], rows)
    different_notes(runs)
    bench.no_qemu()


# ---- screen ------------------------------------------------------------------------------------------------------
def screens(bench):
    permille = max(1, round(bench.arguments.scale * 1000))
    runs = bench.alternate("screen", bench.image("kernel.sh", (bench.arguments.kernel or ["newest"])[0]), bench.image("bench.sh"),
                           f"{QUIET} console=tty0 console=ttyS0 ignore_loglevel wl=run,benchwork,{permille},screen")
    rows = []
    for name, value in (("lines", lambda r: r.seconds.get("screen", 0)), ("boot and lines", lambda r: r.total)):
        ours, theirs = median(runs["slate"], value), median(runs.get(QEMU), value)
        rows.append([name, figure(theirs), figure(ours), figure(over(ours, theirs))])
        for emulator, amount, unit in (("slate", ours, "s"), ("TCG", theirs, "s"), ("slate/TCG", over(ours, theirs), "")):
            bench.row(f"screen {name}, {emulator}", amount, unit)
    table("a console on the VGA's text screen, user CPU seconds", ["what", "TCG s", "slate s", "slate/TCG"], rows)
    bench.no_qemu()


# ---- cpus --------------------------------------------------------------------------------------------------------
def cpus(bench):
    kernel, initrd = bench.image("kernel.sh", (bench.arguments.kernel or ["newest"])[0]), bench.image("initramfs.sh")
    options, totals, rows = bench.arguments.options, {}, []
    for count in (1, 2, 4):
        bench.arguments.options = f"{options} --smp {count}"
        runs = bench.alternate(f"cpus-{count}", kernel, initrd, "wl=stop", emulators=["slate"])
        totals[count] = median(runs["slate"], lambda r: r.total)
        rows.append([str(count), figure(totals[count]), figure(over(totals[count], totals[1]))])
        bench.row(f"boot on {count} CPUs", totals[count], "s")
        bench.row(f"boot on {count} CPUs, of that on one", over(totals[count], totals[1]), "")
    bench.arguments.options = options
    table("boot on several CPUs, start to power-off, user CPU seconds (4 CPUs: at most 1.5 of one's)", ["CPUs", "slate s", "of one's"], rows)


# ---- idle --------------------------------------------------------------------------------------------------------
IDLE_BEFORE, IDLE_SECONDS = 5, 20             # after the shell has come; watched


def idle_share(bench, count):
    """User and system seconds per second of a guest that waits at its shell, at a terminal."""
    command = bench.command("slate", bench.image("kernel.sh", (bench.arguments.kernel or ["newest"])[0]), bench.image("initramfs.sh"), "")
    command += ["--clock", "realtime", "--smp", str(count)]
    if bench.arguments.commands:
        print(shlex.join(command))
        raise Shown
    ours, theirs = os.openpty()
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL)
    os.close(theirs)
    try:
        said, end = b"", time.monotonic() + 600
        while b"/ # " not in said:
            if process.poll() is not None or time.monotonic() > end:
                raise Wrong("idle: no shell")
            said += os.read(ours, 65536)
        time.sleep(IDLE_BEFORE)
        before = user_seconds(process.pid, system=True)
        time.sleep(IDLE_SECONDS)
        return (user_seconds(process.pid, system=True) - before) / IDLE_SECONDS
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def idles(bench):
    rows = []
    for count in (1, 4):
        share = idle_share(bench, count)
        rows.append([str(count), f"{share:.2%}"])
        bench.row(f"idle on {count} CPUs, of a host CPU", share, "")
    table("an idle guest under --clock realtime (at most 2 % of a host CPU)", ["CPUs", "of a host CPU"], rows)


# ---- kernels -----------------------------------------------------------------------------------------------------
def native_kernels(bench, requests):
    """Results and median user seconds (the programs read their own) on this host."""
    seconds, results = {}, {}
    for _ in range(bench.arguments.runs):
        done = subprocess.run([bench.build / "images/kernels", *requests], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, check=True)
        for name, result, microseconds in re.findall(r"^BENCH-END (\S+) (\S+) \d+ (\d+)$", done.stdout, re.M):
            seconds.setdefault(name, []).append(int(microseconds) / 1e6)
            results.setdefault(name, result)
    return {name: statistics.median(list_of) for name, list_of in seconds.items()}, results


def kernel_row(name, native, tcg, slate, million):
    return [name, figure(native, 3), figure(tcg), figure(slate), figure(over(slate, tcg)), figure(million, 0),
            *(figure(over(million, s), 0) for s in (slate, tcg, native))]


def shared(run, name):
    """Whether the guest did much else meanwhile: slate's time-stamp counter runs at 1 GHz, and the program knows its time."""
    return run.own.get(name, 0) * 1000 < 0.9 * run.ticks.get(name, 0) - 4e6


def measured(bench, part, rounds):
    """Of each kernel: native, TCG's and slate's seconds, million instructions."""
    names = chosen(bench, rounds)
    requests = [f"{name}:{max(1, round(rounds[name] * bench.arguments.scale))}" for name in names]
    runs = bench.alternate(part, bench.image("kernel.sh", (bench.arguments.kernel or ["newest"])[0]),
                           bench.image("bench.sh"), f"{QUIET} wl=run,kernels," + ",".join(requests))
    host, results = native_kernels(bench, requests)
    facts = {}
    for name in names:
        ours, theirs = (median(runs.get(e), lambda r: r.seconds.get(name, 0)) for e in ("slate", QEMU))
        million = median(runs["slate"], lambda r: r.ticks.get(name, 0)) / 1e6
        facts[name] = host[name], theirs, ours, million
        bench.same("kernel", name, results[name], runs)
        if any(shared(run, name) for run in runs["slate"]):
            print(f"  the guest was busy with something else beside {name}")
        for who, value, unit in (("native", host[name], "s"), ("TCG", theirs, "s"), ("slate", ours, "s"),
                                 ("slate/TCG", over(ours, theirs), ""), ("slate", over(million, ours), "MIPS")):
            bench.row(f"kernel {name}, {who}", value, unit)
    return facts


KERNEL_COLUMNS = ["kernel", "native s", "TCG s", "slate s", "slate/TCG", "million instr.", "slate MIPS", "TCG MIPS", "native MIPS"]


def kernels(bench):
    facts = measured(bench, "kernels", KERNELS)
    rows = [kernel_row(name, *facts[name]) for name in facts]
    mean = [name for name in MEAN if name in facts]
    if mean:
        ratio = geometric_mean(over(facts[n][2], facts[n][1]) for n in mean)
        rates = [geometric_mean(over(facts[n][3], facts[n][at]) for n in mean) for at in (2, 1, 0)]
        rows.append([f"geometric mean of {len(mean)}", "", "", "", figure(ratio), "", *(figure(r, 0) for r in rates)])
        bench.row(f"kernels, geometric mean of {len(mean)}, slate/TCG", ratio, "")
        for who, rate in zip(("slate", "TCG", "native"), rates):
            bench.row(f"kernels, geometric mean of {len(mean)}, {who}", rate, "MIPS")
    table("compute kernels, user CPU seconds (integer; matrix_double and large are not in the mean)", KERNEL_COLUMNS, rows)
    bench.no_qemu()


def vectors(bench):
    facts, rows = measured(bench, "vectors", VECTORS), []
    for name in facts:
        ratio, line = over(facts[name][2], facts[name][1]), SCALAR_LINE if name in SCALAR else VECTOR_LINE
        rows.append([*kernel_row(name, *facts[name]), f"{line:.1f}{' missed' if ratio and ratio > line else ''}"])
    table("x87, scalar SSE, vectors and ciphers, user CPU seconds (line: at most so much of TCG's time)", [*KERNEL_COLUMNS, "line"], rows)
    bench.no_qemu()


# ---- kvm ---------------------------------------------------------------------------------------------------------
def same_vulnerabilities(bench, runs, shown):
    """Prints what the kernels list in /sys/devices/system/cpu/vulnerabilities; only where it is the same are times to be compared."""
    lists = {}
    for emulator, list_of_runs in runs.items():
        for run in list_of_runs:
            lists.setdefault(tuple(sorted(run.notes)), {})[emulator] = True
    if len(lists) > 1 or () in lists:
        print("WRONG: the kernels' lists of vulnerabilities differ: the seconds are not to be compared")
        bench.good, shown = False, True
    for notes, who in lists.items() if shown else ():
        print(f"  vulnerabilities, as the kernel on {', '.join(who)} lists them:")
        for note in notes:
            print(f"    {note.strip().replace(':', ': ', 1)}")


def kvm_row(bench, name, what, runs, value, scale=1.0, line=""):
    """One line of a table, and its rows in the history."""
    medians = {emulator: median(list_of_runs, value) for emulator, list_of_runs in runs.items()}
    theirs, ratios = medians.get(QEMU_SVM), []
    for emulator, seconds in medians.items():
        bench.row(f"kvm {name}, {emulator}", seconds * scale, what)
        if emulator in KVM_EMULATORS:
            ratios.append(over(seconds, theirs))
            bench.row(f"kvm {name}, {emulator}/TCG", ratios[-1], "")
    return [f"{name}, {what}", *(figure(None if s is None else s * scale)
                                 for s in (theirs, *(medians[e] for e in KVM_EMULATORS))), *map(figure, ratios), line]


KVM_COLUMNS = ["TCG SVM", "slate VMX", "slate SVM", "VMX/TCG", "SVM/TCG", "first line"]


def kvm_rows(bench, runs, paging, counts):
    """Each case, what they come to together, and the whole; the lines are those of the whole mix."""
    the_mix, rows = list(counts) == list(KVM_MIX), []
    lined = the_mix and bench.arguments.scale == 1

    def add(name, what, value, scale=1.0):
        line = LINES.get(f"{paging} {name}", "") if lined else ""
        rows.append(kvm_row(bench, f"{paging} {name}", what, runs, value, scale, line))
    for name in counts:
        add(name, "s", lambda r, n=name: r.seconds.get(n, 0))
    if "cpuid" in counts:
        add("a CPUID exit", "us", lambda r: r.seconds.get("cpuid", 0), 1e6 / counts["cpuid"])
    add("guest tests" if the_mix else "cases together", "s", lambda r: sum(r.seconds.values()))
    add("whole", "s", lambda r: r.total)
    return rows


def kvm_tests(bench, emulators, which, paging):
    names = chosen(bench, KVM_CASES if bench.arguments.names else KVM_MIX)
    counts = {name: max(16, round(KVM_CASES[name] * bench.arguments.scale)) for name in names}
    runs = bench.alternate(f"kvm-{paging}", bench.image("kernel.sh", which), bench.image("kvm.sh", which),
                           f"{KVM_WORDS} {KVM_PAGING[paging]} wl=run,kvmwork,bench," +
                           ",".join(f"{name}:{count}" for name, count in counts.items()), emulators=emulators)
    for name in names:
        bench.same("kvm", name, "ok", runs)
    table(f"KVM with {paging} paging, user CPU seconds, {which} kernel (lines: at most so much of TCG's time)",
          ["case", *KVM_COLUMNS], kvm_rows(bench, runs, paging, counts))
    same_vulnerabilities(bench, runs, paging == "nested")


def kvm_boot(bench, emulators, which, paging):
    runs = bench.alternate(f"kvm-l2-{paging}", bench.image("unpacked.sh", which), bench.image("kvmqemu.sh", which),
                           f"{KVM_WORDS} {KVM_PAGING[paging]} wl=run,kvmwork,qemu,1", emulators=emulators)
    bench.same("kvm", "l2", "status=0", runs)
    rows = [kvm_row(bench, f"{paging} boot of L2", "s", runs, lambda r: r.seconds.get("l2", 0)),
            kvm_row(bench, f"{paging} boots of L1 and L2", "s", runs, lambda r: r.total)]
    table(f"the same kernel by QEMU -accel kvm, {paging} paging, user CPU seconds, {which} kernel",
          ["boot", *KVM_COLUMNS], rows)


def kvms(bench):
    emulators = [*KVM_EMULATORS, *([QEMU_SVM] if bench.qemu else [])]
    for which in bench.arguments.kernel or ["newest"]:
        for paging in KVM_PAGING:
            kvm_tests(bench, emulators, which, paging)
        if bench.qemu and not bench.arguments.names:
            for paging in KVM_PAGING:
                kvm_boot(bench, emulators, which, paging)
    bench.no_qemu()


# ---- xen ---------------------------------------------------------------------------------------------------------
def xens(bench):
    """TCG without SMAP, which it applies to IRET wrongly; the CD's Xen uses neither SMAP nor SMEP."""
    cd = bench.image("cd.sh", "domu")
    slate = [str(bench.build / "slate"), cd, "--headless", "--serial", "stdout", "--memory", "1G", *shlex.split(bench.arguments.options)]
    commands = {"slate VMX": [*slate, "--cpu", "max-intel"], "slate SVM": [*slate, "--cpu", "max-amd"]}
    if bench.qemu:
        commands[QEMU_SVM] = [QEMU, "-accel", "tcg", "-cpu", "max,+svm,-smap", "-m", "1024", "-nographic", "-no-reboot", "-net", "none", "-cdrom", cd, "-boot", "d"]
    if bench.arguments.commands:
        print("\n".join(map(shlex.join, commands.values())))
        raise Shown
    runs = {emulator: [] for emulator in commands}
    for n in range(bench.arguments.runs):
        for emulator, command in commands.items():
            log = bench.logs / f"xen-{emulator.replace(' ', '-')}-{n}.log"
            runs[emulator].append(Run(f"xen: {emulator}", command, log))
            if b"L2-CPU 0 ok" not in log.read_bytes():
                raise Wrong(f"xen: {emulator}: the domU has not worked (log: {log})")
    table("Xen with a domU, from the CD, user CPU seconds (line: at most so much of TCG's time)", ["boot", *KVM_COLUMNS],
          [kvm_row(bench, "xen", "s", runs, lambda r: r.total, line=LINES["xen"])])
    bench.no_qemu()


# ---- exits
def exit_rate(bench, model, what, rounds, before=()):
    """A run of exit_rate that must have gone well: user seconds, what it printed on stderr."""
    guest = bench.build / "guests/exit_rate"
    if not guest.exists():
        raise Wrong(f"{guest} is not there: make guests/built")
    engine = ["--engine", bench.arguments.engine] if bench.arguments.engine else []
    command = [*before, bench.build / "slate", "--kernel", guest, "--headless", "--serial", "null", "--debugcon", "stdio", "--no-reboot",
               "--memory", "64M", "--cpu", model, *engine, *shlex.split(bench.arguments.options), "--append", f"what={what} n={rounds}"]
    if bench.arguments.commands:
        print(shlex.join(map(str, command)))
        return 0, ""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=errors)
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
        out.seek(0), errors.seek(0)
        printed = out.read()
        if not printed.endswith("end 1 ok 0 failed\n"):
            raise Wrong(f"exit_rate {what} on {model}: {printed[-200:]}")
        return usage.ru_utime, errors.read()


def seconds_of_a_round(bench, model, what):
    many = RATES_FEW + max(1, round(RATES[what] * bench.arguments.scale))
    few, all_of_them = (exit_rate(bench, model, what, rounds)[0] for rounds in (RATES_FEW, many))
    return (all_of_them - few) / (many - RATES_FEW)


def instructions_of_a_trip(bench, model):
    """The host's, exactly, or None without valgrind."""
    if not shutil.which("valgrind"):
        return None
    counts = [int(re.search(r"Collected : (\d+)", exit_rate(bench, model, "cpuid", n, ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"])[1])[1])
              for n in COUNTED]
    return (counts[1] - counts[0]) / (COUNTED[1] - COUNTED[0])


def exits(bench):
    every = {(who, what): [] for who in KVM_EMULATORS for what in RATES}
    for _ in range(bench.arguments.runs):
        for who, what in every:
            every[who, what].append(seconds_of_a_round(bench, KVM_EMULATORS[who], what))
    if bench.arguments.commands:
        raise Shown
    time_of = {key: statistics.median(values) for key, values in every.items()}
    figures = {                                # what: of VMX and of SVM, digits
        "round trip of a CPUID exit, us (at most 1)": [[time_of[who, "cpuid"] * 1e6 for who in KVM_EMULATORS], 3],
        "its instructions of the host (at most 2500)": [[instructions_of_a_trip(bench, model) for model in KVM_EMULATORS.values()], 0],
        "speed of computing, guest/outside (at least 0.95)": [[over(time_of[who, "native"], time_of[who, "compute"]) for who in KVM_EMULATORS], 3],
        "time of a walk, nested/native (at most 2)": [[over(time_of[who, "walks"], time_of[who, "walks-native"]) for who in KVM_EMULATORS], 3],
        "a nested walk, us": [[time_of[who, "walks"] * 1e6 for who in KVM_EMULATORS], 3],
    }
    rows = []
    for name, (values, digits) in figures.items():
        ratio = over(*values)
        rows.append([name, *(figure(value, digits) for value in values), figure(ratio)])
        for who, value, unit in (*((who, value, "") for who, value in zip(KVM_EMULATORS, values)), ("VMX/SVM", ratio, "")):
            bench.row(f"exits, {name.split(' (')[0]}, {who}", value, unit)
    table("what virtualization costs, user CPU seconds (VMX and SVM within 20 % of each other)",
          ["case", *KVM_EMULATORS, "VMX/SVM"], rows)
    if not shutil.which("valgrind"):
        print("  (valgrind is not installed: no count of instructions)")


# ---- interrupts
# The kinds of exits that interrupts are the cause of.
OF_INTERRUPTS = ["external interrupt", "interrupt window", "WRMSR", "RDMSR", "APIC access", "APIC write", "virtualized EOI", "TPR below threshold",
                 "EPT misconfiguration"]


# A run from one time on is the same every time; how many of the host's own interrupts meet a running guest is a matter of chance,
# 1,560 to 2,750 of them, so that it takes several.
STARTS = [f"2026-{n:02}-{n:02}T12:00:00" for n in range(1, 7)]


def interrupts(bench):
    words, counts = (bench.image("kernel.sh", "newest"), bench.image("kvmqemu.sh", "newest")), []
    for value in "01":
        sums = Counter()
        for start in STARTS:
            command = bench.command("slate", *words, f"{QUIET} wl=run,kvmwork,qemu,2 kvm_intel.enable_apicv={value}") + ["--cpu", "max-intel", "--smp", "2", "--rtc", start]
            if bench.arguments.commands:
                print(shlex.join(command))
                continue
            stats = re.search(r"^\{.*\}$", Run("interrupts", command, bench.logs / f"interrupts-{value}-{start}.log").errors, re.M)
            sums.update({name: count for name, count in json.loads(stats[0]).items() if name == "vm_exits" or name.startswith("exits: ")})
        counts.append(sums)
    if bench.arguments.commands:
        raise Shown
    kinds = [kind for kind in OF_INTERRUPTS if any(f"exits: {kind}" in count for count in counts)]
    rows = [[kind, *(str(count.get(f"exits: {kind}", 0)) for count in counts)] for kind in kinds]
    without, having = (sum(count.get(f"exits: {kind}", 0) for kind in kinds) for count in counts)
    rows += [["together", str(without), str(having)], ["all exits", *(str(count["vm_exits"]) for count in counts)]]
    bench.row("interrupts, exits without", without, "")
    bench.row("interrupts, exits with", having, "")
    bench.good &= having < without
    table(f"VM exits of a kernel with two CPUs in KVM, without and with enable_apicv, {len(STARTS)} runs together", ["exits", "without", "with"], rows)


# ---- disk
DISK_MIB = 512


def disk_runs(bench, kind, mib):
    """Runs of each emulator, by turns, each on a new image."""
    words = bench.image("kernel.sh", "newest"), bench.image("disks.sh", "newest"), f"{QUIET} wl=run,disks,rate,sda,{mib}"
    runs = {emulator: [] for emulator in bench.emulators}
    with tempfile.TemporaryDirectory(prefix="slate-bench-", dir=bench.build) as directory:
        file = Path(directory) / "disk"
        for n in range(bench.arguments.runs):
            for emulator in bench.emulators:
                command = bench.command(emulator, *words, disk=(file, kind))
                if bench.arguments.commands:
                    print(shlex.join(map(str, command)))
                    continue
                file.unlink(missing_ok=True)
                timed(["qemu-img", "create", "-q", "-f", kind, file, f"{mib}M"])
                runs[emulator].append(Run(f"disk: {emulator}", command, bench.logs / f"disk-{kind}-{emulator}-{n}.log"))
    return runs


def disks(bench):
    mib, rows = max(8, round(DISK_MIB * bench.arguments.scale)), []
    for kind in ("raw", "qcow2"):
        runs = disk_runs(bench, kind, mib)
        if bench.arguments.commands:
            continue
        for what in ("write", "read"):
            bench.same("disk", what, "ok", runs)
            ours, theirs = (median(runs.get(e), lambda r: over(mib, r.wall.get(what, 0)) or 0) for e in ("slate", QEMU))
            rows.append([f"{kind}, {what}", figure(theirs, 0), figure(ours, 0), figure(over(ours, theirs))])
            for who, value, unit in (("slate", ours, "MiB/s"), ("TCG", theirs, "MiB/s"), ("slate/TCG", over(ours, theirs), "")):
                bench.row(f"disk {kind} {what}, {who}", value, unit)
    if rows:
        table(f"disk, {mib} MiB one after the other by IDE's DMA, MiB a second (wall; more is better)", ["disk", "TCG", "slate", "slate/TCG"], rows)
    bench.no_qemu()


def chosen(bench, known):
    """The names asked for by --names that are of this part; all of them without the option."""
    asked = [name for name in bench.arguments.names.split(",") if name]
    names = [name for name in known if not asked or name in asked]
    if not names:
        raise Shown                            # nothing of this part was asked for
    return names


# ---- The whole ---------------------------------------------------------------------------------------------------
PARTS = {"build": builds, "boot": boots, "work": works, "screen": screens, "cpus": cpus, "idle": idles, "disk": disks, "kernels": kernels, "vectors": vectors, "kvm": kvms,
         "xen": xens, "exits": exits, "interrupts": interrupts}


def write_history(bench):
    a = bench.arguments
    commit = subprocess.run(["git", "-C", SOURCE, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    conditions = " ".join(filter(None, [f"runs={a.runs}", f"scale={a.scale:g}", a.engine and f"engine={a.engine}", a.options, a.append]))
    with open(bench.build / "bench" / "history.tsv", "a") as history:
        for name, value, unit in bench.rows:
            if value is not None:
                fields = [time.strftime("%F %T"), commit.stdout.strip(), name, f"{value:.3f}", unit, conditions]
                history.write("\t".join(fields) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build", type=Path, help="the build directory (default build)")
    parser.add_argument("--runs", default=5, type=int, help="runs of each emulator, by turns (default 5)")
    parser.add_argument("--scale", default=1.0, type=float, help="amount of work and of kernel rounds (default 1)")
    parser.add_argument("--only", choices=list(PARTS), action="append", help="this part; may be repeated")
    parser.add_argument("--names", default="", help="only these works, kernels or cases of kvmtest, comma between")
    parser.add_argument("--kernel", choices=["newest", "stable"], action="append",
                        help="Debian kernel (default: boot both, the rest on newest)")
    parser.add_argument("--engine", help="slate's engine: fast or slow")
    parser.add_argument("--options", default="", help="more options for slate")
    parser.add_argument("--append", default="", help="more words for the guests' kernels")
    parser.add_argument("--commands", action="store_true", help="print the emulators' command lines instead of running them")
    parser.add_argument("--no-qemu", action="store_true", help="slate and the host alone")
    arguments = parser.parse_args()
    if arguments.runs < 1 or not arguments.scale > 0:
        parser.error("--runs and --scale must be positive")
    if set(arguments.names.split(",")) - {"", *WORK, *KERNELS, *VECTORS, *KVM_CASES}:
        parser.error(f"--names takes {', '.join([*WORK, *KERNELS, *VECTORS, *KVM_CASES])}")
    bench = Bench(arguments)
    unnamed = [part for part in PARTS if not (arguments.names and part in ("build", "boot", "screen", "cpus", "idle", "disk", "xen", "exits", "interrupts"))]
    for part in arguments.only or unnamed:
        try:
            PARTS[part](bench)
        except Wrong as complaint:
            print(f"bench: {complaint}", file=sys.stderr)
            bench.good = False
        except Shown:
            pass
    write_history(bench)
    return 0 if bench.good else 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))     # so that an emulator is ended with us
    sys.exit(main())
