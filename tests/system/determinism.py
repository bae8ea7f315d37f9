#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The same start gives the same hash over all state, every hundred million instructions and at the end: in a second run, in
both engines, with each of the fast engine's optimizations off, with and without --stats, with banks dropped at random."""
import functools
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "run"))
import report
from machine import PATIENCE, emulator_command, image
from report import Skip, expect

EVERY = 100_000_000
arguments = report.options(__doc__).parse_args()


@functools.cache
def plain_hashes(*words):
    return hashes(list(words))


def hashes(words):
    """The (instructions, hash) pairs of one run, and its exit status."""
    command = emulator_command(arguments, words + ["--hash-every", str(EVERY)])
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=PATIENCE)
    return re.findall(r"^hash (\d+) ([0-9a-f]+)$", done.stderr.decode("latin-1"), re.M), done.returncode


def same(words, other):
    first, status = plain_hashes(*words)
    second, other_status = hashes(other)
    expect(len(first) >= 10, f"only {len(first)} hashes in a boot (status {status})")
    expect(len({value for _, value in first}) > len(first) // 2, "the hash hardly changes while the guest works")
    for (count, value), (other_count, other_value) in zip(first, second):
        expect((count, value) == (other_count, other_value),
               f"at instruction {count}: {value}, and {other_value} at {other_count} in the other run")
    expect(len(first) == len(second) and status == other_status,
           f"{len(first)} hashes, status {status}; in the other run {len(second)}, {other_status}")


def boot(kernel, model, *more):
    path, complaint = image(arguments, "kernel.sh", kernel)
    if not path:
        raise Skip(f"kernel {kernel}: {complaint}")
    initrd, complaint = image(arguments, "initramfs.sh")
    expect(initrd, f"no initramfs: {complaint}")
    return ["--kernel", path, "--initrd", initrd, "--append", "console=ttyS0 quiet wl=stop", "--memory", "256M",
            "--cpu", model, "--headless", *more]


OPTIMIZATIONS = ["linking", "fusion", "dead-flags", "indirect-cache", "return-stack", "fast-handlers", "copying"]


def same_with(kernel, model, *variants):
    """A plain run against one with each of the variants' words."""
    plain = boot(kernel, model)
    for words in variants:
        try:
            same(plain, plain + list(words))
        except report.Failed as failed:
            raise report.Failed(f"{' '.join(words) or 'a second run'}: {failed}") from None


def boots(kernel, model):
    """The reference engine is many times slower: a case of its own, so that it runs beside the others."""
    name = f"boot-{kernel}-{model}"
    return {
        name: lambda: same_with(kernel, model, ["--stats"], ["--drop-banks", "5000"], ["--drop-banks", "300"]),
        f"{name}-slow": lambda: same_with(kernel, model, ["--engine", "slow"]),
        f"{name}-without": lambda: same_with(kernel, model, *(["--without", word] for word in OPTIMIZATIONS)),
    }


def seeds_differ():
    """The other way round: another seed is another run, so the hash does cover what chance feeds."""
    first, _ = hashes(boot("stable", "max-intel", "--max-instructions", "400000000"))
    second, _ = hashes(boot("stable", "max-intel", "--max-instructions", "400000000", "--seed", "1"))
    expect(first and second and first != second, "another --seed gave the same hashes")


cases = {**boots("newest", "max-intel"), "seeds-differ": seeds_differ}
if arguments.long:
    cases.update(boots("stable", "max-amd"))
sys.exit(report.main(arguments, cases))
