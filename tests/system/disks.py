#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Linux works on disks: partitioned, formatted as ext4, written, checked, booted from; raw and qcow2, with equal contents.
An emulator killed while the guest writes loses nothing that the guest was told is on the disk."""
import contextlib
import hashlib
import os
import random
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "run"))
import report
from machine import Machine, image
from report import Failed, Skip, expect

SIZE = 96 << 20
BAD = r"DISK-FAILED|DISK-LOST|Kernel panic|Oops:|BUG:|EXT4-fs error|ata\d.*(?:exception|failed|timeout)|Buffer I/O error"
arguments = report.options(__doc__).parse_args()


def logs(name):
    directory = Path(arguments.build) / "test-results" / "logs"
    directory.mkdir(parents=True, exist_ok=True)
    return directory / f"{name}.log"


def start(name, action, *words, how="run"):
    kernel, complaint = image(arguments, "kernel.sh", "newest")
    if not kernel:
        raise Skip(f"kernel: {complaint}")
    initrd, complaint = image(arguments, "disks.sh", "newest")
    expect(initrd, f"no initial file system: {complaint}")
    return Machine(arguments, ["--kernel", kernel, "--initrd", initrd, "--append", f"console=ttyS0 quiet wl={how},disks,{action}",
                               "--memory", "256M", "--headless", *words], logs(name))


def work(name, action, *words, bad=BAD):
    """Runs one action to its end; returns what the guest said."""
    with start(f"{name}-{action}", action, *words) as machine:
        machine.expect(r"^DISK-END$", bad)
        status = machine.wait()
        expect(status == 0, f"{action} ended with status {status}")
        return machine.text


def said(text, word):
    lines = [line.split(" ", 1)[1] for line in text.splitlines() if line.startswith(word + " ")]
    expect(lines, f"no {word} in what the guest said")
    return lines[-1]


def qemu_img(*words):
    if not shutil.which("qemu-img"):
        raise Skip("qemu-img is not installed (package qemu-utils)")
    return subprocess.run(["qemu-img", *map(str, words)], capture_output=True, text=True)


def make_image(file, kind):
    if kind == "raw":
        with open(file, "wb") as new:
            new.truncate(SIZE)
    else:
        expect(qemu_img("create", "-f", "qcow2", file, SIZE).returncode == 0, "qemu-img made no image")


def sum_of(file):
    with open(file, "rb") as data:
        return hashlib.file_digest(data, "md5").hexdigest() if hasattr(hashlib, "file_digest") else hashlib.md5(data.read()).hexdigest()


def contents(file, kind, directory):
    """The MD5 of what the guest sees on the disk, asked of the host."""
    if kind == "raw":
        return sum_of(file)
    raw = Path(directory) / "converted"
    expect(qemu_img("convert", "-f", "qcow2", "-O", "raw", file, raw).returncode == 0, "qemu-img cannot read it")
    return sum_of(raw)


def expect_sound(file, kind, leaks=False):
    if kind == "qcow2":
        done = qemu_img("check", "-f", "qcow2", file)
        expect(done.returncode == 0 or (leaks and done.returncode == 3), f"qemu-img check: {done.stdout} {done.stderr}")


def scratch():
    return tempfile.TemporaryDirectory(prefix="slate-disks-", dir=arguments.build)


def command(*words):
    return subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"})


def boot_archive(directory):
    """What makes a disk start by itself, as an archive for the CD drive: GRUB's sectors, kernel and initial file system."""
    grub = Path("/usr/lib/grub/i386-pc")
    if not shutil.which("grub-mkimage") or not grub.is_dir():
        raise Skip("GRUB for BIOSes is not installed (packages grub-common and grub-pc-bin)")
    (directory / "early.cfg").write_text("set root=(hd0,msdos1)\nlinux /boot/vmlinuz console=ttyS0 quiet wl=exec,disks,root\n"
                                         "initrd /boot/initrd\nboot\n")
    done = command("grub-mkimage", "-O", "i386-pc", "-p", "(hd0,msdos1)/boot/grub", "-c", directory / "early.cfg", "-o", directory / "core.img",
                   "biosdisk", "part_msdos", "ext2", "linux")
    expect(done.returncode == 0, f"grub-mkimage: {done.stderr}")
    archive = directory / "boot.tar"
    with tarfile.open(archive, "w") as tar:
        for name, path in (("boot.img", grub / "boot.img"), ("core.img", directory / "core.img"), ("vmlinuz", image(arguments, "kernel.sh", "newest")[0]),
                           ("initrd", image(arguments, "disks.sh", "newest")[0])):
            tar.add(path, name)
    return archive


@contextlib.contextmanager
def partition(file, kind, directory):
    """A copy of the first partition, made on the host: e2fsprogs judge it without the emulator."""
    raw, part = Path(directory) / "whole", Path(directory) / "partition"
    expect(qemu_img("convert", "-f", kind, "-O", "raw", file, raw).returncode == 0, "qemu-img cannot read it")
    with open(raw, "rb") as whole, open(part, "wb") as out:
        start, sectors = struct.unpack("<II", whole.read(512)[454:462])
        whole.seek(start * 512)
        out.write(whole.read(sectors * 512))
    raw.unlink()
    yield part
    part.unlink()


