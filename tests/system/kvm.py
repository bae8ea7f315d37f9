#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian's KVM in the guest: tests/images/kvmtest on /dev/kvm, and Debian's QEMU that boots the same kernel by -accel kvm.

  kvmtest-KERNEL-MODEL-PAGING-PAGES   paging nested or shadow, transparent huge pages always or never
  kvmtest-KERNEL-MODEL-without-X      a feature that KVM is told not to use; with-X: one that it is told to use
  qemu-KERNEL-MODEL-PAGING-N-M        N CPUs of the inner guest, on M
  deep-KERNEL-MODEL                   KVM in KVM: the kernel boots under QEMU, and there boots itself again under QEMU
What KVM uses must be what the model has, and no kernel may complain.

On `--emulator "qemu-system-x86_64 -accel tcg"` (SVM only) two cases of kvmtest fail for defects of QEMU 7.2: faults (the
error code of a page fault for a reserved bit lacks P), breakpoint (DR7 from the VMCB sets no breakpoint); and the inner
kernel warns of an XSAVE consistency problem, since XSETBV is not intercepted.
"""
import re
import sys
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "run"))
import report
from guest_log import warnings
from machine import Machine, made
from report import Skip, expect

KERNELS = ["stable", "newest"]
MODELS = {"max-intel": "vmx", "max-amd": "svm"}
# Words of the kernel command line that turn nested paging off: one for each vendor, so that both can stand there.
PAGING = {"nested": "", "shadow": "kvm_intel.ept=0 kvm_amd.npt=0"}
# Further parameters, by model: the name of the case and the words.
WITHOUT = {
    "max-intel": {"unrestricted-guest": "kvm_intel.unrestricted_guest=0", "vpid": "kvm_intel.vpid=0",
                  "accessed-dirty": "kvm_intel.eptad=0", "virtual-nmis": "kvm_intel.vnmi=0",
                  "preemption-timer": "kvm_intel.preemption_timer=0", "tdp-mmu": "kvm.tdp_mmu=0",
                  "page-log": "kvm_intel.pml=0", "shadow-vmcs": "kvm_intel.enable_shadow_vmcs=0", "pause-loops": "kvm_intel.ple_gap=0",
                  "virtual-interrupts": "kvm_intel.enable_apicv=0", "virtual-apic": "kvm_intel.enable_apicv=0 kvm_intel.flexpriority=0",
                  "ept-and-vpid": "kvm_intel.ept=0 kvm_intel.vpid=0"},
    "max-amd": {"next-rip": "kvm_amd.nrips=0", "virtual-gif": "kvm_amd.vgif=0", "virtual-vmload": "kvm_amd.vls=0",
                "tdp-mmu": "kvm.tdp_mmu=0"},
}
# What KVM uses only if it is told to.
WITH = {"max-intel": {}, "max-amd": {"avic": "kvm_amd.avic=1"}}
# What KVM's parameters say where nothing is turned off, and which flags /proc/cpuinfo has.
PARAMETERS = {
    "max-intel": {"kvm_intel": {"ept": "Y", "eptad": "Y", "unrestricted_guest": "Y", "vpid": "Y", "vnmi": "Y",
                                "preemption_timer": "Y", "pml": "Y", "enable_shadow_vmcs": "Y",
                                "enable_apicv": "Y", "flexpriority": "Y"}},
    "max-amd": {"kvm_amd": {"npt": "Y", "nrips": "[Y1]", "vgif": "[Y1]"}},
}
FLAGS = {
    "max-intel": ["vmx", "ept", "vpid", "vnmi", "preemption_timer", "invvpid", "ept_x_only", "ept_ad", "tsc_offset", "vtpr",
                  "mtf", "unrestricted_guest", "ple", "shadow_vmcs", "pml", "ept_mode_based_exec", "tsc_scaling", "flexpriority", "apicv", "vapic", "vapic_reg", "vid", "posted_intr"],
    "max-amd": ["svm", "npt", "nrip_save", "decodeassists", "pausefilter", "vgif", "flushbyasid", "lbrv",
                "tsc_scale", "avic", "v_vmsave_vmload"],
}
CASES = 41                          # of kvmtest
LIMIT = {"kvmtest": 20_000_000_000, "qemu": 30_000_000_000, "deep": 400_000_000_000}     # instructions, far more than any case takes
SECONDS = 1500

parser = report.options(__doc__)
arguments = parser.parse_args()
trying = bool(arguments.emulator and "qemu" in arguments.emulator)
BAD = r"Kernel panic|Oops:|BUG:|KVM-LOAD " + ("" if trying else "|Call Trace")


def run(name, kernel, model, initrd, words, limit, cpus=1, memory="1G", seconds=SECONDS, bad=BAD):
    """One boot to the end of kvmwork; returns what it printed."""
    logs = Path(arguments.build) / "test-results" / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    if trying and model == "max-intel":
        raise Skip("TCG has no VMX")
    with Machine(arguments, ["--kernel", kernel, "--initrd", initrd, "--append", f"console=ttyS0 quiet {words}", "--cpu", model,
                             "--smp", str(cpus), "--memory", memory, "--headless", "--max-instructions", str(limit)], logs / f"{name}.log") as machine:
        machine.expect(r"^KVM-LOADED (vmx|svm) ", bad, seconds)
        machine.expect(r"^L1-END ", bad, seconds)
        status = machine.wait()
        expect(status == 0, f"poweroff ended the emulator with status {status}")
        return machine.text


def lines(text, word):
    return re.findall(rf"^{word} (.*)$", text, re.M)


def no_complaint(text):
    found = warnings("\n".join(lines(text, "LOG")))
    expect(not found or trying, f"{len(found)} kernel messages at level 4 or worse: {' | '.join(found)}")


def parameters(text):
    return dict(line.rsplit("=", 1) for line in lines(text, "PARAMETER"))


def features_in_use(text, model):
    """Every feature that the model has is known to the kernel and used by KVM."""
    if trying:
        return
    flags, used = " ".join(lines(text, "FLAGS")).split(), parameters(text)
    missing = [flag for flag in FLAGS[model] if flag not in flags]
    expect(not missing, f"/proc/cpuinfo lacks {' '.join(missing)}")
    for module, wanted in PARAMETERS[model].items():
        for name, value in wanted.items():
            is_now = used.get(f"{module} {name}", "absent")
            expect(re.fullmatch(value, is_now), f"parameter {name} of {module} is {is_now}")


def obeyed(text, model, words):
    """A parameter that was given is in force; those of the other vendor's module are not there."""
    used = parameters(text)
    for module, name, value in re.findall(r"(kvm\w*)\.(\w+)=(\w+)", words):
        is_now = used.get(f"{module} {name}")
        if is_now is not None:
            expect(is_now in {"0": "0N", "1": "1Y"}.get(value, value), f"parameter {name} of {module} is {is_now}, not {value}")


