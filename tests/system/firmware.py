#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian's SeaBIOS and OVMF start on the board, and from there a GRUB CD, with text on the VGA's screen and on the frame buffer;
UEFI's variables stay in their file; firmware that can't be is refused with one line.

Golden pictures are in tests/system/golden/ (see the note there).
"""
import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "run"))
import report
from machine import PATIENCE, emulator_command, image
from picture import read_png
from report import SOURCE, Skip, expect
from screen_text import differs, font_in, grub_font, read_screen

arguments = report.options(__doc__).parse_args()
SEABIOS, VGA_BIOS = "/usr/share/seabios/bios-256k.bin", "/usr/share/seabios/vgabios-stdvga.bin"
OVMF, OVMF_WITH_VARIABLES = "/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/ovmf/OVMF.fd"
GRUB_FONT = "/usr/share/grub/unicode.pf2"
BLACK = (0, 0, 0)


def run(*words, patience=PATIENCE, stdin=subprocess.DEVNULL):
    return subprocess.run(emulator_command(arguments, [*words, "--headless"]), stdin=stdin, capture_output=True,
                          text=True, errors="replace", timeout=patience)


def need_seabios():
    if not Path(SEABIOS).exists():
        raise Skip("the package seabios is not installed")


def need_ovmf():
    if not Path(OVMF).exists():
        raise Skip("the package ovmf is not installed")


def lines_with_text(picture):
    """How many of the 25 lines of mode 3 have dots."""
    height = picture.height // 25
    return sum(not picture.is_filled(0, n * height, picture.width, (n + 1) * height, BLACK) for n in range(25))


def alone(model, cpus, directory):
    """Its own words on the debug port: fw_cfg, the tables it was given, the display's option ROM, each CPU, nothing to boot from."""
    need_seabios()
    log, shot = directory / "debug.log", directory / "screen.png"
    done = run("--firmware", SEABIOS, "--debugcon", str(log), "--serial", "null", "--memory", "64M", "--cpu", model, "--smp", str(cpus),
               "--screenshot", str(shot), "--max-instructions", str(1_000_000_000))
    expect(done.returncode == 8, f"status {done.returncode}: {done.stderr[-300:]}")
    said = log.read_text(errors="replace")
    for words in ("Found QEMU fw_cfg", "QEMU fw_cfg DMA interface supported", "len 0x0000000004000000 [RAM]", f"Found {cpus} cpu(s)", "Copying SMBIOS",
                  "ACPI: parse DSDT", "Running option rom at c000:0003", "PS2 keyboard initialized", "Booting from"):
        expect(words in said, f"SeaBIOS never said {words!r}: {said[-500:]}")
    expect(lines_with_text(read_png(shot)) >= 1, "SeaBIOS wrote nothing on the screen")


def grub_cd():
    path, complaint = image(arguments, "cd.sh", "linux")
    if not path:
        raise Skip(complaint)
    return path


def has(text, *wanted):
    for words in wanted:
        expect(any(words in line for line in text), f"no {words!r} on the screen: {text}")


def looks_like(shot, name, regions):
    """The picture is in these regions what somebody has looked at."""
    picture, golden = read_png(shot), SOURCE / "tests/system/golden" / name
    where = differs(picture, read_png(golden), regions)
    if where:
        kept = Path(arguments.build) / "test-results" / name
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(shot, kept)
    expect(not where, f"{kept if where else shot} is not {golden}: {where}")


def boots(directory, menu_at, *words, cpus):
    """From the reset vector by GRUB's menu to Linux's power-off; returns the pictures of the menu and of the end."""
    menu, end = directory / "menu.png", directory / "end.png"
    done = run(grub_cd(), "--serial", "stdout", "--memory", "256M", "--smp", str(cpus), *words,
               "--screenshot", f"{menu},at={menu_at}", "--screenshot", str(end))
    expect(done.returncode == 0, f"status {done.returncode}: {done.stdout[-300:]} {done.stderr[-300:]}")
    for said in ("Run /init", "BOOT-READY ", f"Brought up 1 node, {cpus} CPU", "reboot: Power down"):
        expect(said in done.stdout, f"no {said!r} on the serial line: {done.stdout[-500:]}")
    return menu, end, done.stdout


