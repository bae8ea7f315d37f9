#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""--clock realtime: the guest's time is the host's, an idle guest costs nearly nothing; --clock icount races through idle time."""
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "run"))
import report
from machine import Machine, image
from report import Skip, expect

arguments = report.options(__doc__).parse_args()
IDLE, WATCHED = 0.02, 15            # of a host CPU; seconds
TICK = os.sysconf("SC_CLK_TCK")


def linux(name, model, cpus, *words, append=""):
    kernel, complaint = image(arguments, "kernel.sh", "newest")
    if not kernel:
        raise Skip(complaint)
    logs = Path(arguments.build) / "test-results" / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    initrd, complaint = image(arguments, "initramfs.sh")
    expect(initrd, complaint)
    return Machine(arguments, ["--kernel", kernel, "--initrd", initrd, "--append", f"console=ttyS0 quiet {append}", "--cpu", model, "--smp", str(cpus),
                               "--headless", *words], logs / f"clock-{name}.log")


def cpu_seconds(machine):
    fields = Path(f"/proc/{machine.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def uptime(machine):
    return float(machine.command_output("cat /proc/uptime").split()[0])


def realtime(name, model, cpus):
    with linux(name, model, cpus, "--clock", "realtime") as machine:
        before, begun = uptime(machine), time.monotonic()
        time.sleep(3)                                          # the kernel's own first works
        used = cpu_seconds(machine)
        time.sleep(WATCHED)
        used = (cpu_seconds(machine) - used) / WATCHED
        machine.command_output("sleep 2")
        host, guest = time.monotonic() - begun, uptime(machine) - before
        machine.type("poweroff")
        expect(machine.wait() == 0, "poweroff")
    expect(used < IDLE, f"an idle guest used {used:.2%} of a host CPU")
    expect(host > WATCHED + 5, f"sleep 2 was over too soon: {host:.2f} s for all")
    expect(abs(guest - host) < 1, f"{host:.2f} s of the host were {guest:.2f} s of the guest")
    print(f"# an idle guest used {used:.2%} of a host CPU; {host:.2f} s of the host, {guest:.2f} s of the guest")


def icount(name, model, cpus):
    """An hour of sleep, without somebody at a terminal, takes no hour."""
    with linux(name, model, cpus, "--serial", "stdout", append="wl=run,sleep,3600") as machine:
        machine.expect("^BOOT-READY ")
        begun = time.monotonic()
        expect(machine.wait() == 0, "poweroff")
        expect(time.monotonic() - begun < 600, "an hour of sleep took ten minutes or more")


CASES = {"realtime-idle-1": lambda: realtime("realtime-idle-1", "max-intel", 1),
         "realtime-idle-4": lambda: realtime("realtime-idle-4", "max-amd", 4),
         "icount-sleep": lambda: icount("icount-sleep", "max-intel", 1)}
sys.exit(report.main(arguments, CASES))