def huge(text, paging, pages):
    """KVM maps 2 MiB pages just where the host has them and, under shadow paging, the guest's tables have them too."""
    figures = dict(re.findall(r"^KVM-(memory-\S+) ok.* pages_2m=(-?\d+)", text, re.M))
    expected = {"memory-4k": False, "memory-large": False, "memory-huge": paging == "nested" and pages == "always",
                "memory-huge-large": pages == "always", "memory-hugetlb": paging == "nested"}
    for name, some in expected.items():
        count = int(figures.get(name, -1))
        expect(count >= 16 if some else count == 0, f"{name}: KVM has mapped {count} pages of 2 MiB")


def kvmtest(name, kernel, model, paging="nested", pages="always", without=""):
    words = f"wl=run,kvmwork,test,1000 transparent_hugepage={pages} {PAGING[paging]} {without}".strip()
    text = run(name, made(arguments, "unpacked.sh", kernel), model, made(arguments, "kvm.sh", kernel), words, LIMIT["kvmtest"])
    failed = re.findall(r"^KVM-(\S+ failed: .*)$", text, re.M)
    expect(not failed, " | ".join(failed))
    passed = re.findall(r"^KVM-(\S+) ok", text, re.M)
    expect(len(passed) == CASES and "KVM-END failures=0" in text, f"{len(passed)} of {CASES} cases passed")
    expect(f"[{pages}]" in " ".join(lines(text, "HUGE")), f"transparent huge pages are not {pages}")
    obeyed(text, model, words)
    huge(text, "shadow" if "ept=0" in words else paging, pages)
    if not without and paging == "nested":
        features_in_use(text, model)
    no_complaint(text)


