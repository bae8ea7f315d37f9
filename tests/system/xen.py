#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian's Xen, unmodified, brings its dom0, Debian's kernel, to user space and off again: by --kernel and --module, and from a GRUB CD.

  xen-kernel-MODEL-N, xen-cd-MODEL-N    N CPUs
  xen-domu-MODEL-N                      dom0's xl creates a PVH domU, the same kernel, with N CPUs on N, which works on each
  xen-hvm-MODEL-1                       an HVM domU instead, with QEMU and SeaBIOS (with --long)
"""
import re
import sys
from functools import partial
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "run"))
import report
from machine import Machine, made
from report import expect

MODELS = {"max-intel": "VMX enabled", "max-amd": "SVM enabled"}
BAD = r"Panic on CPU|Kernel panic|Oops:|BUG:|Call Trace|call trace"
arguments = report.options(__doc__).parse_args()


def by_kernel():
    return ["--kernel", made(arguments, "xen.sh"), "--append", "console=com1 dom0_mem=256M,max:256M",
            "--module", made(arguments, "kernel.sh", "newest") + ",console=hvc0 wl=stop", "--module", made(arguments, "initramfs.sh")]


def by_cd():
    return [made(arguments, "cd.sh", "xen")]


def domu(cpus, *words):
    work = ",".join(["wl=run", "dom0work", str(cpus), *words])
    return ["--kernel", made(arguments, "xen.sh"), "--append", "console=com1 dom0_mem=512M,max:512M",
            "--module", made(arguments, "kernel.sh", "newest") + f",console=hvc0 {work}", "--module", made(arguments, "dom0.sh", *words)]


def run(name, words, model, cpus, memory):
    """One run to its end; returns what it printed."""
    logs = Path(arguments.build) / "test-results" / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    with Machine(arguments, [*words, "--cpu", model, "--smp", str(cpus), "--memory", memory, "--headless"], logs / f"{name}.log") as machine:
        machine.expect(r"^BOOT-READY ", BAD)
        machine.expect(r"reboot: Power down", BAD)
        status = machine.wait()
        expect(status == 0, f"power-off ended the emulator with status {status}")
        return machine.text


def boot(name, words, model, cpus):
    text = run(name, words(), model, cpus, "512M")
    for pattern in (r"Xen version 4\.17", rf"\(XEN\) HVM: {MODELS[model]}", r"\(XEN\) HVM: Hardware Assisted Paging",
                    rf"\(XEN\) Brought up {cpus} CPUs", r"Hypervisor detected: Xen PV", rf"Brought up 1 node, {cpus} CPU"):
        expect(re.search(pattern, text), f"no {pattern!r} on the serial line")


# Words to dom0.sh and dom0work, and what the domU's console has to say besides that it works.
KINDS = {"domu": ([], ["Hypervisor detected: Xen HVM", "PVH"]),
         "hvm": (["hvm"], ["SeaBIOS (version ", "Booting from ROM"])}


def create(kind, model, cpus):
    words, seen = KINDS[kind]
    text = run(f"xen-{kind}-{model}-{cpus}", domu(cpus, *words), model, cpus, "1G")
    failed = re.findall(r"^DOM0-FAILED.*|^\(XEN\).*(?:[Cc]rash|triple fault).*", text, re.M)
    expect(not failed, " | ".join(failed))
    expect("DOM0-CREATED" in text and "DOM0-END" in text, "xl create has not come to its end")
    console = text.split("DOM0-CONSOLE", 1)[1]
    expect(re.search(rf"^L2-READY cpus={cpus} ", console, re.M), f"the domU has not come up with {cpus} CPUs")
    worked = re.findall(r"^L2-CPU (\d+) ok$", console, re.M)
    expect(worked == [str(n) for n in range(cpus)], f"work was right on CPUs {' '.join(worked)} only")
    expect(re.search(r"^L2-END ", console, re.M), "the domU did not end")
    for line in seen:
        expect(line in console, f"no {line!r} on the domU's console")


def creations(kind, *cpus):
    return {f"xen-{kind}-{model}-{n}": partial(create, kind, model, n) for model, n in product(MODELS, cpus)}


STARTS = {"kernel": by_kernel, "cd": by_cd}
cases = {f"xen-{start}-{model}-{cpus}": partial(boot, f"xen-{start}-{model}-{cpus}", STARTS[start], model, cpus)
         for start, model, cpus in product(STARTS, MODELS, [1, 4])}
cases.update(creations("domu", 1, 2))
if arguments.long or arguments.cases:
    cases.update(creations("hvm", 1))
sys.exit(report.main(arguments, cases))
