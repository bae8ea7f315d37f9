#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian's Xen, unmodified, brings its dom0, Debian's kernel, to user space and off again: by --kernel and --module, and from a GRUB CD.

  kernel-MODEL-N, cd-MODEL-N    N CPUs
  domu-MODEL-N                  dom0's xl creates a PVH domU, the same kernel, with N CPUs on N, which works on each
"""
import re
import sys
from functools import partial
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "run"))
import report
from machine import Machine, image
from report import Skip, expect

MODELS = {"max-intel": "VMX enabled", "max-amd": "SVM enabled"}
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


def domu(cpus):
    return ["--kernel", made("xen.sh"), "--append", "console=com1 dom0_mem=512M,max:512M",
            "--module", made("kernel.sh", "newest") + f",console=hvc0 wl=run,dom0work,{cpus}", "--module", made("dom0.sh")]


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


def create(name, model, cpus):
    text = run(name, domu(cpus), model, cpus, "1G")
    failed = re.findall(r"^DOM0-FAILED.*|^\(XEN\).*(?:[Cc]rash|triple fault).*", text, re.M)
    expect(not failed, " | ".join(failed))
    expect("DOM0-CREATED" in text and "DOM0-END" in text, "xl create has not come to its end")
    console = text.split("DOM0-CONSOLE", 1)[1]
    expect(re.search(rf"^L2-READY cpus={cpus} ", console, re.M), f"the domU has not come up with {cpus} CPUs")
    worked = re.findall(r"^L2-CPU (\d+) ok$", console, re.M)
    expect(worked == [str(n) for n in range(cpus)], f"work was right on CPUs {' '.join(worked)} only")
    expect(re.search(r"^L2-END ", console, re.M), "the domU did not end")
    expect("Hypervisor detected: Xen HVM" in console and "PVH" in console, "the domU's kernel does not see that it is a PVH guest")


STARTS = {"kernel": by_kernel, "cd": by_cd}
cases = {f"{start}-{model}-{cpus}": partial(boot, f"{start}-{model}-{cpus}", STARTS[start], model, cpus)
         for start, model, cpus in product(STARTS, MODELS, [1, 4])}
cases.update({f"domu-{model}-{cpus}": partial(create, f"domu-{model}-{cpus}", model, cpus) for model, cpus in product(MODELS, [1, 2])})
sys.exit(report.main(arguments, cases))