def expect_files(file, kind, directory):
    """The host finds the file system clean, and the files in it are those that Linux summed up."""
    with partition(file, kind, directory) as part:
        done = command("e2fsck", "-f", "-n", part)
        expect(done.returncode == 0, f"the host's e2fsck: {done.stdout} {done.stderr}")
        files = Path(directory) / "files"
        files.mkdir()
        for name in ("data", "sums"):
            command("debugfs", "-R", f"rdump /{name} {files}", part)
        sums = [line.split() for line in (files / "sums").read_text().splitlines() if " data/" in line]
        expect(len(sums) == 40, f"{len(sums)} files")              # 40 and a large one, one removed
        for checksum, name in sums:
            expect(sum_of(files / name) == checksum, f"{name} is not what Linux wrote")


def boots_by_itself(name, file):
    """From SeaBIOS by the sectors on it to the system on it, which writes and reboots: nothing else is given."""
    with Machine(arguments, [str(file), "--memory", "256M", "--headless"], logs(name)) as machine:
        for pattern in (r"^DISK-ROOT 1$", r"^DISK-SAME \d+$", r"^DISK-REBOOT$", r"^DISK-ROOT 1$", r"^DISK-SAME \d+$", r"^DISK-END$"):
            machine.expect(pattern, BAD)
        expect(machine.wait() == 0, "the system on the disk did not power off")


def file_system(kind):
    with scratch() as directory:
        file = Path(directory) / "disk"
        make_image(file, kind)
        text = work(f"disks-{kind}", "make", "--disk", f"{file},format={kind}", "--cdrom", str(boot_archive(Path(directory))))
        expect("DISK-CLEAN" in text, "e2fsck was not content")
        expect_sound(file, kind)
        expect(contents(file, kind, directory) == said(text, "DISK-SUM"), "the image does not hold what Linux wrote")
        expect_files(file, kind, directory)
        boots_by_itself(f"disks-{kind}-by-itself", file)
        expect_sound(file, kind)


def same_writes():
    """The same start is the same run, so a raw and a qcow2 image get the same bytes."""
    with scratch() as directory:
        sums = []
        for kind in ("raw", "qcow2"):
            file = Path(directory) / kind
            make_image(file, kind)
            work(f"disks-same-{kind}", "make", "--disk", file.as_posix())
            sums.append(contents(file, kind, directory))
        expect(sums[0] == sums[1], "raw and qcow2 differ")


def overlay_and_discard():
    """What is behind an overlay stays as it is; so does an image with --discard-writes."""
    with scratch() as directory:
        base, overlay = Path(directory) / "base", Path(directory) / "overlay"
        make_image(base, "raw")
        work("disks-base", "make", "--disk", str(base))
        before = sum_of(base)
        expect(qemu_img("create", "-f", "qcow2", "-b", "base", "-F", "raw", overlay).returncode == 0, "no overlay")
        work("disks-discard", "make", "--disk", str(base), "--discard-writes")
        expect(sum_of(base) == before, "--discard-writes changed the image")
        text = work("disks-overlay", "make", "--disk", str(overlay))
        expect(sum_of(base) == before, "the backing file was changed")
        expect_sound(overlay, "qcow2")
        expect(contents(overlay, "qcow2", directory) == said(text, "DISK-SUM"), "the overlay does not hold what Linux wrote")


def cd_and_pio():
    """A CD beside a disk; and both without DMA."""
    with scratch() as directory:
        disk, cd = Path(directory) / "disk", Path(directory) / "cd"
        disk.write_bytes(random.Random(1).randbytes(4 << 20))
        cd.write_bytes(random.Random(2).randbytes(3 << 20))
        for words in ("sums", "sums libata.dma=0"):
            text = work("disks-cd", words, "--disk", f"{disk},format=raw", "--cdrom", str(cd))
            expect(said(text, "DISK-SUM") == sum_of(disk), f"{words}: the disk was misread")
            expect(said(text, "DISK-CD") == sum_of(cd), f"{words}: the CD was misread")


def floppy():
    with scratch() as directory:
        file = Path(directory) / "floppy"
        file.write_bytes(random.Random(3).randbytes(1440 << 10))
        before = sum_of(file)
        text = work("disks-floppy", "floppy", "--floppy", str(file))
        expect(said(text, "DISK-FLOPPY") == before, "the floppy was misread")
        expect(said(text, "DISK-WRITTEN") == sum_of(file) != before, "the floppy was not written")


