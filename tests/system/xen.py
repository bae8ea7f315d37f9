#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian's Xen, unmodified, brings its dom0, Debian's kernel, to user space and off again: by --kernel and --module, and from a GRUB CD."""
import re
import sys
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "run"))
import report
from machine import Machine, image
from report import Skip, expect

MODELS = {"max-intel": "VMX enabled", "max-amd": "SVM enabled"}
CPUS = [1, 4]
BAD = r"Panic on CPU|Kernel panic|Oops:|BUG:|Call Trace|call trace"
arguments = report.options(__doc__).parse_args()


def made(*words):
    path, complaint = image(arguments, *words)
    if not path:
        raise Skip(f"{' '.join(words)}: {complaint}")
    return path


def by_kernel():
    return ["--kernel", made("xen.sh"), "--append", "console=com1 dom0_mem=256M,max:256M",
            "--module", made("kernel.sh", "newest") + ",console=hvc0 wl=stop", "--module", made("initramfs.sh")]


def by_cd():
    return [made("cd.sh", "xen")]


def boot(name, words, model, cpus):
    logs = Path(arguments.build) / "test-results" / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    with Machine(arguments, [*words(), "--cpu", model, "--smp", str(cpus), "--memory", "512M", "--headless"], logs / f"{name}.log") as machine:
        machine.expect(r"^BOOT-READY ", BAD)
        machine.expect(r"reboot: Power down", BAD)
        status = machine.wait()
        expect(status == 0, f"power-off ended the emulator with status {status}")
        for pattern in (r"Xen version 4\.17", rf"\(XEN\) HVM: {MODELS[model]}", r"\(XEN\) HVM: Hardware Assisted Paging",
                        rf"\(XEN\) Brought up {cpus} CPUs", r"Hypervisor detected: Xen PV", rf"Brought up 1 node, {cpus} CPU"):
            expect(re.search(pattern, machine.text), f"no {pattern!r} on the serial line")


def case(start, words, model, cpus):
    name = f"{start}-{model}-{cpus}"
    return name, lambda: boot(name, words, model, cpus)


STARTS = {"kernel": by_kernel, "cd": by_cd}
sys.exit(report.main(arguments, dict(case(start, STARTS[start], model, cpus) for start, model, cpus in product(STARTS, MODELS, CPUS))))