def cd(model, cpus, directory):
    """SeaBIOS: GRUB and Linux in the VGA's text mode, by the font of the VGA BIOS."""
    need_seabios()
    menu, end, said = boots(directory, 0.6, "--cpu", model, cpus=cpus)
    expect("DMI: Slate" in said, "Linux did not find SMBIOS's tables")
    glyphs = font_in(VGA_BIOS)
    has(read_screen(read_png(menu), glyphs, 9), "GNU GRUB", "*Linux", "The highlighted entry will be executed automatically in 1s.")
    looks_like(menu, "grub-vga.png", [(0, 32, 720, 400)])
    has(read_screen(read_png(end), glyphs, 9), "Run /init as init process", "reboot: Power down")


def uefi_cd(model, cpus, firmware, directory):
    """OVMF: GRUB and Linux on UEFI's frame buffer, each by its own font."""
    need_ovmf()
    menu, end, said = boots(directory, 1.8, "--firmware", firmware, "--cpu", model, cpus=cpus)
    for words in ("BdsDxe: starting Boot", "efi: EFI v2", "DMI: Slate"):
        expect(words in said, f"no {words!r} on the serial line")
    has(read_screen(read_png(menu), grub_font(GRUB_FONT), 8, (10, 10)), "GNU GRUB", "*Linux", "The highlighted entry will be executed automatically in 1s.")
    looks_like(menu, "grub-uefi.png", [(0, 48, 800, 600)])
    kernel, complaint = image(arguments, "unpacked.sh", "newest")
    expect(kernel, f"no unpacked kernel: {complaint}")
    has(read_screen(read_png(end), font_in(kernel)), "Run /init as init process", "reboot: Power down")


SHELL_GUID = "01234567-89ab-cdef-0123-456789abcdef"


def shell_disk(directory, *lines):
    """A FAT disk with commands for the UEFI shell."""
    disk, script = directory / "shell.img", directory / "startup.nsh"
    script.write_bytes("".join(line + "\r\n" for line in lines).encode())
    disk.write_bytes(bytes(4 << 20))
    for command in (["mformat", "-i", disk, "-h", "16", "-s", "63", "-t", "8", "::"], ["mcopy", "-i", disk, script, "::startup.nsh"]):
        if not shutil.which(command[0]):
            raise Skip("mtools is not installed")
        subprocess.run(command, check=True)
    return str(disk)