def full_host(kind, *more):
    """The host has room for 8 MiB: the guest sees I/O errors, the emulator goes on, the image is sound."""
    with scratch() as directory:
        file = Path(directory) / "disk"
        make_image(file, kind)
        before = sum_of(file)
        old = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8 << 20, old[1]))
        try:
            text = work(f"disks-full-{kind}{''.join(more)}", "fail", "--disk", f"{file},format={kind}", *more, bad=r"DISK-FAILED|Kernel panic|Oops:|BUG:")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, old)
        expect("DISK-ERROR" in text and "DISK-READ 65536" in text, "the guest saw no error, or nothing after it")
        expect_sound(file, kind, leaks=True)
        expect(not more or sum_of(file) == before, "--discard-writes changed the image")


def in_use():
    with scratch() as directory:
        file = Path(directory) / "disk"
        make_image(file, "raw")
        with start("disks-in-use", "write", "--disk", str(file)) as machine:
            machine.expect(r"^BOOT-READY")
            other = subprocess.run([*machine.command], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
            expect(other.returncode == 2 and "in use" in other.stderr, f"a second one: {other.returncode} {other.stderr}")


def prepared(name, variant, directory):
    """A disk with a file system, of a kind; with `overlay`, what is written afterwards goes to another file."""
    file, base = Path(directory) / "disk", Path(directory) / "base"
    if variant != "overlay":
        make_image(file, variant)
        work(name, "make", "--disk", f"{file},format={variant}")
        return file, variant
    make_image(base, "raw")
    work(name, "make", "--disk", f"{base},format=raw")
    expect(qemu_img("create", "-f", "qcow2", "-b", "base", "-F", "raw", file).returncode == 0, "no overlay")
    return file, "qcow2"


def written(n):
    """What file n holds: contents() of tests/images/disks."""
    return "".join(f"{i}\n" for i in range(n * 1000, n * 1000 + n % 7 * 3000 + 51)).encode()


def expect_recovered(file, kind, directory, synced):
    """The host recovers the journal of a copy, finds it clean, and each synced file in it."""
    with partition(file, kind, directory) as part:
        recovered, checked = command("e2fsck", "-p", part), command("e2fsck", "-f", "-n", part)
        expect(recovered.returncode in (0, 1), f"e2fsck -p: {recovered.stdout} {recovered.stderr}")
        expect(checked.returncode == 0, f"e2fsck -fn: {checked.stdout} {checked.stderr}")
        command("debugfs", "-R", f"rdump /kept {directory}", part)
        lost = [n for n in synced if not (kept := Path(directory) / "kept" / str(n)).exists() or kept.read_bytes() != written(n)]
        expect(not lost, f"of {len(synced)} synced files {len(lost)} are lost for the host: {lost[:5]}")


def killed(variant, n):
    """kill -9 while the guest writes, twice over, then what is there is looked at, by the host and by the guest."""
    chance = random.Random(f"{variant} {n}")
    with scratch() as directory:
        name = f"disks-kill-{variant}-{n}"
        file, kind = prepared(name, variant, directory)
        words = ("--disk", f"{file},format={kind}")
        synced = set()
        for session in range(2):
            with start(f"{name}-write", "write", *words) as machine:
                machine.expect(r"^DISK-WRITING", BAD)
                for _ in range(chance.randrange(1, 25)):
                    machine.expect(r"^DISK-SYNCED \d+$", BAD)
                time.sleep(chance.random() * 0.2)
                os.killpg(machine.process.pid, signal.SIGKILL)
                while machine.pump(1):
                    pass
                whole = machine.text[:machine.text.rfind("\n") + 1]
                synced |= {int(line.split()[1]) for line in whole.splitlines() if line.startswith("DISK-SYNCED ")}
            expect_sound(file, kind, leaks=True)
        expect_recovered(file, kind, directory, synced)
        text = work(name, "verify", *words, bad=r"DISK-FAILED|Kernel panic|Oops:|BUG:|EXT4-fs error")
        kept = {int(line.split()[1]) for line in text.splitlines() if line.startswith("DISK-KEPT ")}
        lost = sorted(synced - kept)
        expect("DISK-CLEAN" in text, "the file system is not clean after the journal's recovery")
        expect(not lost, f"of {len(synced)} synced files {len(lost)} are lost: {lost[:5]}")


def kills():
    """Five of them, and fifty with --long; each kills twice."""
    rows = [(variant, n) for n in range(17) for variant in ("qcow2", "raw", "overlay")]
    return {f"kill-{variant}-{n}": (lambda variant=variant, n=n: killed(variant, n)) for variant, n in rows[:50 if arguments.long else 5]}


rows = {"file-system-raw": lambda: file_system("raw"), "file-system-qcow2": lambda: file_system("qcow2"), "same-writes": same_writes,
        "overlay-and-discard": overlay_and_discard, "cd-and-pio": cd_and_pio, "floppy": floppy,
        "full-host-qcow2": lambda: full_host("qcow2"), "full-host-raw": lambda: full_host("raw"),
        "full-host-discard": lambda: full_host("raw", "--discard-writes"), "in-use": in_use,
        **kills()}
sys.exit(report.main(arguments, {f"linux-{name}": function for name, function in rows.items()}))
