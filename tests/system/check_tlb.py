#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""--check=tlb on systems that invalidate as they should: Linux, KVM with its guests, Xen with its dom0; it has nothing to report.

  boot-KERNEL-MODEL-N            to user space on N CPUs, and off
  kvm-KERNEL-MODEL-PAGING-N      KVM's tests of its guests, on N CPUs
  qemu-KERNEL-MODEL-PAGING-N     the kernel boots in KVM by QEMU, with N CPUs on N
  xen-MODEL-N                    dom0
"""
import re
import sys
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "run"))
import report
from machine import Machine, made
from report import expect

MODELS = ["max-intel", "max-amd"]
PAGING = {"nested": "", "shadow": "kvm_intel.ept=0 kvm_amd.npt=0"}
BAD = r"Kernel panic|Panic on CPU|Oops:|BUG:|KVM-LOAD "
SUMMARY = re.compile(r"check tlb: (\d+) stale uses reported, (\d+) in flight, (\d+) undecided at the end(, \d+ overlooked)?")
SECONDS = 3000
arguments = report.options(__doc__).parse_args()


def silent(name, words, ends, cpus):
    """Runs until each of `ends` has been said, and the machine is off; nothing is stale."""
    logs = Path(arguments.build) / "test-results" / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    with Machine(arguments, [*words, "--smp", str(cpus), "--memory", "1G", "--headless", "--check=tlb"], logs / f"check_tlb-{name}.log") as machine:
        for end in ends:
            machine.expect(end, BAD, SECONDS)
        machine.wait()
        machine.errors.seek(0)
        said = machine.errors.read()
    counts = SUMMARY.search(said)
    expect(counts, f"no summary: {said[-300:]}")
    expect(counts[1] == "0" and counts[3] == "0" and not counts[4], f"{counts[0]}: {said[:400]}")


def boot(name, kernel, model, cpus):
    silent(name, ["--kernel", made(arguments, "kernel.sh", kernel), "--initrd", made(arguments, "initramfs.sh"), "--append", "console=ttyS0 wl=stop", "--cpu", model],
           [r"^BOOT-READY ", r"reboot: Power down"], cpus)


def kvm(name, kernel, model, paging, cpus):
    silent(name, ["--kernel", made(arguments, "unpacked.sh", kernel), "--initrd", made(arguments, "kvm.sh", kernel), "--cpu", model,
                  "--append", f"console=ttyS0 quiet wl=run,kvmwork,test,1000 {PAGING[paging]}"], [r"^KVM-LOADED ", r"^KVM-END failures=0", r"^L1-END "], cpus)


def qemu(name, kernel, model, paging, cpus):
    silent(name, ["--kernel", made(arguments, "unpacked.sh", kernel), "--initrd", made(arguments, "kvmqemu.sh", kernel), "--cpu", model,
                  "--append", f"console=ttyS0 quiet wl=run,kvmwork,qemu,{cpus} {PAGING[paging]}"], [r"^KVM-LOADED ", r"^L2-END ", r"^L1-END "], cpus)


def xen(name, model, cpus):
    silent(name, ["--kernel", made(arguments, "xen.sh"), "--append", "console=com1 dom0_mem=256M,max:256M", "--module",
                  made(arguments, "kernel.sh", "newest") + ",console=hvc0 wl=stop", "--module", made(arguments, "initramfs.sh"), "--cpu", model],
           [r"^BOOT-READY ", r"reboot: Power down"], cpus)


QUICK = [(boot, "stable", "max-intel", 1), (boot, "newest", "max-amd", 2)]
LONG = (QUICK + [(boot, *row) for row in product(["stable", "newest"], MODELS, [1, 4])] +
        [(kvm, *row) for row in product(["stable", "newest"], MODELS, PAGING, [1])] + [(kvm, "newest", model, "nested", 2) for model in MODELS] +
        [(qemu, *row) for row in product(["newest"], MODELS, PAGING, [1, 2])] + [(xen, *row) for row in product(MODELS, [1, 2])])


def case(function, *row):
    name = "-".join([function.__name__, *map(str, row)])
    return name, lambda: function(name, *row)


sys.exit(report.main(arguments, dict(case(*row) for row in (LONG if arguments.long or arguments.cases else QUICK))))