def qemu(name, kernel, model, paging, cpus, outer):
    words = f"wl=run,kvmwork,qemu,{cpus} {PAGING[paging]}".strip()
    # The newest kernel comes as it is, with what its boot protocol asks of a loader; the other one unpacked.
    first = made(arguments, "kernel.sh", kernel) if kernel == "newest" else made(arguments, "unpacked.sh", kernel)
    text = run(name, first, model, made(arguments, "kvmqemu.sh", kernel), words, LIMIT["qemu"], outer)
    expect(lines(text, "CPUS") == [str(outer)], f"the outer guest has CPUS {lines(text, 'CPUS')}, not {outer}")
    expect("Hypervisor detected: KVM" in text, "the inner kernel does not see KVM")
    expect(re.search(rf"^L2-READY cpus={cpus} ", text, re.M), f"the inner guest has not come up with {cpus} CPUs")
    worked = re.findall(r"^L2-CPU (\d+) ok$", text, re.M)
    expect(worked == [str(n) for n in range(cpus)], f"work was right on CPUs {' '.join(worked)} only")
    expect(re.search(r"^L2-END ", text, re.M), "the inner guest did not end")
    expect(lines(text, "L1-QEMU") == ["status=0"], f"QEMU ended with {' '.join(lines(text, 'L1-QEMU'))}")
    obeyed(text, model, words)
    no_complaint(text)


# Of the kernel in between only what is fatal counts: QEMU 7.2 doesn't tell it what the processor is free of, and it complains of its
# own way with that.
FATAL = r"Kernel panic|Oops:|BUG:|KVM-LOAD "


def deep(name, kernel, model):
    text = run(name, made(arguments, "kernel.sh", kernel), model, made(arguments, "kvmdeep.sh", kernel), "wl=run,kvmwork,deep", LIMIT["deep"], memory="3G", seconds=4 * 3600, bad=FATAL)
    expect(len(re.findall(rf"^KVM-LOADED {MODELS[model]} ", text, re.M)) == 2, "the inner kernel has not loaded KVM")
    expect(re.search(r"^L2-READY cpus=1 ", text, re.M) and re.search(r"^L2-CPU 0 ok$", text, re.M), "the innermost kernel has not come to user space")
    expect(lines(text, "L1-QEMU") == ["status=0"] and lines(text, "DEEP-QEMU") == ["status=0"], "QEMU did not end well")
    no_complaint(text.partition("DEEP-QEMU")[2])


# ./check has every kernel, model and kind of paging, with huge pages in half of them; check-long all that goes together.
QUICK = [(kvmtest, "stable", "max-intel", "nested", "always"), (kvmtest, "stable", "max-intel", "shadow", "never"),
         (kvmtest, "newest", "max-intel", "nested", "never"), (kvmtest, "newest", "max-intel", "shadow", "always"),
         (kvmtest, "stable", "max-amd", "nested", "never"), (kvmtest, "stable", "max-amd", "shadow", "always"),
         (kvmtest, "newest", "max-amd", "nested", "always"), (kvmtest, "newest", "max-amd", "shadow", "never"),
         (qemu, "newest", "max-intel", "nested", 2, 2), (qemu, "stable", "max-intel", "shadow", 1, 1),
         (qemu, "newest", "max-amd", "shadow", 1, 1), (qemu, "stable", "max-amd", "nested", 2, 2)]
LONG = ([(kvmtest, *row) for row in product(KERNELS, MODELS, PAGING, ["always", "never"])] +
        [(qemu, *row) for row in product(KERNELS, MODELS, PAGING, [1, 2], [1, 2])])


def case(function, row, feature="", words=""):
    name = "-".join([function.__name__, *map(str, row)]) + (f"-{feature}" if feature else "")
    return name, lambda: function(name, *row, **({"without": words} if words else {}))


def all_cases():
    if not arguments.long and not arguments.cases:
        return dict(case(function, row) for function, *row in QUICK)
    cases = dict(case(function, row) for function, *row in LONG)
    cases.update(case(deep, ("newest", model)) for model in MODELS)
    for model, kernel in product(MODELS, KERNELS):
        for how, options in ("without", WITHOUT), ("with", WITH):
            cases.update(case(kvmtest, (kernel, model), f"{how}-{feature}", words) for feature, words in options[model].items())
    return cases


sys.exit(report.main(arguments, all_cases()))
