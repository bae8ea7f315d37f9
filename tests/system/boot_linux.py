#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian's kernels, unmodified, boot to a shell, on one CPU and on several; typed commands work; user work is right; poweroff ends."""
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "run"))
import report
from guest_log import warnings
from machine import Machine, image
from report import SOURCE, Skip, expect

MODELS = ["max-intel", "max-amd"]
LONG_MODELS = ["nehalem-ep", "haswell", "icelake", "barcelona", "zen2", "zen3", "zen4"]
KERNELS = ["stable", "newest"]
# At once on every CPU, each bound to its own: its number, which the kernel tells, and the sum of 100,000 zeros.
WORK_ON_EACH = ("for n in $(seq 0 $(($(nproc) - 1))); do taskset $(printf %x $((1 << n))) "
                """sh -c 'echo $(awk "{print \\$39}" /proc/self/stat) $(head -c 100000 /dev/zero | sha256sum)' & done | sort -n; wait""")
SHA256 = hashlib.sha256(bytes(100_000)).hexdigest() + " -"

parser = report.options(__doc__)
arguments = parser.parse_args()


def logs(name):
    directory = Path(arguments.build) / "test-results" / "logs"
    directory.mkdir(parents=True, exist_ok=True)
    return directory / name


def images(kernel):
    """Paths of a kernel and the initial file system; a kernel that apt cannot fetch skips the case."""
    path, complaint = image(arguments, "kernel.sh", kernel)
    if not path:
        raise Skip(f"kernel {kernel}: {complaint}")
    initrd, complaint = image(arguments, "initramfs.sh", *(["i386"] if kernel.startswith("686") else []))
    expect(initrd, f"no initramfs: {complaint}")
    return path, initrd


def start(name, kernel, model, append="", cpus=1):
    path, initrd = images(kernel)
    return Machine(arguments, ["--kernel", path, "--initrd", initrd, "--append", f"console=ttyS0 {append}".strip(),
                               "--cpu", model, "--smp", str(cpus), "--headless"], logs(f"{name}.log"))


def shell(name, kernel, model, cpus=1):
    """Boot to the shell, type, work on each CPU, read the log, power off."""
    with start(name, kernel, model, cpus=cpus) as machine:
        machine.expect(r"^BOOT-READY ")
        expect(machine.command_output("echo $((6 * 7)) is the answer") == "42 is the answer", "echo does not answer")
        release = machine.command_output("uname -r")
        expect(release in Path(arguments.build, "images", f"package-{kernel}").read_text(), f"uname -r says {release}")
        expect(machine.command_output("ls -d /proc/self /bin/busybox | cat").split() == ["/bin/busybox", "/proc/self"],
               "ls does not list")
        expect(machine.command_output("seq 1 5 | while read n; do echo -n $n,; done") == "1,2,3,4,5,", "no pipes")
        expect(machine.command_output("nproc") == str(cpus), "nproc counts other CPUs")
        expect(machine.command_output(WORK_ON_EACH) == "\n".join(f"{n} {SHA256}" for n in range(cpus)), "work on each CPU is wrong")
        found = warnings(machine.command_output("dmesg -r | grep '^<[0-4]>'"))
        expect(not found, f"{len(found)} kernel messages at level 4 or worse: {' | '.join(found)}")
        machine.type("poweroff")
        status = machine.wait()
        expect(status == 0, f"poweroff ended the emulator with status {status}")
        expect(machine.modes_restored(), "the terminal's modes were not restored")


def native_work():
    """What the same programs print on this host."""
    built = Path(arguments.build).resolve() / "images"
    with tempfile.TemporaryDirectory() as directory:
        tools = Path(directory) / "bin"
        tools.mkdir()
        subprocess.run([built / "busybox", "--install", "-s", tools], check=True)
        (tools / "fpwork").symlink_to(built / "fpwork")
        done = subprocess.run([built / "busybox", "sh", SOURCE / "tests/images/work"], cwd=directory, check=True,
                              env={"PATH": str(tools)}, capture_output=True, text=True)
    return done.stdout.splitlines()


def user_work(name, kernel, model):
    """md5sum, sha256sum, gzip, sort, awk, a fork loop and floating point, as on the host."""
    with start(name, kernel, model, "quiet wl=work") as machine:
        machine.expect(r"^WORK-BEGIN$")
        begin = machine.seen
        machine.expect(r"^WORK-END ")
        guest = machine.text[begin:machine.text.rindex("WORK-END")].strip().splitlines()
        host = native_work()
        expect(len(host) > 20, "the work printed too little on the host")
        wrong = [f"{h!r} is {g!r}" for h, g in zip(host, guest) if h != g]
        expect(not wrong and len(host) == len(guest), f"{len(host)} lines on the host, {len(guest)} in the guest; "
               f"different: {' | '.join(wrong[:4])}")
        status = machine.wait()
        expect(status == 0, f"poweroff ended the emulator with status {status}")


def marker(name, kernel, model):
    """Boot to user space and off again: for builds with sanitizers, which are slow."""
    with start(name, kernel, model, "quiet wl=stop") as machine:
        machine.expect(r"^BOOT-READY ")
        status = machine.wait()
        expect(status == 0, f"poweroff ended the emulator with status {status}")


def case(function, name, kernel, model, cpus):
    return lambda: function(name, kernel, model, **({"cpus": cpus} if cpus > 1 else {}))


def all_cases():
    rows = [(shell, "shell", kernel, model, cpus) for model in MODELS for kernel in KERNELS for cpus in [1, 2, 4]]
    rows += [(user_work, "work", "stable", "max-intel", 1), (user_work, "work", "newest", "max-amd", 1)]
    if arguments.long:
        rows += [(shell, "shell", kernel, model, 1) for model in LONG_MODELS for kernel in KERNELS]
        rows += [(shell, "shell", "686-pae", "max-intel", cpus) for cpus in [1, 4]]
        rows += [(shell, "shell", kernel, model, 16) for model in MODELS for kernel in KERNELS]
        rows += [(user_work, "work", "stable", model, 1) for model in LONG_MODELS]
    if arguments.long or arguments.cases:
        rows += [(marker, "marker", kernel, "max-intel", 1) for kernel in ("stable", "newest")]
    named = {"-".join([kind, kernel, model] + ([str(cpus)] if cpus > 1 else [])): (function, kernel, model, cpus)
             for function, kind, kernel, model, cpus in rows}
    return {name: case(function, name, kernel, model, cpus) for name, (function, kernel, model, cpus) in named.items()}


sys.exit(report.main(arguments, all_cases()))
