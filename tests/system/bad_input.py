#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Unusable input of any kind: one clear line on standard error, exit status 2."""
import gzip
import os
import random
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "run"))
import report
from machine import emulator_command, image
from report import Skip, expect

arguments = report.options(__doc__).parse_args()


def refused(words, *names, **process):
    """The emulator refuses `words`: status 2, one line that contains each of `names`."""
    done = subprocess.run(emulator_command(arguments, words), stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=120, **process)
    lines = done.stderr.decode("latin-1").strip().splitlines()
    expect(done.returncode == 2, f"{' '.join(words)}: status {done.returncode}, said {lines[:3]}")
    expect(len(lines) == 1, f"{' '.join(words)}: {len(lines)} lines on standard error: {lines[:3]}")
    expect(len(lines[0]) > 10, f"{' '.join(words)}: says only {lines[0]!r}")
    expect(not done.stdout, f"{' '.join(words)}: wrote to standard output")
    for name in names:
        expect(name in lines[0], f"{' '.join(words)}: {lines[0]!r} does not name {name!r}")


def with_file(content, option="--kernel", more=()):
    with tempfile.NamedTemporaryFile(prefix="slate-bad-") as file:
        file.write(content)
        file.flush()
        refused(["--headless", *more, option, file.name], Path(file.name).name)


def bzimage():
    path, complaint = image(arguments, "kernel.sh", "stable")
    if not path:
        raise Skip(f"kernel: {complaint}")
    return Path(path).read_bytes()


def noise(size):
    return random.Random(size).randbytes(size)


