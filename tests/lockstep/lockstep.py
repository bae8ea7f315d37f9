#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Both engines side by side, compared at the end of each block: freestanding guests, the ROM, a kernel's boot, user programs,
generated streams; all of them disturbed at random instructions.

Each case has its time: two minutes in all, an hour with --long. SLATE_LOCKSTEP_SECONDS changes the time of each case,
SLATE_LOCKSTEP_SEED the seed, which is the day's number with --long. A difference is printed with its seed, the instructions
before it, and the first values that differ."""
import os
import re
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "run"))
import report
from machine import image
from report import SOURCE, Skip, expect

MODELS = ["max-intel", "max-amd", "nehalem-ep", "haswell", "barcelona", "zen2", "zen4"]
USER_SPACE, WORK = 2_530_000_000, 1_300_000_000      # ticks: the newest kernel has come to /init by then, and works so long
PATIENCE = 600                              # seconds beyond a case's time; it only ends what hangs
arguments = report.options(__doc__).parse_args()
seed = os.environ.get("SLATE_LOCKSTEP_SEED") or str(int(time.time()) // 86400 if arguments.long else 1)


def lockstep(mode, seconds, words):
    program = Path(arguments.build) / "lockstep"
    if not program.exists():
        raise Skip(f"{program} was not built: configure's summary says what it needs")
    seconds = os.environ.get("SLATE_LOCKSTEP_SECONDS") or seconds
    done = subprocess.run([str(program), mode, *words, "--seconds", str(seconds), "--seed", seed], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, errors="replace", timeout=float(seconds) + PATIENCE)
    sys.stdout.write(re.sub(r"^", "# ", done.stdout + done.stderr, flags=re.M) + "\n")
    lines = [line for line in done.stderr.splitlines() if not line.startswith("slate: ")]
    expect(done.returncode == 0, f"seed {seed}, status {done.returncode}: {' / '.join(lines)[:500]}")


def names(which):
    text = (SOURCE / "tests/guests/sources.mk").read_text().replace("\\\n", " ")
    return re.search(rf"^guests_{which} =(.*)$", text, re.M).group(1).split()


def guests(seconds, models, which=("32", "64", "boot"), memory="16M"):
    words = ["--memory", memory, "--append", "hello"]
    for name in sum(map(names, which), []):
        words += ["--kernel", str(Path(arguments.build) / "guests" / name)]
    for model in models:
        words += ["--cpu", model]
    lockstep("board", seconds, words)


def rom(seconds):
    words = ["--memory", "16M", "--kernel", str(Path(arguments.build) / "guests/boot_elf32")]
    lockstep("rom", seconds, words + ["--cpu", "max-intel", "--cpu", "max-amd"])


def boot(seconds, kernel, model, *more):
    path, complaint = image(arguments, "kernel.sh", kernel)
    if not path:
        raise Skip(f"kernel {kernel}: {complaint}")
    initrd, complaint = image(arguments, "initramfs.sh", *(["i386"] if kernel == "686-pae" else []))
    expect(initrd, f"no initramfs: {complaint}")
    lockstep("board", seconds, ["--kernel", path, "--initrd", initrd, "--append", "console=ttyS0 quiet wl=work", "--memory", "160M",
                                "--cpu", model, *more])


cases = {
    "boot-start": lambda: boot(600 if arguments.long else 20, "newest", "max-intel"),
    "boot-user": lambda: boot(600 if arguments.long else 20, "newest", "max-amd", "--ahead", str(USER_SPACE + int(seed) * 367_000_000 % WORK)),
    "guests": lambda: guests(600 if arguments.long else 20, MODELS if arguments.long else ["max-intel", "barcelona"]),
    "hypervisors": lambda: guests(600 if arguments.long else 20, MODELS if arguments.long else ["max-intel", "max-amd"], ["virt"], "64M"),
    "streams": lambda: lockstep("streams", 1200 if arguments.long else 40, []),
    "rom": lambda: rom(60 if arguments.long else 5),
}
if arguments.long:
    cases["boot-old"] = lambda: boot(300, "stable", "nehalem-ep")
    cases["boot-32"] = lambda: boot(300, "686-pae", "haswell")
sys.exit(report.main(arguments, cases))