@contextlib.contextmanager
def impatience():
    """Somebody who presses Enter all the time, so that the shell doesn't wait five seconds before it starts its commands."""
    with subprocess.Popen(["sh", "-c", "while printf '\\r'; do sleep 1; done"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as keys:
        try:
            yield keys.stdout
        finally:
            keys.kill()


def shell(directory, *lines, options=()):
    disk = shell_disk(directory, *lines, "reset -s")
    with impatience() as keys:
        done = run("--disk", disk, "--firmware", "OVMF", "--serial", "stdio", "--memory", "128M", *options, stdin=keys)
    expect(done.returncode == 0, f"status {done.returncode}: {done.stdout[-300:]} {done.stderr[-300:]}")
    return done.stdout


def variables(directory):
    """What was written before a kill -9 is there in the next run, and in no run without the file; the file is locked meanwhile."""
    need_ovmf()
    file = directory / "variables.fd"
    options = ("--firmware-variables", str(file))
    disk = shell_disk(directory, f"setvar SlateTest -guid {SHELL_GUID} -nv -bs -rt =0x534c415445", "echo WRI^TTEN", ":again", "stall 1000000", "goto again")
    with impatience() as keys, \
        subprocess.Popen(emulator_command(arguments, ["--disk", disk, "--firmware", "OVMF", "--serial", "stdio", "--memory", "128M", "--headless", *options]),
                          stdin=keys, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as first:
        said = b""
        while b"WRITTEN" not in said:
            part = first.stdout.read1()
            expect(part, f"ended before the variable was written: {said[-300:]}")
            said += part
        second = run("--firmware", "OVMF", *options, "--timeout", "60", patience=120)
        expect(second.returncode == 2 and "in use" in second.stderr, f"the file in use: status {second.returncode}, {second.stderr!r}")
        first.send_signal(signal.SIGKILL)
    expect(file.stat().st_size == Path("/usr/share/OVMF/OVMF_VARS.fd").stat().st_size, "the file has another size than its template")
    ask = f"setvar SlateTest -guid {SHELL_GUID}"
    written = "45 54 41 4C 53"                              # the number, lowest byte first
    before = file.read_bytes()
    discarded = shell(directory, ask, f"setvar SlateTest -guid {SHELL_GUID} -nv -bs -rt =0x00", ask, options=(*options, "--discard-writes"))
    expect(written in discarded, "the variable is gone")
    expect(file.read_bytes() == before, "--discard-writes changed the file")
    expect(written not in shell(directory, ask), "variables came from nowhere")


def refused_variables(directory):
    need_ovmf()
    short, foreign, kernel = directory / "short.fd", directory / "foreign.fd", str(Path(arguments.build) / "guests/boot_elf64")
    size = Path("/usr/share/OVMF/OVMF_VARS.fd").stat().st_size
    short.write_bytes(Path("/usr/share/OVMF/OVMF_VARS.fd").read_bytes()[:4096]), foreign.write_bytes(b"mine" * (size // 4))
    for words, said in ((["--firmware", "OVMF", "--firmware-variables", str(short)], "no variables of this firmware"),
                        (["--firmware", "OVMF", "--firmware-variables", str(foreign)], "no variables of this firmware"),
                        (["--firmware", "OVMF", "--firmware-variables", str(directory)], "is a directory"),
                        (["--firmware", "OVMF", "--firmware-variables", OVMF], f"have {size} bytes"),
                        (["--firmware", "OVMF", "--firmware-variables", str(directory / "no/where.fd")], "No such file"),
                        (["--firmware", SEABIOS, "--firmware-variables", str(directory / "new.fd")], "keeps no variables"),
                        (["--kernel", kernel, "--firmware-variables", str(directory / "new.fd")], "needs --firmware")):
        done = run(*words, "--timeout", "60", patience=120)
        expect(done.returncode == 2 and said in done.stderr and len(done.stderr.splitlines()) == 1, f"{words}: status {done.returncode}, {done.stderr!r}")
    expect(foreign.read_bytes() == b"mine" * (size // 4) and not (directory / "new.fd").exists(), "a refused file was touched")


def refused(directory):
    odd, large = directory / "odd.bin", directory / "large.bin"
    odd.write_bytes(b"x" * 1000), large.write_bytes(bytes(9 << 20)), (directory / "empty.bin").touch()
    for name, words in ((odd, "no multiple of 64 KiB"), (large, "at most 8 MiB"), (directory / "empty.bin", "no multiple of 64 KiB"), (directory / "none.bin", "No such file")):
        done = run("--firmware", str(name), "--timeout", "60", patience=120)
        expect(done.returncode == 2 and words in done.stderr and len(done.stderr.splitlines()) == 1, f"{name}: status {done.returncode}, {done.stderr!r}")


def in_directory(function, *words):
    def case():
        with tempfile.TemporaryDirectory(prefix="slate-firmware-") as directory:
            function(*words, Path(directory))
    return case


cases = {"seabios-max-intel-1": in_directory(alone, "max-intel", 1), "seabios-max-amd-3": in_directory(alone, "max-amd", 3),
         "cd-max-intel-1": in_directory(cd, "max-intel", 1), "cd-max-amd-4": in_directory(cd, "max-amd", 4),
         "ovmf-cd-max-intel-1": in_directory(uefi_cd, "max-intel", 1, "OVMF"), "ovmf-cd-max-amd-4": in_directory(uefi_cd, "max-amd", 4, OVMF_WITH_VARIABLES),
         "variables": in_directory(variables), "variables-refused": in_directory(refused_variables), "refused": in_directory(refused)}
sys.exit(report.main(arguments, cases))