def elf(bits=32, machine=3, segments=(), entry=0x100000, count=None, cut=None):
    """An ELF executable whose program headers are `segments`: (offset, address, size in file, in memory)."""
    header, each = (52, 32) if bits == 32 else (64, 56)
    word = "I" if bits == 32 else "Q"
    ident = b"\x7fELF" + bytes([bits // 32, 1, 1]) + bytes(9)
    head = ident + struct.pack(f"<HHI{word}{word}{word}IHHHHHH", 2, machine, 1, entry, header, 0, 0, header, each,
                               len(segments) if count is None else count, 0, 0, 0)
    rows = b"".join(struct.pack("<IIIIIIII", 1, o, a, a, f, m, 7, 4096) if bits == 32 else
                    struct.pack("<IIQQQQQQ", 1, 7, o, a, a, f, m, 4096) for o, a, f, m in segments)
    return (head + rows + bytes(256))[:cut]


def missing():
    for option in ("--kernel", "--config"):
        refused(["--headless", option, "/nonexistent/file"], "/nonexistent/file")
    refused(["--headless", "--kernel", "/dev/null", "--serial", "file:/nonexistent/x/y"], "/nonexistent/x/y")


def directories():
    for option in ("--kernel", "--config"):
        refused(["--headless", option, "/usr"], "/usr")


def unreadable():
    with tempfile.TemporaryDirectory(prefix="slate-bad-") as directory:
        os.chmod(directory, 0o755)
        file = Path(directory) / "secret"
        file.write_bytes(noise(4096))
        file.chmod(0)
        who = {}
        if os.geteuid() == 0:
            # Root reads anything; nobody must at least be able to start the emulator.
            who = {"user": 65534, "group": 65534, "extra_groups": []}
            command = emulator_command(arguments, ["--version"])
            try:
                subprocess.run(command, capture_output=True, check=True, timeout=60, **who)
            except (OSError, subprocess.CalledProcessError):
                raise Skip("running as root, and the build directory is closed to nobody")
        refused(["--headless", "--kernel", str(file)], "secret", **who)


def empty_kernel():
    with_file(b"")


def foreign_kernels():
    with_file(noise(100_000))
    with_file(b"#!/bin/sh\necho no kernel\n" * 100)
    with_file(b"\x89PNG\r\n\x1a\n" + bytes(10_000))
    with_file(elf(64, machine=183, segments=[(0, 0x100000, 256, 256)]))       # AArch64
    with_file(elf(32, machine=40, segments=[(0, 0x100000, 256, 256)]))        # ARM
    with_file(gzip.compress(noise(100_000)))


def truncated_bzimages():
    whole = bzimage()
    for size in (1, 511, 512, 0x1f1, 0x202, 0x230, 4096, len(whole) // 2, len(whole) - 4096):
        with_file(whole[:size])


def corrupted_bzimages():
    whole = bzimage()
    for offset, value in ((0x1fe, b"\0\0"), (0x202, b"HdrX"), (0x206, b"\0\0"), (0x1f1, b"\xff"),
                          (0x1f4, b"\xff\xff\xff\xff"), (0x211, b"\0")):
        with_file(whole[:offset] + value + whole[offset + len(value):])


def damaged_gzip():
    good = gzip.compress(elf(segments=[(0, 0x100000, 128, 4096)]) + noise(50_000))
    with_file(good[:len(good) // 2])
    with_file(good[:10])
    with_file(good[:1000] + bytes(100) + good[1100:])
    with_file(good[:-8] + bytes(8))


def damaged_elf():
    fits = [(0, 0x100000, 128, 4096)]
    for bits, machine in ((32, 3), (64, 62)):
        for cut in (5, 16, 40, 60, 70):
            with_file(elf(bits, machine, fits, cut=cut))
        with_file(elf(bits, machine, []))
        with_file(elf(bits, machine, fits, count=0xffff))
        with_file(elf(bits, machine, [(0x1000_0000, 0x100000, 4096, 4096)]))            # beyond the file
        with_file(elf(bits, machine, [(0xffff_ff00, 0x100000, 0x200, 0x200)]))          # wraps
        with_file(elf(bits, machine, [(0, 0xffff_f000, 128, 0x2000)]))                  # beyond memory
        with_file(elf(bits, machine, [(0, 0x100000, 128, 0xffff_0000)]))                # larger than memory
        with_file(elf(bits, machine, [(0, 0x100000, 128, 16)]))                         # more file than memory


def initrds():
    with tempfile.NamedTemporaryFile(prefix="slate-kernel-") as kernel:
        kernel.write(bzimage())
        kernel.flush()
        for name in ("/nonexistent/initrd", "/usr"):
            refused(["--headless", "--kernel", kernel.name, "--initrd", name], name)
        with tempfile.NamedTemporaryFile(prefix="slate-large-") as large:
            large.truncate(200 << 20)
            refused(["--headless", "--memory", "128M", "--kernel", kernel.name, "--initrd", large.name],
                    Path(large.name).name)


def modules():
    with tempfile.NamedTemporaryFile(prefix="slate-kernel-") as kernel:
        kernel.write(bzimage())
        kernel.flush()
        refused(["--headless", "--kernel", kernel.name, "--module", "/nonexistent/module"], "module")


def every_file_option():
    """Each option that names a file, with each thing that is no usable file."""
    with tempfile.TemporaryDirectory(prefix="slate-bad-") as directory:
        kernel, huge, pipe = Path(directory, "kernel"), Path(directory, "huge"), Path(directory, "pipe")
        kernel.write_bytes(elf(segments=[(0, 0x100000, 128, 4096)]))
        with open(huge, "wb") as file:
            file.truncate(1 << 40)
        os.mkfifo(pipe)
        for option in ("--kernel", "--initrd", "--module", "--config", "--bochsrc"):
            first = [] if option == "--kernel" else ["--kernel", str(kernel)]
            for name in ("/nonexistent/file", directory, str(huge), str(pipe), "/dev/zero"):
                refused(["--headless", "--max-instructions", "1", *first, option, name], name)


def images():
    """What is no usable image; and images that are used by two, or too many."""
    with tempfile.TemporaryDirectory(prefix="slate-bad-") as directory:
        kernel, disk, pipe = Path(directory, "kernel"), Path(directory, "disk"), Path(directory, "pipe")
        kernel.write_bytes(elf(segments=[(0, 0x100000, 128, 4096)]))
        disk.write_bytes(bytes(1 << 20))
        os.mkfifo(pipe)
        start = ["--headless", "--max-instructions", "1", "--kernel", str(kernel)]
        for option in ([], ["--disk"], ["--cdrom"], ["--floppy"]):
            for name in ("/nonexistent/file", directory, str(pipe), "/dev/zero"):
                refused([*start, *option, name], name)
        for content, word in ((b"", "empty"), (b"QFI\xfb" + bytes(2), "qcow2"), (b"QFI\xfb" + noise(4096), "qcow2"), (b"KDMV" + bytes(512), "vmdk"),
                              (b"QFI\xfb\0\0\0\3" + bytes(12) + b"\0\0\0\x10" + b"\xff" * 500, "qcow2")):
            bad = Path(directory, "bad")
            bad.write_bytes(content)
            refused([*start, "--disk", str(bad)], str(bad), word)
        refused([*start, "--disk", f"{disk},format=qcow2"], "qcow2")
        refused([*start, "--floppy", str(disk)], "1048576")
        refused([*start, "--disk", str(disk), "--disk", str(disk)], "in use")
        others = [Path(directory, f"disk{n}") for n in range(5)]
        for other in others:
            other.write_bytes(bytes(512))
        refused([*start, *map(str, others)], "four")
        refused([*start, "--disk", f"{disk},format=vmdk"], "vmdk")
        refused([*start, "--disk", f"{disk},bus=scsi"], "scsi")
        refused([*start, "--boot", "z"], "boot")


def unknown_options():
    for words in (["--nonsense"], ["--kernel"], ["-q"], ["--headless=maybe"], ["--list", "nonsense"]):
        refused(words)


def bad_values():
    for option, values in {
            "--memory": ["0", "x", "-1", "1", "99999999T", "1Q", ""], "--smp": ["0", "x", "-1", "100000"],
            "--cpu": ["nope", "max-intel,+nope", "max-intel,vmx", ""], "--ips": ["0", "x", "-5"],
            "--seed": ["x", "-1", "99999999999999999999999"], "--max-instructions": ["x", "-1"],
            "--timeout": ["x", "-1"], "--engine": ["warp"], "--clock": ["wall"], "--rtc": ["yesterday"],
            "--device": ["nope", ""], "--board": ["q99"], "--serial": ["bogus", "tcp:x"]}.items():
        for value in values:
            refused(["--headless", "--kernel", "/dev/null", option, value], option.lstrip("-"))


def nothing_to_boot():
    refused(["--headless"])


def configs():
    for content in (b"nonsense = 1\n", b"[section\nmemory\n", b"memory = lots\n", noise(5000), b"\0" * 100,
                    b"memory = 1G\n" * 3 + b"= = =\n"):
        with tempfile.NamedTemporaryFile(prefix="slate-config-") as file:
            file.write(content)
            file.flush()
            refused(["--headless", "--config", file.name])


cases = {function.__name__.replace("_", "-"): function for function in (
    missing, directories, unreadable, empty_kernel, foreign_kernels, truncated_bzimages, corrupted_bzimages,
    damaged_gzip, damaged_elf, initrds, modules, every_file_option, images, unknown_options, bad_values, nothing_to_boot, configs)}
sys.exit(report.main(arguments, cases))
