#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the fuzz targets of a build with sanitizers: 10 s each, 60 s with --long. Nothing may crash or hang.

The corpora grow in BUILD/corpus and are kept; an input that fails is kept in BUILD/findings with what was said.
"""
import os
import random
import re
import struct
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "run"))
import report
from report import Failed, Skip

arguments = report.options(__doc__).parse_args()
build = Path(arguments.build).resolve()
HERE = Path(__file__).resolve().parent
SECONDS = 60 if arguments.long else 10
LONGEST = {"bochsrc": 2000, "device": 2000, "image_files": 2000, "images": 2000, "load_kernel": 16384, "options": 2000, "random_tables": 2000,
           "svm_entry": 2000, "vmx_entry": 2000}
SLOWEST = 10                                   # seconds that one input may take on a busy machine


def targets():
    text = (HERE / "sources.mk").read_text()
    return re.findall(r"^    tests/fuzz/(\w+)", text.split("EXTRA_PROGRAMS")[0], re.M)


def noise(n):
    return random.Random(n).randbytes(64 + 16 * n)


OPTIONS = [
    b"--kernel\nk\n--initrd=i\n--append\na b\n--module=m,x\n--memory\n512M\n--cpu=max-intel,-avx,+smep\n",
    b"--kernel=k\n--serial\nfile:x\n--serial=tcp:99\n--debugcon=stdio\n--headless\n--ips=2000000\n--rtc\n2026-01-01T12:00:00\n",
    b"--kernel=k\n--clock=icount\n--seed=1\n--max-instructions=5\n--timeout=0.5\n--no-reboot\n--engine=slow\n--stats=json\n",
    b"--kernel=k\n--debug\n--commands=f\n--explain\n",
    b"--kernel=k\n--gdb=:1234\n--debug=terminal\n",
    b"--kernel=k\n--disk\na.qcow2,format=qcow2,bus=ide\n--disk=b,c,format=raw\n--cdrom=d\n--floppy=e\n--boot=dca\n--discard-writes\nf.iso\n",
    b"--list=cpus\n--hash-every=5\n--smp=1\n",
    b'\nkernel = "k"\nmemory = 1G\nserial = ["stdio", "null"]\nheadless = true\n# remark\n[section]\ncpu=\'zen2\'\n',
    b"--headless\n\nmodule=[a,b]\nappend=\"x\\ty\"\nrtc=12345\nips=1e9\n",
]


BOCHSRC = [
    b"megs: 32\nmemory: guest=512, host=256\ncpu: model=corei7_haswell_4770, count=2:2:1, ips=50000000, reset_on_triple_fault=1, msrs=\"msrs.def\"\n",
    b"romimage: file=$BXSHARE-bios, address=0xfffe0000 # remark\nvgaromimage: file=none\nvga: extension=vbe, update_freq=5\nips: 1000000\n",
    b"floppya: 1_44=a.img, status=inserted, write_protected=1\nfloppyb: type=1_2, image=b.img, status=ejected\nboot: cdrom, floppy, disk\nfloppy_bootsig_check: disabled=1\n",
    b"ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14\nata1-slave: type=cdrom, path=x.iso, status=inserted\nata0-master: type=disk, mode=volatile, path=\"c, d.img\", cylinders=20\n",
    b"com1: enabled=1, mode=file, dev=out\ncom2: mode=socket-server, dev=localhost:8888\nparport1: enabled=1, file=\"p\"\ngdbstub: enabled=1, port=1234, text_base=0\n",
    b"clock: sync=none, time0=\"Sat Jan  1 00:00:00 2000\", rtc_sync=0\nclock: time0=local\nclock: time0=946684800\nport_e9_hack: enabled=true\n",
    b"clock: time0=\"Sat Jan  1 00:00:00 1910\"\n",
    b"display_library: nogui\ndisplay_library: sdl2, options=\"fullscreen\"\nkeyboard: type=mf, keymap=de\nmouse: type=imps2, enabled=1\npci: enabled=1, chipset=i440fx, slot1=ne2k\nspeaker: enabled=1, mode=sound\n",
    b"#include other\nplugin_ctrl: unmapped=0, e1000=1\nlog: -\npanic: action=ask\nsb16: enabled=0\n\n# comment\nuser_shortcut: keys=ctrl-alt-del\n",
]


PACKETS = [b"qSupported:swbreak+", b"?", b"g", b"p1", b"P2=0102030405060708", b"m10000,20", b"M20000,2:abcd", b"X20000,1:a", b"Z0,10002,1", b"c", b"s",
           b"vCont;s:1", b"Z2,20000,4", b"z2,20000,4", b"qXfer:features:read:target.xml:0,40", b"Qqemu.PhyMemMode:1", b"qRcmd,746c62", b"QStartNoAckMode",
           b"vCont;r1000,1010:1;c", b"vCont;S05:1", b"Hg1", b"Hc-1", b"T2", b"qXfer:threads:read::0,400", b"!", b"R00", b"vRun;", b"D", b"k"]
COMMANDS = [b"step 5", b"next", b"until 0x10002", b"continue", b"break 0x10004", b"watch rsp-8 8 rw", b"list", b"delete all", b"registers all", b"msr", b"memory g:0x1000 32",
            b"disassemble rip 5 16", b"walk rip x u", b"tlb all", b"set rcx 5", b"set cr3 0x1000", b"set-msr 0xc0000082 0x1000", b"write rip 90 90", b"help", b"json registers"]


REQUESTS = [b'{"execute": "query-status", "id": 1}', b'{"execute": "memory-read", "arguments": {"address": "rsp", "length": 16, "space": "linear"}}',
            b'{"execute": "registers", "arguments": {"group": "all"}}', b'{"execute": "walk", "arguments": {"address": 4096, "access": "wu"}}', b'{"execute": "stop"}', b'{"execute": "cont"}',
            b'{"execute": "slate-command", "arguments": {"command-line": "step 3"}}', b'{"execute": "human-monitor-command", "arguments": {"command-line": "tlb all"}}',
            b'{"execute": "query-memory-file", "id": [1.5e3, null, true, "\\u20ac\\n"]}', b'{"execute": "query-commands"}']


def debugger_seeds():
    requests = b"".join(bytes([len(request) - 1]) + request for request in REQUESTS)
    raw = b"".join(b"$" + packet + b"#%02x" % (sum(packet) & 255) for packet in PACKETS)
    framed = b"".join(bytes([len(packet) - 1]) + packet for packet in PACKETS)
    return [bytes([mode]) + raw for mode in range(5)] + [bytes([65 + mode]) + framed for mode in range(5)] + [
        bytes([0x60 + mode]) + requests for mode in range(5)] + [
        bytes([130 + mode]) + b"\n".join(COMMANDS) for mode in range(5)]


def instruction_seed(mode, prefix, first):
    """What instructions.cpp reads: mode, options, gates, registers, flags and control, events; then 32 opcodes in a row."""
    chance = random.Random(f"{mode} {prefix.hex()} {first}")
    options = chance.choice((4, 5, 12, 13))
    head = bytes([mode + chance.choice((0, 130)), options, 0])     # 130 % 5 is 0, and its top bit means AMD
    if options & 8:
        head += bytes(1)                                       # no table is disturbed
    registers = bytes(chance.randrange(128) for _ in range(15))
    control = struct.pack("<IBIHHB", 0x3202, 0, 0x50600, 0x1f80, 0x37f, 0)
    events = bytes(chance.randrange(16) for _ in range(4))
    code = b"".join(prefix + bytes([opcode, chance.choice((0xc1, 0xd8, 0x06, 0x47, 0x83, 0x2d, chance.randrange(256)))]) +
                    chance.randbytes(chance.choice((1, 2, 4, 5))) for opcode in range(first, first + 32))
    return head + registers + control + events + code


def instruction_seeds():
    prefixes = (b"", b"\x0f", b"\x66\x0f", b"\xf3\x0f", b"\xf2\x0f", b"\x0f\x38", b"\x66\x0f\x3a", b"\xf3", b"\x66")
    return [instruction_seed(mode, prefix, first)
            for mode in range(5) for prefix in prefixes for first in range(0, 256, 32)]


def seed_contents(name):
    if name in ("instructions", "engines"):
        return instruction_seeds()
    if name == "debugger":
        return debugger_seeds()
    if name == "options":
        return OPTIONS
    if name == "bochsrc":
        return BOCHSRC
    if name == "load_kernel":
        return [file.read_bytes()[:8192] for file in sorted((build / "guests").glob("boot_*"))]
    if name in ("random_tables", "svm_entry", "vmx_entry"):
        return [random.Random(n).randbytes(1600) for n in range(200)]
    return [noise(n) for n in range(24)]


def seeds(name):
    directory = build / "seeds" / name
    directory.mkdir(parents=True, exist_ok=True)
    for n, content in enumerate(seed_contents(name)):
        (directory / str(n)).write_bytes(content)
    return str(directory)


def what_was_said(text):
    for pattern in (r"^.*runtime error: .*$", r"^==\d+== ?ERROR: .*$", r"^.*(?:SUMMARY|ALARM): .*$"):
        found = re.search(pattern, text, re.M)
        if found:
            return found[0]
    return " / ".join(text.strip().splitlines()[-3:])


def fuzz(name, title=None, environment=None):
    """One target for its time; a target that aims at several things has a title and an environment for each."""
    program, title = build / "tests" / "fuzz" / name, title or name
    if not program.exists():
        raise Skip("not built: it needs a build with sanitizers by clang++ (configure's summary, libFuzzer)")
    corpus, findings = build / "corpus" / title, build / "findings"
    for directory in (corpus, findings):
        directory.mkdir(parents=True, exist_ok=True)
    command = [str(program), f"-max_total_time={SECONDS}", f"-timeout={SLOWEST}", "-rss_limit_mb=3000", f"-max_len={LONGEST.get(name, 600)}",
               "-len_control=0", "-verbosity=0", "-print_final_stats=1", f"-artifact_prefix={findings}/{title}-", str(corpus), seeds(name)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          timeout=SECONDS * 30 + 600,
                          env={**os.environ, "UBSAN_OPTIONS": "print_stacktrace=1", **(environment or {})})
    text = done.stderr.decode("utf-8", "replace")
    if done.returncode:
        (findings / f"{title}.log").write_text(text)
        raise Failed(f"{what_was_said(text)} (input and log in {findings})")
    runs = re.search(r"number_of_executed_units:\s*(\d+)", text)
    print(f"# {title}: {runs[1] if runs else '?'} inputs in {SECONDS} s, {len(list(corpus.iterdir()))} kept", flush=True)


def chips():
    """The chips that the target `device` knows; it fails itself when the board has others."""
    program = build / "tests" / "fuzz" / "device"
    if not program.exists():
        return ["pit"]
    return subprocess.run([str(program)], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True,
                          env={**os.environ, "SLATE_FUZZ_DEVICE": "list"}).stdout.split()


cases = {name.replace("_", "-"): (lambda name=name: fuzz(name)) for name in targets() if name != "device"}
cases |= {f"device-{chip}": (lambda chip=chip: fuzz("device", f"device-{chip}", {"SLATE_FUZZ_DEVICE": chip})) for chip in chips()}
sys.exit(report.main(arguments, cases))
